"""The table of verbs, and of the actions of those that have some, each with a summary."""

from __future__ import annotations

from collections.abc import Sequence

VERBS = {
    "run": "plan, submit, watch, collect and print the table",
    "plan": "print runs and the exact command lines; submit nothing",
    "list": "what there is: benchmarks, data sets, clusters, suites, …",
    "status": "how the runs of a campaign are right now",
    "logs": "what a run printed, and what failed",
    "resume": "go on with a campaign whose orchestrator ended before it did",
    "cancel": "end what is in flight",
    "collect": "put run folders into the store",
    "report": "show what the store has of campaigns, or its history",
    "compare": "say whether the newest of the campaigns named is slower",
    "history": "the newest week against those before; accept a change",
    "store": "export, import, describe or migrate the store as a whole",
    "accept": "run an acceptance suite; verify a record; make references",
    "data": "download, convert, make, verify, stage or describe data",
    "schedule": "show, install or remove the sweep that the clock starts",
    "doctor": "find what on this machine would make a run fail",
    "setup": "get what the ranks need: their packages, an MPI, Horovod",
    "help": "explain a verb or a key of the configuration",
    "completion": "have the shell complete verbs, options, names and campaigns",
}
"""Each verb is the module of its name in ``orchestrator.cli``."""

DATA_ACTIONS = {
    "download": "bring the published files here; interrupted, it goes on where it was",
    "convert": "make of the published files what training reads",
    "synthesise": "make the stand-in data",
    "verify": "read all that is here and compare it with its checksums",
    "stage": "copy what training reads to cluster.paths.scratch of this node",
    "info": "what there is, where, and how to get the rest",
}
SCHEDULE_ACTIONS = {
    "show": "what would start the sweep, to the letter; installs nothing",
    "install": "put it in place; a second time changes nothing",
    "remove": "take it away; logs, history and results stay",
    "test": "send a message over every channel, to try them",
    "run": "run the sweep in FOLDER now, as the clock would",
}
STORE_ACTIONS = {
    "export": "copy all to FILE.parquet, FILE.sqlite or a database's URL",
    "import": "take in such a copy, or a FOLDER of MLPerf logs",
    "info": "what it is, and how many runs it holds",
    "migrate": "bring it to the newest version of its tables",
}

VALUED_FLAGS = {"--config-dir", "-cd", "--cfg", "-c", "--package", "-p", "--info", "-i"}
"""Options that may stand before the verb with a value of their own."""


def split_verb(words: Sequence[str]) -> tuple[str, list[str]]:
    """Return the verb, which options may stand before, and the other words; without one it is ``run``."""
    place = 0
    while place < len(words) and words[place].startswith("-"):
        place += 2 if words[place] in VALUED_FLAGS else 1
    if place < len(words) and words[place] in VERBS:
        return words[place], [*words[:place], *words[place + 1 :]]
    return "run", list(words)
