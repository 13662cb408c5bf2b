"""Registries on disk: which models they lead to, and which they may not."""

import json
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bisect_cache.files import CannotRead, sha256_of
from bisect_cache.timeline.interface import BadTimeline, Timeline
from bisect_cache.timeline.registry import LARGEST_REGISTRY
from bisect_cache.timeline.spec import open_timeline


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty current folder, in a folder of its own."""
    current = tmp_path / "checkout"
    current.mkdir()
    monkeypatch.chdir(current)
    return current


def write_registry(path, entries):
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(json.dumps({"models": entries}))


def write_models(*paths):
    for path in map(Path, paths):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(path.stem.encode())


def opened(spec):
    return open_timeline([spec])


def labels(spec):
    return [checkpoint.label for checkpoint in opened(spec).checkpoints]


def refusal(spec):
    with pytest.raises(BadTimeline) as caught:
        opened(spec)
    return str(caught.value)


def reason(checkpoint):
    with pytest.raises(CannotRead) as caught:
        checkpoint.files.model()
    return str(caught.value)


def test_models_are_found_from_the_registrys_folder_in_its_order(folder):
    write_models("ml/models/b.onnx", "ml/a.onnx")
    write_registry("ml/registry.json", [{"name": "first", "file": "models/b.onnx"}, {"name": "then", "file": "a.onnx"}])
    timeline = opened("registry:ml/registry.json")
    assert timeline.source == "registry:ml/registry.json"
    assert timeline.notes == ()
    assert [checkpoint.label for checkpoint in timeline.checkpoints] == ["first", "then"]
    assert [checkpoint.files.model() for checkpoint in timeline.checkpoints] == [b"b", b"a"]
    assert timeline.checkpoints[0].origin == {"file": "ml/models/b.onnx", "entry": "0"}


def test_a_yaml_registry_is_read_with_its_sidecars_and_dates(folder):
    write_models("models/v1.onnx", "models/v1.json")
    Path("registry.yaml").write_text(
        "timeline:\n  v1: {file: models/v1.onnx, sidecar: models/v1.json, added: 2016-05-18, version: 1.10}\n"
        "  v2: {file: models/v1.onnx}\n"
    )
    first, _ = opened("registry:registry.yaml").checkpoints
    assert first.origin == {"file": "models/v1.onnx", "entry": "v1", "added": "2016-05-18", "version": "1.10"}
    assert first.sidecar == "v1.json"
    assert first.files.beside(first.sidecar) == b"v1"


def test_filters_and_keys_come_with_the_spec(folder):
    write_models("a.onnx", "b.onnx")
    write_registry("r.json", [{"t": "a", "w": "a.onnx", "codec": "x"}, {"t": "b", "w": "b.onnx", "codec": "y"}])
    timeline = opened("registry:r.json?name-key=t&file-key=w&codec=[y]")
    assert [checkpoint.label for checkpoint in timeline.checkpoints] == ["b"]
    assert timeline.notes == ("left out by the filters: 1 of 2 entries",)


def test_a_missing_model_stays_in_the_timeline_and_is_noted(folder):
    write_models("a.onnx")
    write_registry("r.json", [{"name": "a", "file": "a.onnx"}, {"name": "b", "file": "b.onnx"}])
    timeline = opened("registry:r.json")
    assert [checkpoint.label for checkpoint in timeline.checkpoints] == ["a", "b"]
    assert timeline.notes == ("files that do not exist: b",)
    assert "b.onnx does not exist" in reason(timeline.checkpoints[1])


def test_a_model_in_the_current_folder_may_lie_outside_the_registrys(folder):
    write_models("models/a.onnx")
    write_registry("ml/registry.json", [{"name": "a", "file": "../models/a.onnx"}])
    (checkpoint,) = opened("registry:ml/registry.json").checkpoints
    assert checkpoint.files.model() == b"a"


def test_a_registry_elsewhere_leads_to_the_models_beside_it(folder):
    write_models("../elsewhere/models/a.onnx")
    write_registry("../elsewhere/registry.json", [{"name": "a", "file": "models/a.onnx"}])
    (checkpoint,) = opened("registry:../elsewhere/registry.json").checkpoints
    assert checkpoint.files.model() == b"a"


def test_an_entry_that_leads_elsewhere_is_untestable_and_the_others_are_not(folder):
    write_models("../secret.onnx", "a.onnx")
    Path("link.onnx").symlink_to("../secret.onnx")
    hostile = ["../secret.onnx", "link.onnx", str(folder / "a.onnx"), "a.onnx/../../secret.onnx", "C:\\a.onnx"]
    write_registry("r.json", [*hostile, "a.onnx"])
    *refused, good = opened("registry:r.json").checkpoints
    assert good.files.model() == b"a"
    for checkpoint in refused:
        assert "in one of them" in reason(checkpoint) or "below the registry" in reason(checkpoint)


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"", "is not JSON"),
        (b"[]", "holds no entries"),
        (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        (b" " * (LARGEST_REGISTRY + 1), "at most 16,777,216 are read"),
    ],
)
def test_a_registry_that_cannot_be_used_is_refused_by_name(folder, content, fault):
    Path("r.json").write_bytes(content)
    assert fault in refusal("registry:r.json")
    assert "r.json" in refusal("registry:r.json")


def test_a_registry_that_is_no_file_is_refused(folder):
    os.mkfifo("pipe.json")
    assert "missing.json does not exist" in refusal("registry:missing.json")
    assert "is no regular file" in refusal("registry:pipe.json")
    assert "is a folder" in refusal("registry:.")
    assert "write registry:FILE" in refusal("registry:?name=a")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(
    st.lists(
        st.dictionaries(
            st.sampled_from(["name", "file", "sha256", "sidecar"]),
            st.text(max_size=8) | st.sampled_from(["a.onnx", "../a.onnx", "a.json", "/a", "a" * 300]) | st.none(),
        )
    ),
    st.sampled_from([".json", ".yaml"]),
)
def test_any_registry_gives_a_timeline_whose_models_read_or_say_why_not(folder, entries, suffix):
    write_models("a.onnx")
    path = folder / f"registry{suffix}"
    path.write_text(json.dumps(entries, ensure_ascii=suffix == ".json"), errors="replace")
    try:
        timeline = opened(f"registry:{path.name}")
    except BadTimeline:
        return
    assert isinstance(timeline, Timeline)
    assert all(model_or_reason(checkpoint) for checkpoint in timeline.checkpoints)


def model_or_reason(checkpoint):
    try:
        return checkpoint.files.model()
    except CannotRead as error:
        return str(error).isprintable()


def test_the_real_registry_gives_its_eleven_models_in_order_of_publication(real_data):
    timeline = opened(f"registry:{real_data}/vmaf-history/registry.json")
    found = [checkpoint.label for checkpoint in timeline.checkpoints]
    assert len(found) == 11
    assert (found[0], found[5], found[-1]) == ("nflxtrain_vmafv3", "nflxtrain_norm_type_none", "vmaf_float_b_v0.6.3")
    added = [checkpoint.origin["added"] for checkpoint in timeline.checkpoints]
    assert added == sorted(added)
    assert timeline.notes == ()
    assert all(sha256_of(checkpoint.files.model()) == checkpoint.sha256 for checkpoint in timeline.checkpoints)


def test_the_real_registry_is_narrowed_by_name_and_date(real_data):
    spec = f"registry:{real_data}/vmaf-history/registry.json?name=vmaf_v*&name=vmaf_4k*&added=2017-*"
    assert labels(spec) == ["vmaf_v0.6.0", "vmaf_v0.6.1"]
