"""Runs the action as GitHub's runner does, in a process of its own."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]


@dataclass
class Ran:
    code: int
    log: str
    summary: str
    outputs: dict[str, str]
    report: dict[str, Any]


def act(
    workspace: Path,
    report_is_at: str | None = None,
    environ: Mapping[str, str] | None = None,
    by: Sequence[str] = (),
    **inputs: str,
) -> Ran:
    """Run the entry point as the runner does; ``environ`` is what the runner knows of an event and a server.

    ``by`` is a command that runs it under conditions of its own.
    """
    summary, outputs = workspace.parent / "summary.md", workspace.parent / "outputs"
    summary.write_text("")
    outputs.write_text("")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("INPUT_", "GITHUB_"))}
    environment |= {f"INPUT_{name.upper().replace('_', '-')}": value for name, value in inputs.items()}
    environment |= {
        "GITHUB_WORKSPACE": str(workspace),
        "GITHUB_STEP_SUMMARY": str(summary),
        "GITHUB_OUTPUT": str(outputs),
        **(environ or {}),
    }
    completed = subprocess.run(
        [*by, sys.executable, str(ROOT / "entrypoint.py")],
        capture_output=True,
        text=True,
        env=environment,
        timeout=120,
        check=False,
    )
    assert "Traceback" not in completed.stderr + completed.stdout, completed.stderr
    pairs = re.findall(r"^([\w-]+)<<(ghadelimiter_\S+)\n(.*?)\n?\2$", outputs.read_text(), re.MULTILINE | re.DOTALL)
    report = workspace / (report_is_at or inputs.get("report", "bisect-cache-report.json"))
    return Ran(
        completed.returncode,
        completed.stdout,
        summary.read_text(),
        {name: value for name, _, value in pairs},
        json.loads(report.read_text()) if report.exists() else {},
    )
