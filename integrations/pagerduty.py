"""PagerDuty: pages by its Events API v2, and what became of them by its REST API."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Literal, Self
from urllib.parse import quote, urlencode

from pydantic import BaseModel, Field, SecretStr, TypeAdapter, ValidationError, model_validator

from bot.core.duration import Duration
from bot.core.errors import IntegrationError, NotConfigured, NotFound, OutcomeUnknown
from bot.core.integration import Integration, IntegrationConfig
from bot.core.pager import AlertSource, Page, Pager, PageState, TargetName
from bot.core.ports import Answer, Http

_SEVERITIES = {"Critical": "critical", "High": "error", "Medium": "warning", "Low": "info"}
_STATES = {"triggered": PageState.OPEN, "acknowledged": PageState.ACKNOWLEDGED, "resolved": PageState.RESOLVED}
_SUMMARY, _KEY, _DETAILS = 1024, 255, 16_384
"""Most characters of a summary and of a deduplication key, as documented; details are cut to stay below 512 KB."""


class Config(IntegrationConfig):
    """PagerDuty, which calls the people who are on call."""

    targets: tuple[TargetName, ...] = Field(
        ("primary",),
        min_length=1,
        title="Targets",
        description="Names of whom can be paged, the usual one first. Whom a name stands for is decided in PagerDuty: "
        "each has the integration key of a service, and that service an escalation policy.",
    )
    routing_keys: dict[str, SecretStr] = Field(
        {},
        title="Integration keys",
        description="By target, from the secrets files services__NAME__pagerduty__routing_keys__TARGET.",
    )
    api_token: SecretStr = Field(
        SecretStr(""),
        title="API token",
        description="A REST key, from services__NAME__pagerduty__api_token; without one nobody can tell whether a page "
        "was acknowledged. A read-only one will do for that; to acknowledge alerts it has to be a full one.",
    )
    email: str = Field(
        "",
        title="E-mail",
        description="The PagerDuty user in whose name alerts are acknowledged there; a key of an account needs one.",
    )
    region: Literal["us", "eu"] = Field("us", title="Region", description="Service region of the account.")
    timeout: Duration = Field("5s", validate_default=True, title="Timeout", description="For each answer.")
    events_url: str = Field("", title="Events URL", description="Another address of the Events API, for an emulator.")
    api_url: str = Field("", title="API URL", description="Another address of the REST API, for an emulator.")

    @model_validator(mode="after")
    def _all_have_keys(self) -> Self:
        keys = {name: key for name, key in self.routing_keys.items() if key.get_secret_value()}
        if missing := [name for name in self.targets if name not in keys]:
            raise ValueError(f"has no integration key for {', '.join(missing)}: put each into its secrets file")
        return self


class _Taken(BaseModel):
    """The documented answer to an event: `message` describes the problem, or is `Event processed`."""

    status: str = ""
    message: str = ""
    errors: tuple[str, ...] = ()


class _Refused(BaseModel):
    """The documented answer of the REST API that did not do it."""

    error: _Taken


class _Incident(BaseModel):
    status: str


class _Incidents(BaseModel):
    incidents: tuple[_Incident, ...]


class PagerDuty:
    """Events API v2 (https://developer.pagerduty.com/docs/events-api-v2-overview) and the list of incidents of the REST
    API (https://developer.pagerduty.com/api-reference, `GET /incidents`, `PUT /incidents/{id}`).

    Events are taken for a later time (202). One that may have been lost is sent again once: the key tells doubles.
    """

    source = "pagerduty"

    def __init__(self, config: Config, *, http: Http) -> None:
        region = "eu." if config.region == "eu" else ""
        self._events = config.events_url.rstrip("/") or f"https://events.{region}pagerduty.com"
        self._api = config.api_url.rstrip("/") or f"https://api.{region}pagerduty.com"
        self._config = config
        self._http = http

    @property
    def targets(self) -> tuple[str, ...]:
        """See `Pager`."""
        return self._config.targets

    async def page(self, page: Page, *, to: str = "") -> str:
        """See `Pager`."""
        event: dict[str, object] = {
            "payload": {
                "summary": page.summary[:_SUMMARY],
                "severity": _SEVERITIES[page.severity],
                "source": page.source,
                **({"custom_details": {"details": page.details[:_DETAILS]}} if page.details else {}),
            },
            "client": "opsbot",
            **({"client_url": page.link, "links": [{"href": page.link, "text": page.source}]} if page.link else {}),
        }
        return await self._send("trigger", page.key, to, event)

    async def acknowledge(self, key: str, *, to: str = "") -> str:
        """See `Pager`. PagerDuty drops it without a word when the page is not open."""
        return await self._send("acknowledge", key, to, {})

    async def resolve(self, key: str, *, to: str = "") -> str:
        """See `Pager`. PagerDuty drops it without a word when the page is not open."""
        return await self._send("resolve", key, to, {})

    async def state(self, key: str, *, to: str = "") -> PageState | None:
        """See `Pager`. The worst of all incidents with that key: a key that is used again makes a new one."""
        self._target(to)
        query = urlencode({"incident_key": key[:_KEY], "date_range": "all", "sort_by": "created_at:desc"})
        headers = self._headers("cannot be asked what became of a page")
        answer = await self._http.send(
            "GET", f"{self._api}/incidents?{query}", headers=headers, within=self._config.timeout, attempts=2
        )
        if answer.status != HTTPStatus.OK:
            raise _refusal(answer)
        try:
            found = [_STATES[each.status] for each in _Incidents.model_validate_json(answer.body).incidents]
        except (ValidationError, KeyError) as error:
            raise IntegrationError("PagerDuty answered 200, and nothing that is a list of incidents.") from error
        return min(found, key=tuple(PageState).index, default=None)

    async def acknowledge_alert(self, alert_id: str) -> str:
        """See `AlertSource`; its alerts are PagerDuty's incidents (`PUT /incidents/{id}`)."""
        sender = {"From": self._config.email} if self._config.email else {}
        answer = await self._http.send(
            "PUT",
            f"{self._api}/incidents/{quote(alert_id, safe='')}",
            headers={**self._headers("cannot be told"), "Content-Type": "application/json", **sender},
            body=json.dumps({"incident": {"type": "incident_reference", "status": "acknowledged"}}),
            within=self._config.timeout,
            attempts=2,
            repeatable=True,
        )
        if answer.status == HTTPStatus.NOT_FOUND:
            raise NotFound(f"PagerDuty has no incident {alert_id}.")
        if answer.status != HTTPStatus.OK:
            raise _refusal(answer)
        return "PagerDuty knows it"

    async def ping(self) -> str:
        """That every integration key is known, by an event that PagerDuty drops: nothing is open under its key."""
        for target in self.targets:
            await self._send("resolve", "opsbot-ping", target, {})
        return f"PagerDuty takes events for {', '.join(self.targets)}"

    async def _send(self, action: str, key: str, to: str, event: dict[str, object]) -> str:
        target = self._target(to)
        routing_key = self._config.routing_keys[target].get_secret_value()
        body = json.dumps({**event, "routing_key": routing_key, "event_action": action, "dedup_key": key[:_KEY]})
        answer = await self._http.send(
            "POST",
            f"{self._events}/v2/enqueue",
            headers={"Content-Type": "application/json"},
            body=body,
            within=self._config.timeout,
            attempts=2,
            repeatable=True,
        )
        if answer.status != HTTPStatus.ACCEPTED:
            raise _refusal(answer)
        try:
            taken = _Taken.model_validate_json(answer.body)
        except ValidationError as error:
            raise OutcomeUnknown("PagerDuty answered 202, and nothing that says that it took the event.") from error
        if taken.status != "success":
            raise IntegrationError(f"PagerDuty did not take the event: {_said(taken)}")
        return f"PagerDuty took it for {target}"

    def _headers(self, else_: str) -> dict[str, str]:
        """What the REST API takes us by; `NotConfigured` where it does not."""
        token = self._config.api_token.get_secret_value()
        if not token:
            raise NotConfigured(
                f"PagerDuty {else_}: it has no api_token.",
                hint="Put a REST key into the secrets file services__NAME__pagerduty__api_token.",
            )
        return {"Authorization": f"Token token={token}", "Accept": "application/json"}

    def _target(self, name: str) -> str:
        if name and name not in self.targets:
            raise NotFound(f"PagerDuty has no target {name}.", hint=f"There are: {', '.join(self.targets)}.")
        return name or self.targets[0]


def _refusal(answer: Answer) -> IntegrationError:
    """What an answer that is not the good one means; 429 and 5xx may be tried again, as documented."""
    match answer.status:
        case HTTPStatus.TOO_MANY_REQUESTS:
            return IntegrationError("PagerDuty takes no more for now (429).", hint="Try again in a few minutes.")
        case HTTPStatus.UNAUTHORIZED | HTTPStatus.FORBIDDEN:
            return IntegrationError(f"PagerDuty refuses our key ({answer.status}).", hint="Check its secrets file.")
        case status if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return OutcomeUnknown(f"PagerDuty failed ({status}), and may have taken it or not.", hint="Try again.")
        case status:
            try:
                said = _said(TypeAdapter(_Refused | _Taken).validate_json(answer.body))
            except ValidationError:
                said = "it does not say why."
            return IntegrationError(f"PagerDuty refused it ({status}): {said}")


def _said(answer: _Refused | _Taken) -> str:
    """The reasons in one line."""
    taken = answer.error if isinstance(answer, _Refused) else answer
    return " ".join("; ".join((taken.message or taken.status, *taken.errors)).split())[:300]


INTEGRATION = Integration("pagerduty", Config, PagerDuty, provides=(Pager, AlertSource))
