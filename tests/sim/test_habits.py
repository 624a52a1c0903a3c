"""What a profile makes of a broker: its answers, its ids, its limits, its pace; and that a seed decides alike."""

from collections.abc import Sequence

import pytest

from oms.core.types import SCALE, OrdType, Side, TimeInForce
from oms.fix.wire import fields
from oms.sim.broker import Broker
from oms.sim.exchange import Exchange
from oms.sim.hours import DAY_NS
from oms.sim.house import House
from oms.sim.macros import Bust, Duplicate, Macro, Pieces, Plain, Reject
from oms.sim.profile import BrokerProfile, ExchangeProfile
from oms.sim.reports import VenueOrder
from oms.sim.rules import Rules
from oms.sim.schedule import MS
from tests.sim.broker_kit import NOW_NS, Fields, X, ask, brief, cancel, new, replace, status

BUY, SELL = Side.BUY, Side.SELL


def broker(**profile: object) -> Broker:
    """A broker for X with such a profile, without background liquidity."""
    return Broker(Exchange([X], liquidity_levels=0), BrokerProfile(**profile))  # type: ignore[arg-type]


def taken(made: Broker) -> list[str]:
    return brief([fields(text) for text in made.take()])


# -- answers -------------------------------------------------------------------------------------------------


def test_pending_reports() -> None:
    made = broker(pending_new=True, pending_cancel=True, pending_replace=True)
    said = ask(made, new("A", BUY, 10, 100), replace("R", "A", 12, 100), cancel("C", "R"))
    assert brief(said) == ["A A/A 0+10", "A 0/0 0+10", "R E/E 0+10", "R 5/0 0+12", "C 6/6 0+12", "C 4/4 0+0"]
    assert [r.get("41") for r in said[2:]] == ["A", "A", "R", "R"]


def test_a_refused_request_is_not_pending() -> None:
    made = broker(pending_cancel=True, pending_replace=True)
    ask(made, new("A", BUY, 10, 100), new("S", SELL, 10, 100))
    assert brief(ask(made, cancel("C", "A"), replace("R", "A", 5, 101))) == [
        "C refused 1/0 2",
        "R refused 2/0 2",
    ]


@pytest.mark.parametrize(
    ("final_fill", "more"), [("trade", []), ("calculated", ["B B/B 5+0"]), ("done_for_day", ["B 3/3 5+0"])]
)
def test_what_follows_the_final_fill(final_fill: str, more: list[str]) -> None:
    made = broker(final_fill=final_fill)
    ask(made, new("S", SELL, 9, 100))
    assert brief(ask(made, new("B", BUY, 5, 100))) == [
        "B 0/0 0+5",
        "S F/1 5+4 5@100",
        "B F/2 5+0 5@100",
        *more,
    ]


@pytest.mark.parametrize(("habit", "kinds"), [("answer", ["8"]), ("ignore", []), ("reject", ["j"])])
def test_status_requests(habit: str, kinds: list[str]) -> None:
    made = broker(status_requests=habit)
    ask(made, new("A", BUY, 10, 100))
    assert [r["35"] for r in ask(made, status("A"))] == kinds


# -- limits --------------------------------------------------------------------------------------------------


def test_orders_beyond_the_pace_are_refused_and_cancels_are_not() -> None:
    made = broker(orders_per_s=2)
    said = ask(made, *(new(f"A{n}", BUY, 1, 100) for n in range(3)))
    assert [r["150"] for r in said] == ["0", "0", "8"]
    assert said[-1]["58"] == "more than 2 orders within a second"
    assert brief(ask(made, replace("R", "A0", 2, 100), cancel("C", "A1"))) == [
        "R refused 2/99 0",
        "C 4/4 0+0",
    ]
    later = [fields(t) for t in made.handle(new("B", BUY, 1, 100), NOW_NS + 1_000 * MS)]
    assert [r["150"] for r in later] == ["0"]
    assert made.stats["throttled"] == 2


def test_smallest_order() -> None:
    made = broker(min_order_qty="5")
    assert [r["150"] for r in ask(made, new("A", BUY, 4, 100), new("B", BUY, 5, 100))] == ["8", "0"]


@pytest.mark.parametrize(
    ("order", "text"),
    [
        (new("A", BUY, 5, 100, **{"111": "2"}), "max_floor is not supported"),
        (new("A", BUY, 5, 100, **{"110": "2"}), "min_qty is not supported"),
        (new("A", BUY, 5, 100, **{"99": "2"}), "stop_px is not supported"),
        (new("A", BUY, 5, 100, **{"211": "1"}), "peg_offset is not supported"),
        (new("A", BUY, 5, 100, **{"40": "4", "99": "90"}), "OrdType is not supported"),
        (new("A", BUY, 5, 100, TimeInForce.GTC), "TimeInForce is not supported"),
    ],
)
def test_what_a_profile_does_not_list_is_refused(order: Fields, text: str) -> None:
    [report] = ask(broker(), order)
    assert (report["150"], report["103"], report["58"]) == ("8", "11", text)


@pytest.mark.parametrize(
    ("order", "reason", "text"),
    [
        (new("A", BUY, 5, 100, **{"111": "6"}), "13", "MaxFloor is not a part of the quantity in whole lots"),
        (new("A", BUY, 5, 100, "3", **{"111": "2"}), "11", "MaxFloor is for orders that rest"),
        (new("A", BUY, 5, **{"111": "2"}), "11", "MaxFloor is for orders that rest"),
        (new("A", BUY, 5, 100, **{"110": "6"}), "13", "MinQty is not a part of the quantity"),
        (new("A", BUY, 5, 100, **{"40": "4", "99": "0.5"}), "99", "StopPx is not on a tick"),
        (new("A", BUY, 5, **{"40": "3"}), "99", "StopPx is not on a tick"),
        (new("A", BUY, 5, 100, "6"), "99", "good till which date?"),
        (new("A", BUY, 5, 100, "6", **{"126": "soon"}), "13", None),
    ],
)
def test_terms_that_make_no_sense(order: Fields, reason: str, text: str | None) -> None:
    made = broker(
        ord_types=("1", "2", "3", "4"), times_in_force=("0", "3", "6"), terms=("max_floor", "min_qty")
    )
    [report] = ask(made, order)
    assert (report["150"], report["103"]) == ("8", reason)
    assert text is None or report["58"] == text


def test_terms_are_in_the_reports() -> None:
    made = broker(ord_types=("2", "4"), times_in_force=("0", "6"), terms=("max_floor", "min_qty"))
    [iceberg] = ask(made, new("A", SELL, 50, 120, "6", **{"111": "20", "432": "20301231"}))
    assert (iceberg["111"], iceberg["432"], iceberg["59"]) == ("20", "20301231", "6")
    [stop] = ask(made, new("B", BUY, 5, 100, **{"40": "4", "99": "2000"}))
    assert (stop["99"], stop["40"], stop["636"]) == ("2000", "4", "N")
    assert made.exchange.market("X").book.depth(SELL, 5) == [(120 * SCALE, 20 * SCALE)], "the rest is hidden"


def test_stop_order_is_triggered_by_the_published_price_too() -> None:
    made = broker(ord_types=("1", "2", "3"))
    made.exchange.set_price("X", 100 * SCALE, NOW_NS)
    ask(made, new("S", SELL, 5, 104), new("B", BUY, 5, **{"40": OrdType.STOP, "99": "103"}))
    made.exchange.set_price("X", 102 * SCALE, NOW_NS)
    assert taken(made) == []
    made.exchange.set_price("X", 103 * SCALE, NOW_NS)
    assert taken(made) == ["B D/0 0+5", "S F/2 5+0 5@104", "B F/2 5+0 5@104"]


def test_a_stop_order_with_another_stop_price() -> None:
    made = broker(ord_types=("1", "2", "4"))
    made.exchange.set_price("X", 100 * SCALE, NOW_NS)
    stop = {"40": OrdType.STOP_LIMIT}
    ask(made, new("S", SELL, 5, 104), new("B", BUY, 5, 104, **stop, **{"99": "110"}))
    assert brief(ask(made, replace("B2", "B", 4, 104, **stop, **{"99": "105"}))) == ["B2 5/0 0+4"]
    assert brief(ask(made, replace("B3", "B2", 4, 104, **stop, **{"99": "99"}))) == [
        "B3 5/0 0+4",
        "B3 D/0 0+4",
        "S F/1 4+1 4@104",
        "B3 F/2 4+0 4@104",
    ]


# -- ids -----------------------------------------------------------------------------------------------------


def test_ids_for_ever() -> None:
    made = Broker(Exchange([X], liquidity_levels=0), id_prefix="P-")
    first = ask(made, new("A", BUY, 1, 100))[0]
    [second] = [fields(t) for t in made.handle(new("B", BUY, 1, 100), NOW_NS + DAY_NS)]
    assert [(r["17"], r["37"]) for r in (first, second)] == [("P-E1", "P-O1"), ("P-E2", "P-O2")]


def test_ids_by_the_day_come_again_and_orders_stay_apart() -> None:
    made = broker(exec_ids="daily", order_ids="daily", times_in_force=("0", "1"))
    first = ask(made, new("A", BUY, 1, 100, "1"))[0]
    [second] = [fields(t) for t in made.handle(new("B", BUY, 2, 100, "1"), NOW_NS + DAY_NS)]
    assert [(r["17"], r["37"]) for r in (first, second)] == [("E1", "O1"), ("E1", "O1")]
    fills = [fields(t) for t in made.handle(new("S", SELL, 3, 100), NOW_NS + DAY_NS)]
    assert brief(fills) == [
        "S 0/0 0+3",
        "A F/2 1+0 1@100",
        "S F/1 1+2 1@100",
        "B F/2 2+0 2@100",
        "S F/2 3+0 2@100",
    ]


def test_order_id_may_be_the_cl_ord_id() -> None:
    [report] = ask(broker(order_ids="cl_ord_id"), new("A", BUY, 1, 100))
    assert report["37"] == "A"


# -- pace ----------------------------------------------------------------------------------------------------


def test_acknowledgements_and_fills_take_their_time_and_keep_their_order() -> None:
    made = broker(ack_ms=30, fill_ms=10)
    assert ask(made, new("S", SELL, 5, 100)) == []
    made.schedule.advance(NOW_NS + 40 * MS)
    assert taken(made) == ["S 0/0 0+5"]
    now_ns = NOW_NS + 50 * MS
    assert made.handle(new("B", BUY, 5, 100), now_ns) == []
    made.schedule.advance(now_ns + 10 * MS)
    assert taken(made) == ["S F/2 5+0 5@100"]
    made.schedule.advance(now_ns + 29 * MS)
    assert taken(made) == []
    made.schedule.advance(now_ns + 30 * MS)
    assert taken(made) == ["B 0/0 0+5", "B F/2 5+0 5@100"], "a fill does not overtake its acknowledgement"


def test_a_range_is_drawn_under_the_seed() -> None:
    def delays(seed: int) -> list[int]:
        made = Broker(Exchange([X], liquidity_levels=0), BrokerProfile(ack_ms=(5, 50)), seed=seed)
        for n in range(20):
            made.handle(new(f"A{n}", BUY, 1, 100), NOW_NS)
        found = []
        for ms in range(60):
            made.schedule.advance(NOW_NS + ms * MS)
            found += [ms] * len(made.take())
        return found

    assert delays(1) == delays(1)
    assert delays(1) != delays(2)
    assert len(delays(1)) == 20
    assert min(delays(1)) >= 5
    assert max(delays(1)) <= 50


# -- rules ---------------------------------------------------------------------------------------------------


def order(cl_ord_id: str, qty: int = 10, side: str = BUY, account: str = "", symbol: str = "X") -> VenueOrder:
    return VenueOrder("O", [cl_ord_id], symbol, side, "2", "0", qty * SCALE, SCALE, account)


def chosen(macros: Sequence[Macro], orders: Sequence[VenueOrder], seed: str = "1") -> str:
    """The number of the rule for each order, "-" where there is none."""
    rules = Rules(macros, seed)
    found = [rules.choose(one) for one in orders]
    return "".join("-" if macro is None else str(macros.index(macro)) for macro in found)


@pytest.mark.parametrize(
    ("macro", "expected"),
    [
        (Reject(symbol="Y"), "--0---"),
        (Reject(side="2"), "-0----"),
        (Reject(account="ACC"), "---0--"),
        (Reject(cl_ord_id="T-"), "----00"),
        (Reject(min_qty="20"), "---0-0"),
        (Reject(max_qty="15"), "000-0-"),
        (Reject(min_qty="20", cl_ord_id="T-"), "-----0"),
        (Reject(nth=2), "-0----"),
        (Reject(every=2), "-0-0-0"),
        (Reject(probability=0.0), "------"),
    ],
)
def test_conditions(macro: Macro, expected: str) -> None:
    orders = [
        order("A"),
        order("B", side=SELL),
        order("C", symbol="Y"),
        order("D", 30, account="ACC"),
        order("T-1"),
        order("T-2", 20),
    ]
    assert chosen([macro], orders) == expected


def test_the_first_that_fits_is_taken_and_plain_is_an_exception() -> None:
    macros = [Plain(cl_ord_id="T"), Reject(side="1"), Duplicate()]
    assert chosen(macros, [order("T1"), order("A"), order("B", side=SELL)]) == "012"


def test_probability_under_the_seed() -> None:
    orders = [order(f"A{n}") for n in range(400)]
    macros = [Reject(probability=0.25)]
    first, again, other = (chosen(macros, orders, seed) for seed in ("1", "1", "2"))
    assert first == again != other
    assert 60 < first.count("0") < 140


# -- the same words ------------------------------------------------------------------------------------------


def day(seed: int) -> list[str]:
    """All that two brokers of one house say on a short day with every kind of chance in it."""
    profiles = {
        "ONE": BrokerProfile(
            exchange="MAIN",
            ack_ms=(0, 9),
            fill_ms=(0, 20),
            macro=(
                Reject(probability=0.1),
                Pieces(probability=0.2, every_ms=7),
                Bust(probability=0.2, after_ms=11),
                Duplicate(probability=0.3, after_ms=3),
            ),
        ),
        "TWO": BrokerProfile(exchange="MAIN", pending_new=True, target="OTHER"),
    }
    house = House([X], profiles, {"MAIN": ExchangeProfile(steps_per_s=200)}, seed=seed, now_ns=NOW_NS)
    said = []
    for n in range(300):
        now_ns = NOW_NS + n * 5 * MS
        name = "ONE" if n % 3 else "TWO"
        made = house.brokers[name]
        px = made.exchange.prices.px["X"] // SCALE
        side = BUY if n % 2 else SELL
        message = new(f"{name}{n}", side, 1 + n % 40, px + n % 7 - 3)
        if n % 11 == 10:
            message = cancel(f"C{n}", f"{name}{n - 6}", side)
        said += made.handle(message, now_ns)
        house.turn(now_ns)
        for other in house.brokers.values():
            house.publish(other, now_ns)
            said += [f"{other.name} {text}" for text in other.take()]
    return said


def test_same_seed_and_same_input_same_words() -> None:
    first = day(5)
    assert first == day(5)
    assert first != day(6)
    kinds = {fields(text.partition(" ")[2] or text).get("150") for text in first}
    assert {"0", "F", "H", "8", "A", "4"} <= kinds
