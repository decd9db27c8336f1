"""Watches the system and notifies operators of incidents: a thread of the clock and of each worker.py."""
