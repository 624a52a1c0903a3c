"""Risk counters through whole lives of orders. The auditor in `desk.py` adds them up after every command."""

import msgspec
import pytest

from oms.core.order import Request
from oms.core.risk import money, required_hold
from oms.core.types import SCALE, CxlRejResponseTo, ExecType, OrdStatus, Px, Qty, Side
from tests.core.desk import Desk, scaled
from tests.core.test_order import make_order

SELL = Side.SELL
FREE = "held 0, spent 0, position 0, open 0/0"


@pytest.fixture
def desk() -> Desk:
    return Desk()


# -- money ---------------------------------------------------------------------------------------------------

MONEY = (
    # price    quantity   a quoted 1 is worth   money
    ("10",     "100",     "1",                  "1000"),
    ("80",     "100",     "0.01",               "80"),
    ("-5",     "2",       "1",                  "-10"),
    ("0.01",   "0.01",    "1",                  "0.0001"),
)  # fmt: skip


@pytest.mark.parametrize(("px", "qty", "unit", "wanted"), MONEY)
def test_money_is_price_times_quantity_in_the_unit_of_the_quote(
    px: str, qty: str, unit: str, wanted: str
) -> None:
    assert money(scaled(px), scaled(qty), scaled(unit)) == scaled(wanted) * SCALE


# -- what an order must hold ---------------------------------------------------------------------------------

HOLDS = (
    # working         CumQty   replaces to (qty, held at)          quantity   money; the order is 100 at 10
    ("pending_new",    "0",    (),                                 "100",     "1000"),
    ("new",            "40",   (),                                 "60",      "600"),
    ("new",            "100",  (),                                 "0",       "0"),
    ("new",            "110",  (),                                 "0",       "0"),
    ("canceled",       "40",   (),                                 "0",       "0"),
    ("rejected",       "0",    (),                                 "0",       "0"),
    ("expired",        "0",    (),                                 "0",       "0"),
    ("done_for_day",   "0",    (),                                 "0",       "0"),
    ("new",            "40",   (("150", "10"),),                   "110",     "1100"),
    ("new",            "40",   (("50", "10"),),                    "60",      "600"),
    ("new",            "40",   (("30", "10"),),                    "60",      "600"),
    ("new",            "40",   (("100", "12"),),                   "60",      "720"),
    ("new",            "40",   (("100", "8"),),                    "60",      "600"),
    ("new",            "40",   (("50", "90"),),                    "60",      "900"),
    ("new",            "100",  (("120", "10"),),                   "20",      "200"),
    ("new",            "0",    (("50", "30"), ("200", "5")),       "200",     "1500"),
    ("canceled",       "0",    (("150", "10"),),                   "0",       "0"),
)  # fmt: skip


@pytest.mark.parametrize(("working", "cum", "replaces", "qty", "held"), HOLDS)
def test_what_an_order_must_hold(
    working: str, cum: str, replaces: tuple[tuple[str, str], ...], qty: str, held: str
) -> None:
    order = make_order(working, cum)
    order.versions[0].hold_px = Px(scaled("10"))
    order.requests = [
        Request(CxlRejResponseTo.REPLACE, "R", "A", Qty(scaled(asked)), Px(0), Px(scaled(px)))
        for asked, px in replaces
    ]
    assert required_hold(order, SCALE) == (scaled(qty), scaled(held) * SCALE)


def test_an_open_cancel_releases_nothing() -> None:
    order = make_order("new", "40", "cancel")
    order.versions[0].hold_px = Px(scaled("10"))
    assert required_hold(order, SCALE) == (scaled("60"), scaled("600") * SCALE)


# -- lives ---------------------------------------------------------------------------------------------------


def test_a_fill_moves_money_from_held_to_spent_at_the_price_it_had(desk: Desk) -> None:
    desk.new("A", "100", "10")
    assert desk.risk() == "held 1000, spent 0, position 0, open 100/0"
    desk.ack()
    assert desk.risk() == "held 1000, spent 0, position 0, open 100/0"
    desk.fill("A", "x1", "40", "9")
    assert desk.risk() == "held 600, spent 360, position 40, open 60/0"
    desk.fill("A", "x2", "60", "10")
    assert desk.risk() == "held 0, spent 960, position 100, open 0/0"


def test_a_sell_holds_quantity_and_brings_money_when_it_fills(desk: Desk) -> None:
    desk.new("A", "100", "90", side=SELL)
    assert desk.risk() == "held 0, spent 0, position 0, open 0/100"
    desk.fill("A", "x1", "40", "91")
    assert desk.risk() == "held 0, spent -3640, position -40, open 0/60"


def test_a_market_order_holds_at_the_collars_far_end(desk: Desk) -> None:
    desk.new("A", "100", "")
    assert desk.risk() == "held 9900, spent 0, position 0, open 100/0"
    desk.fill("A", "x1", "100", "91")
    assert desk.risk() == "held 0, spent 9100, position 100, open 0/0"


def test_prices_in_pence_hold_pounds(desk: Desk) -> None:
    desk.new("A", "100", "80", symbol="VOD", account="ACC")
    assert desk.risk("ACC", "VOD", "GBP") == "held 80, spent 0, position 0, open 100/0"
    desk.fill("A", "x1", "50", "79")
    assert desk.risk("ACC", "VOD", "GBP") == "held 40, spent 39.5, position 50, open 50/0"


def test_a_denied_order_holds_nothing(desk: Desk) -> None:
    desk.new("A", "1000000")
    assert desk.risk() == FREE


ENDS = (
    # how                 the venue says
    ("canceled",          ExecType.CANCELED,      OrdStatus.CANCELED),
    ("rejected",          ExecType.REJECTED,      OrdStatus.REJECTED),
    ("expired",           ExecType.EXPIRED,       OrdStatus.EXPIRED),
    ("done for the day",  ExecType.DONE_FOR_DAY,  OrdStatus.DONE_FOR_DAY),
)  # fmt: skip


@pytest.mark.parametrize(("how", "exec_type", "status"), ENDS, ids=[row[0] for row in ENDS])
@pytest.mark.parametrize("filled", ["0", "40"])
@pytest.mark.parametrize("pending", ["", "replace", "cancel"])
def test_an_end_releases_all_that_is_open(
    desk: Desk, how: str, exec_type: str, status: str, filled: str, pending: str
) -> None:
    desk.new("A", "100", "10")
    desk.ack()
    if filled != "0":
        desk.fill("A", "x1", filled)
    if pending == "replace":
        desk.replace("B", "A", "300", "10")
    if pending == "cancel":
        desk.cancel("B", "A")
    desk.report("A", exec_type, status)
    assert desk.risk() == f"held 0, spent {10 * int(filled)}, position {filled}, open 0/0"


def test_a_cancel_that_was_asked_for_releases_what_is_open(desk: Desk) -> None:
    desk.new("A", "100", "10")
    desk.cancel("B", "A")
    assert desk.risk() == "held 1000, spent 0, position 0, open 100/0"
    desk.canceled("B")
    assert desk.risk() == FREE


def test_a_fill_after_the_end_is_spent_and_holds_nothing(desk: Desk) -> None:
    desk.new("A", "100", "10")
    desk.canceled("A")
    desk.fill("A", "x1", "40")
    assert desk.risk() == "held 0, spent 400, position 40, open 0/0"


def test_an_overfill_is_spent_and_holds_nothing(desk: Desk) -> None:
    desk.new("A", "100", "10")
    desk.fill("A", "x1", "130")
    assert desk.risk() == "held 0, spent 1300, position 130, open 0/0"


def test_a_duplicate_execution_is_counted_once(desk: Desk) -> None:
    desk.new("A", "100", "10")
    for _ in range(3):
        desk.fill("A", "x1", "40")
    assert desk.risk() == "held 600, spent 400, position 40, open 60/0"


# -- replaces ------------------------------------------------------------------------------------------------

REPLACES = (
    # to qty   at px    held while pending   then accepted      then refused
    ("200",    "10",    "held 2000 200",     "held 2000 200",   "held 1000 100"),
    ("50",     "10",    "held 1000 100",     "held 500 50",     "held 1000 100"),
    ("100",    "12",    "held 1200 100",     "held 1200 100",   "held 1000 100"),
    ("100",    "8",     "held 1000 100",     "held 800 100",    "held 1000 100"),
    ("50",     "30",    "held 1500 100",     "held 1500 50",    "held 1000 100"),
    ("150",    "5",     "held 1000 150",     "held 750 150",    "held 1000 100"),
)  # fmt: skip


@pytest.mark.parametrize(("qty", "px", "pending", "accepted", "refused"), REPLACES)
def test_the_larger_of_old_and_new_is_held_until_a_replace_is_answered(
    qty: str, px: str, pending: str, accepted: str, refused: str
) -> None:
    def counters(desk: Desk) -> str:
        words = desk.risk().replace(",", "").replace("/", " ").split()
        return f"held {words[1]} {words[7]}"

    for answer, wanted in (("accepted", accepted), ("refused", refused)):
        desk = Desk()
        desk.new("A", "100", "10")
        desk.ack()
        desk.replace("B", "A", qty, px)
        assert counters(desk) == pending
        desk.replaced("B") if answer == "accepted" else desk.refused("B")
        assert counters(desk) == wanted


def test_fills_while_a_replace_is_pending_come_off_both(desk: Desk) -> None:
    desk.new("A", "100", "10")
    desk.ack()
    desk.replace("B", "A", "200", "12")
    assert desk.risk() == "held 2400, spent 0, position 0, open 200/0"
    desk.fill("A", "x1", "60", "10")
    assert desk.risk() == "held 1680, spent 600, position 60, open 140/0"
    desk.replaced("B")
    assert desk.risk() == "held 1680, spent 600, position 60, open 140/0"


def test_of_stacked_replaces_the_largest_is_held(desk: Desk) -> None:
    desk.new("A", "100", "10")
    desk.ack()
    desk.replace("B", "A", "300", "10")
    desk.replace("C", "B", "200", "10")
    assert desk.risk() == "held 3000, spent 0, position 0, open 300/0"
    desk.replaced("B")
    assert desk.risk() == "held 3000, spent 0, position 0, open 300/0"
    desk.replaced("C")
    assert desk.risk() == "held 2000, spent 0, position 0, open 200/0"


def test_a_filled_order_that_may_grow_again_holds_its_growth(desk: Desk) -> None:
    desk.new("A", "100", "10")
    desk.fill("A", "x1", "100")
    desk.replace("B", "A", "120", "10")
    assert desk.risk() == "held 200, spent 1000, position 100, open 20/0"
    desk.refused("B")
    assert desk.risk() == "held 0, spent 1000, position 100, open 0/0"


# -- limits with open orders: BLOCK has USD 100,000 and may be 5,000 long or short ---------------------------


def taken(lines: list[str]) -> bool:
    return lines[0].startswith(("OrderReceived", "ReplaceRequested"))


def test_open_buys_and_what_was_spent_count_against_the_buying_power(desk: Desk) -> None:
    assert taken(desk.new("A", "1000", "60"))
    assert desk.new("B", "1000", "40.01") == ["OrderDenied B buying_power 3"]
    desk.fill("A", "x1", "1000", "50")  # 10,000 less than it held
    assert desk.new("C", "1000", "50.01") == ["OrderDenied C buying_power 3"]
    assert taken(desk.new("D", "1000", "50"))
    assert desk.new("E", "1", "0.01") == ["OrderDenied E buying_power 3"]
    desk.canceled("D")
    assert taken(desk.new("F", "1", "0.01"))


def test_proceeds_of_sells_can_be_spent_again(desk: Desk) -> None:
    assert taken(desk.new("A", "2000", "50"))
    assert taken(desk.new("S", "100", "90", side=SELL))
    assert desk.new("B", "100", "90") == ["OrderDenied B buying_power 3"]
    desk.fill("S", "x1", "100", "90")
    assert taken(desk.new("C", "100", "90"))


def test_open_orders_of_the_side_count_against_the_position(desk: Desk) -> None:
    assert taken(desk.new("A", "4000", "1"))
    assert desk.new("B", "1001", "1") == ["OrderDenied B position_limit 3"]
    assert taken(desk.new("C", "5000", "90", side=SELL))
    assert desk.new("D", "1", "90", side=SELL) == ["OrderDenied D position_limit 3"]
    desk.fill("A", "x1", "4000", "1")  # long 4,000 with 5,000 on sale
    assert taken(desk.new("E", "1000", "1"))
    assert taken(desk.new("F", "4000", "90", side=SELL))
    assert desk.new("G", "1", "90", side=SELL) == ["OrderDenied G position_limit 3"]


def test_accounts_and_instruments_do_not_share_a_position(desk: Desk) -> None:
    assert taken(desk.new("A", "5000", "1"))
    assert taken(desk.new("B", "2000", "1", account="ACC"))
    assert desk.risk("ACC") == "held 2000, spent 0, position 0, open 2000/0"


def test_a_replace_is_asked_only_for_what_goes_beyond_what_is_held(desk: Desk) -> None:
    assert taken(desk.new("A", "1000", "60"))
    desk.ack()
    assert desk.replace("B", "A", "1000", "100.5") == ["RequestDenied B price_collar 99"]
    assert desk.replace("C", "A", "1700", "60") == ["RequestDenied C buying_power 99"]
    assert taken(desk.replace("D", "A", "1666", "60"))
    assert desk.new("E", "1", "41") == ["OrderDenied E buying_power 3"]
    desk.refused("D")
    assert taken(desk.new("F", "1", "41"))


def test_a_replace_downwards_passes_even_where_nothing_is_left(desk: Desk) -> None:
    assert taken(desk.new("A", "2000", "50"))
    desk.ack()
    assert taken(desk.replace("B", "A", "2000", "49"))
    desk.replaced("B")
    assert taken(desk.replace("C", "B", "1000", "49"))


def test_a_replace_counts_what_has_executed_once(desk: Desk) -> None:
    assert taken(desk.new("A", "4000", "1"))
    desk.fill("A", "x1", "3000", "1")
    assert desk.replace("B", "A", "5001", "1") == ["RequestDenied B position_limit 99"]
    assert taken(desk.replace("C", "A", "5000", "1"))


@pytest.mark.parametrize("qty", ["100", "250"])
def test_a_second_replace_is_measured_against_the_first_while_both_are_open(desk: Desk, qty: str) -> None:
    desk.new("X", "1975", "50")  # leaves 1,250 of buying power
    desk.new("A", "100", "10")  # of which this takes 1,000
    desk.ack()
    assert taken(desk.replace("B", "A", "125", "10"))
    assert taken(desk.replace("C", "B", qty, "5"))
    assert desk.replace("D", "C", "126", "10") == ["RequestDenied D buying_power 99"]


def test_a_limit_without_its_currency_is_no_limit_at_all_for_buys(desk: Desk) -> None:
    assert desk.new("A", "100", "2000", symbol="TOY") == ["OrderDenied A buying_power 3"]
    assert desk.new("B", "1", "100", symbol="NES") == ["OrderDenied B max_order_notional 3"]


def test_counters_of_a_snapshot_are_the_same(desk: Desk) -> None:
    desk.new("A", "100", "10")
    desk.fill("A", "x1", "40")
    copy = type(desk.state).load(desk.state.dump())
    assert msgspec.to_builtins(copy.risk) == msgspec.to_builtins(desk.state.risk)
