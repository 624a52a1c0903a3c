"""The hot path: an input in, a decision journaled and applied, messages out.

One input at a time: it is journaled, decided, its events are journaled and applied one by one, and what an
event sends is written as text at once (it must show the order as it stood then) and put into the outbox.
Nothing leaves here: `flush`, once per turn of the loop, numbers the outbox (one `MessageOut` per message),
commits the journal at the configured level, and only then hands the messages to their sessions.

The journal is the truth about sessions as well: `Ledger` is the fold of the records that carry sequence
numbers.

The way back after a crash is `replay`.
"""

import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Final, Protocol

import msgspec
from msgspec import Struct

from oms.core import commands as cmd
from oms.core import events as ev
from oms.core.emulation import next_due, to_expire
from oms.core.engine import decide
from oms.core.lists import undecided
from oms.core.state import State
from oms.fix import tags
from oms.fix.decode import from_client, from_venue
from oms.fix.dialect import Writer, canonical
from oms.fix.encode import Outgoing, render
from oms.fix.profile import check_tags, rewritten
from oms.fix.wire import fields

log = logging.getLogger("oms.kernel")

Clock = Callable[[], int]

MOST_EMULATED: Final = 64
"""How many emulated orders are seen to at once: at an open there may be thousands."""

_command_json: Final = msgspec.json.Encoder().encode


class Journal(Protocol):
    """What the kernel needs of the journal's writer."""

    def append(self, body: bytes) -> int:
        """Append a record; its sequence."""
        ...

    def commit(self) -> int:
        """Vouch for all that was appended, at the configured level."""
        ...


class Numbers(Struct):
    """One session's next sequence numbers, as the journal knows them."""

    next_out: int = 1
    next_in: int = 1
    first_kept: int = 0  # journal sequence of the last reset: older messages cannot be asked for


class Ledger:
    """The sequence numbers of every session: the fold of the records that carry them."""

    __slots__ = ("sessions",)

    def __init__(self, sessions: dict[str, Numbers] | None = None) -> None:
        self.sessions: dict[str, Numbers] = sessions or {}

    def of(self, session_id: str) -> Numbers:
        """A session's numbers; a session that is new starts at 1."""
        numbers = self.sessions.get(session_id)
        if numbers is None:
            numbers = self.sessions[session_id] = Numbers()
        return numbers

    def apply(self, event: ev.Event, seq: int) -> None:
        """Fold one record."""
        kind = type(event)
        if kind is ev.MessageOut:
            self.of(event.session_id).next_out = event.msg_seq_num + 1  # type: ignore[attr-defined]
        elif kind is ev.MessageIn:
            numbers = self.of(event.session_id)  # type: ignore[attr-defined]
            numbers.next_in = max(numbers.next_in, event.msg_seq_num + 1)  # type: ignore[attr-defined]
        elif kind is ev.SessionMoved:
            numbers = self.of(event.session_id)  # type: ignore[attr-defined]
            numbers.next_out = event.next_out or numbers.next_out  # type: ignore[attr-defined]
            numbers.next_in = event.next_in or numbers.next_in  # type: ignore[attr-defined]
        elif kind is ev.SessionReset:
            self.sessions[event.session_id] = Numbers(first_kept=seq)  # type: ignore[attr-defined]


LISTS_NS: Final = 2_000_000
"""For how long a turn goes on with lists of orders: a list of thousands holds nobody else up."""

NO_WRITERS: Final[Mapping[str, Writer]] = MappingProxyType({})
"""Every session speaks FIX 4.4."""


class Pending(Struct, gc=False):
    """A message in the outbox."""

    session_id: str
    text: str
    cause_seq: int
    event: ev.Event


class LocalVenue(Protocol):
    """A venue inside this process. What it answers comes back through `Kernel.on_command`."""

    def deliver(self, event: ev.Event) -> None:
        """Take a route event, and answer what can be answered at once."""

    def work(self) -> None:
        """Go on with what was delivered; called once those answers are out."""


class Kernel:
    """State, journal and outbox of one engine.

    One thread; every method returns with the state and the journal in step.
    """

    __slots__ = (
        "_append",
        "_emulating",
        "_journal",
        "_recent",
        "_working",
        "clock",
        "ledger",
        "local",
        "outbox",
        "state",
        "venues",
        "writers",
    )

    def __init__(
        self,
        state: State,
        ledger: Ledger,
        journal: Journal,
        venues: Iterable[str],
        outbox: Iterable[Pending] = (),
        clock: Clock = time.time_ns,
        writers: Mapping[str, Writer] = NO_WRITERS,
    ) -> None:
        self.state = state
        self.writers = writers
        self.ledger = ledger
        self.venues = frozenset(venues)
        self.outbox: deque[Pending] = deque(outbox)
        self.clock = clock
        # Venues inside this process take the event itself.
        self.local: dict[str, LocalVenue] = {}
        # What was sent to venues lately, since a session-level Reject names a message by its number only.
        self._recent: dict[str, deque[tuple[int, str]]] = {venue: deque(maxlen=4096) for venue in self.venues}
        self._journal = journal
        self._append = journal.append
        self._working = False
        self._emulating = False

    # -- inputs ----------------------------------------------------------------------------------------------

    def on_message(self, session_id: str, msg_seq_num: int, text: str) -> None:
        """An application message of a session.

        Raises Malformed, after journaling it, if it breaks a rule of FIX.
        """
        now_ns = self.clock()
        text = ascii_only(text)
        event = ev.MessageIn(now_ns, session_id, msg_seq_num, text)
        self.ledger.apply(event, self._append(ev.encode(event)))
        command = read_message(session_id, text, self.venues, self.state.profiles.get(session_id))
        if command is not None:
            self._carry_out(command, now_ns)
            if self.state.due:
                self.take_queued()
            if self.state.waiting.to_work:
                self.work()
            if self.state.emulated.due:
                self.emulate()
        elif session_id in self.venues:
            self.refused(session_id, fields(text))

    def refused(self, venue: str, found: dict[str, str]) -> None:
        """A venue refused the message of ours that RefSeqNum(45) names, without working it.

        What that number carried is known here only, not from the journal's record of the refusal: so it is an
        input of its own.
        """
        number = found.get(tags.REF_SEQ_NUM, "")
        sent = fields(self.sent_text(venue, int(number))) if number.isdigit() else {}
        ids = (sent.get(tags.MSG_TYPE, ""), sent.get(tags.CL_ORD_ID, ""))
        self.on_command(cmd.VenueRefusal(venue, *ids, found.get(tags.TEXT, "rejected")), venue)

    def on_command(self, command: cmd.Command, source: str) -> None:
        """An input that is not a message:

        from the paper venue, a timer, an operator, or the reference data.
        """
        now_ns = self.clock()
        self._append(ev.encode(ev.CommandTaken(now_ns, source, _command_json(command).decode())))
        self._carry_out(command, now_ns)
        if self.state.due:
            self.take_queued()
        if self.state.waiting.to_work and not self._working:
            self.work()
        if self.state.emulated.due and not self._emulating:
            self.emulate()

    def take_queued(self) -> None:
        """Requests whose turn has come, because what was before them is answered."""
        while self.state.due:
            self.on_command(cmd.TakeQueued(next(iter(self.state.due))), "queue")

    def work(self, most: int = 64) -> int:
        """Look at planned orders for which something has changed, or whose time has come.

        At most so many at once: the rest is for the next turn. How many it were.
        """
        waiting = self.state.waiting
        self._working = True
        try:
            for done in range(most):
                order_id = waiting.next(self.clock())
                if not order_id:
                    return done
                self.on_command(cmd.WorkOrder(order_id), "plan")
        finally:
            self._working = False
        return most

    def work_lists(self) -> bool:
        """Go on with lists of orders, step by step, for a while. Whether there is more to do."""
        due = self.state.lists_due
        until_ns = self.clock() + LISTS_NS
        while due:
            self.on_command(cmd.WorkList(*next(iter(due))), "list")
            if self.clock() >= until_ns:
                break
        return bool(due)

    def emulate(self) -> int:
        """Do what has to be done for emulated orders. How many they were: the rest is for the next turn."""
        self._emulating = True
        try:
            for done in range(MOST_EMULATED):
                order_id = next_due(self.state, self.clock())
                if not order_id:
                    return done
                self.on_command(cmd.Emulate(order_id), "emulation")
        finally:
            self._emulating = False
        return MOST_EMULATED

    def expire(self) -> None:
        """End the orders that we have and whose ExpireTime(126) has come."""
        for order_id in to_expire(self.state, self.clock()):
            self.on_command(cmd.Emulate(order_id), "calendar")

    def record(self, event: ev.Event) -> int:
        """Journal and apply a fact that nothing needs to be decided about. Returns its sequence."""
        seq = self._append(ev.encode(event))
        self.state.apply(event)
        self.ledger.apply(event, seq)
        return seq

    def _carry_out(self, command: cmd.Command, now_ns: int) -> None:
        state = self.state
        append = self._append
        for event, body in decide_or_question(state, command, now_ns):
            seq = append(body)
            state.apply(event)
            if type(event) is ev.OrderRouted and event.venue in self.local:
                # It gets the event: nobody would read the text.
                self.outbox.append(Pending(event.venue, "", seq, event))
                continue
            message = written(event, seq, state, self.writers)
            if message is not None:
                self.outbox.append(Pending(message[0], message[1], seq, event))

    # -- outputs ---------------------------------------------------------------------------------------------

    def flush(self, send: Callable[[str, str, int, int], None]) -> int:
        """Number, commit and send what the turn decided. Returns how many messages went out.

        `send(session_id, text, msg_seq_num, at_ns)` hands a message to its session. Venues of this process
        answer at once, and what they answer is decided, journaled and sent in the same call: first what they
        say of an order's arrival, then, once that is out, what comes of it.
        """
        sent = 0
        outbox = self.outbox
        delivered = False
        while True:
            batch: list[tuple[Pending, int, int]] = []
            now_ns = self.clock()
            while outbox:
                pending = outbox.popleft()
                if pending.session_id in self.local:
                    batch.append((pending, 0, now_ns))
                    continue
                numbers = self.ledger.of(pending.session_id)
                number = numbers.next_out
                numbers.next_out = number + 1
                self._append(
                    ev.encode(
                        ev.MessageOut(now_ns, pending.session_id, number, pending.cause_seq, pending.text)
                    )
                )
                batch.append((pending, number, now_ns))
                if pending.session_id in self.venues:
                    self._recent[pending.session_id].append((number, pending.text))
            self._journal.commit()
            for pending, number, at_ns in batch:
                if number:
                    send(pending.session_id, pending.text, number, at_ns)
                else:
                    self.local[pending.session_id].deliver(pending.event)
                    delivered = True
            sent += len(batch)
            if delivered and not outbox:
                delivered = False
                for venue in self.local.values():
                    venue.work()
            if not outbox:
                return sent

    def commit(self) -> None:
        """Vouch for what was journaled, at the configured level."""
        self._journal.commit()

    def sent_text(self, session_id: str, msg_seq_num: int) -> str:
        """A recent message to a venue by its number; empty if it is not, or no longer, known."""
        recent = self._recent.get(session_id, ())
        return next((text for number, text in recent if number == msg_seq_num), "")


def ascii_only(text: str) -> str:
    """FIX is ASCII outside its encoded fields; what is not would not survive the journal: it is escaped."""
    if text.isascii():
        return text
    return text.encode("utf-8", "surrogateescape").decode("ascii", "backslashreplace")


def decide_or_question(state: State, command: cmd.Command, now_ns: int) -> list[tuple[ev.Event, bytes]]:
    """`decide`, with each event's record; a defect of ours becomes data.

    The state is untouched by then, so the engine can go on. A message that no code can decide about, or whose
    events do not fit a record, would otherwise stop the engine again at every start.
    """
    encode = ev.encode
    try:
        return [(event, encode(event)) for event in decide(state, command, now_ns)]
    except Exception as error:
        log.exception("no decision about %r", command)
        who = getattr(command, "session_id", "") or getattr(command, "venue", "")
        # No repr: it may hold an address, and the same input must lead to the same events again.
        what = f"{type(error).__name__}: {error}"
        shown = ev.ReportQuestioned(now_ns, 0, who, "internal_error", "", what)
        return [(event, encode(event)) for event in (shown, *_denied_undecided(state, command, now_ns))]


def _denied_undecided(state: State, command: cmd.Command, now_ns: int) -> list[ev.Event]:
    """The client is not left without an answer."""
    why = ("internal_error", "it could not be decided about")
    if isinstance(command, cmd.NewOrder):
        return [
            ev.OrderDenied(
                at_ns=now_ns,
                order_id=state.next_order_id,
                session_id=command.session_id,
                cl_ord_id=command.cl_ord_id,
                account=command.account,
                symbol=command.symbol,
                side=command.side,
                order_qty=command.order_qty,
                ord_type=command.ord_type,
                price=command.price,
                time_in_force=command.time_in_force,
                reason=why[0],
                ord_rej_reason=99,
                text=why[1],
            )
        ]
    if isinstance(command, cmd.TakeQueued):
        # It must not have its turn for ever.
        waiting = state.orders[command.order_id].queued[0]
        ids = (waiting.session_id, waiting.cl_ord_id, state.orders[command.order_id].cl_ord_id)
        return [ev.RequestDenied(now_ns, command.order_id, *ids, "2", 99, *why)]
    if isinstance(command, cmd.Emulate):
        # Nor this: a person has to look at it.
        return [ev.OrderWaits(now_ns, command.order_id, "person", why[1])]
    if isinstance(command, cmd.CancelOrder | cmd.ReplaceOrder):
        order = state.find(command.session_id, command.orig_cl_ord_id)
        response_to = "1" if isinstance(command, cmd.CancelOrder) else "2"
        ids = (command.session_id, command.cl_ord_id, command.orig_cl_ord_id)
        return [ev.RequestDenied(now_ns, order.order_id if order else 0, *ids, response_to, 99, *why)]
    return undecided(command, now_ns, ": ".join(why))


def written(event: ev.Event, seq: int, state: State, writers: Mapping[str, Writer]) -> Outgoing | None:
    """The message that an event sends, as its session wants it: in its version of FIX, by its profile.

    None if it sends none.
    """
    message = render(event, seq, state)
    if message is None:
        return None
    session_id, text = message
    writer = writers.get(session_id)
    if writer is not None:
        order = state.orders.get(event.order_id) if isinstance(event, ev.OrderEvent) else None
        text = writer(text, order)
    profile = state.profiles.get(session_id)
    if profile is not None and profile.rewrite:
        text = rewritten(profile, text)
    return (session_id, text) if text else None


def read_message(
    session_id: str, text: str, venues: frozenset[str], profile: ev.ProfileDefined | None = None
) -> cmd.Command | None:
    """The command in a message, of whichever version of FIX. Raises Malformed."""
    if profile is not None and (profile.required or profile.forbidden):
        check_tags(profile, text)
    text = canonical(text)
    return from_venue(session_id, text) if session_id in venues else from_client(session_id, text)
