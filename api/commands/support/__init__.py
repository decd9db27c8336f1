"""What several commands share: option types, database transactions, tables, and the checks of Redis."""
