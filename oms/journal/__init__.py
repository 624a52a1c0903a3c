"""The journal: an append-only sequence of opaque records in memory-mapped segments. One writer, many readers.

format    the bytes: segments, records, and what each field is for
segment   one segment mapped for reading, and the one loop that reads records
tail      what a crash may leave at the end (torn) and what it may not (corrupt)
recovery  the files of a journal, how they link up, and where it ends
writer    append, commit, rotate
reader    tail a journal that another process writes; scan a whole one
verify    check everything, for people
salvage   go on after damage, when a person has accepted the loss
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
