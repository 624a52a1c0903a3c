"""Real processes: a reader behind a writer under load, and writers killed at any moment."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from oms.journal import JournalReader, JournalWriter
from oms.journal.verify import verify
from tests.journal.journal_kit import read_all

ROOT = Path(__file__).parents[2]

WRITER = """
import os, sys
from pathlib import Path
from oms.journal import JournalWriter

directory, durability, segment_bytes, count, turn = sys.argv[1:]
writer = JournalWriter.open(Path(directory), segment_bytes=int(segment_bytes), durability=durability)
filler = bytes(range(1, 256)) * 8
os.write(1, b"%d\\n" % writer.last_seq)
while writer.last_seq < int(count):
    for _ in range(int(turn)):
        seq = writer.next_seq
        writer.append(b"%d:" % seq + filler[: seq * 7919 % 613])
    os.write(1, b"%d\\n" % writer.commit())  # What the outside world may know of.
    if seq % 50 == 0:
        writer.prepare_next()
writer.close()
"""

FILLER = bytes(range(1, 256)) * 8


def body(seq: int) -> bytes:
    return b"%d:" % seq + FILLER[: seq * 7919 % 613]


def start(
    directory: Path, durability: str, segment_bytes: int, count: int, turn: int
) -> subprocess.Popen[bytes]:
    arguments = [str(directory), durability, str(segment_bytes), str(count), str(turn)]
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


@pytest.mark.parametrize(("durability", "count"), [("process", 60_000), ("machine", 6_000)])
def test_reader_sees_each_record_once_and_in_order_while_it_is_written(
    directory: Path, durability: str, count: int
) -> None:
    reader = JournalReader(directory)
    late: JournalReader | None = None
    child = start(directory, durability, 256 << 10, count, 10)
    assert child.stdout is not None
    os.set_blocking(child.stdout.fileno(), False)
    next_seq, polls, batches = 1, 0, 0
    deadline = time.monotonic() + 60
    while next_seq <= count:
        assert time.monotonic() < deadline, f"stuck at {next_seq}"
        child.stdout.read()
        records = reader.read(500)
        polls += 1
        batches += bool(records)
        for seq, found in records:
            assert seq == next_seq
            assert found == body(seq)
            next_seq += 1
        if late is None and next_seq > count // 2:
            late = JournalReader(directory, next_seq - 1000)
            assert late.read(1)[0] == (next_seq - 1000, body(next_seq - 1000))
    child.stdout.close()
    assert child.wait(10) == 0
    assert reader.read(10) == []
    assert batches > 10, "the reader never ran beside the writer"
    assert len(list(directory.glob("*.journal"))) > 3
    assert verify(directory).last_seq == reader.position - 1


@pytest.mark.parametrize("durability", ["process", "machine"])
def test_sigkill_at_random_moments_loses_nothing_that_was_returned(directory: Path, durability: str) -> None:
    rng = random.Random(durability)
    reader = JournalReader(directory)
    seen = last = 0
    for _ in range(10):
        child = start(directory, durability, 64 << 10, 10**9, rng.choice([1, 3, 20]))
        assert child.stdout is not None
        reported = child.stdout.readline()
        assert int(reported) == last
        time.sleep(rng.uniform(0.0, 0.05))
        os.kill(child.pid, signal.SIGKILL)
        for line in child.stdout.read().splitlines(keepends=True):
            if line.endswith(b"\n"):
                reported = line
        child.stdout.close()
        child.wait()
        while records := reader.read(10_000):
            seen = records[-1][0]
        with JournalWriter.open(directory, segment_bytes=64 << 10, durability="process") as writer:
            last = writer.last_seq
        assert last >= int(reported)
        assert last >= seen, "a reader saw a record that is gone"
    bodies = read_all(directory)
    assert len(bodies) == last > 20
    assert bodies == [body(seq) for seq in range(1, last + 1)]


def test_lock_of_a_killed_writer_is_free(directory: Path) -> None:
    child = start(directory, "process", 64 << 10, 10**9, 10)
    assert child.stdout is not None
    child.stdout.readline()
    os.kill(child.pid, signal.SIGKILL)
    child.stdout.close()
    child.wait()
    JournalWriter.open(directory).close()
