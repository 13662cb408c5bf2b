"""What a registry says, laid out as entries: decoded data in, entries and notes out."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bisect_cache.timeline.interface import BadTimeline
from bisect_cache.timeline.registry_document import read_document
from bisect_cache.timeline.registry_entries import lay_out
from bisect_cache.timeline.registry_query import Query, read_query

SHA = "0123456789abcdef" * 4


def laid_out(document, query=""):
    return lay_out(document, read_query(query), "registry.json")


def labels(document, query=""):
    return [entry.label for entry in laid_out(document, query).entries]


def only_entry(**fields):
    (entry,) = laid_out([{"name": "v1", "file": "models/v1.onnx", **fields}]).entries
    return entry


def refusal(document, query=""):
    with pytest.raises(BadTimeline) as caught:
        laid_out(document, query)
    assert "registry" in str(caught.value)
    return str(caught.value)


# Where entries are found

V1 = {"name": "v1", "file": "v1.onnx"}
V2 = {"name": "v2", "file": "v2.onnx"}


@pytest.mark.parametrize(
    "document",
    [
        [V1, V2],
        {"models": [V1, V2]},
        {"checkpoints": {"v1": {"file": "v1.onnx"}, "v2": {"file": "v2.onnx"}}},
        {"schema": 3, "entries": [V1, V2]},
        {"timeline": [V1, V2], "owner": {"mail": "a@example.org"}},
        {"released": [V1, V2], "owner": {"mail": "a@example.org"}},
        {"v1": {"path": "v1.onnx"}, "v2": {"onnx": "v2.onnx"}},
        {"v1": "v1.onnx", "v2": "v2.onnx"},
        {"models": {"v1": "v1.onnx", "v2": "v2.onnx"}},
        {"all": ["v1.onnx", "v2.onnx"]},
        ["v1.onnx", "v2.onnx"],
        [{"id": "v1", "model": "v1.onnx"}, {"id": "v2", "model": "v2.onnx"}],
    ],
)
def test_entries_are_found_in_the_forms_that_registries_have(document):
    layout = laid_out(document)
    assert [(entry.label, entry.file) for entry in layout.entries] == [("v1", "v1.onnx"), ("v2", "v2.onnx")]
    assert layout.notes == ()


def test_the_order_is_the_registrys():
    assert labels([V2, V1]) == ["v2", "v1"]


def test_a_given_list_key_is_the_only_place_looked_at():
    assert labels({"models": [V1], "nightly": [V2]}, "list-key=nightly") == ["v2"]


def test_entries_in_two_places_are_not_guessed_between():
    assert "models, entries; say which with list-key=" in refusal({"models": [V1], "entries": [V2]})
    assert "old, new; say which with list-key=" in refusal({"old": [V1], "new": [V2]})
    assert "list-key=" in refusal({"default": V1, "others": [V2]})


@pytest.mark.parametrize("document", [None, 3, "text", {}, {"a": 1}, {"name": "v1", "file": 3}, [], {"models": []}])
def test_data_without_entries_is_refused(document):
    refusal(document)


def test_a_list_key_that_holds_no_list_is_refused_with_those_that_do():
    assert "list-key= can name one of: old, new" in refusal({"old": [], "new": {}, "size": 3}, "list-key=size")


# What an entry says


def test_fields_may_have_other_names():
    document = [{"title": "first", "weights": "a/w.onnx", "digest": SHA, "norm": "a/w.json", "file": "no"}]
    query = "name-key=title&file-key=weights&sha256-key=digest&sidecar-key=norm"
    (entry,) = laid_out(document, query).entries
    assert (entry.label, entry.file, entry.sha256, entry.sidecar) == ("first", "a/w.onnx", SHA, "w.json")


def test_parameters_are_percent_decoded():
    assert labels([{"my name": "a&b=c", "file": "x.onnx"}, V1], "name-key=my%20name&my name=a%26b%3D*") == ["a&b=c"]


@pytest.mark.parametrize("key", ["name-key", "file-key", "sha256-key", "sidecar-key"])
def test_a_typed_field_that_no_entry_has_is_refused_with_those_there_are(key):
    assert "no entry has a field 'nmae'; the fields are: name, file" in refusal([V1, V2], f"{key}=nmae")


@pytest.mark.parametrize("query", ["name", "=v1", "&", "name=v1&", "file-key=", "file-key=a&file-key=b"])
def test_a_malformed_query_is_refused(query):
    with pytest.raises(BadTimeline, match="registry parameter"):
        read_query(query)


def test_a_name_wins_over_an_id_and_an_id_over_the_key():
    document = {
        "a": {"name": "n", "id": "i", "file": "1.onnx"},
        "b": {"id": "i", "file": "2.onnx"},
        "c": {"file": "3.onnx"},
    }
    assert labels(document) == ["n", "i", "c"]
    assert [entry.place for entry in laid_out(document).entries] == ["a", "b", "c"]


def test_an_entry_without_a_name_is_called_after_its_file():
    assert labels([{"file": "run_1/model.onnx"}, {"file": "run_2/model.onnx"}]) == ["run_1/model", "run_2/model"]


def test_what_people_want_to_see_is_kept_as_text():
    entry = only_entry(added="2016-05-18", version=2, commit="abc", released=True, date=None, owner="x")
    assert entry.told == {"added": "2016-05-18", "version": "2", "commit": "abc", "released": "true"}


def test_control_characters_of_a_registry_reach_no_label_and_no_note():
    layout = laid_out([{"name": "a\x1b[2J\n", "file": "a.onnx", "version": "\x07"}, {"name": "b\x00", "file": 1}])
    assert layout.entries[0].label == "a\ufffd[2J"
    assert layout.entries[0].told == {"version": "\ufffd"}
    assert laid_out({"a\x1b": "a.onnx"}).entries[0].place == "a\ufffd"
    assert all(note.isprintable() for note in layout.notes)


@pytest.mark.parametrize("claim", [SHA, SHA.upper(), f"sha256:{SHA}", f"SHA256:{SHA.upper()}"])
def test_a_sha256_is_taken_in_the_ways_people_write_it(claim):
    assert only_entry(sha256=claim).sha256 == SHA


@pytest.mark.parametrize("claim", [SHA[1:], SHA + "0", f"md5:{SHA}", "g" * 64, 12, [SHA], True])
def test_a_malformed_sha256_keeps_the_model_from_being_read_and_is_noted(claim):
    layout = laid_out([{**V1, "sha256": claim}, V2])
    assert "no sha256 of 64 hexadecimal digits" in (layout.entries[0].refusal or "")
    assert layout.entries[0].sha256 is None
    assert layout.entries[1].refusal is None
    assert any("not to be read" in note and "v1" in note for note in layout.notes)


@pytest.mark.parametrize("claim", [None, ""])
def test_an_empty_sha256_claims_nothing(claim):
    assert (only_entry(sha256=claim).sha256, only_entry(sha256=claim).refusal) == (None, None)


@pytest.mark.parametrize("file", ["/etc/passwd", "C:/m.onnx", "c:m.onnx", "a\\b.onnx", "a\0.onnx", "a\ud800.onnx"])
def test_a_file_that_is_no_relative_path_keeps_the_model_from_being_read(file):
    layout = laid_out([{"name": "v1", "file": file}, V2])
    assert "name a file below the registry" in (layout.entries[0].refusal or "")
    assert layout.entries[1].refusal is None


@pytest.mark.parametrize(
    ("file", "sidecar", "location"),
    [
        ("v1.onnx", "v1.json", "v1.json"),
        ("models/v1.onnx", "models/v1.json", "v1.json"),
        ("./models/v1.onnx", "models//norm/v1.json", "norm/v1.json"),
        ("../models/v1.onnx", "../models/v1.json", "v1.json"),
        ("v1.onnx", None, None),
    ],
)
def test_a_sidecar_is_told_relative_to_its_model(file, sidecar, location):
    (entry,) = laid_out([{"file": file, "sidecar": sidecar}]).entries
    assert entry.sidecar == location


@pytest.mark.parametrize(
    "sidecar", ["v1.json", "norm/v1.json", "models/../v1.json", "../v1.json", "/etc/v1.json", "models", "models\\v1", 3]
)
def test_a_sidecar_outside_its_models_folder_is_refused(sidecar):
    assert "v1: its sidecar" in refusal([{"name": "v1", "file": "models/v1.onnx", "sidecar": sidecar}])


def test_a_sidecar_above_a_model_above_the_registry_is_refused():
    assert "v1: its sidecar" in refusal([{"name": "v1", "file": "../v1.onnx", "sidecar": "../../secret.json"}])


# Which entries are wanted

RELEASES = [
    {"name": "v1", "file": "1.onnx", "codec": "h264", "stable": True, "major": 1},
    {"name": "v2", "file": "2.onnx", "codec": "hevc", "stable": False, "major": 2},
    {"name": "v3", "file": "3.onnx", "codec": "av1", "stable": True, "major": 3, "tags": ["a"]},
    {"name": "V4", "file": "4.onnx", "stable": None},
]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("name=v*", ["v1", "v2", "v3"]),
        ("codec=h*", ["v1", "v2"]),
        ("codec=h264&codec=av1", ["v1", "v3"]),
        ("stable=true", ["v1", "v3"]),
        ("stable=true&codec=av?", ["v3"]),
        ("stable=null", ["V4"]),
        ("major=[12]", ["v1", "v2"]),
    ],
)
def test_filters_keep_entries_that_match_every_field(query, expected):
    layout = laid_out(RELEASES, query)
    assert [entry.label for entry in layout.entries] == expected
    assert f"left out by the filters: {4 - len(expected)} of 4 entries" in layout.notes


def test_a_mapping_key_is_filtered_as_the_name():
    assert labels({"v1": "v1.onnx", "w1": "w1.onnx"}, "name=w*") == ["w1"]


def test_a_filter_on_a_field_that_no_entry_has_names_those_there_are():
    assert "'tags'; the fields are: name, file, codec, stable, major" in refusal(RELEASES, "tags=a")


def test_a_filter_that_leaves_nothing_is_refused():
    assert "none of 4 entries matches codec=vvc" in refusal(RELEASES, "codec=vvc")


# What a reader is told


def test_entries_of_one_name_or_one_file_stay_and_are_told_apart():
    layout = laid_out([V1, {"name": "v1", "file": "a/v1b.onnx"}, {"name": "v1", "file": "./v1.onnx"}])
    assert [entry.label for entry in layout.entries] == ["v1 (v1)", "v1 (v1b)", "v1 (./v1)"]
    assert "names of more than one entry, told apart in their labels: v1" in layout.notes
    assert "files of more than one entry, listed each time: v1.onnx" in layout.notes


def test_entries_that_name_no_file_are_left_out_and_said():
    layout = laid_out([V1, {"name": "svm"}, None, {"id": 7, "file": 3}])
    assert [entry.label for entry in layout.entries] == ["v1"]
    assert any(note.endswith("svm, entry 2, 7") for note in layout.notes)


def test_many_entries_without_a_file_are_counted():
    (note,) = laid_out([V1, *({"name": f"svm{i}"} for i in range(12))]).notes
    assert note.endswith("svm9 and 2 more")


def test_no_entry_with_a_file_is_refused_with_the_fields_there_are():
    assert "the fields are: name, weights; say which with file-key=" in refusal([{"name": "v1", "weights": "w"}])


def test_dates_that_contradict_the_order_are_said():
    dated = [{**V2, "added": "2017-02-20"}, {**V1, "added": "2016-05-18"}]
    (note,) = laid_out(dated).notes
    assert "v2 (added 2017-02-20) stands before v1 (2016-05-18)" in note
    assert laid_out(dated[::-1]).notes == ()


# Never anything else

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6)
field_names = st.sampled_from(["name", "id", "file", "sha256", "sidecar", "added", "x"])
field_values = scalars | st.sampled_from(["a.onnx", "m/b.onnx", "../c.onnx", "m/b.json", SHA, "2016-05-18", []])
some_entries = st.dictionaries(field_names, field_values) | st.text(max_size=6)
some_keys = st.sampled_from(["models", "entries", "v1", "v2", "file"])
documents = st.recursive(
    scalars | some_entries,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(some_keys | st.text(max_size=3), inner, max_size=4),
)
reserved = st.sampled_from(["name-key", "file-key", "sha256-key", "sidecar-key", "list-key"])
queries = st.lists(
    st.builds("{}={}".format, reserved, field_names | some_keys) | st.builds("{}={}".format, field_names, st.text())
).map("&".join)


@given(documents, queries)
def test_any_data_is_laid_out_or_refused(document, query):
    try:
        layout = laid_out(document, query)
    except BadTimeline as error:
        check_printable([str(error)])
        return
    assert layout.entries
    assert len({entry.label for entry in layout.entries}) == len(layout.entries)
    check_printable(layout.notes)
    for entry in layout.entries:
        check_printable([entry.label, entry.place, *entry.told.values(), entry.refusal or ""])


def check_printable(texts):
    assert [text for text in texts if not text.isprintable()] == []


@given(documents)
def test_json_says_in_a_file_what_it_says_in_memory(document):
    data = json.dumps(document).encode()
    read, _ = read_document(data, ".json", "registry.json")
    again, _ = read_document(json.dumps(read).encode(), ".json", "registry.json")
    assert read == again


@given(st.text() | documents.map(json.dumps), st.sampled_from([".json", ".yaml"]))
def test_any_text_is_read_or_refused(text, suffix):
    try:
        document, notes = read_document(text.encode("utf-8", "surrogatepass"), suffix, "registry")
        check_printable([*notes, *lay_out(document, Query(), "registry").notes])
    except BadTimeline as error:
        check_printable([str(error)])


# Texts


def read_yaml(text):
    return read_document(text.encode(), ".yaml", "registry.yaml")


def test_yaml_scalars_that_are_no_booleans_stay_as_written():
    document, notes = read_yaml(
        "{version: 1.10, added: 2016-05-18, n: 010, yes: off, none: ~, quoted: 'no', e: , !!int tagged: 3}"
    )
    assert document == {
        "version": "1.10",
        "added": "2016-05-18",
        "n": "010",
        "true": False,
        "none": None,
        "quoted": "no",
        "e": None,
        "tagged": "3",
    }
    assert notes == ()


def test_json_numbers_with_a_point_stay_as_written():
    assert read_document(b'{"version": 1.10, "n": 2}', ".json", "r")[0] == {"version": "1.10", "n": 2}


@pytest.mark.parametrize(
    ("suffix", "text"), [(".json", '[{"name": 1, "file": "a", "name": 2}]'), (".yml", "[{name: 1, file: a, name: 2}]")]
)
def test_keys_that_stand_twice_are_said(suffix, text):
    document, (note,) = read_document(text.encode(), suffix, "registry")
    assert str(document[0]["name"]) == "2"
    assert note.endswith("the last counts: name")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("a: &a [x]\nb: *a", "line 1: anchors and aliases"),
        ("- &a x", "anchors and aliases"),
        ("[" * 100_000, "line 1: nested too deeply"),
        ("- " * 100_000, "nested too deeply"),
        ("a: 1\n---\nb: 2", "a second document"),
        ("a: [", "is not YAML"),
        ("a: \x07", "is not YAML"),
    ],
)
def test_yaml_that_could_do_harm_or_does_not_parse_is_refused(text, fault):
    with pytest.raises(BadTimeline, match=fault):
        read_yaml(text)


def test_a_yaml_tag_constructs_nothing():
    assert read_yaml("!!python/object/apply:os.system ['exit 3']")[0] == ["exit 3"]


@pytest.mark.parametrize("data", [b"", b"{", b"[" * 100_000, b"\xff\xfe", b"[1" + b"0" * 5000 + b"]"])
def test_json_that_does_not_parse_is_refused(data):
    with pytest.raises(BadTimeline, match=r"registry\.json: "):
        read_document(data, ".json", "registry.json")


def test_another_suffix_is_refused():
    with pytest.raises(BadTimeline, match=r"a registry is a \.json, \.yaml or \.yml file"):
        read_document(b"[]", ".toml", "registry.toml")


def test_a_byte_order_mark_is_no_part_of_the_registry():
    assert read_document(b"\xef\xbb\xbf[]", ".json", "registry.json") == ([], ())
