"""The rules of sending, without input or output."""
