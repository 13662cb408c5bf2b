"""`make fuzz`: every parser for its share of the time, and a table of what came of it.

The engine is atheris, which looks for inputs that reach new code; where there is none for this Python, or with
``--without-atheris``, seeds are mutated at random. Each target runs in a process of its own, so that one that is
brought down takes no other with it. An input that breaks a promise is kept in ``build/fuzz``, once for each way in
which it is broken, and goes on to be a test.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from random import Random

import click

_REPOSITORY = Path(__file__).resolve().parents[2]
_FOUND = _REPOSITORY / "build" / "fuzz"
_LARGEST_INPUT = 1 << 16
_SAVED_EVERY = 1.0
_ROOM_TO_START = 60.0
_LINES_SHOWN = 40

sys.path[:0] = [str(_REPOSITORY / "tests"), str(_REPOSITORY / "src")]


def main() -> int:
    """The exit code: 1 where a promise was broken."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--seconds", type=float, default=300, help="for all targets together")
    parser.add_argument("--target", action="append", help="only this one, by a part of its name; may be given again")
    parser.add_argument("--without-atheris", action="store_true")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        return _one(options.one, options.seconds, guided=not options.without_atheris)
    guided = not options.without_atheris and importlib.util.find_spec("atheris") is not None
    click.echo(f"engine: {'atheris, guided by coverage' if guided else 'seeds mutated at random, without atheris'}")

    from fuzz.targets import TARGETS

    wanted = [name for name in TARGETS if not options.target or any(part in name for part in options.target)]
    told = []
    for name in wanted:
        told.append(_in_a_process(name, options.seconds / len(wanted), guided=guided))
        click.echo(_row(told[-1]))
    click.echo(_table(told))
    return 1 if any(one["findings"] for one in told) else 0


def _table(told: Sequence[dict[str, object]]) -> str:
    rows = "\n".join(_row(one) for one in told)
    total = sum(int(str(one["executions"])) for one in told)
    return f"\n| target | executions | findings |\n| --- | ---: | ---: |\n{rows}\nexecutions in all: {total:,}"


def _row(told: dict[str, object]) -> str:
    return f"| {told['target']} | {told['executions']:,} | {told['findings'] or 'none'} |"


def _in_a_process(name: str, seconds: float, *, guided: bool) -> dict[str, object]:
    """What one target came to; one whose process was brought down has a finding more."""
    with tempfile.TemporaryDirectory(prefix="fuzz-") as place:
        environment = os.environ | {"BISECT_CACHE_FUZZ_PLACE": place}
        command = [sys.executable, __file__, "--one", name, "--seconds", str(seconds)]
        if not guided:
            command.append("--without-atheris")
        with (Path(place) / "log").open("w+b") as log:
            ended = subprocess.run(
                command, env=environment, stdout=log, stderr=log, check=False, timeout=seconds * 3 + 10 * _ROOM_TO_START
            )
            log.seek(0)
            printed = log.read().decode("utf-8", "replace")
        counted = Path(place) / "counted.json"
        told = json.loads(counted.read_bytes()) if counted.exists() else {"executions": 0, "findings": 0}
    told["findings"] += ended.returncode != 0
    if told["findings"]:
        lines = [line for line in printed.splitlines() if line and not line.startswith(("INFO: ", "WARNING: "))]
        click.echo("\n".join(lines[-_LINES_SHOWN:]), err=True)
    return {"target": name, **told}


class _Counted:
    """Runs a target on input after input and keeps what it finds; saves the figures now and then."""

    def __init__(self, name: str) -> None:
        from fuzz.targets import TARGETS

        self._target = TARGETS[name]
        self._kept = _FOUND / re.sub(r"[^a-z0-9]+", "-", name.lower())
        self._place = Path(os.environ["BISECT_CACHE_FUZZ_PLACE"]) / "counted.json"
        self._executions = 0
        self._ways: set[str] = set()
        self._saved = 0.0

    def __call__(self, data: bytes) -> None:
        from fuzz.promises import Broken, named

        self._executions += 1
        try:
            self._target.hold(data)
        except Broken as broken:
            way = re.sub(r"[\d.]+", "N", str(broken).partition(":")[0])
            if way not in self._ways:
                self._ways.add(way)
                self._kept.mkdir(parents=True, exist_ok=True)
                (self._kept / named(data)).write_bytes(data)
                click.echo(f"{self._kept / named(data)}: {broken}", err=True)
        if time.monotonic() > self._saved + _SAVED_EVERY:
            self.save()

    def save(self) -> None:
        self._saved = time.monotonic()
        self._place.write_text(json.dumps({"executions": self._executions, "findings": len(self._ways)}))


def _one(name: str, seconds: float, *, guided: bool) -> int:
    warnings.simplefilter("error")
    return _guided(name, seconds) if guided else _at_random(name, seconds)


def _at_random(name: str, seconds: float) -> int:
    from fuzz.changing import mutated
    from fuzz.targets import TARGETS

    counted, target, random = _Counted(name), TARGETS[name], Random()
    seeds = target.known()
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        data = random.choice(seeds)
        for _ in range(random.choice((1, 1, 2, 4))):
            data = mutated(target.kind, data, random)
        counted(data)
    counted.save()
    return 0


def _guided(name: str, seconds: float) -> int:
    import atheris

    with atheris.instrument_imports(include=["bisect_cache", "json", "csv", "zipfile", "yaml"]):
        from fuzz.changing import mutated
        from fuzz.promises import named, workplace
        from fuzz.targets import TARGETS

    counted, target = _Counted(name), TARGETS[name]
    corpus = workplace() / "corpus"
    corpus.mkdir()
    for seed in target.known():
        (corpus / named(seed)).write_bytes(seed)

    def changed(data: bytes, longest: int, seed: int) -> bytes:
        """Half of what is tried begins at a sound file: what C reads shows no coverage, so the corpus forgets them."""
        random = Random(seed)
        if random.random() < 0.3:
            return bytes(atheris.Mutate(data, longest))
        start = data if random.random() < 0.3 else random.choice(target.known())
        return mutated(target.kind, start, random)[:longest]

    _FOUND.mkdir(parents=True, exist_ok=True)
    flags = [
        f"-max_total_time={max(1, round(seconds))}",
        f"-max_len={_LARGEST_INPUT}",
        "-rss_limit_mb=3072",
        "-timeout=60",
    ]
    flags += [f"-artifact_prefix={_FOUND}/", "-reduce_inputs=0", "-verbosity=0", str(corpus)]
    atheris.Setup([sys.argv[0], *flags], counted, custom_mutator=changed)
    atheris.Fuzz()  # ends the process
    return 0


if __name__ == "__main__":
    sys.exit(main())
