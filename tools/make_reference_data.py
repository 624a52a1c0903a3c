"""Write config/instruments.csv from the data that the package pytickersymbols carries. No network, no clock.

    python tools/make_reference_data.py            write the file
    python tools/make_reference_data.py --check    exit 1 if the file differs from what would be written

Theory of operation. pytickersymbols 1.17.10 (March 2026, MIT licence) lists the members of twenty stock
indices. Of each stock it has a home symbol in Yahoo's style (`ADS.DE`), a list of ISINs, and a line of free
text that names exchanges and tickers (`FWB : ADS DAX component`). None of the three is reliable alone, so a
stock becomes an instrument only when they agree:

1. the suffix of the symbol names the market (`_VENUES`); a US symbol has none;
2. the text names exactly one ticker on that market, and it is the symbol's. Depositary receipts and entries
   with a year ("until 2024") do not count. Two tickers mean two share classes, and nothing says whose the
   ISIN is: dropped. For US stocks the same text decides between XNYS and XNAS;
3. exactly one ISIN is valid (ISO 6166 check digit, by python-stdnum), a share's, of the market's own
   country and claimed by no other stock. Further ISINs are allowed only if they are those of US depositary
   receipts of a stock listed elsewhere. Companies incorporated abroad pass through `_CROSS_BORDER`, which
   names the expected ISIN: an ISIN of another country is most often what a company had before it moved;
4. it is not in `_EXCLUDED`: defects of the data that rules cannot see, each with its reason. They were
   found by comparing the US, London, Madrid and DAX rows with public lists of index constituents. The rows
   of the other markets were read through, not compared.

Where the home symbol fails, the stock's other symbols are tried in order: Shell's symbol is the one of
Amsterdam, and its GB ISIN belongs to `SHEL.L`. US stocks are taken from the large indices only: they are
enough, and there was no list to compare those of the S&P 600 with.

Everything else in a row comes from config/markets.toml: currency, lot and tick table. Tokyo has two tick
tables; the finer one is used where the text names an index that is part of TOPIX 500. London prices are in
pounds, not pence: `GBX` is not an ISO 4217 code, and with pounds price times quantity is money without a
further factor.

Six kinds of stock are therefore missing on purpose: share classes, stocks without a quoted ticker,
ambiguous ISINs, most companies that are incorporated abroad, the Swiss market (no published tick table of
SIX was found to check against), and US small caps.

Invariants, held by tests/refdata: one row per ISIN and per symbol, rows sorted by market and symbol, the
same bytes on every run. It deliberately does not invent, complete or correct an identifier; a doubtful
stock is left out.

What it is not: a golden source. Listings and ISINs change with mergers, splits and moves; this is a picture
of the package's data at the pinned version.
"""

import argparse
import csv
import importlib.metadata
import io
import re
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from pytickersymbols import PyTickerSymbols
from stdnum import isin as isin_number

DATA_VERSION: Final = "1.17.10"
CONFIG: Final = Path(__file__).resolve().parent.parent / "config"
INSTRUMENTS: Final = CONFIG / "instruments.csv"
COLUMNS: Final = ("symbol", "market", "currency", "isin", "name", "tick_table", "lot_size")

# Suffix of a Yahoo symbol -> the names its exchanges have in the free text, and their MICs. FWB, the exchange
# in Frankfurt, runs the venues Frankfurt and Xetra under one ticker; `.DE` is Xetra, `.F` would be Frankfurt.
_VENUES: Final[dict[str, dict[str, str]]] = {
    "": {"NYSE": "XNYS", "Nasdaq": "XNAS"},
    "AS": {"Euronext Amsterdam": "XAMS"},
    "BR": {"Euronext Brussels": "XBRU"},
    "DE": {"FWB": "XETR"},
    "HE": {"Nasdaq Helsinki": "XHEL"},
    "L": {"LSE": "XLON"},
    "MC": {"BMAD": "XMAD"},
    "MI": {"BIT": "XMIL"},
    "PA": {"Euronext Paris": "XPAR"},
    "ST": {"Nasdaq Stockholm": "XSTO"},
    "T": {"TYO": "XTKS"},
}

_US_INDICES: Final = ("DOW JONES", "NASDAQ 100", "S&P 100", "S&P 500")

# Home listings of companies incorporated in another country, with the ISIN the data must agree with.
_CROSS_BORDER: Final[dict[str, str]] = {
    "ACN": "IE00B4BNMY34",
    "AIR.PA": "NL0000235190",
    "CB": "CH0044328745",
    "CCH.L": "CH0198251305",
    "DCC.L": "IE0002424939",
    "ETN": "IE00B8KQN827",
    "GLEN.L": "JE00B4T3BW64",
    "LIN": "IE000S9YS762",
    "MDT": "IE00BTN1Y115",
    "MT.AS": "LU1598757687",
    "NXPI": "NL0009538784",
    "RACE.MI": "NL0011585146",
}

_EXCLUDED: Final[dict[str, str]] = {
    "AAL.L": "ISIN of before the share consolidation of 2025",
    "AENA.MC": "ISIN of before the split of 2025",
    "ANET": "ISIN of before the split of 2024",
    "AV.L": "ISIN of before the share consolidation of 2022",
    "BKG.L": "ISIN of before the share consolidation of 2024",
    "CEG": "ISIN of an earlier company of the same name",
    "COL.MC": "ISIN no longer in use",
    "COO": "ISIN of before the split of 2024",
    "CPAY": "ISIN of before the change of name",
    "EXE": "ISIN of the shares cancelled in the reorganisation of 2021",
    "EXPE": "ISIN of another company",
    "FCIT.L": "ISIN no longer in use",
    "FER.MC": "ISIN of before the move to the Netherlands in 2023",
    "GL": "ISIN of another company",
    "J": "ISIN of before the holding company of 2022",
    "LAND.L": "ISIN of before the share consolidation of 2017",
    "LH": "ISIN of before the holding company of 2024",
    "LRCX": "ISIN of before the split of 2024",
    "MRO.L": "ISIN of before the share consolidation of 2023",
    "RKT.L": "ISIN no longer in use",
    "SMCI": "ISIN of before the split of 2024",
    "ULVR.L": "ISIN no longer in use",
}

# A parenthesis that says the ticker before it is not the share, or not any more.
_NOT_THE_SHARE: Final = re.compile(r"\s*\([^)]*(?:ADR|ADS|former|\d{4})[^)]*\)")
_TOPIX_500_PART: Final = re.compile(r"TOPIX\s*(?:Core\s*30|Large\s*70|100)\b")
_DISAMBIGUATION: Final = re.compile(r"\s*\([^)]*\)$")


class Instrument(NamedTuple):
    """One row of config/instruments.csv; the fields are its columns."""

    symbol: str
    market: str
    currency: str
    isin: str
    name: str
    tick_table: str
    lot_size: str


def load_markets(path: Path = CONFIG / "markets.toml") -> dict[str, dict[str, Any]]:
    """The markets of markets.toml by MIC."""
    return {market["mic"]: market for market in tomllib.loads(path.read_text("utf-8"))["market"]}


def split_symbol(symbol: str) -> tuple[str, str]:
    """Split a Yahoo symbol into ticker and suffix: "BT-A.L" is ("BT-A", "L"), "AAPL" is ("AAPL", "")."""
    ticker, dot, suffix = symbol.rpartition(".")
    return (ticker, suffix) if dot else (symbol, "")


def quoted_tickers(text: str, exchange: str) -> Iterator[str]:
    """Tickers that the free text quotes on an exchange, written as Yahoo writes them.

    "LSE : BT.A" gives BT-A, "LSE : RR." gives RR, "Nasdaq Stockholm : ASSA B" gives ASSA-B. A comma after a
    ticker announces another share class without repeating the exchange: "?" is given for it, which matches no
    symbol.
    """
    for match in re.finditer(rf"\b{re.escape(exchange)}\s*:\s*([^\s,()]+(?: (?:[A-D]|FI)(?![\w&]))?)", text):
        rest = text[match.end() :]
        if not _NOT_THE_SHARE.match(rest):
            yield match[1].rstrip(".").replace(".", "-").replace(" ", "-")
            if re.match(r"\s*,\s*[A-Z0-9]+ [A-Z]\b", rest):
                yield "?"


def market_of(symbol: str, text: str) -> str | None:
    """The MIC where the text says the symbol is listed; None unless it quotes that one ticker there."""
    ticker, suffix = split_symbol(symbol)
    venues = _VENUES.get(suffix, {})
    found = {(quoted, mic) for exchange, mic in venues.items() for quoted in quoted_tickers(text, exchange)}
    if len(found) != 1:
        return None
    quoted, mic = found.pop()
    return mic if quoted == ticker else None


def is_share(number: str) -> bool:
    """Whether this is a valid ISIN and not a US bond's.

    *Source:* ISO 6166, check digit; CUSIP, letters in the issue number (7th and 8th place) mean debt.
    """
    return bool(isin_number.is_valid(number)) and not (number.startswith("US") and not number[8:10].isdigit())


def home_isin(symbol: str, country: str, isins: list[str]) -> str | None:
    """The one ISIN that belongs to a listing in this country; None if there is any doubt."""
    home = [number for number in isins if number.startswith(country)]
    if symbol in _CROSS_BORDER:
        home = [number for number in isins if number == _CROSS_BORDER[symbol]]
    receipts = [number for number in isins if number.startswith("US")] if country != "US" else []
    if len(home) != 1 or len(isins) > 1 + len(receipts):
        return None
    return home[0]


def make_instrument(stock: Mapping[str, Any], markets: Mapping[str, Mapping[str, Any]]) -> Instrument | None:
    """The instrument of a stock, by the rules of the module's docstring; None if no listing passes them."""
    text = stock.get("metadata", {}).get("traded_as") or ""
    isins = [number for number in stock.get("isins", []) if is_share(number)]
    symbols = [stock.get("symbol") or "", *(listing["yahoo"] for listing in stock.get("symbols", []))]
    for symbol in symbols:
        mic = market_of(symbol, text)
        if mic is None or symbol in _EXCLUDED:
            continue
        market = markets[mic]
        isin = home_isin(symbol, market["country"], isins)
        if isin is None:
            continue
        tick_table = market["tick_table"]
        if mic == "XTKS" and _TOPIX_500_PART.search(text):
            tick_table = "TSE_TOPIX500"
        name = _DISAMBIGUATION.sub("", stock["name"]).strip()
        return Instrument(symbol, mic, market["currency"], isin, name, tick_table, market["lot_size"])
    return None


def make_instruments() -> list[Instrument]:
    """All instruments the rules accept, sorted by market and symbol.

    Raises ValueError if the installed pytickersymbols is not the pinned one.
    """
    version = importlib.metadata.version("pytickersymbols")
    if version != DATA_VERSION:
        raise ValueError(f"pytickersymbols is {version}; the file is made from {DATA_VERSION}")
    data = PyTickerSymbols()
    stocks = list(data.get_all_stocks())
    claims = Counter(number for stock in stocks for number in set(stock.get("isins", [])))
    us_names = {stock["name"] for index in _US_INDICES for stock in data.get_stocks_by_index(index)}
    markets = load_markets()
    rows = []
    for stock in stocks:
        row = make_instrument(stock, markets)
        if row is None or claims[row.isin] > 1:
            continue
        if markets[row.market]["country"] == "US" and stock["name"] not in us_names:
            continue
        rows.append(row)
    return sorted(rows, key=lambda row: (row.market, row.symbol))


def render(rows: list[Instrument]) -> bytes:
    """The file's bytes: UTF-8, comma separated, a header, lines ended by a line feed."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(rows)
    return out.getvalue().encode("utf-8")


def main() -> int:
    """Write or check the file; returns the exit status."""
    parser = argparse.ArgumentParser(description="Write config/instruments.csv from pytickersymbols.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if the file would change")
    check = parser.parse_args().check
    rows = make_instruments()
    made = render(rows)
    if check:
        if INSTRUMENTS.read_bytes() == made:
            return 0
        print(f"{INSTRUMENTS.name} is not what this script makes", file=sys.stderr)
        return 1
    INSTRUMENTS.write_bytes(made)
    for mic, count in sorted(Counter(row.market for row in rows).items()):
        print(f"{mic} {count}")
    print(f"{len(rows)} instruments")
    return 0


if __name__ == "__main__":
    sys.exit(main())
