"""Reads public buckets of an S3 server: lists objects, and reads ranges of their bytes.

botocore is AWS's client for all its tools, and works with Ceph and others too. It needs no credentials here and honours
proxies and certificate bundles of the environment. Unlike the transfer managers built on it, it leaves ranges and
conditions to the caller, which an interrupted download needs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from workloads.runtime.errors import DatasetError
from workloads.runtime.publication.published import Published

BLOCK_BYTES = 1 << 20
"""Bytes of one read from the network."""
CONNECT_SECONDS = 10
READ_SECONDS = 60
CHANGED = ("PreconditionFailed", "412")


class ServerError(Exception):
    """A server did not answer, or not as requested. Another server may do better."""


class ObjectError(ServerError):
    """A server does not give one of its objects as listed. Its other objects may be fine."""


class ChangedError(DatasetError):
    """An object on the server differs from the listed one."""


@dataclass(frozen=True)
class RemoteObject:
    """A listed object: its key after the prefix, its bytes, and its entity tag (without quotation marks)."""

    key: str
    bytes: int
    etag: str


class Bucket:
    """One prefix of a public bucket at one server. Several threads may use it."""

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
        """The prefix and server, for people."""
        return f"s3://{self.published.prefix} at {self.endpoint}"

    def objects(self) -> list[RemoteObject]:
        """Return all objects under the prefix by key, without folder markers. Raises ServerError, also if there is
        none.
        """
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
                        found.append(RemoteObject(check_key(key), int(item["Size"]), item["ETag"].strip('"')))
        except (BotoCoreError, ClientError) as error:
            raise ServerError(f"{self.endpoint}: {first_line(error)}") from error
        if not found:
            raise ServerError(f"{self.endpoint}: there are no objects under s3://{self.published.prefix}")
        return sorted(found, key=lambda item: item.key)

    def read(self, item: RemoteObject, start: int, stop: int) -> Iterator[bytes]:
        """Yield the bytes [start, stop) of an object in blocks, on condition that it is still the listed one.

        Raises ChangedError if it is not, ObjectError if the server refuses, and ServerError if the connection fails;
        each names the key.
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
            raise (ObjectError if refused else ServerError)(
                f"{item.key}: {self.endpoint}: {first_line(error)}"
            ) from error
        except (BotoCoreError, HTTPError, OSError) as error:
            raise ServerError(f"{item.key}: {self.endpoint}: {first_line(error)}") from error


def check_key(key: str) -> str:
    """Return the key if it is a path below a folder. Raises DatasetError if it would lead out of the folder."""
    if key.startswith("/") or not key or {"", ".", ".."} & set(key.split("/")) or "\0" in key:
        raise DatasetError(f"the server lists an object {key!r}, which is no path below a folder")
    return key


def first_line(error: Exception) -> str:
    """Return the first line of an error, without the client's preamble."""
    text = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    return text.removeprefix("An error occurred ")
