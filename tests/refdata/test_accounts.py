"""config/accounts.toml: the demo accounts are complete and agree with each other and with the markets."""

from decimal import Decimal
from typing import Any

ACCOUNT_KEYS = {"id", "name", "clients", "position_limit", "buying_power"}


def amounts(table: dict[str, str]) -> list[Decimal]:
    return [Decimal(amount) for amount in table.values()]


def test_top_level_keys_are_the_known_ones(accounts: dict[str, Any]) -> None:
    assert set(accounts) == {"firm", "account", "allocation_group"}
    assert set(accounts["firm"]) == {"max_order_qty", "max_order_notional"}
    assert all(set(account) == ACCOUNT_KEYS for account in accounts["account"])
    assert all(set(group) == {"id", "members"} for group in accounts["allocation_group"])


def test_account_ids_are_unique(accounts: dict[str, Any]) -> None:
    ids = [account["id"] for account in accounts["account"]]
    assert len(set(ids)) == len(ids) == 4


def test_limits_are_positive_decimals_in_strings(accounts: dict[str, Any]) -> None:
    firm = accounts["firm"]
    tables = [firm["max_order_notional"], *(account["buying_power"] for account in accounts["account"])]
    quantities = {"firm": firm["max_order_qty"]} | {a["id"]: a["position_limit"] for a in accounts["account"]}
    assert all(isinstance(cell, str) for table in [*tables, quantities] for cell in table.values())
    assert all(amount > 0 for table in [*tables, quantities] for amount in amounts(table))


def test_firm_limit_covers_every_currency_of_the_markets_and_accounts(
    accounts: dict[str, Any], markets: dict[str, dict[str, Any]]
) -> None:
    limited = set(accounts["firm"]["max_order_notional"])
    assert limited == {market["currency"] for market in markets.values()}
    assert all(set(account["buying_power"]) <= limited for account in accounts["account"])


def test_every_account_has_a_client(accounts: dict[str, Any]) -> None:
    assert all(account["clients"] for account in accounts["account"])


def test_one_small_account_is_below_the_firm_limit(accounts: dict[str, Any]) -> None:
    """Its buying power must refuse before the firm's limits do, or it shows nothing."""
    small = next(account for account in accounts["account"] if account["id"] == "ACC-SMALL")
    assert small["buying_power"] == {"USD": "10000"}
    assert Decimal(small["position_limit"]) < Decimal(accounts["firm"]["max_order_qty"])


def test_allocation_group_is_an_account_and_its_weights_make_100(accounts: dict[str, Any]) -> None:
    ids = {account["id"] for account in accounts["account"]}
    for group in accounts["allocation_group"]:
        assert group["id"] in ids
        assert sum(Decimal(member["weight"]) for member in group["members"]) == 100
        names = [member["account"] for member in group["members"]]
        assert len(set(names)) == len(names) and not set(names) & ids
