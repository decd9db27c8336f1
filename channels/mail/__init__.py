"""Mail: over SMTP, to any server that submits mail."""
