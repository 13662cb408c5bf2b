"""Does every locked requirement have a wheel among its locked hashes for each platform that is promised?

    python tools/wheels.py [--uv UV]

The image and the command line install from hash-locked wheels alone, so a lock without one for some platform fails
there, and only there. uv asks the index which files a release has; nothing is downloaded. Exit code 1 names what is
missing. Needs uv and `packaging`.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.markers import Marker
from packaging.tags import Tag, compatible_tags, cpython_tags
from packaging.utils import parse_wheel_filename
from packaging.version import Version

CHECKOUT = Path(__file__).resolve().parents[1]
_GLIBC = range(17, 42)
"""Minor versions of glibc 2 that a wheel may ask for at most: Debian 13, which the image is made of, has 2.41."""


@dataclass(frozen=True)
class Target:
    """A Python on a machine, which wheels must be there for."""

    python: tuple[int, int]
    machine: str
    system: str = "linux"

    def __str__(self) -> str:
        return f"Python {'.'.join(map(str, self.python))} on {self.system} {self.machine}"

    @property
    def tags(self) -> frozenset[Tag]:
        """The tags of wheels that can be installed there."""
        platforms = [f"manylinux_2_{minor}_{self.machine}" for minor in _GLIBC]
        platforms += [f"{old}_{self.machine}" for old in ("manylinux1", "manylinux2010", "manylinux2014", "linux")]
        return frozenset(
            [*cpython_tags(self.python, platforms=platforms), *compatible_tags(self.python, platforms=platforms)]
        )

    @property
    def environment(self) -> dict[str, str]:
        """What markers are held against."""
        version = ".".join(map(str, self.python))
        return {
            "implementation_name": "cpython",
            "os_name": "posix",
            "platform_machine": self.machine,
            "platform_python_implementation": "CPython",
            "platform_system": "Linux",
            "python_full_version": f"{version}.0",
            "python_version": version,
            "sys_platform": self.system,
        }


TARGETS = tuple(Target((3, minor), machine) for minor in (11, 12, 13) for machine in ("x86_64", "aarch64"))
"""What README.md promises on Linux; the image has the last two."""
LOCKS = ("requirements/runtime.txt", "requirements/build.txt")


@dataclass(frozen=True)
class Locked:
    """One requirement of a lock."""

    name: str
    version: str
    marker: str
    hashes: frozenset[str]
    """``sha256:`` and 64 hexadecimal digits, each."""

    def wanted_on(self, target: Target) -> bool:
        """Whether it is installed there at all."""
        return not self.marker or Marker(self.marker).evaluate(dict(target.environment))


def read_lock(text: str) -> tuple[Locked, ...]:
    """The requirements of a lock as uv writes it: ``name==version ; marker \\``, then a line for each hash.

    Raises ``ValueError`` at the first line that is anything else: an address, an option, a range, no hash.
    """
    locked = []
    for entry in text.replace("\\\n", " ").splitlines():
        requirement, *hashes = entry.split(" --hash=")
        pin, _, marker = requirement.partition(";")
        name, equals, version = pin.strip().partition("==")
        digests = [one.strip() for one in hashes]
        if not (equals and _is_name(name) and str(Version(version)) == version and digests):
            raise ValueError(f"no requirement that is pinned and hashed: {entry[:80]!r}")
        if wrong := [one for one in digests if not _is_sha256(one)]:
            raise ValueError(f"{name}: {wrong[0]!r} is no sha256")
        locked.append(Locked(name, version, marker.strip(), frozenset(digests)))
    return tuple(locked)


def _is_name(text: str) -> bool:
    return text.replace("-", "").isalnum() and text == text.lower()


def _is_sha256(text: str) -> bool:
    kind, _, digits = text.partition(":")
    return kind == "sha256" and len(digits) == 64 and set(digits) <= set("0123456789abcdef")


Files = Mapping[tuple[str, str], Sequence[tuple[str, str]]]
"""By name and version: each wheel's file name and ``sha256:…``."""


def missing(locked: Iterable[Locked], files: Files, targets: Sequence[Target] = TARGETS) -> Iterator[str]:
    """What cannot be installed from its locked wheels, and where."""
    tags = {target: target.tags for target in targets}
    for one in locked:
        wheels = [
            parse_wheel_filename(name)[3]
            for name, digest in files.get((one.name, one.version), ())
            if digest in one.hashes
        ]
        for target in targets:
            if one.wanted_on(target) and not any(tags[target] & of_wheel for of_wheel in wheels):
                yield f"{one.name} {one.version}: no locked wheel for {target}"


def files_of(pylock: str) -> Files:
    """The wheels that an index has, from what uv writes of them (PEP 751)."""
    packages: list[dict[str, Any]] = tomllib.loads(pylock)["packages"]
    return {
        (package["name"], package["version"]): [
            (wheel.get("name") or wheel["url"].rpartition("/")[2], f"sha256:{wheel['hashes']['sha256']}")
            for wheel in package.get("wheels", ())
        ]
        for package in packages
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Ask for every lock; the exit code is returned."""
    parser = argparse.ArgumentParser(description="Are there locked wheels for every platform?")
    parser.add_argument("--uv", default="uv", help="the program uv (default: uv)")
    options = parser.parse_args(arguments)
    found = False
    for name in LOCKS:
        locked = read_lock((CHECKOUT / name).read_text(encoding="utf-8"))
        asked = [options.uv, "pip", "compile", "--quiet", "--universal", "--python-version", "3.11", "--no-deps"]
        pylock = subprocess.check_output([*asked, "--format", "pylock.toml", CHECKOUT / name], text=True)
        wrong = list(missing(locked, files_of(pylock)))
        found = found or bool(wrong)
        print(
            f"{name}: {len(locked)} requirements, {len(TARGETS)} platforms, {len(wrong)} wheels missing",
            *wrong,
            sep="\n",
        )
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
