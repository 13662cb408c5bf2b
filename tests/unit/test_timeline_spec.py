"""SPEC strings, natural order and labels: what needs no files."""

import subprocess
import sys
from functools import cmp_to_key
from itertools import groupby

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bisect_cache.timeline import spec as spec_module
from bisect_cache.timeline.files import natural_order
from bisect_cache.timeline.interface import BadTimeline, Timeline
from bisect_cache.timeline.labels import (
    LONGEST_LABEL,
    printable,
    shortest_tails,
    some_of,
    stem_and_suffix,
    told_apart,
)
from bisect_cache.timeline.spec import open_timeline

names = st.text(alphabet="ab019._-", min_size=1, max_size=8)
paths = st.lists(names, min_size=1, max_size=4).map("/".join)


# Natural order


def in_natural_order(unsorted):
    return sorted(unsorted, key=natural_order)


def compare_texts(one, other):
    return (one > other) - (one < other)


def compare_by_runs(one, other):
    """The slow twin: runs of digits and runs of text, one after the other, numbers compared as numbers."""
    runs = [
        [(is_digit, "".join(run)) for is_digit, run in groupby(text, lambda char: char in "0123456789")]
        for text in (one, other)
    ]
    for (digits_one, text_one), (digits_other, text_other) in zip(*runs, strict=False):
        if digits_one and digits_other:
            order = int(text_one) - int(text_other)
        elif digits_one != digits_other:
            order = -1 if digits_one else 1
        else:
            order = compare_texts(text_one, text_other)
        if order:
            return order
    return len(runs[0]) - len(runs[1])


def compare_paths(one, other):
    (stem_one, suffix_one), (stem_other, suffix_other) = stem_and_suffix(one), stem_and_suffix(other)
    *folders_one, name_one = stem_one.split("/")
    *folders_other, name_other = stem_other.split("/")
    for part_one, part_other in zip(folders_one, folders_other, strict=False):
        if order := compare_by_runs(part_one, part_other):
            return order
    return (
        len(folders_one) - len(folders_other)
        or compare_by_runs(name_one, name_other)
        or compare_by_runs(suffix_one[1:], suffix_other[1:])
        or compare_texts(one, other)
    )


@given(st.lists(paths, max_size=12))
def test_natural_order_agrees_with_its_slow_twin(unsorted):
    assert in_natural_order(unsorted) == sorted(unsorted, key=cmp_to_key(compare_paths))


@given(st.lists(paths, unique=True), st.randoms(use_true_random=False))
def test_natural_order_does_not_depend_on_the_order_it_was_given(unsorted, random):
    shuffled = random.sample(unsorted, len(unsorted))
    assert in_natural_order(shuffled) == in_natural_order(unsorted)
    assert len({natural_order(path) for path in unsorted}) == len(unsorted)


@pytest.mark.parametrize(
    "ordered",
    [
        ["model_9.onnx", "model_10.onnx"],
        ["run_2/model_10.onnx", "run_10/model_9.onnx"],
        ["v1.onnx", "v1.1.onnx", "v1.10.onnx", "v2.onnx"],
        ["model_007.onnx", "model_07.onnx", "model_7.onnx", "model_8.onnx"],
        ["run/b.onnx", "run-1/a.onnx"],
        ["1.onnx", "a.onnx"],
        [f"{'1' * 5000}.onnx", f"{'2' * 5000}.onnx"],
    ],
)
def test_natural_order_reads_numbers_as_numbers(ordered):
    assert in_natural_order(reversed(ordered)) == ordered


# Labels


@given(st.lists(paths, unique=True, min_size=1, max_size=8))
def test_a_label_is_the_shortest_tail_that_no_other_path_ends_in(listed):
    suffixes = {stem_and_suffix(path)[1] for path in listed}
    stems = [stem_and_suffix(path)[0] if len(suffixes) == 1 else path for path in listed]
    parts = [stem.split("/") for stem in stems]
    for own, label in zip(parts, shortest_tails(listed), strict=True):
        others = [other for other in parts if other is not own]
        depths = range(1, len(own) + 1)
        unique = [depth for depth in depths if all(other[-depth:] != own[-depth:] for other in others)]
        assert label == "/".join(own[-(unique[0] if unique else len(own)) :])


@given(st.lists(st.tuples(st.text(max_size=5) | st.just("x" * 300), st.text(max_size=5))))
def test_labels_are_printable_short_and_no_two_alike(named):
    labels = told_apart([label for label, _ in named], [hint for _, hint in named])
    assert len(set(labels)) == len(named)
    assert all(label.isprintable() and 0 < len(label) <= LONGEST_LABEL for label in labels)


def test_labels_stay_apart_where_a_name_already_looks_like_a_told_apart_one():
    assert told_apart(["x", "x", "x", "x (a)"], ["a", "b", "b", "c"]) == ["x (#0)", "x (b)", "x (#2)", "x (a)"]


def test_what_does_not_print_becomes_a_replacement_character():
    assert printable("a\x1b[31m\n\u202eb\udcff") == "a\ufffd[31m\ufffd\ufffdb\ufffd"


def test_a_long_label_is_cut_with_an_ellipsis():
    assert printable("x" * 201) == "x" * 199 + "…"
    assert printable("x" * 200) == "x" * 200


def test_a_long_row_of_names_ends_in_a_count():
    assert some_of(str(i) for i in range(1012)) == "0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 1,002 more"


# SPECs


@pytest.mark.parametrize("spec", ["https://example.org/a.onnx", "registy:models.json", "FILES:*.onnx"])
def test_an_unknown_kind_is_refused_with_the_kinds_there_are(spec):
    with pytest.raises(BadTimeline, match=r"no source called .*; use files: or registry: or git-log: or tags:"):
        open_timeline([spec])


def test_kinds_do_not_mix():
    with pytest.raises(BadTimeline, match="files: and registry: do not mix"):
        open_timeline(["registry:registry.json", "model.onnx"])


def test_a_timeline_has_one_registry():
    with pytest.raises(BadTimeline, match="one registry"):
        open_timeline(["registry:a.json", "registry:b.json"])


def test_no_spec_is_a_bad_timeline():
    with pytest.raises(BadTimeline, match="no timeline is given"):
        open_timeline([])


texts = st.text().filter(lambda text: "**" not in text)
prefixes = st.sampled_from(["", "files:", "registry:", "registry:nowhere.json?", "tags:"])


@given(st.lists(st.builds("{}{}".format, prefixes, texts), max_size=3))
def test_any_spec_gives_a_timeline_or_says_what_is_bad(specs):
    assert isinstance(timeline_or_fault(specs), Timeline | str)


def timeline_or_fault(specs):
    """The timeline, or the text of the one error that may come."""
    try:
        return open_timeline(specs)
    except BadTimeline as error:
        return str(error)


def test_a_new_kind_of_source_is_one_line_in_the_table(monkeypatch):
    empty = Timeline("nothing", ())
    monkeypatch.setattr(spec_module, "SOURCES", {**spec_module.SOURCES, "nothing": lambda _rests, _source: empty})
    assert open_timeline(["nothing:at all"]) is empty


def test_opening_timelines_loads_no_heavy_module():
    loaded = subprocess.run(
        [sys.executable, "-c", "import sys, bisect_cache.timeline.spec; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert not {"yaml", "numpy", "pandas", "onnx", "onnxruntime", "pyarrow"} & set(loaded)
    assert "bisect_cache.timeline.spec" in loaded
