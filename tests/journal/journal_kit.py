"""What the journal's tests share: bodies by sequence, a clock that stands still, small journals."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

from oms.journal import JournalWriter, scan
from oms.journal.format import segment_name

SEGMENT_BYTES = 8192
"""The smallest: a header page and a page of records."""

NOW_NS = 1_700_000_000_000_000_000


def now_ns() -> int:
    return NOW_NS


def body(seq: int, longest: int = 200) -> bytes:
    """A body that depends on the sequence alone, of 0 to `longest` bytes, now and then all zeros."""
    rng = random.Random(seq)
    size = rng.randrange(longest + 1)
    if seq % 7 == 0:
        return bytes(size)
    return rng.randbytes(size)


def open_writer(directory: Path, segment_bytes: int = SEGMENT_BYTES, **options: object) -> JournalWriter:
    options = {"durability": "process", "now_ns": now_ns, **options}
    return JournalWriter.open(directory, segment_bytes=segment_bytes, **options)  # type: ignore[arg-type]


def write(
    directory: Path,
    count: int,
    *,
    segment_bytes: int = SEGMENT_BYTES,
    commit_every: int = 1,
    close: bool = True,
    longest: int = 200,
    durability: str = "process",
) -> JournalWriter:
    """Append records up to sequence `count`, with a commit before every `commit_every`-th of them.

    So the last `commit_every` records are committed by close() alone: nothing in the segments vouches for
    them.
    """
    writer = open_writer(directory, segment_bytes, durability=durability)
    while writer.last_seq < count:
        if writer.last_seq % commit_every == 0:
            writer.commit()
        assert writer.append(body(writer.next_seq, longest)) == writer.last_seq
    if close:
        writer.close()
    return writer


def read_all(directory: Path) -> list[bytes]:
    bodies: list[bytes] = []
    for first_seq, chunk in scan(directory):
        assert first_seq == len(bodies) + 1
        bodies += chunk
    return bodies


def expected(count: int, longest: int = 200) -> list[bytes]:
    return [body(seq, longest) for seq in range(1, count + 1)]


def segment(directory: Path, number: int = 1) -> Path:
    return directory / segment_name(number)


def flip(path: Path, offset: int, bit: int = 0) -> None:
    """Flip one bit of a file; a negative offset counts from its end."""
    content = path.read_bytes()
    overwrite(path, offset % len(content), bytes([content[offset] ^ 1 << bit]))


def overwrite(path: Path, offset: int, content: bytes) -> None:
    with open(path, "r+b") as file:
        file.seek(offset)
        file.write(content)


def record_offsets(path: Path) -> list[int]:
    """The offsets of a segment's records, the end record included, followed by the offset behind the last."""
    data, offset, found = path.read_bytes(), 4096, []
    while offset + 32 <= len(data) and (length := int.from_bytes(data[offset : offset + 4], "little")):
        found.append(offset)
        offset += 32 if length == 0xFFFFFFFF else (24 + length + 7) & -8
    return [*found, offset]


def copy(directory: Path, to: Path) -> Path:
    shutil.rmtree(to, ignore_errors=True)
    shutil.copytree(directory, to)
    return to
