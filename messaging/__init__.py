"""The rules of sending: pure functions without input or output."""
