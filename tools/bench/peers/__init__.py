"""The other job queues: a folder for each peer with its scripts and pinned packages. table.py describes all."""
