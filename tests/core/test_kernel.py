"""The kernel through FIX texts, and what recovery makes of a journal that ends after any of its records."""

import msgspec
import pytest

from oms.core import commands as cmd
from oms.core import events as ev
from oms.core.state import State
from oms.core.types import Px
from oms.fix.decode import Malformed
from oms.kernel import Ledger, Numbers
from oms.paper import NAME as PAPER
from oms.replay import DecisionDiffers, Recovered, recover
from tests.core.desk import ALPHA, BRAVO, FIRM, LSE, SIM, account, instrument, scaled
from tests.core.office import SOH, VENUES, KernelDesk, Office

NEW = "D|11={}|1={}|55={}|54={}|38={}|40=2|44={}|59=0|60=20261122-14:30:00"
REPORT = "8|37=V|11={}|17={}|150={}|39={}|55=IBM|54=1|151=0|14=0|6=0"


def new(
    id: str, account: str = "BLOCK", symbol: str = "IBM", side: str = "1", qty: float = 100, px: str = "10"
) -> str:
    return NEW.format(id, account, symbol, side, qty, px)


def cancel(id: str, orig: str) -> str:
    return f"F|11={id}|41={orig}|55=IBM|54=1|60=20261122-14:30:00"


def replace(id: str, orig: str, qty: int, px: str = "10") -> str:
    return f"G|11={id}|41={orig}|55=IBM|54=1|38={qty}|40=2|44={px}|60=20261122-14:30:00"


def ask(id: str) -> str:
    return f"H|11={id}|55=IBM|54=1"


def report(ours: str, exec_id: str, exec_type: str, status: str, more: str = "") -> str:
    return REPORT.format(ours, exec_id, exec_type, status) + ("|" + more if more else "")


def fill(ours: str, exec_id: str, qty: int, px: str = "10") -> str:
    return report(ours, exec_id, "F", "1", f"32={qty}|31={px}|60=20261122-14:30:00.123")


def refuse(ours: str, orig: str, response_to: str) -> str:
    return f"9|37=V|11={ours}|41={orig}|39=0|434={response_to}|102=0|58=too late"


# -- a day without a crash -----------------------------------------------------------------------------------


@pytest.fixture
def office() -> Office:
    office = Office()
    office.all_up()
    office.flush()
    return office


def test_one_order_from_the_client_to_the_venue_and_back(office: Office) -> None:
    assert office.say(ALPHA, new("A")) == ["SIM 35=D 11=e-1-1-1 38=100"]
    assert office.say(SIM, report("e-1-1-1", "v1", "0", "0")) == [
        "ALPHA 35=8 150=0 39=0 11=A 38=100 14=0 151=100"
    ]
    assert office.say(SIM, fill("e-1-1-1", "v2", 40)) == [
        "ALPHA 35=8 150=F 39=1 11=A 38=100 14=40 151=60 32=40"
    ]
    assert office.say(ALPHA, replace("B", "A", 80)) == [
        "ALPHA 35=8 150=E 39=E 11=B 41=A 38=100 14=40 151=60",
        "SIM 35=G 11=e-1-1-2 41=e-1-1-1 38=80",
    ]
    assert office.say(SIM, fill("e-1-1-1", "v3", 10)) == [
        "ALPHA 35=8 150=F 39=E 11=A 38=100 14=50 151=50 32=10"
    ]
    assert office.say(SIM, report("e-1-1-2", "v4", "5", "1")) == [
        "ALPHA 35=8 150=5 39=1 11=B 41=A 38=80 14=50 151=30"
    ]
    assert office.say(ALPHA, cancel("C", "B")) == [
        "ALPHA 35=8 150=6 39=6 11=C 41=B 38=80 14=50 151=30",
        "SIM 35=F 11=e-1-1-3 41=e-1-1-2 38=80",
    ]
    assert office.say(SIM, fill("e-1-1-2", "v5", 30)) == [
        "ALPHA 35=8 150=F 39=6 11=B 38=80 14=80 151=0 32=30"
    ]
    assert office.say(SIM, refuse("e-1-1-3", "e-1-1-2", "1")) == [
        "ALPHA 35=9 39=2 11=C 41=B 434=1 102=0 58=too late"
    ]
    assert office.say(ALPHA, ask("B")) == ["ALPHA 35=8 150=I 39=2 11=B 38=80 14=80 151=0"]


def test_nothing_leaves_before_it_is_numbered_and_committed(office: Office) -> None:
    office.message(ALPHA, new("A"))
    office.message(BRAVO, new("A"))
    records, commits = len(office.journal.records), office.journal.commits
    seen = []

    def send(session_id: str, text: str, number: int, at_ns: int) -> None:
        assert office.journal.commits == commits + 1
        assert len(office.journal.records) == records + 2
        seen.append((session_id, number, at_ns))

    assert office.kernel.flush(send) == 2
    written = [event for n, event in office.out() if n > records]
    assert seen == [(event.session_id, event.msg_seq_num, event.at_ns) for event in written]
    assert [event.cause_seq for event in written] == [records - 3, records]


def test_every_session_has_numbers_of_its_own(office: Office) -> None:
    for letter in "ABC":
        office.say(ALPHA, new(letter))
    office.say(SIM, report("e-1-1-1", "v1", "0", "0"))
    by_session: dict[str, list[int]] = {}
    for session_id, number, _ in office.sent:
        by_session.setdefault(session_id, []).append(number)
    assert by_session == {SIM: [1, 2, 3], ALPHA: [1]}


def test_a_malformed_message_is_journaled_and_decides_nothing(office: Office) -> None:
    records = len(office.journal.records)
    assert (
        office.message(ALPHA, "D|11=A|1=BLOCK|55=IBM|54=1|38=100|40=2|59=0")
        == Malformed.CONDITIONALLY_MISSING
    )
    assert office.message(ALPHA, "AE|571=1") == Malformed.UNSUPPORTED
    assert office.message(ALPHA, new("A").replace("38=100", "38=-5")) == Malformed.BAD_VALUE
    kinds = [type(ev.decode(body)) for body in office.journal.records[records:]]
    assert kinds == [ev.MessageIn] * 3
    assert office.flush() == []


def test_bytes_that_are_not_ascii_survive_the_journal(office: Office) -> None:
    office.message(SIM, report("e-9-1-1", "v1", "0", "0", "58=Zürich \udcff"))
    assert recover([(1, office.journal.records)], VENUES).state.digest() == office.kernel.state.digest()


def test_a_message_to_a_venue_is_found_by_its_number_for_a_while(office: Office) -> None:
    office.say(ALPHA, new("A"))
    assert office.kernel.sent_text(SIM, 1).startswith(f"35=D{SOH}11=e-1-1-1{SOH}")
    assert office.kernel.sent_text(SIM, 2) == ""
    assert office.kernel.sent_text(ALPHA, 1) == ""


# -- what the client must be told ----------------------------------------------------------------------------


def test_a_duplicate_order_is_refused_with_the_first_orders_standing(office: Office) -> None:
    """F.1.a: "rejected" under the first order's id would tell the client that its live order has ended."""
    office.say(ALPHA, new("A"))
    office.say(SIM, fill("e-1-1-1", "v1", 10))
    assert office.say(ALPHA, new("A", qty=150)) == [
        "ALPHA 35=8 150=8 39=1 11=A 38=100 14=10 151=90 103=6 58=duplicate_cl_ord_id: ClOrdID A has been used"
    ]


WRONG_TWICE = (
    # also wrong with the order that repeats an id
    ("an unknown symbol",   ("XXX", "1", 100)),
    ("a side not worked",   ("IBM", "5", 100)),
    ("half a share",        ("IBM", "1", 0.5)),
    ("a halt",              ("IBM", "1", 100)),
)  # fmt: skip


@pytest.mark.parametrize(("what", "terms"), WRONG_TWICE, ids=[what for what, _ in WRONG_TWICE])
def test_a_duplicate_order_that_another_control_refuses_tells_the_first_orders_standing_too(
    office: Office, what: str, terms: tuple[str, str, float]
) -> None:
    """Else the retry of a live order during a halt would tell the client that it was rejected."""
    office.say(ALPHA, new("A"))
    if what == "a halt":
        office.command(cmd.Halt("all", "", "jane", "news"))
    symbol, side, qty = terms
    (line,) = office.say(ALPHA, new("A", symbol=symbol, side=side, qty=qty))
    assert line.startswith("ALPHA 35=8 150=8 39=A 11=A 38=100 14=0 151=100")


def test_an_order_that_may_have_been_sent_before_is_answered_with_its_status(office: Office) -> None:
    """F.1.b: PossResend(97)=Y under a known id asks, and does not order."""
    office.say(ALPHA, new("A"))
    assert office.say(ALPHA, "D|97=Y|" + new("A")[2:]) == ["ALPHA 35=8 150=I 39=A 11=A 38=100 14=0 151=100"]
    assert office.say(ALPHA, "D|97=Y|" + new("B")[2:]) == ["SIM 35=D 11=e-2-1-1 38=100"]


def test_a_refused_request_names_the_last_accepted_id(office: Office) -> None:
    """D.2.c: C named B, which was refused; what could not be replaced is A."""
    office.say(ALPHA, new("A"))
    office.say(SIM, report("e-1-1-1", "v1", "0", "0"))
    office.say(ALPHA, replace("B", "A", 80))
    office.say(ALPHA, replace("C", "B", 70))
    assert office.say(SIM, refuse("e-1-1-2", "e-1-1-1", "2")) == [
        "ALPHA 35=9 39=E 11=B 41=A 434=2 102=0 58=too late"
    ]
    assert office.say(SIM, refuse("e-1-1-3", "e-1-1-2", "2")) == [
        "ALPHA 35=9 39=0 11=C 41=A 434=2 102=0 58=too late"
    ]


def test_a_status_asked_for_under_an_older_id_names_both(office: Office) -> None:
    """G.1.c: the present id, and the one that was asked for as OrigClOrdID, to tie it back."""
    office.say(ALPHA, new("A"))
    office.say(ALPHA, replace("B", "A", 80))
    office.say(SIM, report("e-1-1-2", "v1", "5", "0"))
    assert office.say(ALPHA, ask("A")) == [
        "ALPHA 35=8 150=I 39=0 11=B 41=A 38=80 14=0 151=80 58=Nothing Done"
    ]


def test_a_replaced_report_adds_up_where_more_had_executed(office: Office) -> None:
    """C.3.c: OrderQty = CumQty + LeavesQty."""
    office.say(ALPHA, new("A"))
    office.say(ALPHA, replace("B", "A", 70))
    office.say(SIM, fill("e-1-1-1", "v1", 80))
    assert office.say(SIM, report("e-1-1-2", "v2", "5", "2")) == [
        "ALPHA 35=8 150=5 39=2 11=B 41=A 38=80 14=80 151=0"
    ]


def test_a_business_reject_without_an_id_is_found_by_the_number_it_names(office: Office) -> None:
    """BusinessRejectRefID(379) is optional, and QuickFIX itself never sends it; RefSeqNum(45) is there."""
    office.say(ALPHA, new("A"))
    assert [line[:21] for line in office.say(SIM, "j|45=1|372=D|380=5|58=tag missing")] == [
        "ALPHA 35=8 150=8 39=8"
    ]
    found = recover([(1, office.journal.records)], VENUES)
    assert found.state.digest() == office.kernel.state.digest()


# -- poison: a message that could stop the engine, and stop it again at every start --------------------------

TIMES = (
    # TransactTime(60) of a fill    the dictionary of the session lets all of these pass
    ("20261122-14:30:00.123",      "an ordinary time"),
    ("20261122-23:59:60",          "a leap second"),
    ("00010101-00:00:00",          "what some platforms send for no time at all"),
    ("99991231-23:59:59",          "their end of time"),
    ("20260230-10:00:00",          "a day that is not in the calendar"),
)  # fmt: skip


@pytest.mark.parametrize(("time", "what"), TIMES, ids=[what for _, what in TIMES])
def test_no_time_of_a_venue_loses_a_fill_or_stops_the_engine(office: Office, time: str, what: str) -> None:
    office.say(ALPHA, new("A"))
    office.say(SIM, report("e-1-1-1", "v1", "F", "1", f"32=40|31=10|60={time}"))
    order = office.kernel.state.find(ALPHA, "A")
    assert order is not None
    assert order.cum_qty == scaled("40")


@pytest.mark.parametrize(("time", "what"), TIMES, ids=[what for _, what in TIMES])
def test_no_time_of_a_venue_keeps_the_engine_from_starting_again(
    office: Office, time: str, what: str
) -> None:
    office.say(ALPHA, new("A"))
    try:
        office.say(SIM, report("e-1-1-1", "v1", "F", "1", f"32=40|31=10|60={time}"))
    except Exception:
        pass
    assert Office(office.journal.records).kernel.state.find(ALPHA, "A") is not None


def test_an_order_about_which_no_code_can_decide_is_shown_and_answered() -> None:
    """A defect, here a tick of nothing: the engine goes on, and the client is not left without an answer."""
    office = Office()
    office.all_up()
    office.record(instrument("BAD", "XNYS", "USD", "1", ticks=((Px(0), Px(0)),)))
    office.flush()
    sent = office.say(ALPHA, new("A", symbol="BAD"))
    questions = [e for e in map(ev.decode, office.journal.records) if isinstance(e, ev.ReportQuestioned)]
    assert [(q.session_id, q.reason) for q in questions] == [(ALPHA, "internal_error")]
    assert Office(office.journal.records).kernel.state.counts == office.kernel.state.counts
    assert [line.split()[:4] for line in sent] == [["ALPHA", "35=8", "150=8", "39=8"]]


# -- a crash after every record ------------------------------------------------------------------------------


def a_day(lazy: int = 0) -> Office:
    """Two clients, two venues, a reset, a halt, a restart; turns with one decision and turns with several."""
    o = Office(lazy=lazy)
    o.record(ev.SessionMoved(o.clock(), ALPHA, 2, 2))
    o.all_up()
    o.flush()
    o.message(ALPHA, new("A"))
    o.message(BRAVO, new("A", qty=50, px="11"))
    o.message(ALPHA, new("V", "ACC", "VOD", "2", 10, "80"))
    o.flush()
    o.say(SIM, report("e-1-1-1", "v1", "0", "0"))
    o.message(SIM, fill("e-2-1-1", "v2", 20))
    o.message(SIM, fill("e-2-1-1", "v2", 20))
    o.message(SIM, fill("e-1-1-1", "v3", 130))
    o.flush()
    o.message(ALPHA, "D|11=M|1=BLOCK|55=IBM|54=1|38=100|40=2|59=0")
    o.record(ev.SessionMoved(o.clock(), ALPHA, o.next_out(ALPHA) + 1, 0))  # our Reject(3) of it
    o.message(LSE, "AE|571=1")
    o.record(
        ev.MessageOut(o.clock(), LSE, o.next_out(LSE), 0, f"35=j{SOH}")
    )  # QuickFIX's BusinessMessageReject
    o.say(ALPHA, new("B"))
    o.message(ALPHA, replace("B2", "B", 200))
    o.message(ALPHA, replace("B3", "B2", 300, "12"))
    o.message(ALPHA, new("A"))
    o.message(ALPHA, cancel("X", "NO SUCH"))
    o.flush()
    o.command(cmd.Halt("symbol", "IBM", "jane", "news"), "operator:jane")
    o.message(ALPHA, new("H"))
    o.say(SIM, report("e-4-1-2", "v4", "5", "0"))
    o.command(cmd.Resume("symbol", "IBM", "jane", "over"), "operator:jane")
    o.say(SIM, refuse("e-4-1-3", "e-4-1-2", "2"))
    o.message(ALPHA, cancel("B4", "B2"))
    o.message(ALPHA, ask("B"))
    o.message(ALPHA, ask("NO SUCH"))
    o.command(cmd.LogOut(SIM), "session")
    o.message(BRAVO, new("D"))
    o.message(BRAVO, cancel("A2", "A"))
    o.flush()
    o.record(ev.SessionReset(o.clock(), SIM))
    o.record(ev.SessionMoved(o.clock(), SIM, 2, 1))
    o.command(cmd.LogOn(SIM), "session")
    o.say(SIM, report("e-4-1-4", "0", "I", "4"))
    o.message(SIM, "W|55=IBM|268=1|269=2|270=91")
    o.record(ev.EngineStarted(o.clock(), "test", 2, "e"))
    o.all_up()
    o.message(LSE, report("e-3-1-1", "0", "I", "0"))
    o.message(ALPHA, new("Z", symbol="VOD", account="ACC", px="80"))
    o.message(LSE, "j|45=3|372=D|380=3|379=e-8-1-1|58=no such instrument")
    o.lazy = None
    o.flush()
    return o


DAY = a_day()
RECORDS = DAY.journal.records


def numbers_of(records: list[bytes]) -> dict[str, tuple[int, int]]:
    """Next numbers out and in of each session, by a fold of this test's own."""
    found: dict[str, tuple[int, int]] = {}
    for event in map(ev.decode, records):
        if isinstance(event, ev.MessageOut):
            found[event.session_id] = (event.msg_seq_num + 1, found.get(event.session_id, (1, 1))[1])
        elif isinstance(event, ev.MessageIn):
            out, in_ = found.get(event.session_id, (1, 1))
            found[event.session_id] = (out, max(in_, event.msg_seq_num + 1))
        elif isinstance(event, ev.SessionMoved):
            out, in_ = found.get(event.session_id, (1, 1))
            found[event.session_id] = (event.next_out or out, event.next_in or in_)
        elif isinstance(event, ev.SessionReset):
            found[event.session_id] = (1, 1)
    return found


def check_recovery(office: Office | KernelDesk, cut: int, found: Recovered) -> None:
    """What recovery must give for the first `cut` records of an office's journal."""
    records = office.journal.records
    decided = max(
        n for n in range(cut + 1) if n == 0 or not isinstance(ev.decode(records[n - 1]), ev.MessageOut)
    )
    end, digest = next(step for step in office.steps if step[0] >= decided)
    end = max(end, cut)
    assert found.missing == [ev.decode(body) for body in records[cut:end]]
    assert found.state.digest() == digest
    unsent = [event for n, event in office.out() if n > cut and 0 < event.cause_seq <= end]
    assert [(p.session_id, p.text, p.cause_seq) for p in found.outbox] == [
        (event.session_id, event.text, event.cause_seq) for event in unsent
    ]
    ledger = {name: (n.next_out, n.next_in) for name, n in found.ledger.sessions.items()}
    assert ledger == numbers_of(records[:cut])
    assert (found.records, found.last_seq) == (cut, cut)


def test_the_day_has_every_kind_of_record_and_turns_of_several_messages() -> None:
    kinds = {type(ev.decode(body)) for body in RECORDS}
    assert kinds >= {
        ev.MessageIn,
        ev.MessageOut,
        ev.CommandTaken,
        ev.SessionMoved,
        ev.SessionReset,
        ev.EngineStarted,
    }
    assert kinds >= {
        ev.OrderDenied,
        ev.RequestDenied,
        ev.RequestRejected,
        ev.ReportQuestioned,
        ev.StatusAsked,
    }
    assert kinds >= {
        ev.OrderReplaced,
        ev.OrderCanceled,
        ev.OrderRejected,
        ev.StatusRequested,
        ev.TradingHalted,
    }
    runs = "".join("m" if isinstance(ev.decode(body), ev.MessageOut) else "." for body in RECORDS)
    assert "mmmm" in runs


@pytest.mark.parametrize("cut", range(len(RECORDS) + 1))
def test_a_crash_after_any_record_loses_nothing_and_doubles_nothing(cut: int) -> None:
    found = recover([(1, RECORDS[:cut])], VENUES, (PAPER,))
    check_recovery(DAY, cut, found)


@pytest.mark.parametrize("seed", range(1, 9))
def test_the_same_day_in_turns_of_any_length(seed: int) -> None:
    day = a_day(lazy=seed)
    for cut in range(len(day.journal.records) + 1):
        found = recover([(1, day.journal.records[:cut])], VENUES, (PAPER,))
        check_recovery(day, cut, found)


def restarted(cut: int) -> Office:
    office = Office(RECORDS[:cut])
    office.flush()
    return office


@pytest.mark.parametrize("cut", range(0, len(RECORDS) + 1))
def test_after_the_restart_all_was_said_once_under_numbers_that_go_on(cut: int) -> None:
    office = restarted(cut)
    found = office.found
    assert found is not None
    said = [(event.session_id, event.text) for _, event in office.out() if event.cause_seq]
    wanted = [(event.session_id, event.text) for _, event in DAY.out() if event.cause_seq]
    assert said == wanted[: len(said)]
    assert len(said) == sum(0 < event.cause_seq <= cut + len(found.missing) for _, event in DAY.out())
    numbers = numbers_of(RECORDS[:cut])
    for session_id, number, _ in office.sent:
        assert number == numbers.setdefault(session_id, (1, 1))[0]
        numbers[session_id] = (number + 1, 1)


@pytest.mark.parametrize("cut", range(0, len(RECORDS) + 1, 3))
def test_a_second_crash_during_the_restart_is_no_different(cut: int) -> None:
    office = restarted(cut)
    for again in range(cut, len(office.journal.records) + 1):
        found = recover([(1, office.journal.records[:again])], VENUES, (PAPER,))
        check_recovery(office, again, found)


def whole(cut: int) -> bool:
    """Whether a snapshot may be taken after that many records: nothing is missing, nothing unsent."""
    found = recover([(1, RECORDS[:cut])], VENUES, (PAPER,))
    return not found.missing and not found.outbox


SNAPSHOTS = [cut for cut in range(0, len(RECORDS) + 1, 2) if whole(cut)][::3]


@pytest.mark.parametrize("taken", SNAPSHOTS)
def test_recovery_from_a_snapshot_and_the_rest_is_the_same(taken: int) -> None:
    base = recover([(1, RECORDS[:taken])], VENUES, (PAPER,))
    dumped, sessions = base.state.dump(), msgspec.json.encode(base.ledger.sessions)
    for cut in range(taken, len(RECORDS) + 1, 5):
        ledger = Ledger(msgspec.json.decode(sessions, type=dict[str, Numbers]))
        rest = [(taken + 1, RECORDS[taken:cut])]
        found = recover(rest, VENUES, (PAPER,), State.load(dumped), ledger, taken)
        found.records += taken
        check_recovery(DAY, cut, found)


def test_recovery_of_no_records_is_a_new_engine() -> None:
    found = recover((), VENUES)
    assert (found.records, found.last_seq, found.missing, found.outbox) == (0, 0, [], [])
    assert found.state.digest() == State().digest()


def test_a_journal_of_another_program_is_refused() -> None:
    """The last decision is there in part, but is not what this code decides."""
    at = next(n for n, body in enumerate(RECORDS) if isinstance(ev.decode(body), ev.OrderReceived))
    received = ev.decode(RECORDS[at])
    changed = ev.encode(msgspec.structs.replace(received, hold_px=Px(1)))
    with pytest.raises(DecisionDiffers):
        recover([(1, [*RECORDS[:at], changed])], VENUES)


def test_a_record_of_an_unknown_kind_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError):
        recover([(1, [*RECORDS, bytes.fromhex("926301")])], VENUES)


# -- sessions' numbers ---------------------------------------------------------------------------------------


def test_the_ledger_folds_what_moves_a_sessions_numbers() -> None:
    ledger = Ledger()
    steps: list[tuple[ev.Event, tuple[int, int, int]]] = [
        # record                                      next out, next in, first kept
        (ev.MessageOut(1, ALPHA, 1, 0, ""),           (2, 1, 0)),
        (ev.MessageIn(1, ALPHA, 3, ""),               (2, 4, 0)),
        (ev.MessageIn(1, ALPHA, 2, ""),               (2, 4, 0)),
        (ev.SessionMoved(1, ALPHA, 7, 0),             (7, 4, 0)),
        (ev.SessionMoved(1, ALPHA, 0, 9),             (7, 9, 0)),
        (ev.SessionReset(1, ALPHA),                   (1, 1, 6)),
        (ev.SessionMoved(1, ALPHA, 2, 2),             (2, 2, 6)),
        (ev.OrderAccepted(1, 2),                      (2, 2, 6)),
    ]  # fmt: skip
    for seq, (event, wanted) in enumerate(steps, 1):
        ledger.apply(event, seq)
        numbers = ledger.of(ALPHA)
        assert (numbers.next_out, numbers.next_in, numbers.first_kept) == wanted, event
    assert ledger.of(BRAVO) == Numbers()


# -- the paper venue, inside the process ---------------------------------------------------------------------

PAPER_FIRM = msgspec.structs.replace(FIRM, default_venue=PAPER, market_venues=(), price_collar_bps=0)


def a_paper_day() -> Office:
    """Orders that rest, trade with the venue's quotes and with each other, change and end."""
    o = Office(paper=True)
    o.record(PAPER_FIRM)
    o.record(account("HUGE", (ALPHA, BRAVO), (("USD", "9000000"),), "90000"))
    o.all_up()
    o.flush()
    for body in (
        new("A", "HUGE", px="1"),
        new("B", "HUGE", px="90.02"),
        new("C", "HUGE", side="2", px="90.01"),
        new("D", "HUGE", side="2", px="99", qty=500),
        replace("A2", "A", 50, "1"),
        replace("A3", "A2", 200, "2"),
        cancel("A4", "A3"),
        cancel("A5", "A3"),
        "D|11=M|1=HUGE|55=IBM|54=1|38=700|40=1|59=0",
        "D|11=I|1=HUGE|55=IBM|54=1|38=900|40=2|44=90.01|59=3",
        "D|11=K|1=HUGE|55=IBM|54=1|38=5000|40=2|44=90.01|59=4",
    ):
        o.say(ALPHA, body)
    o.message(ALPHA, new("E", "HUGE", px="3"))
    o.message(ALPHA, replace("E2", "E", 60, "4"))
    o.message(ALPHA, cancel("E3", "E2"))
    o.flush()
    return o


PAPER_DAY = a_paper_day()


def test_the_paper_day_trades_changes_and_ends_orders() -> None:
    kinds = [type(ev.decode(body)).__name__ for body in PAPER_DAY.journal.records]
    assert kinds.count("OrderFilled") >= 5
    assert {"OrderReplaced", "OrderCanceled", "RequestDenied"} <= set(kinds)


@pytest.mark.parametrize("cut", range(len(PAPER_DAY.journal.records) + 1))
def test_a_crash_of_the_paper_day_after_any_record(cut: int) -> None:
    found = recover([(1, PAPER_DAY.journal.records[:cut])], VENUES, (PAPER,))
    check_recovery(PAPER_DAY, cut, found)
    assert all(pending.session_id != PAPER for pending in found.outbox)


@pytest.mark.parametrize("cut", range(14, len(PAPER_DAY.journal.records) + 1))
def test_the_paper_venue_takes_up_what_it_had_not_answered(cut: int) -> None:
    office = Office(PAPER_DAY.journal.records[:cut], paper=True)
    office.flush()
    for order in office.kernel.state.orders.values():
        assert order.requests == []
        for route in order.routes:
            assert not route.in_doubt
            assert route.cum_qty <= route.order_qty
            assert route.ended or (order.time_in_force == "0" and order.ord_type == "2")
    again = Office(office.journal.records, paper=True)
    again.flush()
    assert [order.cum_qty for order in again.kernel.state.orders.values()] == [
        order.cum_qty for order in office.kernel.state.orders.values()
    ]


def two_clients_trade() -> Office:
    """Inside the venue's quotes: nobody else is there to trade with."""
    o = Office(paper=True)
    o.record(PAPER_FIRM)
    o.all_up()
    o.say(ALPHA, new("S", side="2", px="90"))
    o.say(BRAVO, new("B", side="1", px="90"))
    return o


TRADE = two_clients_trade()


@pytest.mark.parametrize("cut", range(len(TRADE.journal.records) + 1))
def test_a_trade_between_two_clients_has_two_sides_after_any_crash(cut: int) -> None:
    office = Office(TRADE.journal.records[:cut], paper=True)
    office.flush()
    state = office.kernel.state
    executed = {
        id: order.cum_qty for (_, id), n in state.cl_ord_ids.items() if (order := state.orders.get(n))
    }
    assert executed.get("S", 0) == executed.get("B", 0)
