"""The tables of docs/performance.md. `lines` in each module is a pure function of the readings."""
