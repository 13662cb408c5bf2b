"""Why a checkpoint is bad or uncertain, as it is told to people."""

import pytest
from measured import BY_ROW

from bisect_cache.judge.deciding import Compared
from bisect_cache.judge.measurement import Measurement
from bisect_cache.judge.sampling import Interval, Sampling
from bisect_cache.judge.thresholds import parse_thresholds
from bisect_cache.judge.verdict import Verdict
from bisect_cache.report.reason import ends, more_rows, reason

GOOD = Measurement({"plcc": 0.9, "srocc": 0.9}, {"plcc": (0.8, 0.95)})


def judged(
    line: str, verdict: Verdict, value: float = 0.5, interval: Interval | None = None, times: float | None = None
) -> tuple[str, Compared]:
    return line, Compared(line, value, interval, verdict, times)


def told(
    *all_judged: tuple[str, Compared], measurement: Measurement = GOOD, sampling: Sampling | None = BY_ROW
) -> str | None:
    lines, compared = zip(*all_judged, strict=True)
    return reason(measurement, parse_thresholds(lines), compared, sampling)


def test_of_a_good_one_there_is_nothing_to_tell() -> None:
    assert told(judged("plcc >= 0.85", "good"), judged("srocc >= baseline", "good", 0.0)) is None
    assert reason(GOOD, (), (), BY_ROW) is None
    turned = Measurement({"plcc": -0.9, "srocc": -0.9})
    assert told(judged("plcc >= -1", "good"), measurement=turned) is None


def test_of_a_bad_one_its_thresholds_are_told_and_of_a_relative_one_by_how_much() -> None:
    assert told(judged("plcc >= 0.85", "bad")) == "plcc >= 0.85 does not hold"
    assert (
        told(judged("srocc >= baseline - 0.01", "bad", -0.0321, (-0.04, -0.02)))
        == "srocc >= baseline - 0.01 does not hold: -0.0321 [-0.0400, -0.0200] beside baseline"
    )
    assert told(judged("plcc >= previous", "bad", -0.5)) == "plcc >= previous does not hold: -0.5000 beside previous"
    assert (
        told(judged("rmse_mapped <= baseline * 1.05", "bad", 0.25, (0.1, 0.3)))
        == "rmse_mapped <= baseline * 1.05 does not hold: +0.2500 [+0.1000, +0.3000] beside 1.05 times baseline"
    )


def test_of_an_uncertain_one_its_interval_is_told_and_how_many_more_would_tell() -> None:
    assert (
        told(judged("plcc >= 0.85", "uncertain", 0.86, (0.8, 0.9), 1.5))
        == "plcc >= 0.85 is uncertain: 0.8600 [0.8000, 0.9000]; about 50 more rows would tell"
    )
    assert (
        told(judged("plcc >= baseline", "uncertain", 0.01, (-0.01, 0.03), 4.0))
        == "plcc >= baseline is uncertain: +0.0100 [-0.0100, +0.0300] beside baseline; about 300 more rows would tell"
    )
    assert (
        told(judged("plcc >= 0.85", "uncertain", 0.86))
        == "plcc >= 0.85 is uncertain: 0.8600; there are too few rows for an interval"
    )
    assert (
        told(judged("plcc >= previous", "uncertain", -0.01))
        == "plcc >= previous is uncertain: -0.0100 beside previous; there are too few rows for an interval"
    )


def test_several_are_told_in_their_order_and_good_ones_are_left_out() -> None:
    one = judged("plcc >= 0.85", "bad")
    other = judged("srocc >= 0.85", "uncertain", 0.86, (0.8, 0.9))
    assert told(one, judged("rmse <= 9", "good"), other) == "; ".join(filter(None, (told(one), told(other))))


@pytest.mark.parametrize(
    ("times", "sampling", "words"),
    [
        (4.0, Sampling(9, 1, 0.95, "content", 17), "about 51 more contents would tell"),
        (1.001, Sampling(9, 1, 0.95, "content", 17), "about 1 more content would tell"),
        (1.0, Sampling(9, 1, 0.95, "row", 17), "about 1 more row would tell"),
        (1.1, Sampling(9, 1, 0.95, "row", 15), "about 2 more rows would tell"),
        (99.0, Sampling(9, 1, 0.95, "row", 1000), "about 98,000 more rows would tell"),
        (2.34, Sampling(9, 1, 0.95, "row", 64, grouped=True), "about 2.3 times as many rows would tell"),
        (1.01, Sampling(9, 1, 0.95, "row", 64, grouped=True), "about 1.1 times as many rows would tell"),
        (None, BY_ROW, "it lies so close to the threshold that more rows will hardly tell"),
    ],
)
def test_how_many_more_would_tell_is_a_round_number_of_what_is_drawn(
    times: float | None, sampling: Sampling, words: str
) -> None:
    assert more_rows(times, sampling) == words


NEGATIVE = "negative correlation where a positive one is expected ({}): its scores fall where quality rises"


@pytest.mark.parametrize(
    ("line", "value", "interval", "words"),
    [
        ("plcc >= 0.85", -0.93, (-0.95, -0.9), "PLCC -0.9300"),
        ("plcc >= baseline - 0.01", -0.93, (-0.95, -0.9), "PLCC -0.9300"),
        ("srocc > 0.5", -0.5, None, "SROCC -0.5000"),
        ("plcc >= 0.85", -0.01, (-0.1, 0.1), None),  # weak rather than turned over
        ("plcc >= 0.85", 0.3, (0.1, 0.5), None),
        ("plcc <= 0.1", -0.93, (-0.95, -0.9), None),  # nobody asked for a positive one
        ("rmse_mapped <= 0.1", -0.93, (-0.95, -0.9), None),
    ],
)
def test_a_correlation_that_is_negative_beyond_doubt_is_named(
    line: str, value: float, interval: Interval | None, words: str | None
) -> None:
    metric = line.split(maxsplit=1)[0]
    found = Measurement({metric: value, "rmse_mapped": 1.0}, {metric: interval} if interval else {})
    said = told(judged(line, "bad", value), measurement=found)
    assert said is not None
    assert said.partition("; ")[2] == (NEGATIVE.format(words) if words else "")


def test_a_model_that_is_turned_over_is_told_of_once() -> None:
    turned = Measurement({"plcc": -0.9, "srocc": -0.8})
    said = told(judged("srocc >= 0.5", "bad"), judged("plcc >= 0.5", "bad"), measurement=turned)
    assert said == f"srocc >= 0.5 does not hold; plcc >= 0.5 does not hold; {NEGATIVE.format('PLCC -0.9000')}"


def test_one_threshold_that_holds_says_no_less_of_a_model_that_another_finds_bad() -> None:
    turned = Measurement({"plcc": -0.9, "rmse": 9.0})
    said = told(judged("plcc >= -1", "good"), judged("rmse <= 1", "bad"), measurement=turned)
    assert said == f"rmse <= 1 does not hold; {NEGATIVE.format('PLCC -0.9000')}"


def test_an_interval_is_written_with_four_digits() -> None:
    assert ends((-0.1, 0.123456)) == "[-0.1000, 0.1235]"


def test_of_many_thresholds_the_first_are_told_and_the_others_counted() -> None:
    five, seven = ([judged(f"plcc >= 0.9{number}", "bad") for number in range(count)] for count in (5, 7))
    all_told = "; ".join(f"{line} does not hold" for line, _ in five)
    assert told(*five) == all_told
    assert told(*seven, measurement=Measurement({"plcc": -0.5}), sampling=None) == (
        f"{all_told}; 2 more thresholds; negative correlation where a positive one is expected "
        f"(PLCC -0.5000): its scores fall where quality rises"
    )
