"""The way in from Slack and the way back: two transports, one door, one pipeline."""
