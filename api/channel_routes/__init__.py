"""Serves what carriers and recipients send in, at the routes that the registry's channels declare."""
