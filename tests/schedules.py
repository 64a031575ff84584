"""Schedules and their surroundings for tests: folders, servers that people are reached by, histories of sweeps."""

from __future__ import annotations

import http.server
import json
import random
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any, cast

from commands import PROJECT
from omegaconf import OmegaConf

from orchestrator.config.schema_schedule import NotifyConfig, ScheduleConfig
from orchestrator.schedule.definition import Schedule
from orchestrator.store.entries import RankRow, RunRow
from orchestrator.store.store import RunRecord, Store, default_url

WEEK = 7 * 86400.0
STEPS = "benchmark.training.max_steps=3"


def notify_settings(changes: dict[str, Any]) -> Any:
    """How people are told: as the schema has it, but for the changes."""
    told = OmegaConf.to_container(OmegaConf.merge(OmegaConf.structured(NotifyConfig), changes))
    assert isinstance(told, dict)
    return {str(key): value for key, value in told.items()}


def schedule_in(folder: Path, notify: dict[str, Any] | None = None, **changes: Any) -> Schedule:
    """A schedule as ``schedule install`` would make it, with a results folder of its own."""
    settings: Any = asdict(ScheduleConfig())
    settings |= {
        key: changes.pop(key) for key in list(changes) if key in settings and key not in Schedule.__annotations__
    }
    results = folder / "results"
    values = {
        "name": "weekly-local", "cluster": "local", "when": "0 2 * * SUN", "via": "cron", "suite": "weekly",
        "sweep": "benchmark=stemdl", "until": None, "overrides": ["cluster=local", f"results={results}"],
        "config_dir": None, "directory": str(folder), "results": str(results), "store": default_url(results),
        "environment": {"PYTHONPATH": str(PROJECT)}, "created": time.time(), "python": sys.executable, **changes,
    }  # fmt: skip
    return Schedule(settings=settings, notify=notify_settings(notify or {}), **values)


@dataclass
class Post:
    """A webhook that keeps what it gets; ``status`` is what it answers."""

    url: str = ""
    status: int = 200
    bodies: list[dict[str, Any]] = field(default_factory=list)
    tries: int = 0


@contextmanager
def webhook(host: str = "127.0.0.1") -> Iterator[Post]:
    """A real HTTP server, on loopback unless told."""
    post = Post()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            post.tries += 1
            if post.status == 200:
                assert self.headers["Content-Type"].startswith("application/json")
                post.bodies.append(json.loads(body))
            self.send_response(post.status)
            self.end_headers()
            self.wfile.write(b"ok" if post.status == 200 else b"no_service")

        def log_message(self, *_: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer((host, 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    post.url = f"http://{host}:{server.server_port}/services/T0/B0/secret"
    try:
        yield post
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass
class MailBox:
    """A mail server's address and what it took."""

    host: str = "127.0.0.1"
    port: int = 0
    mails: list[EmailMessage] = field(default_factory=list)
    logins: list[tuple[bytes, bytes]] = field(default_factory=list)


@contextmanager
def mail_server(password: bytes | None = None) -> Iterator[MailBox]:
    """A real SMTP server on loopback; with a password it takes mail only from who logs in."""
    from aiosmtpd.controller import Controller
    from aiosmtpd.smtp import AuthResult, LoginPassword

    box = MailBox()

    class Handler:
        async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
            from email import message_from_bytes

            mail = message_from_bytes(envelope.content, policy=default)
            assert isinstance(mail, EmailMessage)
            box.mails.append(mail)
            return "250 OK"

    def login(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        assert isinstance(data, LoginPassword)
        box.logins.append((data.login, data.password))
        return AuthResult(success=data.password == password, handled=False)

    asked = {"authenticator": login, "auth_required": True, "auth_require_tls": False}
    wanted: dict[str, Any] = asked if password else {}
    controller = Controller(Handler(), hostname=box.host, port=free_port(), **wanted)
    controller.start()
    box.port = controller.port
    try:
        yield box
    finally:
        controller.stop()


def free_port() -> int:
    """A port of loopback that nobody listens on."""
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def put_sweep(
    store: Store, name: str, moment: float, samples_per_s: float, seed: int, repeats: int = 5, noise: float = 0.01,
    **changes: Any,
) -> str:  # fmt: skip
    """Put a sweep of SYNTHETIC test data into a store by its own means; returns the sweep's name."""
    sweep = f"{name}-{time.strftime('%Y%m%d-%H%M%S', time.localtime(moment))}"
    chance = random.Random(seed)
    records = []
    for nodes in (1, 2):
        for repeat in range(repeats):
            value = nodes * samples_per_s * chance.gauss(1, noise)
            hosts = [f"n{number + 1}" for number in range(nodes)]
            row = {
                "campaign": sweep, "run": f"stemdl-small-mpi-n{nodes}-r{repeat}", "benchmark": "stemdl",
                "cluster": "local", "comm": "mpi", "mode": "training", "recipe": "small", "scale": "weak",
                "nodes": nodes, "ranks": nodes, "repeat": repeat, "seed": 1 + repeat, "state": "completed",
                "attempts": 1, "cause": None, "created": moment + 1, "ended": moment + 60, "stopped": "steps",
                "throughput": value, "throughput_warm": value, "throughput_cold": 0.9 * value,
                "dataset_checksum": "synthetic", "directory": "/synthetic/test/data", "config_hash": "h",
                "manifest": json.dumps({"config": {"benchmark": {"name": "stemdl"}, "nodes": [nodes]}}), **changes,
            }  # fmt: skip
            ranks: list[RankRow] = [
                {
                    "rank": rank, "host": host, "node": rank, "local_rank": 0, "device": "cpu",
                    "throughput": value / nodes, "total_s": 10.0, "data_s": 1.0, "compute_s": 8.0, "waiting_s": 1.0,
                }
                for rank, host in enumerate(hosts)
            ]  # fmt: skip
            records.append(RunRecord(cast(RunRow, row), ranks=ranks))
    store.put_all(records)
    return sweep
