"""A small random world around the pure core: clients that ask, a venue that reports, nothing in between.

Commands go straight into `engine.decide`, its events into `State.apply`; the auditor and a client's view of
the rendered reports watch every step. The venue is a model of one, in plain dicts: it learns of routes from
the events, keeps its reports in a queue, and delivers them when it pleases, in the order of its session, some
of them twice. What it may do that a sound venue never does (an overfill, a reject after an acknowledgement)
is kept rare and can be switched off.

Days end, orders outlive them, executions are busted and corrected long afterwards. In some worlds the venue
declares that it knows no stop orders; in some the clients' second requests wait, or are refused.

One seed gives one history. `history` holds every command, so that a failure can be read.
"""

import random
import re
from collections.abc import Callable
from typing import Any

from oms.core import commands as cmd
from oms.core import events as ev
from oms.core.engine import decide
from oms.core.state import State
from oms.core.types import (
    SCALE,
    ExecType,
    ListMember,
    OrdStatus,
    OrdType,
    Px,
    Qty,
    Side,
    Terms,
    TimeInForce,
    parse_scaled,
    utc_date,
)
from oms.fix.encode import render
from oms.fix.wire import fields
from oms.sim.auditor import Auditor
from oms.sim.client_view import ClientView, Order

VENUE = "SIM"
CLIENTS = ("CLIENT1", "CLIENT2")
SYMBOLS = ("AAA", "BBB", "PENCE")
REFERENCE = 100 * SCALE
EXEC_TYPES = [v for k, v in vars(ExecType).items() if k.isupper()]
ORD_STATUSES = [v for k, v in vars(OrdStatus).items() if k.isupper()]
START_NS = 1_790_000_000_000_000_000
DAY_NS = 86_400_000_000_000
MEMBER_TERMS = ("account", "symbol", "side", "order_qty", "ord_type", "price", "time_in_force")
LIVE = ("", OrdStatus.NEW, OrdStatus.PARTIALLY_FILLED)
GOOD_TILL = (TimeInForce.GTC, TimeInForce.GTD)
STOPS = (OrdType.STOP, OrdType.STOP_LIMIT, OrdType.MARKET_IF_TOUCHED)
LIMITS = (OrdType.LIMIT, OrdType.STOP_LIMIT)
UNREPEATABLE = (
    ExecType.ORDER_STATUS,
    ExecType.RESTATED,
    ExecType.STOPPED,
    ExecType.SUSPENDED,
    ExecType.TRIGGERED,
)
"""Reports that say how an order stands now: nothing tells a copy from the same said again."""


def definitions() -> list[ev.Event]:
    """Reference data: three instruments (one quoted in hundredths), two accounts (one with small limits)."""
    ticks = ((Px(0), Px(SCALE // 100)), (Px(50 * SCALE), Px(SCALE // 10)))
    return [
        ev.EngineStarted(START_NS, "test", 1, "E1"),
        *(
            ev.InstrumentDefined(
                START_NS,
                symbol,
                "XTST",
                "EUR" if symbol != "PENCE" else "GBP",
                "",
                symbol,
                Qty(10 * SCALE if symbol == "BBB" else SCALE),
                ticks,
                Px(SCALE // 100 if symbol == "PENCE" else SCALE),
                2,
            )
            for symbol in SYMBOLS
        ),
        ev.AccountDefined(
            START_NS,
            "BIG",
            "",
            CLIENTS,
            (("EUR", 10_000_000 * SCALE), ("GBP", 10_000_000 * SCALE)),
            Qty(100_000 * SCALE),
        ),
        ev.AccountDefined(START_NS, "SMALL", "", CLIENTS[1:], (("EUR", 60_000 * SCALE),), Qty(600 * SCALE)),
        ev.FirmDefined(
            START_NS,
            Qty(10_000 * SCALE),
            (("EUR", 500_000 * SCALE), ("GBP", 500_000 * SCALE)),
            1_000,
            VENUE,
            (),
        ),
        *(ev.ReferencePriceChanged(START_NS, symbol, Px(REFERENCE), VENUE) for symbol in SYMBOLS),
    ]


class View(ClientView):
    """A client that also understands busts and corrections, by the ids of ours that they name."""

    def received(self, message: dict[str, str]) -> int:
        if "11" not in message and message["35"] == "8":
            return 0  # of an order by phone, or of none
        return super().received(message)

    def list_status(self, text: str) -> None:
        """What is said of a list's orders is what the reports on each of them said."""
        for entry in re.split("\x01(?=11=)", text)[1:]:
            said = fields(entry + "\x01")
            order = self.by_id.get(said["11"])
            if order is None or not order["status"]:
                continue
            numbers = [parse_scaled(said[tag]) for tag in ("14", "151", "6")]
            if [said["39"], *numbers] != [order["status"], order["cum"], order["leaves"], order["avg"]]:
                self._violation(f"a list says {said} of {order}")

    def _quantities(self, order: Order, message: dict[str, str]) -> None:
        kind = message["150"]
        if kind in (ExecType.TRADE_CANCEL, ExecType.TRADE_CORRECT):
            before = self.executions.pop(message["19"], None)
            if before is None:
                self._violation(
                    f"{message['17']} is about {message['19']}, which was not reported or stands no more"
                )
                return
            qty, px = parse_scaled(message["32"]), parse_scaled(message["31"])
            order["cum"] += qty - before["last_qty"]
            order["notional"] += qty * px - before["last_qty"] * before["last_px"]
            if kind == ExecType.TRADE_CORRECT:
                self.executions[message["17"]] = {**before, "last_qty": qty, "last_px": px}
        if order["time_in_force"] in GOOD_TILL and message["39"] == OrdStatus.DONE_FOR_DAY:
            # It is open still, tomorrow.
            message = {**message, "39": OrdStatus.NEW}
        super()._quantities(order, message)


class World:
    """One history. `step` does one random thing; `problems` says what went wrong, in words."""

    def __init__(self, seed: int, *, sound_venue: bool = True, strict: bool = True) -> None:
        self.rng = random.Random(seed)
        self.sound_venue = sound_venue
        # Whether what is known to be imperfect in the core counts as a problem: see test_core_findings.py.
        self.strict = strict
        self.state = State()
        self.auditor = Auditor()
        self.views = {client: View() for client in CLIENTS}
        self.now_ns = START_NS
        self.journal: list[ev.Event] = []
        self.history: list[str] = []
        self.delivered: list[cmd.Command] = []
        self.duplicates_without_effect = 0
        self.routes: dict[str, dict[str, Any]] = {}  # the venue's: any ClOrdID of ours -> its order
        self.queue: list[cmd.Command] = []
        self.next_id = self.next_exec = 1
        for event in definitions():
            self._happened(event)
        for session in (*CLIENTS, VENUE):
            self.do(cmd.LogOn(session))
        if seed % 3 == 0:
            times = tuple("01234567")
            self._happened(ev.VenueDefined(START_NS, VENUE, ("1", "2"), times, ("exec_inst", "expire_date")))
        how = ("pass", "queue", "refuse")[seed % 4 % 3]
        self._happened(ev.ProfileDefined(START_NS, CLIENTS[1], True, "status", how))

    # -- the core --------------------------------------------------------------------------------------------

    def do(self, command: cmd.Command) -> list[ev.Event]:
        """Decide, apply, and have everything watched."""
        self.now_ns += self.rng.randint(1, 1_000_000)
        self.history.append(repr(command))
        self._note_sent(command)
        events = decide(self.state, command, self.now_ns)
        for event in events:
            self._happened(event)
        while self.state.due:
            taken = self.do(cmd.TakeQueued(next(iter(self.state.due))))
            assert taken, "a request has its turn and nothing comes of it"
            events += taken
        while self.state.lists_due:
            taken = self.do(cmd.WorkList(*next(iter(self.state.lists_due))))
            assert taken, "a list has a step and nothing comes of it"
            events += taken
        return events

    def _happened(self, event: ev.Event) -> None:
        self.journal.append(event)
        self.history.append(f"    {event!r}")
        self.state.apply(event)
        self.auditor.feed(event)
        message = render(event, len(self.journal), self.state)
        if message is None:
            return
        session, text = message
        if text.startswith("35=N"):
            self.views[session].list_status(text)
        elif session in self.views:
            self.views[session].received(fields(text))
        else:
            self._at_venue(event)

    def problems(self) -> list[str]:
        """What the auditor and the clients found, without what follows from an overfill."""
        found = list(self.auditor.violations)
        for name, account in self.auditor.accounts.items():
            for counter in ("held", "spent", "position", "open_buy", "open_sell"):
                theirs = {k: v for k, v in getattr(self.state.risk[name], counter).items() if v}
                if theirs != {k: v for k, v in account[counter].items() if v}:
                    found.append(f"{name} {counter}: {theirs}, the auditor has {dict(account[counter])}")
        overfilled = any(order["overfill_questioned"] for order in self.auditor.orders.values())
        forgiven = overfilled or not (self.strict and self.sound_venue)
        for client, view in self.views.items():
            found += [f"{client}: {v}" for v in view.violations if not (forgiven and "> OrderQty" in v)]
        return found

    def check_state(self) -> list[str]:
        """The state against the events, against its own snapshot, and its books against its orders."""
        dump = self.state.dump()
        found = self.auditor.compare(dump)
        loaded = State.load(dump)
        if loaded.dump() != dump:
            found.append("a loaded snapshot dumps differently")
        replayed = State()
        for event in self.journal:
            replayed.apply(ev.decode(ev.encode(event)))
        if replayed.dump() != dump:
            found.append("the journal folds to another state")
        for symbol in SYMBOLS:
            book, again = self.state.books.get(symbol), loaded.books.get(symbol)
            if book is not None:
                book.check()
            for side in (Side.BUY, Side.SELL):
                live = [(r.id, r.price, r.qty) for r in book.orders(side)] if book is not None else []
                back = [(r.id, r.price, r.qty) for r in again.orders(side)] if again is not None else []
                if live != back:
                    found.append(f"book of {symbol} after a snapshot: {live} became {back}")
                want = sorted(
                    o["order_id"]
                    for o in self.auditor.orders.values()
                    if (o["symbol"], o["side"]) == (symbol, side)
                    and o["versions"][-1]["price"]
                    and self.auditor.leaves_qty(o)
                )
                if sorted(id for id, _, _ in live) != want:
                    found.append(f"book of {symbol}: {sorted(id for id, _, _ in live)} rest, {want} are open")
        return found

    # -- random steps ----------------------------------------------------------------------------------------

    def step(self) -> None:
        """One random thing."""
        actions: list[tuple[int, Callable[[], None]]] = [
            (20, self.new_order),
            (9, self.cancel),
            (9, self.replace),
            (2, self.ask_status),
            (30, self.venue_acts),
            (45, self.deliver),
            (8, self.deliver_again),
            (3, self.prices_move),
            (1, self.session_drops),
            (1, self.halt_or_resume),
            (5, self.executions_change),
            (5, self.venue_decides),
            (1, self.day_ends),
            (1, self.profile_changes),
            (1, self.mass_request),
            (3, self.new_list),
            (3, self.ask_list),
        ]
        weights, calls = zip(*actions, strict=True)
        self.rng.choices(calls, weights)[0]()
        # Neither a halt nor a broken connection is for long: little happens while it lasts.
        if self.state.halts and self.rng.random() < 0.2:
            self.do(cmd.Resume(*self.rng.choice(sorted(self.state.halts)), "ops", "test"))
        if VENUE not in self.state.sessions_up and self.rng.random() < 0.2:
            self.do(cmd.LogOn(VENUE))

    def settle(self) -> None:
        """Deliver all that is queued, with the venue up; what waits with its list goes nowhere any more."""
        if VENUE not in self.state.sessions_up:
            self.do(cmd.LogOn(VENUE))
        for key in list(self.state.lists):
            if any(order["waits"] for order in self.auditor.lists.lists[key]["orders"]):
                self.do(cmd.CancelList(*key))
        for _ in range(10_000):
            waiting = [r for r in self._venue_orders() if r["unanswered"]]
            unknown = [r for r in self._venue_orders() if not r["told_new"] and not r["status"]]
            if unknown:
                self._acknowledge(unknown[0])
            elif waiting:
                self._answer(self.rng.choice(waiting))
            elif not self.queue:
                return
            while self.queue:
                self.deliver()
        raise AssertionError("the venue does not come to an end")

    # -- clients ---------------------------------------------------------------------------------------------

    def _new_id(self) -> str:
        self.next_id += 1
        return f"C{self.next_id}"

    def _used_id(self, client: str) -> str:
        used = [c for (session, c) in self.state.cl_ord_ids if session == client]
        return self.rng.choice(used) if used else "nothing"

    def new_order(self) -> None:
        rng = self.rng
        client = rng.choice(CLIENTS)
        symbol = rng.choice(SYMBOLS)
        ord_type = rng.choice((OrdType.LIMIT,) * 9 + (OrdType.MARKET, OrdType.MARKET, OrdType.PEGGED, *STOPS))
        qty = rng.choice((10, 20, 50, 100, 500, 1_000)) * SCALE
        price = REFERENCE + rng.randint(-5, 5) * SCALE // 10
        account = rng.choice(("BIG", "BIG", "SMALL")) if client == CLIENTS[1] else "BIG"
        cl_ord_id = self._new_id() if rng.random() < 0.95 else ""  # by phone
        tif = rng.choice((TimeInForce.DAY,) * 4 + (TimeInForce.IOC, TimeInForce.FOK, *GOOD_TILL))
        terms = self._terms(ord_type, tif, price)
        wrong = rng.randint(0, 30)
        if wrong == 0:
            symbol = "NONE"
        elif wrong == 1:
            qty = rng.choice((0, SCALE // 2, 1_000_000 * SCALE))
        elif wrong == 2:
            price = rng.choice((0, REFERENCE + 1, 5 * REFERENCE))
        elif wrong == 3:
            account = "NONE"
        elif wrong == 4:
            cl_ord_id = self._used_id(client)
        self.do(
            cmd.NewOrder(
                client,
                cl_ord_id,
                account,
                symbol,
                rng.choice((Side.BUY, Side.SELL)),
                Qty(qty),
                ord_type,
                Px(price if ord_type in LIMITS else 0),
                tif,
                rng.random() < 0.02,
                terms,
            )
        )

    def _terms(self, ord_type: str, tif: str, price: int) -> Terms | None:
        rng = self.rng
        stop_px = price + rng.randint(-10, 10) * SCALE // 10 if ord_type in STOPS else 0
        until = utc_date(self.now_ns + rng.randint(0, 2) * DAY_NS) if tif == TimeInForce.GTD else ""
        terms = Terms(Px(stop_px), "G" if rng.random() < 0.1 else "", expire_date=until)
        return terms if terms != Terms() else None

    def _some_order(self) -> tuple[str, str, str, str, dict[str, Any]]:
        """(client, ClOrdID, symbol, side, the auditor's record) of an order, mostly of a live one by its
        right id."""
        rng = self.rng
        orders = self._askable()
        live = [o for o in orders if not o["ended"]]
        order = rng.choice(live or orders) if rng.random() < 0.9 else rng.choice(orders)
        ids = [order["versions"][-1]["cl_ord_id"]] * 6 + list(order["requests"]) * 2 + order["queue"]
        ids += [v["cl_ord_id"] for v in order["versions"]]
        client = order["session_id"]
        cl_ord_id = rng.choice(ids) if rng.random() < 0.95 else self._used_id(client)
        return client, cl_ord_id, order["symbol"], order["side"], order

    def _askable(self) -> list[dict[str, Any]]:
        """Orders that a client has an id for."""
        orders = self.auditor.orders.values()
        return [o for o in orders if o["symbol"] in SYMBOLS and o["versions"][-1]["cl_ord_id"]]

    def cancel(self) -> None:
        if not self._askable():
            return
        client, orig, symbol, side, _ = self._some_order()
        cl_ord_id = self._new_id() if self.rng.random() < 0.97 else self._used_id(client)
        self.do(cmd.CancelOrder(client, cl_ord_id, orig, symbol, side))

    def replace(self) -> None:
        if not self._askable():
            return
        rng = self.rng
        client, orig, symbol, side, order = self._some_order()
        version = order["versions"][-1]
        cl_ord_id = self._new_id() if rng.random() < 0.97 else self._used_id(client)
        qty = max(version["order_qty"] + rng.choice((-50, -20, -10, 0, 10, 20, 50, 500)) * SCALE, 10 * SCALE)
        price = version["price"]
        if price:
            price += rng.choice((0, 0, 1, -1)) * SCALE // 10
        ord_type = order["ord_type"]
        if rng.random() < 0.03:
            ord_type = OrdType.MARKET if ord_type == OrdType.LIMIT else OrdType.LIMIT
        if order["ord_type"] not in LIMITS:
            price = 0
        terms = self._terms(ord_type, order["time_in_force"], price or REFERENCE)
        self.do(cmd.ReplaceOrder(client, cl_ord_id, orig, symbol, side, Qty(qty), ord_type, Px(price), terms))

    def ask_status(self) -> None:
        client = self.rng.choice(CLIENTS)
        self.do(cmd.RequestStatus(client, self._used_id(client), "AAA", Side.BUY, "Q"))

    def _note_sent(self, command: cmd.Command) -> None:
        """Tell the client's view what the client sent."""
        if isinstance(command, cmd.NewOrder):
            if not command.cl_ord_id or (command.poss_resend and self._is_used(command)):
                return
            self.views[command.session_id].sent_new(
                command.cl_ord_id,
                self.now_ns,
                account=command.account,
                symbol=command.symbol,
                side=command.side,
                order_qty=command.order_qty,
                ord_type=command.ord_type,
                price=command.price,
                time_in_force=command.time_in_force,
            )
        elif isinstance(command, cmd.NewList):
            for member in command.members:
                terms = {name: getattr(member, name) for name in MEMBER_TERMS}
                self.views[command.session_id].sent_new(member.cl_ord_id, self.now_ns, **terms)
        elif isinstance(command, (cmd.CancelOrder, cmd.ReplaceOrder)):
            view = self.views[command.session_id]
            if command.cl_ord_id not in view.by_id:
                kind = "cancel" if isinstance(command, cmd.CancelOrder) else "replace"
                view.sent_request(command.cl_ord_id, command.orig_cl_ord_id, kind, self.now_ns)

    def _is_used(self, command: cmd.NewOrder) -> bool:
        return (command.session_id, command.cl_ord_id) in self.state.cl_ord_ids

    def mass_request(self) -> None:
        """Everything is to be canceled, or asked about."""
        rng = self.rng
        client, symbol = rng.choice(CLIENTS), rng.choice(("", *SYMBOLS))
        if rng.random() < 0.5:
            self.do(cmd.CancelAll(client, self._new_id(), "1" if symbol else "7", symbol))
        else:
            self.do(cmd.RequestAllStatus(client, "M", "1" if symbol else "7", symbol))

    def new_list(self) -> None:
        """A list of a few orders, in one message or two."""
        rng = self.rng
        client = rng.choice(CLIENTS)
        list_id = f"L{len(self.state.lists) + 1}"
        members = [self._member(client, number) for number in range(1, rng.randint(1, 4) + 1)]
        rng.shuffle(members)
        cut = rng.randint(0, len(members) - 1)
        kind = rng.choice("12")
        for part in (members[:cut], members[cut:]):
            if part:
                self.do(cmd.NewList(client, list_id, "3", kind, len(members), tuple(part)))

    def _member(self, client: str, number: int) -> ListMember:
        rng = self.rng
        ord_type = rng.choice((OrdType.LIMIT,) * 5 + (OrdType.MARKET, *STOPS))
        price = REFERENCE + rng.randint(-5, 5) * SCALE // 10
        tif = rng.choice((TimeInForce.DAY,) * 4 + GOOD_TILL)
        return ListMember(
            number,
            self._new_id(),
            rng.choice(("BIG", "BIG", "SMALL")) if client == CLIENTS[1] else "BIG",
            rng.choice((*SYMBOLS, "AAA", "NONE")),
            rng.choice((Side.BUY, Side.SELL)),
            Qty(rng.choice((10, 20, 100, 500)) * SCALE),
            ord_type,
            Px(price if ord_type in LIMITS else 0),
            tif,
            self._terms(ord_type, tif, price),
        )

    def ask_list(self) -> None:
        """A list is to be executed, canceled or told of; now and then one that there is not."""
        key = self.rng.choice([*self.state.lists, *list(self.state.lists)[-3:], (CLIENTS[0], "none")])
        self.do(self.rng.choice((cmd.ExecuteList, cmd.CancelList, cmd.RequestListStatus))(*key))

    def profile_changes(self) -> None:
        """A client wants its second requests dealt with otherwise."""
        how = self.rng.choice(("pass", "queue", "refuse"))
        waits = any(o["queue"] for o in self.auditor.orders.values())
        if not waits:
            self._happened(ev.ProfileDefined(self.now_ns, self.rng.choice(CLIENTS), True, "status", how))

    # -- the venue -------------------------------------------------------------------------------------------

    def _venue_orders(self) -> list[dict[str, Any]]:
        return list({id(r): r for r in self.routes.values()}.values())

    def _at_venue(self, event: ev.Event) -> None:
        """A message of ours reaches the venue."""
        if isinstance(event, ev.OrderRouted):
            self.routes[event.cl_ord_id] = {
                "id": event.cl_ord_id,
                "qty": event.order_qty,
                "cum": 0,
                "status": "",
                "known": {event.cl_ord_id},
                "unanswered": [],
                "told_new": False,
                "executions": [],  # what stands: [ids it went by, quantity, price]
                "outlives": self.state.orders[event.order_id].good_till,
                "until": _until(self.state.orders[event.order_id].versions[-1].terms),
                "suspended": False,
                "crossed": False,  # the day ended here while something of it was on its way
            }
        elif isinstance(event, (ev.CancelRouted, ev.ReplaceRouted)):
            order = self.routes.get(event.orig_cl_ord_id)
            if order is None:
                raise AssertionError(f"{event} names an id that the venue never saw")
            qty = event.order_qty if isinstance(event, ev.ReplaceRouted) else None
            self.routes[event.cl_ord_id] = order
            order["unanswered"].append((event.cl_ord_id, event.orig_cl_ord_id, qty))
            request = self.state.orders[event.order_id].request(event.request_cl_ord_id)
            if qty is not None and request is not None:
                order["untils"] = {**order.get("untils", {}), event.cl_ord_id: _until(request.terms)}
        elif isinstance(event, ev.StatusAsked):
            self._report_status(self.routes[event.cl_ord_id], event.cl_ord_id)

    def _report(self, order: dict[str, Any], exec_type: str, **more: Any) -> None:
        """Put a report about an order into the queue, in the order of the session."""
        status = order["status"] or OrdStatus.NEW
        self.next_exec += 1
        report = {
            "venue": VENUE,
            "cl_ord_id": order["id"],
            "exec_type": exec_type,
            "ord_status": status,
            "exec_id": f"X{self.next_exec}",
            "venue_order_id": "V",
            "order_qty": order["qty"],
            "cum_qty": order["cum"],
        }
        self.queue.append(cmd.VenueReport(**{**report, **more}))

    def _report_status(self, order: dict[str, Any], cl_ord_id: str) -> None:
        known = cl_ord_id in order["known"] and order["status"] != OrdStatus.REJECTED
        status = (order["status"] or OrdStatus.NEW) if known else OrdStatus.REJECTED
        for unanswered, _, qty in order["unanswered"]:
            if unanswered == cl_ord_id:
                status = OrdStatus.PENDING_CANCEL if qty is None else OrdStatus.PENDING_REPLACE
        self._report(order, ExecType.ORDER_STATUS, cl_ord_id=cl_ord_id, ord_status=status, exec_id="0")

    def venue_acts(self) -> None:
        """Something happens at the venue: a fill, an answer, an end."""
        orders = self._venue_orders()
        if not orders:
            return
        rng = self.rng
        order = rng.choice(orders[-12:])
        live = order["status"] in LIVE
        if not self.sound_venue and rng.random() < 0.08:
            self._misbehave(order)
        elif order["unanswered"] and rng.random() < 0.5:
            self._answer(order)
        elif live and not order["told_new"] and rng.random() < 0.7:
            self._acknowledge(order)
        elif live and rng.random() < 0.75:
            self._fill(order)
        elif live and rng.random() < 0.6:
            self._end(order)

    def _acknowledge(self, order: dict[str, Any]) -> None:
        if not order["cum"] and self.rng.random() < 0.1:
            order["status"] = OrdStatus.REJECTED
            order["told_new"] = True
            self._report(order, ExecType.REJECTED, ord_rej_reason=99, text="no")
            return
        order["told_new"] = True
        order["status"] = order["status"] or OrdStatus.NEW
        self._report(order, ExecType.NEW)

    def _fill(self, order: dict[str, Any]) -> None:
        open_qty = order["qty"] - order["cum"]
        if open_qty <= 0:
            return
        qty = open_qty if self.rng.random() < 0.4 else max(open_qty // 20 * self.rng.randint(1, 19), 1)
        order["cum"] += qty
        order["status"] = OrdStatus.FILLED if order["cum"] == order["qty"] else OrdStatus.PARTIALLY_FILLED
        px = REFERENCE + self.rng.randint(-3, 3) * SCALE // 10
        self._report(order, ExecType.TRADE, last_qty=Qty(qty), last_px=Px(px), transact_time_ns=self.now_ns)
        order["executions"].append([[self._last_exec_id()], qty, px])

    def _last_exec_id(self) -> str:
        return f"X{self.next_exec}"

    def executions_change(self) -> None:
        """An execution is busted or corrected, of whichever order and day."""
        rng = self.rng
        orders = [o for o in self._venue_orders() if o["executions"]]
        if not orders:
            return
        order = rng.choice(orders)
        execution = rng.choice(order["executions"])
        ids, qty, px = execution
        busts = rng.random() < 0.5
        now = (
            0
            if busts
            else max(min(rng.randint(1, 2 * qty // SCALE + 1) * SCALE, order["qty"] - order["cum"] + qty), 1)
        )
        order["cum"] += now - qty
        if order["status"] in (*LIVE, OrdStatus.FILLED):
            order["status"] = OrdStatus.PARTIALLY_FILLED if order["cum"] else OrdStatus.NEW
            if order["cum"] >= order["qty"]:
                order["status"] = OrdStatus.FILLED
        # It may be named by any id that it went by.
        reference = {"exec_ref_id": rng.choice(ids)}
        if busts:
            order["executions"].remove(execution)
            self._report(order, ExecType.TRADE_CANCEL, **reference)
            return
        px += rng.randint(-2, 2) * SCALE // 10
        self._report(order, ExecType.TRADE_CORRECT, last_qty=Qty(now), last_px=Px(px), **reference)
        execution[:] = [[*ids, self._last_exec_id()], now, px]

    def venue_decides(self) -> None:
        """What a venue does to an order of its own accord."""
        rng = self.rng
        orders = [o for o in self._venue_orders()[-12:] if o["status"] in LIVE and o["told_new"]]
        if not orders:
            return
        order = rng.choice(orders)
        what = rng.randint(0, 9)
        if what < 4:
            open_qty = order["qty"] - order["cum"]
            order["qty"] -= rng.choice((0, open_qty // 2 // SCALE * SCALE))
            price = {"price": Px(REFERENCE + rng.randint(-5, 5) * SCALE // 10)} if rng.random() < 0.3 else {}
            self._report(
                order, ExecType.RESTATED, exec_restatement_reason=rng.choice(("3", "5", "")), **price
            )
            order["suspended"] = False
        elif what < 6:
            price = {"last_qty": Qty(order["qty"] - order["cum"]), "last_px": Px(REFERENCE)}
            self._report(order, ExecType.STOPPED, **price)
        elif what < 9:
            order["suspended"] = not order["suspended"]
            self._report(order, ExecType.SUSPENDED if order["suspended"] else ExecType.TRIGGERED)
        else:
            order["status"] = OrdStatus.CALCULATED
            self._report(order, ExecType.CALCULATED)

    def day_ends(self) -> None:
        """The day ends here and, a moment later, at the venue; what it had sent may still be on its way."""
        rng = self.rng
        if rng.random() < 0.6:
            return
        while self.queue and VENUE in self.state.sessions_up and rng.random() < 0.95:
            self.deliver()
        on_their_way = {r.cl_ord_id for r in self.queue if isinstance(r, cmd.VenueReport)}
        today = utc_date(self.now_ns)
        self.do(cmd.EndDay("calendar"))
        for order in self._venue_orders():
            if order["known"] & on_their_way or order["unanswered"]:
                order["crossed"] = True
            ends = not order["outlives"] or (order["until"] and order["until"] <= today)
            if order["status"] in (*LIVE, OrdStatus.DONE_FOR_DAY) and ends:
                if order["status"] in LIVE:
                    order["status"] = OrdStatus.EXPIRED
                    self._report(order, ExecType.EXPIRED)
            elif order["status"] == OrdStatus.DONE_FOR_DAY:
                order["status"] = OrdStatus.PARTIALLY_FILLED if order["cum"] else OrdStatus.NEW
                order["suspended"] = False
                self._report(order, ExecType.RESTATED, exec_restatement_reason="1")
            elif order["status"] == OrdStatus.FILLED and not order["outlives"]:
                order["status"] = OrdStatus.EXPIRED  # a bust would not open it again
        self.now_ns += DAY_NS

    def _end(self, order: dict[str, Any]) -> None:
        exec_type = self.rng.choice((ExecType.CANCELED, ExecType.EXPIRED, ExecType.DONE_FOR_DAY))
        order["status"] = exec_type
        self._report(order, exec_type, text="the venue ends it")

    def _answer(self, order: dict[str, Any]) -> None:
        """The oldest unanswered request is accepted or refused."""
        cl_ord_id, orig, qty = order["unanswered"].pop(0)
        live = order["status"] in LIVE
        grows = qty is not None and order["status"] == OrdStatus.FILLED and qty > order["cum"]
        if not (live or grows) or orig not in order["known"] or self.rng.random() < 0.2:
            self.queue.append(
                cmd.VenueCancelReject(VENUE, cl_ord_id, orig, order["status"] or OrdStatus.NEW, 0, "no")
            )
            return
        order["known"].add(cl_ord_id)
        before, order["id"] = order["id"], cl_ord_id
        if qty is None:
            order["status"] = OrdStatus.CANCELED
            self._report(order, ExecType.CANCELED, orig_cl_ord_id=before)
            return
        order["qty"] = max(qty, order["cum"])
        order["until"] = order.get("untils", {}).get(cl_ord_id, order["until"])
        if order["cum"]:
            order["status"] = OrdStatus.FILLED if order["cum"] == order["qty"] else OrdStatus.PARTIALLY_FILLED
        self._report(order, ExecType.REPLACED, orig_cl_ord_id=before)

    def _misbehave(self, order: dict[str, Any]) -> None:
        """What no sound venue does, and some do."""
        what = self.rng.randint(0, 8)
        if what == 0:
            order["cum"] += 10 * order["qty"]
            self._report(order, ExecType.TRADE, last_qty=Qty(10 * order["qty"]), last_px=Px(REFERENCE))
        elif what == 1:
            self._report(order, ExecType.TRADE, last_qty=Qty(10 * SCALE), last_px=Px(REFERENCE))
            order["cum"] += 10 * SCALE
        elif what == 2:
            self._report(order, ExecType.REJECTED, text="changed its mind")
            order["status"] = OrdStatus.REJECTED
        elif what == 3:
            trade = {"last_qty": Qty(SCALE), "last_px": Px(REFERENCE)}
            self._report(
                order, self.rng.choice((ExecType.NEW, ExecType.TRADE)), cl_ord_id="never heard of", **trade
            )
        elif what == 4:
            self._report(order, ExecType.TRADE, last_qty=Qty(0), last_px=Px(REFERENCE))
        elif what == 5:
            self.queue.append(
                cmd.VenueCancelReject(VENUE, self.rng.choice(sorted(self.routes)), "", OrdStatus.NEW, 1, "no")
            )
        elif what == 6:
            self.queue.append(cmd.VenueRefusal(VENUE, "D", self.rng.choice(sorted(self.routes)), "garbled"))
        else:
            self._report(
                order,
                self.rng.choice(EXEC_TYPES),
                cl_ord_id=self.rng.choice(sorted(self.routes)),
                ord_status=self.rng.choice(ORD_STATUSES),
                last_qty=Qty(SCALE),
                last_px=Px(REFERENCE),
                exec_ref_id=f"X{self.rng.randint(1, self.next_exec)}",
            )

    # -- the session -----------------------------------------------------------------------------------------

    def deliver(self) -> None:
        """The oldest report arrives, if the session is up."""
        if self.queue and VENUE in self.state.sessions_up:
            report = self.queue.pop(0)
            self.do(report)
            self.delivered.append(report)

    def deliver_again(self) -> None:
        """A report that came before comes again: whatever it was, it changes nothing."""
        again = [r for r in self.delivered[-60:] if getattr(r, "exec_type", "") not in UNREPEATABLE]
        if not again:
            return
        report = self.rng.choice(again)
        found = self.state.routes.get(report.cl_ord_id)
        if found is not None and isinstance(report, cmd.VenueReport):
            # Nor can a copy of an acknowledgement be told from the end of a suspension, or one that says done
            # for the day from the same on the next.
            suspended = report.exec_type == ExecType.NEW and found[0].suspended
            if suspended or (report.exec_type == ExecType.DONE_FOR_DAY and found[0].good_till):
                return
        events = self.do(report)
        if not (self.sound_venue and self.strict):
            events = [e for e in events if not isinstance(e, ev.ReportQuestioned | ev.TradeUnknown)]
        # It may be taken for the answer to what was asked about its id meanwhile.
        events = [e for e in events if not isinstance(e, ev.StatusAnswered)]
        if events:
            raise AssertionError(f"the second {report} led to {events}")
        self.duplicates_without_effect += 1

    def session_drops(self) -> None:
        """The venue's session goes down or comes up; then it is asked about what is in doubt."""
        self.do(cmd.LogOut(VENUE) if VENUE in self.state.sessions_up else cmd.LogOn(VENUE))

    def prices_move(self) -> None:
        px = REFERENCE + self.rng.randint(-10, 10) * SCALE // 10
        self.do(cmd.PublishPrice(self.rng.choice(SYMBOLS), Px(px), VENUE))

    def halt_or_resume(self) -> None:
        scope = self.rng.choice((("all", ""), ("symbol", "AAA"), ("account", "BIG"), ("venue", VENUE)))
        kind = cmd.Resume if scope in self.state.halts else cmd.Halt
        self.do(kind(*scope, "ops", "test"))


def _until(terms: Terms | None) -> str:
    return terms.expire_date if terms is not None else ""
