"""Random histories through the core, watched by the auditor at every step.

Ten thousand lives: twice 90 histories, of 57 orders on average, with crossing, repeated, reordered and lost
messages. Each seed is one history; pytest's id names it, and a failure prints the end of it. More of them:
`OMS_SEEDS=1000 pytest tests/sim/test_property.py`, or one alone with `OMS_FIRST_SEED`.
"""

import os

import pytest

from oms.core.types import OrdStatus
from tests.sim.world import World

FIRST_SEED = int(os.environ.get("OMS_FIRST_SEED", "1"))
SEEDS = range(FIRST_SEED, FIRST_SEED + int(os.environ.get("OMS_SEEDS", "90")))
STEPS = 400
SHOWN = 40


def _run(seed: int, *, sound_venue: bool) -> World:
    """A whole history, checked after every step."""
    world = World(seed, sound_venue=sound_venue)
    try:
        for n in range(STEPS):
            world.step()
            assert world.problems() == []
            if n % 50 == 0:
                assert world.check_state() == []
        world.settle()
        assert world.problems() == []
        assert world.check_state() == []
    except BaseException:
        print(f"seed {seed}, sound_venue={sound_venue}; the last of {len(world.history)} lines:")
        print("\n".join(world.history[-SHOWN:]))
        raise
    return world


@pytest.mark.parametrize("seed", SEEDS)
def test_random_history_with_a_sound_venue(seed: int) -> None:
    world = _run(seed, sound_venue=True)
    # All was answered in the end: nothing is in doubt, and both sides agree.
    for order in world.auditor.orders.values():
        assert not order["requests"], order
    for order in world._venue_orders():
        _, route = world.state.routes[order["id"]]
        assert (route.cum_qty, route.requests) == (order["cum"], []), (route, order)
        if order["status"] not in ("", OrdStatus.REJECTED):
            same = route.order_qty == order["qty"] or route.order_qty < route.cum_qty
            assert same or order["crossed"], (route, order)
    for client, view in world.views.items():
        for first, theirs in view.orders.items():
            order_id = world.auditor._client_ids[client, first]
            if not order_id:
                continue  # the id had been used for a request, of no order
            ours = world.auditor.orders[order_id]
            assert theirs["status"] == world.auditor.status(ours), (theirs, ours)
            assert (theirs["cum"], theirs["leaves"]) == (ours["cum_qty"], world.auditor.leaves_qty(ours))


@pytest.mark.parametrize("seed", SEEDS)
def test_random_history_with_an_unsound_venue(seed: int) -> None:
    _run(seed, sound_venue=False)


def test_histories_are_worth_looking_at() -> None:
    """That the generator reaches what it is for: over a few seeds, every kind of order event happens."""
    kinds: set[str] = set()
    duplicates = 0
    for seed in range(1, 13):
        world = World(seed, sound_venue=False)
        for _ in range(STEPS):
            world.step()
        kinds |= {type(event).__name__ for event in world.journal}
        duplicates += world.duplicates_without_effect
    assert kinds >= {
        "OrderReceived",
        "OrderDenied",
        "OrderAccepted",
        "OrderRejected",
        "OrderFilled",
        "CancelRequested",
        "ReplaceRequested",
        "RequestDenied",
        "RequestRejected",
        "OrderCanceled",
        "OrderReplaced",
        "OrderExpired",
        "OrderDoneForDay",
        "StatusAsked",
        "ReportQuestioned",
        "TradingHalted",
        "SessionLoggedOut",
        "ExecutionBusted",
        "ExecutionCorrected",
        "OrderRestated",
        "OrderStopped",
        "OrderSuspended",
        "OrderTriggered",
        "OrderCalculated",
        "OrderHeld",
        "RequestQueued",
        "DayEnded",
        "MassCancelRequested",
        "MassStatusRequested",
        "TradeUnknown",
    }
    assert duplicates > 50
