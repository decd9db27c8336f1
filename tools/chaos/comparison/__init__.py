"""Compares what the product has recorded with what the carriers have received. The compare_* modules are pure."""
