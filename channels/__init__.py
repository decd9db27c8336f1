"""Carriers out: one folder for each channel."""
