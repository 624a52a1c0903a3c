"""Orders that a routing table sends somewhere: what is decided, journaled, kept and replayed."""

import random

import msgspec
import pytest

from oms.core import events as ev
from oms.core.controls import Ask
from oms.core.router import NO_END
from oms.core.rules import choose, router_of, urgency_of
from oms.core.state import State
from oms.core.types import OrdType, Px, Qty, Terms, TimeInForce
from oms.reference import changes
from oms.replay import recover
from oms.sim import routes
from oms.sim.auditor import Auditor
from tests.core import combinations
from tests.core.desk import ALPHA, FIRM, INSTRUMENTS, LSE, SIM, Desk, scaled, terms
from tests.core.life import LACKING, PARTS, live_on
from tests.core.office import KernelDesk
from tests.core.test_kernel import check_recovery


def rule(name: str, to: str, *conditions: tuple[object, ...]) -> ev.RoutingRule:
    words = tuple(c for c in conditions if isinstance(c[1], tuple))
    return ev.RoutingRule(name, to, words, tuple(c for c in conditions if not isinstance(c[1], tuple)))  # type: ignore[arg-type]


def table(*rules: ev.RoutingRule, who: str = "") -> ev.RoutingDefined:
    return ev.RoutingDefined(0, who, rules)


LARGE = rule("large", LSE, ("symbol", ("IBM", "TOY")), ("order_qty", scaled("500"), NO_END))
LONDON = rule("London", LSE, ("market", ("XLON",)))
BACKUP = rule("LSE is down", SIM, ("market", ("XLON",)), ("down", (LSE,)))
BUYS = rule("buys", SIM, ("side", ("1",)))
REST = rule("rest", SIM)


def last_routed(desk: Desk) -> tuple[str, str, str]:
    """Venue, rule and facts of the last order that went out."""
    event = next(e for e in reversed(desk.events) if isinstance(e, ev.OrderRouted))
    return event.venue, event.rule, event.facts


# -- decisions -----------------------------------------------------------------------------------------------


def test_an_order_goes_where_the_first_rule_sends_it_and_says_why() -> None:
    desk = Desk(table(LARGE, LONDON, REST))
    assert desk.new("A", "600") == ["OrderReceived A", "OrderRouted LSE e-1-1-1"]
    assert last_routed(desk) == (LSE, "large", "symbol=IBM; order_qty=600")
    desk.new("B", "10", "80", symbol="VOD", account="ACC")
    assert last_routed(desk) == (LSE, "London", "market=XLON")
    desk.new("C", "10")
    assert last_routed(desk) == (SIM, "rest", "")


def test_without_a_table_nothing_is_said_of_a_rule() -> None:
    desk = Desk()
    desk.new("A", "600")
    assert last_routed(desk) == (SIM, "", "")


def test_an_order_that_no_rule_is_for_is_denied() -> None:
    desk = Desk(table(LARGE, LONDON))
    assert desk.new("A", "10") == ["OrderDenied A no_route 99"]
    assert desk.new("B", "600")[1] == "OrderRouted LSE e-2-1-1"


def test_a_control_says_no_before_a_rule_is_looked_for() -> None:
    assert Desk(table(LARGE)).new("A", "0.5") == ["OrderDenied A lot_size 13"]


def test_a_rule_that_sends_to_a_venue_that_is_down_is_not_passed_over() -> None:
    """Where an order goes instead is what conditions on venues are for."""
    desk = Desk(table(LONDON, REST))
    desk.down(LSE)
    assert desk.new("A", "10", "80", symbol="VOD", account="ACC") == ["OrderDenied A venue_down 2"]


def test_a_rule_follows_a_venue_that_logs_out_is_halted_and_comes_back() -> None:
    desk = Desk(table(BACKUP, LONDON, REST))

    def goes_by(cl_ord_id: str) -> str:
        desk.new(cl_ord_id, "1", "80", symbol="VOD", account="ACC")
        return last_routed(desk)[1]

    assert goes_by("A") == "London"
    desk.ack("A")
    desk.down(LSE)
    assert goes_by("B") == "LSE is down"
    assert last_routed(desk)[2] == "market=XLON; LSE=down"
    desk.up(LSE)
    assert goes_by("C") == "London"
    desk.halt("venue", LSE)
    assert goes_by("D") == "LSE is down"
    desk.resume("venue", LSE)
    assert goes_by("E") == "London"
    # What it has not acknowledged is asked about when it is back, and nothing new goes there meanwhile.
    desk.down(LSE)
    assert any(line.startswith("StatusAsked") for line in desk.up(LSE))
    assert goes_by("F") == "LSE is down"
    desk._take(ev.AskingStopped(0, LSE, len(desk.state.questions[LSE])))
    assert goes_by("G") == "London"
    desk._take(ev.EngineStarted(0, "again", 2, "e"))
    desk.up(SIM)
    desk._take(ev.AskingStopped(0, SIM, len(desk.state.questions[SIM])))
    assert goes_by("H") == "LSE is down"


def test_what_a_venue_lacks_is_denied_whatever_the_rule() -> None:
    desk = Desk(LACKING, table(LONDON, REST))
    lacking = {"symbol": "VOD", "account": "ACC", "terms": terms(exec_inst="6")}
    assert desk.new("A", "10", "80", **lacking) == ["OrderDenied A venue_lacks 11"]


def test_what_is_done_here_is_done_for_the_venue_of_the_rule_which_is_not_chosen_again() -> None:
    desk = Desk(LACKING, table(LONDON, REST))
    sliced = {"symbol": "VOD", "account": "ACC", "terms": terms(max_floor="5")}
    found = desk.new("A", "10", "80", **sliced)
    assert found == ["OrderReceived A", "OrderEmulated LSE iceberg", "OrderRouted LSE e-1-1-1"]
    emulated = desk.events[-2]
    assert isinstance(emulated, ev.OrderEmulated)
    assert (emulated.rule, emulated.facts) == ("London", "market=XLON")
    desk._take(table(REST))
    desk.ack("A")
    assert desk.fill("A", "x1", "5", "80")[-1] == "OrderRouted LSE e-1-2-1"


def test_a_stop_order_is_held_for_the_venue_of_its_rule_which_is_not_chosen_again() -> None:
    desk = Desk(LACKING, table(LONDON, REST))
    stop = {"symbol": "VOD", "account": "ACC", "ord_type": OrdType.STOP, "terms": terms(stop="81")}
    assert desk.new("A", "10", "", **stop) == ["OrderReceived A", "OrderHeld"]
    held = desk.events[-1]
    assert isinstance(held, ev.OrderHeld)
    assert (held.venue, held.rule, held.facts) == (LSE, "London", "market=XLON")
    desk._take(table(REST))
    assert desk.price("VOD", "82")[-1] == "OrderRouted LSE e-1-1-1"
    assert last_routed(desk) == (LSE, "", "")


def test_a_replace_stays_where_its_order_is() -> None:
    desk = Desk(table(LARGE, REST))
    desk.new("A", "100")
    desk.ack()
    desk.replace("B", "A", "600")
    assert desk.order().routes[0].venue == SIM
    assert len(desk.order().routes) == 1


def test_a_market_order_is_measured_where_risk_holds_it() -> None:
    """100 IBM at 90, and ten percent more for the collar: 9,900."""
    for bound, name in (("9900", "dear"), ("9900.01", "rest")):
        desk = Desk(table(rule("dear", LSE, ("notional", scaled(bound), NO_END)), REST))
        desk.new("A", "100", "")
        assert last_routed(desk)[1] == name


def test_prices_in_pence_are_measured_in_pounds() -> None:
    desk = Desk(table(rule("dear", SIM, ("notional", scaled("80"), NO_END)), REST))
    desk.new("A", "100", "80", symbol="VOD", account="ACC")
    assert last_routed(desk) == (SIM, "dear", "notional=80 GBP")
    desk.new("B", "99", "80", symbol="VOD", account="ACC")
    assert last_routed(desk)[1] == "rest"


URGENCIES = (
    # TargetStrategyParameters(848)          the word
    ("",                                    ""),
    ("high",                                "high"),
    (" HIGH ",                              "high"),
    ("urgency=High",                        "high"),
    ("start=9:30;Urgency=low;end=16:00",    "low"),
    ("start=9:30, urgency=low",             "low"),
    ("start=9:30 end=16:00",                ""),
)  # fmt: skip


@pytest.mark.parametrize(("text", "word"), URGENCIES)
def test_urgency_is_read_from_the_strategy_parameters(text: str, word: str) -> None:
    said = Terms(strategy_parameters=text)
    assert urgency_of(said) == word
    assert routes.urgency(said) == word


def test_an_order_that_says_how_urgent_it_is() -> None:
    desk = Desk(table(rule("quick", LSE, ("urgency", ("high",))), REST))
    desk.new("A", terms=terms(strategy_parameters="HIGH"))
    assert last_routed(desk) == (LSE, "quick", "urgency=high")
    desk.new("B", terms=terms(strategy_parameters="low"))
    assert last_routed(desk)[1] == "rest"


def test_choosing_reads_the_time_that_it_is_given() -> None:
    night = rule("night", LSE, ("zone", ("UTC",)), ("time", 22 * 3600, 86_400), ("time", 0, 6 * 3600))
    state = Desk(table(night, REST)).state
    ask = Ask(ALPHA, "A", "BLOCK", "IBM", "1", Qty(scaled("1")), "2", Px(scaled("10")), TimeInForce.DAY, None)
    ask.instrument = INSTRUMENTS[0]
    found = [choose(state, ask, hour * 3_600_000_000_000) for hour in (21, 22, 29, 30)]
    assert [choice.rule if choice is not None else "" for choice in found] == [
        "rest",
        "night",
        "night",
        "rest",
    ]


# -- destinations and strategies -----------------------------------------------------------------------------

HALVES = rule("in halves", "HALVES", ("symbol", ("IBM",)), ("order_qty", scaled("500"), NO_END))
PATIENT = rule("patient", "PATIENT", ("market", ("XLON",)))


def test_a_rule_may_send_to_a_strategy_and_its_parts_are_not_chosen_again() -> None:
    desk = Desk(*PARTS, table(HALVES, REST))
    assert desk.new("A", "600")[:2] == ["OrderReceived A", "OrderPlanned"]
    planned = next(e for e in desk.events if isinstance(e, ev.OrderPlanned))
    assert (planned.to, planned.rule, planned.facts) == ("HALVES", "in halves", "symbol=IBM; order_qty=600")
    parts = [e for e in desk.events if isinstance(e, ev.OrderRouted)]
    assert {(e.destination, e.rule, e.facts) for e in parts} == {
        (leg, "", "") for leg in ("SIM", "PATIENT", "ALGO")
    }


def test_a_rule_may_send_to_a_destination_which_says_what_becomes_of_it_when_its_venue_is_down() -> None:
    desk = Desk(*PARTS, table(PATIENT, REST))
    desk.new("A", "10", "80", symbol="VOD", account="ACC")
    assert last_routed(desk) == (LSE, "patient", "market=XLON")
    desk.ack("A")
    desk.down(LSE)
    desk.new("B", "10", "80", symbol="VOD", account="ACC")
    planned = [e for e in desk.events if isinstance(e, ev.OrderPlanned)][-1]
    assert (planned.to, planned.rule, planned.facts) == ("PATIENT", "patient", "market=XLON")
    desk.up(LSE)
    assert last_routed(desk) == (LSE, "", "")


def test_a_stop_order_for_a_destination_is_held_for_its_venue_by_the_rule() -> None:
    desk = Desk(*PARTS, LACKING, table(PATIENT, REST))
    stop = {"symbol": "VOD", "account": "ACC", "ord_type": OrdType.STOP, "terms": terms(stop="81")}
    assert desk.new("A", "10", "", **stop)[1] == "OrderHeld"
    held = desk.events[-1]
    assert isinstance(held, ev.OrderHeld)
    assert (held.venue, held.rule) == (LSE, "patient")


def test_an_order_with_legs_goes_by_the_market_of_its_first_leg_and_what_all_legs_are_worth() -> None:
    """Ten times 99 for IBM and twenty times 55 for GE, at the collar's far ends: 2,090 for one combination."""
    rules = (
        rule("IBM alone", LSE, ("symbol", ("IBM", combinations.NAME))),
        rule("dear", SIM, ("market", ("XNYS",)), ("notional", scaled("4000"), NO_END)),
        rule("as defined", SIM, ("side", ("B",))),
    )
    desk = combinations.combination_desk("both", table(*rules))
    assert combinations.new(desk, "A", "2", "-100", *combinations.SPREAD)[0] == "OrderReceived A"
    assert last_routed(desk) == (SIM, "dear", "market=XNYS; notional=4180 USD")
    # Its Symbol may be that of a leg; it is not an order in that.
    combinations.new(desk, "B", "2", "-100", *combinations.SPREAD, symbol="IBM")
    assert last_routed(desk)[1] == "dear"
    combinations.new(desk, "C", "1", "-100", *combinations.SPREAD, side="B")
    assert last_routed(desk) == (SIM, "as defined", "side=B")
    assert combinations.new(desk, "D", "1", "-100", *combinations.SPREAD) == ["OrderDenied D no_route 99"]
    auditor = Auditor()
    assert auditor.feed_all(desk.events) == []


def test_a_table_sends_all_legs_to_one_venue_whatever_their_markets() -> None:
    legs = (combinations.leg("IBM", "1"), combinations.leg("GE", "2"))
    firm = msgspec.structs.replace(FIRM, market_venues=(("XASE", LSE),))
    other = msgspec.structs.replace(combinations.GE, market="XASE")
    desk = Desk(other, combinations.GE_PRICE, combinations.venue(), firm)
    assert combinations.new(desk, "A", "1", "40", *legs) == ["OrderDenied A leg_venue 11"]
    desk._take(table(REST))
    assert combinations.new(desk, "B", "10", "40", *legs)[0] == "OrderReceived B"
    assert last_routed(desk) == (SIM, "rest", "")


def test_no_rule_is_no_destination() -> None:
    assert Desk(*PARTS, table(HALVES)).new("A", "10") == ["OrderDenied A no_route 99"]


# -- the table as state --------------------------------------------------------------------------------------


def test_the_last_table_holds_and_one_without_rules_ends_it() -> None:
    desk = Desk(table(REST))
    desk.new("A", symbol="VOD", px="80", qty="1", account="ACC")
    assert last_routed(desk)[:2] == (SIM, "rest")
    desk._take(table(LONDON, REST))
    desk.new("B", symbol="VOD", px="80", qty="1", account="ACC")
    assert last_routed(desk)[:2] == (LSE, "London")
    desk._take(table())
    assert desk.state.routing is None
    desk.new("C", symbol="VOD", px="80", qty="1", account="ACC")
    assert last_routed(desk) == (LSE, "", "")


def test_an_instrument_that_becomes_known_later_is_routed_too() -> None:
    desk = Desk(table(LONDON, REST))
    desk.new("A")
    known = INSTRUMENTS[1]
    desk._take(
        ev.InstrumentDefined(0, "BP", "XLON", *(getattr(known, f) for f in known.__struct_fields__[3:]))
    )
    desk.price("BP", "5")
    desk.new("B", "10", "5", symbol="BP", account="ACC")
    assert last_routed(desk)[1] == "London"


def test_a_snapshot_keeps_the_table() -> None:
    desk = Desk(table(BACKUP, LONDON, REST))
    desk.down(LSE)
    again = State.load(desk.state.dump())
    assert again.routing == desk.state.routing
    assert again.digest() == desk.state.digest()
    desk.state = again
    desk.new("A", "10", "80", symbol="VOD", account="ACC")
    assert last_routed(desk)[1] == "LSE is down"


def test_compiling_a_table_changes_nothing_of_the_state() -> None:
    state = Desk(table(LARGE, REST)).state
    before = state.digest()
    assert router_of(state) is router_of(state)
    assert state.digest() == before


def test_a_table_is_journaled_once_and_again_when_it_changes_whoever_read_it() -> None:
    desk = Desk()
    first = table(LARGE, REST)
    assert changes(desk.state, [first]) == [first]
    desk._take(first)
    assert changes(desk.state, [first]) == []
    desk._take(table(LONDON, REST, who="jane"))
    assert changes(desk.state, [table(LONDON, REST)]) == []
    assert changes(desk.state, [first]) == [first]


def test_a_table_that_is_named_no_more_is_taken_back() -> None:
    desk = Desk(table(LARGE, REST))
    found = changes(desk.state, [INSTRUMENTS[0]])
    assert [event.rules for event in found if isinstance(event, ev.RoutingDefined)] == [()]
    desk._take(found[-1])
    assert changes(desk.state, [INSTRUMENTS[0]]) == []


# -- whole lives ---------------------------------------------------------------------------------------------

TABLES = (
    table(LARGE, BACKUP, LONDON, BUYS, REST),
    table(LARGE, LONDON, BUYS),
    table(
        rule("quick", LSE, ("ord_type", ("1", "3")), ("up", (LSE,))),
        rule("patient", SIM, ("time_in_force", ("1", "6")), ("notional", 0, scaled("20000"))),
        rule("of ALPHA", SIM, ("client", (ALPHA,)), ("account", ("BLOCK",))),
    ),
    table(HALVES, PATIENT, rule("turns", "TURNS", ("side", ("2",)), ("ord_type", ("2",))), REST),
)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("chosen", TABLES, ids=["with a rest", "without", "others", "in parts"])
def test_random_lives_agree_with_the_auditor(chosen: ev.RoutingDefined, seed: int) -> None:
    desk = Desk(*PARTS, chosen)
    rng = random.Random(seed)
    for part in range(4):
        live_on(desk, seed * 10 + part, 50)
        desk.halt("venue", rng.choice((SIM, LSE)))
        live_on(desk, seed * 10 + part + 5, 20)
        for venue in (SIM, LSE):
            desk.resume("venue", venue)
    auditor = Auditor()
    assert auditor.feed_all(desk.events) == []
    assert auditor.compare(desk.state.dump()) == []
    assert desk.refold().digest() == desk.state.digest()
    assert any(isinstance(e, ev.OrderRouted | ev.OrderPlanned) and e.rule for e in desk.events)


@pytest.mark.parametrize("seed", range(2))
def test_a_crash_anywhere_comes_back_to_the_same_decisions(seed: int) -> None:
    desk = KernelDesk(seed)
    for event in (*PARTS, TABLES[3]):
        desk._take(event)
    live_on(desk, seed, 40)
    desk._take(TABLES[0])
    live_on(desk, seed + 10, 40)
    desk.flush()
    for cut in range(len(desk.journal.records) - 60, len(desk.journal.records) + 1):
        found = recover([(1, desk.journal.records[:cut])], (SIM, LSE))
        check_recovery(desk, cut, found)
