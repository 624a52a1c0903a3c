"""Every order state change matrix, played against the real kernel."""

import pytest

from oms.conformance.play import FIX42, FIX44, Player
from oms.conformance.transcript import Run, load, runs
from tests.conformance.in_process import InProcess

DIALECTS = {"fix44": FIX44, "more": FIX44, "fix42": FIX42}
"""What the client speaks, by folder. The venue speaks FIX 4.4 in all of them."""

TRANSCRIPTS = {family: load(family) for family in DIALECTS}
RUNS = [(family, run) for family, found in TRANSCRIPTS.items() for t in found for run in runs(t)]


@pytest.mark.parametrize(
    ("run", "dialect"), [pytest.param(run, DIALECTS[family], id=run.name) for family, run in RUNS]
)
def test_the_engine_does_what_the_transcript_says(run: Run, dialect: str) -> None:
    transport = InProcess(dialect)
    Player(run, transport, transport.setting()).play()


# -- that the matrices are all there -------------------------------------------------------------------------

FIX44_BRANCHES = """
    A.1.a: t2 t3        A.1.b: t2           B.1.a: t2 t4 t5     B.1.b: t2 t5 t7     B.1.c: t2 t5
    B.1.d: t3 t4 t5     B.1.e:              B.1.f:              C.1.a: t2 t4 t5     C.1.b: t2 t5 t7
    C.1.c: t2 t5 t6     C.2.a: t2           C.3.a: t2 t5 t7     C.3.b: t2           C.3.c: t2
    D.1.a: t2           D.1.b: t2           D.1.c: t2           D.2.a:              D.2.b:
    D.2.c:              D.2.d:              E.1.a:              E.1.b: t2           E.1.c: t2
    E.1.d: t2           E.1.e: t2           E.1.f: t2           F.1.a:              F.1.b:
    F.1.c:              G.1.a:              G.1.b: t2           G.1.c: t4           H.1.a: d1t4 d2t1
    H.1.b: d1t4         H.1.c: d1t4 d2t3 d2t4                   H.1.d: d1t4 d2t3 d2t5
    I.1.a: t2           I.1.b: t2           J.1.a: t2           J.1.b:              J.1.c: d1t4
    J.1.d:              K.1.a: t2           K.1.b: t2           L.1.a: t2           L.1.b: t2
"""
"""Where the matrices branch: scenario and times."""

FIX42_BRANCHES = """
    D1: t2 t3     D2: t2        D3: t2 t4 t5  D4: t2 t5 t7  D5: t2 t5     D6: t2 t4 t5  D7: t2 t5 t7
    D8: t2 t5 t6  D9: t2        D10: t2 t5 t7 D11: t2       D12: t2       D13: t2       D14: t2
    D15: t2       D16:          D17:          D18:          D19: t2       D20: t2       D21: t2
    D22:          D23:          D24:          D25: t2       D26: t4       D27: d1t4 d2t1
    D28: d1t4     D29: d1t4 d2t3 d2t4         D30: d1t4 d2t3 d2t5         D31:          D32: t2
    D33: t2       D34: t2       D35:          D36: d1t4     D37: t2
"""

DERIVED = {"fix44": {"B.1.d", "H.1.b", "K.1.b", "L.1.b"}, "fix42": {"D28"}, "more": set()}
"""Scenarios of which the standard's own rows could not be had: their headers say what they were made of."""


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
    ("family", "count", "table"), [("fix44", 48, FIX44_BRANCHES), ("fix42", 37, FIX42_BRANCHES)]
)
def test_every_scenario_has_every_branch_of_its_matrix(family: str, count: int, table: str) -> None:
    wanted = _branches(table)
    there = {t.name: {a.at for a in t.alternatives} for t in TRANSCRIPTS[family]}
    assert len(there) == count
    assert there.keys() == wanted.keys()
    assert {name: times - there[name] for name, times in wanted.items() if times - there[name]} == {}


@pytest.mark.parametrize("family", DERIVED)
def test_what_is_derived_says_so(family: str) -> None:
    assert {t.name for t in TRANSCRIPTS[family] if t.derived} == DERIVED[family]


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
