"""Child processes and their supervisor, for workers, gunicorn and the tools. Knows nothing about what they do."""
