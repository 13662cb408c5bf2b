"""Text and structures from strangers: whatever the bytes, a parser gives a value or the one error that users read.

The short form of ``make fuzz``, and every way that fuzzing or reading the code found in which a promise was broken.
"""

from __future__ import annotations

import base64
import io
import json
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from random import Random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from attacks import Attack
from fuzz import promises
from fuzz.changing import LONGEST, mutated, zipped
from fuzz.promises import Broken, Target, check_said
from fuzz.seeds import tables_csv
from fuzz.targets import TARGETS
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from making import bisect_report, table_cache_at
from making_history import History
from msgspec.structs import replace

from bisect_cache.action.event import read_event
from bisect_cache.action.inputs import BadInput, read_inputs
from bisect_cache.action.posting.publishing import NoReport, unpacked
from bisect_cache.cache.claims import Committed, claims_on_data, without_regeneration
from bisect_cache.cache.manifest import MANIFEST_NAME, BadManifest, Reports, Table, read_manifest
from bisect_cache.cache.parquet.columns import canonical_columns
from bisect_cache.cache.parquet.features import read_features
from bisect_cache.cache.recipes import make
from bisect_cache.cache.recipes.interface import BadSource, Made, Surroundings
from bisect_cache.cache.recipes.labels import open_table, texts
from bisect_cache.errors import BisectCacheError
from bisect_cache.judge.thresholds import BadThreshold, parse_thresholds
from bisect_cache.report.history import remembered
from bisect_cache.report.structs import encode_report
from bisect_cache.timeline import registry_yaml
from bisect_cache.timeline.interface import BadTimeline
from bisect_cache.timeline.registry_document import read_document
from bisect_cache.timeline.registry_entries import MOST_ENTRIES, lay_out
from bisect_cache.timeline.registry_query import Query
from bisect_cache.timeline.spec import open_timeline, spread
from bisect_cache.worker.protocol import LENGTHS

WORKER = TARGETS["answers of a worker that was taken over"]
FILES = [target for target in TARGETS.values() if target is not WORKER]
EACH = pytest.mark.parametrize("target", FILES, ids=lambda target: target.name)
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"ab" * 32 + b"\nsize 12345\n"


def refusal(read: Callable[[], object], kind: type[BisectCacheError]) -> str:
    """What a user reads of why it is refused."""
    with pytest.raises(kind) as caught:
        read()
    check_said(str(caught.value))
    return str(caught.value)


def written(path: Path, content: bytes | str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


# The short form of `make fuzz`


def files_of(target: Target) -> st.SearchStrategy[bytes]:
    mutations = st.builds(
        lambda place, seed: mutated(target.kind, target.known()[place], Random(seed)),
        st.integers(0, len(target.known()) - 1),
        st.integers(0, 2**32),
    )
    return st.one_of(mutations, mutations, st.binary(max_size=300))


@pytest.mark.parametrize("target", TARGETS.values(), ids=lambda target: target.name)
def test_a_parser_keeps_its_promises_whatever_the_bytes(target: Target) -> None:
    # Always the same inputs: `make fuzz` looks for new ones.
    @settings(max_examples=50, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(files_of(target))
    def holds(data: bytes) -> None:
        target.hold(data)

    holds()


@EACH
def test_the_seeds_of_a_target_are_sound_so_that_mutations_get_past_the_door(target: Target) -> None:
    refused_on_purpose = {"template of report names", "Git LFS pointer"}
    taken = [target.hold(seed) for seed in target.known()]
    assert all(taken) or (any(taken) and target.name in refused_on_purpose)


@EACH
def test_mutated_files_are_read_or_refused(target: Target, attack: Callable[[str], Attack]) -> None:
    tried = attack("mutated text")
    taken = 0
    for number in range(150):
        random = Random(f"{target.name} {number}")
        data = mutated(target.kind, random.choice(target.known()), random)
        with tried.case():
            assert len(data) <= LONGEST
            taken += target.hold(data)
    assert taken > 0


def test_a_mutation_is_the_same_wherever_it_is_made_and_seldom_the_file_itself() -> None:
    seed = tables_csv()[0]
    made = [mutated("csv", seed, Random(number)) for number in range(100)]
    assert made == [mutated("csv", seed, Random(number)) for number in range(100)]
    assert sum(data == seed for data in made) < 20


# The measure itself


def broken(run: Callable[[bytes], None]) -> str:
    with pytest.raises(Broken) as caught:
        Target("a parser", "lines", lambda: [b""], run).hold(b"x")
    return str(caught.value)


def test_every_other_exception_breaks_a_promise() -> None:
    def deep(data: bytes) -> None:
        deep(data)

    def hungry(_: bytes) -> None:
        raise MemoryError

    assert "ValueError" in broken(int)
    assert "RecursionError" in broken(deep)
    assert "MemoryError" in broken(hungry)


def test_an_error_that_is_not_fit_to_be_shown_breaks_a_promise() -> None:
    for said in ("", "two\nlines", "\x1b[31m", "x" * 20_000):

        def refuse(_: bytes, said: str = said) -> None:
            raise BisectCacheError(said)

        assert "does not fit" in broken(refuse)


def test_a_slow_parser_and_a_hungry_one_break_a_promise(monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(_: bytes) -> None:
        end = time.process_time() + 0.2
        while time.process_time() < end:
            pass

    def hungry(_: bytes) -> None:
        monkeypatch.setattr(promises, "_most_memory", lambda: promises.MEMORY + 2)

    monkeypatch.setattr(promises, "SECONDS", 0.1)
    assert "took 0.2 s" in broken(slow)
    monkeypatch.setattr(promises, "_most_memory", lambda: 1)
    assert "took 400 MiB" in broken(hungry)


# JSON that says what it should not


def said(value: str) -> bytes:
    return f'{{"a": {value}, "models": [{{"name": {value}, "file": {value}}}], "frames": {value}}}'.encode(
        "utf-8", "surrogatepass"
    )


HOSTILE_JSON = {
    "a name twice": b'{"a": 1, "a": 2}',
    "NaN": said("NaN"),
    "infinity": said("-Infinity"),
    "1e400": said("1e400"),
    "5,000 digits": said("9" * 5000),
    "half a character": said(r'"\ud800"'),
    "half a character, raw": said('"\ud800"'),
    "NUL": said(r'"a\u0000b"'),
    "raw NUL": said('"a\0b"'),
    "a sign at the front": b"\xef\xbb\xbf" + said("1"),
    "UTF-16": said("1").decode().encode("utf-16"),
    "UTF-32": said("1").decode().encode("utf-32"),
    "lists, deep": b"[" * 500_000,
    "objects, deep": b'{"a":' * 200_000,
    "deep and closed": b"[" * 100_000 + b"]" * 100_000,
    "deep inside": said("[" * 100_000 + "]" * 100_000),
    "deep in an unknown field": b'{"unknown": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "nothing": b"",
    "a number": b"1",
    "null": b"null",
    "text after it": b"{} {}",
    "a long name": json.dumps({"x" * 1_000_000: "y" * 1_000_000}).encode(),
    "many names": json.dumps({f"n{number}": number for number in range(50_000)}).encode(),
}
JSON_TARGETS = [target for target in TARGETS.values() if target.kind.startswith("json")]


@pytest.mark.parametrize("data", HOSTILE_JSON.values(), ids=HOSTILE_JSON)
@pytest.mark.parametrize("target", JSON_TARGETS, ids=lambda target: target.name)
def test_json_that_is_odd_is_read_or_refused(target: Target, data: bytes, attack: Callable[[str], Attack]) -> None:
    with attack("mutated text").case():
        target.hold(b"\n" + data if target.kind.endswith("query") else data)


# Text that stands for more than it is

BOMBS = {
    "description of a dataset": {
        "a key of many parts": b"x" + b".a" * 30_000 + b" = 1\n",
        "tables of many parts": b"".join(b"[t%d%s]\n" % (n, b".a" * 1000) for n in range(30)),
        "keys in a table of many parts": b"[x"
        + b".a" * 1900
        + b"]\n"
        + b"".join(b"a.k%d=1\n" % n for n in range(7000)),
        "keys in quotes": b"x" + b".'a.a'" * 5000 + b" = 1\n",
        "keys like numbers": b"x = {1" + b".1" * 30_000 + b" = 1}\n",
        "lists in lists": b"x = " + b"[" * 60_000,
        "tables in tables": b"x = " + b"{a=" * 20_000,
        "many small tables": b"".join(b"[t%d.a]\n" % n for n in range(6000)),
        "a number of many digits": b"rows = " + b"9" * 60_000,
        "a number with an exponent": b"rows = 1e" + b"9" * 60_000,
        "more than any": b"#" * (1 << 20),
    },
    "labels, Python": {
        "lists in lists": b"x = " + b"[" * 100_000,
        "texts side by side": b"x = [{'a': " + b"'b' " * 100_000 + b"}]",
        "texts added up": b"x = [{'a': 'b'" + b" + 'b'" * 100_000 + b"}]",
        "a text many times": b"x = [{'a': 'b' * 999999999}]",
        "a power": b"x = [{'a': 9 ** 999999999}]",
        "a number of many digits": b"x = [{'a': " + b"9" * 900_000 + b"}]",
        "hexadecimal digits": b"x = [{'a': 0x" + b"f" * 900_000 + b"}]",
        "a call": b"x = [{'a': exit()}]\nimport os\nos._exit(1)\n",
        "a text that Python works out": b"x = [{'a': f'{exit()}'}]",
        "many assignments": b"x = []\n" * 100_000,
        "one name after the other": b"a\n" * 300_000,
        "one sign after the other": b"(\n" * 300_000,
        "lines that go on": b"x = \\\n" * 200_000,
        "a text of many lines": b'x = """' + b"a\n" * 400_000,
        "opened and never closed": b"(" * 900_000,
        "deeper and deeper": b"".join(b" " * n + b"if x:\n" for n in range(1000)),
        "more than any": b"#" * (2 << 20),
    },
    "pair list": {
        "many columns": b"key,reference,distorted," + b",".join(b"c%d" % n for n in range(50_000)) + b"\n",
        "one name many times": b"key,reference,distorted\n" + b"a,b,c\n" * 50_000,
        "a rate of many digits": b"key,reference,distorted,fps\na,b,c," + b"9" * 100_000 + b"\n",
        "a cell of a megabyte": b"key,reference,distorted\n" + b"a" * 900_000 + b",b,c\n",
        "features": b"key,reference,distorted,features\na,b,c," + b"x " * 300_000 + b"\n",
    },
    "labels, JSON": {
        "a number of many digits": b'[{"a": ' + b"9" * 900_000 + b"}]",
        "a number with an exponent": b'[{"a": 1e' + b"9" * 900_000 + b"}]",
        "lists in lists": b"[" * 900_000,
        "an object many times": b"[" + b"{}," * 200_000 + b"{}]",
    },
}
BOMBS["declaration, TOML"] = BOMBS["description of a dataset"] | {
    "the most tables": b"".join(b"[t%d%s]\n" % (n, b".a" * 31) for n in range(3500)),
    "models without end": b"[[models]]\nmatch = 'x'\n" * 9000,
}
BOMBS["declaration, JSON"] = BOMBS["labels, JSON"] | {
    "numbers by name": b'{"normalisation": {"mean": {' + b",".join(b'"n%d": 1' % n for n in range(90_000)) + b"}}}",
    "a glob": b'{"models": [{"match": "' + b"*a" * 400 + b'"}]}',
}


@pytest.mark.parametrize(("name", "what"), [(name, what) for name, bombs in BOMBS.items() for what in bombs])
def test_text_that_stands_for_more_is_refused_or_read_in_little_time_and_memory(
    name: str, what: str, attack: Callable[[str], Attack]
) -> None:
    with attack("text bombs").case():
        TARGETS[name].hold(BOMBS[name][what])


# YAML


def registry_of(data: bytes | str, suffix: str = ".yaml") -> object:
    document, _ = read_document(data if isinstance(data, bytes) else data.encode(), suffix, "registry.yaml")
    return lay_out(document, Query(), "registry.yaml")


@pytest.mark.parametrize("levels", [1, 2, 30, 63])
def test_a_mapping_as_a_key_is_refused_because_it_doubles_with_each_level(levels: int) -> None:
    nested = "{? " * levels + "{a: b}" + " : c}" * levels
    for text in (nested, "? [a, b]\n: c\n"):
        assert "a list or a mapping is a key" in refusal(lambda: registry_of(text), BadTimeline)  # noqa: B023


def test_a_document_of_very_many_values_is_refused_before_they_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry_yaml, "MOST_VALUES", 1000)
    many = "[" + "a.onnx," * 1001 + "]"
    assert "more than 1,000 values" in refusal(lambda: registry_of(many), BadTimeline)


def test_a_registry_of_very_many_entries_is_refused() -> None:
    data = "[" + ",".join(['"a.onnx"'] * (MOST_ENTRIES + 1)) + "]"
    assert "at most 100,000 are read" in refusal(lambda: registry_of(data, ".json"), BadTimeline)


@pytest.mark.parametrize(
    "text",
    [
        "a: &x [1]\nb: *x",
        "a: &x {b: c}\nd: {<<: *x}",
        "&a [*a]",
        "x: &a [&b [*a], *b]",
        "- &" + "a" * 5000 + " x",
    ],
)
def test_anchors_and_aliases_are_refused(text: str) -> None:
    assert "anchors and aliases are not read" in refusal(lambda: registry_of(text), BadTimeline)


@pytest.mark.parametrize("value", ["!!python/object/apply:os.abort []", "!!python/name:os.abort ''", "!!binary aGk="])
def test_a_tag_constructs_nothing_and_is_no_name_of_a_file(value: str) -> None:
    with pytest.raises(BadTimeline):
        registry_of(f"- name: {value}\n  other: {value}\n")


@pytest.mark.parametrize(
    "value", ["9" * 5000, "0x" + "f" * 5000, "1e400", ".nan", "2001-12-14t21:59:43.10-05:00", "1:20:30"]
)
def test_numbers_and_times_stay_as_they_are_written(value: str) -> None:
    laid_out = registry_of(
        f"- {{name: v1, file: a.onnx, version: '{value}'}}\n- {{name: v2, file: b.onnx, version: {value}}}\n"
    )
    one, other = (entry.told["version"] for entry in laid_out.entries)  # type: ignore[attr-defined]
    assert one == other
    assert one.startswith(value[:100])


# Timelines


def test_a_pattern_through_very_many_folders_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for pattern in ("a/" * 1500 + "*", "**/" * 1300 + "*", "**/a/" * 800 + "*"):
        assert "more than 200 folders" in refusal(lambda: open_timeline([pattern]), BadTimeline)  # noqa: B023
        assert "more than 200 folders" in refusal(lambda: open_timeline([f"files:{pattern}"]), BadTimeline)  # noqa: B023
        refusal(lambda: open_timeline([f"x:{pattern}"]), BadTimeline)  # noqa: B023


@pytest.mark.parametrize("kind", ["files", "registry", "git-log", "tags"])
def test_a_spec_without_an_end_is_refused_before_anything_is_matched(kind: str, tmp_path: Path) -> None:
    spec = f"{kind}:models/a.onnx@v*" + "models/a.onnx@v*" * 4000
    started = time.process_time()
    assert "a SPEC has at most 4,096" in refusal(lambda: open_timeline([spec]), BadTimeline)
    assert "a SPEC has at most 4,096" in refusal(lambda: spread([spec]), BadTimeline)
    assert time.process_time() - started < 1


@pytest.mark.parametrize("spec", ["tags:\0\x1b[31m/a.onnx@v*", "tags:\0\b", "git-log:\x1b[31m@\0", "git-log:a\nb"])
def test_what_is_said_of_a_spec_is_fit_to_be_shown(spec: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    History(tmp_path).commit(**{"a.onnx": "x"})
    monkeypatch.chdir(tmp_path)
    refusal(lambda: open_timeline([spec]), BadTimeline)
    refusal(lambda: [open_timeline(specs) for specs in spread([spec])], BadTimeline)


def test_what_is_said_of_thresholds_and_inputs_is_fit_to_be_shown() -> None:
    for line in ("\x1b[31m >= 1", "plcc >= " + "9" * 50_000 + "x", "x" * 100_000, "plcc\u202e >= 1"):
        refusal(lambda: parse_thresholds([line]), BadThreshold)  # noqa: B023
        refusal(lambda: read_inputs(lambda name: line if name == "thresholds" else ""), BadInput)  # noqa: B023


# Tables and reports


def table_of(path: Path, **fields: object) -> object:
    recipe = Table(table=path.name, **fields)  # type: ignore[arg-type]
    return make(recipe, Surroundings(path.parent))


@pytest.mark.parametrize("name", ["t.csv", "t.json", "t.parquet"])
def test_a_pointer_in_place_of_a_table_is_called_one(tmp_path: Path, name: str) -> None:
    path = written(tmp_path / name, POINTER)
    assert "is a Git LFS pointer, not the file itself" in refusal(lambda: table_of(path), BadSource)


def test_a_pointer_in_place_of_a_report_is_called_one(tmp_path: Path) -> None:
    written(tmp_path / "labels.csv", "key,mos\na,1\nb,2\nc,3\n")
    for key in "abc":
        written(tmp_path / "reports" / f"{key}.json", POINTER)
    recipe = Reports("reports", "labels.csv", "key", "{key}.json")
    assert "is a Git LFS pointer" in refusal(lambda: make(recipe, Surroundings(tmp_path)), BadSource)


def test_one_long_name_in_very_many_rows_of_parquet_is_kept_once_and_refused(tmp_path: Path) -> None:
    name, rows = "x" * 100_000, 50_000  # 5 GB, in a file of some KB
    columns = {"adm2": pa.array([0.5] * rows), "mos": pa.array([float(row) for row in range(rows)])}
    columns["content"] = pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int32()), [name]).cast(
        pa.dictionary(pa.int32(), pa.string())
    )
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table(columns), path)
    assert path.stat().st_size < 2_000_000
    target = Target("a table", "parquet", list, lambda _: table_of(path))  # type: ignore[arg-type, return-value]
    assert target.hold(b"") is False
    assert "must hold names and does not in 50000 of 50000 rows" in refusal(lambda: table_of(path), BadSource)


def test_names_that_are_many_and_long_are_refused_before_they_fill_the_memory(tmp_path: Path) -> None:
    rows = 300_000
    contents = pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int32()), pa.array(["x" * 4000]))
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"content": contents}), path)
    table = open_table(path)
    assert "more than 1,073,741,824 characters" in refusal(
        lambda: texts(table, "content", table.read(["content"])["content"]), BadSource
    )


def test_a_text_column_of_parquet_is_read_value_by_value_with_its_gaps(tmp_path: Path) -> None:
    values = ["a", None, "b", "a", "", "é"]
    for number, kind in enumerate((pa.string(), pa.large_string(), pa.dictionary(pa.int8(), pa.string()))):
        path = tmp_path / f"{number}.parquet"
        pq.write_table(pa.table({"content": pa.array(values, pa.string()).cast(kind)}), path, row_group_size=2)
        table = open_table(path)
        assert texts(table, "content", table.read(["content"])["content"]) == ["a", None, "b", "a", None, "é"]


def test_many_features_are_looked_for_among_many_columns_in_no_time(tmp_path: Path) -> None:
    columns, wanted = ([f"{letter}{number}" for number in range(9000)] for letter in "ab")
    path = written(tmp_path / "t.csv", ",".join([*columns, "mos"]) + "\n1\n")
    started = time.process_time()
    assert "has no feature column 'b0'" in refusal(lambda: table_of(path, features=tuple(wanted)), BadSource)
    assert time.process_time() - started < 1


def test_very_many_features_are_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "t.csv", "adm2,mos\n1,2\n")
    features = tuple(f"f{number}" for number in range(10_001))
    assert "name at most 10,000 of them" in refusal(lambda: table_of(path, features=features), BadSource)


def test_a_number_of_very_many_digits_is_refused_in_words_of_ours(tmp_path: Path) -> None:
    rows = '[{"adm2": 1, "mos": %s}]' % ("9" * 5000)
    said_of_table = refusal(lambda: table_of(written(tmp_path / "t.json", rows)), BadSource)
    said_of_registry = refusal(lambda: registry_of(rows, ".json"), BadTimeline)
    for text in (said_of_table, said_of_registry):
        assert "a number of 5,000 digits stands in it" in text
        assert "sys." not in text


def test_names_of_a_recipe_reach_nobody_raw(tmp_path: Path) -> None:
    odd = "\x1b[31m\n\u202e" + "x" * 3000
    written(tmp_path / "t.csv", "adm2,mos\n1,2\n")
    refusal(lambda: make(Table(table=f"{odd}.csv"), Surroundings(tmp_path)), BisectCacheError)
    for fields in ({"target": odd}, {"content": odd}, {"features": (odd,)}, {"features": (odd, odd)}):
        refusal(lambda: table_of(tmp_path / "t.csv", **fields), BadSource)  # type: ignore[arg-type]  # noqa: B023
    reports = {"reports": odd, "labels": "t.csv", "key": odd, "report_name": f"{{{odd}}}", "pool": odd}
    refusal(lambda: make(Reports(**reports), Surroundings(tmp_path)), BisectCacheError)  # type: ignore[arg-type]


# Manifests


def manifest_with(folder: Path, change: Callable[[dict[str, object]], object]) -> Path:
    said = json.loads(TARGETS["manifest"].known()[0])
    change(said)
    return written(folder / MANIFEST_NAME, json.dumps(said)).parent


def test_what_a_manifest_holds_reaches_nobody_raw(tmp_path: Path) -> None:
    folder = manifest_with(tmp_path, lambda said: said.update({"\x1b[31m\n" + "x" * 9000: 1}))
    assert "not a manifest of this version" in refusal(lambda: read_manifest(folder), BadManifest)


@pytest.mark.parametrize(
    "change",
    [
        lambda said: said["files"].update({"models/a.onnx\n": said["files"]["features.parquet"]}),
        lambda said: said["files"].update({"models/" + "x" * 2000 + ".onnx": said["files"]["features.parquet"]}),
        lambda said: said["files"].update({"models/../x.onnx": said["files"]["features.parquet"]}),
        lambda said: said["files"].update({"Models/x.onnx": said["files"]["features.parquet"]}),
        lambda said: said.update(fingerprint=said["fingerprint"] + "\n"),
        lambda said: said["recipe"].update(table="a\0b"),
        lambda said: said["recipe"].update(table="x" * 5000),
        lambda said: said["recipe"].update(features=["f"] * 10_001),
        lambda said: said["recipe"].update(target="x" * 5000),
        lambda said: said.update(features=[f"f{number}" for number in range(10_001)]),
    ],
)
def test_names_that_no_generate_writes_are_no_manifest(
    tmp_path: Path, change: Callable[[dict[str, object]], object]
) -> None:
    assert "not a manifest of this version" in refusal(
        lambda: read_manifest(manifest_with(tmp_path, change)), BadManifest
    )


def test_what_a_manifest_says_of_the_data_is_cut_where_it_is_said(tmp_path: Path) -> None:
    folder = table_cache_at(tmp_path / "cache", rows=6)
    committed = Committed(
        folder / "features.parquet", canonical_columns(read_features(folder / "features.parquet")), ""
    )
    manifest = read_manifest(folder)
    assert manifest
    many = tuple(f"f{number}" + "\x1b" * 4000 for number in range(9000))
    odd = replace(manifest, features=many, content="\x1b" * 4000, fingerprint="")
    made = Made({}, many[1:], "other")
    for findings in (claims_on_data(committed, made, odd), without_regeneration(committed, odd)):
        detail = next(iter(findings)).detail
        check_said(detail)
        assert "and 8,9" in detail


# A worker that a model took over

DEEP = b"[" * 5000 + b"]" * 5000


@pytest.mark.parametrize(
    "field",
    [
        *(b'"type": 9', b'"type": "\\ud800"', b'"dtype": "<f2"', b'"dtype": NaN', b'"note": 1e400', b'"other": {}'),
        *(b'"type": "features"', b'"type": "hello"', b'"note": "\x00"', b'"other": ' + b"9" * 5000, b'"note": "\xff"'),
        b'"type": "\xff"',
        b'"type": ' + DEEP,
        b'"other": ' + DEEP,
    ],
)
def test_a_worker_that_answers_with_what_is_no_message_is_lost(field: bytes) -> None:
    hello, odd = (b'{"type": "hello", "onnxruntime": "1", "held": []}', b'{"dtype": "<f4", %s}' % field)
    for heads in ((hello, odd), (odd,)):
        assert not WORKER.hold(b"".join(LENGTHS.pack(len(head), 0) + head for head in heads))


# What GitHub and comments say


@pytest.mark.parametrize("number", ["-1", "0", "1" + "0" * 18, "9" * 4000, "1e3", "true"])
def test_a_number_that_no_pull_request_and_no_run_has_is_not_known(number: str) -> None:
    payload = f'{{"number": {number}, "pull_request": {{"number": {number}}}, "workflow_run": {{"id": {number}}}}}'
    for name in ("pull_request", "workflow_run"):
        event = read_event({"GITHUB_EVENT_NAME": name}, payload.encode())
        assert (event.pull_request, event.triggering_run) == (None, None)


def night_line(value: bytes) -> str:
    return f"<!-- bisect-cache night {base64.b64encode(value).decode()} -->\n"


def test_a_night_that_is_nested_deeply_or_comes_from_no_run_is_left_out() -> None:
    night = b'["2026-01-01T00:00:00Z","clean",false,null,null,null,%s,""%s]'
    assert len(remembered(night_line(night % (b"7", b"")))) == 1
    for run, more in ((b"7", b"," + b"[" * 1300), (b"-1", b""), (b"1" + b"0" * 18, b""), (b"9" * 400, b"")):
        assert remembered(night_line(night % (run, more))) == []


@pytest.mark.parametrize("compression", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_a_compression_that_artifacts_do_not_have_is_refused(compression: int) -> None:
    report = encode_report(bisect_report())
    assert unpacked(zipped({"r.json": report}), "r.json", "a") == report
    said = refusal(lambda: unpacked(zipped({"r.json": report}, compression), "r.json", "a"), NoReport)
    assert "compressed in a way that artifacts are not" in said


def test_an_archive_of_very_many_members_is_read_in_a_moment() -> None:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for number in range(50_000):
            archive.writestr(f"{number}", b"")
        archive.writestr("r.json", b"{}")
    started = time.process_time()
    assert unpacked(made.getvalue(), "r.json", "a") == b"{}"
    assert time.process_time() - started < 2
