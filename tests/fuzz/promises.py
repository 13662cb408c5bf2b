"""What a parser promises of any bytes: a value or the one kind of error that users read, soon, in little memory."""

from __future__ import annotations

import atexit
import hashlib
import os
import resource
import shutil
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from bisect_cache.errors import BisectCacheError

SECONDS = 2.0
"""Of the processor: a busy machine makes nothing slower than it is."""
MEMORY = 400 << 20
"""Bytes by which one input may raise the most that the process ever held."""
LONGEST_SAID = 10_000


class Broken(AssertionError):
    """A promise that an input broke."""


@dataclass(frozen=True)
class Target:
    """One parser."""

    name: str
    kind: str
    """What its files are, as ``changing.KINDS`` knows them."""
    seeds: Callable[[], Sequence[bytes]]
    """Real files, made or found when they are asked for."""
    run: Callable[[bytes], None]
    """Reads the bytes and uses what comes of them as the program does; a refusal is raised as users read it."""

    def hold(self, data: bytes) -> bool:
        """Whether the input was taken; raises ``Broken`` where it broke a promise."""
        held, started = _most_memory(), time.process_time()
        try:
            self.run(data)
            taken = True
        except BisectCacheError as refused:
            check_said(str(refused))
            taken = False
        except Exception as error:
            raise Broken(f"{type(error).__name__} in {_where(error)}: {error!r:.300}") from error
        took, grown = time.process_time() - started, _most_memory() - held
        if took > SECONDS:
            raise Broken(f"took {took:.1f} s")
        if grown > MEMORY:
            raise Broken(f"took {grown >> 20} MiB")
        return taken

    def known(self) -> Sequence[bytes]:
        """Its seeds, made once."""
        return _seeds(self)


@cache
def _seeds(target: Target) -> Sequence[bytes]:
    return tuple(target.seeds())


def check_said(text: str) -> None:
    """An error as a user reads it fits to be shown."""
    if not text or not text.isprintable() or len(text) > LONGEST_SAID:
        raise Broken(f"says what does not fit to be shown ({len(text)} characters): {text!r:.300}")


def _where(error: Exception) -> str:
    ours = [frame for frame in traceback.extract_tb(error.__traceback__) if "bisect_cache" in frame.filename]
    frame = (ours or traceback.extract_tb(error.__traceback__))[-1]
    return f"{Path(frame.filename).name}, {frame.name}, line {frame.lineno}"


def _most_memory() -> int:
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most << 10


@cache
def workplace() -> Path:
    """A folder for files of this process; ``BISECT_CACHE_FUZZ_PLACE`` says where it is made."""
    made = Path(tempfile.mkdtemp(prefix="fuzz-", dir=os.environ.get("BISECT_CACHE_FUZZ_PLACE")))
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    return made.resolve()


def named(data: bytes) -> str:
    """A short name for an input."""
    return hashlib.sha256(data).hexdigest()[:16]
