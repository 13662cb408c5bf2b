"""The verdict in words: one sentence that can stand alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bisect_cache.cache.check import Checked
from bisect_cache.judge.thresholds import Threshold
from bisect_cache.report.structs import Step
from bisect_cache.search import Found

_LISTED = 5
_SINCE = {
    None: "",
    True: " Its commit was there before this change.",
    False: " Its commit is part of this change.",
}


def bisect_sentence(
    found: Found,
    labels: Sequence[str],
    steps: Sequence[Step],
    thresholds: Sequence[Threshold],
    before: bool | None = None,
) -> str:
    """What a search ended with. ``thresholds`` are what a good model holds.

    ``before`` says whether the first bad model was there before the change that is judged, where that is known.
    """
    return f"{_of_search(found, labels, steps, thresholds)}{_SINCE[before]}"


def _of_search(found: Found, labels: Sequence[str], steps: Sequence[Step], thresholds: Sequence[Threshold]) -> str:
    gates = " and ".join(map(str, thresholds))
    by_index = {step.index: step for step in steps}
    if found.length == 0:
        return "The timeline is empty: there is no model to judge."
    if found.outcome == "regression":
        return _regression(found, labels, by_index, thresholds)
    if found.outcome == "head-bad":
        return _head_bad(found, labels, by_index, gates)
    if found.outcome == "no-regression":
        return _no_regression(found, labels, gates)
    return _inconclusive(found, labels, gates)


def check_sentence(checked: Checked) -> str:
    """What a check ended with."""
    if checked.outcome == "drift":
        failing = [finding for finding in checked.findings if finding.severity != "notice"]
        kinds = ", ".join(dict.fromkeys(finding.kind for finding in failing))
        files = _listed(list(dict.fromkeys(finding.file for finding in failing)))
        return f"The cache has drifted: {_count(len(failing), 'finding')} ({kinds}) in {files}."
    if checked.outcome == "writer-drift":
        return "The data is what it was; only bytes differ, by the doing of the writer (writer drift)."
    if not checked.regenerated:
        return "The cache is what its manifest describes; it was not regenerated, because its source is out of reach."
    return f"The cache regenerates: all {checked.rows} rows are what its recipe makes."


def _regression(found: Found, labels: Sequence[str], steps: Mapping[int, Step], thresholds: Sequence[Threshold]) -> str:
    assert found.first_bad is not None and found.last_good is not None  # noqa: S101, PT018 - what a regression is
    before, after = steps[found.last_good], steps[found.first_bad]
    values = "; ".join(
        _change(metric, before.metrics[metric], after.metrics[metric], thresholds)
        for metric in dict.fromkeys(threshold.metric for threshold in thresholds)
    )
    gates = " and ".join(map(str, thresholds))
    return (
        f"{labels[found.first_bad]} ({_place(found.first_bad, found)}) is the first regressing model: {values}, "
        f"where {gates} must hold; {labels[found.last_good]} just before it is good. {_seen(found)}"
    )


def _change(metric: str, before: float, after: float, thresholds: Sequence[Threshold]) -> str:
    """Both values with as many digits as show which side of its thresholds each is on."""
    mine = [threshold for threshold in thresholds if threshold.metric == metric]
    for digits in (4, 6, 9, 12, 17):
        shown = [f"{value:.{digits}f}" for value in (before, after)]
        rounded = [[threshold.holds({metric: float(text)}) for threshold in mine] for text in shown]
        if rounded == [[threshold.holds({metric: value}) for threshold in mine] for value in (before, after)]:
            break
    return f"{metric.upper()} {shown[0]} -> {shown[1]}"


def _head_bad(found: Found, labels: Sequence[str], steps: Mapping[int, Step], gates: str) -> str:
    assert found.first_bad is not None  # noqa: S101 - what head-bad is
    skipped = f"the {found.first_bad} before it cannot be judged" if found.first_bad else "it is the oldest"
    newest = found.verdicts.get(found.length - 1)
    then = ""
    if newest == "good":
        then = f" The newest, {labels[-1]}, is good."
    reason = steps[found.first_bad].reason or gates
    return (
        f"{labels[found.first_bad]} ({_place(found.first_bad, found)}) is already bad ({reason}) and {skipped}: "
        f"there is no good model to start from.{then}"
    )


def _no_regression(found: Found, labels: Sequence[str], gates: str) -> str:
    if found.length == 1:
        return f"{labels[0]}, the only model, is good: {gates} holds."
    unseen = found.length - len(found.verdicts)
    first_good = min(index for index, verdict in found.verdicts.items() if verdict == "good")
    ends = f"No regression between the ends: {labels[first_good]} and {labels[-1]} are good ({gates})"
    if first_good == found.length - 1:
        ends = f"No regression: {labels[-1]}, the only model that can be judged, is good ({gates})"
    if first_good:
        ends += f"; {_count(first_good, 'model')} before {labels[first_good]} cannot be judged"
    if unseen:
        return f"{ends}. The {_count(unseen, 'model')} between them {'was' if unseen == 1 else 'were'} not looked at."
    return f"{ends}. All {found.length} were looked at."


def _inconclusive(found: Found, labels: Sequence[str], gates: str) -> str:
    if found.last_good is None:
        none = "The only model" if found.length == 1 else f"None of the {found.length} models"
        could = "could not" if found.length == 1 else "could"
        return f"{none} {could} be judged: nothing can be said about {gates}."
    names = _listed([labels[index] for index in found.candidates])
    known_bad = found.verdicts.get(found.candidates[-1]) == "bad"
    if known_bad:
        return (
            f"A regression lies behind {labels[found.last_good]}, the last good model, but models between it and "
            f"{labels[found.candidates[-1]]}, which is bad, cannot be judged: the first bad one could be any of "
            f"{names}."
        )
    return (
        f"{labels[found.last_good]} is good ({gates}), but what follows it cannot be judged: {names}. "
        f"Whether the newest model regressed is not known."
    )


def _place(index: int, found: Found) -> str:
    return f"model {index + 1} of {found.length}"


def _seen(found: Found) -> str:
    if len(found.verdicts) == found.length:
        return f"All {found.length} models were looked at."
    return f"Found by bisection, {len(found.verdicts)} of {found.length} models looked at."


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"


def _listed(names: Sequence[str]) -> str:
    if len(names) <= _LISTED:
        return ", ".join(names)
    return f"{', '.join(names[: _LISTED - 1])}, … {names[-1]} ({len(names)} in all)"
