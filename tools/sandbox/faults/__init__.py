"""Fault injection: the ways a carrier can fail, on request and repeatable."""
