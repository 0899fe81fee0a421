"""Both pagers against a server that replays what the vendors document, and what they do not.

PagerDuty: https://developer.pagerduty.com/docs/events-api-v2-overview (answers 202, 400, 429, 5xx) and the example
answers of https://github.com/PagerDuty/api-schema/blob/main/reference/events-v2/openapiv3.json.
Jira Service Management: https://developer.atlassian.com/cloud/jira/service-desk-ops/rest/v2/api-group-alerts/.
"""

from __future__ import annotations

import asyncio
import json
from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import unused_port
from pydantic import SecretStr, ValidationError

from bot.core.errors import IntegrationError, NotConfigured, NotFound, OutcomeUnknown, Unreachable
from bot.core.pager import Page, Pager, PageState
from bot.settings import SettingsFault, integrations, load
from integrations.http import HttpClient
from integrations.jira_service_management import Config as JiraConfig
from integrations.jira_service_management import JiraServiceManagement, Responder
from integrations.pagerduty import Config as PagerDutyConfig
from integrations.pagerduty import PagerDuty

KEY = "e93facc04764012d7bfb002500d5d1a6"
TOKEN = "y_NbAkKc66ryYTWUXYEu"
PAGE = Page(
    key="incident:7",
    summary="Payments fail",
    severity="Critical",
    source="crypto-payment-gateway",
    link="https://example.slack.com/archives/C1",
    details="Half of all payments are refused.",
)
EVENT_PROCESSED = {"status": "success", "message": "Event processed", "dedup_key": "incident:7"}
INVALID = {
    "status": "invalid event",
    "message": "Event object is invalid",
    "errors": ["Length of 'routing_key' is incorrect (should be 32 characters)"],
}
PROCESSED_LATER = {
    "result": "Request will be processed",
    "took": 0.302,
    "requestId": "43a29c5c-3dbf-4fa4-9c26-f4f71023",
}
ALERT = {
    "id": "9b251e07-73c9-4907-9996-8cb53a6a20d0-1704440650350",
    "tinyId": "1234",
    "message": "Payments fail",
    "status": "open",
    "acknowledged": False,
    "alias": "incident:7",
    "priority": "P1",
}


@dataclass
class Vendor:
    """Answers each path by its function, and keeps what was asked."""

    url: str = ""
    answers: dict[str, Callable[[], web.Response]] = field(default_factory=dict)
    asked: list[tuple[str, str, dict[str, str], str]] = field(default_factory=list)
    delay: float = 0

    def says(self, method: str, path: str, body: object, *, status: int = 200) -> None:
        text = body if isinstance(body, str) else json.dumps(body)
        self.answers[f"{method} {path}"] = lambda: web.Response(status=status, text=text)

    async def handle(self, request: web.Request) -> web.Response:
        self.asked.append((request.method, request.path_qs, dict(request.headers), await request.text()))
        await asyncio.sleep(self.delay)
        answer = self.answers.get(f"{request.method} {request.path}")
        return answer() if answer else web.Response(status=404, text='{"message": "Not found"}')

    def bodies(self) -> list[dict[str, object]]:
        return [json.loads(body) for method, _, _, body in self.asked if method == "POST"]


@pytest.fixture
async def vendor() -> AsyncIterator[Vendor]:
    vendor = Vendor()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", vendor.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    vendor.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield vendor
    await runner.cleanup()


@pytest.fixture
async def http() -> AsyncIterator[HttpClient]:
    async with HttpClient() as http:
        yield http


def pagerduty(vendor: Vendor, http: HttpClient, *, token: str = TOKEN) -> PagerDuty:
    config = PagerDutyConfig(
        targets=("primary", "managers"),
        routing_keys={"primary": SecretStr(KEY), "managers": SecretStr(KEY[::-1])},
        api_token=SecretStr(token),
        email="oncall@example.com",
        timeout="1s",
        events_url=vendor.url,
        api_url=vendor.url,
    )
    return PagerDuty(config, http=http)


def jira(vendor: Vendor, http: HttpClient) -> JiraServiceManagement:
    config = JiraConfig(
        cloud_id="11223344-a1b2",
        email="bot@example.com",
        api_token=SecretStr(TOKEN),
        targets={"primary": Responder(type="team", id="4513b7ea"), "ann": Responder(type="user", id="bb4d9938")},
        timeout="1s",
        url=vendor.url,
    )
    return JiraServiceManagement(config, http=http)


ENQUEUE = "/v2/enqueue"
ALERTS = "/jsm/ops/api/11223344-a1b2/v1/alerts"


@pytest.fixture(params=["pagerduty", "jira"])
def pager(request: pytest.FixtureRequest, vendor: Vendor, http: HttpClient) -> Pager:
    """Each pager, whose vendor takes everything."""
    vendor.says("POST", ENQUEUE, EVENT_PROCESSED, status=202)
    vendor.says("POST", ALERTS, PROCESSED_LATER, status=202)
    return pagerduty(vendor, http) if request.param == "pagerduty" else jira(vendor, http)


def refuse(vendor: Vendor, body: object, *, status: int) -> None:
    for path in (ENQUEUE, ALERTS):
        vendor.says("POST", path, body, status=status)


async def test_a_page_that_was_taken_says_by_whom_and_for_whom(pager: Pager) -> None:
    assert (await pager.page(PAGE)).endswith("took it for primary")
    assert (await pager.page(PAGE, to=pager.targets[1])).endswith(f"took it for {pager.targets[1]}")


async def test_an_unknown_target_is_refused_with_the_names_of_all_and_nobody_is_paged(
    pager: Pager, vendor: Vendor
) -> None:
    with pytest.raises(NotFound) as fault:
        await pager.page(PAGE, to="nobody")

    assert "primary" in fault.value.hint
    assert vendor.asked == []


@pytest.mark.parametrize(
    ("status", "body", "kind", "words"),
    [
        (429, "", IntegrationError, "429"),
        (401, "<html>no</html>", IntegrationError, "refuses our"),
        (403, {"message": "Forbidden"}, IntegrationError, "refuses our"),
        (400, INVALID, IntegrationError, "400"),
        (422, {"message": "Alias is too long", "errors": [{"title": "Unprocessable"}]}, IntegrationError, "422"),
        (302, "", IntegrationError, "302"),
        (200, "<html>Welcome to the hotel's network</html>", IntegrationError, "200"),
        (500, {"status": "Unrecognized object", "message": "JSON parse error"}, OutcomeUnknown, "may have taken it"),
        (503, "", OutcomeUnknown, "may have taken it"),
        (202, "", OutcomeUnknown, "202"),
        (202, "[1, 2]", OutcomeUnknown, "202"),
        (202, "\x00\xff{", OutcomeUnknown, "202"),
    ],
)
async def test_an_answer_other_than_the_documented_one_is_never_taken_for_success(
    pager: Pager, vendor: Vendor, *, status: int, body: object, kind: type[IntegrationError], words: str
) -> None:
    refuse(vendor, body, status=status)

    with pytest.raises(IntegrationError, match=words) as fault:
        await pager.page(PAGE)

    assert type(fault.value) is kind
    assert KEY not in str(fault.value)
    assert TOKEN not in str(fault.value)


async def test_no_answer_in_time_is_unknown_and_was_tried_again_under_the_same_key(
    pager: Pager, vendor: Vendor
) -> None:
    vendor.delay = 3

    with pytest.raises(OutcomeUnknown, match="did not answer within 1 s"):
        await pager.page(PAGE)

    keys = [body.get("dedup_key") or body.get("alias") for body in vendor.bodies()]
    assert keys == ["incident:7", "incident:7"]


async def test_nobody_there_is_known_to_have_paged_nobody(http: HttpClient) -> None:
    nobody = Vendor(f"http://127.0.0.1:{unused_port()}")
    for pager in (pagerduty(nobody, http), jira(nobody, http)):
        with pytest.raises(Unreachable):
            await pager.page(PAGE)


async def test_ping_says_who_can_be_paged_and_pages_nobody(pager: Pager, vendor: Vendor) -> None:
    vendor.says("GET", ALERTS, {"values": []})
    assert isinstance(pager, PagerDuty | JiraServiceManagement)

    assert "primary" in await pager.ping()
    assert not any(body.get("event_action") == "trigger" or "message" in body for body in vendor.bodies())


async def test_ping_tells_what_the_vendor_refuses(pager: Pager, vendor: Vendor) -> None:
    refuse(vendor, INVALID, status=400)
    assert isinstance(pager, PagerDuty | JiraServiceManagement)

    with pytest.raises(IntegrationError, match=r"routing_key|no such site"):
        await pager.ping()


async def test_pagerduty_gets_the_documented_event_within_its_limits(vendor: Vendor, http: HttpClient) -> None:
    vendor.says("POST", ENQUEUE, EVENT_PROCESSED, status=202)
    pager = pagerduty(vendor, http)
    await pager.page(PAGE)
    await pager.page(Page("k" * 300, "s" * 2000, "Low", "gateway"), to="managers")
    await pager.acknowledge("incident:7")
    await pager.resolve("incident:7")

    trigger, long, acknowledge, resolve = vendor.bodies()
    assert trigger == {
        "routing_key": KEY,
        "event_action": "trigger",
        "dedup_key": "incident:7",
        "client": "opsbot",
        "client_url": PAGE.link,
        "links": [{"href": PAGE.link, "text": "crypto-payment-gateway"}],
        "payload": {
            "summary": "Payments fail",
            "severity": "critical",
            "source": "crypto-payment-gateway",
            "custom_details": {"details": "Half of all payments are refused."},
        },
    }
    payload = long["payload"]
    assert isinstance(payload, dict)
    assert (len(str(long["dedup_key"])), len(payload["summary"]), payload["severity"]) == (255, 1024, "info")
    assert long["routing_key"] == KEY[::-1]
    assert acknowledge == {"routing_key": KEY, "event_action": "acknowledge", "dedup_key": "incident:7"}
    assert resolve == {"routing_key": KEY, "event_action": "resolve", "dedup_key": "incident:7"}
    assert vendor.asked[0][2]["Content-Type"] == "application/json"


@pytest.mark.parametrize(
    ("statuses", "state"),
    [
        ([], None),
        (["triggered"], PageState.OPEN),
        (["acknowledged"], PageState.ACKNOWLEDGED),
        (["resolved"], PageState.RESOLVED),
        (["resolved", "acknowledged", "resolved"], PageState.ACKNOWLEDGED),
    ],
)
async def test_pagerduty_tells_the_state_of_the_page_by_its_key(
    vendor: Vendor, http: HttpClient, statuses: list[str], state: PageState | None
) -> None:
    vendor.says("GET", "/incidents", {"incidents": [{"id": "PT4KHLK", "status": each} for each in statuses]})

    assert await pagerduty(vendor, http).state("incident:7") is state

    [(_, path, headers, _)] = vendor.asked
    assert "incident_key=incident%3A7" in path
    assert headers["Authorization"] == f"Token token={TOKEN}"


@pytest.mark.parametrize("body", ["<html>", {"incidents": [{"status": "on_fire"}]}, {"incidents": None}])
async def test_a_state_that_is_not_understood_is_an_error_and_no_state(
    vendor: Vendor, http: HttpClient, body: object
) -> None:
    vendor.says("GET", "/incidents", body)

    with pytest.raises(IntegrationError, match="nothing that is a list of incidents"):
        await pagerduty(vendor, http).state("incident:7")


async def test_without_a_token_pagerduty_is_not_asked_for_a_state(vendor: Vendor, http: HttpClient) -> None:
    with pytest.raises(NotConfigured, match="no api_token"):
        await pagerduty(vendor, http, token="").state("incident:7")

    assert vendor.asked == []


async def test_jira_gets_the_documented_alert_within_its_limits(vendor: Vendor, http: HttpClient) -> None:
    vendor.says("POST", ALERTS, PROCESSED_LATER, status=202)
    pager = jira(vendor, http)
    await pager.page(PAGE)
    await pager.page(Page("k" * 600, "s" * 200, "Medium", "gateway", details="d" * 16_000), to="ann")

    first, long = vendor.bodies()
    assert first == {
        "message": "Payments fail",
        "alias": "incident:7",
        "description": f"Payments fail\n\n{PAGE.link}\n\nHalf of all payments are refused.",
        "responders": [{"type": "team", "id": "4513b7ea"}],
        "entity": "crypto-payment-gateway",
        "source": "opsbot",
        "priority": "P1",
    }
    assert [len(str(long[name])) for name in ("message", "alias", "description")] == [130, 512, 15_000]
    assert (long["responders"], long["priority"]) == ([{"type": "user", "id": "bb4d9938"}], "P3")
    credentials = b64encode(f"bot@example.com:{TOKEN}".encode()).decode()
    assert vendor.asked[0][2]["Authorization"] == f"Basic {credentials}"


async def test_jira_is_told_by_the_id_of_the_open_alert(vendor: Vendor, http: HttpClient) -> None:
    vendor.says("GET", f"{ALERTS}/alias", ALERT)
    for verb in ("acknowledge", "close"):
        vendor.says("POST", f"{ALERTS}/{ALERT['id']}/{verb}", PROCESSED_LATER, status=202)

    await jira(vendor, http).acknowledge("incident:7")
    await jira(vendor, http).resolve("incident:7")

    posts = [path for method, path, _, _ in vendor.asked if method == "POST"]
    assert posts == [f"{ALERTS}/{ALERT['id']}/acknowledge", f"{ALERTS}/{ALERT['id']}/close"]
    assert "alias=incident%3A7" in vendor.asked[0][1]


async def test_jira_says_when_there_is_no_open_alert_to_close(vendor: Vendor, http: HttpClient) -> None:
    with pytest.raises(NotFound, match="no open alert incident:7"):
        await jira(vendor, http).resolve("incident:7")


@pytest.mark.parametrize(
    ("found", "state"),
    [
        (ALERT, PageState.OPEN),
        ({**ALERT, "acknowledged": True}, PageState.ACKNOWLEDGED),
        ({**ALERT, "status": "acked"}, PageState.ACKNOWLEDGED),
        ({**ALERT, "status": "closed"}, PageState.RESOLVED),
    ],
)
async def test_jira_tells_the_state_of_the_page_by_its_alias(
    vendor: Vendor, http: HttpClient, found: object, state: PageState
) -> None:
    vendor.says("GET", f"{ALERTS}/alias", found)

    assert await jira(vendor, http).state("incident:7") is state


async def test_jira_finds_a_closed_alert_only_under_exactly_its_alias(vendor: Vendor, http: HttpClient) -> None:
    vendor.says("GET", ALERTS, {"values": [{**ALERT, "status": "closed"}]})

    assert await jira(vendor, http).state("incident:7") is PageState.RESOLVED
    assert await jira(vendor, http).state("incident") is None


def test_each_target_needs_its_key() -> None:
    with pytest.raises(ValidationError, match="no integration key for managers"):
        PagerDutyConfig(targets=("primary", "managers"), routing_keys={"primary": SecretStr(KEY)})


def test_integration_keys_come_from_secrets_files_are_redacted_and_may_not_stand_in_the_file(tmp_path: Path) -> None:
    file, secrets = tmp_path / "opsbot.yaml", tmp_path / "secrets"
    secrets.mkdir()
    secret = secrets / "services__gw__pagerduty__routing_keys__primary"
    secret.write_text(KEY)
    file.write_text("services: {gw: {pagerduty: {region: eu}}}\n")

    settings = load(file, known=integrations(), secrets=secrets)

    assert settings.secrets() == {"gw.pagerduty.routing_keys.primary": KEY}

    file.write_text(f"services: {{gw: {{pagerduty: {{routing_keys: {{primary: {KEY}}}}}}}}}\n")
    with pytest.raises(SettingsFault, match="is a secret and must not stand in the file"):
        load(file, known=integrations())


INCIDENT = "/incidents/PGR0VU2"


async def test_pagerduty_is_told_who_is_on_an_incident_in_the_name_of_its_user(
    vendor: Vendor, http: HttpClient
) -> None:
    vendor.says("PUT", INCIDENT, {"incident": {"id": "PGR0VU2", "status": "acknowledged"}})
    said = await pagerduty(vendor, http).acknowledge_alert("PGR0VU2")

    [(method, path, headers, body)] = vendor.asked
    assert said == "PagerDuty knows it"
    assert (method, path) == ("PUT", INCIDENT)
    assert (headers["From"], headers["Authorization"]) == ("oncall@example.com", f"Token token={TOKEN}")
    assert json.loads(body) == {"incident": {"type": "incident_reference", "status": "acknowledged"}}


async def test_pagerduty_that_does_not_take_an_acknowledgement_says_why(vendor: Vendor, http: HttpClient) -> None:
    error = {"message": "Invalid Input Provided", "code": 2001, "errors": ["Incident Already Resolved"]}
    vendor.says("PUT", INCIDENT, {"error": error}, status=400)
    with pytest.raises(IntegrationError, match="Invalid Input Provided; Incident Already Resolved"):
        await pagerduty(vendor, http).acknowledge_alert("PGR0VU2")
    with pytest.raises(NotFound, match="no incident PXXXXX"):
        await pagerduty(vendor, http).acknowledge_alert("PXXXXX")
    with pytest.raises(NotConfigured, match="cannot be told: it has no api_token"):
        await pagerduty(vendor, http, token="").acknowledge_alert("PGR0VU2")


async def test_jira_is_told_who_is_on_an_alert_by_the_alerts_own_id(vendor: Vendor, http: HttpClient) -> None:
    path = f"{ALERTS}/{ALERT['id']}/acknowledge"
    vendor.says("POST", path, PROCESSED_LATER, status=202)

    assert await jira(vendor, http).acknowledge_alert(str(ALERT["id"])) == "Jira Service Management took it"
    assert [asked[:2] for asked in vendor.asked] == [("POST", path)]
    with pytest.raises(NotFound, match="no alert other"):
        await jira(vendor, http).acknowledge_alert("other")
