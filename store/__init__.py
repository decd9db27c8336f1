"""The ledger: all SQL, and nothing but SQL."""
