"""What the simulated venue says, as FIX 4.4 text: body fields with MsgType(35) in front, no header, no
trailer.

Each function writes one message in one f-string. QuickFIX puts the fields into its own order and adds the
rest; other versions of FIX are made of the text in `dialect.py`. Quantities and prices come in units of 1e-8
and leave as the shortest decimals. *Source:* FIX 4.4 ExecutionReport(8), OrderCancelReject(9),
MarketDataSnapshotFullRefresh(W), BusinessMessageReject(j).
"""

from typing import Any, Final

from msgspec import Struct, field

from oms.core.types import ExecType, OrdStatus, OrdType, Terms, average_px, format_scaled
from oms.fix.wire import SOH, utc_timestamp

ENDED: Final = frozenset((OrdStatus.CANCELED, OrdStatus.REJECTED, OrdStatus.EXPIRED, OrdStatus.DONE_FOR_DAY))


EXECUTIONS: Final = frozenset((ExecType.TRADE, ExecType.TRADE_CORRECT, ExecType.TRADE_CANCEL))
"""ExecTypes of reports that have LastQty(32) and LastPx(31)."""

_NOTHING: Final = f"14=0{SOH}6=0{SOH}"


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
    executions: dict[str, tuple[int, int]] = field(default_factory=dict)  # ExecID -> qty, px: what stands
    key: str = ""  # under which it rests: the OrderID, unless that may come again
    broker: Any = None
    seq: int = 0  # its place in time among those that rest
    terms: Terms | None = None
    odd: bool = False  # a plain book does not know what to do with it
    triggered: bool = False  # a stop order whose price was reached
    off_book: bool = False
    suspended: bool = False  # taken off the market for some time
    halted: bool = False  # its instrument is, and it was told so
    idle_status: str = OrdStatus.NEW  # OrdStatus(39) while nothing was executed
    pending: str = ""  # OrdStatus(39) while a request is reported as pending
    script: Any = None  # the macro it is dealt with by

    @property
    def cl_ord_id(self) -> str:
        """The ClOrdID that reports about the order carry: the last accepted one."""
        return self.cl_ord_ids[-1]

    @property
    def leaves_qty(self) -> int:
        """LeavesQty(151)."""
        return 0 if self.ord_status in ENDED else max(self.order_qty - self.cum_qty, 0)

    @property
    def limit(self) -> int | None:
        """The price it trades at in the worst case; None for any."""
        return self.price if self.ord_type in (OrdType.LIMIT, OrdType.STOP_LIMIT) else None

    @property
    def waits(self) -> bool:
        """Whether it is a stop order whose price was not reached yet."""
        return self.ord_type in (OrdType.STOP, OrdType.STOP_LIMIT) and not self.triggered


class Execution(Struct, frozen=True):
    """One execution of one of the counterparty's orders, or what became of one, as it is reported."""

    exec_id: str
    cl_ord_id: str  # the order's at the time of the fill
    order_id: str
    symbol: str
    side: str
    last_qty: int
    last_px: int
    transact_time_ns: int
    exec_type: str = ExecType.TRADE  # or a bust or a correction, with the execution as it is now
    exec_ref_id: str = ""  # of the execution that it is about


def status_of(order: VenueOrder) -> str:
    """OrdStatus(39) of an order that was not ended by anything but its quantity."""
    if order.cum_qty >= order.order_qty:
        return OrdStatus.FILLED
    if order.suspended or order.halted:
        return OrdStatus.SUSPENDED
    return OrdStatus.PARTIALLY_FILLED if order.cum_qty else order.idle_status


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
    exec_ref_id: str = "",
    ord_rej_reason: int | None = None,
    restatement_reason: int | None = None,
    ord_status_req_id: str = "",
    text: str = "",
) -> str:
    """ExecutionReport(8) of the order as it stands; `cl_ord_id` is the order's own if left out."""
    optional = ""
    if order.price:
        optional = f"44={format_scaled(order.price)}{SOH}"
    if order.account:
        optional += f"1={order.account}{SOH}"
    if orig_cl_ord_id:
        optional += f"41={orig_cl_ord_id}{SOH}"
    if last_qty or exec_type in EXECUTIONS:
        optional += f"32={format_scaled(last_qty)}{SOH}31={format_scaled(last_px)}{SOH}"
    if exec_ref_id:
        optional += f"19={exec_ref_id}{SOH}"
    if ord_rej_reason is not None:
        optional += f"103={ord_rej_reason}{SOH}"
    if restatement_reason is not None:
        optional += f"378={restatement_reason}{SOH}"
    if ord_status_req_id:
        optional += f"790={ord_status_req_id}{SOH}"
    if order.terms is not None:
        optional += _terms(order, order.terms)
    if text:
        optional += f"58={text}{SOH}"
    order_qty, cum_qty, ord_status = order.order_qty, order.cum_qty, order.ord_status
    quantity = format_scaled(order_qty)
    if ord_status in ENDED:
        leaves = "0"
    elif cum_qty:
        leaves = format_scaled(order_qty - cum_qty) if order_qty > cum_qty else "0"
    else:
        leaves = quantity
    executed = (
        f"14={format_scaled(cum_qty)}{SOH}6={format_scaled(average_px(order.cum_notional, cum_qty))}{SOH}"
        if cum_qty
        else _NOTHING
    )
    return (
        f"35=8{SOH}37={order.order_id}{SOH}11={cl_ord_id or order.cl_ord_ids[-1]}{SOH}17={exec_id}{SOH}"
        f"150={exec_type}{SOH}39={order.pending or ord_status}{SOH}55={order.symbol}{SOH}54={order.side}{SOH}"
        f"38={quantity}{SOH}40={order.ord_type}{SOH}59={order.time_in_force}{SOH}151={leaves}{SOH}{executed}"
        f"60={utc_timestamp(now_ns)}{SOH}{optional}"
    )


def _terms(order: VenueOrder, terms: Terms) -> str:
    """What few orders say."""
    found = {
        "99": format_scaled(terms.stop_px) if terms.stop_px else "",
        "110": format_scaled(terms.min_qty) if terms.min_qty else "",
        "111": format_scaled(terms.max_floor) if terms.max_floor else "",
        "126": terms.expire_time,
        "432": terms.expire_date,
        "636": "N" if order.waits else "",  # WorkingIndicator: a stop order that waits
    }
    return "".join(f"{tag}={value}{SOH}" for tag, value in found.items() if value)


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
        (order.order_id, order.pending or order.ord_status)
        if order is not None
        else ("NONE", OrdStatus.REJECTED)
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
