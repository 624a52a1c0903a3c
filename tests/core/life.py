"""A random life: clients, venues, people and prices in any order, sensible or not. A seed gives one life.

Reports come before what they answer, twice, and late: after a cancel, after the end, on a later day. LSE knows
neither stop orders nor some other things (`LACKING`), so that some orders are held here and some denied.
Some orders have legs; SIM reports those and their combinations, or only one of the two, by the seed.
"""

import random
from collections.abc import Callable
from typing import Any

import msgspec

from oms.core import commands as cmd
from oms.core import events as ev
from oms.core.days import due
from oms.core.emulation import to_expire
from oms.core.order import Execution
from oms.core.types import ExecType, ListMember, OrdStatus, Px, Qty, Side, Terms
from tests.core import combinations
from tests.core.days import LONG
from tests.core.desk import ALPHA, BRAVO, FIRM, LSE, SIM, START_NS, Desk, member, scaled, terms

STATUSES = (
    OrdStatus.NEW, OrdStatus.PARTIALLY_FILLED, OrdStatus.FILLED, OrdStatus.CANCELED, OrdStatus.REJECTED,
    OrdStatus.PENDING_CANCEL, OrdStatus.PENDING_REPLACE, OrdStatus.EXPIRED, OrdStatus.DONE_FOR_DAY,
)  # fmt: skip

LACKING = ev.VenueDefined(START_NS, LSE, ("1", "2"), ("0", "3"), ("exec_inst", "min_qty"), exec_insts=("G",))

PARTS = (
    ev.DestinationDefined(START_NS, "PATIENT", LSE, "park"),
    ev.DestinationDefined(START_NS, "DETOUR", LSE, "reroute", SIM),
    ev.DestinationDefined(START_NS, "ALGO", SIM, "park", terms=Terms(target_strategy="1001")),
    ev.StrategyDefined(START_NS, "HALVES", "split", ((SIM, 1), ("PATIENT", 1), ("ALGO", 2)), "desk"),
    ev.StrategyDefined(START_NS, "TURNS", "sequential", (("PATIENT", 200), (SIM, 100), ("ALGO", 0)), "end"),
    ev.StrategyDefined(START_NS, "SLICES", "iceberg", ((SIM, 1),), "end", slice_qty=Qty(scaled("70"))),
    ev.StrategyDefined(START_NS, "SWEEP", "sweep", ((SIM, 1), ("PATIENT", 1)), "desk"),
    ev.StrategyDefined(
        START_NS, "SHARE", "participation", ((SIM, 1),), "end", interval_ns=50_000_000, rate_bps=2_000
    ),
    ev.StrategyDefined(
        START_NS, "TIMED", "twap", ((SIM, 1), ("DETOUR", 1)), "desk", 500_000_000, 100_000_000
    ),
)
"""Destinations and strategies: half of the lives have orders that are worked in parts."""

PRICES = {"IBM": ("88", "89.5", "90", "91.25", "95"), "VOD": ("80", "79", "80.5"), "TOY": ("2000", "1999.5")}
UNTIL = ("20261122", "20261123", "20261125")


def live_on(desk: Desk, seed: int, steps: int) -> None:
    """Let a desk do that many random things. Whatever happens, `Desk` checks its invariants after each."""
    life = Life(desk, seed)
    for _ in range(steps):
        life.step()


class Life:
    """One life, step by step."""

    def __init__(self, desk: Desk, seed: int) -> None:
        self.desk = desk
        self.seed = seed
        self.rng = random.Random(seed)
        self.ids: list[str] = []
        self.held_back: list[cmd.Command] = []
        self.fragments: list[cmd.NewList] = []
        self.list_ids: list[str] = []
        combos = (combinations.GE, combinations.GE_PRICE)
        for event in (LACKING, *LONG, *(PARTS if seed % 2 else ()), *combos):
            desk._take(event)
        kind = self.rng.choice(("", "both", "legs", "multileg"))
        if kind:
            desk._take(combinations.venue(kind))

    def step(self) -> None:
        """One random thing."""
        kinds: tuple[tuple[int, Callable[[], object]], ...] = (
            (6, self.new_order),
            (2, self.new_combination),
            (6, self.combination_report),
            (5, self.replace),
            (2, self.cancel),
            (6, self.fill),
            (3, self.change_execution),
            (8, self.report),
            (3, self.of_its_own_accord),
            (3, self.answer),
            (2, self.again),
            (2, self.late),
            (2, self.outside),
            (2 if self.seed % 2 else 0, self.parts),
            (2, self.person),
            (1, self.new_list),
            (2, self.ask_list),
        )
        weights, calls = zip(*kinds, strict=True)
        self.rng.choices(calls, weights)[0]()

    # -- ids -------------------------------------------------------------------------------------------------

    def new_id(self) -> str:
        self.ids.append(f"{self.seed}.{len(self.ids) + 1}")
        return self.ids[-1]

    def some_id(self) -> str:
        """An id that was used for an order or a request, lately as a rule."""
        orders = [f"#{n}" for n in list(self.desk.state.orders)[-8:]]
        known = [id for id in self.ids[-12:] if self.desk.state.find(ALPHA, id) is not None]
        if not known and not orders:
            return self.new_order()
        return self.rng.choice(known or orders) if self.rng.random() < 0.8 else self.rng.choice(orders)

    def some_routed(self) -> str | None:
        of = self.some_id()
        return of if self.desk.order(of).routes else None

    def some_route(self, of: str) -> int:
        """One of its routes; where there are several, one that is open as a rule."""
        routes = self.desk.order(of).routes
        alive = [route.route_id for route in routes if not route.ended]
        return self.rng.choice(alive) if len(routes) > 1 and alive and self.rng.random() < 0.9 else 1

    # -- clients ---------------------------------------------------------------------------------------------

    def new_order(self) -> str:
        rng = self.rng
        id = self.new_id() if rng.random() < 0.93 else ""
        symbol, account = rng.choice(
            (("IBM", "BLOCK"), ("IBM", "HUGE"), ("VOD", "HUGE"), ("VOD", "HUGE"), ("TOY", "HUGE"))
        )
        ord_type = rng.choice("2222111334JPPP")
        tif = rng.choice("0000011366")
        px = rng.choice(PRICES[symbol]) if ord_type in "24" else ""
        qty = rng.choice(("100", "200", "700")) if rng.random() < 0.93 else rng.choice(("0", "1000000"))
        self.desk.new(
            id, qty, px, side=rng.choice((Side.BUY, Side.SELL)), symbol=symbol, account=account, tif=tif,
            ord_type=ord_type, terms=self.terms(symbol, ord_type, tif), poss_resend=rng.random() < 0.05,
        )  # fmt: skip
        return id or f"#{len(self.desk.state.orders)}"

    def new_list(self) -> None:
        """A list, whole or the next fragment of one; or something that is none."""
        rng = self.rng
        if self.fragments and rng.random() < 0.6:
            self.desk.do(self.fragments.pop())
            return
        members = [self.member(n) for n in range(1, rng.choice((1, 2, 3, 4)) + 1)]
        if rng.random() < 0.1:
            members[0] = msgspec.structs.replace(members[0], list_seq_no=rng.choice((0, 2, 9)))
        self.list_ids.append(f"L{self.seed}.{len(self.list_ids)}")
        list_id = self.list_ids[-1] if rng.random() < 0.9 else rng.choice(self.list_ids)
        kind, total = rng.choice("1122"), len(members)
        rng.shuffle(members)
        cut = rng.randrange(total) if rng.random() < 0.3 else 0
        if cut:
            again = rng.random() < 0.3
            self.fragments += [
                cmd.NewList(ALPHA, list_id, "3", kind, total, tuple(members[:cut]), poss_resend=again)
            ] * (1 + again)
        self.desk.new_list(list_id, *members[cut:], kind=kind, total=total)

    def member(self, list_seq_no: int) -> ListMember:
        rng = self.rng
        symbol, account = rng.choice((("IBM", "BLOCK"), ("IBM", "HUGE"), ("VOD", "HUGE"), ("TOY", "HUGE")))
        ord_type = rng.choice("2222134")
        tif = rng.choice("00001")
        id = self.new_id() if rng.random() < 0.95 else self.some_id()
        return member(
            list_seq_no, id.replace("#", "n"), rng.choice(("100", "200", "700")),
            rng.choice(PRICES[symbol]) if ord_type in "24" else "", side=rng.choice((Side.BUY, Side.SELL)),
            symbol=symbol, account=account, tif=tif, ord_type=ord_type, terms=self.terms(symbol, ord_type, tif),
        )  # fmt: skip

    def ask_list(self) -> None:
        list_id = self.rng.choice(self.list_ids[-3:]) if self.list_ids else "none"
        self.rng.choice((self.desk.execute_list, self.desk.cancel_list, self.desk.ask_list))(list_id)

    def new_combination(self) -> str:
        """At about 100 less than nothing: ten IBM for 900, twenty GE for 1000 the other way."""
        rng = self.rng
        legs = combinations.SPREAD if rng.random() < 0.9 else (*combinations.SPREAD, combinations.leg("VOD"))
        id = self.new_id()
        combinations.new(
            self.desk, id, rng.choice(("1", "3", "5", "0.5")), rng.choice(("-100", "-90.5", "0", "12", "")), *legs,
            side=rng.choice("12BC"), account=rng.choice(("BLOCK", "HUGE", "HUGE")), tif=rng.choice("0001"),
            reports=rng.choice(("", "0", "1", "2")),
        )  # fmt: skip
        return id

    def some_combination(self) -> str | None:
        found = [o for o in self.desk.state.orders.values() if o.legs is not None and o.routes]
        return f"#{self.rng.choice(found[-4:]).order_id}" if found else None

    def combination_report(self) -> None:
        """Of a leg, of the combination, of both in either order; busts and corrections; nonsense, too."""
        rng, desk, of = self.rng, self.desk, self.some_combination()
        if of is None:
            return
        symbol = rng.choice(("IBM", "GE", "IBM", "GE", "TOY"))
        ratio, px = (
            ("10", rng.choice(("90", "89.5"))) if symbol == "IBM" else ("20", rng.choice(("50", "50.5")))
        )
        legs, requests = desk.order(of).legs, desk.order(of).requests
        assert legs is not None
        if requests and rng.random() < 0.4:
            (desk.replaced if rng.random() < 0.7 else desk.canceled)(requests[0].cl_ord_id)
            return
        known = [id for leg in legs if leg.symbol == symbol for id in sorted(leg.executions)]
        ref = rng.choice(known) if known and rng.random() < 0.9 else "x1"
        id = f"L{rng.randrange(400)}"
        more = {"side": rng.choice("12")} if rng.random() < 0.1 else {}
        fill = {"transact_time_ns": 7} | more
        priced = combinations.priced(IBM="90", GE="50") if rng.random() < 0.9 else {}
        rng.choice((
            lambda: combinations.leg_fill(desk, of, symbol, id, ratio, px, **fill),
            lambda: combinations.leg_fill(desk, of, symbol, id, ratio, px, **fill),
            lambda: combinations.leg_fill(desk, of, symbol, id, "7.00000001", px, **fill),
            lambda: combinations.leg_bust(desk, of, symbol, id, ref, **more),
            lambda: combinations.leg_correct(desk, of, symbol, id, ref, rng.choice((ratio, "5")), "88", **more),
            lambda: combinations.leg_report(desk, of, rng.choice("048"), symbol, id),
            lambda: combinations.fill(desk, of, f"x{rng.randrange(300)}", "1", rng.choice(("-100", "0")), **priced),
            lambda: combinations.fill(desk, of, f"x{rng.randrange(300)}", "1", **priced),
            lambda: desk.correct(of, f"c{rng.randrange(2_000)}", f"x{rng.randrange(300)}", "1", "-99", **priced),
        ))()  # fmt: skip

    def terms(self, symbol: str, ord_type: str, tif: str) -> Terms | None:
        rng = self.rng
        found: dict[str, Any] = {}
        if ord_type in "3P" and rng.random() < 0.6:
            offset = {
                "peg_offset": Px(scaled(rng.choice(("0.5", "1", "2")))),
                "peg_offset_type": rng.choice(("", "0")),
            }
            found |= {"exec_inst": "a"} | offset
        if ord_type in "34J" and rng.random() < 0.95:
            found["stop"] = rng.choice(PRICES[symbol])
        if tif == "6" and rng.random() < 0.9:
            found["until"] = rng.choice(UNTIL)
        elif tif == "6":
            found["expire_time"] = f"{rng.choice(UNTIL)}-15:00:00"
        if rng.random() < 0.15:
            found |= rng.choice(({"exec_inst": "G"}, {"min_qty": "100"}))
        if rng.random() < 0.2:
            found["max_floor"] = "100"
        return terms(**found)

    def replace(self) -> None:
        rng = self.rng
        of = self.some_id()
        order = self.desk.order(of)
        if order.legs is not None and rng.random() < 0.9:
            orig = of if not of.startswith("#") else order.cl_ord_id
            if self.desk.state.find(ALPHA, orig) is None:
                return  # its day has ended, and with it its id
            legs = combinations.SPREAD if rng.random() < 0.5 else ()
            qty, px = rng.choice(("1", "4", "6")), rng.choice(("-100", "-95", "0"))
            combinations.replace(self.desk, self.new_id(), orig, qty, px, *legs)
            return
        ord_type = order.ord_type if rng.random() < 0.95 else "2"
        px = rng.choice(PRICES.get(order.symbol, ("90",))) if ord_type in "24" else ""
        change = (
            self.terms(order.symbol, order.ord_type, order.time_in_force) if order.symbol in PRICES else None
        )
        qty = rng.choice(("100", "300", "500"))
        orig = of if not of.startswith("#") else order.cl_ord_id
        for _ in range(rng.choice((1, 1, 2))):
            self.desk.replace(self.new_id(), orig, qty, px, ord_type=ord_type, terms=change)

    def cancel(self) -> None:
        of = self.some_id()
        orig = of if not of.startswith("#") else self.desk.order(of).cl_ord_id
        self.desk.cancel(self.new_id() if self.rng.random() < 0.95 else orig, orig)

    # -- venues ----------------------------------------------------------------------------------------------

    def fill(self) -> None:
        rng = self.rng
        of = self.some_routed()
        if of is not None:
            qty = rng.choice(("10", "50", "100", "100", "33.00000003"))
            px = rng.choice(("88", "90", "91.5", "90.00000007"))
            self.desk.fill(of, f"x{rng.randrange(300)}", qty, px, route=self.some_route(of))

    def change_execution(self) -> None:
        """A bust or a correction: of what is known as a rule, of what is not, and of what stands no more."""
        rng = self.rng
        executed = [o for o in self.desk.state.orders.values() if any(r.executions for r in o.routes)]
        order = rng.choice(executed[-6:]) if executed else None
        of = f"#{order.order_id}" if order is not None else self.some_routed()
        if of is None:
            return
        known = [id for route in self.desk.order(of).routes for id in sorted(route.executions)]
        ref = rng.choice(known) if known and rng.random() < 0.85 else f"x{rng.randrange(300)}"
        exec_id = f"c{rng.randrange(2_000)}" if rng.random() < 0.95 else ref
        if rng.random() < 0.5:
            self.desk.bust(of, exec_id, ref)
        else:
            self.desk.correct(
                of, exec_id, ref, rng.choice(("10", "50", "0", "40.00000001")), rng.choice(("88", "92.3"))
            )

    def report(self) -> None:
        of = self.some_routed()
        if of is None:
            return
        desk, rng = self.desk, self.rng
        n = self.some_route(of)
        own = f"{of}/" if n > 1 and rng.random() < 0.3 else of
        rng.choice((
            lambda: desk.ack(of, n),
            lambda: desk.ack(of, n),
            lambda: desk.canceled(own, "text", n),
            lambda: desk.replaced(own, n),
            lambda: desk.replaced(own, n),
            lambda: desk.rejected(of, route=n),
            lambda: desk.refused(own, route=n),
            lambda: desk.refused(own, route=n),
            lambda: desk.expired(of, n),
            lambda: desk.done_for_day(of, n),
            lambda: desk.stands(of, rng.choice(STATUSES)),
            lambda: desk.not_taken(of, "D"),
        ))()  # fmt: skip

    def of_its_own_accord(self) -> None:
        of = self.some_routed()
        if of is None:
            return
        desk, rng = self.desk, self.rng
        price = {"last_qty": Qty(scaled("10")), "last_px": Px(scaled("90"))}
        rng.choice((
            lambda: desk.restated(of, rng.choice(("0", "100", "250")), rng.choice(("0", "89", "90.5"))),
            lambda: desk.restated(of, rng.choice(("0", "100", "250")), rng.choice(("0", "89", "90.5"))),
            lambda: self.restate_executed(of),
            lambda: desk.mass_refused(of),
            lambda: desk.report(of, ExecType.STOPPED, **price),
            lambda: desk.report(of, ExecType.SUSPENDED),
            lambda: desk.report(of, ExecType.TRIGGERED),
            lambda: desk.report(of, ExecType.CALCULATED),
        ))()  # fmt: skip

    def restate_executed(self, of: str) -> None:
        """A split, a reverse split, or an execution less, as a venue might say them in a restatement."""
        route = self.desk.order(of).routes[0]
        executed = [x for x in route.executions.values() if x.stands] or [Execution(1, 0, 0, 1)]
        kind, cum_qty = self.rng.choice(
            (
                ("0", route.cum_qty * 2),
                ("0", route.cum_qty // 2),
                ("5", route.cum_qty - self.rng.choice(executed).qty),
                ("5", route.cum_qty - self.rng.choice(executed).qty // 2),
            )
        )
        self.desk.report(
            of,
            ExecType.RESTATED,
            order_qty=Qty(route.order_qty * 2 if cum_qty > route.cum_qty else 0),
            cum_qty=Qty(cum_qty),
            exec_restatement_reason=kind,
            exec_ref_id=self.rng.choice(("", *route.executions)),
        )

    def answer(self) -> None:
        """A venue answers what we have asked it, of ours as well as of a client's."""
        asked = [
            (order, route, request)
            for order in list(self.desk.state.orders.values())[-12:]
            for route in order.routes
            for request in route.requests
        ]
        if not asked:
            return
        _, route, request = self.rng.choice(asked)
        if self.rng.random() < 0.3:
            self.desk.do(
                cmd.VenueCancelReject(route.venue, request.cl_ord_id, cxl_rej_reason=0, text="too late")
            )
            return
        is_cancel = request.response_to == "1"
        exec_type, status = (
            (ExecType.CANCELED, OrdStatus.CANCELED) if is_cancel else (ExecType.REPLACED, OrdStatus.NEW)
        )
        self.desk.do(cmd.VenueReport(route.venue, request.cl_ord_id, exec_type, status, self.desk._exec_id()))

    def again(self) -> None:
        """What a venue reported before comes again, some of it much later."""
        reports = [c for c in self.desk.commands if isinstance(c, cmd.VenueReport | cmd.VenueCancelReject)]
        if reports:
            self.desk.do(self.rng.choice(reports[-40:]))

    def late(self) -> None:
        """A report is held back, or what was held back comes, the youngest first."""
        if self.held_back and self.rng.random() < 0.5:
            self.desk.do(self.held_back.pop())
            return
        of = self.some_routed()
        if of is not None:
            route = self.desk.order(of).routes[0]
            exec_id = f"x{self.rng.randrange(300)}"
            fill = cmd.VenueReport(
                route.venue, self.desk.sent(of), ExecType.TRADE, OrdStatus.PARTIALLY_FILLED, exec_id,
                last_qty=Qty(scaled("20")), last_px=Px(scaled("90")),
            )  # fmt: skip
            bust = cmd.VenueReport(
                route.venue,
                self.desk.sent(of),
                ExecType.TRADE_CANCEL,
                OrdStatus.NEW,
                f"b{exec_id}",
                exec_ref_id=exec_id,
            )
            self.held_back += [bust, fill] if self.rng.random() < 0.8 else [fill, bust]

    def parts(self) -> None:
        """Orders in IBM go by another way from now on; time passes; a venue takes so many a second."""
        desk, rng = self.desk, self.rng
        to = rng.choice((*(event.name for event in PARTS), SIM))
        rate = ev.VenueRateDefined(desk.now_ns, SIM, rng.choice((0, 20, 50)), rng.choice((1, 2, 5)))
        side, px = rng.choice(
            (("bids", "89.5"), ("bids", "90"), ("offers", "90"), ("offers", "90.5"), ("trades", "90"))
        )
        level = f"{px} {rng.choice((0, 40, 100))}" if side != "trades" else f"{px} {rng.choice((10, 300))}"
        rng.choice((
            lambda: desk.show(rng.choice((SIM, LSE)), full=rng.random() < 0.3, **{side: [level]}),
            lambda: desk.show(rng.choice((SIM, LSE)), full=rng.random() < 0.3, **{side: [level]}),
            lambda: desk.show(rng.choice((SIM, LSE)), full=rng.random() < 0.3, **{side: [level]}),
            lambda: desk._take(msgspec.structs.replace(FIRM, market_venues=(("XLON", LSE), ("XNYS", to)))),
            lambda: desk.wait(rng.choice((0.1, 0.3))),
            lambda: desk.wait(rng.choice((0.1, 0.3))),
            lambda: desk._take(rate),
        ))()  # fmt: skip

    # -- the rest of the world -------------------------------------------------------------------------------

    def answer_request(self) -> None:
        """A venue answers what it was asked about."""
        for venue, asked in list(self.desk.state.questions.items()):
            for cl_ord_id in sorted(asked):
                status = self.rng.choice(STATUSES)
                self.desk.do(cmd.VenueReport(venue, cl_ord_id, ExecType.ORDER_STATUS, status, "0"))

    def outside(self) -> None:
        desk, rng = self.desk, self.rng
        venue = rng.choice((SIM, LSE, ALPHA, BRAVO))
        unknown = cmd.VenueReport(SIM, "e-0", ExecType.TRADE, "1", "x", last_qty=Qty(5), last_px=Px(6))
        rng.choice((
            lambda: (desk.down(venue), desk.up(venue)),
            lambda: (desk.down(venue), desk.up(venue)),
            lambda: (desk.down(venue), desk.up(venue)),
            lambda: [desk.do(cmd.StopAsking(name)) for name in list(desk.state.questions)],
            self.answer_request,
            self.answer_request,
            lambda: (desk.halt("symbol", "VOD"), self.new_order(), desk.resume("symbol", "VOD")),
            lambda: desk.price("IBM", rng.choice(("89", "90", "91"))),
            lambda: desk.price("VOD", rng.choice(("79", "80", "81"))),
            lambda: desk.price("VOD", rng.choice(("78.5", "79.5", "80.5", "81.5"))),
            lambda: desk.price("VOD", rng.choice(("78.5", "79.5", "80.5", "81.5"))),
            lambda: desk.price("VOD", rng.choice(("78.5", "79.5", "80.5", "81.5"))),
            lambda: desk.ask_status(self.some_id()),
            lambda: desk.do(unknown),
            lambda: desk.do(cmd.DontKnow(ALPHA, f"e-{rng.randrange(20)}", "x", "D")),
        ))()  # fmt: skip

    def person(self) -> None:
        desk, rng = self.desk, self.rng
        rng.choice((
            lambda: desk.end_day(rng.choice((0, 1, 1))),
            self.hours,
            self.hours,
            lambda: desk.profile(rng.choice(("queue", "queue", "pass", "refuse")), rng.choice(("status", "ignore"))),
            lambda: desk.profile("queue"),
            lambda: desk.profile(
                rng.choice(("queue", "pass")),
                cl_ord_ids=rng.choice(("session", "day", "open")),
                final_fill=rng.choice(("pass", "trade", "done_for_day", "calculated")),
            ),
            lambda: desk.profile(
                of=rng.choice((SIM, LSE)),
                exec_ids=rng.choice(("order", "day")),
                busts=rng.choice(("cancel", "restate")),
                final_fill=rng.choice(("pass", "trade", "done_for_day")),
                late_cancel=rng.choice(("reject", "silent")),
                reset=rng.choice(("accept", "day")),
            ),
            lambda: desk._take(ev.SessionReset(desk.now_ns, rng.choice((SIM, LSE, ALPHA)))),
            lambda: desk.cancel_all(self.new_id(), rng.choice(("", "IBM", "VOD"))),
            self.mass_cancel_refused,
            lambda: desk.ask_all(rng.choice(("", "IBM"))),
        ))()  # fmt: skip

    def hours(self) -> None:
        """Some hours go by, or the clock steps back: the days of the markets end and begin, times of day come."""
        desk = self.desk
        desk.now_ns += self.rng.choice((-1, 1, 3, 6, 10, 20)) * 3_600_000_000_000
        for command in due(desk.state, desk.now_ns):
            desk.do(command)
        for order_id in to_expire(desk.state, desk.now_ns):
            desk.do(cmd.Emulate(order_id))

    def mass_cancel_refused(self) -> None:
        """Of all orders; the venues refuse it for some."""
        self.desk.cancel_all(self.new_id())
        asked = [order for order in self.desk.state.orders.values() if any(r.requests for r in order.routes)]
        for order in asked[-3:]:
            self.desk.mass_refused(f"#{order.order_id}")


def kinds_of(events: list[ev.Event]) -> set[str]:
    return {type(event).__name__ for event in events}
