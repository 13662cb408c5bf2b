"""The verdict in words: one sentence that can stand alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bisect_cache.cache.check import Checked
from bisect_cache.judge.sampling import Sampling
from bisect_cache.judge.thresholds import Threshold
from bisect_cache.printable import printable
from bisect_cache.report.reason import difference, ends, first_of, more_rows
from bisect_cache.report.structs import Step
from bisect_cache.search import Found

_LISTED = 5
_SINCE = {
    None: "",
    True: " Its commit was there before this change.",
    False: " Its commit is part of this change.",
}


@dataclass(frozen=True)
class Judged:
    """What a sentence is made from."""

    found: Found
    labels: Sequence[str]
    """Of all checkpoints."""
    steps: Mapping[int, Step]
    """By index."""
    thresholds: Sequence[Threshold]
    """What a good model holds."""
    sampling: Sampling | None = None

    @property
    def gates(self) -> str:
        """The thresholds as they are read aloud."""
        return first_of([str(threshold) for threshold in self.thresholds], " and ", "threshold")

    @property
    def metrics(self) -> tuple[str, ...]:
        """Those that thresholds ask for."""
        return tuple(dict.fromkeys(threshold.metric for threshold in self.thresholds))


def bisect_sentence(judged: Judged, before: bool | None = None) -> str:
    """What a search ended with.

    ``before`` says whether the first bad model was there before the change that is judged, where that is known.
    """
    outcome = judged.found.outcome
    if judged.found.length == 0:
        return "The timeline is empty: there is no model to judge."
    if outcome in {"regression", "non-monotone"}:
        said = _regression(judged)
    elif outcome == "head-bad":
        said = _head_bad(judged)
    elif outcome == "no-regression":
        said = _no_regression(judged)
    else:
        said = _inconclusive(judged)
    return f"{said}{_SINCE[before]}"


def check_sentence(checked: Checked) -> str:
    """What a check ended with."""
    if checked.outcome == "drift":
        failing = [finding for finding in checked.findings if finding.severity != "notice"]
        kinds = ", ".join(dict.fromkeys(finding.kind for finding in failing))
        files = _listed([printable(name) for name in dict.fromkeys(finding.file for finding in failing)])
        return f"The cache has drifted: {_count(len(failing), 'finding')} ({kinds}) in {files}."
    if checked.outcome == "writer-drift":
        return "The data is what it was; only bytes differ, by the doing of the writer (writer drift)."
    if not checked.regenerated:
        return "The cache is what its manifest describes; it was not regenerated, because its source is out of reach."
    return f"The cache regenerates: all {checked.rows} rows are what its recipe makes."


def _regression(judged: Judged) -> str:
    found, labels = judged.found, judged.labels
    assert found.first_bad is not None  # noqa: S101 - what a regression is
    bad = judged.steps[found.first_bad]
    if found.last_good is None:
        return f"{_named(judged, found.first_bad)} is the first regressing model: {bad.reason}. {_seen(found)}"
    good = judged.steps[found.last_good]
    values = "; ".join(_change(judged, metric, good, bad) for metric in judged.metrics)
    return (
        f"{_named(judged, found.first_bad)} is the first regressing model: {values}, "
        f"where {judged.gates} must hold{_beside(judged, bad)}; {labels[found.last_good]} just before it is good. "
        f"{_within_chance(judged, bad)}{_afterwards(judged)}{_seen(found)}"
    )


def _change(judged: Judged, metric: str, good: Step, bad: Step) -> str:
    """Both values with as many digits as show which side of its thresholds each is on, and their intervals."""
    mine = [one for one in judged.thresholds if one.metric == metric and one.reference is None]
    values = good.metrics[metric], bad.metrics[metric]
    for digits in (4, 6, 9, 12, 17):
        shown = [f"{value:.{digits}f}" for value in values]
        rounded = [[threshold.holds(float(text)) for threshold in mine] for text in shown]
        if rounded == [[threshold.holds(value) for threshold in mine] for value in values]:
            break
    before, after = (f"{text}{_interval(step, metric)}" for text, step in zip(shown, (good, bad), strict=True))
    return f"{metric.upper()} {before} -> {after}"


def _interval(step: Step, metric: str) -> str:
    return f" {ends(step.intervals[metric])}" if metric in step.intervals else ""


def _beside(judged: Judged, bad: Step) -> str:
    """By how much the first bad one is beside its references, where relative thresholds decided."""
    told = [
        f"{threshold.metric.upper()} {difference(threshold, one)}"
        for threshold, one in zip(judged.thresholds, bad.thresholds, strict=False)
        if threshold.reference and one.verdict == "bad"
    ]
    return f" ({first_of(told, '; ', 'threshold')})" if told else ""


def _within_chance(judged: Judged, bad: Step) -> str:
    """Said where values decided that their intervals leave open: on other rows the same model may be good."""
    decided = [
        any(threshold.holds(end) for end in one.interval or ())
        for threshold, one in zip(judged.thresholds, bad.thresholds, strict=False)
        if one.verdict == "bad"
    ]
    if not decided or not all(decided):
        return ""
    return f"By its interval, {bad.label} is uncertain: it reaches over the threshold. "


def _afterwards(judged: Judged) -> str:
    """What comes after the first regression: where it recovers, where it regresses again, and how it ends."""
    found = judged.found
    later = [one for one in found.crossings if found.first_bad is not None and one.after > found.first_bad]
    if not later:
        return ""
    if found.stepwise:
        return f"Worse than the one before it, too: {_listed([judged.labels[one.after] for one in later])}. "
    told = [
        f"{'recovers at' if one.kind == 'recovery' else 'regresses again at'} {_with_values(judged, one.after)}"
        for one in later
    ]
    newest = judged.found.verdicts.get(found.length - 1)
    last = f"; the newest, {judged.labels[-1]}, is {newest}" if newest and later[-1].after != found.length - 1 else ""
    return f"The timeline is non-monotone: it {_listed(told)}{last}. "


def _with_values(judged: Judged, index: int) -> str:
    step = judged.steps[index]
    values = ", ".join(
        f"{metric.upper()} {step.metrics[metric]:.4f}{_interval(step, metric)}" for metric in judged.metrics
    )
    return f"{judged.labels[index]} ({values})"


def _head_bad(judged: Judged) -> str:
    found, labels = judged.found, judged.labels
    assert found.first_bad is not None  # noqa: S101 - what head-bad is
    skipped = f"the {found.first_bad} before it cannot be judged" if found.first_bad else "it is the oldest"
    then = ""
    if len(found.crossings) > 1:
        told = [
            f"{labels[one.after]} {'is good' if one.kind == 'recovery' else 'is bad again'}" for one in found.crossings
        ]
        then = f" Later, {_listed(told)}."
    elif found.verdicts.get(found.length - 1) == "good":
        then = f" The newest, {labels[-1]}, is good."
    reason = judged.steps[found.first_bad].reason or judged.gates
    return (
        f"{_named(judged, found.first_bad)} is already bad ({reason}) and {skipped}: "
        f"there is no good model to start from.{then} {_seen(found)}"
    )


def _no_regression(judged: Judged) -> str:
    found, labels, gates = judged.found, judged.labels, judged.gates
    if found.length == 1:
        return f"{labels[0]}, the only model, is good: {gates} holds."
    first_good = min(index for index, verdict in found.verdicts.items() if verdict == "good")
    if first_good == found.length - 1:
        said = f"No regression: {labels[-1]}, the only model that can be judged, is good ({gates})"
    elif found.proven:
        said = f"No regression: from {labels[first_good]} to {labels[-1]}, no model is bad ({gates})"
    else:
        said = f"No regression between the ends: {labels[first_good]} and {labels[-1]} are good ({gates})"
    if first_good:
        said += f"; {_count(first_good, 'model')} before {labels[first_good]} cannot be judged"
    unsure = [labels[index] for index, verdict in sorted(found.verdicts.items()) if verdict == "uncertain"]
    if unsure:
        said += f"; uncertain: {_listed(unsure)}"
    return f"{said}. {_seen(found)}"


def _inconclusive(judged: Judged) -> str:
    found, labels = judged.found, judged.labels
    if found.last_good is None and not any(found.verdicts.get(index) == "bad" for index in found.candidates):
        if any(verdict == "uncertain" for verdict in found.verdicts.values()):
            return f"No model is good or bad beyond doubt ({judged.gates}): {_would_tell(judged)}. {_looked_at(found)}"
        none = "The only model" if found.length == 1 else f"None of the {found.length} models"
        could = "could not" if found.length == 1 else "could"
        return f"{none} {could} be judged: nothing can be said about {judged.gates}."
    names = _listed([_doubt(judged, index) for index in found.candidates])
    unsure = any(found.verdicts.get(index) == "uncertain" for index in found.candidates)
    tell = f"; {_would_tell(judged)}" if unsure else ""
    if found.stepwise and found.verdicts.get(found.candidates[-1]) == "bad":
        before = _listed([_doubt(judged, index) for index in found.candidates[:-1]])
        return (
            f"{labels[found.candidates[-1]]} is worse than the one just before it, but whether it is the first is not "
            f"known: {before} may be{tell}. {_looked_at(found)}"
        )
    if found.verdicts.get(found.candidates[-1]) == "bad":
        bad = labels[found.candidates[-1]]
        if found.last_good is None:
            what = f"No model before {bad} is good beyond doubt, and it is bad: the first bad model is"
        else:
            what = (
                f"A regression lies behind {labels[found.last_good]}, the last good model, but which model was the "
                f"first is not known: it is"
            )
        return f"{what} one of these {len(found.candidates)}: {names}{tell}. {_looked_at(found)}"
    assert found.last_good is not None  # noqa: S101 - else nothing would be judged
    return (
        f"{labels[found.last_good]} is good ({judged.gates}), but whether what follows it regressed is not known: "
        f"{names}{tell}. {_looked_at(found)}"
    )


def _doubt(judged: Judged, index: int) -> str:
    """A candidate and why it is only one: uncertain with its values, untestable, or bad."""
    verdict = judged.found.verdicts.get(index)
    return f"{judged.labels[index]} ({verdict})" if verdict else judged.labels[index]


def _would_tell(judged: Judged) -> str:
    """How many more rows or contents would settle every doubt about the candidates."""
    doubts = [
        (judged.labels[index], one)
        for index in judged.found.candidates
        if index in judged.steps
        for one in judged.steps[index].thresholds
        if one.verdict == "uncertain"
    ]
    if any(one.interval is None for _, one in doubts):
        return "there are too few rows for an interval"
    close = list(dict.fromkeys(label for label, one in doubts if one.times is None))
    if close:
        lie = "lies" if len(close) == 1 else "lie"
        return f"{_listed(close)} {lie} so close to the threshold that more rows will hardly tell"
    return more_rows(max((one.times for _, one in doubts if one.times is not None), default=None), judged.sampling)


def _named(judged: Judged, index: int) -> str:
    return f"{judged.labels[index]} (model {index + 1} of {judged.found.length})"


def _seen(found: Found) -> str:
    """How much was looked at; what is uncertain or cannot be judged proves nothing."""
    if found.proven and set(found.verdicts.values()) <= {"good", "bad"}:
        return f"Proven over all {found.length} models."
    return _looked_at(found)


def _looked_at(found: Found) -> str:
    return f"{len(found.verdicts)} of {found.length} models seen."


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"


def _listed(names: Sequence[str]) -> str:
    if len(names) <= _LISTED:
        return ", ".join(names)
    return f"{', '.join(names[: _LISTED - 1])}, … {names[-1]} ({len(names)} in all)"
