"""Messages reach people, and wait on disk while they cannot."""

from __future__ import annotations

import json
import random
import socket
from pathlib import Path
from typing import Any

import pytest
from schedules import free_port, mail_server, notify_settings, webhook

from orchestrator.notification.base import DeliveryError
from orchestrator.notification.channels import wanted_channels
from orchestrator.notification.message import Message
from orchestrator.notification.spool import deliver_messages, post_message, waiting_messages

MESSAGE = Message("weekly of a: slower", ("slower by 7 % [5, 9]", "otherwise: <b> & 3", "sweep w"), "file:///h", 1e9)


def notify(**groups: Any) -> Any:
    return notify_settings({"timeout_s": 5, "attempts": 3, "backoff_s": 1, **groups})


def silent(text: str) -> None:
    pass


def test_a_mail_server_gets_three_lines_and_the_link(tmp_path: Path) -> None:
    with mail_server() as box:
        told = notify(mail={"to": ["a@site.org", "b@site.org"]}, smtp={"host": box.host, "port": box.port})
        post_message(tmp_path, told, MESSAGE)
        assert deliver_messages(tmp_path, told, silent) == []
    (mail,) = box.mails
    assert mail["To"] == "a@site.org, b@site.org" and mail["Subject"] == "[orchestrator] weekly of a: slower"
    assert mail.get_content().splitlines()[:4] == [*MESSAGE.lines, MESSAGE.link]
    assert waiting_messages(tmp_path) == []


def test_a_password_comes_from_a_file_and_goes_nowhere_else(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("s3cret-word\n")
    with mail_server(password=b"s3cret-word") as box:
        smtp = {"host": box.host, "port": box.port, "user": "watch", "password_file": str(tmp_path / "password")}
        told = notify(mail={"to": ["a@site.org"]}, smtp=smtp)
        post_message(tmp_path / "spool", told, MESSAGE)
        assert "s3cret" not in "".join(path.read_text() for path in waiting_messages(tmp_path / "spool"))
        assert deliver_messages(tmp_path / "spool", told, silent) == []
        assert box.logins == [(b"watch", b"s3cret-word")]
        (tmp_path / "password").write_text("wrong\n")
        with pytest.raises(DeliveryError, match=r"notify.smtp.host: 127\.0\.0\.1:\d+: 535") as error:
            wanted_channels(told)[0].check()
    assert "wrong" not in str(error.value)


def test_a_webhook_gets_json_as_slack_takes_it(tmp_path: Path) -> None:
    with webhook() as hook:
        (tmp_path / "url").write_text(hook.url)
        told = notify(webhook={"url_file": str(tmp_path / "url")})
        post_message(tmp_path / "spool", told, MESSAGE)
        assert deliver_messages(tmp_path / "spool", told, silent) == []
    (body,) = hook.bodies
    assert body["text"].startswith("*weekly of a: slower*\n• slower by 7 % [5, 9]\n• otherwise: &lt;b&gt; &amp; 3")
    assert [block["type"] for block in body["blocks"]] == ["header", "section", "context"]


def test_the_sites_sendmail_is_used_where_there_is_no_server(tmp_path: Path) -> None:
    # A stand-in that keeps what it gets: what a real one does with it is the site's affair.
    program = tmp_path / "sendmail"
    program.write_text(f'#!/bin/sh\necho "$@" >{tmp_path}/arguments\ncat >{tmp_path}/mail\n')
    program.chmod(0o755)
    told = notify(mail={"to": ["root"], "sendmail": str(program)})
    wanted_channels(told)[0].check()
    wanted_channels(told)[0].send(MESSAGE)
    assert (tmp_path / "arguments").read_text() == "-t -oi\n"
    assert "\nTo: root\n" in (tmp_path / "mail").read_text() and "slower by 7 %" in (tmp_path / "mail").read_text()


def test_what_cannot_go_out_is_tried_with_growing_pauses_and_then_waits(tmp_path: Path) -> None:
    pauses: list[float] = []
    with webhook() as hook:
        hook.status = 503
        told = notify(webhook={"url": hook.url})
        post_message(tmp_path, told, MESSAGE)
        (trouble,) = deliver_messages(tmp_path, told, silent, pauses.append)
        assert "answers 503 no_service (tried 3 times)" in trouble and "goes out with the next sweep" in trouble
        assert "secret" not in trouble
        assert (hook.tries, pauses) == (3, [1, 2])
        (path,) = waiting_messages(tmp_path)
        assert json.loads(path.read_text())["tries"] == 1
        hook.status = 200
        assert deliver_messages(tmp_path, told, silent, pauses.append) == []
        assert len(hook.bodies) == 1 and waiting_messages(tmp_path) == []


def test_one_channel_that_is_away_does_not_keep_the_other_waiting(tmp_path: Path) -> None:
    with webhook() as hook:
        told = notify(
            webhook={"url": hook.url}, mail={"to": ["a@b"]}, smtp={"host": "127.0.0.1", "port": free_port()}
        )  # fmt: skip
        post_message(tmp_path, told, MESSAGE)
        (trouble,) = deliver_messages(tmp_path, told, silent, lambda seconds: None)
    assert len(hook.bodies) == 1
    assert trouble.startswith("mail: notify.smtp.host: 127.0.0.1:") and "Connection refused" in trouble
    assert [path.name.partition("-")[2] for path in waiting_messages(tmp_path)] == ["mail.json"]


@pytest.mark.parametrize(
    ("groups", "named"),
    [
        ({"webhook": {"url": "hooks.example.org/x"}}, "notify.webhook.url is no http"),
        ({"webhook": {"url_file": "/nowhere/url"}}, "notify.webhook.url_file=/nowhere/url: No such file"),
        ({"webhook": {"url_env": "NO_SUCH_VARIABLE"}}, "notify.webhook.url_env=NO_SUCH_VARIABLE"),
        ({"mail": {"to": ["nobody"]}, "smtp": {"host": "127.0.0.1"}}, "notify.mail.to: 'nobody' is no address"),
        ({"mail": {"to": ["a@b"]}, "smtp": {"host": "127.0.0.1", "tls": "ssl"}}, "notify.smtp.tls=ssl is none of"),
        ({"mail": {"to": ["a@b"], "sendmail": "/nowhere"}}, "notify.mail.sendmail=/nowhere"),
    ],
)
def test_what_is_wrong_with_a_channel_is_named_by_its_key(groups: dict[str, Any], named: str) -> None:
    (channel,) = wanted_channels(notify(**groups))
    with pytest.raises(DeliveryError) as error:
        channel.check()
    assert named in str(error.value)


URLS = ["http://[::1", "http://host:port/x", "http://host:99999/x", "http://host:0/", "ftp://host/", "http://",
        "http://a b", "http://\u2028/", "https://hoſt/", "http://" + "a" * 64 + ".org/", "http://a..b/", "//host/x",
        "http://x/\r\nX: y"]  # fmt: skip
ADDRESSES = ["@", "a@", "@b", "a b@c", "a@b@", "a@b\nBcc: c@d", "a,b@c", "a@" + "b" * 64, "a@b..c", "ä@b", "a@bü",
             "<a@b>", "a..b@c"]  # fmt: skip


@pytest.mark.parametrize("url", URLS)
def test_an_address_that_a_library_would_stumble_over_is_refused_by_its_form(url: str) -> None:
    (channel,) = wanted_channels(notify(webhook={"url": url}))
    with pytest.raises(DeliveryError, match=r"notify\.webhook\.url is no http") as error:
        channel.check_form()
    assert len(url) < 8 or url not in str(error.value), "it may be a secret"


@pytest.mark.parametrize("address", ADDRESSES)
def test_so_is_a_mail_address(address: str) -> None:
    for mail in ({"to": [address]}, {"to": ["a@b.org"], "sender": address}):
        (channel,) = wanted_channels(notify(mail=mail, smtp={"host": "mail.site.org"}))
        with pytest.raises(DeliveryError, match=r"notify\.mail\.(to|sender): .* is no address"):
            channel.check_form()


@pytest.mark.parametrize(
    "groups",
    [
        {"webhook": {"url": "https://hooks.site.org:8443/a?b=c"}},
        {"webhook": {"url": "http://[::1]:80/"}},
        {"mail": {"to": ["root", "a.b+c@site.org", "x@localhost"]}},
    ],
)
def test_what_is_one_is_taken(groups: dict[str, Any]) -> None:
    for channel in wanted_channels(notify(**groups)):
        channel.check_form()


@pytest.mark.thorough
def test_whatever_a_form_lets_through_and_a_library_raises_leaves_the_message_in_the_spool(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(3)
    pieces = [*URLS, *ADDRESSES, "\x00", "😀", "%", "http://127.0.0.1:1/", "[", "]", ":", "/", "@", " "]
    for _ in range(300):
        text, other = ("".join(chance.choices(pieces, k=chance.randint(1, 3))) for _ in range(2))
        told = notify(
            webhook={"url": text}, mail={"to": [text], "sender": other}, smtp={"host": other or None}, attempts=1,
            timeout_s=0.2,
        )  # fmt: skip
        monkeypatch.setattr(socket, "create_connection", raise_unicode)
        for channel in wanted_channels(told):
            with pytest.raises(DeliveryError) as error:
                channel.deliver(MESSAGE)
            assert channel.name != "webhook" or len(text) < 8 or text not in str(error.value)
    post_message(tmp_path, told, MESSAGE)
    assert len(deliver_messages(tmp_path, told, silent, lambda seconds: None)) == 2
    assert len(waiting_messages(tmp_path)) == 2


def raise_unicode(*arguments: Any, **named: Any) -> Any:
    raise UnicodeError("label empty or too long")
