"""Drift: what differs between the committed cache and its regeneration, in words a maintainer can act on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from bisect_cache.cache.manifest import FEATURES_NAME
from bisect_cache.cache.parquet.columns import Column, Numbers, Strings
from bisect_cache.printable import first_of

Kind = Literal[
    "writer",
    "schema",
    "rows",
    "values",
    "metadata",
    "ir-version",
    "opset",
    "interface",
    "graph",
    "weights",
    "missing",
    "unexpected",
    "corrupt",
    "manifest",
    "source",
    "features",
]
Severity = Literal["error", "warning", "notice"]
CheckOutcome = Literal["clean", "writer-drift", "drift", "wiring-broke"]

_COLUMNS_SHOWN = 12


class Finding(Struct, frozen=True, forbid_unknown_fields=True):
    """One difference: the file it concerns (relative to the cache), its kind, and what changed and what to do."""

    file: str
    kind: Kind
    severity: Severity
    detail: str


def outcome_of(findings: tuple[Finding, ...], *, strict: bool) -> CheckOutcome:
    """What a check ends with: notices never fail, writer drift only when ``strict``."""
    if any(finding.severity != "notice" for finding in findings):
        return "drift"
    if any(finding.kind == "writer" for finding in findings):
        return "drift" if strict else "writer-drift"
    return "clean"


def compare_columns(
    committed: Mapping[str, Column], regenerated: Mapping[str, Column], why: str = ""
) -> Iterator[Finding]:
    """What differs in content between two tables, given as canonical columns.

    ``why`` is a sentence that says which side moved; it is put behind every finding.
    """
    schema = list(_schema_differences(committed, regenerated))
    if schema:
        yield _error("schema", f"{'; '.join(schema)}. {why}")
    rows, expected = _rows(committed), _rows(regenerated)
    if rows != expected:
        yield _error("rows", f"{rows} rows are committed, {expected} are regenerated. {why}")
        return
    changed = [
        difference
        for name, column in regenerated.items()
        if name in committed and (difference := _value_difference(committed[name], column))
    ]
    if changed:
        more = f"; and {len(changed) - _COLUMNS_SHOWN} more columns" if len(changed) > _COLUMNS_SHOWN else ""
        yield _error("values", f"{'; '.join(changed[:_COLUMNS_SHOWN])}{more}. {why}")


def _error(kind: Kind, detail: str) -> Finding:
    return Finding(FEATURES_NAME, kind, "error", detail.strip())


def _rows(columns: Mapping[str, Column]) -> int:
    return len(next(iter(columns.values()))) if columns else 0


def _schema_differences(committed: Mapping[str, Column], regenerated: Mapping[str, Column]) -> Iterator[str]:
    gone = [name for name in regenerated if name not in committed]
    new = [name for name in committed if name not in regenerated]
    if gone:
        yield f"{_columns(gone)} not in the committed file"
    if new:
        yield f"{_columns(new)} only in the committed file"
    for name, column in regenerated.items():
        if name in committed and committed[name].type != column.type:
            yield f"column {name} is {committed[name].type}, regenerated {column.type}"
    if not gone and not new and list(committed) != list(regenerated):
        yield f"the order of columns is {', '.join(committed)}, regenerated {', '.join(regenerated)}"


def _columns(names: list[str]) -> str:
    return f"column{'s' if len(names) > 1 else ''} {first_of(names, _COLUMNS_SHOWN)}"


def _value_difference(committed: Column, regenerated: Column) -> str | None:
    """How two columns of one name and length differ; None when they hold the same values."""
    if committed.type != regenerated.type:
        return None  # said by the schema; the bits of two types cannot be compared
    if isinstance(committed, Strings) and isinstance(regenerated, Strings):
        if committed.data == regenerated.data and np.array_equal(committed.lengths, regenerated.lengths):
            return _where(committed.name, _validity_differs(committed, regenerated))
        pairs = zip(committed.texts(), regenerated.texts(), strict=True)
        return _where(committed.name, np.fromiter((a != b for a, b in pairs), np.bool_, len(committed)))
    if not isinstance(committed, Numbers) or not isinstance(regenerated, Numbers):
        return None
    # Bits, because == finds NaN unequal to itself and -0.0 equal to 0.0.
    bits = np.dtype(f"<u{committed.values.itemsize}")
    differs = committed.values.view(bits) != regenerated.values.view(bits)
    where = _where(committed.name, differs | _validity_differs(committed, regenerated))
    if where is None or not differs.any():
        return where
    return f"{where}, {largest_difference(committed.values[differs], regenerated.values[differs])}"


def _validity_differs(committed: Column, regenerated: Column) -> NDArray[np.bool_]:
    everywhere = np.ones(len(committed), np.bool_)
    here = everywhere if committed.valid is None else committed.valid
    there = everywhere if regenerated.valid is None else regenerated.valid
    differs: NDArray[np.bool_] = here != there
    return differs


def _where(name: str, differs: NDArray[np.bool_]) -> str | None:
    count = int(np.count_nonzero(differs))
    if not count:
        return None
    return f"{name}: {count} of {differs.size} cells differ, first in row {int(np.argmax(differs))}"


def largest_difference(committed: NDArray[Any], regenerated: NDArray[Any]) -> str:
    """The largest distance between numbers that differ in their bits, in words."""
    with np.errstate(invalid="ignore", over="ignore"):
        distance = np.abs(committed.astype(np.float64) - regenerated.astype(np.float64))
    if np.isnan(distance).any():
        return "some between a number and NaN"
    largest = float(distance.max())
    return "largest difference 0 (only the sign of zero)" if largest == 0 else f"largest difference {largest:.3g}"
