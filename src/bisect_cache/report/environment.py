"""What a result may depend on: versions, and what the process that ran the models could not do."""

from __future__ import annotations

import platform

from bisect_cache import __version__
from bisect_cache.report.structs import WorkerFacts


def environment(onnxruntime: str | None = None, executor: str | None = None) -> dict[str, str]:
    """By name; ``onnxruntime`` is the worker's, where models were judged, ``executor`` says where else they were."""
    import numpy as np
    import pyarrow as pa

    versions = {
        "bisect-cache": __version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "pyarrow": pa.__version__,
        "machine": f"{platform.system()} {platform.machine()}",
    }
    told = {"onnxruntime": onnxruntime, "executor": executor}
    return versions | {name: value for name, value in told.items() if value}


def worker_words(worker: WorkerFacts) -> str:
    """What the process that ran the models was kept from, and what it was not."""
    held = f" with {', '.join(worker.held)}" if worker.held else ""
    return f"worker{held}" + (f", but not with {', '.join(worker.missing)}" if worker.missing else "")
