"""Mail through an SMTP server."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP as WIRE
from hashlib import sha256
from typing import Annotated, Literal

import aiosmtplib
from pydantic import Field, SecretStr, StringConstraints

from bot.core.duration import Duration
from bot.core.errors import IntegrationError, NotFound, OutcomeUnknown
from bot.core.integration import Integration, IntegrationConfig
from bot.core.mail import Letter, Mail, Queued

MailAddress = Annotated[str, StringConstraints(pattern=r"^[!-~]+@[A-Za-z0-9.-]+$")]
ListName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,30}$")]


class Config(IntegrationConfig):
    """The mail server, and the lists of people who get mail."""

    host: str = Field(min_length=1, title="Host", description="Name of the SMTP server.")
    port: int = Field(587, gt=0, lt=65536, title="Port", description="Its port.")
    security: Literal["starttls", "tls", "none"] = Field(
        "starttls", title="Security", description="`none` sends all in the clear, the password too."
    )
    ca_file: str = Field(
        "", title="CA file", pattern="^(/.*)?$", description="Certificates to trust in place of the system's."
    )
    user: str = Field("", title="User", description="Empty for a server that takes mail without a login.")
    password: SecretStr = Field(
        SecretStr(""), title="Password", description="From the secrets file services__NAME__mail__password."
    )
    sender: MailAddress = Field(title="Sender", description="The address that mail comes from.")
    sender_name: str = Field("", title="Sender's name", description="The name that is shown with it.")
    recipients: Mapping[ListName, tuple[MailAddress, ...]] = Field(
        title="Recipients", description="Lists of addresses by name."
    )
    timeout: Duration = Field(
        "20s", validate_default=True, title="Timeout", description="For each answer of the server."
    )


class SmtpMail:
    """Connects anew for each letter. All recipients are in the envelope only: none reads the address of another."""

    def __init__(self, config: Config) -> None:
        self._config = config

    @property
    def lists(self) -> tuple[str, ...]:
        """See `Mail`."""
        return tuple(self._config.recipients)

    def recipients(self, name: str) -> tuple[str, ...]:
        """See `Mail`."""
        lists = self._config.recipients
        if name not in lists:
            raise NotFound(f"No list of recipients is called {name}.", hint=f"There are: {', '.join(lists) or 'none'}.")
        return lists[name]

    def message_id(self, key: str) -> str:
        """See `Mail`."""
        return f"<{sha256(key.encode()).hexdigest()[:32]}@{self._config.sender.rpartition('@')[2]}>"

    async def send(self, letter: Letter, *, to: str) -> Queued:
        """See `Mail`."""
        recipients, refused = self.recipients(to), {}
        content = self._message(letter)
        async with self._connected() as server:
            with self._translated():
                await server.mail(self._config.sender)
            for address in recipients:
                try:
                    with self._translated():
                        await server.rcpt(address)
                except _Refused as refusal:
                    refused[address] = str(refusal)
            if len(refused) == len(recipients):
                raise IntegrationError(f"The mail server took none of the recipients: {_listed(refused)}")
            said = await self._hand_over(server, content)
        return Queued(self.message_id(letter.key), len(recipients) - len(refused), said, refused)

    async def ping(self) -> str:
        """That the server lets us in."""
        async with self._connected():
            return f"{self._config.host}:{self._config.port} takes mail from {self._config.sender}"

    def _message(self, letter: Letter) -> bytes:
        message = EmailMessage(policy=WIRE)
        sender = Address(self._config.sender_name, addr_spec=self._config.sender)
        try:
            message["From"] = message["To"] = sender
            message["Subject"] = letter.subject
            message["Date"] = letter.at
            message["Message-ID"] = self.message_id(letter.key)
            message["Auto-Submitted"] = "auto-generated"
            message.set_content(letter.body)
        except ValueError as error:
            raise IntegrationError(f"This cannot be written as mail: {error}.") from error
        return message.as_bytes()

    async def _hand_over(self, server: aiosmtplib.SMTP, content: bytes) -> str:
        """Send the content; from here on the server may have taken it, whatever we hear."""
        try:
            return (await server.data(content)).message
        except aiosmtplib.SMTPResponseException as error:
            raise IntegrationError(f"The mail server refused the message: {_reason(error)}") from error
        except (aiosmtplib.SMTPException, OSError) as error:
            raise OutcomeUnknown(
                f"The line to the mail server broke while it took the message: {_reason(error)}",
                hint="Whether it is sent is in the log of that server, under the Message-ID.",
            ) from error

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[aiosmtplib.SMTP]:
        config = self._config
        server = aiosmtplib.SMTP(
            hostname=config.host,
            port=config.port,
            use_tls=config.security == "tls",
            start_tls=config.security == "starttls",
            tls_context=None
            if config.security == "none"
            else ssl.create_default_context(cafile=config.ca_file or None),
            username=config.user or None,
            password=config.password.get_secret_value() or None,
            timeout=config.timeout.total_seconds(),
        )
        with self._translated():
            await server.connect()
        try:
            yield server
        finally:
            with suppress(aiosmtplib.SMTPException, OSError):  # what it took it has taken
                await server.quit()
            server.close()

    def _translated(self) -> _Translated:
        return _Translated(f"{self._config.host}:{self._config.port}")


class _Refused(IntegrationError):
    """The server understood, and said no."""


class _Translated:
    """What goes wrong before a message is handed over, in our words; nothing was taken then."""

    def __init__(self, where: str) -> None:
        self._where = where

    def __enter__(self) -> None:
        return

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        match error:
            case aiosmtplib.SMTPAuthenticationError():
                raise IntegrationError(
                    f"The mail server {self._where} does not let us in.", hint="Check mail.user and its password."
                ) from error
            case aiosmtplib.SMTPResponseException():
                raise _Refused(_reason(error)) from error
            case aiosmtplib.SMTPException() | OSError():
                raise IntegrationError(
                    f"The mail server {self._where} cannot be used: {_reason(error)}", hint="Nothing was sent."
                ) from error
            case _:
                return


def _reason(error: Exception) -> str:
    """What the server said, or what happened to the line; one line of it."""
    if isinstance(error, aiosmtplib.SMTPResponseException):
        return f"{error.code} {' '.join(error.message.split())[:200]}"
    return " ".join(str(error).split())[:200] or type(error).__name__


def _listed(refused: Mapping[str, str]) -> str:
    return "; ".join(f"{address}: {reason}" for address, reason in refused.items())


INTEGRATION = Integration(name="mail", config=Config, build=SmtpMail, provides=(Mail,))
