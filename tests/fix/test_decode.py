"""Text to command: every field, and which reject a wrong one earns."""

from typing import Any

import pytest

from oms.core import commands as cmd
from oms.core.types import Px, Qty, Terms, parse_scaled
from oms.fix.decode import Malformed, from_client, from_venue

HEADER = "8=FIX.4.4|9=000|{type}|34=7|49=CLIENT1|52=20261122-12:00:00.000|56=OMS|"

ORDER = {
    35: "D",
    11: "A1",
    1: "ACC",
    55: "IBM",
    54: "1",
    38: "300",
    40: "2",
    44: "100.25",
    59: "0",
    60: "20261122-12:00:00",
}
CANCEL = {35: "F", 11: "A2", 41: "A1", 55: "IBM", 54: "1", 60: "20261122-12:00:00"}
REPLACE = {
    35: "G",
    11: "A2",
    41: "A1",
    55: "IBM",
    54: "1",
    38: "200",
    40: "2",
    44: "99.5",
    60: "20261122-12:00:00",
}
STATUS = {35: "H", 11: "A1", 55: "IBM", 54: "1", 790: "Q1"}
REPORT = {
    35: "8", 37: "V1", 11: "e-1-1-1", 17: "X1", 150: "F", 39: "1", 55: "IBM", 54: "1", 38: "300",
    32: "100", 31: "100.2", 151: "200", 14: "100", 6: "100.2", 60: "20261122-12:00:00.5",
}  # fmt: skip
CANCEL_REJECT = {35: "9", 37: "V1", 11: "e-1-1-2", 41: "e-1-1-1", 39: "0", 434: "1", 102: "2", 58: "no"}

UNIT = 100_000_000


def text(body: dict[int, str], **change: Any) -> str:
    """A message as the session hands it over. `change` is t38="..."; None leaves a field out."""
    found = {**body, **{int(tag[1:]): value for tag, value in change.items()}}
    found = {tag: value for tag, value in found.items() if value is not None}
    start = HEADER.format(type=f"35={found.pop(35)}")
    return (start + "".join(f"{tag}={value}|" for tag, value in found.items()) + "10=000|").replace(
        "|", "\x01"
    )


# -- clients -------------------------------------------------------------------------------------------------


def test_new_order_single() -> None:
    assert from_client("CLIENT1", text(ORDER)) == cmd.NewOrder(
        "CLIENT1", "A1", "ACC", "IBM", "1", Qty(300 * UNIT), "2", Px(10_025_000_000), "0"
    )


def test_new_order_single_without_time_in_force_is_for_the_day() -> None:
    found = from_client("CLIENT1", text(ORDER, t59=None))
    assert isinstance(found, cmd.NewOrder)
    assert found.time_in_force == "0"


def test_market_order_has_no_price_even_if_one_is_given() -> None:
    for price in (None, "100.25", "-1"):
        found = from_client("CLIENT1", text(ORDER, t40="1", t44=price))
        assert isinstance(found, cmd.NewOrder)
        assert (found.ord_type, found.price) == ("1", 0)


DONT_KNOW = {35: "Q", 37: "e-1", 17: "x", 127: "D"}
ALL = {35: "q", 11: "A3", 530: "7"}
ALL_STATUS = {35: "AF", 584: "M1", 585: "7"}
STOP = {**ORDER, 40: "3", 44: None, 99: "101.5"}

TERMS = (
    # change                                           the order's terms
    ({"t99": "101.5", "t40": "3"},                     Terms(stop_px=Px(10_150_000_000))),
    ({"t99": "101.5", "t40": "4"},                     Terms(stop_px=Px(10_150_000_000))),
    ({"t99": "101.5", "t40": "J"},                     Terms(stop_px=Px(10_150_000_000))),
    ({"t18": "G 1"},                                   Terms(exec_inst="G 1")),
    ({"t110": "10"},                                   Terms(min_qty=Qty(10 * UNIT))),
    ({"t111": "20"},                                   Terms(max_floor=Qty(20 * UNIT))),
    ({"t59": "6", "t432": "20270101"},                 Terms(expire_date="20270101")),
    ({"t59": "6", "t126": "20270101-15:00:00"},        Terms(expire_time="20270101-15:00:00")),
    ({"t40": "P", "t211": "-0.05"},                    Terms(peg_offset=Px(-5_000_000))),
    ({"t847": "2", "t848": "x", "t849": "0.1"},        Terms(target_strategy="2", strategy_parameters="x",
                                                             participation_rate="0.1")),
    ({"t848": "HIGH"},                                 Terms(strategy_parameters="HIGH")),
    ({"t849": "0.1"},                                  Terms(participation_rate="0.1")),
    ({"t40": "P", "t18": "a", "t211": "2", "t836": "1"}, Terms(exec_inst="a", peg_offset=Px(2 * UNIT),
                                                               peg_offset_type="1")),
    ({"t835": "1", "t837": "2", "t838": "1", "t840": "3"}, Terms(peg_move_type="1", peg_limit_type="2",
                                                                 peg_round_direction="1", peg_scope="3")),
    ({"t210": "30"},                                   Terms(max_show=Qty(30 * UNIT))),
    ({"t168": "20270101-10:00:00"},                    Terms(unread="168=20270101-10:00:00")),
    ({"t388": "0", "t389": "0.1"},                     Terms(unread="388=0")),
    ({"t1084": "1", "t111": "20"},                     Terms(max_floor=Qty(20 * UNIT), unread="1084=1")),
    ({"t18": "", "t99": "0"},                          None),
)  # fmt: skip


@pytest.mark.parametrize(("change", "terms"), TERMS, ids=[f"{change}" for change, _ in TERMS])
@pytest.mark.parametrize("body", [ORDER, REPLACE], ids=["order", "replace"])
def test_what_few_orders_say(body: dict[int, str], change: dict[str, Any], terms: Terms | None) -> None:
    found = from_client("C", text(body, **change))
    assert isinstance(found, cmd.NewOrder | cmd.ReplaceOrder)
    assert found.terms == terms
    assert found.price == (0 if change.get("t40") in ("3", "J", "P") else parse_scaled(body[44]))


@pytest.mark.parametrize("tif", ["1", "2", "3", "4", "5", "7"])
def test_every_time_in_force_is_passed_on(tif: str) -> None:
    found = from_client("C", text(ORDER, t59=tif))
    assert isinstance(found, cmd.NewOrder)
    assert (found.time_in_force, found.terms) == (tif, None)


@pytest.mark.parametrize(("flag", "sent"), [("Y", True), ("N", False), (None, False)])
def test_a_client_that_does_not_know_whether_it_sent_an_order(flag: str | None, sent: bool) -> None:
    found = from_client("C", text(ORDER, t97=flag))
    assert isinstance(found, cmd.NewOrder)
    assert found.poss_resend is sent


def test_dont_know_trade() -> None:
    message = {35: "Q", 37: "e-1", 17: "e-1-1-X1", 127: "D", 55: "IBM", 54: "1", 58: "not mine"}
    assert from_client("C", text(message)) == cmd.DontKnow("C", "e-1", "e-1-1-X1", "D", "not mine")
    assert from_client("C", text(message, t58=None)) == cmd.DontKnow("C", "e-1", "e-1-1-X1", "D", "")


def test_requests_about_all_orders() -> None:
    cancel = {35: "q", 11: "A3", 530: "1", 55: "IBM", 54: "2"}
    assert from_client("C", text(cancel)) == cmd.CancelAll("C", "A3", "1", "IBM", "2")
    assert from_client("C", text(cancel, t530="7", t55=None, t54=None)) == cmd.CancelAll("C", "A3", "7")
    status = {35: "AF", 584: "M1", 585: "7"}
    assert from_client("C", text(status)) == cmd.RequestAllStatus("C", "M1", "7")


def test_order_cancel_request() -> None:
    assert from_client("C", text(CANCEL)) == cmd.CancelOrder("C", "A2", "A1", "IBM", "1")


def test_order_cancel_replace_request() -> None:
    assert from_client("C", text(REPLACE)) == cmd.ReplaceOrder(
        "C", "A2", "A1", "IBM", "1", Qty(200 * UNIT), "2", Px(9_950_000_000)
    )


def test_order_status_request() -> None:
    assert from_client("C", text(STATUS)) == cmd.RequestStatus("C", "A1", "IBM", "1", "Q1")
    assert from_client("C", text(STATUS, t790=None)) == cmd.RequestStatus("C", "A1", "IBM", "1", "")


@pytest.mark.parametrize("msg_type", ["8", "9", "B", "N", "W", "j", "AE"])
def test_other_messages_of_clients_are_not_supported(msg_type: str) -> None:
    with pytest.raises(Malformed) as found:
        from_client("C", text(ORDER, t35=msg_type))
    assert found.value.kind == Malformed.UNSUPPORTED


@pytest.mark.parametrize(
    ("body", "change", "kind", "tag"),
    [
        (ORDER, {"t11": None}, Malformed.MISSING, "11"),
        (ORDER, {"t55": None}, Malformed.MISSING, "55"),
        (ORDER, {"t54": None}, Malformed.MISSING, "54"),
        (ORDER, {"t40": None}, Malformed.MISSING, "40"),
        (ORDER, {"t1": None}, Malformed.CONDITIONALLY_MISSING, "1"),
        (ORDER, {"t38": None}, Malformed.CONDITIONALLY_MISSING, "38"),
        (ORDER, {"t44": None}, Malformed.CONDITIONALLY_MISSING, "44"),
        (ORDER, {"t38": ""}, Malformed.CONDITIONALLY_MISSING, "38"),
        (ORDER, {"t38": "0"}, Malformed.BAD_VALUE, "38"),
        (ORDER, {"t38": "-300"}, Malformed.BAD_VALUE, "38"),
        (ORDER, {"t38": "3e2"}, Malformed.BAD_VALUE, "38"),
        (ORDER, {"t38": "300.123456789"}, Malformed.BAD_VALUE, "38"),
        (ORDER, {"t38": "92233720368.54775808"}, Malformed.BAD_VALUE, "38"),
        (ORDER, {"t38": "9" * 5000}, Malformed.BAD_VALUE, "38"),
        (ORDER, {"t44": "0.000"}, Malformed.BAD_VALUE, "44"),
        (ORDER, {"t44": "-1"}, Malformed.BAD_VALUE, "44"),
        (ORDER, {"t44": "1,5"}, Malformed.BAD_VALUE, "44"),
        (ORDER, {"t44": "٣"}, Malformed.BAD_VALUE, "44"),
        (CANCEL, {"t11": None}, Malformed.MISSING, "11"),
        (CANCEL, {"t41": None}, Malformed.MISSING, "41"),
        (CANCEL, {"t55": None}, Malformed.MISSING, "55"),
        (CANCEL, {"t54": None}, Malformed.MISSING, "54"),
        (REPLACE, {"t41": None}, Malformed.MISSING, "41"),
        (REPLACE, {"t40": None}, Malformed.MISSING, "40"),
        (REPLACE, {"t38": None}, Malformed.CONDITIONALLY_MISSING, "38"),
        (REPLACE, {"t44": None}, Malformed.CONDITIONALLY_MISSING, "44"),
        (STATUS, {"t11": None}, Malformed.MISSING, "11"),
        (STOP, {"t99": None}, Malformed.CONDITIONALLY_MISSING, "99"),
        (STOP, {"t99": "0"}, Malformed.BAD_VALUE, "99"),
        (STOP, {"t99": "-1"}, Malformed.BAD_VALUE, "99"),
        (STOP, {"t99": "much"}, Malformed.BAD_VALUE, "99"),
        (STOP, {"t40": "J", "t99": None}, Malformed.CONDITIONALLY_MISSING, "99"),
        (STOP, {"t40": "4"}, Malformed.CONDITIONALLY_MISSING, "44"),
        pytest.param(ORDER, {"t40": "4"}, Malformed.CONDITIONALLY_MISSING, "99"),
        pytest.param(ORDER, {"t59": "6"}, Malformed.CONDITIONALLY_MISSING, "432"),
        pytest.param(ORDER, {"t40": "1", "t44": None, "t59": "6"}, Malformed.CONDITIONALLY_MISSING, "432"),
        (ORDER, {"t110": "x"}, Malformed.BAD_VALUE, "110"),
        (ORDER, {"t111": "1.123456789"}, Malformed.BAD_VALUE, "111"),
        (ORDER, {"t40": "P", "t211": "1e3"}, Malformed.BAD_VALUE, "211"),
        (REPLACE, {"t40": "4"}, Malformed.CONDITIONALLY_MISSING, "99"),
        (REPLACE, {"t110": "x"}, Malformed.BAD_VALUE, "110"),
        (DONT_KNOW, {"t37": None}, Malformed.MISSING, "37"),
        (DONT_KNOW, {"t17": None}, Malformed.MISSING, "17"),
        (DONT_KNOW, {"t127": None}, Malformed.MISSING, "127"),
        (ALL, {"t11": None}, Malformed.MISSING, "11"),
        (ALL, {"t530": None}, Malformed.MISSING, "530"),
        (ALL_STATUS, {"t584": None}, Malformed.MISSING, "584"),
        (ALL_STATUS, {"t585": None}, Malformed.MISSING, "585"),
    ],
)
def test_wrong_message_of_a_client(body: dict[int, str], change: dict[str, Any], kind: str, tag: str) -> None:
    with pytest.raises(Malformed) as found:
        from_client("C", text(body, **change))
    assert (found.value.kind, found.value.tag) == (kind, tag)


def test_largest_number_that_fits() -> None:
    found = from_client("C", text(ORDER, t38="92233720368.54775807", t44=".00000001"))
    assert isinstance(found, cmd.NewOrder)
    assert (found.order_qty, found.price) == (2**63 - 1, 1)


# -- venues --------------------------------------------------------------------------------------------------


def test_execution_report() -> None:
    assert from_venue("SIM", text(REPORT)) == cmd.VenueReport(
        "SIM",
        "e-1-1-1",
        "F",
        "1",
        "X1",
        "V1",
        "",
        Qty(100 * UNIT),
        Px(10_020_000_000),
        Qty(300 * UNIT),
        Qty(100 * UNIT),
        Px(0),
        99,
        "",
        1_795_348_800_500_000_000,
        symbol="IBM",
        side="1",
    )


def test_execution_report_says_what_a_venue_did_beside_executing() -> None:
    change = {
        "t19": "X0",
        "t378": "5",
        "t636": "N",
        "t41": "e-1-1-0",
        "t44": "99.5",
        "t103": "6",
        "t58": "why",
    }
    found = from_venue("SIM", text(REPORT, **change))
    assert isinstance(found, cmd.VenueReport)
    assert (found.exec_ref_id, found.exec_restatement_reason, found.working_indicator) == ("X0", "5", "N")
    assert (found.orig_cl_ord_id, found.price, found.ord_rej_reason) == ("e-1-1-0", Px(9_950_000_000), 6)
    assert (found.symbol, found.side, found.text) == ("IBM", "1", "why")


@pytest.mark.parametrize("exec_type", ["F", "G", "7"])
def test_last_quantity_of_a_trade_a_correction_and_a_guarantee_is_read(exec_type: str) -> None:
    found = from_venue("SIM", text(REPORT, t150=exec_type))
    assert isinstance(found, cmd.VenueReport)
    assert (found.last_qty, found.last_px) == (100 * UNIT, 10_020_000_000)


@pytest.mark.parametrize("exec_type", ["0", "3", "4", "5", "8", "9", "B", "C", "D", "H", "I", "L"])
def test_last_quantity_of_another_report_says_nothing(exec_type: str) -> None:
    found = from_venue("SIM", text(REPORT, t150=exec_type, t32="much"))
    assert isinstance(found, cmd.VenueReport)
    assert (found.last_qty, found.last_px) == (0, 0)


def test_last_quantity_of_a_report_that_is_no_trade_is_not_taken_for_one() -> None:
    found = from_venue("SIM", text(REPORT, t150="I"))
    assert isinstance(found, cmd.VenueReport)
    assert (found.last_qty, found.last_px) == (0, 0)


def test_order_cancel_reject() -> None:
    assert from_venue("SIM", text(CANCEL_REJECT)) == cmd.VenueCancelReject(
        "SIM", "e-1-1-2", "e-1-1-1", "0", 2, "no"
    )


def test_business_message_reject_names_the_order() -> None:
    message = text({35: "j", 45: "7", 372: "D", 379: "e-1-1-1", 380: "0", 58: "no"})
    assert from_venue("SIM", message) == cmd.VenueRefusal("SIM", "D", "e-1-1-1", "no")


def books(msg_type: str, body: str) -> cmd.Command | None:
    message = HEADER.format(type=f"35={msg_type}") + f"{body}10=000|"
    return from_venue("SIM", message.replace("|", "\x01"))


def level(kind: str, px: str, qty: int) -> tuple[str, int, int]:
    return kind, int(float(px) * UNIT), qty * UNIT


@pytest.mark.parametrize(
    ("entries", "read"),
    [
        ("268=1|269=2|270=100.5|", [level("2", "100.5", 0)]),
        ("268=2|269=2|270=100.5|271=7|269=0|270=99|271=5|", [level("2", "100.5", 7), level("0", "99", 5)]),
        ("268=2|269=0|270=99|269=1|270=102|271=3|", [level("1", "102", 3)]),
        ("268=2|269=4|270=99|271=1|269=1|270=102|271=3|", [level("1", "102", 3)]),
    ],
    ids=["a trade", "a trade and a level", "a level without a quantity", "an opening price"],
)
def test_market_data_snapshot_is_all_that_is_displayed(
    entries: str, read: list[tuple[str, int, int]]
) -> None:
    assert books("W", f"55=IBM|{entries}") == cmd.UpdateBooks(
        "SIM", (cmd.BookUpdate("IBM", True, tuple(read)),)
    )


def test_market_data_changes_are_by_symbol_and_an_entry_without_one_has_that_before() -> None:
    found = books(
        "X",
        "268=4|279=0|269=0|55=IBM|270=99|271=5|279=2|269=1|270=101|271=9|"
        "279=1|269=1|55=VOD|270=80|271=2|279=0|269=2|270=81|271=4|",
    )
    assert found == cmd.UpdateBooks(
        "SIM",
        (
            cmd.BookUpdate("IBM", False, (level("0", "99", 5), level("1", "101", 0))),
            cmd.BookUpdate("VOD", False, (level("1", "80", 2), level("2", "81", 4))),
        ),
    )


@pytest.mark.parametrize(
    ("msg_type", "body", "tag"),
    [
        ("W", "268=1|269=2|270=1|", "55"),
        ("W", "55=IBM|268=1|269=2|", "270"),
        ("W", "55=IBM|268=1|269=2|270=-1|", "270"),
        ("W", "55=IBM|268=1|269=0|270=1|271=x|", "271"),
        ("X", "268=1|279=0|269=0|270=1|271=1|", "55"),
        ("X", "268=1|279=2|269=0|55=IBM|", "270"),
    ],
)
def test_market_data_that_says_nothing_is_refused_by_its_tag(msg_type: str, body: str, tag: str) -> None:
    with pytest.raises(Malformed) as found:
        books(msg_type, body)
    assert found.value.tag == tag


@pytest.mark.parametrize("msg_type", ["D", "F", "G", "H", "B", "AE"])
def test_other_messages_of_venues_are_not_supported(msg_type: str) -> None:
    with pytest.raises(Malformed) as found:
        from_venue("SIM", text(REPORT, t35=msg_type))
    assert found.value.kind == Malformed.UNSUPPORTED


@pytest.mark.parametrize(
    ("body", "change", "tag"),
    [
        (REPORT, {"t150": None}, "150"),
        (REPORT, {"t39": None}, "39"),
        (REPORT, {"t17": None}, "17"),
        (REPORT, {"t32": "1.123456789"}, "32"),
        (REPORT, {"t31": "much"}, "31"),
        (REPORT, {"t38": "9" * 40}, "38"),
        (REPORT, {"t14": "x"}, "14"),
        (CANCEL_REJECT, {"t11": None}, "11"),
    ],
)
def test_wrong_message_of_a_venue(body: dict[int, str], change: dict[str, Any], tag: str) -> None:
    with pytest.raises(Malformed) as found:
        from_venue("SIM", text(body, **change))
    assert found.value.tag == tag


@pytest.mark.parametrize("reason", ["", "x", "-1", "1.5"])
def test_reason_that_is_no_number_is_other(reason: str) -> None:
    found = from_venue("SIM", text(REPORT, t150="8", t39="8", t103=reason))
    assert isinstance(found, cmd.VenueReport)
    assert found.ord_rej_reason == 99
