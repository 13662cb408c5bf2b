"""What GitHub itself would draw and accept: its stylesheet, Mermaid's library and its API's own description.

Environment variables:
``BISECT_CACHE_NODE_FOLDER``  where Node's packages are kept from run to run, instead of ``build/node``
``BISECT_CACHE_BROWSER``      the Chromium to draw with, instead of the one that is found

This folder has the name of a module of the standard library and is itself on the path: it must stay no package.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import mock_api
import node_toolbox
import pytest
from drawing import Browser, NoBrowser, find_browser
from mock_api import MockApi


@pytest.fixture(scope="session")
def node_modules() -> Path:
    """Node's packages as the lock has them."""
    try:
        return node_toolbox.installed(node_toolbox.default_folder())
    except node_toolbox.NoPackages as reason:
        _unavailable(str(reason))


@pytest.fixture(scope="session")
def browser(node_modules: Path) -> Browser:
    """Draws as GitHub does."""
    try:
        return Browser(find_browser(), node_modules)
    except NoBrowser as reason:
        _unavailable(str(reason))


@pytest.fixture(scope="session")
def _mocked(node_modules: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MockApi]:
    with mock_api.mocked(node_modules, tmp_path_factory.mktemp("api")) as api:
        yield api


@pytest.fixture
def openapi(_mocked: MockApi) -> MockApi:
    """A stand-in for GitHub's API that has seen no request yet."""
    _mocked.seen.clear()
    return _mocked


def _unavailable(reason: str) -> NoReturn:
    """Skip where a person runs the tests; fail in CI, where a skip would pass for a proof."""
    if os.environ.get("CI"):
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)
