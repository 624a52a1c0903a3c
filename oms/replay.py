"""The way back after a crash: records in, the engine as it stood out. No decide, no sends.

Recovery (`recover`) folds the journal again. Two things a crash can cut in half are completed:

- *A decision.* If the last input is not followed by all of its events, it is decided again: `decide` is a
  function of the state before it, the input and its time, so that the events that are there must be the first
  of those that come out.
- *A flush.* A message that was decided but has no `MessageOut` was never sent. It is written again, character
  for character, and put into the outbox. A message that has one has a sequence number: the peer asks for it
  if it did not arrive.

A flush comes after the turn's decisions and numbers the outbox in the order of its causes. So a `MessageOut`
shows that everything up to its cause is decided and sent, and there are two ways of folding. Up to the last
cause that is known, nearly all of a journal, records are folded as fast as can be (`_Replay.take`). What
stands behind it waits, as bytes, until a later `MessageOut` covers it or the journal ends; then every message
is written and the last decision is looked at (`_Replay.finish`).

What a fold has no use for is not made on the way: the texts of messages, which the sessions' stores are given
from the bytes (`Recovered.sent`), and the books, as an order's place in its book is known from the order.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final, Union, get_args

import msgspec
from msgspec import Struct

from oms.core import commands as cmd
from oms.core import events as ev
from oms.core.fold import HANDLERS
from oms.core.price_book import PriceBook, Resting
from oms.core.state import State
from oms.fix.decode import Malformed
from oms.fix.dialect import Writer
from oms.kernel import NO_WRITERS, Ledger, Pending, decide_or_question, read_message, written


class Recovered(Struct):
    """What a journal says: where the engine stood, and what it had still to send."""

    state: State
    ledger: Ledger
    outbox: list[Pending]
    missing: list[ev.Event]  # events of the last decision that the crash kept from the journal
    sent: list[
        tuple[int, bytes]
    ]  # (sequence, `MessageOut` records from there on), as `decode_sent` reads them
    records: int
    last_seq: int


class DecisionDiffers(Exception):
    """The last input, decided again, does not lead to the events that are journaled.

    So this code is not the one that wrote them.
    """


def recover(
    records: Iterable[tuple[int, list[bytes]]],
    venues: Iterable[str],
    local: Iterable[str] = (),
    state: State | None = None,
    ledger: Ledger | None = None,
    last_seq: int = 0,
    writers: Mapping[str, Writer] = NO_WRITERS,
) -> Recovered:
    """Fold records, from the first or from a snapshot's state on, and complete what a crash cut in half.

    They come as (sequence of the first, bodies), like those of `journal.reader.scan`. The caller appends
    `missing` to the journal, in order, before anything else: `outbox` counts on their sequences.
    Raises DecisionDiffers; msgspec.ValidationError for a record of an unknown kind.
    """
    replay = _Replay(state or State(), ledger or Ledger(), writers)
    count = 0
    for first_seq, bodies in records:
        replay.take(first_seq, bodies)
        last_seq = first_seq + len(bodies) - 1
        count += len(bodies)
    outbox, missing = replay.finish(frozenset(venues), frozenset(local), last_seq + 1)
    return Recovered(replay.state, replay.ledger, outbox, missing, replay.sent, count, last_seq)


def is_message_out(body: bytes) -> bool:
    """Whether a record is a `MessageOut`, without decoding it.

    A msgpack array of up to 15 elements has one byte of header; then comes the tag.
    """
    return body[1:2] == b"\x0b"


decode_sent: Final = msgspec.msgpack.Decoder(list[ev.MessageOut]).decode
"""Messages of `Recovered.sent`. No session was reset between the first and the last of a run.

Raises msgspec.ValidationError.
"""


# -- records without their texts -----------------------------------------------------------------------------


class _In(ev.Event, frozen=True, array_like=True, gc=False, tag=10):
    session_id: str
    msg_seq_num: int


class _Out(ev.Event, frozen=True, array_like=True, gc=False, tag=11):
    session_id: str
    msg_seq_num: int
    cause_seq: int


class _Taken(ev.Event, frozen=True, array_like=True, gc=False, tag=14):
    pass


_SHORT: Final[dict[Any, Any]] = {ev.MessageIn: _In, ev.MessageOut: _Out, ev.CommandTaken: _Taken}
# What stands in an array behind the fields that a type names is passed over.
_decode: Final = msgspec.msgpack.Decoder(
    Union[tuple(_SHORT.get(kind, kind) for kind in get_args(ev.AnyEvent))]  # noqa: UP007
).decode
_read_command: Final = msgspec.json.Decoder(cmd.AnyCommand).decode


# -- books, made once at the end -----------------------------------------------------------------------------


class _NoBook(PriceBook):
    """Forgets what is put into it."""

    def add(self, resting: Resting) -> None:
        pass

    def remove(self, id: int | str) -> Resting | None:
        return None


class _NoBooks(dict[str, PriceBook]):
    """Has no book for any symbol."""

    _no_book: Final = _NoBook()

    def get(self, symbol: str, default: Any = None) -> PriceBook:
        return self._no_book

    def __missing__(self, symbol: str) -> PriceBook:
        return self._no_book


# -- the fold ------------------------------------------------------------------------------------------------


class _Replay:
    """Folds records in order, holding back what may still have to be completed."""

    __slots__ = ("cause_seq", "first_seq", "ledger", "sent", "state", "waiting", "writers")

    def __init__(self, state: State, ledger: Ledger, writers: Mapping[str, Writer]) -> None:
        self.writers = writers
        self.state = state
        self.ledger = ledger
        self.sent: list[tuple[int, bytes]] = []
        self.cause_seq = 0  # the last record that is known to be decided and sent
        self.waiting: list[bytes] = []
        self.first_seq = 0  # of those that wait
        state.books = _NoBooks()

    def take(self, first_seq: int, bodies: list[bytes]) -> None:
        """The next records."""
        waiting = self.waiting
        if not waiting:
            self.first_seq = first_seq
        waiting += bodies
        number = max(_last_cause(bodies) - self.first_seq + 1, 0)
        self._fold(self.first_seq, waiting[:number])
        del waiting[:number]
        self.first_seq += number

    def _fold(self, first_seq: int, bodies: list[bytes]) -> None:
        """What is decided and sent: the state as it stood in between is of no interest."""
        state, handlers = self.state, HANDLERS
        ledger, sessions = self.ledger, self.ledger.sessions
        cause_seq = self.cause_seq
        sent: list[bytes] = []
        sent_from = first_seq
        seqs = range(first_seq, first_seq + len(bodies))
        # Some hundreds are decoded, then folded: each loop stays in the caches.
        for seq, body, event in zip(seqs, bodies, list(map(_decode, bodies)), strict=True):
            kind = type(event)
            if kind is _Out:
                session_id = event.session_id
                numbers = sessions.get(session_id) or ledger.of(session_id)
                numbers.next_out = event.msg_seq_num + 1
                sent.append(body)
                if event.cause_seq > cause_seq:
                    cause_seq = event.cause_seq
            elif kind is _In:
                session_id = event.session_id
                numbers = sessions.get(session_id) or ledger.of(session_id)
                if event.msg_seq_num >= numbers.next_in:
                    numbers.next_in = event.msg_seq_num + 1
            elif (handler := handlers.get(kind)) is not None:
                handler(state, event)
                if kind is ev.SessionReset:
                    ledger.apply(event, seq)
                    self._keep(sent_from, sent)
                    sent, sent_from = [], seq
            elif kind is ev.SessionMoved:
                ledger.apply(event, seq)
        self._keep(sent_from, sent)
        self.cause_seq = cause_seq

    def _keep(self, first_seq: int, sent: list[bytes]) -> None:
        """Messages as one array: half the memory of as many objects, and what held them is used again."""
        if sent:
            self.sent.append((first_seq, b"\xdd" + len(sent).to_bytes(4, "big") + b"".join(sent)))

    def finish(
        self, venues: frozenset[str], local: frozenset[str], next_seq: int
    ) -> tuple[list[Pending], list[ev.Event]]:
        """Apply what is left, writing what was not sent; complete the last decision."""
        self.state.make_books()
        records = self._left()
        outbox: list[Pending] = []
        last_input = max(
            (i for i, (_, e) in enumerate(records) if type(e) in (ev.MessageIn, ev.CommandTaken)),
            default=-1,
        )
        missing: list[ev.Event] = []
        for seq, event in records[: last_input + 1]:
            self._apply(seq, event, outbox)
        if last_input >= 0:
            there = [event for _, event in records[last_input + 1 :]]
            missing = _missing(there, self._decide(records[last_input][1], venues))
        for seq, event in records[last_input + 1 :]:
            self._apply(seq, event, outbox)
        for event in missing:
            self._apply(next_seq, event, outbox)
            next_seq += 1
        # A venue of this process looks at the state for what it owes: unanswered is undone.
        return [pending for pending in outbox if pending.session_id not in local], missing

    def _left(self) -> list[tuple[int, ev.Event]]:
        """What waits, but for the messages that were sent: the ledger is through with all of it."""
        left: list[tuple[int, ev.Event]] = []
        for seq, body in enumerate(self.waiting, self.first_seq):
            event = ev.decode(body)
            self.ledger.apply(event, seq)
            if isinstance(event, ev.MessageOut):
                self._keep(seq, [body])
                self.cause_seq = max(self.cause_seq, event.cause_seq)
            else:
                left.append((seq, event))
        while left and left[0][0] <= self.cause_seq:
            self.state.apply(left.pop(0)[1])
        return left

    def _apply(self, seq: int, event: ev.Event, outbox: list[Pending]) -> None:
        self.state.apply(event)
        message = written(event, seq, self.state, self.writers)
        if message is not None:
            outbox.append(Pending(message[0], message[1], seq, event))

    def _decide(self, source: ev.Event, venues: frozenset[str]) -> list[ev.Event]:
        try:
            if isinstance(source, ev.MessageIn):
                profile = self.state.profiles.get(source.session_id)
                command = read_message(source.session_id, source.text, venues, profile)
            else:
                assert isinstance(source, ev.CommandTaken)
                command = _read_command(source.text)
        except Malformed:
            return []
        if command is None:
            return []
        return [event for event, _ in decide_or_question(self.state, command, source.at_ns)]


def _last_cause(bodies: list[bytes]) -> int:
    """What the last message among these records was sent for; 0 if there is none.

    A message of the session library's own has no cause.
    """
    for body in reversed(bodies):
        if is_message_out(body):
            event = ev.decode(body)
            assert isinstance(event, ev.MessageOut)
            if event.cause_seq:
                return event.cause_seq
    return 0


def _missing(there: list[ev.Event], expected: list[ev.Event]) -> list[ev.Event]:
    """The events of a decision that are not in the journal, which must be its last ones.

    Facts that were recorded after the decision (a session's numbers, say) show that it was complete.
    """
    decided = there[: len(expected)]
    if decided == expected:
        return []
    if there != expected[: len(there)]:
        raise DecisionDiffers(
            f"the last input leads to {expected!r}, but the journal has {there!r}:"
            " it was written by another version"
        )
    return expected[len(there) :]
