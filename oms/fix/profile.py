"""What a counterparty's profile changes in a message's text: tags it must or must not send, tags it is sent.

Pure, and of `state.profiles` alone, so that a replay checks and writes the same.
"""

import re
from functools import lru_cache
from typing import Final

from oms.core.events import ProfileDefined
from oms.fix.decode import Malformed, list_orders
from oms.fix.tags import MsgType
from oms.fix.wire import SOH

_CHECKED: Final = tuple(
    f"{SOH}35={kind}{SOH}"
    for kind in (
        MsgType.NEW_ORDER_SINGLE,
        MsgType.ORDER_CANCEL_REPLACE_REQUEST,
        MsgType.NEW_ORDER_MULTILEG,
        MsgType.MULTILEG_ORDER_CANCEL_REPLACE,
    )
)
_LIST: Final = f"{SOH}35={MsgType.NEW_ORDER_LIST}{SOH}"


def check_tags(profile: ProfileDefined, text: str) -> None:
    """An order or a replace has the tags that the profile requires, and none that it forbids.

    So has each order of a list. Raises Malformed.
    """
    if _LIST in text:
        for order in list_orders(text):
            _check(profile, SOH + "".join(f"{tag}={value}{SOH}" for tag, value in order.items()))
    elif any(kind in text for kind in _CHECKED):
        _check(profile, text)


def _check(profile: ProfileDefined, text: str) -> None:
    for tag in profile.required:
        if f"{SOH}{tag}=" not in text:
            raise Malformed(Malformed.CONDITIONALLY_MISSING, tag, f"the profile requires tag {tag}")
    for tag in profile.forbidden:
        if f"{SOH}{tag}=" in text:
            raise Malformed(Malformed.BAD_VALUE, tag, f"the profile forbids tag {tag}")


def rewritten(profile: ProfileDefined, text: str) -> str:
    """A message as the counterparty wants it: tags with the profile's values, or without them.

    >>> profile = ProfileDefined(0, "V", True, "status", "pass", rewrite=(("1", ""), ("21", "3")))
    >>> rewritten(profile, "35=D|1=ACC|21=1|55=IBM|".replace("|", SOH)).replace(SOH, "|")
    '35=D|55=IBM|21=3|'
    """
    of_list = text.startswith(f"35={MsgType.LIST_STATUS}{SOH}")
    for tag, value in profile.rewrite:
        if of_list:
            # Its orders end the text: what is not there is not added, and what is stays in its place.
            text = _field(tag).sub(f"{tag}={value}{SOH}" if value else "", text)
            continue
        text = _field(tag).sub("", text)
        if value:
            text += f"{tag}={value}{SOH}"
    return text


@lru_cache
def _field(tag: str) -> re.Pattern[str]:
    return re.compile(f"(?<={SOH}){tag}=[^{SOH}]*{SOH}")
