"""One outside system a file, each behind Protocols of `bot.core.ports`; none knows another."""
