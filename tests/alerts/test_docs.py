"""docs/alerts.md says what the code does."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from datetime import UTC, datetime
from pathlib import Path

from bot.alerts.monitors import GenericBatch, generic
from bot.core.signing import SIGNATURE, TIMESTAMP, is_signed
from bot.web.webhooks import SOURCES

PAGE = (Path(__file__).parents[2] / "docs" / "alerts.md").read_text(encoding="utf-8")
NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def test_the_schema_is_that_of_what_is_taken() -> None:
    (written,) = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)

    assert json.loads(written) == GenericBatch.model_json_schema(), "write it anew"


def test_the_example_for_curl_is_taken() -> None:
    (body,) = re.findall(r"-d '(.*?)' \\", PAGE, re.DOTALL)

    told = generic(json.loads(body), now=NOW)

    assert told.faults == ()
    assert told.alerts[0].group == "disks"


def test_a_request_that_is_signed_as_the_page_says_is_known_for_the_sources() -> None:
    secret, timestamp, body = "s3cr3t-of-the-page", str(int(NOW.timestamp())), b'{"alerts": []}'
    mac = hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256)
    headers = {"X-Opsbot-Timestamp": timestamp, "X-Opsbot-Signature": "v1=" + mac.hexdigest()}

    assert {TIMESTAMP, SIGNATURE} == set(headers)
    assert is_signed(secret, body, headers, now=NOW)


def test_every_source_has_its_line() -> None:
    for source in SOURCES:
        assert f"`/webhooks/{source}`" in PAGE
