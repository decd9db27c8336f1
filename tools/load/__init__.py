"""`bin/load`: sends messages to a running system at a fixed rate, and compares what it sees with limits.

It uses the system from outside, by its API, and reads Redis for the figures that the API does not have.
"""
