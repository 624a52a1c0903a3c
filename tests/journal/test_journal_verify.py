"""What verify tells of a sound journal; what it tells of damage is in test_journal_damage."""

from __future__ import annotations

from pathlib import Path

from oms.journal.tail import TailKind
from oms.journal.verify import verify
from tests.journal.journal_kit import NOW_NS, SEGMENT_BYTES, open_writer, overwrite, segment, write


def test_no_journal(directory: Path) -> None:
    report = verify(directory)
    assert report.is_ok
    assert (report.segments, report.record_count, report.first_seq, report.last_seq) == ([], 0, 0, 0)


def test_counts(directory: Path) -> None:
    write(directory, 200)
    report = verify(directory)
    assert report.is_ok
    assert (report.record_count, report.first_seq, report.last_seq) == (200, 1, 200)
    assert report.epoch == "loyw3v28"
    assert report.committed is not None
    assert report.committed.sequence == 200
    assert report.tail is not None
    assert report.tail.kind is TailKind.CLEAN
    first, *_, last = report.segments
    assert (first.first_seq, first.created_ns, first.segment_bytes) == (1, NOW_NS, SEGMENT_BYTES)
    assert first.is_sealed
    assert not last.is_sealed
    assert sum(found.record_count for found in report.segments) == 200
    assert [found.number for found in report.segments] == list(range(1, len(report.segments) + 1))
    assert report.used_bytes < sum(found.segment_bytes for found in report.segments)


def test_beside_a_live_writer(directory: Path) -> None:
    with open_writer(directory) as writer:
        for count in range(1, 100):
            writer.append(b"x" * 100)
            report = verify(directory)
            assert report.is_ok
            assert report.last_seq == count


def test_damage_in_one_line_with_what_is_valid_before_it(directory: Path) -> None:
    write(directory, 200)
    overwrite(segment(directory, 3), 5000, b"damage")
    report = verify(directory)
    assert not report.is_ok
    assert report.damage is not None
    assert report.damage.path == segment(directory, 3)
    assert report.damage.sequence == report.last_seq + 1
    assert str(report.damage).startswith(f"{segment(directory, 3)}: sequence {report.last_seq + 1}, offset ")
    assert "\n" not in str(report.damage)
