"""Execution quality against numbers worked out by hand."""

from pathlib import Path

import msgspec
import pytest

from oms.core import events as ev
from oms.core.types import Side
from oms.post.quality import BY, Quality, Row, draw
from tests.core.desk import FIRM, LSE, SIM, START_NS, Desk


def measured(desk: Desk, by: str = "order") -> list[Row]:
    return Quality().feed_all(desk.events).rows(by)


@pytest.fixture
def desk() -> Desk:
    found = Desk()
    found.price("IBM", "100")
    found.show(SIM, bids=["99.5 100"], offers=["100.5 100"])
    return found


def test_buying_dearer_than_the_middle_at_arrival_is_worse(desk: Desk) -> None:
    desk.new("A", "100", "101", account="HUGE")
    desk.fill("A", "x1", "60", "100.5")
    desk.fill("A", "x2", "40", "101")
    row = measured(desk)[0]
    # (60 x 0.5 + 40 x 1) / (100 x 100) = 0.7 percent
    assert (row.arrival_bps, row.cum_qty, row.filled_percent) == (70.0, "100", 100.0)


def test_selling_dearer_is_better(desk: Desk) -> None:
    desk.new("A", "100", "99", side=Side.SELL, account="HUGE")
    desk.fill("A", "x1", "50", "101")
    row = measured(desk)[0]
    assert (row.arrival_bps, row.filled_percent) == (-100.0, 50.0)


def test_vwap_is_of_what_was_traded_between_arrival_and_last_fill(desk: Desk) -> None:
    desk.show(SIM, trades=["100 1000"], full=False)
    desk.new("A", "100", "105", account="HUGE")
    desk.show(SIM, trades=["101 300", "103 100"], full=False)
    desk.fill("A", "x1", "100", "102")
    desk.show(SIM, trades=["200 1000"], full=False)
    row = measured(desk)[0]
    # VWAP (300 x 101 + 100 x 103) / 400 = 101.5; last 103
    assert row.vwap_bps == round((102 - 101.5) / 101.5 * 10_000, 2)
    assert row.last_bps == round((102 - 103) / 103 * 10_000, 2)


def test_what_nobody_published_gives_no_slippage() -> None:
    found = Desk()
    found.new("A", "100", "90")
    row = measured(found)[0]
    assert (row.arrival_bps, row.vwap_bps, row.last_bps, row.first_fill_ms) == (None, None, None, None)
    found.fill("A", "x1", "100", "90")
    assert measured(found)[0].vwap_bps is None


def test_busts_and_corrections_count_as_they_stand(desk: Desk) -> None:
    desk.new("A", "100", "101", account="HUGE")
    desk.fill("A", "x1", "50", "101")
    desk.fill("A", "x2", "50", "101")
    desk.bust("A", "b1", "x1")
    desk.correct("A", "c1", "x2", "50", "100")
    row = measured(desk)[0]
    assert (row.arrival_bps, row.cum_qty) == (0.0, "50")


def test_parts_are_measured_by_destination_strategy_and_algorithm(desk: Desk) -> None:
    halves = ev.StrategyDefined(START_NS, "HALVES", "split", ((SIM, 1), (LSE, 1)), "desk")
    desk._take(halves)
    desk._take(msgspec.structs.replace(FIRM, market_venues=(("XNYS", "HALVES"),)))
    desk.new("A", "100", "101", account="HUGE")
    desk.fill("A", "x1", "50", "100", route=1)
    desk.fill("A", "x1", "25", "101", route=2)
    assert [(r.name, r.arrival_bps, r.cum_qty) for r in measured(desk, "destination")] == [
        (LSE, 100.0, "25"), (SIM, 0.0, "50"),
    ]  # fmt: skip
    assert [(r.name, r.orders, r.parts) for r in measured(desk, "strategy")] == [("HALVES", 1, 2)]
    for by in BY:
        assert sum(r.parts for r in measured(desk, by)) == 2


def test_orders_are_sorted_by_number(desk: Desk) -> None:
    for n in range(11):
        desk.new(f"A{n}", "1", "99")
    assert [r.name for r in measured(desk)] == [str(n) for n in range(1, 12)]


def test_a_fold_that_was_cut_and_continued_is_the_same(desk: Desk) -> None:
    desk.new("A", "100", "101", account="HUGE")
    desk.fill("A", "x1", "60", "100.5")
    half = len(desk.events) // 2
    quality = Quality().feed_all(desk.events[:half]).feed_all(desk.events[half:])
    assert quality.rows("order") == measured(desk)


def test_it_can_be_drawn(desk: Desk, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    desk.new("A", "100", "101", account="HUGE")
    desk.fill("A", "x1", "60", "100.5")
    path = tmp_path / "quality.png"
    draw(Quality().feed_all(desk.events), "destination", str(path))
    assert path.read_bytes()[:4] == b"\x89PNG"
