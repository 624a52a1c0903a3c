"""The tables of the dialect against the data dictionaries; all that is written, against them and QuickFIX;
and what is read, case by case.

What is written comes from the order state change matrices, played in this process: every kind of report and
of order that the encoder has.
"""

from functools import cache

import pytest
from msgspec import structs

from oms.conformance.play import Player
from oms.conformance.transcript import all_runs
from oms.core.controls import Ask
from oms.core.events import VenueDefined
from oms.core.order import Order, Request, Version
from oms.core.routing import venue_lacks
from oms.core.types import SCALE, Px, Qty, Terms
from oms.fix import dialect
from oms.fix.decode import Malformed
from oms.fix.dialect import FIX42, FIX44, FIX50SP2, VENUE_42, WRITERS, canonical, unsayable, within_42
from oms.fix.encode import terms_text
from oms.fix.wire import SOH, fields
from tests.conformance.in_process import CLIENT, VENUE, InProcess
from tests.core.desk import Desk
from tests.support.dictionaries import dictionary, faults, framed, refused

SENT = ("8", "9", "D", "F", "G", "H", "N", "Q")
"""What both versions have of what an engine may send."""

RARE = {"221", "235", "912"}
"""Tags of bonds and of mass reports, which are never sent."""


def body(text: str) -> str:
    """A text as it is written here, with bars."""
    return text.replace("|", "\x01")


def bars(text: str) -> str:
    return text.replace("\x01", "|")


# -- the tables ----------------------------------------------------------------------------------------------


def fewer(msg_type: str, version: str) -> set[str]:
    """Tags of a message that have fewer codes in a version than in 4.4."""
    ours, theirs = dictionary(FIX44), dictionary(version)
    there = ours.tags(msg_type).keys() & theirs.tags(msg_type).keys()
    return {
        tag
        for tag in there
        if theirs.codes[tag] and (not ours.codes[tag] or ours.codes[tag] - theirs.codes[tag])
    } - RARE


@pytest.mark.parametrize("msg_type", SENT)
def test_every_tag_with_fewer_codes_stands_in_the_table(msg_type: str) -> None:
    assert fewer(msg_type, FIX42) <= dialect.CODES_42.keys()
    assert fewer(msg_type, FIX50SP2) <= dialect.CODES_50SP2.keys()


@pytest.mark.parametrize(
    ("table", "version"),
    [(dialect.CODES_42, FIX42), (dialect.CODES_44, FIX44), (dialect.CODES_50SP2, FIX50SP2)],
    ids=["4.2", "4.4", "5.0 SP2"],
)
def test_the_codes_are_those_of_the_dictionary(table: dialect.Codes, version: str) -> None:
    for tag, (codes, other) in table.items():
        there = dictionary(version).codes[tag]
        assert codes == there or (tag == "167" and codes < there), tag
        assert other in codes or not other, tag


@pytest.mark.parametrize("msg_type", SENT)
def test_the_tags_that_4_2_lacks_are_those_of_the_dictionary(msg_type: str) -> None:
    older, ours = dictionary(FIX42).tags(msg_type), dictionary(FIX44).tags(msg_type)
    assert max(int(tag) for tag in older) <= int(dialect.LAST_TAG_42)
    lacking = {tag for tag in ours.keys() - older.keys() if int(tag) <= int(dialect.LAST_TAG_42)}
    assert lacking == dialect.NOT_IN_42.get(msg_type, frozenset())


@pytest.mark.parametrize("msg_type", [*SENT, "q", "r", "AF"])
def test_5_0_sp2_differs_in_the_mass_cancel_report_only(msg_type: str) -> None:
    newer, ours = dictionary(FIX50SP2).tags(msg_type), dictionary(FIX44).tags(msg_type)
    assert ours.keys() - newer.keys() == ({"41"} if msg_type == "r" else set())
    more = {tag for tag, required in newer.items() if required and not ours.get(tag)}
    assert more == ({"1369"} if msg_type == "r" else set())


@pytest.mark.parametrize("msg_type", SENT)
def test_what_4_2_requires_besides(msg_type: str) -> None:
    older, ours = dictionary(FIX42).tags(msg_type), dictionary(FIX44).tags(msg_type)
    more = {tag for tag, required in older.items() if required and not ours.get(tag)}
    always = {"20"} if msg_type == "8" else {"55"}  # Our texts to venues have the symbol.
    assert more - always <= {tag for tag, _ in dialect.REQUIRED_42.get(msg_type, ())}


# -- everything that is written ------------------------------------------------------------------------------


@cache
def written() -> dict[tuple[str, str], dict[str, str]]:
    """Every text of the encoder in every version, from all the matrices: (session, 4.4) -> version -> text."""
    found: dict[tuple[str, str], dict[str, str]] = {}

    def spy(session: str):  # type: ignore[no-untyped-def]
        def write(text: str, order: Order | None) -> str:
            found[session, text] = {version: writer(text, order) for version, writer in WRITERS.items()}
            return text

        return write

    for family in ("fix44", "more", "fix42"):
        for run in all_runs(family):
            transport = InProcess(FIX44)
            transport.kernel.writers = {name: spy(name) for name in (CLIENT, VENUE)}
            try:
                Player(run, transport, transport.setting()).play()
            except AssertionError:
                assert family == "fix42"  # Told of in 4.2 terms, and here the client speaks 4.4.
    return found


def kinds() -> set[str]:
    return {fields(text).get("150", fields(text)["35"]) for _, text in written()}


def test_the_matrices_make_every_kind_of_message() -> None:
    assert kinds() >= {*"03456789BDEFGHILDFGH"}
    assert len(written()) > 200


@pytest.mark.parametrize("version", WRITERS)
def test_nothing_is_written_that_the_dictionary_lacks(version: str) -> None:
    unknown = 0
    for (_, ours), texts in written().items():
        text = texts[version]
        if unsayable(version, ours):
            assert "40" not in fields(text), bars(text)
            unknown += 1
            continue
        assert faults(version, text) == [], bars(text)
        assert refused(version, text) == "", bars(text)
    assert unknown <= 20


BASE = {
    "8": "35=8|37=e-1|11=X|17=E1|150=F|39=1|55=IBM|54=1|38=10|151=9|14=1|6=1|32=1|31=1|",
    "9": "35=9|37=e-1|11=X|41=W|39=0|434=1|102=99|",
    "D": "35=D|11=X|21=1|55=IBM|54=1|60=20261122-14:30:00.000|38=10|40=2|44=5|",
    "F": "35=F|11=X|41=W|55=IBM|54=1|60=20261122-14:30:00.000|38=10|",
    "G": "35=G|11=X|41=W|21=1|55=IBM|54=1|60=20261122-14:30:00.000|38=10|40=2|44=5|",
    "H": "35=H|11=X|55=IBM|54=1|",
    "Q": "35=Q|37=O1|17=E1|127=F|55=IBM|54=1|",
}


@pytest.mark.parametrize("version", WRITERS)
@pytest.mark.parametrize("msg_type", BASE)
def test_any_tag_and_any_code_of_4_4_is_written_well(msg_type: str, version: str) -> None:
    """One by one, whatever the encoder will write some day; groups apart."""
    known = dictionary(FIX44)
    grouped = {tag for inside in known.groups(msg_type).values() for tag in inside} | known.groups(
        msg_type
    ).keys()
    for tag in known.tags(msg_type).keys() - grouped - RARE:
        for code in known.codes[tag] or {"1"}:
            base = "".join(
                f"{field}|" for field in BASE[msg_type].split("|")[:-1] if field.partition("=")[0] != tag
            )
            ours = body(f"{base}{tag}={code}|")
            assert faults(FIX44, ours) == [], bars(ours)
            text = WRITERS[version](ours, None)
            if unsayable(version, ours) or (tag == "54" and "54" not in fields(text)):
                continue
            assert faults(version, text) == [], bars(text)


def test_groups_that_4_2_lacks_go_whole() -> None:
    text = body(BASE["8"] + "453=2|448=A|447=D|452=1|448=B|447=D|452=3|136=1|137=5|138=USD|139=1|")
    assert faults(FIX42, WRITERS[FIX42](text, None)) == []


# -- reports in terms of 4.2 ---------------------------------------------------------------------------------


def order(*ids: str, canceled_by: str = "", requests: tuple[str, ...] = ()) -> Order:
    """Order 1, with these versions."""
    versions = [Version(name, Qty(10), Px(1), Px(1), 0) for name in ids]
    found = Order(1, "C", "A", "IBM", "1", "2", "0", 0, 1, versions, canceled_by=canceled_by)
    found.requests = [Request("2", name, ids[-1], Qty(10), Px(1), Px(1)) for name in requests]
    return found


ONE, TWO = order("X"), order("X", "Y")

REPORTS_42 = (
    # told in 4.4                          the order   20   150  39   and
    ("150=0|39=0|14=0|151=10|",             ONE,       "0", "0", "0", {"32": "0", "31": "0"}),
    ("150=F|39=1|14=1|151=9|32=1|31=2|",    ONE,       "0", "1", "1", {"32": "1", "31": "2"}),
    ("150=F|39=2|14=10|151=0|32=1|31=2|",   ONE,       "0", "2", "2", {}),
    ("150=F|39=6|14=10|151=0|32=1|31=2|",   ONE,       "0", "2", "6", {}),
    ("150=F|39=7|14=1|151=9|32=1|31=2|",    ONE,       "0", "1", "7", {}),
    ("150=H|39=0|14=0|151=10|19=E0|",       ONE,       "1", "1", "0", {"19": "E0"}),
    ("150=H|39=0|14=0|151=10|19=E0|",       TWO,       "1", "1", "5", {}),
    ("150=G|39=2|14=10|151=0|32=4|31=2|",   ONE,       "2", "2", "2", {}),
    ("150=G|39=1|14=9|151=1|32=4|31=2|",    ONE,       "2", "1", "1", {}),
    ("150=H|39=4|14=0|151=0|19=E0|",        order("X", canceled_by="Y"), "1", "1", "4", {"11": "Y"}),
    ("150=F|39=4|14=4|151=0|32=4|31=2|",    order("X", canceled_by="Y"), "0", "1", "4", {"11": "Y"}),
    ("150=4|39=4|14=4|151=0|",              order("X", canceled_by="Y"), "0", "4", "4", {"11": "X"}),
    ("150=5|39=0|14=0|151=10|41=W|",        TWO,       "0", "5", "5", {"41": "W"}),
    ("150=5|39=0|14=0|151=10|41=W|",        None,      "0", "5", "5", {}),
    ("150=5|39=1|14=1|151=9|41=W|",         TWO,       "0", "5", "1", {}),
    ("150=D|39=0|14=0|151=10|378=5|",       order("X", "X"), "0", "D", "0", {"378": "5"}),
    ("150=D|39=0|14=0|151=10|378=8|",       ONE,       "0", "D", "0", {"378": "4"}),
    ("150=I|39=0|14=0|151=10|",             ONE,       "3", "0", "0", {"58": None, "32": None}),
    ("150=I|39=0|14=0|151=10|58=why|",      ONE,       "3", "0", "0", {"58": "why"}),
    ("150=I|39=0|14=0|151=10|790=Q1|",      TWO,       "3", "5", "5", {"790": None}),
    ("150=I|39=A|14=0|151=10|",             ONE,       "3", "A", "A", {"58": None}),
    ("150=I|39=E|14=1|151=9|",              ONE,       "3", "E", "E", {}),
    ("150=L|39=0|14=0|151=10|636=Y|",       ONE,       "3", "0", "0", {"58": "triggered", "636": None}),
    ("150=0|39=0|14=0|151=10|636=N|99=5|",  ONE,       "0", "0", "0", {"636": None, "99": "5"}),
    ("150=7|39=7|14=0|151=10|32=9|31=2|",   ONE,       "0", "1", "7", {"32": "9"}),
    ("150=9|39=9|14=0|151=10|",             ONE,       "0", "9", "9", {}),
    ("150=B|39=B|14=4|151=0|",              ONE,       "0", "B", "B", {}),
    ("150=8|39=0|14=0|151=10|103=6|",       order("X", "Y"), "0", "8", "5", {"103": "6"}),
    ("150=8|39=8|14=0|151=0|103=99|",       ONE,       "0", "8", "8", {"103": "0"}),
    ("150=8|39=8|14=0|151=0|103=15|",       None,      "0", "8", "8", {"103": "0"}),
    ("150=0|39=0|14=0|151=10|40=1|59=7|",   ONE,       "0", "0", "0", {"40": "5", "59": None}),
    ("150=0|39=0|14=0|151=10|18=1 Z|",      ONE,       "0", "0", "0", {"18": "1"}),
    ("150=0|39=0|14=0|151=10|40=J|847=1|",  ONE,       "0", "0", "0", {"40": None, "847": None}),
)  # fmt: skip


@pytest.mark.parametrize(("told", "which", "trans", "kind", "status", "more"), REPORTS_42)
def test_a_report_in_terms_of_4_2(
    told: str, which: Order | None, trans: str, kind: str, status: str, more: dict[str, str | None]
) -> None:
    text = WRITERS[FIX42](body(f"35=8|37=e-1|11=X|17=E1|55=IBM|54=1|38=10|6=0|{told}"), which)
    found = fields(text)
    assert text.startswith("35=8\x01")
    assert (found["20"], found["150"], found["39"]) == (trans, kind, status)
    assert {tag: found.get(tag) for tag in more} == more
    assert faults(FIX42, text) == []


def test_a_refusal_shows_another_order_than_the_one_refused() -> None:
    """The order at hand is number 2, the report is about number 1, which has the ClOrdID."""
    other = order("X", "Y")
    other.order_id = 2
    text = WRITERS[FIX42](
        body("35=8|37=e-1|11=X|17=E1|150=8|39=0|55=IBM|54=1|38=10|151=10|14=0|6=0|103=6|"), other
    )
    assert fields(text)["39"] == "0"


def test_a_cancel_reject_in_terms_of_4_2() -> None:
    reject = body("35=9|37=e-1|11=Z|41=X|39={}|434=2|102={}|58=why|")
    write = WRITERS[FIX42]
    assert write(reject.format("0", "99"), TWO) == body("35=9|37=e-1|11=Z|41=X|39=5|434=2|102=2|58=why|")
    assert write(reject.format("0", "6"), ONE) == body("35=9|37=e-1|11=Z|41=X|39=0|434=2|102=2|58=why|")
    # Already pending: what the request followed.
    pending = order("X", requests=("Y",))
    assert write(reject.format("E", "3"), pending) == body("35=9|37=e-1|11=Z|41=Y|39=E|434=2|102=3|58=why|")


def test_an_answer_about_an_unknown_order_names_no_instrument() -> None:
    unknown = body("35=8|37=NONE|11=X|17=E1|150=I|39=8|38=0|151=0|14=0|6=0|103=5|58=unknown order|")
    text = WRITERS[FIX42](unknown, None)
    assert faults(FIX42, text) == []
    assert fields(text)["55"] == "[N/A]"


# -- orders to venues ----------------------------------------------------------------------------------------

ORDERS_42 = (
    # written                     sent                        what 4.2 cannot say
    ("40=2|44=5|59=0|",           "40=2|44=5|59=0|",          []),
    ("40=1|59=7|",                "40=5|",                    []),
    ("40=2|44=5|59=7|",           "40=B|44=5|",               []),
    ("40=P|211=-0.05|836=0|",     "40=P|211=-0.05|",          []),
    ("40=3|99=5|110=1|111=2|",    "40=3|99=5|110=1|111=2|",   []),
    ("40=2|44=5|59=6|126=20261122-14:30:00|", "40=2|44=5|59=6|126=20261122-14:30:00|", []),
    ("40=2|44=5|59=6|432=20261122|", "40=2|44=5|59=6|432=20261122|", []),
    ("40=2|44=5|18=1 G|526=S1|",  "40=2|44=5|18=1 G|",        []),
    ("40=3|99=5|59=7|",           "99=5|",                    ["59=7"]),
    ("40=J|99=5|",                "99=5|",                    ["40=J"]),
    ("40=2|44=5|18=1 Z|",         "44=5|18=1|",               ["18=1 Z"]),
    ("40=2|44=5|847=1|849=0.1|",  "44=5|",                    ["847=1", "849=0.1"]),
    ("40=P|211=1|836=1|",         "211=1|",                   ["836=1"]),
)  # fmt: skip


@pytest.mark.parametrize(("ours", "sent", "not_said"), ORDERS_42)
@pytest.mark.parametrize("head", ["35=D|11=X|", "35=G|11=X|41=W|"])
def test_an_order_in_terms_of_4_2(head: str, ours: str, sent: str, not_said: list[str]) -> None:
    text = f"{head}55=IBM|54=1|60=20261122-14:30:00.000|38=10|"
    assert bars(WRITERS[FIX42](body(text + ours), None)) == f"{text}{sent}21=1|"
    assert unsayable(FIX42, body(text + ours)) == not_said
    assert unsayable(FIX44, body(text + ours)) == []
    assert unsayable(FIX50SP2, body(text + ours)) == []


def test_5_0_sp2_is_written_as_it_is_but_for_a_mass_cancel_report() -> None:
    write = WRITERS[FIX50SP2]
    order_text = body(BASE["D"] + "847=1|")
    assert write(order_text, None) is order_text
    report = body("35=r|11=X|37=M1|530=7|531=7|534=2|41=A|535=O1|41=B|535=O2|")
    assert faults(FIX44, report) == []
    assert bars(write(report, None)) == (
        "35=r|1369=M1|11=X|37=M1|530=7|531=7|534=2|1824=A|535=O1|1824=B|535=O2|"
    )
    assert faults(FIX50SP2, write(report, None)) == []
    assert refused(FIX50SP2, write(report, None)) == ""
    for result in ("531=7|533=3|", "531=0|532=99|55=IBM|54=1|"):
        report = body(f"35=r|37=M1|11=X|530=7|{result}60=20261122-14:30:00.000|")
        assert faults(FIX44, report) == []
        assert refused(FIX50SP2, write(report, None)) == ""


# -- what is read --------------------------------------------------------------------------------------------


def read(begin: str, text: str) -> str:
    """What a message with that body reads like, without its header."""
    message = canonical(body(f"8={begin}|9=99|35={text}10=000|"))
    assert message.startswith("8=FIX.4.4\x019=99\x01")
    assert "\x0110=000\x01" in message
    return bars(message.removeprefix("8=FIX.4.4\x019=99\x0135=").replace("10=000\x01", ""))


def test_a_message_of_4_4_is_itself() -> None:
    text = body("8=FIX.4.4|9=1|35=8|39=5|20=1|10=000|")
    assert canonical(text) is text
    strange = body("8=FIX.4.1|9=1|35=8|20=1|10=000|")
    assert canonical(strange) is strange


READ = (
    # begin      sent                                             read
    ("FIX.4.2",  "8|11=X|20=0|150=0|39=0|14=0|",                   "8|11=X|150=0|39=0|14=0|"),
    ("FIX.4.2",  "8|20=0|150=1|39=1|38=9|14=3|32=3|",              "8|150=F|39=1|38=9|14=3|32=3|"),
    ("FIX.4.2",  "8|20=0|150=2|39=2|38=9|14=9|32=3|",              "8|150=F|39=2|38=9|14=9|32=3|"),
    ("FIX.4.2",  "8|20=0|150=2|39=6|38=9|14=9|32=3|",              "8|150=F|39=6|38=9|14=9|32=3|"),
    ("FIX.4.2",  "8|20=1|19=E0|150=1|39=1|38=9|14=3|32=0|",        "8|19=E0|150=H|39=1|38=9|14=3|32=0|"),
    ("FIX.4.2",  "8|20=2|19=E0|150=2|39=2|38=9|14=9|32=4|",        "8|19=E0|150=G|39=2|38=9|14=9|32=4|"),
    ("FIX.4.2",  "8|20=3|150=1|39=1|38=9|14=3|32=3|",              "8|150=I|39=1|38=9|14=3|32=3|"),
    ("FIX.4.2",  "8|20=3|150=8|39=8|14=0|",                        "8|150=I|39=8|14=0|"),
    ("FIX.4.2",  "8|20=0|150=5|39=5|38=9|14=0|",                   "8|150=5|39=0|38=9|14=0|"),
    ("FIX.4.2",  "8|20=0|150=5|39=5|38=9|14=3.5|",                 "8|150=5|39=1|38=9|14=3.5|"),
    ("FIX.4.2",  "8|20=0|150=5|39=5|38=9|14=9|",                   "8|150=5|39=2|38=9|14=9|"),
    ("FIX.4.2",  "8|20=0|150=5|39=5|14=9|151=0|",                  "8|150=5|39=2|14=9|151=0|"),
    ("FIX.4.2",  "8|20=0|150=5|39=5|14=nonsense|",                 "8|150=5|39=0|14=nonsense|"),
    ("FIX.4.2",  "8|20=0|150=1|39=7|14=0|32=5|31=2|",              "8|150=7|39=7|14=0|32=5|31=2|"),
    ("FIX.4.2",  "8|20=0|150=1|39=7|14=5|32=5|31=2|",              "8|150=F|39=7|14=5|32=5|31=2|"),
    ("FIX.4.2",  "8|20=0|150=7|39=7|14=0|32=5|",                   "8|150=7|39=7|14=0|32=5|"),
    ("FIX.4.2",  "8|20=0|150=D|39=0|378=5|14=0|",                  "8|150=D|39=0|378=5|14=0|"),
    ("FIX.4.2",  "8|20=0|150=0|39=0|14=0|40=5|38=9|",              "8|150=0|39=0|14=0|40=1|38=9|59=7|"),
    ("FIX.4.2",  "8|150=4|39=4|14=0|",                             "8|150=4|39=4|14=0|"),
    ("FIX.4.2",  "9|11=X|39=5|102=2|434=1|",                       "9|11=X|39=0|102=2|434=1|"),
    ("FIX.4.2",  "D|11=X|21=1|40=2|59=0|44=5|",                    "D|11=X|21=1|40=2|59=0|44=5|"),
    ("FIX.4.2",  "D|11=X|21=1|40=5|38=9|",                         "D|11=X|21=1|40=1|38=9|59=7|"),
    ("FIX.4.2",  "D|11=X|40=A|38=9|59=0|",                         "D|11=X|40=1|38=9|59=7|"),
    ("FIX.4.2",  "G|11=X|40=B|44=5|59=0|",                         "G|11=X|40=2|44=5|59=7|"),
    ("FIX.4.2",  "D|59=0|40=B|11=X|44=5|",                         "D|59=7|40=2|11=X|44=5|"),
    ("FIX.4.2",  "F|11=X|41=W|55=IBM|",                            "F|11=X|41=W|55=IBM|"),
    ("FIX.4.2",  "H|11=X|55=IBM|54=1|",                            "H|11=X|55=IBM|54=1|"),
    ("FIX.4.2",  "3|45=7|371=40|372=D|373=5|58=no|",               "3|45=7|371=40|372=D|373=5|58=no|"),
    ("FIX.4.2",  "j|45=7|372=D|379=X|380=3|",                      "j|45=7|372=D|379=X|380=3|"),
    ("FIX.4.2",  "W|55=IBM|268=2|269=0|270=1|269=2|270=3|",        "W|55=IBM|268=2|269=0|270=1|269=2|270=3|"),
    ("FIXT.1.1", "8|11=X|150=F|39=1|14=3|32=3|",                   "8|11=X|150=F|39=1|14=3|32=3|"),
    ("FIXT.1.1", "8|11=X|150=L|39=0|14=0|636=Y|",                  "8|11=X|150=L|39=0|14=0|636=Y|"),
    ("FIXT.1.1", "8|150=8|39=8|103=18|14=0|",                      "8|150=8|39=8|103=99|14=0|"),
    ("FIXT.1.1", "8|150=8|39=8|103=13|14=0|",                      "8|150=8|39=8|103=13|14=0|"),
    ("FIXT.1.1", "8|150=4|39=4|378=11|14=0|",                      "8|150=4|39=4|378=99|14=0|"),
    ("FIXT.1.1", "8|150=5|39=5|38=9|14=3|",                        "8|150=5|39=1|38=9|14=3|"),
    ("FIXT.1.1", "9|11=X|39=0|102=8|434=1|",                       "9|11=X|39=0|102=99|434=1|"),
    ("FIXT.1.1", "D|11=X|40=5|38=9|",                              "D|11=X|40=1|38=9|59=7|"),
    ("FIXT.1.1", "q|11=X|530=7|",                                  "q|11=X|530=7|"),
    # what 5.0 SP2 says of an order in other words; what 4.4 has no words for stays, and is refused
    ("FIXT.1.1", "D|11=X|40=2|1138=50|",                           "D|11=X|40=2|111=50|"),
    ("FIXT.1.1", "G|11=X|40=2|1138=50|",                           "G|11=X|40=2|111=50|"),
    ("FIXT.1.1", "D|11=X|111=40|1138=50|",                         "D|11=X|111=40|1138=50|"),
    ("FIXT.1.1", "D|40=P|211=2|1094=8|",                           "D|40=P|211=2|18=a|"),
    ("FIXT.1.1", "D|40=P|18=1 a|211=2|1094=8|",                    "D|40=P|18=1 a|211=2|"),
    ("FIXT.1.1", "D|40=P|18=1|1094=5|",                            "D|40=P|18=1 R|"),
    ("FIXT.1.1", "D|40=P|1094=10|",                                "D|40=P|1094=10|"),
    ("FIXT.1.1", "D|40=1|54=1|1100=4|1101=1|1102=9|1109=U|",       "D|40=3|54=1|99=9|"),
    ("FIXT.1.1", "D|40=1|54=2|1100=4|1102=9|1107=2|",              "D|40=3|54=2|99=9|"),
    ("FIXT.1.1", "D|40=2|54=2|44=8|1100=4|1101=1|1102=9|1109=D|",  "D|40=4|54=2|44=8|99=9|"),
    ("FIXT.1.1", "D|40=1|54=1|1100=4|1101=1|1102=9|1109=D|",       "D|40=J|54=1|99=9|"),
    ("FIXT.1.1", "D|40=2|54=1|44=8|1100=4|1101=1|1102=9|1109=D|",  "D|40=2|54=1|44=8|1100=4|1101=1|1102=9|1109=D|"),
    ("FIXT.1.1", "D|40=1|54=1|1100=3|1101=1|1102=9|",              "D|40=1|54=1|1100=3|1101=1|1102=9|"),
    ("FIXT.1.1", "D|40=1|54=1|1100=4|1101=2|1102=9|",              "D|40=1|54=1|1100=4|1101=2|1102=9|"),
    ("FIXT.1.1", "D|40=1|54=1|1100=4|1102=9|1107=1|",              "D|40=1|54=1|1100=4|1102=9|1107=1|"),
    ("FIXT.1.1", "D|40=3|54=1|99=9|1100=4|1102=9|",                "D|40=3|54=1|99=9|1100=4|1102=9|"),
)  # fmt: skip


@pytest.mark.parametrize(("begin", "sent", "expected"), READ)
def test_what_a_message_reads_like(begin: str, sent: str, expected: str) -> None:
    assert read(begin, sent) == expected


def test_a_message_of_another_version_than_its_session_is_malformed() -> None:
    message = body("8=FIXT.1.1|9=99|35=D|34=2|49=A|52=x|56=B|1128={}|11=X|10=000|")
    assert canonical(message.format("9")) == message.format("9").replace("FIXT.1.1", FIX44)
    for other in ("4", "", "99"):
        with pytest.raises(Malformed) as caught:
            canonical(message.format(other))
        assert (caught.value.kind, caught.value.tag) == (Malformed.BAD_VALUE, "1128")


def test_the_orders_of_a_list_are_read_one_by_one() -> None:
    orders = "11=A|67=1|40=5|38=9|11=B|67=2|40=2|59=0|11=C|67=3|40=B|59=1|44=5|"
    assert read("FIX.4.2", f"E|66=L|73=3|{orders}") == (
        "E|66=L|73=3|11=A|67=1|40=1|38=9|59=7|11=B|67=2|40=2|59=0|11=C|67=3|40=2|59=7|44=5|"
    )


# -- there and back ------------------------------------------------------------------------------------------

KEPT = [
    "35",
    "11",
    "41",
    "37",
    "17",
    "19",
    "38",
    "39",
    "40",
    "44",
    "59",
    "99",
    "14",
    "151",
    "6",
    "424",
    "425",
    "60",
]

LOST = {
    (FIX42, "L"): "I",  # 4.2 has no triggered
    (FIX44, "L"): "D",  # nor has 4.4
    (FIX42, "7"): "F",  # a guarantee that is no larger than what was executed before
}


@pytest.mark.parametrize("version", WRITERS)
def test_what_is_written_reads_back(version: str) -> None:
    for (session, ours), texts in written().items():
        if unsayable(version, ours):
            continue
        before = fields(ours)
        after = fields(canonical(framed(version, texts[version]).decode("ascii")))
        assert after["8"] == FIX44
        for tag in KEPT:
            if tag in ("11", "41") and version == FIX42 and session == CLIENT:
                continue  # Matrices D17 and D35 have other ids.
            assert after.get(tag) == before.get(tag), (tag, bars(ours), bars(texts[version]))
        if "150" in before and before["150"] != after["150"]:
            assert after["150"] == LOST[version, before["150"]]


# -- what a venue of 4.2 does not have -----------------------------------------------------------------------

SAID = (
    Terms(),
    Terms(exec_inst="G 1"),
    Terms(exec_inst="Z"),  # cancel if not best: later than 4.2
    Terms(exec_inst="G Z"),
    Terms(exec_inst="K"),  # cancel on a trading halt
    Terms(min_qty=Qty(SCALE)),
    Terms(max_floor=Qty(SCALE)),
    Terms(peg_offset=Px(-SCALE)),
    Terms(expire_date="20270101"),
    Terms(target_strategy="2", participation_rate="0.1"),
    Terms(cash_order_qty=Qty(SCALE)),
)


@pytest.mark.parametrize("terms", SAID, ids=str)
@pytest.mark.parametrize("tif", "01234567")
@pytest.mark.parametrize("ord_type", "1234JP")
def test_a_venue_of_4_2_lacks_exactly_what_its_version_has_no_words_for(
    ord_type: str, tif: str, terms: Terms
) -> None:
    """Asked before it is routed, and not by what the venue makes of a message without OrdType."""
    desk = Desk(structs.replace(VENUE_42, venue="SIM"))
    if ord_type in "34J":
        terms = structs.replace(terms, stop_px=Px(95 * SCALE))
    ask = Ask(
        "ALPHA", "N", "BLOCK", "IBM", "1", Qty(SCALE), ord_type, Px(90 * SCALE if ord_type in "24" else 0),
        tif, None, terms if terms != Terms() else None,
    )  # fmt: skip
    price = f"44=90{SOH}" if ord_type in "24" else ""
    text = f"35=D{SOH}11=x{SOH}55=IBM{SOH}54=1{SOH}38=1{SOH}40={ord_type}{SOH}{price}59={tif}{SOH}"
    lacks = venue_lacks(desk.state, "SIM", ask)
    assert (lacks is not None) == bool(unsayable(FIX42, text + terms_text(terms))), (lacks, text)


BEYOND = (
    ({"ord_types": ("1", "J")}, "ord_types: FIX 4.2 has no words for J"),
    ({"times_in_force": ("0", "8")}, "times_in_force: FIX 4.2 has no words for 8"),
    ({"terms": ("stop_px", "target_strategy")}, "terms: FIX 4.2 has no words for target_strategy"),
    ({"exec_insts": ("G", "Z")}, "exec_insts: FIX 4.2 has no words for Z"),
)


@pytest.mark.parametrize(("declared", "says"), BEYOND)
def test_what_a_venue_of_4_2_declares_beyond_its_version_is_named(
    declared: dict[str, tuple[str, ...]], says: str
) -> None:
    with pytest.raises(ValueError, match=f"^{says}$"):
        within_42(structs.replace(VENUE_42, **declared))


def test_a_venue_of_4_2_declares_less_than_its_version_has() -> None:
    venue = within_42(VenueDefined(1, "V", ("1", "2"), ("0", "7"), ("exec_inst",), exec_insts=("G",)))
    assert (venue.ord_types, venue.exec_insts, venue.at_close) == (("1", "2"), ("G",), ("1", "2"))
    assert within_42(VenueDefined(1, "V", ("2",), ("0",), ())).exec_insts == VENUE_42.exec_insts
