"""The pre-trade controls: which one says no, with which code, at which number exactly."""

from dataclasses import dataclass
from typing import Any

import msgspec
import pytest

from oms.core.controls import WITH_TERMS, Ask, check, tick_at, unpriced_hold_px
from oms.core.state import State
from oms.core.types import OrdType, Px, Qty, Side, TimeInForce
from tests.core.desk import (
    ALPHA,
    BRAVO,
    FIRM,
    INSTRUMENTS,
    LSE,
    ONE_TICK,
    TWO_TICKS,
    Desk,
    account,
    scaled,
    terms,
)

BUY, SELL = Side.BUY, Side.SELL
NO_COLLAR = msgspec.structs.replace(FIRM, price_collar_bps=0)


@dataclass
class Order:
    """A plain order that every control lets pass; a row of a table changes some of it."""

    account: str = "HUGE"
    symbol: str = "IBM"
    side: str = BUY
    qty: str = "100"
    px: str = "90"  # empty for a market order
    cl_ord_id: str = "N"
    session: str = ALPHA
    tif: str = TimeInForce.DAY
    ord_type: str = ""
    stop: str = ""
    min_qty: str = ""
    max_floor: str = ""
    cash: str = ""
    unread: str = ""

    def ask(self) -> Ask:
        kind = self.ord_type or (OrdType.LIMIT if self.px else OrdType.MARKET)
        price = Px(scaled(self.px)) if self.px else Px(0)
        qty = Qty(scaled(self.qty))
        return Ask(
            self.session,
            self.cl_ord_id,
            self.account,
            self.symbol,
            self.side,
            qty,
            kind,
            price,
            self.tif,
            None,
            terms(
                stop=self.stop,
                min_qty=self.min_qty,
                max_floor=self.max_floor,
                cash=self.cash,
                unread=self.unread,
            ),
        )


def answer(state: State, ask: Ask) -> str:
    """ "passes", or the first refusal as its name and code."""
    denial = check(state, ask)
    return "passes" if denial is None else f"{denial.reason} {denial.ord_rej_reason}"


@pytest.fixture
def desk() -> Desk:
    return Desk()


TABLE: tuple[tuple[dict[str, str], str], ...] = (
    # change                                                     answer
    ({},                                                        "passes"),
    ({"px": ""},                                                "passes"),
    ({"side": SELL},                                            "passes"),
    ({"tif": TimeInForce.IOC},                                  "passes"),
    ({"tif": TimeInForce.FOK, "px": ""},                        "passes"),
    # who may trade what
    ({"account": "NOBODY"},                                     "unknown_account 15"),
    ({"account": ""},                                           "unknown_account 15"),
    ({"account": "acc"},                                        "unknown_account 15"),
    ({"account": "BLOCK", "session": BRAVO},                    "passes"),
    ({"account": "ACC", "session": BRAVO},                      "account_not_permitted 15"),
    ({"account": "ACC", "session": "NOBODY"},                   "account_not_permitted 15"),
    ({"symbol": "XXX"},                                         "unknown_symbol 1"),
    ({"symbol": "ibm"},                                         "unknown_symbol 1"),
    # what is worked here
    ({"ord_type": "9"},                                         "unsupported_order 11"),
    ({"ord_type": "X"},                                         "unsupported_order 11"),
    ({"tif": "8"},                                              "unsupported_order 11"),
    ({"tif": "x"},                                              "unsupported_order 11"),
    ({"side": "5"},                                             "unsupported_order 11"),
    # lots: TOY trades in hundreds
    ({"qty": "0"},                                              "lot_size 13"),
    ({"qty": "-100"},                                           "lot_size 13"),
    ({"qty": "0.99999999"},                                     "lot_size 13"),
    ({"qty": "1"},                                              "passes"),
    ({"qty": "1.00000001"},                                     "lot_size 13"),
    ({"symbol": "TOY", "px": "2000", "qty": "99"},              "lot_size 13"),
    ({"symbol": "TOY", "px": "2000", "qty": "100"},             "passes"),
    ({"symbol": "TOY", "px": "2000", "qty": "101"},             "lot_size 13"),
    ({"symbol": "TOY", "px": "2000", "qty": "200"},             "passes"),
    # ticks: IBM 0.01, from 100 on 0.5
    ({"px": "10.01"},                                           "passes"),
    ({"px": "10.005"},                                          "tick_size 99"),
    ({"px": "0"},                                               "tick_size 99"),
    ({"px": "-10"},                                             "tick_size 99"),
    ({"side": SELL, "px": "99.99"},                             "passes"),
    ({"side": SELL, "px": "100"},                               "passes"),
    ({"side": SELL, "px": "100.01"},                            "tick_size 99"),
    ({"side": SELL, "px": "100.5"},                             "passes"),
    # a stop price on a tick where the order waits for one; IBM as above
    ({"ord_type": "3", "px": "", "stop": "95"},                 "passes"),
    ({"ord_type": "3", "px": ""},                               "stop_price 99"),
    ({"ord_type": "3", "px": "", "stop": "0"},                  "stop_price 99"),
    ({"ord_type": "3", "px": "", "stop": "-95"},                "stop_price 99"),
    ({"ord_type": "3", "px": "", "stop": "95.005"},             "stop_price 99"),
    ({"ord_type": "3", "px": "", "stop": "100.01"},             "stop_price 99"),
    ({"ord_type": "3", "px": "", "stop": "100.5"},              "passes"),
    ({"ord_type": "J", "px": "", "stop": "85"},                 "passes"),
    ({"ord_type": "J", "px": ""},                               "stop_price 99"),
    ({"ord_type": "4", "px": "96", "stop": "95"},               "passes"),
    ({"ord_type": "4", "px": "96"},                             "stop_price 99"),
    ({"ord_type": "4", "px": "96.005", "stop": "95"},           "tick_size 99"),
    ({"ord_type": "P", "px": ""},                               "passes"),
    ({"stop": "95.005"},                                        "passes"),  # a limit order waits for none
    # what is shown and the least to execute: lots, within the order
    ({"min_qty": "100"},                                        "passes"),
    ({"min_qty": "101"},                                        "displayed_and_minimum 13"),
    ({"min_qty": "-1"},                                         "displayed_and_minimum 13"),
    ({"min_qty": "0.5"},                                        "displayed_and_minimum 13"),
    ({"max_floor": "100"},                                      "passes"),
    ({"max_floor": "101"},                                      "displayed_and_minimum 13"),
    ({"max_floor": "-1"},                                       "displayed_and_minimum 13"),
    ({"max_floor": "0.5"},                                      "displayed_and_minimum 13"),
    ({"symbol": "TOY", "px": "2000", "qty": "200", "min_qty": "100"}, "passes"),
    ({"symbol": "TOY", "px": "2000", "qty": "200", "max_floor": "50"}, "displayed_and_minimum 13"),
    ({"min_qty": "10", "max_floor": "20", "px": ""},            "passes"),
    # quantity of one order: 10,000
    ({"qty": "9999", "px": "10"},                               "passes"),
    ({"qty": "10000", "px": "10"},                              "passes"),
    ({"qty": "10001", "px": "10"},                              "max_order_qty 3"),
    # a price to measure by
    ({"symbol": "NEW", "px": "10"},                             "no_reference_price 99"),
    ({"symbol": "NEW", "px": ""},                               "no_reference_price 99"),
    ({"symbol": "NEW", "px": "", "ord_type": "P"},              "no_reference_price 99"),
    ({"symbol": "NEW", "px": "", "ord_type": "3", "stop": "10"}, "passes"),  # it has its own
    ({"symbol": "NEW", "px": "11", "ord_type": "4", "stop": "10"}, "passes"),
    # value of one order: USD 500,000, GBP 5,000 with prices in pence, no franc at all
    ({"qty": "10000", "px": "49.99"},                           "passes"),
    ({"qty": "10000", "px": "50"},                              "passes"),
    ({"qty": "10000", "px": "50.01"},                           "max_order_notional 3"),
    ({"qty": "10000", "px": "90", "side": SELL},                "max_order_notional 3"),
    ({"symbol": "VOD", "qty": "10000", "px": "50"},             "passes"),
    ({"symbol": "VOD", "qty": "10000", "px": "50.01"},          "max_order_notional 3"),
    ({"symbol": "NES", "qty": "1", "px": "100"},                "max_order_notional 3"),
    ({"symbol": "NES", "qty": "1", "px": "100", "side": SELL},  "max_order_notional 3"),
    # a market order counts at the collar's far end: 90 and 10 percent are 99
    ({"qty": "5050", "px": ""},                                 "passes"),
    ({"qty": "5051", "px": ""},                                 "max_order_notional 3"),
    ({"qty": "5051", "px": "", "side": SELL},                   "max_order_notional 3"),
    # a stop order at the collar's far end from where it is triggered, if that is higher: 100 and 110
    ({"qty": "4545", "px": "", "ord_type": "3", "stop": "100"}, "passes"),
    ({"qty": "4546", "px": "", "ord_type": "3", "stop": "100"}, "max_order_notional 3"),
    ({"qty": "5050", "px": "", "ord_type": "3", "stop": "50", "side": SELL}, "passes"),
    ({"qty": "5051", "px": "", "ord_type": "3", "stop": "50", "side": SELL}, "max_order_notional 3"),
    # collar: 10 percent through 90, on the aggressive side only
    ({"px": "98.99"},                                           "passes"),
    ({"px": "99"},                                              "passes"),
    ({"px": "99.01"},                                           "price_collar 99"),
    ({"px": "1"},                                               "passes"),
    ({"side": SELL, "px": "81.01"},                             "passes"),
    ({"side": SELL, "px": "81"},                                "passes"),
    ({"side": SELL, "px": "80.99"},                             "price_collar 99"),
    ({"side": SELL, "px": "500"},                               "passes"),
    # that of a stop limit order from its stop price
    ({"ord_type": "4", "stop": "95", "px": "104.5"},            "passes"),
    ({"ord_type": "4", "stop": "95", "px": "105"},              "price_collar 99"),
    ({"ord_type": "4", "stop": "50", "px": "45", "side": SELL}, "passes"),
    ({"ord_type": "4", "stop": "50", "px": "44.99", "side": SELL}, "price_collar 99"),
    # buying power: ACC has USD 100,000 and GBP 1,600, and no yen
    ({"account": "ACC", "qty": "2000", "px": "49.99"},          "passes"),
    ({"account": "ACC", "qty": "2000", "px": "50"},             "passes"),
    ({"account": "ACC", "qty": "2000", "px": "50.01"},          "buying_power 3"),
    ({"account": "ACC", "qty": "2000", "px": "81", "side": SELL}, "passes"),
    ({"account": "ACC", "qty": "1010", "px": ""},               "passes"),
    ({"account": "ACC", "qty": "1011", "px": ""},               "buying_power 3"),
    ({"account": "ACC", "symbol": "VOD", "qty": "2000", "px": "80"}, "passes"),
    ({"account": "ACC", "symbol": "VOD", "qty": "2000", "px": "80.01"}, "buying_power 3"),
    ({"account": "ACC", "symbol": "TOY", "qty": "100", "px": "2000"}, "buying_power 3"),
    # position: ACC may be 2,000 long or short
    ({"account": "ACC", "qty": "1999", "px": "10"},             "passes"),
    ({"account": "ACC", "qty": "2000", "px": "10"},             "passes"),
    ({"account": "ACC", "qty": "2001", "px": "10"},             "position_limit 3"),
    ({"account": "ACC", "qty": "2000", "side": SELL},           "passes"),
    ({"account": "ACC", "qty": "2001", "side": SELL},           "position_limit 3"),
)  # fmt: skip


@pytest.mark.parametrize(("change", "wanted"), TABLE, ids=[f"{change}" for change, _ in TABLE])
def test_an_order(desk: Desk, change: dict[str, str], wanted: str) -> None:
    assert answer(desk.state, Order(**change).ask()) == wanted


WITHOUT_A_COLLAR = (
    # change                            answer
    ({"symbol": "NEW", "px": "10"},    "passes"),
    ({"symbol": "NEW", "px": ""},      "no_reference_price 99"),
    ({"px": "500"},                    "passes"),
    ({"px": "0.01", "side": SELL},     "passes"),
    ({"qty": "5555", "px": ""},        "passes"),  # at the reference itself: 90
    ({"qty": "5556", "px": ""},        "max_order_notional 3"),
)  # fmt: skip


@pytest.mark.parametrize(("change", "wanted"), WITHOUT_A_COLLAR)
def test_an_order_where_no_collar_is_set(change: dict[str, str], wanted: str) -> None:
    assert answer(Desk(NO_COLLAR).state, Order(**change).ask()) == wanted


# -- order ---------------------------------------------------------------------------------------------------

LADDER: tuple[tuple[str, dict[str, Any]], ...] = (
    # control                   what else is wrong, on top of all below
    ("unknown_account",        {"account": "NOBODY"}),
    ("account_not_permitted",  {"session": BRAVO}),
    ("trading_halted",         {"halted": True}),
    ("unknown_symbol",         {"symbol": "XXX"}),
    ("unsupported_order",      {"tif": "8"}),
    ("unread_instruction",     {"unread": "168=x"}),
    ("cash_order_qty",         {"qty": "0", "cash": "5"}),
    ("lot_size",               {"qty": "10001.5"}),
    ("tick_size",              {"px": "300.005"}),
    ("stop_price",             {"ord_type": "4", "stop": "95.005"}),
    ("displayed_and_minimum",  {"min_qty": "0.5"}),
    ("duplicate_cl_ord_id",    {"cl_ord_id": "USED"}),
    ("max_order_qty",          {"qty": "10001"}),
    ("no_reference_price",     {"symbol": "NEW"}),
    ("max_order_notional",     {"px": "300"}),
    ("price_collar",           {"px": "200"}),
    ("buying_power",           {"px": "50"}),
    ("position_limit",         {"account": "ACC", "qty": "2001", "px": "10"}),
)  # fmt: skip


def test_the_ladder_has_every_control_in_its_order() -> None:
    assert [control.__name__ for control in WITH_TERMS] == [name for name, _ in LADDER]


@pytest.mark.parametrize("rung", range(len(LADDER)), ids=[name for name, _ in LADDER])
def test_the_first_control_that_is_broken_answers(desk: Desk, rung: int) -> None:
    for session in (ALPHA, BRAVO):
        desk.new("USED", "1", "10", account="BLOCK", session=session)
    changes: dict[str, Any] = {}
    for _, change in reversed(LADDER[rung:]):
        changes |= change
    if changes.pop("halted", False):
        desk.halt("all")
    assert answer(desk.state, Order(**changes).ask()).split()[0] == LADDER[rung][0]


# -- ids -----------------------------------------------------------------------------------------------------


def test_an_id_is_used_up_by_orders_and_requests_of_its_session_also_by_refused_ones(desk: Desk) -> None:
    desk.new("A", account="BLOCK")
    desk.new("DENIED", "0")
    desk.cancel("C", "A")
    desk.cancel("LATE", "NO SUCH ORDER")
    for used in ("A", "DENIED", "C", "LATE"):
        assert answer(desk.state, Order(cl_ord_id=used).ask()) == "duplicate_cl_ord_id 6"
        assert answer(desk.state, Order(cl_ord_id=used, account="BLOCK", session=BRAVO).ask()) == "passes"
    assert answer(desk.state, Order(cl_ord_id="NO SUCH ORDER").ask()) == "passes"


# -- halts ---------------------------------------------------------------------------------------------------

HALTS = (
    # scope       value      new order of ACC in IBM by ALPHA
    ("all",       "",        "denied"),
    ("session",   ALPHA,     "denied"),
    ("session",   BRAVO,     "passes"),
    ("account",   "ACC",     "denied"),
    ("account",   "BLOCK",   "passes"),
    ("symbol",    "IBM",     "denied"),
    ("symbol",    "VOD",     "passes"),
    ("venue",     "SIM",     "denied"),
    ("venue",     LSE,       "passes"),
)  # fmt: skip


@pytest.mark.parametrize(("scope", "value", "wanted"), HALTS)
def test_a_halt_stops_new_orders_of_its_scope_until_it_is_lifted(
    desk: Desk, scope: str, value: str, wanted: str
) -> None:
    assert desk.halt(scope, value) == [f"TradingHalted {scope} {value}".strip()]
    taken = ["OrderReceived A", "OrderRouted SIM e-1-1-1"]
    denied = ["OrderDenied A trading_halted 99"]
    assert desk.new("A", "1", account="ACC") == (taken if wanted == "passes" else denied)
    assert desk.resume(scope, value) == [f"TradingResumed {scope} {value}".strip()]
    assert desk.new("B", "1", account="ACC") == ["OrderReceived B", "OrderRouted SIM e-2-1-1"]


@pytest.mark.parametrize(("scope", "value"), [row[:2] for row in HALTS if row[2] == "denied"])
def test_cancels_pass_every_halt(desk: Desk, scope: str, value: str) -> None:
    desk.new("A", "1", account="ACC")
    desk.ack("A")
    desk.halt(scope, value)
    assert desk.cancel("B", "A") == ["CancelRequested B A", "CancelRouted e-1-1-2 e-1-1-1"]


@pytest.mark.parametrize(("scope", "value"), [row[:2] for row in HALTS if row[2] == "denied"])
def test_no_halt_lets_an_order_grow_by_a_replace(desk: Desk, scope: str, value: str) -> None:
    desk.new("A", "1", account="ACC")
    desk.ack("A")
    desk.halt(scope, value)
    assert desk.replace("B", "A", "2") == ["RequestDenied B trading_halted 99"]


def test_halts_of_two_scopes_are_lifted_one_by_one(desk: Desk) -> None:
    desk.halt("all")
    desk.halt("symbol", "IBM")
    desk.resume("all")
    assert desk.new("A", "1") == ["OrderDenied A trading_halted 99"]
    desk.resume("symbol", "IBM")
    assert desk.new("B", "1") == ["OrderReceived B", "OrderRouted SIM e-2-1-1"]


def test_lifting_a_halt_that_is_not_there_changes_nothing(desk: Desk) -> None:
    assert desk.resume("all") == []


def test_a_denial_says_who_halted_and_why(desk: Desk) -> None:
    desk.halt("account", "ACC")
    denial = check(desk.state, Order(account="ACC").ask())
    assert denial is not None
    assert denial.text == "halted by jane (account ACC): review"


# -- the parts -----------------------------------------------------------------------------------------------

TICKS = (
    # ticks      price     tick
    (ONE_TICK,   "0.01",   "0.01"),
    (ONE_TICK,   "5000",   "0.01"),
    (TWO_TICKS,  "0.01",   "0.01"),
    (TWO_TICKS,  "99.99",  "0.01"),
    (TWO_TICKS,  "100",    "0.5"),
    (TWO_TICKS,  "5000",   "0.5"),
    (TWO_TICKS,  "-1",     "0.01"),
)  # fmt: skip


@pytest.mark.parametrize(("ticks", "price", "tick"), TICKS)
def test_the_tick_at_a_price(ticks: Any, price: str, tick: str) -> None:
    instrument = msgspec.structs.replace(INSTRUMENTS[0], ticks=ticks)
    assert tick_at(instrument, Px(scaled(price))) == scaled(tick)


HELD_AT = (
    # px (market: "")  side   held at
    ("91",             BUY,   "91"),
    ("89",             SELL,  "89"),
    ("",               BUY,   "99"),
    ("",               SELL,  "99"),
)  # fmt: skip


@pytest.mark.parametrize(("price", "side", "held"), HELD_AT)
def test_the_price_an_order_is_held_at(desk: Desk, price: str, side: str, held: str) -> None:
    desk.new("H", "1", price, side=side)
    assert desk.state.orders[1].versions[0].hold_px == scaled(held)


STOPS_HELD_AT = (
    # type  stop     side   held at: the reference is 90, the collar 10 percent
    ("3",   "100",   BUY,   "110"),
    ("3",   "80",    SELL,  "99"),   # from the reference, which is higher
    ("J",   "80",    BUY,   "99"),
    ("J",   "100",   SELL,  "110"),
    ("P",   "",      BUY,   "99"),
)  # fmt: skip


@pytest.mark.parametrize(("ord_type", "stop", "side", "held"), STOPS_HELD_AT)
def test_the_price_an_order_that_waits_is_held_at(
    desk: Desk, ord_type: str, stop: str, side: str, held: str
) -> None:
    desk.new("H", "1", "", side=side, ord_type=ord_type, terms=terms(stop=stop))
    assert desk.order("H").versions[0].hold_px == scaled(held)


def test_a_stop_limit_order_is_held_at_its_limit(desk: Desk) -> None:
    desk.new("H", "1", "96", ord_type="4", terms=terms(stop="95"))
    assert desk.order("H").versions[0].hold_px == scaled("96")


def test_a_stop_order_of_what_never_had_a_price_is_held_at_its_own(desk: Desk) -> None:
    desk.new("H", "1", "", symbol="NEW", ord_type="3", terms=terms(stop="10"))
    assert desk.order("H").versions[0].hold_px == scaled("11")


def test_a_replace_moves_the_price_a_stop_order_is_held_at(desk: Desk) -> None:
    desk.new("A", "10", "", ord_type="3", terms=terms(stop="100"))
    desk.ack()
    assert desk.risk() == "held 1100, spent 0, position 0, open 10/0"
    assert desk.replace("B", "A", "10", "", ord_type="3") == ["RequestDenied B stop_price 99"]
    desk.replace("C", "A", "10", "", ord_type="3", terms=terms(stop="120"))
    assert desk.risk() == "held 1320, spent 0, position 0, open 10/0"
    desk.replaced("C")
    desk.replace("D", "C", "10", "", ord_type="3", terms=terms(stop="110"))
    desk.replaced("D")
    assert desk.risk() == "held 1210, spent 0, position 0, open 10/0"


def test_the_collars_far_end_is_rounded_up(desk: Desk) -> None:
    desk.price("IBM", "0.00000001")
    assert unpriced_hold_px(desk.state, "IBM", None) == 2


def test_the_last_definition_of_an_account_holds() -> None:
    desk = Desk(account("ACC", (ALPHA,), (("USD", "100"),), "2000"))
    assert desk.new("A", "11", "10", account="ACC") == ["OrderDenied A buying_power 3"]
    assert desk.new("B", "10", "10", account="ACC") == ["OrderReceived B", "OrderRouted SIM e-2-1-1"]


PRICES: tuple[tuple[str, str, list[str]], ...] = (
    # symbol   price    what it leads to
    ("IBM",    "91",    ["ReferencePriceChanged IBM 91"]),
    ("NEW",    "5",     ["ReferencePriceChanged NEW 5"]),
    ("IBM",    "90",    []),  # as it was
    ("IBM",    "0",     []),
    ("IBM",    "-1",    []),
    ("XXX",    "5",     []),
)  # fmt: skip


@pytest.mark.parametrize(("symbol", "px", "wanted"), PRICES)
def test_a_published_price(desk: Desk, symbol: str, px: str, wanted: list[str]) -> None:
    assert desk.price(symbol, px) == wanted


def test_a_new_reference_price_moves_the_collar(desk: Desk) -> None:
    assert answer(desk.state, Order(px="99.5").ask()) == "price_collar 99"
    desk.price("IBM", "91")
    assert answer(desk.state, Order(px="99.5").ask()) == "passes"
