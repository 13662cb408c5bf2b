"""The versions that a result may depend on."""

from __future__ import annotations

import platform

from bisect_cache import __version__


def environment(onnxruntime: str | None = None) -> dict[str, str]:
    """By name; ``onnxruntime`` is the worker's, where models were judged."""
    import numpy as np
    import pyarrow as pa

    versions = {
        "bisect-cache": __version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "pyarrow": pa.__version__,
        "machine": f"{platform.system()} {platform.machine()}",
    }
    return versions | ({"onnxruntime": onnxruntime} if onnxruntime else {})
