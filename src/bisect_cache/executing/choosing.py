"""What ``--executor`` means."""

from __future__ import annotations

import json
import re
from contextlib import AbstractContextManager
from pathlib import Path

from bisect_cache.executing.interface import Executing, NoExecutor
from bisect_cache.executing.threads import Threads
from bisect_cache.files import CannotRead, read_file

_HOST_AND_PORT = re.compile(r"(\[[0-9A-Fa-f:.%]+\]|[A-Za-z0-9._-]+):([0-9]{1,5})")
_LARGEST_FILE = 8 << 20
_EXAMPLES = "dask:HOST:PORT, dask:tls://HOST:PORT or dask:/path/to/scheduler.json"


def executing(text: str | None, at_once: int | None = None) -> AbstractContextManager[Executing]:
    """Where tasks are to run: without ``text`` here, ``at_once`` side by side. Connected and ended by its context.

    Raises ``NoExecutor`` for a text that names no place; the context does where it cannot be used.
    """
    if text is None or text == "local":
        return Threads(at_once)
    kind, _, address = text.partition(":")
    if kind != "dask":
        raise NoExecutor(f"--executor {text!r}: is neither local nor a cluster; name one, such as {_EXAMPLES}")
    found = address_of(address)
    from bisect_cache.executing.cluster import on_dask

    return on_dask(found)


def address_of(text: str) -> str:
    """The scheduler's address, as dask spells it. Raises ``NoExecutor``, ``CannotRead``."""
    protocol, separator, place = text.rpartition("://")
    if not separator and text.endswith(".json"):
        return address_of(_in_file(Path(text)))
    match = _HOST_AND_PORT.fullmatch(place)
    if (separator and protocol not in {"tcp", "tls"}) or match is None or not 0 < int(match[2]) < 1 << 16:
        raise NoExecutor(f"--executor: {text!r} is no address of a dask scheduler; name one, such as {_EXAMPLES}")
    return f"{protocol or 'tcp'}://{place}"


def _in_file(path: Path) -> str:
    try:
        address = json.loads(read_file(path, largest=_LARGEST_FILE))["address"]
    except (ValueError, RecursionError, KeyError, TypeError) as error:
        raise CannotRead(f"{path}: is no file that a dask scheduler writes (--scheduler-file); name that") from error
    if not isinstance(address, str) or address.endswith(".json"):
        raise CannotRead(f"{path}: is no file that a dask scheduler writes (--scheduler-file): its address is none")
    return address
