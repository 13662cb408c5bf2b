"""How long a process takes to its first line of work: the command line, the action, and what they import.

    python benchmarks/startup.py [--runs 7] [--top 12] [--image IMAGE]

With --image this file is run by the image's own interpreter, so that the bytecode compiled into the image
counts and the start of a container does not. It needs nothing but the standard library.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

INTERPRETER = "/opt/venv/bin/python"
"""The image's own, which has the package."""
INSTALLED = Path("/opt/bisect-cache")
"""Where the image keeps the package and its entry point."""


def main() -> int:
    arguments = parse_arguments()
    if arguments.image:
        return inside(arguments)
    print(f"Python {platform.python_version()}, medians of {arguments.runs} runs of whole processes\n")
    print("| process | wall, ms | of which imports, ms | exit code |\n| --- | --- | --- | --- |")
    flows = processes()
    for name, command in flows.items():
        exit_code = run(command).returncode  # and bytecode is compiled now
        wall = statistics.median(wall_ms(command) for _ in range(arguments.runs))
        print(f"| {name} | {wall:.0f} | {sum(own for _, own, _ in imports(command)):.0f} | {exit_code} |")
    for name, command in flows.items():
        costly = sorted(imports(command), key=lambda found: found[2], reverse=True)[: arguments.top]
        print(f"\n{name}: the imports that take longest, with what they import themselves")
        for module, own, cumulative in costly:
            print(f"  {cumulative:7.1f} ms  {own:7.1f} ms own  {module}")
    return 0


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Start-up time of the command line and of the action.")
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--top", type=int, default=12, help="imports to list for each process")
    parser.add_argument("--image", help="measure inside this image, by `docker run`")
    return parser.parse_args()


def inside(arguments: argparse.Namespace) -> int:
    """Run this file with the image's interpreter, beside the image's entry point."""
    options = ("--runs", str(arguments.runs), "--top", str(arguments.top))
    mount = f"{Path(__file__).resolve()}:{INSTALLED / 'benchmarks' / 'startup.py'}:ro"
    container = ("docker", "run", "--rm", "--volume", mount, "--entrypoint", INTERPRETER, arguments.image)
    return subprocess.run([*container, str(INSTALLED / "benchmarks" / "startup.py"), *options], check=False).returncode


def processes() -> dict[str, list[str]]:
    """What is started, by the name it is shown under."""
    script = Path(sys.executable).with_name("bisect-cache")
    command_line = [str(script)] if script.is_file() else ["-m", "bisect_cache"]
    flows = {
        "bare interpreter": ["-c", "pass"],
        "command line, first line of work": ["-c", "import bisect_cache.cli"],
        "bisect-cache --version": [*command_line, "--version"],
        "bisect-cache check": [*command_line, "check"],
        "bisect-cache bisect": [*command_line, "bisect"],
    }
    entrypoint = Path(__file__).resolve().parents[1] / "entrypoint.py"
    flows["action, first line of work"] = ["-c", "import bisect_cache.action.main"]
    flows["entrypoint.py with no inputs"] = [str(entrypoint)]
    return flows


def wall_ms(command: list[str]) -> float:
    """Wall time of one whole process."""
    start = time.perf_counter()
    run(command)
    return (time.perf_counter() - start) * 1000


def imports(command: list[str]) -> list[tuple[str, float, float]]:
    """(module, own ms, ms with what it imports) of everything a process imports."""
    found = []
    for line in run(["-X", "importtime", *command]).stderr.decode(errors="replace").splitlines():
        columns = line.removeprefix("import time:").split("|")
        if line.startswith("import time:") and columns[0].strip().isdigit():
            own, cumulative, module = columns
            found.append((module.strip(), int(own) / 1000, int(cumulative) / 1000))
    return found


def run(command: list[str]) -> subprocess.CompletedProcess[bytes]:
    """A process of this interpreter, in an empty folder, that may keep bytecode and knows nothing of GitHub."""
    dropped = ("GITHUB_", "INPUT_", "RUNNER_")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
    for name in ("CI", "PYTHONDONTWRITEBYTECODE"):
        environment.pop(name, None)
    if "PYTHONPATH" in environment:
        folders = environment["PYTHONPATH"].split(os.pathsep)
        environment["PYTHONPATH"] = os.pathsep.join(str(Path(folder).absolute()) for folder in folders)
    with tempfile.TemporaryDirectory() as empty:
        return subprocess.run([sys.executable, *command], env=environment, cwd=empty, capture_output=True, check=False)


if __name__ == "__main__":
    sys.exit(main())
