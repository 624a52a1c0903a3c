"""A transport for `oms.conformance.play` in this process: the real kernel, a journal in memory, no session layer.

One client, one venue, an account and an instrument whose limits are never reached. After every input the turn
ends, so what the kernel sends is there at once, and an empty queue means that nothing comes.
"""

from collections import deque

from oms.conformance.play import FIX44, Setting, Unsupported
from oms.core import commands as cmd
from oms.core import events as ev
from oms.core.state import State
from oms.core.types import SCALE, Px, Qty
from oms.fix.decode import Malformed
from oms.fix.wire import SOH, utc_timestamp
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

IN_FORCE = {("pending", "on"), ("poss_resend", "status"), ("second_request", "pass")}
"""What the engine does without being told."""


class InProcess:
    """The `Transport`. A message that breaks a rule of FIX is answered by a Reject of the test's own."""

    def __init__(self, dialect: str = FIX44) -> None:
        self.dialect = dialect  # of the client
        self.now_ns = START_NS
        self.numbers = {CLIENT: 0, VENUE: 0}
        self.received: dict[str, deque[str]] = {CLIENT: deque(), VENUE: deque()}
        self.kernel = Kernel(State(), Ledger(), MemoryJournal(), (VENUE,), clock=self.clock)
        for event in REFERENCE_DATA:
            self.kernel.record(event)
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
        if words in IN_FORCE:
            return
        name, what = words
        value = SYMBOL if what == "symbol" else ""
        if name == "halt":
            self.kernel.on_command(cmd.Halt(what, value, "jane", "review"), "operator")
        elif name == "resume":
            self.kernel.on_command(cmd.Resume(what, value, "jane", "done"), "operator")
        elif words == ("next", "day"):
            # The engine has no notion of a day yet: the clock is all there is to move.
            self.now_ns += DAY_NS
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
