"""The files of a journal, how they link up, where the journal ends, and what a writer has to mend there.

What may stand at the end, and what may not, is `tail`'s rule. Here are the links between segments, checked
from their headers alone, and the one state between two segments that a crash may leave: the last segment
without a record and the one before without its end record, which is then written again (see `writer`).
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from .errors import JournalCorrupt
from .format import (
    COMMITTED_BYTES,
    COMMITTED_NAME,
    END_LENGTH,
    HEADER_BYTES,
    SEGMENT_SUFFIX,
    TORN_NAME,
    SegmentHeader,
    end_record,
    segment_name,
)
from .segment import Cursor, Segment, Stop, parse_header, walk
from .tail import Tail, TailKind, judge

_NAME = re.compile(r"(\d{8,})" + re.escape(SEGMENT_SUFFIX))


class Committed(NamedTuple):
    """The `committed` file: the sequence last vouched for, and whether its writer was of level machine."""

    sequence: int
    is_machine: bool


def list_segments(directory: Path) -> list[Path]:
    """Return the segments in order, [] if there is no journal yet. Raises JournalCorrupt on a gap."""
    try:
        names = [name for name in os.listdir(directory) if name.endswith(SEGMENT_SUFFIX)]
    except FileNotFoundError:
        return []
    numbers = []
    for name in names:
        match = _NAME.fullmatch(name)
        if not match or segment_name(int(match[1])) != name:
            raise JournalCorrupt(directory / name, 0, "not the name of a segment")
        numbers.append(int(match[1]))
    numbers.sort()
    for expected, number in enumerate(numbers, 1):
        if number != expected:
            raise JournalCorrupt(
                directory / segment_name(expected),
                _first_sequence_of(directory, expected),
                "segment is missing",
            )
    return [directory / segment_name(number) for number in numbers]


def _first_sequence_of(directory: Path, number: int) -> int:
    """Return the first sequence of a missing or unreadable segment, as far as the one before it can tell."""
    if number == 1:
        return 1
    segment = Segment(directory / segment_name(number - 1), 0)
    cursor = Cursor(segment.header)
    walk(segment, cursor, segment.header.segment_bytes)
    segment.close()
    return cursor.next_seq


def read_header(path: Path, expected_seq: int) -> SegmentHeader:
    """Read a segment's header. Raises JournalCorrupt, JournalVersionError, FileNotFoundError."""
    fd = os.open(path, os.O_RDONLY)
    try:
        return parse_header(path, os.pread(fd, HEADER_BYTES, 0), expected_seq)
    finally:
        os.close(fd)


def read_headers(paths: list[Path]) -> list[SegmentHeader]:
    """Read and link all headers: numbers, epoch, sequences, and each header with the end record it names.

    The end record of the segment before the last may be absent; `find_end` looks into that. Cost: two small
    reads per segment. Raises JournalCorrupt, JournalVersionError.
    """
    headers: list[SegmentHeader] = []
    for path in paths:
        try:
            header = read_header(path, 0)
            check_header(path, header, headers[-1] if headers else None)
        except JournalCorrupt as error:
            first_seq = _first_sequence_of(path.parent, len(headers) + 1)
            raise JournalCorrupt(path, first_seq, error.reason) from None
        if headers:
            previous = paths[header.number - 2]
            word = _read_word(previous, header.previous_end)
            unsealed = word == 0 and path == paths[-1]
            if not unsealed and word != END_LENGTH | header.previous_crc << 32:
                next_seq = _first_sequence_of(path.parent, header.number)
                reason = "its end is not the one the next segment continues"
                raise JournalCorrupt(previous, next_seq, reason)
        headers.append(header)
    return headers


def check_header(path: Path, header: SegmentHeader, previous: SegmentHeader | None) -> None:
    """Raise JournalCorrupt unless the header fits the file's name and the segment before."""
    expected_seq = previous.first_sequence if previous else 1
    if path.name != segment_name(header.number):
        raise JournalCorrupt(path, expected_seq, f"this is segment {header.number}: swapped or doubled")
    if previous is None:
        if header.number == 1 and (header.first_sequence, header.previous_end) != (1, 0):
            raise JournalCorrupt(path, 1, f"begins at sequence {header.first_sequence}")
    elif header.epoch != previous.epoch:
        raise JournalCorrupt(path, expected_seq, f"of journal {header.epoch}, not {previous.epoch}")
    elif header.first_sequence < previous.first_sequence:
        raise JournalCorrupt(path, expected_seq, f"begins at sequence {header.first_sequence}: stale")


def _read_word(path: Path, offset: int) -> int:
    fd = os.open(path, os.O_RDONLY)
    try:
        return int.from_bytes(os.pread(fd, 8, offset), "little")
    finally:
        os.close(fd)


def read_committed(directory: Path) -> Committed | None:
    """Return what the last writer had committed, or None if the file is absent (a copy of a journal)."""
    try:
        content = (directory / COMMITTED_NAME).read_bytes()
    except FileNotFoundError:
        return None
    if len(content) < COMMITTED_BYTES:
        return None
    return Committed(int.from_bytes(content[:8], "little"), content[8:16] != bytes(8))


def check_stop(segment: Segment, cursor: Cursor) -> None:
    """Raise JournalCorrupt unless a crash, or a writer at work, explains why `walk` stopped."""
    in_use = _next_is_in_use(segment)
    tail = judge(segment, cursor)
    if not in_use and tail.kind is not TailKind.CORRUPT:
        return
    # A live writer may have gone on while we looked. What we saw behind the cursor it wrote later than this.
    _, again = walk(segment, cursor.copy(), 1)
    if again is Stop.LIMIT or again is Stop.END:
        return
    reason = tail.reason if tail.kind is TailKind.CORRUPT else "damaged, though the next segment is in use"
    raise JournalCorrupt(segment.path, tail.sequence, reason, tail.offset)


def _next_is_in_use(segment: Segment) -> bool:
    try:
        return _read_word(segment.path.with_name(segment_name(segment.header.number + 1)), HEADER_BYTES) != 0
    except FileNotFoundError:
        return False


def open_next(segment: Segment, cursor: Cursor) -> tuple[Segment, Cursor]:
    """Open the segment that continues this one, whose end record is at the cursor. Raises JournalCorrupt."""
    path = segment.path.with_name(segment_name(segment.header.number + 1))
    try:
        following = Segment(path, cursor.next_seq)
    except FileNotFoundError:
        raise JournalCorrupt(path, cursor.next_seq, "segment is missing") from None
    header = following.header
    check_header(path, header, segment.header)
    claimed = (header.first_sequence, header.previous_end, header.previous_crc)
    if claimed != (cursor.next_seq, cursor.offset, segment.words[cursor.offset >> 3] >> 32):
        raise JournalCorrupt(
            path, cursor.next_seq, f"does not continue {segment.path.name}: stale or swapped"
        )
    return following, Cursor(header)


@dataclass(slots=True)
class JournalEnd:
    """Where a journal ends and what has to be mended there before a writer may go on."""

    path: Path
    header: SegmentHeader
    cursor: Cursor
    tail: Tail
    unsealed: Unsealed | None
    """The segment before, if its end record is missing: a crash within the rotation."""
    lost_count: int
    """Committed records that are known to be missing, and that level process does not promise to keep."""


class Unsealed(NamedTuple):
    """A segment that lacks its end record, and that record: the word at `offset`, and what follows it."""

    path: Path
    offset: int
    word: int
    payload: bytes

    def seal(self) -> None:
        """Write the end record, and sync it."""
        fd = os.open(self.path, os.O_RDWR)
        try:
            os.pwrite(fd, self.payload, self.offset + 8)
            os.pwrite(fd, self.word.to_bytes(8, "little"), self.offset)
            os.fsync(fd)
        finally:
            os.close(fd)


def find_end(directory: Path) -> JournalEnd | None:
    """Check the headers and the whole last segment; None if there is no journal. Changes nothing.

    Raises JournalCorrupt, JournalVersionError. A torn tail is returned, not raised.
    """
    paths = list_segments(directory)
    committed = read_committed(directory)
    if not paths:
        if committed and committed.sequence:
            raise JournalCorrupt(
                directory / segment_name(1), 1, f"segment is missing; committed up to {committed.sequence}"
            )
        return None
    headers = read_headers(paths)
    segment = Segment(paths[-1], headers[-1].first_sequence)
    try:
        cursor, stop = walk_to_end(segment)
        if stop is Stop.END:
            raise JournalCorrupt(
                directory / segment_name(len(paths) + 1), cursor.next_seq, "segment is missing"
            )
        tail = judge(segment, cursor)
    finally:
        segment.close()
    if tail.kind is TailKind.CORRUPT:
        raise JournalCorrupt(paths[-1], tail.sequence, tail.reason, tail.offset)
    lost_count = max(0, committed.sequence - cursor.next_seq + 1) if committed else 0
    if committed and committed.is_machine and lost_count:
        raise JournalCorrupt(
            paths[-1],
            cursor.next_seq,
            f"missing, though {directory / COMMITTED_NAME} says that {committed.sequence} was synced",
            cursor.offset,
        )
    unsealed = None
    if len(paths) > 1 and _read_word(paths[-2], headers[-1].previous_end) == 0:
        unsealed = check_unsealed(paths[-2], headers[-1], cursor.next_seq)
    return JournalEnd(paths[-1], headers[-1], cursor, tail, unsealed, lost_count)


def walk_to_end(segment: Segment) -> tuple[Cursor, Stop]:
    """Validate a segment from its first record to where it stops."""
    cursor = Cursor(segment.header)
    stop = Stop.LIMIT
    while stop is Stop.LIMIT:
        _, stop = walk(segment, cursor, 4096)
    return cursor, stop


def check_unsealed(path: Path, following: SegmentHeader, next_seq: int) -> Unsealed:
    """Return the end record that a crash within the rotation left out. Raises JournalCorrupt if more is."""
    segment = Segment(path, following.first_sequence)
    try:
        cursor, stop = walk_to_end(segment)
    finally:
        segment.close()
    word, payload = end_record(cursor.next_seq - 1, cursor.crc)
    found = (cursor.next_seq, cursor.offset, word >> 32)
    if stop is not Stop.EMPTY or found != (
        following.first_sequence,
        following.previous_end,
        following.previous_crc,
    ):
        raise JournalCorrupt(
            path, cursor.next_seq, "damaged, though the next segment continues it", cursor.offset
        )
    if next_seq != following.first_sequence:
        raise JournalCorrupt(
            path, following.first_sequence, "has no end record, though the next segment is in use"
        )
    return Unsealed(path, cursor.offset, word, payload)


def keep_copy(directory: Path, path: Path, tail: Tail, at_ns: int) -> Path | None:
    """Copy the bytes that a repair is about to cut into torn/, and sync it. Returns the copy, if any."""
    if tail.end == tail.offset:
        return None
    folder = directory / TORN_NAME
    folder.mkdir(exist_ok=True)
    copy = folder / f"{path.stem}-{tail.sequence}-at-{tail.offset}-{at_ns}.torn"
    while copy.exists():  # A crash between the copy and the cut, and a clock that stands still.
        copy = copy.with_name("again-" + copy.name)
    try:
        with open(path, "rb") as source, open(copy, "xb") as target:
            source.seek(tail.offset)
            target.write(source.read(tail.end - tail.offset))
            target.flush()
            os.fsync(target.fileno())
    except OSError:
        copy.unlink(missing_ok=True)
        raise
    sync_directory(folder)
    sync_directory(directory)
    return copy


def sync_directory(directory: Path) -> None:
    """Make names created, renamed or removed in a directory survive a power loss."""
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
