"""Playing a run of a transcript against an OMS, whatever connects the two.

A `Player` is the client and the venue at once. It knows what the transcript says and nothing of the OMS; a
`Transport` carries its messages: in this process, or over FIX sessions.

Lines are played in order. An I or V line is completed and sent; an E or S line takes the next message that
its side has received, and compares. So what a side receives is checked in order and without gaps, but not
against what the other side did meanwhile. After the last line nothing may be left on either side. Where a
message takes its time, receiving it waits; `settle` is called before a player looks whether anything is left.

What a scripted venue has to say (OrderQty, CumQty, LeavesQty, AvgPx, OrdStatus, OrderID) it works out for
itself, from the messages that it got and from its own executions: a V line needs to say what happened only.

A zero in the matrix's column of LastQty or LastPx is met by a report that leaves the field out: outside of
executions FIX 4.4 does not ask for it.

Raises `Mismatch`, which shows scenario, line and fields; `Unsupported` comes from the transport.
"""

import time
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Final, Protocol

from msgspec import Struct, field

from oms.conformance.transcript import (
    ABSENT,
    CLIENT_RECEIVES,
    CLIENT_SENDS,
    DIRECTIVE,
    EXEC_IDS,
    IDS,
    VENUE_SENDS,
    Line,
    Run,
    symbol,
)
from oms.fix.wire import SOH, fields, readable, utc_timestamp

Fields = dict[str, str]

NUMBERS: Final = frozenset(("6", "14", "31", "32", "38", "44", "99", "151", "152", "424", "425", "426"))
"""Prices and quantities: 50.1 is 50.10."""

ZERO_IF_ABSENT: Final = frozenset(("31", "32"))

NAMES: Final = {
    "1": "Account", "6": "AvgPx", "11": "ClOrdID", "14": "CumQty", "17": "ExecID", "18": "ExecInst",
    "19": "ExecRefID", "20": "ExecTransType", "31": "LastPx", "32": "LastQty", "35": "MsgType",
    "37": "OrderID", "38": "OrderQty", "39": "OrdStatus", "40": "OrdType", "41": "OrigClOrdID",
    "44": "Price", "54": "Side", "55": "Symbol", "58": "Text", "59": "TimeInForce", "97": "PossResend",
    "99": "StopPx", "102": "CxlRejReason", "103": "OrdRejReason", "150": "ExecType", "151": "LeavesQty",
    "152": "CashOrderQty", "378": "ExecRestatementReason", "424": "DayOrderQty", "425": "DayCumQty",
    "426": "DayAvgPx", "434": "CxlRejResponseTo", "636": "WorkingIndicator",
}  # fmt: skip

FIX42: Final = "FIX.4.2"
FIX44: Final = "FIX.4.4"


class Unsupported(Exception):
    """The transport, or the OMS behind it, has no way to do what a directive asks."""


class Transport(Protocol):
    """A client's session and a venue's session with one OMS, both logged on, and somebody at its desk.

    A text is body fields with MsgType(35) in front, each ended by SOH. PossResend(97) is a header field: it
    stands among the others, and whoever frames the message moves it.
    """

    def send_client(self, text: str) -> None:
        """The client sends."""
        ...

    def send_venue(self, text: str) -> None:
        """The venue sends."""
        ...

    def receive_client(self) -> str | None:
        """The client's next application message; None once nothing more comes."""
        ...

    def receive_venue(self) -> str | None:
        """The venue's next application message; None once nothing more comes."""
        ...

    def direct(self, words: tuple[str, ...], text: str) -> None:
        """Bring a directive about. `text` is the order of `phone`, as a client would send it; else empty.

        Raises Unsupported.
        """
        ...


class Setting(Struct, frozen=True):
    """What the transcripts leave open: an account and an instrument that every order may have."""

    account: str
    symbol: str
    side: str = "1"
    price: str = "50"
    prefix: str = ""  # of the client's ids and the venue's: makes those of one run unlike all others
    dialect: str = FIX44  # the client's
    clock: Callable[[], int] = time.time_ns


class Mismatch(AssertionError):
    """The OMS did not do what the transcript says. `rows` are (tag, expected, got).

    `others` are what was received besides and not looked at yet: (who, message).
    """

    def __init__(
        self,
        run: Run,
        line: Line | None,
        rows: list[tuple[str, str, str]],
        got: str | None,
        others: tuple[tuple[str, str], ...] = (),
    ) -> None:
        self.run = run
        self.line = line
        self.rows = rows
        self.got = got
        self.others = others
        super().__init__(self.describe())

    def brief(self) -> str:
        """In one line: when, and what differs first."""
        if self.line is None:
            return f"in the end: one message too many: 35={self.rows[0][2]}"
        what = " ".join(f"{tag}={value}" for tag, value in self.line.fields if tag in ("35", "11", "150"))
        at = f"{self.line.at} {self.line.kind} {what}"
        if not self.rows:
            waiting = [(who, fields(text)) for who, text in self.others]
            instead = [
                f", but at the {who} {' '.join(f'{t}={m[t]}' for t in ('35', '150', '58') if t in m)}"
                for who, m in waiting
            ]
            return f"{at}: nothing came" + "".join(instead[:1])
        tag, expected, got = self.rows[0]
        more = f", and {len(self.rows) - 1} more" if len(self.rows) > 1 else ""
        text = fields(self.got or "").get("58", "")
        said = f" ({text})" if text else ""
        return f"{at}: {f'{tag} {NAMES.get(tag, str())}'.strip()} is {got}, not {expected}{more}{said}"

    def texts(self) -> list[str]:
        """What was said, as Text(58), where something else should have come."""
        came = [text for _, text in self.others] + ([self.got] if self.got else [])
        return [fields(text).get("58", "") for text in came]

    def describe(self) -> str:
        """For people: where, what was expected, what came."""
        if self.line is None:
            where, said = str(self.run.path), "the scenario has ended"
        else:
            where, said = f"{self.run.path}:{self.line.number}", self.line.text
        shown = [f"{self.run.name}: {self.run.title}", where, f"    {said}"]
        if self.rows:
            shown.append(f"    {'tag':<27}{'expected':<16}got")
        for tag, expected, got in self.rows:
            shown.append(f"    {f'{tag} {NAMES.get(tag, str())}':<27}{expected:<16}{got}")
        shown.append(f"    received: {readable(self.got) if self.got else 'nothing'}")
        shown += [f"    waiting at the {who}: {readable(text)}" for who, text in self.others]
        return "\n".join(shown)


class _Execution(Struct):
    qty: Decimal
    px: Decimal


class _Working(Struct):
    """An order as the scripted venue has it."""

    order_id: str
    instrument: str
    side: str
    order_qty: Decimal
    price: Decimal
    lasting: bool  # beyond the day: done for day leaves it open
    name: str  # the symbol of its ClOrdID, which a replace changes
    state: str = "0"  # what it has come to, apart from its quantities; as OrdStatus(39)
    executions: dict[str, _Execution] = field(default_factory=dict)  # by symbol of ExecID

    @property
    def cum_qty(self) -> Decimal:
        return sum((e.qty for e in self.executions.values()), Decimal(0))

    @property
    def avg_px(self) -> Decimal:
        worth = sum((e.qty * e.px for e in self.executions.values()), Decimal(0))
        return worth / self.cum_qty if self.cum_qty else Decimal(0)

    @property
    def leaves_qty(self) -> Decimal:
        if self.state in "48CB" or (self.state == "3" and not self.lasting):
            return Decimal(0)
        return max(self.order_qty - self.cum_qty, Decimal(0))

    @property
    def ord_status(self) -> str:
        """By precedence: done for day, calculated; filled; stopped, suspended; ended; part-filled."""
        if self.state in "3B8":
            return self.state
        if self.cum_qty and self.cum_qty >= self.order_qty:
            return "2"
        if self.state != "0":
            return self.state
        return "1" if self.cum_qty else "0"


class _Sent(Struct):
    """A message of the OMS that the venue has."""

    order: _Working
    request: Fields  # the message
    orig: str = ""  # what it refers to, as a symbol
    answered: bool = False


class Player:
    """One run against one transport.

    `settle` is called before it is seen whether anything is left on either side: it returns once all has come
    that comes, and nothing is waited for after it.
    """

    def __init__(
        self, run: Run, transport: Transport, setting: Setting, settle: Callable[[], None] = lambda: None
    ) -> None:
        self.run = run
        self.transport = transport
        self.setting = setting
        self._settle = settle
        self._asked: dict[str, Fields] = {}  # the client's messages, by symbol of ClOrdID
        self._venue_ids: dict[str, str] = {}  # symbol -> the OMS's ClOrdID
        self._execs: dict[str, str] = {}  # symbol -> ExecID that the client was told
        self._venue: dict[str, _Sent] = {}
        self._had: list[str] = []  # all that the venue was sent
        self._unanswered: set[str] = set()  # the client's messages that nothing has shown to have arrived
        self._count = 0

    def play(self) -> None:
        """From the first line to the last. Raises Mismatch and Unsupported."""
        for line in self.run.lines:
            if line.kind == DIRECTIVE:
                self._direct(line)
            elif line.kind == CLIENT_SENDS:
                self._unanswered.add(symbol(line.get("11")))
                self.transport.send_client(_text(self._client_message(line)))
            elif line.kind == VENUE_SENDS:
                if self._unanswered:
                    # Two connections: what the client has sent might be overtaken.
                    self._settle()
                    self._unanswered.clear()
                self.transport.send_venue(_text(self._venue_message(line)))
            elif line.kind == CLIENT_RECEIVES:
                self._unanswered.discard(symbol(line.get("11")))
                self._check(line, self.transport.receive_client())
            else:
                self._unanswered.discard(symbol(line.get("11")))
                got = self._receive_venue()
                self._check(line, got)
                assert got is not None
                self._take_at_venue(symbol(line.get("11")), symbol(line.get("41")), fields(got))
        self._settle()
        for receive in (self.transport.receive_client, self._receive_venue):
            left = receive()
            if left is not None:
                raise self._mismatch(None, [("35", "nothing more", fields(left).get("35", ""))], left)

    def clean_up(self) -> None:
        """Have the venue cancel whatever this run has left open there, and take what comes of it.

        However the run ended: the next one is not to hear of its orders.
        """
        self._drain()
        known = {id for name, id in self._venue_ids.items() if name in self._venue}
        for text in self._had:
            found = fields(text)
            if found.get("35") not in ("D", "F", "G") or not found.get("11") or found["11"] in known:
                continue
            name, orig = f"?{found['11']}", self._symbol_at_venue(found.get("41", ""))
            if found["35"] == "D" or orig:
                known.add(found["11"])
                self._venue_ids[name] = found["11"]
                self._take_at_venue(name, orig, found)
        orders = {id(sent.order): sent.order for sent in self._venue.values()}
        for order in orders.values():
            if order.leaves_qty:
                self.transport.send_venue(_text(self._cancel(order)))
        self._drain()

    def executed(self) -> tuple[Decimal, Decimal]:
        """What the venue has executed of this run's orders: shares, and what they were worth."""
        orders = {id(sent.order): sent.order for sent in self._venue.values()}
        found = [e for order in orders.values() for e in order.executions.values()]
        return sum((e.qty for e in found), Decimal(0)), sum((e.qty * e.px for e in found), Decimal(0))

    def _drain(self) -> None:
        self._settle()
        for receive in (self.transport.receive_client, self._receive_venue):
            while receive() is not None:
                pass

    def _cancel(self, order: _Working) -> Fields:
        """The report that ends an order: as asked, if somebody waits for that."""
        asked = [
            name
            for name, sent in self._venue.items()
            if sent.order is order and sent.request["35"] == "F" and not sent.answered
        ]
        name = asked[-1] if asked else order.name
        message = self._report({"35": "8", "11": name, "150": "4"}, self._venue[name])
        message["11"] = self._venue_ids[name]
        if asked:
            message["41"] = self._venue_ids[self._venue[name].orig]
        else:
            message.pop("41", None)
        return {tag: value for tag, value in message.items() if value}

    def _symbol_at_venue(self, cl_ord_id: str) -> str:
        return next(
            (name for name, id in self._venue_ids.items() if id == cl_ord_id and name in self._venue), ""
        )

    def _receive_venue(self) -> str | None:
        got = self.transport.receive_venue()
        if got is not None:
            self._had.append(got)
        return got

    def _direct(self, line: Line) -> None:
        if line.words[0] == "phone":
            message = self._order(line, {"35": "D", **dict(line.fields)})
            self.transport.direct(line.words, _text(message))
            return
        if line.words[0] == "next":
            for sent in self._venue.values():
                if sent.order.state == "3" and sent.order.lasting:
                    sent.order.state = "0"
        self.transport.direct(line.words, "")

    # -- what is sent ----------------------------------------------------------------------------------------

    def _client_message(self, line: Line) -> Fields:
        given = dict(line.fields)
        named = given["11"]
        for tag in IDS & given.keys():
            given[tag] = self._client_id(given[tag])
        if given["35"] in "DG":
            message = self._order(line, given)
        else:
            message = given | self._instrument(given)
            if given["35"] == "F":
                message.setdefault("60", self._now())
        # A number that is used again still means the order that had it first.
        self._asked.setdefault(named, message)
        return message

    def _order(self, line: Line, given: Fields) -> Fields:
        """NewOrderSingle(D) or OrderCancelReplaceRequest(G), complete."""
        prior = self._asked.get(line.get("41"), {})
        message = {"35": given["35"], **({"11": given["11"]} if "11" in given else {})}
        message |= {"1": self.setting.account, **self._instrument(given), "60": self._now()}
        if self.setting.dialect == FIX42:
            message["21"] = "1"  # HandlInst, which 4.2 requires
        message["40"] = prior.get("40", "2")
        message["59"] = prior.get("59", "0")
        message |= given
        if message["40"] in "24":
            message.setdefault("44", prior.get("44", self.setting.price))
        return {tag: value for tag, value in message.items() if value != ABSENT}

    def _instrument(self, given: Fields) -> Fields:
        return {"55": given.get("55", self.setting.symbol), "54": given.get("54", self.setting.side)}

    def _venue_message(self, line: Line) -> Fields:
        given = dict(line.fields)
        sent = self._venue[symbol(given["11"])]
        if given["35"] == "9" or given["150"] in ("4", "5"):
            sent.answered = True
        if given["35"] == "9":
            message = self._reject(given, sent)
        else:
            message = self._report(given, sent)
        for tag in IDS & message.keys():
            if message[tag] != ABSENT:
                message[tag] = self._venue_ids[symbol(message[tag])]
        for tag in EXEC_IDS & given.keys():
            message[tag] = self._venue_exec_id(symbol(given[tag]))
        return {tag: value for tag, value in message.items() if value != ABSENT}

    def _reject(self, given: Fields, sent: _Sent) -> Fields:
        return {
            "35": "9",
            "37": sent.order.order_id,
            "39": sent.order.ord_status,
            "434": "1" if sent.request["35"] == "F" else "2",
            "102": "2",
            "60": self._now(),
            **self._orig(given),
            **given,
        }

    def _report(self, given: Fields, sent: _Sent) -> Fields:
        order = sent.order
        more = self._happen(given, sent)
        self._count += 1
        return {
            "35": "8",
            "37": order.order_id,
            "17": f"{self.setting.prefix}e{self._count}",
            "39": order.ord_status,
            "55": order.instrument,
            "54": order.side,
            "38": _number(order.order_qty),
            "14": _number(order.cum_qty),
            "151": _number(order.leaves_qty),
            "6": _number(order.avg_px),
            "60": self._now(),
            **(self._orig(given) if given["150"] in "45" else {}),
            **more,
            **given,
        }

    def _happen(self, given: Fields, sent: _Sent) -> Fields:
        """What a report says has happened to the venue's order; fields that only this kind has."""
        order = sent.order
        kind = given["150"]
        name = symbol(given.get("17", f"#{self._count + 1}"))
        if kind in "GH":
            # A venue may also contradict itself: what does not stand is not taken away.
            old = order.executions.pop(symbol(given["19"]), None)
            if kind == "H":
                return {}
            px = old.px if old is not None else order.price
            new = _Execution(Decimal(given["32"]), Decimal(given.get("31", px)))
            order.executions[name] = new
            return {"32": _number(new.qty), "31": _number(new.px)}
        if kind == "F":
            px = Decimal(given.get("31", order.price or self.setting.price))
            order.executions[name] = _Execution(Decimal(given["32"]), px)
            return {"31": _number(px)}
        if kind == "5":
            order.name = symbol(given["11"])
            order.order_qty = max(_decimal(sent.request.get("38", "")), order.cum_qty)
            order.price = _decimal(sent.request.get("44", ""))
        elif kind == "D":
            order.order_qty = Decimal(given.get("38", order.order_qty))
            if "14" in given and order.cum_qty:  # a corporate action: so many times as much, at so much less
                ratio = Decimal(given["14"]) / order.cum_qty
                for execution in order.executions.values():
                    execution.qty *= ratio
                    execution.px /= ratio
        elif kind in "34789BC":
            order.state = kind
        return {}

    def _orig(self, given: Fields) -> Fields:
        """OrigClOrdID(41) of the request that a report answers, if it answers one."""
        orig = self._venue[symbol(given["11"])].orig
        return {"41": f"v({orig})"} if orig else {}

    def _client_id(self, name: str) -> str:
        return f"{self.setting.prefix}{name}"

    def _venue_exec_id(self, name: str) -> str:
        return f"{self.setting.prefix}v{name}"

    def _now(self) -> str:
        return utc_timestamp(self.setting.clock())

    # -- what is received ------------------------------------------------------------------------------------

    def _check(self, line: Line, got: str | None) -> None:
        """Compare, and bind what is seen for the first time. Raises Mismatch."""
        if got is None:
            raise self._mismatch(line, [], None)
        found = fields(got)
        rows = []
        for tag, value in line.fields:
            expected = self._expected(line, tag, value, found)
            there = found.get(tag)
            if not _same(tag, expected, there):
                rows.append((tag, "absent" if expected is None else expected, there or "absent"))
        if rows:
            raise self._mismatch(line, rows, got)

    def _mismatch(self, line: Line | None, rows: list[tuple[str, str, str]], got: str | None) -> Mismatch:
        self._settle()
        sides = (("client", self.transport.receive_client), ("venue", self._receive_venue))
        others = tuple((who, text) for who, receive in sides for text in iter(receive, None))
        return Mismatch(self.run, line, rows, got, others)

    def _expected(self, line: Line, tag: str, value: str, found: Fields) -> str | None:
        """What a tag has to be; None if absent. An id that is new is bound to what came, if it is new too."""
        if value == ABSENT:
            return None
        if line.kind == CLIENT_RECEIVES:
            if tag in IDS:
                return self._client_id(value)
            if tag in EXEC_IDS:
                return _bound(self._execs, value, found.get(tag))
        elif tag in IDS:
            return _bound(self._venue_ids, symbol(value), found.get(tag))
        return value

    def _take_at_venue(self, name: str, orig: str, found: Fields) -> None:
        if found["35"] == "D":
            self._venue[name] = _Sent(
                _Working(
                    f"{self.setting.prefix}o{len(self._venue) + 1}",
                    found.get("55", ""),
                    found.get("54", ""),
                    _decimal(found.get("38", "")),
                    _decimal(found.get("44", "")),
                    found.get("59", "0") in ("1", "6"),
                    name,
                ),
                found,
            )
        elif found["35"] in "FG":
            self._venue[name] = _Sent(self._venue[orig].order, found, orig)


def _bound(ids: dict[str, str], name: str, came: str | None) -> str:
    """The id of a symbol; one that is new takes what came, unless that has a symbol already."""
    if name in ids:
        return ids[name]
    if not came:
        return f"an id for {name}"
    if came in ids.values():
        return f"a new id for {name}"
    ids[name] = came
    return came


def _same(tag: str, expected: str | None, got: str | None) -> bool:
    if expected is None:
        return got is None
    if got is None:
        return tag in ZERO_IF_ABSENT and expected == "0"
    if tag in NUMBERS:
        try:
            return Decimal(expected) == Decimal(got)
        except InvalidOperation:
            return False
    return expected == got


def _decimal(text: str) -> Decimal:
    """What the OMS has sent, if it is a number."""
    try:
        return Decimal(text)
    except InvalidOperation:
        return Decimal(0)


def _number(value: Decimal) -> str:
    """Without an exponent, and with at most eight places: what FIX takes."""
    text = f"{value:.8f}"
    return text.rstrip("0").rstrip(".")


def _text(message: Fields) -> str:
    """The fields as they go out, MsgType in front."""
    body = "".join(f"{tag}={value}{SOH}" for tag, value in message.items() if tag != "35")
    return f"35={message['35']}{SOH}{body}"
