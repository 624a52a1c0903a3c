"""Lists of orders: what a client may ask of them, in which order what comes of it, and what is refused.

`told` is what the client is told of a list: ListStatusType(429), ListOrderStatus(431), and OrdStatus(39) of
each of its orders. *Source of the words:* FIX 4.4 volume 4, New Order List, List Status.
"""

import re

import msgspec
import pytest

from oms.core import commands as cmd
from oms.core import events as ev
from oms.core.engine import decide
from oms.core.lists import MOST_ORDERS, MOST_TOLD
from oms.core.state import State
from oms.core.types import Px, Qty
from oms.fix.encode import render
from tests.core.desk import ALPHA, BRAVO, FIRM, LSE, SIM, Desk, account, member, scaled, terms
from tests.core.life import LACKING, PARTS

ACK, RESPONSE, STARTED, DONE, ALERT = "1", "2", "4", "5", "6"


class Told(Desk):
    """A desk that keeps what clients are told."""

    def __init__(self) -> None:
        self.messages: list[str] = []
        super().__init__()

    def _take(self, event: ev.Event) -> None:
        super()._take(event)
        message = render(event, len(self.events), self.state)
        if message is not None and message[0] == ALPHA:
            self.messages.append(message[1].replace("\x01", "|"))

    def told(self) -> list[str]:
        """What was said of lists since this was asked last: "1 3 AA8", type, status, each order's."""
        found = [text for text in self.messages if text.startswith("35=N")]
        self.messages.clear()
        return [in_short(text) for text in found]

    def said(self) -> list[str]:
        """The last ListStatus, entry by entry, without times."""
        text = [text for text in self.messages if text.startswith("35=N")][-1]
        head, *entries = re.sub(r"60=[^|]*\|", "", text).split("11=")
        return [head, *(f"11={entry}" for entry in entries)]


def in_short(text: str) -> str:
    kind, status = (re.findall(rf"\|{tag}=([^|]*)", text)[0] for tag in (429, 431))
    words = re.findall(r"\|444=([^|]*)", text)
    return " ".join([kind, status, "".join(re.findall(r"\|39=([^|]*)", text)), *words])


@pytest.fixture
def desk() -> Told:
    return Told()


@pytest.fixture
def waiting(desk: Told) -> Told:
    """List L of A, B and C, each to buy 100 at 10, waits for the client to execute it."""
    desk.new_list("L", member(1, "A"), member(2, "B"), member(3, "C"), kind="2")
    assert desk.told() == ["1 2 AAA"]
    return desk


@pytest.fixture
def working(waiting: Told) -> Told:
    """It is executed, and the venue has all of it."""
    waiting.execute_list("L")
    for letter in "ABC":
        waiting.ack(letter)
    assert waiting.told() == ["4 3 AAA"]
    return waiting


# -- from a list to orders -----------------------------------------------------------------------------------


def test_a_list_for_at_once_is_acknowledged_before_any_of_it_leaves(desk: Told) -> None:
    assert desk.new_list("L", member(1, "A"), member(2, "B"), kind="1") == [
        "ListReceived L 2",
        "OrderReceived A",
        "OrderReceived B",
        "ListStatusDue L 1",
        "ListStatusReported L 1 3 2",
        "OrderRouted SIM e-1-1-1",
        "ListWorked L 1 0",
        "OrderRouted SIM e-2-1-1",
        "ListWorked L 2 0",
    ]
    assert desk.told() == ["1 3 AA"]


@pytest.mark.parametrize("kind", ["2", ""])
def test_a_list_that_is_not_for_at_once_waits_for_the_word(desk: Told, kind: str) -> None:
    """Where ListExecInstType is not said, nobody said that it may go."""
    assert desk.new_list("L", member(1, "A"), member(2, "B"), kind=kind) == [
        "ListReceived L 2",
        "OrderReceived A",
        "OrderReceived B",
        "ListStatusDue L 1",
        "ListStatusReported L 1 2 2",
    ]
    assert desk.risk() == "held 2000, spent 0, position 0, open 200/0"
    assert desk.execute_list("L") == [
        "ListExecuted L",
        "OrderRouted SIM e-1-1-1",
        "ListWorked L 1 0",
        "OrderRouted SIM e-2-1-1",
        "ListWorked L 2 0",
        "ListStatusDue L 4",
        "ListStatusReported L 4 3 2",
    ]
    assert desk.told() == ["1 2 AA", "4 3 AA"]


def test_its_orders_are_taken_by_their_numbers_not_as_they_came(desk: Told) -> None:
    desk.new_list("L", member(3, "C"), member(1, "A"), member(2, "B"))
    assert [desk.order(letter).order_id for letter in "ABC"] == [1, 2, 3]
    assert re.findall(r"\|11=([^|]*)", desk.messages[0]) == ["A", "B", "C"]


def test_every_control_sees_what_the_orders_before_hold(desk: Told) -> None:
    """BLOCK may spend 100,000 dollars, ACC hold 2,000 of a symbol."""
    desk.new_list(
        "L",
        member(1, "A", "3000", "20"),
        member(2, "B", "3000", "20"),
        member(3, "C", "1500", "20"),
        member(4, "D", "1500", "1", account="ACC"),
        member(5, "E", "1500", "1", account="ACC"),
        member(6, "F", "500", "1", account="ACC"),
    )
    assert [desk.order(letter).reason for letter in "ABCDEF"] == [
        "",
        "buying_power",
        "",
        "",
        "position_limit",
        "",
    ]
    assert desk.told() == ["1 3 A8AA8A"]


def test_an_order_that_is_denied_is_denied_alone_and_the_client_told_twice(desk: Told) -> None:
    desk.new_list("L", member(1, "A"), member(2, "B", "0.5"), member(3, "C"), kind="2")
    denied = [text for text in desk.messages if text.startswith("35=8")]
    assert len(denied) == 1
    assert "|66=L|" in denied[0] and "|11=B|" in denied[0] and "|150=8|39=8|" in denied[0]
    assert desk.said() == [
        "35=N|66=L|429=1|82=1|431=5|83=1|68=3|73=3|",
        "11=A|14=0|39=A|151=100|84=0|6=0|",
        "11=B|14=0|39=8|151=0|84=0|6=0|103=13|58=lot_size|",
        "11=C|14=0|39=A|151=100|84=0|6=0|",
    ]


def test_a_list_of_which_all_is_denied_is_done(desk: Told) -> None:
    desk.new_list("L", member(1, "A", "0.5"), member(2, "B", "0.5"))
    assert desk.told() == ["1 6 88", "5 6 88"]
    desk.execute_list("L")
    assert desk.told() == ["2 6 88 all is done"]


def test_an_id_that_another_order_has_is_denied_and_shown_as_the_list_s(desk: Told) -> None:
    desk.new("A")
    desk.ack("A")
    desk.new_list("L", member(1, "A"), member(2, "B"))
    assert desk.told() == ["1 3 8A"]
    assert desk.now("A") == "new 0 of 100, 100 open, as A"


def test_a_list_for_at_once_is_denied_what_its_venue_cannot_take_now(desk: Told) -> None:
    desk.down(LSE)
    desk.new_list("L", member(1, "A"), member(2, "B", "1", "80", symbol="VOD", account="ACC"))
    assert desk.order("B").reason == "venue_down"
    assert desk.told() == ["1 3 A8"]


def test_a_list_that_waits_may_wait_for_its_venue(desk: Told) -> None:
    desk.down(SIM)
    desk.new_list("L", member(1, "A"), kind="2")
    desk.up(SIM)
    desk.execute_list("L")
    assert desk.told() == ["1 2 A", "4 3 A"]
    assert desk.order("A").routes


def test_what_a_venue_lacks_is_denied_at_once_and_a_stop_is_held_once_it_may_go(desk: Told) -> None:
    desk._take(LACKING)
    stop = {"symbol": "VOD", "account": "ACC"}
    desk.new_list(
        "L",
        member(1, "A", "5", "", ord_type="3", terms=terms(stop="82"), **stop),
        member(2, "B", "5", "80", tif="4", **stop),
        kind="2",
    )
    assert desk.order("B").reason == "venue_lacks"
    desk.price("VOD", "83")
    assert not desk.order("A").routes, "it was triggered before the client executed it"
    assert desk.execute_list("L")[:2] == ["ListExecuted L", "OrderHeld"]
    assert desk.price("VOD", "84")[1:] == ["OrderTriggered", "OrderRouted LSE e-1-1-1"]


# -- fragments -----------------------------------------------------------------------------------------------


def test_fragments_are_collected_until_the_list_is_complete(desk: Told) -> None:
    assert desk.new_list("L", member(2, "B"), total=3) == ["ListReceived L 3"]
    assert desk.new_list("L", member(3, "C"), total=3, last="N") == ["ListReceived L 3"]
    assert not desk.state.orders
    assert desk.new_list("L", member(1, "A"), total=3, last="Y")[1] == "OrderReceived A"
    assert desk.told() == ["1 3 AAA"]


def test_a_list_that_is_not_complete_is_shown_as_far_as_it_has_come(desk: Told) -> None:
    desk.new_list("L", member(1, "A"), member(2, "B"), total=3, kind="2")
    desk.ask_list("L")
    assert desk.told() == ["2 2 AA 2 of 3 orders have come"]
    desk.execute_list("L")
    assert desk.told() == ["2 2 AA the list is not complete"]


def test_lists_of_other_names_and_sessions_may_be_collected_meanwhile(desk: Told) -> None:
    desk.new_list("L", member(1, "A"), total=2)
    desk.new_list("M", member(1, "B"), total=2)
    other = cmd.NewList(BRAVO, "L", "3", "1", 1, (member(1, "A"),))
    assert desk.do(other)[1] == "OrderReceived A"
    desk.new_list("M", member(2, "C"), total=2)
    desk.new_list("L", member(2, "D"), total=2)
    assert desk.told() == ["1 3 AA", "1 3 AA"]


WRONG = (
    # the second fragment                                          why it is refused
    ({"total": 4},                                                 "TotNoOrders 4 was 3 in an earlier fragment"),
    ({"kind": "2"},                                                "ListExecInstType is not that of an earlier"),
    ({"last": "Y"},                                                "the last fragment has come, and 2 of 3 orders"),
    ({"members": ()},                                              "1 of 3 orders have come"),
    ({"members": (member(1, "B"),)},                               "ListSeqNo 1 comes twice"),
    ({"members": (member(4, "B"),)},                               "ListSeqNo 4 comes twice or is not between 1"),
    ({"members": (member(0, "B"),)},                               "ListSeqNo 0 comes twice or is not between 1"),
    ({"members": (member(2, "A"),)},                               "ClOrdID A comes twice"),
    ({"members": tuple(member(n, f"B{n}") for n in (2, 3, 4))},    "4 of 3 orders have come"),
    ({"unsupported": "tag 1385"},                                  "not supported: tag 1385"),
)  # fmt: skip


@pytest.mark.parametrize(("change", "why"), WRONG, ids=[row[1] for row in WRONG])
def test_a_wrong_fragment_refuses_the_whole_list_and_those_that_follow(
    desk: Told, change: dict[str, object], why: str
) -> None:
    desk.new_list("L", member(1, "A"), total=3)
    asked = {"total": 3, "members": (member(2, "B"),), **change}
    members = asked.pop("members")
    desk.new_list("L", *members, **asked)  # type: ignore[misc, arg-type]
    told = desk.told()
    assert len(told) == 1
    assert told[0].startswith("1 7 8") and why in told[0]
    assert not desk.state.orders
    desk.new_list("L", member(3, "C"), total=3)
    refused = desk.state.lists[ALPHA, "L"].refused
    assert desk.told() == [f"1 7 8 ListID L has been used, for a list that was refused: {refused}"]
    for ask in (desk.execute_list, desk.cancel_list, desk.ask_list):
        ask("L")
        assert desk.told()[0].startswith("2 7 8 the list was refused: ")
    assert not desk.state.lists_due


def test_ids_of_a_list_that_was_refused_are_free(desk: Told) -> None:
    desk.new_list("L", member(1, "A"), member(3, "B"))
    assert desk.new_list("M", member(1, "A"), member(2, "B"))[1] == "OrderReceived A"


@pytest.mark.parametrize("total", [0, MOST_ORDERS + 1])
def test_a_list_has_some_orders_and_not_too_many(desk: Told, total: int) -> None:
    list_of = cmd.NewList(ALPHA, "L", "3", "1", total, (member(1, "A"),))
    assert desk.do(list_of) == [f"ListDenied L 99 TotNoOrders {total} is not between 1 and {MOST_ORDERS}"]


KINDS = (
    # asks for               how it is refused
    ({"bid_type": "2"},      "ListDenied L 11 not supported: BidType 2: no bids are made here"),
    ({"kind": "3"},          "ListDenied L 11 not supported: ListExecInstType 3: 1 and 2 are known"),
    ({"kind": "4"},          "ListDenied L 11 not supported: ListExecInstType 4: 1 and 2 are known"),
    ({"kind": "5"},          "ListDenied L 11 not supported: ListExecInstType 5: 1 and 2 are known"),
    ({"unsupported": "x"},   "ListDenied L 11 not supported: x"),
)  # fmt: skip


@pytest.mark.parametrize(("asked", "answer"), KINDS, ids=[row[1] for row in KINDS])
def test_what_is_not_done_here_is_refused_with_the_reason(
    desk: Told, asked: dict[str, str], answer: str
) -> None:
    assert desk.new_list("L", member(1, "A"), **asked) == [answer]  # type: ignore[arg-type]


# -- repetitions ---------------------------------------------------------------------------------------------


def test_a_second_list_of_a_name_is_refused_and_leaves_the_first_alone(waiting: Told) -> None:
    assert waiting.new_list("L", member(1, "A"), member(2, "X")) == [
        "ListRequestDenied L 6 ListID L has been used"
    ]
    # A is an order, and is shown as it stands.
    assert waiting.told() == ["1 7 A8 ListID L has been used"]
    waiting.ask_list("L")
    assert waiting.told() == ["2 2 AAA"]


@pytest.mark.parametrize("how", ["status", "ignore"])
def test_a_repetition_that_says_so_is_answered_as_the_profile_has_it(waiting: Told, how: str) -> None:
    waiting.profile("pass", poss_resend=how)
    waiting.new_list("L", member(1, "A"), member(2, "B"), member(3, "C"), kind="2", poss_resend=True)
    assert waiting.told() == (["2 2 AAA"] if how == "status" else [])


def test_a_fragment_that_says_it_may_be_a_repetition_counts_once(desk: Told) -> None:
    for _ in range(2):
        desk.new_list("L", member(1, "A"), total=2, poss_resend=True)
    desk.new_list("L", member(2, "B"), total=2, poss_resend=True)
    assert desk.told() == ["2 3 A", "1 3 AA"]


# -- unknown lists -------------------------------------------------------------------------------------------


def test_a_list_that_nobody_knows(desk: Told) -> None:
    for ask in (desk.execute_list, desk.cancel_list, desk.ask_list):
        assert ask("N") == ["ListRequestDenied N 5 no list with ListID N"]
    assert desk.said() == [
        "35=N|66=N|429=2|82=1|431=7|1386=5|83=1|444=no list with ListID N|68=1|73=1|",
        "11=NONE|14=0|39=8|151=0|84=0|6=0|103=5|",
    ]


def test_a_list_of_another_session_is_not_known(waiting: Told) -> None:
    assert waiting.do(cmd.CancelList(BRAVO, "L")) == ["ListRequestDenied L 5 no list with ListID L"]


# -- executing -----------------------------------------------------------------------------------------------


def test_a_list_is_executed_once(working: Told) -> None:
    working.execute_list("L")
    assert working.told() == ["2 3 000 the list is executed already"]


def test_what_may_not_go_waits_and_the_client_is_alerted_and_says_so_again(waiting: Told) -> None:
    waiting.halt("all")
    waiting.execute_list("L")
    assert waiting.told() == ["6 5 AAA 3 of 3 orders wait: A: trading_halted: halted by jane (all ): review"]
    assert waiting.risk() == "held 3000, spent 0, position 0, open 300/0"
    waiting.resume("all")
    waiting.execute_list("L")
    assert waiting.told() == ["4 3 AAA"]


def test_a_venue_that_is_down_keeps_only_its_own(desk: Told) -> None:
    desk.new_list("L", member(1, "A"), member(2, "B", "1", "80", symbol="VOD", account="ACC"), kind="2")
    desk.down(LSE)
    desk.execute_list("L")
    assert desk.told() == ["1 2 AA", "6 5 AA 1 of 2 orders wait: B: venue_down: venue LSE is not logged on"]
    assert desk.order("A").routes and not desk.order("B").routes
    desk.up(LSE)
    assert desk.execute_list("L")[:3] == ["ListExecuted L", "OrderRouted LSE e-2-1-1", "ListWorked L 2 0"]


def test_the_controls_are_asked_again_when_the_list_is_executed(waiting: Told) -> None:
    """What an order holds already is its own; a limit that has been lowered, or a collar, may keep it."""
    waiting.replace("B2", "B", "100", "98")
    waiting.price("IBM", "80")
    waiting.told()
    waiting.execute_list("L")
    assert waiting.told()[0].startswith("6 5 AAA 1 of 3 orders wait: B2: price_collar: price 98 is more than")
    waiting.replace("B3", "B2", "100", "80")
    waiting.execute_list("L")
    assert waiting.told() == ["4 3 AAA"]
    assert [len(waiting.order(letter).routes) for letter in "ABC"] == [1, 1, 1]


def test_an_account_at_its_limit_does_not_keep_its_own_list(desk: Told) -> None:
    desk.new_list("L", member(1, "A", "2000", "50", account="BLOCK"), kind="2")
    assert desk.risk() == "held 100000, spent 0, position 0, open 2000/0"
    desk.execute_list("L")
    assert desk.told() == ["1 2 A", "4 3 A"]


def test_an_account_that_lost_the_right_keeps_its_list_waiting(waiting: Told) -> None:
    waiting._take(account("BLOCK", (BRAVO,), (("USD", "100000"),), "5000"))
    waiting.execute_list("L")
    assert waiting.told()[0].startswith("6 5 AAA 3 of 3 orders wait: A: account_not_permitted")


# -- single orders -------------------------------------------------------------------------------------------


def test_an_order_that_waits_is_canceled_and_replaced_here(waiting: Told) -> None:
    assert waiting.cancel("X", "A") == ["CancelRequested X A", "OrderCanceled X"]
    assert waiting.replace("Y", "B", "50", "11") == ["ReplaceRequested Y B 50 11", "OrderReplaced Y"]
    assert waiting.risk() == "held 1550, spent 0, position 0, open 150/0"
    assert waiting.execute_list("L")[1:5] == [
        "OrderRouted SIM e-2-1-1",
        "ListWorked L 2 0",
        "OrderRouted SIM e-3-1-1",
        "ListWorked L 3 0",
    ]
    assert waiting.said()[1:3] == [
        "11=A|14=0|39=4|151=0|84=100|6=0|",
        "11=Y|14=0|39=A|151=50|84=0|6=0|",
    ]


def test_an_order_at_its_venue_is_like_any_other(working: Told) -> None:
    working.replace("Y", "B", "150")
    working.replaced("Y")
    working.cancel("X", "A")
    working.canceled("X")
    working.fill("B", "x1", "150", "9.5")
    assert all("|66=L|" in text for text in working.messages if text[:4] == "35=8")
    working.cancel("Z", "B")
    assert working.messages[-1].startswith("35=9|") and "|66=L|" in working.messages[-1]
    working.ask_list("L")
    assert working.said() == [
        "35=N|66=L|429=2|82=1|431=3|83=1|68=3|73=3|",
        "11=A|14=0|39=4|151=0|84=100|6=0|",
        "11=Y|14=150|39=2|151=0|84=0|6=9.5|",
        "11=C|14=0|39=0|151=100|84=0|6=0|",
    ]


def test_a_mass_cancel_takes_what_waits(waiting: Told) -> None:
    assert waiting.cancel_all("X")[0] == "MassCancelRequested X 3"
    assert waiting.told() == ["5 6 444"]


def test_what_waits_ends_with_the_day(waiting: Told) -> None:
    waiting.end_day()
    assert waiting.told() == ["5 6 CCC"]
    waiting.execute_list("L")
    assert waiting.told() == ["2 6 CCC all is done"]


def test_an_order_that_the_venue_rejects_says_so_in_the_list(working: Told) -> None:
    working.new_list("M", member(1, "X"), member(2, "Y"))
    working.rejected("X", "not today")
    working.ask_list("M")
    assert working.said()[1] == "11=X|14=0|39=8|151=0|84=0|6=0|103=99|58=not today|"


# -- all done ------------------------------------------------------------------------------------------------


def test_when_none_of_its_orders_may_execute_any_more_the_client_is_told_once(working: Told) -> None:
    working.fill("A", "x1", "100")
    working.canceled("B")
    assert working.told() == []
    working.expired("C")
    assert working.told() == ["5 6 24C"]
    working.ask_list("L")
    assert working.told() == ["2 6 24C"]


def test_a_bust_opens_a_list_again_and_it_is_done_again(working: Told) -> None:
    for letter in "ABC":
        working.fill(letter, f"x{letter}", "100")
    assert working.told() == ["5 6 222"]
    working.correct("C", "c1", "xC", "100", "9")
    assert working.told() == []
    working.bust("B", "b1", "xB")
    working.ask_list("L")
    assert working.told() == ["2 3 202"]
    working.fill("B", "x2", "100")
    assert working.told() == ["5 6 222"]


def test_a_replace_may_end_a_list_or_open_it_again(desk: Told) -> None:
    desk.new_list("L", member(1, "A"))
    desk.fill("A", "x1", "40")
    desk.told()
    desk.replace("B", "A", "40")
    desk.replaced("B")
    assert desk.told() == ["5 6 2"]
    desk.replace("C", "B", "50")
    desk.replaced("C")
    desk.fill("C", "x2", "10")
    assert desk.told() == ["5 6 2"]


def test_an_order_that_its_venue_cuts_to_what_has_executed_is_done(desk: Told) -> None:
    desk.new_list("L", member(1, "A"))
    desk.fill("A", "x1", "40")
    desk.told()
    desk.restated("A", "40")
    assert desk.told() == ["5 6 2"]


# -- canceling -----------------------------------------------------------------------------------------------


def test_a_list_that_waits_is_canceled_here(waiting: Told) -> None:
    assert waiting.cancel_list("L") == [
        "ListCanceled L",
        "OrderCanceled",
        "OrderCanceled",
        "OrderCanceled",
        "ListWorked L 3 0",
        "ListStatusDue L 2",
        "ListStatusReported L 2 6 3",
        "ListStatusDue L 5",
        "ListStatusReported L 5 6 3",
    ]
    assert waiting.risk() == "held 0, spent 0, position 0, open 0/0"
    waiting.execute_list("L")
    assert waiting.told() == ["2 6 444", "5 6 444", "2 6 444 the list is canceled"]


def test_a_list_at_its_venue_is_canceled_order_by_order(working: Told) -> None:
    """A has a cancel of the client's on its way; B has filled."""
    working.cancel("X", "A")
    working.fill("B", "x1", "100")
    working.fill("C", "x2", "40")
    assert working.cancel_list("L") == [
        "ListCanceled L",
        "CancelRouted e-3-1-2 e-3-1-1",
        "ListWorked L 3 0",
        "ListStatusDue L 2",
        "ListStatusReported L 2 4 3",
    ]
    working.canceled("X")
    working.fill("C", "x3", "20")
    assert working.told() == ["2 4 621"]
    working.report("C", "4", "4")
    assert working.told() == ["5 6 424"]
    assert working.now("C") == "canceled 60 of 100, 0 open, as C"


def test_a_list_is_canceled_before_it_is_complete(desk: Told) -> None:
    desk.new_list("L", member(1, "A"), total=2)
    assert desk.cancel_list("L") == ["ListDenied L 99 canceled before all of it had come"]
    desk.new_list("L", member(2, "B"), total=2)
    assert desk.told() == [
        "1 7 8 canceled before all of it had come",
        "1 7 8 ListID L has been used, for a list that was refused: canceled before all of it had come",
    ]


def test_what_cannot_be_reached_is_said_and_asked_for_by_the_next_cancel(working: Told) -> None:
    working.down(SIM)
    working.cancel_list("L")
    assert working.told() == ["2 4 000 3 of 3 orders could not be asked for: A: venue SIM is not logged on"]
    working.execute_list("L")
    assert working.told() == ["2 4 000 the list is canceled"]
    working.up(SIM)
    assert working.cancel_list("L")[1] == "CancelRouted e-1-1-2 e-1-1-1"
    assert working.told() == ["2 4 000"]
    assert working.cancel_list("L")[1] == "ListWorked L 3 0"


def step(desk: Desk, times: int) -> None:
    """So many steps of list L, and no more."""
    for _ in range(times):
        desk._carry_out(cmd.WorkList(ALPHA, "L"))


def ask(desk: Desk, command: cmd.Command) -> None:
    """Asked while the list has still to go on."""
    desk._carry_out(command)


def go_on(desk: Desk) -> None:
    """All that is left to do."""
    while desk.state.lists_due:
        step(desk, 1)
    desk.recount.check(desk.state)


THREE = (member(1, "A"), member(2, "B"), member(3, "C"))


def test_a_cancel_while_a_list_is_taken_makes_orders_of_the_rest_and_cancels_them(desk: Told) -> None:
    ask(desk, cmd.NewList(ALPHA, "L", "3", "1", 3, THREE))
    step(desk, 1)
    ask(desk, cmd.CancelList(ALPHA, "L"))
    go_on(desk)
    assert [desk.now(letter) for letter in "ABC"] == [
        f"canceled 0 of 100, 0 open, as {letter}" for letter in "ABC"
    ]
    assert not any(isinstance(event, ev.OrderRouted) for event in desk.events)
    assert desk.told() == ["1 4 A44", "2 6 444", "5 6 444"]


def test_a_cancel_while_a_list_is_sent_keeps_the_rest_here(desk: Told) -> None:
    ask(desk, cmd.NewList(ALPHA, "L", "3", "1", 3, THREE))
    step(desk, 5)
    assert len(desk.order("A").routes) == 1
    ask(desk, cmd.CancelList(ALPHA, "L"))
    go_on(desk)
    assert desk.told() == ["1 3 AAA", "2 4 A44"]
    assert [len(desk.order(letter).routes) for letter in "ABC"] == [1, 0, 0]
    assert desk.canceled("A")[-1] == "ListStatusReported L 5 6 3"


def test_a_list_is_executed_while_it_is_taken(desk: Told) -> None:
    ask(desk, cmd.NewList(ALPHA, "L", "3", "2", 3, THREE))
    step(desk, 1)
    ask(desk, cmd.ExecuteList(ALPHA, "L"))
    go_on(desk)
    assert desk.told() == ["1 3 AAA", "4 3 AAA"]


def test_an_order_that_is_canceled_while_its_list_is_sent_is_passed_over(desk: Told) -> None:
    ask(desk, cmd.NewList(ALPHA, "L", "3", "1", 3, THREE))
    step(desk, 5)
    ask(desk, cmd.CancelOrder(ALPHA, "X", "B", "IBM", "1"))
    go_on(desk)
    assert [len(desk.order(letter).routes) for letter in "ABC"] == [1, 0, 1]


def test_a_question_in_between_is_answered_before_the_list_goes_on(desk: Told) -> None:
    ask(desk, cmd.NewList(ALPHA, "L", "3", "1", 3, THREE))
    step(desk, 1)
    ask(desk, cmd.RequestListStatus(ALPHA, "L"))
    step(desk, 1)
    assert desk.said()[1:] == [f"11={letter}|14=0|39=A|151=100|84=0|6=0|" for letter in "ABC"]
    go_on(desk)
    assert desk.told() == ["2 3 AAA", "1 3 AAA"]


def test_a_halt_in_between_keeps_the_rest_of_a_list_for_at_once(desk: Told) -> None:
    ask(desk, cmd.NewList(ALPHA, "L", "3", "1", 3, THREE))
    step(desk, 5)
    ask(desk, cmd.Halt("all", "", "jane", "review"))
    go_on(desk)
    assert desk.told() == [
        "1 3 AAA",
        "6 5 AAA 2 of 3 orders wait: B: trading_halted: halted by jane (all ): review",
    ]
    desk.resume("all")
    desk.execute_list("L")
    assert desk.told() == ["4 3 AAA"]


def test_a_step_of_a_list_that_has_none_changes_nothing(working: Told) -> None:
    for list_id in ("L", "N"):
        assert decide(working.state, cmd.WorkList(ALPHA, list_id), 5) == []


# -- long lists ----------------------------------------------------------------------------------------------


def a_long_list(number: int) -> tuple[object, ...]:
    return tuple(member(n, f"A{n}", "1", "1", account="HUGE") for n in range(1, number + 1))


@pytest.mark.parametrize(
    ("number", "parts"), [(MOST_TOLD, [MOST_TOLD]), (2 * MOST_TOLD + 1, [MOST_TOLD] * 2 + [1])]
)
def test_a_long_list_is_told_of_in_several_messages(number: int, parts: list[int]) -> None:
    desk = Told()
    desk._carry_out = quick(desk)  # type: ignore[method-assign]
    desk.do(cmd.NewList(ALPHA, "L", "3", "2", number, a_long_list(number)))  # type: ignore[arg-type]
    messages = [text for text in desk.messages if text.startswith("35=N")]
    found = [dict(re.findall(r"([0-9]+)=([^|]*)", text)) for text in messages]
    assert [int(message["73"]) for message in found] == parts
    assert [(message["82"], message["83"], message["68"]) for message in found] == [
        (str(len(parts)), str(n), str(number)) for n in range(1, len(parts) + 1)
    ]
    assert "".join(message.get("893", "") for message in found) == "N" * (len(parts) - 1) + "Y" * (
        len(parts) > 1
    )
    assert re.findall(r"\|11=([^|]*)", "".join(messages)) == [f"A{n}" for n in range(1, number + 1)]


def test_a_long_list_that_is_refused_is_told_of_in_several_messages(desk: Told) -> None:
    members = [*a_long_list(MOST_TOLD), member(1, "B")]
    desk.new_list("L", *members, total=MOST_TOLD + 1)  # type: ignore[arg-type]
    found = [dict(re.findall(r"([0-9]+)=([^|]*)", text)) for text in desk.messages]
    assert [(m["431"], m["82"], m["83"], m["68"], m["73"], m["893"]) for m in found] == [
        ("7", "2", "1", "101", "100", "N"),
        ("7", "2", "2", "101", "1", "Y"),
    ]


def quick(desk: Desk) -> object:
    """Without the checks around every command, whose cost grows with the list."""

    def carry_out(command: cmd.Command) -> list[ev.Event]:
        desk.now_ns += desk.tick_ns
        events = decide(desk.state, command, desk.now_ns)
        for event in events:
            desk._take(event)
        return events

    return carry_out


# -- snapshots -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["1", "2"])
def test_a_list_goes_on_from_a_snapshot_after_any_step(kind: str) -> None:
    members = (*THREE, member(4, "D", "0.5"))
    plain = Told()
    ask(plain, cmd.NewList(ALPHA, "L", "3", kind, 4, members))
    go_on(plain)
    steps = sum(
        isinstance(event, ev.OrderReceived | ev.OrderDenied | ev.ListWorked) for event in plain.events
    )
    for cut in range(steps + 2):
        desk = Told()
        ask(desk, cmd.NewList(ALPHA, "L", "3", kind, 4, members))
        step(desk, cut)
        copy = State.load(desk.state.dump())
        assert copy.digest() == desk.state.digest()
        assert copy.lists == desk.state.lists
        assert list(copy.lists_due) == list(desk.state.lists_due)
        assert copy.open_members == desk.state.open_members
        desk.state = copy
        go_on(desk)
        assert desk.events == plain.events
        assert desk.state.digest() == plain.state.digest()


def test_a_list_with_nothing_left_to_do_is_done_in_a_snapshot(working: Told) -> None:
    for letter in "ABC":
        working.fill(letter, f"x{letter}", "100")
    copy = State.load(working.state.dump())
    assert not copy.lists_due and not copy.open_members[ALPHA, "L"]


def test_a_snapshot_of_before_there_were_lists_is_read() -> None:
    snapshot = msgspec.json.decode(Desk().state.dump())
    del snapshot["lists"]
    assert State.load(msgspec.json.encode(snapshot)).lists == {}


# -- a defect of ours ----------------------------------------------------------------------------------------


def test_a_list_that_cannot_be_decided_about_does_not_go_round_for_ever(desk: Told) -> None:
    """Its orders stay, and are canceled like any others."""
    from oms.kernel import decide_or_question

    ask(desk, cmd.NewList(ALPHA, "L", "3", "1", 3, THREE))
    step(desk, 1)
    firm, desk.state.firm = desk.state.firm, None
    decided = [event for event, _ in decide_or_question(desk.state, cmd.WorkList(ALPHA, "L"), 5)]
    desk.state.firm = firm
    assert [type(event) for event in decided] == [ev.ReportQuestioned, ev.ListDenied]
    for event in decided:
        desk._take(event)
    assert not desk.state.lists_due
    assert desk.told()[0].startswith("2 7 8 internal_error")
    assert desk.cancel("X", "A")[-1] == "OrderCanceled X"


def test_members_keep_their_prices_to_the_last_unit(desk: Told) -> None:
    desk.new_list("L", member(1, "A", "100", "", ord_type="3", terms=terms(stop="90.01")))
    order = desk.order("A")
    assert order.versions[0].terms == terms(stop="90.01")
    assert (order.order_qty, order.price) == (Qty(scaled("100")), Px(0))


# -- orders in parts -----------------------------------------------------------------------------------------


@pytest.fixture
def halves(desk: Told) -> Told:
    """A strategy works in three parts what is listed in New York."""
    for event in PARTS:
        desk._take(event)
    desk._take(msgspec.structs.replace(FIRM, market_venues=(("XNYS", "HALVES"), ("XLON", LSE))))
    return desk


def test_an_order_of_a_list_is_worked_in_parts_once_it_may_go(halves: Told) -> None:
    halves.new_list("L", member(1, "A"), kind="2")
    assert halves.order("A").plan is None and halves.told() == ["1 2 A"]
    found = halves.execute_list("L")
    assert found[:3] == ["ListExecuted L", "OrderPlanned", "OrderAccepted"]
    assert len(halves.order("A").routes) == 3 and not halves.order("A").waits
    assert halves.told() == ["4 3 0"]


def test_a_list_of_orders_in_parts_is_canceled(halves: Told) -> None:
    halves.new_list("L", member(1, "A"), member(2, "B"))
    halves.told()
    assert sum(line.startswith("CancelRouted") for line in halves.cancel_list("L")) == 6
    assert halves.told() == ["2 4 66"]
