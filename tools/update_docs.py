"""Writes what is generated in the documentation: JSON Schemas and the README's tables of inputs and outputs.

python tools/update_docs.py            # write
python tools/update_docs.py --check    # exit 1 where something is not current
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import yaml

from bisect_cache.report.structs import json_schemas

ROOT = Path(__file__).resolve().parents[1]


def generated() -> dict[Path, str]:
    """Every generated text by the file it belongs to."""
    texts = {ROOT / "docs" / "schema" / name: schema.decode() for name, schema in json_schemas().items()}
    readme = ROOT / "README.md"
    return texts | {readme: with_tables(readme.read_text(encoding="utf-8"))}


def with_tables(readme: str) -> str:
    """The README with its tables of inputs and outputs as ``action.yml`` has them."""
    action = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
    inputs = ["| input | default | what it is |", "| --- | --- | --- |"]
    inputs += [f"| `{name}` | {_default(entry)} | {entry['description']} |" for name, entry in action["inputs"].items()]
    outputs = ["| output | what it is |", "| --- | --- |"]
    outputs += [f"| `{name}` | {entry['description']} |" for name, entry in action["outputs"].items()]
    return _between(_between(readme, "inputs", inputs), "outputs", outputs)


def _default(entry: dict[str, Any]) -> str:
    return f"`{entry['default']}`" if entry.get("default") else ""


def _between(text: str, name: str, lines: list[str]) -> str:
    start, end = f"<!-- {name}: generated from action.yml -->", f"<!-- {name}: end -->"
    return re.sub(
        f"{re.escape(start)}.*{re.escape(end)}", lambda _: "\n".join([start, *lines, end]), text, flags=re.DOTALL
    )


def main() -> int:
    """Write or check; the exit code."""
    stale = [
        path for path, text in generated().items() if not path.exists() or path.read_text(encoding="utf-8") != text
    ]
    for path in stale:
        print(f"{path.relative_to(ROOT)} is not current")
        if "--check" not in sys.argv:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(generated()[path], encoding="utf-8")
    return 1 if stale and "--check" in sys.argv else 0


if __name__ == "__main__":
    sys.exit(main())
