"""The way out of a church's mails: a page with one button, and the one click of mail readers (RFC 8058)."""
