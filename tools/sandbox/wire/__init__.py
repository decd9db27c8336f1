"""HTTP/1.1: parses requests and encodes replies. Knows nothing about carriers."""
