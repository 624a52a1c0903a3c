"""What the parts of `decide` share: the shape of a decision, and the codes of a refused request."""

from typing import Final

from oms.core import events as ev

Events = list[ev.Event]
"""A decision: facts that hold together, in the order in which they are journaled and applied."""

TOO_LATE: Final = 0  # CxlRejReason(102)
UNKNOWN_ORDER: Final = 1
ALREADY_PENDING: Final = 3
DUPLICATE_CL_ORD_ID: Final = 6
OTHER: Final = 99
