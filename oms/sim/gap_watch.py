"""A number that QuickFIX loses: that of a ResendRequest(2) which came while something before it was missing.

QuickFIX answers such a request at once, as it should, but neither keeps nor counts it. When the gap before it
has been filled, its number is still expected, what came after it waits in QuickFIX's queue, and nothing
happens until the peer's next message, which may be a heartbeat half a minute later. It happens whenever both
sides missed something, as after a crash. The way out is to make the peer say something: its answer to a
TestRequest(1) shows QuickFIX the gap, and QuickFIX asks for it. *Source:* Session::nextResendRequest and
nextQueued of QuickFIX 1.16.
"""


class GapWatch:
    """Remembers one session's early ResendRequest until all before it has come."""

    __slots__ = ("_number",)

    def __init__(self) -> None:
        self._number = 0

    def saw_resend_request(self, msg_seq_num: int, expected: int) -> None:
        """A ResendRequest came, and this number was expected then."""
        if msg_seq_num > expected:
            self._number = msg_seq_num

    def forget(self) -> None:
        """The session went down: the next Logon sorts the numbers out."""
        self._number = 0

    @property
    def waiting(self) -> bool:
        """Whether there is anything to watch."""
        return self._number > 0

    def is_stuck(self, expected: int) -> bool:
        """Whether the request's own number is all that is missing now. Says so once."""
        if not self._number or expected < self._number:
            return False
        stuck = expected == self._number
        self._number = 0
        return stuck
