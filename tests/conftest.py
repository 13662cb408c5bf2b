"""What all tests may ask for. Data of others is found where it is and never copied into the project."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("no stopwatch", deadline=None)  # how long a test takes says nothing about a busy machine
settings.load_profile("no stopwatch")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell starts what it puts into the background so, and every process that a test interrupts would inherit it.
    signal.signal(signal.SIGINT, signal.default_int_handler)

_VARIABLE = "BISECT_CACHE_REAL_DATA"
_REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder with real data: ``BISECT_CACHE_REAL_DATA``, relative to the repository; ``skip`` does without."""
    wanted = os.environ.get(_VARIABLE, "") or "../shared/data"
    if wanted == "skip":
        pytest.skip(f"{_VARIABLE}=skip: tests on real data are not wanted here")
    folder = (_REPOSITORY / wanted).resolve()
    if not folder.is_dir():
        reason = f"there is no real data in {folder}; fetch it there, or set {_VARIABLE} to its folder or to 'skip'"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return folder
