"""`python -m oms` is the same as `oms`."""

from oms.cli import main

main()
