"""The number of an early ResendRequest is remembered until all before it has come."""

from oms.sim.gap_watch import GapWatch


def test_a_request_in_its_turn_is_nothing_to_watch() -> None:
    watch = GapWatch()
    watch.saw_resend_request(7, expected=7)
    assert not watch.waiting


def test_stuck_once_only_the_request_itself_is_missing() -> None:
    watch = GapWatch()
    watch.saw_resend_request(7, expected=3)
    assert [watch.is_stuck(expected) for expected in (3, 5, 6)] == [False] * 3
    assert watch.waiting
    assert watch.is_stuck(7)
    assert not watch.is_stuck(7), "said once"
    assert not watch.waiting


def test_a_gap_that_was_filled_beyond_the_request_is_not_stuck() -> None:
    watch = GapWatch()
    watch.saw_resend_request(7, expected=3)
    assert not watch.is_stuck(8)
    assert not watch.waiting


def test_a_session_that_went_down_starts_afresh() -> None:
    watch = GapWatch()
    watch.saw_resend_request(7, expected=3)
    watch.forget()
    assert not watch.is_stuck(7)
