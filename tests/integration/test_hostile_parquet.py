"""Hostile parquet: mutated, cut short, and files that stand for far more than they hold.

What is read of a damaged file is what the file says, and never differs from what a cache holds without a word.
"""

import copy
import io
import json
import math
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from judging import Ran, command
from making import SIX, cache_at
from mutating import bytewise
from mutating_parquet import Parquet, Thrift, decoded, encoded, mutated_parquet

from bisect_cache.cache.check import check
from bisect_cache.cache.opened import open_cache
from bisect_cache.cache.parquet import pages
from bisect_cache.cache.parquet.columns import Numbers, UnsupportedColumn, canonical_columns
from bisect_cache.cache.parquet.features import BadFeatures, read_features
from bisect_cache.cache.parquet.footer import footer_at_the_end_of
from bisect_cache.cache.parquet.pages import refuse_bombs
from bisect_cache.cache.recipes.interface import BadSource
from bisect_cache.cache.recipes.labels import open_table
from bisect_cache.errors import BisectCacheError

ROOT = Path(__file__).resolve().parents[2]
ROWS = 60


def clips(rows: int = ROWS) -> pa.Table:
    """Labelled clips, with columns of every kind that a cache holds."""
    rng = np.random.default_rng(5)
    columns: dict[str, pa.Array] = {name: pa.array(rng.random(rows, np.float32)) for name in SIX[:2]}
    columns["mos"] = pa.array(rng.random(rows, np.float32))
    columns["content"] = pa.array([f"clip ä{number % 7}" for number in range(rows)], pa.string())
    columns["notes"] = pa.array([None if number % 5 == 0 else f"{number}" for number in range(rows)], pa.string())
    columns["bits"] = pa.array([number % 2 == 0 for number in range(rows)], pa.bool_())
    columns["whole"] = pa.array(range(rows), pa.int64())
    columns["double"] = pa.array([None if number % 3 == 0 else number / 7 for number in range(rows)], pa.float64())
    return pa.table(columns)


def written(table: pa.Table, **how: object) -> bytes:
    """The bytes of a parquet file."""
    stream = io.BytesIO()
    pq.write_table(table, stream, **how)
    return stream.getvalue()


PLAIN = {"use_dictionary": False}
WAYS: dict[str, dict[str, object]] = {
    "snappy": {},
    "gzip, second version of pages": {"compression": "gzip", "data_page_version": "2.0"},
    "row groups": {"compression": "none", "row_group_size": 20},
    "small pages, checksums, index": {
        "compression": "lz4", "data_page_size": 64, "write_page_checksum": True, "write_page_index": True, **PLAIN
    },
    "brotli, dictionaries kept": {"compression": "brotli"},
    "deltas": {"compression": "zstd", "column_encoding": {
        "whole": "DELTA_BINARY_PACKED", "adm2": "BYTE_STREAM_SPLIT", "content": "DELTA_BYTE_ARRAY",
        "notes": "DELTA_LENGTH_BYTE_ARRAY", "bits": "RLE"}, **PLAIN},
}  # fmt: skip


def plainly(columns: dict) -> dict[str, list]:
    """Canonical columns as Python's values, to be compared with the library's own reading."""
    values = {}
    for name, column in columns.items():
        if isinstance(column, Numbers):
            kind = bool if column.type == "bool" else lambda value: value
            here = [True] * len(column) if column.valid is None else column.valid.tolist()
            numbers = zip(column.values.tolist(), here, strict=True)
            values[name] = [kind(number) if there else None for number, there in numbers]
        else:
            values[name] = column.texts()
    return values


# What is sound is read as it is


@pytest.mark.parametrize("how", WAYS)
@pytest.mark.parametrize("rows", [0, 1, ROWS, 5000])
def test_whatever_an_honest_writer_writes_is_read(tmp_path: Path, how: str, rows: int) -> None:
    path = tmp_path / "features.parquet"
    path.write_bytes(written(clips(rows), **WAYS[how]))
    assert plainly(canonical_columns(read_features(path))) == clips(rows).to_pydict()


def test_the_pages_of_a_file_are_all_counted(tmp_path: Path) -> None:
    # A reader that took the headers of pages for something else would refuse or let through what it must not.
    data = written(clips(5000), compression="none", data_page_size=256, use_dictionary=False, write_statistics=False)
    footer = footer_at_the_end_of(io.BytesIO(data))
    assert footer.rows == 5000
    assert [chunk.path for chunk in footer.chunks] == clips().column_names
    truth = pq.ParquetFile(io.BytesIO(data)).metadata.row_group(0)
    for place, chunk in enumerate(footer.chunks):
        column = truth.column(place)
        assert (chunk.packed, chunk.values, chunk.begins) == (
            column.total_compressed_size,
            column.num_values,
            column.data_page_offset,
        )
    refuse_bombs(io.BytesIO(data), footer)


def test_text_that_is_stored_once_and_text_that_is_not_are_the_same_content(tmp_path: Path) -> None:
    read = []
    for name, how in (("a", {}), ("b", PLAIN), ("c", {"row_group_size": 7}), ("d", {"dictionary_pagesize_limit": 20})):
        path = tmp_path / name
        path.write_bytes(written(clips(), **how))
        read.append(plainly(canonical_columns(read_features(path))))
    assert read[0] == read[1] == read[2] == read[3] == clips().to_pydict()


# What is damaged


def mutations(data: bytes, count: int, seed: int) -> Iterator[bytes]:
    """``count`` files, none of them ``data``."""
    random = Random(seed)
    while count:
        if (changed := mutated_parquet(data, random)) != data:
            count -= 1
            yield changed


@pytest.mark.parametrize("how", WAYS)
def test_what_is_read_of_a_mutated_file_is_what_the_library_reads_of_it(tmp_path: Path, how: str, attack) -> None:
    tried, path, outcomes = attack("mutated parquet"), tmp_path / "features.parquet", set()
    for changed in mutations(written(clips(), **WAYS[how]), 250, seed=list(WAYS).index(how)):
        path.write_bytes(changed)
        with tried.case():
            try:
                columns = canonical_columns(read_features(path))
            except (BadFeatures, UnsupportedColumn) as error:
                outcomes.add(f"refused{'' if str(error) else ', silently'}")
                continue
            outcomes.add("read")
            assert repr(plainly(columns)) == repr(pq.ParquetFile(path, pre_buffer=False).read().to_pydict())
    assert outcomes == {"refused", "read"}


def test_a_mutated_cache_never_differs_without_a_word(tmp_path: Path, attack) -> None:
    tried, outcomes = attack("mutated parquet"), set()
    cache = cache_at(tmp_path / "c", rows=24, models=1)
    path = cache / "features.parquet"
    sound, whole = path.read_bytes(), open_cache(cache)
    for changed in mutations(sound, 400, seed=11):
        path.write_bytes(changed)
        with tried.case():
            try:
                opened = open_cache(cache)
            except BisectCacheError:
                opened = None
            checked = check(cache)
            outcomes.add(checked.outcome)
            if opened is None or opened.notes:
                assert checked.outcome == "drift"
            else:
                assert np.array_equal(opened.features, whole.features)
                assert np.array_equal(opened.target, whole.target)
                assert checked.fingerprint == whole.fingerprint
                assert checked.outcome in {"clean", "writer-drift", "drift"}
            assert checked.outcome != "clean"
    assert outcomes == {"drift", "writer-drift"}


def test_a_cache_cut_short_anywhere_is_drift(tmp_path: Path, attack) -> None:
    tried, path = attack("mutated parquet"), tmp_path / "features.parquet"
    data = cache_at(tmp_path / "c", rows=24, models=1).joinpath("features.parquet").read_bytes()
    for length in [*range(0, len(data), 23), *range(len(data) - 12, len(data))]:
        path.write_bytes(data[:length])
        with tried.case(), pytest.raises(BadFeatures):
            read_features(path)


def test_a_mutated_table_makes_the_cache_it_says_or_none(tmp_path: Path, attack) -> None:
    tried, path, outcomes = attack("mutated parquet"), tmp_path / "clips.parquet", set()
    for changed in mutations(written(clips().select([*SIX[:2], "mos", "content"])), 300, seed=12):
        path.write_bytes(changed)
        with tried.case():
            try:
                table = open_table(path)
                values = table.read(table.columns)
            except BadSource as error:
                outcomes.add("refused" if str(path) in str(error) else "refused, but which file is not said")
                continue
            outcomes.add("read")
            truth = pq.ParquetFile(path, pre_buffer=False).read().to_pydict()
            for name, read in values.items():
                listed = read.tolist() if isinstance(read, np.ndarray) else list(read)
                expected = truth[name]
                if isinstance(read, np.ndarray):
                    expected = [math.nan if value is None else value for value in expected]
                assert repr(listed) == repr(expected)
    assert outcomes == {"refused", "read"}


def test_mutated_files_on_the_command_line_end_in_words(tmp_path: Path, attack) -> None:
    tried = attack("mutated parquet")
    cache_at(tmp_path / "c", rows=24, models=1)
    sound = (tmp_path / "c" / "features.parquet").read_bytes()
    table = written(clips().select([*SIX[:2], "mos", "content"]))
    for number, changed in enumerate(mutations(sound, 12, seed=13)):
        (tmp_path / "c" / "features.parquet").write_bytes(changed)
        with tried.case():
            expect_words(command("check", "c", cwd=tmp_path), {0, 1})
        if number < 6:
            with tried.case():
                expect_words(command("bisect", "--cache", "c", cwd=tmp_path), {0, 1, 2})
    for changed in mutations(table, 20, seed=14):
        (tmp_path / "clips.parquet").write_bytes(changed)
        with tried.case():
            ran = command("generate", "made", "--table", "clips.parquet", cwd=tmp_path)
            expect_words(ran, {0, 2})
            assert (tmp_path / "made").exists() or ran.code == 2


def expect_words(ran: Ran, codes: set[int]) -> None:
    assert ran.code in codes, ran.told
    assert "Traceback" not in ran.told
    assert "error of bisect-cache itself" not in ran.told
    assert ran.code != 2 or ran.told or ran.said


# Bombs: what stands for far more than it holds


def _two_columns(**how: object) -> Parquet:
    columns = {"adm2": np.zeros(10, np.float32), "mos": np.arange(10, dtype=np.float32)}
    return Parquet.of(written(pa.table(columns), **({"compression": "none", **PLAIN} | how)))


def _with_footer(change: Callable[[Parquet], object]) -> bytes:
    file = _two_columns()
    change(file)
    return file.whole()


def _with_header(change: Callable[[Thrift], object], **how: object) -> bytes:
    """The first page's header changed."""
    file = _two_columns(**how)
    start = file.page_starts()[0]
    header, length = decoded(file.body[start:])
    change(header)
    file.replaced(start, start + length, encoded(header))
    return file.whole()


def _rows(file: Parquet, rows: int) -> None:
    file.footer.put(3, rows)
    file.footer.at(4, 0).put(3, rows)
    for chunk in file.chunks():
        chunk.put(5, rows)


def _pages_of_gigabytes(groups: int) -> bytes:
    """Each row group has one row, and one page that unpacks to 2 GiB."""
    file = Parquet.of(written(pa.table({"adm2": np.zeros(10, np.float32)}), compression="zstd", **PLAIN))
    start = file.page_starts()[0]
    header, length = decoded(file.body[start:])
    size = header.at(3).value
    unpacked = 2**31 - 1
    page = pa.compress(bytes(64 << 20), codec="zstd", asbytes=True)  # its header says 2 GiB, which is what is asked for
    header.put(2, unpacked)
    header.put(3, len(page))
    file.replaced(start, start + length + size, encoded(header) + page)
    whole, (first,) = file.body[start:], file.footer.at(4).value
    for _ in range(groups - 1):
        group = copy.deepcopy(first)
        group.at(1, 0, 3).put(9, len(file.body))
        file.body += whole
        file.footer.at(4).value.append(group)
    file.footer.put(3, 10 * groups)
    return file.whole()


def _one_text(length: int, rows: int) -> pa.Table:
    text = pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, np.int32)), pa.array(["x" * length]))
    return pa.table({"content": text})


def _encrypted(*, plaintext_footer: bool) -> bytes:
    import base64

    import pyarrow.parquet.encryption as pe

    class Kms(pe.KmsClient):
        def __init__(self, config: object) -> None:
            pe.KmsClient.__init__(self)

        def wrap_key(self, key: bytes, master: str) -> bytes:
            return base64.b64encode(key)

        def unwrap_key(self, key: bytes, master: str) -> bytes:
            return base64.b64decode(key)

    how = pe.EncryptionConfiguration(footer_key="k", column_keys={"k": ["adm2"]}, plaintext_footer=plaintext_footer)
    properties = pe.CryptoFactory(Kms).file_encryption_properties(pe.KmsConnectionConfig(), how)
    stream = io.BytesIO()
    table = clips()
    with pq.ParquetWriter(stream, table.schema, encryption_properties=properties) as writer:
        writer.write_table(table)
    return stream.getvalue()


def _one(name: str) -> bytes:
    return written(pa.table([pa.array([0.5]), pa.array([0.5])], names=[name, "mos"]))


NESTED = pa.table(
    {"adm2": [[1.0, 2.0], [], None], "mos": [{"a": 1}] * 3, "when": pa.array([0] * 3, pa.timestamp("us"))}
)

BOMBS: dict[str, tuple[Callable[[], bytes], str]] = {
    "a page of 2 GiB": (lambda: _pages_of_gigabytes(1), "unpack to more than"),
    "200 pages of 2 GiB": (lambda: _pages_of_gigabytes(200), "unpack to more than"),
    "text of 100 KB in a million rows": (lambda: written(_one_text(100_000, 1_000_000)), "bytes of text"),
    "the same, not said to be a dictionary": (
        lambda: written(_one_text(100_000, 1_000_000), store_schema=False),
        "bytes of text",
    ),
    "long texts that pack well": (
        lambda: written(pa.table({"content": ["x" * 6_200_000] * 45}), compression="zstd", **PLAIN),
        "unpack to more than",
    ),
    "a billion rows": (lambda: _with_footer(lambda file: _rows(file, 10**9)), "1,000,000,000 rows"),
    "more rows than there are numbers": (lambda: _with_footer(lambda file: _rows(file, 2**63 - 1)), "rows"),
    "a row group of more rows than the footer": (
        lambda: _with_footer(lambda file: file.footer.at(4, 0).put(3, 2**40)),
        "do not have as many rows",
    ),
    "fewer rows than none": (lambda: _with_footer(lambda file: file.footer.put(3, -1)), "do not have as many rows"),
    "a row group many times": (
        lambda: _with_footer(lambda file: file.footer.at(4).value.extend(file.footer.at(4).value * 3000)),
        "do not have as many rows",
    ),
    "the same, and the rows to it": (
        lambda: _with_footer(
            lambda file: (file.footer.at(4).value.extend(file.footer.at(4).value * 999), file.footer.put(3, 10_000))
        ),
        "more bytes than the file",
    ),
    "a column of fewer bytes than none": (
        lambda: _with_footer(lambda file: [chunk.put(7, -5) for chunk in file.chunks()]),
        "more bytes than the file",
    ),
    "a column before the file": (
        lambda: _with_footer(lambda file: [chunk.put(9, -400) for chunk in file.chunks()]),
        "before the file",
    ),
    "a page that becomes less than nothing": (lambda: _with_header(lambda it: it.put(2, -1)), "how large"),
    "a page that goes back": (lambda: _with_header(lambda it: it.put(3, -40)), "how large"),
    "a page longer than the file": (lambda: _with_header(lambda it: it.put(3, 2**31 - 1)), "longer than its column"),
    "a page that unpacks to more than it says": (
        lambda: _with_header(lambda it: it.put(2, 1), compression="zstd"),
        "not a parquet file",
    ),
    "a page of 2 billion values": (lambda: _with_header(lambda it: it.at(5).put(1, 2**31 - 1)), "not a parquet file"),
    "a page of fewer values than none": (lambda: _with_header(lambda it: it.at(5).put(1, -1)), "not a parquet file"),
    "a schema of a billion children": (
        lambda: _with_footer(lambda file: file.footer.at(2, 0).put(5, 2**31 - 1)),
        "not a parquet file",
    ),
    "a footer longer than the file": (
        lambda: written(clips())[:-8] + (2**31).to_bytes(4, "little") + b"PAR1",
        "cut short",
    ),
    "metadata of 8 MB": (
        lambda: written(pa.table({"adm2": [0.5]}).replace_schema_metadata({"k": "v" * 8_000_000})),
        "its footer has",
    ),
    "a column's name of 6 MB": (lambda: _one("n" * 6_000_000), "its footer has"),
    "a name twice": (lambda: _one("mos"), "stands twice"),
    "lists, structs and times": (lambda: written(NESTED), "has type list<"),
    "encrypted": (lambda: _encrypted(plaintext_footer=False), "it is encrypted"),
    "encrypted columns": (lambda: _encrypted(plaintext_footer=True), "it is encrypted"),
    "no parquet": (lambda: b"adm2,mos\n0.5,0.5\n" * 10, "not a parquet file"),
    "two ends and nothing between": (lambda: b"PAR1" * 3, "not a parquet file"),
}

_READING = """
import json, sys, time
from pathlib import Path
import pyarrow.parquet
from bisect_cache.cache.parquet.columns import UnsupportedColumn, canonical_columns
from bisect_cache.cache.parquet.features import BadFeatures, read_features

def peak():
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM"))

for path in sys.argv[1:]:
    Path("/proc/self/clear_refs").write_text("5")
    before, start = peak(), time.perf_counter()
    try:
        canonical_columns(read_features(Path(path)))
        said = "read"
    except (BadFeatures, UnsupportedColumn) as error:
        said = str(error)
    print(json.dumps([said, time.perf_counter() - start, (peak() - before) / 1024]), flush=True)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="peaks of memory are read as Linux tells them")
def test_bombs_are_refused_before_anything_is_unpacked(tmp_path: Path, attack) -> None:
    tried = attack("parquet bombs")
    paths = []
    for number, (make, _) in enumerate(BOMBS.values()):
        paths.append(tmp_path / f"{number}.parquet")
        paths[-1].write_bytes(make())
    ran = subprocess.run(
        [sys.executable, "-c", _READING, *map(str, paths)],
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    said = [json.loads(line) for line in ran.stdout.splitlines()]
    assert len(said) == len(BOMBS), (ran.stderr, list(BOMBS)[len(said) :])
    for (name, (_, words)), (text, seconds, mebibytes) in zip(BOMBS.items(), said, strict=True):
        with tried.case():
            assert words in text, name
            assert "\n" not in text
            assert seconds < 20, name
            assert mebibytes < 300, name


@pytest.mark.parametrize("bomb", ["a page of 2 GiB", "text of 100 KB in a million rows", "encrypted", "a billion rows"])
def test_a_bomb_for_a_table_is_refused(tmp_path: Path, bomb: str, attack) -> None:
    (tmp_path / "clips.parquet").write_bytes(BOMBS[bomb][0]())
    with attack("parquet bombs").case():
        ran = command("generate", "made", "--table", "clips.parquet", "--target", "adm2", cwd=tmp_path)
        assert ran.code == 2
        expect_words(ran, {2})
        assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    ("name", "shape"),
    [("thousands of columns", (2000, 1)), ("thousands of row groups", (2, 3000))],
)
def test_many_parts_are_read_as_they_are(tmp_path: Path, name: str, shape: tuple[int, int], attack) -> None:
    columns, rows = shape
    made = pa.table({f"c{number}": np.arange(rows, dtype=np.float32) for number in range(columns)})
    path = tmp_path / "features.parquet"
    path.write_bytes(written(made, row_group_size=1))
    with attack("parquet bombs").case():
        assert plainly(canonical_columns(read_features(path))) == made.to_pydict(), name


@pytest.mark.parametrize("name", ["a\0b", "\x1b[31mred", "a\n::error::b", "\u202eevil", "n" * 5000])
def test_a_column_of_any_name_is_said_fit_to_be_shown(tmp_path: Path, name: str, attack) -> None:
    cache_at(tmp_path / "c", rows=12, models=1)
    (tmp_path / "c" / "features.parquet").write_bytes(_one(name))
    with attack("parquet bombs").case():
        ran = command("check", "c", cwd=tmp_path)
        expect_words(ran, {1})
        assert not {"\0", "\x1b", "\u202e"} & set(ran.told + ran.said)
        assert len(ran.told) < 20_000


def test_texts_that_each_repeat_the_one_before_are_refused_where_they_may_be_too_long(
    tmp_path: Path, monkeypatch, attack
) -> None:
    path = tmp_path / "features.parquet"
    made = pa.table({"content": ["x" * 40_000] * 50})
    path.write_bytes(written(made, column_encoding="DELTA_BYTE_ARRAY", **PLAIN))
    assert plainly(canonical_columns(read_features(path))) == made.to_pydict()
    monkeypatch.setattr(pages, "MOST_TEXT", 1_000_000)
    with attack("parquet bombs").case(), pytest.raises(BadFeatures, match="write it without delta encoding"):
        read_features(path)


def test_a_page_that_does_not_have_its_checksum_is_refused(tmp_path: Path, attack) -> None:
    file = Parquet.of(written(clips(), compression="none", write_page_checksum=True, **PLAIN))
    start = file.page_starts()[0]
    _, length = decoded(file.body[start:])
    path = tmp_path / "features.parquet"
    for seed in range(20):
        page = bytewise(file.body[start + length + 8 : start + length + 200], Random(seed))[:192]
        damaged = Parquet(file.body, file.footer)
        damaged.body = file.body[: start + length + 8] + page.ljust(192, b"\0") + file.body[start + length + 200 :]
        path.write_bytes(damaged.whole())
        with attack("mutated parquet").case():
            if damaged.body == file.body:
                assert plainly(canonical_columns(read_features(path))) == clips().to_pydict()
            else:
                with pytest.raises(BadFeatures, match="not a parquet file that can be read"):
                    read_features(path)


def test_text_that_begins_within_a_character_is_no_text() -> None:
    halves = pa.array([b"\xc3", b"\xa9"])
    text = pa.Array.from_buffers(pa.string(), 2, halves.buffers())
    with pytest.raises(UnsupportedColumn, match="not UTF-8"):
        canonical_columns(pa.table({"content": text}))
    whole = canonical_columns(pa.table({"content": ["é", None, "", "e"]}))
    assert whole["content"].texts() == ["é", None, "", "e"]


def test_a_dictionary_that_is_asked_for_what_it_does_not_hold_is_damaged() -> None:
    places = pa.DictionaryArray.from_arrays(pa.array([0, 5], pa.int32()), pa.array(["a"]), safe=False)
    with pytest.raises(UnsupportedColumn, match="is damaged"):
        canonical_columns(pa.table({"content": places}))


def test_a_footer_of_nothing_but_parts_is_not_walked_to_its_end(tmp_path: Path, attack) -> None:
    count = 15 << 20
    length = b"\x80\x80\xc0\x07"  # as a varint
    footer = b"\x19\xfc" + length + bytes(count) + b"\x00"  # the first field is a list of empty structs
    (tmp_path / "f.parquet").write_bytes(b"PAR1" + footer + len(footer).to_bytes(4, "little") + b"PAR1")
    with attack("parquet bombs").case(), pytest.raises(BadFeatures, match="more parts than are read"):
        read_features(tmp_path / "f.parquet")
