"""Watches the system and tells operators of incidents: a thread of the clock and of each worker.py."""
