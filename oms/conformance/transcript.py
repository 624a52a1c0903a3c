"""Transcripts: an order's life between a client and a venue, one message a line.

A transcript is a text file. It opens with a title, its source and notes, each behind `#`; the first line is
the title, the one that starts with `Source:` says where the scenario comes from. Where its rows could not be
had, a line that starts with `Derived:` says what they were made of instead. Then come the lines of the
scenario, and after them, if it can also go another way, sections that say where and how:

    # Cancel of an unfilled order
    # Source: FIX 5.0 SP2 volume 4 (errata 2011), page 58
    t1  I  35=D 11=X 38=10000
    t1  S  35=D 11=v(X) 38=10000
    t2  V  35=8 11=v(X) 150=0
    t2  E  35=8 11=X 150=0 39=0 38=10000 14=0 151=10000 32=0

    == t2 instead: refused by the broker
    t2  V  35=8 11=v(X) 150=8 103=0
    t2  E  35=8 11=X 150=8 39=8 38=10000 14=0 151=0 32=0

A line is a time, a kind, and fields as they stand in a message (`58="two words"` where a value has spaces).

    time   t1, t2, ...; d1t1, d2t1, ... where days are told apart. It names the rows of the matrix, no clock.
    I      the client sends it to the OMS
    E      the client must receive it: these messages, in this order, and no other
    S      the venue must receive it: these, in this order, and no other
    V      the venue sends it to the OMS
    !      something that happens outside FIX, see below

What E and S give is compared, numbers as numbers; what they do not give is not; `tag=-` says that the tag
must be absent. What I and V do not give is filled in by the player; there, `tag=-` keeps it from doing so.

Ids are symbols. `11=X` and `41=X` are the client's; `v(X)` is the OMS's own id at the venue for the message
that serves X, bound by the first S line that has it. ExecIDs are symbols too, bound where they are first
seen: `17=A` and `19=A` in reports to the client, `17=v(A)` and `19=v(A)` at the venue.

A section takes the lines before the first one of its time as they are and ends with its own: where the matrix
goes on after the other way, what follows is written out again. `with` switches something before the first
line: `== t4 instead, with pending off: refused before it is pending`.

Directives, and what whoever plays has to bring about:

    ! pending on|off             the client is told at once of a pending cancel or replace, or not
    ! poss_resend status|ignore  a known ClOrdID with PossResend=Y is answered by a status report, or not
    ! second_request queue|refuse|pass
                                 a request while another is open waits, is refused, or goes on to the venue
    ! cl_ord_ids session|day|open
                                 for how long a ClOrdID may not be used again
    ! busts cancel|restate       an execution is taken back by ExecType H and G, or by D with the quantities
    ! final_fill pass|trade|done_for_day|calculated
                                 what follows the fill that completes an order
    ! late_cancel reject|silent  a cancel that the last fill has overtaken is refused, or left to the fill
    ! halt symbol|all            a person at the OMS stops new orders
    ! resume symbol|all          and lifts that again
    ! next day                   the day ends, and the next one starts
    ! phone P 38=10000 ...       a person at the OMS takes an order by phone, for the client; P is a symbol
                                 for it, so that v(P) is its id at the venue

A `Transcript` has as many runs as it has ways: the main one, and one for each section.
"""

import re
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from msgspec import Struct

SCENARIOS: Final = Path(__file__).parent / "scenarios"

CLIENT_SENDS: Final = "I"
CLIENT_RECEIVES: Final = "E"
VENUE_RECEIVES: Final = "S"
VENUE_SENDS: Final = "V"
DIRECTIVE: Final = "!"

MSG_TYPES: Final = {
    CLIENT_SENDS: frozenset("DFGH"),
    CLIENT_RECEIVES: frozenset("893j"),
    VENUE_RECEIVES: frozenset("DFGH"),
    VENUE_SENDS: frozenset("89"),
}
"""MsgType(35) by kind of line."""

DIRECTIVES: Final[dict[str, tuple[str, ...]]] = {
    "pending": ("on", "off"),
    "poss_resend": ("status", "ignore"),
    "second_request": ("pass", "queue", "refuse"),
    "cl_ord_ids": ("session", "day", "open"),
    "busts": ("cancel", "restate"),
    "final_fill": ("pass", "trade", "done_for_day", "calculated"),
    "late_cancel": ("reject", "silent"),
    "halt": ("symbol", "all"),
    "resume": ("symbol", "all"),
    "next": ("day",),
    "phone": (),
}
"""First word -> what the second may be; any symbol where nothing is listed."""

IDS: Final = frozenset(("11", "41"))  # ClOrdID, OrigClOrdID
EXEC_IDS: Final = frozenset(("17", "19"))  # ExecID, ExecRefID

ABSENT: Final = "-"

_TIME: Final = re.compile(r"(d[1-9]\d*)?t[1-9]\d*")
_FIELD: Final = re.compile(r"([1-9]\d*)=(.+)", re.S)
_SYMBOL: Final = re.compile(r"[A-Za-z]\w*")
_VENUE_SYMBOL: Final = re.compile(r"v\(([A-Za-z]\w*)\)")
_SECTION: Final = re.compile(
    r"==\s+(?P<at>\S+)\s+instead(?:,\s+with\s+(?P<switch>[^:]+?))?\s*:\s*(?P<title>\S.*)"
)


class TranscriptError(ValueError):
    """A transcript is not well formed. The text names file and line."""


class Line(Struct, frozen=True):
    """One line of a scenario. `words` are a directive's; `fields` a message's, or those of a phoned order."""

    number: int  # in the file, from 1
    at: str
    kind: str
    text: str
    fields: tuple[tuple[str, str], ...] = ()
    words: tuple[str, ...] = ()

    def get(self, tag: str) -> str:
        """A field's value; empty if the line does not give it."""
        return dict(self.fields).get(tag, "")


class Alternative(Struct, frozen=True):
    """Another way from a point in time on."""

    number: int
    at: str
    title: str
    switch: Line | None  # a directive before everything else
    lines: tuple[Line, ...]


class Transcript(Struct, frozen=True):
    """One file."""

    path: Path
    title: str
    source: str
    notes: tuple[str, ...]
    lines: tuple[Line, ...]
    alternatives: tuple[Alternative, ...]
    derived: str = ""  # what its rows were made of, if they are not the standard's own

    @property
    def family(self) -> str:
        """The folder: which version of the standard, on the client's side."""
        return self.path.parent.name

    @property
    def name(self) -> str:
        """The scenario's name in the matrices."""
        return self.path.stem


class Run(Struct, frozen=True):
    """One way through a scenario. `name` is unique: fix44-A.1.a, fix44-A.1.a-t2-instead."""

    name: str
    path: Path
    title: str
    lines: tuple[Line, ...]


# -- all of them ---------------------------------------------------------------------------------------------


def load(family: str, folder: Path = SCENARIOS) -> list[Transcript]:
    """Every transcript of a family, in the order of the matrices. Raises TranscriptError."""
    paths = sorted((folder / family).glob("*.txt"), key=lambda path: _natural(path.stem))
    return [parse(path) for path in paths]


def runs(transcript: Transcript) -> list[Run]:
    """The main way first, then the alternatives in the order of the file."""
    name = f"{transcript.family}-{transcript.name}"
    found = [Run(name, transcript.path, transcript.title, transcript.lines)]
    seen: dict[str, int] = {}
    for alternative in transcript.alternatives:
        nth = seen[alternative.at] = seen.get(alternative.at, 0) + 1
        found.append(
            Run(
                f"{name}-{alternative.at}-instead" + (f"-{nth}" if nth > 1 else ""),
                transcript.path,
                f"{transcript.title}; {alternative.title}",
                (
                    *((alternative.switch,) if alternative.switch else ()),
                    *before(transcript.lines, alternative.at),
                    *alternative.lines,
                ),
            )
        )
    return found


def all_runs(family: str, folder: Path = SCENARIOS) -> Iterator[Run]:
    """Every run of a family. Raises TranscriptError."""
    for transcript in load(family, folder):
        yield from runs(transcript)


def before(lines: Sequence[Line], at: str) -> tuple[Line, ...]:
    """The lines before the first one of a time."""
    times = [line.at for line in lines]
    return tuple(lines[: times.index(at)])


def _natural(name: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdigit() else (0, part) for part in re.findall(r"\d+|\D+", name)]


# -- reading one ---------------------------------------------------------------------------------------------


def parse(path: Path) -> Transcript:
    """Read a file and check every way through it. Raises TranscriptError."""
    return parse_text(path.read_text("utf-8"), path)


def parse_text(text: str, path: Path) -> Transcript:
    """Read a transcript; `path` names it. Raises TranscriptError."""
    head: list[str] = []
    main: list[Line] = []
    alternatives: list[Alternative] = []
    heads: list[tuple[int, str, str, Line | None]] = []
    bodies: list[list[Line]] = []
    for number, raw in enumerate(text.splitlines(), 1):
        stripped = raw.strip()
        if not stripped:
            continue
        if stripped.startswith("#"):
            if not main and not heads:
                head.append(stripped[1:].strip())
            continue
        if stripped.startswith("=="):
            heads.append(_section(path, number, stripped))
            bodies.append([])
            continue
        (bodies[-1] if heads else main).append(_line(path, number, stripped))
    if not head:
        raise _error(path, 1, "no title: the first line is '# ' and the title")
    if not main:
        raise _error(path, 1, "no lines")
    _check_times(path, main)
    for (number, at, title, switch), body in zip(heads, bodies, strict=True):
        if at not in {line.at for line in main}:
            raise _error(path, number, f"there is no {at} before this section")
        if not body:
            raise _error(path, number, "a section without lines")
        if body[0].at != at:
            raise _error(path, body[0].number, f"the section is for {at}, its first line for {body[0].at}")
        _check_times(path, body)
        alternatives.append(Alternative(number, at, title, switch, tuple(body)))
    source, derived = (_headed(head, word) for word in ("Source:", "Derived:"))
    if not source:
        raise _error(path, 1, "no source: a line '# Source: ...'")
    notes = tuple(line for line in head[1:] if not line.startswith(("Source:", "Derived:")))
    transcript = Transcript(path, head[0], source, notes, tuple(main), tuple(alternatives), derived)
    for run in runs(transcript):
        _check_symbols(run)
    return transcript


def _headed(head: Sequence[str], word: str) -> str:
    return next((line.removeprefix(word).strip() for line in head if line.startswith(word)), "")


def _section(path: Path, number: int, text: str) -> tuple[int, str, str, Line | None]:
    match = _SECTION.fullmatch(text)
    if match is None:
        raise _error(path, number, f"not a section: {text!r}; it reads '== t2 instead: what happens'")
    at = match["at"]
    if not _TIME.fullmatch(at):
        raise _error(path, number, f"not a time: {at!r}")
    switch = _line(path, number, f"{at} ! {match['switch']}") if match["switch"] else None
    return number, at, match["title"], switch


def _line(path: Path, number: int, text: str) -> Line:
    parts = text.split(None, 2)
    if len(parts) < 3:
        raise _error(path, number, f"not a line of time, kind and content: {text!r}")
    at, kind, rest = parts
    if not _TIME.fullmatch(at):
        raise _error(path, number, f"not a time: {at!r}")
    try:
        words = shlex.split(rest, comments=True)
    except ValueError as error:
        raise _error(path, number, f"{error}: {rest!r}") from None
    if kind == DIRECTIVE:
        return _directive(path, number, at, text, words)
    if kind not in MSG_TYPES:
        raise _error(path, number, f"no kind of line: {kind!r}; it is one of {' '.join(MSG_TYPES)} !")
    fields = _fields(path, number, words)
    if not fields or fields[0][0] != "35":
        raise _error(path, number, "a message starts with MsgType, 35=")
    if fields[0][1] not in MSG_TYPES[kind]:
        raise _error(path, number, f"35={fields[0][1]} does not go that way, {kind}")
    for tag, value in fields:
        _check_value(path, number, kind, tag, value)
    needed = ["11"] if kind != CLIENT_RECEIVES else []
    if kind in (CLIENT_SENDS, VENUE_RECEIVES) and fields[0][1] in "FG":
        needed.append("41")
    if kind == VENUE_SENDS and fields[0][1] == "8":
        needed += ["150", "32"] if dict(fields).get("150") in ("F", "G") else ["150"]
    missing = [tag for tag in needed if tag not in dict(fields)]
    if missing:
        raise _error(path, number, f"this line needs {missing[0]}=")
    return Line(number, at, kind, text, fields)


def _directive(path: Path, number: int, at: str, text: str, words: list[str]) -> Line:
    if len(words) < 2 or words[0] not in DIRECTIVES:
        raise _error(path, number, f"no directive: {' '.join(words)!r}; known are {', '.join(DIRECTIVES)}")
    name, what, *rest = words
    allowed = DIRECTIVES[name]
    if allowed and (what not in allowed or rest):
        raise _error(path, number, f"{name} takes one of: {', '.join(allowed)}")
    if not allowed and not _SYMBOL.fullmatch(what):
        raise _error(path, number, f"{name} needs a symbol, not {what!r}")
    return Line(number, at, DIRECTIVE, text, _fields(path, number, rest), (name, what))


def _fields(path: Path, number: int, words: list[str]) -> tuple[tuple[str, str], ...]:
    fields: dict[str, str] = {}
    for word in words:
        match = _FIELD.fullmatch(word)
        if match is None:
            raise _error(path, number, f"not a field: {word!r}; it reads tag=value")
        if match[1] in fields:
            raise _error(path, number, f"tag {match[1]} twice")
        fields[match[1]] = match[2]
    return tuple(fields.items())


def _check_value(path: Path, number: int, kind: str, tag: str, value: str) -> None:
    if tag not in IDS | EXEC_IDS or value == ABSENT:
        return
    at_venue = kind in (VENUE_RECEIVES, VENUE_SENDS)
    if at_venue and not _VENUE_SYMBOL.fullmatch(value):
        raise _error(path, number, f"at the venue an id is v(X), not {tag}={value}")
    if not at_venue and not _SYMBOL.fullmatch(value):
        raise _error(path, number, f"to the client an id is a symbol, not {tag}={value}")


def _check_times(path: Path, lines: Sequence[Line]) -> None:
    """Rows of one time stand together, so that a section has one place to start from."""
    seen: list[str] = []
    for line in lines:
        if line.at in seen[:-1]:
            raise _error(path, line.number, f"{line.at} was left before")
        if not seen or seen[-1] != line.at:
            seen.append(line.at)


def _check_symbols(run: Run) -> None:
    """Whoever names an id has had it by then."""
    sent: set[str] = set()
    at_venue: set[str] = set()
    execs: dict[bool, set[str]] = {True: set(), False: set()}
    for line in run.lines:
        here = line.kind in (VENUE_RECEIVES, VENUE_SENDS)
        if line.kind == DIRECTIVE and line.words[0] == "phone":
            sent.add(line.words[1])
        for tag, value in line.fields:
            name = symbol(value)
            if value == ABSENT or tag not in IDS | EXEC_IDS:
                continue
            if tag == "19" and name not in execs[here]:
                raise _error(run.path, line.number, f"no execution {value} before this line ({run.name})")
            if tag == "17":
                execs[here].add(name)
            if tag == "11" and line.kind == CLIENT_SENDS:
                sent.add(name)
            if tag in IDS and line.kind == CLIENT_RECEIVES and name not in sent | _originals(run.lines):
                raise _error(run.path, line.number, f"the client has not used {value} ({run.name})")
            if tag in IDS and line.kind == VENUE_RECEIVES:
                if name not in sent:
                    raise _error(run.path, line.number, f"nothing has asked for {value} ({run.name})")
                if tag == "41" and name not in at_venue:
                    raise _error(run.path, line.number, f"the venue has not had {value} ({run.name})")
                at_venue.add(name)
            if tag in IDS and line.kind == VENUE_SENDS and name not in at_venue:
                raise _error(run.path, line.number, f"the venue has not had {value} ({run.name})")


def _originals(lines: Sequence[Line]) -> set[str]:
    """What a client calls the order it asks about, though it may never have sent one."""
    return {line.get("41") for line in lines if line.kind == CLIENT_SENDS}


def symbol(value: str) -> str:
    """X of X, and of v(X)."""
    match = _VENUE_SYMBOL.fullmatch(value)
    return match[1] if match else value


def _error(path: Path, number: int, what: str) -> TranscriptError:
    return TranscriptError(f"{path}:{number}: {what}")
