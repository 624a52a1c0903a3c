"""A kernel with a journal in memory, and FIX texts as they come from sessions: for the tests of crashes.

An `Office` writes down what an uncrashed life looked like: its records, and after every complete step the
number of records and the digest of the state. A crash is then nothing but a shorter list of records.
"""

import random

from oms.core import commands as cmd
from oms.core import events as ev
from oms.core.state import State
from oms.fix.decode import Malformed
from oms.fix.wire import utc_timestamp
from oms.kernel import Kernel, Ledger
from oms.paper import NAME as PAPER
from oms.paper import PaperVenue
from oms.replay import Recovered, recover
from tests.core.desk import EPOCH, LSE, REFERENCE_DATA, SESSIONS_UP, SIM, START_NS, Desk

SOH = "\x01"
VENUES = (SIM, LSE, PAPER)


class MemoryJournal:
    """The journal's writer without a file."""

    def __init__(self, records: list[bytes] | None = None) -> None:
        self.records = records if records is not None else []
        self.commits = 0

    def append(self, body: bytes) -> int:
        self.records.append(body)
        return len(self.records)

    def commit(self) -> int:
        self.commits += 1
        return len(self.records)


class Office:
    """One engine from its first record on, or from what a crash left of another's journal."""

    def __init__(self, records: list[bytes] | None = None, *, paper: bool = False, lazy: int = 0) -> None:
        self.journal = MemoryJournal(list(records or []))
        self.now_ns = START_NS
        self.steps: list[tuple[int, str]] = []  # how many records, and the digest, after each complete step
        self.sent: list[tuple[str, int, str]] = []  # session, MsgSeqNum, text
        self.numbers_in: dict[str, int] = {}
        self.found: Recovered | None = None
        self.lazy = random.Random(lazy) if lazy else None  # a seed: turns end now and then only
        if records is None:
            self.steps.append((0, State().digest()))
            self.kernel = Kernel(State(), Ledger(), self.journal, VENUES, clock=self.clock)
            for event in REFERENCE_DATA:
                self.record(event)
        else:
            self.found = found = recover([(1, records)], VENUES, (PAPER,))
            for event in found.missing:
                self.journal.append(ev.encode(event))
            self.kernel = Kernel(
                found.state, found.ledger, self.journal, VENUES, found.outbox, clock=self.clock
            )
            self.step()
            self.record(ev.EngineStarted(self.clock(), "test", 2, EPOCH))
        self.paper: PaperVenue | None = None
        if paper:
            run_id = f"{EPOCH}.{len(self.journal.records)}"
            self.paper = PaperVenue(self.kernel.state, lambda command: self.command(command, PAPER), run_id)
            self.kernel.local[PAPER] = self.paper
            self.record(ev.SessionLoggedOn(self.clock(), PAPER))
            self.paper.publish_prices()
            self.paper.restore()

    def clock(self) -> int:
        self.now_ns += 1_000_000
        return self.now_ns

    def step(self) -> None:
        """A step is complete: after a crash here nothing would be missing."""
        self.steps.append((len(self.journal.records), self.kernel.state.digest()))

    # -- inputs ----------------------------------------------------------------------------------------------

    def record(self, event: ev.Event) -> None:
        self.kernel.record(event)
        self.step()

    def command(self, command: cmd.Command, source: str = "test") -> None:
        self.kernel.on_command(command, source)
        self.step()

    def all_up(self) -> None:
        for event in SESSIONS_UP:
            assert isinstance(event, ev.SessionLoggedOn)
            self.command(cmd.LogOn(event.session_id), "session")

    def message(self, session_id: str, body: str) -> str:
        """An application message: MsgType and body fields with bars. The kind of its refusal, or nothing."""
        number = self.numbers_in[session_id] = self.numbers_in.get(session_id, 0) + 1
        now = utc_timestamp(self.now_ns)
        msg_type, _, rest = body.partition("|")
        header = f"35={msg_type}|34={number}|49={session_id}|52={now}|56=OMS|"
        text = f"8=FIX.4.4|9=0|{header}{rest}|10=000|".replace("|", SOH)
        try:
            self.kernel.on_message(session_id, number, text)
        except Malformed as error:
            return error.kind
        finally:
            self.step()
        return ""

    def work_lists(self) -> None:
        """All that lists of orders have to do."""
        while self.kernel.state.lists_due:
            self.command(cmd.WorkList(*next(iter(self.kernel.state.lists_due))), "list")

    # -- outputs ---------------------------------------------------------------------------------------------

    def flush(self) -> list[str]:
        """End the turn. What went out, in short: the session and the fields that tell messages apart."""
        self.work_lists()
        if self.lazy is not None and self.lazy.random() < 0.6:
            return []
        before = len(self.sent)
        self.kernel.flush(
            lambda session_id, text, number, at_ns: self.sent.append((session_id, number, text))
        )
        return [short(session_id, text) for session_id, _, text in self.sent[before:]]

    def say(self, session_id: str, body: str) -> list[str]:
        """One message, and what goes out because of it."""
        self.message(session_id, body)
        return self.flush()

    def next_out(self, session_id: str) -> int:
        return self.kernel.ledger.of(session_id).next_out

    def out(self) -> list[tuple[int, ev.MessageOut]]:
        """Every message that was numbered, with its place among the records."""
        events = ((n, ev.decode(body)) for n, body in enumerate(self.journal.records, 1))
        return [(n, event) for n, event in events if isinstance(event, ev.MessageOut)]


SHORT = ("35", "150", "39", "11", "41", "38", "14", "151", "32", "434", "102", "103", "58")
"""MsgType, ExecType, OrdStatus, ClOrdID, OrigClOrdID, OrderQty, CumQty, LeavesQty, LastQty, and reasons."""


def short(session_id: str, text: str) -> str:
    fields = dict(field.split("=", 1) for field in text.split(SOH) if field)
    return " ".join([session_id, *(f"{tag}={fields[tag]}" for tag in SHORT if tag in fields)])


class KernelDesk(Desk):
    """A desk behind a kernel: what is asked of it is journaled, so that a crash can be tried after any record.

    What goes out is numbered at the end of a turn, which comes now and then.
    """

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.journal = MemoryJournal()
        self.steps: list[tuple[int, str]] = [(0, State().digest())]
        self.kernel = _Stepping(State(), Ledger(), self.journal, (SIM, LSE), clock=self.clock)
        self.kernel.stepped = self.step
        super().__init__()

    def clock(self) -> int:
        return self.now_ns

    def step(self) -> None:
        self.steps.append((len(self.journal.records), self.kernel.state.digest()))

    def out(self) -> list[tuple[int, ev.MessageOut]]:
        """Every message that was numbered, with its place among the records."""
        events = ((n, ev.decode(body)) for n, body in enumerate(self.journal.records, 1))
        return [(n, event) for n, event in events if isinstance(event, ev.MessageOut)]

    def _take(self, event: ev.Event) -> None:
        self.state = self.kernel.state
        self.kernel.record(event)
        self._seen(event)
        self.step()

    def _carry_out(self, command: cmd.Command) -> list[ev.Event]:
        self.now_ns += self.tick_ns
        before = len(self.journal.records)
        self.kernel.on_command(command, "test")
        decided = [ev.decode(body) for body in self.journal.records[before:]]
        decided = [event for event in decided if not isinstance(event, ev.CommandTaken)]
        for event in decided:
            self._seen(event)
        if self.rng.random() < 0.3:
            self.flush()
        return decided

    def flush(self) -> None:
        """End the turn."""
        self.kernel.flush(lambda session_id, text, number, at_ns: None)

    def _seen(self, event: ev.Event) -> None:
        self.events.append(event)
        self.recount.feed(event)


class _Stepping(Kernel):
    """Says when an input has been dealt with."""

    __slots__ = ("stepped",)

    def _carry_out(self, command: cmd.Command, now_ns: int) -> None:
        super()._carry_out(command, now_ns)
        self.stepped()
