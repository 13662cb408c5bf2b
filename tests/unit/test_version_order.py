"""Names of releases in the order of their versions."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.version import Version

from bisect_cache.timeline.git.version_order import in_version_order

NUMBERS = st.integers(0, 30)
RELEASES = st.lists(NUMBERS, min_size=1, max_size=4).map(lambda parts: ".".join(map(str, parts)))
PEP440 = st.tuples(
    RELEASES,
    st.sampled_from(["", "a1", "a10", "b2", "rc1", "-rc.1"]),
    st.sampled_from(["", ".post1"]),
    st.sampled_from(["", ".dev3"]),
).map("".join)
IDENTIFIERS = st.one_of(
    NUMBERS.map(str), st.text("ab-Z", min_size=1, max_size=3), st.sampled_from(["alpha", "beta", "rc"])
)
SEMVER = st.tuples(
    st.tuples(NUMBERS, NUMBERS, NUMBERS), st.lists(IDENTIFIERS, max_size=3), st.sampled_from(["", "+build.7"])
)
PREFIXES = st.sampled_from(["", "v", "release-", "vmaf_v", "models/v"])
ONLY_SEMVER = "0.0.0-q.q"
"""What packaging does not read, so that the rules of Semantic Versioning count."""


def spelled(version: tuple[tuple[int, int, int], list[str], str]) -> str:
    release, before, build = version
    return ".".join(map(str, release)) + ("-" + ".".join(before) if before else "") + build


def precedes(
    one: tuple[tuple[int, int, int], list[str], str], other: tuple[tuple[int, int, int], list[str], str]
) -> bool:
    """Semantic Versioning 2.0.0, 11, sentence by sentence."""
    if one[0] != other[0]:
        return one[0] < other[0]
    if not one[1] or not other[1]:
        return bool(one[1]) and not other[1]
    for mine, theirs in zip(one[1], other[1], strict=False):
        if mine == theirs:
            continue
        if mine.isdigit() and theirs.isdigit():
            return int(mine) < int(theirs)
        if mine.isdigit() != theirs.isdigit():
            return mine.isdigit()
        return mine < theirs
    return len(one[1]) < len(other[1])


@pytest.mark.parametrize(
    "ordered",
    [
        ["v1.2.0", "v1.10.0"],
        ["1.0rc1", "1.0"],
        ["1.0.dev1", "1.0a1", "1.0b2", "1.0rc1", "1.0", "1.0.post1", "1.0.1"],
        # The example of Semantic Versioning 2.0.0, 11.4.4.
        [
            "1.0.0-alpha",
            "1.0.0-alpha.1",
            "1.0.0-alpha.beta",
            "1.0.0-beta",
            "1.0.0-beta.2",
            "1.0.0-beta.11",
            "1.0.0-rc.1",
            "1.0.0",
        ],
        ["release-0.9", "v1", "model_v2.0"],
        ["v1.0", "v1.0.0", "v1.0.1"],
        ["2024.01.05", "2024.11.1"],
    ],
)
def test_versions_stand_in_their_order(ordered: list[str]) -> None:
    shuffled = list(ordered)
    random.Random(0).shuffle(shuffled)
    assert in_version_order(shuffled) == ordered


@pytest.mark.parametrize(
    "names",
    [
        ["v1", "nightly"],
        [""],
        ["latest"],
        ["1.0", "2024-01-01-run"],
        ["1" * 5000 + "x"],
        ["1.0rc1", "1.0.0-alpha.beta"],
    ],
)
def test_where_one_is_no_version_there_is_no_order(names: list[str]) -> None:
    assert in_version_order(names) is None


def test_numbers_of_any_length_do_no_harm() -> None:
    huge = "9" * 5000
    for name in (huge, f"{huge}.0.0-a.b", f"1.0.0-{huge}", f"1.0.0-a.{huge}.b"):
        assert in_version_order([name]) in ([name], None)


@given(st.lists(st.tuples(PREFIXES, PEP440), unique=True, max_size=8))
def test_forms_of_python_stand_as_packaging_orders_them(versions: list[tuple[str, str]]) -> None:
    version_of = {prefix + version: Version(version) for prefix, version in versions}
    ordered = in_version_order(list(version_of))
    assert ordered is not None
    assert sorted(ordered) == sorted(version_of)
    assert all(version_of[one] <= version_of[other] for one, other in pairwise(ordered))


@given(st.lists(SEMVER, max_size=8))
def test_semantic_versions_stand_as_their_rules_say(
    versions: list[tuple[tuple[int, int, int], list[str], str]],
) -> None:
    by_name = {spelled(version): version for version in versions}
    by_name[ONLY_SEMVER] = ((0, 0, 0), ["q", "q"], "")
    ordered = in_version_order(list(by_name))
    assert ordered is not None
    assert sorted(ordered) == sorted(by_name)
    assert not any(precedes(by_name[later], by_name[one]) for one, later in pairwise(ordered))


@given(st.lists(st.one_of(PEP440, SEMVER.map(spelled), st.text(max_size=8)), unique=True, max_size=8), st.randoms())
def test_the_order_they_come_in_does_not_matter(names: list[str], order: random.Random) -> None:
    shuffled = list(names)
    order.shuffle(shuffled)
    assert in_version_order(shuffled) == in_version_order(names)
