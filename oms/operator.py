"""The operators' local socket: one JSON object per line in, one per line out.

    {"do": "halt", "scope": "account", "value": "ACC-ALPHA", "who": "jane", "why": "limit review"}
    {"ok": true}
    {"do": "phone", "session": "CLIENT1", "account": "ACC-ALPHA", "symbol": "IBM", "side": "buy",
     "qty": "100", "price": "99.5", "who": "jane"}
    {"do": "fill", "order": "7", "qty": "100", "price": "99.5", "who": "jane", "approved_by": "joe",
     "why": "by telephone"}
    {"do": "next_day", "who": "jane", "market": "XLON"}
    {"do": "reload_routing", "who": "jane"}
    {"do": "status"}

A Unix socket with mode 0600: who may open it is who may run the engine. Commands become ordinary inputs of
the kernel, journaled with who and why. Everything that only looks (orders, history) reads the journal instead
and needs no engine.
"""

import contextlib
import errno
import json
import logging
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from oms.core import commands as cmd
from oms.core.types import OrdType, Px, Qty, Side, TimeInForce, parse_scaled

log = logging.getLogger("oms.operator")

DOES: Final = ("halt", "resume", "next_day", "phone", "fill", "bust", "reload_routing", "status")
SCOPES: Final = ("all", "account", "symbol", "session", "venue")
_MAX_LINE: Final = 4096
_MOST_ERRORS: Final = 100
"""How many are told in one answer: it must fit what the socket can hold."""
_MAX_PATH: Final = 107


def _no_desk(asked: dict[str, Any]) -> cmd.Command:
    raise ValueError("there is no manual desk")


class OperatorSocket:
    """Listens at `path`; `submit(command, source)` takes what is asked, `status(digest)` says how it is,
    `reload_routing(who)` reads the routing table again and says what came of it."""

    def __init__(
        self,
        path: Path,
        submit: Callable[[cmd.Command, str], None],
        status: Callable[[bool], dict[str, Any]],
        watch: Callable[[int], None],
        reload_routing: Callable[[str], dict[str, Any]],
        entered: Callable[[dict[str, Any]], cmd.Command] = _no_desk,
    ) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        if len(os.fsencode(path)) > _MAX_PATH:
            raise OSError(errno.ENAMETOOLONG, "too long for a socket's name", str(path))
        if _is_listening(path):
            raise OSError(errno.EADDRINUSE, "another engine listens here", str(path))
        path.unlink(missing_ok=True)
        self._path = path
        self._submit = submit
        self._status = status
        self._entered = entered
        self._watch = watch
        self._reload_routing = reload_routing
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        os.chmod(path, 0o600)
        self._listener.listen(8)
        self._listener.setblocking(False)
        self._clients: dict[socket.socket, bytes] = {}
        watch(self._listener.fileno())

    def turn(self) -> bool:
        """Serve what has come. True if anything had."""
        busy = False
        with contextlib.suppress(BlockingIOError):
            client, _ = self._listener.accept()
            client.setblocking(False)
            self._clients[client] = b""
            self._watch(client.fileno())
            busy = True
        for client in list(self._clients):
            try:
                part = client.recv(_MAX_LINE)
            except BlockingIOError:
                continue
            except OSError:
                part = b""
            busy = True
            data = self._clients[client] + part
            *lines, rest = data.split(b"\n")
            with contextlib.suppress(OSError):
                for line in lines:
                    client.sendall(json.dumps(self._answer(line)).encode() + b"\n")
            if not part or len(rest) > _MAX_LINE:
                del self._clients[client]
                client.close()
            else:
                self._clients[client] = rest
        return busy

    def _enter(self, asked: dict[str, Any]) -> None:
        """What happened at the manual desk. Raises ValueError."""
        command = self._entered(asked)
        self._submit(command, f"operator:{asked['who']}+{asked['approved_by']}")

    def close(self) -> None:
        """Stop listening and remove the socket."""
        for client in (*self._clients, self._listener):
            client.close()
        self._path.unlink(missing_ok=True)

    def _answer(self, line: bytes) -> dict[str, Any]:
        try:
            asked = json.loads(line)
            if not isinstance(asked, dict):
                raise ValueError("an object is expected")
            do = asked.get("do")
            if do == "status":
                return {"ok": True, **self._status(bool(asked.get("digest")))}
            if do == "next_day":
                who, market = _person(asked), str(asked.get("market", ""))
                if market and market not in self._status(False)["markets"]:
                    raise ValueError(f"no instrument is of market {market!r}")
                self._submit(cmd.EndDay(who, market), f"operator:{who}")
                return {"ok": True}
            if do == "reload_routing":
                return _shortened(self._reload_routing(_person(asked)))
            if do == "phone":
                who = _person(asked)
                self._submit(_phone_order(asked), f"operator:{who}")
                return {"ok": True}
            if do in ("fill", "bust"):
                self._enter(asked)
                return {"ok": True}
            if do not in ("halt", "resume"):
                raise ValueError(f"do must be one of {', '.join(DOES)}, not {do!r}")
            scope, value = str(asked.get("scope", "all")), str(asked.get("value", ""))
            who, why = str(asked.get("who", "")), str(asked.get("why", ""))
            if scope not in SCOPES:
                raise ValueError(f"scope must be one of {', '.join(SCOPES)}, not {scope!r}")
            if (scope == "all") != (not value):
                raise ValueError("value is given for every scope but all")
            if not who or not why:
                raise ValueError("who and why must be given")
            if not (who + why + value).isprintable() or not (who + why + value).isascii():
                # They become part of FIX messages.
                raise ValueError("who, why and value must be printable ASCII")
            kind = cmd.Halt if do == "halt" else cmd.Resume
            self._submit(kind(scope, value, who, why), f"operator:{who}")
            return {"ok": True}
        except ValueError as error:
            return {"ok": False, "error": str(error)}


def _shortened(answer: dict[str, Any]) -> dict[str, Any]:
    errors = answer.get("errors")
    if errors is None:
        return answer
    more = len(errors) - _MOST_ERRORS
    shown = errors[:_MOST_ERRORS] + ([f"and {more} more"] if more > 0 else [])
    return {**answer, "errors": shown, "error": "\n".join(shown)}


def _person(asked: dict[str, Any]) -> str:
    who = str(asked.get("who", ""))
    if not who or not who.isprintable() or not who.isascii():
        raise ValueError("who must be given, in printable ASCII")
    return who


def _phone_order(asked: dict[str, Any]) -> cmd.NewOrder:
    """An order that a person took by phone for a client, who gets its reports. Raises ValueError."""
    words = {
        name: str(asked.get(name, "")) for name in ("session", "account", "symbol", "side", "qty", "price")
    }
    for name, word in words.items():
        if not word.isprintable() or not word.isascii() or (name != "price" and not word):
            raise ValueError(f"{name} must be given, in printable ASCII")
    side = {"buy": Side.BUY, "sell": Side.SELL}.get(words["side"], words["side"])
    return cmd.NewOrder(
        words["session"],
        "",
        words["account"],
        words["symbol"],
        side,
        Qty(parse_scaled(words["qty"])),
        OrdType.LIMIT if words["price"] else OrdType.MARKET,
        Px(parse_scaled(words["price"])) if words["price"] else Px(0),
        str(asked.get("time_in_force", TimeInForce.DAY)),
    )


def _is_listening(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(path)) == 0


def ask(path: Path, question: dict[str, Any], timeout_s: float = 5.0) -> dict[str, Any]:
    """Ask a running engine. Raises OSError if none listens."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(timeout_s)
        client.connect(str(path))
        client.sendall(json.dumps(question).encode() + b"\n")
        answer = b""
        while not answer.endswith(b"\n"):
            part = client.recv(_MAX_LINE)
            if not part:
                raise OSError("the engine hung up")
            answer += part
    found = json.loads(answer)
    assert isinstance(found, dict)
    return found
