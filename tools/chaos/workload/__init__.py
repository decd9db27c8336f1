"""What a run sends. The planned_* modules are pure functions of the parameters; the others use the public API."""
