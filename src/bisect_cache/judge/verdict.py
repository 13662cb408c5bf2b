"""The judge's words: what can be said of a checkpoint, by which rule, and what its model is taken to predict."""

from typing import Literal

Verdict = Literal["good", "bad", "untestable", "uncertain"]
"""``uncertain``: its interval straddles a threshold."""
Decision = Literal["auto", "point", "interval"]
"""``point``: a value decides. ``interval``: only an interval that lies wholly on one side does, and what straddles a
threshold is uncertain. ``auto``: absolute thresholds by the point, relative ones by the interval."""
Predicts = Literal["quality", "target"]
"""What models give: ``quality``, higher for better, whatever the target's direction; or ``target``, its own values."""
