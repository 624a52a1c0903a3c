"""A transport for `oms.conformance.play` in this process: the real kernel, a journal in memory, no session layer.

One client, one venue, an account and an instrument whose limits are never reached. After every input the turn
ends, so what the kernel sends is there at once, and an empty queue means that nothing comes.
"""

from collections import deque
from collections.abc import Callable

import msgspec

from oms.conformance.play import FIX44, Setting, Unsupported
from oms.core import commands as cmd
from oms.core import events as ev
from oms.core.state import State
from oms.core.types import SCALE, Px, Qty, parse_scaled
from oms.fix.decode import Malformed
from oms.fix.dialect import WRITERS
from oms.fix.wire import SOH, fields, utc_timestamp
from oms.kernel import Kernel, Ledger
from tests.core.office import MemoryJournal

CLIENT, VENUE, ACCOUNT, SYMBOL = "CLIENT", "VENUE", "ACC", "IBM"
START_NS = 1_795_357_800_000_000_000
DAY_NS = 86_400_000_000_000
PLENTY = 10**17

REFERENCE_DATA: tuple[ev.Event, ...] = (
    ev.EngineStarted(START_NS, "test", 1, "e"),
    ev.InstrumentDefined(
        START_NS, SYMBOL, "XNYS", "USD", "", SYMBOL, Qty(SCALE), ((Px(0), Px(SCALE // 100)),), Px(SCALE), 2
    ),
    ev.FirmDefined(START_NS, Qty(PLENTY), (("USD", PLENTY),), 0, VENUE, ()),
    ev.AccountDefined(START_NS, ACCOUNT, ACCOUNT, (CLIENT,), (("USD", PLENTY),), Qty(PLENTY)),
)

PROFILE: dict[str, Callable[[str], dict[str, object]]] = {
    "pending": lambda what: {"pending_reports": what == "on"},
    "poss_resend": lambda what: {"poss_resend": what},
    **{
        name: lambda what, name=name: {name: what}
        for name in ("second_request", "cl_ord_ids", "busts", "final_fill", "late_cancel")
    },
}
"""The directives that are about how the client wants to be talked to."""


class InProcess:
    """The `Transport`. A message that breaks a rule of FIX is answered by a Reject of the test's own."""

    def __init__(self, dialect: str = FIX44) -> None:
        self.dialect = dialect  # of the client
        self.now_ns = START_NS
        self.numbers = {CLIENT: 0, VENUE: 0}
        self.received: dict[str, deque[str]] = {CLIENT: deque(), VENUE: deque()}
        self.kernel = Kernel(State(), Ledger(), MemoryJournal(), (VENUE,), clock=self.clock)
        if dialect != FIX44:  # Its writer only says "triggered" in other words: see E.1.f.
            self.kernel.writers = {CLIENT: WRITERS[dialect]}
        for event in REFERENCE_DATA:
            self.kernel.record(event)
        self.profile = ev.ProfileDefined(START_NS, CLIENT, True, "status", "pass")
        for session in (CLIENT, VENUE):
            self.kernel.on_command(cmd.LogOn(session), "session")
        self.kernel.flush(self._deliver)

    def clock(self) -> int:
        self.now_ns += 1_000_000
        return self.now_ns

    def setting(self) -> Setting:
        return Setting(ACCOUNT, SYMBOL, dialect=self.dialect, clock=lambda: self.now_ns)

    # -- Transport -------------------------------------------------------------------------------------------

    def send_client(self, text: str) -> None:
        self._send(CLIENT, text)

    def send_venue(self, text: str) -> None:
        self._send(VENUE, text)

    def receive_client(self) -> str | None:
        return self._receive(CLIENT)

    def receive_venue(self) -> str | None:
        return self._receive(VENUE)

    def direct(self, words: tuple[str, ...], text: str) -> None:
        name, what = words[0], words[1] if len(words) > 1 else ""
        value = SYMBOL if what == "symbol" else ""
        if name in PROFILE:
            self.profile = msgspec.structs.replace(self.profile, **PROFILE[name](what))
            self.kernel.record(self.profile)
        elif name == "halt":
            self.kernel.on_command(cmd.Halt(what, value, "jane", "review"), "operator")
        elif name == "resume":
            self.kernel.on_command(cmd.Resume(what, value, "jane", "done"), "operator")
        elif words == ("next", "day"):
            self.now_ns += DAY_NS
            self.kernel.on_command(cmd.EndDay("jane"), "operator")
        elif name == "phone":
            found = fields(text)
            order = cmd.NewOrder(
                CLIENT, "", found["1"], found["55"], found["54"], Qty(parse_scaled(found["38"])),
                found["40"], Px(parse_scaled(found.get("44", "0"))), found.get("59", "0")
            )  # fmt: skip
            self.kernel.on_command(order, "operator jane")
        else:
            raise Unsupported(" ".join(words))
        self.kernel.flush(self._deliver)

    # -- the kernel ------------------------------------------------------------------------------------------

    def _send(self, session: str, text: str) -> None:
        number = self.numbers[session] = self.numbers[session] + 1
        begin = self.dialect if session == CLIENT else FIX44
        kind, _, body = text.partition(SOH)
        header = f"34={number}|49={session}|52={utc_timestamp(self.now_ns)}|56=OMS|".replace("|", SOH)
        try:
            self.kernel.on_message(
                session, number, f"8={begin}{SOH}9=0{SOH}{kind}{SOH}{header}{body}10=000{SOH}"
            )
        except Malformed as error:
            self.received[session].append(f"35=3{SOH}371={error.tag}{SOH}58={error}{SOH}")
        self.kernel.flush(self._deliver)

    def _receive(self, session: str) -> str | None:
        queue = self.received[session]
        return queue.popleft() if queue else None

    def _deliver(self, session: str, text: str, number: int, at_ns: int) -> None:
        self.received[session].append(text)
