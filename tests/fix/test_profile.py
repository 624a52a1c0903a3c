"""What a counterparty's profile asks of messages: tags that must, or must not, be there, and tags it is sent."""

import msgspec
import pytest

from oms.core import events as ev
from oms.fix.decode import Malformed
from oms.fix.profile import check_tags, rewritten
from oms.fix.wire import SOH, fields
from tests.conformance.in_process import CLIENT, VENUE, InProcess

PLAIN = ev.ProfileDefined(0, CLIENT, True, "status", "pass")


def text(bars: str) -> str:
    return bars.replace("|", SOH)


ORDER = text(
    "8=FIX.4.4|9=0|35=D|34=1|11=A|1=ACC|55=IBM|54=1|38=100|40=2|44=10|47=A|60=20261122-10:00:00|10=0|"
)


@pytest.mark.parametrize(
    ("required", "forbidden", "kind", "tag"),
    [
        (("15",), (), Malformed.CONDITIONALLY_MISSING, "15"),
        (("44", "528"), (), Malformed.CONDITIONALLY_MISSING, "528"),
        ((), ("47",), Malformed.BAD_VALUE, "47"),
    ],
)
def test_an_order_that_breaks_the_profile(
    required: tuple[str, ...], forbidden: tuple[str, ...], kind: str, tag: str
) -> None:
    profile = msgspec.structs.replace(PLAIN, required=required, forbidden=forbidden)
    with pytest.raises(Malformed) as found:
        check_tags(profile, ORDER)
    assert (found.value.kind, found.value.tag) == (kind, tag)


def test_an_order_that_keeps_the_profile_and_messages_that_are_no_orders() -> None:
    profile = msgspec.structs.replace(PLAIN, required=("47", "44"), forbidden=("7", "4"))
    check_tags(profile, ORDER)
    check_tags(msgspec.structs.replace(PLAIN, required=("15",)), ORDER.replace(f"{SOH}35=D", f"{SOH}35=F"))


@pytest.mark.parametrize(
    ("rewrite", "before", "after"),
    [
        ((("21", "3"),), "35=D|11=A|21=1|", "35=D|11=A|21=3|"),
        ((("1", ""),), "35=D|11=A|1=ACC|21=1|", "35=D|11=A|21=1|"),
        ((("15", "USD"),), "35=D|11=A|", "35=D|11=A|15=USD|"),
        ((("5", "x"),), "35=D|55=IBM|", "35=D|55=IBM|5=x|"),
    ],
)
def test_what_is_sent_is_rewritten(rewrite: tuple[tuple[str, str], ...], before: str, after: str) -> None:
    assert rewritten(msgspec.structs.replace(PLAIN, rewrite=rewrite), text(before)) == text(after)


def test_an_order_on_its_way_through() -> None:
    desk = InProcess()
    desk.kernel.record(msgspec.structs.replace(PLAIN, required=("15",), rewrite=(("58", ""), ("2376", "24"))))
    desk.kernel.record(
        ev.ProfileDefined(0, VENUE, True, "status", "pass", rewrite=(("1", "HOUSE"), ("21", "2")))
    )
    desk.send_client(text("35=D|11=A|1=ACC|55=IBM|54=1|38=100|40=2|44=10|60=20261122-10:00:00|"))
    refused = fields(str(desk.receive_client()))
    assert (refused["35"], refused["371"]) == ("3", "15")
    desk.send_client(text("35=D|11=A|1=ACC|15=USD|55=IBM|54=1|38=100|40=2|44=10|60=20261122-10:00:00|"))
    routed = fields(str(desk.receive_venue()))
    assert (routed["35"], routed["1"], routed["21"]) == ("D", "HOUSE", "2")
    desk.send_venue(text("35=8|11=e-1-1-1|17=x|37=v|150=8|39=8|55=IBM|54=1|151=0|14=0|6=0|58=no|"))
    rejected = fields(str(desk.receive_client()))
    assert (rejected["150"], rejected["2376"], "58" in rejected) == ("8", "24", False)
