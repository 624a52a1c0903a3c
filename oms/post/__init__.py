"""Post-trade: what happens to a fill after the client has its report.

One process tails the journal and keeps books in a database: allocation, booking, confirmation,
reconciliation, reports. It knows an order only from the journal's events, and nothing waits for it.
"""
