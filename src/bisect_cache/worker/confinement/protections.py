"""What a worker can be kept from, by name."""

from __future__ import annotations

from typing import Literal, get_args

Protection = Literal["no files", "no network", "no other processes", "a user of its own", "a memory limit"]
PROTECTIONS: tuple[Protection, ...] = get_args(Protection)
ESSENTIAL: frozenset[Protection] = frozenset({"no files", "no network", "no other processes"})
"""Without these, a model from a stranger could take something along or send it away."""
