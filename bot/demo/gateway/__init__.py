"""A small payment service under real PM2, with a git history, a database, a cache and customers."""

from __future__ import annotations

from bot.demo.gateway.bringup import Options
from bot.demo.gateway.commands import GatewayError
from bot.demo.gateway.gateway import Gateway, Worker

__all__ = ["Gateway", "GatewayError", "Options", "Worker"]
