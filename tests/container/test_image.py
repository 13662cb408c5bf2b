"""What the image weighs, what it holds and how fast it starts."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from container import engine
from container.conftest import ROOT, Docker

MB = 1_000_000


def test_the_image_stays_within_480_mb_and_190_mb_compressed(
    docker: Docker, image: str, figure: Callable[[str], None]
) -> None:
    size = int(docker("image", "inspect", "--format={{.Size}}", image).stdout)
    with subprocess.Popen([engine.DOCKER, "--host", docker.host, "save", image], stdout=subprocess.PIPE) as saved:
        assert saved.stdout is not None
        compressed = int(subprocess.check_output("gzip | wc --bytes", shell=True, stdin=saved.stdout))
    assert saved.returncode == 0

    figure(f"image: {size / MB:.0f} MB, compressed {compressed / MB:.0f} MB")
    assert 100 * MB < size <= 480 * MB
    assert 30 * MB < compressed <= 190 * MB


def test_the_image_asks_for_no_user_and_no_folder_and_takes_no_arguments(docker: Docker, image: str) -> None:
    settings = docker(
        "image", "inspect", "--format={{.Config.User}}|{{.Config.WorkingDir}}|{{.Config.Entrypoint}}", image
    ).stdout.strip()

    assert settings == "||[/opt/venv/bin/python /opt/bisect-cache/entrypoint.py]"


def test_no_bytecode_is_left_to_compile_when_the_action_starts(
    docker: Docker, image: str, figure: Callable[[str], None]
) -> None:
    start = (
        "import time; began = time.perf_counter();"
        " import bisect_cache.action.main, numpy, onnxruntime, pyarrow.parquet; print(time.perf_counter() - began)"
    )
    seconds, *compiled_now = docker(
        "run",
        "--rm",
        "--entrypoint=sh",
        image,
        "-c",
        f"touch /tmp/now; /opt/venv/bin/python -c '{start}'; find / -xdev -name '*.pyc' -newer /tmp/now",
    ).stdout.splitlines()

    figure(f"start-up: the imports of a bisect take {float(seconds):.2f} s in the container")
    assert compiled_now == []


@pytest.mark.parametrize(
    ("taken", "still_works"),
    [
        ("", True),
        ("/opt/venv/lib/python3*/site-packages/pyarrow/libarrow_substrait*", False),
        ("/opt/venv/lib/python3*/site-packages/onnx/reference", False),
        ("/opt/bisect-cache/bisect_cache/cache/embedded", False),
    ],
)
def test_the_smoke_test_of_the_build_notices_what_slimming_must_not_take(
    docker: Docker, image: str, taken: str, still_works: bool
) -> None:
    smoke = f"{Path(__file__).with_name('smoke.py')}:/tmp/smoke.py:ro"
    ran = docker(
        "run",
        "--rm",
        "--network=none",
        f"--volume={smoke}",
        "--entrypoint=sh",
        image,
        "-c",
        f"rm -rf {taken}; /opt/venv/bin/python /tmp/smoke.py",
        check=False,
    )

    assert (ran.returncode == 0) is still_works, ran.stdout + ran.stderr


def test_the_image_says_what_it_is_made_of(docker: Docker, image: str) -> None:
    said = json.loads(docker("run", "--rm", "--entrypoint=cat", image, "/opt/bisect-cache/sbom.cdx.json").stdout)
    assert (said["bomFormat"], said["specVersion"]) == ("CycloneDX", "1.6")
    locked = dict(
        re.findall(r"^([A-Za-z0-9_.-]+)==([^ ;\\]+)", (ROOT / "requirements/runtime.txt").read_text(), re.MULTILINE)
    )
    hashed = {part["name"].lower(): part["version"] for part in said["components"] if part.get("hashes")}
    assert hashed.items() <= {name.lower(): version for name, version in locked.items()}.items()
    assert {"numpy", "onnxruntime", "pyarrow", "pygithub"} <= set(hashed)
    assert any(part["purl"].startswith("pkg:deb/") for part in said["components"])
