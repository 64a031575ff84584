"""The Debian packages that a test cluster is made of."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .processes import check, run

# The core packages of MariaDB bring the server without a service of its own. `srun --mpi=pmix` loads libpmix.so
# while it runs, so no package depends on it, and by a name that only the development package has.
PACKAGES = (
    "slurmctld", "slurmd", "slurm-client", "slurmdbd", "munge", "libpmix-dev",
    "mariadb-server-core", "mariadb-client-core", "iproute2", "util-linux",
)  # fmt: skip
POLICY = Path("/usr/sbin/policy-rc.d")


def missing() -> list[str]:
    """The packages that are not installed."""
    listed = run(["dpkg-query", "--show", "--showformat=${Package} ${db:Status-Status}\n", *PACKAGES]).stdout
    present = {line.split()[0] for line in listed.splitlines() if line.endswith(" installed")}
    return [package for package in PACKAGES if package not in present]


def install(packages: list[str]) -> None:
    """Install packages without questions and without starting any service of theirs."""
    quietly = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    with _services_held_back():
        check(["apt-get", "update", "-q"], timeout=300, env=quietly)
        install = ["apt-get", "install", "-q", "-y", "--no-install-recommends"]
        check([*install, *packages], timeout=1200, env=quietly)


@contextmanager
def _services_held_back() -> Iterator[None]:
    """Keep package scripts from starting system-wide slurmd, munged and so on."""
    if POLICY.exists():  # the machine has a policy of its own; it is not ours to change
        yield
        return
    POLICY.write_text("#!/bin/sh\nexit 101\n", encoding="utf-8")
    POLICY.chmod(0o755)
    try:
        yield
    finally:
        POLICY.unlink(missing_ok=True)
