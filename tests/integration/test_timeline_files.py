"""Model files in folders: what a glob finds, and what is read of it."""

import os
import pickle
from pathlib import Path

import pytest

from bisect_cache.files import CannotRead
from bisect_cache.printable import printable
from bisect_cache.timeline.folder import FolderModel, RefusedModel
from bisect_cache.timeline.interface import LARGEST_MODEL, BadTimeline
from bisect_cache.timeline.spec import open_timeline

POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty current folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(*paths, content=b"model"):
    for path in map(Path, paths):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def labels(*specs):
    return [checkpoint.label for checkpoint in open_timeline(specs).checkpoints]


def files(*specs):
    return [checkpoint.origin["file"] for checkpoint in open_timeline(specs).checkpoints]


def refusal(*specs):
    with pytest.raises(BadTimeline) as caught:
        open_timeline(specs)
    return str(caught.value)


def reason(read, *arguments):
    with pytest.raises(CannotRead) as caught:
        read(*arguments)
    return str(caught.value)


# What is listed


@pytest.mark.parametrize("spec", ["files:models/*.onnx", "models/*.onnx", "files:models", "models/", "**/*.onnx"])
def test_a_folder_and_its_globs_are_listed_in_natural_order(folder, spec):
    write("models/model_10.onnx", "models/model_9.onnx", "models/.hidden.onnx", "models/model_9.json")
    (folder / "models" / "folder.onnx").mkdir()
    timeline = open_timeline([spec])
    assert [checkpoint.label for checkpoint in timeline.checkpoints] == ["model_9", "model_10"]
    assert (timeline.source, timeline.notes) == (spec, ())


def test_several_paths_are_one_timeline_in_natural_order(folder):
    write("b/2.onnx", "a/10.onnx", "a/9.onnx")
    assert files("b/2.onnx", "files:a/10.onnx", "a/9.onnx") == ["a/9.onnx", "a/10.onnx", "b/2.onnx"]
    assert open_timeline(["b/2.onnx", "a/9.onnx"]).source == "b/2.onnx a/9.onnx"


def test_a_file_is_listed_once_however_it_is_named(folder):
    write("models/a.onnx", "models/b.onnx")
    (folder / "linked").symlink_to("models")
    timeline = open_timeline(["models/*.onnx", str(folder / "models" / "a.onnx"), "./models//b.onnx", "linked/a.onnx"])
    assert [checkpoint.origin["file"] for checkpoint in timeline.checkpoints] == ["models/a.onnx", "models/b.onnx"]
    assert timeline.notes == ("named more than once, listed once: models/a.onnx, models/b.onnx",)


def test_a_link_to_a_model_is_a_checkpoint_of_its_own(folder):
    write("v1.onnx")
    Path("v2.onnx").symlink_to("v1.onnx")
    assert labels("*.onnx") == ["v1", "v2"]


def test_labels_take_as_much_of_the_path_as_tells_them_apart(folder):
    write("run_2/model.onnx", "run_10/model.onnx", "run_10/other.onnx")
    assert labels("**/*.onnx") == ["run_2/model", "run_10/model", "other"]


def test_suffixes_are_shown_where_they_differ(folder):
    write("a.onnx", "a.ort")
    assert labels("a.*") == ["a.onnx", "a.ort"]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("**/m.onnx", ["m.onnx", "a/m.onnx", "a/b/m.onnx"]),
        ("a/**/m.onnx", ["a/m.onnx", "a/b/m.onnx"]),
        ("a/**/**/b/*.onnx", ["a/b/m.onnx"]),
        ("**/b/**", ["a/b/m.onnx"]),
        ("*/m.onnx", ["a/m.onnx"]),
        ("?/[b]/m.onnx", ["a/b/m.onnx"]),
        (".h/*", [".h/m.onnx"]),
        (".*/*", [".h/m.onnx"]),
    ],
)
def test_globs_mean_what_they_mean_in_a_shell(folder, pattern, expected):
    write("m.onnx", "a/m.onnx", "a/b/m.onnx", ".h/m.onnx")
    assert sorted(files(pattern), key=len) == expected


def test_an_absolute_glob_is_as_good_as_a_relative_one(folder):
    write("models/m_1.onnx", "models/m_2.onnx")
    assert labels(f"{folder}/models/*.onnx") == ["m_1", "m_2"]


def test_a_circle_of_links_ends_the_walk(folder):
    write("a/m.onnx")
    for link in ("one", "two", "three"):
        (folder / "a" / link).symlink_to(".")
    assert files("**/*.onnx") == ["a/m.onnx"]


def test_a_name_full_of_glob_characters_is_a_path_where_it_is_there(folder):
    write("m[1]*.onnx", "m1.onnx")
    assert files("m[1]*.onnx") == ["m[1]*.onnx"]


@pytest.mark.parametrize("spec", ["run:1/m.onnx", "run:1/*.onnx", "run:1"])
def test_a_path_that_looks_like_a_kind_is_a_path_where_it_is_there(folder, spec):
    write("run:1/m.onnx")
    assert files(spec) == ["run:1/m.onnx"]


def test_a_glob_without_a_match_says_what_is_in_the_folder(folder):
    write(*(f"models/m_{number}.pt" for number in range(12)))
    text = refusal("files:models/*.onnx")
    assert "'models/*.onnx' matches no file" in text
    assert "The folder 'models' holds m_0.pt, m_1.pt, m_2.pt, m_3.pt, m_4.pt and 7 more." in text


def test_a_path_that_is_not_there_is_refused_with_what_is(folder):
    write("a.onnx")
    text = refusal("models/deep/b.onnx", "a.onnx")
    assert text == "'models/deep/b.onnx' does not exist; correct the path. The current folder holds a.onnx."


def test_an_empty_folder_is_refused(folder):
    Path("models").mkdir()
    text = "'models/*.onnx' matches no file; correct the pattern. The folder 'models' holds nothing."
    assert refusal("models") == text


def test_names_that_do_not_print_are_shown_and_read_all_the_same(folder):
    name = b"m\x1b\xff.onnx"
    Path(os.fsdecode(name)).write_bytes(b"model")
    (checkpoint,) = open_timeline(["*.onnx"]).checkpoints
    assert checkpoint.label == "m\ufffd\ufffd"
    assert checkpoint.files.model() == b"model"


def test_opening_a_timeline_reads_no_model(folder):
    write("a.onnx")
    os.mkfifo("b.onnx")
    Path("c.onnx").symlink_to("nowhere.onnx")
    assert labels("*.onnx") == ["a", "b", "c"]


# What is read


def test_a_model_and_the_files_beside_it_are_read(folder):
    write("models/m.onnx")
    write("models/m.onnx.data", "models/data/m.bin", content=b"weights")
    model = FolderModel(Path("models/m.onnx"))
    assert model.model() == b"model"
    assert model.beside("m.onnx.data") == model.beside("./data//m.bin") == b"weights"


def test_a_model_can_be_sent_to_another_process(folder):
    write("m.onnx")
    assert pickle.loads(pickle.dumps(FolderModel(Path("m.onnx")))).model() == b"model"


def test_a_model_that_cannot_be_read_says_why_and_what_to_do(folder):
    Path("folder.onnx").mkdir()
    os.mkfifo("pipe.onnx")
    write("pointer.onnx", content=POINTER)
    with Path("large.onnx").open("wb") as stream:
        stream.truncate(LARGEST_MODEL + 1)
    Path("circle.onnx").symlink_to("circle.onnx")
    Path("device.onnx").symlink_to("/dev/zero")

    def fault(name):
        text = reason(FolderModel(Path(name)).model)
        assert text.startswith(name)
        return text

    assert "does not exist; restore it" in fault("missing.onnx")
    assert "is a folder" in fault("folder.onnx")
    assert "is no regular file" in fault("pipe.onnx")
    assert "is no regular file" in fault("device.onnx")
    assert "`git lfs pull`" in fault("pointer.onnx")
    assert "`lfs: true` in actions/checkout" in fault("pointer.onnx")
    assert "at most 2,147,483,647 are read" in fault("large.onnx")
    assert "cannot be read (Too many levels of symbolic links)" in fault("circle.onnx")
    assert "cannot be read (no file can have this name)" in reason(FolderModel(Path("a\0b")).model)


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser reads everything")
def test_a_model_without_permission_says_so(folder):
    write("m.onnx")
    Path("m.onnx").chmod(0)
    assert "Permission denied" in reason(FolderModel(Path("m.onnx")).model)


@pytest.mark.parametrize(
    ("location", "fault"),
    [
        ("", "is empty"),
        ("/etc/passwd", "is absolute"),
        ("C:secret", "starts with a drive letter"),
        ("c:/secret", "starts with a drive letter"),
        ("data\\m.bin", "has backslashes"),
        ("m\0.bin", "holds characters"),
        ("\ud800", "holds characters"),
        ("..", "climbs out"),
        ("../secret", "climbs out"),
        ("data/../../secret", "climbs out"),
        ("data/../m.onnx", "climbs out"),
        ("link_to_file", "leaves the model's own folder"),
        ("link_to_folder/secret", "leaves the model's own folder"),
        ("absolute_link", "leaves the model's own folder"),
        ("missing", "does not exist"),
        ("data", "is a folder"),
        ("pointer", "is a Git LFS pointer"),
        ("circle", ""),  # the wording depends on the version of Python
    ],
)
def test_a_location_that_leaves_the_models_folder_or_is_not_there_is_refused(folder, location, fault):
    write("secret", "models-2/secret", "models/m.onnx", "models/data/m.bin")
    write("models/pointer", content=POINTER)
    for link, target in {
        "link_to_file": "../secret",
        "link_to_folder": "../models-2",
        "absolute_link": str(folder / "secret"),
        "circle": "circle",
    }.items():
        Path("models", link).symlink_to(target)
    text = reason(FolderModel(Path("models/m.onnx")).beside, location)
    assert fault in text
    assert text.startswith(f"models/m.onnx names {printable(location)!r}, which ")
    assert text.isprintable()


def test_links_that_stay_in_the_models_folder_are_followed(folder):
    write("real/m.onnx", "real/store/1", content=b"weights")
    Path("real/m.data").symlink_to("store/1")
    Path("models").symlink_to("real")
    assert FolderModel(Path("models/m.onnx")).beside("m.data") == b"weights"


def test_a_model_that_must_lie_within_a_folder_is_not_read_elsewhere(folder):
    write("secret.onnx", "models/m.onnx", "models-2/m.onnx")
    Path("models/link.onnx").symlink_to("../secret.onnx")
    Path("models/deep").symlink_to("../models-2")
    within = (Path("models"),)
    assert FolderModel(Path("models/m.onnx"), within).model() == b"model"
    for path in ("models/link.onnx", "models/../secret.onnx", "models/deep/m.onnx", "models-2/m.onnx"):
        assert "leads out of" in reason(FolderModel(Path(path), within).model)
    assert "leads out of" in reason(FolderModel(Path("models/deep/m.onnx"), within).beside, "m.onnx")


def test_a_refused_model_is_not_even_looked_for(folder):
    write("m.onnx")
    refused = RefusedModel("its entry lies")
    assert reason(refused.model) == "its entry lies"
    assert reason(refused.beside, "m.onnx") == "'m.onnx' is not read: its entry lies"


def test_real_models_are_listed_and_read(real_data):
    timeline = open_timeline([f"files:{real_data}/vmaf-history/models/*.onnx"])
    assert len(timeline.checkpoints) == 11
    assert timeline.checkpoints[0].label == "nflxall_vmafv3"
    assert all(checkpoint.files.model() for checkpoint in timeline.checkpoints)
