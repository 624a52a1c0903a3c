"""What the kit has to know of the OMS it is pointed at: where it is, who the kit is there, what it may trade.

A `Target` is made from a QuickFIX settings file, one [SESSION] for each client session (an initiator) and one
for each venue (an acceptor, to which the OMS connects). All of QuickFIX's own keys may be used. Those of the
kit stand among them:

    Account         of a client session: the accounts that its orders may have, separated by commas
    PendingReports  of a client session: Y if the OMS tells it of pending cancels and replaces, N if not
    PossResend      of a client session: status | ignore, what becomes of a known ClOrdID with PossResend=Y
    SecondRequest   of a client session: pass | queue | refuse, what becomes of one while another is open
    ClOrdIDs        of a client session: session | day | open, for how long one may not be used again
    Busts           of a client session: cancel | restate, ExecType(150) H and G, or D with the quantities
    FinalFill       of a client session: pass | trade | done_for_day | calculated, what follows the last fill
    LateCancel      of a client session: reject | silent, the answer to one that the last fill has overtaken
    Username, Password                   for the Logon of a client session
    Symbols         of a venue: what the OMS sends there, separated by commas; each run takes another one
    OrdTypes, TimesInForce, ExecInsts    of a venue: what the OMS sends there of OrdType(40), TimeInForce(59)
                    and ExecInst(18), separated by commas; all there is if not given
    Price           a price in every instrument's reach, 50 if not given
    PublishPrices   Y if the venue is to publish a price (35=W) before an instrument is used
    MaxOrderQty, MaxOrderWorth           the greatest order that the OMS takes; no limit if not given
    MaxPosition, BuyingPower             of a client session: what each of its accounts may own of an
                    instrument, and spend
    OperatorSocket  where directives that need a person at the OMS are brought; see `oms.operator`
    ListenAddress   of the venue: 127.0.0.1 if not given
"""

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Final

from msgspec import Struct, structs

from oms.conformance.transcript import DIRECTIVES

Section = dict[str, str]

OWN_KEYS: Final = frozenset((
    "Account", "PendingReports", "PossResend", "SecondRequest", "ClOrdIDs", "Busts", "FinalFill",
    "LateCancel", "MaxPosition", "BuyingPower", "Username", "Password", "Symbols", "OrdTypes",
    "TimesInForce", "ExecInsts", "MaxOrderQty", "MaxOrderWorth", "Price", "PublishPrices", "OperatorSocket",
    "ListenAddress",
))  # fmt: skip
"""What QuickFIX is not told."""

NUMBERS: Final = Path("var/conformance-numbers.json")
"""Where sequence numbers are kept, below the working directory."""

DEFAULT_PRICE: Final = "50"
LOOPBACK: Final = "127.0.0.1"

USUAL: Final = {
    "pending": "on",
    "poss_resend": "status",
    "second_request": "pass",
    "cl_ord_ids": "session",
    "busts": "cancel",
    "final_fill": "pass",
    "late_cancel": "reject",
}
"""What an OMS does for a session of which nothing is said, in the words of the directives."""

_PROFILE: Final = {
    "PendingReports": ("pending", {"Y": "on", "N": "off"}),
    **{
        key: (word, {value: value for value in DIRECTIVES[word]})
        for key, word in (
            ("PossResend", "poss_resend"),
            ("SecondRequest", "second_request"),
            ("ClOrdIDs", "cl_ord_ids"),
            ("Busts", "busts"),
            ("FinalFill", "final_fill"),
            ("LateCancel", "late_cancel"),
        )
    },
}
"""Key -> the directive, and what the key may be with what that means there."""

_TAKES: Final = {"OrdTypes": "40", "TimesInForce": "59", "ExecInsts": "18"}
"""Key of a venue -> tag."""


class SettingsError(Exception):
    """A settings file is wrong. The message names it."""


class Limits(Struct, frozen=True):
    """What the OMS lets an account do, in every currency. None: there is no limit."""

    position: Decimal | None = None  # shares of an instrument
    buying_power: Decimal | None = None


class ClientSession(Struct, frozen=True):
    """A session of ours to the OMS. `profile` maps a directive's first word to what the OMS does here."""

    section: Section
    accounts: tuple[str, ...]
    profile: dict[str, str]
    limits: dict[str, Limits] = {}  # by account; one that is not in it has none

    @property
    def name(self) -> str:
        """Our CompID."""
        return self.section["SenderCompID"]

    @property
    def dialect(self) -> str:
        """BeginString."""
        return self.section["BeginString"]


class VenueSession(Struct, frozen=True):
    """A session of the OMS to us, and the instruments that it sends there.

    `takes` is what an order may say there, by tag; of a tag that is not in it, anything.
    """

    section: Section
    symbols: tuple[str, ...]
    takes: dict[str, frozenset[str]] = {}

    @property
    def name(self) -> str:
        """Our CompID."""
        return self.section["SenderCompID"]

    @property
    def dialect(self) -> str:
        """BeginString."""
        return self.section["BeginString"]


class Target(Struct, frozen=True):
    """An OMS, as the kit sees it."""

    source: Path  # where all this comes from
    clients: tuple[ClientSession, ...]
    venues: tuple[VenueSession, ...]
    price: str = DEFAULT_PRICE
    publishes: bool = False  # whether the venue publishes a price for what is about to be traded
    operator: Path | None = None
    numbers: Path | None = None  # where sequence numbers are kept from one use of the kit to the next
    max_order_qty: Decimal | None = None  # shares; None: there is no limit
    max_order_worth: Decimal | None = None  # in every currency

    def only(self, names: Sequence[str]) -> "Target":
        """With none but these sessions; with all clients, or all venues, if none of them is named.

        Raises LookupError with a name that there is not.
        """
        known = {client.name for client in self.clients} | {venue.name for venue in self.venues}
        for name in names:
            if name not in known:
                raise LookupError(name)
        return structs.replace(
            self,
            clients=tuple(c for c in self.clients if c.name in names) or self.clients,
            venues=tuple(v for v in self.venues if v.name in names) or self.venues,
        )


def read(path: Path) -> Target:
    """A settings file as a Target. Raises SettingsError."""
    clients: list[ClientSession] = []
    venues: list[VenueSession] = []
    common: Section = {}
    for section in _sections(path):
        kind = section.get("ConnectionType", "")
        for key in ("BeginString", "SenderCompID", "TargetCompID", *_WHERE.get(kind, ())):
            if not section.get(key):
                raise SettingsError(f"{path}: a [SESSION] has no {key}")
        for key in ("SocketConnectPort", "SocketAcceptPort"):
            if key in section and not section[key].isdigit():
                raise SettingsError(f"{path}: {key} is not a number: {section[key]!r}")
        if kind == "initiator":
            clients.append(_client(path, section))
        elif kind == "acceptor":
            venues.append(_venue(path, section))
        else:
            raise SettingsError(f"{path}: ConnectionType is initiator (a client) or acceptor (the venue)")
        common = {**common, **section}
    if not clients or not venues:
        raise SettingsError(
            f"{path}: {len(clients)} client sessions and {len(venues)} venue sessions; there must be at"
            " least one initiator, and one acceptor"
        )
    operator = common.get("OperatorSocket", "")
    return Target(
        path,
        tuple(clients),
        tuple(venues),
        common.get("Price", DEFAULT_PRICE),
        common.get("PublishPrices", "N") == "Y",
        Path(operator) if operator else None,
        NUMBERS,
        _limit(path, common, "MaxOrderQty"),
        _limit(path, common, "MaxOrderWorth"),
    )


def _limit(path: Path, section: Section, key: str) -> Decimal | None:
    text = section.get(key, "")
    if text and not text.isdigit():
        raise SettingsError(f"{path}: {key} is not a number: {text!r}")
    return Decimal(text) if text else None


_WHERE: Final = {
    "initiator": ("SocketConnectHost", "SocketConnectPort"),
    "acceptor": ("SocketAcceptPort",),
}


def _client(path: Path, section: Section) -> ClientSession:
    profile = dict(USUAL)
    for key, (word, allowed) in _PROFILE.items():
        given = section.get(key, "")
        if given and given not in allowed:
            raise SettingsError(f"{path}: {key} is one of {', '.join(allowed)}, not {given!r}")
        if given:
            profile[word] = allowed[given]
    accounts = _listed(section.get("Account", ""))
    if not accounts:
        raise SettingsError(f"{path}: session {section['SenderCompID']} has no Account")
    limits = Limits(_limit(path, section, "MaxPosition"), _limit(path, section, "BuyingPower"))
    return ClientSession(section, accounts, profile, dict.fromkeys(accounts, limits))


def _venue(path: Path, section: Section) -> VenueSession:
    symbols = _listed(section.get("Symbols", ""))
    if not symbols:
        raise SettingsError(f"{path}: session {section['SenderCompID']} has no Symbols")
    takes = {tag: frozenset(_listed(section[key])) for key, tag in _TAKES.items() if key in section}
    return VenueSession(section, symbols, takes)


def _listed(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


def _sections(path: Path) -> list[Section]:
    """The sessions of a QuickFIX settings file, each with the defaults merged in."""
    try:
        lines = path.read_text("utf-8").splitlines()
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path}: {error}") from None
    default: Section = {}
    sessions: list[Section] = []
    current: Section | None = None
    for number, raw in enumerate(lines, 1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        if line.upper() == "[DEFAULT]":
            current = default
        elif line.upper() == "[SESSION]":
            current = {}
            sessions.append(current)
        elif "=" in line and current is not None:
            key, _, value = line.partition("=")
            current[key.strip()] = value.strip()
        else:
            raise SettingsError(f"{path}, line {number}: neither a section nor a setting: {line!r}")
    return [{**default, **section} for section in sessions]
