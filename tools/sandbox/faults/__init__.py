"""The ways a carrier fails, on demand and repeatably."""
