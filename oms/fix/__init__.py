"""The FIX edge: text to command, event to text, and the sessions that carry them.

`wire`, `decode` and `encode` are pure and know no QuickFIX; `application` and `sessions` are the only two
modules that import it.
"""
