"""The reader: places, limits, rotation, what it waits for and what it refuses. Here in one process."""

from __future__ import annotations

from pathlib import Path

import pytest

from oms.journal import JournalCorrupt, JournalReader, scan
from oms.journal import reader as reader_module
from oms.journal.format import COMMITTED_NAME
from tests.journal.journal_kit import (
    body,
    copy,
    expected,
    flip,
    open_writer,
    overwrite,
    record_offsets,
    segment,
    write,
)


def drain(reader: JournalReader, limit: int = 1000) -> list[tuple[int, bytes]]:
    found: list[tuple[int, bytes]] = []
    while records := reader.read(limit):
        assert len(records) <= limit
        found += records
    return found


def numbered(first: int, last: int) -> list[tuple[int, bytes]]:
    return [(seq, body(seq)) for seq in range(first, last + 1)]


@pytest.mark.parametrize("limit", [1, 2, 7, 1000])
def test_reads_everything_across_segments(directory: Path, limit: int) -> None:
    write(directory, 200)
    reader = JournalReader(directory)
    assert drain(reader, limit) == numbered(1, 200)
    assert reader.position == 201
    reader.close()


@pytest.mark.parametrize("from_seq", [1, 2, 30, 31, 32, 33, 34, 35, 36, 37, 38, 150, 199, 200, 201])
def test_opens_in_the_middle(directory: Path, from_seq: int) -> None:
    write(directory, 200)
    reader = JournalReader(directory, from_seq)
    assert reader.position == from_seq
    assert drain(reader) == numbered(from_seq, 200)
    assert reader.position == 201
    scanned = [(seq, b) for first, bodies in scan(directory, from_seq) for seq, b in enumerate(bodies, first)]
    assert scanned == numbered(from_seq, 200)


def test_a_position_ahead_of_the_journal_waits_for_it(directory: Path) -> None:
    write(directory, 10)
    reader = JournalReader(directory, 15)
    assert reader.read(10) == []
    assert reader.position == 15
    write(directory, 20)
    assert drain(reader) == numbered(15, 20)


def test_sequence_0_is_refused(directory: Path) -> None:
    with pytest.raises(ValueError, match="begin at 1"):
        JournalReader(directory, 0)


def test_waits_for_the_directory_and_the_first_record(directory: Path) -> None:
    reader = JournalReader(directory)
    assert reader.read(10) == []
    assert reader.epoch == ""
    directory.mkdir()
    assert reader.read(10) == []
    with open_writer(directory) as writer:
        assert reader.read(10) == []
        writer.append(b"first")
        writer.commit()
        assert reader.read(10) == [(1, b"first")]
        assert reader.epoch == writer.epoch
    assert list(scan(directory.parent / "nowhere")) == []


def test_returns_committed_records_only_unless_asked(directory: Path) -> None:
    with open_writer(directory, durability="machine") as writer:
        committed, published = JournalReader(directory), JournalReader(directory, committed_only=False)
        writer.append(b"1")
        assert committed.read(10) == []
        assert published.read(10) == [(1, b"1")]
        writer.commit()
        writer.append(b"2")
        assert committed.read(10) == [(1, b"1")]
        assert published.read(10) == [(2, b"2")]


def test_a_copy_without_the_committed_file_is_read_to_its_end(directory: Path, tmp_path: Path) -> None:
    writer = write(directory, 50, commit_every=100, close=False, segment_bytes=1 << 16)
    copied = copy(directory, tmp_path / "copy")
    writer.close()
    assert drain(JournalReader(copied)) == []
    (copied / COMMITTED_NAME).unlink()
    assert drain(JournalReader(copied)) == numbered(1, 50)


def test_follows_a_live_writer_across_rotations_and_restarts(directory: Path) -> None:
    reader, found = JournalReader(directory), []
    for count in range(0, 400, 7):
        write(directory, count)
        found += drain(reader, 3)
    assert found == numbered(1, 399)


def test_never_returns_a_record_before_its_word_is_stored(directory: Path) -> None:
    write(directory, 10)
    last = record_offsets(segment(directory))[-2]
    content = segment(directory).read_bytes()
    overwrite(segment(directory), last, bytes(8))
    reader = JournalReader(directory)
    assert drain(reader) == numbered(1, 9)
    overwrite(segment(directory), last, content[last : last + 8])
    assert drain(reader) == numbered(10, 10)


def test_a_restarted_writer_cuts_a_torn_tail_and_the_reader_goes_on(directory: Path) -> None:
    write(directory, 10)
    last = record_offsets(segment(directory))[-2]
    overwrite(segment(directory), last + 20, bytes(2000))
    reader = JournalReader(directory)
    assert drain(reader) == numbered(1, 9)
    with open_writer(directory) as writer:
        assert writer.append(b"another 10") == 10
        writer.commit()
        assert drain(reader) == [(10, b"another 10")]


def test_a_file_cut_short_is_read_and_followed_once_it_is_whole_again(directory: Path) -> None:
    write(directory, 10)
    last = record_offsets(segment(directory))[-2]
    with open(segment(directory), "r+b") as file:
        file.truncate(last + 5)
    reader = JournalReader(directory)
    assert drain(reader) == numbered(1, 9)
    assert reader.read(1) == []
    write(directory, 12)
    assert drain(reader) == numbered(10, 12)


def test_damage_in_front_of_the_reader_is_refused_not_waited_for(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(directory, 10)
    offsets = record_offsets(segment(directory))
    flip(segment(directory), offsets[5] + 30)
    monkeypatch.setattr(reader_module, "_PATIENCE_S", 0.0)
    reader = JournalReader(directory)
    assert drain(reader) == numbered(1, 5)
    with pytest.raises(JournalCorrupt, match=rf"00000001\.journal: sequence 6, offset {offsets[5]}: "):
        reader.read(1)


def test_a_closed_reader_opens_again_at_its_position(directory: Path) -> None:
    write(directory, 100)
    reader = JournalReader(directory)
    assert reader.read(22) == numbered(1, 22)
    reader.close()
    assert reader.position == 23
    assert drain(reader) == numbered(23, 100)


def test_scan_of_a_journal_that_is_being_written(directory: Path) -> None:
    with open_writer(directory) as writer:
        for seq in range(1, 200):
            writer.append(body(seq))
            assert [b for _, bodies in scan(directory, max(1, seq - 3)) for b in bodies] == (
                expected(seq)[max(1, seq - 3) - 1 :]
            )
