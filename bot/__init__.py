"""opsbot: the Slack app that an operations team runs production from when it hurts."""
