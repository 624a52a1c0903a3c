"""One example of every event type, with small, different values: a field that moves shows."""

from oms.core import events as ev
from oms.core.types import Px, Qty

BIG = 2**63 - 1

EXAMPLES: tuple[ev.Event, ...] = (
    ev.EngineStarted(1, "0.1", 4, "e"),
    ev.InstrumentDefined(1, "S", "XNYS", "USD", "I", "n", Qty(5), ((Px(0), Px(6)), (Px(7), Px(8))), Px(9), 2),
    ev.AccountDefined(1, "A", "n", ("s", "t"), (("USD", BIG),), Qty(5)),
    ev.FirmDefined(1, Qty(5), (("USD", 6), ("GBP", 7)), 8, "v", (("XLON", "w"),)),
    ev.AllocationGroupDefined(1, "A", (("B", 5), ("C", 6))),
    ev.MessageIn(1, "s", 5, "35=D\x0111=A\x01"),
    ev.MessageOut(1, "s", 5, 6, "35=8\x01"),
    ev.SessionMoved(1, "s", 5, 6),
    ev.SessionReset(1, "s"),
    ev.CommandTaken(1, "timer", "{}"),
    ev.SessionLoggedOn(1, "s"),
    ev.SessionLoggedOut(1, "s"),
    ev.ReferencePriceChanged(1, "S", Px(-5), "v"),
    ev.TradingHalted(1, "account", "A", "w", "y"),
    ev.TradingResumed(1, "account", "A", "w", "y"),
    ev.OrderReceived(1, 2, "s", "c", "A", "S", "1", Qty(5), "2", Px(6), "0", Px(7)),
    ev.OrderDenied(1, 2, "s", "c", "A", "S", "1", Qty(5), "2", Px(6), "0", "r", 7, "t"),
    ev.OrderAccepted(1, 2),
    ev.OrderRejected(1, 2, 5, "t"),
    ev.OrderFilled(1_795_357_800_123_456_789, 2, 1, "x", Qty(BIG), Px(-BIG), 6),
    ev.CancelRequested(1, 2, "s", "c", "o"),
    ev.ReplaceRequested(1, 2, "s", "c", "o", Qty(5), Px(6), Px(7)),
    ev.RequestDenied(1, 2, "s", "c", "o", "1", 5, "r", "t"),
    ev.RequestRejected(1, 2, "c", "o", "2", 5, "t"),
    ev.OrderCanceled(1, 2, "c", "t"),
    ev.OrderReplaced(1, 2, "c"),
    ev.OrderExpired(1, 2, "t"),
    ev.OrderDoneForDay(1, 2, "t"),
    ev.StatusRequested(1, 2, "s", "c", "i", "S", "1"),
    ev.OrderRouted(1, 2, 3, "v", "c", Qty(5), Px(6)),
    ev.RouteAccepted(1, 2, 3, "V"),
    ev.RouteRejected(1, 2, 3, 5, "t"),
    ev.CancelRouted(1, 2, 3, "c", "o", "r"),
    ev.ReplaceRouted(1, 2, 3, "c", "o", "r", Qty(5), Px(6)),
    ev.RouteCanceled(1, 2, 3, "c", "t"),
    ev.RouteReplaced(1, 2, 3, "c", "V"),
    ev.RouteRequestRejected(1, 2, 3, "c", 5, "t"),
    ev.RouteExpired(1, 2, 3, True, "t"),
    ev.StatusAsked(1, 2, 3, "c"),
    ev.ReportQuestioned(1, 2, "s", "r", "x", "t"),
)
