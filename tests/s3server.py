"""A real S3 server on loopback (moto's, over HTTP), and a gate before it that counts, slows, spoils and refuses."""

from __future__ import annotations

import http.client
import socket
import subprocess
import sys
import threading
import time
import urllib.parse
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from orchestrator.launch.supervisor import die_with_parent

BLOCK = 1 << 16


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def s3_server() -> Iterator[int]:
    """The server's port."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, preexec_fn=die_with_parent,
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 60
        while process.poll() is None and time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        yield port
    finally:
        process.terminate()
        process.wait()


def upload(port: int, folder: Path, prefix: str, private: tuple[str, ...] = ()) -> int:
    """Put the files below a folder under BUCKET/PREFIX, readable by anybody but for the private ones; returns bytes."""
    import botocore.session

    bucket, _, start = prefix.partition("/")
    client: Any = botocore.session.Session().create_client(
        "s3", region_name="us-east-1", endpoint_url=f"http://127.0.0.1:{port}",
        aws_access_key_id="test", aws_secret_access_key="test",
    )  # fmt: skip
    client.create_bucket(Bucket=bucket)
    total = 0
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        key = str(path.relative_to(folder))
        access = "private" if key in private else "public-read"
        client.put_object(Bucket=bucket, Key=f"{start}/{key}", Body=path.read_bytes(), ACL=access)
        total += path.stat().st_size
    return total


class Gate:
    """An endpoint that passes requests on to a server. Its attributes may be changed at any time."""

    def __init__(self, port: int) -> None:
        self.behind = port
        self.served: Counter[str] = Counter()
        """Bytes of each object that went through, by path."""
        self.ranges: list[str] = []
        self.bytes_per_s: float | None = None
        self.spoiled: set[str] = set()
        """Ends of paths whose first byte is changed on the way."""
        self.breaks_after: int | None = None
        """So many bytes, and then every connection is dropped."""
        gate = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                gate.pass_on(self)

            def log_message(self, *_: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            def handle_error(self, *_: object) -> None:
                pass

        self.server = Server(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    @property
    def total(self) -> int:
        return sum(self.served.values())

    def pass_on(self, handler: BaseHTTPRequestHandler) -> None:
        if self.breaks_after is not None and self.total >= self.breaks_after:
            handler.close_connection = True
            return
        connection = http.client.HTTPConnection("127.0.0.1", self.behind)
        connection.request("GET", handler.path, headers=dict(handler.headers))
        answer = connection.getresponse()
        handler.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("connection", "transfer-encoding", "content-length"):
                handler.send_header(name, value)
        body = answer.read()
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        path = urllib.parse.urlsplit(handler.path).path
        if "Range" in handler.headers and answer.status < 300:
            self.ranges.append(handler.headers["Range"])
            if any(path.endswith(name) for name in self.spoiled):
                body = bytes([body[0] ^ 1]) + body[1:]
            self.send(handler, path, body)
        else:
            handler.wfile.write(body)

    def send(self, handler: BaseHTTPRequestHandler, path: str, body: bytes) -> None:
        for start in range(0, len(body), BLOCK):
            block = body[start : start + BLOCK]
            if self.breaks_after is not None and self.total >= self.breaks_after:
                handler.close_connection = True
                return
            handler.wfile.write(block)
            self.served[path] += len(block)
            if self.bytes_per_s:
                time.sleep(len(block) / self.bytes_per_s)

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
