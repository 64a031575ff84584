"""The spool of messages: each is written before the first try and deleted once it was sent."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, Literal

from orchestrator.notification.base import Channel, DeliveryError
from orchestrator.notification.channels import wanted_channels
from orchestrator.notification.message import Message, MessageEntry
from orchestrator.notification.settings import NotifySettings
from orchestrator.records import now, read_record_if_whole, write_json

SCHEMA: Final = "orchestrator.message/1"


class SpooledFacts(MessageEntry):
    """A message that waits for its channel, and how often that was tried."""

    schema: Literal["orchestrator.message/1"]
    channel: str
    tries: int


class SpooledMessage(SpooledFacts, total=False):
    """A message in the spool. ``last_try`` and ``trouble``: when it was tried last, and what went wrong then."""

    last_try: float
    trouble: str


def post_message(spool: Path, notify: NotifySettings, message: Message) -> list[Path]:
    """Write the message into the spool, once for each channel; return the files. ``deliver_messages`` sends them."""
    spool.mkdir(parents=True, exist_ok=True, mode=0o700)
    paths = []
    for channel in wanted_channels(notify):
        path = spool / f"{message.written:.6f}-{channel.name}.json"
        waiting: SpooledFacts = {"schema": SCHEMA, "channel": channel.name, "tries": 0, **message.to_entry()}
        write_json(path, waiting)
        paths.append(path)
    return paths


def waiting_messages(spool: Path) -> list[Path]:
    """Return the files of messages that were not sent yet, oldest first."""
    return sorted(spool.glob("*.json"))


def deliver_messages(
    spool: Path,
    notify: NotifySettings,
    tell: Callable[[str], None],
    sleep: Callable[[float], None] = time.sleep,
) -> list[str]:
    """Send all waiting messages; return one line for each channel that failed.

    A channel is tried ``notify.attempts`` times, with pauses that double. If it fails, its messages stay in the spool,
    in order, for the next call.
    """
    known = {channel.name: channel for channel in wanted_channels(notify)}
    troubles: dict[str, str] = {}
    for path in waiting_messages(spool):
        document = read_record_if_whole(path, SpooledMessage)
        if document is None or document["channel"] in troubles:
            continue
        name = document["channel"]
        if name not in known:
            troubles[name] = f"{path}: the configuration has no {name} any more"
            continue
        error = try_to_send(known[name], Message.from_entry(document), notify, sleep)
        if error is None:
            path.unlink()
            tell(f"sent to {known[name].target}: {document['subject']}")
            continue
        write_json(path, {**document, "tries": document["tries"] + 1, "last_try": now(), "trouble": error})
        troubles[name] = f"{name}: {error}; the message waits in {path} and goes out with the next sweep"
    return list(troubles.values())


def try_to_send(
    channel: Channel, message: Message, notify: NotifySettings, sleep: Callable[[float], None]
) -> str | None:
    """Send one message; return the last error if every try failed, otherwise None."""
    error = ""
    for number in range(max(1, notify["attempts"])):
        if number:
            sleep(notify["backoff_s"] * 2 ** (number - 1))
        try:
            channel.deliver(message)
            return None
        except DeliveryError as trouble:
            error = str(trouble)
    return f"{error} (tried {max(1, notify['attempts'])} times)"
