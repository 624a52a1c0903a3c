"""Every flipped bit of a journal of several segments is refused, or costs the last, unvouched record."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from oms.journal import JournalCorrupt, JournalVersionError
from oms.journal.recovery import find_end
from tests.journal.journal_kit import body, expected, open_writer, read_all, record_offsets, segment


def scripted(directory: Path, commit_every: int) -> int:
    """Three segments, ten records in the last, the last few not vouched for. Returns the last sequence."""
    writer = open_writer(directory)
    extra = 10
    while writer.segment_number < 3 or extra:
        extra -= writer.segment_number == 3
        writer.append(body(writer.next_seq, 120))
        if writer.last_seq % commit_every == 0:
            writer.commit()
    last = writer.last_seq
    writer._committed[0] = 0  # As if that file had never been written back.
    writer.close()
    return last


def outcome(directory: Path, path: Path, last: int, what: str) -> str:
    """Return "refused", "lost" or "harmless"; fail on anything else."""
    refusal: JournalCorrupt | JournalVersionError | None = None
    try:
        find_end(directory)
        bodies = read_all(directory)
    except (JournalCorrupt, JournalVersionError) as error:
        refusal = error
    if refusal:
        assert str(refusal.path) in str(refusal), what
        if isinstance(refusal, JournalCorrupt):
            assert f"sequence {refusal.sequence}" in str(refusal), what
            assert 0 < refusal.sequence <= last + 1, what
        return "refused"
    if bodies == expected(last, 120):
        return "harmless"
    assert bodies == expected(last - 1, 120), what
    return "lost"


def flip_all(directory: Path, commit_every: int, chosen: random.Random | None) -> dict[str, int]:
    last = scripted(directory, commit_every)
    outcomes = {"refused": 0, "lost": 0, "harmless": 0}
    for number in (1, 2, 3):
        path = segment(directory, number)
        content = path.read_bytes()
        end = record_offsets(path)[-1]
        tail = record_offsets(path)[-6]
        fd = os.open(path, os.O_RDWR)
        for bit in range(len(content) * 8):
            at = bit // 8
            if chosen:
                # Headers are flipped whole in test_journal_format; the last records matter most.
                share = 0.002 if at < 4096 or at >= end else 0.2 if number == 3 and at >= tail else 0.015
                if chosen.random() > share:
                    continue
            os.pwrite(fd, bytes([content[at] ^ 1 << bit % 8]), at)
            found = outcome(directory, path, last, f"{path.name}, byte {at}, bit {bit % 8}")
            os.pwrite(fd, content[at : at + 1], at)
            outcomes[found] += 1
            if 4096 <= at < end:
                assert found == "refused" or number == 3, (number, at, bit)
                if found == "lost":
                    assert at >= record_offsets(path)[-2], (number, at, bit)
        os.close(fd)
    assert outcome(directory, segment(directory), last, "nothing") == "harmless"
    return outcomes


@pytest.mark.parametrize("commit_every", [1, 5])
def test_sampled_bit_flips(directory: Path, commit_every: int) -> None:
    outcomes = flip_all(directory, commit_every, random.Random(commit_every))
    assert outcomes["refused"] > 500
    assert outcomes["lost"] < 20


@pytest.mark.slow
@pytest.mark.parametrize("commit_every", [1, 5])
def test_every_bit_flip(directory: Path, commit_every: int) -> None:
    outcomes = flip_all(directory, commit_every, None)
    assert outcomes["lost"] < 60
