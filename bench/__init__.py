"""Benchmarks: how fast each part is alone, and what a client sees over the wire.

    python -m bench            everything; writes results.md, results.json and latency.png beside this file
    pytest --benchmark-disable bench    the same cases run small, as tests: each one asserts what it computed

Timings live here only. No test of the engine depends on how fast a machine is, and no figure here is compared
with one of another run: what is promised are ratios, measured side by side in one run.
"""
