"""What the simulators need to know of an instrument: symbol, ticks, lot, and how dear it roughly is.

Plain values: whoever wires the programme together passes them in. `load_instruments` reads them from the
configuration's own files for programmes that stand alone. Prices and quantities in units of 1e-8.
"""

import csv
import tomllib
from bisect import bisect_right
from pathlib import Path
from typing import Final

from msgspec import Struct

from oms.core.types import SCALE, Px, Qty, parse_scaled

Ticks = tuple[tuple[Px, Px], ...]
"""Ascending (from this price on, this tick)."""

TYPICAL_PX: Final[dict[str, int]] = {"JPY": 3_000, "SEK": 200, "GBP": 10}
"""Whole units of a currency that a share is simulated to cost, give or take a factor of four. Made up."""

DEFAULT_TYPICAL_PX: Final = 100


class SimInstrument(Struct, frozen=True):
    """An instrument as the simulators know it."""

    symbol: str
    ticks: Ticks
    lot_size: Qty
    typical_px: Px = Px(DEFAULT_TYPICAL_PX * SCALE)

    def tick_at(self, price: int) -> int:
        """The tick that holds at a price."""
        ticks = self.ticks
        if len(ticks) == 1:
            return ticks[0][1]
        return ticks[max(bisect_right(ticks, price, key=lambda row: row[0]) - 1, 0)][1]

    def on_tick(self, price: int) -> bool:
        """Whether a price is positive and a multiple of its tick."""
        return price > 0 and price % self.tick_at(price) == 0

    def round_down(self, price: int) -> int:
        """The highest valid price not above `price`, at least one tick."""
        tick = self.tick_at(price)
        return max(price - price % tick, tick)

    def move(self, price: int, ticks: int) -> int:
        """The valid price that many ticks above a valid one, or below it if negative; never below one tick.

        Walks tick by tick, since the tick changes from band to band. O(ticks).
        """
        for _ in range(ticks):
            price += self.tick_at(price)
        for _ in range(-ticks):
            # Below a band's first price the lower band's tick holds.
            below = price - self.tick_at(price - 1)
            if below <= 0:
                return price
            price = below
        return price


def load_instruments(instruments_csv: Path, tick_rules_toml: Path) -> list[SimInstrument]:
    """The instruments of config/instruments.csv with their tick tables from config/tick_rules.toml.

    Raises KeyError for a tick table or a column that is not there, ValueError for a number that is none.
    """
    with tick_rules_toml.open("rb") as file:
        tables: dict[str, Ticks] = {
            table["name"]: tuple((Px(parse_scaled(a)), Px(parse_scaled(b))) for a, b in table["rows"])
            for table in tomllib.load(file)["tick_table"]
        }
    with instruments_csv.open(newline="", encoding="utf-8") as file:
        return [
            SimInstrument(
                symbol=row["symbol"],
                ticks=tables[row["tick_table"]],
                lot_size=Qty(parse_scaled(row["lot_size"])),
                typical_px=Px(TYPICAL_PX.get(row["currency"], DEFAULT_TYPICAL_PX) * SCALE),
            )
            for row in csv.DictReader(file)
        ]
