"""Who may connect: the door before the acceptor. Pure sockets; it knows no QuickFIX.

QuickFIX's polled acceptor has three weaknesses before the Logon: it binds every interface, one client that
sends half a Logon freezes all sessions for up to a second at a time, and an order that shares a TCP segment
with the Logon is not read until the next byte comes. None of them can be configured away. So the door listens
instead, on the configured address:

1. A connection is accepted here and waits, without a read, until the whole Logon lies in the kernel's buffer
   (`MSG_PEEK`), within `LOGON_SECONDS` and `LOGON_BYTES`. What is not the Logon of a configured session is
   closed without a word; so is one that asks for new sequence numbers where the session's profile refuses it.
   QuickFIX, which would reset its own before anybody could say no, hears of neither. *Source:* session test
   cases 1S.c, 1S.e.
2. Exactly the Logon is taken out of the buffer and given to QuickFIX over a loopback connection made for this
   moment. QuickFIX's own listening descriptor is a dead socket at all other times: nobody but the door can
   reach it.
3. What QuickFIX answers is passed on to the client. If it hung up instead (the session is connected already),
   so does the door.
4. The client's socket takes the place of the loopback connection under the same descriptor (`dup2`). From
   here on QuickFIX reads from and writes to the client itself, with no extra hop; and whatever came with the
   Logon is still in the kernel's buffer, to be read next.

Linux only: descriptors are found through /proc.
"""

import contextlib
import logging
import os
import re
import select
import socket
import time
from collections.abc import Callable, Set
from typing import Final

log = logging.getLogger("oms.fix.door")

LOGON_SECONDS: Final = 5.0
LOGON_BYTES: Final = 4096
MAX_WAITING: Final = 512

FIX50SP2: Final = b"9"  # DefaultApplVerID(1137)

SessionTriple = tuple[str, str, str]
"""BeginString(8), SenderCompID(49), TargetCompID(56), as the client sends them."""

_START: Final = re.compile(rb"8=(FIXT?\.\d\.\d)\x019=(\d{1,5})\x01")
_FIELD: Final = re.compile(rb"([0-9]+)=([^\x01]*)\x01")


def logon_length(data: bytes) -> int | None:
    """How many bytes the Logon at the start of `data` has; None while it is not complete.

    Raises ValueError if the data cannot become a Logon.
    """
    start = _START.match(data)
    if start is None:
        if len(data) >= 32 or not b"8=FIX".startswith(data[:5]):
            raise ValueError("does not start like a FIX message")
        return None
    length = start.end() + int(start.group(2)) + len(b"10=000\x01")
    if length > LOGON_BYTES:
        raise ValueError("too long for a Logon")
    if len(data) >= start.end() + 5 and data[start.end() : start.end() + 5] != b"35=A\x01":
        raise ValueError("the first message is not a Logon")
    if len(data) < length:
        return None
    if not re.fullmatch(rb"\x0110=\d{3}\x01", data[length - 8 : length]):
        raise ValueError("BodyLength is wrong")
    return length


def identity(logon: bytes) -> SessionTriple:
    """Who the Logon says it is from, and for."""
    found = dict(reversed(_FIELD.findall(logon)))  # The first of a repeated tag, as QuickFIX reads it.
    return (
        found.get(b"8", b"").decode("ascii", "replace"),
        found.get(b"49", b"").decode("ascii", "replace"),
        found.get(b"56", b"").decode("ascii", "replace"),
    )


def speaks(logon: bytes) -> bool:
    """Whether the Logon is for a version that is spoken here: over FIXT 1.1, FIX 5.0 SP2 and no other.

    QuickFIX would take any, and then read what follows without a data dictionary.
    """
    found = dict(reversed(_FIELD.findall(logon)))
    return found.get(b"8") != b"FIXT.1.1" or found.get(b"1137") == FIX50SP2


def resets(logon: bytes) -> bool:
    """Whether the Logon asks for new sequence numbers: ResetSeqNumFlag(141)."""
    return any(tag == b"141" and value == b"Y" for tag, value in _FIELD.findall(logon))


class Door:
    """Listens for clients and hands them to QuickFIX.

    `poll` runs one turn of the acceptor. `allowed` holds the identities of the configured sessions.
    `listening_port` is the port that QuickFIX has bound: its descriptor is found by it and silenced. `watch`
    is told of every descriptor that may become readable. `refusing` are those of the sessions that may not
    ask for new sequence numbers.
    """

    def __init__(
        self,
        address: tuple[str, int],
        allowed: frozenset[SessionTriple],
        poll: Callable[[], object],
        listening_port: int,
        watch: "Watch",
        refusing: frozenset[SessionTriple] = frozenset(),
    ) -> None:
        self.allowed = allowed
        self.refusing = refusing
        self._poll = poll
        self._watch = watch
        self._waiting: dict[socket.socket, float] = {}
        self._listener = socket.create_server(address, backlog=128, reuse_port=False)
        self._listener.setblocking(False)
        self.address = self._listener.getsockname()[:2]
        watch.add(self._listener.fileno())
        self._slot = _listening_descriptor(listening_port)
        self._dead, self._dead_peer = socket.socketpair()
        os.dup2(self._dead.fileno(), self._slot)

    def wants(self, ready: Set[int]) -> bool:
        """Whether a turn may find something to do."""
        return bool(self._waiting) or self._listener.fileno() in ready

    def turn(self) -> bool:
        """Accept who knocks, look at who waits. True if anything happened."""
        busy = self._accept()
        if self._waiting:
            busy |= self._look()
        return busy

    def close(self) -> None:
        """Stop listening and hang up on who waits. Sessions that were handed over are not touched."""
        for waiting in (*self._waiting, self._listener):
            waiting.close()
        self._waiting.clear()

    def _accept(self) -> bool:
        try:
            client, peer = self._listener.accept()
        except (BlockingIOError, InterruptedError):
            return False
        except OSError as error:
            log.warning("cannot accept: %s", error)
            return False
        if len(self._waiting) >= MAX_WAITING:
            log.warning("%s: too many connections wait for a Logon", peer)
            client.close()
            return True
        client.setblocking(False)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._waiting[client] = time.monotonic() + LOGON_SECONDS
        self._watch.add(client.fileno(), select.EPOLLET)
        return True

    def _look(self) -> bool:
        busy = False
        now = time.monotonic()
        for client, deadline in list(self._waiting.items()):
            try:
                data = client.recv(LOGON_BYTES, socket.MSG_PEEK)
                length = logon_length(data) if data else 0
                if length == 0:
                    raise ValueError("hung up before the Logon")
                if length is None:
                    if now > deadline:
                        raise ValueError(f"no Logon within {LOGON_SECONDS:g} s")
                    continue
                logon = client.recv(length)
                who = identity(logon)
                if not speaks(logon):
                    raise ValueError(f"{who[1]} logs on with another DefaultApplVerID than 9, FIX 5.0 SP2")
                if who not in self.allowed:
                    raise ValueError(f"no session is configured for {who[1]} to {who[2]}, {who[0]}")
                if who in self.refusing and resets(logon):
                    raise ValueError(f"{who[1]} asks for new sequence numbers, which its profile refuses")
            except BlockingIOError:
                if now <= deadline:
                    continue
                self._refuse(client, f"no Logon within {LOGON_SECONDS:g} s")
            except (OSError, ValueError) as error:
                self._refuse(client, str(error))
            else:
                del self._waiting[client]
                self._hand_over(client, logon, who)
            busy = True
        return busy

    def _refuse(self, client: socket.socket, why: str) -> None:
        with contextlib.suppress(OSError):
            log.warning("%s refused: %s", client.getpeername(), why)
        self._waiting.pop(client, None)
        client.close()

    def _hand_over(self, client: socket.socket, logon: bytes, who: SessionTriple) -> None:
        with socket.create_server(("127.0.0.1", 0), backlog=1) as listener:
            os.dup2(listener.fileno(), self._slot)
            try:
                inner = socket.create_connection(listener.getsockname())
                inner.sendall(logon)
                taken = self._taken(inner)
            finally:
                os.dup2(self._dead.fileno(), self._slot)
        with inner:
            answer, refused = self._answer(inner) if taken is not None else (b"", True)
            if taken is None or refused:
                log.warning("%s: the session layer refused the logon", who[1])
                with contextlib.suppress(OSError):
                    client.send(answer)  # A Logout that says why.
                client.close()
                return
            try:
                client.setblocking(True)
                client.settimeout(1.0)
                client.sendall(answer)
                client.setblocking(False)
            except OSError as error:
                # QuickFIX sees the end of the inner connection and logs the session out.
                log.warning("%s went away during its logon: %s", who[1], error)
                client.close()
                return
            self._watch.drop(client.fileno())
            os.dup2(client.fileno(), taken)
            client.close()
            self._watch.add(taken)

    def _taken(self, inner: socket.socket) -> int | None:
        """Let QuickFIX accept the inner connection; the descriptor it has for it."""
        mine = inner.getsockname()
        for _ in range(4):
            self._poll()
            found = descriptor_with_peer(mine)
            if found is not None:
                return found
        return None

    def _answer(self, inner: socket.socket) -> tuple[bytes, bool]:
        """What QuickFIX answers to the Logon, and whether it hung up."""
        inner.setblocking(False)
        answer = b""
        for _ in range(8):
            self._poll()
            try:
                part = inner.recv(1 << 20)
            except BlockingIOError:
                if answer:
                    break
                continue
            except OSError:
                part = b""
            if not part:
                return answer, True
            answer += part
        return answer, not answer


def descriptor_with_peer(address: tuple[str, int]) -> int | None:
    """The descriptor of this process that is connected to `address`."""
    for fd in _socket_descriptors():
        with socket.socket(fileno=os.dup(fd)) as probe, contextlib.suppress(OSError):
            if probe.getpeername()[:2] == address:
                return fd
    return None


def _listening_descriptor(port: int) -> int:
    for fd in _socket_descriptors():
        with socket.socket(fileno=os.dup(fd)) as probe, contextlib.suppress(OSError):
            listening = probe.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
            if listening and probe.getsockname()[1] == port:
                return fd
    raise RuntimeError(f"no descriptor of this process listens on port {port}")


def _socket_descriptors() -> list[int]:
    found = []
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            if os.readlink(f"/proc/self/fd/{name}").startswith("socket:"):
                found.append(int(name))
    return found


def free_port() -> int:
    """A port that nobody listens on just now."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


NOBODY: Final[frozenset[int]] = frozenset()
"""No descriptor is readable."""


class Watch:
    """An epoll over descriptors that QuickFIX and the door own: readable if any of them is.

    A closed descriptor leaves the set by itself. `fileno()` can stand in another event loop.
    """

    def __init__(self) -> None:
        self._epoll = select.epoll()

    def add(self, fd: int, how: int = 0) -> None:
        """Watch a descriptor; again, if its number is reused."""
        try:
            self._epoll.register(fd, select.EPOLLIN | how)
        except FileExistsError:
            self._epoll.modify(fd, select.EPOLLIN | how)

    def drop(self, fd: int) -> None:
        """Watch it no more. Needed only where the descriptor is closed but lives on under another number."""
        with contextlib.suppress(OSError):
            self._epoll.unregister(fd)

    def drain(self) -> Set[int]:
        """The descriptors that are readable; what was told edge by edge is forgotten: it is looked at now."""
        ready = self._epoll.poll(0)
        return {fd for fd, _ in ready} if ready else NOBODY

    def fileno(self) -> int:
        """The descriptor of the epoll itself."""
        return self._epoll.fileno()
