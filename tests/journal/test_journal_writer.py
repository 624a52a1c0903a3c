"""The writer on its own: sequences, commits, rotation, reopening, the lock."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from oms.journal import JournalFailed, JournalLocked, JournalReader, JournalVersionError
from oms.journal.format import COMMITTED_NAME, NEXT_NAME
from oms.journal.tail import TailKind
from tests.journal.journal_kit import (
    NOW_NS,
    SEGMENT_BYTES,
    body,
    expected,
    open_writer,
    read_all,
    segment,
    write,
)


def test_sequences_begin_at_1_and_have_no_gap(directory: Path) -> None:
    with open_writer(directory) as writer:
        assert (writer.last_seq, writer.next_seq) == (0, 1)
        assert [writer.append(b"x") for _ in range(5)] == [1, 2, 3, 4, 5]
        assert (writer.last_seq, writer.next_seq) == (5, 6)


def test_creates_the_directory_and_its_parents(tmp_path: Path) -> None:
    write(tmp_path / "a" / "b", 3)
    assert read_all(tmp_path / "a" / "b") == expected(3)


@pytest.mark.parametrize("size", [*range(18), 255, 256, 3000, SEGMENT_BYTES - 4096 - 32 - 25])
def test_bodies_of_every_size_come_back(directory: Path, size: int) -> None:
    with open_writer(directory) as writer:
        for fill in (b"\0", b"\xff"):
            writer.append(fill * size)
    assert read_all(directory) == [b"\0" * size, b"\xff" * size]


def test_record_larger_than_a_segment_is_refused_and_changes_nothing(directory: Path) -> None:
    with open_writer(directory) as writer:
        writer.append(b"before")
        with pytest.raises(ValueError, match="does not fit"):
            writer.append(bytes(SEGMENT_BYTES - 4096 - 32 - 24))
        assert writer.append(b"after") == 2
    assert read_all(directory) == [b"before", b"after"]


def test_body_of_a_wrong_type_changes_nothing(directory: Path) -> None:
    import struct

    with open_writer(directory) as writer:
        with pytest.raises(struct.error):
            writer.append("text")  # type: ignore[arg-type]
        assert writer.append(b"bytes") == 1
    assert read_all(directory) == [b"bytes"]


@pytest.mark.parametrize("durability", ["process", "machine"])
def test_rotation_keeps_every_record(directory: Path, durability: str) -> None:
    write(directory, 300, durability=durability)
    assert read_all(directory) == expected(300)
    assert segment(directory, 5).exists()
    assert not (directory / NEXT_NAME).exists()


def test_segment_filled_to_the_last_byte_rotates(directory: Path) -> None:
    room = SEGMENT_BYTES - 4096 - 32
    with open_writer(directory) as writer:
        for _ in range(3 * room // 128):
            writer.append(bytes(103))  # 128 bytes; one is left of 127
        writer.append(bytes(room - 25))
    assert read_all(directory) == [bytes(103)] * (3 * room // 128) + [bytes(room - 25)]


@pytest.mark.parametrize("durability", ["process", "machine"])
def test_prepared_segment_is_used(directory: Path, durability: str) -> None:
    with open_writer(directory, durability=durability) as writer:
        while writer.prepare_next():
            pass
        inode = (directory / NEXT_NAME).stat().st_ino
        while writer.segment_number == 1:
            writer.append(body(writer.next_seq))
        assert segment(directory, 2).stat().st_ino == inode
        assert not (directory / NEXT_NAME).exists()
        while writer.prepare_next():
            pass
        count = writer.last_seq
    assert read_all(directory) == expected(count)


def test_prepare_next_says_when_there_is_nothing_to_do(directory: Path) -> None:
    with open_writer(directory, 1 << 20) as writer:
        steps = 0
        while writer.prepare_next():
            steps += 1
        assert 1 < steps < 20
        assert not writer.prepare_next()


@pytest.mark.parametrize("count", [0, 1, 40, 300])
def test_reopening_goes_on_where_the_journal_ended(directory: Path, count: int) -> None:
    write(directory, count)
    with open_writer(directory) as writer:
        assert writer.last_seq == writer.synced_seq == count
        assert writer.recovered is None or writer.recovered.kind is TailKind.CLEAN
        assert writer.torn_copy is None
    write(directory, count + 50)
    assert read_all(directory) == expected(count + 50)


def test_reopening_with_another_segment_size_concerns_new_segments_only(directory: Path) -> None:
    write(directory, 100)
    write(directory, 600, segment_bytes=4 * SEGMENT_BYTES)
    write(directory, 900)
    sizes = [path.stat().st_size for path in sorted(directory.glob("*.journal"))]
    assert set(sizes) == {SEGMENT_BYTES, 4 * SEGMENT_BYTES}
    assert read_all(directory) == expected(900)


def test_epoch_is_the_creation_time_and_stays(directory: Path) -> None:
    with open_writer(directory) as writer:
        assert writer.epoch == "loyw3v28"
    with open_writer(directory, now_ns=lambda: NOW_NS + 10**18) as writer:
        for seq in range(1, 200):
            writer.append(body(seq))
        assert writer.segment_number > 1
        assert writer.epoch == "loyw3v28"
    assert JournalReader(directory, 150).epoch == "loyw3v28"


def test_segments_are_allocated_not_sparse(directory: Path) -> None:
    write(directory, 1, segment_bytes=1 << 20)
    assert segment(directory).stat().st_blocks * 512 >= 1 << 20


def test_commit_syncs_once_and_only_if_something_was_appended(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_writer(directory, durability="machine") as writer:
        calls: list[int] = []
        real = os.fdatasync

        def count(fd: int) -> None:
            calls.append(fd)
            real(fd)

        monkeypatch.setattr(os, "fdatasync", count)
        assert writer.commit() == 0
        writer.append(b"1")
        writer.append(b"2")
        assert writer.synced_seq == 0
        assert writer.commit() == 2
        assert writer.commit() == 2
        assert writer.synced_seq == 2
        assert len(calls) == 1


def test_commit_at_level_process_calls_nothing(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_writer(directory) as writer:
        monkeypatch.setattr(os, "fdatasync", None)
        writer.append(b"1")
        assert writer.commit() == 1
        assert writer.synced_seq == 1


def test_sync_at_level_process_reaches_segments_left_behind(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = write(directory, 300, close=False)
    synced: list[str] = []
    monkeypatch.setattr(os, "fdatasync", lambda fd: synced.append(os.readlink(f"/proc/self/fd/{fd}")))
    writer.sync()
    assert [Path(name).name for name in synced] == [
        f"{number:08d}.journal" for number in range(1, writer.segment_number)
    ]
    synced.clear()
    writer.sync()
    assert synced == []
    writer.close()


def test_failed_sync_poisons_the_writer(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = open_writer(directory, durability="machine")
    writer.append(b"1")
    calls = 0

    def fail(_: int) -> None:
        nonlocal calls
        calls += 1
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fdatasync", fail)
    with pytest.raises(JournalFailed, match=r"00000001\.journal: .*Input/output error"):
        writer.commit()
    monkeypatch.undo()
    for call in (writer.commit, writer.sync, writer.prepare_next, lambda: writer.append(b"2")):
        with pytest.raises(JournalFailed, match="Input/output error"):
            call()
    assert calls == 1
    assert (directory / COMMITTED_NAME).read_bytes()[:8] == bytes(8)
    writer.close()


def test_closed_writer_refuses(directory: Path) -> None:
    writer = write(directory, 1)
    writer.close()
    with pytest.raises(JournalFailed, match="closed"):
        writer.append(b"2")
    with pytest.raises(JournalFailed, match="closed"):
        writer.commit()


def test_second_writer_is_refused_and_told_who_holds_the_journal(directory: Path) -> None:
    with open_writer(directory) as writer:
        writer.append(b"1")
        with pytest.raises(JournalLocked) as refused:
            open_writer(directory)
        assert refused.value.pid == os.getpid()
        assert str(directory / "lock") in str(refused.value)
        assert writer.append(b"2") == 2
    open_writer(directory).close()


def test_writer_in_another_process_is_refused(directory: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from oms.journal import JournalWriter, JournalLocked\n"
        "try: JournalWriter.open(Path(sys.argv[1]))\n"
        "except JournalLocked as error: print(error.pid)\n"
    )
    with open_writer(directory):
        done = subprocess.run([sys.executable, "-c", script, str(directory)], capture_output=True, text=True)
    assert done.stdout.strip() == str(os.getpid()), done.stderr


def test_lock_is_released_when_opening_fails(directory: Path) -> None:
    write(directory, 5)
    content = segment(directory).read_bytes()
    segment(directory).write_bytes(b"?" + content[1:])
    with pytest.raises(Exception, match="magic"):
        open_writer(directory)
    segment(directory).write_bytes(content)
    open_writer(directory).close()


def test_newer_format_version_is_refused_with_file_and_version(directory: Path) -> None:
    write(directory, 100)
    content = bytearray(segment(directory, 2).read_bytes())
    content[8] = 2
    segment(directory, 2).write_bytes(content)
    for call in (lambda: open_writer(directory), lambda: read_all(directory)):
        with pytest.raises(JournalVersionError, match=r"00000002\.journal: format version 2") as refused:
            call()
        assert refused.value.version == 2


@pytest.mark.parametrize("options", [{"segment_bytes": 4096}, {"durability": "replica"}])
def test_bad_options_are_refused_before_anything_is_created(directory: Path, options: dict[str, int]) -> None:
    with pytest.raises(ValueError):
        open_writer(directory, **options)
    assert not directory.exists()


def test_leftover_of_a_preparation_is_removed(directory: Path) -> None:
    write(directory, 5)
    (directory / NEXT_NAME).write_bytes(b"half allocated")
    write(directory, 6)
    assert not (directory / NEXT_NAME).exists()
    assert read_all(directory) == expected(6)
