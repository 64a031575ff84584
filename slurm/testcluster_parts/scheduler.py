"""What the Slurm of the test cluster says, and what it is told."""

from __future__ import annotations

import pwd
from dataclasses import dataclass

from .daemons import environment, node_daemon
from .layout import CLUSTER, Node, TestclusterError
from .processes import last_lines, run, wait_until

ACCOUNT = "science"
IN_SERVICE = {"idle", "mixed", "allocated", "completing"}
RESUMABLE = {"down", "drained", "draining", "fail", "failing"}


@dataclass(frozen=True)
class NodeState:
    """A node as Slurm sees it. A trailing * on the state means that the node does not answer."""

    state: str
    reason: str | None

    @property
    def in_service(self) -> bool:
        """Whether jobs can run on the node."""
        return self.state in IN_SERVICE


UNKNOWN = NodeState("unknown", None)


def node_states() -> dict[str, NodeState]:
    """Every node's state by name; empty when slurmctld does not answer."""
    try:
        asked = run(
            ["sinfo", "--noheader", "--Node", "--format=%N|%T|%E"],
            env=environment(), timeout=15,
        )  # fmt: skip
    except TestclusterError:
        return {}
    states = {}
    for line in asked.stdout.splitlines() if asked.returncode == 0 else []:
        name, state, reason = line.split("|", 2)
        states[name] = NodeState(state.strip(), None if reason.strip() == "none" else reason.strip())
    return states


def wait_until_in_service(nodes: list[Node], seconds: float) -> None:
    """Wait until jobs can run on nodes, putting back into service those that Slurm had taken out."""
    out: dict[Node, NodeState] = {}

    def all_in_service() -> bool:
        seen = node_states()
        states = {node: seen.get(node.name, UNKNOWN) for node in nodes}
        out.clear()
        out.update({node: now for node, now in states.items() if not now.in_service})
        for node, now in out.items():
            # Also when it does not answer yet (down*): Slurm would ask it again only once a minute.
            if now.state.rstrip("*") in RESUMABLE:
                run(["scontrol", "update", f"nodename={node.name}", "state=resume"], env=environment())
        return not out

    def why_not() -> str:
        said = ", ".join(f"{node.name} is {now.state} ({now.reason})" for node, now in out.items())
        return f"not in service after {seconds:.0f} s: {said}\n{last_lines(node_daemon(next(iter(out))))}"

    wait_until(all_in_service, seconds, why_not, every=0.25)


def make_accounts() -> None:
    """Let root and every person with a login use the account ``science``, by default."""
    _add("cluster", CLUSTER)
    _add("account", ACCOUNT, f"cluster={CLUSTER}", "description=testcluster", "organization=testcluster")
    people = [entry.pw_name for entry in pwd.getpwall() if entry.pw_uid == 0 or 1000 <= entry.pw_uid < 60000]
    names = ",".join(people)
    _add("user", names, f"account={ACCOUNT}", f"cluster={CLUSTER}")
    # slurmdbd gives root an account of its own to begin with.
    where = ["where", f"name={names}", f"cluster={CLUSTER}"]
    _manage("modify", "user", *where, "set", f"defaultaccount={ACCOUNT}")


def _add(*what: str) -> None:
    _manage("add", *what)


def _manage(*words: str) -> None:
    """Change the accounts; that nothing needed a change is no error."""
    done = run(["sacctmgr", "--immediate", *words], env=environment())
    nothing_to_do = ("already", "Nothing new added", "Nothing modified")
    if done.returncode and not any(phrase in done.stdout + done.stderr for phrase in nothing_to_do):
        raise TestclusterError(f"sacctmgr {' '.join(words)}: {(done.stdout + done.stderr).strip()}")
