"""Messages that people write: signed webhooks, and the carrier's own handling of STOP, START and HELP."""
