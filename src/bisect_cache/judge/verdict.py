"""What can be said of one checkpoint."""

from typing import Literal

Verdict = Literal["good", "bad", "untestable", "uncertain"]
"""``uncertain``: its interval straddles a threshold."""
