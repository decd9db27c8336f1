"""Mail: sent over SMTP to any mail submission server."""
