"""Recurrence: RFC 5545 rules and cron lines, evaluated in a time zone."""
