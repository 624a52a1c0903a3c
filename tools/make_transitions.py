"""Draw the order's transition table from the code: docs/transitions.md.

Every status is reached with a real kernel, a journal in memory and one scripted venue; then everything that a
client, the venue or the calendar can do is done to it, and what the order has become is read from its state.
Nothing is written by hand, so the table cannot say what the code does not do.

    python tools/make_transitions.py           write docs/transitions.md
    python tools/make_transitions.py --check   exit 1 if it differs
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from oms.core import commands as cmd
from oms.core import events as ev
from oms.core.order import Order, ord_status
from oms.core.state import State
from oms.core.types import SCALE, Px, Qty
from oms.kernel import Kernel, Ledger

OUT: Final = Path(__file__).resolve().parent.parent / "docs" / "transitions.md"

NAMES: Final = {
    "A": "pending new",
    "0": "new",
    "1": "partially filled",
    "2": "filled",
    "3": "done for day",
    "4": "canceled",
    "6": "pending cancel",
    "7": "stopped",
    "8": "rejected",
    "9": "suspended",
    "B": "calculated",
    "C": "expired",
    "E": "pending replace",
}
PLENTY: Final = 10**17


class _Tape:
    """A journal in memory."""

    def __init__(self) -> None:
        self.length = 0

    def append(self, body: bytes) -> int:
        self.length += 1
        return self.length

    def commit(self) -> int:
        return self.length


class Desk:
    """One order of 100 at 50, X, and who can do something to it."""

    def __init__(self) -> None:
        self.now_ns = 1_800_000_000_000_000_000
        self.kernel = Kernel(State(), Ledger(), _Tape(), ["V"], clock=self._clock)
        for event in (
            ev.EngineStarted(1, "0", 1, "e"),
            ev.InstrumentDefined(
                1, "IBM", "XNYS", "USD", "", "IBM", Qty(SCALE), ((Px(0), Px(SCALE // 100)),), Px(SCALE), 2
            ),
            ev.FirmDefined(1, Qty(PLENTY), (("USD", PLENTY),), 0, "V", ()),
            ev.AccountDefined(1, "A", "A", ("C",), (("USD", PLENTY),), Qty(PLENTY)),
            ev.SessionLoggedOn(1, "C"),
            ev.SessionLoggedOn(1, "V"),
        ):
            self.kernel.record(event)
        self.sent: list[str] = []
        self.ids = 0
        self.do(cmd.NewOrder("C", "X", "A", "IBM", "1", _qty(100), "2", Px(50 * SCALE), "0"))

    def _clock(self) -> int:
        self.now_ns += 1_000_000
        return self.now_ns

    @property
    def order(self) -> Order:
        return self.kernel.state.orders[1]

    def do(self, command: cmd.Command) -> None:
        self.sent.clear()
        self.kernel.on_command(command, "table")
        self.kernel.flush(lambda session, text, *_: self.sent.append(text) if session == "C" else None)

    def report(self, exec_type: str, **more: object) -> None:
        """The venue says something: of the request that is open, or of the order."""
        route = self.order.routes[0]
        self.ids += 1
        asked = route.requests[-1].cl_ord_id if route.requests and exec_type in "45" else route.cl_ord_id
        self.do(cmd.VenueReport("V", asked, exec_type, "0", exec_id=f"x{self.ids}", **more))  # type: ignore[arg-type]

    def fill(self, qty: int) -> None:
        self.report("F", last_qty=_qty(qty), last_px=Px(50 * SCALE))

    def ask(self, qty: int) -> None:
        self.ids += 1
        self.do(cmd.ReplaceOrder("C", f"R{self.ids}", "X", "IBM", "1", _qty(qty), "2", Px(50 * SCALE)))

    def cancel(self) -> None:
        self.ids += 1
        self.do(cmd.CancelOrder("C", f"C{self.ids}", "X", "IBM", "1"))

    def refuse(self) -> None:
        route = self.order.routes[0]
        asked = route.requests[-1].cl_ord_id if route.requests else "nothing"
        self.do(cmd.VenueCancelReject("V", asked, cxl_rej_reason=0))

    def correct(self, exec_type: str) -> None:
        known = [id for id, execution in self.order.routes[0].executions.items() if execution.stands]
        what = {"last_qty": _qty(30), "last_px": Px(50 * SCALE)} if exec_type == "G" else {}
        self.report(exec_type, exec_ref_id=known[-1] if known else "none", **what)


def _qty(whole: int) -> Qty:
    return Qty(whole * SCALE)


Act = Callable[[Desk], object]

REACHED: Final[tuple[tuple[str, tuple[Act, ...]], ...]] = (
    ("A", ()),
    ("0", (lambda d: d.report("0"),)),
    ("1", (lambda d: d.report("0"), lambda d: d.fill(40))),
    ("2", (lambda d: d.report("0"), lambda d: d.fill(100))),
    ("7", (lambda d: d.report("0"), lambda d: d.report("7", last_qty=_qty(10), last_px=Px(SCALE)))),
    ("9", (lambda d: d.report("0"), lambda d: d.report("9"))),
    ("6", (lambda d: d.report("0"), lambda d: d.fill(40), Desk.cancel)),
    ("E", (lambda d: d.report("0"), lambda d: d.fill(40), lambda d: d.ask(150))),
    ("3", (lambda d: d.report("0"), lambda d: d.fill(40), lambda d: d.report("3"))),
    ("4", (lambda d: d.report("0"), lambda d: d.fill(40), lambda d: d.report("4"))),
    ("C", (lambda d: d.report("0"), lambda d: d.fill(40), lambda d: d.report("C"))),
    ("B", (lambda d: d.report("0"), lambda d: d.fill(40), lambda d: d.report("B"))),
    ("8", (lambda d: d.report("8"),)),
)

DONE: Final[tuple[tuple[str, str, Act], ...]] = (
    ("client", "cancel", Desk.cancel),
    ("client", "replace, more", lambda d: d.ask(150)),
    ("client", "replace, same quantity", lambda d: d.ask(100)),
    ("venue", "New", lambda d: d.report("0")),
    ("venue", "Trade, part", lambda d: d.fill(10)),
    (
        "venue",
        "Trade, all that is open",
        lambda d: d.fill(max(d.order.order_qty - d.order.cum_qty, SCALE) // SCALE),
    ),
    ("venue", "Canceled", lambda d: d.report("4")),
    ("venue", "Replaced", lambda d: d.report("5")),
    ("venue", "Rejected", lambda d: d.report("8")),
    ("venue", "OrderCancelReject", Desk.refuse),
    ("venue", "DoneForDay", lambda d: d.report("3")),
    ("venue", "Expired", lambda d: d.report("C")),
    ("venue", "Stopped", lambda d: d.report("7", last_qty=_qty(10), last_px=Px(SCALE))),
    ("venue", "Suspended", lambda d: d.report("9")),
    ("venue", "Triggered", lambda d: d.report("L")),
    ("venue", "Restated", lambda d: d.report("D", order_qty=_qty(90), exec_restatement_reason="5")),
    ("venue", "Calculated", lambda d: d.report("B")),
    ("venue", "TradeCancel", lambda d: d.correct("H")),
    ("venue", "TradeCorrect", lambda d: d.correct("G")),
    ("calendar", "the day ends", lambda d: d.do(cmd.EndDay("calendar"))),
)


def cell(before: tuple[Act, ...], act: Act) -> str:
    """What the order is afterwards: bold where that is another status."""
    desk = Desk()
    for step in before:
        step(desk)
    status = ord_status(desk.order)
    questioned = desk.kernel.state.counts.get("questioned", 0)
    act(desk)
    after = ord_status(desk.order)
    text = f"**{NAMES[after]}**" if after != status else "same" if desk.sent else "-"
    if any(sent.startswith("35=9\x01") for sent in desk.sent):
        text += ", request refused"
    if desk.kernel.state.counts.get("questioned", 0) > questioned:
        text += " ?"
    return text


def table() -> str:
    """The whole file."""
    heads = [NAMES[status] for status, _ in REACHED]
    lines = [
        "# What an order can become",
        "",
        "Made from the code by `tools/make_transitions.py`; a test compares. Every cell was tried: an",
        "order of 100 was brought to the status of its column (what can be part-filled is, with 40),",
        "then the thing of its row was done.",
        "",
        "**bold** is the new OrdStatus(39); *same* means that the client got a report and the status",
        "stayed; *-* that nothing changed and nobody was told; *?* that the venue contradicted itself",
        "or us, which is journaled and shown. The [transcripts](../oms/conformance/scenarios) say what",
        "the standard wants.",
        "",
        "| who | what | " + " | ".join(heads) + " |",
        "|---|---|" + "---|" * len(heads),
    ]
    for who, what, act in DONE:
        cells = [cell(before, act) for _, before in REACHED]
        lines.append(f"| {who} | {what} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def main() -> None:
    for status, before in REACHED:
        desk = Desk()
        for step in before:
            step(desk)
        assert ord_status(desk.order) == status, (status, ord_status(desk.order))
    text = table()
    if "--check" in sys.argv:
        sys.exit(0 if OUT.read_text() == text else f"{OUT} is not what the code does: make it anew")
    OUT.write_text(text)


if __name__ == "__main__":
    main()
