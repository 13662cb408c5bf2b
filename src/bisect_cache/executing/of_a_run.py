"""What belongs to one run, and of which every process that works for it has its own: judges, programs that run.

Pickled, such an object takes along what it is made of, and nothing of its state: it arrives as a fresh one of the same
run. Each process can be told to do something with those it has, by the run's name, also while tasks are using them.
"""

from __future__ import annotations

import hashlib
import sys
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any
from uuid import uuid4
from weakref import WeakSet

from bisect_cache import __version__
from bisect_cache.executing.interface import NoExecutor

_MATTERS = ("numpy", "onnxruntime")
"""Of these, another version can give other values in the last digits."""
_ROOT = Path(__file__).resolve().parents[1]


class OfARun:
    """Base of what each process has of its own. ``run`` names the run; a fresh name where none is given."""

    def __init__(self, run: str | None = None) -> None:
        self.run = run or uuid4().hex
        with _changing:
            _here.add(self)

    def made_of(self) -> tuple[Any, ...]:
        """The arguments with which another process makes one of its own, the run's name apart."""
        return ()

    def __reduce__(self) -> tuple[Callable[..., OfARun], tuple[Any, ...]]:
        return _arrived, (type(self), self.made_of(), self.run, installed())


_here: WeakSet[OfARun] = WeakSet()
_said: OrderedDict[str, list[str]] = OrderedDict()
"""What was told of runs, for what arrives after that."""
_MOST_REMEMBERED = 1000
_changing = threading.Lock()


def told(run: str, what: str) -> None:
    """Call the method ``what`` of all that this process has of the run, and of what arrives later."""
    with _changing:
        of_run = [one for one in _here if one.run == run]
        _said.setdefault(run, []).append(what)
        while len(_said) > _MOST_REMEMBERED:
            _said.popitem(last=False)
    for one in of_run:
        getattr(one, what)()


@cache
def installed() -> Mapping[str, str]:
    """What results depend on, by name: versions, and the very code, which a version may not tell."""
    return {"bisect-cache": __version__, "bisect-cache's code": _code()} | {name: _version(name) for name in _MATTERS}


def difference(theirs: Mapping[str, str]) -> str | None:
    """How ``theirs``, of another process, differs from what is installed here; None where it does not."""
    ours = installed()
    for name, wanted in ours.items():
        if theirs.get(name) != wanted:
            return f"{name} is {theirs.get(name) or 'missing'} there and {wanted or 'missing'} here"
    return None


def _arrived(kind: Callable[..., OfARun], parts: tuple[Any, ...], run: str, theirs: Mapping[str, str]) -> OfARun:
    different = difference(theirs)
    if different:
        raise NoExecutor(f"a worker that came later ({sys.executable}) is not like the others: {different}")
    one = kind(*parts, run=run)
    with _changing:
        missed = tuple(_said.get(run, ()))
    for what in missed:
        getattr(one, what)()
    return one


def _version(name: str) -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def _code() -> str:
    """Twelve digits that are the same for the same modules."""
    told = hashlib.sha256()
    for path in sorted(_ROOT.rglob("*.py")):
        told.update(path.relative_to(_ROOT).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return told.hexdigest()[:12]
