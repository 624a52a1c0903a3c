"""What a counterparty's profile changes in a message's text: tags it must or must not send, tags it is sent.

Pure, and of `state.profiles` alone, so that a replay checks and writes the same.
"""

import re
from functools import lru_cache
from typing import Final

from oms.core.events import ProfileDefined
from oms.fix.decode import Malformed
from oms.fix.tags import MsgType
from oms.fix.wire import SOH

_CHECKED: Final = tuple(
    f"{SOH}35={kind}{SOH}" for kind in (MsgType.NEW_ORDER_SINGLE, MsgType.ORDER_CANCEL_REPLACE_REQUEST)
)


def check_tags(profile: ProfileDefined, text: str) -> None:
    """An order or a replace has the tags that the profile requires, and none that it forbids.

    Raises Malformed.
    """
    if not any(kind in text for kind in _CHECKED):
        return
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
    for tag, value in profile.rewrite:
        text = _field(tag).sub("", text)
        if value:
            text += f"{tag}={value}{SOH}"
    return text


@lru_cache
def _field(tag: str) -> re.Pattern[str]:
    return re.compile(f"(?<={SOH}){tag}=[^{SOH}]*{SOH}")
