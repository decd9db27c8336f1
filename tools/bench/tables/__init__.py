"""Tables of docs/performance.md, from readings. Pure: each part's `lines` is a function of what was read."""
