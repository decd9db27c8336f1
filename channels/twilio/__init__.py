"""What texts and picture messages share of the carrier Twilio: connections, submissions, look-ups, callbacks."""
