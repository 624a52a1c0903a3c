"""One segment, mapped for reading, and the one loop that reads records.

Reader, scan, recovery and verify all go through `walk`, so there is one opinion on what a valid record is:
the crc, started from the crc of the record before, fits. As the crc covers sequence, synced, body, trailer
and padding, and the chain starts at the header, nothing else needs to be compared per record; the sequence
is compared once per batch.

A file that is shorter than its header says (a truncated copy) is read as if zeros followed, never mapped:
touching a page behind the end of a mapped file is SIGBUS.
"""

from __future__ import annotations

import mmap
import os
from copy import copy
from enum import Enum
from pathlib import Path
from zlib import crc32

from .errors import JournalCorrupt, JournalVersionError
from .format import (
    END_LENGTH,
    HEADER_BYTES,
    RECORD_HEADER_BYTES,
    VERSION,
    BadHeader,
    NewerVersion,
    SegmentHeader,
    end_record,
    unpack_header,
)


class Stop(Enum):
    """Why `walk` returned."""

    LIMIT = "as many records as were asked for"
    EMPTY = "nothing published here yet"
    END = "the segment ends here, the next one continues"
    BAD = "a published record that does not hold"


class Cursor:
    """A place in a segment: the next record's offset and sequence, and the crc it is chained to."""

    __slots__ = ("crc", "next_seq", "offset", "synced")

    def __init__(self, header: SegmentHeader) -> None:
        self.offset = HEADER_BYTES
        self.next_seq = header.first_sequence
        self.crc = header.crc
        self.synced = header.first_sequence - 1  # A segment is begun only after all before it is vouched for.

    def copy(self) -> Cursor:
        """Return a cursor at the same place."""
        return copy(self)


class Segment:
    """A segment open for reading: `data` as bytes, `words` as u64, both `segment_bytes` long."""

    __slots__ = ("data", "file_bytes", "header", "path", "words")

    def __init__(self, path: Path, expected_seq: int) -> None:
        """Map the file. `expected_seq` names the damage if the header is unreadable.

        Raises JournalCorrupt, JournalVersionError, FileNotFoundError.
        """
        fd = os.open(path, os.O_RDONLY)
        try:
            self.header = parse_header(path, os.pread(fd, HEADER_BYTES, 0), expected_seq)
            self.file_bytes = os.fstat(fd).st_size
            size = self.header.segment_bytes
            if self.file_bytes > size:
                reason = f"file of {self.file_bytes} bytes, its header says {size}"
                raise JournalCorrupt(path, expected_seq, reason, size)
            self.data: mmap.mmap | bytes
            if self.file_bytes == size:
                self.data = mmap.mmap(fd, size, prot=mmap.PROT_READ)
            else:
                self.data = os.pread(fd, size, 0).ljust(size, b"\0")
        finally:
            os.close(fd)
        self.path = path
        self.words = memoryview(self.data).cast("Q")

    @property
    def is_short(self) -> bool:
        """Whether the file was shorter than it should be when it was opened."""
        return self.file_bytes < self.header.segment_bytes

    def close(self) -> None:
        """Release the mapping."""
        self.words.release()
        if isinstance(self.data, mmap.mmap):
            self.data.close()


def parse_header(path: Path, page: bytes, expected_seq: int) -> SegmentHeader:
    """Read a segment header; turn what is wrong with it into an error that names the file."""
    try:
        return unpack_header(page)
    except NewerVersion as newer:
        raise JournalVersionError(path, newer.version, VERSION) from None
    except BadHeader as bad:
        raise JournalCorrupt(path, expected_seq, str(bad)) from None


def walk(segment: Segment, cursor: Cursor, limit: int) -> tuple[list[bytes], Stop]:
    """Return up to `limit` bodies from the cursor on, never a half-written one, and move the cursor on.

    Cost: about half a microsecond per record of 100 bytes.
    """
    data, words = segment.data, segment.words
    start = offset = cursor.offset
    crc = cursor.crc
    bodies: list[bytes] = []
    add = bodies.append
    stop = Stop.LIMIT
    previous = start
    for _ in range(limit):
        word = words[offset >> 3]
        length = word & 0xFFFF_FFFF
        end = (offset + 31 + length) & -8
        record = data[offset + 8 : end]
        chained = crc32(record, crc ^ length)
        if chained != word >> 32 or not length:
            stop = _why(segment, offset, cursor.next_seq + len(bodies), crc)
            break
        add(record[16 : length + 15])
        crc = chained
        previous = offset
        offset = end
    if offset != start:
        cursor.next_seq += len(bodies)
        cursor.offset = offset
        cursor.crc = crc
        cursor.synced = words[(previous >> 3) + 2]
        if words[(previous >> 3) + 1] != cursor.next_seq - 1:
            raise JournalCorrupt(segment.path, cursor.next_seq - 1, "sequence out of step", previous)
    return bodies, stop


def _why(segment: Segment, offset: int, next_seq: int, crc: int) -> Stop:
    word = segment.words[offset >> 3]
    if word == 0:
        return Stop.EMPTY
    if word & 0xFFFF_FFFF == END_LENGTH:
        end_word, payload = end_record(next_seq - 1, crc)
        if word == end_word and segment.data[offset + 8 : offset + RECORD_HEADER_BYTES + 8] == payload:
            return Stop.END
    return Stop.BAD
