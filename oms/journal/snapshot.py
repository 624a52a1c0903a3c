"""Snapshots: state at a sequence, so that recovery replays only the rest of the journal. Bodies are bytes.

    snapshot-00000000000000001234.snap

    0         8          12         16         24         32       64           68
    | magic   | version  | body crc | sequence | body     | sha256 | header crc | body ...
    | 8 bytes | u32      | crc32    | u64      | bytes u64| of body| u32        |

A snapshot gets its name only when it is whole and synced (temporary file, fsync, rename, fsync of the
directory), so a crash leaves the one before. A damaged one is reported and passed over: the journal can
always rebuild what it held, so a snapshot is never worth a refusal. Sync the journal (JournalWriter.sync)
before writing one, or a power loss at level process may leave a snapshot of a state that the journal no
longer explains.
"""

from __future__ import annotations

import errno
import logging
import os
import re
import struct
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Final
from zlib import crc32

from .errors import JournalError, JournalFailed, JournalFull, JournalVersionError
from .recovery import sync_directory

MAGIC: Final = b"OMSSNAP\n"
VERSION: Final = 1

_HEADER = struct.Struct("<8sIIQQ32s")
_HEADER_CRC = struct.Struct("<I")
HEADER_BYTES: Final = _HEADER.size + _HEADER_CRC.size

_NAME = re.compile(r"snapshot-(\d{20})\.snap")
_TEMPORARY: Final = "snapshot.tmp"

Report = Callable[[Path, str], None]


class SnapshotDamaged(JournalError):
    """A snapshot that does not hold; the message names the file and says why."""


def write(directory: Path, seq: int, body: bytes) -> Path:
    """Write the state after record `seq`; return the file's path. It replaces one of the same sequence.

    Raises JournalFull, JournalFailed; the snapshots before are untouched.
    Cost: two checksums (1 ms per MB) and one fsync of the body.
    """
    fields = _HEADER.pack(MAGIC, VERSION, crc32(body), seq, len(body), sha256(body).digest())
    path = directory / f"snapshot-{seq:020d}.snap"
    temporary = directory / _TEMPORARY
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with open(temporary, "wb") as file:
            file.write(fields + _HEADER_CRC.pack(crc32(fields)))
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        os.rename(temporary, path)
        sync_directory(directory)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        kind = JournalFull if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG) else JournalFailed
        raise kind(path, str(error)) from error
    return path


def read(path: Path) -> tuple[int, bytes]:
    """Return (sequence, body). Raises SnapshotDamaged, JournalVersionError, FileNotFoundError."""
    content = path.read_bytes()
    if content[: len(MAGIC)] != MAGIC or len(content) < HEADER_BYTES:
        raise SnapshotDamaged(f"{path}: not a snapshot, or cut short")
    _, version, crc, seq, size, digest = _HEADER.unpack_from(content)
    if version > VERSION:
        raise JournalVersionError(path, version, VERSION)
    if _HEADER_CRC.unpack_from(content, _HEADER.size)[0] != crc32(content[: _HEADER.size]):
        raise SnapshotDamaged(f"{path}: header crc mismatch")
    body = content[HEADER_BYTES:]
    if len(body) != size:
        raise SnapshotDamaged(f"{path}: {len(body)} bytes of body, its header says {size}")
    if crc32(body) != crc or sha256(body).digest() != digest:
        raise SnapshotDamaged(f"{path}: checksum mismatch")
    match = _NAME.fullmatch(path.name)
    if match and int(match[1]) != seq:
        raise SnapshotDamaged(f"{path}: this is the snapshot at sequence {seq}")
    return seq, body


def _log(path: Path, reason: str) -> None:
    logging.getLogger(__name__).warning("snapshot passed over: %s", reason)


def latest(directory: Path, *, at_most: int | None = None, report: Report = _log) -> tuple[int, bytes] | None:
    """Return (sequence, body) of the newest snapshot that holds; None if there is none.

    `at_most` is the journal's last sequence: later snapshots are passed over too. `report` is called with
    path and reason for each one passed over; by default it logs a warning. A snapshot of a newer version is
    passed over as well.
    """
    for path in _newest_first(directory):
        try:
            seq, body = read(path)
        except (SnapshotDamaged, JournalVersionError) as error:
            report(path, str(error))
            continue
        if at_most is not None and seq > at_most:
            report(path, f"{path}: at sequence {seq}, but the journal ends at {at_most}")
            continue
        return seq, body
    return None


def prune(directory: Path, keep: int = 2) -> list[Path]:
    """Remove what is older than the newest `keep` that hold; return it. Damaged newer ones stay, as evidence.

    Cost: reads `keep` snapshots.
    """
    if keep < 1:
        raise ValueError("keep at least one snapshot")
    removed: list[Path] = []
    for path in _newest_first(directory):
        if keep:
            try:
                read(path)
            except (SnapshotDamaged, JournalVersionError):
                continue
            keep -= 1
        else:
            path.unlink()
            removed.append(path)
    if removed:
        sync_directory(directory)
    return removed


def _newest_first(directory: Path) -> list[Path]:
    try:
        names = os.listdir(directory)
    except FileNotFoundError:
        return []
    return [directory / name for name in sorted(names, reverse=True) if _NAME.fullmatch(name)]
