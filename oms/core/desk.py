"""What comes from sessions, prices and people at the desk. Part of `decide`."""

from oms.core import commands as cmd
from oms.core import events as ev
from oms.core.decision import Events
from oms.core.emulation import trail
from oms.core.market import TRADE, VenueDepth
from oms.core.requests import trigger
from oms.core.state import State
from oms.core.types import OrdStatus, Px


def log_on(state: State, command: cmd.LogOn, now_ns: int) -> Events:
    """A session is up. A venue is asked about its orders: those in doubt, or all that work there.

    All of them where sequence numbers began again, too: what the venue had still to say is lost.
    """
    events: Events = [ev.SessionLoggedOn(now_ns, command.session_id)]
    reconcile = state.reconciles.get(command.session_id)
    asks_all = command.session_id in state.restarted or (reconcile is not None and reconcile.asks_all)
    for order in state.open_orders():
        for route in order.routes:
            if route.venue != command.session_id or not (route.in_doubt or asks_all):
                continue
            if route.working == OrdStatus.PENDING_NEW or (asks_all and not route.ended):
                events.append(ev.StatusAsked(now_ns, order.order_id, route.route_id, route.cl_ord_id))
            for request in route.requests:
                events.append(ev.StatusAsked(now_ns, order.order_id, route.route_id, request.cl_ord_id))
    return events


def log_out(state: State, command: cmd.LogOut, now_ns: int) -> Events:
    if command.session_id not in state.sessions_up:
        return []
    return [ev.SessionLoggedOut(now_ns, command.session_id)]


def ask_status(state: State, command: cmd.AskStatus, now_ns: int) -> Events:
    found = state.routes.get(command.cl_ord_id)
    if found is None or found[1].venue != command.venue:
        return []
    order, route = found
    unanswered = route.working == OrdStatus.PENDING_NEW and route.cl_ord_id == command.cl_ord_id
    if not unanswered and route.request(command.cl_ord_id) is None:
        return []
    return [ev.StatusAsked(now_ns, order.order_id, route.route_id, command.cl_ord_id)]


def stop_asking(state: State, command: cmd.StopAsking, now_ns: int) -> Events:
    """Each question that stays open is named: a person has to find out."""
    asked = state.questions.get(command.venue, {})
    events: Events = [
        ev.ReportQuestioned(now_ns, order_id, command.venue, "status_unanswered", "", f"ClOrdID {cl_ord_id}")
        for cl_ord_id, order_id in sorted(asked.items(), key=lambda item: (item[1], item[0]))
    ]
    return [*events, ev.AskingStopped(now_ns, command.venue, len(asked))] if asked else []


def publish_price(state: State, command: cmd.PublishPrice, now_ns: int) -> Events:
    if command.px <= 0 or state.reference_px.get(command.symbol) == command.px:
        return []
    if command.symbol not in state.instruments:
        return []
    changed = ev.ReferencePriceChanged(now_ns, command.symbol, command.px, command.source)
    moved = trail(state, command.symbol, command.px, now_ns)
    return [changed, *moved, *trigger(state, command.symbol, command.px, now_ns)]


def update_books(state: State, command: cmd.UpdateBooks, now_ns: int) -> Events:
    """What a venue displays. The price of a trade is a reference price; so is a first mid where none was."""
    events: Events = []
    for update in command.updates:
        if update.symbol not in state.instruments:
            continue
        if update.entries or update.full:
            events.append(ev.BookChanged(now_ns, update.symbol, command.venue, update.full, update.entries))
        px = next((px for kind, px, _ in reversed(update.entries) if kind == TRADE), 0)
        if not px and update.symbol not in state.reference_px:
            depth = VenueDepth()
            depth.change(True, update.entries, now_ns)
            px = depth.mid()
        events += publish_price(state, cmd.PublishPrice(update.symbol, Px(px), command.venue), now_ns)
    return events


def dont_know(state: State, command: cmd.DontKnow, now_ns: int) -> Events:
    """A client does not accept what we reported: people have to look at it."""
    number = command.order_id.removeprefix(f"{state.epoch}-")
    order = state.orders.get(int(number)) if number.isdigit() else None
    order_id = order.order_id if order is not None and order.session_id == command.session_id else 0
    text = f"DKReason {command.dk_reason}" + (f", {command.text}" if command.text else "")
    return [ev.ReportQuestioned(now_ns, order_id, command.session_id, "client_dk", command.exec_id, text)]


def halt(state: State, command: cmd.Halt, now_ns: int) -> Events:
    return [ev.TradingHalted(now_ns, command.scope, command.value, command.who, command.why)]


def resume(state: State, command: cmd.Resume, now_ns: int) -> Events:
    if (command.scope, command.value) not in state.halts:
        return []
    return [ev.TradingResumed(now_ns, command.scope, command.value, command.who, command.why)]
