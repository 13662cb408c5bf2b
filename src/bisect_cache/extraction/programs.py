"""The program that measures: the ffmpeg that the lock names by its hash, or one that the user names by its path."""

from __future__ import annotations

import base64
import contextlib
import functools
import hashlib
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bisect_cache.cache.extracted import Build
from bisect_cache.errors import OfStrangers
from bisect_cache.files import CannotRead, open_file

Kind = Literal["ffmpeg", "vmaf"]

LARGEST_VIDEO = 1 << 44
"""Bytes; hours of raw video."""
_SECONDS = 60
_KEPT = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "TMPDIR")
_VERSION = {"ffmpeg": r"ffmpeg version (\S+)", "vmaf": r"^(?:vmaf )?v?([0-9]\S*.*)"}
_LONGEST_VERSION = 200


class NoProgram(OfStrangers):
    """There is nothing to measure with, or it cannot."""


@dataclass(frozen=True)
class Program:
    """An executable file, and which one it is."""

    path: Path
    build: Build
    seen: tuple[int, ...]
    """What the file looked like when its hash was taken."""

    def check_unchanged(self) -> None:
        """Raise ``NoProgram`` where another file lies at the path by now: what measured is not what was hashed."""
        if look(self.path) != self.seen:
            raise NoProgram(f"{self.path}: was replaced while it measured, by an update perhaps; run again")


def find_program(ffmpeg: str | None, vmaf: str | None) -> Program:
    """The program at the path ``ffmpeg`` or ``vmaf``, or where neither is named the one of ``imageio-ffmpeg``.

    Raises ``NoProgram``, ``CannotRead``.
    """
    if vmaf is not None:
        return _identified("vmaf", _named(vmaf, "--vmaf"))
    if ffmpeg is not None:
        return _identified("ffmpeg", _named(ffmpeg, "--ffmpeg"))
    path, expected = _frozen()
    program = _identified("ffmpeg", path)
    if program.build.sha256 != expected:
        raise NoProgram(
            f"{path}: is not the file that imageio-ffmpeg was installed with (its sha256 differs from the one in its "
            f"RECORD); install it again, or name a program with --ffmpeg or --vmaf"
        )
    return program


@functools.lru_cache(maxsize=8)
def the_same_here(program: Program) -> Program:
    """``program``, found by another process, as it lies here: at its path, or else in ``imageio-ffmpeg``'s wheel.

    Raises ``NoProgram`` where neither is the same file.
    """
    places = [program.path]
    with contextlib.suppress(NoProgram):
        places.append(_frozen()[0])
    for path in places:
        with contextlib.suppress(CannotRead):
            seen = look(path)
            if digest(path) == program.build.sha256:
                return Program(path, program.build, seen)
    raise NoProgram(
        f"{program.path}: is not here as the same file, with the sha256 {program.build.sha256[:12]}…, and "
        f"imageio-ffmpeg holds no such one; put it there, or install the same bisect-cache[extract] everywhere"
    )


def child_environment() -> dict[str, str]:
    """What a program is told: where libraries are, and nothing that changes what it says or that is secret."""
    return {"LC_ALL": "C"} | {name: os.environ[name] for name in _KEPT if name in os.environ}


def look(path: Path) -> tuple[int, ...]:
    """What tells a file from one that replaced it or that it became."""
    try:
        status = path.stat()
    except OSError:
        return ()
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def size_of(path: Path) -> int:
    """Bytes of a regular file. Raises ``CannotRead``."""
    with open_file(path, largest=LARGEST_VIDEO) as stream:
        return os.fstat(stream.fileno()).st_size


def digest(path: Path) -> str:
    """The sha256 of a file of any size. Raises ``CannotRead``."""
    with open_file(path, largest=LARGEST_VIDEO) as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _named(name: str, option: str) -> Path:
    found = shutil.which(name)
    if found is None:
        raise NoProgram(f"{option} {name}: there is no such program, or it may not be run; correct the path")
    return Path(found).resolve()


def _frozen() -> tuple[Path, str]:
    """The ffmpeg inside the wheel and the sha256 that the wheel's RECORD gives it.

    ``imageio_ffmpeg.get_ffmpeg_exe()`` also takes what the environment names or what the system has: programs that no
    lock has frozen.
    """
    from importlib.metadata import PackageNotFoundError, files

    try:
        listed = files("imageio-ffmpeg") or []
        import imageio_ffmpeg

        chosen = Path(imageio_ffmpeg.get_ffmpeg_exe())
    except (ImportError, PackageNotFoundError):
        raise NoProgram(
            "the frozen ffmpeg is not installed; install it with `pip install 'bisect-cache[extract]'`, or name a "
            "program with --ffmpeg or --vmaf"
        ) from None
    except RuntimeError as error:
        raise NoProgram(f"{error} It must have the filter libvmaf; name one with --ffmpeg or --vmaf") from error
    for file in listed:
        if file.hash and file.hash.mode == "sha256" and file.locate().resolve() == chosen.resolve():  # type: ignore[attr-defined]
            return chosen.resolve(), base64.urlsafe_b64decode(file.hash.value + "==").hex()
    raise NoProgram(
        f"{chosen}: is the ffmpeg that imageio-ffmpeg chooses here, and not the one of its wheel, which alone is "
        f"frozen by its hash: unset IMAGEIO_FFMPEG_EXE or install the wheel for this platform, or name "
        f"this one with --ffmpeg"
    )


def _identified(kind: Kind, path: Path) -> Program:
    before = look(path)
    sha256 = digest(path)
    said = _said(kind, path)
    found = re.search(_VERSION[kind], said, re.MULTILINE)
    if found is None:
        raise NoProgram(f"{path}: does not say which version of {kind} it is; name a program that does")
    if kind == "ffmpeg" and "log_path" not in said:
        raise NoProgram(
            f"{path}: this ffmpeg {found[1]} has no filter libvmaf; take one built with --enable-libvmaf, or the one "
            f"of `pip install 'bisect-cache[extract]'`"
        )
    return Program(path, Build(kind, found[1].strip()[:_LONGEST_VERSION], sha256), before)


def _said(kind: Kind, path: Path) -> str:
    argv = [str(path), *(["-h", "filter=libvmaf"] if kind == "ffmpeg" else ["--version"])]
    try:
        done = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=_SECONDS,
            env=child_environment(),
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        why = getattr(error, "strerror", None) or f"no answer within {_SECONDS} seconds"
        raise NoProgram(f"{path}: cannot be run ({why}); name another program") from error
    return done.stdout.decode(errors="replace")
