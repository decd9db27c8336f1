"""Serves HTTP under gunicorn: an event loop reads whole requests and sends responses; threads run the application."""
