"""The account: its state, numbers, messaging services, and their registration for texts in the US."""
