"""A mail server that keeps what it is sent and can be told to fail, beside the HTTP carrier."""
