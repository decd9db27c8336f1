"""When something that comes again comes: RFC 5545 rules and cron lines, read on the wall clock of a time zone."""
