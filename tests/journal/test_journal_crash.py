"""Crashes, simulated: at every byte, at every step of a rotation or a repair, with any sectors lost.

RELIABILITY: a complete prefix; never "corrupt"; all that was committed at level machine is there.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from oms.journal import JournalWriter
from oms.journal.format import COMMITTED_NAME
from oms.journal.recovery import find_end
from oms.journal.verify import verify
from tests.journal.journal_kit import (
    SEGMENT_BYTES,
    body,
    copy,
    expected,
    open_writer,
    overwrite,
    read_all,
    record_offsets,
    segment,
    write,
)

# -- at every byte ------------------------------------------------------------------------------------------


def truncate(path: Path, offset: int) -> None:
    with open(path, "r+b") as file:
        file.truncate(offset)


def zero_the_rest(path: Path, offset: int) -> None:
    overwrite(path, offset, bytes(path.stat().st_size - offset))


@pytest.mark.parametrize(
    ("damage", "number"),
    [
        (truncate, 1),
        (zero_the_rest, 2),
        pytest.param(zero_the_rest, 1, marks=pytest.mark.slow),
        pytest.param(truncate, 2, marks=pytest.mark.slow),
        pytest.param(zero_the_rest, 3, marks=pytest.mark.slow),
    ],
)
def test_crash_at_every_byte_leaves_a_complete_prefix(
    directory: Path, damage: Callable[[Path, int], None], number: int
) -> None:
    """As far as the journal had got when it was in segment `number`: the later ones do not exist yet."""
    writer = open_writer(directory)
    while writer.segment_number <= number:
        writer.append(body(writer.next_seq))
    writer.close()
    segment(directory, number + 1).unlink()
    path = segment(directory, number)
    content, offsets = path.read_bytes(), record_offsets(path)
    first = int.from_bytes(content[24:32], "little")
    for offset in range(4096, offsets[-1] - 7):  # The last 7 bytes of the end record are zeros anyway.
        path.write_bytes(content)
        segment(directory, number + 1).unlink(missing_ok=True)
        damage(path, offset)
        # A record that only lacks zeros is whole.
        whole = sum(not any(content[offset:end]) for end in offsets[1:-1] if end > offset)
        count = first - 1 + whole + sum(end <= offset for end in offsets[1:-1])
        end = find_end(directory)
        assert end is not None, offset
        assert end.cursor.next_seq - 1 == count, offset
        if offset % 97 == 0 or offset in offsets:
            with open_writer(directory) as writer:
                assert writer.last_seq == count
                writer.append(body(count + 1))
            assert read_all(directory) == expected(count + 1)
        elif offset % 13 == 0:
            assert read_all(directory) == expected(count)


# -- at every step ------------------------------------------------------------------------------------------


class Died(BaseException):
    """The process ends here, as if by SIGKILL."""


STEPS = ("open", "close", "rename", "unlink", "fsync", "fdatasync", "posix_fallocate", "pwrite", "mkdir")


@contextmanager
def dying_at(step: int, after: bool) -> Iterator[list[str]]:
    """Die before or after the `step`-th call of one of STEPS. Yields the names of the calls made."""
    calls: list[str] = []
    real = {name: getattr(os, name) for name in STEPS}

    def wrap(name: str) -> Callable[..., object]:
        def call(*args: object, **options: object) -> object:
            if len(calls) > step:  # Whatever the dying code still tries on its way out does not happen.
                raise Died
            calls.append(name)
            if len(calls) > step and not after:
                raise Died
            result = real[name](*args, **options)
            if len(calls) > step:
                raise Died
            return result

        return call

    try:
        for name in STEPS:
            setattr(os, name, wrap(name))
        yield calls
    finally:
        for name in STEPS:
            setattr(os, name, real[name])


def release_lock(directory: Path) -> None:
    """What the kernel does when a process dies: close its descriptors. Only those of this directory."""
    for name in os.listdir("/proc/self/fd"):
        try:
            if os.readlink(f"/proc/self/fd/{name}").startswith(str(directory)):
                os.close(int(name))
        except OSError:
            pass


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("durability", ["process", "machine"])
@pytest.mark.parametrize("prepared", [False, True], ids=["unprepared", "prepared"])
def test_death_at_every_step_of_a_rotation(
    tmp_path: Path, durability: str, after: bool, prepared: bool
) -> None:
    for step in range(100):
        directory = tmp_path / str(step)
        writer = open_writer(directory, durability=durability)
        while writer._offset + 1000 < writer._limit:
            writer.append(body(writer.next_seq))
        writer.commit()
        committed = writer.last_seq
        if prepared:
            while writer.prepare_next():
                pass
        with dying_at(step, after) as calls:
            try:
                while writer.segment_number == 1:
                    writer.append(body(writer.next_seq))
                died = False
            except Died:
                died = True
        last = writer.last_seq
        release_lock(directory)
        with open_writer(directory, durability=durability) as again:
            assert again.last_seq == last >= committed, (step, calls)
            again.append(body(last + 1))
            again.append(body(last + 2))
        assert read_all(directory) == expected(last + 2), (step, calls)
        assert verify(directory).is_ok
        if not died:
            assert step > 1
            return
    pytest.fail("the rotation never ends")


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("kind", ["new", "torn", "unsealed"])
def test_death_at_every_step_of_opening(tmp_path: Path, kind: str, after: bool) -> None:
    origin, count = tmp_path / "origin", 0
    if kind != "new":
        write(origin, 100)
        count = 100
    if kind == "torn":
        number = len(list(origin.glob("*.journal")))
        last = record_offsets(segment(origin, number))[-2]
        overwrite(segment(origin, number), last + 16, bytes(SEGMENT_BYTES - last - 16))
        count = 99
    if kind == "unsealed":
        count = unseal(origin)
    for step in range(100):
        directory = tmp_path / str(step)
        if kind != "new":
            copy(origin, directory)
        with dying_at(step, after) as calls:
            try:
                open_writer(directory)
                died = False
            except Died:
                died = True
        release_lock(directory)
        write(directory, count + 5)
        assert read_all(directory) == expected(count + 5), (step, calls)
        assert verify(directory).is_ok
        if kind == "torn" and "rename" not in calls:
            assert any((directory / "torn").iterdir()), (step, calls)
        if not died:
            assert step > 4
            return
    pytest.fail("opening never ends")


def unseal(directory: Path) -> int:
    """Take a journal back to within the rotation to its last segment; return its last sequence then."""
    path = max(directory.glob("*.journal"))
    first = int.from_bytes(path.read_bytes()[24:32], "little")
    overwrite(path, 4096, bytes(path.stat().st_size - 4096))
    previous = segment(directory, int(path.stem) - 1)
    overwrite(previous, record_offsets(previous)[-2], bytes(8))
    return first - 1


# -- any subset of sectors ----------------------------------------------------------------------------------


def power_loss(directory: Path, crashed: Path, seed: int) -> tuple[int, int]:
    """Write a day, cut the power, leave in `crashed` what the disk might hold. Returns (committed, appended).

    Each sector is as it was at some moment since the last fdatasync; moments within an append count too.
    """
    rng = random.Random(seed)
    longest = rng.choice([20, 100, 700, 3000])
    writer = open_writer(directory, 1 << 18, durability="machine")
    path = segment(directory)

    def image() -> bytes:
        return path.read_bytes()[: writer._offset + 16]

    committed, images = 0, [image()]
    for _ in range(rng.randrange(1, 12)):
        for _ in range(rng.randrange(1, 9)):
            start = writer._offset
            writer.append(body(writer.next_seq, longest))
            whole = image()
            images.append(whole[:start] + bytes(8) + whole[start + 8 :])
            images.append(whole)
        if rng.random() < 0.7:
            committed = writer.commit()
            images = [image()]
    if len(images) > 1 and rng.random() < 0.3:
        images.pop()  # The last append was not finished.
    appended = writer.last_seq
    copy(directory, crashed)
    writer.close()
    longest_image = max(map(len, images))
    disk = bytearray(1 << 18)
    for sector in range(0, longest_image, 512):
        version = rng.choice(images) if rng.random() < 0.5 else rng.choice((images[0], images[-1]))
        part = version[sector : sector + 512]
        disk[sector : sector + len(part)] = part
    segment(crashed).write_bytes(disk)
    overwrite(crashed / COMMITTED_NAME, 0, rng.randrange(committed + 1).to_bytes(8, "little"))
    return committed, appended


def survives_power_loss(tmp_path: Path, seed: int) -> int:
    """Return how many records the repair cut."""
    committed, appended = power_loss(tmp_path / f"{seed}", tmp_path / f"{seed}-crashed", seed)
    crashed = tmp_path / f"{seed}-crashed"
    verified = verify(crashed)
    assert verified.is_ok, (seed, str(verified.damage))
    writer = JournalWriter.open(crashed)
    last = writer.last_seq
    assert committed <= last <= appended, seed
    bodies = read_all(crashed)
    assert len(bodies) == last, seed
    day = read_all(tmp_path / f"{seed}")
    assert bodies == day[:last], seed
    assert writer.append(b"goes on") == last + 1
    writer.close()
    assert read_all(crashed) == [*day[:last], b"goes on"], seed
    return appended - last


def test_power_loss_keeps_what_was_committed(tmp_path: Path) -> None:
    cut = [survives_power_loss(tmp_path, seed) for seed in range(120)]
    assert sum(cut) > 100, "the simulated disk hardly loses anything"


@pytest.mark.slow
def test_power_loss_thousands_of_seeds(tmp_path: Path) -> None:
    for seed in range(1000, 6000):
        survives_power_loss(tmp_path, seed)
