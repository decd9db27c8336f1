"""Fault injection: which faults come when, as the seed decides, and how each is injected."""
