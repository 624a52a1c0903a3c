"""A simulated broker's words in FIX 4.2 and 5.0 SP2. Pure: text to text; the broker itself speaks 4.4.

Written without a look at how the engine does the same, so that each is a check of the other.

    4.2      an execution is a partial fill (ExecType 1) or the fill (2); busts, corrections and answers are
             told by ExecTransType(20); the close is an order type; fewer codes, and no tag above 446
    5.0 SP2  market data say when they were last updated (779)

A broker may have the habits of another version: `bust_style` in its profile has ExecTransType in any of them.

*Source:* FIX 4.2 (errata 2001) ExecutionReport, appendix D; FIX 5.0 SP2 volumes 3 and 4.
"""

from collections.abc import Callable, Iterable
from typing import Final

from oms.core.types import ExecType, OrdStatus, OrdType, TimeInForce
from oms.fix.tags import MsgType
from oms.fix.wire import SOH, pairs, utc_timestamp
from oms.sim.profile import FIX42, FIX50SP2, BrokerProfile

Message = dict[str, str]
Writer = Callable[[str, int], str]
"""A text of a broker and the time: the text in the words of the version."""

BEGIN_STRINGS: Final = {FIX42: "FIX.4.2", "FIX.4.4": "FIX.4.4", FIX50SP2: "FIXT.1.1"}

CLOSE: Final = {"5": OrdType.MARKET, "A": OrdType.MARKET, "B": OrdType.LIMIT}
"""OrdType(40) for the close, which 4.4 has as TimeInForce(59)."""

_CLOSE_42: Final = {OrdType.MARKET: "5", OrdType.LIMIT: "B"}
_TRANS_TYPES: Final = {
    ExecType.TRADE_CANCEL: "1",
    ExecType.TRADE_CORRECT: "2",
    ExecType.ORDER_STATUS: "3",
}
_LATER_THAN_42: Final = frozenset(("636", "779", "790", "797"))
_CODES_42: Final = {
    "102": ("0123", "2"),  # CxlRejReason: broker option
    "103": ("012345678", "0"),  # OrdRejReason: broker option
    "378": ("012345", "4"),  # ExecRestatementReason: broker option
    "286": ("01", "2"),  # OpenCloseSettleFlag: expected entry
}
"""Tag -> the codes that 4.2 has of those used here, and the one that stands for all others."""


def read(version: str, message: Message) -> Message:
    """A message of the counterparty in terms of 4.4; changed in place."""
    if version != "FIX.4.4" and message.get("40") in CLOSE and message["35"] in "DG":
        message["40"] = CLOSE[message["40"]]
        message["59"] = TimeInForce.AT_CLOSE
    return message


def writer(version: str, profile: BrokerProfile) -> Writer | None:
    """How to write for a session; None where nothing has to be changed."""
    style = profile.bust_style
    by_trans_type = style == "exec_trans_type" or (style == "version" and version == FIX42)
    if version == FIX42:
        return lambda text, now_ns: _write_42(text, by_trans_type)
    if version == FIX50SP2:
        return lambda text, now_ns: _write_50sp2(text, now_ns, by_trans_type)
    return (lambda text, now_ns: _with_trans_type(text)) if by_trans_type else None


def _write_42(text: str, by_trans_type: bool) -> str:
    said = [(tag, value) for tag, value in pairs(text) if tag not in _LATER_THAN_42]
    found = dict(said)
    kind = found["35"]
    if kind == MsgType.EXECUTION_REPORT:
        found |= _report_42(found, by_trans_type)
    elif kind == MsgType.ORDER_CANCEL_REJECT and found["102"] not in _CODES_42["102"][0]:
        found["102"] = "2"
    if kind in (MsgType.MARKET_DATA_SNAPSHOT, "X"):
        # They have groups: tags repeat.
        return _joined((tag, _code_42(tag, value)) for tag, value in said)
    return _joined((tag, _code_42(tag, value)) for tag, value in found.items() if value)


def _report_42(found: Message, by_trans_type: bool) -> Message:
    exec_type, status = found["150"], found["39"]
    changed = {"20": "0"}
    if exec_type == ExecType.TRADE:
        changed["150"] = "2" if status == OrdStatus.FILLED else "1"
    elif exec_type == ExecType.ORDER_STATUS:
        changed |= {"20": "3", "150": status}
    elif exec_type in _TRANS_TYPES and by_trans_type:
        changed |= _bust(exec_type, status)
    if changed["20"] == "0":
        # They are there in all reports that bring something new.
        changed |= {"32": found.get("32", "0"), "31": found.get("31", "0")}
    if found.get("59") == TimeInForce.AT_CLOSE and found["40"] in _CLOSE_42:
        changed |= {"40": _CLOSE_42[found["40"]], "59": ""}
    return changed


def _bust(exec_type: str, status: str) -> Message:
    """A bust or a correction is about a fill: of a whole order, or of a part."""
    return {"20": _TRANS_TYPES[exec_type], "150": "2" if status == OrdStatus.FILLED else "1"}


def _write_50sp2(text: str, now_ns: int, by_trans_type: bool) -> str:
    if text.startswith("35=W\x01"):
        return f"35=W{SOH}779={utc_timestamp(now_ns)}{SOH}{text[5:]}"
    return _with_trans_type(text) if by_trans_type else text


def _with_trans_type(text: str) -> str:
    if not text.startswith("35=8\x01"):
        return text
    found = dict(pairs(text))
    if found["150"] in (ExecType.TRADE_CANCEL, ExecType.TRADE_CORRECT):
        return _joined((found | _bust(found["150"], found["39"])).items())
    return f"{text}20={_TRANS_TYPES.get(found['150'], '0')}{SOH}"


def _code_42(tag: str, value: str) -> str:
    codes = _CODES_42.get(tag)
    return value if codes is None or value in codes[0] else codes[1]


def _joined(said: Iterable[tuple[str, str]]) -> str:
    return "".join([f"{tag}={value}{SOH}" for tag, value in said])
