"""A single-process order management system that speaks FIX.

A command comes in, events come out, the events are journaled, and state is the fold of the journal.
ARCHITECTURE.md is the map.
"""

__version__ = "0.1.0"
