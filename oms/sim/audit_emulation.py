"""Orders of which the engine does part of the work, as an auditor finds them. Part of `auditor`.

Each function is about one order's record and answers what is wrong, in words. The rules:

- done here is only what the venue does not declare, and what the venue gets says nothing of it;
- a route is made when no other can execute and nothing is asked of the order, and is for all that is left of
  it, or for what is to be shown of that;
- a good-till order that is sent for the day goes out while its market takes orders, and no route of it
  outlives the day;
- a stop price that trails moves to where the distance from the reference price puts it, and the better way.
"""

from typing import Any

from oms.core import events as ev
from oms.core.types import SCALE, OrdType, Side, Terms, TimeInForce

Record = dict[str, Any]

PEG = ("peg_offset", "peg_offset_type", "peg_move_type")


def unneeded(order: Record, known: ev.VenueDefined | None) -> list[str]:
    """What is done here though the venue declares it."""
    name, terms = f"order {order['order_id']}", order["versions"][-1]["terms"]
    if known is None:
        return [f"{name} is emulated at a venue that is taken to do everything"]
    trails = {"exec_inst", "peg_offset"} <= set(known.terms) and "a" in (known.exec_insts or "a")
    dates = {n for n in ("expire_date", "expire_time") if getattr(terms, n)}
    can = {
        "stop": order["ord_type"] in known.ord_types,
        "trailing_stop": order["ord_type"] in known.ord_types and trails,
        "iceberg": "max_floor" in known.terms or not terms.max_floor,
        "good_till": order["time_in_force"] in known.times_in_force and dates <= set(known.terms),
    }
    return [f"{name}: {what} is emulated, which {known.venue} can" for what in order["emulated"] if can[what]]


def as_sent(order: Record, terms: Terms, ord_type: str) -> tuple[set[str], str, set[str]]:
    """What a venue is told of an order: fields of `Terms`, TimeInForce(59), codes of ExecInst(18)."""
    said = {name for name in terms.__struct_fields__ if getattr(terms, name)}
    codes = set(terms.exec_inst.split())
    time_in_force = order["time_in_force"]
    if ord_type:
        said -= {"stop_px"}
    if ord_type and "trailing_stop" in order["emulated"]:
        said -= set(PEG)
        codes -= {"a"}
        said -= set() if codes else {"exec_inst"}
    if "iceberg" in order["emulated"]:
        said -= {"max_floor"}
    if "good_till" in order["emulated"]:
        said -= {"expire_date", "expire_time"}
        time_in_force = TimeInForce.DAY
    if order["emulated"] and order["cum_qty"] >= terms.min_qty:
        said -= {"min_qty"}
    return said, time_in_force, codes


def open_qty(order: Record) -> int:
    """What its routes may still execute."""
    return sum(max(r["order_qty"] - r["cum_qty"], 0) for r in order["routes"].values() if not r["ended"])


def bad_route(order: Record, order_qty: int, left: int, takes_orders: bool) -> list[str]:
    """What is wrong with another route; before it is among the order's."""
    name = f"order {order['order_id']}"
    wrong = []
    if open_qty(order) or any(r["requests"] for r in order["routes"].values()):
        wrong.append(f"{name} is sent again while somebody may execute it")
    if order["requests"]:
        wrong.append(f"{name} is sent again while something is asked of it")
    shown = order["versions"][-1]["terms"].max_floor if "iceberg" in order["emulated"] else 0
    if order_qty != min(left, shown or left):
        wrong.append(f"{name}: {order_qty} is sent of {left}, {shown} is to be shown")
    if "good_till" in order["emulated"] and not (takes_orders and not order["done_for_day"]):
        wrong.append(f"{name} is sent for the day while its market takes no orders")
    return wrong


def bad_wait(order: Record, left: int) -> list[str]:
    """What is wrong with an order that waits."""
    name = f"order {order['order_id']}"
    if not order["emulated"] or order["held_for"] or order["ended"]:
        return [f"{name} waits and is not ours to send"]
    if open_qty(order) and open_qty(order) <= left:
        return [f"{name} waits though somebody has it"]
    return []


def may_wait(order: Record, left: int) -> bool:
    """Whether there is something to be sent, or taken back, and nobody owes an answer."""
    if order["ended"] or order["held_for"] or any(r["requests"] for r in order["routes"].values()):
        return False
    return (left > 0 and not open_qty(order)) or open_qty(order) > left


def trailing_px(order: Record, instrument: Record, reference: int) -> int:
    """Where the stop price of a trailing stop is at a reference price."""
    terms: Terms = order["versions"][-1]["terms"]
    offset = abs(terms.peg_offset)
    if terms.peg_offset_type == "1":
        # Basis points, rounded away from the price.
        distance, rest = divmod(reference * offset, 10_000 * SCALE)
        distance += rest > 0
    elif terms.peg_offset_type == "2":
        distance = offset * _tick(instrument, reference) // SCALE
    else:
        distance = offset
    px = reference + (distance if order["side"] == Side.BUY else -distance)
    tick = _tick(instrument, px)
    off = px % tick
    return px - off + (tick if off and order["side"] == Side.BUY else 0)


def _tick(instrument: Record, px: int) -> int:
    return int(next(tick for low, tick in reversed(instrument["ticks"]) if low <= max(px, 0)))


def bad_move(order: Record, instrument: Record, reference: int, stop_px: int) -> list[str]:
    """What is wrong with a stop price that moves."""
    name, before = f"order {order['order_id']}", order["versions"][-1]["terms"].stop_px
    if not order["held_for"] or "trailing_stop" not in order["emulated"]:
        return [f"{name} does not trail, and its stop price moves"]
    wrong = []
    if stop_px != trailing_px(order, instrument, reference):
        wrong.append(f"{name}: its stop price moves to {stop_px} at {reference}")
    if not (stop_px < before if order["side"] == Side.BUY else stop_px > before):
        wrong.append(f"{name}: its stop price moves the worse way, from {before} to {stop_px}")
    return wrong


def left_behind(order: Record, instrument: Record, reference: int) -> bool:
    """Whether a held trailing stop has not followed the reference price."""
    trails = order["held_for"] and "trailing_stop" in order["emulated"]
    kinds = (OrdType.PEGGED, OrdType.STOP, OrdType.STOP_LIMIT)
    if not trails or order["ord_type"] not in kinds:
        return False
    px, stop_px = trailing_px(order, instrument, reference), order["versions"][-1]["terms"].stop_px
    return bool(px < stop_px if order["side"] == Side.BUY else px > stop_px)
