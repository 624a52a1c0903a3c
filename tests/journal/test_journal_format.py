"""Golden bytes: a journal written today must be readable by every later version."""

from __future__ import annotations

import os
from pathlib import Path
from zlib import crc32

import pytest

from oms.journal import format as layout
from oms.journal.format import BadHeader, NewerVersion, SegmentHeader
from tests.journal.journal_kit import open_writer, segment

HEADER = SegmentHeader(
    number=2,
    first_sequence=1001,
    segment_bytes=8192,
    created_ns=1_700_000_000_000_000_000,
    salt=0x1122334455667788,
    previous_end=7000,
    previous_crc=0xAABBCCDD,
    epoch="loyw3v28",
)
HEADER_HEX = (
    "4f4d534a524e4c0a"
    "01000000"
    "00000000"  # magic, version, 0
    "0200000000000000"
    "e903000000000000"
    "0020000000000000"  # number, first sequence, segment bytes
    "00002a36fe9c9717"
    "8877665544332211"  # created_ns, salt
    "581b000000000000"
    "ddccbbaa"
    "00000000"  # previous end, previous crc, 0
    "6c6f797733763238"
    "0000000000000000"  # epoch
)


def test_header_bytes() -> None:
    packed = layout.pack_header(HEADER)
    assert packed[:-4].hex() == HEADER_HEX.replace(" ", "")
    assert packed[-4:] == crc32(packed[:-4]).to_bytes(4, "little")
    page = packed.ljust(4096, b"\0")
    assert layout.unpack_header(page) == HEADER._replace(crc=crc32(packed[:-4]))


def test_every_flipped_bit_of_a_header_is_noticed() -> None:
    page = layout.pack_header(HEADER).ljust(4096, b"\0")
    for bit in range(4096 * 8):
        flipped = bytearray(page)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises(BadHeader):
            layout.unpack_header(bytes(flipped))


def test_newer_version_is_told_before_the_rest_is_looked_at() -> None:
    page = layout.MAGIC + (7).to_bytes(4, "little") + os.urandom(4084)
    with pytest.raises(NewerVersion) as newer:
        layout.unpack_header(page)
    assert newer.value.version == 7


def test_record_bytes_of_a_segment(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The records as drawn in the format's docstring, computed here by hand."""
    monkeypatch.setattr(os, "urandom", lambda size: bytes(range(size)))
    with open_writer(directory) as writer:
        writer.append(b"hello")
        writer.append(b"")
        writer.commit()
        writer.append(b"\1" * 8)
    content = segment(directory).read_bytes()

    def record(length: str, crc: int, sequence: str, synced: str, rest: str) -> bytes:
        return bytes.fromhex(length) + crc.to_bytes(4, "little") + bytes.fromhex(sequence + synced + rest)

    def zeros(count: int) -> str:
        return "00" * count

    chain = crc32(content[:88])
    expected = b""
    for length, sequence, synced, rest in [
        (6, "01", "00", "68656c6c6fa5" + zeros(2)),
        (1, "02", "00", "a5" + zeros(7)),
        (9, "03", "02", "01" * 8 + "a5" + zeros(7)),
    ]:
        payload = bytes.fromhex(sequence + zeros(7) + synced + zeros(7) + rest)
        chain = crc32(payload, chain ^ length)
        expected += record(f"{length:02x}" + zeros(3), chain, sequence + zeros(7), synced + zeros(7), rest)
    assert len(expected) == 32 + 32 + 40
    assert content[4096 : 4096 + len(expected)] == expected
    assert not any(content[4096 + len(expected) :])


def test_end_record_bytes() -> None:
    word, payload = layout.end_record(1000, 0x12345678)
    assert payload.hex() == "e803000000000000" * 2 + "a500000000000000"
    assert word == 0xFFFFFFFF | crc32(payload, 0x12345678) << 32


@pytest.mark.parametrize("size", range(20))
def test_record_bytes_are_multiples_of_8_with_room_for_the_trailer(size: int) -> None:
    assert layout.record_bytes(size) % 8 == 0
    assert 24 + size + 1 <= layout.record_bytes(size) <= 24 + size + 8


@pytest.mark.parametrize(
    ("created_ns", "epoch"),
    [(0, "0"), (1_000_000, "1"), (36_000_000, "10"), (2_800_000_000_000_000_000, "zqavpf5s")],
)
def test_epoch_is_base_36_of_the_milliseconds(created_ns: int, epoch: str) -> None:
    assert layout.epoch_of(created_ns) == epoch
    assert int(epoch, 36) == created_ns // 1_000_000
