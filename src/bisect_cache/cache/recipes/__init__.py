"""Recipes: how a cache is made. Read ``interface.py`` first; each other file is one recipe or its reader."""

from __future__ import annotations

from bisect_cache.cache.manifest import Parts, Recipe, Reports, Synthetic
from bisect_cache.cache.recipes.interface import Made, Surroundings


def make(recipe: Recipe, surroundings: Surroundings) -> Made:
    """Follow ``recipe``.

    Raises ``SourceAbsent`` when what it reads is not there, ``BadSource`` when that cannot be used.
    """
    if isinstance(recipe, Synthetic):
        from bisect_cache.cache.recipes.synthetic import make_synthetic

        return make_synthetic(recipe)
    if isinstance(recipe, Reports):
        from bisect_cache.cache.recipes.reports import make_reports

        return make_reports(recipe, surroundings)
    if isinstance(recipe, Parts):
        from bisect_cache.cache.recipes.parts import make_parts

        return make_parts(recipe, surroundings, make)
    from bisect_cache.cache.recipes.table import make_table

    return make_table(recipe, surroundings)
