"""`decide`: from a state and a command to events. It reads state and changes nothing.

A decision is a list of events that hold together: the caller journals and applies all of them, in order,
before anything else is decided. Time is an argument; ids come from the state; so a recorded day decides again
exactly as it did.

Who says no: a control of ours *denies* (`OrderDenied`, `RequestDenied`), a venue *rejects* (`OrderRejected`,
`RequestRejected`). A counterparty that contradicts itself or us is answered by `ReportQuestioned`, which is
data as well: journaled and shown.

Eight modules have the decisions: `requests` (what clients ask), `lists` (what they ask of whole lists),
`emulation` (what is done for them that a venue cannot), `reports` (what venues say), `multileg` (what they
say of orders with legs), `days` (trading days begin and end), `desk` (sessions, prices, people), `working`
(orders that are worked in parts).

In doubt: what was sent and not answered when a venue logs on again is asked about (OrderStatusRequest) and
never sent again. The answer either confirms it or says that the venue has never heard of it, and then it has
not happened.
"""

from collections.abc import Callable
from typing import Any, Final

from oms.core import commands as cmd
from oms.core import days, desk, emulation, lists, reports, requests, working
from oms.core.decision import Events
from oms.core.state import State


def decide(state: State, command: cmd.Command, now_ns: int) -> Events:
    """The events that a command leads to; [] if it changes nothing.

    Raises KeyError for a command that is not known.
    """
    return _DECIDE[type(command)](state, command, now_ns)


_DECIDE: Final[dict[type, Callable[[State, Any, int], Events]]] = {
    cmd.NewOrder: requests.new_order,
    cmd.CancelOrder: requests.cancel_order,
    cmd.ReplaceOrder: requests.replace_order,
    cmd.RequestStatus: requests.request_status,
    cmd.VenueReport: reports.venue_report,
    cmd.VenueLegReport: reports.venue_leg_report,
    cmd.VenueTrade: reports.venue_trade,
    cmd.VenueCancelReject: reports.venue_cancel_reject,
    cmd.VenueRefusal: reports.venue_refusal,
    cmd.PublishPrice: desk.publish_price,
    cmd.UpdateBooks: desk.update_books,
    cmd.LogOn: desk.log_on,
    cmd.LogOut: desk.log_out,
    cmd.AskStatus: desk.ask_status,
    cmd.StopAsking: desk.stop_asking,
    cmd.TakeQueued: requests.take_queued,
    cmd.WorkOrder: working.work_order,
    cmd.Emulate: emulation.work,
    cmd.CancelAll: requests.cancel_all,
    cmd.RequestAllStatus: requests.request_all_status,
    cmd.NewList: lists.new_list,
    cmd.ExecuteList: lists.execute_list,
    cmd.CancelList: lists.cancel_list,
    cmd.RequestListStatus: lists.request_list_status,
    cmd.WorkList: lists.work_list,
    cmd.DontKnow: desk.dont_know,
    cmd.EndDay: days.end_day,
    cmd.StartDay: days.start_day,
    cmd.Halt: desk.halt,
    cmd.Resume: desk.resume,
}
