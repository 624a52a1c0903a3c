"""The simulated venue on the wire: a FIX 4.4 acceptor around a `SimulatedExchange`, polled in one thread.

The session is QuickFIX's: sequence numbers, heartbeats, resends. What the counterparty misses while it is
away is kept by QuickFIX and recovered by resend when it comes back, however often it is killed; a price that
is sent again is sent as it is then, since an old price is worse than none. All prices are published after
each logon, then each one that moved, at most so many a second.

No exception leaves a callback: QuickFIX would end the process. What goes wrong with a message is counted,
printed, and the message dropped. Importing quickfix resets SIGINT to its default: `run` installs its own
handlers.
"""

import contextlib
import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final, Self

import quickfix

from oms.core.types import format_scaled
from oms.fix.wire import SOH, fields
from oms.sim.exchange import Execution, SimulatedExchange
from oms.sim.fix_settings import SESSIONS, Idle, bind_listener, settings_file
from oms.sim.gap_watch import GapWatch
from oms.sim.instruments import SimInstrument
from oms.sim.trade_file import TradeFile

DEFAULT_PORT: Final = 9880

PRICES_PER_TURN: Final = 50
"""After a logon all prices are due. This many are sent per turn, so that orders are not kept waiting."""

LOGOUT_SECONDS: Final = 2.0

_DIGITS: Final = "0123456789abcdefghijklmnopqrstuvwxyz"


class Venue:
    """The broker simulator. Use as a context manager, or call `close`.

    with Venue(instruments, port=9880, trade_file=Path("trades.csv")) as venue:
        venue.run()
    """

    def __init__(
        self,
        instruments: Iterable[SimInstrument],
        *,
        port: int = DEFAULT_PORT,
        host: str = "127.0.0.1",
        seed: int = 1,
        name: str = "SIM",
        counterparty: str = "OMS",
        settings: Path = SESSIONS / "sim.cfg",
        trade_file: Path | None = None,
        orders_file: Path | None = None,
        store_path: Path | None = None,
        log_path: Path | None = None,
        liquidity_levels: int = 5,
        steps_per_s: float = 20.0,
        prices_per_s: float = 100.0,
        spin: bool = False,
        idle_sleep_s: float = 0.000_2,
    ) -> None:
        """Configure; the first `poll` listens.

        `host` empty listens on every address. `store_path` keeps messages and sequence numbers on disk over a
        restart of the venue (its books are not kept), otherwise they are in memory. `log_path` has QuickFIX
        log every message. Raises FileNotFoundError, quickfix.ConfigError.
        """
        self._trades = TradeFile(trade_file) if trade_file is not None else None
        self._orders_file = orders_file
        self.exchange = SimulatedExchange(
            instruments,
            seed=seed,
            id_prefix=f"{name}-{_base36(time.time_ns() // 1_000_000)}-",
            liquidity_levels=liquidity_levels,
            on_execution=self._executed,
        )
        self.host, self.port = host, port
        self.stopping = False
        self._step_ns = int(1e9 / steps_per_s) if steps_per_s > 0 else 0
        self._price_ns = int(1e9 / prices_per_s) if prices_per_s > 0 else 0
        self._next_step_ns = self._next_price_ns = 0
        self._all_prices_due = False
        self._listening = False
        self._closed = False
        self._orders_wanted = False
        self._idle = Idle(sleep_s=idle_sleep_s, spin=spin)
        self._application = _Application(self)
        self._message = quickfix.Message()  # one for all: setString clears it
        values = {"SocketAcceptPort": str(port), "SenderCompID": name, "TargetCompID": counterparty}
        if store_path is not None:
            store_path.mkdir(parents=True, exist_ok=True)
            values["FileStorePath"] = str(store_path)
        if log_path is not None:
            log_path.mkdir(parents=True, exist_ok=True)
            values["FileLogPath"] = str(log_path)
        with settings_file(settings, values) as path:
            self._settings = quickfix.SessionSettings(path)
        self._store = (
            quickfix.FileStoreFactory(self._settings)
            if store_path is not None
            else quickfix.MemoryStoreFactory()
        )
        arguments = [self._application, self._store, self._settings]
        if log_path is not None:
            self._log = quickfix.FileLogFactory(self._settings)
            arguments.append(self._log)
        self._acceptor: Any = quickfix.SocketAcceptor(*arguments)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def logged_on(self) -> bool:
        """Whether the counterparty is there."""
        return self._application.logged_on

    def poll(self) -> int:
        """One turn: messages, one step of time if it is due, prices. How much it did; 0 once closed. Raises
        quickfix.ConfigError at first."""
        if self._closed:
            return 0
        if not self._listening:
            self._acceptor.poll()
            if self.host:
                bind_listener(self.port, self.host)
            self._listening = True
        before = self._application.messages
        self._acceptor.poll()
        work = self._application.messages - before
        if self._application.gap.waiting:
            self._close_gap()
        now_ns = time.monotonic_ns()
        if self._step_ns and now_ns >= self._next_step_ns:
            # What was missed is not made up for: the walk is slow, not punctual.
            self._next_step_ns = now_ns + self._step_ns
            self._application.guard(self._step)
        return work + self._publish(now_ns)

    def run(self, *, handle_signals: bool = True) -> None:
        """Poll until `stop`, or a signal where they are handled: SIGINT and SIGTERM stop, SIGUSR1 writes the
        orders file."""
        if handle_signals:
            signal.signal(signal.SIGINT, lambda *_: self.stop())
            signal.signal(signal.SIGTERM, lambda *_: self.stop())
            signal.signal(signal.SIGUSR1, lambda *_: self._want_orders())
            signal.signal(signal.SIGUSR2, lambda *_: self.stand_still())
        while not self.stopping:
            self._idle.turn(self.poll())
            if self._orders_wanted:
                self._orders_wanted = False
                self.write_orders()

    def stand_still(self) -> None:
        """Let prices walk no more: from now on only orders cause executions."""
        self._step_ns = 0

    def stop(self) -> None:
        """Let `run` return."""
        self.stopping = True

    def close(self) -> None:
        """Log out, stop listening, write the orders file. Does nothing the second time."""
        if self._closed:
            return
        self._closed = True
        if self._listening:
            session = quickfix.Session.lookupSession(self._application.session_id)
            session.logout("the simulator stops")
            deadline = time.monotonic() + LOGOUT_SECONDS
            while self.logged_on and time.monotonic() < deadline:
                self._acceptor.poll()
                time.sleep(0.001)
            self._acceptor.stop(True)
        # QuickFIX knows sessions by name, for the whole process: they end with the acceptor, which must not
        # wait for a garbage collection that would take the next venue's session with it.
        self._acceptor = None
        self.write_orders()
        if self._trades is not None:
            self._trades.close()

    def write_orders(self, path: Path | None = None) -> None:
        """Write every order as the venue sees it, as JSON. The file appears whole or not at all."""
        path = path or self._orders_file
        if path is None:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(path.name + ".new")
        draft.write_text(json.dumps(self.exchange.dump(), indent=1), "utf-8")
        os.replace(draft, path)

    # -- called by the application ---------------------------------------------------------------------------

    def received(self, text: str) -> None:
        """Work an application message and send what it causes."""
        self._send(self.exchange.handle(fields(text), time.time_ns()))

    def counterparty_came(self) -> None:
        """All prices are due."""
        self.exchange.stats["logons"] += 1
        self.exchange.publish_all()
        self._all_prices_due = True

    # -- inside ----------------------------------------------------------------------------------------------

    def _close_gap(self) -> None:
        session = quickfix.Session.lookupSession(self._application.session_id)
        if self._application.gap.is_stuck(session.getExpectedTargetNum()):
            self.exchange.stats["gaps_provoked"] += 1
            self._send([f"35=1{SOH}112=gap{SOH}"])

    def _want_orders(self) -> None:
        # A signal may arrive in the middle of a message: what is written between two turns is of one piece.
        self._orders_wanted = True

    def _step(self) -> None:
        self._send(self.exchange.step(time.time_ns()))

    def _publish(self, now_ns: int) -> int:
        exchange = self.exchange
        if not self.logged_on or not exchange.unpublished:
            return 0
        if self._all_prices_due:
            sent = self._send(exchange.take_prices(PRICES_PER_TURN))
            self._all_prices_due = exchange.unpublished > 0
            return sent
        if not self._price_ns or now_ns < self._next_price_ns:
            return 0
        self._next_price_ns = now_ns + self._price_ns
        return self._send(exchange.take_prices(1))

    def _send(self, reports: list[str]) -> int:
        for report in reports:
            self._message.setString(report, False)
            quickfix.Session.sendToTarget(self._message, self._application.session_id)
        return len(reports)

    def _executed(self, execution: Execution) -> None:
        if self._trades is not None:
            self._trades.write(execution)


class _Application(quickfix.Application):
    """QuickFIX's callbacks and nothing else."""

    def __init__(self, venue: Venue) -> None:
        super().__init__()
        self._venue = venue
        self.session_id: Any = None
        self.logged_on = False
        self.messages = 0
        self.gap = GapWatch()

    def onCreate(self, session_id: Any) -> None:
        # The argument dies with the callback: keep a copy.
        self.session_id = quickfix.SessionID(
            session_id.getBeginString().getValue(),
            session_id.getSenderCompID().getValue(),
            session_id.getTargetCompID().getValue(),
        )

    def onLogon(self, session_id: Any) -> None:
        self.logged_on = True
        self.guard(self._venue.counterparty_came)

    def onLogout(self, session_id: Any) -> None:
        self.logged_on = False
        self.gap.forget()

    def toAdmin(self, message: Any, session_id: Any) -> None:
        pass

    def fromAdmin(self, message: Any, session_id: Any) -> None:
        header = message.getHeader()
        if header.getField(35) == "2":
            expected = quickfix.Session.lookupSession(self.session_id).getExpectedTargetNum()
            self.gap.saw_resend_request(int(header.getField(34)), expected)

    def toApp(self, message: Any, session_id: Any) -> None:
        header = message.getHeader()
        if header.isSetField(43) and header.getField(35) == "W":
            self.guard(self._bring_up_to_date, message)

    def _bring_up_to_date(self, message: Any) -> None:
        """A price that is sent again is sent as it is now.

        DoNotSend would say so more plainly, but each one leaks its traceback, and with it every frame below.
        """
        entry = quickfix.Group(268, 269)
        message.getGroup(1, entry)
        entry.setField(270, format_scaled(self._venue.exchange.prices.px[message.getField(55)]))
        message.replaceGroup(1, entry)

    def fromApp(self, message: Any, session_id: Any) -> None:
        self.messages += 1
        text = message.toString()
        self.guard(self._venue.received, text)

    def guard(self, call: Any, *arguments: Any) -> None:
        """Call, and let no exception out."""
        try:
            call(*arguments)
        except Exception:
            self._venue.exchange.stats["exceptions"] += 1
            with contextlib.suppress(Exception):
                print(*(str(a).replace(SOH, "|") for a in arguments), file=sys.stderr)
                traceback.print_exc()


def _base36(number: int) -> str:
    """A short spelling of a number; of a time in milliseconds, eight characters."""
    text = ""
    while number:
        number, digit = divmod(number, 36)
        text = _DIGITS[digit] + text
    return text or "0"
