"""Multileg orders as text: legs are read out of their group and written into one, in 4.4 and in 5.0 SP2."""

from typing import Any

import pytest
import quickfix

from oms.core import commands as cmd
from oms.core.types import Leg, Px, Qty, Terms, parse_scaled
from oms.fix.decode import Malformed, from_client, from_venue
from oms.fix.dialect import FIX42, FIX44, FIX50SP2, WRITERS, canonical, unsayable
from oms.fix.sessions import fill
from oms.fix.wire import group
from tests.support.dictionaries import dictionary, faults, refused

HEADER = "8={begin}|9=000|35={type}|34=7|49=CLIENT1|52=20261122-12:00:00.000|56=OMS|"

LEGS = "555=2|600=IBM|623=10|624=1|564=O|654=first|566=90|600=GE|623=20|624=2|"
ORDER = f"11=A1|1=ACC|55=[N/A]|54=B|38=5|40=2|44=-100|59=0|60=20261122-12:00:00|563=1|{LEGS}"
REPLACE = f"11=A2|41=A1|55=[N/A]|54=B|38=6|40=2|44=0|60=20261122-12:00:00|{LEGS}"
REPORT = (
    "37=V1|11=e-1-1-1|17=X1|150=F|39=1|55=[N/A]|54=B|38=5|32=1|31=-99.5|151=4|14=1|6=-99.5|"
    "60=20261122-12:00:00|"
)

IBM = Leg("IBM", "1", Qty(parse_scaled("10")), "first", "O", Px(parse_scaled("90")))
GE = Leg("GE", "2", Qty(parse_scaled("20")), "2")

BOTH = ((FIX44, "FIX.4.4"), (FIX50SP2, "FIXT.1.1"))


def n(number: str) -> int:
    return parse_scaled(number)


def message(msg_type: str, body: str, begin: str = "FIX.4.4") -> str:
    return f"{HEADER.format(begin=begin, type=msg_type)}{body}10=000|".replace("|", "\x01")


# -- reading -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("begin", ["FIX.4.4", "FIXT.1.1"])
def test_an_order_with_its_legs(begin: str) -> None:
    assert from_client("C", canonical(message("AB", ORDER, begin))) == cmd.NewOrder(
        "C", "A1", "ACC", "[N/A]", "B", Qty(n("5")), "2", Px(n("-100")), "0", False,
        Terms(legs=(IBM, GE), multi_leg_rpt_type_req="1"),
    )  # fmt: skip


def test_a_leg_ends_where_the_next_begins_and_the_message_goes_on_behind_the_last() -> None:
    found = from_client("C", message("AB", f"{LEGS}{ORDER.replace(LEGS, '')}"))
    assert isinstance(found, cmd.NewOrder)
    assert found.terms == Terms(legs=(IBM, GE), multi_leg_rpt_type_req="1")
    assert (found.symbol, found.order_qty) == ("[N/A]", n("5"))


def test_groups_within_a_leg_are_passed_over() -> None:
    legs = LEGS.replace("624=1|", "624=1|604=1|605=ALT|606=4|").replace(
        "654=first|", "539=1|524=P|654=first|"
    )
    found = from_client("C", message("AB", ORDER.replace(LEGS, legs)))
    assert isinstance(found, cmd.NewOrder)
    assert found.terms is not None
    assert found.terms.legs == (IBM, GE)


def test_the_terms_of_any_order_stand_beside_the_legs() -> None:
    found = from_client("C", message("AB", ORDER.replace("59=0|", "59=6|432=20270101|110=2|")))
    assert isinstance(found, cmd.NewOrder)
    assert found.terms is not None
    assert (found.terms.expire_date, found.terms.min_qty, len(found.terms.legs)) == ("20270101", n("2"), 2)


def test_a_replace_with_legs_and_one_that_leaves_them() -> None:
    terms = Terms(legs=(IBM, GE))
    wanted = cmd.ReplaceOrder("C", "A2", "A1", "[N/A]", "B", Qty(n("6")), "2", Px(0), terms, True)
    assert from_client("C", message("AC", REPLACE)) == wanted
    without = from_client("C", canonical(message("AC", REPLACE.replace(LEGS, ""), "FIXT.1.1")))
    assert without == cmd.ReplaceOrder("C", "A2", "A1", "[N/A]", "B", Qty(n("6")), "2", Px(0), Terms(), True)


@pytest.mark.parametrize(
    ("change", "kind", "tag"),
    [
        ((LEGS, ""), Malformed.CONDITIONALLY_MISSING, "555"),
        ((LEGS, "555=0|"), Malformed.CONDITIONALLY_MISSING, "555"),
        (("600=GE|", "600=|"), Malformed.CONDITIONALLY_MISSING, "600"),
        (("624=2|", ""), Malformed.CONDITIONALLY_MISSING, "624"),
        (("623=20|", ""), Malformed.CONDITIONALLY_MISSING, "623"),
        (("623=20|", "623=0|"), Malformed.BAD_VALUE, "623"),
        (("623=20|", "623=x|"), Malformed.BAD_VALUE, "623"),
        (("566=90|", "566=dear|"), Malformed.BAD_VALUE, "566"),
        (("624=2|", "624=2|690=1|"), Malformed.BAD_VALUE, "690"),
        (("44=-100|", ""), Malformed.CONDITIONALLY_MISSING, "44"),
        (("44=-100|", "44=1e2|"), Malformed.BAD_VALUE, "44"),
        (("1=ACC|", ""), Malformed.CONDITIONALLY_MISSING, "1"),
        (("38=5|", ""), Malformed.CONDITIONALLY_MISSING, "38"),
    ],
)
def test_what_an_order_with_legs_needs(change: tuple[str, str], kind: str, tag: str) -> None:
    with pytest.raises(Malformed) as caught:
        from_client("C", message("AB", ORDER.replace(*change)))
    assert (caught.value.kind, caught.value.tag) == (kind, tag)


def test_a_market_order_has_no_price() -> None:
    found = from_client("C", message("AB", ORDER.replace("40=2|44=-100|", "40=1|")))
    assert isinstance(found, cmd.NewOrder)
    assert (found.ord_type, found.price) == ("1", 0)


def report(body: str = REPORT, **more: Any) -> cmd.VenueReport:
    found = from_venue("SIM", message("8", body))
    assert isinstance(found, cmd.VenueReport)
    return found


def test_a_report_of_the_combination() -> None:
    found = report(f"{REPORT}442=3|")
    assert (found.multi_leg_reporting_type, found.legs, found.last_px) == ("3", (), n("-99.5"))
    assert report(f"{REPORT}442=1|") == report()


def test_a_report_of_the_combination_with_a_price_for_each_leg() -> None:
    found = report(f"{REPORT}442=3|555=3|600=IBM|637=90|600=GE|654=2|637=49.5|1418=20|600=KO|")
    assert found.legs == (
        cmd.LegExecution("", "IBM", Px(n("90"))),
        cmd.LegExecution("2", "GE", Px(n("49.5")), Qty(n("20"))),
    )


@pytest.mark.parametrize(
    ("group_of_it", "ref", "symbol"),
    [
        ("", "", ""),
        ("555=1|600=IBM|654=first|", "first", "IBM"),
        ("555=1|600=IBM|", "", "IBM"),
        ("555=2|600=IBM|654=first|600=GE|654=2|", "", ""),  # what the combination is, not which leg
    ],
)
def test_a_report_of_a_leg(group_of_it: str, ref: str, symbol: str) -> None:
    body = REPORT.replace("55=[N/A]|54=B|", "55=IBM|54=1|")
    found = from_venue("SIM", message("8", f"{body}442=2|{group_of_it}"))
    assert found == cmd.VenueLegReport(report(body), ref, symbol)


def test_the_close_is_a_time_in_force_of_orders_with_legs_too() -> None:
    closing = canonical(message("AB", ORDER.replace("40=2|", "40=B|"), "FIXT.1.1"))
    found = from_client("C", closing)
    assert isinstance(found, cmd.NewOrder)
    assert (found.ord_type, found.time_in_force) == ("2", "7")


# -- writing -------------------------------------------------------------------------------------------------

TO_VENUE = (
    "35=AB|11=e-1-1-1|1=ACC|21=1|55=[N/A]|167=MLEG|54=B|60=20261122-12:00:00.000|38=5|40=2|44=0|59=0|563=1|"
    "555=3|600=IBM|623=10|624=1|654=first|566=90|600=GE|623=20|624=2|564=O|654=2|600=KO|623=0.5|624=1|654=3|"
)
OF_A_LEG = (
    "35=8|442=2|37=e-1|11=A1|17=e-1-1-L1X1|150=F|39=1|1=ACC|55=IBM|54=1|38=50|40=2|59=0|151=40|14=10|6=90|"
    "60=20261122-12:00:00.000|32=10|31=90|555=1|600=IBM|654=first|"
)


def through_quickfix(version: str, text: str) -> str:
    """A text as the session sends it: MsgType and body."""
    found = quickfix.Message()
    fill(found, WRITERS[version](text.replace("|", "\x01"), None))
    sent = found.toString()
    return sent[sent.index("35=") : sent.rindex("10=")].replace("\x01", "|")


@pytest.mark.parametrize("version", [FIX44, FIX50SP2])
@pytest.mark.parametrize("text", [TO_VENUE, TO_VENUE.replace("35=AB|", "35=AC|41=e-1|"), OF_A_LEG])
def test_legs_stay_together_in_the_order_of_the_dictionary(version: str, text: str) -> None:
    sent = through_quickfix(version, text)
    as_sent = sent.replace("|", "\x01")
    assert faults(version, as_sent) == []
    assert refused(version, as_sent) == ""
    known = dictionary(version).groups(text[3 : text.index("|")])["555"]
    for entry in group(as_sent, "555", frozenset(known)):
        places = [known.index(tag) for tag in entry]
        assert places == sorted(places), sent
    # The other tags are where they would be without.
    body = sent.split("555=")[0]
    assert [int(field.split("=")[0]) for field in body.split("|")[1:-1]] == sorted(
        int(field.split("=")[0]) for field in body.split("|")[1:-1]
    )


def test_5_0_sp2_has_the_price_of_a_leg_with_the_leg() -> None:
    sent = through_quickfix(FIX50SP2, TO_VENUE)
    assert "600=IBM|623=10|624=1|566=90|654=first|600=GE|623=20|624=2|564=O|654=2|" in sent
    sent = through_quickfix(FIX44, TO_VENUE)
    assert "600=IBM|623=10|624=1|654=first|566=90|600=GE|623=20|624=2|564=O|654=2|" in sent


@pytest.mark.parametrize("version", [FIX44, FIX50SP2])
def test_what_a_profile_adds_behind_the_legs_is_none_of_them(version: str) -> None:
    sent = through_quickfix(version, f"{TO_VENUE}100=XNAS|")
    assert sent.count("100=XNAS|") == 1
    assert sent.index("|100=XNAS|") < sent.index("|555=3|")
    assert refused(version, sent.replace("|", "\x01")) == ""


def test_4_2_has_no_words_for_an_order_with_legs() -> None:
    for text in (TO_VENUE, TO_VENUE.replace("35=AB|", "35=AC|")):
        assert unsayable(FIX42, text.replace("|", "\x01")) == [text[:5]]
        for version in (FIX44, FIX50SP2):
            assert unsayable(version, text.replace("|", "\x01")) == []


@pytest.mark.parametrize("msg_type", ["AB", "AC"])
def test_5_0_sp2_has_every_tag_of_an_order_with_legs_and_needs_no_more(msg_type: str) -> None:
    newer, ours = dictionary(FIX50SP2).tags(msg_type), dictionary(FIX44).tags(msg_type)
    assert ours.keys() <= newer.keys()
    assert not {tag for tag, required in newer.items() if required and not ours.get(tag)}
    assert msg_type not in dictionary(FIX42)
