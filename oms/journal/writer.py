"""The one writer of a journal.

    writer = JournalWriter.open(Path("var/journal"), durability="machine")
    seq = writer.append(body)      # published to readers in other processes, survives the death of this one
    writer.commit()                # vouched for: survives what the level promises; now the world may know
    writer.prepare_next()          # in idle turns: allocates the next segment, so that no append has to

Owns the directory (by flock), the mapping of the segment being written, and the `committed` file. One thread.

Levels. *process*: a commit is bookkeeping, as the page cache outlives the process. *machine*: a commit is
one fdatasync (100 to 300 us), if anything was appended since the last. If it fails, what is on disk is
unknown: the kernel may have dropped the dirty pages, and a second fdatasync would succeed without having
written them. So the writer is poisoned at once and for good: every later call raises JournalFailed.

Disk space. A segment is allocated whole by posix_fallocate, as a page fault on a full disk is SIGBUS. The
last `reserve_bytes` of a segment are used by ordinary records only once the next segment is allocated. If
it cannot be, append raises JournalFull before anything is written, and only append(body, use_reserve=True)
goes on: cancels, fills, and the refusal of new orders. Freed space is noticed by the next append or
prepare_next, at most ten times a second.

Rotation, in this order, so that a crash between any two steps can be told from damage:

    1  the old segment is synced (level machine)        its records are vouched for by the next header
    2  next.tmp gets its header, is renamed, and both are synced (level machine)
    3  the old segment gets its end record, synced       from now on a missing next segment is noticed

At level process nothing is synced but by `open` and `sync`, so no turn waits for the disk. After a power loss
the last segment may then lack even its header: corrupt, as acknowledged records are gone.
"""

from __future__ import annotations

import errno
import fcntl
import mmap
import os
import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, Literal, NoReturn, Self
from zlib import crc32

from .errors import JournalFailed, JournalFull, JournalLocked
from .format import (
    COMMITTED_BYTES,
    COMMITTED_NAME,
    END_BYTES,
    HEADER_BYTES,
    LOCK_NAME,
    MIN_SEGMENT_BYTES,
    NEXT_NAME,
    TRAILER_BYTE,
    SegmentHeader,
    end_record,
    epoch_of,
    pack_header,
    record_bytes,
    segment_name,
    unpack_header,
)
from .recovery import JournalEnd, find_end, keep_copy, sync_directory
from .tail import Tail

Durability = Literal["process", "machine"]

DEFAULT_SEGMENT_BYTES: Final = 64 << 20
DEFAULT_RESERVE_BYTES: Final = 256 << 10

_NO_SPACE: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_RETRY_S: Final = 0.1
_POPULATE_BYTES: Final = 256 << 10
_MADV_POPULATE_WRITE: Final = 23  # Linux 5.14; Python 3.11 has no name for it.


class _Packers(dict[int, Callable[..., bytes]]):
    """By size of the body: packs all that stands behind the word, trailer and padding included."""

    def __missing__(self, size: int) -> Callable[..., bytes]:
        pack = self[size] = struct.Struct(f"<QQ{size}s{8 - size % 8}s").pack
        return pack


_PACK: Final = _Packers()


class JournalWriter:
    """Appends records. Use `open`; close() or the end of the process releases the lock."""

    __slots__ = (
        "_committed",
        "_crc",
        "_fd",
        "_first_unsynced",
        "_hard_limit",
        "_limit",
        "_lock_fd",
        "_map",
        "_next",
        "_now_ns",
        "_offset",
        "_poison",
        "_populated",
        "_reserve_bytes",
        "_retired",
        "_retry_at_s",
        "_segment_bytes",
        "_words",
        "directory",
        "durability",
        "epoch",
        "is_full",
        "last_seq",
        "lost_count",
        "recovered",
        "segment_number",
        "synced_seq",
        "torn_copy",
    )

    directory: Path
    durability: Durability
    epoch: str
    """Base-36 creation time of the journal; the same for its whole life."""
    last_seq: int
    """The sequence of the last record, 0 before the first."""
    synced_seq: int
    """The last sequence that a commit has vouched for."""
    segment_number: int
    is_full: bool
    """Whether the next segment could not be allocated: only records that use the reserve still fit."""
    recovered: Tail | None
    """What `open` found behind the last valid record; None for a new journal."""
    torn_copy: Path | None
    """Where `open` kept the bytes that it cut, if it cut any."""
    lost_count: int
    """How many committed records `open` knows to be missing: a power loss at level process."""

    _committed: memoryview
    _crc: int
    _fd: int
    _first_unsynced: int
    _hard_limit: int
    _limit: int
    _lock_fd: int
    _map: mmap.mmap
    _next: _NextSegment | None
    _now_ns: Callable[[], int]
    _offset: int
    _poison: str
    _populated: int
    _reserve_bytes: int
    _retired: mmap.mmap | None
    _retry_at_s: float
    _segment_bytes: int
    _words: memoryview

    # -- opening --------------------------------------------------------------------------------------------

    @classmethod
    def open(
        cls,
        directory: Path,
        *,
        segment_bytes: int = DEFAULT_SEGMENT_BYTES,
        durability: Durability = "machine",
        reserve_bytes: int = DEFAULT_RESERVE_BYTES,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> JournalWriter:
        """Open or create a journal, repair a torn tail, and sync the last segment.

        `segment_bytes` is rounded down to whole pages and concerns new segments only. `reserve_bytes` is
        capped at a quarter of a segment.
        Raises JournalLocked, JournalVersionError, JournalCorrupt, JournalFull, JournalFailed, ValueError.
        None of these changes a record.
        Cost: two small reads and a sync per segment, and a check of the last one (0.5 us per record).
        """
        segment_bytes &= -mmap.PAGESIZE
        if segment_bytes < MIN_SEGMENT_BYTES:
            raise ValueError(f"segment_bytes must be at least {2 * mmap.PAGESIZE}")
        if durability not in ("process", "machine"):
            raise ValueError(f"durability is 'process' or 'machine', not {durability!r}")
        if not directory.is_dir():
            directory.mkdir(parents=True, exist_ok=True)
            sync_directory(directory.parent)
        writer = cls()
        writer._lock_fd = take_lock(directory / LOCK_NAME)
        writer.directory = directory
        writer.durability = durability
        writer._segment_bytes = segment_bytes
        writer._reserve_bytes = min(reserve_bytes, segment_bytes // 4)
        writer._now_ns = now_ns
        writer._poison = ""
        writer._next = writer._retired = None
        writer._committed = memoryview(b"")
        writer._fd = -1
        writer.is_full = False
        writer._retry_at_s = 0.0
        try:
            writer._start()
        except BaseException:
            writer._release()
            raise
        return writer

    def _start(self) -> None:
        (self.directory / NEXT_NAME).unlink(missing_ok=True)
        end = find_end(self.directory)
        self._open_committed()  # First, as a reader takes a journal without this file for a copy.
        if end is None:
            self._begin_first()
        else:
            self._resume(end)
        self._first_unsynced = 1  # Whoever wrote the segments before may have been of level process.
        if self.durability == "machine":
            self.sync()
        self.synced_seq = self._committed[0] = self.last_seq
        self._committed[1] = self.durability == "machine"

    def _begin_first(self) -> None:
        created_ns = self._now_ns()
        self.epoch = epoch_of(created_ns)
        self.last_seq = self.synced_seq = self._crc = 0
        self.segment_number = 0
        self.recovered = self.torn_copy = None
        self.lost_count = 0
        self._begin_next(self._allocate(), previous_end=0, previous_crc=0, created_ns=created_ns)

    def _resume(self, end: JournalEnd) -> None:
        self.epoch = end.header.epoch
        self.segment_number = end.header.number
        self.last_seq = end.cursor.next_seq - 1
        self.recovered = end.tail
        self.lost_count = end.lost_count
        fd = -1
        try:
            self.torn_copy = keep_copy(self.directory, end.path, end.tail, self._now_ns())
            if end.unsealed:
                end.unsealed.seal()
            fd = os.open(end.path, os.O_RDWR)
            os.posix_fallocate(fd, 0, end.header.segment_bytes)  # It may have been cut short.
            mapping = mmap.mmap(fd, end.header.segment_bytes)
        except OSError as error:
            if fd >= 0:
                os.close(fd)
            self._raise_disk_error(end.path, error)
        self._adopt(fd, mapping, end.cursor.offset, end.cursor.crc)
        self._map[end.tail.offset : end.tail.end] = bytes(end.tail.end - end.tail.offset)
        self._sync(os.fsync)

    def _open_committed(self) -> None:
        path = self.directory / COMMITTED_NAME
        try:
            fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            self._raise_disk_error(path, error)
        try:
            os.posix_fallocate(fd, 0, COMMITTED_BYTES)
            self._committed = memoryview(mmap.mmap(fd, COMMITTED_BYTES)).cast("Q")
        except OSError as error:
            self._raise_disk_error(path, error)
        finally:
            os.close(fd)

    # -- the hot path ---------------------------------------------------------------------------------------

    @property
    def next_seq(self) -> int:
        """The sequence that the next append will return."""
        return self.last_seq + 1

    def append(self, body: bytes, use_reserve: bool = False) -> int:
        """Publish one record and return its sequence: 1, 2, 3 ... without a gap.

        Raises JournalFull (nothing was written), JournalFailed, ValueError if the body is larger than a
        segment holds.
        Cost: O(bytes), under 1 us for 100; allocates a segment only if prepare_next was not called in time.
        """
        offset = self._offset
        size = len(body)
        end = offset + ((size + 32) & -8)
        if end > self._limit:
            return self._append_at_limit(body, use_reserve)
        seq = self.last_seq + 1
        record = _PACK[size](seq, self.synced_seq, body, TRAILER_BYTE)
        crc = crc32(record, self._crc ^ (size + 1))
        # From here on nothing is called and nothing can fail, so no signal handler comes between the stores.
        self._map[offset + 8 : end] = record
        self._words[offset >> 3] = size + 1 | crc << 32  # Last: this one store publishes the record.
        self._crc = crc
        self._offset = end
        self.last_seq = seq
        return seq

    def commit(self) -> int:
        """Vouch for all that was appended, at the writer's level, and return the last sequence.

        Raises JournalFailed if the sync failed; the writer is then poisoned.
        Cost: 0.1 us if nothing was appended or the level is process; else one fdatasync.
        """
        seq = self.last_seq
        if seq != self.synced_seq or self._poison:
            if self.durability == "machine" or self._poison:
                self._sync(os.fdatasync)
            self.synced_seq = seq
            self._committed[0] = seq
        return seq

    def sync(self) -> None:
        """Sync every record to the disk whatever the level, as before a snapshot that relies on them.

        Raises JournalFailed. Cost: one fdatasync per segment begun since the last sync, of all at first.
        """
        self._check_usable()
        for number in range(self._first_unsynced, self.segment_number):
            path = self.directory / segment_name(number)
            try:
                fd = os.open(path, os.O_RDWR)
                try:
                    os.fdatasync(fd)
                finally:
                    os.close(fd)
            except OSError as error:
                self._fail(path, error)
        self._sync(os.fsync)
        try:
            sync_directory(self.directory)
        except OSError as error:
            self._fail(self.directory, error)
        self._first_unsynced = self.segment_number
        self.synced_seq = self._committed[0] = self.last_seq

    def _sync(self, call: Callable[[int], None]) -> None:
        self._check_usable()
        try:
            call(self._fd)
        except OSError as error:
            self._fail(self.directory / segment_name(self.segment_number), error)

    # -- segments -------------------------------------------------------------------------------------------

    def prepare_next(self) -> bool:
        """Do one bounded step of getting the next segment ready; return whether there was anything to do.

        For idle turns. The steps: unmap the segment before (1 ms), allocate next.tmp (1 ms), and at level
        process touch the pages of both segments, 256 KiB at a time (0.1 ms), as a page fault costs an append
        4 us. At level machine the next fdatasync would have to write all these pages.
        Never raises JournalFull: `is_full` tells. Raises JournalFailed.
        """
        self._check_usable()
        if self.durability == "process" and self._populated < len(self._map):
            self._populated = _populate(self._map, max(self._populated, self._offset & -_POPULATE_BYTES))
            return True
        if self._retired is not None:
            self._retired.close()
            self._retired = None
            return True
        if self._next is None:
            try:
                self._next = self._allocate()
            except JournalFull:
                return False
            return True
        if self.durability == "process" and self._next.populated < len(self._next.map):
            self._next.populated = _populate(self._next.map, self._next.populated)
            return True
        return False

    def _append_at_limit(self, body: bytes, use_reserve: bool) -> int:
        self._check_usable()
        size = record_bytes(len(body))
        if size > self._segment_bytes - HEADER_BYTES - END_BYTES:
            raise ValueError(
                f"a record of {len(body)} bytes does not fit into a segment of {self._segment_bytes}"
            )
        if self._next is None:
            fits_reserve = use_reserve and self._offset + size <= self._hard_limit
            try:
                self._next = self._allocate()
            except JournalFull:
                if not fits_reserve:
                    raise
                limit, self._limit = self._limit, self._hard_limit
                try:
                    return self.append(body)
                finally:
                    self._limit = limit
        self._limit = self._hard_limit
        if self._offset + size > self._hard_limit:
            self._rotate(self._next)
        return self.append(body, use_reserve)

    def _allocate(self) -> _NextSegment:
        path = self.directory / NEXT_NAME
        if self.is_full and time.monotonic() < self._retry_at_s:
            raise JournalFull(path, "no space for the next segment")
        try:
            prepared = _NextSegment(path, self._segment_bytes, self.durability == "machine")
        except OSError as error:
            if error.errno in _NO_SPACE:
                self.is_full = True
                self._retry_at_s = time.monotonic() + _RETRY_S
            self._raise_disk_error(path, error)
        self.is_full = False
        return prepared

    def _rotate(self, prepared: _NextSegment) -> None:
        is_machine = self.durability == "machine"
        if is_machine:
            self._sync(os.fdatasync)
        self.synced_seq = self._committed[0] = self.last_seq
        old_fd, old_map, old_words, old_end = self._fd, self._map, self._words, self._offset
        word, payload = end_record(self.last_seq, self._crc)
        self._begin_next(prepared, old_end, word >> 32, self._now_ns())
        old_map[old_end + 8 : old_end + END_BYTES] = payload
        old_words[old_end >> 3] = word
        old_words.release()
        try:
            if is_machine:
                os.fdatasync(old_fd)
                self._first_unsynced = self.segment_number
        except OSError as error:
            self._fail(self.directory / segment_name(self.segment_number - 1), error)
        finally:
            os.close(old_fd)
        if self._retired is not None:
            self._retired.close()
        self._retired = old_map  # Unmapping takes a millisecond: prepare_next does it.

    def _begin_next(
        self, prepared: _NextSegment, previous_end: int, previous_crc: int, created_ns: int
    ) -> None:
        number = self.segment_number + 1
        path = self.directory / segment_name(number)
        header = pack_header(
            SegmentHeader(
                number,
                self.last_seq + 1,
                self._segment_bytes,
                created_ns,
                int.from_bytes(os.urandom(8), "little"),
                previous_end,
                previous_crc,
                self.epoch,
            )
        )
        self._next = None
        try:
            os.pwrite(prepared.fd, header, 0)
            is_synced = self.durability == "machine" or number == 1
            if is_synced:
                os.fdatasync(prepared.fd)
            os.rename(self.directory / NEXT_NAME, path)
            if is_synced:
                sync_directory(self.directory)
        except OSError as error:
            prepared.close()
            self._fail(path, error)
        self.segment_number = number
        crc = unpack_header(header.ljust(HEADER_BYTES, b"\0")).crc
        self._adopt(prepared.fd, prepared.map, HEADER_BYTES, crc)
        self._populated = prepared.populated

    def _adopt(self, fd: int, mapping: mmap.mmap, offset: int, crc: int) -> None:
        """Make a segment the one that is written."""
        self._fd = fd
        self._map = mapping
        self._words = memoryview(mapping).cast("Q")
        self._offset = offset
        self._crc = crc
        self._populated = 0
        self._hard_limit = len(mapping) - END_BYTES
        self._limit = self._hard_limit - self._reserve_bytes

    # -- the end --------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Commit, release the mapping and the lock. Raises JournalFailed. A second call does nothing."""
        if self._fd < 0:
            return
        try:
            if not self._poison:
                self.commit()
        finally:
            self._poison = self._poison or "the writer is closed"
            self._limit = -1
            self._release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _release(self) -> None:
        if self._next is not None:
            self._next.close()
            (self.directory / NEXT_NAME).unlink(missing_ok=True)
            self._next = None
        if self._retired is not None:
            self._retired.close()
            self._retired = None
        if self._fd >= 0:
            self._words.release()
            self._map.close()
            os.close(self._fd)
            self._fd = -1
        self._committed.release()  # Unmaps.
        os.close(self._lock_fd)

    def _check_usable(self) -> None:
        if self._poison:
            raise JournalFailed(self.directory, self._poison)

    def _fail(self, path: Path, error: OSError) -> NoReturn:
        """Poison the writer. The limit of -1 sends every append off the fast path, to `_check_usable`."""
        self._poison = f"stopped after a disk error: {error}"
        self._limit = -1
        raise JournalFailed(path, str(error)) from error

    def _raise_disk_error(self, path: Path, error: OSError) -> NoReturn:
        if error.errno in _NO_SPACE:
            raise JournalFull(path, f"no space: {error.strerror}") from error
        self._fail(path, error)


class _NextSegment:
    """A file allocated to its full size and mapped, without a header or a name that counts."""

    __slots__ = ("fd", "map", "populated")

    def __init__(self, path: Path, size: int, is_synced: bool) -> None:
        """Raises OSError, and leaves no file behind."""
        self.fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o644)
        try:
            os.posix_fallocate(self.fd, 0, size)
            os.pwrite(
                self.fd, bytes(HEADER_BYTES), 0
            )  # So that writing the header later changes no metadata.
            if is_synced:
                os.fsync(self.fd)
            self.map = mmap.mmap(self.fd, size)
        except BaseException:
            os.close(self.fd)
            path.unlink()
            raise
        self.populated = 0

    def close(self) -> None:
        self.map.close()
        os.close(self.fd)


def _populate(mapping: mmap.mmap, start: int) -> int:
    """Fault in a bounded number of pages from `start` on for writing; return where the next call goes on."""
    end = min(start + _POPULATE_BYTES, len(mapping))
    try:
        mapping.madvise(_MADV_POPULATE_WRITE, start, end - start)
    except OSError:  # An older kernel: the faults are taken one by one.
        return len(mapping)
    return end


def take_lock(path: Path) -> int:
    """Take the lock, write our pid into it, and return its descriptor. The kernel frees it if we die."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        holder = os.pread(fd, 20, 0).strip()
        os.close(fd)
        raise JournalLocked(path, int(holder) if holder.isdigit() else 0) from None
    os.ftruncate(fd, 0)
    os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
    return fd
