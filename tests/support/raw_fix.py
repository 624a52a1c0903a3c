"""FIX on a plain socket with simplefix: the other end of a session, with another codec than the engine's.

A `Peer` keeps its own sequence numbers and what it sent, over as many connections as a test makes. It does
what the session layer asks of either side: it answers TestRequest, ResendRequest and Logout, asks for what is
missing, and ignores what it has had. Every message it reads is framed, summed and checked here, byte by byte,
before simplefix splits it into fields.

Nothing runs in the background: bytes are read while a test waits for something; every wait has a time-out.
"""

import re
import select
import socket
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime

import simplefix

TIMEOUT_S = 30.0
"""For what must come. Long, since machines that test are busy; nothing waits that long unless it fails."""

ADMIN = frozenset("012345A")

Body = Mapping[int, object] | Iterable[tuple[int, object]]

_HEAD = re.compile(rb"8=(?:FIX\.4\.[24]|FIXT\.1\.1)\x019=(\d+)\x01")


class Message:
    """One message as it came: its bytes, and its fields as simplefix splits them."""

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        parser = simplefix.FixParser()
        parser.append_buffer(raw)
        self.pairs = [(int(tag), value.decode("latin-1")) for tag, value in parser.get_message().pairs]
        self._fields = dict(reversed(self.pairs))

    def __getitem__(self, tag: int) -> str:
        assert tag in self._fields, f"no tag {tag} in {self}"
        return self._fields[tag]

    def get(self, tag: int) -> str | None:
        """A field's value, None if it is not there."""
        return self._fields.get(tag)

    @property
    def type(self) -> str:
        """MsgType(35)."""
        return self[35]

    @property
    def seq(self) -> int:
        """MsgSeqNum(34)."""
        return int(self[34])

    @property
    def poss_dup(self) -> bool:
        """PossDupFlag(43)."""
        return self.get(43) == "Y"

    def body(self) -> list[tuple[int, str]]:
        """What the message says: all but header and trailer, in order."""
        return [(tag, value) for tag, value in self.pairs if tag not in (8, 9, 10, 34, 43, 49, 52, 56, 122)]

    def __str__(self) -> str:
        return self.raw.decode("latin-1").replace("\x01", "|")

    __repr__ = __str__


def frame(buffer: bytes) -> bytes | None:
    """The first whole message of `buffer`, None if there is none yet. Fails if it breaks a rule."""
    head = _HEAD.match(buffer)
    if head is None:
        assert len(buffer) < 20, f"not the start of a message: {buffer[:80]!r}"
        return None
    end = head.end() + int(head.group(1)) + 7
    if len(buffer) < end:
        return None
    raw = buffer[:end]
    assert re.search(rb"\x0110=\d{3}\x01$", raw), f"BodyLength does not lead to the CheckSum: {raw!r}"
    assert sum(raw[:-7]) % 256 == int(raw[-4:-1]), f"wrong CheckSum: {raw!r}"
    assert raw[head.end() : head.end() + 3] == b"35=", f"MsgType does not come third: {raw!r}"
    return raw


def timestamp(offset_s: float = 0.0) -> str:
    """UTCTimestamp of now, or of so many seconds later."""
    moment = datetime.fromtimestamp(time.time() + offset_s, UTC)
    return moment.strftime("%Y%m%d-%H:%M:%S.") + f"{moment.microsecond // 1000:03d}"


def pairs_of(body: Body) -> list[tuple[int, str]]:
    """A body in order, from a dict or from pairs, where a tag may repeat. None leaves a field out."""
    items = body.items() if isinstance(body, Mapping) else body
    return [(tag, str(value)) for tag, value in items if value is not None]


def encode(pairs: Iterable[tuple[int, object]]) -> bytes:
    """Fields, header included, as simplefix writes them: it adds BodyLength and CheckSum."""
    message = simplefix.FixMessage()
    for tag, value in pairs:
        message.append_pair(tag, value.encode("latin-1") if isinstance(value, str) else value)
    return bytes(message.encode())


def resummed(raw: bytes) -> bytes:
    """A message with the CheckSum that its bytes have, whatever else is wrong with it."""
    return raw[:-4] + b"%03d\x01" % (sum(raw[:-7]) % 256)


class Closed(AssertionError):
    """The other side closed the connection."""


class Peer:
    """One end of a session. `us` is its SenderCompID, `them` the engine's, `begin` its BeginString."""

    def __init__(self, us: str, them: str, begin: str = "FIX.4.4") -> None:
        self.us = us
        self.them = them
        self.begin = begin
        self.next_out = 1
        self.next_in = 1
        self.sent: dict[
            int, tuple[str, list[tuple[int, str]], str]
        ] = {}  # by MsgSeqNum: type, body, SendingTime
        self.inbox: deque[Message] = deque()  # application messages in order, not yet taken
        self.admin: list[Message] = []
        self.possible_duplicates: list[Message] = []
        self.log: list[str] = []  # both directions, for the message of a failed wait
        self.resends = True  # False: a ResendRequest is answered with one gap fill
        self.asks = True  # False: a gap is noticed and left
        self.answers = True  # False: a TestRequest is read and left
        self.is_open = False
        self._socket: socket.socket | None = None
        self._buffer = b""
        self._tests = 0
        self._logging_out = False

    # -- sending ---------------------------------------------------------------------------------------------

    def build(
        self,
        msg_type: str,
        body: Body = (),
        *,
        seq: int | None = None,
        header: Mapping[int, object] | None = None,
    ) -> bytes:
        """A message as bytes, under the next number or `seq`.

        `header` replaces or adds fields of the header; None removes one.
        """
        number = self.next_out if seq is None else seq
        fields: dict[int, object] = {
            8: self.begin,
            35: msg_type,
            49: self.us,
            56: self.them,
            34: number,
            52: timestamp(),
        }
        fields.update(header or {})
        return encode([*((t, v) for t, v in fields.items() if v is not None), *pairs_of(body)])

    def send(self, msg_type: str, body: Body = (), **how: object) -> bytes:
        """Send a message and count it, unless `seq` is given. Returns its bytes."""
        raw = self.stage(msg_type, body, **how)
        self.send_raw(raw)
        return raw

    def stage(self, msg_type: str, body: Body = (), **how: object) -> bytes:
        """Count and keep a message as if it were sent: for those that share a segment, or get lost."""
        header = {52: timestamp(), **(how.pop("header", None) or {})}  # type: ignore[dict-item]
        raw = self.build(msg_type, body, header=header, **how)  # type: ignore[arg-type]
        if how.get("seq") is None:
            self.sent[self.next_out] = (msg_type, pairs_of(body), str(header[52]))
            self.next_out += 1
        return raw

    def send_raw(self, raw: bytes) -> None:
        """Send bytes as they are."""
        assert self._socket is not None, "not connected"
        self.log.append(f"> {raw.decode('latin-1')}".replace("\x01", "|"))
        try:
            self._socket.sendall(raw)
        except OSError as error:
            self._gone()
            raise Closed(f"{error}\n{self.transcript()}") from None

    def resend(self, begin: int, end: int) -> None:
        """Answer a ResendRequest: application messages again with PossDupFlag, a gap fill over the rest."""
        last = self.next_out - 1 if end == 0 else min(end, self.next_out - 1)
        gap_from = 0
        for number in range(begin, last + 1):
            msg_type, body, sent_at = self.sent.get(number, ("0", [], ""))
            if msg_type in ADMIN or not self.resends:
                gap_from = gap_from or number
                continue
            if gap_from:
                self.fill_gap(gap_from, number)
                gap_from = 0
            self.send(msg_type, body, seq=number, header={43: "Y", 122: sent_at})
        if gap_from:
            self.fill_gap(gap_from, last + 1)

    def fill_gap(self, number: int, new_seq_no: int) -> None:
        """SequenceReset-GapFill."""
        self.send("4", {123: "Y", 36: new_seq_no}, seq=number, header={43: "Y", 122: timestamp()})

    # -- receiving -------------------------------------------------------------------------------------------

    def receive(self, timeout_s: float = TIMEOUT_S) -> Message | None:
        """The next message that counts, after doing what the session layer asks for.

        None when the time is up. Raises Closed.
        """
        deadline = time.monotonic() + timeout_s
        while True:
            raw = frame(self._buffer)
            if raw is not None:
                self._buffer = self._buffer[len(raw) :]
                message = Message(raw)
                self.log.append(f"< {message}")
                if self._counts(message):
                    return message
                continue
            wait_s = deadline - time.monotonic()
            if wait_s <= 0:
                return None
            self._read(wait_s)

    def wait(self, what: Callable[[Message], bool], timeout_s: float = TIMEOUT_S) -> Message:
        """The first message from now on that is `what`. Application messages also stay in the inbox."""
        deadline = time.monotonic() + timeout_s
        while True:
            message = self.receive(max(deadline - time.monotonic(), 0))
            if message is None:
                raise AssertionError(f"nothing of the kind within {timeout_s:g} s\n{self.transcript()}")
            if what(message):
                return message

    def wait_type(self, msg_type: str, timeout_s: float = TIMEOUT_S) -> Message:
        """The next message of a type."""
        return self.wait(lambda m: m.type == msg_type, timeout_s)

    def take(self, timeout_s: float = TIMEOUT_S) -> Message:
        """The next application message."""
        deadline = time.monotonic() + timeout_s
        while not self.inbox:
            if self.receive(max(deadline - time.monotonic(), 0)) is None:
                raise AssertionError(f"no application message within {timeout_s:g} s\n{self.transcript()}")
        return self.inbox.popleft()

    def ping(self, timeout_s: float = TIMEOUT_S) -> None:
        """TestRequest and its Heartbeat: what was sent before has been read.

        A ResendRequest in between makes our gap fill run over the TestRequest: then it is asked again.
        """
        while True:
            self._tests += 1
            name = f"ping{self._tests}"
            self.send("1", {112: name})
            if self.wait(lambda m: m.type == "2" or m.get(112) == name, timeout_s).type == "0":  # noqa: B023
                return

    def nothing_more(self) -> None:
        """No application message is left, nor on its way as far as the engine owes one by now.

        Two round trips: by the second answer the engine has finished the turn in which it read the first.
        """
        self.ping()
        self.ping()
        assert not self.inbox, f"not expected: {list(self.inbox)}"

    def wait_closed(self, timeout_s: float = TIMEOUT_S) -> list[Message]:
        """Read until the other side closes. Returns what came until then."""
        before: list[Message] = []
        deadline = time.monotonic() + timeout_s
        try:
            while time.monotonic() < deadline:
                message = self.receive(max(deadline - time.monotonic(), 0))
                if message is not None:
                    before.append(message)
        except Closed:
            return before
        raise AssertionError(f"still open after {timeout_s:g} s\n{self.transcript()}")

    def transcript(self) -> str:
        """Both directions, as far as they matter to a failure."""
        return "\n".join([f"-- {self.us} and {self.them} --", *self.log[-30:]])

    def version(self) -> list[tuple[int, object]]:
        """What a Logon says besides, of the version spoken over FIXT: DefaultApplVerID is 5.0 SP2."""
        return [(1137, 9)] if self.begin == "FIXT.1.1" else []

    # -- the connection --------------------------------------------------------------------------------------

    def adopt(self, connection: socket.socket) -> None:
        """Talk over this connection from now on."""
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.settimeout(TIMEOUT_S)
        self._socket = connection
        self._buffer = b""
        self.is_open = True
        self._logging_out = False

    def drop(self) -> None:
        """Close the connection without a word."""
        self._gone()

    def reset_connection(self) -> None:
        """Tear the connection down: a reset instead of an orderly end, and what was not read is lost."""
        assert self._socket is not None
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        self._gone()

    def log_out(self) -> Message:
        """Logout, its answer, and the end of the connection."""
        self._logging_out = True
        self.send("5")
        answer = self.wait_type("5")
        self._gone()
        return answer

    def _gone(self) -> None:
        self.is_open = False
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _read(self, wait_s: float) -> None:
        if self._socket is None:
            raise Closed(f"the connection is closed\n{self.transcript()}")
        if not select.select([self._socket], [], [], wait_s)[0]:
            return
        try:
            part = self._socket.recv(1 << 16)
        except ConnectionError:
            part = b""
        if not part:
            self._gone()
            raise Closed(f"the other side closed the connection\n{self.transcript()}")
        self._buffer += part

    # -- the session layer -----------------------------------------------------------------------------------

    def _counts(self, message: Message) -> bool:
        """Do what a message asks of the session layer. Whether it is new and in order."""
        assert (message[8], message[49], message[56]) == (self.begin, self.them, self.us), (
            f"not for us: {message}"
        )
        if message.poss_dup:
            self.possible_duplicates.append(message)
        if message.type == "4" and message.get(123) != "Y":
            self.next_in = int(message[36])
            return True
        if message.type == "A" and message.get(141) == "Y":
            self.next_in = message.seq
        if message.seq < self.next_in:
            assert message.poss_dup, f"number {message.seq} again, {self.next_in} expected: {message}"
            return False
        if message.seq > self.next_in:
            # What comes after a gap is left: it comes again with the rest.
            if message.type == "A":
                self.admin.append(message)
            if message.type == "2":
                self.resend(int(message[7]), int(message[16]))
            if message.type == "5":
                return True
            if self.asks:
                self.send("2", {7: self.next_in, 16: 0})
            return message.type == "A"
        self.next_in = int(message[36]) if message.type == "4" else message.seq + 1
        if message.type not in ADMIN:
            self.inbox.append(message)
            return True
        self.admin.append(message)
        if message.type == "1" and self.answers:
            self.send("0", {112: message[112]})
        elif message.type == "2":
            self.resend(int(message[7]), int(message[16]))
        elif message.type == "5" and not self._logging_out:
            self._logging_out = True
            try:
                self.send("5")
            except Closed:
                pass
        return True
