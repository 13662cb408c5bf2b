"""What models score, found without the program under test: ONNX Runtime and SciPy, in a process of its own.

``evaluated`` starts this file as a script, again after each model that ends it.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

_MEMORY = 3 << 30
_SECONDS = 4
"""Of the processor's time, which a busy machine does not shorten."""
_SAID = "evaluated "
_KINDS = {"tensor(float)": np.float32, "tensor(double)": np.float64, "tensor(float16)": np.float16}


@dataclass(frozen=True)
class Evaluated:
    """Of one model: the PLCC of each output that could be meant, or why there is none."""

    plcc: tuple[float, ...]
    why: str

    @property
    def crashed(self) -> bool:
        """Whether it ended the process, or took too long for it."""
        return self.why.startswith("ended by")


def evaluated(
    models: Sequence[Path], features: np.ndarray, names: Sequence[str], target: np.ndarray, at: Path
) -> list[Evaluated]:
    """Every model on (N, F) ``features`` called ``names`` against ``target``; ``at`` is a folder to pass them on in."""
    np.savez(at / "given.npz", features=features, target=target)
    found: list[Evaluated] = []
    while len(found) < len(models):
        given = json.dumps([list(names), [str(path) for path in models[len(found) :]]])
        ran = subprocess.run(
            [sys.executable, __file__, str(at / "given.npz")],
            input=given,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
        for line in ran.stdout.split("\n"):
            if not line.startswith(_SAID):
                continue  # what the library says there
            said = json.loads(line.removeprefix(_SAID))
            found.append(Evaluated(tuple(said["plcc"]), said["why"]))
        if ran.returncode:
            assert ran.returncode < 0, ran.stderr
            found.append(Evaluated((), f"ended by signal {-ran.returncode}"))
    return found


def _main() -> None:
    import resource
    import signal

    import onnxruntime
    import scipy.stats  # noqa: F401  # imported before any clock runs

    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    onnxruntime.set_default_logger_severity(4)
    given = np.load(sys.argv[1])
    names, models = json.load(sys.stdin)
    for model in models:
        signal.setitimer(signal.ITIMER_PROF, _SECONDS)
        try:
            said = {"plcc": _plcc(model, given["features"], names, given["target"]), "why": ""}
        except Exception as error:
            said = {"plcc": [], "why": str(error)[:300]}
        signal.setitimer(signal.ITIMER_PROF, 0)
        sys.stdout.write(f"\n{_SAID}{json.dumps(said)}\n")
        sys.stdout.flush()


def _plcc(model: str, features: np.ndarray, names: list[str], target: np.ndarray) -> list[float]:
    import onnxruntime
    from scipy.stats import pearsonr

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    (port,) = session.get_inputs()
    wanted = session.get_modelmeta().custom_metadata_map.get("feature_names")
    rows = features[:, [names.index(name) for name in json.loads(wanted)]] if wanted else features
    batch = port.shape[0] if port.shape and isinstance(port.shape[0], int) and port.shape[0] > 0 else len(rows)
    padded = np.concatenate([rows, np.repeat(rows[-1:], -len(rows) % batch, axis=0)]).astype(_KINDS[port.type])
    parts = [session.run(None, {port.name: padded[at : at + batch]}) for at in range(0, len(padded), batch)]
    found = []
    for outputs in zip(*parts, strict=True):
        if all(isinstance(part, np.ndarray) and part.shape in {(batch,), (batch, 1)} for part in outputs):
            scores = np.concatenate([part.reshape(-1) for part in outputs])[: len(rows)].astype(np.float64)
            if outputs[0].dtype.kind == "f" and np.isfinite(scores).all() and np.ptp(scores) > 0:
                found.append(float(pearsonr(_about_one(scores), target.astype(np.float64)).statistic))
    return found


def _about_one(scores: np.ndarray) -> np.ndarray:
    """The same scores on a scale on which squares neither overflow nor vanish; a correlation does not know of it."""
    scores = scores / np.abs(scores).max()
    scores = scores - scores.mean()
    return scores / np.abs(scores).max()


if __name__ == "__main__":
    _main()
