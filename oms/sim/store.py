"""A broker's orders on disk, so that it knows them after its own restart: what works, what it executed, which
ids were used.

A file of JSON lines, only appended to. A line is an order as it was after a message; the last one of an order
holds. Lines are handed to the operating system before the reports leave, so they outlive the process, not the
machine. A last line that was cut off is left out. At the start the file is written anew, with one line an
order, and takes its place when it is whole.

What is not kept: macros under way and reports that were to leave later. An order that a macro had kept off
the book stays off it. Prices go on where they were when an order of the symbol last changed.
"""

import os
from collections.abc import Iterable
from operator import attrgetter
from pathlib import Path
from typing import Any, Final

import msgspec

from oms.core.types import Terms
from oms.sim.reports import VenueOrder

_KEPT: Final = (
    "order_id", "cl_ord_ids", "symbol", "side", "ord_type", "time_in_force", "order_qty", "price", "account",
    "ord_status", "cum_qty", "executions", "key", "seq", "odd", "triggered", "off_book", "suspended",
    "idle_status",
)  # fmt: skip


_GET: Final = attrgetter(*_KEPT)
_ENCODER: Final = msgspec.json.Encoder()


class Counts(msgspec.Struct, omit_defaults=True):
    """Where a broker's ids stand."""

    next_exec: int = 1
    next_order: int = 1
    day: str = ""  # to which the ids count that start anew with it
    date: str = ""  # of the exchange's day


class Kept(msgspec.Struct):
    """What a file says."""

    orders: list[VenueOrder]
    refused_ids: list[str]
    prices: dict[str, int]
    counts: Counts


class Store:
    """One broker's file. Orders that change between two `flush` are written once."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._touched: dict[str, VenueOrder] = {}
        self._refused: list[str] = []
        self._forgotten: list[str] = []
        self._file: Any = None

    def load(self) -> Kept:
        """What there is, read. Writes it anew. Raises ValueError for a line that is none, unless it is the
        last."""
        kept = Kept([], [], {}, Counts())
        orders: dict[str, dict[str, Any]] = {}
        for line in _lines(self.path):
            if "refused" in line:
                kept.refused_ids.append(line["refused"])
                continue
            if "forgotten" in line:
                orders.pop(line["forgotten"], None)
                continue
            order = line["order"]
            orders[order["key"]] = order
            kept.prices[order["symbol"]] = line["px"]
            kept.counts = msgspec.convert(line["counts"], Counts)
        kept.orders = sorted((_order(raw) for raw in orders.values()), key=lambda order: order.seq)
        draft = self.path.with_name(self.path.name + ".new")
        with draft.open("wb") as new:
            new.writelines(_line({"refused": id}) for id in kept.refused_ids)
            for order in kept.orders:
                new.write(_line(_told(order, kept.prices[order.symbol], kept.counts)))
        os.replace(draft, self.path)
        return kept

    def touch(self, order: VenueOrder) -> None:
        """An order has changed."""
        if order.broker is not None and order.key not in self._touched:
            self._touched[order.key] = order

    def refuse(self, cl_ord_id: str) -> None:
        """A ClOrdID is spent though nothing has come of it."""
        self._refused.append(cl_ord_id)

    def forget(self, order: VenueOrder) -> None:
        """An order is not known any more."""
        self._touched.pop(order.key, None)
        self._forgotten.append(order.key)

    def flush(self, prices: dict[str, Any], counts: Counts) -> None:
        """Write what has changed."""
        if not (self._touched or self._refused or self._forgotten):
            return
        if self._file is None:
            self._file = self.path.open("ab", buffering=0)
        lines = [_line({"refused": id}) for id in self._refused]
        lines += [_line(_told(o, prices[o.symbol], counts)) for o in self._touched.values()]
        lines += [_line({"forgotten": key}) for key in self._forgotten]
        self._refused.clear()
        self._forgotten.clear()
        self._touched.clear()
        self._file.write(b"".join(lines))

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None


def _told(order: VenueOrder, px: int, counts: Counts) -> dict[str, Any]:
    told = dict(zip(_KEPT, _GET(order), strict=True))
    # A sum of notionals does not fit 64 bits.
    told["cum_notional"] = str(order.cum_notional)
    told["terms"] = msgspec.structs.asdict(order.terms) if order.terms is not None else None
    return {"order": told, "px": px, "counts": counts}


def _order(raw: dict[str, Any]) -> VenueOrder:
    terms = raw["terms"]
    raw["executions"] = {id: tuple(qty_px) for id, qty_px in raw["executions"].items()}
    raw["cum_notional"] = int(raw["cum_notional"])
    raw["terms"] = Terms(**terms) if terms is not None else None
    return VenueOrder(**raw)


def _line(what: dict[str, Any]) -> bytes:
    return _ENCODER.encode(what) + b"\n"


def _lines(path: Path) -> Iterable[dict[str, Any]]:
    if not path.exists():
        return
    *whole, _ = path.read_bytes().split(b"\n")
    for number, line in enumerate(whole, start=1):
        try:
            yield msgspec.json.decode(line)
        except msgspec.DecodeError as error:
            raise ValueError(f"{path}, line {number}: {error}") from None
