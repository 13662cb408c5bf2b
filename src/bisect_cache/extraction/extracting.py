"""One pair of videos becomes one report, or is found to have it already.

The program runs in an empty folder in which the videos have plain names (links): a path may hold whatever a file
system takes, and nothing of it is read as ffmpeg's syntax for filters and protocols. No shell is asked.
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

import msgspec

from bisect_cache.cache.extracted import Extraction, Source, with_record
from bisect_cache.cache.recipes.interface import BadSource, lies_in
from bisect_cache.cache.recipes.libvmaf import LARGEST_REPORT, metric_names, parse_report
from bisect_cache.executing.of_a_run import OfARun
from bisect_cache.extraction.comparable import VIDEOS, stored
from bisect_cache.extraction.ffmpeg import REPORT, FfmpegRun
from bisect_cache.extraction.finished import why_again
from bisect_cache.extraction.pairs import Pair, PairFailed, frame_bytes, is_raw
from bisect_cache.extraction.programs import Program, child_environment, digest, look, size_of
from bisect_cache.extraction.vmaf import VmafRun
from bisect_cache.files import CannotRead, read_file

_LONGEST_LINE = 4096
_ERRORS_SHOWN = 3
_LONGEST_ERROR = 300
_WAY_OUT = "see that both videos can be played, and that the list says how they are stored"
_SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,8}")


@dataclass(frozen=True)
class Means:
    """What a pair is measured with."""

    program: Program
    threads: int
    """Of libvmaf, for one pair: they change no value."""
    seconds: float
    """That one pair may take."""


@dataclass(frozen=True)
class Place:
    """Where reports are, and where they are made: on the same file system, so that a finished one is renamed."""

    reports: Path
    stage: Path


@dataclass(frozen=True)
class Done:
    """One pair's report is there."""

    kept: bool
    """It was there before, and is what would be made now."""
    again: str = ""
    """Why a report that was there was made again."""


class Running(OfARun):
    """The programs that run now in one process, so that all of them can be ended at once."""

    def __init__(self, *, run: str | None = None) -> None:
        super().__init__(run)
        self._processes: set[subprocess.Popen[bytes]] = set()
        self._lock = threading.Lock()
        self._stopped = False

    def start(self, start: Callable[[], subprocess.Popen[bytes]]) -> subprocess.Popen[bytes]:
        """Start one more. Raises ``PairFailed`` where none shall run any more."""
        with self._lock:
            if self._stopped:
                raise PairFailed("interrupted")
            process = start()
            self._processes.add(process)
            return process

    def forget(self, process: subprocess.Popen[bytes]) -> None:
        """One that has ended."""
        with self._lock:
            self._processes.discard(process)

    def stop(self) -> None:
        """Kill all, and let no other start."""
        with self._lock:
            self._stopped = True
            for process in self._processes:
                process.kill()


def extract_pair(pair: Pair, means: Means, place: Place, running: Running) -> Done:
    """Make the report of ``pair``, unless it is there, complete, and what would be made now.

    Raises ``PairFailed``; a report that was there is there still.
    """
    target = place.reports / pair.report
    if not lies_in(place.reports, str(pair.report)):
        raise PairFailed(
            f"{target}: a link leads out of the folder of reports; remove it, or extract to another folder"
        )
    try:
        again = why_again(pair, means.program.build, target)
        if again is None:
            return Done(kept=True)
        with tempfile.TemporaryDirectory(dir=place.stage) as folder:
            report = measure(pair, means, Path(folder), running)
            target.parent.mkdir(parents=True, exist_ok=True)
            report.replace(target)
    except (CannotRead, BadSource) as error:
        raise PairFailed(str(error)) from error
    except OSError as error:
        raise PairFailed(
            f"{target}: cannot be written ({error.strerror or error}); free some space, or extract to a folder "
            f"that you may write to"
        ) from error
    return Done(kept=False, again=again)


def measure(pair: Pair, means: Means, folder: Path, running: Running) -> Path:
    """Measure ``pair`` in the empty ``folder`` and return the path of its report, with its record in it.

    Raises ``PairFailed``, ``CannotRead``, ``BadSource`` or ``OSError``.
    """
    raw = frozenset(role for role in VIDEOS if is_raw(pair.names[role]))
    _check_raw(pair, raw)
    paths = {role: pair.path(role) for role in pair.names}
    sizes = {role: size_of(path) for role, path in paths.items()}  # each is there, and a file
    before = {role: look(path) for role, path in paths.items()}
    run = FfmpegRun(pair.how, raw) if means.program.build.program == "ffmpeg" else VmafRun(pair.how, raw, paths)
    links = _link(paths, folder)
    called = {link: pair.names[role] for role, link in links.items() if "." in link}
    _run(run.arguments(links, means.threads), run, called, means, folder, running)

    path = folder / REPORT
    if not path.exists():
        raise PairFailed(f"{means.program.build.program} ended well, but left no report; name another build")
    data = read_file(path, f"the report of {pair.key}", largest=LARGEST_REPORT)
    report = parse_report(data, f"the report of {pair.key}")
    if not metric_names(report):
        raise PairFailed("its report has frames without metrics; name another model")
    complaint = run.miscount(len(report.frames))
    if complaint:
        raise PairFailed(complaint)
    digests = {role: digest(path) for role, path in paths.items()}
    if before != {role: look(path) for role, path in paths.items()}:
        raise PairFailed("a video changed while it was measured; run again when nothing writes to it")
    means.program.check_unchanged()
    sources = {role: Source(pair.names[role], sizes[role], before[role][-1], digests[role]) for role in pair.names}
    record = Extraction(
        build=msgspec.structs.replace(means.program.build, libvmaf=report.version),
        how=pair.how,
        frames=len(report.frames),
        **sources,
    )
    path.write_bytes(with_record(data, record))
    return path


def _check_raw(pair: Pair, raw: frozenset[str]) -> None:
    """Raise ``PairFailed`` where a raw video is not described, or cannot be what is said of it."""
    for role in sorted(raw):
        said = stored(pair.how, role)
        if not said.size or not said.pixel_format or (pair.how.compare_fps and not said.fps):
            raise PairFailed(
                f"{pair.names[role]} is raw video, of which nothing is known: say in columns size (1920x1080) and "
                f"pixel_format (yuv420p) how it is stored, and where there is a compare_fps, its rate in a column fps"
            )
        size, frame = size_of(pair.path(role)), frame_bytes(said.size, said.pixel_format)
        if size % frame or not size:
            width, height = said.size
            raise PairFailed(
                f"{pair.names[role]} has {size:,} bytes, which are {size / frame:.3f} frames of {width}x{height} "
                f"{said.pixel_format}; correct its size or pixel_format, or fetch the file again"
            )


def _link(paths: Mapping[str, Path], folder: Path) -> dict[str, str]:
    """Plain names for the files, in ``folder``; the suffix stays, by which some formats are recognised."""
    names = {}
    for role, path in paths.items():
        suffix = path.suffix if _SUFFIX.fullmatch(path.suffix) else ""
        names[role] = role + suffix
        (folder / names[role]).symlink_to(os.path.realpath(path))
    return names


def _run(
    arguments: list[str],
    run: FfmpegRun | VmafRun,
    called: Mapping[str, str],
    means: Means,
    folder: Path,
    running: Running,
) -> None:
    """Run the program to its end; ``called`` is what the user calls the files in ``folder``.

    Raises ``PairFailed`` when it fails, takes too long, or should not go on.
    """
    program = means.program
    process = running.start(
        lambda: subprocess.Popen(
            [str(program.path), *arguments],
            cwd=folder,
            env=child_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            process_group=0,  # an interrupt from the terminal is for us to pass on
        )
    )
    late = threading.Event()
    timer = threading.Timer(means.seconds, _end_late, (process, late))
    timer.daemon = True
    timer.start()
    try:
        complaint, errors = _listen(process, run, called)
        process.wait()
    finally:
        process.kill()
        process.wait()
        timer.cancel()
        running.forget(process)
    if complaint:
        raise PairFailed(complaint)
    if late.is_set():
        raise PairFailed(f"took longer than {means.seconds:g} seconds; give it more with --time-limit")
    if process.returncode:
        said = "; ".join(errors) or "it said nothing"
        raise PairFailed(f"{program.build.program} ended with {process.returncode}: {said}; {_WAY_OUT}")
    flaw = run.flaw(errors)
    if flaw:
        raise PairFailed(flaw)


def _end_late(process: subprocess.Popen[bytes], late: threading.Event) -> None:
    late.set()
    process.kill()


def _listen(
    process: subprocess.Popen[bytes], run: FfmpegRun | VmafRun, called: Mapping[str, str]
) -> tuple[str | None, list[str]]:
    """Read the log to its end: why the run should not go on, in which case it is ended, and the first errors."""
    complaint: str | None = None
    errors: list[str] = []
    with cast("IO[bytes]", process.stderr) as log:
        while line := log.readline(_LONGEST_LINE):
            text = line.decode(errors="replace").rstrip()
            if complaint is None and (complaint := run.heard(text)):
                process.kill()
            error = run.error_in(text)
            if error and len(errors) < _ERRORS_SHOWN:
                for link, name in called.items():
                    error = error.replace(link, name)
                errors.append(error[:_LONGEST_ERROR])
    return complaint, errors
