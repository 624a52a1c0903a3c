"""Fixtures of the post-trade tests: a day in a real journal, and a real database file for it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from oms.post.runner import Runner
from tests.post.day import Day


@pytest.fixture
def day(tmp_path: Path) -> Iterator[Day]:
    """A new journal with the reference data in it."""
    with Day(tmp_path / "journal") as day:
        day.define()
        yield day


@pytest.fixture
def runner(day: Day, tmp_path: Path) -> Iterator[Runner]:
    """A runner on that journal and a new database."""
    with Runner(day.directory, tmp_path / "post.db") as runner:
        yield runner
