"""Lists of orders on the wire: NewOrderList(E) and its family read, ListStatus(N) written, in three versions."""

import re

import msgspec
import pytest

from oms.core import commands as cmd
from oms.core import events as ev
from oms.core.types import ListMember, Px, Qty, parse_scaled
from oms.fix.decode import Malformed, from_client
from oms.fix.dialect import FIX42, FIX44, FIX50SP2, VERSIONS, WRITERS, canonical
from oms.fix.profile import check_tags, rewritten
from oms.kernel import read_message
from tests.core.desk import ALPHA, Desk, member
from tests.core.test_lists import Told
from tests.support.dictionaries import BEGIN_STRINGS, faults, refused

TIME = "60=20261122-12:00:00"


def text(version: str, body: str) -> str:
    """A message as the session hands it over: its type and body, with bars."""
    kind, _, rest = body.partition("|")
    head = f"8={BEGIN_STRINGS[version]}|9=0|35={kind}|34=7|49=CLIENT1|52=20261122-12:00:00.000|56=OMS|"
    return f"{head}{rest}|10=000|".replace("|", "\x01")


def read(body: str, version: str = FIX44) -> cmd.Command | None:
    return read_message("CLIENT1", text(version, body), frozenset())


def qty(number: str) -> Qty:
    return Qty(parse_scaled(number))


A = ListMember(1, "A", "ACC", "IBM", "1", qty("300"), "2", Px(parse_scaled("100.25")), "0")
B = ListMember(2, "B", "ACC", "VOD", "2", qty("5"), "1", Px(0), "3")
AS_TEXT = (
    f"11=A|67=1|1=ACC|55=IBM|54=1|{TIME}|38=300|40=2|44=100.25|59=0",
    f"11=B|67=2|1=ACC|55=VOD|54=2|{TIME}|38=5|40=1|59=3",
)
BOTH = "|".join(AS_TEXT)

# -- reading -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", VERSIONS)
def test_a_list_in_every_version(version: str) -> None:
    """Fields of the list stand before its orders and behind them: QuickFIX sorts by tag."""
    assert read(f"E|66=L|68=2|73=2|{BOTH}|394=3|433=1", version) == cmd.NewList(
        "CLIENT1", "L", "3", "1", 2, (A, B)
    )


def test_a_fragment_that_may_be_a_repetition() -> None:
    found = read(f"E|97=Y|66=L|68=9|73=1|{AS_TEXT[0]}|394=1|433=2|893=N")
    assert found == cmd.NewList("CLIENT1", "L", "1", "2", 9, (A,), "N", True)


def test_an_order_of_a_list_is_read_as_a_single_one_with_all_its_terms() -> None:
    order = (
        f"11=A|1=ACC|18=G|110=100|111=200|55=IBM|54=1|{TIME}|38=300|40=4|44=100.25|99=99|59=6|432=20261201|"
        "211=-0.05|847=1|848=x|849=0.1"
    )
    single = from_client("CLIENT1", text(FIX44, f"D|{order}"))
    assert isinstance(single, cmd.NewOrder) and single.terms is not None
    found = read(f"E|66=L|68=1|73=1|{order.replace('11=A', '11=A|67=1')}|394=3")
    assert isinstance(found, cmd.NewList)
    assert found.list_exec_inst_type == ""
    assert found.members == (
        ListMember(1, "A", "ACC", "IBM", "1", qty("300"), "4", single.price, "6", single.terms),
    )


def test_groups_within_an_order_are_passed_over() -> None:
    nested = AS_TEXT[0].replace("|55=", "|78=2|79=X|80=100|79=Y|80=200|386=1|336=1|55=")
    found = read(f"E|66=L|68=2|73=2|{nested}|{AS_TEXT[1]}|394=3|433=1")
    assert isinstance(found, cmd.NewList) and found.members == (A, B)


def test_orders_for_the_close_of_4_2_each_for_itself() -> None:
    orders = "11=A|67=1|1=ACC|55=IBM|54=1|38=1|40=B|44=5|59=0|11=B|67=2|1=ACC|55=IBM|54=1|38=1|40=5|11=C|67=3|1=ACC|55=IBM|54=1|38=1|40=1|59=0"
    found = read(f"E|66=L|68=3|73=3|{orders}|394=3|433=1", FIX42)
    assert isinstance(found, cmd.NewList)
    assert [(m.ord_type, m.time_in_force) for m in found.members] == [("2", "7"), ("1", "7"), ("1", "0")]


@pytest.mark.parametrize("version", VERSIONS)
def test_requests_about_a_list(version: str) -> None:
    assert read(f"L|66=L|{TIME}", version) == cmd.ExecuteList("CLIENT1", "L")
    assert read(f"K|66=L|{TIME}", version) == cmd.CancelList("CLIENT1", "L")
    assert read("M|66=L", version) == cmd.RequestListStatus("CLIENT1", "L")


WHOLE = f"E|66=L|68=2|73=2|{BOTH}|394=3|433=1"

MALFORMED = (
    # what is wrong                     from              to                 kind                               tag
    ("fewer orders than said",          "|73=2",          "|73=3",           Malformed.BAD_VALUE,               "73"),
    ("no count of orders",              "|73=2",          "",                Malformed.MISSING,                 "73"),
    ("a total that is no number",       "|68=2",          "|68=x",           Malformed.BAD_VALUE,               "68"),
    ("a total beyond all numbers",      "|68=2",          "|68=" + "9" * 5000, Malformed.BAD_VALUE,             "68"),
    ("a number that is none",           "|67=2",          "|67=-1",          Malformed.BAD_VALUE,               "67"),
    ("an order without its number",     "|67=2",          "",                Malformed.MISSING,                 "67"),
    ("an order without a type",         "|40=1",          "",                Malformed.CONDITIONALLY_MISSING,   "40"),
    ("a limit order without its limit", "|44=100.25",     "",                Malformed.CONDITIONALLY_MISSING,   "44"),
    ("an order without an account",     "|1=ACC|55=VOD",  "|55=VOD",         Malformed.CONDITIONALLY_MISSING,   "1"),
    ("an order without a quantity",     "|38=5",          "",                Malformed.CONDITIONALLY_MISSING,   "38"),
    ("an order without an id",          "|11=B",          "|11=",            Malformed.MISSING,                 "11"),
    ("no ListID",                       "|66=L",          "",                Malformed.MISSING,                 "66"),
    ("no BidType",                      "|394=3",         "",                Malformed.MISSING,                 "394"),
)  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "kind", "tag"), [r[1:] for r in MALFORMED], ids=[r[0] for r in MALFORMED]
)
def test_a_list_that_breaks_a_rule_of_fix(old: str, new: str, kind: str, tag: str) -> None:
    assert WHOLE.count(old) == 1
    with pytest.raises(Malformed) as found:
        read(WHOLE.replace(old, new))
    assert (found.value.kind, found.value.tag) == (kind, tag)


@pytest.mark.parametrize("kind", ["K", "L", "M"])
def test_a_request_without_a_list(kind: str) -> None:
    with pytest.raises(Malformed) as found:
        read(f"{kind}|{TIME}")
    assert found.value.tag == "66"


UNSUPPORTED = (
    # said                 what of it is not done here
    ("1385=1",             "tag 1385"),
    ("765=5",              "tag 765"),
    ("766=5|767=USD",      "tag 766"),
    ("414=2|415=5",        "ProgRptReqs 2: ListStatus comes when it is asked for"),
    ("414=2|415=0",        ""),
    ("414=1",              ""),
    ("414=3",              ""),
    ("69=work it gently",  ""),
)  # fmt: skip


@pytest.mark.parametrize(("more", "expected"), UNSUPPORTED, ids=[row[0] for row in UNSUPPORTED])
def test_what_a_list_asks_for_beside_its_orders(more: str, expected: str) -> None:
    found = read(f"{WHOLE}|{more}")
    assert isinstance(found, cmd.NewList) and found.unsupported == expected


# -- profiles ------------------------------------------------------------------------------------------------

PROFILE = ev.ProfileDefined(0, "CLIENT1", True, "status", "pass")


def test_each_order_of_a_list_has_what_the_profile_requires() -> None:
    required = msgspec.structs.replace(PROFILE, required=("59",))
    check_tags(required, text(FIX44, WHOLE))
    with pytest.raises(Malformed) as found:
        check_tags(required, text(FIX44, WHOLE.replace("|59=3", "")))
    assert (found.value.kind, found.value.tag) == (Malformed.CONDITIONALLY_MISSING, "59")


def test_no_order_of_a_list_has_what_the_profile_forbids() -> None:
    forbidden = msgspec.structs.replace(PROFILE, forbidden=("47",))
    check_tags(forbidden, text(FIX44, WHOLE))
    with pytest.raises(Malformed) as found:
        check_tags(forbidden, text(FIX44, WHOLE.replace("|67=1", "|67=1|47=A")))
    assert found.value.tag == "47"


def test_a_list_status_is_rewritten_where_it_stands() -> None:
    """Its orders end the text: nothing is added to the last of them."""
    profile = msgspec.structs.replace(
        PROFILE, rewrite=(("444", ""), ("66", "X"), ("2376", "24"), ("58", "no"))
    )
    before = "35=N|66=L|444=why|73=2|11=A|39=8|58=one|11=B|39=0|"
    after = "35=N|66=X|73=2|11=A|39=8|58=no|11=B|39=0|"
    assert rewritten(profile, before.replace("|", "\x01")) == after.replace("|", "\x01")


# -- writing -------------------------------------------------------------------------------------------------


def said(desk: Told) -> list[str]:
    """Every ListStatus of a life, as the encoder writes it."""
    return [message.replace("|", "\x01") for message in desk.messages if message.startswith("35=N")]


@pytest.fixture(scope="module")
def statuses() -> list[str]:
    """Lists that wait, are executed, canceled, refused, unknown, and one of more than one message."""
    desk = Told()
    desk.new_list("L", member(1, "A"), member(2, "B", "0.5"), member(3, "C"), member(4, "D"), kind="2")
    desk.execute_list("L")
    desk.ack("A")
    desk.fill("A", "x1", "33.5", "9.12345678")
    desk.rejected("C", "the venue's words: 1=2")
    desk.cancel("X", "D")
    desk.ask_list("L")
    desk.cancel_list("L")
    desk.canceled("X")
    desk.report("A", "4", "4")
    desk.new_list("L", member(1, "A"), member(2, "Y"))
    desk.new_list("M", member(1, "E"), kind="4")
    desk.new_list("N", *(member(n, f"N{n}") for n in (*range(1, 103), 7)))
    desk.ask_list("no such list")
    return said(desk)


@pytest.mark.parametrize("version", VERSIONS)
def test_every_list_status_is_one_that_the_version_s_dictionary_accepts(
    statuses: list[str], version: str
) -> None:
    assert len(statuses) == 10
    for status in statuses:
        written = WRITERS[version](status, None)
        assert faults(version, written) == [], written
        assert refused(version, written) == "", written


@pytest.mark.parametrize("version", VERSIONS)
def test_only_5_0_sp2_has_a_code_for_why_a_list_is_refused(statuses: list[str], version: str) -> None:
    written = [WRITERS[version](status, None) for status in statuses]
    codes = [code for text in written for code in re.findall("\x011386=([0-9]+)", text)]
    assert codes == (["6", "11", "99", "99", "5"] if version == FIX50SP2 else [])
    reasons = [reason for text in written for reason in re.findall("\x01103=([0-9]+)", text)]
    assert set(reasons) <= ({"0", "5", "6"} if version == FIX42 else {"5", "6", "11", "13", "99"})


@pytest.mark.parametrize("version", VERSIONS)
def test_an_order_s_fields_stand_in_the_order_of_the_standard(statuses: list[str], version: str) -> None:
    order = ["11", "14", "39", "151", "84", "6", "103", "58"]
    for status in statuses:
        entries = WRITERS[version](status, None).partition("\x0173=")[2].split("\x0111=")[1:]
        for entry in entries:
            tags = re.findall("(?:^|\x01)([0-9]+)=", f"11={entry}")
            assert tags == [tag for tag in order if tag in tags], entry


def test_quantities_of_an_order_in_a_list_add_up(statuses: list[str]) -> None:
    entries = [
        dict(re.findall("([0-9]+)=([^\x01]*)\x01", f"11={entry}\x01"))
        for status in statuses
        for entry in status.split("\x0111=")[1:]
    ]
    assert len(entries) > 100
    for entry in entries:
        numbers = [parse_scaled(entry[tag]) for tag in ("14", "151", "84")]
        assert sum(numbers) == (0 if entry["39"] == "8" else parse_scaled("100")), entry


def test_reports_of_orders_of_no_list_say_nothing_of_one() -> None:
    desk = Told()
    Desk.new(desk, "A")
    desk.ack("A")
    desk.cancel("B", "no")
    assert desk.messages and not any("|66=" in text for text in desk.messages)
    assert desk.state.lists == {} and desk.order("A").session_id == ALPHA


def test_a_message_of_another_version_than_the_list_s_session_is_not_touched() -> None:
    """Reading 4.2 and 5.0 SP2 changes nothing of a list but the orders for the close."""
    for version in (FIX42, FIX50SP2):
        before = text(version, WHOLE)
        assert canonical(before) == before.replace(f"8={BEGIN_STRINGS[version]}", f"8={FIX44}")
