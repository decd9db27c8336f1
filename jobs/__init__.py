"""Queue in: what is rung for, and the workers and the clock that answer."""
