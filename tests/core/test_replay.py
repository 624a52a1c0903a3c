"""The replay against a second one that is written for plainness: one record after the other, all kept.

Also what of a journal on disk is given back to the sessions, with and without a snapshot.
"""

import random
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from oms.core import commands as cmd
from oms.core import events as ev
from oms.core.state import State
from oms.fix.decode import Malformed
from oms.fix.encode import render
from oms.journal.errors import JournalError
from oms.journal.writer import JournalWriter
from oms.kernel import Kernel, Ledger, Numbers, Pending, decide_or_question, read_message
from oms.paper import NAME as PAPER
from oms.recovery import Timed, recover_directory, sent_messages, take_snapshot
from oms.replay import DecisionDiffers, Recovered, decode_sent, recover
from tests.core.desk import ALPHA, LSE, SIM, Desk, book_lines
from tests.core.life import live_on
from tests.core.office import VENUES, KernelDesk, MemoryJournal
from tests.core.test_kernel import a_day, a_paper_day, check_recovery

DAY = a_day().journal.records
DAYS = {
    "turns of one decision and of several": DAY,
    "few turns": a_day(lazy=1).journal.records,
    "other turns": a_day(lazy=2).journal.records,
    "a venue inside": a_paper_day().journal.records,
}

Sent = dict[str, dict[int, ev.MessageOut]]


def one_by_one(
    records: list[bytes], state: State, ledger: Ledger, last_seq: int = 0
) -> tuple[Recovered, Sent]:
    """The same as `recover`, by the definition, and the messages sent since each session's last reset."""
    events = list(enumerate(map(ev.decode, records), last_seq + 1))
    sent: Sent = {}
    for seq, event in events:
        ledger.apply(event, seq)
        if isinstance(event, ev.MessageOut):
            sent.setdefault(event.session_id, {})[event.msg_seq_num] = event
        elif isinstance(event, ev.SessionReset):
            sent.pop(event.session_id, None)
    covered = max((event.cause_seq for _, event in events if isinstance(event, ev.MessageOut)), default=0)
    events = [(seq, event) for seq, event in events if not isinstance(event, ev.MessageOut)]
    inputs = [seq for seq, event in events if isinstance(event, ev.MessageIn | ev.CommandTaken)]
    outbox: list[Pending] = []
    missing: list[ev.Event] = []
    next_seq = last_seq + len(records) + 1

    def fold(seq: int, event: ev.Event) -> None:
        state.apply(event)
        message = render(event, seq, state) if seq > covered else None
        if message is not None and message[0] != PAPER:
            outbox.append(Pending(*message, seq, event))

    for at, (seq, event) in enumerate(events):
        fold(seq, event)
        if inputs and seq == inputs[-1] > covered:
            there = [event for _, event in events[at + 1 :]]
            expected = decided(event, state)
            if there[: len(expected)] != expected:
                if expected[: len(there)] != there:
                    raise DecisionDiffers
                missing = expected[len(there) :]
    for event in missing:
        fold(next_seq, event)
        next_seq += 1
    found = Recovered(state, ledger, outbox, missing, [], len(records), last_seq + len(records))
    return found, sent


def decided(event: ev.Event, state: State) -> list[ev.Event]:
    try:
        command: cmd.Command | None
        if isinstance(event, ev.MessageIn):
            command = read_message(event.session_id, event.text, frozenset(VENUES))
        else:
            assert isinstance(event, ev.CommandTaken)
            command = msgspec.json.decode(event.text, type=cmd.AnyCommand)
    except Malformed:
        return []
    return [e for e, _ in decide_or_question(state, command, event.at_ns)] if command is not None else []


def in_batches(records: list[bytes], size: int, first_seq: int = 1) -> Iterator[tuple[int, list[bytes]]]:
    for at in range(0, len(records), size):
        yield first_seq + at, records[at : at + size]


def same(found: Recovered, plain: tuple[Recovered, Sent]) -> None:
    wanted, sent = plain
    assert found.state.digest() == wanted.state.digest()
    assert book_lines(found.state) == book_lines(wanted.state)
    assert list(found.state.routes) == list(wanted.state.routes)
    assert found.ledger.sessions == wanted.ledger.sessions
    assert found.outbox == wanted.outbox
    assert found.missing == wanted.missing
    assert (found.records, found.last_seq) == (wanted.records, wanted.last_seq)
    assert as_sent(found) == sent


def as_sent(found: Recovered) -> Sent:
    sent: Sent = {}
    for seq, messages in found.sent:
        for message in decode_sent(messages):
            if seq >= found.ledger.of(message.session_id).first_kept:
                sent.setdefault(message.session_id, {})[message.msg_seq_num] = message
    return sent


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
@pytest.mark.parametrize("records", DAYS.values(), ids=DAYS)
def test_a_journal_cut_anywhere_gives_the_same_as_one_by_one(records: list[bytes], size: int) -> None:
    for cut in range(len(records) + 1):
        found = recover(in_batches(records[:cut], size), VENUES, (PAPER,))
        same(found, one_by_one(records[:cut], State(), Ledger()))


@pytest.mark.parametrize("records", DAYS.values(), ids=DAYS)
def test_so_does_a_replay_from_a_snapshot_on(records: list[bytes]) -> None:
    for taken in range(1, len(records), 9):
        base = recover([(1, records[:taken])], VENUES, (PAPER,))
        if base.missing or base.outbox:
            continue
        dump, sessions = base.state.dump(), msgspec.json.encode(base.ledger.sessions)

        def again(dump: bytes = dump, sessions: bytes = sessions) -> tuple[State, Ledger]:
            return State.load(dump), Ledger(msgspec.json.decode(sessions, type=dict[str, Numbers]))

        for cut in range(taken, len(records) + 1, 3):
            rest = records[taken:cut]
            found = recover(in_batches(rest, 7, taken + 1), VENUES, (PAPER,), *again(), taken)
            same(found, one_by_one(rest, *again(), taken))


def test_what_was_sent_counts_in_whatever_order_it_was_numbered() -> None:
    """The kernel numbers in the order of the causes; nothing would be sent twice if it did not."""
    outs = [n for n, body in enumerate(DAY) if isinstance(ev.decode(body), ev.MessageOut)]
    pairs = [n for n in outs if n + 1 in outs]
    swapped = list(DAY)
    for n in pairs[::2]:
        swapped[n], swapped[n + 1] = swapped[n + 1], swapped[n]
    assert swapped != DAY
    for size in (1, 3, 1000):
        for cut in range(len(DAY) + 1):
            found = recover(in_batches(swapped[:cut], size), VENUES, (PAPER,))
            same(found, one_by_one(swapped[:cut], State(), Ledger()))


# -- random lives, with a crash at any point -----------------------------------------------------------------


def plain_life(seed: int) -> KernelDesk:
    desk = KernelDesk(seed)
    live_on(desk, seed, 120)
    desk.flush()
    return desk


@pytest.mark.parametrize("seed", range(4))
def test_a_random_life_cut_at_random_is_completed_as_it_went_on(seed: int) -> None:
    desk = plain_life(seed)
    rng = random.Random(seed)
    records = desk.journal.records
    for cut in [*rng.sample(range(len(records)), 60), len(records)]:
        found = recover(in_batches(records[:cut], rng.choice((1, 9, 1000))), (SIM, LSE))
        check_recovery(desk, cut, found)
        copy = State.load(found.state.dump())
        assert copy.digest() == found.state.digest()
        assert book_lines(copy) == book_lines(found.state)
        assert list(copy.due) == list(found.state.due)


@pytest.mark.parametrize("seed", range(4))
def test_a_random_life_goes_on_from_a_snapshot_taken_at_random(seed: int) -> None:
    desk = plain_life(seed)
    rng = random.Random(seed)
    records = desk.journal.records
    for taken in sorted(rng.sample(range(len(records)), 30)):
        base = recover([(1, records[:taken])], (SIM, LSE))
        if base.missing or base.outbox:
            continue
        ledger = Ledger(
            msgspec.json.decode(msgspec.json.encode(base.ledger.sessions), type=dict[str, Numbers])
        )
        rest = [(taken + 1, records[taken:])]
        found = recover(rest, (SIM, LSE), (), State.load(base.state.dump()), ledger, taken)
        assert found.state.digest() == desk.kernel.state.digest()
        assert book_lines(found.state) == book_lines(desk.kernel.state)
        assert found.state.routes.keys() == desk.kernel.state.routes.keys()


def test_a_life_behind_a_kernel_is_the_same_as_without_one() -> None:
    """Requests have their turn in the kernel as on the desk. An even seed: the clock stands still for a kernel
    that looks at orders in parts, and goes on for a desk.
    """
    plain = Desk()
    live_on(plain, 4, 120)
    kept = plain_life(4)
    assert kept.events == plain.events
    assert kept.kernel.state.digest() == plain.state.digest()


# -- on disk -------------------------------------------------------------------------------------------------


def written(directory: Path, records: list[bytes]) -> Path:
    with JournalWriter.open(directory, durability="process") as writer:
        for body in records:
            writer.append(body)
        writer.commit()
    return directory


def recovered(directory: Path) -> Timed:
    return recover_directory(directory, VENUES, (PAPER,), len(DAY))


def test_sessions_get_back_what_they_sent_with_a_snapshot_or_without(tmp_path: Path) -> None:
    written(tmp_path, DAY)
    _, wanted = one_by_one(DAY, State(), Ledger())
    assert sent_messages(tmp_path, recovered(tmp_path)) == wanted
    assert set(wanted) > {ALPHA, LSE}
    for taken in range(1, len(DAY), 5):
        base = recover([(1, DAY[:taken])], VENUES, (PAPER,))
        if base.missing or base.outbox:
            continue
        take_snapshot(tmp_path, Kernel(base.state, base.ledger, MemoryJournal(), VENUES), taken)
        timed = recovered(tmp_path)
        assert timed.from_snapshot == taken
        assert sent_messages(tmp_path, timed) == wanted


def test_a_message_that_was_sent_and_cannot_be_read_is_refused(tmp_path: Path) -> None:
    """Its text is looked at no sooner than a session needs it."""
    at = next(
        n
        for n, event in enumerate(map(ev.decode, DAY))
        if isinstance(event, ev.MessageOut) and event.session_id == ALPHA
    )
    unreadable = msgspec.msgpack.encode([*msgspec.msgpack.decode(DAY[at])[:-1], 7])
    timed = recovered(written(tmp_path, [*DAY[:at], unreadable, *DAY[at + 1 :]]))
    with pytest.raises(JournalError):
        sent_messages(tmp_path, timed)
