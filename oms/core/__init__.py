"""The pure core: no socket, file, clock, thread, quickfix or asyncio in here.

`engine.decide(state, command, now_ns)` reads state and returns events; `state.apply(event)` folds one event
into state. Everything else in this package is the vocabulary those two share.
"""
