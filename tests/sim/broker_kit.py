"""Helpers for tests of the simulated venue: messages as fields, reports as fields, a lot of X at 1.00 a
tick."""

from oms.core.types import SCALE, OrdType, Px, Qty, Side, TimeInForce
from oms.fix.wire import fields
from oms.sim.broker import Broker
from oms.sim.exchange import Exchange
from oms.sim.instruments import SimInstrument

X = SimInstrument("X", ((Px(0), Px(SCALE)),), Qty(SCALE))
NOW_NS = 1_700_000_000_000_000_000

Fields = dict[str, str]


def empty_broker(**options: object) -> Broker:
    """A broker for X without background liquidity: only what a test puts there."""
    return Broker(Exchange([X], liquidity_levels=0), **options)  # type: ignore[arg-type]


def new(
    cl_ord_id: str,
    side: str,
    qty: int,
    price: int | None = None,
    time_in_force: str = TimeInForce.DAY,
    **more: str,
) -> Fields:
    """NewOrderSingle(D) in whole units; a market order if no price is given."""
    terms = {"40": OrdType.LIMIT, "44": str(price)} if price is not None else {"40": OrdType.MARKET}
    return {
        "35": "D",
        "11": cl_ord_id,
        "55": "X",
        "54": side,
        "38": str(qty),
        "59": time_in_force,
        **terms,
        **more,
    }


def cancel(cl_ord_id: str, orig: str, side: str = Side.BUY, **more: str) -> Fields:
    """OrderCancelRequest(F)."""
    return {"35": "F", "11": cl_ord_id, "41": orig, "55": "X", "54": side, "38": "1", **more}


def replace(cl_ord_id: str, orig: str, qty: int, price: int, side: str = Side.BUY, **more: str) -> Fields:
    """OrderCancelReplaceRequest(G)."""
    return {
        "35": "G",
        "11": cl_ord_id,
        "41": orig,
        "55": "X",
        "54": side,
        "38": str(qty),
        "40": OrdType.LIMIT,
        "44": str(price),
        **more,
    }


def status(cl_ord_id: str, side: str = Side.BUY, **more: str) -> Fields:
    """OrderStatusRequest(H)."""
    return {"35": "H", "11": cl_ord_id, "55": "X", "54": side, **more}


def ask(broker: Broker, *messages: Fields) -> list[Fields]:
    """The reports that these messages cause."""
    return [fields(report) for message in messages for report in broker.handle(message, NOW_NS)]


def brief(reports: list[Fields]) -> list[str]:
    """Reports as "ClOrdID ExecType/OrdStatus Cum+Leaves", executions with "Qty@Px"; refusals as "ClOrdID
    refused reason"."""
    lines = []
    for r in reports:
        if r["35"] == "9":
            lines.append(f"{r['11']} refused {r['434']}/{r['102']} {r['39']}")
            continue
        trade = f" {r['32']}@{r['31']}" if r["150"] == "F" else ""
        lines.append(f"{r['11']} {r['150']}/{r['39']} {r['14']}+{r['151']}{trade}")
    return lines
