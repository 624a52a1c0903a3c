"""The player: what it fills in, what it compares, and what it says when something differs.

`Mirror` is an OMS that has read the transcript and answers with what it says. Every run must play against it;
and what the scripted venue says of quantities must be what the transcript has the client told of them.
"""

from collections import deque
from decimal import Decimal
from pathlib import Path

import pytest

from oms.conformance.play import FIX42, Mismatch, Player, Setting
from oms.conformance.transcript import ABSENT, Line, Run, all_runs, parse_text, runs, symbol
from oms.fix.wire import SOH, fields

RUNS = [run for family in ("fix44", "fix42", "more") for run in all_runs(family)]

QUANTITIES = ("38", "14", "151", "6")


class Mirror:
    """Answers with the transcript's own lines. `changes` are (line of the file, tag, value or nothing)."""

    def __init__(self, run: Run, *changes: tuple[int, str, str]) -> None:
        self.changes = changes
        self.client = deque(self._message(line) for line in run.lines if line.kind == "E")
        self.venue = deque(self._message(line) for line in run.lines if line.kind == "S")
        self.from_client: list[dict[str, str]] = []
        self.from_venue: list[dict[str, str]] = []
        self.directives: list[tuple[tuple[str, ...], str]] = []

    def _message(self, line: Line) -> str:
        message = {"55": "IBM", "54": "1"} if line.kind == "S" else {}
        if line.get("35") == "G" and not line.get("38"):
            message["38"] = "1"
        for tag, value in line.fields:
            if value == ABSENT:
                continue
            if line.kind == "S" and tag in ("11", "41"):
                message[tag] = f"ours-{symbol(value)}"
            elif tag in ("17", "19"):
                message[tag] = f"exec-{value}"
            else:
                message[tag] = value
        for number, tag, value in self.changes:
            if number == line.number:
                message.pop(tag, None)
                if value:
                    message[tag] = value
        return "".join(f"{tag}={value}{SOH}" for tag, value in message.items())

    def send_client(self, text: str) -> None:
        self.from_client.append(fields(text))

    def send_venue(self, text: str) -> None:
        self.from_venue.append(fields(text))

    def receive_client(self) -> str | None:
        return self.client.popleft() if self.client else None

    def receive_venue(self) -> str | None:
        return self.venue.popleft() if self.venue else None

    def direct(self, words: tuple[str, ...], text: str) -> None:
        self.directives.append((words, text))


SETTING = Setting("ACC", "IBM", clock=lambda: 1_795_357_800_000_000_000)


@pytest.mark.parametrize("run", RUNS, ids=lambda run: run.name)
def test_the_venue_says_what_the_client_is_told(run: Run) -> None:
    mirror = Mirror(run)
    Player(run, mirror, SETTING).play()
    reports = iter(mirror.from_venue)
    for line, after in zip(run.lines, (*run.lines[1:], None), strict=True):
        if line.kind != "V":
            continue
        said = next(reports)
        if after is None or (after.kind, after.at) != ("E", line.at) or line.get("35") != "8":
            continue
        told = dict(after.fields)
        for tag in QUANTITIES:
            if tag in told:
                assert Decimal(said[tag]) == Decimal(told[tag]), (line, tag)
        if told["39"] not in "E65":
            assert said["39"] == told["39"], line


# -- what is filled in ---------------------------------------------------------------------------------------

TEXT = """\
# A title
# Source: somewhere
t1  I  35=D 11=X 38=100 44=12
t1  S  35=D 11=v(X) 38=100
t2  V  35=8 11=v(X) 17=v(A) 150=F 32=30 31=11
t2  E  35=8 11=X 17=A 150=F 39=1 38=100 14=30 151=70 32=30
t3  I  35=G 11=Y 41=X 38=150
t3  S  35=G 11=v(Y) 41=v(X) 38=150
t4  V  35=8 11=v(Y) 150=5
t4  E  35=8 11=Y 41=X 150=5 58="as asked"
t5  V  35=8 11=v(Y) 17=v(B) 19=v(A) 150=G 32=20
t5  E  35=8 11=Y 41=- 17=B 19=A 150=G
t6  I  35=F 11=Z 41=Y
t6  S  35=F 11=v(Z) 41=v(Y)
t7  V  35=9 11=v(Z) 102=0
t7  E  35=9 11=Z 41=Y 32=0
"""
RUN = runs(parse_text(TEXT, Path("fix44/T.1.txt")))[0]


def test_what_i_and_v_lines_leave_out_is_filled_in() -> None:
    mirror = Mirror(RUN)
    Player(RUN, mirror, SETTING).play()
    new, replace, cancel = mirror.from_client
    now = "20261122-14:30:00.000"
    assert new == {"35": "D", "11": "X", "1": "ACC", "55": "IBM", "54": "1", "60": now, "40": "2", "59": "0",
                   "38": "100", "44": "12"}  # fmt: skip
    assert replace == new | {"35": "G", "11": "Y", "41": "X", "38": "150"}
    assert cancel == {"35": "F", "11": "Z", "41": "Y", "55": "IBM", "54": "1", "60": now}
    fill, replaced, corrected, refused = mirror.from_venue
    assert fill == {"35": "8", "37": "o1", "17": "vA", "39": "1", "55": "IBM", "54": "1", "38": "100", "14": "30",
                    "151": "70", "6": "11", "60": now, "31": "11", "11": "ours-X", "150": "F", "32": "30"}  # fmt: skip
    assert {tag: replaced[tag] for tag in ("11", "41", "37", "39", "38", "14", "151")} == {
        "11": "ours-Y", "41": "ours-X", "37": "o1", "39": "1", "38": "150", "14": "30", "151": "120",
    }  # fmt: skip
    assert {tag: corrected[tag] for tag in ("17", "19", "14", "151", "32", "31", "6")} == {
        "17": "vB", "19": "vA", "14": "20", "151": "130", "32": "20", "31": "11", "6": "11",
    }  # fmt: skip
    assert refused == {"35": "9", "37": "o1", "39": "1", "434": "1", "102": "0", "60": now,
                       "11": "ours-Z", "41": "ours-Y"}  # fmt: skip


def test_a_client_of_4_2_says_how_its_order_is_handled() -> None:
    mirror = Mirror(RUN)
    Player(RUN, mirror, Setting("ACC", "IBM", dialect=FIX42)).play()
    assert [message.get("21") for message in mirror.from_client] == ["1", "1", None]


def test_a_phoned_order_goes_to_the_desk() -> None:
    text = "# A title\n# Source: somewhere\nt1 ! phone P 38=100\nt1 S 35=D 11=v(P) 38=100\n"
    run = runs(parse_text(text, Path("fix44/T.1.txt")))[0]
    mirror = Mirror(run)
    Player(run, mirror, SETTING).play()
    [(words, order)] = mirror.directives
    assert words == ("phone", "P")
    assert {tag: value for tag, value in fields(order).items() if tag in ("35", "11", "1", "38", "44")} == {
        "35": "D", "1": "ACC", "38": "100", "44": "50",
    }  # fmt: skip


# -- what is compared ----------------------------------------------------------------------------------------

SAME = (
    # line  tag  came instead    why it is the same
    (6, "14", "30.00"),        # numbers are compared as numbers
    (16, "32", ""),            # LastQty 0 may be left out
    (6, "1", "ACC"),           # what the line does not give is not compared
)  # fmt: skip

DIFFERENT = (
    # line  tag   came instead  expected      got
    (6,  "14",  "31",         "30",          "31"),
    (6,  "14",  "many",       "30",          "many"),
    (6,  "39",  "",           "1",           "absent"),
    (6,  "32",  "",           "30",          "absent"),
    (10, "58",  "As asked",   "as asked",    "As asked"),
    (6,  "11",  "Y",          "X",           "Y"),
    (12, "41",  "X",          "absent",      "X"),
    (12, "19",  "exec-B",     "exec-A",      "exec-B"),
    (12, "17",  "exec-A",     "a new id for B", "exec-A"),
    (6,  "17",  "",           "an id for A", "absent"),
    (8,  "41",  "ours-Z",     "ours-X",      "ours-Z"),
    (8,  "11",  "ours-X",     "a new id for Y", "ours-X"),
    (4,  "35",  "G",          "D",           "G"),
)  # fmt: skip


@pytest.mark.parametrize("change", SAME, ids=str)
def test_what_says_the_same_is_the_same(change: tuple[int, str, str]) -> None:
    Player(RUN, Mirror(RUN, change), SETTING).play()


@pytest.mark.parametrize(("line", "tag", "came", "expected", "got"), DIFFERENT, ids=str)
def test_what_differs_is_shown(line: int, tag: str, came: str, expected: str, got: str) -> None:
    with pytest.raises(Mismatch) as caught:
        Player(RUN, Mirror(RUN, (line, tag, came)), SETTING).play()
    assert caught.value.line is not None
    assert caught.value.line.number == line
    assert caught.value.rows == [(tag, expected, got)]


def test_the_difference_can_be_read() -> None:
    with pytest.raises(Mismatch) as caught:
        Player(RUN, Mirror(RUN, (6, "14", "31")), SETTING).play()
    lines = str(caught.value).splitlines()
    assert lines[:6] == [
        "fix44-T.1: A title",
        "fix44/T.1.txt:6",
        "    t2  E  35=8 11=X 17=A 150=F 39=1 38=100 14=30 151=70 32=30",
        "    tag                        expected        got",
        "    14 CumQty                  30              31",
        "    received: 35=8|11=X|17=exec-A|150=F|39=1|38=100|151=70|32=30|14=31|",
    ]
    assert lines[6].startswith("    waiting at the client: 35=8|11=Y|")


def test_a_message_that_does_not_come() -> None:
    mirror = Mirror(RUN)
    mirror.client.pop()
    with pytest.raises(Mismatch, match="received: nothing") as caught:
        Player(RUN, mirror, SETTING).play()
    assert caught.value.line is not None
    assert caught.value.line.number == 16


@pytest.mark.parametrize("side", ["client", "venue"])
def test_a_message_too_many(side: str) -> None:
    mirror = Mirror(RUN)
    getattr(mirror, side).append(f"35=8{SOH}11=X{SOH}")
    with pytest.raises(Mismatch, match="the scenario has ended") as caught:
        Player(RUN, mirror, SETTING).play()
    assert caught.value.rows == [("35", "nothing more", "8")]
