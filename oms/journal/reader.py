"""Reading a journal that another process may be writing.

    reader = JournalReader(Path("var/journal"), from_seq=cursor + 1)
    for seq, body in reader.read(1000):    # never blocks; [] if there is nothing new
        ...
    for first_seq, bodies in scan(directory, from_seq=1):    # the whole journal at once, for recovery
        ...

A JournalReader holds one mapping and a place in it; it takes no lock and writes nothing, so the writer
never feels it. It returns a record only if its crc fits the chain, so a half-written or torn one never gets
out. By default it returns *committed* records only (see format: the `committed` file): a record that is
published but not yet synced may be gone after a power loss, and a reader that acted on it would know of an
event that never happened. In a copy of a journal without that file every valid record counts.

A reader waits where it is, returning [], as long as nothing, or a torn record, follows: a restarted writer
cuts a torn tail in place and goes on there. If what follows is corrupt by the rule of `tail`, it raises
JournalCorrupt.
"""

from __future__ import annotations

import mmap
import os
import time
from bisect import bisect_right
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from .format import COMMITTED_BYTES, COMMITTED_NAME
from .recovery import check_header, check_stop, list_segments, open_next, read_header
from .segment import Cursor, Segment, Stop, walk

_PATIENCE_S: Final = 0.05
"""How long a record may be unreadable before it is judged; a store gets to another core far sooner."""
_JUDGE_AGAIN_S: Final = 1.0
_CHUNK: Final = 512
"""Records at a time: what becomes of them is made while they are still in the processor's cache."""
_NO_LIMIT: Final = 1 << 63


class JournalReader:
    """Tails a journal from `from_seq` on. The directory need not exist yet."""

    __slots__ = (
        "_committed",
        "_committed_only",
        "_cursor",
        "_directory",
        "_from_seq",
        "_judge_at_s",
        "_segment",
    )

    def __init__(self, directory: Path, from_seq: int = 1, *, committed_only: bool = True) -> None:
        """Touch no file yet. `committed_only=False` also returns records that a power loss may take back."""
        if from_seq < 1:
            raise ValueError(f"sequences begin at 1, not {from_seq}")
        self._directory = directory
        self._from_seq = from_seq
        self._committed_only = committed_only
        self._segment: Segment | None = None
        self._cursor: Cursor | None = None
        self._committed: memoryview | None = None
        self._judge_at_s = 0.0

    @property
    def position(self) -> int:
        """The sequence of the next record to be returned."""
        return max(self._from_seq, self._cursor.next_seq) if self._cursor else self._from_seq

    @property
    def epoch(self) -> str:
        """The journal's epoch, "" as long as there is no journal."""
        segment = self._segment or self._open()
        return segment.header.epoch if segment else ""

    def read(self, limit: int) -> list[tuple[int, bytes]]:
        """Return up to `limit` records as (sequence, body), [] if there is nothing new. Never blocks.

        The first call finds its place: it checks the records before `from_seq` in their segment.
        Raises JournalCorrupt, JournalVersionError. Cost: 0.6 us per record; 0.3 us if there is nothing.
        """
        while (segment := self._segment or self._open()) and (cursor := self._cursor):
            behind = self._from_seq - cursor.next_seq
            wanted = min(
                self._committed_seq() - cursor.next_seq + 1, min(behind, _CHUNK) if behind > 0 else limit
            )
            if wanted <= 0:
                return []
            if segment.is_short:  # The writer will extend it; a short file was copied, not mapped.
                segment.close()
                self._segment = segment = Segment(segment.path, cursor.next_seq)
            bodies, stop = walk(segment, cursor, wanted)
            next_seq = cursor.next_seq
            if bodies:
                self._judge_at_s = 0.0
            if bodies and behind <= 0:  # What stopped the walk behind them is for the next call.
                return list(zip(range(next_seq - len(bodies), next_seq), bodies, strict=True))
            if stop is Stop.END:
                self._segment, self._cursor = open_next(segment, cursor)
                segment.close()
            elif stop is not Stop.LIMIT and not bodies:
                self._wait(segment, cursor, stop)
                return []
        return []

    def close(self) -> None:
        """Release the mappings. The reader may be used again: it opens them at its position."""
        self._from_seq = self.position
        if self._segment:
            self._segment.close()
        if self._committed:
            self._committed.release()
        self._segment = self._cursor = self._committed = None

    def _open(self) -> Segment | None:
        found = _open_at(self._directory, self._from_seq)
        if found is None:
            return None
        self._segment, self._cursor = found
        return self._segment

    def _committed_seq(self) -> int:
        """Return the last sequence that may be returned."""
        if not self._committed_only:
            return _NO_LIMIT
        if self._committed is None:
            try:
                fd = os.open(self._directory / COMMITTED_NAME, os.O_RDONLY)
            except FileNotFoundError:
                return _NO_LIMIT  # A copy, which no writer will take back.
            try:
                if os.fstat(fd).st_size < COMMITTED_BYTES:
                    return 0  # Just being created.
                self._committed = memoryview(mmap.mmap(fd, COMMITTED_BYTES, prot=mmap.PROT_READ)).cast("Q")
            finally:
                os.close(fd)
        return int(self._committed[0])

    def _wait(self, segment: Segment, cursor: Cursor, stop: Stop) -> None:
        """Nothing to return at the cursor. Find out why, if it lasts and is not simply the end."""
        if stop is Stop.EMPTY and self._committed is None:
            return  # The usual end: nothing says that there should be more.
        now_s = time.monotonic()
        if self._judge_at_s == 0.0:
            self._judge_at_s = now_s + _PATIENCE_S
        elif now_s >= self._judge_at_s:
            check_stop(segment, cursor)
            self._judge_at_s = now_s + _JUDGE_AGAIN_S


def scan(directory: Path, from_seq: int = 1) -> Iterator[tuple[int, list[bytes]]]:
    """Yield (sequence of the first body, bodies): every valid record from `from_seq` on, some hundreds at a
    time.

    Ends at the end of the journal or at a torn tail; nothing if there is no journal or it ends before
    `from_seq`.
    Meant for recovery, after JournalWriter.open has repaired what a crash has left.
    Raises JournalCorrupt, JournalVersionError. Cost: 0.5 us per record of 100 bytes.
    """
    if (found := _open_at(directory, from_seq)) is None:
        return
    segment, cursor = found
    try:
        while True:
            behind = from_seq - cursor.next_seq
            bodies, stop = walk(segment, cursor, min(behind, _CHUNK) if behind > 0 else _CHUNK)
            if bodies and behind <= 0:
                yield cursor.next_seq - len(bodies), bodies
            if stop is Stop.END:
                previous = segment
                segment, cursor = open_next(segment, cursor)
                previous.close()
            elif stop is not Stop.LIMIT:
                check_stop(segment, cursor)
                return
    finally:
        segment.close()


def _open_at(directory: Path, seq: int) -> tuple[Segment, Cursor] | None:
    """Open the segment that holds `seq`, or else the last one. Cost: O(log segments) small reads."""
    paths = list_segments(directory)
    if not paths:
        return None
    index = bisect_right(paths, seq, key=lambda path: read_header(path, seq).first_sequence)
    segment = Segment(paths[max(0, index - 1)], seq)
    check_header(segment.path, segment.header, None)
    return segment, Cursor(segment.header)
