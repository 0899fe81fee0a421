"""Jira Service Management: pages by the alerts of its Operations REST API."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Mapping
from http import HTTPStatus
from typing import Literal, TypeVar
from urllib.parse import quote, urlencode

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from bot.core.duration import Duration
from bot.core.errors import IntegrationError, NotFound, OutcomeUnknown
from bot.core.integration import Integration, IntegrationConfig
from bot.core.pager import AlertSource, Page, Pager, PageState, TargetName
from bot.core.ports import Answer, Http

M = TypeVar("M", bound=BaseModel)

_PRIORITIES = {"Critical": "P1", "High": "P2", "Medium": "P3", "Low": "P4"}
_MESSAGE, _ALIAS, _DESCRIPTION = 130, 512, 15_000
"""Most characters of a message, an alias and a description (https://docs.opsgenie.com/docs/alert-api, its origin)."""


class Responder(BaseModel):
    """Whom an alert is for, by the id that Jira Service Management shows in its address."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    type: Literal["team", "user", "escalation", "schedule"] = Field(description="What the id is of.")
    id: str = Field(min_length=1, description="The id.")


class Config(IntegrationConfig):
    """Jira Service Management, which calls the people who are on call."""

    cloud_id: str = Field(
        pattern=r"^[A-Za-z0-9-]+$",
        title="Cloud id",
        description="Id of the site, which https://SITE.atlassian.net/_edge/tenant_info tells.",
    )
    email: str = Field(pattern=r"^[!-~]+@[!-~]+$", title="Address", description="Of the account that the token is of.")
    api_token: SecretStr = Field(
        SecretStr(""), title="API token", description="From services__NAME__jira_service_management__api_token."
    )
    targets: Mapping[TargetName, Responder] = Field(
        min_length=1, title="Targets", description="Whom can be paged, by names of yours, the usual one first."
    )
    timeout: Duration = Field("5s", validate_default=True, title="Timeout", description="For each answer.")
    url: str = Field("https://api.atlassian.com", title="URL", pattern="^https?://", description="Address of the API.")


class _Taken(BaseModel):
    """The documented answer to every request that changes something; it is worked on later."""

    requestId: str  # noqa: N815 - the vendor's word


class _Alert(BaseModel):
    """The fields that are read of an alert; `status` is open, acked or closed."""

    id: str
    status: str
    acknowledged: bool = False
    alias: str = ""

    @property
    def state(self) -> PageState:
        if self.status == "closed":
            return PageState.RESOLVED
        return PageState.ACKNOWLEDGED if self.acknowledged or self.status == "acked" else PageState.OPEN


class _Alerts(BaseModel):
    values: tuple[_Alert, ...]


class JiraServiceManagement:
    """https://developer.atlassian.com/cloud/jira/service-desk-ops/rest/v2/api-group-alerts/.

    The page's key is the alert's alias, by which Jira Service Management tells doubles among the alerts that are open.
    Other requests name the alert's own id, which is looked up by the alias first.
    """

    source = "jira"

    def __init__(self, config: Config, *, http: Http) -> None:
        credentials = f"{config.email}:{config.api_token.get_secret_value()}"
        self._config = config
        self._http = http
        self._base = f"{config.url.rstrip('/')}/jsm/ops/api/{config.cloud_id}/v1/alerts"
        self._headers = {
            "Authorization": f"Basic {b64encode(credentials.encode()).decode()}",
            "Accept": "application/json",
            "Content-Type": "application/json",
        }

    @property
    def targets(self) -> tuple[str, ...]:
        """See `Pager`."""
        return tuple(self._config.targets)

    async def page(self, page: Page, *, to: str = "") -> str:
        """See `Pager`."""
        target = self._target(to)
        alert = {
            "message": page.summary[:_MESSAGE],
            "alias": page.key[:_ALIAS],
            "description": "\n\n".join(filter(None, (page.summary, page.link, page.details)))[:_DESCRIPTION],
            "responders": [self._config.targets[target].model_dump()],
            "entity": page.source,
            "source": "opsbot",
            "priority": _PRIORITIES[page.severity],
        }
        await self._post("", alert)
        return f"Jira Service Management took it for {target}"

    async def acknowledge(self, key: str, *, to: str = "") -> str:
        """See `Pager`."""
        return await self._act(key, to, "acknowledge")

    async def acknowledge_alert(self, alert_id: str) -> str:
        """See `AlertSource`. Jira takes the request, and works on it later."""
        await self._post(f"/{quote(alert_id, safe='')}/acknowledge", {})
        return "Jira Service Management took it"

    async def resolve(self, key: str, *, to: str = "") -> str:
        """See `Pager`."""
        return await self._act(key, to, "close")

    async def state(self, key: str, *, to: str = "") -> PageState | None:
        """See `Pager`."""
        self._target(to)
        if alert := await self._open(key):
            return alert.state
        alias = key[:_ALIAS].replace("\\", "").replace('"', "")
        found = await self._get("?" + urlencode({"query": f'alias: "{alias}"', "size": 20}), _Alerts)
        closed = found is not None and any(alert.alias == key[:_ALIAS] for alert in found.values)
        return PageState.RESOLVED if closed else None

    async def ping(self) -> str:
        """That the site lets us read its alerts."""
        if await self._get("?size=1", _Alerts) is None:
            raise IntegrationError("Jira Service Management knows no such site.", hint="Check cloud_id.")
        return f"Jira Service Management shows its alerts; targets: {', '.join(self.targets)}"

    async def _act(self, key: str, to: str, verb: str) -> str:
        self._target(to)
        alert = await self._open(key)
        if alert is None:
            raise NotFound(
                f"Jira Service Management has no open alert {key}.",
                hint="One that was made seconds ago may not be there yet: try again.",
            )
        await self._post(f"/{quote(alert.id, safe='')}/{verb}", {})
        return f"Jira Service Management took it: {verb}"

    async def _open(self, key: str) -> _Alert | None:
        """The open alert of that alias; closed ones are not found by it."""
        return await self._get("/alias?" + urlencode({"alias": key[:_ALIAS]}), _Alert)

    async def _get(self, path: str, kind: type[M]) -> M | None:
        """What is read, None when it is not there."""
        answer = await self._http.send(
            "GET", self._base + path, headers=self._headers, within=self._config.timeout, attempts=2
        )
        if answer.status == HTTPStatus.NOT_FOUND:
            return None
        if answer.status != HTTPStatus.OK:
            raise _refusal(answer)
        try:
            return kind.model_validate_json(answer.body)
        except ValidationError as error:
            raise IntegrationError("Jira Service Management answered 200, and nothing that is an alert.") from error

    async def _post(self, path: str, body: Mapping[str, object]) -> None:
        answer = await self._http.send(
            "POST",
            self._base + path,
            headers=self._headers,
            body=json.dumps(body),
            within=self._config.timeout,
            attempts=2,
            repeatable=True,
        )
        if answer.status == HTTPStatus.NOT_FOUND and path:
            raise NotFound(f"Jira Service Management has no alert {path.split('/')[1]}.")
        if answer.status != HTTPStatus.ACCEPTED:
            raise _refusal(answer)
        try:
            _Taken.model_validate_json(answer.body)
        except ValidationError as error:
            raise OutcomeUnknown("Jira Service Management answered 202, and not that it took the request.") from error

    def _target(self, name: str) -> str:
        if name and name not in self._config.targets:
            there = ", ".join(self.targets)
            raise NotFound(f"Jira Service Management has no target {name}.", hint=f"There are: {there}.")
        return name or self.targets[0]


def _refusal(answer: Answer) -> IntegrationError:
    """What an answer that is not the good one means."""
    name = "Jira Service Management"
    match answer.status:
        case HTTPStatus.TOO_MANY_REQUESTS:
            return IntegrationError(f"{name} takes no more for now (429).", hint="Try again in a minute.")
        case HTTPStatus.UNAUTHORIZED | HTTPStatus.FORBIDDEN:
            return IntegrationError(f"{name} refuses our token ({answer.status}).", hint="Check email and api_token.")
        case status if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return OutcomeUnknown(f"{name} failed ({status}), and may have taken it or not.", hint="Try again.")
        case status:
            return IntegrationError(f"{name} refused it ({status}): {_said(answer.body)}")


def _said(body: str) -> str:
    """The reasons in one line, in either form that Atlassian's gateways write: `message`, or `errors` with titles."""
    try:
        found = json.loads(body)
    except ValueError:
        found = None
    found = found if isinstance(found, dict) else {}
    errors = found.get("errors")
    titles = [each.get("title") for each in errors if isinstance(each, dict)] if isinstance(errors, list) else []
    words = [each for each in (found.get("message"), *titles) if isinstance(each, str)]
    return " ".join("; ".join(words).split())[:300] or "it does not say why."


INTEGRATION = Integration("jira_service_management", Config, JiraServiceManagement, provides=(Pager, AlertSource))
