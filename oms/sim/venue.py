"""The simulated brokers on the wire: one FIX acceptor for the sessions of a `House`, polled in one thread.

The sessions are QuickFIX's: sequence numbers, heartbeats, resends. Every broker has one for its orders, in
its version of FIX, and one for drop copies if it has such; several may share a port. What a counterparty
misses while it is away is kept by QuickFIX and recovered by resend when it comes back, however often it is
killed; a price that is sent again is sent as it is then, since an old price is worse than none.

No exception leaves a callback: QuickFIX would end the process. What goes wrong with a message is counted,
printed, and the message dropped. Importing quickfix resets SIGINT to its default: `run` installs its own
handlers.
"""

import contextlib
import json
import os
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final, Self

import quickfix

from oms.core.types import format_scaled
from oms.fix.wire import SOH, fields
from oms.sim.acceptor_settings import Dictionaries, SessionSpec, settings_text
from oms.sim.broker import Broker, Cut
from oms.sim.dialect import read, writer
from oms.sim.exchange import Exchange
from oms.sim.fix_settings import SESSIONS, Idle, bind_listener
from oms.sim.gap_watch import GapWatch
from oms.sim.house import House
from oms.sim.instruments import SimInstrument
from oms.sim.profile import FIX44, BrokerProfile, ExchangeProfile

LOGOUT_SECONDS: Final = 2.0
SECOND_NS: Final = 1_000_000_000

_GROUPS: Final = (f"35=W{SOH}262=", f"35=X{SOH}", f"35=W{SOH}779=")
"""How texts begin that have repeating groups: QuickFIX sorts by tag what it is not told to keep together."""

_TRAILER: Final = f"10=000{SOH}"
"""Without a field behind it QuickFIX loses the last entry of a group."""


def wall_clock() -> Callable[[], int]:
    """Nanoseconds since 1970 that never jump: a monotonic clock that was set once."""
    begin_ns = time.time_ns() - time.monotonic_ns()
    return lambda: begin_ns + time.monotonic_ns()


class Link:
    """One session: which broker it belongs to, and how to send over it."""

    def __init__(self, spec: SessionSpec, broker: Broker, *, copies: bool = False) -> None:
        self.spec = spec
        self.broker = broker
        self.copies = copies  # the drop copy session
        self.up = False
        self.gap = GapWatch()
        self.cut: Cut | None = None  # the session is to end
        self.write = writer(spec.version, broker.profile)
        self.session: Any = None
        self.dictionary: Any = None
        self._message = quickfix.Message()  # one for all: setString clears it

    def send(self, text: str, now_ns: int) -> None:
        """Send a text of the broker's."""
        if self.write is not None:
            text = self.write(text, now_ns)
        if text.startswith(_GROUPS):
            self._message.setString(text + _TRAILER, False, self.dictionary, self.dictionary)
        else:
            self._message.setString(text, False)
        self.session.send(self._message)


class Venue:
    """The broker simulator. Use as a context manager, or call `close`.

    with Venue(instruments, {"SIM": BrokerProfile(port=9880)}) as venue:
        venue.run()
    """

    def __init__(
        self,
        instruments: Iterable[SimInstrument],
        brokers: Mapping[str, BrokerProfile],
        exchanges: Mapping[str, ExchangeProfile] | None = None,
        *,
        host: str = "127.0.0.1",
        seed: int = 1,
        settings: Path = SESSIONS / "sim.cfg",
        orders_file: Path | None = None,
        store_path: Path | None = None,
        log_path: Path | None = None,
        spin: bool = False,
        idle_sleep_s: float = 0.000_2,
        clock: Callable[[], int] | None = None,
    ) -> None:
        """Configure; the first `poll` listens.

        `host` empty listens on every address. `store_path` keeps orders, messages and sequence numbers over a
        restart, otherwise they are in memory. `log_path` has QuickFIX log every message. Raises
        FileNotFoundError, ValueError for a store that cannot be read, quickfix.ConfigError.
        """
        self.clock = clock if clock is not None else wall_clock()
        if store_path is not None:
            store_path.mkdir(parents=True, exist_ok=True)
        self.house = House(instruments, brokers, exchanges, seed=seed, now_ns=self.clock(), store=store_path)
        self.host = host
        self.stopping = False
        self.errors = 0
        self.on_turn: Callable[[int], object] | None = None  # called once a turn, with the time
        self._orders_file = orders_file
        self._listening = False
        self._closed = False
        self._orders_wanted = False
        self._idle = Idle(sleep_s=idle_sleep_s, spin=spin)
        self.links = {link.spec.key: link for link in _links(self.house)}
        self._all = list(self.links.values())
        self._exchanges = list(self.house.exchanges.values())
        self._busy = [link for link in self.links.values() if not link.copies]
        self._only = self._busy[0] if len(self.links) == 1 else None
        self._application = _Application(self)
        self._folder = tempfile.TemporaryDirectory(prefix="oms-sim-")
        if len(self.links) > 1:
            self.house.schedule.at(self.clock() + SECOND_NS, self._tick)
        self._acceptor: Any = self._make_acceptor(settings, store_path, log_path)
        for link in self.links.values():
            session_id = (link.spec.begin_string, link.spec.sender, link.spec.target)
            link.session = quickfix.Session.lookupSession(quickfix.SessionID(*session_id))

    def _make_acceptor(self, settings: Path, store_path: Path | None, log_path: Path | None) -> Any:
        values = {}
        for name, path in (("FileStorePath", store_path), ("FileLogPath", log_path)):
            if path is not None:
                path.mkdir(parents=True, exist_ok=True)
                values[name] = str(path)
        folder = Path(self._folder.name)
        dictionaries = Dictionaries(folder)
        specs = [link.spec for link in self.links.values()]
        file = folder / "sessions.cfg"
        file.write_text(settings_text(settings.read_text("utf-8"), specs, dictionaries, values), "utf-8")
        self._settings = quickfix.SessionSettings(str(file))
        made = {v: quickfix.DataDictionary(str(dictionaries.path(v))) for v in {s.version for s in specs}}
        for link in self.links.values():
            link.dictionary = made[link.spec.version]
        self._store = (
            quickfix.FileStoreFactory(self._settings)
            if store_path is not None
            else quickfix.MemoryStoreFactory()
        )
        arguments = [self._application, self._store, self._settings]
        if log_path is not None:
            self._log = quickfix.FileLogFactory(self._settings)
            arguments.append(self._log)
        return quickfix.SocketAcceptor(*arguments)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- looking ---------------------------------------------------------------------------------------------

    @property
    def broker(self) -> Broker:
        """The first broker."""
        return self._busy[0].broker

    @property
    def exchange(self) -> Exchange:
        """The first broker's exchange."""
        return self.broker.exchange

    @property
    def logged_on(self) -> bool:
        """Whether any counterparty is there."""
        return any(link.up for link in self.links.values())

    @property
    def ports(self) -> list[int]:
        """Where it listens."""
        return sorted({link.spec.port for link in self.links.values()})

    def is_logged_on(self, broker: str) -> bool:
        """Whether a broker's counterparty is there."""
        return any(link.up and link.broker.name == broker for link in self._busy)

    # -- running ---------------------------------------------------------------------------------------------

    def poll(self) -> int:
        """One turn: messages, what is due, prices. How much it did; 0 once closed. Raises
        quickfix.ConfigError at first."""
        if self._closed:
            return 0
        if not self._listening:
            self._acceptor.poll()
            if self.host:
                for port in self.ports:
                    bind_listener(port, self.host)
            self._listening = True
        before = self._application.messages
        self._acceptor.poll()
        work = self._application.messages - before
        now_ns = self.clock()
        if now_ns >= self.house.schedule.next_ns or self._is_wanted():
            work += self._application.guard(self._turn, now_ns)
        return work

    def run(self, *, handle_signals: bool = True) -> None:
        """Poll until `stop`, or a signal where they are handled: SIGINT and SIGTERM stop, SIGUSR1 writes the
        orders file, SIGUSR2 lets prices stand still."""
        if handle_signals:
            signal.signal(signal.SIGINT, lambda *_: self.stop())
            signal.signal(signal.SIGTERM, lambda *_: self.stop())
            signal.signal(signal.SIGUSR1, lambda *_: self._want_orders())
            signal.signal(signal.SIGUSR2, lambda *_: self.house.stand_still())
        while not self.stopping:
            self._idle.turn(self.poll())
            if self._orders_wanted:
                self._orders_wanted = False
                self.write_orders()

    def stop(self) -> None:
        """Let `run` return."""
        self.stopping = True

    def close(self) -> None:
        """Log out, stop listening, write the orders file. Does nothing the second time."""
        if self._closed:
            return
        self._closed = True
        if self._listening:
            for link in self.links.values():
                link.session.logout("the simulator stops")
            deadline = time.monotonic() + LOGOUT_SECONDS
            while self.logged_on and time.monotonic() < deadline:
                self._acceptor.poll()
                time.sleep(0.001)
            self._acceptor.stop(True)
        # QuickFIX knows sessions by name, for the whole process: they end with the acceptor, which must not
        # wait for a garbage collection that would take the next venue's session with it.
        for link in self.links.values():
            link.session = link.dictionary = None
        self._acceptor = None
        self._folder.cleanup()
        self.write_orders()
        self.house.close()

    def write_orders(self, path: Path | None = None) -> None:
        """Write every order as its broker sees it, as JSON. The file appears whole or not at all."""
        path = path or self._orders_file
        if path is None:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(path.name + ".new")
        draft.write_text(json.dumps(self.house.dump(), indent=1), "utf-8")
        os.replace(draft, path)

    # -- called by the application ---------------------------------------------------------------------------

    def received(self, key: str, text: str) -> None:
        """Work an application message and send what it causes."""
        now_ns = self.clock()
        link = self._only
        if link is not None:
            self.send(link, link.broker.handle(self._read(link, text), now_ns, text), now_ns)
            return
        link = self.links[key]
        if link.copies:
            return  # Nothing is asked there.
        self.send(link, link.broker.handle(self._read(link, text), now_ns, text), now_ns)
        self.flush(now_ns)

    def logged(self, link: Link, up: bool) -> None:
        """A counterparty has come or gone."""
        link.up = up
        if not up:
            link.gap.forget()
        if link.copies:
            return
        if up:
            self.house.came(link.broker)
        else:
            self.house.left(link.broker)

    def flush(self, now_ns: int) -> int:
        """Send what is in the outboxes. How much that was."""
        sent = 0
        for link in self.links.values():
            broker = link.broker
            if link.copies:
                if broker.copies:
                    texts, broker.copies = broker.copies, []
                    sent += self.send(link, texts, now_ns)
            elif broker.outbox:
                sent += self.send(link, broker.take(), now_ns)
        return sent

    def send(self, link: Link, outbox: list[Any], now_ns: int) -> int:
        """Send what a broker says over a session, and end it where it is to end."""
        if link.cut is not None:
            link.broker.outbox[:0] = outbox
            return 0
        sent = 0
        for sent, what in enumerate(outbox, start=1):
            if what.__class__ is not str:
                # The rest is for when the session has ended.
                link.cut = what
                link.broker.outbox[:0] = outbox[sent:]
                break
            link.send(what, now_ns)
        return sent

    # -- inside ----------------------------------------------------------------------------------------------

    @staticmethod
    def _read(link: Link, text: str) -> dict[str, str]:
        message = fields(text)
        return message if link.spec.version == FIX44 else read(link.spec.version, message)

    def _is_wanted(self) -> bool:
        """Whether there is more to do in a turn than what has its time."""
        if self.on_turn is not None:
            return True
        for exchange in self._exchanges:
            if exchange.touched:
                return True
        for link in self._all:
            broker = link.broker
            if (
                broker.feed.moved
                or link.gap.waiting
                or link.cut is not None
                or broker.outbox
                or broker.copies
            ):
                return True
        return False

    def _turn(self, now_ns: int) -> int:
        for link in self._busy:
            if link.cut is not None:
                self._cut(link, link.cut, now_ns)
        self.house.turn(now_ns)
        if self.on_turn is not None:
            self.on_turn(now_ns)
        for link in self._busy:
            if link.up and link.broker.feed.moved and link.broker.profile.prices:
                self.house.publish(link.broker, now_ns)
        for link in self._all:
            if link.gap.waiting:
                self._close_gap(link, now_ns)
        return self.flush(now_ns)

    def _tick(self, now_ns: int) -> None:
        """Once a second: heartbeats and time-outs of every session, however busy the others are."""
        now = quickfix.UtcTimeStamp()
        for link in self.links.values():
            if link.up:
                link.session.next(now)
        self.house.schedule.at(now_ns + SECOND_NS, self._tick)

    def _cut(self, link: Link, cut: Cut, now_ns: int) -> None:
        """End a session. Never in a callback: QuickFIX would go on with a connection that is gone."""
        link.cut = None
        link.broker.stats["disconnects"] += 1
        if cut.how == "drop":
            link.session.disconnect()
        # A session that is logged out takes no logon until it is told to.
        link.session.logout("the broker ends the session")
        self.house.schedule.at(now_ns + cut.for_ms * 1_000_000, self._come_back, link)

    def _come_back(self, link: Link, now_ns: int) -> None:
        if not self._closed:
            link.session.logon()

    def _close_gap(self, link: Link, now_ns: int) -> None:
        if link.gap.is_stuck(link.session.getExpectedTargetNum()):
            link.broker.stats["gaps_provoked"] += 1
            link.send(f"35=1{SOH}112=gap{SOH}", now_ns)

    def _want_orders(self) -> None:
        # A signal may arrive in the middle of a message: what is written between two turns is of one piece.
        self._orders_wanted = True


def _links(house: House) -> Iterable[Link]:
    """The sessions of all brokers."""
    for name, broker in house.brokers.items():
        p = broker.profile
        yield Link(SessionSpec(p.version, name, p.target, p.port, p.reset_on_logon), broker)
        if p.drop_copy:
            version, port = p.drop_copy_version or p.version, p.drop_copy_port or p.port
            yield Link(SessionSpec(version, name, p.drop_copy, port, p.reset_on_logon), broker, copies=True)


class _Application(quickfix.Application):
    """QuickFIX's callbacks and nothing else."""

    def __init__(self, venue: Venue) -> None:
        super().__init__()
        self._venue = venue
        self._only = venue._only is not None
        self.messages = 0

    def _link(self, session_id: Any) -> Link:
        return self._venue.links[session_id.toString()]

    def onCreate(self, session_id: Any) -> None:
        pass

    def onLogon(self, session_id: Any) -> None:
        self.guard(self._venue.logged, self._link(session_id), True)

    def onLogout(self, session_id: Any) -> None:
        self.guard(self._venue.logged, self._link(session_id), False)

    def toAdmin(self, message: Any, session_id: Any) -> None:
        pass

    def fromAdmin(self, message: Any, session_id: Any) -> None:
        header = message.getHeader()
        if header.getField(35) == "2":
            link = self._link(session_id)
            link.gap.saw_resend_request(int(header.getField(34)), link.session.getExpectedTargetNum())

    def toApp(self, message: Any, session_id: Any) -> None:
        header = message.getHeader()
        if header.isSetField(43) and header.getField(35) == "W":
            self.guard(self._bring_up_to_date, message, self._link(session_id))

    def _bring_up_to_date(self, message: Any, link: Link) -> None:
        """A reference price that is sent again is sent as it is now.

        DoNotSend would say so more plainly, but each one leaks its traceback, and with it every frame below.
        """
        if message.isSetField(262):
            return  # It answers a request, and increments were built on it.
        entry = quickfix.Group(268, 269)
        message.getGroup(1, entry)
        entry.setField(270, format_scaled(link.broker.exchange.prices.px[message.getField(55)]))
        message.replaceGroup(1, entry)

    def fromApp(self, message: Any, session_id: Any) -> None:
        self.messages += 1
        key = "" if self._only else session_id.toString()
        self.guard(self._venue.received, key, message.toString())

    def guard(self, call: Callable[..., int | None], *arguments: Any) -> int:
        """Call, and let no exception out. What it returned; 0 for none."""
        try:
            return call(*arguments) or 0
        except Exception:
            self._venue.errors += 1
            with contextlib.suppress(Exception):
                print(*(str(a).replace(SOH, "|") for a in arguments), file=sys.stderr)
                traceback.print_exc()
            return 0
