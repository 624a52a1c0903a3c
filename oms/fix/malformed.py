"""What is wrong with a message that the session layer let through."""

from typing import Final


class Malformed(Exception):
    """A message breaks a rule of FIX. `kind` says which reject it earns.

    *Source:* session test cases 14.b (required tag missing), 14.e (value out of range), 14.m (conditionally
    required tag missing), 2.r (message type not supported).
    """

    def __init__(self, kind: str, tag: str, text: str) -> None:
        super().__init__(text)
        self.kind = kind
        self.tag = tag

    MISSING: Final = "missing"
    CONDITIONALLY_MISSING: Final = "conditionally missing"
    BAD_VALUE: Final = "bad value"
    UNSUPPORTED: Final = "unsupported"
