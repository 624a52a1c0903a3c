"""Puts the journal's tests' helpers on the path, whatever import mode pytest runs in."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "journal"
