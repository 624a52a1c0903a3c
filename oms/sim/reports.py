"""What the simulated venue says, as FIX text: body fields with MsgType(35) in front, no header, no trailer.

Each function writes one message in one f-string. QuickFIX puts the fields into its own order and adds the
rest. Quantities and prices come in units of 1e-8 and leave as the shortest decimals. *Source:* FIX 4.4
ExecutionReport(8), OrderCancelReject(9), MarketDataSnapshotFullRefresh(W), BusinessMessageReject(j).
"""

from typing import Final

from msgspec import Struct, field

from oms.core.types import ExecType, OrdStatus, average_px, format_scaled
from oms.fix.wire import SOH, utc_timestamp

ENDED: Final = frozenset((OrdStatus.CANCELED, OrdStatus.REJECTED, OrdStatus.EXPIRED, OrdStatus.DONE_FOR_DAY))


class VenueOrder(Struct):
    """An order as the venue knows it. Quantities and prices in units of 1e-8, the notional in units of
    1e-16."""

    order_id: str  # OrderID(37), the venue's
    cl_ord_ids: list[str]  # every accepted ClOrdID(11): the order's, then its requests'
    symbol: str
    side: str
    ord_type: str
    time_in_force: str
    order_qty: int
    price: int  # 0 for a market order
    account: str = ""
    ord_status: str = OrdStatus.NEW
    cum_qty: int = 0
    cum_notional: int = 0
    exec_ids: list[str] = field(default_factory=list)

    @property
    def cl_ord_id(self) -> str:
        """The ClOrdID that reports about the order carry: the last accepted one."""
        return self.cl_ord_ids[-1]

    @property
    def leaves_qty(self) -> int:
        """LeavesQty(151)."""
        return 0 if self.ord_status in ENDED else max(self.order_qty - self.cum_qty, 0)


def execution_report(
    order: VenueOrder,
    exec_id: str,
    exec_type: str,
    now_ns: int,
    *,
    cl_ord_id: str = "",
    orig_cl_ord_id: str = "",
    last_qty: int = 0,
    last_px: int = 0,
    ord_rej_reason: int | None = None,
    ord_status_req_id: str = "",
    text: str = "",
) -> str:
    """ExecutionReport(8) of the order as it stands; `cl_ord_id` is the order's own if left out."""
    optional = ""
    if order.price:
        optional += f"44={format_scaled(order.price)}{SOH}"
    if order.account:
        optional += f"1={order.account}{SOH}"
    if orig_cl_ord_id:
        optional += f"41={orig_cl_ord_id}{SOH}"
    if exec_type == ExecType.TRADE:
        optional += f"32={format_scaled(last_qty)}{SOH}31={format_scaled(last_px)}{SOH}"
    if ord_rej_reason is not None:
        optional += f"103={ord_rej_reason}{SOH}"
    if ord_status_req_id:
        optional += f"790={ord_status_req_id}{SOH}"
    if text:
        optional += f"58={text}{SOH}"
    return (
        f"35=8{SOH}37={order.order_id}{SOH}11={cl_ord_id or order.cl_ord_id}{SOH}17={exec_id}{SOH}"
        f"150={exec_type}{SOH}39={order.ord_status}{SOH}55={order.symbol}{SOH}54={order.side}{SOH}"
        f"38={format_scaled(order.order_qty)}{SOH}40={order.ord_type}{SOH}59={order.time_in_force}{SOH}"
        f"151={format_scaled(order.leaves_qty)}{SOH}14={format_scaled(order.cum_qty)}{SOH}"
        f"6={format_scaled(average_px(order.cum_notional, order.cum_qty))}{SOH}"
        f"60={utc_timestamp(now_ns)}{SOH}{optional}"
    )


def unknown_status(message: dict[str, str], now_ns: int) -> str:
    """The answer to a question about an order that never came here."""
    asked = f"790={message['790']}{SOH}" if "790" in message else ""
    return (
        f"35=8{SOH}37=NONE{SOH}11={message['11']}{SOH}17=0{SOH}150={ExecType.ORDER_STATUS}{SOH}"
        f"39={OrdStatus.REJECTED}{SOH}55={message['55']}{SOH}54={message['54']}{SOH}"
        f"151=0{SOH}14=0{SOH}6=0{SOH}60={utc_timestamp(now_ns)}{SOH}{asked}58=unknown order{SOH}"
    )


def cancel_reject(
    message: dict[str, str],
    order: VenueOrder | None,
    response_to: str,
    cxl_rej_reason: int,
    text: str,
    now_ns: int,
) -> str:
    """OrderCancelReject(9): a cancel or replace is refused, and where the order stands."""
    order_id, ord_status = (
        (order.order_id, order.ord_status) if order is not None else ("NONE", OrdStatus.REJECTED)
    )
    return (
        f"35=9{SOH}37={order_id}{SOH}11={message['11']}{SOH}41={message['41']}{SOH}39={ord_status}{SOH}"
        f"434={response_to}{SOH}102={cxl_rej_reason}{SOH}58={text}{SOH}60={utc_timestamp(now_ns)}{SOH}"
    )


def business_reject(message: dict[str, str], text: str) -> str:
    """BusinessMessageReject(j): a kind of message that is not worked here. BusinessRejectReason(380)=3."""
    return (
        f"35=j{SOH}45={message.get('34', '0')}{SOH}372={message.get('35', '')}{SOH}380=3{SOH}58={text}{SOH}"
    )


def price_snapshot(symbol: str, px: int) -> str:
    """MarketDataSnapshotFullRefresh(W) with one entry, a trade at the reference price."""
    return f"35=W{SOH}55={symbol}{SOH}268=1{SOH}269=2{SOH}270={format_scaled(px)}{SOH}"
