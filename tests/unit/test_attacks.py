"""The table of attacks in SECURITY.md is of the attacks that tests try, and counts what they count."""

from __future__ import annotations

from pathlib import Path

import pytest
from attacks import ATTACKS, Attack, table

ROOT = Path(__file__).resolve().parents[2]


def test_security_md_has_a_row_for_each_attack_in_this_order() -> None:
    said = (ROOT / "SECURITY.md").read_text().split("<!-- attacks: printed by make attacks -->\n")[1]
    rows = [line.strip("| ").split(" | ") for line in said.split("<!-- attacks: end -->")[0].splitlines()[2:]]
    assert [(name, seen) for name, _, _, seen in rows] == list(ATTACKS.values())
    assert all(tried == survived and int(tried.replace(",", "")) > 0 for _, tried, survived, _ in rows)


def test_what_was_not_survived_is_counted_as_tried_alone() -> None:
    attack = Attack("a", "b")
    with attack.case(3):
        pass
    with pytest.raises(ValueError, match="lost"), attack.case():
        raise ValueError("lost")
    assert (attack.tried, attack.survived) == (4, 3)
    key = next(iter(ATTACKS))
    assert table({key: attack}).endswith("| a | 4 | 3 | b |")
