"""Which columns of a table are the features of a cache: any names, any number."""

from __future__ import annotations

import fnmatch
from collections.abc import Collection, Sequence

from bisect_cache.cache.manifest import DEFAULT_FEATURES
from bisect_cache.cache.recipes.interface import BadSource
from bisect_cache.cache.recipes.labels import LabelledTable, listed
from bisect_cache.cache.recipes.libvmaf import spelling_in
from bisect_cache.cache.recipes.rows import check_features


def feature_columns(table: LabelledTable, wanted: Sequence[str], not_among: Collection[str]) -> dict[str, str]:
    """The table's column of each feature: of those asked for, or of the six default ones that it has.

    A name with ``*`` that is no column's is all columns that it matches, in the table's order, without those in
    ``not_among``. Raises ``BadSource`` with what is not there.
    """
    spelled_out = [name for each in wanted for name in _matching(table, each, not_among)]
    check_features(table.path, spelled_out)
    columns = frozenset(table.columns)
    found = {feature: spelling_in(columns, feature) for feature in spelled_out or DEFAULT_FEATURES}
    absent = [feature for feature, column in found.items() if column is None]
    features = {feature: column for feature, column in found.items() if column is not None}
    if not features or (wanted and absent):
        raise BadSource(
            f"{table.path}: has no feature column {listed(absent)}; its columns are {listed(table.columns, 40)}: name "
            f"the features among them with --feature"
        )
    return features


def _matching(table: LabelledTable, wanted: str, not_among: Collection[str]) -> list[str]:
    if "*" not in wanted or wanted in table.columns:
        return [wanted]
    matching = [name for name in table.columns if fnmatch.fnmatchcase(name, wanted) and name not in not_among]
    return matching or [wanted]
