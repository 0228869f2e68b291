"""The simulation of a network, small: it agrees with the arithmetic, finds those who cheat, and accuses nobody else."""

import json
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from benchmarks.chart import Axis, Series, chart
from benchmarks.network_sim import RATES, World, assumed, cell_row, play, until_caught, world_row
from benchmarks.painted import CHEATS, Shares, measured, painted

from triptych.network.audit import Rates
from triptych.network.reputation import POWER

HONEST = Shares(0.6, 0.0, 0.4, 0)
DETECTOR = assumed(HONEST)
TOLERANCE = 0.2  # of the median; with 400 owners one standard deviation of it is 7 %


@pytest.mark.parametrize(("rate", "share"), [(0.2, 1.0), (0.2, 0.5), (0.05, 1.0)])
def test_the_median_is_that_of_the_arithmetic(rate: float, share: float) -> None:
    found = until_caught(rate, share, 400, DETECTOR)
    assert found["median"] == pytest.approx(found["median_by_arithmetic"], rel=TOLERANCE, abs=1)
    assert found["p95"] == pytest.approx(found["p95_by_arithmetic"], rel=TOLERANCE, abs=1)
    assert found["aside_median"] >= found["median"]


def test_a_weaker_detector_takes_longer() -> None:
    weak = until_caught(0.2, 1.0, 200, assumed(HONEST, 0.3))
    assert weak["median"] > 2 * until_caught(0.2, 1.0, 200, DETECTOR)["median"]


def test_those_who_cheat_are_put_aside_and_nobody_else() -> None:
    small = World("small", Rates(), 0.2, nodes=300, owners=60, jobs=12_000)
    found, again = play(small, DETECTOR), play(small, DETECTOR)
    assert found == again
    assert found["accused_wrongly"] == found["suspected_wrongly"] == 0
    assert found["put_aside"] >= 10  # of the 12 that were there at first, and those who came later
    assert found["bad_shown_last_quarter"] < found["bad_shown_at_the_start"] / 2
    rare = play(World("rare", RATES["1% always"], 0.2, nodes=300, owners=60, jobs=12_000), DETECTOR)
    assert rare["bad_shown"] > found["bad_shown"]
    assert rare["extra_pictures"] < found["extra_pictures"]
    json.dumps(found)


def test_where_nobody_has_measured_the_third_opinion_finds_other_motifs_and_strangers_alone_put_nobody_aside() -> None:
    small = World("new", Rates(), 0.2, nodes=300, owners=60, jobs=12_000, rough=True)
    known, alone = play(small, DETECTOR), play(replace(small, alone=True), DETECTOR)
    assert known["put_aside"] >= 9
    assert known["accused_wrongly"] == known["suspected_wrongly"] == 0
    assert known["bad_shown"] < alone["bad_shown"]
    assert alone["put_aside"] == alone["accused_wrongly"] == alone["suspected_wrongly"] == 0
    assert alone["bad_told"] > 0
    ring = play(replace(small, alone=True, ring=True), DETECTOR)
    assert ring["suspected_wrongly"] > 0, "two who cheat together outvote one who is honest"
    assert ring["accused_wrongly"] == 0, "and put nobody aside"


def test_the_page_has_the_numbers_of_the_last_large_run() -> None:
    root = Path(__file__).parents[2]
    run = json.loads((root / "benchmarks/network_sim.json").read_text("utf-8"))
    rows = [*map(cell_row, run["until_caught"]), *map(world_row, run["worlds"])]
    page = (root / "docs/concepts/checking.md").read_text("utf-8").splitlines()
    assert len(rows) > 30
    assert [row for row in rows if row not in page] == []


def test_comparisons_that_are_wrong_now_and_then_accuse_somebody_in_the_end() -> None:
    """So that a zero above is a result and no accident of the counting."""
    found = play(World("noisy", Rates(), 0.0, nodes=300, owners=60, jobs=12_000, spurious=0.05), DETECTOR)
    assert found["accused_wrongly"] > 0


def test_the_power_that_is_assumed_is_less_than_what_is_measured_of_the_gross_cheats() -> None:
    assert measured(painted, 10).mismatch == 0
    for name in ("a wrong seed", "half the resolution"):
        assert measured(CHEATS[name], 10).mismatch >= POWER


def test_a_chart_is_a_whole_picture() -> None:
    axis = Axis("x", 1, 100, (1, 10, 100), log=True)
    found = chart(
        "a title",
        axis,
        Axis("y", 0, 10, (0, 10)),
        [Series("one", [(1, 0), (100, 10)]), Series("two", [(10, 5)], dots=True)],
    )
    drawn = ET.fromstring(found)
    dots = [(float(one.get("cx", 0)), float(one.get("cy", 0))) for one in drawn.iter() if one.tag.endswith("circle")]
    assert dots[0][0] < dots[3][0] < dots[1][0]
    assert dots[1][1] < dots[3][1] < dots[0][1]
