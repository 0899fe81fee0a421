"""The payment gateway as its users see it, over HTTP."""

from __future__ import annotations

import asyncio
import json
import math
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from http import HTTPStatus
from typing import Literal, TypeVar

from pydantic import Field, JsonValue

from bot.core.cache import WarmUp
from bot.core.duration import Duration
from bot.core.errors import Indistinct, IntegrationError
from bot.core.integration import Integration, IntegrationConfig
from bot.core.ports import Answer, Counters, Gateway, Health, Http, Mean, Voice
from bot.core.rehearsal import Rehearsal, Rehearsed

T = TypeVar("T")

_PATIENCE = 4.0  # seconds in which each worker has to answer once
_ASKS_PER_WORKER = 10


class CustomerProbe(IntegrationConfig):
    """A customer's request that can never succeed, so that it charges nobody; maintenance refuses it before that."""

    method: Literal["GET", "POST"] = Field("POST", title="Method", description="HTTP method.")
    path: str = Field("/api/payments", title="Path", description="Where customers pay.", pattern="^/")
    body: str = Field("{}", title="Body", description="Body that the service refuses as invalid when it is open.")
    refused_status: int = Field(503, title="Status", description="Status of the maintenance answer.")
    refused_text: str = Field(
        "maintenance", title="Text", description="What its body contains, so that another 503 is told apart."
    )


class PendingProbe(IntegrationConfig):
    """Where the service tells how many payments wait for the provider."""

    path: str = Field("/api/payments?status=pending", title="Path", description="Asked by GET.", pattern="^/")
    field: str = Field("count", title="Field", description="Number in the answer.")


class PaymentTest(IntegrationConfig):
    """A payment that the service itself knows as a test: it goes all the way and charges nobody."""

    path: str = Field("/api/payments", title="Path", description="Where customers pay, by POST.", pattern="^/")
    body: str = Field(title="Body", description="What the service knows as a test, such as a test card.")
    headers: Mapping[str, str] = Field({}, title="Headers", description="Sent along; no place for a secret.")
    text: str = Field("", title="Text", description="What the body of a good answer contains; its status is 2xx.")


class Config(IntegrationConfig):
    """The service's own HTTP endpoints."""

    url: str = Field(
        title="URL", description="Base address, such as http://127.0.0.1:3000.", pattern="^https?://[^/]+$"
    )
    basic: str = Field("/health", title="Health", description="Basic health.", pattern="^/")
    detailed: str = Field("/health/detailed", title="Detailed health", description="Detailed health.", pattern="^/")
    dependencies: str = Field(
        "/health/dependencies", title="Dependency health", description="Health of what it needs.", pattern="^/"
    )
    metrics: str = Field("/api/metrics", title="Metrics", description="Metrics as JSON.", pattern="^/")
    timeout: Duration = Field("5s", validate_default=True, title="Timeout", description="Limit of each request.")
    pid_field: str = Field("pid", title="Pid", description="Field in which an answer names its worker's pid.")
    hostname_field: str = Field(
        "hostname",
        title="Hostname",
        description="Field in which an answer names its container's hostname, for of several containers that alone "
        "tells which one answers.",
    )
    maintenance_field: str = Field(
        "maintenance", title="Maintenance", description="True or false in the basic health of each worker."
    )
    shown: tuple[str, ...] = Field(
        (
            *("status", "sha", "version", "pid", "instance", "maintenance", "built_at", "node", "environment"),
            *("log_level", "uptime*", "memory.*", "pool.*", "rate_limit*"),
            *("*.ok", "*.status", "*.configured", "*.latency*", "*.error"),
        ),
        title="Shown",
        description="Fields of health answers that may be shown, by dotted name; `*` stands for any text.",
    )
    weights: Mapping[str, str] = Field(
        {"success_rate": "total_transactions", "error_rate": "requests", "avg_response_time": "total_transactions"},
        title="Weights",
        description="Metrics that are averaged over workers, with the metric that weighs each; others are summed.",
    )
    shared_metrics: bool = Field(
        default=False, title="Shared metrics", description="Any worker's metrics are those of the whole service."
    )
    customer: CustomerProbe | None = Field(
        CustomerProbe(), title="Customer", description="A customer's harmless request; null for none."
    )
    pending: PendingProbe | None = Field(
        PendingProbe(), title="Pending payments", description="Where they are counted; null for nowhere."
    )
    test_payment: PaymentTest | None = Field(
        None, title="Test payment", description="A payment that charges nobody, made by a check; unset for none."
    )
    warm_up: str | None = Field(
        "/api/warmup-cache", title="Warm-up", description="What fills the cache, by GET; null for none.", pattern="^/"
    )
    warm_up_timeout: Duration = Field(
        "1m", validate_default=True, title="Warm-up timeout", description="How long that may take."
    )


class HttpGateway:
    """Asks by new connections; which worker answers is the balancer's choice, and each answer tells who it is.

    One round over the workers at a time: two that take turns could each be given the same worker for ever.
    """

    def __init__(self, config: Config, *, http: Http) -> None:
        self._config = config
        self._http = http
        self._one_round = asyncio.Lock()
        self._names = (config.pid_field, config.hostname_field)
        self._paths = {"basic": config.basic, "detailed": config.detailed, "dependencies": config.dependencies}

    async def health(self, kind: str = "basic") -> Health:
        """See `Gateway`."""
        path = self._paths[kind]
        answer = await self._get(path)
        shown = {name: value for name, value in _leaves(_object(answer)) if self._may_show(name)}
        return Health(url=self._config.url + path, status=answer.status, latency=answer.latency, body=shown)

    async def health_by_worker(self, voices: Sequence[Voice], *, kind: str = "basic") -> Mapping[Voice, Health]:
        """See `Gateway`."""
        return await self._by_worker(voices, lambda: self.health(kind), lambda health: health.body)

    async def in_maintenance(self, voices: Sequence[Voice]) -> Mapping[Voice, bool]:
        """See `Gateway`."""
        answers = await self._by_worker(voices, self._state, lambda state: state)
        said = {voice: state.get(self._config.maintenance_field) for voice, state in answers.items()}
        return {voice: value for voice, value in said.items() if isinstance(value, bool)}

    async def turns_customers_away(self) -> bool | None:
        """See `Gateway`. A server error that is not the maintenance answer raises."""
        probe = self._config.customer
        if probe is None:
            return None
        answer = await self._http.send(
            probe.method,
            self._config.url + probe.path,
            headers={"content-type": "application/json"},
            body=probe.body,
            within=self._config.timeout,
        )
        if answer.status == probe.refused_status and probe.refused_text in answer.body:
            return True
        if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise IntegrationError(f"{self._config.url}{probe.path} answered {answer.status} to a customer's request.")
        return False

    async def metrics(self, voices: Sequence[Voice]) -> Mapping[str, float]:
        """See `Gateway`. Raises when a worker did not answer: a sum without it would look like a drop."""
        return _combined([*(await self._metrics_by_worker(voices)).values()], self._config.weights)

    async def counters(self, voices: Sequence[Voice]) -> Mapping[Voice, Counters]:
        """See `Gateway`. Raises as `metrics` does."""
        return {voice: self._counters(numbers) for voice, numbers in (await self._metrics_by_worker(voices)).items()}

    def _counters(self, numbers: Mapping[str, float]) -> Counters:
        weights = self._config.weights
        return Counters(
            means={
                name: Mean(numbers.get(name, 0.0), numbers[weight])
                for name, weight in weights.items()
                if weight in numbers and (name in numbers or not numbers[weight])
            },
            sums={name: number for name, number in numbers.items() if name not in weights},
        )

    async def _metrics_by_worker(self, voices: Sequence[Voice]) -> Mapping[Voice, Mapping[str, float]]:
        if self._config.shared_metrics:
            return {"": self._numbers(await self._metrics())}
        answers = await self._by_worker(voices, self._metrics, lambda body: body)
        if missing := set(voices) - set(answers):
            raise IntegrationError(
                f"No metrics came from {len(missing)} of {len(voices)} workers.",
                hint="Where one worker's metrics are those of all, set gateway.shared_metrics.",
            )
        return {voice: self._numbers(answer) for voice, answer in answers.items()}

    async def pending_payments(self) -> int | None:
        """See `Gateway`."""
        probe = self._config.pending
        if probe is None:
            return None
        answer = await self._get(probe.path)
        count = _object(answer).get(probe.field)
        if answer.status != HTTPStatus.OK or not isinstance(count, int):
            raise IntegrationError(f"{self._config.url}{probe.path} gave no number of pending payments.")
        return count

    async def rehearse(self) -> Rehearsed | None:
        """See `Rehearsal`. Nothing of the answer but its status is told."""
        test, closed = self._config.test_payment, self._config.customer
        if test is None:
            return None
        answer = await self._http.send(
            "POST",
            self._config.url + test.path,
            headers={"content-type": "application/json", **test.headers},
            body=test.body,
            within=self._config.timeout,
        )
        turned_away = closed is not None and (
            answer.status == closed.refused_status and closed.refused_text in answer.body
        )
        ok = HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES and test.text in answer.body
        said = "" if ok else f"{test.path} answered {answer.status}, and not as a payment that went through."
        return Rehearsed(ok, said, answer.latency, turned_away)

    @property
    def warm_up_argv(self) -> tuple[str, ...]:
        """See `WarmUp`."""
        return ("GET", self._config.url + self._config.warm_up) if self._config.warm_up else ()

    async def warm_up(self) -> str:
        """See `WarmUp`."""
        method, url = self.warm_up_argv
        answer = await self._http.send(method, url, within=self._config.warm_up_timeout)
        if answer.status != HTTPStatus.OK:
            raise IntegrationError(f"{url} answered {answer.status}.")
        return f"{url} answered {answer.status} in {answer.latency:.2f} s"

    async def ping(self) -> str:
        """What the basic health answers."""
        health = await self.health()
        return f"{health.url} answers {health.status} in {health.latency * 1000:.0f} ms"

    async def _get(self, path: str) -> Answer:
        return await self._http.send("GET", self._config.url + path, within=self._config.timeout)

    async def _state(self) -> Mapping[str, JsonValue]:
        return _object(await self._get(self._config.basic))

    async def _metrics(self) -> Mapping[str, JsonValue]:
        answer = await self._get(self._config.metrics)
        if answer.status != HTTPStatus.OK:
            raise IntegrationError(f"{self._config.url}{self._config.metrics} answered {answer.status}.")
        return _object(answer)

    def _numbers(self, body: Mapping[str, JsonValue]) -> Mapping[str, float]:
        return {
            name: float(value)
            for name, value in _leaves(body)
            if isinstance(value, int | float) and not isinstance(value, bool)
            if math.isfinite(value) and name not in self._names
        }

    def _may_show(self, name: str) -> bool:
        return any(fnmatchcase(name, pattern) for pattern in (*self._config.shown, *self._names))

    async def _by_worker(
        self, voices: Sequence[Voice], ask: Callable[[], Awaitable[T]], body_of: Callable[[T], Mapping[str, JsonValue]]
    ) -> Mapping[Voice, T]:
        """Ask until each of `voices` has answered; raises the last failure when nobody answered at all."""
        async with self._one_round:
            return await self._round(voices, ask, body_of)

    async def _round(
        self, voices: Sequence[Voice], ask: Callable[[], Awaitable[T]], body_of: Callable[[T], Mapping[str, JsonValue]]
    ) -> Mapping[Voice, T]:
        answers: dict[Voice, T] = {}
        waiting = set(voices)
        failure: IntegrationError | None = None
        until = time.monotonic() + _PATIENCE
        for _ in range(_ASKS_PER_WORKER * len(waiting)):
            if not waiting or time.monotonic() > until:
                break
            try:
                answer = await ask()
            except IntegrationError as error:
                failure = error
                continue
            voice = self._voice_of(body_of(answer), voices)
            if voice in waiting:
                waiting.discard(voice)
                answers[voice] = answer
        if failure and not answers:
            raise failure
        return answers

    def _voice_of(self, body: Mapping[str, JsonValue], voices: Sequence[Voice]) -> Voice:
        """Who gave this answer: a pid says nothing of a container, and of a single one it need not be said."""
        pid, hostname = (body.get(name) for name in self._names)
        if not any(isinstance(voice, str) for voice in voices):
            return pid if isinstance(pid, int) else ""
        if isinstance(hostname, str):
            return hostname
        if len(voices) > 1:
            raise Indistinct(
                f"The answers do not tell which of the {len(voices)} containers gave them.",
                hint=f"Have them name os.hostname() as {self._config.hostname_field}.",
            )
        return voices[0]


def _object(answer: Answer) -> Mapping[str, JsonValue]:
    """The JSON object of an answer; empty when it is none: HTML or a list says nothing of a field."""
    try:
        body = json.loads(answer.body)
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _leaves(body: Mapping[str, JsonValue], prefix: str = "") -> Iterator[tuple[str, JsonValue]]:
    for name, value in body.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{prefix}{name}.")
        elif not isinstance(value, list):
            yield f"{prefix}{name}", value


def _combined(workers: Sequence[Mapping[str, float]], weights: Mapping[str, str]) -> Mapping[str, float]:
    """One figure for each metric: sums, and averages weighed by how much each worker has done."""
    combined: dict[str, float] = {}
    for name in {name for worker in workers for name in worker}:
        having = [worker for worker in workers if name in worker]
        if name not in weights or len(having) == 1:
            combined[name] = sum(worker[name] for worker in having)
            continue
        total = sum(worker.get(weights[name], 0.0) for worker in having)
        if total:
            combined[name] = sum(worker[name] * worker.get(weights[name], 0.0) for worker in having) / total
    return combined


INTEGRATION = Integration(name="gateway", config=Config, build=HttpGateway, provides=(Gateway, WarmUp, Rehearsal))
