"""One test per kind of damage: what a crash leaves is repaired, all else is refused with file and sequence.

Journals here have small bodies (about 50 bytes), so that several records share a sector, unless a test says
otherwise.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from oms.journal import JournalCorrupt, JournalError, JournalLocked, JournalVersionError, scan
from oms.journal.format import COMMITTED_NAME, HEADER_BYTES, TRAILER
from oms.journal.salvage import salvage
from oms.journal.tail import TailKind
from oms.journal.verify import verify
from tests.journal.journal_kit import (
    SEGMENT_BYTES,
    body,
    copy,
    expected,
    flip,
    open_writer,
    overwrite,
    read_all,
    record_offsets,
    segment,
    write,
)


def refused(directory: Path, file: str, sequence: int, reason: str) -> None:
    """The writer, a scan and verify all refuse; the writer and verify name file, sequence and reason."""
    before = {path: path.read_bytes() for path in directory.glob("*.journal")}
    with pytest.raises(JournalCorrupt, match=reason) as error:
        open_writer(directory)
    assert (error.value.path.name, error.value.sequence) == (file, sequence)
    assert str(error.value).count("\n") == 0
    assert {path: path.read_bytes() for path in directory.glob("*.journal")} == before, "a file was changed"
    damage = verify(directory).damage
    assert damage is not None
    assert damage.sequence == sequence
    with pytest.raises(JournalError):
        for _ in scan(directory):
            pass


def repaired(directory: Path, count: int, reason: str = "", torn: bytes | None = None) -> None:
    """The writer cuts the tail down to `count` records, keeps a copy, and a further record goes well."""
    report = verify(directory)
    assert report.is_ok
    assert report.tail is not None
    assert report.tail.kind is TailKind.TORN
    assert report.last_seq == count
    assert read_all(directory) == expected(count, 50)
    with open_writer(directory) as writer:
        assert writer.last_seq == count
        assert writer.recovered is not None
        assert writer.recovered.kind is TailKind.TORN
        assert reason in writer.recovered.reason
        assert writer.torn_copy is not None
        if torn is not None:
            assert writer.torn_copy.read_bytes() == torn.rstrip(b"\0")
        assert writer.append(b"goes on") == count + 1
    assert read_all(directory) == [*expected(count, 50), b"goes on"]
    assert verify(directory).is_ok


@pytest.fixture
def journal(directory: Path) -> Path:
    """Forty records in one segment; commit after every fourth: 37 to 40 are vouched for by nothing in it."""
    write(directory, 40, commit_every=4, longest=50)
    return directory


@pytest.fixture
def segments(directory: Path) -> Path:
    """Four segments, the last with a few records."""
    count = 0
    while not segment(directory, 4).exists():
        count += 10
        write(directory, count, longest=50)
    return directory


def first_sequence(directory: Path, number: int) -> int:
    return int.from_bytes(segment(directory, number).read_bytes()[24:32], "little")


# -- torn ---------------------------------------------------------------------------------------------------


def test_untouched_journal_is_clean(journal: Path) -> None:
    with open_writer(journal) as writer:
        assert writer.recovered is not None
        assert writer.recovered.kind is TailKind.CLEAN
    assert not (journal / "torn").exists()


def test_record_in_flight_is_cut(journal: Path) -> None:
    """SIGKILL between the bytes and the word."""
    end = record_offsets(segment(journal))[-1]
    overwrite(segment(journal), end + 8, b"\x29\0\0\0\0\0\0\0 and half a body")
    repaired(journal, 40, "not published", bytes(8) + b"\x29\0\0\0\0\0\0\0 and half a body")


def test_last_record_half_written_is_cut(journal: Path) -> None:
    last, end = record_offsets(segment(journal))[-2:]
    content = segment(journal).read_bytes()[last:end]
    overwrite(segment(journal), last + 16, bytes(end - last - 16))
    repaired(journal, 39, "a sector of it was not written", content[:16])


def test_last_record_with_only_its_word_is_cut(journal: Path) -> None:
    last, end = record_offsets(segment(journal))[-2:]
    overwrite(segment(journal), last + 8, bytes(end - last - 8))
    repaired(journal, 39, "nothing behind its length was written")


def test_uncommitted_sectors_lost_from_the_end_are_cut(journal: Path) -> None:
    offsets = record_offsets(segment(journal))
    boundary = (offsets[39] // 512) * 512
    assert offsets[36] < boundary, "the script must let a sector begin among the uncommitted records"
    overwrite(segment(journal), boundary, bytes(SEGMENT_BYTES - boundary))
    count = sum(offset < boundary for offset in offsets[1:])
    if offsets[count] == boundary:
        assert read_all(journal) == expected(count, 50)
    else:
        repaired(journal, count)


def uncommitted_tail(directory: Path) -> list[int]:
    """Write 30 records, the last 26 without a commit; return the offsets."""
    writer = open_writer(directory)
    for seq in range(1, 31):
        writer.append(body(seq, 50))
        if seq == 4:
            writer.commit()
    writer._committed[0] = 4  # The process dies here: no commit by close.
    writer.synced_seq = writer.last_seq
    writer.close()
    return record_offsets(segment(directory))


def test_hole_of_a_sector_among_uncommitted_records_is_cut(directory: Path) -> None:
    """Power loss: a later sector reached the disk, an earlier one did not."""
    offsets = uncommitted_tail(directory)
    hole = (offsets[10] // 512 + 1) * 512
    overwrite(segment(directory), hole, bytes(512))
    count = sum(offset < hole for offset in offsets[1:])
    repaired(directory, count)


def test_sector_within_an_uncommitted_record_is_cut(directory: Path) -> None:
    """A record of four sectors, of which one in the middle was not written, and records behind it were."""
    with open_writer(directory) as writer:
        for seq in (1, 2):
            writer.append(body(seq, 50))
        writer.append(b"\xff" * 2000)
        writer.append(b"behind it")
    third = record_offsets(segment(directory))[2]
    overwrite(segment(directory), (third // 512 + 2) * 512, bytes(512))
    repaired(directory, 2, "a sector of it was not written")


def test_segment_cut_short_within_the_tail_is_extended(journal: Path) -> None:
    last = record_offsets(segment(journal))[-2]
    with open(segment(journal), "r+b") as file:
        file.truncate(last + 21)
    repaired(journal, 39)
    assert segment(journal).stat().st_size == SEGMENT_BYTES


def test_repair_that_was_itself_interrupted_is_repeated(journal: Path) -> None:
    last, end = record_offsets(segment(journal))[-2:]
    overwrite(segment(journal), last + 16, bytes(end - last - 16))
    (journal / "torn").mkdir()
    open_writer(copy(journal, journal.parent / "first")).close()
    shutil.copytree(journal.parent / "first" / "torn", journal / "torn", dirs_exist_ok=True)
    repaired(journal, 39)
    assert len(list((journal / "torn").iterdir())) == 2


def test_several_torn_copies_are_kept(journal: Path) -> None:
    for count in (39, 38):
        last = record_offsets(segment(journal))[count]
        overwrite(segment(journal), last + 9, bytes(SEGMENT_BYTES - last - 9))
        open_writer(journal).close()
    assert len(list((journal / "torn").iterdir())) == 2


# -- corrupt: records ---------------------------------------------------------------------------------------


def test_flipped_bit_in_a_committed_body(journal: Path) -> None:
    offset = record_offsets(segment(journal))[9]
    flip(segment(journal), offset + 25)
    refused(journal, "00000001.journal", 10, "it was committed|says it was committed")


@pytest.mark.parametrize(
    "at", [0, 4, 8, 16, 24, -1], ids=["length", "crc", "sequence", "synced", "body", "padding"]
)
def test_flipped_bit_in_each_field_of_an_uncommitted_record_with_others_behind_it(
    directory: Path, at: int
) -> None:
    offsets = uncommitted_tail(directory)
    flip(segment(directory), offsets[9] + at if at >= 0 else offsets[10] - 1)
    refused(directory, "00000001.journal", 10, "sequence 10")


def test_flipped_bit_in_the_last_body(journal: Path) -> None:
    flip(segment(journal), record_offsets(segment(journal))[39] + 24)
    refused(journal, "00000001.journal", 40, "no unwritten sector explains it")


@pytest.mark.parametrize("bit", range(8))
def test_flipped_bit_in_a_trailer_never_makes_it_zero(journal: Path, bit: int) -> None:
    last, end = record_offsets(segment(journal))[-2:]
    content = segment(journal).read_bytes()
    trailer = max(at for at in range(last, end) if content[at])
    assert content[trailer] == TRAILER
    flip(segment(journal), trailer, bit)
    refused(journal, "00000001.journal", 40, "no unwritten sector explains it")


def test_committed_record_zeroed(journal: Path) -> None:
    first, second = record_offsets(segment(journal))[9:11]
    overwrite(segment(journal), first, bytes(second - first))
    refused(journal, "00000001.journal", 10, "committed")


def test_committed_sector_zeroed(journal: Path) -> None:
    offsets = record_offsets(segment(journal))
    sector = (offsets[9] // 512) * 512
    overwrite(segment(journal), sector, bytes(512))
    first_lost = sum(offset < sector for offset in offsets[1:]) + 1
    refused(journal, "00000001.journal", first_lost, "committed")


def test_one_uncommitted_word_zeroed_with_records_behind_it_in_the_sector(directory: Path) -> None:
    offsets = uncommitted_tail(directory)
    at = next(i for i in range(5, 25) if offsets[i] // 512 == offsets[i + 1] // 512)
    overwrite(segment(directory), offsets[at], bytes(8))
    refused(directory, "00000001.journal", at + 1, "in the same sector")


def test_length_of_an_uncommitted_record_too_long(directory: Path) -> None:
    offsets = uncommitted_tail(directory)
    overwrite(segment(directory), offsets[20], (3000).to_bytes(4, "little"))
    refused(directory, "00000001.journal", 21, "its length is damaged")


def test_length_beyond_the_segment(journal: Path) -> None:
    flip(segment(journal), record_offsets(segment(journal))[39] + 3, 6)
    refused(journal, "00000001.journal", 40, "its length is damaged")


def test_record_removed_and_the_rest_moved_up(journal: Path) -> None:
    content = segment(journal).read_bytes()
    first, second = record_offsets(segment(journal))[9:11]
    segment(journal).write_bytes(content[:first] + content[second:] + bytes(second - first))
    refused(journal, "00000001.journal", 10, "committed")


def test_record_doubled(journal: Path) -> None:
    content = segment(journal).read_bytes()
    first, second = record_offsets(segment(journal))[9:11]
    doubled = content[:second] + content[first:second] + content[second:]
    segment(journal).write_bytes(doubled[:SEGMENT_BYTES])
    refused(journal, "00000001.journal", 11, "its length is damaged: record 12")


def test_two_records_swapped(journal: Path) -> None:
    content = segment(journal).read_bytes()
    a, b, c = record_offsets(segment(journal))[9:12]
    segment(journal).write_bytes(content[:a] + content[b:c] + content[a:b] + content[c:])
    refused(journal, "00000001.journal", 10, "committed")


def test_record_of_another_journal_does_not_fit_in(journal: Path, tmp_path: Path) -> None:
    """Same bodies, same sequences, same clock: the salt tells them apart."""
    write(tmp_path / "other", 40, commit_every=4, longest=50)
    a, b = record_offsets(segment(journal))[9:11]
    other = segment(tmp_path / "other").read_bytes()
    overwrite(segment(journal), a, other[a:b])
    refused(journal, "00000001.journal", 10, "committed")


def test_committed_file_of_level_machine_is_believed(directory: Path) -> None:
    """A segment put back from an older copy is valid in itself; only this file knows better."""
    write(directory, 20, longest=50, durability="machine")
    old = segment(directory).read_bytes()
    write(directory, 30, longest=50, durability="machine")
    segment(directory).write_bytes(old)
    refused_by_committed(directory, 21, 30)


def refused_by_committed(directory: Path, sequence: int, committed: int) -> None:
    with pytest.raises(JournalCorrupt, match=f"{committed} was synced") as error:
        open_writer(directory)
    assert error.value.sequence == sequence
    damage = verify(directory).damage
    assert damage is not None
    assert damage.sequence == sequence


def test_committed_file_of_level_process_counts_what_a_power_loss_took(directory: Path) -> None:
    write(directory, 20, longest=50)
    old = segment(directory).read_bytes()
    write(directory, 30, longest=50)
    segment(directory).write_bytes(old)
    with open_writer(directory) as writer:
        assert (writer.last_seq, writer.lost_count) == (20, 10)


def test_all_segments_missing_though_records_were_committed(journal: Path) -> None:
    segment(journal).unlink()
    with pytest.raises(JournalCorrupt, match="segment is missing; committed up to 40"):
        open_writer(journal)
    assert not verify(journal).is_ok


# -- corrupt: segments --------------------------------------------------------------------------------------


def test_segment_missing_in_the_middle(segments: Path) -> None:
    first = first_sequence(segments, 2)
    segment(segments, 2).unlink()
    refused(segments, "00000002.journal", first, "segment is missing")


def test_first_segment_missing(segments: Path) -> None:
    segment(segments, 1).unlink()
    refused(segments, "00000001.journal", 1, "segment is missing")


def test_last_segment_missing(segments: Path) -> None:
    first = first_sequence(segments, 4)
    segment(segments, 4).unlink()
    refused(segments, "00000004.journal", first, "segment is missing")


def test_two_segments_swapped(segments: Path) -> None:
    two, three = segment(segments, 2).read_bytes(), segment(segments, 3).read_bytes()
    segment(segments, 2).write_bytes(three)
    segment(segments, 3).write_bytes(two)
    with pytest.raises(JournalCorrupt, match=r"00000002\.journal: .*this is segment 3: swapped or doubled"):
        open_writer(segments)
    assert not verify(segments).is_ok
    with pytest.raises(JournalCorrupt):
        read_all(segments)


@pytest.mark.parametrize(("original", "double"), [(2, 3), (3, 2), (4, 5), (1, 2)])
def test_segment_doubled_under_another_number(segments: Path, original: int, double: int) -> None:
    shutil.copy(segment(segments, original), segment(segments, double))
    with pytest.raises(JournalCorrupt, match=f"this is segment {original}: swapped or doubled"):
        open_writer(segments)


def test_segment_doubled_under_a_name_that_is_none(segments: Path) -> None:
    shutil.copy(segment(segments, 2), segments / "00000002 (copy).journal")
    with pytest.raises(JournalCorrupt, match="not the name of a segment"):
        open_writer(segments)
    assert not verify(segments).is_ok


def test_stale_segment_put_back(directory: Path) -> None:
    """Segment 2 as it was before it was full."""
    write(directory, 80, longest=50)
    stale = segment(directory, 2).read_bytes()
    count = verify(directory).last_seq
    write(directory, 400, longest=50)
    segment(directory, 2).write_bytes(stale)
    with pytest.raises(JournalCorrupt, match=r"00000002\.journal: .*its end is not the one"):
        open_writer(directory)
    damage = verify(directory).damage
    assert damage is not None
    assert damage.sequence == count + 1
    with pytest.raises(JournalCorrupt):
        read_all(directory)


def test_segment_of_another_journal_of_the_same_shape(segments: Path, tmp_path: Path) -> None:
    write(tmp_path / "other", 400, longest=50)
    for number in (1, 2, 3, 4):
        with_other = copy(segments, tmp_path / f"with-{number}")
        shutil.copy(segment(tmp_path / "other", number), segment(with_other, number))
        with pytest.raises(JournalCorrupt):
            open_writer(with_other)
        with pytest.raises(JournalCorrupt):
            read_all(with_other)
        assert not verify(with_other).is_ok


def test_segment_in_the_middle_cut_short(segments: Path) -> None:
    with open(segment(segments, 2), "r+b") as file:
        file.truncate(6000)
    with pytest.raises(JournalCorrupt, match=r"00000002\.journal"):
        open_writer(segments)
    assert not verify(segments).is_ok


def test_segment_longer_than_its_header_says(segments: Path) -> None:
    with open(segment(segments, 4), "ab") as file:
        file.write(b"\0")
    refused(segments, "00000004.journal", first_sequence(segments, 4), "its header says 8192")


def test_last_segment_begins_with_zeros(segments: Path) -> None:
    first = first_sequence(segments, 4)
    overwrite(segment(segments, 4), 0, bytes(HEADER_BYTES))
    refused(segments, "00000004.journal", first, "wrong magic")


def test_header_of_a_segment_in_the_middle_damaged(segments: Path) -> None:
    first = first_sequence(segments, 2)
    flip(segment(segments, 2), 35)
    refused(segments, "00000002.journal", first, "header crc mismatch")


def test_end_record_zeroed_though_the_next_segment_is_in_use(segments: Path) -> None:
    end = record_offsets(segment(segments, 3))[-2]
    overwrite(segment(segments, 3), end, bytes(32))
    refused(segments, "00000003.journal", first_sequence(segments, 4), "next segment is in use")


def test_bytes_behind_an_end_record_are_told_by_verify(segments: Path) -> None:
    number = next(n for n in (1, 2, 3) if record_offsets(segment(segments, n))[-1] < SEGMENT_BYTES)
    overwrite(segment(segments, number), SEGMENT_BYTES - 1, b"x")
    report = verify(segments)
    assert report.is_ok
    assert len(report.notes) == 1
    assert report.notes[0].endswith("bytes behind the end record")
    open_writer(segments).close()


def test_committed_file_cut_short_is_no_evidence(journal: Path) -> None:
    (journal / COMMITTED_NAME).write_bytes(b"\xff")
    open_writer(journal).close()
    assert verify(journal).is_ok


# -- going on after damage ----------------------------------------------------------------------------------


def damage_body(directory: Path) -> None:
    flip(segment(directory, 2), record_offsets(segment(directory, 2))[3] + 24)


def damage_header(directory: Path) -> None:
    flip(segment(directory, 2), 30)


def damage_first_header(directory: Path) -> None:
    flip(segment(directory, 1), 30)


def remove_segment(directory: Path) -> None:
    segment(directory, 2).unlink()


def swap_segments(directory: Path) -> None:
    two, three = segment(directory, 2).read_bytes(), segment(directory, 3).read_bytes()
    segment(directory, 2).write_bytes(three)
    segment(directory, 3).write_bytes(two)


@pytest.mark.parametrize(
    "harm", [damage_body, damage_header, damage_first_header, remove_segment, swap_segments]
)
def test_salvage_keeps_the_prefix_and_a_copy_of_all_else(
    segments: Path, harm: Callable[[Path], None]
) -> None:
    assert salvage(segments) is None
    last = verify(segments).last_seq
    harm(segments)
    found = salvage(segments)
    assert found is not None
    assert found.last_seq < last
    assert salvage(segments) is None
    with open_writer(segments) as writer:
        assert writer.last_seq == found.last_seq
        writer.append(b"goes on")
    assert read_all(segments) == [*expected(found.last_seq, 50), b"goes on"]
    assert set((segments / "torn").iterdir()) == set(found.kept)
    assert (segments / "torn").stat().st_nlink == 2


def test_salvage_refuses_beside_a_writer(segments: Path) -> None:
    with open_writer(segments), pytest.raises(JournalLocked):
        salvage(segments)


def test_salvage_refuses_a_newer_version(segments: Path) -> None:
    overwrite(segment(segments, 2), 8, b"\2")
    with pytest.raises(JournalVersionError):
        salvage(segments)
    assert not (segments / "torn").exists()
