"""Snapshots: whole or absent, the newest that holds, and what is pruned."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from oms.journal import JournalFailed, JournalVersionError
from oms.journal import snapshot as snapshots
from tests.journal.journal_kit import flip, overwrite


def test_no_snapshot(directory: Path) -> None:
    assert snapshots.latest(directory) is None
    assert snapshots.prune(directory) == []


@pytest.mark.parametrize("body", [b"", b"x", bytes(100_000)])
def test_what_is_written_is_read(directory: Path, body: bytes) -> None:
    path = snapshots.write(directory, 1234, body)
    assert path.name == "snapshot-00000000000000001234.snap"
    assert snapshots.read(path) == (1234, body)
    assert snapshots.latest(directory) == (1234, body)


def test_newest_wins_by_sequence_not_by_time(directory: Path) -> None:
    for seq in (10, 9, 100, 99):
        snapshots.write(directory, seq, b"%d" % seq)
    assert snapshots.latest(directory) == (100, b"100")


def test_every_flipped_bit_is_noticed(directory: Path) -> None:
    path = snapshots.write(directory, 5, b"a short body")
    content = path.read_bytes()
    for bit in range(len(content) * 8):
        overwrite(path, bit // 8, bytes([content[bit // 8] ^ 1 << bit % 8]))
        with pytest.raises((snapshots.SnapshotDamaged, JournalVersionError), match=str(path)):
            snapshots.read(path)
        overwrite(path, bit // 8, content[bit // 8 : bit // 8 + 1])


def test_cut_short_at_every_byte_is_noticed(directory: Path) -> None:
    path = snapshots.write(directory, 5, b"a short body")
    content = path.read_bytes()
    for size in range(len(content)):
        path.write_bytes(content[:size])
        with pytest.raises(snapshots.SnapshotDamaged, match=str(path)):
            snapshots.read(path)


def test_damaged_ones_are_reported_and_passed_over(directory: Path) -> None:
    snapshots.write(directory, 1, b"one")
    flip(snapshots.write(directory, 2, b"two"), -1)
    snapshots.write(directory, 3, b"three").write_bytes(b"")
    reports: list[str] = []
    found = snapshots.latest(directory, report=lambda path, reason: reports.append(f"{path.name} {reason}"))
    assert found == (1, b"one")
    assert [int(report[9:29]) for report in reports] == [3, 2]
    assert "checksum mismatch" in reports[1]


def test_by_default_damage_is_logged(directory: Path, caplog: pytest.LogCaptureFixture) -> None:
    flip(snapshots.write(directory, 2, b"two"), -1)
    assert snapshots.latest(directory) is None
    assert "checksum mismatch" in caplog.text


def test_snapshot_ahead_of_the_journal_is_passed_over(directory: Path) -> None:
    for seq in (10, 20):
        snapshots.write(directory, seq, b"%d" % seq)
    assert snapshots.latest(directory, at_most=19, report=lambda *_: None) == (10, b"10")
    assert snapshots.latest(directory, at_most=9, report=lambda *_: None) is None


def test_renamed_snapshot_is_noticed(directory: Path) -> None:
    path = snapshots.write(directory, 5, b"five")
    path.rename(path.with_name("snapshot-00000000000000000006.snap"))
    assert snapshots.latest(directory, report=lambda *_: None) is None


def test_newer_version_is_passed_over(directory: Path) -> None:
    snapshots.write(directory, 1, b"one")
    overwrite(snapshots.write(directory, 2, b"two"), 8, b"\2")
    assert snapshots.latest(directory, report=lambda *_: None) == (1, b"one")


def test_crash_before_the_rename_leaves_the_one_before(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshots.write(directory, 1, b"one")

    def fail(*_: object) -> None:
        raise OSError(5, "Input/output error")

    for step in ("fsync", "rename"):
        monkeypatch.setattr(os, step, fail)
        with pytest.raises(JournalFailed, match="Input/output error"):
            snapshots.write(directory, 2, b"two")
        monkeypatch.undo()
        assert snapshots.latest(directory) == (1, b"one")
        assert len(list(directory.iterdir())) == 1


def test_prune_keeps_the_newest_that_hold(directory: Path) -> None:
    paths = [snapshots.write(directory, seq, b"%d" % seq) for seq in range(1, 6)]
    flip(paths[3], -1)
    assert snapshots.prune(directory, keep=2) == [paths[1], paths[0]]
    assert sorted(directory.iterdir()) == paths[2:]
    with pytest.raises(ValueError):
        snapshots.prune(directory, keep=0)
