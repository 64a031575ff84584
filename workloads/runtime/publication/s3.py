"""Reads public buckets of an S3 server: what objects there are, and ranges of their bytes.

botocore does the talking. It is the client that AWS keeps for all its tools and speaks to Ceph and others as well; it
needs no credentials here, honours proxies and certificate bundles of the environment, and, unlike the transfer
managers built on it, leaves ranges and conditions to the caller, which an interrupted download needs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from workloads.runtime.errors import DatasetError
from workloads.runtime.publication.published import Published

BLOCK_BYTES = 1 << 20
"""How much is read from the network at a time."""
CONNECT_SECONDS = 10
READ_SECONDS = 60
CHANGED = ("PreconditionFailed", "412")


class ServerError(Exception):
    """A server did not answer, or not with what was asked for; another one may."""


class ObjectError(ServerError):
    """A server answers, but does not give one of its objects as announced; it may give the others."""


class ChangedError(DatasetError):
    """An object on the server is not the one that was listed."""


@dataclass(frozen=True)
class RemoteObject:
    """An object as listed: its key after the prefix, its bytes, its entity tag (without quotation marks)."""

    key: str
    bytes: int
    etag: str


class Bucket:
    """One prefix of a public bucket at one server. Safe to use from several threads."""

    def __init__(self, endpoint: str, published: Published, connections: int) -> None:
        import botocore.session
        from botocore import UNSIGNED
        from botocore.config import Config

        self.endpoint = endpoint
        self.published = published
        config = Config(
            signature_version=UNSIGNED,
            connect_timeout=CONNECT_SECONDS,
            read_timeout=READ_SECONDS,
            max_pool_connections=connections,
            retries={"mode": "standard", "total_max_attempts": 3},
            # Servers other than Amazon's have neither a name for each bucket nor its newer checksums.
            s3={"addressing_style": "path"},
            response_checksum_validation="when_required",
            request_checksum_calculation="when_required",
        )
        try:
            self._client: Any = botocore.session.Session().create_client(
                "s3", region_name="us-east-1", endpoint_url=endpoint, config=config
            )
        except ValueError as error:
            raise ServerError(f"{endpoint} is not the address of a server: {error}") from error

    @property
    def address(self) -> str:
        """What people call it."""
        return f"s3://{self.published.prefix} at {self.endpoint}"

    def objects(self) -> list[RemoteObject]:
        """All objects under the prefix, folder markers left out, by key. Raises ServerError; also if there is none."""
        from botocore.exceptions import BotoCoreError, ClientError

        start = self.published.key_prefix
        found: list[RemoteObject] = []
        try:
            for page in self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self.published.bucket, Prefix=start
            ):
                for item in page.get("Contents", ()):
                    if not item["Key"].endswith("/"):
                        key = item["Key"].removeprefix(start)
                        found.append(RemoteObject(safe(key), int(item["Size"]), item["ETag"].strip('"')))
        except (BotoCoreError, ClientError) as error:
            raise ServerError(f"{self.endpoint}: {plain(error)}") from error
        if not found:
            raise ServerError(f"{self.endpoint}: there are no objects under s3://{self.published.prefix}")
        return sorted(found, key=lambda item: item.key)

    def read(self, item: RemoteObject, start: int, stop: int) -> Iterator[bytes]:
        """The bytes [start, stop) of an object in blocks, on condition that it is still the one listed.

        Raises ChangedError if it is not, ObjectError if the server refuses, ServerError if the connection fails at any
        point; all name the key.
        """
        from botocore.exceptions import BotoCoreError, ClientError
        from urllib3.exceptions import HTTPError

        if start >= stop:
            return
        try:
            answer = self._client.get_object(
                Bucket=self.published.bucket,
                Key=self.published.key_prefix + item.key,
                Range=f"bytes={start}-{stop - 1}",
                IfMatch=f'"{item.etag}"',
            )
            body = answer["Body"]
            try:
                if answer["ContentLength"] != stop - start:
                    found = answer["ContentLength"]
                    raise ObjectError(f"{item.key}: {self.endpoint} gave {found} bytes for {start}-{stop - 1}")
                while block := body.read(BLOCK_BYTES):
                    yield block
            finally:
                body.close()
        except ClientError as error:
            if error.response["Error"]["Code"] in CHANGED:
                raise ChangedError(
                    f"{item.key} was changed on {self.endpoint} while it was downloaded (its ETag was {item.etag}); "
                    "start the download again to take the new one from its beginning"
                ) from error
            refused = error.response["ResponseMetadata"]["HTTPStatusCode"] < 500
            raise (ObjectError if refused else ServerError)(f"{item.key}: {self.endpoint}: {plain(error)}") from error
        except (BotoCoreError, HTTPError, OSError) as error:
            raise ServerError(f"{item.key}: {self.endpoint}: {plain(error)}") from error


def safe(key: str) -> str:
    """The key, if it can be a path below a folder; raises DatasetError if it would lead out of it."""
    if key.startswith("/") or not key or {"", ".", ".."} & set(key.split("/")) or "\0" in key:
        raise DatasetError(f"the server lists an object {key!r}, which is no path below a folder")
    return key


def plain(error: Exception) -> str:
    """The first line of an error, without the client's preamble."""
    text = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    return text.removeprefix("An error occurred ")
