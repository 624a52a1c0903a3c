"""No space for the next segment: refused before anything is written, and the reserve takes small records."""

from __future__ import annotations

import os
import resource
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from oms.journal import JournalFull, JournalWriter
from oms.journal import writer as writer_module
from oms.journal.format import NEXT_NAME
from oms.journal.snapshot import latest
from oms.journal.snapshot import write as write_snapshot
from tests.journal.journal_kit import body, expected, open_writer, read_all, record_offsets, segment, write

SEGMENT_BYTES = 256 << 10


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A tmpfs of 1 MiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(disk)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("may not mount a tmpfs")
    try:
        yield disk
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)


def fill(writer: JournalWriter) -> int:
    """Append ordinary records until the disk is full; return the last sequence."""
    with pytest.raises(JournalFull, match=r"next\.tmp: no space"):
        append_forever(writer)
    return writer.last_seq


def append_forever(writer: JournalWriter, use_reserve: bool = False) -> None:
    while True:
        writer.append(body(writer.next_seq), use_reserve)


def test_full_disk_refuses_new_work_and_takes_cancels(
    small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer_module, "_RETRY_S", 0.0)
    directory = small_disk / "journal"
    writer = open_writer(directory, SEGMENT_BYTES, reserve_bytes=16 << 10)
    last = fill(writer)
    assert writer.is_full
    assert writer.segment_number == 3
    for _ in range(3):
        with pytest.raises(JournalFull):
            writer.append(bytes(300))
    assert writer.last_seq == last
    for count in range(1, 101):
        assert writer.append(body(writer.next_seq), use_reserve=True) == last + count
    assert writer.commit() == last + 100
    while writer.prepare_next():
        pass
    assert writer.is_full
    writer.close()
    assert read_all(directory) == expected(last + 100)
    assert not (directory / NEXT_NAME).exists()


def test_reserve_ends_too_and_nothing_is_half_written(small_disk: Path) -> None:
    directory = small_disk / "journal"
    with open_writer(directory, SEGMENT_BYTES, reserve_bytes=4 << 10, durability="machine") as writer:
        fill(writer)
        with pytest.raises(JournalFull):
            append_forever(writer, use_reserve=True)
        last = writer.last_seq
        with pytest.raises(JournalFull):
            writer.append(b"x" * 100, use_reserve=True)
        writer.commit()
    assert read_all(directory) == expected(last)


def test_freed_space_is_used(small_disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer_module, "_RETRY_S", 0.0)
    (small_disk / "other").write_bytes(bytes(300 << 10))
    directory = small_disk / "journal"
    with open_writer(directory, SEGMENT_BYTES) as writer:
        last = fill(writer)
        assert writer.segment_number == 2
        writer.append(body(last + 1), use_reserve=True)
        (small_disk / "other").unlink()
        while writer.prepare_next():
            pass
        assert not writer.is_full
        while writer.segment_number == 2:
            writer.append(body(writer.next_seq))
        last = writer.last_seq
    assert read_all(directory) == expected(last)


def test_allocation_is_tried_ten_times_a_second_at_most(
    small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_writer(small_disk / "journal", SEGMENT_BYTES) as writer:
        fill(writer)
        while writer.prepare_next():
            pass
        calls: list[int] = []
        monkeypatch.setattr(os, "posix_fallocate", lambda *_: calls.append(1))
        monkeypatch.setattr(time, "monotonic", lambda: writer._retry_at_s - 0.001)
        for _ in range(50):
            assert not writer.prepare_next()
            with pytest.raises(JournalFull):
                writer.append(bytes(300))
        assert calls == []


def test_disk_full_when_the_journal_is_created(small_disk: Path) -> None:
    (small_disk / "other").write_bytes(bytes(900 << 10))
    with pytest.raises(JournalFull):
        open_writer(small_disk / "journal", SEGMENT_BYTES)
    (small_disk / "other").unlink()
    write(small_disk / "journal", 5, segment_bytes=SEGMENT_BYTES)
    assert read_all(small_disk / "journal") == expected(5)


def test_disk_full_when_a_torn_tail_is_to_be_kept(small_disk: Path) -> None:
    """The copy does not fit, so nothing is cut."""
    directory = small_disk / "journal"
    write(directory, 5, segment_bytes=SEGMENT_BYTES)
    content = segment(directory).read_bytes()
    end = record_offsets(segment(directory))[-1]
    torn = content[:end] + bytes(8) + b"in flight" * 20_000
    segment(directory).write_bytes(torn.ljust(SEGMENT_BYTES, b"\0"))
    other = small_disk / "other"
    with open(other, "wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            pass
    with pytest.raises(JournalFull):
        open_writer(directory, SEGMENT_BYTES)
    assert segment(directory).read_bytes() == torn.ljust(SEGMENT_BYTES, b"\0")
    other.unlink()
    with open_writer(directory, SEGMENT_BYTES) as writer:
        assert writer.last_seq == 5
        assert writer.torn_copy is not None
        assert writer.torn_copy.read_bytes() == bytes(8) + b"in flight" * 20_000


def test_snapshot_on_a_full_disk_leaves_the_one_before(small_disk: Path) -> None:
    write_snapshot(small_disk, 1, b"small")
    with pytest.raises(JournalFull):
        write_snapshot(small_disk, 2, bytes(2 << 20))
    assert latest(small_disk) == (1, b"small")
    assert len(list(small_disk.iterdir())) == 1


def test_file_size_limit_is_taken_for_a_full_disk(directory: Path) -> None:
    """Needs no mount: the same path through a resource limit."""
    with open_writer(directory, SEGMENT_BYTES) as writer:
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (SEGMENT_BYTES // 2, limits[1]))
        try:
            last = fill(writer)
            assert writer.is_full
            assert writer.append(body(last + 1), use_reserve=True) == last + 1
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert read_all(directory) == expected(last + 1)
