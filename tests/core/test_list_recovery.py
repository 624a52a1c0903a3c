"""Lists of orders through FIX texts, and what a crash after any record leaves of one: nothing lost or doubled."""

from collections import Counter

import pytest

from oms.core import commands as cmd
from oms.core import events as ev
from oms.core.state import State
from oms.fix.wire import fields
from oms.kernel import Ledger
from oms.paper import NAME as PAPER
from oms.replay import recover
from tests.core.desk import ALPHA, LSE, SIM
from tests.core.office import SOH, VENUES, Office
from tests.core.test_kernel import cancel, check_recovery, fill, report
from tests.core.test_replay import in_batches, one_by_one, same

TIME = "60=20261122-14:30:00"


def entry(number: int, id: str, symbol: str = "IBM", qty: float = 100, px: str = "10") -> str:
    account = "ACC" if symbol == "VOD" else "BLOCK"
    return f"11={id}|67={number}|1={account}|55={symbol}|54=1|{TIME}|38={qty}|40=2|44={px}|59=0"


def new_list(list_id: str, *entries: str, kind: str = "1", total: int = 0, more: str = "") -> str:
    head = f"E|66={list_id}|68={total or len(entries)}|73={len(entries)}"
    return "|".join([head, *entries, f"394=3|433={kind}{more}"])


def a_list_day(lazy: int = 0) -> Office:
    """A list at once of which one order is denied; one in two fragments that waits, is executed and canceled;
    one that is refused and one that nobody knows.
    """
    office = Office(lazy=lazy)
    office.all_up()
    office.flush()
    office.say(ALPHA, new_list("L", entry(2, "B", qty=0.5), entry(1, "A"), entry(3, "C", "VOD", 5, "80")))
    office.say(SIM, report("e-1-1-1", "v1", "0", "0"))
    office.say(SIM, fill("e-1-1-1", "v2", 100))
    office.say(ALPHA, "M|66=L")
    office.say(ALPHA, new_list("M", entry(1, "D"), kind="2", total=3, more="|893=N"))
    office.say(ALPHA, new_list("M", entry(3, "F"), entry(2, "E"), kind="2", total=3, more="|893=Y"))
    office.say(ALPHA, cancel("X", "E"))
    office.command(cmd.Halt("all", "", "jane", "review"))
    office.say(ALPHA, f"L|66=M|{TIME}")
    office.command(cmd.Resume("all", "", "jane", "done"))
    office.say(ALPHA, f"L|66=M|{TIME}")
    office.say(ALPHA, f"K|66=M|{TIME}")
    office.say(SIM, report("e-4-1-2", "v3", "4", "4"))
    office.say(SIM, report("e-6-1-2", "v4", "4", "4"))
    office.say(ALPHA, new_list("N", entry(1, "G"), entry(1, "H")))
    office.say(ALPHA, f"K|66=NO|{TIME}")
    office.say(LSE, fill("e-3-1-1", "v5", 5, "80"))
    office.lazy = None
    office.flush()
    return office


DAY = a_list_day()
RECORDS = DAY.journal.records


def told(office: Office) -> list[str]:
    """What the client was told of lists: ListID, ListStatusType, ListOrderStatus, each order's OrdStatus."""
    found = []
    for _, message in office.out():
        if message.session_id == ALPHA and message.text.startswith("35=N"):
            each = "".join(part[3] for part in message.text.split(SOH) if part.startswith("39="))
            head = fields(message.text)
            found.append(f"{head['66']} {head['429']} {head['431']} {each}")
    return found


def test_the_day_as_it_was_told() -> None:
    assert told(DAY) == [
        "L 1 3 A8A",
        "L 2 3 28A",
        "M 1 2 AAA",
        "M 6 5 A4A",
        "M 4 3 A4A",
        "M 2 4 A4A",
        "M 5 6 444",
        "N 1 7 88",
        "NO 2 7 8",
        "L 5 6 282",
    ]


@pytest.mark.parametrize("cut", range(len(RECORDS) + 1))
def test_a_crash_after_any_record_loses_nothing_and_doubles_nothing(cut: int) -> None:
    found = recover([(1, RECORDS[:cut])], VENUES, (PAPER,))
    check_recovery(DAY, cut, found)


@pytest.mark.parametrize("lazy", range(1, 5))
def test_the_same_in_turns_of_any_length(lazy: int) -> None:
    day = a_list_day(lazy)
    for cut in range(len(day.journal.records) + 1):
        check_recovery(day, cut, recover([(1, day.journal.records[:cut])], VENUES, (PAPER,)))


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_a_journal_cut_anywhere_gives_the_same_as_one_by_one(size: int) -> None:
    for cut in range(len(RECORDS) + 1):
        found = recover(in_batches(RECORDS[:cut], size), VENUES, (PAPER,))
        same(found, one_by_one(RECORDS[:cut], State(), Ledger()))


FIRST = next(n for n, body in enumerate(RECORDS, 1) if isinstance(ev.decode(body), ev.ListReceived))
ACKNOWLEDGED = next(n for n, body in enumerate(RECORDS, 1) if isinstance(ev.decode(body), ev.RouteAccepted))


@pytest.mark.parametrize("cut", range(FIRST - 1, ACKNOWLEDGED))
def test_a_list_that_a_crash_cut_in_half_goes_on_where_it_was(cut: int) -> None:
    """Its orders are those that they would have been, each goes out once, and each thing is told once."""
    office = Office(RECORDS[:cut])
    office.all_up()
    office.flush()
    orders = {order.cl_ord_id: order.reason for order in office.kernel.state.orders.values()}
    assert orders == {"A": "", "B": "lot_size", "C": ""}
    sent = Counter(
        fields(message.text)["11"] for _, message in office.out() if message.text.startswith("35=D")
    )
    assert sent == {"e-1-1-1": 1, "e-3-1-1": 1}
    assert told(office) == ["L 1 3 A8A"]
    rejected = [m.text for _, m in office.out() if "\x01150=8\x01" in m.text]
    assert len(rejected) == 1 and "\x0166=L\x01" in rejected[0]
    assert not office.kernel.state.lists_due


def test_a_kernel_goes_on_with_lists_for_a_while_only() -> None:
    """Its clock moves a millisecond each time it is asked."""
    office = Office()
    office.all_up()
    office.message(ALPHA, new_list("L", *(entry(n, f"A{n}", qty=1) for n in range(1, 9))))
    turns = 0
    while office.kernel.work_lists():
        turns += 1
        assert len(office.kernel.state.orders) <= 2 * turns
    assert turns > 4
    assert len(office.kernel.state.orders) == 8


def test_a_list_whose_order_breaks_a_rule_of_fix_is_rejected_as_a_message() -> None:
    office = Office()
    office.all_up()
    broken = entry(2, "B").replace("|44=10", "")
    assert office.message(ALPHA, new_list("L", entry(1, "A"), broken)) == "conditionally missing"
    office.flush()
    assert not office.kernel.state.lists and not office.kernel.state.orders
