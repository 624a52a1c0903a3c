"""Who is next: what is kept of a client is what of it still waits."""

from oms.core.fair_queue import FairQueue


def test_the_round_of_one_that_leaves_is_free_again() -> None:
    """Otherwise a queue that is built again from those who wait would give out other rounds."""
    queue = FairQueue()
    for order_id in (1, 2, 3):
        queue.add(order_id, "A", queue.round_for("A"), order_id)
    assert queue.round_for("A") == 3
    queue.remove(3)
    built = FairQueue()
    for order_id in (1, 2):
        built.add(order_id, "A", order_id - 1, order_id)
    assert queue.round_for("A") == built.round_for("A") == 2


def test_a_client_of_which_nobody_waits_comes_in_the_present_round() -> None:
    queue = FairQueue()
    queue.add(1, "A", 0, 1)
    queue.add(2, "A", 1, 2)
    assert [queue.pop(), queue.pop()] == [1, 2]
    assert queue.round_for("A") == queue.round_for("B") == 1
