"""What one would otherwise pick: each peer in a folder, its scripts and pinned packages, described in one table."""
