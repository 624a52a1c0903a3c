"""FIX 4.4 text to command. Pure: a message goes in as text, a typed command comes out, or `Malformed`.

The session layer has checked the message against the data dictionary by the time it comes here: known tags,
required tags, formats, enumerations. What is left is what a dictionary cannot say: that a limit order needs a
price, that a number fits eight decimals, that a message of a client is not one of a venue. `Malformed` says
which tag and why; the caller turns it into the reject that FIX prescribes.
"""

from collections.abc import Callable
from typing import Final

import msgspec

from oms.core import commands as cmd
from oms.core.types import (
    MAX_SCALED,
    PRICED,
    TRIGGERED,
    ExecType,
    Leg,
    ListMember,
    MultiLegReportingType,
    OrdType,
    Px,
    Qty,
    Terms,
    TimeInForce,
    parse_scaled,
)
from oms.fix import tags
from oms.fix.malformed import Malformed
from oms.fix.market_data import market_data
from oms.fix.tags import MsgType
from oms.fix.wire import fields, group, pairs, parse_utc_timestamp

Fields = dict[str, str]

MARKET_DATA: Final = (MsgType.MARKET_DATA_SNAPSHOT, MsgType.MARKET_DATA_INCREMENTAL)

NO_TERMS: Final = Terms()
TERM_TAGS: Final = frozenset(
    (
        tags.STOP_PX,
        tags.EXEC_INST,
        tags.MIN_QTY,
        tags.MAX_FLOOR,
        tags.EXPIRE_TIME,
        tags.EXPIRE_DATE,
        tags.PEG_OFFSET_VALUE,
        tags.PEG_MOVE_TYPE,
        tags.PEG_OFFSET_TYPE,
        tags.PEG_LIMIT_TYPE,
        tags.PEG_ROUND_DIRECTION,
        tags.PEG_SCOPE,
        tags.MAX_SHOW,
        tags.TARGET_STRATEGY,
        tags.TARGET_STRATEGY_PARAMETERS,
        tags.PARTICIPATION_RATE,
    )
)
"""What `Terms` is made of."""
NOT_OF_LISTS: Final = (tags.CONTINGENCY_TYPE, "765", "766")
"""What a list may ask for that is not done here: one order canceling another, AllowableOneSidedness."""

MOST_DIGITS: Final = 9
"""Of a count."""
LEG_TAGS: Final = frozenset(
    (
        tags.LEG_SYMBOL,
        tags.LEG_SIDE,
        tags.LEG_RATIO_QTY,
        tags.LEG_REF_ID,
        tags.LEG_POSITION_EFFECT,
        tags.LEG_PRICE,
        tags.LEG_SWAP_TYPE,
    )
)
"""What is read of the legs of an order."""

EXECUTED_LEG_TAGS: Final = frozenset((tags.LEG_SYMBOL, tags.LEG_REF_ID, tags.LEG_LAST_PX, tags.LEG_LAST_QTY))
"""And of those of an execution."""

UNREAD: Final = frozenset(
    (
        "168",  # EffectiveTime
        *("388", "389", "841", "842", "843", "844", "846"),  # discretion
        *("1082", "1083", "1084", "1085", "1086", "1087", "1088", "1138"),  # how much is shown, and when
        *("1089", "1090"),  # MatchIncrement, MaxPriceLevels
        *("1094", "1096", "1097", "1098", "1099"),  # what it is pegged to
        *(str(tag) for tag in range(1100, 1115)),  # what triggers it, and what it is then
    )
)
"""Tags that make it another order, and that are worked nowhere here: an order with one of them is refused.

`dialect` has read those of them that say what FIX 4.4 says otherwise.
"""
_NOT_PLAIN: Final = TERM_TAGS | UNREAD
WITH_LAST: Final = (ExecType.TRADE, ExecType.TRADE_CORRECT, ExecType.STOPPED)
"""ExecTypes whose LastQty(32) and LastPx(31) say something."""


def from_client(session_id: str, text: str) -> cmd.Command:
    """What a client asks. Raises Malformed."""
    message = fields(text)
    reader = _FROM_CLIENT.get(message[tags.MSG_TYPE])
    if reader is None:
        if message[tags.MSG_TYPE] == MsgType.NEW_ORDER_LIST:
            return _new_order_list(session_id, message, text)
        with_legs = _WITH_LEGS.get(message[tags.MSG_TYPE])
        if with_legs is not None:
            return with_legs(session_id, message, text)
        raise Malformed(
            Malformed.UNSUPPORTED, tags.MSG_TYPE, f"MsgType {message[tags.MSG_TYPE]} is not supported"
        )
    return reader(session_id, message)


def from_venue(venue: str, text: str) -> cmd.Command | None:
    """What a venue reports; None for what needs no decision. Raises Malformed."""
    message = fields(text)
    if message[tags.MSG_TYPE] in MARKET_DATA:
        return market_data(venue, text)
    reader = _FROM_VENUE.get(message[tags.MSG_TYPE])
    if reader is None:
        raise Malformed(
            Malformed.UNSUPPORTED, tags.MSG_TYPE, f"MsgType {message[tags.MSG_TYPE]} is not supported"
        )
    command = reader(venue, message)
    if tags.MULTI_LEG_REPORTING_TYPE in message and isinstance(command, cmd.VenueReport):
        return _report_of_legs(command, message, text)
    return command


# -- clients -------------------------------------------------------------------------------------------------


def _new_order_single(session_id: str, message: Fields) -> cmd.NewOrder:
    try:
        # Nothing is missing, every number is one, and it says no more: then this is all there is to do.
        ord_type, qty = message[tags.ORD_TYPE], parse_scaled(message[tags.ORDER_QTY])
        price = parse_scaled(message[tags.PRICE]) if ord_type in PRICED else 0
        ids = (message[tags.CL_ORD_ID], message[tags.ACCOUNT], message[tags.SYMBOL], message[tags.SIDE])
        time_in_force = message.get(tags.TIME_IN_FORCE, TimeInForce.DAY)
        plain = _NOT_PLAIN.isdisjoint(message) and time_in_force != TimeInForce.GTD
        plain &= ord_type == OrdType.MARKET or (ord_type == OrdType.LIMIT and price > 0)
        whole = plain and qty > 0 and all(ids)
    except (KeyError, ValueError):
        whole = False
    if not whole:
        return _odd_new_order_single(session_id, message)
    return cmd.NewOrder(
        session_id,
        *ids,
        Qty(qty),
        ord_type,
        Px(price),
        time_in_force,
        message.get(tags.POSS_RESEND) == "Y",
    )


def _odd_new_order_single(session_id: str, message: Fields) -> cmd.NewOrder:
    """Field by field: an order of a kind that is rare, or one of which to say what is wrong."""
    ord_type = _required(message, tags.ORD_TYPE)
    terms = _terms(message, ord_type)
    if tags.ORDER_QTY not in message and tags.CASH_ORDER_QTY in message:
        # How much that is will be worked out from the price.
        cash = Qty(_positive(message, tags.CASH_ORDER_QTY, ""))
        order_qty, terms = Qty(0), msgspec.structs.replace(terms or NO_TERMS, cash_order_qty=cash)
    else:
        order_qty = Qty(_positive(message, tags.ORDER_QTY, "an order needs a quantity"))
    return cmd.NewOrder(
        session_id,
        _required(message, tags.CL_ORD_ID),
        _conditional(message, tags.ACCOUNT, "the order needs an account"),
        _required(message, tags.SYMBOL),
        _required(message, tags.SIDE),
        order_qty,
        ord_type,
        _price(message, ord_type),
        message.get(tags.TIME_IN_FORCE, TimeInForce.DAY),
        message.get(tags.POSS_RESEND) == "Y",
        terms,
    )


def _new_order_list(session_id: str, message: Fields, text: str) -> cmd.NewList:
    """NewOrderList(E). What is wrong with one of its orders is wrong with the message."""
    orders = list_orders(text)
    if _count(message, tags.NO_ORDERS) != len(orders):
        raise Malformed(Malformed.BAD_VALUE, tags.NO_ORDERS, f"{len(orders)} orders are there")
    return cmd.NewList(
        session_id,
        _required(message, tags.LIST_ID),
        _required(message, tags.BID_TYPE),
        message.get(tags.LIST_EXEC_INST_TYPE, ""),
        _count(message, tags.TOT_NO_ORDERS),
        tuple(_list_member(session_id, order) for order in orders),
        message.get(tags.LAST_FRAGMENT, ""),
        message.get(tags.POSS_RESEND) == "Y",
        _unsupported_of_list(message),
    )


def _unsupported_of_list(message: Fields) -> str:
    """What would make another list of it if it were passed over; empty if there is nothing."""
    found = [f"tag {tag}" for tag in NOT_OF_LISTS if message.get(tag)]
    if message.get(tags.PROG_RPT_REQS) == "2" and message.get(tags.PROG_PERIOD_INTERVAL, "0") != "0":
        found.append("ProgRptReqs 2: ListStatus comes when it is asked for")
    return ", ".join(found)


def _list_member(session_id: str, message: Fields) -> ListMember:
    """One order of the group, read as a NewOrderSingle(D) would be."""
    _conditional(message, tags.ORD_TYPE, "the order needs a type")
    order = _new_order_single(session_id, message)
    return ListMember(
        _count(message, tags.LIST_SEQ_NO),
        order.cl_ord_id,
        order.account,
        order.symbol,
        order.side,
        order.order_qty,
        order.ord_type,
        order.price,
        order.time_in_force,
        order.terms,
    )


def list_orders(text: str) -> list[Fields]:
    """The orders of a NewOrderList(E), each of which begins with its ClOrdID(11).

    With the last go the fields behind the group: an order has none of them.
    """
    orders: list[Fields] = []
    for tag, value in pairs(text):
        if tag == tags.CL_ORD_ID:
            orders.append({})
        if orders:
            orders[-1][tag] = value
    return orders


def _terms(message: Fields, ord_type: str) -> Terms | None:
    """What few orders say. Raises Malformed, for a stop order without a stop price as well."""
    if ord_type in TRIGGERED:
        _positive(message, tags.STOP_PX, f"OrdType {ord_type} needs a stop price")
    if message.get(tags.TIME_IN_FORCE) == TimeInForce.GTD:
        until = message.get(tags.EXPIRE_DATE) or message.get(tags.EXPIRE_TIME)
        if not until:
            raise Malformed(Malformed.CONDITIONALLY_MISSING, tags.EXPIRE_DATE, "good till which date?")
    terms = Terms(
        stop_px=Px(_decimal(message, tags.STOP_PX)),
        exec_inst=message.get(tags.EXEC_INST, ""),
        min_qty=Qty(_decimal(message, tags.MIN_QTY)),
        max_floor=Qty(_decimal(message, tags.MAX_FLOOR)),
        expire_time=message.get(tags.EXPIRE_TIME, ""),
        expire_date=message.get(tags.EXPIRE_DATE, ""),
        peg_offset=Px(_decimal(message, tags.PEG_OFFSET_VALUE)),
        target_strategy=message.get(tags.TARGET_STRATEGY, ""),
        strategy_parameters=message.get(tags.TARGET_STRATEGY_PARAMETERS, ""),
        participation_rate=message.get(tags.PARTICIPATION_RATE, ""),
        peg_offset_type=message.get(tags.PEG_OFFSET_TYPE, ""),
        peg_move_type=message.get(tags.PEG_MOVE_TYPE, ""),
        peg_limit_type=message.get(tags.PEG_LIMIT_TYPE, ""),
        peg_round_direction=message.get(tags.PEG_ROUND_DIRECTION, ""),
        peg_scope=message.get(tags.PEG_SCOPE, ""),
        max_show=Qty(_decimal(message, tags.MAX_SHOW)),
        unread=next((f"{tag}={value}" for tag, value in message.items() if tag in UNREAD), ""),
    )
    return terms if terms != NO_TERMS else None


def _order_cancel_request(session_id: str, message: Fields) -> cmd.CancelOrder:
    return cmd.CancelOrder(
        session_id,
        _required(message, tags.CL_ORD_ID),
        _required(message, tags.ORIG_CL_ORD_ID),
        _required(message, tags.SYMBOL),
        _required(message, tags.SIDE),
    )


def _order_cancel_replace_request(session_id: str, message: Fields) -> cmd.ReplaceOrder:
    ord_type = _required(message, tags.ORD_TYPE)
    return cmd.ReplaceOrder(
        session_id,
        _required(message, tags.CL_ORD_ID),
        _required(message, tags.ORIG_CL_ORD_ID),
        _required(message, tags.SYMBOL),
        _required(message, tags.SIDE),
        Qty(_positive(message, tags.ORDER_QTY, "a replace needs a quantity")),
        ord_type,
        _price(message, ord_type),
        _terms(message, ord_type),
    )


def _order_status_request(session_id: str, message: Fields) -> cmd.RequestStatus:
    return cmd.RequestStatus(
        session_id,
        _required(message, tags.CL_ORD_ID),
        message.get(tags.SYMBOL, ""),
        message.get(tags.SIDE, ""),
        message.get(tags.ORD_STATUS_REQ_ID, ""),
    )


def _order_mass_cancel_request(session_id: str, message: Fields) -> cmd.CancelAll:
    return cmd.CancelAll(
        session_id,
        _required(message, tags.CL_ORD_ID),
        _required(message, tags.MASS_CANCEL_REQUEST_TYPE),
        message.get(tags.SYMBOL, ""),
        message.get(tags.SIDE, ""),
    )


def _order_mass_status_request(session_id: str, message: Fields) -> cmd.RequestAllStatus:
    return cmd.RequestAllStatus(
        session_id,
        _required(message, tags.MASS_STATUS_REQ_ID),
        _required(message, tags.MASS_STATUS_REQ_TYPE),
        message.get(tags.SYMBOL, ""),
        message.get(tags.SIDE, ""),
    )


def _list_execute(session_id: str, message: Fields) -> cmd.ExecuteList:
    return cmd.ExecuteList(session_id, _required(message, tags.LIST_ID))


def _list_cancel_request(session_id: str, message: Fields) -> cmd.CancelList:
    return cmd.CancelList(session_id, _required(message, tags.LIST_ID))


def _list_status_request(session_id: str, message: Fields) -> cmd.RequestListStatus:
    return cmd.RequestListStatus(session_id, _required(message, tags.LIST_ID))


def _dont_know_trade(session_id: str, message: Fields) -> cmd.DontKnow:
    return cmd.DontKnow(
        session_id,
        _required(message, tags.ORDER_ID),
        _required(message, tags.EXEC_ID),
        _required(message, tags.DK_REASON),
        message.get(tags.TEXT, ""),
    )


def _new_order_multileg(session_id: str, message: Fields, text: str) -> cmd.NewOrder:
    ord_type = _required(message, tags.ORD_TYPE)
    legs = _legs(text)
    if not legs:
        raise Malformed(Malformed.CONDITIONALLY_MISSING, tags.NO_LEGS, "which legs?")
    return cmd.NewOrder(
        session_id,
        _required(message, tags.CL_ORD_ID),
        _conditional(message, tags.ACCOUNT, "the order needs an account"),
        _required(message, tags.SYMBOL),
        _required(message, tags.SIDE),
        Qty(_positive(message, tags.ORDER_QTY, "an order needs a quantity")),
        ord_type,
        _net_price(message, ord_type),
        message.get(tags.TIME_IN_FORCE, TimeInForce.DAY),
        message.get(tags.POSS_RESEND) == "Y",
        _multileg_terms(message, ord_type, legs),
    )


def _multileg_order_cancel_replace(session_id: str, message: Fields, text: str) -> cmd.ReplaceOrder:
    ord_type = _required(message, tags.ORD_TYPE)
    return cmd.ReplaceOrder(
        session_id,
        _required(message, tags.CL_ORD_ID),
        _required(message, tags.ORIG_CL_ORD_ID),
        _required(message, tags.SYMBOL),
        _required(message, tags.SIDE),
        Qty(_positive(message, tags.ORDER_QTY, "a replace needs a quantity")),
        ord_type,
        _net_price(message, ord_type),
        _multileg_terms(message, ord_type, _legs(text)),
        is_multileg=True,
    )


def _multileg_terms(message: Fields, ord_type: str, legs: tuple[Leg, ...]) -> Terms:
    terms = _terms(message, ord_type) or NO_TERMS
    req = message.get(tags.MULTI_LEG_RPT_TYPE_REQ, "")
    return msgspec.structs.replace(terms, legs=legs, multi_leg_rpt_type_req=req)


def _legs(text: str) -> tuple[Leg, ...]:
    """The legs of a client's order; one without a name is called by its place. Raises Malformed."""
    return tuple(_leg(entry, place) for place, entry in enumerate(group(text, tags.NO_LEGS, LEG_TAGS), 1))


def _leg(entry: Fields, place: int) -> Leg:
    if tags.LEG_SWAP_TYPE in entry:
        raise Malformed(Malformed.BAD_VALUE, tags.LEG_SWAP_TYPE, "quantities of legs are not calculated here")
    return Leg(
        _conditional(entry, tags.LEG_SYMBOL, f"leg {place} needs a symbol"),
        _conditional(entry, tags.LEG_SIDE, f"leg {place} needs a side"),
        Qty(_positive(entry, tags.LEG_RATIO_QTY, f"leg {place} needs a ratio")),
        entry.get(tags.LEG_REF_ID) or str(place),
        entry.get(tags.LEG_POSITION_EFFECT, ""),
        Px(_scaled(tags.LEG_PRICE, entry[tags.LEG_PRICE])) if entry.get(tags.LEG_PRICE) else None,
    )


def _net_price(message: Fields, ord_type: str) -> Px:
    """Price(44) of a combination, which may be zero or negative; every order with a limit must carry it."""
    if ord_type not in PRICED:
        return Px(0)
    return Px(_scaled(tags.PRICE, _conditional(message, tags.PRICE, f"OrdType {ord_type} needs a price")))


_FROM_CLIENT: Final[dict[str, Callable[[str, Fields], cmd.Command]]] = {
    MsgType.NEW_ORDER_SINGLE: _new_order_single,
    MsgType.ORDER_CANCEL_REQUEST: _order_cancel_request,
    MsgType.ORDER_CANCEL_REPLACE_REQUEST: _order_cancel_replace_request,
    MsgType.ORDER_STATUS_REQUEST: _order_status_request,
    MsgType.DONT_KNOW_TRADE: _dont_know_trade,
    MsgType.ORDER_MASS_CANCEL_REQUEST: _order_mass_cancel_request,
    MsgType.ORDER_MASS_STATUS_REQUEST: _order_mass_status_request,
    MsgType.LIST_EXECUTE: _list_execute,
    MsgType.LIST_CANCEL_REQUEST: _list_cancel_request,
    MsgType.LIST_STATUS_REQUEST: _list_status_request,
}

_WITH_LEGS: Final[dict[str, Callable[[str, Fields, str], cmd.Command]]] = {
    MsgType.NEW_ORDER_MULTILEG: _new_order_multileg,
    MsgType.MULTILEG_ORDER_CANCEL_REPLACE: _multileg_order_cancel_replace,
}


# -- venues --------------------------------------------------------------------------------------------------


def _execution_report(venue: str, message: Fields) -> cmd.VenueReport:
    exec_type = _required(message, tags.EXEC_TYPE)
    trade = exec_type in WITH_LAST
    return cmd.VenueReport(
        venue,
        message.get(tags.CL_ORD_ID, ""),
        exec_type,
        _required(message, tags.ORD_STATUS),
        _required(message, tags.EXEC_ID),
        message.get(tags.ORDER_ID, ""),
        message.get(tags.ORIG_CL_ORD_ID, ""),
        Qty(_decimal(message, tags.LAST_QTY)) if trade else Qty(0),
        Px(_decimal(message, tags.LAST_PX)) if trade else Px(0),
        Qty(_decimal(message, tags.ORDER_QTY)),
        Qty(_decimal(message, tags.CUM_QTY)),
        Px(_decimal(message, tags.PRICE)),
        _whole(message, tags.ORD_REJ_REASON, 99),
        message.get(tags.TEXT, ""),
        _time(message, tags.TRANSACT_TIME),
        message.get(tags.EXEC_REF_ID, ""),
        message.get(tags.EXEC_RESTATEMENT_REASON, ""),
        message.get(tags.WORKING_INDICATOR, ""),
        message.get(tags.SYMBOL, ""),
        message.get(tags.SIDE, ""),
        avg_px=Px(_decimal(message, tags.AVG_PX)) if exec_type == ExecType.RESTATED else Px(0),
    )


def _report_of_legs(report: cmd.VenueReport, message: Fields, text: str) -> cmd.Command:
    """A report that says whether it is about a leg or about the whole of a multileg order."""
    kind = message[tags.MULTI_LEG_REPORTING_TYPE]
    if kind == MultiLegReportingType.SINGLE:
        return report
    entries = group(text, tags.NO_LEGS, EXECUTED_LEG_TAGS) if tags.NO_LEGS in message else []
    if kind == MultiLegReportingType.LEG:
        # One entry is the leg; more of them describe the combination.
        leg = entries[0] if len(entries) == 1 else {}
        return cmd.VenueLegReport(report, leg.get(tags.LEG_REF_ID, ""), leg.get(tags.LEG_SYMBOL, ""))
    legs = tuple(
        cmd.LegExecution(
            entry.get(tags.LEG_REF_ID, ""),
            entry.get(tags.LEG_SYMBOL, ""),
            Px(_decimal(entry, tags.LEG_LAST_PX)),
            Qty(_decimal(entry, tags.LEG_LAST_QTY)),
        )
        for entry in entries
        if tags.LEG_LAST_PX in entry
    )
    return msgspec.structs.replace(report, multi_leg_reporting_type=kind, legs=legs)


def _order_cancel_reject(venue: str, message: Fields) -> cmd.VenueCancelReject:
    return cmd.VenueCancelReject(
        venue,
        _required(message, tags.CL_ORD_ID),
        message.get(tags.ORIG_CL_ORD_ID, ""),
        message.get(tags.ORD_STATUS, ""),
        _whole(message, tags.CXL_REJ_REASON, 99),
        message.get(tags.TEXT, ""),
    )


def _business_message_reject(venue: str, message: Fields) -> cmd.VenueRefusal | None:
    """None where the refused message is named by its number only: the kernel knows what that carried."""
    if not message.get(tags.BUSINESS_REJECT_REF_ID):
        return None
    return cmd.VenueRefusal(
        venue,
        message.get(tags.REF_MSG_TYPE, ""),
        message.get(tags.BUSINESS_REJECT_REF_ID, ""),
        message.get(tags.TEXT, ""),
    )


_FROM_VENUE: Final[dict[str, Callable[[str, Fields], cmd.Command | None]]] = {
    MsgType.EXECUTION_REPORT: _execution_report,
    MsgType.ORDER_CANCEL_REJECT: _order_cancel_reject,
    MsgType.BUSINESS_MESSAGE_REJECT: _business_message_reject,
}


# -- fields --------------------------------------------------------------------------------------------------


def _required(message: Fields, tag: str) -> str:
    value = message.get(tag)
    if not value:
        raise Malformed(Malformed.MISSING, tag, f"required tag {tag} is missing")
    return value


def _conditional(message: Fields, tag: str, why: str) -> str:
    value = message.get(tag)
    if not value:
        raise Malformed(Malformed.CONDITIONALLY_MISSING, tag, why)
    return value


def _positive(message: Fields, tag: str, why: str) -> int:
    value = _scaled(tag, _conditional(message, tag, why))
    if value <= 0:
        raise Malformed(Malformed.BAD_VALUE, tag, f"tag {tag} must be greater than 0")
    return value


def _decimal(message: Fields, tag: str) -> int:
    text = message.get(tag)
    return _scaled(tag, text) if text else 0


def _scaled(tag: str, text: str) -> int:
    try:
        return parse_scaled(text)
    except ValueError as error:
        raise Malformed(Malformed.BAD_VALUE, tag, f"tag {tag}: {error}") from None


def _whole(message: Fields, tag: str, default: int) -> int:
    text = message.get(tag)
    return int(text) if text and text.isdigit() else default


def _count(message: Fields, tag: str) -> int:
    text = _required(message, tag)
    if not text.isdigit() or len(text) > MOST_DIGITS:
        raise Malformed(Malformed.BAD_VALUE, tag, f"tag {tag} is not a count")
    return int(text)


def _time(message: Fields, tag: str) -> int:
    """A UTCTimestamp in nanoseconds; 0 where there is none that means anything.

    No fill is lost for the sake of its time: some platforms send the end of theirs where they have none.
    """
    text = message.get(tag)
    if not text:
        return 0
    try:
        found = parse_utc_timestamp(text)
    except (ValueError, OverflowError):
        return 0
    return found if 0 <= found <= MAX_SCALED else 0


def _price(message: Fields, ord_type: str) -> Px:
    """Price(44), which every order with a limit must carry."""
    if ord_type not in PRICED:
        return Px(0)
    return Px(_positive(message, tags.PRICE, f"OrdType {ord_type} needs a price"))
