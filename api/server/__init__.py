"""Serves HTTP under gunicorn: an event loop reads whole requests and sends answers, threads run the application."""
