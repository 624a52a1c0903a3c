"""From a journal directory to a running state: snapshot, then the tail, then what was cut in half.

A snapshot holds the state and the sessions' numbers at one sequence, as JSON. It is only a short cut: any
damage to it is passed over, and the journal from its first record gives the same.
"""

import gc
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from oms.core import events as ev
from oms.core.state import State
from oms.fix.dialect import Writer
from oms.journal import snapshot
from oms.journal.errors import JournalError
from oms.journal.reader import scan
from oms.kernel import NO_WRITERS, Kernel, Ledger, Numbers
from oms.replay import Recovered, decode_sent, is_message_out, recover


class SnapshotBody(Struct):
    """What a snapshot file holds."""

    ledger: dict[str, Numbers]
    state: msgspec.Raw


_encode: Final = msgspec.json.Encoder(order="deterministic").encode
_decode: Final = msgspec.json.Decoder(SnapshotBody).decode
_decode_message: Final = msgspec.msgpack.Decoder(ev.MessageOut).decode


def take_snapshot(directory: Path, kernel: Kernel, last_seq: int) -> Path:
    """Write the kernel's state as it is after record `last_seq`.

    The outbox must be empty: a snapshot owes nobody a message.
    """
    if kernel.outbox:
        raise RuntimeError("a snapshot needs an empty outbox")
    body = _encode(SnapshotBody(kernel.ledger.sessions, msgspec.Raw(kernel.state.dump())))
    path = snapshot.write(directory, last_seq, body)
    snapshot.prune(directory)
    return path


def records(directory: Path, from_seq: int = 1) -> Iterator[tuple[int, bytes]]:
    """Every record as (sequence, body)."""
    for first, bodies in scan(directory, from_seq):
        yield from enumerate(bodies, first)


def from_snapshot(directory: Path, last_seq: int | None = None) -> tuple[State, Ledger, int]:
    """State and numbers of the newest snapshot that holds, and its sequence; empty and 0 if there is none."""
    found = snapshot.latest(directory, at_most=last_seq)
    if found is None:
        return State(), Ledger(), 0
    seq, body = found
    held = _decode(body)
    return State.load(bytes(held.state)), Ledger(held.ledger), seq


class Timed(Struct):
    """A recovery and how long it took."""

    recovered: Recovered
    from_snapshot: int  # its sequence; 0 if there was none
    seconds: float


def recover_directory(
    directory: Path,
    venues: Iterable[str],
    local: Iterable[str],
    last_seq: int,
    writers: Mapping[str, Writer] = NO_WRITERS,
) -> Timed:
    """Recover from the newest snapshot that holds and the records after it.

    The writer has opened the journal before.
    """
    started = time.perf_counter()
    # Everything that is made here stays: collecting garbage meanwhile finds none and doubles the time.
    gc.disable()
    try:
        state, ledger, from_seq = from_snapshot(directory, last_seq)
        recovered = recover(scan(directory, from_seq + 1), venues, local, state, ledger, from_seq, writers)
    except msgspec.ValidationError as error:
        raise JournalError(f"{directory}: a record that this program cannot read: {error}") from None
    finally:
        gc.enable()
    return Timed(recovered, from_seq, time.perf_counter() - started)


def sent_messages(directory: Path, timed: Timed) -> dict[str, dict[int, ev.MessageOut]]:
    """What every session may be asked for again since its last reset: session -> MsgSeqNum -> message.

    What was replayed is at hand, as bytes; what lies before the snapshot is read here.
    """
    sessions = timed.recovered.ledger.sessions
    sent: dict[str, dict[int, ev.MessageOut]] = {}

    def keep(seq: int, message: ev.MessageOut) -> None:
        if seq >= sessions[message.session_id].first_kept:
            sent.setdefault(message.session_id, {})[message.msg_seq_num] = message

    try:
        if timed.from_snapshot:
            first = min((numbers.first_kept for numbers in sessions.values()), default=0)
            for seq, body in records(directory, max(first, 1)):
                if seq > timed.from_snapshot:
                    break
                if is_message_out(body):
                    keep(seq, _decode_message(body))
        for seq, messages in timed.recovered.sent:
            for message in decode_sent(messages):
                keep(seq, message)
    except msgspec.ValidationError as error:
        raise JournalError(f"{directory}: a record that this program cannot read: {error}") from None
    return sent
