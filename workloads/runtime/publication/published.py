"""What is published: each data set's prefix in a public bucket. The servers are `benchmark.download.endpoints`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Published:
    """One data set as its publisher keeps it.

    ``prefix`` is the bucket and the prefix in it ("sciml-datasets/ms/em_graphene_sim"); ``bytes`` the published size of
    all objects under it, None if nobody says; ``note`` what a user should know before downloading.
    """

    prefix: str
    bytes: int | None
    note: str

    @property
    def bucket(self) -> str:
        """The first part of the prefix."""
        return self.prefix.partition("/")[0]

    @property
    def key_prefix(self) -> str:
        """What the keys of all objects begin with: the rest of the prefix, ending in "/" (empty: the whole bucket)."""
        rest = self.prefix.partition("/")[2].strip("/")
        return f"{rest}/" if rest else ""

    @property
    def folder_name(self) -> str:
        """The folder under ``DATA/published`` that the objects are kept in: unambiguous, hence the whole prefix."""
        return self.prefix.strip("/")
