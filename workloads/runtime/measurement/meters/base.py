"""The interface of energy meters, and the scopes that they may cover."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

DEVICE, PACKAGE, MEMORY, MODULES, NODE = "device", "package", "memory", "accelerators", "node"
"""What a meter covers: one accelerator; the processor packages; the memory beside them; all accelerators of the node;
the node, whole.
"""
POWER_LIMIT = "its power limit"
"""Why a busy accelerator's clock is lower than it could be, every day; other reasons are worth a warning."""


class Meter(Protocol):
    """Something that counts joules from a beginning of its own.

    ``source`` is the interface that it is read by, ``scope`` one of the words above, ``identity`` what is counted: two
    ranks that read one identity on one host read the same joules. ``covers_more`` says what else than the run's part
    the meter counts by its nature, whoever uses the node; it is empty for most.
    """

    source: str
    scope: str
    identity: str
    covers_more: str

    def joules(self) -> float:
        """The count now. Raises OSError if it cannot be read any more."""

    def slowed_by(self) -> list[str]:
        """Why what is metered runs slower than it could, right now; empty where nothing slows it or it is not told."""

    def users(self) -> frozenset[int]:
        """The ids of processes that compute on what is metered, right now; empty where they are not told."""


@dataclass(frozen=True)
class Accelerator:
    """What identifies an accelerator whatever the process may see: CUDA_VISIBLE_DEVICES and its kin renumber.

    ``uuid`` is in CUDA's form without a prefix, ``bus`` the address on the PCI bus ("0000:c1:00.0"), "" if unknown.
    """

    uuid: str
    bus: str = ""
