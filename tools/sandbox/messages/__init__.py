"""Twilio's Messages resource: creating and reading messages, and their way to a final status."""
