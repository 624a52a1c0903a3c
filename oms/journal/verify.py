"""Check a whole journal and say what is in it. For people and their command line; recovery does not need it.

Every header, every record's crc, the sequence across segments, each segment's link to the one before, the
end, and that nothing stands behind an end record. Takes no lock and changes nothing, so it may run beside a
live writer.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from .errors import JournalCorrupt, JournalVersionError
from .format import END_BYTES, HEADER_BYTES, segment_name
from .recovery import Committed, check_header, check_stop, open_next, read_committed
from .segment import Cursor, Segment, Stop, walk
from .tail import Tail, judge, last_written

_CHUNK = 4096


@dataclass(slots=True)
class SegmentReport:
    """One segment. `used_bytes` ends behind its last valid record; last_seq < first_seq if it has none."""

    path: Path
    number: int
    first_seq: int
    last_seq: int
    used_bytes: int
    segment_bytes: int
    created_ns: int
    is_sealed: bool

    @property
    def record_count(self) -> int:
        return self.last_seq - self.first_seq + 1


@dataclass(slots=True)
class Damage:
    """The first thing that does not hold. `sequence` is the first record that is damaged or missing."""

    path: Path
    sequence: int
    offset: int
    reason: str

    def __str__(self) -> str:
        return f"{self.path}: sequence {self.sequence}, offset {self.offset}: {self.reason}"


@dataclass(slots=True)
class VerifyReport:
    """What `verify` found. Everything up to `last_seq` is valid."""

    directory: Path
    epoch: str = ""
    segments: list[SegmentReport] = field(default_factory=list)
    tail: Tail | None = None
    """What stands behind the last record: nothing, or a torn tail. None if there is damage."""
    committed: Committed | None = None
    damage: Damage | None = None
    version_error: JournalVersionError | None = None
    """Set if the damage is none, but a newer program's format."""
    notes: list[str] = field(default_factory=list)
    """What is odd but loses nothing."""

    @property
    def is_ok(self) -> bool:
        return self.damage is None

    @property
    def record_count(self) -> int:
        return sum(segment.record_count for segment in self.segments)

    @property
    def first_seq(self) -> int:
        """1, or 0 if there is no record."""
        return 1 if self.record_count else 0

    @property
    def last_seq(self) -> int:
        return self.segments[-1].last_seq if self.segments else 0

    @property
    def used_bytes(self) -> int:
        return sum(segment.used_bytes for segment in self.segments)


def verify(directory: Path) -> VerifyReport:
    """Check all segments. What is wrong is told in `damage`, not raised. Cost: 0.5 us per record."""
    report = VerifyReport(directory)
    try:
        _check_all(report)
    except JournalCorrupt as error:
        report.damage = Damage(error.path, error.sequence, error.offset, error.reason)
    except JournalVersionError as error:
        report.damage = Damage(error.path, report.last_seq + 1, 0, f"format version {error.version} is newer")
        report.version_error = error
    return report


def _check_all(report: VerifyReport) -> None:
    report.committed = read_committed(report.directory)
    # Names are followed rather than listed: what is valid before a gap is worth telling.
    path = report.directory / segment_name(1)
    try:
        segment = Segment(path, 1)
    except FileNotFoundError:
        others = sorted(report.directory.glob("*.journal"))
        if others or (report.committed and report.committed.sequence):
            raise JournalCorrupt(path, 1, "segment is missing") from None
        return
    check_header(path, segment.header, None)
    report.epoch = segment.header.epoch
    cursor = Cursor(segment.header)
    while True:
        try:
            stop = _check_segment(report, segment, cursor)
            if stop is not Stop.END:
                break
            previous = segment
            segment, cursor = open_next(segment, cursor)
            previous.close()
        except BaseException:
            segment.close()
            raise
    check_stop(segment, cursor)
    tail = judge(segment, cursor)
    segment.close()
    _check_committed(report, path=segment.path, offset=cursor.offset)
    _check_names(report)
    report.tail = tail


def _check_segment(report: VerifyReport, segment: Segment, cursor: Cursor) -> Stop:
    header = segment.header
    found = SegmentReport(
        segment.path,
        header.number,
        header.first_sequence,
        header.first_sequence - 1,
        HEADER_BYTES,
        header.segment_bytes,
        header.created_ns,
        is_sealed=False,
    )
    report.segments.append(found)
    stop = Stop.LIMIT
    while stop is Stop.LIMIT:
        _, stop = walk(segment, cursor, _CHUNK)
        found.last_seq = cursor.next_seq - 1
        found.used_bytes = cursor.offset
    if stop is Stop.END:
        found.is_sealed = True
        found.used_bytes = cursor.offset + END_BYTES
        if last_written(segment, found.used_bytes) != found.used_bytes:
            report.notes.append(f"{segment.path}: offset {found.used_bytes}: bytes behind the end record")
    return stop


def _check_committed(report: VerifyReport, path: Path, offset: int) -> None:
    committed = report.committed
    if committed and committed.is_machine and committed.sequence > report.last_seq:
        reason = f"missing, though {committed.sequence} was synced"
        raise JournalCorrupt(path, report.last_seq + 1, reason, offset)


def _check_names(report: VerifyReport) -> None:
    known = {segment.path for segment in report.segments}
    for path in sorted(report.directory.glob("*.journal")):
        if path not in known and path != report.directory / segment_name(len(known) + 1):
            raise JournalCorrupt(path, report.last_seq + 1, "no segment before it leads here")
