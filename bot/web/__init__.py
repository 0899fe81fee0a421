"""The bot's HTTP server: Slack's signed requests, health, readiness, metrics."""
