"""The database: all SQL of the product, in named queries, and the functions that run them."""
