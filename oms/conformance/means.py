"""What a run is played with: an account, an instrument, a side and a price, within what is allowed there.

An OMS may be set up so that it sends a venue less than the transcripts ask for, or takes smaller orders, or
keeps an account to its limits. What it then refuses, or does itself, is right and says nothing of the life of
an order. So a run that is beyond what it allows is not compared, for a reason that is known before it is
played; all others are played so that they fit:

- The price that the venue publishes is the run's own, so that no limit is far from the market.
- What earlier runs have bought is sold again by later ones, so that no account is used up, and never sold
  short. A run with a stop price buys: its prices lie the way a buyer has them.
- Accounts and instruments are taken in turn; one with too little left is passed over.

Only what the kit itself has traded is known here. If an account had little left before, the OMS says so in
its refusal, and in words of ours that is understood: see `used_up`.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from msgspec import Struct

from oms.conformance.settings import ClientSession, Limits, Target, VenueSession
from oms.conformance.transcript import ABSENT, CLIENT_SENDS, DIRECTIVE, Run

BUY: Final = "1"
SELL: Final = "2"

TAKEN_AS_GIVEN: Final = {"40": "2", "59": "0"}
"""Of an order that does not say: a limit order, for the day."""

NAMES: Final = {"18": "ExecInst", "40": "OrdType", "59": "TimeInForce", "99": "StopPx"}

NO_LIMITS: Final = Limits()

USED_UP: Final = ("buying_power", "position_limit")
"""How an engine of ours begins a refusal for want of what an account may still do."""


class Asked(Struct, frozen=True):
    """The most that the orders of a run ask for. Shares, and prices in the instrument's currency."""

    qty: Decimal
    prices: tuple[Decimal, ...]
    stops: bool

    def price(self, side: str) -> str:
        """Where the market is to be: no limit is beyond it."""
        if self.stops:
            return f"{self.prices[0]:f}"
        return f"{max(self.prices) if side == BUY else min(self.prices):f}"

    @property
    def worth(self) -> Decimal:
        """The greatest value of one order."""
        return self.qty * max(self.prices)


def asked(run: Run, price: str) -> Asked:
    """What a run asks for. `price` is that of orders that give none, and where stop prices wait."""
    qty = Decimal(0)
    prices: list[Decimal] = []
    stops = unpriced = False
    for line in run.lines:
        found = dict(line.fields)
        if found.get("38", ABSENT) != ABSENT:
            qty = max(qty, Decimal(found["38"]))
        if not _is_order(line.kind, line.words, found):
            continue
        stops = stops or "99" in found
        if "44" in found:
            prices.append(Decimal(found["44"]))
        elif found.get("35") != "G":
            unpriced = True
    if unpriced or stops or not prices:
        prices.insert(0, Decimal(price))
    return Asked(qty, tuple(prices), stops)


def _is_order(kind: str, words: Sequence[str], found: dict[str, str]) -> bool:
    if kind == DIRECTIVE:
        return words[0] == "phone"
    return kind == CLIENT_SENDS and found.get("35") in ("D", "G")


def beyond(run: Run, venue: VenueSession, target: Target) -> str:
    """Why the OMS is right not to pass an order of this run on to this venue; empty if it has to."""
    for line in run.lines:
        found = dict(line.fields)
        if not _is_order(line.kind, line.words, found):
            continue
        if found.get("35") != "G":
            found = TAKEN_AS_GIVEN | found
        for tag, allowed in venue.takes.items():
            for value in found.get(tag, "").split():
                if value not in allowed:
                    return f"{venue.name} is not sent {NAMES.get(tag, tag)} {value}"
    most = asked(run, target.price)
    for what, much, limit in (
        ("of", most.qty, target.max_order_qty),
        ("worth", most.worth, target.max_order_worth),
    ):
        if not _within(much, limit):
            return f"an order {what} {much:f} is more than the limit {limit:f}"
    return ""


def able(client: ClientSession, most: Asked) -> bool:
    """Whether an account of this session is large enough, if nothing of it is used."""
    limits = (client.limits.get(account, NO_LIMITS) for account in client.accounts)
    return any(_within(most.qty, one.position) and _within(most.worth, one.buying_power) for one in limits)


def used_up(text: str) -> bool:
    """Whether a refusal's Text(58) says that an account has too little left."""
    return text.startswith(USED_UP)


class Choice(Struct, frozen=True):
    """What a run is played with, and where the market is meanwhile."""

    account: str
    symbol: str
    side: str
    price: str


def _within(much: Decimal, limit: Decimal | None) -> bool:
    return limit is None or much <= limit


class Means:
    """Whose turn it is, and what the kit has traded so far. `turn` is where it begins."""

    def __init__(self, turn: int) -> None:
        self._turn = turn
        self._position: dict[tuple[str, str], Decimal] = {}  # by account and symbol
        self._spent: dict[str, Decimal] = {}  # by account

    def choose(self, most: Asked, client: ClientSession, venue: VenueSession) -> Choice | None:
        """The next account and instrument that are good for it; None if none is."""
        self._turn += 1
        of_both = len(client.accounts) * len(venue.symbols)
        for more in range(of_both):
            symbol = venue.symbols[(self._turn + more) % len(venue.symbols)]
            account = client.accounts[(self._turn + more // len(venue.symbols)) % len(client.accounts)]
            position = self._position.get((account, symbol), Decimal(0))
            if position >= most.qty and not most.stops:
                return Choice(account, symbol, SELL, most.price(SELL))
            spent = self._spent.get(account, Decimal(0))
            limits = client.limits.get(account, NO_LIMITS)
            enough = _within(position + most.qty, limits.position)
            if enough and _within(spent + most.worth, limits.buying_power):
                return Choice(account, symbol, BUY, most.price(BUY))
        return None

    def book(self, choice: Choice, qty: Decimal, worth: Decimal) -> None:
        """What came of it: what was executed, and what it was worth."""
        sign = 1 if choice.side == BUY else -1
        key = choice.account, choice.symbol
        self._position[key] = self._position.get(key, Decimal(0)) + sign * qty
        self._spent[choice.account] = self._spent.get(choice.account, Decimal(0)) + sign * worth
