"""A simulated broker without its session: fields in, message texts out. No socket, no clock, no QuickFIX.

It takes the orders of one counterparty to an `Exchange`, and reports what becomes of them. What it promises,
and the engine is tested against, as long as no macro (`macros.py`) makes it do otherwise:

- reports say what is true when they are written: New, then a fill per maker met, then the cancel of what may
  not rest;
- an ExecID is used once, across restarts too (`id_prefix` differs from start to start), unless the profile
  has them counted by the day;
- a ClOrdID is taken once. A second order with it is refused, by a report that describes the first, and
  counted as `duplicate_orders`: that is how an order that was sent twice would be noticed;
- a request may name any accepted ClOrdID of the order's chain, as many brokers allow: a cancel that crosses
  an accepted replace still finds its order;
- a replace gives the total quantity. At or below what has executed it means stop executing, and the report
  says OrderQty = CumQty. A filled order may grow at its price.
- an order status request is answered for every ClOrdID that was taken. One that never came or was refused is
  unknown.

Reports go to `outbox`, in FIX 4.4 terms. A broker with habits has a `Delivery`, through which they go first.
What else a broker may do to an order is in `interventions.py`.
"""

from collections import Counter, deque
from collections.abc import Callable
from typing import Any, Final

from msgspec import Struct

from oms.core.types import (
    ExecType,
    OrdStatus,
    TimeInForce,
    average_px,
    format_scaled,
)
from oms.fix.tags import MsgType
from oms.fix.wire import pairs, parse_utc_timestamp
from oms.sim.delivery import Delivery
from oms.sim.exchange import CONTINUOUS, Exchange
from oms.sim.ids import Ids
from oms.sim.macros import Macro, Message
from oms.sim.market_data import MarketData
from oms.sim.prices import PriceFeed
from oms.sim.profile import FIX50SP2, BrokerProfile
from oms.sim.reports import (
    ENDED,
    Execution,
    VenueOrder,
    business_reject,
    execution_report,
    price_snapshot,
    status_of,
    unknown_status,
)
from oms.sim.requests import Requests
from oms.sim.rules import Rules
from oms.sim.schedule import MS, Schedule
from oms.sim.store import Counts, Kept, Store
from oms.sim.terms import DUPLICATE_ORDER, OTHER, UNKNOWN_SYMBOL, Checker, Wrong

MARKET_OPTION: Final = 8  # ExecRestatementReason(378)

MARKET_DATA_REQUEST: Final = "V"  # MsgType(35)

SECOND_NS: Final = 1_000_000_000


class Cut(Struct, frozen=True):
    """Stands in an outbox: here the session ends, by "drop" or "logout"; no logon is taken for a while."""

    how: str
    for_ms: int


Out = str | Cut


class Broker:
    """One broker for one counterparty.

    >>> from oms.sim.instruments import SimInstrument
    >>> broker = Broker(Exchange([SimInstrument("X", ((0, 100),), 100_000_000)], liquidity_levels=0))
    >>> fields = {"35": "D", "11": "A", "55": "X", "54": "1", "38": "5", "40": "2", "44": "1", "59": "0"}
    >>> [report.split("\\x01")[4] for report in broker.handle(fields, 0)]
    ['150=0']
    """

    def __init__(
        self,
        exchange: Exchange,
        profile: BrokerProfile | None = None,
        *,
        name: str = "SIM",
        seed: int = 1,
        id_prefix: str = "",
        schedule: Schedule | None = None,
        on_execution: Callable[[Execution], None] | None = None,
        store: Store | None = None,
    ) -> None:
        """`schedule` is advanced by whoever owns it. `on_execution` is called before a fill is reported."""
        self.exchange = exchange
        self.profile = profile = profile if profile is not None else BrokerProfile()
        self.name = name
        self.schedule = schedule if schedule is not None else Schedule()
        self.stats: Counter[str] = Counter()
        self.outbox: list[Out] = []
        self.copies: list[str] = []  # for the drop copy session
        self.feed = PriceFeed(exchange.prices)
        if profile.prices:
            exchange.feeds.append(self.feed)
        self.market_data = MarketData(exchange) if profile.market_data else None
        self.rules = Rules(profile.macro, f"{seed}:{name}") if profile.macro else None
        self.scenario: Callable[[Broker, Message, int], bool] | None = None
        self.checker = Checker(profile)
        self.on_execution = on_execution
        self.store = store
        self._delivery = Delivery(self, seed) if _has_habits(profile) or store is not None else None
        self.known: dict[str, VenueOrder] = {}  # every accepted ClOrdID
        self.refused_ids: set[str] = set()
        self.requests = Requests(self)
        self._ids = Ids(profile, id_prefix)
        self._new_exec_id = self._ids.exec_id
        self._renames = self._ids.orders_recur
        self._is_plain = self._delivery is None and not profile.pending_new
        self.paced = profile.orders_per_s > 0
        self._recent: deque[int] = deque(maxlen=profile.orders_per_s or 1)  # when the last ones came
        self._final_fill = {"calculated": ExecType.CALCULATED, "done_for_day": ExecType.DONE_FOR_DAY}.get(
            profile.final_fill
        )
        self._handlers: dict[str, Callable[[Message, int], None]] = {
            MsgType.NEW_ORDER_SINGLE: self._new_order,
            MsgType.ORDER_CANCEL_REQUEST: self.requests.cancel,
            MsgType.ORDER_CANCEL_REPLACE_REQUEST: self.requests.replace,
            MsgType.ORDER_STATUS_REQUEST: self._status,
            MsgType.DONT_KNOW_TRADE: self._dont_know,
        }

    # -- what comes in and goes out --------------------------------------------------------------------------

    def handle(self, message: Message, now_ns: int, text: str = "") -> list[Any]:
        """Work one application message; `text` is all of it, which only messages with groups need. What it
        causes here, in order, with what was still to be sent. Raises KeyError if a required field lacks."""
        self.stats["messages"] += 1
        if self.scenario is None:
            handler = self._handlers.get(message["35"])
            if handler is not None:
                handler(message, now_ns)
            else:
                self.work(message, now_ns, text)
        elif not self.scenario(self, message, now_ns):
            self.work(message, now_ns, text)
        out, self.outbox = self.outbox, []
        if self.store is not None:
            self.save()
        return out

    def work(self, message: Message, now_ns: int, text: str = "") -> None:
        """Work one application message as the profile has it."""
        handler = self._handlers.get(message["35"])
        if handler is not None:
            handler(message, now_ns)
        elif message["35"] == MARKET_DATA_REQUEST and self.market_data is not None:
            self.stats["market_data_requests"] += 1
            self.outbox += self.market_data.request(pairs(text) or list(message.items()))
        else:
            self.outbox.append(business_reject(message, "message type not supported"))

    def take(self) -> list[Any]:
        """What is to be sent, once."""
        out, self.outbox = self.outbox, []
        if self.store is not None:
            self.save()
        return out

    def save(self) -> None:
        """Have what has changed in the store."""
        if self.store is not None:
            ids = self._ids
            counts = Counts(ids.next_exec, ids.next_order, ids.day, self.exchange.date)
            self.store.flush(self.exchange.prices.px, counts)

    def restore(self, kept: Kept, now_ns: int) -> list[VenueOrder]:
        """Have the orders of an earlier time again. Those that belong into the books."""
        self._ids.resume(kept.counts.next_exec, kept.counts.next_order, kept.counts.day)
        self.refused_ids.update(kept.refused_ids)
        for order in kept.orders:
            order.broker = self
            if order.ord_status == OrdStatus.REJECTED:
                self.refused_ids.update(order.cl_ord_ids)
                continue
            if order.ord_status == OrdStatus.SUSPENDED:
                order.ord_status = status_of(order)  # A halt does not outlive the simulator.
            self.exchange.orders[order.key] = order
            self.known.update(dict.fromkeys(order.cl_ord_ids, order))
            self._watch_expiry(order)
        return [o for o in kept.orders if o.leaves_qty and not (o.off_book or o.suspended)]

    def take_prices(self, limit: int) -> list[str]:
        """Messages with the present reference price of at most that many instruments that have moved."""
        return [price_snapshot(symbol, px) for symbol, px in self.feed.take(limit)]

    # -- looking ---------------------------------------------------------------------------------------------

    def order(self, cl_ord_id: str) -> VenueOrder | None:
        """The order that an accepted ClOrdID was used for."""
        return self.known.get(cl_ord_id)

    def orders(self) -> list[VenueOrder]:
        """All that were accepted."""
        return [order for order in self.exchange.orders.values() if order.broker is self]

    def dump(self) -> dict[str, Any]:
        """Every order as the venue sees it, and the counters, ready for JSON. Numbers are decimal text."""
        return {
            "stats": dict(sorted(self.stats.items())),
            "orders": [
                {
                    "order_id": order.order_id,
                    "cl_ord_ids": order.cl_ord_ids,
                    "account": order.account,
                    "symbol": order.symbol,
                    "side": order.side,
                    "ord_type": order.ord_type,
                    "time_in_force": order.time_in_force,
                    "order_qty": format_scaled(order.order_qty),
                    "price": format_scaled(order.price),
                    "cum_qty": format_scaled(order.cum_qty),
                    "leaves_qty": format_scaled(order.leaves_qty),
                    "avg_px": format_scaled(average_px(order.cum_notional, order.cum_qty)),
                    "ord_status": order.ord_status,
                    "exec_ids": list(order.executions),
                }
                for order in self.orders()
            ],
        }

    # -- new orders ------------------------------------------------------------------------------------------

    def _new_order(self, message: Message, now_ns: int) -> None:
        self.stats["orders"] += 1
        order = self._read(message, now_ns)
        if order is None:
            return
        if self.rules is not None:
            script = self.rules.choose(order)
            if script is not None:
                self.begin(order, script, now_ns)
                return
        self.accept(order, now_ns)
        self.exchange.enter(order, now_ns)

    def new_order_by(self, script: Macro, message: Message, now_ns: int) -> VenueOrder | None:
        """Work a new order by a macro. The order, None if it was refused for what it is."""
        self.stats["orders"] += 1
        order = self._read(message, now_ns)
        if order is not None:
            self.begin(order, script, now_ns)
        return order

    def begin(self, order: VenueOrder, script: Macro, now_ns: int) -> None:
        """Let a macro deal with an order."""
        self.stats[f"macro {script.__struct_config__.tag}"] += 1
        order.script = script
        if self._delivery is None:
            self._delivery = Delivery(self, 0)
            self._is_plain = False
        script.start(self, order, now_ns)

    def _read(self, message: Message, now_ns: int) -> VenueOrder | None:
        """A new order whose ClOrdID is taken now; None if it was answered otherwise."""
        cl_ord_id = message["11"]
        known = self.known.get(cl_ord_id)
        if known is not None and message.get("97") == "Y":
            # PossResend: "if you have not had it yet". It has come, so its state is told and nothing is done.
            self.stats["poss_resends"] += 1
            self._tell_status(known, message, now_ns)
            return None
        order_id = self._ids.order_id(cl_ord_id, now_ns)
        order = VenueOrder(
            order_id=order_id,
            cl_ord_ids=[cl_ord_id],
            symbol=message["55"],
            side=message["54"],
            ord_type=message["40"],
            time_in_force=message.get("59", TimeInForce.DAY),
            order_qty=0,
            price=0,
            account=message.get("1", ""),
            key=order_id,
            broker=self,
        )
        if known is not None or cl_ord_id in self.refused_ids:
            self.stats["duplicate_orders"] += 1
            self._reject_duplicate(known or order, cl_ord_id, now_ns)
            return None
        instrument = self.exchange.instruments.get(order.symbol)
        if instrument is None:
            self.reject(order, UNKNOWN_SYMBOL, "unknown symbol", now_ns)
            return None
        wrong = self.checker.read(message, order, instrument, now_ns)
        if wrong is None and (order.odd or self.exchange.phase != CONTINUOUS):
            wrong = self.exchange.refusal(order)
        if wrong is None and self.paced:
            wrong = self.too_fast(now_ns)
        if wrong is not None:
            self.reject(order, *wrong, now_ns)
            return None
        if self._renames:
            # It may come again: it rests under a name of its own.
            order.key = self._ids.key(self.name, self.stats["orders"])
        self.known[cl_ord_id] = order
        return order

    def too_fast(self, now_ns: int) -> Wrong | None:
        """Counts an order or a replace; says so if there have been too many within a second."""
        recent = self._recent
        if len(recent) == recent.maxlen and now_ns - recent[0] < SECOND_NS:
            self.stats["throttled"] += 1
            return OTHER, f"more than {self.profile.orders_per_s} orders within a second"
        recent.append(now_ns)
        return None

    def accept(self, order: VenueOrder, now_ns: int) -> None:
        """Acknowledge an order."""
        self.exchange.orders[order.key] = order
        if self._is_plain and order.terms is None:
            self.outbox.append(execution_report(order, self._new_exec_id(now_ns), ExecType.NEW, now_ns))
            return
        if self.profile.pending_new:
            order.pending = OrdStatus.PENDING_NEW
            self.report(order, ExecType.PENDING_NEW, now_ns)
            order.pending = ""
        self.report(order, ExecType.NEW, now_ns)
        self._watch_expiry(order)

    def _watch_expiry(self, order: VenueOrder) -> None:
        if order.terms is not None and order.terms.expire_time and order.leaves_qty:
            self.schedule.at(parse_utc_timestamp(order.terms.expire_time), self.expire, order)

    def enter(self, order: VenueOrder, now_ns: int) -> None:
        """Put an acknowledged order into the book, if it is still open."""
        if order.leaves_qty:
            self.exchange.enter(order, now_ns)

    def reject(self, order: VenueOrder, ord_rej_reason: int, text: str, now_ns: int) -> None:
        """Reject an order, acknowledged or not."""
        if order.ord_status in ENDED:
            return
        self.stats["rejected"] += 1
        self.exchange.withdraw(order)
        order.ord_status = OrdStatus.REJECTED
        self.known.pop(order.cl_ord_id, None)
        self.refused_ids.add(order.cl_ord_id)
        self.report(order, ExecType.REJECTED, now_ns, ord_rej_reason=ord_rej_reason, text=text)

    def _reject_duplicate(self, order: VenueOrder, cl_ord_id: str, now_ns: int) -> None:
        """The rejection describes the order that has the id, as it stands. *Source:* FIX matrix F.1.a."""
        self.stats["rejected"] += 1
        if cl_ord_id in self.refused_ids:
            order.ord_status = OrdStatus.REJECTED
        self.report(
            order,
            ExecType.REJECTED,
            now_ns,
            cl_ord_id=cl_ord_id,
            ord_rej_reason=DUPLICATE_ORDER,
            text="duplicate ClOrdID",
        )

    def forget_ids(self, order: VenueOrder) -> None:
        """Know no ClOrdID of an order any more."""
        for cl_ord_id in order.cl_ord_ids:
            self.known.pop(cl_ord_id, None)
        if self.store is not None:
            self.store.forget(order)

    # -- questions -------------------------------------------------------------------------------------------

    def _status(self, message: Message, now_ns: int) -> None:
        self.stats["status_requests"] += 1
        if self.profile.status_requests != "answer":
            if self.profile.status_requests == "reject":
                self.outbox.append(business_reject(message, "status requests are not answered"))
            return
        order = self.known.get(message["11"])
        if order is None:
            self.stats["status_unknown"] += 1
            self.answer(None, unknown_status(message, now_ns), now_ns)
        elif order.script is None or order.script.answers:
            self._tell_status(order, message, now_ns)

    def _tell_status(self, order: VenueOrder, message: Message, now_ns: int) -> None:
        # The answer carries the id that was asked about. ExecID(17) is 0: nothing was executed.
        text = execution_report(
            order,
            "0",
            ExecType.ORDER_STATUS,
            now_ns,
            cl_ord_id=message["11"],
            ord_status_req_id=message.get("790", ""),
        )
        self.answer(order, text, now_ns)

    def _dont_know(self, message: Message, now_ns: int) -> None:
        """DontKnowTrade(Q): noted, and that is all a simulator can do."""
        self.stats["dont_know"] += 1

    # -- what becomes of an order: called by the exchange ----------------------------------------------------

    def execute(self, order: VenueOrder, qty: int, px: int, now_ns: int) -> None:
        """Book an execution and report it."""
        order.cum_qty += qty
        order.cum_notional += qty * px
        order.ord_status = status = status_of(order)
        exec_id = self._new_exec_id(now_ns)
        order.executions[exec_id] = qty, px
        self.stats["executions"] += 1
        if self.on_execution is not None:
            self.on_execution(
                Execution(exec_id, order.cl_ord_id, order.order_id, order.symbol, order.side, qty, px, now_ns)
            )
        text = execution_report(order, exec_id, ExecType.TRADE, now_ns, last_qty=qty, last_px=px)
        if self._delivery is None:
            self.outbox.append(text)
        else:
            self._delivery.report(order, ExecType.TRADE, text, now_ns)
        if status == OrdStatus.FILLED and self._final_fill is not None:
            order.ord_status = self._final_fill
            self.report(order, self._final_fill, now_ns)

    def end(
        self,
        order: VenueOrder,
        text: str,
        now_ns: int,
        orig_cl_ord_id: str = "",
        restatement_reason: int | None = None,
    ) -> None:
        """Cancel what is left of an order, asked for or not."""
        self.exchange.withdraw(order)
        order.ord_status = OrdStatus.CANCELED
        self.stats["canceled"] += 1
        report = execution_report(
            order,
            self._new_exec_id(now_ns),
            ExecType.CANCELED,
            now_ns,
            orig_cl_ord_id=orig_cl_ord_id,
            restatement_reason=restatement_reason,
            text=text,
        )
        if self._delivery is None:
            self.outbox.append(report)
        else:
            self._delivery.report(order, ExecType.CANCELED, report, now_ns)

    def expire(self, order: VenueOrder, now_ns: int) -> None:
        """The order's time is up."""
        if not order.leaves_qty:
            return
        self.exchange.withdraw(order)
        order.ord_status = OrdStatus.EXPIRED
        self.report(order, ExecType.EXPIRED, now_ns)

    def trigger(self, order: VenueOrder, now_ns: int) -> None:
        """The price of a stop order was reached."""
        order.triggered = True
        if self.profile.version == FIX50SP2:
            self.report(order, ExecType.TRIGGERED, now_ns)
        else:
            # There is no word for it before 5.0.
            self.report(order, ExecType.RESTATED, now_ns, restatement_reason=MARKET_OPTION, text="triggered")

    def halted(self, order: VenueOrder, now_ns: int) -> None:
        """The order's instrument was halted."""
        if self.profile.reports_halts and not (order.suspended or order.halted):
            order.halted = True
            order.ord_status = status_of(order)
            self.report(order, ExecType.SUSPENDED, now_ns, text="the instrument is halted")

    def resumed(self, order: VenueOrder, now_ns: int) -> None:
        """The order's instrument is traded again."""
        if order.halted:
            order.halted = False
            order.ord_status = status_of(order)
            self.report(
                order,
                ExecType.RESTATED,
                now_ns,
                restatement_reason=MARKET_OPTION,
                text="the instrument is traded again",
            )

    # -- helpers ---------------------------------------------------------------------------------------------

    def report(self, order: VenueOrder, exec_type: str, now_ns: int, **more: Any) -> str:
        """Report something new of an order: see `execution_report`. Its ExecID."""
        exec_id = self._new_exec_id(now_ns)
        text = execution_report(order, exec_id, exec_type, now_ns, **more)
        if self._delivery is None:
            self.outbox.append(text)
        else:
            self._delivery.report(order, exec_type, text, now_ns)
        return exec_id

    def answer(self, order: VenueOrder | None, text: str, now_ns: int) -> None:
        """Send what answers a request and brings nothing new of an order."""
        if self._delivery is None:
            self.outbox.append(text)
        else:
            self._delivery.answer(order, text, now_ns)

    def repeat_last(self, order: VenueOrder, now_ns: int) -> None:
        """Send the last report about an order again, as it was. Only with a delivery is it kept."""
        if self._delivery is not None:
            self._delivery.repeat(order, now_ns)

    def cut(self, how: str, for_ms: int) -> None:
        """End the session behind what was said so far."""
        self.outbox.append(Cut(how, for_ms))

    def write_execution(
        self, order: VenueOrder, exec_id: str, qty: int, px: int, now_ns: int, **what: str
    ) -> None:
        """Tell of a bust or a correction, as of a fill: `exec_type` and `exec_ref_id`."""
        if self.on_execution is not None:
            self.on_execution(
                Execution(
                    exec_id,
                    order.cl_ord_id,
                    order.order_id,
                    order.symbol,
                    order.side,
                    qty,
                    px,
                    now_ns,
                    **what,
                )
            )

    def later(self, after_ms: int, now_ns: int, call: Callable[..., object], *arguments: Any) -> None:
        """Have a call made so much later, with the time then as its last argument; now, if that is 0."""
        if after_ms:
            self.schedule.at(now_ns + after_ms * MS, call, *arguments)
        else:
            call(*arguments, now_ns)


def _has_habits(profile: BrokerProfile) -> bool:
    """Whether reports have to go through a `Delivery`."""
    return bool(profile.ack_ms or profile.fill_ms or profile.drop_copy or profile.macro)
