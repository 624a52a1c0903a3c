"""What can go wrong with a journal, one class per answer the caller has to give.

    JournalLocked         another process writes this journal      -> exit, name the holder
    JournalVersionError   written by a newer program               -> exit, install the newer program
    JournalCorrupt        damage that no crash explains            -> exit, a person decides (see salvage)
    JournalFull           no disk space for the next segment       -> refuse new work; small records still fit
    JournalFailed         the disk refused a write or a sync       -> stop; acknowledge nothing any more

Every message is one line that names the file and, where there is one, the record's sequence.
"""

from __future__ import annotations

from pathlib import Path


class JournalError(Exception):
    """Base of all journal errors."""


class JournalLocked(JournalError):
    """A second writer: the lock file is held. `pid` is the holder's, 0 if it could not be read."""

    def __init__(self, path: Path, pid: int) -> None:
        super().__init__(f"{path}: another writer holds this journal (pid {pid or 'unknown'})")
        self.path = path
        self.pid = pid


class JournalVersionError(JournalError):
    """The file is of a format version this program does not know."""

    def __init__(self, path: Path, version: int, newest_known: int) -> None:
        super().__init__(f"{path}: format version {version}; this program knows up to version {newest_known}")
        self.path = path
        self.version = version


class JournalCorrupt(JournalError):
    """Damage that no crash explains. `sequence` is the first record that is damaged or missing."""

    def __init__(self, path: Path, sequence: int, reason: str, offset: int = 0) -> None:
        super().__init__(f"{path}: sequence {sequence}, offset {offset}: {reason}")
        self.path = path
        self.sequence = sequence
        self.reason = reason
        self.offset = offset


class JournalFull(JournalError):
    """No space for the next segment. Nothing was written; the writer stays usable."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason


class JournalFailed(JournalError):
    """The disk refused a write or a sync. What is on disk is unknown, so the writer never retries."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason
