"""What every command about one incident asks for."""

from __future__ import annotations

from bot.core.command import Args
from bot.core.parse import option


class Which(Args):
    """Arguments of a command about one incident."""

    incident: int = option(0, "Number of the incident; needed only outside its channel.")
