"""Lists in a Python file are read and never run."""

from __future__ import annotations

import ast
import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bisect_cache.cache.recipes.python_lists import NoList, lists_in

NETFLIX = """# a list as Netflix/vmaf lays them out
dataset_name = 'NFLX'
from vmaf.config import VmafConfig
dis_dir = VmafConfig.file_path("dataset", "dis")
ref_videos = [{'content_id': 0, 'path': ref_dir + '/a.yuv'}]
dis_videos = [
    # a comment, and a line that goes on
    {'asset_id': 0, 'content_id': 0, 'dmos': 100.0,
     'path': dis_dir + '/a_25fps.yuv', 'os': [1, -2.5], 'note': "x" 'y', 'known': None},
    {'asset_id': 1, 'content_id': 0, 'dmos': 7, 'path': config.dir + '/b' + '.yuv'},
]
"""

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def test_a_list_reads_with_folders_that_are_variables_left_out() -> None:
    assert lists_in(NETFLIX, "dis_videos") == {
        "dis_videos": [
            {"asset_id": 0, "content_id": 0, "dmos": 100.0, "path": "a_25fps.yuv", "os": [1, -2.5], "note": "xy",
             "known": None},
            {"asset_id": 1, "content_id": 0, "dmos": 7, "path": "b.yuv"},
        ]
    }  # fmt: skip
    assert list(lists_in(NETFLIX)) == ["ref_videos", "dis_videos"]


def test_parentheses_around_one_value_are_not_a_list() -> None:
    assert lists_in("x = [('a'\n 'b'), (1,), (2, 3), ()]\n") == {"x": ["ab", [1], [2, 3], []]}


@given(st.lists(values, max_size=4))
def test_what_python_writes_reads_as_python_reads_it(written: list[object]) -> None:
    text = f"labels = {written!r}\n"
    assert lists_in(text) == {"labels": ast.literal_eval(repr(written))}


@given(st.text(alphabet="x=[]{}():,+-'\"1.abf \n#", max_size=40))
def test_any_text_is_a_list_or_refused(text: str) -> None:
    with contextlib.suppress(NoList):
        assert all(isinstance(value, list) for value in lists_in(f"x=[{text}").values())


def test_nothing_in_the_file_is_run(tmp_path: Path) -> None:
    touched = tmp_path / "touched"
    text = f"open({str(touched)!r}, 'w').close()\nx = [1]\n"
    assert lists_in(text) == {"x": [1]}
    assert not touched.exists()


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("[f'{1}']", "line 1"),
        ("[os.path.join('a', 'b')]", "worked out"),
        ("[i for i in y]", "'for' stands where ',' should"),
        ("[*a]", r"'\*' is neither text"),
        ("[b'a']", "is no plain text"),
        ("[1j]", "is no score"),
        ("[-'a']", "is no number"),
        (f"[{'9' * 200}]", "is no number"),
        ("[1 + 'a']", "a sum of something else"),
        ("[{1: 2}]", "a dictionary's name"),
        ("[{'a': 1, 'a': 2}]", "stands twice"),
        ("[" * 40 + "]" * 40, "lies deeper"),
        ("[" * 5000, "no Python"),
        ("[1", "no Python"),
        ("[\n" + "1" * 70_000 + "]", "line 2 has more than 65,536 characters"),
        ("[" + "1,\n" * 150_000 + "]", "more than 300,000 words and signs"),
    ],
)
def test_a_list_that_only_python_could_read_is_refused_with_its_line(value: str, why: str) -> None:
    with pytest.raises(NoList, match=why):
        lists_in(f"x = {value}\n")


def test_lists_that_are_not_assigned_at_the_outermost_level_are_none() -> None:
    assert lists_in("if True:\n    x = [1]\ny.x = [2]\nf(x=[3])\n[4]\nz = 5\n") == {}
