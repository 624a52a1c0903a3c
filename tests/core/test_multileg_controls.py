"""The controls of multileg orders: which one says no, with which code, at which number exactly.

The order that all of them let pass buys ten IBM (90, ticks of 0.01 and 0.5) and sells twenty GE (50, lots of
ten), five times: 50 IBM held at 99, 100 GE at 55, together 10,450; net -100.
"""

from typing import Any

import msgspec
import pytest

from oms.core.controls import CONTROLS, OF_LEGS, OF_ONE_INSTRUMENT, WITH_LEGS, WITH_TERMS, Ask, check
from oms.core.types import Leg, Px, Qty, Side, Terms, TimeInForce
from tests.core import combinations
from tests.core.combinations import SPREAD, combination_desk, leg
from tests.core.desk import ALPHA, BRAVO, FIRM, INSTRUMENTS, LSE, Desk, account, scaled

BUY, SELL = Side.BUY, Side.SELL

CHEAP = account("CHEAP", (ALPHA,), (("USD", "4950"),), "90000")
NARROW = account("NARROW", (ALPHA,), (("USD", "9000000"),), "100")
NO_COLLAR = msgspec.structs.replace(FIRM, price_collar_bps=0)


def legs(ibm: dict[str, str] | None = None, ge: dict[str, str] | None = None) -> tuple[Leg, ...]:
    """The legs with something else about them."""
    both = ({"symbol": "IBM", "side": BUY, "ratio": "10"}, {"symbol": "GE", "side": SELL, "ratio": "20"})
    return tuple(leg(**known | (change or {})) for known, change in zip(both, (ibm, ge), strict=True))


def ask(**change: Any) -> Ask:
    of = {
        "account": "HUGE", "session": ALPHA, "cl_ord_id": "N", "symbol": combinations.NAME, "side": BUY, "qty": "5",
        "px": "-100", "ord_type": "2", "tif": TimeInForce.DAY, "legs": SPREAD, "reports": "", "min_qty": "0", "unread": "",
    } | change  # fmt: skip
    terms = Terms(
        min_qty=Qty(scaled(of["min_qty"])), legs=of["legs"], multi_leg_rpt_type_req=of["reports"],
        unread=of["unread"],
    )  # fmt: skip
    return Ask(
        of["session"], of["cl_ord_id"], of["account"], of["symbol"], of["side"], Qty(scaled(of["qty"])),
        of["ord_type"], Px(scaled(of["px"])), of["tif"], None, terms,
    )  # fmt: skip


def answer(desk: Desk, **change: Any) -> str:
    """ "passes", or the first refusal as its name and code."""
    denial = check(desk.state, ask(**change))
    return "passes" if denial is None else f"{denial.reason} {denial.ord_rej_reason}"


@pytest.fixture
def desk() -> Desk:
    return combination_desk("both", CHEAP, NARROW)


MANY = tuple(leg(f"S{n}") for n in range(17))

TABLE: tuple[tuple[dict[str, Any], str], ...] = (
    # change                                                     answer
    ({},                                                        "passes"),
    ({"side": SELL},                                            "passes"),
    ({"side": Side.AS_DEFINED},                                 "passes"),
    ({"side": Side.OPPOSITE},                                   "passes"),
    ({"ord_type": "1", "px": "0"},                              "passes"),
    ({"symbol": "IBM"},                                         "passes"),  # a name is a name
    # who may trade what
    ({"account": "NOBODY"},                                     "unknown_account 15"),
    ({"account": "HUGE", "session": BRAVO},                     "account_not_permitted 15"),
    # what legs are
    ({"legs": legs(ge={"symbol": "XXX"})},                      "unknown_leg 1"),
    ({"legs": SPREAD[:1]},                                      "unsupported_legs 11"),
    ({"legs": (*SPREAD, leg("IBM", SELL))},                     "unsupported_legs 11"),
    ({"legs": legs({"ref": "GE"})},                             "unsupported_legs 11"),
    ({"legs": legs({"side": "5"})},                             "unsupported_legs 11"),
    ({"legs": legs({"side": "B"})},                             "unsupported_legs 11"),
    ({"legs": legs({"ratio": "0"})},                            "unsupported_legs 11"),
    ({"legs": legs({"ratio": "-1"})},                           "unsupported_legs 11"),
    ({"side": "5"},                                             "unsupported_legs 11"),
    ({"ord_type": "3"},                                         "unsupported_legs 11"),
    ({"ord_type": "P"},                                         "unsupported_legs 11"),
    ({"reports": "3"},                                          "unsupported_legs 11"),
    ({"reports": "2"},                                          "passes"),
    ({"ord_type": "9"},                                         "unsupported_order 11"),
    ({"tif": "8"},                                              "unsupported_order 11"),
    # one currency, one unit, one venue
    ({"legs": (*SPREAD, leg("NES"))},                           "leg_currency 11"),
    ({"legs": (*SPREAD, leg("VOD"))},                           "leg_currency 11"),
    ({"legs": (*SPREAD, leg("PND"))},                           "leg_currency 11"),
    ({"legs": (*SPREAD, leg("LON"))},                           "leg_venue 11"),
    # whole combinations, whole lots of every leg
    ({"qty": "0"},                                              "lot_size 13"),
    ({"qty": "0.5"},                                            "lot_size 13"),
    ({"qty": "1"},                                              "passes"),
    ({"legs": legs(ge={"ratio": "1"}), "qty": "9"},             "leg_lot_size 13"),
    ({"legs": legs(ge={"ratio": "1"}), "qty": "10", "px": "0"}, "passes"),
    ({"legs": legs({"ratio": "0.5"}), "qty": "1"},              "leg_lot_size 13"),
    ({"legs": legs({"ratio": "0.5"}), "qty": "2", "px": "-900"}, "passes"),
    ({"legs": legs({"ratio": "0.00000001"}), "qty": "5"},       "leg_lot_size 13"),
    ({"min_qty": "2"},                                          "passes"),
    ({"min_qty": "6"},                                          "displayed_and_minimum 13"),
    # a net price of any sign, in the ticks' common measure: 0.01 of IBM and GE
    ({"px": "0"},                                               "passes"),
    ({"px": "-0.01", "side": SELL},                             "passes"),
    ({"px": "-99.99"},                                          "passes"),
    ({"px": "-99.995"},                                         "net_price 99"),
    ({"px": "0.00000001"},                                      "net_price 99"),
    ({"legs": (leg("IBM"), leg("MIL", SELL)), "px": "80.005"},  "passes"),
    ({"legs": (leg("IBM"), leg("MIL", SELL)), "px": "80.0005"}, "net_price 99"),
    # what a leg may be said to cost
    ({"legs": legs({"px": "99"})},                              "passes"),
    ({"legs": legs({"px": "99.01"})},                           "leg_price_collar 99"),
    ({"legs": legs({"px": "1"})},                               "passes"),
    ({"legs": legs({"px": "90.005"})},                          "leg_price 99"),
    ({"legs": legs({"px": "0"})},                               "leg_price 99"),
    ({"legs": legs({"px": "-1"})},                              "leg_price 99"),
    ({"legs": legs(ge={"px": "45"})},                           "passes"),
    ({"legs": legs(ge={"px": "44.99"})},                        "leg_price_collar 99"),
    ({"legs": legs(ge={"px": "44.99"}), "side": SELL},          "passes"),  # it is bought then
    # quantity: 10,000 of anything
    ({"legs": legs({"ratio": "1"}), "qty": "500", "px": "-950"},         "max_multileg_notional 3"),
    ({"legs": legs({"ratio": "1"}, {"ratio": "2"}), "qty": "2000", "px": "0"}, "passes"),
    ({"legs": legs({"ratio": "1"}, {"ratio": "20"}), "qty": "501"},      "max_leg_qty 3"),
    ({"qty": "10001"},                                          "max_order_qty 3"),
    # a price to measure every leg by
    ({"legs": (*SPREAD, leg("NEW"))},                           "no_leg_reference_price 99"),
    # value: USD 500,000 for all of its legs together; 2,090 a combination
    ({"qty": "239"},                                            "passes"),
    ({"qty": "240"},                                            "max_multileg_notional 3"),
    ({"qty": "240", "side": SELL},                              "max_multileg_notional 3"),
    # collar: 10 percent of 900 and 1000 through -100
    ({"px": "90"},                                              "passes"),
    ({"px": "90.01"},                                           "net_price_collar 99"),
    ({"px": "-500"},                                            "passes"),
    ({"px": "-290", "side": SELL},                              "passes"),
    ({"px": "-290.01", "side": SELL},                           "net_price_collar 99"),
    ({"px": "-290.01", "side": Side.OPPOSITE},                  "net_price_collar 99"),
    ({"px": "500", "side": SELL},                               "passes"),
    # buying power: 50 IBM at 99 are 4,950; sold GE bring nothing
    ({"account": "CHEAP"},                                      "passes"),
    ({"account": "CHEAP", "qty": "6"},                          "multileg_buying_power 3"),
    ({"account": "CHEAP", "side": SELL},                        "multileg_buying_power 3"),  # 100 GE at 55
    # position: 100 of anything
    ({"account": "NARROW"},                                     "passes"),
    ({"account": "NARROW", "qty": "6"},                         "leg_position_limit 3"),
    ({"account": "NARROW", "qty": "6", "side": SELL},           "leg_position_limit 3"),
)  # fmt: skip


def also(desk: Desk) -> None:
    """Instruments that some rows need: a fine tick, another market, prices in hundredths."""
    ibm = next(i for i in INSTRUMENTS if i.symbol == "IBM")
    for symbol, change in (
        ("MIL", {"ticks": ((Px(0), Px(scaled("0.001"))),)}),
        ("LON", {"market": "XLON"}),
        ("PND", {"price_unit": Px(scaled("0.01"))}),
    ):
        desk._take(msgspec.structs.replace(ibm, symbol=symbol, **change))
        desk.price(symbol, "10")


@pytest.mark.parametrize(("change", "wanted"), TABLE, ids=[f"{change} {wanted}" for change, wanted in TABLE])
def test_which_control_refuses_with_which_code(desk: Desk, change: dict[str, Any], wanted: str) -> None:
    also(desk)
    assert answer(desk, **change) == wanted


def test_not_too_many_legs(desk: Desk) -> None:
    ibm = next(i for i in INSTRUMENTS if i.symbol == "IBM")
    for one in MANY:
        desk._take(msgspec.structs.replace(ibm, symbol=one.symbol))
        desk.price(one.symbol, "10")
    assert answer(desk, legs=MANY[:16], px="160") == "passes"
    assert answer(desk, legs=MANY, px="170") == "unsupported_legs 11"


@pytest.mark.parametrize(
    ("scope", "value", "wanted"),
    [
        ("all", "", "trading_halted 99"),
        ("session", ALPHA, "trading_halted 99"),
        ("account", "HUGE", "trading_halted 99"),
        ("symbol", combinations.NAME, "trading_halted 99"),
        ("symbol", "GE", "leg_halted 99"),
        ("symbol", "VOD", "passes"),
        ("venue", LSE, "passes"),
    ],
)
def test_a_halt_of_a_leg_s_instrument_stops_the_combination(
    desk: Desk, scope: str, value: str, wanted: str
) -> None:
    desk.halt(scope, value)
    assert answer(desk) == wanted


def test_without_a_collar_there_is_no_limit_to_a_net_price(desk: Desk) -> None:
    desk._take(NO_COLLAR)
    assert answer(desk, px="9000", legs=legs({"px": "900"})) == "passes"


def test_buying_power_is_that_of_all_bought_legs_and_what_is_held_already(desk: Desk) -> None:
    both = legs(ge={"side": BUY})
    combinations.new(desk, "A", "1", "1900", *both, account="CHEAP")  # 10 IBM at 99 and 20 GE at 55: 2,090
    assert answer(desk, account="CHEAP", legs=both, qty="1", px="1900") == "passes"
    assert answer(desk, account="CHEAP", legs=both, qty="2", px="1900") == "multileg_buying_power 3"
    desk.new("P", "9", "80", account="CHEAP")
    assert answer(desk, account="CHEAP", legs=both, qty="1", px="1900") == "passes"
    desk.new("Q", "1", "80", account="CHEAP")
    assert answer(desk, account="CHEAP", legs=both, qty="1", px="1900") == "multileg_buying_power 3"


def test_positions_and_open_orders_of_any_kind_count_for_a_leg(desk: Desk) -> None:
    desk.new("P", "50", "80", account="NARROW")
    assert answer(desk, account="NARROW") == "passes"
    desk.new("Q", "1", "80", account="NARROW")
    assert answer(desk, account="NARROW") == "leg_position_limit 3"
    assert answer(desk, account="NARROW", side=SELL) == "passes"


def test_a_replace_is_measured_by_what_goes_beyond_the_old(desk: Desk) -> None:
    combinations.new(desk, "A", "5", account="CHEAP")
    desk.ack()
    assert combinations.replace(desk, "B", "A", "6")[0].startswith("RequestDenied B multileg_buying_power")
    assert combinations.replace(desk, "C", "A", "5", "-50")[0].startswith("ReplaceRequested C")


LADDER: tuple[tuple[str, dict[str, Any]], ...] = (
    # control                   what else is wrong, on top of all below
    ("unknown_account",        {"account": "NOBODY"}),
    ("account_not_permitted",  {"session": BRAVO}),
    ("trading_halted",         {"halt": ("all", "")}),
    ("leg_halted",             {"halt": ("symbol", "IBM")}),
    ("unknown_leg",            {"legs": (*SPREAD, leg("IBM"), leg("XXX"))}),
    ("unsupported_order",      {"tif": "8"}),
    ("unread_instruction",     {"unread": "168=x"}),
    ("unsupported_legs",       {"legs": (*SPREAD, leg("IBM"))}),
    ("leg_currency",           {"legs": (*SPREAD, leg("VOD"), leg("NEW"))}),
    ("leg_venue",              {"legs": (*SPREAD, leg("LON"), leg("NEW"))}),
    ("lot_size",               {"qty": "10001.5"}),
    ("leg_lot_size",           {"qty": "10001", "legs": (leg("IBM", px="90.005"), leg("GE"), leg("NEW"))}),
    ("net_price",              {"px": "5000.005"}),
    ("leg_price",              {"legs": (leg("IBM", px="90.005"), leg("GE", ratio="20"), leg("NEW"))}),
    ("displayed_and_minimum",  {"min_qty": "0.5"}),
    ("duplicate_cl_ord_id",    {"cl_ord_id": "USED"}),
    ("max_order_qty",          {"qty": "10001"}),
    ("max_leg_qty",            {"qty": "501"}),
    ("no_leg_reference_price", {"legs": (leg("IBM", px="200"), leg("GE", ratio="20"), leg("NEW"))}),
    ("max_multileg_notional",  {"qty": "500"}),
    ("net_price_collar",       {"px": "5000"}),
    ("leg_price_collar",       {"legs": (leg("IBM", px="200"), leg("GE", ratio="20"))}),
    ("multileg_buying_power",  {"account": "CHEAP", "qty": "10"}),
    ("leg_position_limit",     {"account": "NARROW", "qty": "11", "px": "0"}),
)  # fmt: skip


def test_the_ladder_has_every_control_of_legs_in_its_order() -> None:
    assert [control.__name__ for control in WITH_LEGS] == [name for name, _ in LADDER]
    assert set(WITH_LEGS) | set(WITH_TERMS) == set(CONTROLS)
    assert not set(OF_LEGS) & set(OF_ONE_INSTRUMENT)
    assert len(set(CONTROLS)) == len(CONTROLS)


@pytest.mark.parametrize("rung", range(len(LADDER)), ids=[name for name, _ in LADDER])
def test_the_first_control_that_is_broken_answers(desk: Desk, rung: int) -> None:
    also(desk)
    for session in (ALPHA, BRAVO):
        desk.new("USED", "1", "10", account="BLOCK", session=session)
    changes: dict[str, Any] = {}
    for _, change in reversed(LADDER[rung:]):
        changes |= change
    halt = changes.pop("halt", None)
    if halt is not None:
        desk.halt(*halt)
    assert answer(desk, **changes).split()[0] == LADDER[rung][0]
