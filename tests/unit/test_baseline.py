"""What the name of a baseline means: a label before a tag, a commit before a file, and none of them twice."""

from pathlib import Path

import pytest
from measured import checkpoint

from bisect_cache.timeline.baseline import find_baseline
from bisect_cache.timeline.interface import BadTimeline, Checkpoint, Timeline

FIRST = "a1b2c3d4e5f60718293a4b5c6d7e8f9012345678"
SECOND = "a1b2c3dfffffffffffffffffffffffffffffffff"


def timeline(*checkpoints: Checkpoint) -> Timeline:
    return Timeline("made", checkpoints)


def version(label: str, commit: str, content: str, tags: str | None = None) -> Checkpoint:
    """As a history has it: all of one file."""
    return checkpoint(
        label, content, **{"file": "models/vmaf.onnx", "commit": commit, **({"tag": tags} if tags else {})}
    )


def refused(found: Timeline, name: str) -> str:
    with pytest.raises(BadTimeline) as refusal:
        find_baseline(found, name)
    return str(refusal.value)


def test_a_label_counts_before_a_tag_a_tag_before_a_commit_and_a_commit_before_a_file() -> None:
    name = "deadbee"
    by_file = checkpoint("a", file=f"models/{name}.onnx")
    by_commit = checkpoint("b", commit=f"{name}0123")
    by_tag = checkpoint("c", tag=f"v1, {name}")
    by_label = checkpoint(name)
    points = [by_file, by_commit, by_tag, by_label]
    while points:
        assert find_baseline(timeline(*points), name) == len(points) - 1
        assert find_baseline(timeline(*points[::-1]), name) == 0
        points.pop()


def test_each_of_several_tags_of_a_checkpoint_names_it() -> None:
    found = timeline(version("1", FIRST, "x", "v1.0, v1, stable,old"), version("2", SECOND, "y", "v2"))
    for name in ("v1.0", "v1", "stable,old"):
        assert find_baseline(found, name) == 0
    assert find_baseline(found, "v2") == 1
    for part in ("stable", "old", "v1.0, v1"):
        assert "is no label, tag, commit or file" in refused(found, part)


def test_a_commit_is_named_by_seven_digits_or_more_in_either_case() -> None:
    found = timeline(version("1", FIRST, "x"), version("2", SECOND.upper(), "y"))
    for name in (FIRST, FIRST[:8], FIRST[:12].upper()):
        assert find_baseline(found, name) == 0
    assert find_baseline(found, SECOND[:8]) == 1
    assert "could be any of 1, 2; name one by its label" in refused(found, FIRST[:7])
    assert "is no label" in refused(found, FIRST[:6])


def test_a_file_is_named_by_its_path_its_name_or_its_stem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = timeline(checkpoint("old", file="models/model_1.onnx"), checkpoint("new", file="models/model_2.onnx"))
    names = ("models/model_2.onnx", "./models//model_2.onnx", f"{tmp_path}/models/model_2.onnx", "model_2.onnx")
    for name in (*names, "model_2"):
        assert find_baseline(found, name) == 1
    for name in ("other/model_2.onnx", "models/model_2", "2"):
        assert "is no label" in refused(found, name)


def test_the_file_of_a_history_names_none_of_its_versions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = timeline(version("1", FIRST, "x"))
    assert "is no label" in refused(found, "vmaf.onnx")
    (tmp_path / "models").mkdir()
    (tmp_path / "models/vmaf.onnx").write_bytes(b"")
    monkeypatch.chdir(tmp_path)
    outside = find_baseline(found, "models/vmaf.onnx")
    assert isinstance(outside, Checkpoint), "it is the file as it lies there"
    assert outside.origin == {"file": "models/vmaf.onnx"}


def test_an_entry_of_a_registry_is_named_by_its_file_even_where_it_tells_of_its_commit() -> None:
    entries = [
        checkpoint(f"release {number}", file=f"models/m{number}.onnx", entry=str(number), commit=f"{number}" * 40)
        for number in range(3)
    ]
    for name in ("models/m1.onnx", "m1.onnx", "m1", "1111111"):
        assert find_baseline(timeline(*entries), name) == 1


def test_one_model_of_several_that_are_called_the_same_is_as_good_as_the_other() -> None:
    same = version("2", FIRST, "x"), version("3", FIRST, "x")
    assert find_baseline(timeline(version("1", SECOND, "y"), *same), FIRST) == 1
    for others in ("y", None):
        other = checkpoint("4", others, commit=FIRST)
        assert "could be any of 2, 3, 4; name one by its label" in refused(timeline(*same, other), FIRST)
    unknown = checkpoint("a", file="x/m.onnx"), checkpoint("b", file="y/m.onnx")
    assert "could be any of a, b;" in refused(timeline(*unknown), "m"), "nobody knows that these are the same"


def test_of_many_that_could_be_meant_five_are_listed() -> None:
    points = [checkpoint(f"{number}", file=f"{number}/m.onnx") for number in range(12)]
    assert "could be any of 0, 1, 2, 3, 4 and 7 more;" in refused(timeline(*points), "m")


def test_a_model_outside_is_read_as_it_lies_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("released.onnx", "odd [1] *?.onnx", "-.onnx"):
        Path(name).write_bytes(b"model")
        found = find_baseline(timeline(checkpoint("a", file="models/a.onnx")), name)
        assert isinstance(found, Checkpoint)
        assert (found.label, found.origin) == (Path(name).stem, {"file": name})
        assert found.files.model() == b"model"


def test_a_folder_is_no_model(tmp_path: Path) -> None:
    assert "no model file" in refused(timeline(checkpoint("a")), str(tmp_path))


def test_an_unknown_name_is_answered_with_names_that_are_close() -> None:
    found = timeline(*(checkpoint(f"release-{number}", tag=f"v{number}, stable{number}") for number in range(1, 8)))
    close = refused(found, "relaese-3")
    assert close.startswith(
        "baseline 'relaese-3' is no label, tag, commit or file of the timeline, and no model file; "
    )
    assert "release-3" in close
    assert "stable5" in refused(found, "stabel5")
    assert refused(found, "zzz").endswith("; it has release-1, v1, stable1, release-2, v2")
    assert refused(timeline(), "zzz").endswith("and no model file")


@pytest.mark.parametrize("name", ["", " ", "x" * 5000, "a\0b", "\n", "\u202ereversed"])
def test_a_name_that_nothing_can_have_is_refused_and_not_shown_as_it_is(name: str) -> None:
    points = checkpoint("a"), checkpoint("b", tag="v1"), checkpoint("c", file="m.onnx", commit="")
    said = refused(timeline(*points), name)
    assert "is no label, tag, commit or file" in said
    assert said.isprintable()
    assert len(said) < 500
