"""The TOML files of config/, read once."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

CONFIG = Path(__file__).resolve().parents[2] / "config"


def _load(name: str) -> dict[str, Any]:
    return tomllib.loads((CONFIG / name).read_text("utf-8"))


@pytest.fixture(scope="session")
def market_list() -> list[dict[str, Any]]:
    return list(_load("markets.toml")["market"])


@pytest.fixture(scope="session")
def markets(market_list: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {market["mic"]: market for market in market_list}


@pytest.fixture(scope="session")
def tick_table_list() -> list[dict[str, Any]]:
    return list(_load("tick_rules.toml")["tick_table"])


@pytest.fixture(scope="session")
def tick_tables(tick_table_list: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {table["name"]: table for table in tick_table_list}


@pytest.fixture(scope="session")
def accounts() -> dict[str, Any]:
    return _load("accounts.toml")
