"""The chart as GitHub draws it: it can be read, whatever the timeline and whoever named its models."""

from __future__ import annotations

import math
import re
from itertools import combinations

import pytest
from drawing import Browser, Diagram, Text
from making import bisect_report, step
from msgspec.structs import replace

from bisect_cache.report.chart import chart
from bisect_cache.report.structs import BisectReport, CheckpointFacts, TimelineFacts

SMALLEST_FONT, AIR = 9.0, 4.0
TIMELINES = {
    **{f"{count} models": range(count) for count in (2, 3, 5, 8, 9, 24, 25, 50, 500)},
    "12 of 1000 models": [0, 499, 749, 874, 936, 967, 983, 991, 995, 997, 998, 999],
    "2 of 100000 models": [0, 99_999],
    "30 of 100000 models": [*range(0, 100_000, 4000), *range(99_995, 100_000)],
}
VALUES = {
    "equal values": ([0.25] * 5, "rmse <= 0.5"),
    "tiny values": ([1e-9, 2e-9, 3e-9, 4e-9, 5e-9], "rmse <= 3e-9"),
    "large values": ([1e8, 1.5e8, 2e8, 4e8, 9.9e8], "rmse <= 250000000"),
    "many digits": ([0.123456789, 0.1234568, 0.1234569, 0.1234571, 0.1234573], "rmse <= 0.12345695123"),
    "far threshold": ([0.1, 0.2, 0.3, 0.4, 0.5], "rmse <= 100000"),
    "negative values": ([-0.1, -0.2, -0.3, -0.9, -1.0], "srocc >= -0.5"),
}
HOSTILE = {
    "quotes": 'it\'s "quoted" \\" \'',
    "backticks": "```\nmermaid\n```",
    "directive": '%%{init: {"securityLevel": "loose", "theme": "forest"}}%%',
    "brackets": 'a"], ["b"] --> [1, 2',
    "newlines": "one\ntwo\r\nthree\u2028four",
    "entities": "#quot;#35;&quot;&lt;#9829;",
    "very long": "model_" + "0123456789" * 40,
    "wide letters": "W" * 60,
    "chinese": "视频质量评估模型第七版候选",
    "emoji": "🚀🔥👩‍👩‍👧‍👦🏳️‍🌈",
    "right to left": "\u202eعربي\u202c مرحبا",
    "markup": "</svg><script>alert(1)</script><img src=x onerror=alert(2)>",
    "mathematics": "$$\\frac{a}{b}$$",
    "nothing but spaces": "   ",
}


def timeline(indexes: range | list[int], name: str = "models/vmaf_{:04d}.onnx") -> BisectReport:
    """A report on the models of these indexes, the last third of which is bad."""
    first_bad = indexes[len(indexes) * 2 // 3]
    steps = []
    for index in indexes:
        plcc = 0.93 + 0.01 * math.sin(index) - 0.13 * (index >= first_bad)
        verdict = "bad" if index >= first_bad else "good"
        steps.append(step(index, verdict, name.format(index), metrics={"plcc": plcc, "srocc": plcc, "rmse": 0.3}))
    return bisect_report(
        timeline=TimelineFacts("files:models/*.onnx", indexes[-1] + 1),
        steps=tuple(steps),
        evaluations=len(steps),
        first_bad=CheckpointFacts(first_bad, name.format(first_bad)),
        last_good=CheckpointFacts(indexes[0], name.format(indexes[0])),
    )


def named(label: str, count: int) -> BisectReport:
    """So many models of that name."""
    return timeline(range(count), label.replace("{", "{{").replace("}", "}}") + " {}")


def doubtful(count: int) -> BisectReport:
    """So many models in front of the first bad one, each of which is uncertain."""
    report = timeline(range(count))
    steps = tuple(replace(one, verdict="uncertain") if one.verdict == "good" else one for one in report.steps)
    return replace(report, steps=steps)


def valued(values: list[float], threshold: str) -> BisectReport:
    """Models with these values of the threshold's metric."""
    metric = threshold.split(maxsplit=1)[0]
    steps = [step(index, metrics={metric: value}) for index, value in enumerate(values)]
    return bisect_report(thresholds=(threshold, f"{threshold}1"), steps=tuple(steps), first_bad=None)


REPORTS = {name: timeline(indexes) for name, indexes in TIMELINES.items()}
REPORTS |= {name: valued(values, threshold) for name, (values, threshold) in VALUES.items()}
REPORTS |= {f"{name}, {count} models": named(label, count) for name, label in HOSTILE.items() for count in (2, 5, 8)}
REPORTS |= {f"{count} models, most of them uncertain": doubtful(count) for count in (5, 20, 50, 500)}


@pytest.fixture(scope="module")
def drawn(browser: Browser) -> dict[str, Diagram]:
    """Every chart by its name, drawn on one page."""
    page = "\n".join(f"```mermaid\n{chart(report)}\n```\n" for report in REPORTS.values())
    layout = browser.layout(page)
    assert layout.ran == ()
    return dict(zip(REPORTS, layout.diagrams, strict=True))


def axis_labels(diagram: Diagram, axis: str) -> list[Text]:
    """The labels along one axis, without its title."""
    return [text for text in diagram.texts if {axis, "label"} <= set(text.parts)]


def test_a_timeline_of_one_model_has_no_chart() -> None:
    assert chart(timeline(range(1))) is None


@pytest.mark.parametrize("name", REPORTS)
def test_every_chart_is_drawn_with_all_its_texts_in_sight(drawn: dict[str, Diagram], name: str) -> None:
    diagram = drawn[name]
    assert diagram.error is None
    assert [text.text for text in diagram.texts if not text.box.within(diagram.width, diagram.height)] == []


@pytest.mark.parametrize("name", REPORTS)
def test_no_text_shows_how_it_was_escaped(drawn: dict[str, Diagram], name: str) -> None:
    assert [text.text for text in drawn[name].texts if re.search(r"&\w+;|[&#]#?\d+;", text.text)] == []


@pytest.mark.parametrize("name", REPORTS)
def test_no_two_texts_lie_over_each_other(drawn: dict[str, Diagram], name: str) -> None:
    pairs = combinations(drawn[name].texts, 2)
    assert [(one.text, other.text) for one, other in pairs if one.box.overlaps(other.box)] == []


@pytest.mark.parametrize("name", REPORTS)
def test_neighbouring_labels_of_an_axis_have_air_between_them(drawn: dict[str, Diagram], name: str) -> None:
    labels = axis_labels(drawn[name], "bottom-axis")
    pairs = combinations(labels, 2)
    assert len(labels) >= 2
    assert [(one.text, other.text) for one, other in pairs if one.box.overlaps(other.box, apart=AIR)] == []


@pytest.mark.parametrize("name", REPORTS)
def test_the_font_is_large_enough_to_read(drawn: dict[str, Diagram], name: str) -> None:
    assert min(text.font for text in drawn[name].texts) >= SMALLEST_FONT


@pytest.mark.parametrize("name", REPORTS)
def test_both_axes_say_what_they_are(drawn: dict[str, Diagram], name: str) -> None:
    titles = {part: text.text for text in drawn[name].texts for part in text.parts if "title" in text.parts}
    assert any(metric in titles["left-axis"] for metric in ("PLCC", "SROCC", "RMSE"))
    assert "oldest first" in titles["bottom-axis"]


@pytest.mark.parametrize("count", [2, 5, 8])
@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_is_nothing_but_a_label(drawn: dict[str, Diagram], name: str, count: int) -> None:
    plain, hostile = drawn[f"{count} models"], drawn[f"{name}, {count} models"]
    assert hostile.dangers == ()
    assert len(hostile.texts) == len(plain.texts)
    assert hostile.width == plain.width
