"""State is the fold of its events, and a snapshot of it is the same state, books and all."""

import random

import msgspec
import pytest

from oms.core import commands as cmd
from oms.core import events as ev
from oms.core.engine import decide
from oms.core.state import State, route_cl_ord_id
from oms.core.types import ExecType, OrdStatus, Px, Qty, Side, Terms
from oms.sim.auditor import Auditor
from tests.core import combinations
from tests.core.days import NEW_YORK
from tests.core.desk import (
    ALPHA,
    BRAVO,
    LSE,
    REFERENCE_DATA,
    SESSIONS_UP,
    SIM,
    START_NS,
    Desk,
    account,
    audit_books,
    book_lines,
    member,
    scaled,
    terms,
)
from tests.core.examples import EXAMPLES
from tests.core.life import LACKING, PARTS, kinds_of, live_on

SEEDS = range(8)

ROUTING = ev.RoutingDefined(
    0,
    "",
    (
        ev.RoutingRule("London", LSE, (("market", ("XLON",)),), ()),
        ev.RoutingRule("New York", "HALVES", (("market", ("XNYS",)),), ()),
        ev.RoutingRule("rest", SIM, (), ()),
    ),
)
STEPS = 200


def everything(desk: Desk) -> None:
    """A life in which every kind of event happens."""
    desk.new("A")
    desk.ack()
    desk.fill("A", "x1", "40")
    desk.replace("B", "A", "80")
    desk.refused("B")
    desk.replace("C", "A", "80", "11")
    desk.replaced("C")
    desk.cancel("D", "C")
    desk.ask_status("A")
    desk.canceled("D", "as asked")
    desk.cancel("E", "A")
    desk.new("F", "0")
    desk.new("G")
    desk.rejected("G")
    desk.new("H")
    desk.report("H", ExecType.EXPIRED, OrdStatus.EXPIRED)
    desk.new("I")
    desk.report("I", ExecType.DONE_FOR_DAY, OrdStatus.DONE_FOR_DAY)
    desk.new("J")
    desk.down(SIM)
    desk.up(SIM)
    desk._take(ev.ReconcileDefined(START_NS, SIM, True))
    desk.stands("J", OrdStatus.NEW)
    desk.down(SIM)
    desk.up(SIM)
    desk.do(cmd.StopAsking(SIM))
    desk.fill("J", "x2", "200")
    desk.halt("account", "ACC")
    desk.resume("account", "ACC")
    desk.price("IBM", "91")
    desk.correct("A", "c1", "x1", "30")
    desk.bust("J", "b1", "x2")
    desk.restated("J", "90")
    desk.report("J", ExecType.STOPPED)
    desk.report("J", ExecType.SUSPENDED)
    desk.report("J", ExecType.TRIGGERED)
    desk.profile("queue")
    desk.replace("K", "J", "80")
    desk.replace("M", "J", "70")
    desk.replaced("K")
    desk.report("J", ExecType.CALCULATED)
    desk.report("J", ExecType.TRADE, venue=LSE, exec_id="x9")
    desk._take(LACKING)
    desk.new("N", "10", "", symbol="VOD", account="ACC", ord_type="3", terms=terms(stop="85"))
    desk.cancel_all("O", "TOY")
    peg = Terms(exec_inst="a", peg_offset=Px(scaled("1")))
    desk.new("S", "10", "", symbol="VOD", account="ACC", ord_type="P", side="2", terms=peg)
    desk.price("VOD", "81")
    desk.new("T", "10", "80", symbol="VOD", account="ACC", terms=terms(max_floor="5"))
    desk.halt("venue", LSE)
    desk.fill("T", "x1", "5", "80")
    desk.ask_all()
    desk._take(ev.SessionReset(desk.now_ns, ALPHA))
    desk.new_list("L", member(1, "Q"), member(2, "R", "0"), kind="2")
    desk.execute_list("L")
    desk.cancel_list("L")
    desk.ask_list("M")
    desk.new_list("M", member(2, "S"))
    for event in (combinations.GE, combinations.GE_PRICE):
        desk._take(event)
    combinations.new(desk, "Z")
    combinations.leg_fill(desk, "Z", "IBM", "l1", "10", "90")
    combinations.leg_correct(desk, "Z", "IBM", "l2", "l1", "10", "91")
    combinations.leg_bust(desk, "Z", "IBM", "l3", "l1")
    for event in (*PARTS, ev.VenueRateDefined(START_NS, SIM, 50, 5)):
        desk._take(event)
    desk._take(ROUTING)
    desk.new("P")
    desk.show(SIM, bids=["89 100"], offers=["91 50"])
    desk.end_day()
    desk._take(NEW_YORK)
    desk.do(cmd.StartDay("XNYS", 20261123))


# -- the fold ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", SEEDS)
def test_the_fold_of_a_journaled_life_is_the_live_state(seed: int) -> None:
    desk = Desk()
    live_on(desk, seed, STEPS)
    folded = desk.refold()
    assert folded.digest() == desk.state.digest()
    assert book_lines(folded) == book_lines(desk.state)


@pytest.mark.parametrize("seed", SEEDS)
def test_an_auditor_finds_nothing_wrong_in_a_random_life(seed: int) -> None:
    desk, auditor = Desk(), Auditor()
    live_on(desk, seed, STEPS)
    assert auditor.feed_all(desk.events) == []
    assert auditor.compare(desk.state.dump()) == []


def test_random_lives_have_every_kind_of_order_event() -> None:
    """Otherwise the tests over random lives say less than they seem to."""
    seen: set[str] = set()
    for seed in SEEDS:
        desk = Desk()
        live_on(desk, seed, STEPS)
        seen |= kinds_of(desk.events)
    about_orders = {type(event).__name__ for event in EXAMPLES if isinstance(event, ev.OrderEvent)}
    assert about_orders <= seen


@pytest.mark.parametrize("seed", SEEDS)
def test_a_life_decided_again_is_the_same(seed: int) -> None:
    first, second = Desk(), Desk()
    live_on(first, seed, STEPS)
    live_on(second, seed, STEPS)
    assert first.events == second.events


def test_an_event_that_is_applied_is_not_changed_by_later_ones() -> None:
    desk = Desk()
    everything(desk)
    before = [ev.encode(event) for event in desk.events]
    live_on(desk, 1, 50)
    assert [ev.encode(event) for event in desk.events[: len(before)]] == before


# -- the digest ----------------------------------------------------------------------------------------------

NOT_ABOUT_STATE = {
    "MessageIn", "MessageOut", "SessionMoved", "CommandTaken",
    "StatusRequested", "MassStatusRequested",
    "TradeUnknown", "MassCancelRejected", "ListRequestDenied",
}  # fmt: skip


def test_every_event_changes_the_digest_but_those_that_are_not_about_state() -> None:
    desk = Desk(*(event for event in EXAMPLES if type(event).__name__ in NOT_ABOUT_STATE))
    everything(desk)
    state, seen, digest = State(), set(), State().digest()
    for event in desk.events:
        state.apply(event)
        before, digest = digest, state.digest()
        name = type(event).__name__
        seen.add(name)
        assert (digest == before) == (name in NOT_ABOUT_STATE), event
    assert seen == {type(event).__name__ for event in EXAMPLES}


def test_equal_states_have_equal_bytes_whatever_the_order_of_their_making() -> None:
    forward, backward = State(), State()
    events = [*SESSIONS_UP, *REFERENCE_DATA[1:]]
    for state, order in ((forward, events), (backward, events[::-1])):
        for event in order:
            state.apply(event)
    assert forward.dump() == backward.dump()


# -- snapshots -----------------------------------------------------------------------------------------------


def check_same(state: State, copy: State) -> None:
    assert copy.dump() == state.dump()
    assert copy.digest() == state.digest()
    assert book_lines(copy) == book_lines(state)
    assert set(copy.routes) == set(state.routes)
    assert {id: (o.order_id, r.route_id) for id, (o, r) in copy.routes.items()} == {
        id: (o.order_id, r.route_id) for id, (o, r) in state.routes.items()
    }
    assert copy.lists == state.lists
    assert copy.open_members == state.open_members
    audit_books(copy)


def test_an_empty_state_comes_back() -> None:
    check_same(State(), State.load(State().dump()))


@pytest.mark.parametrize("seed", SEEDS)
def test_a_snapshot_is_the_same_state(seed: int) -> None:
    desk = Desk()
    live_on(desk, seed, STEPS)
    check_same(desk.state, State.load(desk.state.dump()))


class Reloading(Desk):
    """A desk whose state is put away and loaded again between commands, now and then, and checked as ever."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.rng = random.Random(seed)

    def do(self, command: cmd.Command) -> list[str]:
        if self.rng.random() < 0.2:
            copy = State.load(self.state.dump())
            check_same(self.state, copy)
            assert list(copy.due) == list(self.state.due)
            assert set(copy.lists_due) == set(self.state.lists_due)
            assert [o.order_id for o in copy.open_orders()] == [o.order_id for o in self.state.open_orders()]
            self.state = copy
        return super().do(command)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_life_goes_on_from_snapshots_as_without_them(seed: int) -> None:
    plain, reloading = Desk(), Reloading(seed)
    live_on(plain, seed, STEPS)
    live_on(reloading, seed, STEPS)
    assert plain.events == reloading.events
    check_same(plain.state, reloading.state)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_snapshot_and_the_events_after_it_are_the_same_state(seed: int) -> None:
    desk = Desk()
    live_on(desk, seed, STEPS)
    state = State()
    for n, event in enumerate(desk.events):
        state.apply(event)
        if n % 20 == seed:
            state = State.load(state.dump())
    check_same(desk.state, state)


COMMANDS: tuple[cmd.Command, ...] = (
    cmd.NewOrder(
        ALPHA, "D", "BLOCK", "IBM", "1", Qty(scaled("100")), "2", Px(scaled("10")), "0"
    ),  # a used id
    cmd.NewOrder(ALPHA, "Z", "BLOCK", "IBM", "1", Qty(scaled("100")), "2", Px(scaled("10")), "0"),
    cmd.NewOrder(
        ALPHA, "Z", "BLOCK", "IBM", "1", Qty(scaled("9000")), "2", Px(scaled("20")), "0"
    ),  # too much
    cmd.CancelOrder(ALPHA, "Z", "Q", "IBM", "1"),
    cmd.VenueReport(
        SIM, "e-1-1-1", ExecType.TRADE, OrdStatus.FILLED, "x1", last_qty=Qty(1), last_px=Px(1)
    ),  # known
    cmd.VenueReport(SIM, "e-7-1-2", ExecType.CANCELED, OrdStatus.CANCELED),
    cmd.VenueReport(
        SIM, "e-1-1-1", ExecType.TRADE_CANCEL, OrdStatus.NEW, "b7", exec_ref_id="x1"
    ),  # corrected
    cmd.CancelAll(ALPHA, "Z", "7"),
    cmd.RequestAllStatus(ALPHA, "M", "7"),
    cmd.EndDay("jane"),
    cmd.PublishPrice("VOD", Px(scaled("85")), SIM),  # triggers what is held
    cmd.LogOn(SIM),
    cmd.Resume("symbol", "VOD", "jane", "done"),
    cmd.PublishPrice("IBM", Px(scaled("91")), SIM),  # as it is
)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: type(command).__name__)
def test_a_loaded_state_decides_as_the_original_does(command: cmd.Command) -> None:
    desk = Desk()
    everything(desk)
    desk.new("Q")
    desk.cancel("L", "Q")
    desk.halt("symbol", "VOD")
    assert decide(State.load(desk.state.dump()), command, 5) == decide(desk.state, command, 5)


def test_numbers_beyond_64_bits_survive() -> None:
    desk = Desk()
    desk.new("A", "1000", "90", account="HUGE")
    desk.fill("A", "x1", "1000", "90")
    assert desk.order().cum_notional > 2**64
    copy = State.load(desk.state.dump())
    assert copy.orders[1].cum_notional == desk.order().cum_notional
    assert copy.risk["HUGE"].spent == desk.state.risk["HUGE"].spent


CLOCKS = (
    # the clock                  nanoseconds from one command to the next
    ("goes on",                  1_000_000),
    ("stands still",             0),
    ("steps back",               -600_000_000_000),
)  # fmt: skip


@pytest.mark.parametrize(("clock", "tick_ns"), CLOCKS, ids=[row[0] for row in CLOCKS])
def test_priority_is_the_same_after_a_snapshot_whatever_the_clock_did(clock: str, tick_ns: int) -> None:
    desk = Desk()
    for letter in "ABCDE":
        desk.new(letter)
    desk.tick_ns = tick_ns
    desk.replace("A2", "A", "200")
    desk.replaced("A2")  # larger: behind E
    desk.replace("B2", "B", "50")
    desk.replaced("B2")  # smaller: stays in front
    desk.replace("C2", "C", "100", "11")
    desk.replaced("C2")  # a price of its own
    desk.new("F")
    assert [line[2] for line in book_lines(desk.state)["IBM"]] == [3, 2, 4, 5, 1, 6]
    assert book_lines(State.load(desk.state.dump())) == book_lines(desk.state)


@pytest.mark.parametrize("damage", [b"", b"{}", b"[]", b"{", b'{"epoch": 5}'])
def test_what_is_no_snapshot_is_refused(damage: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        State.load(damage)


# -- looking -------------------------------------------------------------------------------------------------


def test_open_orders_are_those_that_may_execute_or_have_a_request_open() -> None:
    desk = Desk()
    for letter in "ABCDE":
        desk.new(letter)
    desk.fill("A", "x1", "100")
    desk.canceled("B")
    desk.cancel("C2", "C")
    desk.canceled("C")  # the request is still to be answered
    desk.fill("D", "x2", "40")
    desk.new("F", "0")
    assert [order.cl_ord_id for order in desk.state.open_orders()] == ["C", "D", "E"]


def test_orders_are_found_by_the_session_that_used_the_id() -> None:
    desk = Desk()
    desk.new("A")
    assert desk.state.find(ALPHA, "A") is desk.state.orders[1]
    assert desk.state.find(BRAVO, "A") is None
    assert desk.state.find(ALPHA, "NO") is None


def test_our_ids_name_the_order_the_route_and_the_request() -> None:
    assert route_cl_ord_id("e", 12, 3, 4) == "e-12-3-4"


def test_counts_are_the_desks_numbers_of_the_day() -> None:
    desk = Desk()
    everything(desk)
    assert desk.state.counts == {
        "orders": 11, "denied": 2, "rejected": 1, "fills": 3, "canceled": 1, "expired": 7, "replaced": 2,
        "requests_denied": 1, "requests_rejected": 1, "questioned": 3, "busts": 1, "corrections": 1,
        "leg_fills": 1, "leg_busts": 1, "leg_corrections": 1,
    }  # fmt: skip


def test_a_definition_replaces_the_one_before_and_keeps_the_counters() -> None:
    desk = Desk()
    desk.new("A", account="ACC")
    renamed = account("ACC", (ALPHA,), (("USD", "5"),), "1")
    desk.state.apply(renamed)
    assert desk.state.accounts["ACC"] is renamed
    assert desk.risk("ACC") == "held 1000, spent 0, position 0, open 100/0"


def test_market_orders_do_not_rest_in_the_books() -> None:
    desk = Desk()
    desk.new("A", "100", "")
    desk.new("B", "100", "90", side=Side.SELL)
    assert [line[2] for line in book_lines(desk.state)["IBM"]] == [2]
