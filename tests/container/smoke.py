"""Run inside the image while it is built: does everything still work after the slimming?

Ends with an error, and with it the build, when the package or one of the libraries it stands on is broken.
"""

from __future__ import annotations

import importlib.util
import pkgutil
import subprocess
import sys
import tempfile
from importlib.metadata import distributions
from pathlib import Path

LIBRARIES = (
    "actions_toolkit.core",
    "click",
    "github",
    "google.protobuf.message",
    "jinja2",
    "msgspec.json",
    "numpy.random",
    "onnx.checker",
    "onnx.external_data_helper",
    "onnx.helper",
    "onnx.numpy_helper",
    "onnx.reference",
    "onnx.shape_inference",
    "onnxruntime",
    "pandas",
    "pyarrow.compute",
    "pyarrow.csv",
    "pyarrow.dataset",
    "pyarrow.parquet",
    "pygit2",
    "rich.console",
    "rich.progress",
    "rich.table",
    "yaml",
)


def import_everything() -> None:
    """Every module of the package, and every library it may reach for."""
    import bisect_cache

    ours = (module.name for module in pkgutil.walk_packages(bisect_cache.__path__, "bisect_cache."))
    for name in (*LIBRARIES, *(name for name in ours if not name.endswith("__main__"))):
        importlib.import_module(name)


def write_and_read_tables(folder: Path) -> None:
    """Parquet through pandas and through pyarrow, in every compression a user's table may come in."""
    import pandas as pd
    from pyarrow import parquet

    frame = pd.DataFrame({"adm2": [0.5, 0.25], "content": ["a", "b"]})
    for compression in ("zstd", "snappy", "gzip", "brotli", "lz4"):
        path = folder / f"{compression}.parquet"
        frame.to_parquet(path, engine="pyarrow", compression=compression)
        pd.testing.assert_frame_equal(pd.read_parquet(path), frame)
        if parquet.read_table(path).to_pylist() != frame.to_dict("records"):
            sys.exit(f"parquet with {compression} does not come back as it was written")


def run_the_program(folder: Path) -> None:
    """The three commands, with the exit codes they promise."""
    healthy, broken = str(folder / "healthy"), str(folder / "broken")
    for arguments, expected in (
        (["generate", healthy], 0),
        (["check", healthy], 0),
        (["bisect", "--cache", healthy], 0),
        (["bisect"], 0),
        (["generate", broken, "--regress-at", "5"], 0),
        (["bisect", "--cache", broken], 1),
    ):
        run = subprocess.run(
            [sys.executable, "-m", "bisect_cache", *arguments], cwd=folder, capture_output=True, text=True, check=False
        )
        if run.returncode != expected:
            sys.exit(
                f"bisect-cache {' '.join(arguments)}: {run.returncode} instead of {expected}\n{run.stdout}{run.stderr}"
            )


def nothing_strange_is_installed() -> None:
    """No top-level package that would shadow somebody else's, and every distribution still has its metadata."""
    for name in ("tests", "pip", "setuptools"):
        if importlib.util.find_spec(name) is not None:
            sys.exit(f"the image has a package '{name}' that nothing in it needs")
    if not all(distribution.version for distribution in distributions()):
        sys.exit("a distribution has lost its metadata")


def main() -> None:
    """All of it."""
    nothing_strange_is_installed()
    import_everything()
    with tempfile.TemporaryDirectory() as folder:
        write_and_read_tables(Path(folder))
        run_the_program(Path(folder))


if __name__ == "__main__":
    main()
