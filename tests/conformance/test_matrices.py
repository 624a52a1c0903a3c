"""Every order state change matrix, played against the real kernel. What it cannot do yet stands in NOT_YET."""

import pytest

from oms.conformance.play import FIX42, FIX44, Mismatch, Player, Unsupported
from oms.conformance.transcript import Run, load, runs
from tests.conformance.in_process import InProcess

DIALECTS = {"fix44": FIX44, "more": FIX44, "fix42": FIX42}
"""What the client speaks, by folder. The venue speaks FIX 4.4 in all of them."""

PLAYED = (FIX44,)
"""The client dialects that the kernel has."""

TRANSCRIPTS = {family: load(family) for family in DIALECTS}
RUNS = [(family, run) for family, found in TRANSCRIPTS.items() for t in found for run in runs(t)]

# -- what the engine does not do yet -------------------------------------------------------------------------

PENDING_OFF = "every session is told of a pending request: no profile says otherwise"
QUEUE = "a request while another is open goes on to the venue at once: it neither waits nor is refused"
PHONE = "nobody can enter an order for a client, and a report always has a ClOrdID"
PRICE_ON_FILLED = "a replace of nothing but the price is passed on for a filled order: pending, not refused"
REASON = "ExecRestatementReason(378) of an unsolicited cancel is not passed on"
RESTATED = "a Restated report (150=D) is questioned: the client is not told, OrderQty stays"
EXEC_INST = "ExecInst(18) is not passed on to the venue"
HELD = "stop orders and orders for the close are denied; ExecType L and WorkingIndicator(636) are not known"
UNKNOWN_QTY = "the answer about an unknown order has no OrderQty(38)"
GTC = "TimeInForce GTC is denied; there are no days, so no DayOrderQty(424) and DayCumQty(425)"
CORRECTIONS = (
    "a bust (150=H) or correction (150=G) of the venue is questioned: quantities stay, the client is not told"
)
STOPPED = "a Stopped report (150=7) is questioned: the client is not told"
SUSPENDED = "a Suspended report (150=9) is questioned: the client is not told"
CALCULATED = "a Calculated report (150=B) is questioned: the client is not told"

NOT_YET = {
    "fix44-B.1.a-t4-instead": PENDING_OFF,
    "fix44-B.1.b-t5-instead": PENDING_OFF,
    "fix44-B.1.c-t5-instead": PENDING_OFF,
    "fix44-C.1.a-t4-instead": PENDING_OFF,
    "fix44-C.1.c-t5-instead": PENDING_OFF,
    "fix44-C.3.a-t5-instead": PENDING_OFF,
    "fix44-C.3.b": PENDING_OFF,
    "fix44-C.3.b-t2-instead": PENDING_OFF,
    "fix44-C.2.a": PRICE_ON_FILLED,
    "fix44-D.2.a": QUEUE,
    "fix44-D.2.c": QUEUE,
    "fix44-D.2.d": QUEUE,
    "fix44-E.1.a": PHONE,
    "fix44-E.1.b": REASON,
    "fix44-E.1.d": RESTATED,
    "fix44-E.1.e": f"{EXEC_INST}; {REASON}",
    "fix44-E.1.e-t2-instead": EXEC_INST,
    "fix44-E.1.f": HELD,
    "fix44-E.1.f-t1-instead": HELD,
    "fix44-E.1.f-t1-instead-2": HELD,
    "fix44-E.1.f-t2-instead": HELD,
    "fix44-E.1.f-t3-instead": HELD,
    "fix44-G.1.a": UNKNOWN_QTY,
    "fix44-H.1.a": f"{GTC}; {RESTATED}",
    "fix44-H.1.a-d1t4-instead": f"{GTC}; {RESTATED}",
    "fix44-H.1.a-d1t4-instead-2": GTC,
    "fix44-H.1.a-d2t1-instead": GTC,
    "fix44-H.1.c": f"{GTC}; {RESTATED}",
    "fix44-H.1.c-d1t4-instead": GTC,
    "fix44-H.1.c-d2t3-instead": f"{PENDING_OFF}; {GTC}; {RESTATED}",
    "fix44-H.1.c-d2t4-instead": f"{GTC}; {RESTATED}",
    "fix44-J.1.a": CORRECTIONS,
    "fix44-J.1.c": f"{GTC}; {RESTATED}; {CORRECTIONS}",
    "fix44-J.1.c-d1t4-instead": f"{GTC}; {CORRECTIONS}",
    "fix44-J.1.d": CORRECTIONS,
    "fix44-K.1.a": EXEC_INST,
    "fix44-K.1.a-t2-instead": EXEC_INST,
    "fix44-L.1.a": STOPPED,
    "more-bust_of_a_bust": CORRECTIONS,
    "more-bust_same_day_and_later_day": f"{GTC}; {CORRECTIONS}",
    "more-calculated": CALCULATED,
    "more-calculated-t3-instead": CALCULATED,
    "more-stopped_then_filled": STOPPED,
    "more-suspended": SUSPENDED,
    "more-suspended-t3-instead": SUSPENDED,
    "more-suspended-t4-instead": SUSPENDED,
}
"""Run -> what is missing, as the first mismatch shows it. A run that passes has to leave this table."""


def _cases() -> list[object]:
    found = []
    for family, run in RUNS:
        dialect = DIALECTS[family]
        marks: list[pytest.MarkDecorator] = []
        if dialect not in PLAYED:
            marks.append(pytest.mark.skip(reason=f"the client's side has no dialect {dialect}"))
        elif run.name in NOT_YET:
            expected = (Mismatch, Unsupported)
            marks.append(pytest.mark.xfail(strict=True, raises=expected, reason=NOT_YET[run.name]))
        found.append(pytest.param(run, dialect, id=run.name, marks=marks))
    return found


@pytest.mark.parametrize(("run", "dialect"), _cases())
def test_the_engine_does_what_the_transcript_says(run: Run, dialect: str) -> None:
    transport = InProcess(dialect)
    Player(run, transport, transport.setting()).play()


def test_what_is_not_done_yet_names_runs_that_exist() -> None:
    assert NOT_YET.keys() - {run.name for _, run in RUNS} == set()


# -- that the matrices are all there -------------------------------------------------------------------------

FIX44_BRANCHES = """
    A.1.a: t2 t3        A.1.b: t2           B.1.a: t2 t4 t5     B.1.b: t2 t5 t7     B.1.c: t2 t5        B.1.e:
    B.1.f:              C.1.a: t2 t4 t5     C.1.c: t2 t5 t6     C.2.a: t2           C.3.a: t2 t5 t7     C.3.b: t2
    D.1.a: t2           D.1.b: t2           D.2.a:              D.2.c:              D.2.d:              E.1.a:
    E.1.b: t2           E.1.d: t2           E.1.e: t2           E.1.f: t2           F.1.a:              F.1.b:
    F.1.c:              G.1.a:              G.1.c: t4           H.1.a: d1t4 d2t1    H.1.c: d1t4 d2t3 d2t4
    I.1.a: t2           I.1.b: t2           J.1.a: t2           J.1.c: d1t4         J.1.d:              K.1.a: t2
    L.1.a: t2
"""
"""Where the matrices branch: scenario and times."""

FIX42_BRANCHES = """
    D1: t2 t3     D2: t2        D3: t2 t4 t5  D5: t2 t5     D6: t2 t4 t5  D7: t2 t5 t7  D9: t2        D10: t2 t5 t7
    D11: t2       D13: t2       D14: t2       D15: t2       D17:          D18:          D19: t2       D21: t2
    D22:          D23:          D25: t2       D26: t4       D27: d1t4 d2t1              D29: d1t4 d2t3 d2t4
    D30: d1t4 d2t3 d2t5         D31:          D32: t2       D34: t2       D35:          D37: t2
"""


def _branches(table: str) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for word in table.split():
        if word.endswith(":"):
            name = word[:-1]
            found[name] = set()
        else:
            found[name].add(word)
    return found


@pytest.mark.parametrize(
    ("family", "count", "table"), [("fix44", 36, FIX44_BRANCHES), ("fix42", 28, FIX42_BRANCHES)]
)
def test_every_scenario_has_every_branch_of_its_matrix(family: str, count: int, table: str) -> None:
    wanted = _branches(table)
    there = {t.name: {a.at for a in t.alternatives} for t in TRANSCRIPTS[family]}
    assert len(there) == count
    assert there.keys() == wanted.keys()
    assert {name: times - there[name] for name, times in wanted.items() if times - there[name]} == {}


def test_runs_have_names_of_their_own() -> None:
    names = [run.name for _, run in RUNS]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("run", [run for family, run in RUNS if family == "fix42"], ids=lambda run: run.name)
def test_a_client_of_4_2_is_told_in_its_own_terms(run: Run) -> None:
    for line in run.lines:
        if line.kind == "E" and line.get("35") == "8":
            assert line.get("20") in ("0", "1", "2", "3"), line
            assert line.get("150") not in ("F", "G", "H", "I"), line
        if line.kind == "V":
            assert not line.get("20") and line.get("150") not in ("1", "2"), line
