"""What was asked: the inputs of `engine.decide`.

A command is imperative and typed; it has been read from a message or given by a timer, a person or the paper
venue, and nothing has been decided about it yet. Commands are not journaled themselves: what they were read
from is (`events.MessageIn`, `events.CommandTaken`).
"""

from msgspec import Struct

from oms.core.types import ListMember, Px, Qty, Terms


class Command(Struct, frozen=True, gc=False, tag=True, omit_defaults=True):
    """Something asked of the engine."""


class NewOrder(Command, frozen=True, gc=False):
    """NewOrderSingle(D) or NewOrderMultileg(AB) from a client; or one that a person took by phone for it."""

    session_id: str
    cl_ord_id: str  # empty for an order by phone
    account: str
    symbol: str
    side: str
    order_qty: Qty
    ord_type: str
    price: Px  # 0 for a market order
    time_in_force: str
    poss_resend: bool = False  # PossResend(97): the client does not know whether it has sent this before
    terms: Terms | None = None


class CancelOrder(Command, frozen=True, gc=False):
    """OrderCancelRequest(F) from a client."""

    session_id: str
    cl_ord_id: str
    orig_cl_ord_id: str
    symbol: str
    side: str


class ReplaceOrder(Command, frozen=True, gc=False):
    """OrderCancelReplaceRequest(G) or MultilegOrderCancelReplace(AC) from a client."""

    session_id: str
    cl_ord_id: str
    orig_cl_ord_id: str
    symbol: str
    side: str
    order_qty: Qty
    ord_type: str
    price: Px
    terms: Terms | None = None
    is_multileg: bool = False  # AC: without legs it leaves them as they are


class TakeQueued(Command, frozen=True, gc=False):
    """The request before it is answered: the next one that waits has its turn."""

    order_id: int


class WorkOrder(Command, frozen=True, gc=False):
    """An order that is worked by a strategy, or waits for its destination: something has changed for it."""

    order_id: int


class Emulate(Command, frozen=True, gc=False):
    """An order that we do part of the work of may have something to be done: the next slice, its end."""

    order_id: int


class RequestStatus(Command, frozen=True, gc=False):
    """OrderStatusRequest(H) from a client."""

    session_id: str
    cl_ord_id: str
    symbol: str
    side: str
    ord_status_req_id: str = ""


class LegExecution(Struct, frozen=True, gc=False, omit_defaults=True):
    """What the report of a multileg execution says of one leg."""

    leg_ref_id: str  # LegRefID(654), may be empty
    symbol: str  # LegSymbol(600), may be empty
    last_px: Px  # LegLastPx(637)
    last_qty: Qty = Qty(0)  # LegLastQty(1418); 0 where it is not said: as the ratio has it


class VenueReport(Command, frozen=True, gc=False):
    """ExecutionReport(8) from a venue, in 4.4 terms."""

    venue: str
    cl_ord_id: str  # ours
    exec_type: str
    ord_status: str
    exec_id: str = ""
    venue_order_id: str = ""
    orig_cl_ord_id: str = ""
    last_qty: Qty = Qty(0)
    last_px: Px = Px(0)
    order_qty: Qty = Qty(0)
    cum_qty: Qty = Qty(0)
    price: Px = Px(0)
    ord_rej_reason: int = 0
    text: str = ""
    transact_time_ns: int = 0
    exec_ref_id: str = ""  # ExecRefID(19) of a bust or a correction
    exec_restatement_reason: str = ""
    working_indicator: str = ""
    symbol: str = ""
    side: str = ""
    multi_leg_reporting_type: str = ""  # MultiLegReportingType(442), if it is 3
    legs: tuple[LegExecution, ...] = ()
    avg_px: Px = Px(0)  # of a restatement: it may tell what was taken back


class VenueLegReport(Command, frozen=True, gc=False):
    """ExecutionReport(8) of one leg of a multileg order, MultiLegReportingType(442) 2.

    Its Symbol(55), Side(54), LastQty(32) and LastPx(31) are those of the leg.
    """

    report: VenueReport
    leg_ref_id: str = ""  # LegRefID(654), where it is there
    leg_symbol: str = ""  # LegSymbol(600), where it is there


class VenueTrade(Command, frozen=True, gc=False):
    """Both sides of one trade between two of our orders: neither may be known without the other."""

    reports: tuple[VenueReport, ...]


class VenueCancelReject(Command, frozen=True, gc=False):
    """OrderCancelReject(9) from a venue."""

    venue: str
    cl_ord_id: str  # ours
    orig_cl_ord_id: str = ""
    ord_status: str = ""
    cxl_rej_reason: int = 99
    text: str = ""


class VenueRefusal(Command, frozen=True, gc=False):
    """Reject(3) or BusinessMessageReject(j) of a message of ours:

    what it carried did not reach the venue's books.
    """

    venue: str
    msg_type: str  # RefMsgType(372)
    cl_ord_id: str
    text: str = ""


class CancelAll(Command, frozen=True, gc=False):
    """OrderMassCancelRequest(q) from a client: of its own orders."""

    session_id: str
    cl_ord_id: str
    request_type: str  # MassCancelRequestType(530)
    symbol: str = ""
    side: str = ""


class RequestAllStatus(Command, frozen=True, gc=False):
    """OrderMassStatusRequest(AF) from a client: about its own open orders."""

    session_id: str
    mass_status_req_id: str
    request_type: str  # MassStatusReqType(585)
    symbol: str = ""
    side: str = ""


class NewList(Command, frozen=True, gc=False):
    """NewOrderList(E) from a client: a list of orders, or a fragment of one."""

    session_id: str
    list_id: str
    bid_type: str  # BidType(394)
    list_exec_inst_type: str  # ListExecInstType(433); empty if the client says nothing
    total: int  # TotNoOrders(68)
    members: tuple[ListMember, ...]
    last_fragment: str = ""  # LastFragment(893)
    poss_resend: bool = False
    unsupported: str = ""  # what it asks for that is not done here, in words


class ExecuteList(Command, frozen=True, gc=False):
    """ListExecute(L) from a client."""

    session_id: str
    list_id: str


class CancelList(Command, frozen=True, gc=False):
    """ListCancelRequest(K) from a client."""

    session_id: str
    list_id: str


class RequestListStatus(Command, frozen=True, gc=False):
    """ListStatusRequest(M) from a client."""

    session_id: str
    list_id: str


class WorkList(Command, frozen=True, gc=False):
    """A list has something to do: its next step."""

    session_id: str
    list_id: str


class DontKnow(Command, frozen=True, gc=False):
    """DontKnowTrade(Q) from a client: it does not accept an execution that we reported."""

    session_id: str
    order_id: str  # OrderID(37) as we wrote it
    exec_id: str
    dk_reason: str
    text: str = ""


class EndDay(Command, frozen=True, gc=False):
    """A trading day is over. Day orders that are still open expire."""

    who: str
    market: str = ""  # empty for all
    date: int = 0  # the trading date that ends, YYYYMMDD, where the calendar says so


class StartDay(Command, frozen=True, gc=False):
    """A market begins to take orders for a trading day."""

    market: str
    date: int  # YYYYMMDD


class PublishPrice(Command, frozen=True, gc=False):
    """A venue's market data: the last or mid price of an instrument."""

    symbol: str
    px: Px
    source: str


class BookUpdate(Struct, frozen=True, gc=False, array_like=True):
    """What a venue says of one instrument. `entries`: (MDEntryType(269), price, quantity)."""

    symbol: str
    full: bool  # all that it displays, not only what has changed
    entries: tuple[tuple[str, int, int], ...]


class UpdateBooks(Command, frozen=True, gc=False):
    """MarketDataSnapshotFullRefresh(W) or MarketDataIncrementalRefresh(X) from a venue."""

    venue: str
    updates: tuple[BookUpdate, ...]


class LogOn(Command, frozen=True, gc=False):
    """A session is up. For a venue: what is in doubt there is asked about."""

    session_id: str


class LogOut(Command, frozen=True, gc=False):
    """A session is down."""

    session_id: str


class AskStatus(Command, frozen=True, gc=False):
    """What a venue asked for again was not sent again: ask about it instead, if it is still unanswered."""

    venue: str
    cl_ord_id: str  # ours


class StopAsking(Command, frozen=True, gc=False):
    """A venue does not answer what it was asked about its orders: it is waited for no longer."""

    venue: str


class Halt(Command, frozen=True, gc=False):
    """A person stops new orders. `scope` is all, account, symbol, session or venue."""

    scope: str
    value: str
    who: str
    why: str


class Resume(Command, frozen=True, gc=False):
    """A person lifts a halt."""

    scope: str
    value: str
    who: str
    why: str


AnyCommand = (
    NewOrder
    | CancelOrder
    | ReplaceOrder
    | RequestStatus
    | VenueReport
    | VenueLegReport
    | VenueTrade
    | VenueCancelReject
    | VenueRefusal
    | TakeQueued
    | WorkOrder
    | Emulate
    | CancelAll
    | RequestAllStatus
    | NewList
    | ExecuteList
    | CancelList
    | RequestListStatus
    | WorkList
    | DontKnow
    | EndDay
    | StartDay
    | PublishPrice
    | UpdateBooks
    | LogOn
    | LogOut
    | AskStatus
    | StopAsking
    | Halt
    | Resume
)
