"""A stand-in for the published Python image, for machines that reach no image registry.

It is Debian 13 with Debian's own Python 3.13, found under the names the published image uses, and like that
image without bytecode for the standard library. It proves the Dockerfile's steps, not the published base.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from pathlib import Path

SUITE = "trixie"
LEFT_OUT = ("/usr/share/doc/*", "/usr/share/info/*", "/usr/share/locale/*", "/usr/share/man/*")
SOURCES = Path("/etc/apt/sources.list.d/debian.sources")
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")


def root_filesystem(folder: Path) -> Path:
    """The stand-in as a tar archive in ``folder``, made there unless an earlier run has left it."""
    archive = folder / f"python-3.13-{SUITE}-{platform.machine()}.tar"
    if archive.exists():
        return archive
    mmdebstrap = shutil.which("mmdebstrap")
    if mmdebstrap is None:
        raise FileNotFoundError("mmdebstrap is not installed; apt-get install mmdebstrap")
    folder.mkdir(parents=True, exist_ok=True)
    unfinished = archive.with_suffix(".unfinished.tar")
    subprocess.run(
        [
            mmdebstrap,
            "--quiet",
            "--variant=minbase",
            "--include=ca-certificates,python3,python3-venv",
            *(f"--dpkgopt=path-exclude={pattern}" for pattern in LEFT_OUT),
            '--customize-hook=ln -s /usr/bin/python3.13 "$1/usr/local/bin/python"',
            '--customize-hook=ln -s /usr/bin/python3.13 "$1/usr/local/bin/python3"',
            '--customize-hook=find "$1/usr" -name "*.pyc" -delete',
            # pip inside must trust whom this machine trusts: there may be a proxy between it and the index.
            f"--customize-hook=copy-in {CERTIFICATES} {CERTIFICATES.parent}",
            SUITE,
            str(unfinished),
            *_package_sources(folder),
        ],
        check=True,
        timeout=600,
        stdin=subprocess.DEVNULL,
        env={**os.environ, "LC_ALL": "C.UTF-8"},
    )
    return unfinished.rename(archive)


def _package_sources(folder: Path) -> list[str]:
    """Where this machine takes Debian's packages from, for the other suite; nothing where it is no Debian."""
    if not SOURCES.exists():
        return []
    release = dict(line.split("=", 1) for line in Path("/etc/os-release").read_text().splitlines() if "=" in line)
    sources = folder / "debian.sources"
    sources.write_text(SOURCES.read_text().replace(release["VERSION_CODENAME"].strip('"'), SUITE))
    return [str(sources)]
