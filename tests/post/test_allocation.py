"""Sharing out a block: the remainder rule, the spec's worked examples, and the versions after late fills."""

from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from oms.core import events as ev
from oms.core.types import SCALE, Px, Qty, Side, TimeInForce, average_px, format_notional, format_scaled
from oms.post import orders, store
from oms.post.allocation import allocate, payable_unit, share_out
from oms.post.runner import Runner
from tests.post.day import FUNDS, NOON_NS, Day, scaled

# -- the remainder rule --------------------------------------------------------------------------------------

CENT = payable_unit("USD")


@pytest.mark.parametrize(
    ("total", "weights", "unit", "parts"),
    [
        (9000, [1, 1, 1], 1, [3000, 3000, 3000]),
        (10, [1, 1, 1], 1, [4, 3, 3]),  # a tie: the first in the group
        (11, [1, 1, 1], 1, [4, 4, 3]),
        (1, [50, 30, 20], 1, [1, 0, 0]),
        (7, [50, 30, 20], 1, [4, 2, 1]),  # 3.5 2.1 1.4
        (100, [0, 1], 1, [0, 100]),  # no weight, no part
        # 125 75 50: whole lots 100 0 0, a lot to the second, the odd half lot to the third
        (250, [50, 30, 20], 100, [100, 100, 50]),
        (99, [1, 1], 100, [99, 0]),  # less than a lot goes whole
        (0, [1, 1], 1, [0, 0]),
        (-10, [1, 1, 1], 1, [-4, -3, -3]),
    ],
)
def test_largest_remainder(total: int, weights: list[int], unit: int, parts: list[int]) -> None:
    assert share_out(total, weights, unit) == parts


@pytest.mark.parametrize("weights", [[], [0, 0], [2, -1]])
def test_weights_that_share_nothing_are_refused(weights: list[int]) -> None:
    with pytest.raises(ValueError):
        share_out(10, weights, 1)


weights_strategy = st.lists(st.integers(0, 10**12), min_size=1, max_size=12).filter(any)


@given(st.integers(0, 10**24), weights_strategy, st.integers(1, 10**16))
def test_parts_sum_to_the_total_and_are_less_than_one_unit_off(
    total: int, weights: list[int], unit: int
) -> None:
    parts = share_out(total, weights, unit)
    assert sum(parts) == total
    assert sum(part % unit != 0 for part in parts) <= 1
    for part, weight in zip(parts, weights, strict=True):
        assert abs(part - Fraction(total * weight, sum(weights))) < unit
        assert part == 0 or weight > 0


@given(st.integers(0, 10**6), st.lists(st.integers(1, 5), min_size=2, max_size=8))
def test_of_two_equal_weights_the_first_never_gets_less(total: int, weights: list[int]) -> None:
    parts = share_out(total, weights, 1)
    for i, first in enumerate(weights):
        for j in range(i + 1, len(weights)):
            if weights[j] == first:
                assert parts[i] >= parts[j]


# -- a block -------------------------------------------------------------------------------------------------

IBM = ev.InstrumentDefined(
    NOON_NS, "IBM", "XNYS", "USD", "US4592001014", "IBM", Qty(SCALE), ((Px(0), Px(1)),), Px(SCALE), 1
)

fills_strategy = st.lists(st.tuples(st.integers(1, 5000), st.integers(1, 10**11)), min_size=1, max_size=10)


def _allocated(fills: list[tuple[int, int]]) -> list[tuple[str, int, int, int]]:
    order = orders.WorkingOrder(1, "S", "C1", "BLOCK1", "IBM", Side.BUY, "0", 0, routes={1: "SIM"})
    for n, (qty, px) in enumerate(fills):
        event = ev.OrderFilled(NOON_NS, 1, 1, f"X{n}", Qty(qty * SCALE), Px(px), NOON_NS)
        orders.filled(order, event, IBM, "2026-01-09")
    (block,) = order.blocks.values()
    allocation = allocate(order, block, FUNDS, SCALE, "epoch")
    assert allocation is not None
    assert sum(share.qty for share in allocation.shares) == sum(qty * SCALE for qty, _ in fills)
    assert sum(share.money for share in allocation.shares) == sum(qty * SCALE * px for qty, px in fills)
    assert allocate(order, block, FUNDS, SCALE, "epoch") is None
    return [(share.account, share.qty, share.avg_px, share.money) for share in allocation.shares]


@given(fills_strategy, st.randoms(use_true_random=False))
def test_the_order_of_the_fills_does_not_matter(fills: list[tuple[int, int]], rng: object) -> None:
    shuffled = list(fills)
    rng.shuffle(shuffled)  # type: ignore[attr-defined]
    assert _allocated(shuffled) == _allocated(fills)


# -- through the journal -------------------------------------------------------------------------------------

EQUAL = (("F1", SCALE), ("F2", SCALE), ("F3", SCALE))


def _shares(runner: Runner, alloc_id: str) -> list[tuple[str, str, str, str]]:
    """(account, quantity, change of quantity, money)."""
    table = store.allocation_share
    query = select(table).where(table.c.alloc_id == alloc_id).order_by(table.c.line)
    with store.reading(runner.engine) as connection:
        return [
            (r.account, format_scaled(r.qty), format_scaled(r.qty_change), format_notional(r.money))
            for r in connection.execute(query)
        ]


def _allocations(runner: Runner) -> list[store.Row]:
    with store.reading(runner.engine) as connection:
        query = select(store.allocation).order_by(store.allocation.c.seq, store.allocation.c.alloc_id)
        return [dict(row._mapping) for row in connection.execute(query)]


# FIX 5.0 SP2 volume 5, examples of AllocationInstruction: average price method, examples 1.1 and 3.1.
@pytest.mark.parametrize(
    ("prices", "avg_px", "places", "moneys"),
    [
        (["100.00", "100.25", "100.00", "100.50"], "100.1389", 4, ["300416.67", "300416.67", "300416.66"]),
        (["1300", "1313", "1300", "1320"], "1305.889", 3, ["3917666.67", "3917666.67", "3917666.66"]),
    ],
    ids=["ex_1_1", "ex_3_1"],
)
def test_average_price_examples(
    day: Day, runner: Runner, prices: list[str], avg_px: str, places: int, moneys: list[str]
) -> None:
    day.group("THREE", EQUAL)
    order = day.order("THREE", qty=9000)
    for qty, px in zip((3000, 1000, 3000, 2000), prices, strict=True):
        day.fill(order, qty, px)
    runner.catch_up()
    (allocation,) = _allocations(runner)
    assert format_scaled(allocation["qty"]) == "9000"
    unit = 10 ** (8 - places)
    assert format_scaled((allocation["avg_px"] + unit // 2) // unit * unit) == avg_px
    shares = _shares(runner, allocation["alloc_id"])
    assert [(account, qty) for account, qty, _, _ in shares] == [
        ("F1", "3000"),
        ("F2", "3000"),
        ("F3", "3000"),
    ]
    assert [money for *_, money in shares] == moneys
    assert sum(scaled(m) for m in moneys) * SCALE == allocation["money"]


def test_nothing_is_allocated_before_the_order_ends(day: Day, runner: Runner) -> None:
    order = day.order("BLOCK1", qty=100)
    day.fill(order, 60, "10")
    runner.catch_up()
    assert _allocations(runner) == []
    day.fill(order, 40, "11")
    runner.catch_up()
    assert [a["qty"] for a in _allocations(runner)] == [100 * SCALE]


@pytest.mark.parametrize("end", [Day.cancel, Day.expire, Day.done_for_day, Day.calculate])
def test_every_end_allocates_what_was_executed(day: Day, runner: Runner, end: object) -> None:
    order = day.order("BLOCK1", qty=1000)
    day.fill(order, 7, "10")
    end(day, order)  # type: ignore[operator]
    runner.catch_up()
    (allocation,) = _allocations(runner)
    assert _shares(runner, allocation["alloc_id"]) == [
        ("FUND-A", "4", "4", "40"),
        ("FUND-B", "2", "2", "20"),
        ("FUND-C", "1", "1", "10"),
    ]


def test_an_order_that_outlives_the_day_is_allocated_day_by_day(day: Day, tmp_path: Path) -> None:
    """With a new runner for every step: what is open has to be found in the database."""

    def allocated() -> list[tuple[str, int]]:
        with Runner(day.directory, tmp_path / "post.db") as runner:
            runner.catch_up()
            return [(a["trade_date"], a["qty"] // SCALE) for a in _allocations(runner)]

    order = day.order("BLOCK1", qty=100, time_in_force=TimeInForce.GTC)
    day.fill(order, 10, "10")
    assert allocated() == []
    day.done_for_day(order)
    found = [("2026-01-09", 10)]
    assert allocated() == found
    day.fill(order, 5, "10")  # late, of the same day: it is not over yet
    assert allocated() == found
    day.end_day()
    found.append(("2026-01-09", 15))
    assert allocated() == found
    day.fill(order, 20, "10")
    assert allocated() == found
    day.end_day()  # which says nothing of the order
    found.append(("2026-01-10", 20))
    assert allocated() == found
    day.end_day()
    assert allocated() == found
    day.fill(order, 65, "10")
    assert allocated() == [*found, ("2026-01-12", 65)]


def test_a_day_order_is_not_allocated_again_when_the_day_is_over(day: Day, runner: Runner) -> None:
    order = day.order("BLOCK1", qty=10)
    day.fill(order, 10, "10")
    day.end_day()
    runner.catch_up()
    assert len(_allocations(runner)) == 1


def test_a_restatement_down_to_what_was_executed_ends_the_order(day: Day, runner: Runner) -> None:
    order = day.order("BLOCK1", qty=100)
    day.fill(order, 40, "10")
    day.restate(order, 60)
    runner.catch_up()
    assert _allocations(runner) == []
    day.restate(order, 40)
    runner.catch_up()
    assert [a["qty"] // SCALE for a in _allocations(runner)] == [40]


def test_an_order_without_a_client_id_is_one_like_any_other(day: Day, runner: Runner) -> None:
    for _ in range(2):
        day.fill(day.order("BLOCK1", qty=10, is_by_phone=True), 10, "10")
    runner.catch_up()
    assert [a["qty"] // SCALE for a in _allocations(runner)] == [10, 10]


def test_an_end_without_an_execution_allocates_nothing(day: Day, runner: Runner) -> None:
    day.cancel(day.order("BLOCK1"))
    runner.catch_up()
    assert _allocations(runner) == []


def test_a_plain_account_gets_all_of_it(day: Day, runner: Runner) -> None:
    order = day.order("ACC-ALPHA", qty=300)
    day.fill(order, 300, "10.5")
    runner.catch_up()
    (allocation,) = _allocations(runner)
    assert _shares(runner, allocation["alloc_id"]) == [("ACC-ALPHA", "300", "300", "3150")]


def test_lots_stay_whole(day: Day, runner: Runner) -> None:
    order = day.order("BLOCK1", "7203.T", qty=500)
    day.fill(order, 500, "2500")
    runner.catch_up()
    (allocation,) = _allocations(runner)
    shares = _shares(runner, allocation["alloc_id"])
    assert [(account, qty) for account, qty, _, _ in shares] == [
        ("FUND-A", "300"),  # 250 150 100: the lot that is left to the first of two equal fractions
        ("FUND-B", "100"),
        ("FUND-C", "100"),
    ]


def test_a_late_fill_adds_a_version_and_leaves_the_first_alone(day: Day, runner: Runner) -> None:
    order = day.order("BLOCK1", qty=100)
    day.fill(order, 10, "10")
    day.cancel(order)
    runner.catch_up()
    (first,) = _allocations(runner)
    first_shares = _shares(runner, first["alloc_id"])
    day.fill(order, 10, "20")  # crossed with the cancel
    runner.catch_up()
    before, after = _allocations(runner)
    assert before == first
    assert _shares(runner, first["alloc_id"]) == first_shares
    assert (after["version"], after["ref_alloc_id"]) == (2, first["alloc_id"])
    assert after["avg_px"] == 15 * SCALE
    assert _shares(runner, after["alloc_id"]) == [
        ("FUND-A", "10", "5", "150"),
        ("FUND-B", "6", "3", "90"),
        ("FUND-C", "4", "2", "60"),
    ]


def test_a_filled_order_that_grows_is_allocated_again_when_it_has_ended_again(
    day: Day, runner: Runner
) -> None:
    order = day.order("BLOCK1", qty=100)
    day.fill(order, 100, "10")
    day.replace(order, 200)
    runner.catch_up()
    day.fill(order, 50, "10")
    runner.catch_up()
    assert [a["qty"] // SCALE for a in _allocations(runner)] == [100]
    day.fill(order, 50, "10")
    runner.catch_up()
    assert [a["qty"] // SCALE for a in _allocations(runner)] == [100, 200]


def test_a_replace_down_to_what_was_executed_ends_the_order(day: Day, runner: Runner) -> None:
    order = day.order("BLOCK1", qty=100)
    day.fill(order, 40, "10")
    runner.catch_up()
    day.replace(order, 40)
    runner.catch_up()
    assert [a["qty"] // SCALE for a in _allocations(runner)] == [40]


def test_largest_remainders_may_take_a_share_back(day: Day, runner: Runner) -> None:
    """Weights 6 6 2 share ten as 4 4 2 and eleven as 5 5 1."""
    day.group("ALABAMA", (("A", 6), ("B", 6), ("C", 2)))
    order = day.order("ALABAMA", qty=10)
    day.fill(order, 10, "1")
    day.fill(order, 1, "1")
    runner.catch_up()
    _, after = _allocations(runner)
    assert [(a, q, c) for a, q, c, _ in _shares(runner, after["alloc_id"])] == [
        ("A", "5", "1"),
        ("B", "5", "1"),
        ("C", "1", "-1"),
    ]


def test_a_block_keeps_the_weights_of_its_first_allocation(day: Day, runner: Runner) -> None:
    order = day.order("BLOCK1", qty=10)
    day.fill(order, 10, "1")
    day.group("BLOCK1", (("FUND-Z", SCALE),))
    day.fill(order, 10, "1")
    other = day.order("BLOCK1", qty=10)
    day.fill(other, 10, "1")
    runner.catch_up()
    first, again, later = _allocations(runner)
    assert [s[0] for s in _shares(runner, first["alloc_id"])] == ["FUND-A", "FUND-B", "FUND-C"]
    assert [s[:2] for s in _shares(runner, again["alloc_id"])] == [
        ("FUND-A", "10"),
        ("FUND-B", "6"),
        ("FUND-C", "4"),
    ]
    assert [s[:2] for s in _shares(runner, later["alloc_id"])] == [("FUND-Z", "10")]


def test_two_venues_and_two_days_are_blocks_of_their_own(day: Day, runner: Runner) -> None:
    order = day.order("BLOCK1", qty=30, venue="ONE")
    day.route(order, 2, "TWO", 20)
    day.fill(order, 10, "10", route_id=1)
    day.fill(order, 10, "12", route_id=2)
    day.fill(order, 10, "14", route_id=2, at_ns=NOON_NS + 86_400 * 10**9)
    runner.catch_up()
    assert [(a["venue"], a["trade_date"], a["avg_px"] // SCALE) for a in _allocations(runner)] == [
        ("ONE", "2026-01-09", 10),
        ("TWO", "2026-01-09", 12),
        ("TWO", "2026-01-10", 14),
    ]


def test_average_price_is_in_quoted_prices_and_money_in_the_currency(day: Day, runner: Runner) -> None:
    order = day.order("BLOCK1", "VOD.L", qty=1000)
    day.fill(order, 1000, "75.5")  # pence
    runner.catch_up()
    (allocation,) = _allocations(runner)
    assert format_scaled(allocation["avg_px"]) == "75.5"
    assert format_notional(allocation["money"]) == "755"
    assert average_px(1000 * SCALE * scaled("75.5"), 1000 * SCALE) == allocation["avg_px"]
