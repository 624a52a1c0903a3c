"""What a journal may look like when its writer has died, and what it may not.

A published record is *vouched for* once a commit() has covered it: from then on the outside world may know of it.
Each record carries the highest vouched sequence of its time (`synced`), each segment header vouches for all segments
before, and so does the `committed` file if its writer was of level machine. Let S be the highest of these, and B the
sequence of the first record that does not hold, at offset p of the last segment.

    clean    nothing published at p and nothing behind it: the journal ends here.
    torn     B > S, and unwritten sectors explain the damage: cut, with a copy of the cut bytes kept in torn/.
    corrupt  anything else: refuse to start, and name B.

What can be torn. After a SIGKILL the page cache survives: every published record is whole, and the one being written has a
zero word, so the journal ends there and the bytes behind it are cut. After a power loss any subset of the sectors that
were written since the last fdatasync is missing, and a missing sector reads as it was before: zeros from some place on.
Hence, for B > S, "unwritten sectors explain it" means:

    the word at p is zero    and no later record starts in the same sector: that sector is older than B.
    the word at p is set     so B's first sector is as new as B. Then either a whole sector within B is zero, or the
                             trailer and all behind it in its sector are. And a later record that survived stands where B's
                             length says: if not, the length itself was damaged.
    in either case           nothing that survived behind p vouches for B.

At level *process* a commit vouches by publication alone, as only the death of the process is to be survived. So after a
power loss a missing end may go unnoticed (that is what the level means), but a hole with later records behind it is
corrupt: it proves that acknowledged records are gone, and a person has to say that this is accepted: `salvage`.
At level *machine* a hole can only be among the records that no fdatasync has covered: nobody was told, they are cut.

A flipped bit is never explained by an unwritten sector, except one in the length of the last record, or in a body that
holds a whole sector of zeros. That last record is lost only if nothing vouches for it.

Only the last segment may be torn: it is begun after all before it has been vouched for. A crash within the rotation
leaves the last segment without a record and the one before without its end record, which is then written again.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import NamedTuple

from .errors import JournalCorrupt
from .format import (
    COMMITTED_BYTES,
    COMMITTED_NAME,
    END_LENGTH,
    HEADER_BYTES,
    RECORD_HEADER_BYTES,
    SECTOR_BYTES,
    SEGMENT_SUFFIX,
    TORN_NAME,
    TRAILER,
    SegmentHeader,
    end_record,
    record_bytes,
    segment_name,
)
from .segment import Cursor, Segment, Stop, parse_header, walk

_NAME = re.compile(r"(\d{8,})" + re.escape(SEGMENT_SUFFIX))
_CHUNK_BYTES = 1 << 20


class TailKind(Enum):
    CLEAN = "clean"
    TORN = "torn"
    CORRUPT = "corrupt"


class Tail(NamedTuple):
    """What stands behind the last valid record: `offset` to `end` is the damage, `reason` says what it is."""

    kind: TailKind
    sequence: int
    offset: int
    end: int
    reason: str


class Committed(NamedTuple):
    """The `committed` file: the sequence last vouched for, and whether its writer was of level machine."""

    sequence: int
    is_machine: bool


# -- the files of a journal ------------------------------------------------------------------------------------------


def list_segments(directory: Path) -> list[Path]:
    """Return the segments in order, [] if there is no journal yet. Raises JournalCorrupt on a gap in the numbers."""
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
                _first_sequence_missing(directory, expected),
                "segment is missing",
            )
    return [directory / segment_name(number) for number in numbers]


def _first_sequence_missing(directory: Path, number: int) -> int:
    """Return the first sequence of a missing segment, as far as the one before it can tell."""
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

    The end record of the segment before the last may be absent; `find_end` looks into that. Cost: two small reads
    per segment. Raises JournalCorrupt, JournalVersionError.
    """
    headers: list[SegmentHeader] = []
    for path in paths:
        expected_seq = headers[-1].first_sequence if headers else 1
        header = read_header(path, expected_seq)
        check_header(path, header, headers[-1] if headers else None)
        if headers:
            previous = paths[header.number - 2]
            word = _read_word(previous, header.previous_end)
            unsealed = word == 0 and path == paths[-1]
            if not unsealed and word != END_LENGTH | header.previous_crc << 32:
                raise JournalCorrupt(
                    previous, headers[-1].first_sequence, "its end is not the one the next segment continues"
                )
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


# -- the end of a segment ----------------------------------------------------------------------------------------------


def judge(segment: Segment, cursor: Cursor, stop: Stop) -> Tail:
    """Say what stands at the cursor, where `walk` stopped with EMPTY or BAD in the last segment. See the module's rule.

    Cost: reads the rest of the segment; if it is damaged, 0.1 us per 8 bytes of the damage.
    """
    offset, sequence = cursor.offset, cursor.next_seq
    end = last_written(segment, offset)

    def corrupt(reason: str) -> Tail:
        return Tail(TailKind.CORRUPT, sequence, offset, end, reason)

    if end == offset:
        return Tail(TailKind.CLEAN, sequence, offset, end, "")
    word, length = segment.words[offset >> 3], segment.words[offset >> 3] & 0xFFFF_FFFF
    claimed_end = offset + record_bytes(length - 1)
    sector_end = (offset // SECTOR_BYTES + 1) * SECTOR_BYTES
    survivors = 0
    for at, found, synced in _survivors(segment, offset, sequence, end):
        if synced >= sequence:
            return corrupt(f"damaged, though record {found} at offset {at} says it was committed")
        if word == 0 and at < sector_end:
            return corrupt(f"not published, though record {found} in the same sector is")
        if word != 0 and (at < claimed_end or (found == sequence + 1 and at != claimed_end)):
            return corrupt(f"its length is damaged: record {found} starts at offset {at}")
        survivors += 1
    if sequence <= cursor.synced:
        return corrupt("damaged, though it was committed")
    if word == 0:
        if survivors:
            return Tail(
                TailKind.TORN, sequence, offset, end, f"a hole, {survivors} uncommitted records behind it"
            )
        return Tail(TailKind.TORN, sequence, offset, end, "not published")
    if end <= offset + 8:
        return Tail(TailKind.TORN, sequence, offset, end, "nothing behind its length was written")
    if length == END_LENGTH:
        length = 1  # Its trailer follows the header.
    elif length == 0 or claimed_end > len(segment.data):
        return corrupt("its length is damaged")
    if _has_unwritten_sector(segment, offset, length):
        return Tail(TailKind.TORN, sequence, offset, end, "a sector of it was not written")
    return corrupt("its crc does not match, and no unwritten sector explains it")


def last_written(segment: Segment, offset: int) -> int:
    """Return the offset behind the last byte that is not zero, at least `offset`."""
    data, end = segment.data, len(segment.data)
    while end > offset:
        start = max(offset, end - _CHUNK_BYTES)
        written = len(data[start:end].rstrip(b"\0"))
        if written:
            return start + written
        end = start
    return offset


def _survivors(segment: Segment, offset: int, sequence: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Yield (offset, sequence, synced) of what looks like a later record. The chain is broken, so no crc helps."""
    words, data, size = segment.words, segment.data, len(segment.data)
    highest = sequence + (end - offset) // 32 + 1
    for index in range((offset >> 3) + 1, min((end + 7) // 8, (size - RECORD_HEADER_BYTES) // 8)):
        if sequence < words[index + 1] <= highest:
            length = words[index] & 0xFFFF_FFFF
            trailer_at = index * 8 + RECORD_HEADER_BYTES + length - 1
            if (
                0 < length
                and trailer_at < size
                and data[trailer_at] == TRAILER
                and words[index + 2] < words[index + 1]
            ):
                yield index * 8, words[index + 1], words[index + 2]


def _has_unwritten_sector(segment: Segment, offset: int, length: int) -> bool:
    """Whether a sector of the record at `offset` was never written, or not since its trailer was."""
    data = segment.data
    trailer_at = offset + RECORD_HEADER_BYTES + length - 1
    first, last = offset // SECTOR_BYTES, trailer_at // SECTOR_BYTES
    sector_end = (last + 1) * SECTOR_BYTES
    if not any(data[trailer_at:sector_end]):
        return True
    return any(
        not any(data[sector * SECTOR_BYTES : (sector + 1) * SECTOR_BYTES])
        for sector in range(first + 1, last)
    )


def check_stop(segment: Segment, cursor: Cursor, stop: Stop) -> None:
    """Raise JournalCorrupt unless a crash, or a writer at work, explains why `walk` stopped with EMPTY or BAD."""
    in_use = _next_is_in_use(segment)
    tail = judge(segment, cursor, stop)
    if not in_use and tail.kind is not TailKind.CORRUPT:
        return
    # A live writer may have gone on while we looked. Whatever we saw behind the cursor, it had written this before.
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


# -- the end of a journal ------------------------------------------------------------------------------------------------


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
    """A segment that ends without its end record, and that record: the word at `offset`, and what follows it."""

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
        tail = judge(segment, cursor, stop)
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
    """Return the end record that a crash within the rotation left out. Raises JournalCorrupt if more is missing."""
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
    """Copy the bytes that a repair is about to cut into torn/, synced. Returns the copy, None if there is nothing."""
    if tail.end == tail.offset:
        return None
    folder = directory / TORN_NAME
    folder.mkdir(exist_ok=True)
    copy = folder / f"{path.stem}-{tail.sequence}-at-{tail.offset}-{at_ns}.torn"
    while copy.exists():  # A crash between the copy and the cut, and a clock that stands still.
        copy = copy.with_name("again-" + copy.name)
    with open(path, "rb") as source, open(copy, "xb") as target:
        source.seek(tail.offset)
        target.write(source.read(tail.end - tail.offset))
        target.flush()
        os.fsync(target.fileno())
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
