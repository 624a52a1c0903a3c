"""What happened: the journal's schema, append-only, all of it in this file.

An event is a fact in the past tense. State is the fold of events in journal order (`state.apply`); nothing
else changes state. Events are msgpack arrays, so the order of the fields is the format:

- a tag is never reused, and a field is never removed or moved;
- a new field goes last in its class, with a default, so that older journals stay readable;
- no field exceeds 64 bits (sums of notionals are state, derived from the fills).

An order lives on two levels. *Order* events are about the client's order and become reports to the client.
*Route* events are about one child at one venue and carry the venue's side of the story. The two histories
stay apart even where, as with a single route, one follows from the other.

Inputs are kept too: `MessageIn` is an application message exactly as a counterparty sent it, `CommandTaken`
any other input; the events that follow it, up to the next input, are what was decided about it. `MessageOut`
is a message exactly as it was sent, with the sequence number it went out under: what a resend needs, and what
a dispute is settled by.
"""

from typing import Final

import msgspec
from msgspec import Struct

from oms.core.types import ListMember, Px, Qty, Terms


class Event(Struct, frozen=True, array_like=True, gc=False):
    """A fact. `at_ns` is UTC in nanoseconds: the loop's clock when it was decided."""

    at_ns: int


class OrderEvent(Event, frozen=True, array_like=True, gc=False):
    """A fact about one order. `order_id` is ours, counted from 1 for the life of the journal."""

    order_id: int


# -- the engine and its reference data -----------------------------------------------------------------------


class EngineStarted(Event, frozen=True, array_like=True, gc=False, tag=1):
    """The engine opened the journal and is about to take commands."""

    version: str
    pid: int
    epoch: str  # of the journal: the prefix that keeps our ids apart from those of every other journal


class InstrumentDefined(Event, frozen=True, array_like=True, gc=False, tag=2):
    """An instrument became known, or changed. The whole record; the last one wins."""

    symbol: str  # Symbol(55), unique
    market: str  # ISO 10383 MIC
    currency: str  # ISO 4217
    isin: str  # ISO 6166
    name: str
    lot_size: Qty
    ticks: tuple[tuple[Px, Px], ...]  # ascending (from this price on, this tick)
    price_unit: (
        Px  # what a quoted 1 is worth in `currency`: 1e8, or 1e6 where prices are quoted in hundredths
    )
    settlement_days: int  # business days after the trade date
    asset_class: str = ""  # a word, as the file has it: equity, fund, debt ...; empty if it says nothing


class AccountDefined(Event, frozen=True, array_like=True, gc=False, tag=3):
    """An account and its limits became known, or changed. The whole record; the last one wins."""

    account: str  # Account(1)
    name: str
    sessions: tuple[str, ...]  # the client sessions that may trade it
    buying_power: tuple[tuple[str, int], ...]  # (currency, units of 1e-8)
    position_limit: Qty  # per instrument, long or short


class FirmDefined(Event, frozen=True, array_like=True, gc=False, tag=4):
    """Limits that hold for every order, and where orders go, became known or changed."""

    max_order_qty: Qty
    max_order_notional: tuple[tuple[str, int], ...]  # (currency, units of 1e-8)
    price_collar_bps: (
        int  # greatest distance from the reference price, in 1/100 of a percent; 0 switches it off
    )
    default_venue: str
    market_venues: tuple[tuple[str, str], ...]  # (MIC, venue) where it differs from the default


class AllocationGroupDefined(Event, frozen=True, array_like=True, gc=False, tag=5):
    """How the fills of a block account are shared out."""

    account: str
    members: tuple[tuple[str, int], ...]  # (account, weight), in the order of the file


# -- inputs and outputs --------------------------------------------------------------------------------------


class MessageIn(Event, frozen=True, array_like=True, gc=False, tag=10):
    """An application message as a counterparty sent it."""

    session_id: str  # the name the configuration gives the session
    msg_seq_num: int  # MsgSeqNum(34)
    text: str


class MessageOut(Event, frozen=True, array_like=True, gc=False, tag=11):
    """An application message as it was handed to its session. `at_ns` is its SendingTime(52)."""

    session_id: str
    msg_seq_num: int
    cause_seq: int  # journal sequence of the event that it reports
    text: str  # MsgType(35) and body fields, without header and trailer


class SessionMoved(Event, frozen=True, array_like=True, gc=False, tag=12):
    """An administrative message moved a session's sequence numbers.

    0 leaves a direction as it was. *Source:* MsgSeqNum(34) of Logon, Heartbeat, SequenceReset and the like.
    """

    session_id: str
    next_out: int
    next_in: int


class SessionReset(Event, frozen=True, array_like=True, gc=False, tag=13):
    """Both sequence numbers of a session went back to 1; what was sent before can no longer be asked for."""

    session_id: str


class CommandTaken(Event, frozen=True, array_like=True, gc=False, tag=14):
    """An input that did not come as a message: from the paper venue, a timer or an operator."""

    source: str
    text: str  # the command as JSON


class SessionLoggedOn(Event, frozen=True, array_like=True, gc=False, tag=15):
    """A client or a venue logged on."""

    session_id: str


class SessionLoggedOut(Event, frozen=True, array_like=True, gc=False, tag=16):
    """A client or a venue logged out, or its connection ended."""

    session_id: str


class ReferencePriceChanged(Event, frozen=True, array_like=True, gc=False, tag=17):
    """A venue published a price that collars and market orders are measured by."""

    symbol: str
    px: Px
    source: str


class TradingHalted(Event, frozen=True, array_like=True, gc=False, tag=18):
    """A person stopped new orders. Cancels still pass."""

    scope: str  # "all", "account", "symbol", "session" or "venue"
    value: str  # empty for "all"
    who: str
    why: str


class TradingResumed(Event, frozen=True, array_like=True, gc=False, tag=19):
    """A person lifted a halt."""

    scope: str
    value: str
    who: str
    why: str


# -- the client's order --------------------------------------------------------------------------------------


class OrderReceived(OrderEvent, frozen=True, array_like=True, gc=False, tag=20):
    """An order passed every control and is ours to work. NewOrderSingle(D), NewOrderMultileg(AB)."""

    session_id: str
    cl_ord_id: str  # ClOrdID(11), unique per session
    account: str
    symbol: str
    side: str
    order_qty: Qty
    ord_type: str
    price: Px  # 0 for a market order
    time_in_force: str
    hold_px: Px  # the price at which risk holds it: its limit, or the collar's far end for a market order
    terms: Terms | None = None  # its legs, too, each with a `hold_px` of its own; that of the order is 0 then
    list_id: str = ""  # ListID(66) of the list that it is of


class OrderDenied(OrderEvent, frozen=True, array_like=True, gc=False, tag=21):
    """A control refused an order: it never left. ExecutionReport(8), OrdStatus(39)=8."""

    session_id: str
    cl_ord_id: str
    account: str
    symbol: str
    side: str
    order_qty: Qty
    ord_type: str
    price: Px
    time_in_force: str
    reason: str  # the control's stable name
    ord_rej_reason: int  # OrdRejReason(103)
    text: str
    list_id: str = ""  # ListID(66) of the list that it is of


class OrderAccepted(OrderEvent, frozen=True, array_like=True, gc=False, tag=22):
    """The order is live at its first venue. ExecType(150)=0."""

    working_indicator: str = ""  # WorkingIndicator(636), where the venue said: N while it is held back


class OrderRejected(OrderEvent, frozen=True, array_like=True, gc=False, tag=23):
    """No venue took the order. ExecType(150)=8."""

    ord_rej_reason: int
    text: str


class OrderFilled(OrderEvent, frozen=True, array_like=True, gc=False, tag=24):
    """A venue executed part or all of a route, and so of its order. ExecType(150)=F."""

    route_id: int
    exec_id: str  # the venue's ExecID(17): unique per venue
    last_qty: Qty  # LastQty(32)
    last_px: Px  # LastPx(31)
    transact_time_ns: int  # the venue's TransactTime(60), 0 if it sent none


class CancelRequested(OrderEvent, frozen=True, array_like=True, gc=False, tag=25):
    """The client asks to cancel. ExecType(150)=6."""

    session_id: str
    cl_ord_id: str
    orig_cl_ord_id: str
    mass_cl_ord_id: str = ""  # of the mass cancel that asks for it, where it is no cancel of its own


class ReplaceRequested(OrderEvent, frozen=True, array_like=True, gc=False, tag=26):
    """The client asks to change quantity or price. ExecType(150)=E. The larger of old and new is held."""

    session_id: str
    cl_ord_id: str
    orig_cl_ord_id: str
    order_qty: Qty
    price: Px
    hold_px: Px
    terms: Terms | None = None


class RequestDenied(OrderEvent, frozen=True, array_like=True, gc=False, tag=27):
    """We refused a cancel or replace. OrderCancelReject(9). `order_id` is 0 if the order is not known."""

    session_id: str
    cl_ord_id: str
    orig_cl_ord_id: str
    cxl_rej_response_to: str
    cxl_rej_reason: int
    reason: str
    text: str


class RequestRejected(OrderEvent, frozen=True, array_like=True, gc=False, tag=28):
    """The venue refused a cancel or replace. OrderCancelReject(9)."""

    cl_ord_id: str  # the client's id of the request
    orig_cl_ord_id: str
    cxl_rej_response_to: str
    cxl_rej_reason: int
    text: str


class OrderCanceled(OrderEvent, frozen=True, array_like=True, gc=False, tag=29):
    """The order is canceled. ExecType(150)=4."""

    cl_ord_id: str  # the client's id of the cancel request; empty if nobody asked
    text: str
    exec_restatement_reason: str = ""  # ExecRestatementReason(378), where the venue gave one unasked


class OrderReplaced(OrderEvent, frozen=True, array_like=True, gc=False, tag=30):
    """The request became the order's newest version. ExecType(150)=5."""

    cl_ord_id: str  # the client's id of the replace request


class OrderExpired(OrderEvent, frozen=True, array_like=True, gc=False, tag=31):
    """The venue ended the order at the end of its time. ExecType(150)=C."""

    text: str


class OrderDoneForDay(OrderEvent, frozen=True, array_like=True, gc=False, tag=32):
    """The venue does no more today. ExecType(150)=3."""

    text: str


class StatusRequested(OrderEvent, frozen=True, array_like=True, gc=False, tag=33):
    """The client asks how an order stands. OrderStatusRequest(H). `order_id` is 0 if it is not known."""

    session_id: str
    cl_ord_id: str
    ord_status_req_id: str
    symbol: str
    side: str


# -- routes: the order's children at venues ------------------------------------------------------------------


class OrderRouted(OrderEvent, frozen=True, array_like=True, gc=False, tag=40):
    """Part or all of an order goes to a venue. NewOrderSingle(D) to the venue."""

    route_id: int  # counted from 1 within the order
    venue: str
    cl_ord_id: str  # ours, unique for all time at every venue
    order_qty: Qty
    price: Px
    ord_type: str = ""  # what a triggered order turned into; empty where it is the order's own
    rule: str = ""  # of the routing table; empty without one
    facts: str = ""  # that the rule looked at: "market=XLON; order_qty=5000"
    destination: str = ""  # its name, where that is not the venue's
    terms: Terms | None = None  # where they are not the order's: a broker's algorithm, say
    time_in_force: str = ""  # where it is not the order's


class RouteAccepted(OrderEvent, frozen=True, array_like=True, gc=False, tag=41):
    """The venue acknowledged a route."""

    route_id: int
    venue_order_id: str  # the venue's OrderID(37)


class RouteRejected(OrderEvent, frozen=True, array_like=True, gc=False, tag=42):
    """The venue refused a route, or had never heard of it when asked."""

    route_id: int
    ord_rej_reason: int
    text: str


class CancelRouted(OrderEvent, frozen=True, array_like=True, gc=False, tag=43):
    """We ask the venue to cancel a route. OrderCancelRequest(F)."""

    route_id: int
    cl_ord_id: str  # ours
    orig_cl_ord_id: str  # ours
    request_cl_ord_id: str  # the client's request that this serves; empty if it is our own wish
    mass_cl_ord_id: str = ""  # ClOrdID(11) of the mass cancel that it is part of, if our wish is the client's


class ReplaceRouted(OrderEvent, frozen=True, array_like=True, gc=False, tag=44):
    """We ask the venue to change a route. OrderCancelReplaceRequest(G)."""

    route_id: int
    cl_ord_id: str
    orig_cl_ord_id: str
    request_cl_ord_id: str
    order_qty: Qty
    price: Px


class RouteCanceled(OrderEvent, frozen=True, array_like=True, gc=False, tag=45):
    """The venue canceled a route."""

    route_id: int
    cl_ord_id: str  # our request that it answers; empty if unsolicited
    text: str


class RouteReplaced(OrderEvent, frozen=True, array_like=True, gc=False, tag=46):
    """The venue changed a route as asked."""

    route_id: int
    cl_ord_id: str
    venue_order_id: str


class RouteRequestRejected(OrderEvent, frozen=True, array_like=True, gc=False, tag=47):
    """The venue refused to cancel or change a route."""

    route_id: int
    cl_ord_id: str
    cxl_rej_reason: int
    text: str


class RouteExpired(OrderEvent, frozen=True, array_like=True, gc=False, tag=48):
    """The venue ended a route at the end of its time, or for the day."""

    route_id: int
    done_for_day: bool
    text: str
    exec_id: str = ""


class StatusAsked(OrderEvent, frozen=True, array_like=True, gc=False, tag=49):
    """A route is in doubt and the venue is asked about it.

    OrderStatusRequest(H). Nothing is sent twice blindly.
    """

    route_id: int
    cl_ord_id: str


class ReportQuestioned(OrderEvent, frozen=True, array_like=True, gc=False, tag=50):
    """A counterparty contradicted itself or us:

    unknown order, overfill, impossible answer. `order_id` may be 0.
    """

    session_id: str
    reason: str
    exec_id: str
    text: str


# -- what a venue does to an order or an execution beside that ----------------------------------------------


class ExecutionBusted(OrderEvent, frozen=True, array_like=True, gc=False, tag=51):
    """The venue took an execution back. ExecType(150)=H. On any day, whatever became of the order."""

    route_id: int
    exec_id: str  # the ExecID(17) of the bust itself
    exec_ref_id: str  # ExecRefID(19): the execution that does not stand any more
    qty: Qty  # what it was
    px: Px
    transact_time_ns: int
    text: str = ""


class ExecutionCorrected(OrderEvent, frozen=True, array_like=True, gc=False, tag=52):
    """The venue corrected an execution. ExecType(150)=G. From now on `exec_id` stands for it."""

    route_id: int
    exec_id: str
    exec_ref_id: str
    last_qty: Qty  # what it is now
    last_px: Px
    qty: Qty  # what it was
    px: Px
    transact_time_ns: int
    text: str = ""


class OrderRestated(OrderEvent, frozen=True, array_like=True, gc=False, tag=53):
    """The order is restated, and the client did not ask for it. ExecType(150)=D."""

    route_id: int  # 0 if it was we who carry it into another day
    exec_restatement_reason: str  # ExecRestatementReason(378)
    order_qty: Qty  # of the order from now on
    price: Px
    route_qty: Qty  # and of the route
    text: str = ""
    exec_id: str = ""  # the venue's, so that a copy of its report is known
    # CumQty of the route from now on, and what it was, where a corporate action has changed it: its
    # executions are of so many times the quantity, at so many times less. Both 0 where it has not.
    cum_qty: Qty = Qty(0)
    was_cum_qty: Qty = Qty(0)


class OrderStopped(OrderEvent, frozen=True, array_like=True, gc=False, tag=54):
    """The venue guarantees a price; nothing is executed yet. ExecType(150)=7."""

    route_id: int
    last_qty: Qty
    last_px: Px
    text: str = ""
    exec_id: str = ""  # the venue's, so that a copy of its report is known


class OrderSuspended(OrderEvent, frozen=True, array_like=True, gc=False, tag=55):
    """The venue does not trade the order for the time being. ExecType(150)=9."""

    route_id: int
    text: str = ""
    exec_id: str = ""  # the venue's, so that a copy of its report is known


class OrderTriggered(OrderEvent, frozen=True, array_like=True, gc=False, tag=56):
    """What was held back, or suspended, is working now. ExecType(150)=L."""

    route_id: int  # 0 if it was we who held it
    text: str = ""
    exec_id: str = ""  # the venue's, so that a copy of its report is known


class OrderCalculated(OrderEvent, frozen=True, array_like=True, gc=False, tag=57):
    """The venue has done with the order, the average price included. ExecType(150)=B."""

    route_id: int
    text: str = ""
    exec_id: str = ""  # the venue's, so that a copy of its report is known
    for_day: bool = False  # with the day's part of it only: the order outlives the day


class RequestQueued(OrderEvent, frozen=True, array_like=True, gc=False, tag=58):
    """A replace waits until the request before it is answered. The client is told when its turn comes."""

    session_id: str
    cl_ord_id: str
    orig_cl_ord_id: str
    ord_type: str
    order_qty: Qty
    price: Px
    terms: Terms | None = None
    is_multileg: bool = False


class DayEnded(Event, frozen=True, array_like=True, gc=False, tag=59):
    """A trading day is over: day quantities start from 0, what was done for the day works again."""

    who: str  # a person, or the calendar
    market: str = ""  # ISO 10383 MIC; empty for all markets
    date: int = (
        0  # the trading date that has ended, YYYYMMDD; 0 where a person says that it is whichever is on
    )


class ProfileDefined(Event, frozen=True, array_like=True, gc=False, tag=60):
    """How a counterparty wants to be talked to became known, or changed.

    The whole record; the last one wins.
    """

    session_id: str
    pending_reports: bool  # whether it is told of pending cancels and replaces
    poss_resend: str  # "status" or "ignore": what a repeated order with PossResend(97) is answered by
    second_request: str  # "pass", "queue" or "refuse": a replace while a request is unanswered
    required: tuple[str, ...] = ()  # tags that its orders and replaces must have
    forbidden: tuple[str, ...] = ()  # and tags that they must not have
    rewrite: tuple[tuple[str, str], ...] = ()  # (tag, value) of what it is sent; an empty value drops the tag
    cl_ord_ids: str = "session"  # "session", "day" or "open": for how long a ClOrdID may not be used again
    exec_ids: str = "order"  # "order" or "day": for how long an ExecID of a venue stays that execution's
    busts: str = "cancel"  # "cancel" or "restate": how an execution is taken back or corrected
    final_fill: str = "pass"  # "pass", "trade", "done_for_day" or "calculated": what follows the last fill
    late_cancel: str = "reject"  # "reject" or "silent": the answer to a cancel that a last fill has overtaken
    reset: str = "accept"  # "accept", "refuse", "logon" or "day": of sequence numbers
    stop_px_reports: bool = False  # whether it is told when a trailing stop that we hold has moved


class TradeUnknown(Event, frozen=True, array_like=True, gc=False, tag=61):
    """A venue reported an execution of an order that we never gave it. DontKnowTrade(Q) to the venue."""

    venue: str
    venue_order_id: str  # the venue's OrderID(37)
    exec_id: str
    dk_reason: str  # DKReason(127)
    symbol: str
    side: str
    last_qty: Qty
    last_px: Px
    text: str


class VenueDefined(Event, frozen=True, array_like=True, gc=False, tag=62):
    """What a venue can do became known, or changed. The whole record; the last one wins.

    A venue of which nothing is known is taken to do everything that the engine knows.
    """

    venue: str
    ord_types: tuple[str, ...]  # OrdType(40)
    times_in_force: tuple[str, ...]  # TimeInForce(59)
    terms: tuple[str, ...]  # fields of `Terms`
    multileg_reports: str = "both"  # which executions of a multileg order it reports: see `multileg`
    exec_insts: tuple[str, ...] = ()  # codes of ExecInst(18), where it does not have all of them
    at_close: tuple[str, ...] = ()  # OrdType(40) that may be at the close, where not all may


class MassCancelRequested(Event, frozen=True, array_like=True, gc=False, tag=63):
    """A client asks to cancel all of its orders, or those of an instrument. OrderMassCancelReport(r)."""

    session_id: str
    cl_ord_id: str
    request_type: str  # MassCancelRequestType(530): 1 by symbol, 7 all
    symbol: str
    side: str
    affected: int  # how many orders; -1 if the request is refused
    text: str = ""


class MassStatusRequested(OrderEvent, frozen=True, array_like=True, gc=False, tag=64):
    """A client asks how its open orders stand: one of them, or none with `order_id` 0."""

    session_id: str
    mass_status_req_id: str  # MassStatusReqID(584)
    total: int  # TotNumReports(911)
    is_last: bool  # LastRptRequested(912)


class OrderHeld(OrderEvent, frozen=True, array_like=True, gc=False, tag=65):
    """We hold the order until its stop price is reached, since its venue cannot. ExecType(150)=0."""

    venue: str
    rule: str = ""  # as in `OrderRouted`: its destination is chosen now, not when it is triggered
    facts: str = ""


# -- the routing table ---------------------------------------------------------------------------------------


class RoutingRule(Struct, frozen=True, array_like=True, gc=False):
    """One rule: where an order goes if all of its conditions hold. Part of `RoutingDefined`.

    What a condition is called and means: see `router`.
    """

    name: str
    to: str  # the destination
    words: tuple[tuple[str, tuple[str, ...]], ...]  # (condition, values): each condition once
    # (condition, from, below): the first number that is in it and the first that is not, or `router.NO_END`.
    # Several of one condition: any of them.
    ranges: tuple[tuple[str, int, int], ...]


class RoutingDefined(Event, frozen=True, array_like=True, gc=False, tag=100):
    """The routing table became known, or changed: all of it. Without rules there is no table any more."""

    who: str  # who had it read again; empty if that was a start
    rules: tuple[RoutingRule, ...]  # the first that holds decides
    lists: tuple[tuple[str, tuple[str, ...]], ...] = ()  # (name, symbols)
    volumes: tuple[tuple[str, Qty], ...] = ()  # (symbol, average daily volume)
    # (MIC, (from this second on, seconds to add to UTC)): its local time; the first holds before it as well.
    clocks: tuple[tuple[str, tuple[tuple[int, int], ...]], ...] = ()


# -- lists of orders -----------------------------------------------------------------------------------------


class ListReceived(Event, frozen=True, array_like=True, gc=False, tag=70):
    """A list of orders, or a fragment of one, came and is in order. NewOrderList(E).

    When all of its members are there they become orders, one by one.
    """

    session_id: str
    list_id: str  # ListID(66), unique per session
    total: int  # TotNoOrders(68)
    list_exec_inst_type: str  # ListExecInstType(433)
    members: tuple[ListMember, ...]


class ListDenied(Event, frozen=True, array_like=True, gc=False, tag=71):
    """We refused a list; none of it becomes an order any more. ListStatus(N), ListOrderStatus(431)=7.

    Where it has many members, several of these tell of it.
    """

    session_id: str
    list_id: str
    list_reject_reason: int  # ListRejectReason(1386)
    text: str
    total: int  # how many members the client is told of
    rpt_seq: int  # RptSeq(83): this is the n-th
    no_rpts: int  # NoRpts(82): of so many
    cl_ord_ids: tuple[str, ...]  # those that this one tells of


class ListRequestDenied(Event, frozen=True, array_like=True, gc=False, tag=72):
    """We refused what was asked about a list: a second one of that name, a list that nobody knows.

    It changes nothing. ListStatus(N), ListOrderStatus(431)=7.
    """

    session_id: str
    list_id: str
    list_reject_reason: int
    text: str
    total: int
    rpt_seq: int
    no_rpts: int
    cl_ord_ids: tuple[str, ...]


class ListExecuted(Event, frozen=True, array_like=True, gc=False, tag=73):
    """The client tells us to work a list that waited. ListExecute(L)."""

    session_id: str
    list_id: str


class ListCanceled(Event, frozen=True, array_like=True, gc=False, tag=74):
    """The client cancels a list: each order of it is canceled in its turn. ListCancelRequest(K)."""

    session_id: str
    list_id: str


class ListStatusDue(Event, frozen=True, array_like=True, gc=False, tag=75):
    """The client is to be told how a list stands, as soon as what it is to be told before is out."""

    session_id: str
    list_id: str
    list_status_type: str  # ListStatusType(429)
    text: str


class ListStatusReported(Event, frozen=True, array_like=True, gc=False, tag=76):
    """The client is told how some orders of a list stand. ListStatus(N)."""

    session_id: str
    list_id: str
    list_status_type: str
    list_order_status: str  # ListOrderStatus(431)
    text: str
    total: int  # TotNoOrders(68): how many there are
    first: int  # the place in the list of the first that this one tells of, from 0 on
    number: int  # and how many
    rpt_seq: int  # RptSeq(83)
    no_rpts: int


class ListWorked(Event, frozen=True, array_like=True, gc=False, tag=77):
    """The orders of a list up to some place have been sent to their venues; or canceled, if the list is."""

    session_id: str
    list_id: str
    up_to: int  # the place of the next
    kept: int  # how many of these could not be
    text: str  # and why


# -- multileg orders: their legs are executed, the orders themselves by OrderFilled and what follows it ------


class LegFilled(OrderEvent, frozen=True, array_like=True, gc=False, tag=80):
    """A venue executed part or all of a leg. ExecType(150)=F, MultiLegReportingType(442)=2."""

    route_id: int
    leg: int  # counted from 1 within the order
    symbol: str
    side: str  # 1 or 2: what it does, the order's own Side taken into account
    exec_id: str  # the venue's ExecID(17), unique within the leg
    last_qty: Qty
    last_px: Px
    transact_time_ns: int


class LegBusted(OrderEvent, frozen=True, array_like=True, gc=False, tag=81):
    """The venue took an execution of a leg back. ExecType(150)=H, MultiLegReportingType(442)=2."""

    route_id: int
    leg: int
    exec_id: str
    exec_ref_id: str
    qty: Qty  # what it was
    px: Px
    transact_time_ns: int
    text: str = ""


class LegCorrected(OrderEvent, frozen=True, array_like=True, gc=False, tag=82):
    """The venue corrected an execution of a leg. ExecType(150)=G, MultiLegReportingType(442)=2."""

    route_id: int
    leg: int
    exec_id: str
    exec_ref_id: str
    last_qty: Qty  # what it is now
    last_px: Px
    qty: Qty  # what it was
    px: Px
    transact_time_ns: int
    text: str = ""


class MassCancelRejected(OrderEvent, frozen=True, array_like=True, gc=False, tag=90):
    """The venue refused to cancel one of the orders of a mass cancel. OrderCancelReject(9)."""

    cl_ord_id: str  # the client's id of the mass cancel
    cxl_rej_reason: int
    text: str


# -- the calendar --------------------------------------------------------------------------------------------


class CalendarDefined(Event, frozen=True, array_like=True, gc=False, tag=95):
    """A market's trading days became known, or changed. The whole table; the last one wins."""

    market: str  # ISO 10383 MIC
    pre_open_s: int  # how long before its open a session begins to take orders
    day_end_s: int  # how long after its close a session ends
    sessions: tuple[
        tuple[int, ...], ...
    ]  # (trading date YYYYMMDD, open, close, open, close, ...): UTC seconds
    source: str  # who says so, with the version


class DayStarted(Event, frozen=True, array_like=True, gc=False, tag=96):
    """A market begins to take orders for a trading day."""

    market: str
    date: int  # YYYYMMDD


# -- orders of which we do what their venue cannot ----------------------------------------------------------


class OrderEmulated(OrderEvent, frozen=True, array_like=True, gc=False, tag=97):
    """The order has something that its venue lacks and that we can do instead: see `emulation`."""

    venue: str
    what: tuple[str, ...]  # names of emulations
    destination: str = ""  # its name, where that is not the venue's
    rule: str = ""  # as in `OrderRouted`: its destination is chosen now, not when a part of it goes
    facts: str = ""


class OrderWaits(OrderEvent, frozen=True, array_like=True, gc=False, tag=98):
    """The rest of an emulated order cannot be sent now, though nobody has it."""

    waits_for: str  # "market:MIC", "venue:NAME", "rate:VENUE", "halt" or "person"
    text: str


class StopPxMoved(OrderEvent, frozen=True, array_like=True, gc=False, tag=99):
    """The stop price of a trailing stop that we hold has followed the reference price."""

    stop_px: Px


# -- where orders go, and orders that are worked in parts ----------------------------------------------------


class DestinationDefined(Event, frozen=True, array_like=True, gc=False, tag=105):
    """Where orders may go, beside the venues' own names, became known or changed.

    The whole record; the last one wins.
    """

    name: str
    venue: str  # the session that has it, or a venue of this process
    when_down: str  # "deny", "park" or "reroute": what becomes of an order while the venue is not there
    reroute_to: str = ""
    terms: Terms | None = None  # what its orders say besides: TargetStrategy(847), say


class StrategyDefined(Event, frozen=True, array_like=True, gc=False, tag=106):
    """A way to work an order in parts became known or changed. The whole record; the last one wins."""

    name: str
    kind: str  # see `working.STRATEGIES`
    legs: tuple[tuple[str, int], ...]  # (destination, weight); `sequential`: milliseconds, 0 for no end
    when_refused: str  # "desk" or "end": what becomes of what no destination takes
    duration_ns: int = 0
    interval_ns: int = 0
    slice_qty: Qty = Qty(0)  # what a part shows; 0 for no limit
    rate_bps: int = 0  # share of what others trade, in 1/100 of a percent


class OrderPlanned(OrderEvent, frozen=True, array_like=True, gc=False, tag=107):
    """The order is worked by a strategy, or waits until its destination takes it."""

    to: str  # the strategy or the destination
    rule: str = ""  # of the routing table
    facts: str = ""  # that the rule looked at


class OrderWorked(OrderEvent, frozen=True, array_like=True, gc=False, tag=108):
    """What had to be done for a planned order is decided; this is what it waits for now."""

    wake_ns: int = 0  # when it is looked at again; 0: not by time
    waits: tuple[str, ...] = ()  # "down:VENUE", "rate:VENUE"
    step: int = 0  # how many destinations have had their turn, where one follows another
    round: int = 0  # its turn among those who wait for a rate: see `fair_queue`
    stuck: str = ""  # why a person has to look at it


class VenueRateDefined(Event, frozen=True, array_like=True, gc=False, tag=109):
    """How many messages a venue takes became known or changed."""

    venue: str
    per_s: int  # messages a second; 0: as many as there are
    burst: int  # how many may come at once


class BookChanged(Event, frozen=True, array_like=True, gc=False, tag=113):
    """A venue displays other prices or quantities, or says what was traded. See `market`."""

    symbol: str
    venue: str
    full: bool  # all that it displays, not only what has changed
    entries: tuple[tuple[str, int, int], ...]  # (MDEntryType(269), price, quantity)


class ReconcileDefined(Event, frozen=True, array_like=True, gc=False, tag=114):
    """What a venue is asked when it comes back became known or changed.

    The whole record; the last one wins.
    """

    venue: str
    asks_all: bool  # about every working order, not only those that are in doubt


class StatusAnswered(OrderEvent, frozen=True, array_like=True, gc=False, tag=115):
    """A venue said something about what it was asked about. What follows from it follows."""

    route_id: int
    cl_ord_id: str  # ours, of the question
    ord_status: str  # OrdStatus(39), as the venue said it; empty if it refused the question
    cum_qty: Qty


class AskingStopped(Event, frozen=True, array_like=True, gc=False, tag=116):
    """A venue left questions about its orders unanswered. New orders go there again."""

    venue: str
    unanswered: int


AnyEvent = (
    EngineStarted
    | InstrumentDefined
    | AccountDefined
    | FirmDefined
    | AllocationGroupDefined
    | MessageIn
    | MessageOut
    | SessionMoved
    | SessionReset
    | CommandTaken
    | SessionLoggedOn
    | SessionLoggedOut
    | ReferencePriceChanged
    | TradingHalted
    | TradingResumed
    | OrderReceived
    | OrderDenied
    | OrderAccepted
    | OrderRejected
    | OrderFilled
    | CancelRequested
    | ReplaceRequested
    | RequestDenied
    | RequestRejected
    | OrderCanceled
    | OrderReplaced
    | OrderExpired
    | OrderDoneForDay
    | StatusRequested
    | OrderRouted
    | RouteAccepted
    | RouteRejected
    | CancelRouted
    | ReplaceRouted
    | RouteCanceled
    | RouteReplaced
    | RouteRequestRejected
    | RouteExpired
    | StatusAsked
    | ReportQuestioned
    | ExecutionBusted
    | ExecutionCorrected
    | OrderRestated
    | OrderStopped
    | OrderSuspended
    | OrderTriggered
    | OrderCalculated
    | RequestQueued
    | DayEnded
    | ProfileDefined
    | TradeUnknown
    | VenueDefined
    | MassCancelRequested
    | MassStatusRequested
    | OrderHeld
    | ListReceived
    | ListDenied
    | ListRequestDenied
    | ListExecuted
    | ListCanceled
    | ListStatusDue
    | ListStatusReported
    | ListWorked
    | LegFilled
    | LegBusted
    | LegCorrected
    | MassCancelRejected
    | CalendarDefined
    | DayStarted
    | OrderEmulated
    | OrderWaits
    | StopPxMoved
    | DestinationDefined
    | StrategyDefined
    | OrderPlanned
    | OrderWorked
    | VenueRateDefined
    | BookChanged
    | ReconcileDefined
    | StatusAnswered
    | AskingStopped
    | RoutingDefined
)

encode: Final = msgspec.msgpack.Encoder().encode
"""Event -> bytes of one journal record: a msgpack array whose first element is the tag. About 0.1-0.2 us."""

decode: Final = msgspec.msgpack.Decoder(AnyEvent).decode
"""Bytes of one journal record -> event.

Raises msgspec.ValidationError for a tag or a shape that is not known.
"""


def order_id_of(event: Event) -> int:
    """The order an event is about, or 0."""
    return event.order_id if isinstance(event, OrderEvent) else 0
