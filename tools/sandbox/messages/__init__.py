"""Twilio's Messages resource: creating, reading, and the way of a message to its last status."""
