"""A buy-side FIX client: a QuickFIX initiator, polled, with a view of its orders of its own.

Used by the demonstration, the crash tests and the benchmarks. It survives the death of the engine: QuickFIX
connects again, both sides ask for what they missed, and the view goes on. Nothing is sent while logged off:
an order that QuickFIX keeps for later is an order that surprises somebody.

Latency is measured from just before the message is handed to QuickFIX to the first report about its ClOrdID,
into a ring of int64 that is allocated once: a measurement must not allocate while it measures.

No exception leaves a callback: QuickFIX would end the process.
"""

import contextlib
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt
import quickfix

from oms.core.types import OrdType, TimeInForce, format_scaled
from oms.fix.wire import SOH, fields, utc_timestamp
from oms.sim.client_view import ClientView, Order
from oms.sim.fix_settings import SESSIONS, settings_file
from oms.sim.gap_watch import GapWatch

DEFAULT_PORT: Final = 9878
LOGOUT_SECONDS: Final = 2.0
IDLE_SECONDS: Final = 0.000_2

_DIGITS: Final = "0123456789abcdefghijklmnopqrstuvwxyz"


class NotLoggedOn(ConnectionError):
    """The session is down: the message was not sent."""


class Client:
    """One client session.

    with Client(port=9878, sender="CLIENT1") as client:
        client.connect(timeout_s=5)
        client.send_new("AAPL", Side.BUY, qty, price=px, account="ACC-ALPHA")
    """

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = DEFAULT_PORT,
        sender: str = "CLIENT1",
        target: str = "OMS",
        *,
        settings: Path = SESSIONS / "sim-client.cfg",
        username: str = "",
        password: str = "",
        heart_bt_int: int = 30,
        reset_first_logon: bool = False,
        store_path: Path | None = None,
        log_path: Path | None = None,
        id_prefix: str | None = None,
        latency_capacity: int = 1 << 16,
    ) -> None:
        """Configure; `connect` or the first `poll` connects.

        `reset_first_logon` starts both sequence numbers from 1 with the first Logon (141=Y), not with later
        ones: what a client without a memory of its last run does. `store_path` gives it that memory. ClOrdIDs
        start with `id_prefix`, by default one that differs from start to start. Raises FileNotFoundError,
        quickfix.ConfigError.
        """
        self.sender = sender
        self.logons = 0  # how often the session came up
        self.view = ClientView()
        self.refusals: list[str] = []  # Reject(3), BusinessMessageReject(j) and Logout(5) as received
        self._prefix = f"{_base36(time.time_ns() // 1_000_000)}-" if id_prefix is None else id_prefix
        self._next_id = 1
        self._latencies: npt.NDArray[np.int64] = np.zeros(latency_capacity, dtype=np.int64)
        self._measured = 0
        self._closed = False
        self._started = False
        self._reset_first = reset_first_logon
        self._application = _Application(self, username, password)
        self._message = quickfix.Message()  # one for all: setString clears it
        values = {
            "SocketConnectHost": host,
            "SocketConnectPort": str(port),
            "SenderCompID": sender,
            "TargetCompID": target,
            "HeartBtInt": str(heart_bt_int),
        }
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
        self._initiator: Any = quickfix.SocketInitiator(*arguments)
        if reset_first_logon:
            quickfix.Session.lookupSession(self._application.session_id).setResetOnLogon(True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- the session -----------------------------------------------------------------------------------------

    @property
    def logged_on(self) -> bool:
        """Whether the session is up."""
        return self._application.logged_on

    def connect(self, timeout_s: float = 10.0, meanwhile: Callable[[], object] | None = None) -> None:
        """Poll until logged on. Raises TimeoutError, with what the other side said last."""
        if not self.wait(lambda: self.logged_on, timeout_s, meanwhile):
            raise TimeoutError(f"no logon within {timeout_s} s; refusals: {self.refusals[-3:]}")

    def poll(self) -> int:
        """One turn: receive what has come, reconnect if need be. How many application messages came."""
        if self._initiator is None:
            return 0
        self._started = True
        before = self._application.messages
        self._initiator.poll()
        if self._application.gap.waiting:
            session = quickfix.Session.lookupSession(self._application.session_id)
            if self._application.gap.is_stuck(session.getExpectedTargetNum()):
                self._send(f"35=1{SOH}112=gap{SOH}")
        return self._application.messages - before

    def wait(
        self, until: Callable[[], bool], timeout_s: float, meanwhile: Callable[[], object] | None = None
    ) -> bool:
        """Poll until something holds, resting while nothing comes. Whether it did in time.

        `meanwhile` is called once a turn, for a test that runs the other side in the same thread. There is no
        rest where it says that it did something, as a venue's `poll` does.
        """
        deadline = time.monotonic() + timeout_s
        while not until():
            if time.monotonic() > deadline:
                return False
            received = self.poll()
            done = meanwhile() if meanwhile is not None else None
            if not received and not done:
                time.sleep(IDLE_SECONDS)
        return True

    def close(self, meanwhile: Callable[[], object] | None = None) -> None:
        """Log out and disconnect. Does nothing the second time."""
        if self._closed:
            return
        self._closed = True
        if self._started:
            quickfix.Session.lookupSession(self._application.session_id).logout("the client stops")
            self.wait(lambda: not self.logged_on, LOGOUT_SECONDS, meanwhile)
            self._initiator.stop(True)
        # QuickFIX knows sessions by name, for the whole process: they end with the initiator, which must not
        # wait for a garbage collection that would take the next client's session with it.
        self._initiator = None

    # -- sending ---------------------------------------------------------------------------------------------

    @property
    def orders(self) -> dict[str, Order]:
        """Every order by its first ClOrdID; see `client_view`."""
        return self.view.orders

    def new_id(self) -> str:
        """A ClOrdID that was not used yet."""
        n = self._next_id
        self._next_id = n + 1
        return f"{self._prefix}{n}"

    def send_new(
        self,
        symbol: str,
        side: str,
        order_qty: int,
        *,
        price: int = 0,
        ord_type: str = OrdType.LIMIT,
        time_in_force: str = TimeInForce.DAY,
        account: str = "",
        cl_ord_id: str = "",
    ) -> str:
        """NewOrderSingle(D). Quantity and price in units of 1e-8. Returns its ClOrdID. Raises NotLoggedOn."""
        self._check_logged_on()
        cl_ord_id = cl_ord_id or self.new_id()
        optional = f"44={format_scaled(price)}{SOH}" if ord_type == OrdType.LIMIT else ""
        if account:
            optional += f"1={account}{SOH}"
        sent_ns = time.perf_counter_ns()
        self.view.sent_new(
            cl_ord_id,
            sent_ns,
            account=account,
            symbol=symbol,
            side=side,
            order_qty=order_qty,
            ord_type=ord_type,
            price=price,
            time_in_force=time_in_force,
        )
        self._send(
            f"35=D{SOH}11={cl_ord_id}{SOH}55={symbol}{SOH}54={side}{SOH}38={format_scaled(order_qty)}{SOH}"
            f"40={ord_type}{SOH}59={time_in_force}{SOH}60={utc_timestamp(time.time_ns())}{SOH}{optional}"
        )
        return cl_ord_id

    def send_cancel(self, orig_cl_ord_id: str, *, cl_ord_id: str = "") -> str:
        """OrderCancelRequest(F) for one of our orders. Returns its ClOrdID. Raises NotLoggedOn, KeyError."""
        self._check_logged_on()
        order = self.view.by_id[orig_cl_ord_id]
        cl_ord_id = cl_ord_id or self.new_id()
        self.view.sent_request(cl_ord_id, orig_cl_ord_id, "cancel", time.perf_counter_ns())
        self._send(
            f"35=F{SOH}11={cl_ord_id}{SOH}41={orig_cl_ord_id}{SOH}55={order['symbol']}{SOH}"
            f"54={order['side']}{SOH}38={format_scaled(order['order_qty'])}{SOH}60={utc_timestamp(time.time_ns())}{SOH}"
        )
        return cl_ord_id

    def send_replace(
        self, orig_cl_ord_id: str, order_qty: int, *, price: int = 0, cl_ord_id: str = ""
    ) -> str:
        """OrderCancelReplaceRequest(G): the new total quantity and price. Returns its ClOrdID. Raises
        NotLoggedOn, KeyError."""
        self._check_logged_on()
        order = self.view.by_id[orig_cl_ord_id]
        cl_ord_id = cl_ord_id or self.new_id()
        optional = f"44={format_scaled(price)}{SOH}" if order["ord_type"] == OrdType.LIMIT else ""
        if order["account"]:
            optional += f"1={order['account']}{SOH}"
        self.view.sent_request(cl_ord_id, orig_cl_ord_id, "replace", time.perf_counter_ns())
        self._send(
            f"35=G{SOH}11={cl_ord_id}{SOH}41={orig_cl_ord_id}{SOH}55={order['symbol']}{SOH}"
            f"54={order['side']}{SOH}38={format_scaled(order_qty)}{SOH}40={order['ord_type']}{SOH}59={order['time_in_force']}{SOH}"
            f"60={utc_timestamp(time.time_ns())}{SOH}{optional}"
        )
        return cl_ord_id

    def send_status(self, cl_ord_id: str, *, ord_status_req_id: str = "") -> None:
        """OrderStatusRequest(H) for one of our orders. Raises NotLoggedOn, KeyError."""
        self._check_logged_on()
        order = self.view.by_id[cl_ord_id]
        asked = f"790={ord_status_req_id}{SOH}" if ord_status_req_id else ""
        self._send(f"35=H{SOH}11={cl_ord_id}{SOH}55={order['symbol']}{SOH}54={order['side']}{SOH}{asked}")

    # -- latency ---------------------------------------------------------------------------------------------

    @property
    def measured(self) -> int:
        """How many latencies were measured, also those that the ring has lost."""
        return self._measured

    def latencies_ns(self) -> npt.NDArray[np.int64]:
        """A copy of the latencies in the ring, shape (min(measured, capacity),), oldest first, in ns."""
        capacity = len(self._latencies)
        if self._measured <= capacity:
            return self._latencies[: self._measured].copy()
        return np.roll(self._latencies, -(self._measured % capacity))

    def reset_latencies(self) -> None:
        """Forget what was measured: after a warm-up."""
        self._measured = 0

    # -- inside ----------------------------------------------------------------------------------------------

    def received(self, text: str) -> None:
        """Called by the application with every application message."""
        now_ns = time.perf_counter_ns()
        message = fields(text)
        if message["35"] == "j":
            self.refusals.append(text.replace(SOH, "|"))
            self.view.waiting.pop(message.get("379", ""), None)
        sent_ns = self.view.received(message)
        if sent_ns:
            self._latencies[self._measured % len(self._latencies)] = now_ns - sent_ns
            self._measured += 1

    def came(self) -> None:
        """Called by the application after a logon."""
        self.logons += 1
        if self._reset_first:
            self._reset_first = False
            quickfix.Session.lookupSession(self._application.session_id).setResetOnLogon(False)

    def _check_logged_on(self) -> None:
        if not self.logged_on:
            raise NotLoggedOn("the session is not logged on")

    def _send(self, text: str) -> None:
        self._message.setString(text, False)
        quickfix.Session.sendToTarget(self._message, self._application.session_id)


class _Application(quickfix.Application):
    """QuickFIX's callbacks and nothing else."""

    def __init__(self, client: Client, username: str, password: str) -> None:
        super().__init__()
        self._client = client
        self._username = username
        self._password = password
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
        self._guard(self._client.came)

    def onLogout(self, session_id: Any) -> None:
        self.logged_on = False
        self.gap.forget()

    def toAdmin(self, message: Any, session_id: Any) -> None:
        if self._password and message.getHeader().getField(35) == "A":
            message.setField(553, self._username)
            message.setField(554, self._password)

    def fromAdmin(self, message: Any, session_id: Any) -> None:
        header = message.getHeader()
        msg_type = header.getField(35)
        if msg_type in ("3", "5"):
            self._client.refusals.append(message.toString().replace(SOH, "|"))
        elif msg_type == "2":
            expected = quickfix.Session.lookupSession(self.session_id).getExpectedTargetNum()
            self.gap.saw_resend_request(int(header.getField(34)), expected)

    def toApp(self, message: Any, session_id: Any) -> None:
        pass

    def fromApp(self, message: Any, session_id: Any) -> None:
        self.messages += 1
        text = message.toString()
        self._guard(self._client.received, text)

    def _guard(self, call: Any, *arguments: str) -> None:
        try:
            call(*arguments)
        except Exception as error:
            self._client.view.violations.append(f"{type(error).__name__}: {error} in {arguments}")
            with contextlib.suppress(Exception):
                print(*(a.replace(SOH, "|") for a in arguments), file=sys.stderr)
                traceback.print_exc()


def _base36(number: int) -> str:
    """A short spelling of a number; of a time in milliseconds, eight characters."""
    text = ""
    while number:
        number, digit = divmod(number, 36)
        text = _DIGITS[digit] + text
    return text or "0"
