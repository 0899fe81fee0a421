"""No secret survives, and what is none stays readable."""

from __future__ import annotations

import base64
import json
import re
import time
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bot.core.leaks import is_secret_name, mask_emails
from bot.core.redact import Redactor, stands_alone

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"
BODY = "MIIEowIBAAKCAQEA0Z3VS5JJcds3xfn/ygWyF8PbnGy\nAb+/=="
KEY = f"-----BEGIN RSA PRIVATE KEY-----\n{BODY}\n-----END RSA PRIVATE KEY-----"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("token xoxb-" + "123456789012-abcdef", "token [redacted:slack-token]"),
        ("xapp-1-" + "A0123456789-9876543210-abc", "[redacted:slack-token]"),
        ("https://hooks.slack.com/services/T0/B0/abcdef", "https://hooks.slack.com/[redacted:slack-webhook]"),
        ("id AKIA" + "IOSFODNN7EXAMPLE", "id [redacted:aws-key]"),
        ("sk_live_" + "4eC39HqLyjWDarjtT1zdp7dc", "[redacted:api-key]"),
        ("sk_production_" + "5XzT8abc", "[redacted:api-key]"),
        ("whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "[redacted:webhook-secret]"),
        ("ghp_" + "16C7e42F292c6912E7710c838347Ae178B4a", "[redacted:github-token]"),
        ("sk-ant-" + "api03-abcdefghijklmnop", "[redacted:sk-key]"),
        (f"cookie set to {JWT}.", "cookie set to [redacted:jwt]."),
        ("Authorization: Bearer abc123def456ghi", "Authorization: Bearer [redacted:bearer]"),
        ("Authorization: Basic dXNlcjpwYXNz", "Authorization: Basic [redacted:basic]"),
        ("postgres://gw:p@ss:word@db:5432/x", "postgres://gw:[redacted:password]@db:5432/x"),
        ("redis://:hunter2@cache", "redis://:[redacted:password]@cache"),
        ("https://0123456789abcdef@o1.example/5", "https://[redacted:password]@o1.example/5"),
        ("paid with 4111 1111 1111 1111.", "paid with [redacted:card]."),
        ("4111111111111111", "[redacted:card]"),
        ("5500-0000-0000-0004", "[redacted:card]"),
        ("3782 822463 10005", "[redacted:card]"),
        ("to 0x52908400098527886E0F7030069857D2E4169EE7", "to [redacted:ethereum-wallet]"),
        ("1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", "[redacted:bitcoin-wallet]"),
        ("bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq", "[redacted:bitcoin-wallet]"),
        ("DB_PASSWORD=ab&cd, next", "DB_PASSWORD=[redacted:DB_PASSWORD], next"),
        ("STRIPE_KEY='two words' x", "STRIPE_KEY='[redacted:STRIPE_KEY]' x"),
        ("MNEMONIC=one two three", "MNEMONIC=[redacted:MNEMONIC]"),
        ("X-CLIENT-SECRET: abc12345", "X-CLIENT-SECRET: [redacted:X-CLIENT-SECRET]"),
        ("password: swordfish\n", "password: [redacted:password]\n"),
        ("mysql --password hunter2 --host x", "mysql --password [redacted:password] --host x"),
        ("mysql --password=hunter2", "mysql --password=[redacted:password]"),
        ("GET /hook?token=abc&x=1", "GET /hook?token=[redacted:token]&x=1"),
        ('{"password":"a \\" b","x":1}', '{"password":"[redacted:password]","x":1}'),
        (r'{"m":"{\"apiKey\":\"abcd\"}"}', r'{"m":"{\"apiKey\":\"[redacted:apiKey]\"}"}'),
        ("clientSecret: 'unclosed", "clientSecret: '[redacted:clientSecret]"),
        (f"a\n{KEY}\nb", "a\n[redacted:private-key]\nb"),
        (json.dumps({"key": KEY}), '{"key": "[redacted:private-key]"}'),
    ],
)
def test_a_secret_is_known_by_its_form_or_its_name(text: str, shown: str) -> None:
    redactor = Redactor()

    assert redactor.redact(text) == shown
    assert redactor.redact(shown) == shown


CLEAN = [
    "HEAD is now at 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b Fix the queue",
    "image sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "x-request-id: 123e4567-e89b-12d3-a456-426614174000 req_8f3a9c21d4e5f6a7",
    "trace 4bf92f3577b34da6a3ce929d0e0e4736 span 00f067aa0ba902b7",
    '203.0.113.7 - - [02/Mar/2026:22:50:11 +0000] "POST /api/payments?page=2 HTTP/1.1" 200 5316 "-" "curl/8.5"',
    "2001:db8::1 10.0.0.1:3000 took 12.5ms, 1,234,567.89 EUR, 4111.50 USD",
    "2026-03-02T22:50:11.123Z 1732320000123 1732320000.123456 1732320000123456",
    "order 4111111111111112 and order 1234567812345678 were paid",
    "tx 0x88df016429689c079f3b2f6ad39fa052532c56795b733da78a91ebe6a713944b",
    "JsonWebTokenError: invalid token: jwt malformed",
    "password: must be at least 8 characters",
    "session token: not found for user 5",
    "token=expired secret: rotated credentials: include",
    '{"token": null, "apiKey": "", "secret": "********"}',
    "max_tokens=5 tokens: 512 token_count=7",
    "cache_key=rate_limit:1.2.3.4 idempotency_key=order-123 PUBLIC_KEY=abc key=value",
    "SyntaxError: Unexpected token: }",
    "curl -H 'X-CLIENT-SECRET: $CROSSMINT_API_KEY' --token <token>",
    "401 Bearer authentication required, Basic authentication offered, basic services, basic abcdefghi",
    "PWD=/srv/gateway NODE_ENV=production PORT=3000 LOG_LEVEL=debug",
    "http://gateway:8080/a?e=b@c.d and ssh://git@example.com/x",
    "the -----BEGIN CERTIFICATE----- of the server",
]


@pytest.mark.parametrize("line", CLEAN)
def test_what_is_no_secret_stays_readable(line: str) -> None:
    assert Redactor({"NODE_ENV": "production", "PORT": "3000", "APP": "gateway"}).redact(line) == line


def test_addresses_of_people_are_masked_where_asked_for() -> None:
    line = "refund for ada.b+x@example.co.uk by git@v2"

    assert Redactor().redact(line) == line
    assert mask_emails(line) == "refund for [redacted:email] by git@v2"


ENCODINGS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "url": lambda value: quote(value, safe=""),
    "url of a path": quote,
    "url of a form": quote_plus,
    "url in lower case": lambda value: re.sub("%..", lambda found: found[0].lower(), quote(value, safe="")),
    "json": lambda value: json.dumps(value)[1:-1],
    "json in json": lambda value: json.dumps(json.dumps(value)[1:-1])[1:-1],
    "base64": lambda value: base64.b64encode(value.encode()).decode().rstrip("="),
    "base64 after one byte": lambda value: base64.b64encode(b"u" + value.encode()).decode().rstrip("="),
    "base64 after two bytes": lambda value: base64.b64encode(b"u:" + value.encode()).decode().rstrip("="),
    "base64 for urls": lambda value: base64.urlsafe_b64encode(value.encode()).decode().rstrip("="),
}


@pytest.mark.parametrize("encode", ENCODINGS.values(), ids=ENCODINGS)
@given(value=st.text(st.characters(exclude_categories=["Cs"]), min_size=8), before=st.text(), after=st.text())
def test_a_known_value_survives_in_no_encoding(
    encode: Callable[[str], str], value: str, before: str, after: str
) -> None:
    assume(stands_alone("", value))
    coded = encode(value)
    assume(coded not in before + after)

    shown = Redactor([value]).redact(f"{before}{coded}{after}")

    assert coded not in shown


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=8), st.lists(st.text(), max_size=3))
def test_redacting_twice_changes_nothing_more(value: str, parts: list[str]) -> None:
    redactor = Redactor([value])
    once = redactor.redact(value.join(parts))

    assert redactor.redact(once) == once


def test_the_mask_names_the_key() -> None:
    redactor = Redactor({"SESSION_SALT": "zq8-Lk3/x", "CLIENT_ID": "proj_8f3a9c21d4"})

    assert redactor.redact("zq8-Lk3/x proj_8f3a9c21d4") == "[redacted:SESSION_SALT] [redacted:CLIENT_ID]"


def test_a_short_or_plain_value_is_masked_beside_its_own_key_only() -> None:
    redactor = Redactor({"ADMIN_PIN": "4711", "DB_PASSWORD": "swordfish"})

    assert redactor.redact("port 4711, a swordfish") == "port 4711, a swordfish"
    assert redactor.redact("ADMIN_PIN: 4711 was used") == "ADMIN_PIN: [redacted:ADMIN_PIN] was used"
    assert redactor.redact("DB_PASSWORD: swordfish was") == "DB_PASSWORD: [redacted:DB_PASSWORD] was"


def test_the_password_inside_a_known_url_is_known_too() -> None:
    redactor = Redactor({"DATABASE_URL": "postgres://gw:p4ssw0rd%2Fx@db/gw"})

    assert redactor.redact("p4ssw0rd/x or p4ssw0rd%2Fx") == "[redacted:DATABASE_URL] or [redacted:DATABASE_URL]"


def test_the_longer_of_two_values_is_masked_whole() -> None:
    redactor = Redactor(["abcd-1234"])
    redactor.learn(["abcd-1234-efgh"])

    assert redactor.redact("abcd-1234-efgh abcd-1234") == "[redacted] [redacted]"


def test_lines_are_masked_as_they_come_and_a_private_key_is_left_out() -> None:
    lines = [f"{line}\n" for line in ("one", *KEY.splitlines(), "token=abc", "two")]

    shown = list(Redactor().stream(lines))

    assert shown == ["one\n", "[redacted:private-key]\n", "token=[redacted:token]\n", "two\n"]


def test_a_private_key_in_a_log_with_prefixes_is_masked_line_by_line() -> None:
    lines = [f"12:00 | {line}\n" for line in (*KEY.splitlines()[:2], "done with 9f86d081884c7d65")]

    shown = list(Redactor().stream([*lines, "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b\n"]))

    assert shown == [
        "12:00 | [redacted:private-key]\n",
        "12:00 | [redacted:private-key]\n",
        "12:00 | done with [redacted:private-key]\n",
    ]


def test_a_private_key_that_never_ends_does_not_swallow_what_follows() -> None:
    shown = Redactor().redact("-----BEGIN PRIVATE KEY-----\nMIIEow\nall is well again\nword\n")

    assert shown == "[redacted:private-key]\nall is well again\nword\n"


@pytest.mark.parametrize(
    "name",
    [
        "DB_PASSWORD",
        "apiKey",
        "x-client-secret",
        "spring.datasource.password",
        "SECRET_KEY_BASE",
        "PGPASSWORD",
        "API_KEY2",
    ],
)
def test_a_name_can_say_secret(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize("name", ["PORT", "key", "cache_key", "publicKey", "token_count", "monkey", "author", "PIN"])
def test_most_names_say_nothing_secret(name: str) -> None:
    assert not is_secret_name(name)


HOSTILE = [
    "a",
    "a.",
    "a-",
    "password=",
    'password="',
    "password=,",
    "password=\\",
    "\\",
    "eyJaaaaaaaaa.",
    "sk-",
    "://a:b",
    "1234 ",
]


@pytest.mark.parametrize("part", HOSTILE)
def test_hostile_text_takes_linear_time(part: str) -> None:
    def seconds(length: int) -> float:
        started = time.process_time()
        Redactor().redact(part * (length // len(part)))
        return time.process_time() - started

    assert seconds(200_000) < 20 * seconds(20_000) + 0.5


@given(st.text())
def test_no_text_breaks_it(text: str) -> None:
    Redactor(["swordfish-1"]).redact(text)
