"""A seeded stream of client actions, good and bad, and the driver that sends them.

`Workload.next` looks at a client's view of its orders and says what to do next: mostly orders near the price
it knows, some of them marketable, cancels and replaces of what is open, and now and then something that must
be denied. The same seed and the same view give the same action, so a workload over a deterministic venue can
be repeated; over real sockets the timing of reports is part of the view, and only the stream of orders' kinds
stays alike.

Prices: it starts from the prices it is given (the simulator's `prices.first_prices` for the same seed, or
what a market publishes) and follows the executions it sees. All sizes are whole lots.
"""

import random
import time
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from typing import Final

from msgspec import Struct

from oms.core.types import SCALE, OrdType, Side, TimeInForce
from oms.sim.client import Client, NotLoggedOn
from oms.sim.client_view import FINAL, ClientView, Order
from oms.sim.instruments import SimInstrument

MIX: Final[dict[str, int]] = {
    "limit_passive": 30,
    "limit_marketable": 25,
    "market": 8,
    "ioc": 6,
    "fok": 4,
    "cancel": 14,
    "replace_down": 3,
    "replace_up": 3,
    "replace_price": 4,
    "bad_symbol": 1,
    "bad_tick": 1,
    "bad_size": 1,
    "bad_duplicate": 1,
    "bad_account": 1,
}
"""How often each kind is drawn, by weight. What needs an open order becomes a passive order where there is
none."""

SHARES: Final = (1, 900)
IDLE_SECONDS: Final = 0.000_05
OVERSIZE_SHARES: Final = 5_000_000
PASSIVE_TICKS: Final = (1, 12)
MARKETABLE_TICKS: Final = (2, 6)


class Action(Struct, frozen=True):
    """One thing to send. Quantities and prices in units of 1e-8."""

    kind: str  # a key of MIX
    symbol: str = ""
    side: str = ""
    order_qty: int = 0
    price: int = 0
    ord_type: str = OrdType.LIMIT
    time_in_force: str = TimeInForce.DAY
    account: str = ""
    cl_ord_id: str = ""  # of the order that is used again, canceled or replaced

    @property
    def is_cancel(self) -> bool:
        """OrderCancelRequest(F)."""
        return self.kind == "cancel"

    @property
    def is_replace(self) -> bool:
        """OrderCancelReplaceRequest(G)."""
        return self.kind.startswith("replace")


class Workload:
    """Draws actions. Not thread-safe, no clock, no I/O."""

    def __init__(
        self,
        instruments: Sequence[SimInstrument],
        prices: Mapping[str, int],
        accounts: Sequence[str],
        *,
        seed: int = 1,
        mix: Mapping[str, int] = MIX,
        max_open: int = 200,
    ) -> None:
        """`prices` by symbol, in units of 1e-8; instruments without one are left out. Raises ValueError if
        none is left.

        `max_open` bounds the orders that are left resting: beyond it, the next action is a cancel.
        """
        self._instruments = [i for i in instruments if i.symbol in prices]
        if not self._instruments or not accounts:
            raise ValueError("a workload needs an account and an instrument with a price")
        self._by_symbol = {i.symbol: i for i in self._instruments}
        self._prices = dict(prices)
        self._accounts = list(accounts)
        self._rng = random.Random(seed)
        self._kinds = list(mix)
        self._weights = [mix[kind] for kind in self._kinds]
        self._max_open = max_open

    def next(self, view: ClientView) -> Action:
        """What to do next, given what is known."""
        rng = self._rng
        kind = rng.choices(self._kinds, self._weights)[0]
        if len(view.open) >= self._max_open:
            kind = "cancel"
        if kind == "cancel" or kind.startswith("replace"):
            order = self._open_order(view)
            if order is not None:
                return self._request(kind, order)
            kind = "limit_passive"
        return self._order(kind, view)

    def _order(self, kind: str, view: ClientView) -> Action:
        rng = self._rng
        instrument = rng.choice(self._instruments)
        symbol = instrument.symbol
        reference = view.last_px.get(symbol, self._prices[symbol])
        side = rng.choice((Side.BUY, Side.SELL))
        away = -1 if side == Side.BUY else 1
        if kind in ("limit_marketable", "ioc", "fok"):
            ticks = -away * rng.randint(*MARKETABLE_TICKS)
        else:
            ticks = away * rng.randint(*PASSIVE_TICKS)
        qty = max(rng.randint(*SHARES) * SCALE // instrument.lot_size, 1) * instrument.lot_size
        price = instrument.move(reference, ticks)
        cl_ord_id = ""
        account = rng.choice(self._accounts)
        ord_type, time_in_force = OrdType.LIMIT, TimeInForce.DAY
        if kind == "market":
            ord_type, price = OrdType.MARKET, 0
        elif kind == "ioc":
            time_in_force = TimeInForce.IOC
        elif kind == "fok":
            time_in_force = TimeInForce.FOK
        elif kind == "bad_symbol":
            symbol = "NO.SUCH"
        elif kind == "bad_tick":
            price += instrument.tick_at(price) // 2
        elif kind == "bad_size":
            qty = OVERSIZE_SHARES * SCALE
        elif kind == "bad_account":
            account = "NO-SUCH-ACCOUNT"
        elif kind == "bad_duplicate" and view.orders:
            cl_ord_id = next(reversed(view.orders))
        return Action(kind, symbol, side, qty, price, ord_type, time_in_force, account, cl_ord_id)

    def _request(self, kind: str, order: Order) -> Action:
        rng = self._rng
        instrument = self._by_symbol[order["symbol"]]
        lot = instrument.lot_size
        open_lots = max(order["order_qty"] - order["cum"], lot) // lot
        qty, price = order["order_qty"], order["price"]
        if kind == "replace_up":
            qty += rng.randint(1, open_lots) * lot
        elif kind == "replace_down":
            qty = max(qty - rng.randint(1, open_lots) * lot, lot)
        elif kind == "replace_price":
            price = instrument.move(price, rng.choice((-2, -1, 1, 2)))
        return Action(kind, order["symbol"], order["side"], qty, price, cl_ord_id=order["cl_ord_id"])

    def _open_order(self, view: ClientView) -> Order | None:
        """An open order that can be asked for something: acknowledged, and nothing else pending. O(open
        orders)."""
        count = len(view.open)
        if not count:
            return None
        start = self._rng.randrange(count)
        # The first suitable one from a random place on; few are not.
        for order in islice(view.open.values(), start, min(start + 8, count)):
            if (
                order["status"]
                and order["status"] not in FINAL
                and not order["requests"]
                and order["ord_type"] == OrdType.LIMIT
                and order["symbol"] in self._by_symbol
            ):
                return order
        return None


def perform(client: Client, action: Action) -> str:
    """Send one action. The ClOrdID it went under. Raises NotLoggedOn."""
    if action.is_cancel:
        return client.send_cancel(action.cl_ord_id)
    if action.is_replace:
        return client.send_replace(action.cl_ord_id, action.order_qty, price=action.price)
    return client.send_new(
        action.symbol,
        action.side,
        action.order_qty,
        price=action.price,
        ord_type=action.ord_type,
        time_in_force=action.time_in_force,
        account=action.account,
        cl_ord_id=action.cl_ord_id,
    )


class Summary(Struct):
    """What a run did."""

    sent: int = 0
    answered: int = 0
    elapsed_s: float = 0.0
    stalled: bool = False  # nothing was answered for the whole time-out, with messages outstanding

    @property
    def rate_per_s(self) -> float:
        """Messages sent per second."""
        return self.sent / self.elapsed_s if self.elapsed_s else 0.0


def run(
    client: Client,
    workload: Workload,
    count: int,
    *,
    window: int = 64,
    pace_per_s: float = 0.0,
    on_progress: Callable[[Summary], None] | None = None,
    meanwhile: Callable[[], object] | None = None,
    stall_timeout_s: float = 30.0,
    stop: Callable[[], bool] | None = None,
) -> Summary:
    """Send `count` actions, at most `window` unanswered at once, then wait for the last answers.

    `pace_per_s` 0 sends as fast as the window allows. While the session is down nothing is sent and the run
    goes on when it is back. `on_progress` is called with the running summary after each turn that sent or
    received something; `meanwhile` once a turn.
    """
    summary = Summary()
    view = client.view
    started = moved = time.monotonic()
    while summary.sent < count or view.unanswered:
        now = time.monotonic()
        room = window - view.unanswered
        if pace_per_s:
            room = min(room, int((now - started) * pace_per_s) + 1 - summary.sent)
        room = min(room, count - summary.sent)
        try:
            for _ in range(room):
                perform(client, workload.next(view))
                summary.sent += 1
        except NotLoggedOn:
            room = 0
        received = client.poll()
        summary.answered = summary.sent - view.unanswered
        if received or room > 0:
            moved = now
            if on_progress is not None:
                on_progress(summary)
        elif now - moved > stall_timeout_s:
            summary.stalled = True
            break
        done = meanwhile() if meanwhile is not None else None
        if not received and room <= 0 and not done:
            time.sleep(IDLE_SECONDS)
        if stop is not None and stop():
            break
    summary.elapsed_s = time.monotonic() - started
    return summary
