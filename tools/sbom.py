"""What an image is made of, as CycloneDX JSON: its Debian packages, its Python, its Python packages.

    python tools/sbom.py --installed REPORT [--version X.Y.Z] > sbom.cdx.json

It runs inside the image, by the Python whose packages it lists. REPORT is what `pip install --report` left of their
installation: the sha256 of each wheel, which the lock demanded. A package that was not installed from there is an
error. The same image gives the same bytes: there is no time in it, and its serial number comes of its content. It
needs nothing but the standard library.
"""

from __future__ import annotations

import argparse
import json
import platform
import re
import sys
import sysconfig
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any
from urllib.parse import quote

Component = dict[str, Any]
_NAMESPACE = uuid.UUID("6ba7b811-9dad-11d1-80b4-00c04fd430c8")  # RFC 9562's for addresses: any fixed one would do
_LICENCE = "License :: OSI Approved :: "
_LONGEST_LICENCE = 100
_REQUIRED = re.compile(r"[A-Za-z0-9._-]+")


class CannotTell(Exception):
    """What is in the image and nobody knows where from."""


def bill(python: Iterable[Component], system: Iterable[Component], version: str, interpreter: str) -> dict[str, Any]:
    """The whole document."""
    own = {"type": "application", "bom-ref": "bisect-cache", "name": "bisect-cache", "version": version}
    packages = sorted(python, key=_by_reference)
    requires = {one["bom-ref"]: one.pop("requires") for one in packages}
    ours = [one for one in packages if "hashes" in one]  # of a name that the base has too, this one is imported
    named = {one["name"]: one["bom-ref"] for one in (*packages, *ours)}
    runtime = {
        "type": "application",
        "bom-ref": f"pkg:generic/python@{interpreter}",
        "name": "python",
        "version": interpreter,
        "purl": f"pkg:generic/python@{interpreter}",
        "licenses": [{"license": {"id": "PSF-2.0"}}],
    }
    components = [*packages, runtime, *sorted(system, key=_by_reference)]
    dependencies = [
        {"ref": own["bom-ref"], "dependsOn": [*(one["bom-ref"] for one in ours), runtime["bom-ref"]]},
        *(
            {"ref": reference, "dependsOn": sorted({named[name] for name in wanted if name in named})}
            for reference, wanted in requires.items()
        ),
    ]
    serial = uuid.uuid5(_NAMESPACE, json.dumps([own, components, dependencies], sort_keys=True))
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{serial}",
        "version": 1,
        "metadata": {"component": own | {"licenses": [{"license": {"id": "Apache-2.0"}}]}},
        "components": components,
        "dependencies": dependencies,
    }


def python_packages(there: Iterable[Distribution], installed: Mapping[str, Any]) -> Iterator[Component]:
    """The Python packages ``there``, with the hashes that pip ``installed`` them by. Raises ``CannotTell``."""
    hashes = {
        (canonical(one["metadata"]["name"]), one["metadata"]["version"]): one["download_info"]["archive_info"]["hashes"]
        for one in installed["install"]
    }
    for one in there:
        name, version = canonical(one.metadata["Name"]), one.version
        if "sha256" not in hashes.get((name, version), {}):
            raise CannotTell(f"{name} {version} is there, and was not installed by a hash")
        yield _package(one) | {"hashes": [{"alg": "SHA-256", "content": hashes[name, version]["sha256"]}]}


def base_packages(there: Iterable[Distribution], known: Iterable[Component]) -> Iterator[Component]:
    """The Python packages that came with the base image, pip among them: its digest stands for their hashes."""
    listed = {one["bom-ref"] for one in known}
    for one in there:
        package = _package(one)
        if package["bom-ref"] not in listed:
            listed.add(package["bom-ref"])
            yield package


def _package(one: Distribution) -> Component:
    name, version = canonical(one.metadata["Name"]), one.version
    purl = f"pkg:pypi/{name}@{quote(version)}"
    return {
        "type": "library",
        "bom-ref": purl,
        "name": name,
        "version": version,
        "purl": purl,
        **_licences(one),
        "requires": [canonical(found[0]) for text in one.requires or () if (found := _required(text))],
    }


def canonical(name: str) -> str:
    """A package's name as indexes write it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def debian_packages(status: str, release: str) -> Iterator[Component]:
    """The installed packages of dpkg's ``status``; ``release`` is the text of os-release."""
    told = dict(line.split("=", 1) for line in release.splitlines() if "=" in line)
    distribution = f"{told.get('ID', 'debian')}-{told.get('VERSION_ID', '').strip(chr(34))}".rstrip("-")
    for paragraph in status.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in paragraph.splitlines() if ": " in line and line[0] != " ")
        if fields.get("Status", "").endswith(" installed"):
            name, version, machine = fields["Package"], fields["Version"], fields["Architecture"]
            purl = (
                f"pkg:deb/debian/{quote(name, safe='')}@{quote(version, safe='')}?arch={machine}&distro={distribution}"
            )
            yield {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl}


def _by_reference(component: Component) -> str:
    return str(component["bom-ref"])


def _required(text: str) -> re.Match[str] | None:
    """The name in a requirement of no extra."""
    return None if "extra ==" in text else _REQUIRED.match(text)


def _licences(one: Distribution) -> dict[str, Any]:
    """An SPDX expression where the package has one; else its words."""
    if expressions := one.metadata.get_all("License-Expression", []):
        return {"licenses": [{"expression": expressions[0]}]}
    classified = [line.removeprefix(_LICENCE) for line in one.metadata.get_all("Classifier", []) if _LICENCE in line]
    words = "".join(one.metadata.get_all("License", [])[:1]).strip().partition("\n")[0]
    names = classified or ([words[:_LONGEST_LICENCE]] if words else [])
    return {"licenses": [{"license": {"name": name}} for name in sorted(names)]} if names else {}


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the bill of this image; the exit code is returned."""
    parser = argparse.ArgumentParser(description="List what this image is made of, as CycloneDX JSON.")
    parser.add_argument("--installed", type=Path, required=True, metavar="REPORT", help="of pip install --report")
    parser.add_argument("--version", default="0", metavar="X.Y.Z", help="of bisect-cache")
    parser.add_argument("--root", type=Path, default=Path("/"), metavar="DIR", help="of the file system (default: /)")
    options = parser.parse_args(arguments)
    try:
        packages = list(python_packages(distributions(), json.loads(options.installed.read_bytes())))
    except CannotTell as error:
        print(error, file=sys.stderr)
        return 1
    base = sysconfig.get_path("purelib", vars={"base": sys.base_prefix, "platbase": sys.base_prefix})
    packages += base_packages(distributions(path=[base]), packages)
    status, release = options.root / "var/lib/dpkg/status", options.root / "etc/os-release"
    system = debian_packages(status.read_text(), release.read_text()) if status.exists() else ()
    print(json.dumps(bill(packages, system, options.version, platform.python_version()), indent=1, ensure_ascii=True))
    return 0


if __name__ == "__main__":
    sys.exit(main())
