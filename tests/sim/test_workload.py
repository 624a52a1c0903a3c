"""The workload: repeatable, varied, within its bounds."""

from collections import Counter

import pytest

from oms.core.types import SCALE, OrdType, Px, Qty, format_scaled
from oms.fix.wire import fields
from oms.sim.broker import Broker
from oms.sim.client_view import ClientView
from oms.sim.exchange import Exchange
from oms.sim.instruments import SimInstrument
from oms.sim.prices import first_prices
from oms.sim.workload import MIX, Action, Workload
from tests.sim.wire_kit import LISTED


def play(seed: int, count: int, max_open: int = 30) -> tuple[list[Action], ClientView]:
    """A workload against an exchange, without sockets: what was done, and what the client knows then."""
    broker = Broker(Exchange(LISTED, seed=3))
    view = ClientView()
    workload = Workload(LISTED, first_prices(3, LISTED), ["ACC"], seed=seed, max_open=max_open)
    actions = []
    for n in range(count):
        action = workload.next(view)
        actions.append(action)
        message = {"11": f"C{n}", "55": action.symbol, "54": action.side}
        if action.is_cancel or action.is_replace:
            message |= {"35": "F" if action.is_cancel else "G", "41": action.cl_ord_id}
            view.sent_request(message["11"], action.cl_ord_id, action.kind, n + 1)
        else:
            message |= {"35": "D", "11": action.cl_ord_id or message["11"], "59": action.time_in_force}
            view.sent_new(
                message["11"],
                n + 1,
                account=action.account,
                symbol=action.symbol,
                side=action.side,
                order_qty=action.order_qty,
                ord_type=action.ord_type,
                price=action.price,
                time_in_force=action.time_in_force,
            )
        message |= {
            "38": format_scaled(action.order_qty),
            "40": action.ord_type,
            "44": format_scaled(action.price),
        }
        reports = broker.handle(message, n)
        broker.exchange.step(n)
        for report in reports + broker.take():
            view.received(fields(report))
    return actions, view


def test_same_seed_same_actions() -> None:
    assert play(5, 300)[0] == play(5, 300)[0]
    assert play(5, 300)[0] != play(6, 300)[0]


def test_every_kind_occurs_and_the_numbers_add_up() -> None:
    actions, view = play(5, 1_500)
    kinds = Counter(action.kind for action in actions)
    assert set(kinds) == set(MIX)
    assert view.violations == []
    assert len(view.executions) > 300
    assert view.unanswered == 0


def test_open_orders_stay_within_bounds() -> None:
    _, view = play(5, 1_500, max_open=10)
    assert len(view.open) <= 11


def test_good_actions_are_good() -> None:
    instruments = {i.symbol: i for i in LISTED}
    for action in play(7, 800)[0]:
        if action.kind.startswith("bad"):
            continue
        instrument = instruments[action.symbol]
        assert action.order_qty > 0
        assert action.order_qty % instrument.lot_size == 0
        assert action.price > 0 if action.ord_type == OrdType.LIMIT else action.price == 0
        if action.price:
            assert instrument.on_tick(action.price)


def test_whole_lots_of_a_hundred() -> None:
    tokyo = SimInstrument("T", ((Px(0), Px(SCALE)),), Qty(100 * SCALE))
    workload = Workload([tokyo], {"T": 1_000 * SCALE}, ["ACC"], mix={"limit_passive": 1})
    assert all(workload.next(ClientView()).order_qty % tokyo.lot_size == 0 for _ in range(50))


def test_needs_a_price_and_an_account() -> None:
    with pytest.raises(ValueError):
        Workload(LISTED, {}, ["ACC"])
    with pytest.raises(ValueError):
        Workload(LISTED, first_prices(1, LISTED), [])
