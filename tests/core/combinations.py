"""Words for multileg orders on a `Desk`: legs, the orders made of them, and what venues report of either."""

from typing import Any

from oms.core import commands as cmd
from oms.core import events as ev
from oms.core.types import ExecType, Leg, OrdStatus, OrdType, Px, Qty, Side, Terms, TimeInForce
from tests.core.desk import ALPHA, SIM, START_NS, Desk, instrument, scaled

NAME = "[N/A]"
"""Symbol(55) of a combination that has no name."""

GE = instrument("GE", "XNYS", "USD", "10")
GE_PRICE = ev.ReferencePriceChanged(START_NS, "GE", Px(scaled("50")), SIM)
"""Beside IBM, with a reference price of 90: another instrument of the same currency and venue."""


def venue(multileg_reports: str = "both", terms: tuple[str, ...] = ("legs",)) -> ev.VenueDefined:
    """What SIM can do."""
    return ev.VenueDefined(
        START_NS,
        SIM,
        tuple("1234JP"),
        tuple("01234567"),
        (*Terms.__struct_fields__[:10], *terms),
        multileg_reports,
    )


def combination_desk(multileg_reports: str = "both", *more: ev.Event) -> Desk:
    """A desk with two instruments for legs."""
    return Desk(GE, GE_PRICE, venue(multileg_reports), *more)


def leg(
    symbol: str, side: str = Side.BUY, ratio: str = "1", ref: str = "", px: str = "", effect: str = ""
) -> Leg:
    """A leg; without a LegRefID of its own it is called by its symbol."""
    price = Px(scaled(px)) if px else None
    return Leg(symbol, side, Qty(scaled(ratio)), ref or symbol, effect, price)


SPREAD = (leg("IBM", Side.BUY, "10"), leg("GE", Side.SELL, "20"))
"""Ten IBM bought and twenty GE sold: about 900 less 1000, so -100."""


def new(
    desk: Desk,
    cl_ord_id: str = "A",
    qty: str = "5",
    px: str = "-100",
    *legs: Leg,
    side: str = Side.BUY,
    symbol: str = NAME,
    account: str = "BLOCK",
    tif: str = TimeInForce.DAY,
    ord_type: str = "",
    reports: str = "",
    **more: Any,
) -> list[str]:
    """A limit order for a combination; at the market if `px` is empty."""
    kind = ord_type or (OrdType.LIMIT if px else OrdType.MARKET)
    return desk.do(
        cmd.NewOrder(
            ALPHA, cl_ord_id, account, symbol, side, Qty(scaled(qty)), kind, Px(scaled(px or 0)), tif, False,
            Terms(legs=legs or SPREAD, multi_leg_rpt_type_req=reports, **more),
        )
    )  # fmt: skip


def replace(
    desk: Desk,
    cl_ord_id: str,
    orig: str,
    qty: str,
    px: str = "-100",
    *legs: Leg,
    reports: str = "",
    **more: Any,
) -> list[str]:
    """MultilegOrderCancelReplace; without legs it leaves them."""
    order = desk.order(orig)
    terms = Terms(legs=legs, multi_leg_rpt_type_req=reports)
    return desk.do(
        cmd.ReplaceOrder(
            ALPHA, cl_ord_id, orig, order.symbol, order.side, Qty(scaled(qty)),
            more.get("ord_type", order.ord_type), Px(scaled(px or 0)), terms, is_multileg=True,
        )
    )  # fmt: skip


def fill(desk: Desk, of: str, exec_id: str, qty: str, px: str = "-100", **more: Any) -> list[str]:
    """The venue executed so many combinations."""
    return desk.fill(of, exec_id, qty, px, **{"multi_leg_reporting_type": "3"} | more)


def priced(**prices: str) -> dict[str, Any]:
    """The legs of an execution of the combination: IBM="90"."""
    return {"legs": tuple(cmd.LegExecution("", symbol, Px(scaled(px))) for symbol, px in prices.items())}


def leg_report(
    desk: Desk,
    of: str,
    exec_type: str,
    symbol: str,
    exec_id: str,
    qty: str = "0",
    px: str = "0",
    ref: str = "",
    status: str = OrdStatus.PARTIALLY_FILLED,
    leg_ref_id: str = "",
    **more: Any,
) -> list[str]:
    """ExecutionReport(8) of a leg."""
    order = desk.order(of)
    report = cmd.VenueReport(
        order.routes[0].venue, desk.sent(of), exec_type, status, exec_id=exec_id, symbol=symbol,
        last_qty=Qty(scaled(qty)), last_px=Px(scaled(px)), exec_ref_id=ref, **more,
    )  # fmt: skip
    return desk.do(cmd.VenueLegReport(report, leg_ref_id))


def leg_fill(desk: Desk, of: str, symbol: str, exec_id: str, qty: str, px: str, **more: Any) -> list[str]:
    """The venue executed some of a leg."""
    return leg_report(desk, of, ExecType.TRADE, symbol, exec_id, qty, px, **more)


def leg_bust(desk: Desk, of: str, symbol: str, exec_id: str, ref: str, **more: Any) -> list[str]:
    return leg_report(desk, of, ExecType.TRADE_CANCEL, symbol, exec_id, ref=ref, **more)


def leg_correct(
    desk: Desk, of: str, symbol: str, exec_id: str, ref: str, qty: str, px: str, **more: Any
) -> list[str]:
    return leg_report(desk, of, ExecType.TRADE_CORRECT, symbol, exec_id, qty, px, ref, **more)
