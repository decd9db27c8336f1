"""HTTP/1.1 as bytes: requests in, replies out, and nothing about carriers."""
