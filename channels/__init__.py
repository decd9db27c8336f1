"""Sending to carriers and receiving from them: the contracts, the registry, and one folder for each channel."""
