"""Names of releases in the order of their versions: pure.

PEP 440 (``1.0``, ``1.0rc1``, ``1.0.post1``) by the library that implements it, Semantic Versioning
(``1.0.0-alpha.beta``) by its own rules of precedence (https://semver.org, 11).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from packaging.version import Version

_VERSION = re.compile(r"\D*?(\d.*)", re.DOTALL)
_SEMVER = re.compile(r"(\d{1,99})\.(\d{1,99})\.(\d{1,99})(?:-([0-9A-Za-z.-]{1,200}))?(?:\+[0-9A-Za-z.-]+)?")


def in_version_order(names: Sequence[str]) -> list[str] | None:
    """The names by version, pre-releases before releases; None where one of them is no version."""
    for key in (_pep440, _semver):
        keys = {name: key(name) for name in names}
        if all(value is not None for value in keys.values()):
            return sorted(names, key=lambda name: (keys[name], name))
    return None


def _number(name: str) -> str:
    found = _VERSION.fullmatch(name)
    return found[1] if found else ""


def _pep440(name: str) -> Any:
    try:
        return Version(_number(name))
    except ValueError:  # no version, or a number too long for one
        return None


def _semver(name: str) -> Any:
    found = _SEMVER.fullmatch(_number(name))
    if found is None:
        return None
    release = tuple(int(part) for part in found.group(1, 2, 3))
    if found[4] is None:
        return release, 1, ()
    # Numbers before words, numbers by value, words by their characters; the longer of two alike is the later.
    before = tuple((0, int(part), "") if part.isdigit() else (1, 0, part) for part in found[4].split("."))
    return release, 0, before
