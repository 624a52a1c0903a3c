"""Which execution a venue means, and what there is left of it. Part of `decide`; reads only.

An ExecID names an execution of its route, as a rule for ever. What a venue restates names none, or says what
is left: then the one is meant that it can only be.
"""

from typing import Final

from oms.core import commands as cmd
from oms.core.decision import standing
from oms.core.order import Execution, Order, Route
from oms.core.state import State
from oms.core.types import average_px, exec_id_of_day

CORPORATE_ACTION: Final = "0"  # ExecRestatementReason(378)


def asked_qty(route: Route) -> int:
    """The largest quantity that was asked for, answered or not."""
    return max([route.order_qty, *(request.order_qty for request in route.requests)])


def named(state: State, order: Order, route: Route, command: cmd.VenueReport) -> tuple[str, Execution | None]:
    """What an ExecID that was used on this route stands for: the execution it names, or an id for a new one.

    A venue may count them by day. Then one of an earlier day means another execution, unless the report is a
    late copy, whose TransactTime is of that day; CumQty tells where there is none.
    """
    exec_id = command.exec_id
    known = route.executions[exec_id]
    profile = state.profiles.get(route.venue)
    today = state.day_at(state.market_of(order))
    if profile is None or profile.exec_ids != "day" or known.day == today.number:
        return exec_id, known
    of_today = exec_id_of_day(exec_id, today.number)
    if of_today in route.executions:
        return of_today, route.executions[of_today]
    if command.transact_time_ns:
        is_new = command.transact_time_ns > today.ended_ns
    else:
        is_new = is_said_to_be_more(route, command)
    return (of_today, None) if is_new else (exec_id, known)


def is_said_to_be_more(route: Route, command: cmd.VenueReport) -> bool:
    """Whether CumQty counts the execution on top of all that we know."""
    return command.cum_qty == route.cum_qty + command.last_qty > route.cum_qty


def referred(state: State, order: Order, route: Route, exec_ref_id: str) -> str:
    """The execution that a bust or correction is about; empty if there is none.

    A venue may name one that it has corrected already: then the correction is meant. One that counts its ids
    by day names the youngest that has it.
    """
    if exec_ref_id in route.executions:
        profile = state.profiles.get(route.venue)
        if profile is not None and profile.exec_ids == "day":
            of_days = (exec_id_of_day(exec_ref_id, day) for day in range(state.day_of(order), 1, -1))
            exec_ref_id = next((id for id in of_days if id in route.executions), exec_ref_id)
    return standing(route.executions, exec_ref_id)


def taken_back(state: State, order: Order, route: Route, command: cmd.VenueReport, less: int) -> str:
    """Which execution is smaller by `less`: the one that ExecRefID names, or the only one that it can be.

    One that is gone altogether leaves an AvgPx that shows which it was, if it was at another price than
    others of its size.
    """
    if command.exec_ref_id:
        named = referred(state, order, route, command.exec_ref_id)
        return named if named and route.executions[named].qty >= less else ""
    same = {id: x for id, x in route.executions.items() if x.stands and x.qty == less}
    if len({x.px for x in same.values()}) > 1:
        left = route.cum_qty - less
        same = {
            id: x
            for id, x in same.items()
            if average_px(route.cum_notional - x.px * x.qty, left) == command.avg_px
        }
    if len({x.px for x in same.values()}) != 1:
        return ""
    return max(same, key=lambda id: same[id].number)


def split_to(route: Route, command: cmd.VenueReport) -> int:
    """CumQty after a corporate action; 0 where there is none, or an execution would have no quantity."""
    cum_qty, was = command.cum_qty, route.cum_qty
    if command.exec_restatement_reason != CORPORATE_ACTION or not was or cum_qty in (0, was):
        return 0
    whole = all(x.qty * cum_qty % was == 0 for x in route.executions.values() if x.stands)
    return cum_qty if whole else 0
