"""Drift between two tables: which kind, which columns, how many cells, where first, how large."""

import numpy as np
import pyarrow as pa
import pytest

from bisect_cache.cache.drift import Finding, compare_columns, outcome_of
from bisect_cache.cache.parquet.columns import canonical_columns

BASE = {"a": np.arange(5, dtype=np.float32), "b": np.linspace(0, 1, 5), "c": ["x", "y", "z", "x", "y"]}


def table(**changes) -> pa.Table:
    return pa.table({name: pa.array(values) for name, values in (BASE | changes).items() if values is not None})


def drift(committed: pa.Table, regenerated: pa.Table) -> list[tuple[str, str]]:
    found = compare_columns(canonical_columns(committed), canonical_columns(regenerated))
    return [(finding.kind, finding.detail) for finding in found]


def test_equal_tables_have_no_drift() -> None:
    assert drift(table(), table()) == []


def test_nan_equals_nan_and_minus_zero_differs_from_zero() -> None:
    nan = np.array([np.nan, 0, 1, 2, 3], np.float32)
    zero, minus = np.array([0.0, 1, 2, 3, 4], np.float32), np.array([-0.0, 1, 2, 3, 4], np.float32)
    assert drift(table(a=nan), table(a=nan.copy())) == []
    assert drift(table(a=minus), table(a=zero)) == [
        ("values", "a: 1 of 5 cells differ, first in row 0, largest difference 0 (only the sign of zero).")
    ]


def test_values_say_columns_cells_first_row_and_largest_difference() -> None:
    moved = BASE["a"].copy()
    moved[2:4] += [0.5, 0.25]
    assert drift(table(a=moved, c=["x", "y", "z", "x", "q"]), table()) == [
        (
            "values",
            "a: 2 of 5 cells differ, first in row 2, largest difference 0.5; c: 1 of 5 cells differ, first in row 4.",
        )
    ]


def test_a_null_is_not_the_value_under_it() -> None:
    with_null = pa.array([0.0, None, 2.0, 3.0, 4.0], pa.float32())
    zeroed = np.array([0, 0, 2, 3, 4], np.float32)
    kind, detail = drift(table(a=with_null), table(a=zeroed))[0]
    assert (kind, "1 of 5 cells differ, first in row 1" in detail) == ("values", True)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"b": None}, "column b not in the committed file"),
        ({"extra": [1, 2, 3, 4, 5]}, "column extra only in the committed file"),
        ({"a": BASE["a"].astype(np.float64)}, "column a is float64, regenerated float32"),
    ],
)
def test_schema_drift_names_the_column(changes: dict[str, object], words: str) -> None:
    found = drift(table(**changes), table())
    assert [kind for kind, _ in found] == ["schema"]
    assert words in found[0][1]


def test_a_changed_order_of_columns_is_schema_drift() -> None:
    assert drift(table().select(["b", "a", "c"]), table())[0][0] == "schema"


def test_another_number_of_rows_is_rows_drift_and_nothing_else() -> None:
    assert drift(table().slice(0, 3), table()) == [("rows", "3 rows are committed, 5 are regenerated.")]


@pytest.mark.parametrize(
    ("findings", "strict", "outcome"),
    [
        ([], False, "clean"),
        ([("writer", "notice")], False, "writer-drift"),
        ([("writer", "error")], True, "drift"),
        ([("source", "notice")], True, "clean"),
        ([("writer", "notice"), ("values", "error")], False, "drift"),
        ([("metadata", "warning")], False, "drift"),
    ],
)
def test_the_outcome_follows_from_the_findings(findings, strict: bool, outcome: str) -> None:
    listed = tuple(Finding("f", kind, severity, "") for kind, severity in findings)
    assert outcome_of(listed, strict=strict) == outcome


@pytest.mark.parametrize(
    ("committed", "regenerated", "words"),
    [
        ([None, "y", "z", "x", "q"], ["", "y", "z", "x", "y"], "c: 2 of 5 cells differ, first in row 0"),
        (["x", None, "z", "x", "y"], ["x", "", "z", "x", "y"], "c: 1 of 5 cells differ, first in row 1"),
        (["x", "yz", "", "x", "y"], ["x", "y", "z", "x", "y"], "c: 2 of 5 cells differ, first in row 1"),
    ],
    ids=["null and text", "null and empty", "same letters, moved"],
)
def test_texts_differ_by_cell(committed: list[str | None], regenerated: list[str | None], words: str) -> None:
    assert drift(table(c=committed), table(c=regenerated)) == [("values", f"{words}.")]


def test_a_number_that_became_nan_is_said() -> None:
    nan = np.array([0, 1, np.nan, 3, 4], np.float32)
    assert drift(table(a=nan), table())[0][1].endswith("first in row 2, some between a number and NaN.")


def test_many_columns_are_counted_and_not_all_listed() -> None:
    wide = {f"x{index:02}": np.arange(5.0) for index in range(14)}
    moved = {name: values + 1 for name, values in wide.items()}
    detail = drift(table(**wide), table(**moved))[0][1]
    assert "x11: 5 of 5 cells differ" in detail
    assert detail.endswith("; and 2 more columns.")
    assert "x12" not in detail
    assert drift(table(), table(**wide))[0][1].startswith(f"columns {', '.join(list(wide)[:12])} and 2 more not in the")
