"""What must hold before a release, and the `action.yml` that only its tag has.

    python tools/release.py plan VERSION --repository OWNER/NAME     # may VERSION be released? its tags and its image
    python tools/release.py pin IMAGE@sha256:DIGEST                  # action.yml runs that image, and builds none

`plan` changes nothing, so it can be asked before a release is started. It prints NAME=VALUE lines, as a workflow
reads them. Exit code 1 says what is missing. It needs nothing but git and the standard library.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]
REGISTRY = "ghcr.io"

_VERSION = re.compile(r"(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)")
_REPOSITORY = re.compile(r"[A-Za-z0-9-]+/[A-Za-z0-9._-]+")
_DECLARED = re.compile(r'^__version__ = "([^"]*)"$', re.MULTILINE)
_HEADING = re.compile(r"^## (\S+) \((.+)\)$", re.MULTILINE)
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_BUILT = re.compile(r"^(  image: )Dockerfile$", re.MULTILINE)
# As the registries have it: no capitals, and one separator between two words.
_IMAGE = re.compile(r"[a-z0-9.-]+(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)+")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_NOT_BUILT = "action.yml does not hold the line `  image: Dockerfile` once, which a release replaces"


class CannotRelease(Exception):
    """What stands in a release's way: one line for each thing."""


@dataclass(frozen=True)
class Plan:
    """A release that may be made."""

    version: str
    tag: str
    major: str
    image: str


def planned(version: str, repository: str, package: str, changelog: str, action: str, tags: Iterable[str]) -> Plan:
    """The release of ``version``, where the texts of the package, the changelog and the action are ready for it.

    Raises ``CannotRelease`` with everything that is not.
    """
    if not _VERSION.fullmatch(version):
        raise CannotRelease(f"{version!r} is no version; one looks like 1.2.3")
    problems = [
        *_undeclared(version, package),
        *_unwritten(version, changelog),
        *_taken(version, tags),
        *_unnamed(repository),
        *([] if len(_BUILT.findall(action)) == 1 else [_NOT_BUILT]),
    ]
    if problems:
        raise CannotRelease("\n".join(problems))
    return Plan(version, f"v{version}", f"v{_numbers(version)[0]}", _image(repository))


def pinned(action: str, reference: str) -> str:
    """The text of ``action.yml`` that runs the image ``reference`` (NAME@sha256:DIGEST); nothing else changes.

    Raises ``CannotRelease``.
    """
    name, _, digest = reference.partition("@")
    if not _IMAGE.fullmatch(name) or not _DIGEST.fullmatch(digest):
        raise CannotRelease(f"{reference!r} names no image by its digest; one looks like ghcr.io/owner/name@sha256:0a…")
    changed, count = _BUILT.subn(lambda line: f"{line[1]}docker://{reference}", action)
    if count != 1:
        raise CannotRelease(_NOT_BUILT)
    return changed


def _undeclared(version: str, package: str) -> Iterator[str]:
    declared = _DECLARED.findall(package)
    if declared != [version]:
        yield f"src/bisect_cache/__init__.py says __version__ = {', '.join(declared) or 'nothing'}, not {version}"


def _unwritten(version: str, changelog: str) -> Iterator[str]:
    days = dict(_HEADING.findall(changelog))
    if not _DAY.fullmatch(days.get(version, "")):
        has = f"has ({days[version]}) there" if version in days else "has no such heading"
        yield f"CHANGELOG.md wants the heading `## {version} (YYYY-MM-DD)`; it {has}"


def _taken(version: str, tags: Iterable[str]) -> Iterator[str]:
    major = _numbers(version)[0]
    released = [tag[1:] for tag in tags if tag.startswith("v") and _VERSION.fullmatch(tag[1:])]
    newest = max((other for other in released if _numbers(other)[0] == major), key=_numbers, default=None)
    if version in released:
        yield f"v{version} is a tag already; what is released stays as it is: take the next version"
    elif newest and _numbers(newest) > _numbers(version):
        yield f"v{newest} is a tag already, and newer: v{major} would go back to {version}"


def _unnamed(repository: str) -> Iterator[str]:
    if not _REPOSITORY.fullmatch(repository) or not _IMAGE.fullmatch(_image(repository)):
        yield f"{repository!r} is no OWNER/NAME that an image can be called after"


def _image(repository: str) -> str:
    """The name of a repository's image: registries take no capitals, which owners may have."""
    return f"{REGISTRY}/{repository.lower()}"


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in version.split("."))


def main(arguments: Sequence[str] | None = None, checkout: Path = CHECKOUT) -> int:
    """Plan or pin; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    plan = commands.add_parser("plan", help="may VERSION be released? its tags and its image")
    plan.add_argument("version", metavar="VERSION")
    plan.add_argument("--repository", required=True, metavar="OWNER/NAME")
    pin = commands.add_parser("pin", help="let action.yml run an image")
    pin.add_argument("reference", metavar="IMAGE@sha256:DIGEST")
    options = parser.parse_args(arguments)
    action = checkout / "action.yml"
    try:
        if options.command == "pin":
            action.write_bytes(pinned(_text(action), options.reference).encode())
            return 0
        ready = planned(
            options.version,
            options.repository,
            _text(checkout / "src" / "bisect_cache" / "__init__.py"),
            _text(checkout / "CHANGELOG.md"),
            _text(action),
            subprocess.check_output(["git", "-C", checkout, "tag", "--list"], text=True).split(),
        )
    except CannotRelease as error:
        print(error, file=sys.stderr)
        return 1
    print("\n".join(f"{name}={value}" for name, value in asdict(ready).items()))
    return 0


def _text(path: Path) -> str:
    return path.read_bytes().decode()


if __name__ == "__main__":
    sys.exit(main())
