"""What may stand at the end of a journal whose writer has died, and what may not: torn or corrupt.

A published record is *vouched for* once a commit() has covered it: from then on the outside world may know
of it. Each record carries the highest vouched sequence of its time (`synced`), each segment header vouches
for all segments before, and so does the `committed` file if its writer was of level machine. Let S be the
highest of these, and B the sequence of the first record that does not hold, at offset p of the last
segment.

    clean    nothing published at p and nothing behind it: the journal ends here.
    torn     B > S, and unwritten sectors explain the damage: cut, with a copy of the cut bytes kept in torn/.
    corrupt  anything else: refuse to start, and name B.

What can be torn. After a SIGKILL the page cache survives: every published record is whole, and the one
being written has a zero word, so the journal ends there and the bytes behind it are cut. After a power loss
any subset of the sectors that were written since the last fdatasync is missing, and a missing sector reads
as it was before: zeros from some place on. Hence, for B > S, "unwritten sectors explain it" means:

    the word at p is zero    and no later record starts in the same sector: that sector is older than B.
    the word at p is set     so B's first sector is as new as B. Then either a whole sector within B is zero,
                             or the trailer and all behind it in its sector are. And a later record that
                             survived stands where B's length says: if not, the length itself was damaged.
    in either case           no later record that survived vouches for B.

At level *process* a commit vouches by publication alone, as only the death of the process is to be
survived. So after a power loss a missing end may go unnoticed (that is what the level means), but a hole
with later records behind it is corrupt: it proves that acknowledged records are gone, and a person has to
accept that (see `salvage`). At level *machine* a hole can only be among the records that no fdatasync has
covered: nobody was told, they are cut.

A flipped bit is never explained by an unwritten sector, except one in the length of the last record, or in
a body that holds a whole sector of zeros. That last record is lost only if nothing vouches for it.

Only the last segment may be torn: it is begun after all before it has been vouched for.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from typing import NamedTuple

from .format import END_LENGTH, RECORD_HEADER_BYTES, SECTOR_BYTES, TRAILER, record_bytes
from .segment import Cursor, Segment

_ZEROS = bytes(1 << 16)


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


def judge(segment: Segment, cursor: Cursor) -> Tail:
    """Say what stands at the cursor, where `walk` stopped with EMPTY or BAD, by the module's rule.

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
        start = max(offset, end - len(_ZEROS))
        chunk = data[start:end]
        # Comparing is twenty times as fast as stripping, and nearly all is zeros.
        if chunk != _ZEROS and (written := len(chunk.rstrip(b"\0"))):
            return start + written
        end = start
    return offset


def _survivors(segment: Segment, offset: int, sequence: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Yield (offset, sequence, synced) of later records by their looks: with the chain cut no crc tells."""
    words, data, size = segment.words, segment.data, len(segment.data)
    highest = sequence + (end - offset) // 32 + 1
    for index in range((offset >> 3) + 1, min((end + 7) // 8, (size - RECORD_HEADER_BYTES) // 8)):
        if sequence < words[index + 1] <= highest:
            length = words[index] & 0xFFFF_FFFF
            trailer_at = index * 8 + RECORD_HEADER_BYTES + length - 1
            if (
                length > 0
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
