"""Status callbacks: signed, carried over few kept connections, and mislaid when asked to."""
