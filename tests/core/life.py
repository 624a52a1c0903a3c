"""A random life: clients, venues, people and prices in any order, sensible or not. A seed gives one life."""

import random

from oms.core import events as ev
from oms.core.types import ExecType, OrdStatus, Side
from tests.core.desk import ALPHA, BRAVO, LSE, SIM, Desk

STATUSES = (
    OrdStatus.NEW, OrdStatus.PARTIALLY_FILLED, OrdStatus.FILLED, OrdStatus.CANCELED, OrdStatus.REJECTED,
    OrdStatus.PENDING_CANCEL, OrdStatus.PENDING_REPLACE, OrdStatus.EXPIRED,
)  # fmt: skip


def live_on(desk: Desk, seed: int, steps: int) -> None:
    """Let a desk do that many random things. Whatever happens, `Desk` checks its invariants after each."""
    rng = random.Random(seed)
    ids: list[str] = []

    def new_id() -> str:
        ids.append(f"{seed}.{len(ids) + 1}")
        return ids[-1]

    def some_id() -> str:
        """An id that was used for an order or a request, lately as a rule."""
        known = [id for id in ids[-12:] if desk.state.find(ALPHA, id) is not None]
        return rng.choice(known) if known else new_order()

    def new_order() -> str:
        id = new_id()
        side = rng.choice((Side.BUY, Side.SELL))
        px = rng.choice(("", "88", "89.5", "90", "91.25", "95")) if rng.random() < 0.95 else "300"
        symbol, account = rng.choice((("IBM", "BLOCK"), ("IBM", "HUGE"), ("VOD", "HUGE"), ("TOY", "HUGE")))
        if symbol != "IBM":
            px = px and {"VOD": "80", "TOY": "2000"}[symbol]
        desk.new(id, rng.choice(("100", "200", "700")), px, side=side, symbol=symbol, account=account,
                 tif=rng.choice("0003"))  # fmt: skip
        return id

    def replace() -> None:
        of = some_id()
        order = desk.order(of)
        px = (
            rng.choice(("88", "90", "92"))
            if order.symbol == "IBM"
            else "80"
            if order.symbol == "VOD"
            else "2000"
        )
        desk.replace(new_id(), of, rng.choice(("100", "300", "500")), px)

    def fill() -> None:
        of = some_id()
        order = desk.order(of)
        if order.routes:
            exec_id = f"x{rng.randrange(10_000)}"
            desk.fill(of, exec_id, rng.choice(("10", "50", "100")), rng.choice(("88", "90", "91.5")))
            if rng.random() < 0.2:
                desk.fill(of, exec_id, "10", "90")

    def report() -> None:
        of = some_id()
        if not desk.order(of).routes:
            return
        rng.choice((
            lambda: desk.ack(of),
            lambda: desk.ack(of),
            lambda: desk.canceled(of, "text"),
            lambda: desk.replaced(of),
            lambda: desk.replaced(of),
            lambda: desk.rejected(of),
            lambda: desk.refused(of),
            lambda: desk.report(of, ExecType.EXPIRED, OrdStatus.EXPIRED),
            lambda: desk.report(of, ExecType.DONE_FOR_DAY, OrdStatus.DONE_FOR_DAY),
            lambda: desk.stands(of, rng.choice(STATUSES)),
            lambda: desk.not_taken(of, "D"),
        ))()  # fmt: skip

    def outside() -> None:
        venue = rng.choice((SIM, LSE, ALPHA, BRAVO))
        rng.choice((
            lambda: (desk.down(venue), desk.up(venue)),
            lambda: (desk.halt("symbol", "VOD"), new_order(), desk.resume("symbol", "VOD")),
            lambda: desk.price("IBM", rng.choice(("89", "90", "91"))),
            lambda: desk.ask_status(some_id()),
        ))()  # fmt: skip

    def cancel() -> None:
        desk.cancel(new_id(), some_id())

    kinds = (*[new_order] * 3, replace, cancel, *[fill] * 3, *[report] * 4, outside)
    for _ in range(steps):
        rng.choice(kinds)()


def kinds_of(events: list[ev.Event]) -> set[str]:
    return {type(event).__name__ for event in events}
