"""A mail server beside the HTTP carrier: it stores mails and injects faults."""
