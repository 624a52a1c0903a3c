"""Reference prices, all of them synthetic: a seeded first price per instrument and a slow seeded walk.

No market is meant. The same seed and the same instruments give the same first prices in every process, so
that a client can know what the simulated market starts from without being told. From there each step moves
one instrument by a few ticks; the further it is from its first price, the likelier it moves back, so that it
stays within about two percent and a price collar keeps making sense however long the simulator runs.
"""

import random
from collections.abc import Iterable, Sequence
from typing import Final

from oms.core.types import Px
from oms.sim.instruments import SimInstrument

STEPS: Final = (1, 1, 1, 2, 2, 3)
"""How many ticks a step may move; one is drawn."""

REVERSION_PERMILLE: Final = 20
"""At this distance from the first price the next step leads back for certain."""


def first_price(seed: int, instrument: SimInstrument) -> Px:
    """The price an instrument starts from: its typical price times or divided by up to four, on a tick."""
    rng = random.Random(f"{seed}:price:{instrument.symbol}")
    permille = rng.randint(1_000, 4_000) if rng.random() < 0.5 else rng.randint(250, 1_000)
    return Px(instrument.round_down(instrument.typical_px * permille // 1_000))


def first_prices(seed: int, instruments: Iterable[SimInstrument]) -> dict[str, Px]:
    """Symbol -> the price it starts from."""
    return {i.symbol: first_price(seed, i) for i in instruments}


class ReferencePrices:
    """The current reference price of every instrument."""

    __slots__ = ("_first", "_instruments", "_rngs", "_seed", "px")

    def __init__(self, instruments: Sequence[SimInstrument], seed: int) -> None:
        self._seed = seed
        self._instruments = {i.symbol: i for i in instruments}
        self._first = first_prices(seed, instruments)
        self._rngs: dict[str, random.Random] = {}
        self.px: dict[str, Px] = dict(self._first)

    def step(self, symbol: str) -> Px:
        """Move one instrument by a few ticks. Depends on the seed, the symbol and how often it moved, on
        nothing else."""
        rng = self._rngs.get(symbol)
        if rng is None:
            rng = self._rngs[symbol] = random.Random(f"{self._seed}:walk:{symbol}")
        first, px = self._first[symbol], self.px[symbol]
        drift_permille = (px - first) * 1_000 // first
        up = rng.uniform(-REVERSION_PERMILLE, REVERSION_PERMILLE) >= drift_permille
        ticks = rng.choice(STEPS)
        moved = Px(self._instruments[symbol].move(px, ticks if up else -ticks))
        self.px[symbol] = moved
        return moved

    def set(self, symbol: str, px: int) -> None:
        """Have an instrument be worth something else. It walks on from there, and back to its first price."""
        self.px[symbol] = Px(px)


class PriceFeed:
    """The prices that one listener has not been told. An instrument that moves several times is told once."""

    __slots__ = ("_prices", "moved")

    def __init__(self, prices: ReferencePrices) -> None:
        self._prices = prices
        self.moved: dict[str, None] = {}  # symbols, in the order in which they moved

    def all_due(self) -> None:
        """Have every instrument's price told again: somebody has just logged on."""
        self.moved = dict.fromkeys(self._prices.px)

    def take(self, limit: int) -> list[tuple[str, Px]]:
        """The present price of at most that many instruments, longest waiting first."""
        symbols = [symbol for symbol, _ in zip(self.moved, range(limit), strict=False)]
        for symbol in symbols:
            del self.moved[symbol]
        return [(symbol, self._prices.px[symbol]) for symbol in symbols]
