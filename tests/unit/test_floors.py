"""The lowest versions that pyproject.toml allows are those that the version matrix tries."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_version_matrix_starts_at_the_floor_of_the_dependencies() -> None:
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    floors = dict(re.fullmatch(r"([\w-]+)>=([\d.]+)", line).groups() for line in wanted)  # type: ignore[union-attr]
    tool = (ROOT / "tools" / "version_matrix.py").read_text()
    tried = re.search(
        r'^FLOOR = Combination\("==(.*?)", "==(.*?)", "==(.*?)", numpy="==(.*?)", onnxruntime="==(.*?)"',
        tool,
        re.MULTILINE,
    )
    assert tried
    for name, version in zip(("pyarrow", "pandas", "onnx", "numpy", "onnxruntime"), tried.groups(), strict=True):
        assert version.startswith(floors[name]), name
