"""Write config/calendars.toml from the trading calendars that the package exchange_calendars carries.

    pip install -e ".[calendars]"
    python tools/make_calendars.py --first 2026-01-01 --until 2028-12-31
    python tools/make_calendars.py --check       exit 1 if the package says otherwise for its dates

Theory of operation. The engine reads this table and nothing else: no start of it depends on a package, a
network or a clock to know a holiday. Written down is only what differs from a market's usual week (Monday to
Friday, at the hours of config/markets.toml): the dates on which it is closed, and the dates with other hours,
in local time. So a person can read a year of it at a glance, and a new version of the package shows as a
small difference.

A market whose usual hours in the package are not those of config/markets.toml is an error: one of the two is
out of date, and a person has to find out which.

What it is not: a promise. Calendars of later years are what the exchanges' rules say; days of mourning,
storms and elections are decided later. Make the table anew every few months. No network, no clock.
"""

import argparse
import sys
import tomllib
from pathlib import Path
from typing import Any, Final

import exchange_calendars

CONFIG: Final = Path(__file__).resolve().parent.parent / "config"
OUT: Final = CONFIG / "calendars.toml"

HEADER: Final = """\
# Trading days: one table per market of markets.toml. Made by tools/make_calendars.py; not edited by hand.
#
# first, until  the dates that the table is about, both included. Beyond them nothing is known: an engine
#               warns from 30 days before its end on, and does not start after it.
# closed        Mondays to Fridays without trading.
# special       dates with other hours than the market's usual ones: [date, open, close], and open and close
#               again where there is a break. Local time.
"""


def table(mic: str, market: dict[str, Any], first: str, until: str) -> str:
    """One market's part of the file. Raises SystemExit where the usual hours disagree."""
    calendar = exchange_calendars.get_calendar(mic, start=first, end=until)
    if str(calendar.tz) != market["timezone"]:
        raise SystemExit(f"{mic}: time zone {calendar.tz}, markets.toml has {market['timezone']}")
    usual = [time for session in market["sessions"] for time in session]
    hours = {day.strftime("%Y-%m-%d"): _hours(row, calendar.tz) for day, row in calendar.schedule.iterrows()}
    if list(hours.values()).count(usual) * 2 < len(hours):
        raise SystemExit(f"{mic}: usual hours are not {usual}, as markets.toml has them")
    weekdays = {day.strftime("%Y-%m-%d") for day in _dates(first, until) if day.weekday() < 5}
    closed = sorted(weekdays - hours.keys())
    special = sorted([day, *times] for day, times in hours.items() if times != usual or day not in weekdays)
    lines = [
        "",
        "[[calendar]]",
        f'market = "{mic}"',
        f'first = "{first}"',
        f'until = "{until}"',
        "closed = [",
    ]
    for year in sorted({day[:4] for day in closed}):
        lines.append("    " + " ".join(f'"{day}",' for day in closed if day.startswith(year)))
    lines += ["]", "special = ["]
    lines += ["    [" + ", ".join(f'"{word}"' for word in row) + "]," for row in special]
    return "\n".join([*lines, "]", ""])


def _dates(first: str, until: str) -> Any:
    import pandas

    return pandas.date_range(first, until)


def _hours(row: Any, tz: Any) -> list[str]:
    """Opens and closes of a session, local."""
    bounds = [row["open"], row["break_start"], row["break_end"], row["close"]]
    return [bound.tz_convert(tz).strftime("%H:%M") for bound in bounds if bound == bound]  # NaT is not itself


def write(first: str, until: str) -> str:
    """The whole file."""
    markets = tomllib.loads((CONFIG / "markets.toml").read_text("utf-8"))["market"]
    source = f'\nsource = "exchange_calendars {exchange_calendars.__version__}, from PyPI"\n'
    tables = [table(market["mic"], market, first, until) for market in markets]
    return "".join([HEADER, source, *tables])


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--first", help="the first date of the table, YYYY-MM-DD")
    parser.add_argument("--until", help="the last date of the table")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if the file would change")
    asked = parser.parse_args()
    known = tomllib.loads(OUT.read_text("utf-8"))["calendar"][0] if OUT.exists() else {}
    first, until = asked.first or known.get("first"), asked.until or known.get("until")
    if not first or not until:
        parser.error("--first and --until are needed for a new table")
    text = write(first, until)
    if not asked.check:
        OUT.write_text(text, "utf-8")
    elif not OUT.exists() or OUT.read_text("utf-8") != text:
        sys.exit(f"{OUT}: exchange_calendars {exchange_calendars.__version__} says otherwise")


if __name__ == "__main__":
    main()
