"""Write docs/emulation.md from the code: what becomes of what an order may say and its venue does not know.

Every row is asked of the engine's own decision, with a venue that declares it and one that declares nothing
but market and limit orders for the day. Nothing is written by hand but the names.

    python tools/make_emulation.py           write docs/emulation.md
    python tools/make_emulation.py --check   exit 1 if it differs
"""

import sys
from pathlib import Path
from typing import Any, Final

from oms.core import events as ev
from oms.core.controls import Ask, Denial
from oms.core.emulation import FEATURES, needed
from oms.core.routing import venue_lacks
from oms.core.state import State
from oms.core.types import SCALE, Px, Qty, Terms

OUT: Final = Path(__file__).resolve().parent.parent / "docs" / "emulation.md"

NOW: Final = 1_795_600_000_000_000_000
ITEM: Final = ev.InstrumentDefined(
    NOW, "X", "XNYS", "USD", "", "X", Qty(SCALE), ((Px(0), Px(SCALE // 100)),), Px(SCALE), 1
)
PLAIN: Final = ev.VenueDefined(NOW, "V", ("1", "2"), ("0",), ())
OTHERS: Final = tuple(
    name for name in Terms.__struct_fields__ if name not in ("legs", "multi_leg_rpt_type_req", "unread")
)

STOP: Final = Px(95 * SCALE)
ASKED: Final[tuple[tuple[str, dict[str, Any]], ...]] = (
    ("stop: OrdType 3", {"ord_type": "3", "price": Px(0), "terms": Terms(stop_px=STOP)}),
    ("stop limit: OrdType 4", {"ord_type": "4", "terms": Terms(stop_px=STOP)}),
    ("market if touched: OrdType J", {"ord_type": "J", "price": Px(0), "terms": Terms(stop_px=STOP)}),
    (
        "trailing stop: OrdType P, ExecInst a, PegOffsetValue",
        {"ord_type": "P", "price": Px(0), "terms": Terms(exec_inst="a", peg_offset=Px(2 * SCALE))},
    ),
    (
        "trailing stop limit: OrdType 4, ExecInst a, PegOffsetValue",
        {"ord_type": "4", "terms": Terms(stop_px=STOP, exec_inst="a", peg_offset=Px(2 * SCALE))},
    ),
    ("other pegs: OrdType P", {"ord_type": "P", "price": Px(0), "terms": Terms(exec_inst="R")}),
    ("iceberg: MaxFloor", {"terms": Terms(max_floor=Qty(10 * SCALE))}),
    (
        "iceberg with MinQty",
        {"terms": Terms(max_floor=Qty(10 * SCALE), min_qty=Qty(5 * SCALE))},
    ),
    ("good till canceled: TimeInForce 1", {"time_in_force": "1"}),
    (
        "good till date: TimeInForce 6, ExpireDate or ExpireTime",
        {"time_in_force": "6", "terms": Terms(expire_date="20261130")},
    ),
    ("at the opening: TimeInForce 2", {"time_in_force": "2"}),
    ("at the close: TimeInForce 7; in FIX 4.2 OrdType 5, A, B", {"time_in_force": "7"}),
    ("immediate or cancel: TimeInForce 3", {"time_in_force": "3"}),
    ("fill or kill: TimeInForce 4", {"time_in_force": "4"}),
    ("good till crossing: TimeInForce 5", {"time_in_force": "5"}),
    ("minimum: MinQty", {"terms": Terms(min_qty=Qty(5 * SCALE))}),
    ("all or none: ExecInst G", {"terms": Terms(exec_inst="G")}),
    ("post only: ExecInst 6", {"terms": Terms(exec_inst="6")}),
    ("not held: ExecInst 1", {"terms": Terms(exec_inst="1")}),
    ("MaxShow", {"terms": Terms(max_show=Qty(10 * SCALE))}),
    ("a broker's algorithm: TargetStrategy", {"terms": Terms(target_strategy="2")}),
)


def state_with(venue: ev.VenueDefined) -> State:
    """A market with a calendar and a price, and one venue."""
    state = State()
    table = ev.CalendarDefined(NOW, "XNYS", 0, 0, ((20261125, 0, 1),), "")
    for event in (ITEM, venue, table, ev.ReferencePriceChanged(NOW, "X", Px(90 * SCALE), "V")):
        state.apply(event)
    return state


def ask(**changes: Any) -> Ask:
    """An order to buy 100 at 90, changed."""
    plain: dict[str, Any] = {"ord_type": "2", "price": Px(90 * SCALE), "time_in_force": "0"} | changes
    asked = Ask(
        session_id="C",
        cl_ord_id="A",
        account="A",
        symbol="X",
        side="1",
        order_qty=Qty(100 * SCALE),
        prior=None,
        **plain,
    )
    asked.instrument = ITEM
    return asked


def declared(asked: Ask) -> str:
    """What a venue has to declare, as the configuration has it."""
    parts = []
    if asked.ord_type not in PLAIN.ord_types:
        parts.append(f'ord_types "{asked.ord_type}"')
    if asked.time_in_force not in PLAIN.times_in_force:
        parts.append(f'times_in_force "{asked.time_in_force}"')
    if asked.terms is not None:
        said = [name for name in OTHERS if getattr(asked.terms, name)]
        parts += [f'terms "{name}"' for name in said]
        if asked.terms.exec_inst:
            parts.append(f'exec_insts "{asked.terms.exec_inst}" or none of them')
    return ", ".join(parts)


def outcome(asked: Ask) -> str:
    """What becomes of it at a venue that declares nothing of it."""
    found = needed(state_with(PLAIN), "V", asked)
    if isinstance(found, Denial):
        return f"refused: {found.text.replace('venue V', 'venue')}"
    how = {feature.name: feature.how for feature in FEATURES}
    return "done: " + "; ".join(how[name] for name in found)


def document() -> str:
    """The whole page."""
    able = ev.VenueDefined(NOW, "V", tuple("1234JP"), tuple("01234567"), OTHERS)
    rows = []
    for name, changes in ASKED:
        asked = ask(**changes)
        assert venue_lacks(state_with(able), "V", asked) is None
        rows.append(f"| {name} | {declared(asked)} | {outcome(ask(**changes))} |")
    return "\n".join(
        [
            "# What a venue lacks",
            "",
            "Made from the code by tools/make_emulation.py; not edited by hand.",
            "",
            "What a venue can do is declared in `[capability.VENUE]` of the configuration; one of which",
            "nothing is declared is taken to do everything. What is declared passes as it is. What is not is",
            "done here, where that does not change what the client asked for, or refused with the reason",
            "before anything leaves. An order that says something that is read nowhere here is refused",
            "wherever it would go. How it is done: [oms/core/emulation.py](../oms/core/emulation.py).",
            "",
            "| an order says | the venue declares | what becomes of it at a venue that does not |",
            "|---|---|---|",
            *rows,
            "",
        ]
    )


def main() -> None:
    """The command line."""
    text = document()
    if "--check" not in sys.argv[1:]:
        OUT.write_text(text, "utf-8")
    elif not OUT.exists() or OUT.read_text("utf-8") != text:
        sys.exit(f"{OUT}: not what the code does; run tools/make_emulation.py")


if __name__ == "__main__":
    main()
