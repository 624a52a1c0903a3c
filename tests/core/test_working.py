"""Orders that are worked in parts, and orders whose destination cannot take them yet."""

from collections.abc import Callable

import msgspec
import pytest

from oms.core import events as ev
from oms.core.ledger import available, committed
from oms.core.types import ExecType, Qty, Side, Terms, TimeInForce
from tests.core.desk import ALPHA, BRAVO, FIRM, LSE, SIM, START_NS, Desk, scaled

_SECOND = 1_000_000_000


def destination(name: str, venue: str, when_down: str = "deny", **more: object) -> ev.DestinationDefined:
    return ev.DestinationDefined(START_NS, name, venue, when_down, **more)  # type: ignore[arg-type]


def strategy(name: str, kind: str, *legs: tuple[str, int], refused: str = "desk", **more: object) -> ev.Event:
    return ev.StrategyDefined(START_NS, name, kind, legs, refused, **more)  # type: ignore[arg-type]


def desk(*definitions: ev.Event) -> Desk:
    """Orders in IBM go to the last of the definitions."""
    to = definitions[-1].name  # type: ignore[attr-defined]
    return Desk(*definitions, msgspec.structs.replace(FIRM, market_venues=(("XLON", LSE), ("XNYS", to))))


def routes(found: Desk, of: str = "A") -> list[str]:
    """The routes of an order: "SIM 60 of 60 open"; with its price where that is not the order's."""
    order = found.order(of)
    return [
        f"{r.destination or r.venue} {r.leaves_qty // 10**8} of {r.order_qty // 10**8}"
        + (f" at {r.price / 1e8:g}" if r.price != order.price else "")
        for r in order.routes
    ]


HALVES = strategy("HALVES", "split", (SIM, 60), (LSE, 40))


@pytest.fixture
def halves() -> Desk:
    found = desk(HALVES)
    found.new("A", "100")
    return found


# -- a split -------------------------------------------------------------------------------------------------


def test_split_shares_an_order_out_and_the_client_sees_one(halves: Desk) -> None:
    assert routes(halves) == ["SIM 60 of 60", "LSE 40 of 40"]
    assert halves.now() == "new 0 of 100, 100 open, as A"
    assert halves.ack("A", 1) == ["RouteAccepted"]
    assert halves.ack("A", 2) == ["RouteAccepted"]


def test_fills_of_parts_add_up_in_quantity_and_exact_price(halves: Desk) -> None:
    halves.fill("A", "x1", "20", "10.01", route=1)
    halves.fill("A", "x1", "40", "9.99", route=2)
    assert halves.now() == "partially_filled 60 of 100, 40 open, as A"
    assert halves.order().cum_notional == scaled("20") * scaled("10.01") + scaled("40") * scaled("9.99")
    halves.fill("A", "x2", "40", "10", route=1)
    assert halves.now() == "filled 100 of 100, 0 open, as A"
    assert not halves.state.waiting.any


def test_cancel_goes_to_every_part_and_is_answered_once(halves: Desk) -> None:
    assert [e.split()[0] for e in halves.cancel("B", "A")][:3] == [
        "CancelRequested", "CancelRouted", "CancelRouted",
    ]  # fmt: skip
    assert "OrderCanceled B" not in halves.canceled("B", route=1)
    assert "OrderCanceled B" in halves.canceled("B", route=2)
    assert halves.now() == "canceled 0 of 100, 0 open, as A"


def test_cancel_that_one_part_escapes_by_a_fill_cancels_the_rest(halves: Desk) -> None:
    halves.cancel("B", "A")
    halves.canceled("B", route=1)
    halves.fill("A", "x1", "40", route=2)
    assert "OrderCanceled B" in halves.refused("B", route=2)
    assert halves.now() == "canceled 40 of 100, 0 open, as A"


def test_cancel_refused_by_an_open_part_is_refused_and_the_rest_is_worked_again(halves: Desk) -> None:
    halves.cancel("B", "A")
    halves.refused("B", route=2)
    found = halves.canceled("B", route=1)
    assert [e for e in found if e.startswith("Request")] == [
        "RequestRejected B 99 a part of the order could not be changed"
    ]
    assert routes(halves) == ["SIM 0 of 60", "LSE 40 of 40", "SIM 60 of 60"]


def test_cancel_of_an_order_that_is_filled_everywhere_is_too_late(halves: Desk) -> None:
    halves.cancel("B", "A")
    halves.fill("A", "x1", "60", route=1)
    halves.fill("A", "x1", "40", route=2)
    halves.refused("B", route=1)
    assert any(e.startswith("RequestRejected B") for e in halves.refused("B", route=2))
    assert halves.now() == "filled 100 of 100, 0 open, as A"


def test_less_of_an_order_is_taken_from_the_last_part(halves: Desk) -> None:
    found = halves.replace("B", "A", "80")
    assert [e for e in found if e.startswith("ReplaceRouted")] == ["ReplaceRouted e-1-2-2 e-1-2-1 20 10"]
    assert "OrderReplaced B" in halves.replaced("B", route=2)
    assert routes(halves) == ["SIM 60 of 60", "LSE 20 of 20"]
    assert halves.now() == "new 0 of 80, 80 open, as B"


def test_part_that_is_not_needed_any_more_is_canceled(halves: Desk) -> None:
    halves.replace("B", "A", "60")
    assert "OrderReplaced B" in halves.canceled("B", route=2)
    assert routes(halves) == ["SIM 60 of 60", "LSE 0 of 40"]


def test_more_of_an_order_needs_no_answer_and_is_shared_out(halves: Desk) -> None:
    assert "OrderReplaced B" in halves.replace("B", "A", "200")
    assert routes(halves) == ["SIM 60 of 60", "LSE 40 of 40", "SIM 60 of 60", "LSE 40 of 40"]


def test_new_price_goes_to_all_parts_and_is_answered_once(halves: Desk) -> None:
    halves.replace("B", "A", "100", "10.5")
    assert "OrderReplaced B" not in halves.replaced("B", route=2)
    assert "OrderReplaced B" in halves.replaced("B", route=1)
    assert routes(halves) == ["SIM 60 of 60", "LSE 40 of 40"]
    assert halves.order().price == scaled("10.5")


def test_new_price_that_one_part_refuses_is_refused_and_the_others_go_back(halves: Desk) -> None:
    halves.replace("B", "A", "100", "10.5")
    halves.replaced("B", route=1)
    found = halves.refused("B", route=2)
    assert [e.split()[0] for e in found if not e.startswith("OrderWorked")] == [
        "RouteRequestRejected", "RequestRejected", "ReplaceRouted",
    ]  # fmt: skip
    halves.replaced("A/", route=1)
    assert routes(halves) == ["SIM 60 of 60", "LSE 40 of 40"]
    assert halves.now() == "new 0 of 100, 100 open, as A"


def test_part_filled_meanwhile_does_not_refuse_a_new_price(halves: Desk) -> None:
    halves.replace("B", "A", "100", "10.5")
    halves.fill("A", "x1", "40", route=2)
    halves.refused("B", route=2)
    assert "OrderReplaced B" in halves.replaced("B", route=1)
    assert halves.now() == "partially_filled 40 of 100, 60 open, as B"


def test_what_one_destination_rejects_the_others_share(halves: Desk) -> None:
    halves.rejected("A", route=2)
    assert routes(halves) == ["SIM 60 of 60", "LSE 0 of 40", "SIM 40 of 40"]


def test_what_nobody_takes_waits_for_a_person(halves: Desk) -> None:
    halves.fill("A", "x1", "10", route=1)
    halves.rejected("A", route=2)
    halves.canceled("#1", route=1)
    halves.rejected("A", route=3)
    assert halves.now() == "partially_filled 10 of 100, 90 open, as A"
    assert halves.order().plan.stuck == "every destination has had its turn"  # type: ignore[union-attr]
    assert "OrderCanceled B" in halves.cancel("B", "A")


def test_what_nobody_takes_may_end_the_order() -> None:
    found = desk(strategy("S", "split", (SIM, 1), (LSE, 1), refused="end"))
    found.new("A", "100")
    found.rejected("A", route=1)
    found.rejected("A", route=2)
    assert "OrderRejected 99 every destination has had its turn" in found.rejected("A", route=3)


def test_shares_are_whole_lots_and_exact() -> None:
    found = desk(strategy("S", "split", (SIM, 1), (LSE, 1), ("X", 1)), destination("X", SIM), HALVES)
    found._take(msgspec.structs.replace(FIRM, market_venues=(("XNYS", "S"),)))
    found.new("A", "100")
    assert routes(found) == ["SIM 34 of 34", "LSE 33 of 33", "X 33 of 33"]


def test_late_fill_of_a_part_that_had_ended_is_questioned_and_taken_back_elsewhere(halves: Desk) -> None:
    halves.rejected("A", route=2)
    assert "ReportQuestioned 1 overfill" in halves.fill("A", "x9", "40", route=2)
    assert halves.sent("A/", 3) != "e-1-3-1", "the part that took its place is canceled"
    assert available(halves.order()) == 0


def test_order_is_part_of_one_day_like_any_other(halves: Desk) -> None:
    assert "OrderExpired" in [e.split()[0] for e in halves.end_day()]
    assert not halves.state.waiting.any


def test_mass_cancel_takes_parts_back(halves: Desk) -> None:
    halves.cancel_all("M")
    halves.canceled("A/", route=1)
    assert "OrderCanceled" in halves.canceled("A/", route=2)


def test_part_restated_beyond_the_order_is_questioned(halves: Desk) -> None:
    found = halves.report("A", ExecType.RESTATED, route=1, order_qty=Qty(scaled("90")))
    assert found == ["ReportQuestioned 1 restated_beyond_the_order"]
    assert committed(halves.order()) == scaled("100")


def test_fill_or_kill_is_not_split() -> None:
    found = desk(HALVES)
    assert found.new("A", tif=TimeInForce.FOK) == ["OrderDenied A cannot_be_split 11"]


def test_cancel_reaches_what_it_can_and_the_rest_when_the_venue_is_back(halves: Desk) -> None:
    halves.down(LSE)
    found = halves.cancel("B", "A")
    assert [e for e in found if e.startswith("CancelRouted")] == ["CancelRouted e-1-1-2 e-1-1-1"]
    assert "OrderCanceled B" not in halves.canceled("B", route=1)
    assert "CancelRouted e-1-2-2 e-1-2-1" in halves.up(LSE)
    assert "OrderCanceled B" in halves.canceled("B", route=2)


# -- one destination after another ---------------------------------------------------------------------------


def test_sequence_goes_on_when_the_time_is_up() -> None:
    found = desk(strategy("S", "sequential", (SIM, 500), (LSE, 0)))
    found.new("A", "100")
    found.fill("A", "x1", "30")
    assert found.wait(0.4) == []
    assert any(e.startswith("CancelRouted") for e in found.wait(0.2))
    found.canceled("A/")
    assert routes(found) == ["SIM 0 of 100", "LSE 70 of 70"]
    assert found.wait(60) == [], "the last has as long as it takes"


def test_sequence_goes_on_when_one_refuses_or_cannot() -> None:
    found = desk(strategy("S", "sequential", (SIM, 500), ("X", 100), (LSE, 0)), destination("X", LSE), HALVES)
    found._take(msgspec.structs.replace(FIRM, market_venues=(("XNYS", "S"),)))
    found.down(SIM)
    found.new("A", "100")
    assert routes(found) == ["X 100 of 100"]
    found.rejected("A")
    assert routes(found) == ["X 0 of 100", "LSE 100 of 100"]
    found.rejected("A", route=2)
    assert found.order().plan.stuck  # type: ignore[union-attr]


def test_cancel_of_ours_that_was_refused_is_tried_again() -> None:
    found = desk(strategy("S", "sequential", (SIM, 500), (LSE, 0)))
    found.new("A", "100")
    found.wait(0.6)
    assert not any(e.startswith("CancelRouted") for e in found.refused("A/"))
    assert any(e.startswith("CancelRouted") for e in found.wait(1.1))


# -- slices --------------------------------------------------------------------------------------------------


def test_iceberg_shows_one_slice_at_a_time() -> None:
    found = desk(strategy("S", "iceberg", (SIM, 1), slice_qty=Qty(scaled("30"))))
    found.new("A", "70")
    assert routes(found) == ["SIM 30 of 30"]
    found.fill("A", "x1", "30", route=1)
    found.fill("A", "x1", "10", route=2)
    assert routes(found) == ["SIM 0 of 30", "SIM 20 of 30"]
    found.fill("A", "x2", "20", route=2)
    assert routes(found)[2:] == ["SIM 10 of 10"]


def test_twap_sends_equal_slices_at_equal_times() -> None:
    found = desk(strategy("S", "twap", (SIM, 1), duration_ns=4 * _SECOND, interval_ns=_SECOND))
    found.new("A", "100")
    assert routes(found) == ["SIM 25 of 25"]
    found.wait(1.1)
    found.fill("A", "x1", "25", route=1)
    found.wait(1)
    assert routes(found) == ["SIM 0 of 25", "SIM 25 of 25", "SIM 25 of 25"]
    found.wait(10)
    assert committed(found.order()) == scaled("100")
    assert len(found.order().routes) == 4


def test_twap_after_a_pause_catches_up_but_shows_no_more_than_a_slice() -> None:
    found = desk(
        strategy(
            "S", "twap", (SIM, 1), duration_ns=10 * _SECOND, interval_ns=_SECOND, slice_qty=Qty(scaled("15"))
        )
    )
    found.new("A", "100")
    found.now_ns += 5 * _SECOND
    found.wait(0.01)
    assert routes(found) == ["SIM 10 of 10", "SIM 15 of 15"]
    found.wait(30)
    assert committed(found.order()) == scaled("100")


# -- displayed prices ----------------------------------------------------------------------------------------


@pytest.fixture
def sweep() -> Desk:
    found = desk(strategy("S", "sweep", (SIM, 1), (LSE, 1)))
    found.show(SIM, offers=["90 30", "90.5 50", "92 500"])
    found.show(LSE, offers=["90 10", "90.5 20"])
    return found


def test_sweep_takes_the_best_prices_wherever_they_are(sweep: Desk) -> None:
    sweep.new("A", "100", "91")
    assert routes(sweep) == ["SIM 80 of 80 at 90.5", "LSE 20 of 20 at 90.5"]
    assert [r.time_in_force for r in sweep.order().routes] == [TimeInForce.IOC] * 2


def test_sweep_stops_at_the_limit_and_the_rest_rests_at_the_limit(sweep: Desk) -> None:
    sweep.new("A", "500", "90")
    assert routes(sweep) == ["SIM 30 of 30", "LSE 10 of 10"]
    sweep.fill("A", "x1", "30", "90", route=1)
    sweep.canceled("#1", route=2)
    assert routes(sweep) == ["SIM 0 of 30", "LSE 0 of 10", "SIM 470 of 470"]
    assert not sweep.order().routes[2].time_in_force


def test_sweep_of_a_market_order_goes_out_with_limits(sweep: Desk) -> None:
    sweep.new("A", "60", "")
    assert [(r.ord_type, r.price) for r in sweep.order().routes] == [
        ("2", scaled("90.5")),
        ("2", scaled("90")),
    ]


def test_sweep_that_must_be_immediate_ends_with_what_was_displayed(sweep: Desk) -> None:
    sweep.new("A", "500", "90", tif=TimeInForce.IOC)
    sweep.fill("A", "x1", "30", "90", route=1)
    assert "OrderCanceled" in sweep.canceled("#1", route=2)


def test_sweep_does_not_believe_old_prices(sweep: Desk) -> None:
    sweep.now_ns += 6 * _SECOND
    sweep.new("A", "100", "91")
    assert routes(sweep) == ["SIM 100 of 100"]
    assert not sweep.order().routes[0].time_in_force


def test_prices_of_a_venue_that_left_are_forgotten(sweep: Desk) -> None:
    sweep.down(LSE)
    sweep.new("A", "100", "91")
    assert routes(sweep) == ["SIM 80 of 80 at 90.5"]


def test_sweep_is_whole_lots() -> None:
    found = Desk(
        strategy("S", "sweep", (SIM, 1)), msgspec.structs.replace(FIRM, market_venues=(("XTKS", "S"),))
    )
    found.show(SIM, "TOY", offers=["2000 150", "2000.01 1000"])
    found.new("A", "200", "2001", symbol="TOY", account="HUGE")
    assert routes(found) == ["SIM 200 of 200 at 2000.01"]


def test_price_change_leaves_what_executes_at_once_alone(sweep: Desk) -> None:
    sweep.new("A", "100", "91")
    assert "OrderReplaced B" in sweep.replace("B", "A", "100", "91.5")


def test_participation_follows_what_is_traded() -> None:
    found = desk(
        strategy(
            "S", "participation", (SIM, 1), interval_ns=_SECOND, rate_bps=1_000, slice_qty=Qty(scaled("30"))
        )
    )
    found.show(SIM, trades=["90 1000"])
    found.new("A", "100", "91")
    assert routes(found) == []
    found.show(SIM, trades=["90 105"], full=False)
    found.wait(1.1)
    assert routes(found) == ["SIM 10 of 10"]
    found.show(SIM, trades=["90 10000"], full=False)
    found.wait(1)
    assert routes(found)[1:] == ["SIM 30 of 30"]
    found.wait(10)
    assert committed(found.order()) == scaled("100")


def test_first_mid_is_a_reference_price_and_later_ones_are_not() -> None:
    found = Desk()
    assert found.show(SIM, "NEW", bids=["10 1"], offers=["11 1"])[-1] == "ReferencePriceChanged NEW 10.5"
    assert found.show(SIM, "NEW", bids=["20 1"], offers=["21 1"]) == ["BookChanged"]
    assert found.show(SIM, "NEW", trades=["12 5"])[-1] == "ReferencePriceChanged NEW 12"
    assert found.show(SIM, "NOBODY", trades=["12 5"]) == []


def test_order_that_nobody_takes_goes_when_one_of_them_is_back() -> None:
    found = desk(HALVES)
    found.down()
    found.down(LSE)
    found.new("A", "100")
    assert found.order().plan.stuck  # type: ignore[union-attr]
    found.up(LSE)
    assert routes(found) == ["LSE 100 of 100"]


# -- waiting for a destination -------------------------------------------------------------------------------


def test_order_for_a_venue_that_is_down_is_parked_and_goes_when_it_is_back() -> None:
    found = desk(destination("P", SIM, "park"))
    found.down()
    assert [e.split()[0] for e in found.new("A")] == [
        "OrderReceived", "OrderPlanned", "OrderAccepted", "OrderWorked",
    ]  # fmt: skip
    assert found.risk() == "held 1000, spent 0, position 0, open 100/0"
    assert "OrderRouted SIM e-1-1-1" in found.up()
    found.ack()
    assert found.order().plan is None
    found.replace("B", "A", "150")
    assert "OrderReplaced B" in found.replaced("B"), "it is like any other from then on"


@pytest.mark.parametrize("ask", [lambda d: d.cancel("B", "A"), lambda d: d.replace("B", "A", "50", "11")])
def test_parked_order_is_canceled_and_replaced_at_once(ask: Callable[[Desk], list[str]]) -> None:
    found = desk(destination("P", SIM, "park"))
    found.down()
    found.new("A")
    assert any(e in ("OrderCanceled B", "OrderReplaced B") for e in ask(found))
    assert [e for e in found.up() if e.startswith("OrderRouted")] == (
        ["OrderRouted SIM e-1-1-1"] if found.order().leaves_qty else []
    )


def test_order_for_a_venue_that_is_down_takes_the_detour() -> None:
    found = desk(destination("D", SIM, "reroute", reroute_to=LSE))
    found.down()
    assert "OrderRouted LSE e-1-1-1" in found.new("A")
    found.down(LSE)
    assert found.new("B") == ["OrderDenied B venue_down 2"]


def test_detour_in_a_circle_ends() -> None:
    circle = (
        destination("D", SIM, "reroute", reroute_to="E"),
        destination("E", LSE, "reroute", reroute_to="D"),
    )
    found = desk(*circle)
    found.down()
    found.down(LSE)
    assert found.new("A") == ["OrderDenied A venue_down 2"]


def test_halted_venue_is_one_that_is_down() -> None:
    found = desk(destination("P", SIM, "park"))
    found.halt("venue", SIM)
    found.new("A")
    assert not found.order().routes
    assert "OrderRouted SIM e-1-1-1" in found.resume("venue", SIM)


def test_algorithm_of_a_broker_is_named_to_it() -> None:
    found = desk(destination("ALGO", SIM, terms=Terms(target_strategy="1001", strategy_parameters="a=1")))
    found.new("A")
    routed = next(e for e in found.events if isinstance(e, ev.OrderRouted))
    assert routed.terms == Terms(target_strategy="1001", strategy_parameters="a=1")
    assert (routed.venue, routed.destination) == (SIM, "ALGO")


def test_venue_that_lacks_what_the_destination_adds_is_refused() -> None:
    lacking = ev.VenueDefined(START_NS, SIM, ("1", "2"), ("0",), ())
    found = desk(lacking, destination("ALGO", SIM, terms=Terms(target_strategy="1001")))
    assert found.new("A") == ["OrderDenied A venue_lacks 11"]


# -- a venue's rate ------------------------------------------------------------------------------------------


def limited(per_s: int, burst: int) -> Desk:
    return Desk(ev.VenueRateDefined(START_NS, SIM, per_s, burst))


def test_no_more_orders_than_the_rate_leave_and_the_rest_follows() -> None:
    found = limited(10, 2)
    for n in range(6):
        found.new(f"A{n}", "10")
    assert [len(found.order(f"A{n}").routes) for n in range(6)] == [1, 1, 0, 0, 0, 0]
    found.wait(0.25)
    assert [len(found.order(f"A{n}").routes) for n in range(6)] == [1, 1, 1, 1, 0, 0]
    found.wait(1)
    assert all(found.order(f"A{n}").routes for n in range(6))


def test_who_waits_for_a_rate_takes_turns_with_the_other_clients() -> None:
    found = limited(10, 1)
    for n in range(5):
        found.new(f"A{n}", "10")
    found.new("B", "10", session=BRAVO)
    found.wait(1)
    gone = [found.state.orders[e.order_id].cl_ord_id for e in found.events if isinstance(e, ev.OrderRouted)]
    assert gone == ["A0", "A1", "B", "A2", "A3", "A4"]


def test_cancel_does_not_wait_for_a_rate() -> None:
    found = limited(1, 1)
    found.new("A", "10")
    found.new("B", "10")
    assert any(e.startswith("CancelRouted") for e in found.cancel("C", "A"))
    assert "OrderCanceled D" in found.cancel("D", "B"), "nobody had it"


def test_order_that_waited_for_a_rate_while_the_venue_went_down_ends_by_the_rule() -> None:
    found = limited(1, 1)
    found.new("A", "10")
    found.new("B", "10")
    found.down()
    assert any(e.startswith("OrderRejected 99 venue SIM is not logged on") for e in found.wait(2))


# -- snapshots -----------------------------------------------------------------------------------------------


def test_everything_that_waits_survives_a_snapshot() -> None:
    from oms.core.state import State

    timed = strategy("T", "twap", (LSE, 1), duration_ns=4 * _SECOND, interval_ns=_SECOND)
    found = desk(timed, ev.VenueRateDefined(START_NS, SIM, 10, 1), destination("P", SIM, "park"), timed)
    found.new("A", "100")
    found._take(msgspec.structs.replace(FIRM, market_venues=(("XNYS", "P"),)))
    for n in range(4):
        found.new(f"B{n}", "10")
    found.new("C", "10", session=BRAVO)
    state = State.load(found.state.dump())
    for moment in (found.now_ns, found.now_ns + _SECOND, found.now_ns + 2 * _SECOND):
        assert state.waiting.next(moment) == found.state.waiting.next(moment)
    assert state.digest() == found.state.digest()
    found.state = state
    found.wait(10)
    gone = [state.orders[e.order_id].cl_ord_id for e in found.events if isinstance(e, ev.OrderRouted)]
    assert sorted(gone) == ["A"] * 4 + ["B0", "B1", "B2", "B3", "C"]


def test_side_and_client_of_a_part_are_the_orders() -> None:
    found = desk(HALVES)
    found.new("S", "100", "90", side=Side.SELL)
    assert found.state.find(ALPHA, "S") is found.order("S")
    found.fill("S", "x1", "60", route=1)
    assert found.risk() == "held 0, spent -600, position -60, open 0/40"
