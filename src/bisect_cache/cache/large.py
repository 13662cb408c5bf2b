"""A cache too large to be held: its rows are read in batches, as often as models are judged on them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bisect_cache.cache.contents import Numbering
from bisect_cache.cache.fingerprint import fingerprint_of_pieces
from bisect_cache.cache.manifest import FEATURES_NAME, Manifest, Provenance, Target
from bisect_cache.cache.parquet.columns import Column, UnsupportedColumn, canonical_columns, numbers_as_stored
from bisect_cache.cache.parquet.features import BadFeatures, Survey, read_batches
from bisect_cache.cache.parquet.parts import parts_of
from bisect_cache.cache.usable import finite_float32, notes_on
from bisect_cache.files import sha256_of_file

if TYPE_CHECKING:
    import pyarrow as pa

ROWS_AT_A_TIME = 1 << 16
MOST_ROWS = 500_000_000
MOST_CELLS = 20_000_000_000


@dataclass(frozen=True)
class Batch:
    """Some rows, one after the other."""

    first: int
    """How many rows come before them."""
    features: NDArray[np.float32]
    """Shape (n, F), C order, all finite."""
    target: NDArray[np.float32]
    """Shape (n,), all finite."""
    contents: NDArray[np.int32] | None
    """Shape (n,): the number of each row's content, counted from 0; None where rows name none."""


class LargeCache:
    """What models are judged on, as ``Cache`` is; what that holds is read here when it is asked for."""

    def __init__(
        self, folder: Path, manifest: Manifest | None, names: tuple[str, ...], target: Target, found: Survey
    ) -> None:
        """Take what is known of the cache in ``folder`` before a row is read."""
        self.path = folder
        self.columns = names
        """Names of the F features."""
        self.target_is = target
        self.rows = found.rows
        self._manifest, self._schema = manifest, found.schema
        self._content = manifest.content if manifest else None
        self._numbering = Numbering()
        self._names: tuple[str, ...] | None = None
        """Of all contents, once all rows were gone through."""
        self._fingerprint: Future[str] | None = None

    @property
    def provenance(self) -> Provenance:
        """Whether its data is real."""
        return self._manifest.provenance if self._manifest else "synthetic"

    def begin_fingerprint(self) -> Future[str]:
        """Have another thread go through the columns, while models are judged on the rows."""
        if self._fingerprint is None:
            reading = ThreadPoolExecutor(1, "fingerprint")
            self._fingerprint = reading.submit(self._worked_out)
            reading.shutdown(wait=False)
        return self._fingerprint

    @property
    def fingerprint(self) -> str:
        """Waits until it is worked out. Raises ``BadFeatures``."""
        return self.begin_fingerprint().result()

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader must be told."""
        return notes_on(self._manifest, self.fingerprint)

    @property
    def content_count(self) -> int | None:
        """How many contents there are; None where rows name none."""
        return None if self._content is None else len(self.content_names)

    @property
    def content_names(self) -> tuple[str, ...]:
        """What the contents are called, by their number. Raises ``BadFeatures``."""
        return self._whole.names if self._names is None else self._names

    @property
    def target(self) -> NDArray[np.float32]:
        """Shape (N,): read from the file the first time. Raises ``BadFeatures``."""
        return self._whole.target

    @property
    def contents(self) -> NDArray[np.int32] | None:
        """Shape (N,): read from the file the first time; None where rows name none. Raises ``BadFeatures``."""
        return self._whole.contents

    def batches(self) -> Iterator[Batch]:
        """All rows in their order. Raises ``BadFeatures`` where they cannot be used."""
        first = 0
        for table in read_batches(self._path, [*self.columns, *self._beside], ROWS_AT_A_TIME):
            features = np.empty((table.num_rows, len(self.columns)), np.float32)
            for position, name in enumerate(self.columns):
                features[:, position] = self._numbers(table, name, first)
            yield Batch(first, features, self._numbers(table, self.target_is.name, first), self._contents_of(table))
            first += table.num_rows
        self._names = self._numbering.names

    def some(self, rows: NDArray[np.int64]) -> Batch:
        """The rows at the places ``rows``, (n,), rising, as if they were all. Raises ``BadFeatures``."""
        parts = []
        for batch in self.batches():
            end = batch.first + batch.target.size
            here = rows[np.searchsorted(rows, batch.first) : np.searchsorted(rows, end)] - batch.first
            contents = None if batch.contents is None else batch.contents[here]
            parts.append(Batch(0, batch.features[here], batch.target[here], contents))
        told = [part.contents for part in parts if part.contents is not None]
        return Batch(
            0,
            np.concatenate([part.features for part in parts]),
            np.concatenate([part.target for part in parts]),
            np.concatenate(told) if told else None,
        )

    @cached_property
    def _whole(self) -> _Whole:
        target = np.empty(self.rows, np.float32)
        contents = None if self._content is None else np.empty(self.rows, np.int32)
        first = 0
        for table in read_batches(self._path, self._beside, ROWS_AT_A_TIME):
            here = slice(first, first + table.num_rows)
            target[here] = self._numbers(table, self.target_is.name, first)
            numbers = self._contents_of(table)
            if contents is not None and numbers is not None:
                contents[here] = numbers
            first += table.num_rows
        return _Whole(target, contents, self._numbering.names)

    @property
    def _path(self) -> Path:
        return self.path / FEATURES_NAME

    @property
    def _beside(self) -> list[str]:
        return [self.target_is.name, *([self._content] if self._content is not None else [])]

    def _numbers(self, table: pa.Table, name: str, first: int) -> NDArray[np.float32]:
        """A column's values (n,), all finite."""
        values = numbers_as_stored(table, name)
        # A sum of finite numbers that is none (it overflows) costs one more look, and nothing else.
        if values is not None and values.dtype == np.float32 and math.isfinite(values.sum(dtype=np.float32)):
            return values
        return finite_float32(self._path, self._canonical(table.select([name])), name, first)

    def _contents_of(self, table: pa.Table) -> NDArray[np.int32] | None:
        try:
            return None if self._content is None else self._numbering.of(table, self._content)
        except UnsupportedColumn as error:
            raise BadFeatures(f"{self._path}: {error}") from error

    def _canonical(self, table: pa.Table) -> dict[str, Column]:
        try:
            return canonical_columns(table)
        except UnsupportedColumn as error:
            raise BadFeatures(f"{self._path}: {error}") from error

    def _is_as_recorded(self, manifest: Manifest) -> bool:
        recorded = {name: record.sha256 for name, record in manifest.features_files.items()}
        there = [part.path for part in parts_of(self._path)]
        names = [path.relative_to(self.path).as_posix() for path in there]
        return names == list(recorded) and all(
            sha256_of_file(path) == recorded[name] for path, name in zip(there, names, strict=True)
        )

    def _worked_out(self) -> str:
        """The one that the manifest records, for the very bytes that it records; of any others from their values."""
        if self._manifest and self._is_as_recorded(self._manifest):
            return self._manifest.fingerprint

        def pieces(name: str) -> Iterator[Column]:
            return (self._canonical(table)[name] for table in read_batches(self._path, [name], ROWS_AT_A_TIME))

        return fingerprint_of_pieces(self._schema, self.rows, pieces)


@dataclass(frozen=True)
class _Whole:
    target: NDArray[np.float32]
    contents: NDArray[np.int32] | None
    names: tuple[str, ...]
