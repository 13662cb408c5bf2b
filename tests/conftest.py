"""What all tests may ask for. Data of others is found where it is and never copied into the project."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from attacks import ATTACKS, Attack, table
from hypothesis import settings

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # before anything imports ONNX Runtime: it would write home
settings.register_profile("no stopwatch", deadline=None)  # how long a test takes says nothing about a busy machine
settings.load_profile("no stopwatch")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell starts what it puts into the background so, and every process that a test interrupts would inherit it.
    signal.signal(signal.SIGINT, signal.default_int_handler)

_VARIABLE = "BISECT_CACHE_REAL_DATA"
_REPOSITORY = Path(__file__).resolve().parents[1]
_TRIED = pytest.StashKey[dict[str, Attack]]()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """`-m attack` chooses the tests that count attacks."""
    for item in items:
        if "attack" in getattr(item, "fixturenames", ()):
            item.add_marker("attack")


@pytest.fixture
def attack(pytestconfig: pytest.Config) -> Callable[[str], Attack]:
    """Gives the row of an attack, by its key in ``attacks.py``, to count cases in."""
    tried = pytestconfig.stash.setdefault(_TRIED, {})
    return lambda key: tried.setdefault(key, Attack(*ATTACKS[key]))


@pytest.fixture(scope="session")
def thorough(pytestconfig: pytest.Config) -> bool:
    """Whether attacks are what is asked for (`make attacks`): every step and moment, not some of them."""
    return pytestconfig.option.markexpr == "attack"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Show the attacks that were tried."""
    if config.stash.get(_TRIED, None) and config.option.markexpr == "attack":
        terminalreporter.write_line("")
        terminalreporter.write_line(table(config.stash[_TRIED]))


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
