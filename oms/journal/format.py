"""The journal's bytes. No file, clock or process here: layouts, constants, and the sums over them.

A journal is a directory:

    00000001.journal   segments, numbered from 1 without a gap, each zero-filled to its full size when created
    00000002.journal
    next.tmp           the next segment, allocated ahead of time; it counts for nothing until it is renamed
    committed          16 bytes: what the live writer has committed (see below)
    lock               the writer's pid; flock'ed as long as it lives
    torn/              copies of the bytes that repairs have cut

Segment: one header page, then records back to back, then zeros.

    0         8         12    16       24               32              40           48
    | magic   | version | 0   | number | first sequence | segment bytes | created_ns | salt
    | 8 bytes | u32     | u32 | u64    | u64            | u64           | i64, UTC   | u64

    56             64             68    72                88           92
    | previous end | previous crc | 0   | epoch           | header crc | zeros up to 4096
    | u64          | u32          | u32 | 16 bytes, ASCII | u32        |

`previous end` and `previous crc` are the offset and the crc of the end record of the segment before (0 and
0 in the first), so that a swapped, missing, doubled or stale segment is noticed from the headers alone. The
header has a page of its own because a page is what a disk may tear: no later write touches it.

Record, aligned to 8 bytes, 32 bytes at least:

    0          4         8           16          24             24 + n      25 + n
    | length   | crc     | sequence  | synced    | body         | trailer   | zeros up to |
    | u32      | u32     | u64       | u64       | n bytes      | 0xA5      | 8 bytes     |

    length    n + 1: body and trailer. Never 0, so a body may be empty.
    crc       crc32 over everything behind it, padding included; it starts from (crc of the record before) XOR
              length. The first record of a segment starts from the header's crc, which covers a random salt
              and the end of the segment before. One chain runs through the whole journal; foreign bytes do
              not fit in.
    sequence  1, 2, 3 ... without a gap through all segments.
    synced    the highest sequence that a commit() had vouched for when this record was written: from then on
              the loss of that record is corruption, never a torn tail.
    trailer   not zero, and not one flipped bit away from zero: it tells a last sector that was never
              written from one that was.

Length and crc are stored last, as one aligned 8-byte word (one instruction, one sector, one page). The word
publishes the record to readers in other processes, and it is either whole or absent: a zero word is
"nothing here yet", whatever bytes follow it. This needs a little-endian machine, and one that does not
reorder stores (x86-64); on a machine that does, a reader may see the word before the body, in which case
the crc fails, and it looks again.

End record: "this segment ends here, the next one continues". A header as above with length 0xFFFFFFFF,
sequence and synced those of the segment's last record, no body; its crc starts from the crc before without
the XOR, so that it never passes for a record that is cut off by the end of the file. It is written after
the next segment exists, so an end record without a next segment is a missing file. Its bytes follow from
the record before alone, so a crash between the two is mended by writing it again. 32 bytes are kept free
for it.

`committed`, two u64 words: the sequence vouched for by the last commit(), and the level (0 process, 1
machine) of the writer. It is never synced, and read by live readers, which must not act on a record that a
power loss may take back.
"""

from __future__ import annotations

import struct
import sys
from typing import Final, NamedTuple
from zlib import crc32

if sys.byteorder != "little":  # Words are stored natively, for the sake of one atomic store.
    raise ImportError("the journal format needs a little-endian machine")

MAGIC: Final = b"OMSJRNL\n"
VERSION: Final = 1

HEADER_BYTES: Final = 4096
SECTOR_BYTES: Final = 512
"""The unit that a disk writes whole or not at all."""

RECORD_HEADER_BYTES: Final = 24
RECORD_MIN_BYTES: Final = 32
TRAILER: Final = 0xA5
TRAILER_BYTE: Final = b"\xa5"
END_LENGTH: Final = 0xFFFF_FFFF
END_BYTES: Final = 32

SEGMENT_SUFFIX: Final = ".journal"
NEXT_NAME: Final = "next.tmp"
COMMITTED_NAME: Final = "committed"
COMMITTED_BYTES: Final = 16
LOCK_NAME: Final = "lock"
TORN_NAME: Final = "torn"

MIN_SEGMENT_BYTES: Final = HEADER_BYTES + 2 * SECTOR_BYTES

_HEADER = struct.Struct("<8sIIQQQqQQII16s")
_HEADER_CRC = struct.Struct("<I")
_CRC_OFFSET: Final = _HEADER.size
_VERSION_AT = struct.Struct("<8sI")
_END = struct.Struct("<QQ8s")


class BadHeader(ValueError):
    """A segment header that does not hold; the message says why. Callers add the file."""


class NewerVersion(BadHeader):
    """A segment header of a later format version."""

    def __init__(self, version: int) -> None:
        super().__init__(f"format version {version}")
        self.version = version


class SegmentHeader(NamedTuple):
    """What a segment says of itself. `crc` is where the segment's chain starts."""

    number: int
    first_sequence: int
    segment_bytes: int
    created_ns: int
    salt: int
    previous_end: int
    previous_crc: int
    epoch: str
    crc: int = 0


def record_bytes(body_bytes: int) -> int:
    """Return the space that a body takes: header, trailer and padding included."""
    return (RECORD_HEADER_BYTES + body_bytes + 8) & -8


def pack_header(header: SegmentHeader) -> bytes:
    """Return the header's bytes without the zeros behind it. Its `crc` field is computed, not taken."""
    fields = _HEADER.pack(
        MAGIC,
        VERSION,
        0,
        header.number,
        header.first_sequence,
        header.segment_bytes,
        header.created_ns,
        header.salt,
        header.previous_end,
        header.previous_crc,
        0,
        header.epoch.encode("ascii"),
    )
    return fields + _HEADER_CRC.pack(crc32(fields))


def unpack_header(page: bytes) -> SegmentHeader:
    """Read the first 4096 bytes of a segment. Raises BadHeader or NewerVersion."""
    if len(page) < HEADER_BYTES:
        raise BadHeader(f"the header is cut short at {len(page)} bytes")
    magic, version = _VERSION_AT.unpack_from(page)
    if magic != MAGIC:
        raise BadHeader("not a journal segment (wrong magic)")
    if version > VERSION:  # Before the crc: a later version may have laid out the rest differently.
        raise NewerVersion(version)
    if version != VERSION:
        raise BadHeader(f"unknown format version {version}")
    (crc,) = _HEADER_CRC.unpack_from(page, _CRC_OFFSET)
    if crc32(page[:_CRC_OFFSET]) != crc:
        raise BadHeader("header crc mismatch")
    if page.count(0, _CRC_OFFSET + 4) != HEADER_BYTES - _CRC_OFFSET - 4:
        raise BadHeader("bytes after the header")
    number, first_sequence, size, created_ns, salt, end, end_crc, _, epoch = _HEADER.unpack_from(page)[3:]
    epoch_id = epoch.rstrip(b"\0").decode("ascii")
    return SegmentHeader(number, first_sequence, size, created_ns, salt, end, end_crc, epoch_id, crc)


def end_record(last_sequence: int, previous_crc: int) -> tuple[int, bytes]:
    """Return the end record after a segment's last record as (word, the bytes behind the word)."""
    payload = _END.pack(last_sequence, last_sequence, TRAILER_BYTE)
    return END_LENGTH | crc32(payload, previous_crc) << 32, payload


def segment_name(number: int) -> str:
    """Return the file name of a segment."""
    return f"{number:08d}{SEGMENT_SUFFIX}"


_DIGITS: Final = "0123456789abcdefghijklmnopqrstuvwxyz"


def epoch_of(created_ns: int) -> str:
    """Return the creation time in milliseconds in base 36: eight characters until the year 2059.

    >>> epoch_of(1_700_000_000_000_000_000)
    'loyw3v28'
    """
    value, text = created_ns // 1_000_000, ""
    while value:
        value, digit = divmod(value, 36)
        text = _DIGITS[digit] + text
    return text or "0"
