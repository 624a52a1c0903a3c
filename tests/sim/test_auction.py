"""Auctions against a second implementation that tries every price and deals out single shares."""

import random

import pytest

from oms.core.types import SCALE, Px, Qty, Side
from oms.sim.auction import Clearing, Interest, Pair, clearing, pairs
from oms.sim.instruments import SimInstrument

X = SimInstrument("X", ((Px(0), Px(SCALE)), (Px(10 * SCALE), Px(5 * SCALE))), Qty(SCALE))
"""Ticks of 1 below 10, of 5 from there: what is beside a price depends on where it is."""

BUY, SELL = Side.BUY, Side.SELL


def interest(id: str, side: str, limit: int | None, qty: int, rank: int = 0) -> Interest:
    return Interest(id, side, None if limit is None else limit * SCALE, qty, (0, rank))


def ticks() -> list[int]:
    """Every valid price that the cases may use."""
    found = [SCALE]
    while found[-1] < 60 * SCALE:
        found.append(X.move(found[-1], 1))
    return found


def cleared_by_trying(
    interests: list[Interest], reference_px: int, every_tick: list[int] | None = None
) -> Clearing | None:
    """Every tick, one after another, by the words of the rules."""
    table = []
    for price in every_tick or ticks():
        bought = sum(i.qty for i in interests if i.side == BUY and (i.limit is None or i.limit >= price))
        sold = sum(i.qty for i in interests if i.side == SELL and (i.limit is None or i.limit <= price))
        table.append((price, min(bought, sold), bought - sold))
    most = max(volume for _, volume, _ in table)
    if most == 0:
        return None
    table = [row for row in table if row[1] == most]
    least = min(abs(surplus) for _, _, surplus in table)
    table = [row for row in table if abs(row[2]) == least]
    nearest = min(abs(price - reference_px) for price, _, _ in table)
    [(price, volume, surplus)] = [row for row in table if abs(row[0] - reference_px) == nearest]
    return Clearing(price, volume, surplus)


def dealt_out(interests: list[Interest], cleared: Clearing) -> dict[str, int]:
    """Share by share: each goes to whoever is first and has not had enough."""
    had: dict[str, int] = {str(i.id): 0 for i in interests}
    for side in (BUY, SELL):
        for _ in range(cleared.volume):
            first = None
            for i in interests:
                if i.side != side or had[str(i.id)] == i.qty:
                    continue
                away = 0 if i.limit is None else i.limit - cleared.price
                if (side == BUY and away < 0) or (side == SELL and away > 0):
                    continue
                if first is None or goes_before(i, first):
                    first = i
            assert first is not None
            had[str(first.id)] += 1
    return had


def goes_before(a: Interest, b: Interest) -> bool:
    if a.limit != b.limit:
        if a.limit is None or b.limit is None:
            return a.limit is None
        return a.limit > b.limit if a.side == BUY else a.limit < b.limit
    return a.rank < b.rank


@pytest.mark.parametrize("seed", range(300))
def test_price_and_allocation_are_those_of_the_second_implementation(seed: int) -> None:
    rng = random.Random(seed)
    prices = ticks()[: rng.choice((4, 9, 14))]
    interests = [
        Interest(
            f"{n}",
            rng.choice((BUY, SELL)),
            None if rng.random() < 0.15 else rng.choice(prices),
            rng.randint(1, 12),
            (rng.randint(0, 1), rng.randint(0, 99) * 100 + n),
        )
        for n in range(rng.randint(0, 14))
    ]
    reference_px = rng.choice(prices)
    expected = cleared_by_trying(interests, reference_px)
    cleared = clearing(interests, reference_px, X.move)
    assert cleared == expected, interests
    if cleared is None or expected is None:
        return
    got: dict[str, int] = {str(i.id): 0 for i in interests}
    for pair in pairs(interests, cleared):
        assert pair.qty > 0
        got[str(pair.buy)] += pair.qty
        got[str(pair.sell)] += pair.qty
    assert got == dealt_out(interests, cleared)


@pytest.mark.parametrize(
    ("interests", "reference", "expected"),
    [
        ([("B", BUY, 9, 5), ("S", SELL, 10, 5)], 9, None),
        ([("B", BUY, 8, 5), ("S", SELL, 6, 5)], 7, (7, 5, 0)),
        ([("B", BUY, 8, 5), ("S", SELL, 6, 5)], 3, (6, 5, 0)),
        ([("B", BUY, 8, 5), ("S", SELL, 6, 5)], 9, (8, 5, 0)),
        ([("B", BUY, None, 5), ("S", SELL, None, 3)], 4, (4, 3, 2)),
        ([("B", BUY, None, 5), ("S", SELL, 6, 9)], 4, (6, 5, -4)),
        # Most is executed at 5 to 7, and at 6 nothing is left over.
        ([("B", BUY, 7, 4), ("C", BUY, 5, 2), ("S", SELL, 5, 4), ("T", SELL, 7, 2)], 9, (6, 4, 0)),
        # Either too much is bought or too much is sold.
        ([("B", BUY, 8, 8), ("S", SELL, 4, 4), ("T", SELL, 6, 8)], 9, (8, 8, -4)),
    ],
    ids=["no cross", "reference within", "reference below", "reference above", "no limits", "one limit",
         "smallest surplus between two limits", "most before smallest surplus"],
)  # fmt: skip
def test_rules(
    interests: list[tuple[str, str, int | None, int]], reference: int, expected: tuple[int, int, int] | None
) -> None:
    made = [interest(*one) for one in interests]
    cleared = clearing(made, reference * SCALE, X.move)
    assert cleared == (None if expected is None else Clearing(expected[0] * SCALE, *expected[1:]))
    assert cleared == cleared_by_trying(made, reference * SCALE)


def test_without_a_limit_first_then_the_better_one_then_the_earlier() -> None:
    made = [
        interest("late", BUY, 9, 5, 9),
        interest("early", BUY, 9, 5, 1),
        interest("low", BUY, 8, 5, 2),
        interest("market", BUY, None, 5, 8),
        interest("S", SELL, 8, 13),
    ]
    cleared = clearing(made, 8 * SCALE, X.move)
    assert cleared is not None
    assert list(pairs(made, cleared)) == [Pair("market", "S", 5), Pair("early", "S", 5), Pair("late", "S", 3)]
