"""The store: Postgres, embedded or not, its schema, the repositories of `bot.core.records`, the audit chain."""
