"""E-mail, through a mail server or through the site's sendmail."""

from __future__ import annotations

import re
import shutil
import smtplib
import socket
import ssl
import subprocess
from contextlib import suppress
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from pathlib import Path

from orchestrator.config.paths import expand_path
from orchestrator.errors import UsageError
from orchestrator.notification.base import Channel, DeliveryError, read_secret
from orchestrator.notification.message import Message
from orchestrator.notification.webhook import is_host
from orchestrator.records import user_name

TLS = ("none", "starttls", "tls")
USER = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
SENDMAILS = ("/usr/sbin/sendmail", "/usr/lib/sendmail")


class Mail(Channel):
    """Sends to ``notify.mail.to``, by ``notify.smtp`` or by sendmail."""

    name = "mail"

    @property
    def wanted(self) -> bool:
        """Whether anybody is named."""
        return bool(self.notify["mail"]["to"])

    @property
    def target(self) -> str:
        """The addresses, and the server or program that carries the mail."""
        return f"{', '.join(self.notify['mail']['to'])} by {self.server or self.sendmail or 'sendmail'}"

    @property
    def server(self) -> str | None:
        """Host and port of the mail server, or None."""
        smtp = self.notify["smtp"]
        return f"{smtp['host']}:{smtp['port']}" if smtp["host"] else None

    @property
    def sendmail(self) -> str | None:
        """Path of the site's sendmail, or None."""
        given = self.notify["mail"]["sendmail"]
        with suppress(UsageError):
            given = given and expand_path("notify.mail.sendmail", given)
        candidates = (given,) if given else (*SENDMAILS, shutil.which("sendmail") or "")
        return next((path for path in candidates if path and Path(path).is_file()), None)

    def check_form(self) -> None:
        """Raise DeliveryError unless the addresses, the server's name and its security are such."""
        sender = self.notify["mail"]["sender"]
        for key, address in [
            *(("to", one) for one in self.notify["mail"]["to"]),
            *([("sender", sender)] if sender else []),
        ]:
            if not is_address(address, local=key == "to" and not self.server):
                raise DeliveryError(f"notify.mail.{key}: {address!r} is no address")
        smtp = self.notify["smtp"]
        if smtp["tls"] not in TLS:
            raise DeliveryError(f"notify.smtp.tls={smtp['tls']} is none of {', '.join(TLS)}")
        if smtp["host"] and not is_host(smtp["host"]):
            raise DeliveryError(f"notify.smtp.host={smtp['host']} is no name of a host")

    def check(self) -> None:
        """Check the form, then that the mail server accepts the login or that there is a sendmail. Raises
        DeliveryError.
        """
        self.check_form()
        if self.server:
            self.connect().quit()
        elif not self.sendmail:
            given = self.notify["mail"]["sendmail"]
            raise DeliveryError(
                f"there is no sendmail {'at notify.mail.sendmail=' + given if given else 'on this machine'}; "
                "name a mail server with notify.smtp.host"
            )

    def send(self, message: Message) -> None:
        """Send one mail to all addresses. Raises DeliveryError."""
        mail = self.compose(message)
        if not self.server:
            self.hand_to_sendmail(mail)
            return
        with self.connect() as connection:
            try:
                connection.send_message(mail)
            except (smtplib.SMTPException, OSError) as error:
                raise DeliveryError(f"{self.server}: {explain_error(error)}") from error

    def compose(self, message: Message) -> EmailMessage:
        """Return the message as a mail with its headers."""
        mail = EmailMessage()
        mail["Subject"] = "[orchestrator] " + " ".join(message.subject.split())
        mail["From"] = self.notify["mail"]["sender"] or f"{user_name()}@{socket.getfqdn()}"
        mail["To"] = ", ".join(self.notify["mail"]["to"])
        mail["Date"] = formatdate(message.written, localtime=True)
        mail["Message-ID"] = make_msgid(domain="orchestrator.invalid")
        # Nobody's holiday notice should answer a machine (RFC 3834).
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(message.text)
        return mail

    def connect(self) -> smtplib.SMTP:
        """Return a connection, encrypted and logged in as configured. Raises DeliveryError."""
        smtp = self.notify["smtp"]
        host = smtp["host"] or ""
        password = read_secret(smtp["password_file"], smtp["password_env"], "notify.smtp.password")
        context = ssl.create_default_context()
        connection: smtplib.SMTP | None = None
        try:
            if smtp["tls"] == "tls":
                connection = smtplib.SMTP_SSL(host, smtp["port"], timeout=self.timeout_s, context=context)
            else:
                connection = smtplib.SMTP(host, smtp["port"], timeout=self.timeout_s)
            if smtp["tls"] == "starttls":
                connection.starttls(context=context)
            if smtp["user"]:
                connection.login(smtp["user"], password or "")
            return connection
        except (smtplib.SMTPException, OSError) as error:
            if connection is not None:
                connection.close()
            raise DeliveryError(f"notify.smtp.host: {self.server}: {explain_error(error)}") from error

    def hand_to_sendmail(self, mail: EmailMessage) -> None:
        """Pass the mail to sendmail. ``-t`` takes the recipients from the mail; ``-oi`` keeps a line with a single dot
        from ending it.
        """
        program = self.sendmail
        if program is None:
            raise DeliveryError("there is no sendmail on this machine; name a mail server with notify.smtp.host")
        try:
            answer = subprocess.run(
                [program, "-t", "-oi"], input=mail.as_bytes(), capture_output=True, timeout=self.timeout_s
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise DeliveryError(f"{program}: {error}") from error
        if answer.returncode:
            words = answer.stderr.decode(errors="replace").strip() or f"exit code {answer.returncode}"
            raise DeliveryError(f"{program}: {words}")


def is_address(text: str, local: bool) -> bool:
    """Whether a text is a mail address, as RFC 5322 writes one without a name before it; ``local``: or a user here."""
    if local and "@" not in text:
        return text.isascii() and text.isidentifier()
    user, _, host = text.rpartition("@")
    return bool(USER.fullmatch(user)) and is_host(host) and host.isascii()


def explain_error(error: Exception) -> str:
    """Return the error in one line, with the server's own text if it sent one."""
    if isinstance(error, smtplib.SMTPResponseException):
        words = error.smtp_error.decode(errors="replace") if isinstance(error.smtp_error, bytes) else error.smtp_error
        return f"{error.smtp_code} {words}"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__
