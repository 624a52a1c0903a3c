"""One turn after another: poll, commit, flush; sleep when there is nothing to do.

A turn asks every source of work once (QuickFIX, the door, the operators' socket), then flushes what was
decided, and says whether anything happened. While turns find work, the next one follows at once, a few of
them within one round of the event loop. After `spin_s` without work the loop sleeps until a descriptor
becomes readable or `IDLE_S` have passed, so that heartbeats, reconnects and slow writes go on.

Spinning trades a processor for latency: waking up costs more than reading a message. `spin_s` says how long
is worth it; 0 sleeps at once.
"""

import asyncio
import gc
import time
from collections.abc import Callable
from typing import Final

IDLE_S: Final = 0.01
TICK_S: Final = 1.0
_TURNS: Final = 15


def settle_heap() -> None:
    """What is there now stays: no collection needs to walk it. The hot path makes few cycles."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


class TurnLoop:
    """Runs `turn()` inside an asyncio loop until it is stopped or fails.

    `turn()` returns True if it found work. `tick()` runs once a second. `fileno` is readable if a turn may
    find work.
    """

    def __init__(
        self, turn: Callable[[], bool], tick: Callable[[], None], fileno: int, spin_s: float
    ) -> None:
        self._turn = turn
        self._tick = tick
        self._fileno = fileno
        self._spin_s = spin_s
        self._loop = asyncio.get_running_loop()
        self._done = self._loop.create_future()
        self._worked_at = time.monotonic()
        self._ticked_at = 0.0
        self._timer: asyncio.TimerHandle | None = None

    async def run(self) -> None:
        """Turn until `stop`. Raises what a turn raises."""
        self._loop.call_soon(self._step)
        await self._done

    def stop(self) -> None:
        """End `run` after this turn."""
        if not self._done.done():
            self._done.set_result(None)

    def _step(self) -> None:
        if self._done.done():
            return
        now = time.monotonic()
        try:
            if now - self._ticked_at >= TICK_S:
                self._ticked_at = now
                self._tick()
            turn = self._turn
            worked = turn()
            if worked or now - self._worked_at < self._spin_s:
                # Several turns for one round of the event loop, which costs more than an idle turn.
                again = True
                for _ in range(_TURNS):
                    again = turn()
                    worked |= again
                    if not again and not self._spin_s:
                        break
                if worked:
                    self._worked_at = now
                if again or self._spin_s:
                    self._loop.call_soon(self._step)
                else:
                    self._sleep()
            else:
                self._sleep()
        except BaseException as error:
            if not self._done.done():
                self._done.set_exception(error)

    def _sleep(self) -> None:
        self._loop.add_reader(self._fileno, self._wake)
        self._timer = self._loop.call_later(IDLE_S, self._wake)

    def _wake(self) -> None:
        self._loop.remove_reader(self._fileno)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._step()
