"""The journal: an append-only sequence of opaque records in memory-mapped segments. One writer, many readers.

format    the bytes: segments, records, and what each field is for
segment   one segment mapped for reading, and the one loop that reads records
recovery  what a crash may leave behind (torn) and what it may not (corrupt)
writer    append, commit, rotate
reader    tail a journal that another process writes; scan a whole one
verify    check everything, for people
snapshot  state at a sequence, so that recovery is short

It knows nothing of events: a body is bytes.
"""

from .errors import (
    JournalCorrupt,
    JournalError,
    JournalFailed,
    JournalFull,
    JournalLocked,
    JournalVersionError,
)
from .reader import JournalReader, scan
from .writer import JournalWriter

__all__ = [
    "JournalCorrupt",
    "JournalError",
    "JournalFailed",
    "JournalFull",
    "JournalLocked",
    "JournalReader",
    "JournalVersionError",
    "JournalWriter",
    "scan",
]
