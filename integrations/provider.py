"""The payment provider, by its public status page."""

from __future__ import annotations

import json

from pydantic import Field

from bot.core.errors import IntegrationError
from bot.core.integration import Integration, IntegrationConfig
from bot.core.ports import Http


class Config(IntegrationConfig):
    """The provider that the service depends on."""

    name: str = Field("Crossmint", title="Name", description="What people call it.")
    url: str = Field(
        title="URL", pattern="^https?://", description="Its status page, such as https://status.example.com."
    )


class Provider:
    """A status page of the Statuspage kind: https://metastatuspage.com/api describes `/api/v2/status.json`."""

    def __init__(self, config: Config, *, http: Http) -> None:
        self._name = config.name
        self._url = config.url.rstrip("/") + "/api/v2/status.json"
        self._http = http

    async def ping(self) -> str:
        """What the provider says of itself; a page that is no such JSON says nothing, whatever its status code."""
        answer = await self._http.send("GET", self._url, attempts=2)
        try:
            said = json.loads(answer.body)["status"]["description"]
        except (ValueError, KeyError, TypeError) as error:
            raise IntegrationError(f"{self._url} answered {answer.status} and no status in JSON.") from error
        return f"{self._name} says: {said}"


INTEGRATION = Integration("provider", Config, Provider, provides=())
