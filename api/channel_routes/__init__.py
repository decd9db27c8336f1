"""Serves the requests of carriers and recipients, at the routes that the channels declare."""
