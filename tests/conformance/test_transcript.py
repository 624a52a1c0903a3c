"""Reading transcripts: what a file says, and how a mistake in one is named."""

from pathlib import Path

import pytest

from oms.conformance.transcript import TranscriptError, before, parse_text, runs

PATH = Path("fix44/T.1.txt")

GOOD = """\
# A title
# Source: somewhere, page 1
# A note,
# on two lines.

t1  I  35=D 11=X 38=100   # the rest of the line is a comment
t1  S  35=D 11=v(X)
t2  V  35=8 11=v(X) 150=7 17=v(A) 58="two words"
t2  E  35=8 11=X 17=A 41=- 58="two words"
# A comment between lines.
t3  !  halt symbol
t3  V  35=8 11=v(X) 150=4
t3  E  35=8 11=X 150=4

== t2 instead: something else
t2  V  35=8 11=v(X) 150=8
t2  E  35=8 11=X 150=8

== t2 instead, with pending off: again something else
t2  V  35=8 11=v(X) 150=0
t4  E  35=8 11=X 150=0
"""


def test_what_a_transcript_says() -> None:
    transcript = parse_text(GOOD, PATH)
    assert (transcript.family, transcript.name) == ("fix44", "T.1")
    assert (transcript.title, transcript.source) == ("A title", "somewhere, page 1")
    assert transcript.notes == ("A note,", "on two lines.")
    assert [(line.at, line.kind) for line in transcript.lines] == [
        ("t1", "I"), ("t1", "S"), ("t2", "V"), ("t2", "E"), ("t3", "!"), ("t3", "V"), ("t3", "E"),
    ]  # fmt: skip
    assert transcript.lines[0].fields == (("35", "D"), ("11", "X"), ("38", "100"))
    assert transcript.lines[2].get("58") == "two words"
    assert transcript.lines[4].words == ("halt", "symbol")
    assert [line.at for line in before(transcript.lines, "t2")] == ["t1", "t1"]


def test_a_transcript_says_what_it_was_derived_from() -> None:
    derived = GOOD.replace("# A note,", "# Derived: from others\n# A note,")
    transcript = parse_text(derived, PATH)
    assert (transcript.derived, transcript.notes) == ("from others", ("A note,", "on two lines."))
    assert parse_text(GOOD, PATH).derived == ""


def test_the_runs_of_a_transcript() -> None:
    main, first, second = runs(parse_text(GOOD, PATH))
    assert [run.name for run in (main, first, second)] == [
        "fix44-T.1", "fix44-T.1-t2-instead", "fix44-T.1-t2-instead-2",
    ]  # fmt: skip
    assert first.title == "A title; something else"
    assert [line.number for line in first.lines] == [6, 7, 16, 17]
    assert [line.number for line in second.lines] == [19, 6, 7, 20, 21]
    assert [line.kind for line in second.lines] == ["!", "I", "S", "V", "E"]
    assert second.lines[0].words == ("pending", "off")


HEAD = "# A title\n# Source: somewhere\n"
SENT = "t1 I 35=D 11=X 38=1\nt1 S 35=D 11=v(X)\n"

MISTAKES = (
    # text                                                     line  what is said
    ("t1 I 35=D 11=X\n",                                          1, "no title"),
    ("# A title\nt1 I 35=D 11=X\n",                               1, "no source"),
    (HEAD,                                                        1, "no lines"),
    (HEAD + "t1 I\n",                                             3, "not a line of time, kind and content"),
    (HEAD + "1 I 35=D 11=X\n",                                    3, "not a time: '1'"),
    (HEAD + "t1 X 35=D 11=X\n",                                   3, "no kind of line: 'X'"),
    (HEAD + "t1 I 11=X 35=D\n",                                   3, "a message starts with MsgType"),
    (HEAD + "t1 I 35=8 11=X\n",                                   3, "35=8 does not go that way, I"),
    (HEAD + "t1 I 35=D 38\n",                                     3, "not a field: '38'"),
    (HEAD + "t1 I 35=D 11=X 38=1 38=2\n",                         3, "tag 38 twice"),
    (HEAD + "t1 I 35=D 38=1\n",                                   3, "this line needs 11="),
    (HEAD + "t1 I 35=F 11=X\n",                                   3, "this line needs 41="),
    (HEAD + SENT + "t2 V 35=8 11=v(X)\n",                         5, "this line needs 150="),
    (HEAD + 't1 I 35=D 11=X 58="open\n',                          3, "No closing quotation"),
    (HEAD + "t1 I 35=D 11=v(X)\n",                                3, "to the client an id is a symbol"),
    (HEAD + SENT + "t2 V 35=8 11=X 150=0\n",                      5, "at the venue an id is v(X)"),
    (HEAD + "t1 ! snow today\n",                                  3, "no directive: 'snow today'"),
    (HEAD + "t1 ! pending maybe\n",                               3, "pending takes one of: on, off"),
    (HEAD + "t1 ! phone 7 38=1\n",                                3, "phone needs a symbol"),
    (HEAD + SENT + "t2 E 35=8 11=Y\n",                            5, "the client has not used Y"),
    (HEAD + "t1 S 35=D 11=v(X)\n",                                3, "nothing has asked for v(X)"),
    (HEAD + "t1 I 35=D 11=X\nt1 V 35=8 11=v(X) 150=0\n",          4, "the venue has not had v(X)"),
    (HEAD + SENT + "t2 V 35=8 11=v(X) 150=H 19=v(A)\n",           5, "no execution v(A)"),
    (HEAD + SENT + "t2 ! next day\nt1 ! next day\n",              6, "t1 was left before"),
    (HEAD + SENT + "== t2 instead: nothing\n",                    5, "there is no t2 before this section"),
    (HEAD + SENT + "== t1 instead: nothing\n",                    5, "a section without lines"),
    (HEAD + SENT + "== t1 instead: late\nt2 ! next day\n",        6, "the section is for t1, its first line for t2"),
    (HEAD + SENT + "== t1 perhaps\n",                             5, "not a section"),
    (HEAD + SENT + "== t1 instead, with snow on: white\n",        5, "no directive: 'snow on'"),
)  # fmt: skip


@pytest.mark.parametrize(("text", "line", "what"), MISTAKES, ids=[row[2] for row in MISTAKES])
def test_a_mistake_is_named_with_file_and_line(text: str, line: int, what: str) -> None:
    with pytest.raises(TranscriptError) as caught:
        parse_text(text, PATH)
    assert str(caught.value).startswith(f"fix44/T.1.txt:{line}: {what}")
