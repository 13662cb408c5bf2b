"""What is installed, from where, and what runs on whose behalf: locks, the bill of materials, workflows."""

import importlib.util
import json
import re
import sys
from collections.abc import Iterator, Sequence
from importlib.metadata import Distribution, distributions
from importlib.resources import files
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator
from packageurl import PackageURL
from referencing import Registry, Resource

ROOT = Path(__file__).resolve().parents[2]
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
WORKFLOWS = [*sorted((ROOT / ".github" / "workflows").glob("*.yml")), *sorted((ROOT / "examples").glob("*.yml"))]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "examples").glob("*.md"))]
PINNED = re.compile(r"[\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")
OURS = re.compile(r"\./.*|OWNER/bisect-cache@(COMMIT|v\d+(\.\d+\.\d+)?)\b.*")
A, B = (f"sha256:{letter * 64}" for letter in "ab")


def tool(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "tools" / f"{name}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


wheels, sbom = tool("wheels"), tool("sbom")


# Locks


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_a_lock_holds_pinned_and_hashed_requirements_and_nothing_else(lock: Path) -> None:
    locked = wheels.read_lock(lock.read_text(encoding="utf-8"))
    assert locked
    assert len({(one.name, one.version) for one in locked}) == len(locked)


def test_tests_run_on_what_the_image_holds() -> None:
    image, tests = (
        set(wheels.read_lock((ROOT / "requirements" / name).read_text(encoding="utf-8")))
        for name in ("runtime.txt", "dev.txt")
    )
    assert image <= tests


@pytest.mark.parametrize(
    "entry",
    [
        "numpy==2.4.6",
        "numpy>=2 --hash=" + A,
        "numpy==2.* --hash=" + A,
        "NumPy==2.4.6 --hash=" + A,
        "numpy==2.4.6 --hash=md5:" + "a" * 32,
        "numpy==2.4.6 --hash=sha256:abc",
        "numpy @ https://example.invalid/numpy.whl --hash=" + A,
        "--index-url https://example.invalid/simple",
        "--extra-index-url https://example.invalid/simple --hash=" + A,
        "-e . --hash=" + A,
        "-r other.txt",
        "# a remark",
    ],
)
def test_what_no_lock_may_hold_is_refused(entry: str) -> None:
    assert wheels.read_lock(f"numpy==2.4.6 \\\n    --hash={A} \\\n    --hash={B}\n")[0].hashes == {A, B}
    with pytest.raises(ValueError, match=r"pinned and hashed|is no sha256|Invalid version"):
        wheels.read_lock(entry)


def gaps(file: str, digest: str = A, marker: str = "", targets: Sequence[Any] = wheels.TARGETS) -> list[str]:
    """Where a release with one wheel cannot be installed."""
    locked = [wheels.Locked("thing", "1.0", marker, frozenset({A}))]
    return list(wheels.missing(locked, {("thing", "1.0"): [(file, digest)]}, targets))


def test_a_wheel_for_any_python_on_any_machine_is_enough() -> None:
    assert gaps("thing-1.0-py3-none-any.whl") == []
    assert {(target.python, target.machine) for target in wheels.TARGETS} == {
        ((3, minor), machine) for minor in (11, 12, 13) for machine in ("x86_64", "aarch64")
    }


@pytest.mark.parametrize(
    ("file", "count"),
    [
        ("thing-1.0-cp311-abi3-manylinux_2_28_aarch64.whl", 3),
        ("thing-1.0-cp313-cp313-manylinux_2_17_x86_64.manylinux2014_x86_64.whl", 5),
        ("thing-1.0-cp313-cp313-musllinux_1_2_x86_64.whl", 6),
        ("thing-1.0-cp313-cp313t-manylinux_2_28_x86_64.whl", 6),
        ("thing-1.0-cp39-cp39-manylinux_2_28_x86_64.whl", 6),
        ("thing-1.0-cp311-abi3-manylinux_2_99_x86_64.whl", 6),
        ("thing-1.0-cp313-cp313-macosx_14_0_arm64.whl", 6),
    ],
)
def test_where_no_locked_wheel_can_be_installed_is_named(file: str, count: int) -> None:
    assert len(gaps(file)) == count
    assert all(gap.startswith("thing 1.0: no locked wheel for Python 3.") for gap in gaps(file))


def test_a_wheel_that_the_lock_does_not_hold_does_not_count() -> None:
    assert len(gaps("thing-1.0-py3-none-any.whl", digest=B)) == 6
    assert list(wheels.missing([wheels.Locked("thing", "1.0", "", frozenset({A}))], {})) != []


def test_only_what_is_installed_somewhere_is_wanted_there() -> None:
    file = "thing-1.0-cp311-cp311-manylinux_2_28_x86_64.whl"
    assert gaps(file, marker="python_full_version < '3.12' and platform_machine == 'x86_64'") == []
    assert len(gaps(file, marker="python_full_version < '3.12'")) == 1
    assert gaps(file, marker="sys_platform == 'win32'") == []


def test_the_wheels_of_a_release_are_read_from_what_uv_writes() -> None:
    digest = "a" * 64
    pylock = f"""
lock-version = "1.0"
[[packages]]
name = "thing"
version = "1.0"
wheels = [{{ url = "https://example.invalid/x/thing-1.0-py3-none-any.whl", hashes = {{ sha256 = "{digest}" }} }}]
[[packages]]
name = "source-alone"
version = "2"
"""
    assert wheels.files_of(pylock) == {
        ("thing", "1.0"): [("thing-1.0-py3-none-any.whl", A)],
        ("source-alone", "2"): [],
    }


# The bill of materials

STATUS = """Package: zlib1g
Status: install ok installed
Architecture: amd64
Version: 1:1.3.dfsg+really1.3.1-1+b1
Description: compression library
 zlib is a library: it compresses.

Package: gone
Status: deinstall ok config-files
Architecture: amd64
Version: 1
"""


def packages(folder: Path, **metadata: str) -> list[Distribution]:
    """``one`` and ``Two.Words``, installed in ``folder``; ``metadata`` is more of what these say of themselves."""
    for name, told in {
        "one": "Requires-Dist: two-words>=1\nRequires-Dist: absent; extra == 'x'",
        "Two.Words": "",
    }.items():
        place = folder / f"{name}-1.0.dist-info"
        place.mkdir(exist_ok=True)
        lines = [f"{key.replace('_', '-')}: {value}" for key, value in metadata.items()]
        head = ["Metadata-Version: 2.4", f"Name: {name}", "Version: 1.0", *([told] if told else []), *lines]
        (place / "METADATA").write_text("\n".join(head) + "\n")
    return list(distributions(path=[str(folder)]))


def installed(*names: str) -> dict[str, Any]:
    """What pip says that it installed."""
    return {
        "install": [
            {
                "metadata": {"name": name, "version": "1.0"},
                "download_info": {"archive_info": {"hashes": {"sha256": digest * 64}}},
            }
            for name, digest in zip(names, "abc", strict=False)
        ]
    }


def bill(folder: Path, turned: bool = False, **metadata: str) -> dict[str, Any]:
    there = packages(folder, **metadata)
    python = sbom.python_packages(there[::-1] if turned else there, installed("one", "two_words"))
    release = 'ID=debian\nVERSION_ID="13"\n'
    made: dict[str, Any] = sbom.bill(python, sbom.debian_packages(STATUS, release), "1.2.3", "3.13.1")
    return made


def schema() -> Draft7Validator:
    """CycloneDX's own, with those that it refers to."""
    names = [f"{name}.SNAPSHOT.schema.json" for name in ("bom-1.6", "spdx", "jsf-0.82")]
    found = {name: json.loads((files("cyclonedx.schema") / "_res" / name).read_text("utf-8")) for name in names}
    base = found[names[0]]["$id"].rpartition("/")[0]
    registry = Registry().with_resources((f"{base}/{name}", Resource.from_contents(found[name])) for name in names)
    return Draft7Validator(found[names[0]], registry=registry)


@pytest.mark.parametrize(
    "metadata",
    [
        {},
        {"License_Expression": "MIT OR Apache-2.0"},
        {"License": "Some words\n of a licence"},
        {"Classifier": "License :: OSI Approved :: MIT License"},
    ],
    ids=["none", "expression", "words", "classifier"],
)
def test_the_bill_of_materials_holds_its_schema(tmp_path: Path, metadata: dict[str, str]) -> None:
    made = bill(tmp_path, **metadata)
    assert [error.message for error in schema().iter_errors(made)] == []
    assert list(schema().iter_errors(made | {"components": [{"name": "no type"}]}))
    references = [one["bom-ref"] for one in made["components"]]
    assert len(set(references)) == len(references)
    assert {one["ref"] for one in made["dependencies"]} <= {"bisect-cache", *references}


def test_the_bill_says_what_each_thing_is_by_which_hash_and_what_it_needs(tmp_path: Path) -> None:
    made = bill(tmp_path, License_Expression="MIT")
    one, two, python, zlib = made["components"]
    assert (one["name"], one["version"], one["purl"]) == ("one", "1.0", "pkg:pypi/one@1.0")
    assert one["hashes"] == [{"alg": "SHA-256", "content": "a" * 64}]
    assert one["licenses"] == [{"expression": "MIT"}]
    assert (two["name"], two["hashes"][0]["content"]) == ("two-words", "b" * 64)
    assert (python["name"], python["version"]) == ("python", "3.13.1")
    told = PackageURL.from_string(zlib["purl"])
    assert (told.name, told.version, told.qualifiers) == (
        "zlib1g",
        "1:1.3.dfsg+really1.3.1-1+b1",
        {"arch": "amd64", "distro": "debian-13"},
    )
    assert {"ref": "pkg:pypi/one@1.0", "dependsOn": ["pkg:pypi/two-words@1.0"]} in made["dependencies"]
    assert made["metadata"]["component"]["version"] == "1.2.3"


def test_the_same_image_has_the_same_bill_to_the_byte_and_another_one_another_number(tmp_path: Path) -> None:
    first, again = (json.dumps(bill(tmp_path, turned=turned)) for turned in (False, True))
    assert first == again
    assert json.loads(first)["serialNumber"] != bill(tmp_path, License="MIT")["serialNumber"]


def test_a_package_that_nobody_installed_by_its_hash_stops_the_build(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(sbom.CannotTell, match=r"^two-words 1\.0 is there, and was not installed by a hash$"):
        list(sbom.python_packages(packages(tmp_path), installed("one")))
    (tmp_path / "report.json").write_text(json.dumps(installed()))
    assert sbom.main(["--installed", str(tmp_path / "report.json")]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "was not installed by a hash" in printed.err


def test_what_came_with_the_base_image_is_listed_once_and_without_a_hash(tmp_path: Path) -> None:
    there = packages(tmp_path)
    ours = [one for one in there if one.metadata["Name"] == "one"]
    listed = list(sbom.python_packages(ours, installed("one")))
    base = list(sbom.base_packages([*there, *there], listed))
    assert [(one["name"], "hashes" in one) for one in base] == [("two-words", False)]
    base[0] |= {"version": "0.1", "bom-ref": "pkg:pypi/two-words@0.1"}
    both = [*sbom.python_packages(there, installed("one", "two_words")), *base]
    needed = {one["ref"]: one["dependsOn"] for one in sbom.bill(both, (), "1", "3")["dependencies"]}
    assert needed["pkg:pypi/one@1.0"] == ["pkg:pypi/two-words@1.0"]  # ours, and not the base's
    assert "pkg:pypi/two-words@0.1" not in needed["bisect-cache"]


# Workflows and what people copy


def used(path: Path) -> list[str]:
    return re.findall(r"^ *(?:- )?uses: +(\S.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.parametrize("path", [*WORKFLOWS, *PAGES], ids=lambda path: path.name)
def test_what_others_wrote_is_named_by_commit_wherever_somebody_copies_it(path: Path) -> None:
    assert [line for line in used(path) if not OURS.fullmatch(line) and not PINNED.fullmatch(line)] == []


def events_of(path: Path) -> Iterator[str]:
    workflow = yaml.safe_load(path.read_text(encoding="utf-8"))
    events = workflow[True]  # what YAML 1.1 takes `on` for
    yield from [events] if isinstance(events, str) else events


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_nobody_from_outside_sets_off_what_holds_a_token_that_writes_but_through_a_finished_run(path: Path) -> None:
    events = set(events_of(path))
    allowed = {"pull_request", "push", "schedule", "workflow_dispatch", "workflow_run"}
    assert events <= allowed  # neither pull_request_target nor comments and issues, which anybody writes
    if "workflow_run" in events:
        text = path.read_text(encoding="utf-8")
        assert "ref:" not in text
        assert "head_sha" not in text


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_a_workflow_begins_with_no_more_than_reading_its_own_code(path: Path) -> None:
    assert yaml.safe_load(path.read_text(encoding="utf-8"))["permissions"] in ({}, {"contents": "read"})


def test_the_audit_takes_no_answer_for_an_answer_of_nothing() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    (asked,) = re.findall(r"^\t.*/pip-audit (.*)$", makefile, re.MULTILINE)
    assert {"--strict", "--require-hashes", "--disable-pip"} <= set(asked.split())
    assert "--ignore-vuln" not in asked
