"""What venues display: levels against a plain dict, and what survives a snapshot."""

import doctest
import random

from oms.core import market
from oms.core.market import BID, OFFER, TRADE, Market, against
from oms.core.types import Side


def test_the_example() -> None:
    assert doctest.testmod(market).failed == 0


def test_random_changes_leave_what_a_dict_has() -> None:
    rng = random.Random(1)
    found, plain, volume = Market(), {}, 0
    for n in range(3_000):
        venue = rng.choice(("SIM", "ALT"))
        full = rng.random() < 0.02
        entries = tuple(
            (rng.choice((BID, OFFER, TRADE)), rng.randrange(1, 30), rng.choice((0, 1, 5, 9)))
            for _ in range(rng.randrange(4))
        )
        found.change("S", venue, full, entries, n)
        if full:
            plain = {key: qty for key, qty in plain.items() if key[0] != venue}
        for kind, px, qty in entries:
            if kind == TRADE:
                volume += qty
            elif qty:
                plain[venue, kind, px] = qty
            else:
                plain.pop((venue, kind, px), None)
        for kind in (BID, OFFER):
            rows = [(px, qty) for (v, k, px), qty in plain.items() if (v, k) == (venue, kind)]
            rows.sort(reverse=kind == BID)
            depth = found.of("S", venue)
            assert depth is not None
            assert depth.levels(kind) == rows
            assert depth.best(kind) == (rows[0] if rows else None)
    assert found.volume["S"] == volume
    copy = Market()
    copy.restore(found.rows(), dict(found.volume))
    assert copy.rows() == found.rows()


def test_venue_that_is_gone_displays_nothing() -> None:
    found = Market()
    found.change("S", "SIM", True, ((BID, 9, 1),), 1)
    found.change("S", "ALT", True, ((BID, 8, 1),), 1)
    found.forget("SIM")
    assert found.of("S", "SIM") is None
    assert [row[1] for row in found.rows()] == ["ALT"]


def test_buyers_trade_with_offers() -> None:
    assert (against(Side.BUY), against(Side.SELL)) == (OFFER, BID)
