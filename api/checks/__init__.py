"""Checks that an operator runs: of the settings, Redis, the database and the carrier. Each is a suite of steps."""
