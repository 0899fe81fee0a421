"""Mail handed over to a real SMTP server on the loopback."""

from __future__ import annotations

import asyncio
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from bot.core.errors import IntegrationError, NotFound, OutcomeUnknown
from bot.core.mail import Letter
from integrations.mail import Config, SmtpMail
from tests.mail_server import MailServer, mail_server

LETTER = Letter(
    "window:1:planned", "Maintenance on 1 December", "From 22:00 to 23:00.\n", datetime(2026, 11, 1, tzinfo=UTC)
)
PARTNERS = ("ann@example.com", "bob@example.net")


def mail(server: MailServer, **more: object) -> SmtpMail:
    usual = {"sender_name": "Payments, Inc.", "recipients": {"partners": PARTNERS}, "timeout": "2s"}
    return server.sender(**{**usual, **more})


@pytest.fixture
async def server() -> AsyncIterator[MailServer]:
    async with mail_server() as server:
        yield server


@pytest.mark.row("N1")
async def test_a_letter_is_queued_for_a_list_whose_members_do_not_see_one_another(server: MailServer) -> None:
    queued = await mail(server).send(LETTER, to="partners")

    [(sender, recipients, message)] = server.taken
    assert (queued.recipients, queued.refused) == (2, {})
    assert (sender, recipients) == ("status@example.org", PARTNERS)
    assert message["From"] == message["To"] == '"Payments, Inc." <status@example.org>'
    assert message["Subject"] == LETTER.subject
    assert message.get_content().strip() == "From 22:00 to 23:00."
    assert not any(address in message.as_string() for address in PARTNERS)


@pytest.mark.row("N1")
async def test_a_repeat_of_a_letter_has_its_message_id(server: MailServer) -> None:
    for _ in range(2):
        queued = await mail(server).send(LETTER, to="partners")

    first, second = (message["Message-ID"] for _, _, message in server.taken)
    assert first == second == queued.message_id
    assert first.endswith("@example.org>")


async def test_a_recipient_who_is_refused_is_told_apart_from_the_others(server: MailServer) -> None:
    server.answers = {"bob@example.net": "550 5.1.1 no such user"}

    queued = await mail(server).send(LETTER, to="partners")

    assert queued.refused == {"bob@example.net": "550 5.1.1 no such user"}
    assert server.taken[0][1] == ("ann@example.com",)


async def test_when_all_are_refused_nothing_is_sent(server: MailServer) -> None:
    server.answers = {"RCPT": "550 relaying denied"}

    with pytest.raises(IntegrationError, match=r"none of the recipients: ann@example\.com: 550 relaying denied; bob"):
        await mail(server).send(LETTER, to="partners")

    assert server.taken == []


@pytest.mark.parametrize(
    ("command", "answer", "why"),
    [
        ("MAIL", "553 sender not allowed", "553 sender not allowed"),
        ("DATA", "554 looks like spam", "refused the message: 554 looks like spam"),
        ("MAIL", "", "cannot be used"),
    ],
)
async def test_a_server_that_says_no_is_told_in_its_own_words(
    server: MailServer, command: str, answer: str, why: str
) -> None:
    server.answers = {command: answer}

    with pytest.raises(IntegrationError, match=why) as refused:
        await mail(server).send(LETTER, to="partners")

    assert not isinstance(refused.value, OutcomeUnknown)


async def test_a_line_that_breaks_after_the_message_was_taken_leaves_it_unknown(server: MailServer) -> None:
    server.drops_after_data = True

    with pytest.raises(OutcomeUnknown, match="broke while it took the message"):
        await mail(server).send(LETTER, to="partners")

    assert len(server.taken) == 1


async def test_nobody_there_is_an_error_and_nothing_was_sent(server: MailServer) -> None:
    nobody = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = nobody.sockets[0].getsockname()[1]
    nobody.close()
    await nobody.wait_closed()

    with pytest.raises(IntegrationError, match="cannot be used") as refused:
        await mail(server, port=port).send(LETTER, to="partners")

    assert refused.value.hint == "Nothing was sent."


@pytest.mark.parametrize("subject", ["a\r\nBcc: eve@example.com", "a\nX: y"])
async def test_a_subject_cannot_add_a_header(server: MailServer, subject: str) -> None:
    with pytest.raises(IntegrationError, match="cannot be written as mail"):
        await mail(server).send(Letter("k", subject, "", LETTER.at), to="partners")

    assert server.taken == []


async def test_a_body_cannot_end_the_message_early(server: MailServer) -> None:
    await mail(server).send(Letter("k", "s", "one\n.\nMAIL FROM:<eve@example.com>\n", LETTER.at), to="partners")

    [(_, _, message)] = server.taken
    assert message.get_content().splitlines() == ["one", ".", "MAIL FROM:<eve@example.com>"]


async def test_a_login_that_is_refused_says_what_to_check_and_no_password(server: MailServer) -> None:
    server.answers = {"AUTH": "535 no"}
    account = {"user": "bot", "password": SecretStr("s3cret-of-mail")}

    with pytest.raises(IntegrationError, match="does not let us in") as refused:
        await mail(server, **account).send(LETTER, to="partners")

    assert "s3cret-of-mail" not in f"{refused.value} {refused.value.hint}"
    assert server.logins == [("bot", "s3cret-of-mail")]


async def test_a_list_that_is_not_there_is_told_with_those_that_are(server: MailServer) -> None:
    with pytest.raises(NotFound, match="called customers") as missing:
        await mail(server).send(LETTER, to="customers")

    assert missing.value.hint == "There are: partners."


@pytest.mark.parametrize("address", ["a@b\r\nRCPT TO:<x@y>", "a b@example.com", "nobody", "<a@example.com>\n"])
def test_an_address_that_is_none_is_a_fault_of_the_configuration(address: str) -> None:
    with pytest.raises(ValidationError):
        Config(host="h", sender="s@example.org", recipients={"partners": (address,)})


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, ssl.SSLContext]:
    """A certificate for 127.0.0.1 that only its own file vouches for."""
    if not shutil.which("openssl"):
        pytest.skip("no openssl on this machine")
    key, file = tmp_path / "key.pem", tmp_path / "cert.pem"
    argv = ("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2")
    more = ("-subj", "/CN=mail", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(file))
    subprocess.run((*argv, *more), check=True, capture_output=True, timeout=30)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file, key)
    return file, context


@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_an_encrypted_line_is_used_and_its_certificate_is_checked(
    certificate: tuple[Path, ssl.SSLContext], security: str
) -> None:
    file, context = certificate
    async with mail_server(certificate=context, tls=security == "tls") as server:
        await mail(server, security=security, ca_file=str(file)).send(LETTER, to="partners")
        with pytest.raises(IntegrationError, match="cannot be used"):
            await mail(server, security=security).send(LETTER, to="partners")

    assert server.encrypted == [True]


async def test_a_server_without_starttls_gets_no_mail_in_the_clear(server: MailServer) -> None:
    with pytest.raises(IntegrationError):
        await mail(server, security="starttls").send(LETTER, to="partners")

    assert server.taken == []


async def test_a_ping_tells_that_the_server_lets_us_in(server: MailServer) -> None:
    assert await mail(server).ping() == f"127.0.0.1:{server.port} takes mail from status@example.org"
