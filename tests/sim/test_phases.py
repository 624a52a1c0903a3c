"""The phases of an exchange: auctions at the open and at the close, halts, the end of the day; by hand and by
the clock."""

import random
from collections import defaultdict

import pytest

from oms.core.types import SCALE, OrdType, Side, TimeInForce
from oms.fix.wire import fields
from oms.sim.auction import Interest
from oms.sim.broker import Broker
from oms.sim.exchange import CLOSED, CONTINUOUS, Exchange
from oms.sim.hours import DAY_NS, SECOND_NS, next_change, phase_at
from oms.sim.house import House
from oms.sim.market import CLOSING, OPENING
from oms.sim.profile import BrokerProfile, Day, ExchangeProfile
from tests.sim.broker_kit import NOW_NS, X, ask, brief, cancel, new, replace
from tests.sim.test_auction import cleared_by_trying, dealt_out

BUY, SELL = Side.BUY, Side.SELL
OPG, AT_CLOSE, GTC, GTD = TimeInForce.OPG, TimeInForce.AT_CLOSE, TimeInForce.GTC, TimeInForce.GTD
PROFILE = BrokerProfile(
    ord_types=("1", "2", "3", "4"),
    times_in_force=("0", "1", "2", "3", "4", "6", "7"),
    terms=("max_floor", "min_qty"),
    prices=False,
)


def broker_at(reference: int = 100, phase: str = CONTINUOUS) -> Broker:
    broker = Broker(Exchange([X], liquidity_levels=0), PROFILE)
    broker.exchange.set_price("X", reference * SCALE, NOW_NS)
    broker.exchange.set_phase(phase, NOW_NS)
    return broker


def go_to(broker: Broker, phase: str) -> list[str]:
    """What the orders are told of a phase's beginning."""
    broker.exchange.set_phase(phase, NOW_NS)
    return brief([fields(text) for text in broker.take()])


# -- auctions ------------------------------------------------------------------------------------------------


def test_orders_are_collected_and_trade_at_one_price() -> None:
    broker = broker_at(103, phase=OPENING)
    said = ask(
        broker,
        new("A", BUY, 10, 103),
        new("B", BUY, 5, 101, OPG),
        new("M", SELL, 4),
        new("C", SELL, 8, 99),
        new("D", SELL, 5, 104),
    )
    assert brief(said) == ["A 0/0 0+10", "B 0/0 0+5", "M 0/0 0+4", "C 0/0 0+8", "D 0/0 0+5"]
    indicative = broker.exchange.indicative("X")
    assert indicative is not None
    assert (indicative.price, indicative.volume, indicative.surplus) == (101 * SCALE, 12 * SCALE, 3 * SCALE)
    assert go_to(broker, CONTINUOUS) == [
        "A F/1 4+6 4@101",
        "M F/2 4+0 4@101",
        "A F/2 10+0 6@101",
        "C F/1 6+2 6@101",
        "B F/1 2+3 2@101",
        "C F/2 8+0 2@101",
        "B 4/4 2+0",
    ]
    assert broker.exchange.prices.px["X"] == 101 * SCALE, "the auction's price is the reference price"
    assert brief(ask(broker, new("E", BUY, 5, 104))) == ["E 0/0 0+5", "D F/2 5+0 5@104", "E F/2 5+0 5@104"]


def test_what_has_no_limit_and_was_left_over_is_canceled() -> None:
    broker = broker_at(phase=OPENING)
    ask(broker, new("A", BUY, 10), new("S", SELL, 4, 100))
    assert go_to(broker, CONTINUOUS) == ["A F/1 4+6 4@100", "S F/2 4+0 4@100", "A 4/4 4+0"]


def test_orders_at_the_close_wait_for_it_and_keep_their_time() -> None:
    broker = broker_at()
    # The first comes for the close, the second for the day: at one price the first goes first.
    ask(broker, new("first", BUY, 5, 100, AT_CLOSE), new("second", BUY, 5, 100))
    assert brief(ask(broker, new("S", SELL, 2, 100))) == [
        "S 0/0 0+2",
        "second F/1 2+3 2@100",
        "S F/2 2+0 2@100",
    ], "before the close the order for it trades with nobody"
    assert go_to(broker, CLOSING) == []
    ask(broker, new("T", SELL, 6, 99), new("M", SELL, 1, time_in_force=AT_CLOSE))
    assert go_to(broker, CLOSED) == [
        "first F/1 1+4 1@100",
        "M F/2 1+0 1@100",
        "first F/2 5+0 4@100",
        "T F/1 4+2 4@100",
        "second F/1 4+1 2@100",
        "T F/2 6+0 2@100",
        "second C/C 4+0",
    ]


def test_order_at_the_close_can_be_replaced_and_canceled_while_it_waits() -> None:
    broker = broker_at()
    ask(broker, new("A", BUY, 5, 100, AT_CLOSE), new("B", BUY, 5, 101, AT_CLOSE))
    assert brief(ask(broker, replace("A2", "A", 7, 102, **{"59": AT_CLOSE}), cancel("B2", "B"))) == [
        "A2 5/0 0+7",
        "B2 4/4 0+0",
    ]
    go_to(broker, CLOSING)
    ask(broker, new("S", SELL, 7, 102))
    assert go_to(broker, CLOSED)[0] == "A2 F/2 7+0 7@102"


@pytest.mark.parametrize(
    ("phase", "tif", "expected"),
    [
        (CONTINUOUS, OPG, "A 8/8 0+0"),
        (CLOSING, OPG, "A 8/8 0+0"),
        (CLOSED, "0", "A 8/8 0+0"),
        (OPENING, AT_CLOSE, "A 0/0 0+5"),
    ],
)
def test_what_may_come_when(phase: str, tif: str, expected: str) -> None:
    broker = broker_at(phase=phase)
    [report] = ask(broker, new("A", BUY, 5, 100, tif))
    assert brief([report]) == [expected]
    if phase == CLOSED:
        assert (report["103"], report["58"]) == ("2", "the exchange is closed")
    elif tif == OPG:
        assert report["103"] == "4"


@pytest.mark.parametrize("tif", [TimeInForce.IOC, TimeInForce.FOK])
def test_nothing_is_executed_at_once_while_orders_are_collected(tif: str) -> None:
    broker = broker_at(phase=OPENING)
    ask(broker, new("S", SELL, 5, 100))
    assert brief(ask(broker, new("B", BUY, 5, 100, tif))) == ["B 0/0 0+5", "B 4/4 0+0"]


def test_cancels_pass_when_all_is_closed() -> None:
    broker = broker_at()
    ask(broker, new("A", BUY, 5, 100, GTC))
    go_to(broker, CLOSED)
    assert brief(ask(broker, cancel("C", "A"))) == ["C 4/4 0+0"]


@pytest.mark.parametrize("seed", range(60))
def test_whole_auctions_against_the_second_implementation(seed: int) -> None:
    """Orders that were there before, icebergs, orders without a limit and for the close: all of them."""
    rng = random.Random(seed)
    reference = rng.randint(4, 9)
    broker = broker_at(reference)
    sent: dict[str, Interest] = {}

    def send(name: str, tif: str, crossing: bool) -> None:
        side = rng.choice((BUY, SELL))
        # What rests before the auction does not cross: it is what continuous trading has left.
        limit: int | None = rng.randint(1, 14)
        if not crossing:
            limit = reference - rng.randint(1, 3) if side == BUY else reference + rng.randint(1, 3)
        elif rng.random() < 0.2:
            limit = None
        qty = rng.randint(1, 9)
        more = {"111": str(rng.randint(1, qty))} if limit is not None and rng.random() < 0.3 else {}
        ask(broker, new(name, side, qty, limit, tif, **more))
        sent[name] = Interest(name, side, None if limit is None else limit, qty, (0, len(sent)))

    for n in range(rng.randint(0, 6)):
        send(f"before{n}", rng.choice(("0", GTC)), crossing=False)
    for n in range(rng.randint(0, 5)):
        send(f"parked{n}", AT_CLOSE, crossing=True)
    go_to(broker, CLOSING)
    for n in range(rng.randint(0, 7)):
        send(f"during{n}", rng.choice(("0", AT_CLOSE)), crossing=True)

    scaled = [
        Interest(i.id, i.side, None if i.limit is None else i.limit * SCALE, i.qty, i.rank)
        for i in sent.values()
    ]
    expected = naive_clearing(scaled, reference)
    indicative = broker.exchange.indicative("X")
    broker.exchange.set_phase(CLOSED, NOW_NS)
    got: dict[str, int] = defaultdict(int)
    prices = set()
    for report in map(fields, broker.take()):
        if report["150"] == "F":
            got[report["11"]] += int(report["32"])
            prices.add(int(report["31"]))
    if expected is None:
        assert (indicative, got) == (None, {})
        return
    price, dealt = expected
    assert indicative is not None
    assert indicative.price == price * SCALE
    assert prices == {price}
    assert got == {name: qty for name, qty in dealt.items() if qty}
    broker.exchange.market("X").book.check()


def naive_clearing(interests: list[Interest], reference: int) -> tuple[int, dict[str, int]] | None:
    """The other test's second implementation, on ticks of one."""
    every_tick = [n * SCALE for n in range(1, 40)]
    cleared = cleared_by_trying(interests, reference * SCALE, every_tick)
    if cleared is None:
        return None
    return cleared.price // SCALE, dealt_out(interests, cleared)


# -- halts ---------------------------------------------------------------------------------------------------


def test_a_halt_suspends_orders_and_ends_with_an_auction() -> None:
    broker = broker_at()
    ask(broker, new("A", BUY, 5, 99))
    broker.exchange.halt("X", NOW_NS)
    assert brief([fields(t) for t in broker.take()]) == ["A 9/9 0+5"]
    ask(broker, new("B", BUY, 5, 102), new("S", SELL, 6, 98))
    broker.exchange.resume("X", NOW_NS)
    assert brief([fields(t) for t in broker.take()]) == [
        "A D/0 0+5",
        "B F/2 5+0 5@99",
        "S F/1 5+1 5@99",
        "A F/1 1+4 1@99",
        "S F/2 6+0 1@99",
    ]


def test_requests_are_worked_during_a_halt() -> None:
    broker = broker_at()
    ask(broker, new("A", BUY, 5, 99), new("B", BUY, 5, 98))
    broker.exchange.halt("X", NOW_NS)
    broker.take()
    assert brief(ask(broker, replace("A2", "A", 8, 101), cancel("B2", "B"), new("S", SELL, 9, 100))) == [
        "A2 5/9 0+8",
        "B2 4/4 0+0",
        "S 0/0 0+9",
    ]
    broker.exchange.resume("X", NOW_NS)
    assert brief([fields(t) for t in broker.take()]) == ["A2 D/0 0+8", "A2 F/2 8+0 8@100", "S F/1 8+1 8@100"]


def test_a_broker_may_keep_a_halt_to_itself() -> None:
    broker = Broker(Exchange([X], liquidity_levels=0), BrokerProfile(reports_halts=False))
    ask(broker, new("A", BUY, 5, 99))
    broker.exchange.halt("X", NOW_NS)
    broker.exchange.resume("X", NOW_NS)
    assert broker.take() == []


# -- good till ... -------------------------------------------------------------------------------------------


def test_who_outlives_the_day() -> None:
    broker = broker_at()
    today, tomorrow = "20231114", "20231115"
    ask(
        broker,
        new("day", BUY, 5, 99),
        new("gtc", BUY, 5, 99, GTC),
        new("today", BUY, 5, 99, GTD, **{"432": today}),
        new("tomorrow", BUY, 5, 99, GTD, **{"432": tomorrow}),
        new("stop", SELL, 5, 90, **{"40": OrdType.STOP_LIMIT, "99": "91"}),
    )
    assert go_to(broker, CLOSED) == ["day C/C 0+0", "today C/C 0+0", "stop C/C 0+0"]
    broker.exchange.set_phase(CONTINUOUS, NOW_NS + DAY_NS)
    broker.exchange.set_phase(CLOSED, NOW_NS + DAY_NS)
    assert brief([fields(t) for t in broker.take()]) == ["tomorrow C/C 0+0"]
    broker.exchange.set_phase(CONTINUOUS, NOW_NS + DAY_NS)
    [report] = ask(broker, new("later", BUY, 5, 99, GTD, **{"432": "20231113"}))
    assert (report["150"], report["58"]) == ("8", "ExpireDate has passed")


def test_good_till_a_time_of_the_day() -> None:
    broker = broker_at()
    ask(broker, new("A", BUY, 5, 99, GTD, **{"126": "20231114-22:13:25"}))
    broker.schedule.advance(NOW_NS + 4 * SECOND_NS)
    assert broker.take() == []
    broker.schedule.advance(NOW_NS + 5 * SECOND_NS)
    assert brief([fields(t) for t in broker.take()]) == ["A C/C 0+0"]


# -- by the clock --------------------------------------------------------------------------------------------

DAY = Day(opening="06:50", open="07:00", closing="15:30:00", close="15:35:30")


def at(hhmmss: str) -> int:
    hours, minutes, seconds = map(int, hhmmss.split(":"))
    return NOW_NS - NOW_NS % DAY_NS + (hours * 3600 + minutes * 60 + seconds) * SECOND_NS


@pytest.mark.parametrize(
    ("time", "phase", "then", "when"),
    [
        ("06:49:59", CLOSED, OPENING, "06:50:00"),
        ("06:50:00", OPENING, CONTINUOUS, "07:00:00"),
        ("12:00:00", CONTINUOUS, CLOSING, "15:30:00"),
        ("15:34:00", CLOSING, CLOSED, "15:35:30"),
        ("23:59:59", CLOSED, OPENING, "30:50:00"),
    ],
)
def test_phases_by_the_time(time: str, phase: str, then: str, when: str) -> None:
    assert phase_at(DAY, at(time)) == phase
    assert next_change(DAY, at(time)) == (at(when), then)


def test_a_house_opens_and_closes_its_exchanges_in_time() -> None:
    house = House(
        [X], {"SIM": PROFILE}, {"SIM": ExchangeProfile(liquidity_levels=0, day=DAY)}, now_ns=at("06:00:00")
    )
    broker = house.brokers["SIM"]
    phases = []
    for hour in range(6, 32):
        for minute in range(0, 60, 5):
            house.turn(at(f"{hour:02}:{minute:02}:59"))
            if not phases or phases[-1] != broker.exchange.phase:
                phases.append(broker.exchange.phase)
    assert phases == [CLOSED, OPENING, CONTINUOUS, CLOSING, CLOSED, OPENING, CONTINUOUS]
