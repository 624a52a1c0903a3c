"""The auditor's part about multileg orders: what their legs hold, own and pay. See `auditor`.

An order that names legs is an order for a combination. Its own executions are counted for itself only;
whatever an account has to answer for comes from its legs. Rules, each checked at the event that could break
it:

- there are at least two legs, of known instruments, each once, of one currency and one unit of quotation;
- a leg's quantity is the order's times its ratio: whole lots, and no more than the firm allows in one order;
  what the legs are worth together, bought or sold, is no more than the firm allows in one order either;
- the net price is a multiple of every tick that all ticks of all legs are multiples of;
- every leg is held at its instrument's reference price and the collar, rounded up;
- a leg is bought if LegSide and Side say the same of it, and its executions say so as well;
- an execution of a leg is known by its ExecID once; a bust or a correction is of one that stands;
- a leg executes no more than its part of the largest quantity that was asked for, unless that is questioned;
- an order whose venue reports legs alone has executed as many as its legs make up, at what they cost.

A leg holds its part of what the order is for, less what it has executed: the larger of old and new while a
replace is unanswered; of an order that has ended, its part of what that has executed. Only bought legs hold
money.
"""

from __future__ import annotations

from collections.abc import Callable
from math import gcd
from typing import TYPE_CHECKING, Any, Final

from oms.core import events as ev
from oms.core.types import SCALE, OrdType, Side, Terms

if TYPE_CHECKING:
    from oms.sim.auditor import Auditor

Record = dict[str, Any]

_REVERSED: Final = (Side.SELL, Side.OPPOSITE)


class LegAudit:
    """Legs of the orders of one auditor."""

    def __init__(self, auditor: Auditor) -> None:
        self._of = auditor
        self.executions: dict[tuple[int, int, str], Record] = {}  # (order, leg, ExecID) -> what was said

    def begin(self, side: str, terms: Terms) -> list[Record]:
        """The legs of a new order."""
        return [
            {
                "symbol": leg.symbol,
                "side": leg.side if side not in _REVERSED else str(3 - int(leg.side)),
                "ratio": leg.ratio_qty,
                "cum_qty": 0,
                "cum_notional": 0,
                "executed": 0,  # how many executions, busts and corrections were booked
                "held_qty": 0,
                "held_money": 0,
            }
            for leg in terms.legs
        ]

    # -- what is taken on ------------------------------------------------------------------------------------

    def taken_on(self, order: Record, event: ev.OrderReceived | ev.ReplaceRequested) -> None:
        """An order, or what a replace would make of it, that passed the controls."""
        terms = event.terms or Terms()
        wrong, name = self._of._wrong, f"order {order['order_id']}"
        symbols = [leg.symbol for leg in terms.legs]
        self._of._check_who(order, [order["symbol"], *symbols])
        found = [self._of._instruments.get(symbol) for symbol in symbols]
        instruments = [instrument for instrument in found if instrument is not None]
        account = self._of.accounts.get(order["account"])
        if account is None or len(instruments) < len(found):
            wrong(f"{name} is of an unknown account, or a leg of an unknown symbol")
            return
        if len(symbols) < 2 or len(set(symbols)) < len(symbols):
            wrong(f"{name} has legs {symbols}")
        if symbols != [leg["symbol"] for leg in order["legs"]]:
            wrong(f"{name}: a replace changes its legs to {symbols}")
        if len({(i["currency"], i["price_unit"]) for i in instruments}) > 1:
            wrong(f"{name}: its legs are not of one currency")
        self._check_size(order, event, terms, instruments)
        before = self._exposures(order)
        self.recount(order)
        for leg, (used, reached), (had, was) in zip(
            order["legs"], self._exposures(order), before, strict=True
        ):
            limit = account["buying_power"].get(self._currency(leg), 0) * SCALE
            if leg["side"] == Side.BUY and used > limit and used > had:
                wrong(f"{name} takes {order['account']} to {used} of {limit} buying power")
            if reached > account["position_limit"] and reached > was:
                wrong(f"{name} takes {order['account']} to a position of {reached} {leg['symbol']}")

    def _check_size(
        self,
        order: Record,
        event: ev.OrderReceived | ev.ReplaceRequested,
        terms: Terms,
        instruments: list[Record],
    ) -> None:
        wrong, name, firm = self._of._wrong, f"order {order['order_id']}", self._of._firm
        if event.order_qty <= 0 or event.order_qty % SCALE:
            wrong(f"{name}: {event.order_qty} is not a positive whole number of combinations")
        together = 0
        for leg, instrument in zip(terms.legs, instruments, strict=True):
            qty, rest = divmod(event.order_qty * leg.ratio_qty, SCALE)
            if rest or qty <= 0 or qty % instrument["lot_size"]:
                wrong(f"{name}: {qty} {leg.symbol} are not a positive number of lots")
            if qty > firm["max_order_qty"]:
                wrong(f"{name}: {qty} {leg.symbol} are more than the firm allows in one order")
            reference = self._of._reference_px.get(leg.symbol, 0)
            if leg.hold_px != reference - (-reference * int(firm["price_collar_bps"]) // 10_000):
                wrong(f"{name}: {leg.symbol} is held at {leg.hold_px}")
            together += self._worth(instrument, leg.hold_px, qty)
        currency = str(instruments[0]["currency"])
        if together > firm["max_order_notional"].get(currency, 0) * SCALE:
            wrong(f"{name}: its legs are worth more than the firm allows in one order")
        ticks = [tick for instrument in instruments for _, tick in instrument["ticks"]]
        if order["ord_type"] == OrdType.LIMIT and event.price % gcd(*ticks):
            wrong(f"{name}: no prices of its legs make a net price of {event.price}")

    def _exposures(self, order: Record) -> list[tuple[int, int]]:
        """(money used, position reached) of the account, by leg, in its currency and on its side."""
        account = self._of.accounts[order["account"]]
        found: list[tuple[int, int]] = []
        for leg in order["legs"]:
            symbol, currency = leg["symbol"], self._currency(leg)
            used = account["held"][currency] + account["spent"][currency]
            position = account["position"][symbol]
            buys = leg["side"] == Side.BUY
            reached = (
                position + account["open_buy"][symbol] if buys else account["open_sell"][symbol] - position
            )
            found.append((used, reached))
        return found

    # -- what is held ----------------------------------------------------------------------------------------

    def _must_hold(self, order: Record, place: int) -> tuple[int, int]:
        """(quantity, money) that a leg must hold."""
        leg = order["legs"][place]
        asked = [r for r in order["requests"].values() if r["kind"] == "replace"]
        most_qty = most_money = 0
        for wanted in (order["versions"][-1], *asked):
            whole = order["cum_qty"] if order["ended"] else max(wanted["order_qty"], order["cum_qty"])
            qty = max(whole * leg["ratio"] // SCALE - leg["cum_qty"], 0)
            hold_px = wanted["terms"].legs[place].hold_px
            most_qty = max(most_qty, qty)
            most_money = max(most_money, self._worth(self._of._instruments[leg["symbol"]], hold_px, qty))
        return most_qty, most_money if leg["side"] == Side.BUY else 0

    def recount(self, order: Record) -> None:
        """Move the account's counters to what the legs must hold."""
        account = self._of.accounts.get(order["account"])
        if account is None:
            return
        for place, leg in enumerate(order["legs"]):
            qty, money = self._must_hold(order, place)
            account["held"][self._currency(leg)] += money - leg["held_money"]
            name = "open_buy" if leg["side"] == Side.BUY else "open_sell"
            account[name][leg["symbol"]] += qty - leg["held_qty"]
            leg["held_qty"], leg["held_money"] = qty, money

    # -- executions ------------------------------------------------------------------------------------------

    def filled(self, event: ev.LegFilled, order: Record) -> None:
        leg = self._leg(event, order)
        if leg is None:
            return
        if (event.symbol, event.side) != (leg["symbol"], leg["side"]):
            self._of._wrong(f"order {event.order_id}: leg {event.leg} is {event.symbol}, side {event.side}")
        if event.last_qty <= 0 or event.last_px <= 0 or not event.exec_id:
            self._of._wrong(f"order {event.order_id}: an execution of a leg without quantity, price or id")
        self._book(event, order, leg, event.last_qty, event.last_px, self._of.day(order), "trade")

    def busted(self, event: ev.LegBusted, order: Record) -> None:
        leg = self._leg(event, order)
        if leg is not None and self._take_back(event, order, leg) is not None:
            self._book(event, order, leg, 0, 0, self._of.day(order), "bust")

    def corrected(self, event: ev.LegCorrected, order: Record) -> None:
        leg = self._leg(event, order)
        before = self._take_back(event, order, leg) if leg is not None else None
        if leg is not None and before is not None:
            before["successor"] = event.exec_id
            self._book(event, order, leg, event.last_qty, event.last_px, before["day"], "correction")

    def _leg(self, event: ev.LegFilled | ev.LegBusted | ev.LegCorrected, order: Record) -> Record | None:
        if not 1 <= event.leg <= len(order["legs"]):
            self._of._wrong(f"order {event.order_id} has no leg {event.leg}")
            return None
        leg: Record = order["legs"][event.leg - 1]
        return leg

    def _take_back(self, event: ev.LegBusted | ev.LegCorrected, order: Record, leg: Record) -> Record | None:
        """The execution that stands no more."""
        name = f"order {event.order_id}: {event.exec_id}"
        before = self.executions.get((event.order_id, event.leg, event.exec_ref_id))
        if before is None or not before["stands"]:
            self._of._wrong(f"{name} is about {event.exec_ref_id}, no execution of its leg that stands")
            return None
        if (event.qty, event.px) != (before["last_qty"], before["last_px"]):
            self._of._wrong(f"{name} says {event.exec_ref_id} was another execution")
        before["stands"] = False
        self._add(order, leg, before, -1)
        return before

    def _book(
        self,
        event: ev.LegFilled | ev.LegBusted | ev.LegCorrected,
        order: Record,
        leg: Record,
        qty: int,
        px: int,
        day: int,
        kind: str,
    ) -> None:
        route = self._of._route(event, order)
        if route is None:
            return
        key = (event.order_id, event.leg, event.exec_id)
        if key in self.executions:
            self._of._wrong(f"execution {event.exec_id} of leg {event.leg} is booked twice")
        leg["executed"] += 1
        booked = self.executions[key] = {
            "order_id": event.order_id,
            "leg": event.leg,
            "exec_id": event.exec_id,
            "venue": route["venue"],
            "ids": route["ids"],
            "symbol": leg["symbol"],
            "side": leg["side"],
            "number": leg["executed"],
            "last_qty": qty,
            "last_px": px,
            "day": day,
            "kind": kind,
            "stands": kind != "bust",
            "successor": "",
        }
        if booked["stands"]:
            self._add(order, leg, booked, 1)
            self._check_quantity(order, leg)

    def _add(self, order: Record, leg: Record, execution: Record, sign: int) -> None:
        """Count an execution, or take it back."""
        qty, px = execution["last_qty"], execution["last_px"]
        leg["cum_qty"] += sign * qty
        leg["cum_notional"] += sign * qty * px
        account = self._of.accounts[order["account"]]
        sign *= 1 if leg["side"] == Side.BUY else -1
        account["position"][leg["symbol"]] += sign * qty
        worth = self._worth(self._of._instruments[leg["symbol"]], px, qty)
        account["spent"][self._currency(leg)] += sign * worth

    def _check_quantity(self, order: Record, leg: Record) -> None:
        """What a leg has executed against what was asked for."""
        if order["overfill_questioned"]:
            return
        asked = [r["order_qty"] for r in order["requests"].values() if r["kind"] == "replace"]
        most = max(order["versions"][-1]["order_qty"], order["cum_qty"], *asked) * leg["ratio"] // SCALE
        if leg["cum_qty"] > most:
            text = (
                f"order {order['order_id']}: {leg['cum_qty']} {leg['symbol']} exceed {most}, nobody asks why"
            )
            self._of._to_be_questioned = (order["order_id"], text)

    # -- comparing -------------------------------------------------------------------------------------------

    def compare(self, theirs: Record, ours: Record, same: Callable[[str, Any, Any], None]) -> None:
        """The legs of an order as the state dumps it."""
        name = f"order {ours['order_id']}"
        same(
            f"{name} legs",
            [leg["symbol"] for leg in theirs["legs"] or ()],
            [leg["symbol"] for leg in ours["legs"]],
        )
        keys = ("symbol", "side", "cum_qty", "cum_notional", "held_qty", "held_money")
        for number, (their, our) in enumerate(zip(theirs["legs"] or (), ours["legs"], strict=False), 1):
            what = f"{name} leg {number}"
            same(what, {key: their[key] for key in keys}, {key: our[key] for key in keys})
            rows = {
                exec_id: [x["number"], x["last_qty"], x["last_px"], x["day"], x["stands"], x["successor"]]
                for (order_id, leg, exec_id), x in self.executions.items()
                if (order_id, leg) == (ours["order_id"], number)
            }
            same(f"{what} executions", their["executions"], rows)
        names = {route["venue"] for route in ours["routes"].values()}
        venues = {self._of._venues.get(name) for name in names}
        # What a venue told of the whole before it told of the legs only is not made of legs.
        always = all(ours["since"] > self._of.reports_since.get(name, 0) for name in names)
        tells_legs = any(venue is not None and venue.multileg_reports == "legs" for venue in venues)
        if ours["legs"] and always and tells_legs:
            self._compare_combination(ours, same)

    def _compare_combination(self, order: Record, same: Callable[[str, Any, Any], None]) -> None:
        """An order that its venue tells the legs of only."""
        name = f"order {order['order_id']}"
        whole = min(leg["cum_qty"] * SCALE // leg["ratio"] for leg in order["legs"]) // SCALE * SCALE
        same(f"{name}, of its legs", order["cum_qty"], whole)
        net = 0
        for leg, said in zip(order["legs"], order["versions"][0]["terms"].legs, strict=True):
            if whole:
                worth = leg["cum_notional"] * (whole * leg["ratio"] // SCALE) // leg["cum_qty"]
                net += worth if said.side == Side.BUY else -worth
        # Each of its executions has a price with eight places.
        same(f"{name}, the price of its legs", abs(order["cum_notional"] - net) <= whole, True)

    def add_up(self, order: Record, totals: dict[tuple[str, str], dict[str, int]]) -> None:
        """Every counter of the account again, from the legs and their executions alone."""
        account = order["account"]
        for place, leg in enumerate(order["legs"]):
            qty, money = self._must_hold(order, place)
            totals[account, "held"][self._currency(leg)] += money
            totals[account, "open_buy" if leg["side"] == Side.BUY else "open_sell"][leg["symbol"]] += qty
            sign = 1 if leg["side"] == Side.BUY else -1
            instrument = self._of._instruments[leg["symbol"]]
            for (order_id, number, _), x in self.executions.items():
                if (order_id, number) != (order["order_id"], place + 1) or not x["stands"]:
                    continue
                worth = self._worth(instrument, x["last_px"], x["last_qty"])
                totals[account, "spent"][self._currency(leg)] += sign * worth
                totals[account, "position"][leg["symbol"]] += sign * x["last_qty"]

    def _worth(self, instrument: Record, px: int, qty: int) -> int:
        return int(px * qty * instrument["price_unit"] // SCALE)

    def _currency(self, leg: Record) -> str:
        return str(self._of._instruments[leg["symbol"]]["currency"])
