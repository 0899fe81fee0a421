"""The Web API's door: tokens, scopes, ways of giving arguments, and faults on demand."""

import time
from typing import Any

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.http_retry.builtin_async_handlers import AsyncRateLimitErrorRetryHandler
from slack_sdk.web.async_client import AsyncWebClient

from bot.demo.workspace import Workspace
from tests.demo.workspace.test_chat import error_of

Json = dict[str, Any]


async def post(ws: Workspace, method: str, *, token: str | None = None, **request: Any) -> Json:  # noqa: ANN401 - aiohttp's
    headers = {"Authorization": f"Bearer {token or ws.bot_token}"}
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.post(ws.api_url + method, **request) as answer,
    ):
        body: Json = await answer.json()
        return body


async def test_wrong_tokens_and_methods_are_named(ws: Workspace, client: AsyncWebClient) -> None:
    assert await error_of(AsyncWebClient(base_url=ws.api_url).auth_test()) == "not_authed"
    assert await error_of(client.auth_test(token="xoxb-wrong")) == "invalid_auth"
    assert await error_of(client.api_call("chat.explode")) == "unknown_method"
    assert (await client.auth_test(token=ws.app_token))["app_id"] == ws.app_id


async def test_a_missing_scope_says_what_is_needed_and_what_is_there(ws: Workspace, client: AsyncWebClient) -> None:
    ws.scopes.clear()
    ws.scopes.update({"commands", "users:read"})

    with pytest.raises(SlackApiError) as caught:
        await client.chat_postMessage(channel="C1", text="x")

    answer = caught.value.response
    assert (answer["error"], answer["needed"], answer["provided"]) == (
        "missing_scope",
        "chat:write",
        "commands,users:read",
    )
    assert answer.headers["x-oauth-scopes"] == "commands,users:read"


@pytest.mark.parametrize(
    "request_of",
    [
        pytest.param(lambda body: {"json": body}, id="JSON"),
        pytest.param(lambda body: {"data": body}, id="form"),
        pytest.param(lambda body: {"params": body}, id="query"),
    ],
)
async def test_arguments_come_as_json_form_or_query(ws: Workspace, request_of: Any) -> None:  # noqa: ANN401 - a lambda
    channel = ws.channel("ops")
    blocks = '[{"type": "header", "text": {"type": "plain_text", "text": "Hi"}}]'

    answer = await post(ws, "chat.postMessage", **request_of({"channel": channel.id, "text": "x", "blocks": blocks}))

    assert answer["ok"], answer
    assert answer["message"]["blocks"][0]["text"]["text"] == "Hi"


async def test_a_token_may_be_an_argument(ws: Workspace) -> None:
    form = {"token": ws.bot_token}
    async with aiohttp.ClientSession() as session, session.post(ws.api_url + "auth.test", data=form) as answer:
        assert (await answer.json())["ok"] is True


@pytest.mark.parametrize("raw", [b"{", b"[]"])
async def test_broken_json_is_no_argument(ws: Workspace, raw: bytes) -> None:
    answer = await post(ws, "users.info", data=raw, headers={"Content-Type": "application/json"})

    assert answer["error"] == "user_not_found"


async def test_calls_are_kept_and_waited_for(ws: Workspace, client: AsyncWebClient) -> None:
    channel = ws.channel("ops")
    await client.chat_postMessage(channel=channel.id, text="one")

    call = await ws.wait_for_call("chat.postMessage", lambda call: call.args["text"] == "one")

    assert call.response["channel"] == channel.id
    assert call in ws.calls
    with pytest.raises(TimeoutError, match=r"no call of chat\.delete"):
        await ws.wait_for_call("chat.delete", timeout=0.01)


async def test_only_the_latest_calls_are_kept() -> None:
    async with Workspace.open(calls_kept=2) as ws:
        client = AsyncWebClient(token=ws.bot_token, base_url=ws.api_url)
        for _ in range(3):
            await client.auth_test()

        assert len(ws.calls) == 2


async def test_a_rate_limit_says_when_to_come_back(ws: Workspace, client: AsyncWebClient) -> None:
    ws.faults.rate_limit("auth.test", times=2, retry_after=7)

    with pytest.raises(SlackApiError) as caught:
        await client.auth_test()

    assert (caught.value.response.status_code, caught.value.response["error"]) == (429, "ratelimited")
    assert caught.value.response.headers["Retry-After"] == "7"


async def test_the_sdk_waits_out_a_rate_limit(ws: Workspace, client: AsyncWebClient) -> None:
    client.retry_handlers.append(AsyncRateLimitErrorRetryHandler(max_retry_count=1))
    ws.faults.rate_limit("*", retry_after=0)

    await client.auth_test()

    assert [call.response.get("error") for call in ws.calls] == ["ratelimited", None]


async def test_a_method_fails_as_often_as_it_was_told(ws: Workspace, client: AsyncWebClient) -> None:
    ws.faults.fail("auth.*", "internal_error", times=2)

    errors = [await error_of(client.auth_test()) for _ in range(2)]

    assert errors == ["internal_error"] * 2
    await client.auth_test()


async def test_an_outage_has_no_json(ws: Workspace, client: AsyncWebClient) -> None:
    ws.faults.fail("auth.test", "down", status=503)

    with pytest.raises(SlackApiError) as caught:
        await client.auth_test()

    assert caught.value.response.status_code == 503


async def test_a_slow_method_takes_its_time(ws: Workspace, client: AsyncWebClient) -> None:
    ws.faults.slow("auth.test", 0.2)
    started = time.perf_counter()
    await client.auth_test()
    slow = time.perf_counter() - started

    ws.faults.slow("auth.test", 0)
    await client.auth_test()

    assert slow >= 0.2
    assert time.perf_counter() - started - slow < 0.2


async def test_cleared_faults_are_gone(ws: Workspace, client: AsyncWebClient) -> None:
    ws.faults.fail("*", "x", times=9)
    ws.faults.slow("*", 9)

    ws.faults.clear()

    await client.auth_test()
