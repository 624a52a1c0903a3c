"""Where clients and venues stand: a broker simulator, a buy-side client, a workload, an auditor.

Everything here talks to the engine over FIX and reads its messages with code of its own, so that the engine
is not tested with itself. It shares the scaled integers, the tag numbers and the matching book with the
engine, and nothing else.
"""
