"""The payment provider: its public status page, and one GET of its API with the service's own credentials."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from datetime import timedelta
from http import HTTPStatus

from pydantic import BaseModel, Field, ValidationError

from bot.core.errors import IntegrationError, OutcomeUnknown, Unreachable
from bot.core.integration import Integration, IntegrationConfig
from bot.core.parts import State
from bot.core.ports import Answer, EnvFile, Http
from bot.core.provider import Part, Probed, Provider, Said

_STATES = {
    "none": State.OK,
    "operational": State.OK,
    "minor": State.WARN,
    "maintenance": State.WARN,
    "degraded_performance": State.WARN,
    "partial_outage": State.WARN,
    "under_maintenance": State.WARN,
    "major": State.FAIL,
    "critical": State.FAIL,
    "major_outage": State.FAIL,
}
"""Words of a Statuspage for itself, its components and its incidents; any other one is unknown."""

_REFUSED = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
_NO_GET = frozenset(
    {
        *(HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.NOT_ACCEPTABLE),
        *(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, HTTPStatus.UNPROCESSABLE_ENTITY),
    }
)
"""What an API that is well answers to a GET where it wants something else."""

_WHY = {"dns": "its name is not found (DNS)", "tls": "no trusted connection (TLS)", "refused": "connection refused"}


class Config(IntegrationConfig):
    """The provider that the service depends on."""

    name: str = Field("Crossmint", title="Name", description="What people call it.")
    url: str = Field(
        title="URL", pattern="^https?://", description="Its status page, such as https://status.example.com."
    )
    probe_url: str = Field(
        "",
        title="Probe",
        pattern="^(https?://.*)?$",
        description="An address of its API, asked by GET; that it answers 404 or 405 says that it is there.",
    )
    headers: Mapping[str, str] = Field(
        {}, title="Headers", description="Headers of that GET: name to the key of the env file with the value."
    )
    slow_seconds: float = Field(2, gt=0, title="Slow", description="Seconds above which an answer is too slow.")


class _Component(BaseModel):
    name: str
    status: str
    group: bool = False


class _Incident(BaseModel):
    name: str
    impact: str = ""
    status: str = ""


class _Status(BaseModel):
    indicator: str
    description: str


class _Page(BaseModel):
    """The fields that are read of `summary.json`, and of `status.json`, which has the first one only."""

    status: _Status
    components: tuple[_Component, ...] = ()
    incidents: tuple[_Incident, ...] = ()


class HttpProvider:
    """A status page of the Statuspage kind (https://metastatuspage.com/api), and an API of any kind.

    The values of headers are read from the env file for each request and stand in no message.
    """

    def __init__(self, config: Config, *, http: Http, env: EnvFile) -> None:
        self.name = config.name
        self.page = config.url.rstrip("/")
        self.keys = tuple(dict.fromkeys(config.headers.values())) if config.probe_url else ()
        self.probed = config.probe_url
        self._headers = config.headers
        self._slow = config.slow_seconds
        self._http = http
        self._env = env

    async def status(self) -> Said:
        """See `Provider`."""
        try:
            page = await self._read()
        except IntegrationError as error:
            return Said(State.UNKNOWN, str(error))
        parts = [Part(each.name, _state(each.status), _words(each.status)) for each in page.components]
        incidents = [Part(each.name, _state(each.impact), _words(each.status)) for each in page.incidents]
        return Said(
            _state(page.status.indicator),
            page.status.description,
            tuple(part for part in parts if part.state is not State.OK),
            tuple(incidents),
        )

    async def probe(self) -> Probed | None:
        """See `Provider`."""
        if not self.probed:
            return None
        values = {name: await self._value(key) for name, key in self._headers.items()}
        if unusable := [key for key, value in zip(self._headers.values(), values.values(), strict=True) if not value]:
            return Probed(
                State.UNKNOWN, f"not asked: {', '.join(unusable)} is absent from the env file, or no header's value"
            )
        found = await self._ask(values)
        if found.accepts is None and found.status and self._headers:
            invented = await self._ask(dict.fromkeys(values, f"opsbot-{secrets.token_hex(12)}"))
            if invented.accepts is False:
                return Probed(found.state, found.words, found.status, found.latency, accepts=True)
        return found

    async def ping(self) -> str:
        """What the provider says of itself; a page that is no such JSON says nothing, whatever its status code."""
        return f"{self.name} says: {(await self._read()).status.description}"

    async def _read(self) -> _Page:
        """The page's summary, or the bare status where there is no summary."""
        said = ""
        for part in ("summary", "status"):
            url = f"{self.page}/api/v2/{part}.json"
            answer = await self._http.send("GET", url, attempts=2)
            said = f"{url} answered {answer.status} and no status in JSON."
            try:
                return _Page.model_validate(json.loads(answer.body))
            except (ValueError, ValidationError):
                continue
        raise IntegrationError(said, hint=f"Look at {self.page} yourself.")

    async def _value(self, key: str) -> str:
        """The key's value if it can stand in a header: an error that names a bad one would quote it."""
        value = (await self._env.read(key)).value or ""
        return value if value.isascii() and value.isprintable() and value == value.strip() else ""

    async def _ask(self, headers: Mapping[str, str]) -> Probed:
        try:
            answer = await self._http.send("GET", self.probed, headers=headers, within=timedelta(seconds=10))
        except OutcomeUnknown:
            return Probed(State.FAIL, "no answer within 10 s")
        except Unreachable as error:
            return Probed(State.FAIL, f"cannot be reached: {_WHY.get(error.why, 'the connection failed')}")
        return self._judge(answer)

    def _judge(self, answer: Answer) -> Probed:
        accepts: bool | None = None
        match answer.status:
            case status if status in _REFUSED:
                state, words, accepts = State.FAIL, f"reachable, and refuses our credentials ({status})", False
            case HTTPStatus.TOO_MANY_REQUESTS:
                state, words = State.WARN, "reachable, and limits our rate (429)"
            case status if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
                state, words = State.FAIL, f"reachable, and failing ({status})"
            case status if status in _NO_GET:
                state, words = State.OK, f"reachable; {status} to a GET is what a healthy one may answer"
            case status if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
                state, words = State.OK, f"reachable ({status})"
            case status:
                state, words = State.UNKNOWN, f"answers {status}, which says neither"
        if state is State.OK and answer.latency > self._slow:
            state, words = State.WARN, f"{words}, but slow"
        return Probed(state, words, answer.status, answer.latency, accepts)


def _state(word: str) -> State:
    return _STATES.get(word, State.UNKNOWN)


def _words(code: str) -> str:
    return code.replace("_", " ") or "no word on it"


INTEGRATION = Integration("provider", Config, HttpProvider, provides=(Provider,))
