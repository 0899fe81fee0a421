"""A mail server on the loopback that keeps what it takes, and says no where it is told to."""

from __future__ import annotations

import asyncio
import base64
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage

from integrations.mail import Config, SmtpMail


@dataclass(slots=True)
class MailServer:
    """What it took: sender, recipients, message. `answers` are lines to say in place of 250, by command or address.

    An answer that is empty closes the line instead. `drops_after_data` closes it when the message has been taken, and
    `slow` is waited for before that is said.
    """

    port: int = 0
    taken: list[tuple[str, tuple[str, ...], EmailMessage]] = field(default_factory=list)
    answers: dict[str, str] = field(default_factory=dict)
    logins: list[tuple[str, ...]] = field(default_factory=list)
    encrypted: list[bool] = field(default_factory=list)
    drops_after_data: bool = False
    slow: asyncio.Event | None = None
    certificate: ssl.SSLContext | None = None

    def sender(self, **config: object) -> SmtpMail:
        """The bot's own mail by this server, in the clear, to a list called partners; `config` is other settings."""
        usual = {
            "host": "127.0.0.1",
            "port": self.port,
            "security": "none",
            "sender": "status@example.org",
            "recipients": {"partners": ("ann@example.com", "bob@example.net")},
        }
        return SmtpMail(Config.model_validate({**usual, **config}))

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, from greeting to end."""
        try:
            await self._talk(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()

    async def _talk(  # noqa: C901 - one command of SMTP, one case
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        sender, recipients = "", list[str]()
        writer.write(b"220 mail.example.org ESMTP\r\n")
        while line := (await reader.readline()).decode().strip():
            verb, _, rest = line.partition(" ")
            address = rest.partition("<")[2].partition(">")[0]
            answer = self.answers.get(address, self.answers.get(verb.upper(), "250 OK"))
            if not answer:
                return
            match verb.upper():
                case "EHLO":
                    extra = "250-STARTTLS\r\n" if self.certificate and not _is_tls(writer) else ""
                    answer = f"250-mail.example.org\r\n{extra}250 AUTH PLAIN"
                case "STARTTLS":
                    writer.write(b"220 Go ahead\r\n")
                    await writer.drain()
                    await writer.start_tls(self.certificate or ssl.create_default_context())
                    continue
                case "AUTH":
                    said = base64.b64decode(rest.split()[1]).decode().split("\0")
                    self.logins.append(tuple(said[1:]))
                    answer = "235 Welcome" if answer == "250 OK" else answer
                case "MAIL":
                    sender, recipients = address, []
                case "RCPT" if answer.startswith("250"):
                    recipients.append(address)
                case "DATA":
                    writer.write(b"354 Go on\r\n")
                    content = await reader.readuntil(b"\r\n.\r\n")
                    if answer.startswith("250"):
                        message = message_from_bytes(content[:-3].replace(b"\r\n..", b"\r\n."), policy=policy.default)
                        self.taken.append((sender, tuple(recipients), message))
                        self.encrypted.append(_is_tls(writer))
                    if self.slow:
                        await self.slow.wait()
                    if self.drops_after_data:
                        return
                case "QUIT":
                    writer.write(b"221 Bye\r\n")
                    return
            writer.write(f"{answer}\r\n".encode())


def _is_tls(writer: asyncio.StreamWriter) -> bool:
    return writer.get_extra_info("ssl_object") is not None


@asynccontextmanager
async def mail_server(*, certificate: ssl.SSLContext | None = None, tls: bool = False) -> AsyncIterator[MailServer]:
    """The server on a free port; with `tls` the line is encrypted from its beginning."""
    box = MailServer(certificate=certificate)
    server = await asyncio.start_server(box.serve, "127.0.0.1", 0, ssl=certificate if tls else None)
    box.port = server.sockets[0].getsockname()[1]
    async with server:
        yield box
