"""The one Slack client: a shared session, rate limits waited out, and Slack's errors in our words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.http_retry.builtin_async_handlers import (
    AsyncConnectionErrorRetryHandler,
    AsyncRateLimitErrorRetryHandler,
)
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from bot.core.errors import Busy, IntegrationError, OutcomeUnknown

SLACK = "https://slack.com/api/"
# Unrounded: aiohttp has all that time out within one second do so at once, and what comes then waits for all of them.
_WITHIN = aiohttp.ClientTimeout(total=10, ceil_threshold=60)
_AT_ONCE = 500  # calls; when Slack takes seconds for each, the 100 of aiohttp are soon used up, and people wait in line
_TRANSIENT = frozenset({"internal_error", "fatal_error", "request_timeout"})
_BUSY = frozenset({"ratelimited", "service_unavailable", "http_429", "http_503"})


@dataclass(frozen=True, slots=True)
class Identity:
    """The installation that this process speaks for: what a payload must be addressed to."""

    team_id: str
    app_id: str
    user_id: str
    bot_id: str


def open_session() -> aiohttp.ClientSession:
    """The session that all calls to Slack share; its timeout holds for each, slack_sdk's own does not then."""
    return aiohttp.ClientSession(timeout=_WITHIN, connector=aiohttp.TCPConnector(limit=_AT_ONCE))


def web_client(session: aiohttp.ClientSession, *, token: str, api_url: str = SLACK) -> AsyncWebClient:
    """A client on `session`: without a shared one, slack_sdk opens a connection a call.

    It tries again by itself: a broken connection once, a rate limit after the time that Slack says.
    """
    handlers = [AsyncConnectionErrorRetryHandler(), AsyncRateLimitErrorRetryHandler(max_retry_count=3)]
    return AsyncWebClient(token=token, base_url=api_url, session=session, retry_handlers=handlers)


@contextmanager
def translated(doing: str) -> Iterator[None]:
    """Turn what slack_sdk raises into `IntegrationError` (hint: Slack's own code), `Busy` or `OutcomeUnknown`."""
    try:
        yield
    except SlackApiError as error:
        code = _code(error)
        if code in _BUSY:
            raise Busy(f"Slack has no time to {doing} just now.", hint=code) from error
        if code in _TRANSIENT or code.startswith("http_5"):
            raise OutcomeUnknown(f"Slack could not {doing} just now.", hint=code) from error
        raise IntegrationError(f"Slack refused to {doing}: {code}.", hint=code) from error
    except (aiohttp.ClientError, TimeoutError, SlackClientError) as error:
        raise OutcomeUnknown(f"Slack gave no answer when asked to {doing}.", hint=type(error).__name__) from error


def _code(error: SlackApiError) -> str:
    """Slack's code for a refusal; an answer without one, such as an outage's HTML page, has only its HTTP status."""
    response = error.response
    if isinstance(response, AsyncSlackResponse):
        said = response.data.get("error") if isinstance(response.data, dict) else None
        return str(said or f"http_{response.status_code}")
    return f"http_{response.status}"


async def identify(client: AsyncWebClient) -> Identity:
    """Who the token speaks for. Called once at the start, which keeps a hundred first requests from asking at once."""
    with translated("say who the bot is"):
        auth = await client.auth_test()
        app_id = auth.get("app_id") or (await client.bots_info(bot=auth["bot_id"]))["bot"]["app_id"]
    return Identity(team_id=auth["team_id"], app_id=app_id, user_id=auth["user_id"], bot_id=auth["bot_id"])


async def granted_scopes(client: AsyncWebClient) -> frozenset[str]:
    """The scopes that the installed app holds, from the header of any answer."""
    with translated("say which scopes were granted"):
        auth = await client.auth_test()
    return frozenset(scope.strip() for scope in auth.headers.get("x-oauth-scopes", "").split(",") if scope.strip())
