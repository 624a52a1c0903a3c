"""What FIX says an order may do, as transcripts that a person can read and a program can play.

`scenarios/` holds one text file per order state change matrix, `transcript` reads them, `play` runs them
against anything that has a client's and a venue's side.
"""
