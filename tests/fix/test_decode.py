"""Text to command: every field, and which reject a wrong one earns."""

from typing import Any

import pytest

from oms.core import commands as cmd
from oms.core.types import Px, Qty
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


def test_order_cancel_request() -> None:
    assert from_client("C", text(CANCEL)) == cmd.CancelOrder("C", "A2", "A1", "IBM", "1")


def test_order_cancel_replace_request() -> None:
    assert from_client("C", text(REPLACE)) == cmd.ReplaceOrder(
        "C", "A2", "A1", "IBM", "1", Qty(200 * UNIT), "2", Px(9_950_000_000)
    )


def test_order_status_request() -> None:
    assert from_client("C", text(STATUS)) == cmd.RequestStatus("C", "A1", "IBM", "1", "Q1")
    assert from_client("C", text(STATUS, t790=None)) == cmd.RequestStatus("C", "A1", "IBM", "1", "")


@pytest.mark.parametrize("msg_type", ["8", "9", "B", "E", "q", "W", "j", "AE"])
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
    )


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


@pytest.mark.parametrize(
    ("entries", "price"),
    [
        ("268=1|269=2|270=100.5|", "100.5"),
        ("268=3|269=2|270=100.5|269=0|270=99|269=1|270=102|", "100.5"),
        ("268=3|269=0|270=99|269=1|270=102|269=2|270=100.5|", "100.5"),
    ],
    ids=["a trade", "a trade, then quotes", "quotes, then a trade"],
)
def test_market_data_snapshot_gives_the_price_of_the_last_trade(entries: str, price: str) -> None:
    message = HEADER.format(type="35=W") + f"55=IBM|{entries}10=000|"
    found = from_venue("SIM", message.replace("|", "\x01"))
    assert found == cmd.PublishPrice("IBM", Px(int(float(price) * UNIT)), "SIM")


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
