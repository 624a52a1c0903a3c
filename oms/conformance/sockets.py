"""A transport for the player over FIX sessions: we are the clients of an OMS, and the venue it connects to.

QuickFIX is polled in the caller's thread. No data dictionary is used: what the OMS says is compared with the
transcripts as it is, and what a transcript says is sent as it is.

Waiting: a message that must come is waited for, `timeout_s` at most. That nothing more comes is asked by
`settle`, which does not wait for a time but for answers: a TestRequest on every session of the run, and its
Heartbeat, which FIX puts behind everything that was sent before. Two rounds, since what the OMS reads in the
first may make it write elsewhere; then `grace_s` for an OMS that hands over between threads.

Sequence numbers: a client session starts anew with ResetSeqNumFlag, unless its settings say otherwise. The
venue cannot ask for that. It takes the OMS's number whatever it is, since what was sent before is not of
interest; its own goes on from the last time, as far as `numbers` knows, or from what the OMS says it expects.
One that is too high only makes the OMS ask for what it missed, and that is a gap.

No exception leaves a callback: QuickFIX would end the process.
"""

import contextlib
import errno
import itertools
import json
import os
import re
import socket
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final, Self

import quickfix

from oms.conformance.play import Unsupported
from oms.conformance.settings import LOOPBACK, OWN_KEYS, USUAL, ClientSession, Section, Target, VenueSession
from oms.fix.wire import SOH, fields, readable, utc_timestamp
from oms.sim.fix_settings import Idle, bind_listener

Ask = Callable[[dict[str, Any]], dict[str, Any]]
"""A question to whoever is at the OMS's desk; the answer is {"ok": true}, or {"ok": false, "error": ...}."""

TIMEOUT_S: Final = 2.0
GRACE_S: Final = 0.005
CONNECT_S: Final = 15.0
LOGOUT_S: Final = 1.0

_PROBE_S: Final = 3.0
_BARRIER_S: Final = 10.0
_JUMP: Final = 10_000

_DEFAULTS: Final = {
    "NonStopSession": "Y",
    "UseDataDictionary": "N",
    "HeartBtInt": "30",
    "CheckLatency": "N",
    "SocketNodelay": "Y",
    "SocketReuseAddress": "Y",
    "ReconnectInterval": "1",
    "LogonTimeout": "5",
    "LogoutTimeout": "2",
    "DefaultApplVerID": "FIX.5.0SP2",  # read for FIXT.1.1 only
}

_NOT_BODY: Final = re.compile(r"(?:^|(?<=\x01))(?:8|9|10|34|43|49|50|52|56|57|115|122|128)=[^\x01]*\x01")
_EXPECTED: Final = re.compile(r"expect\w*\D*(\d+)", re.I)
_PHONED: Final = {
    "account": "1", "symbol": "55", "side": "54", "qty": "38", "price": "44", "time_in_force": "59",
}  # fmt: skip
"""What a person who takes an order by phone writes down, and where it stands in a message."""

_OF_THE_SESSION: Final = frozenset(USUAL)


class Absent(Exception):
    """There is no OMS where the settings say, or it does not let us in. One line."""


class Lost(Exception):
    """A session ended in the middle of a run."""


class Link:
    """One FIX session, and what came over it and was not taken yet."""

    def __init__(self, section: Section) -> None:
        self.section = section
        self.name = section["SenderCompID"]
        self.is_venue = section["ConnectionType"] == "acceptor"
        self.resets = section.get("ResetOnLogon") == "Y"
        self.inbox: deque[str] = deque()
        self.up = False
        self.said = ""  # the last thing the OMS gave as a reason: for leaving, or for not letting us in
        self.heard = ""  # TestReqID(112) of the last Heartbeat
        self.missed = False  # whether the OMS has asked for what it missed, since a TestRequest
        self.next_out = 1  # at the next logon, unless numbers are reset
        self.key = f"{section['BeginString']}:{section['SenderCompID']}->{section['TargetCompID']}"
        self._message = quickfix.Message()
        self._session: Any = None

    @property
    def session(self) -> Any:
        """QuickFIX's session."""
        if self._session is None:
            names = (self.section[key] for key in ("BeginString", "SenderCompID", "TargetCompID"))
            self._session = quickfix.Session.lookupSession(quickfix.SessionID(*names))
        return self._session

    def prepare(self) -> None:
        """For the next logon: any number of theirs will do; ours is `next_out`."""
        if not self.resets:
            self.session.setNextTargetMsgSeqNum(1)
            self.session.setNextSenderMsgSeqNum(self.next_out)

    def send(self, text: str) -> None:
        """Send a message."""
        self._message.setString(text, False)
        self.session.send(self._message)

    def forget_session(self) -> None:
        """Before QuickFIX's session ends."""
        self._session = None


class Sockets:
    """All sessions with one OMS. A context manager: leaving it logs out."""

    def __init__(self, target: Target, *, timeout_s: float = TIMEOUT_S, grace_s: float = GRACE_S) -> None:
        """Configure; `connect` connects. Raises Absent."""
        self.target = target
        self.timeout_s = timeout_s
        self.grace_s = grace_s
        self.clients = {client.name: Link(_complete(client.section)) for client in target.clients}
        self.venues = {venue.name: Link(_complete(venue.section)) for venue in target.venues}
        self.links = (*self.clients.values(), *self.venues.values())
        self._numbers = _read_numbers(target.numbers)
        self._tests = itertools.count(1)
        self._priced: dict[str, str] = {}  # symbol -> what a venue has said of it
        self._idle = Idle()
        self._application = _Application({link.key: link for link in self.links})
        self._listening = False
        for venue in target.venues:
            _need_free_port(venue.section)
        self._store = quickfix.MemoryStoreFactory()
        self._settings = [
            _quickfix_settings(sections)
            for sections in (
                [link.section for link in links.values()] for links in (self.clients, self.venues)
            )
        ]
        arguments = [(self._application, self._store, settings) for settings in self._settings]
        self._initiator: Any = quickfix.SocketInitiator(*arguments[0])
        self._acceptor: Any = quickfix.SocketAcceptor(*arguments[1])
        for link in self.links:
            link.next_out = self._numbers.get(link.key, 1)
            link.prepare()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- sessions --------------------------------------------------------------------------------------------

    def connect(self, timeout_s: float = CONNECT_S) -> None:
        """Log on everywhere, and take no notice of what the OMS still has to say of earlier days.

        Raises Absent.
        """
        if not self._listening:
            self._acceptor.poll()
            for address, port in {_listens(link.section) for link in self.venues.values()}:
                if address != "0.0.0.0":
                    bind_listener(port, address)
            self._listening = True
        for host, number in {_where(link.section) for link in self.clients.values()}:
            _need_listener(host, number)
        deadline = time.monotonic() + timeout_s
        while True:
            if not self.wait(lambda: all(link.up for link in self.links), deadline - time.monotonic()):
                raise Absent("; ".join(self._missing(link) for link in self.links if not link.up))
            try:
                self.settle(self.links)
                break
            except Lost as error:
                # An OMS that does not like our number is there, but not for long.
                if time.monotonic() > deadline:
                    raise Absent(str(error)) from None
        for link in self.links:
            link.inbox.clear()

    def _missing(self, link: Link) -> str:
        said = f", which says: {link.said}" if link.said else ""
        them = link.section["TargetCompID"]
        if link.is_venue:
            here = link.section["SocketAcceptPort"]
            return f"{them} has not logged on to its venue {link.name}, which is here on port {here}{said}"
        host, port = _where(link.section)
        return f"{link.name} could not log on to {them} at {host}:{port}{said}"

    def poll(self) -> None:
        """One turn: callbacks run in here."""
        self._initiator.poll()
        self._acceptor.poll()

    def wait(self, until: Callable[[], bool], timeout_s: float) -> bool:
        """Poll until something holds. Whether it did in time."""
        deadline = time.monotonic() + timeout_s
        while True:
            before = self._application.events
            self.poll()
            if until():
                return True
            if time.monotonic() > deadline:
                return False
            self._idle.turn(self._application.events - before)

    def settle(self, links: Iterable[Link]) -> None:
        """Return once everything has come that the OMS has to say by now. Raises Lost."""
        links = tuple(links)
        for _ in range(2):
            name = f"kit{next(self._tests)}"
            for link in links:
                self.need(link)
                self._test(link, name)
            for link in links:
                self._hear(link, name)
        if self.grace_s:
            self.wait(lambda: False, self.grace_s)

    def _hear(self, link: Link, name: str) -> None:
        """Wait for the answer to a TestRequest. Raises Lost."""
        deadline = time.monotonic() + _BARRIER_S
        while link.heard != name:
            self.wait(lambda: link.heard == name or not link.up or link.missed, deadline - time.monotonic())
            self.need(link)
            if link.missed:
                # The TestRequest has become part of the gap.
                self._test(link, name)
            elif link.heard != name:
                raise Lost(f"{link.name}: no answer to a TestRequest within {_BARRIER_S:g} s")

    def _test(self, link: Link, name: str) -> None:
        link.missed = False
        link.send(f"35=1{SOH}112={name}{SOH}")

    def need(self, link: Link) -> None:
        """Raises Lost if a session is down."""
        if not link.up:
            them = link.section["TargetCompID"]
            raise Lost(
                f"{them} has ended the session with {link.name}" + (f": {link.said}" * bool(link.said))
            )

    def publish(self, venue: Link, symbol: str, price: str) -> None:
        """Have a venue say what an instrument is worth, if that is wanted and was not said last.

        Raises Lost.
        """
        if self.target.publishes and self._priced.get(symbol) != price:
            self._priced[symbol] = price
            # QuickFIX's dictionary of 5.0 SP2 asks for LastUpdateTime, that of 4.4 does not know it here.
            new = venue.section["BeginString"].startswith("FIXT")
            time_of_it = f"779={utc_timestamp(time.time_ns())}{SOH}" if new else ""
            venue.send(
                f"35=W{SOH}55={symbol}{SOH}268=1{SOH}269=2{SOH}270={price}{SOH}271=100{SOH}{time_of_it}"
            )
            self.settle((venue,))  # orders come another way: it must be known before them

    def close(self) -> None:
        """Log out, keep the numbers, stop. Does nothing the second time."""
        if self._initiator is None:
            return
        for link in self.links:
            if link.up:
                link.session.logout("the conformance kit is done")
        if self._listening:
            self.wait(lambda: not any(link.up for link in self.links), LOGOUT_S)
        for link in self.links:
            self._numbers[link.key] = link.session.getExpectedSenderNum()
            link.forget_session()
        _write_numbers(self.target.numbers, self._numbers)
        if self._listening:
            self._initiator.stop(True)
            self._acceptor.stop(True)
        # QuickFIX knows sessions by name, for the whole process: they end with these.
        self._initiator = self._acceptor = None


class Wire:
    """The `Transport` of one run: a client's session, a venue's, and perhaps somebody at the OMS's desk."""

    def __init__(
        self, sockets: Sockets, client: ClientSession, venue: VenueSession, symbol: str, ask: Ask | None
    ) -> None:
        self.sockets = sockets
        self.client = sockets.clients[client.name]
        self.venue = sockets.venues[venue.name]
        self.session = client
        self.symbol = symbol
        self.ask = ask
        self._settled = False
        self._halts: list[str] = []

    def send_client(self, text: str) -> None:
        """See `Transport`. Raises Lost."""
        self._send(self.client, text)

    def send_venue(self, text: str) -> None:
        """See `Transport`. Raises Lost."""
        self._send(self.venue, text)

    def receive_client(self) -> str | None:
        """See `Transport`. Waits, but not after `settle`. Raises Lost."""
        return self._receive(self.client)

    def receive_venue(self) -> str | None:
        """See `Transport`. Waits, but not after `settle`. Raises Lost."""
        return self._receive(self.venue)

    def settle(self) -> None:
        """Whatever comes has come: until something is sent, receiving does not wait. Raises Lost."""
        if not self._settled:
            self.sockets.settle((self.client, self.venue))
            self._settled = True

    def direct(self, words: tuple[str, ...], text: str) -> None:
        """See `Transport`: by the operator, but for what the session was chosen for. Raises Unsupported."""
        name, what = words[0], words[1]
        if name in _OF_THE_SESSION:
            if self.session.profile[name] != what:
                raise Unsupported(f"{self.session.name} has {name} {self.session.profile[name]}")
            return
        self.settle()  # whoever is at the desk acts after what was sent, not before
        question: dict[str, Any] = {"do": name, "who": "conformance", "why": "a transcript says so"}
        if name in ("halt", "resume"):
            question |= {"scope": what, "value": self.symbol if what == "symbol" else ""}
        elif name == "next":
            question["do"] = "next_day"
        else:
            order = fields(text)
            question |= {"session": self.session.name, "text": readable(text)}
            question |= {name: order.get(tag, "") for name, tag in _PHONED.items()}
        self._operate(" ".join(words), question)
        if name == "halt":
            self._halts.append(what)
        elif name == "resume" and what in self._halts:
            self._halts.remove(what)
        self._settled = False

    def lift(self) -> None:
        """Lift what this run has halted and left so. Raises Unsupported."""
        for what in tuple(self._halts):
            self.direct(("resume", what), "")

    def _operate(self, what: str, question: dict[str, Any]) -> None:
        if self.ask is None:
            raise Unsupported(f"{what}: nobody is at the desk of the OMS")
        try:
            answer = self.ask(question)
        except OSError as error:
            raise Unsupported(f"{what}: nobody is at the desk of the OMS: {error}") from None
        if not answer.get("ok"):
            raise Unsupported(f"{what}: {answer.get('error', 'refused')}")

    def _send(self, link: Link, text: str) -> None:
        self.sockets.need(link)
        self._settled = False
        link.send(text)

    def _receive(self, link: Link) -> str | None:
        if not link.inbox and not self._settled:
            self.sockets.wait(lambda: bool(link.inbox) or not link.up, self.sockets.timeout_s)
        if not link.inbox:
            self.sockets.need(link)
        return link.inbox.popleft() if link.inbox else None


class _Application(quickfix.Application):
    """QuickFIX's callbacks and nothing else."""

    def __init__(self, links: dict[str, Link]) -> None:
        super().__init__()
        self._links = links
        self.events = 0

    def onCreate(self, session_id: Any) -> None:
        pass

    def onLogon(self, session_id: Any) -> None:
        self.events += 1
        link = self._links[session_id.toString()]
        link.up = True
        link.heard = ""

    def onLogout(self, session_id: Any) -> None:
        self.events += 1
        link = self._links[session_id.toString()]
        link.up = False
        expected = _EXPECTED.search(link.said)
        if expected:
            link.next_out = int(expected[1])
        elif link.heard:
            link.next_out = link.session.getExpectedSenderNum()
        else:
            # Not let in, or not for long: if that was for a number too low, a higher one will do.
            link.next_out += _JUMP
        link.prepare()

    def toAdmin(self, message: Any, session_id: Any) -> None:
        link = self._links[session_id.toString()]
        if link.section.get("Password") and message.getHeader().getField(35) == "A":
            message.setField(553, link.section.get("Username", ""))
            message.setField(554, link.section["Password"])

    def fromAdmin(self, message: Any, session_id: Any) -> None:
        self.events += 1
        link = self._links[session_id.toString()]
        text = message.toString()
        found = fields(text)
        kind = found["35"]
        if kind == "0":
            link.heard = found.get("112", link.heard)
        elif kind == "2":
            link.missed = True
        elif kind == "3":
            link.inbox.append(_NOT_BODY.sub("", text))
        elif kind == "5":
            link.said = found.get("58", "no reason given")
        elif kind == "A":
            link.said = ""
            if not link.resets and found.get("141") != "Y":
                link.session.setNextTargetMsgSeqNum(int(found["34"]))

    def toApp(self, message: Any, session_id: Any) -> None:
        pass

    def fromApp(self, message: Any, session_id: Any) -> None:
        self.events += 1
        self._links[session_id.toString()].inbox.append(_NOT_BODY.sub("", message.toString()))


# -- settings and numbers ------------------------------------------------------------------------------------


def _complete(section: Section) -> Section:
    more = {"ResetOnLogon": "Y"} if section["ConnectionType"] == "initiator" else {"ResetOnLogon": "N"}
    return {**_DEFAULTS, **more, **section}


def _quickfix_settings(sections: list[Section]) -> Any:
    """QuickFIX reads settings only from a file: give it one."""
    with tempfile.NamedTemporaryFile("w", suffix=".cfg", delete=False) as file:
        for section in sections:
            file.write("[SESSION]\n")
            file.writelines(f"{key}={value}\n" for key, value in section.items() if key not in OWN_KEYS)
    try:
        return quickfix.SessionSettings(file.name)
    finally:
        os.unlink(file.name)


def _where(section: Section) -> tuple[str, int]:
    return section["SocketConnectHost"], int(section["SocketConnectPort"])


def _need_listener(host: str, port: int) -> None:
    try:
        socket.create_connection((host, port), _PROBE_S).close()
    except OSError as error:
        why = os.strerror(error.errno) if error.errno else str(error)
        raise Absent(f"{host}:{port}: no OMS listens here ({why})") from None


def _listens(section: Section) -> tuple[str, int]:
    return section.get("ListenAddress", LOOPBACK), int(section["SocketAcceptPort"])


def _need_free_port(section: Section) -> None:
    address, port = _listens(section)
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
            probe.listen(1)
        except OSError as error:
            why = "somebody else listens here" if error.errno == errno.EADDRINUSE else error.strerror
            raise Absent(f"port {port}, where the OMS is to find its venue: {why}") from None


def _read_numbers(path: Path | None) -> dict[str, int]:
    if path is None:
        return {}
    try:
        found = json.loads(path.read_text())
        return {str(key): int(value) for key, value in found.items()}
    except (OSError, ValueError, AttributeError):
        return {}  # the OMS will say what it expects


def _write_numbers(path: Path | None, numbers: dict[str, int]) -> None:
    if path is None:
        return
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(numbers, indent=1) + "\n")
