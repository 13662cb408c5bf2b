"""The inputs and outputs that a model declares, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bisect_cache.printable import first_of

FLOATS = {"tensor(float)": "<f4", "tensor(double)": "<f8", "tensor(float16)": "<f2"}
"""NumPy's names of the types that features and scores have."""


class CannotFeed(Exception):
    """What the model wants that the cache does not give."""


@dataclass(frozen=True)
class Port:
    """One input or output as the model declares it; a free dimension is None."""

    name: str
    type: str
    shape: tuple[int | None, ...] | None

    def __str__(self) -> str:
        if self.shape is None:
            return f"'{self.name}' {self.type}"
        return f"'{self.name}' {self.type} [{', '.join('N' if size is None else str(size) for size in self.shape)}]"


def listed_ports(ports: Sequence[Port]) -> str:
    """Some of many, in a sentence."""
    return first_of(map(str, ports), 8) or "nothing"
