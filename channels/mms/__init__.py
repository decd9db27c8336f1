"""Picture messages through Twilio, and the look at what they show before it is promised to anybody."""
