"""The system that a fault run starts, kills and reads: its processes, its settings and its database."""
