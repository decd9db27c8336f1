"""Picture messages through Twilio, and the check of their media before a message is accepted."""
