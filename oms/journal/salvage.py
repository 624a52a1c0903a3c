"""Going on after damage, when a person has accepted what it costs. Nothing calls this by itself.

A corrupt journal is refused, as acknowledged records are damaged or missing. What they were may be known
elsewhere: a backup, a copy on another machine, the venues. Putting a good copy back is better. If there is
none, `salvage` keeps the complete prefix before the first damage and moves everything else aside into torn/,
deleting nothing. Stop the readers first: some may have seen what is moved.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .format import COMMITTED_NAME, END_BYTES, LOCK_NAME, SEGMENT_SUFFIX, TORN_NAME
from .recovery import keep_copy, sync_directory
from .segment import Segment
from .tail import Tail, TailKind, last_written
from .verify import Damage, verify
from .writer import take_lock


@dataclass(slots=True)
class Salvage:
    """What `salvage` did: the journal now ends at `last_seq`; `kept` is what went into torn/."""

    damage: Damage
    last_seq: int
    kept: list[Path]


def salvage(directory: Path, *, now_ns: Callable[[], int] = time.time_ns) -> Salvage | None:
    """Cut a corrupt journal down to what is valid before the first damage; None if it is sound.

    Raises JournalLocked, JournalVersionError, OSError (after which it may be called again).
    """
    lock_fd = take_lock(directory / LOCK_NAME)
    try:
        report = verify(directory)
        if report.damage is None:
            return None
        if report.version_error is not None:
            raise report.version_error
        at_ns = now_ns()
        valid = {segment.path for segment in report.segments}
        doubtful = [path for path in directory.glob(f"*{SEGMENT_SUFFIX}") if path not in valid]
        doubtful.append(directory / COMMITTED_NAME)
        kept = []
        for path in doubtful:
            if path.exists():
                kept.append(_move_aside(path, at_ns))
        if report.segments:
            last = report.segments[-1]
            offset = last.used_bytes - END_BYTES if last.is_sealed else last.used_bytes
            copy = _cut(last.path, offset, report.last_seq + 1, at_ns)
            kept += [copy] if copy else []
        sync_directory(directory)
        return Salvage(report.damage, report.last_seq, kept)
    finally:
        os.close(lock_fd)


def _move_aside(path: Path, at_ns: int) -> Path:
    folder = path.parent / TORN_NAME
    folder.mkdir(exist_ok=True)
    target = folder / f"{path.name}-{at_ns}"
    while target.exists():
        target = target.with_name("again-" + target.name)
    path.rename(target)
    sync_directory(folder)
    return target


def _cut(path: Path, offset: int, next_seq: int, at_ns: int) -> Path | None:
    """Zero a segment from `offset` on, after keeping a copy."""
    segment = Segment(path, next_seq)
    end = last_written(segment, offset)
    segment.close()
    copy = keep_copy(path.parent, path, Tail(TailKind.CORRUPT, next_seq, offset, end, "salvaged"), at_ns)
    with open(path, "r+b") as file:
        file.seek(offset)
        file.write(bytes(end - offset))
        file.flush()
        os.fsync(file.fileno())
    return copy
