"""FIX 4.2 and FIX 5.0 SP2, at the edge. Pure: text to text; inside, the engine speaks FIX 4.4 only.

`canonical` turns a whole message of a counterparty into 4.4 terms, whatever its BeginString(8). A writer of
`WRITERS` turns a text of `encode` into its version's terms. The journal keeps what was on the wire, in both
directions, so that a replay and a person read what the counterparty read.

What differs stands in tables, checked against the data dictionaries of QuickFIX by the tests:

    4.2      one ExecutionReport has two types: ExecTransType(20) says whether it is new, a bust, a correction
             or an answer, ExecType(150) what it is about. An execution is partial fill or fill; OrdStatus(39)
             has replaced; the close is an order type. No tag above 446, fewer codes.
    5.0 SP2  the same body under another header. Two tags of the mass cancel report; where LegPrice stands in
             its leg; more codes.

A writer never writes a tag or a code that its version lacks: the tag is left out, the nearest code that there
is stands for the other. An order is never made into another one that way. What 4.2 has no words for
(`unsayable`) a venue of 4.2 does not have (`within_42`), so that such an order is denied before it is routed;
should one be written all the same, it costs it its OrdType(40), which is required, and the venue refuses it.

What cannot be told when reading 4.2: a price guarantee (ExecType stopped) may come as a partial fill with
OrdStatus stopped. It is taken for a guarantee where CumQty(14) is too small to hold its LastShares(32), and
for an execution everywhere else.

*Source:* FIX 4.2 (errata 2001), ExecutionReport and order state change matrices; FIX 4.4 volume 6, changes
since 4.2; FIX 5.0 SP2 volume 4.
"""

import re
from collections.abc import Callable, Iterable
from typing import Final

from msgspec import structs

from oms.core.events import VenueDefined
from oms.core.order import Order
from oms.core.types import ExecType, OrdStatus, OrdType, Side, parse_scaled
from oms.fix import tags
from oms.fix.decode import Malformed
from oms.fix.tags import MsgType
from oms.fix.wire import SOH, fields, pairs

Fields = dict[str, str]
Writer = Callable[[str, Order | None], str]

FIX42: Final = "FIX.4.2"
FIX44: Final = "FIX.4.4"
FIX50SP2: Final = "FIX.5.0SP2"
FIXT11: Final = "FIXT.1.1"  # BeginString(8) of 5.0 SP2, the only version that is spoken over it
APPL_VER_ID: Final = "9"  # DefaultApplVerID(1137) and ApplVerID(1128) of 5.0 SP2
VERSIONS: Final = (FIX42, FIX44, FIX50SP2)

# -- what differs: codes -------------------------------------------------------------------------------------

Codes = dict[str, tuple[frozenset[str], str]]
"""Tag -> the codes that the version has, and the one that stands for all others; empty: the tag goes."""


def _codes(*rows: tuple[str, str, str]) -> Codes:
    return {tag: (frozenset(codes.split()), other) for tag, codes, other in rows}


CODES_42: Final = _codes(
    # tag   codes                                                      for all others
    ("13",  "1 2 3",                                                   ""),   # CommType
    ("18",  "0 1 2 3 4 5 6 7 8 9 A B C D E F G I L M N O P R S T U V W", ""),  # ExecInst: several of them
    ("22",  "1 2 3 4 5 6 7 8 9",                                       ""),   # IDSource
    ("40",  "1 2 3 4 5 6 7 8 9 A B C D E F G H I P",                   ""),   # OrdType
    ("54",  "1 2 3 4 5 6 7 8 9",                                       ""),   # Side
    ("59",  "0 1 2 3 4 5 6",                                           ""),   # TimeInForce
    ("77",  "C O",                                                     ""),   # OpenClose
    ("102", "0 1 2 3",                                                 "2"),  # CxlRejReason: broker option
    ("103", "0 1 2 3 4 5 6 7 8",                                       "0"),  # OrdRejReason: broker option
    ("127", "A B C D E Z",                                             "Z"),  # DKReason: other
    ("150", "0 1 2 3 4 5 6 7 8 9 A B C D E",                           "0"),  # ExecType
    ("167", "CS PS FUT OPT WAR MF NONE",                               ""),   # SecurityType: what both have
    ("378", "0 1 2 3 4 5",                                             "4"),  # ExecRestatementReason: same
    ("388", "0 1 2 3 4 5",                                             ""),   # DiscretionInst
)  # fmt: skip
"""What 4.4 has more codes of than 4.2."""

CODES_50SP2: Final = _codes(
    ("65",  "CD WI",                            ""),  # SymbolSfx
    ("336", "1 2 3 4 5 6 7",                    ""),  # TradingSessionID
    ("625", "1 2 3 4 5 6 7 8 9 10 11 12 13",    ""),  # TradingSessionSubID
)  # fmt: skip
"""What 4.4 leaves open and 5.0 SP2 has codes of."""

PEGS_50SP2: Final = {"1": "L", "2": "M", "3": "O", "4": "P", "5": "R", "7": "W", "8": "a", "9": "d"}
"""PegPriceType(1094), and the ExecInst(18) that it is in 4.4."""

TRIGGERS_50SP2: Final = ("1100", "1101", "1102", "1107", "1109")
"""What an order may say of its trigger, if that is a stop order of 4.4."""

_ORDERS: Final = (MsgType.NEW_ORDER_SINGLE, MsgType.ORDER_CANCEL_REPLACE_REQUEST)
_ORDER_TAGS_50SP2: Final = ("1094", "1100", "1138")

CODES_44: Final = _codes(
    ("102", "0 1 2 3 4 5 6 99",                      "99"),
    ("103", "0 1 2 3 4 5 6 7 8 9 10 11 13 14 15 99", "99"),
    ("378", "0 1 2 3 4 5 6 7 8 9 10 99",             "99"),
)  # fmt: skip
"""What a venue of 5.0 SP2 says that 4.4 has fewer codes of, and that is passed on to clients."""

# -- what differs: tags --------------------------------------------------------------------------------------

LAST_TAG_42: Final = "446"


def _tags(text: str) -> frozenset[str]:
    """Tags, and ranges of them."""
    ends = [part.partition("-")[::2] for part in text.split()]
    return frozenset(str(tag) for first, last in ends for tag in range(int(first), int(last or first) + 1))


_BONDS: Final = _tags("224-228 239-247 255 256 305-313 315-318 362-365 435 436")
_YIELDS: Final = _tags("218 220-222 229 235 236 423")
_STIPULATIONS: Final = _tags("232-234")

NOT_IN_42: Final[dict[str, frozenset[str]]] = {
    MsgType.EXECUTION_REPORT: _BONDS | _YIELDS | _STIPULATIONS
                              | _tags("118 136-139 157-159 230 237 238 248-254 257-260"),
    MsgType.ORDER_CANCEL_REJECT: _tags("75 229"),
    MsgType.NEW_ORDER_SINGLE: _BONDS | _YIELDS | _STIPULATIONS | _tags("70 75"),
    MsgType.ORDER_CANCEL_REQUEST: _BONDS,
    MsgType.ORDER_CANCEL_REPLACE_REQUEST: _BONDS | _YIELDS | _tags("70 75"),
    MsgType.ORDER_STATUS_REQUEST: _BONDS,
    "Q": _BONDS | _tags("198 248-254 257"),  # DontKnowTrade
}  # fmt: skip
"""Tags up to 446 that a message may have in 4.4 and not in 4.2."""

REQUIRED_42: Final[dict[str, tuple[tuple[str, str], ...]]] = {
    MsgType.EXECUTION_REPORT: (("55", "[N/A]"), ("54", "7"), ("6", "0")),  # 7: undisclosed
    MsgType.NEW_ORDER_SINGLE: (("21", "1"),),  # HandlInst: automated, no broker intervention
    MsgType.ORDER_CANCEL_REPLACE_REQUEST: (("21", "1"),),
    "Q": (("55", "[N/A]"),),
}
"""What 4.2 requires and 4.4 does not, and what is said where nothing is known."""

ORDER_MEANING: Final = _tags("640 835-838 840-844 846-849")
"""Tags later than 4.2 that make an order another one: second prices, pegs, discretion, strategies."""

# -- what differs: the close ---------------------------------------------------------------------------------

CLOSE_42: Final = {"5": OrdType.MARKET, "A": OrdType.MARKET, "B": OrdType.LIMIT}
"""OrdType(40) of 4.2 for the close, and what it is in 4.4, with TimeInForce(59) at the close."""

_WITH_TERMS: Final = (
    MsgType.NEW_ORDER_SINGLE,
    MsgType.ORDER_CANCEL_REPLACE_REQUEST,
    MsgType.NEW_ORDER_MULTILEG,
    MsgType.MULTILEG_ORDER_CANCEL_REPLACE,
    MsgType.EXECUTION_REPORT,
)
_LIST_REJECT_REASON: Final = re.compile(f"{SOH}{tags.LIST_REJECT_REASON}=[^{SOH}]*{SOH}")
_LIST_ORDER: Final = re.compile(r"(?<=\x01)(?=11=)")
_MULTILEG: Final = ("35=AB\x01", "35=AC\x01")
_LEG_PRICE: Final = re.compile(r"((?:564=[^\x01]*\x01)?654=[^\x01]*\x01)(566=[^\x01]*\x01)")
_CLOSE_TYPES: Final = {OrdType.MARKET: "5", OrdType.LIMIT: "B"}
_CLOSE_CODES: Final = tuple(f"{SOH}40={code}{SOH}" for code in CLOSE_42)
_AT_CLOSE: Final = "7"

# -- what differs: ExecTransType -----------------------------------------------------------------------------

TRANS_TYPES: Final = {
    ExecType.TRADE_CANCEL: "1",
    ExecType.TRADE_CORRECT: "2",
    ExecType.ORDER_STATUS: "3",
    ExecType.TRIGGERED: "3",  # 4.2 has no word for it: a report that brings nothing new
}
"""ExecType(150) of 4.4 and later, and its ExecTransType(20); that of all others is 0, new."""

_EXECUTIONS: Final = (ExecType.TRADE, ExecType.TRADE_CORRECT, ExecType.TRADE_CANCEL)
_APPL_VER_ID: Final = "1128"
_REPLACED: Final = "5"  # OrdStatus(39)
_ALREADY_PENDING: Final = "3"  # CxlRejReason(102)
_PARTIAL_FILL: Final = "1"
_FILL: Final = "2"


# -- reading -------------------------------------------------------------------------------------------------


def canonical(text: str) -> str:
    """A whole message of a counterparty, header and all, in terms of FIX 4.4.

    BodyLength and CheckSum stay as they were. A message of 4.4 is returned as it is, at once; so is one of an
    unknown version. Raises Malformed for a message that says that it is of another version than its session.
    """
    if text.startswith("8=FIX.4.4"):
        return text
    end = text.find(SOH)
    reader = _READERS.get(text[2:end])
    return reader(f"8={FIX44}{text[end:]}") if reader is not None else text


def _read_42(text: str) -> str:
    kind = _msg_type(text)
    if kind == MsgType.EXECUTION_REPORT:
        found = fields(text)
        changes: dict[str, str] = {
            "20": "",
            tags.EXEC_TYPE: _exec_type_of_42(found),
            tags.ORD_STATUS: _ord_status_of_44(found),
        }
        text = _text(pairs(text), {tag: value for tag, value in changes.items() if tag in found})
    return _read_common(text, kind)


def _read_50sp2(text: str) -> str:
    applied = text.find(f"{SOH}{_APPL_VER_ID}=")
    if applied >= 0 and text[applied + 6 : text.find(SOH, applied + 6)] != APPL_VER_ID:
        # Over FIXT a message may be of any version; QuickFIX has not held it against a dictionary.
        raise Malformed(Malformed.BAD_VALUE, _APPL_VER_ID, "the session is for FIX 5.0 SP2, ApplVerID 9")
    kind = _msg_type(text)
    if kind == MsgType.EXECUTION_REPORT:
        found = fields(text)
        known = _coded(pairs(text), CODES_44)
        text = _text(known, {tags.ORD_STATUS: _ord_status_of_44(found)} if tags.ORD_STATUS in found else {})
    if kind == MsgType.ORDER_CANCEL_REJECT:
        text = _joined(_coded(pairs(text), CODES_44))
    if kind in _ORDERS and any(f"{SOH}{tag}=" in text for tag in _ORDER_TAGS_50SP2):
        text = _text(pairs(text), _order_of_44(fields(text)))
    return _read_common(text, kind)


def _order_of_44(found: Fields) -> Fields:
    """What changes in an order that says in words of 5.0 SP2 what 4.4 says otherwise.

    What 4.4 has no words for stays as it is, and is refused where nobody reads it.
    """
    changes: Fields = {}
    code = PEGS_50SP2.get(found.get("1094", ""))
    if code is not None:
        codes = found.get(tags.EXEC_INST, "").split()
        changes |= {"1094": "", tags.EXEC_INST: " ".join([*(c for c in codes if c != code), code])}
    if "1138" in found and tags.MAX_FLOOR not in found:
        changes |= {"1138": "", tags.MAX_FLOOR: found["1138"]}  # DisplayQty
    trigger: Fields = {tag: found[tag] for tag in TRIGGERS_50SP2 if tag in found}
    turned = _triggered_type(found.get(tags.ORD_TYPE, ""), found.get(tags.SIDE, ""), trigger)
    if turned and tags.STOP_PX not in found:
        changes |= dict.fromkeys(trigger, "") | {tags.ORD_TYPE: turned, tags.STOP_PX: found["1102"]}
    return changes


def _triggered_type(ord_type: str, side: str, trigger: Fields) -> str:
    """OrdType(40) of an order that is entered when a last price is reached; empty if 4.4 has none.

    *Source:* FIX 5.0 SP2 volume 4, TriggeringInstruction: TriggerType(1100) 4 price movement, TriggerAction
    (1101) 1 activate, TriggerPriceType(1107) 2 last trade, TriggerPriceDirection(1109) U up, D down.
    """
    plain = trigger.get("1100") == "4" and trigger.get("1101", "1") == "1" and trigger.get("1107", "2") == "2"
    if not plain or "1102" not in trigger or ord_type not in (OrdType.MARKET, OrdType.LIMIT):
        return ""
    rises = side == Side.BUY
    if trigger.get("1109", "U" if rises else "D") == ("U" if rises else "D"):
        return OrdType.STOP if ord_type == OrdType.MARKET else OrdType.STOP_LIMIT
    return OrdType.MARKET_IF_TOUCHED if ord_type == OrdType.MARKET else ""


def _read_common(text: str, kind: str) -> str:
    """What 4.2 and 5.0 SP2 have in common: replaced as a status, and order types for the close."""
    if kind == MsgType.ORDER_CANCEL_REJECT:
        return text.replace(f"{SOH}39={_REPLACED}{SOH}", f"{SOH}39={OrdStatus.NEW}{SOH}")
    if kind in _WITH_TERMS:
        return _read_close(text)
    if kind == MsgType.NEW_ORDER_LIST:  # each order begins with its ClOrdID
        return "".join(_read_close(part) for part in _LIST_ORDER.split(text))
    return text


def _read_close(text: str) -> str:
    """One order: its type for the close as TimeInForce(59), which goes before what was there."""
    if not any(code in text for code in _CLOSE_CODES):
        return text
    plain = CLOSE_42.get(fields(text).get(tags.ORD_TYPE, ""))
    if plain is None:
        return text
    return _text(pairs(text), {tags.ORD_TYPE: plain, tags.TIME_IN_FORCE: _AT_CLOSE})


def _exec_type_of_42(found: Fields) -> str:
    """ExecType(150) as 4.4 has it."""
    trans_type, kind = found.get("20", "0"), found.get(tags.EXEC_TYPE, "")
    if trans_type == "1":
        return ExecType.TRADE_CANCEL
    if trans_type == "2":
        return ExecType.TRADE_CORRECT
    if trans_type == "3":
        return ExecType.ORDER_STATUS
    if kind not in (_PARTIAL_FILL, _FILL):
        return kind
    guarantee = found.get(tags.ORD_STATUS) == OrdStatus.STOPPED and (
        _number(found, tags.CUM_QTY) < _number(found, tags.LAST_QTY)
    )
    return ExecType.STOPPED if guarantee else ExecType.TRADE


def _ord_status_of_44(found: Fields) -> str:
    """OrdStatus(39) without replaced: what the quantities say."""
    status = found.get(tags.ORD_STATUS, "")
    if status != _REPLACED:
        return status
    cum_qty = _number(found, tags.CUM_QTY)
    if not cum_qty:
        return OrdStatus.NEW
    return OrdStatus.FILLED if _is_filled(found, cum_qty) else OrdStatus.PARTIALLY_FILLED


_READERS: Final[dict[str, Callable[[str], str]]] = {FIX42: _read_42, FIXT11: _read_50sp2}
"""By BeginString(8)."""


# -- writing -------------------------------------------------------------------------------------------------


def _write_42(text: str, order: Order | None) -> str:
    kind = _msg_type(text)
    not_there = NOT_IN_42.get(kind, frozenset())
    known = [(tag, value) for tag, value in pairs(text) if _in_42(tag) and tag not in not_there]
    found = dict(known)
    if kind == MsgType.EXECUTION_REPORT:
        changes = _report_42(found, order)
    elif kind == MsgType.ORDER_CANCEL_REJECT:
        changes = _cancel_reject_42(found, order)
    else:
        changes = {}
    changes |= _close_42(found)
    if unsayable(FIX42, text):
        changes[tags.ORD_TYPE] = ""
    told = _coded(_changed(known, changes), CODES_42)
    there = {tag for tag, _ in told}
    told += [(tag, value) for tag, value in REQUIRED_42.get(kind, ()) if tag not in there]
    return _joined(told)


def _report_42(found: Fields, order: Order | None) -> Fields:
    """What changes in an ExecutionReport(8)."""
    kind = found.get(tags.EXEC_TYPE, "")
    trans_type = TRANS_TYPES.get(kind, "0")
    status = _ord_status_42(found, order)
    more = {"20": trans_type, tags.ORD_STATUS: status}
    order = _same(found, order)
    if trans_type == "3":
        text = found.get(tags.TEXT) or ("triggered" if kind == ExecType.TRIGGERED else "")
        return more | {tags.EXEC_TYPE: status, tags.TEXT: text}
    if kind in _EXECUTIONS:
        # A bust, too, is about a fill. *Source:* matrices D34 and D35.
        filled = _is_filled(found, _number(found, tags.CUM_QTY))
        more[tags.EXEC_TYPE] = _FILL if filled else _PARTIAL_FILL
        if order is not None and order.canceled_by:
            more[tags.CL_ORD_ID] = (
                order.canceled_by
            )  # *Source:* matrix D35; later versions stay with the order's.
    elif kind == ExecType.STOPPED:
        more[tags.EXEC_TYPE] = _PARTIAL_FILL  # *Source:* matrix D37.
    # Both are there in all reports that are no answers. *Source:* FIX 4.2, ExecutionReport.
    return {tags.LAST_QTY: "0", tags.LAST_PX: "0"} | _some(found, tags.LAST_QTY, tags.LAST_PX) | more


def _cancel_reject_42(found: Fields, order: Order | None) -> Fields:
    """What changes in an OrderCancelReject(9)."""
    more = {tags.ORD_STATUS: _ord_status_42(found, order)}
    order = _same(found, order)
    if found.get(tags.CXL_REJ_REASON) == _ALREADY_PENDING and order is not None and order.requests:
        # *Source:* matrix D17: a request refers to the one before it, later to the last that was accepted.
        more[tags.ORIG_CL_ORD_ID] = order.requests[-1].cl_ord_id
    return more


def _ord_status_42(found: Fields, order: Order | None) -> str:
    """OrdStatus(39): replaced comes before new. *Source:* FIX 4.2, precedence of OrdStatus; matrix D6."""
    status = found.get(tags.ORD_STATUS, "")
    if status != OrdStatus.NEW:
        return status
    order = _same(found, order)
    # A restatement is a version, too, and leaves the ClOrdID: matrix D21.
    replaced = order is not None and order.versions[-1].cl_ord_id != order.versions[0].cl_ord_id
    return _REPLACED if replaced or found.get(tags.EXEC_TYPE) == ExecType.REPLACED else status


def _same(found: Fields, order: Order | None) -> Order | None:
    """The order, if it is the one that the message is about: a second one with its ClOrdID is another one."""
    return order if order and found.get(tags.ORDER_ID, "").endswith(f"-{order.order_id}") else None


def _close_42(found: Fields) -> Fields:
    """TimeInForce(59) at the close as a type of order."""
    if found.get(tags.TIME_IN_FORCE) != _AT_CLOSE or found.get(tags.ORD_TYPE) not in _CLOSE_TYPES:
        return {}
    return {tags.ORD_TYPE: _CLOSE_TYPES[found[tags.ORD_TYPE]], tags.TIME_IN_FORCE: ""}


VENUE_42: Final = VenueDefined(
    0,
    "",
    tuple("1234P"),
    tuple("01234567"),
    ("stop_px", "exec_inst", "min_qty", "max_floor", "expire_time", "expire_date", "peg_offset"),
    exec_insts=tuple(sorted(CODES_42["18"][0])),
    at_close=tuple(_CLOSE_TYPES),
)
"""What a venue that speaks 4.2 can be told, if nothing more is known of it: nothing that is `unsayable`."""


def within_42(capability: VenueDefined) -> VenueDefined:
    """What a venue that speaks 4.2 can do, of what it declares.

    Raises ValueError, which names what it declares and 4.2 has no words for.
    """
    declared = {
        "ord_types": set(capability.ord_types) - set(VENUE_42.ord_types),
        "times_in_force": set(capability.times_in_force) - set(VENUE_42.times_in_force),
        "terms": set(capability.terms) - set(VENUE_42.terms),
        "exec_insts": set(capability.exec_insts) - set(VENUE_42.exec_insts),
    }
    for name, beyond in declared.items():
        if beyond:
            raise ValueError(f"{name}: FIX 4.2 has no words for {', '.join(sorted(beyond))}")
    return structs.replace(
        capability, exec_insts=capability.exec_insts or VENUE_42.exec_insts, at_close=VENUE_42.at_close
    )


def unsayable(version: str, text: str) -> list[str]:
    """What of an order to a venue the version has no words for, as "tag=value"; empty if nothing.

    That may be the message itself: FIX 4.2 knows no multileg order.

    Such an order is another one without it: it should not go there.
    """
    if version != FIX42 or not text.startswith(("35=D\x01", "35=G\x01", *_MULTILEG)):
        return []
    if text.startswith(_MULTILEG):
        return [text[: text.index(SOH)]]
    found = fields(text)
    found |= _close_42(found)
    return [
        f"{tag}={value}"
        for tag, value in found.items()
        if (tag in ORDER_MEANING and not (tag == "836" and value == "0"))  # PegOffsetType: a price, as in 4.2
        or (tag in CODES_42 and value and _code(tag, value, CODES_42) != value)
    ]


def _write_50sp2(text: str, order: Order | None) -> str:
    if any(f"{SOH}{tag}=" in text for tag in CODES_50SP2):
        text = _joined(_coded(pairs(text), CODES_50SP2))
    if text.startswith("35=r\x01"):
        # OrderMassCancelReport. MassActionReportID is the report's own id, which 4.4 has as OrderID; what the
        # affected orders are called has a tag of its own, AffectedOrigClOrdID.
        own_id = f"35=r\x011369={fields(text).get(tags.ORDER_ID, '')}\x01"
        text = own_id + text.removeprefix("35=r\x01").replace("\x0141=", "\x011824=")
    elif text.startswith(_MULTILEG):
        text = _LEG_PRICE.sub(r"\2\1", text)
    return text


def _write_44(text: str, order: Order | None) -> str:
    """FIX 4.4 has no ExecType(150) L: what is triggered is restated, for an other reason.

    It has no ListRejectReason(1386) either: there ListStatusText(444) says it alone.
    """
    if text.startswith("35=N"):
        return _LIST_REJECT_REASON.sub(SOH, text)
    if f"{SOH}150=L{SOH}" not in text:
        return text
    return text.replace(f"{SOH}150=L{SOH}", f"{SOH}150=D{SOH}378=99{SOH}")


WRITERS: Final[dict[str, Writer]] = {FIX44: _write_44, FIX42: _write_42, FIX50SP2: _write_50sp2}
"""By the session's version: a text of `encode` (MsgType(35) and body) and the order as it stands just after
the event, None if there is none, give the text in that version's terms. FIX 4.4 needs no writer."""


# -- fields --------------------------------------------------------------------------------------------------


def _msg_type(text: str) -> str:
    start = 0 if text.startswith("35=") else text.find(f"{SOH}35=") + 1
    return text[start + 3 : text.find(SOH, start)]


def _text(message: Iterable[tuple[str, str]], changes: Fields) -> str:
    """The fields with some changed, left out where empty, or added."""
    return _joined(_changed(message, changes))


def _joined(message: Iterable[tuple[str, str]]) -> str:
    return "".join([f"{tag}={value}{SOH}" for tag, value in message])


def _changed(message: Iterable[tuple[str, str]], changes: Fields) -> list[tuple[str, str]]:
    told = [(tag, changes.get(tag, value)) for tag, value in message]
    there = {tag for tag, _ in told}
    told += [(tag, value) for tag, value in changes.items() if tag not in there]
    return [field for field in told if field[1]]


def _coded(message: Iterable[tuple[str, str]], codes: Codes) -> list[tuple[str, str]]:
    """The fields with codes that the version has."""
    told = [(tag, _code(tag, value, codes) if tag in codes else value) for tag, value in message]
    return [(tag, value) for tag, value in told if value]


def _code(tag: str, value: str, codes: Codes) -> str:
    there, other = codes[tag]
    if tag == "18":
        return " ".join(code for code in value.split() if code in there)
    return value if value in there else other


def _in_42(tag: str) -> bool:
    return len(tag) < 3 or (len(tag) == 3 and tag <= LAST_TAG_42)


def _some(found: Fields, *names: str) -> Fields:
    return {tag: found[tag] for tag in names if tag in found}


def _number(found: Fields, tag: str) -> int:
    try:
        return parse_scaled(found.get(tag, "0"))
    except ValueError:
        return 0


def _is_filled(found: Fields, cum_qty: int) -> bool:
    """Whether all of the order is executed."""
    order_qty = _number(found, tags.ORDER_QTY)
    return bool(cum_qty) and (cum_qty >= order_qty if order_qty else not _number(found, tags.LEAVES_QTY))
