"""The table of verbs, and of actions of the verb ``data``, each with a summary."""

from __future__ import annotations

VERBS = {
    "run": "plan, submit, watch, collect and print the table (the default verb)",
    "plan": "print runs and the exact command lines; submit nothing",
    "status": "say how the runs of a campaign are right now",
    "resume": "go on with a campaign whose orchestrator ended before it did",
    "cancel": "end what is in flight",
    "collect": "put run folders into the store",
    "report": "show what the store has of campaigns; with --history, the newest week against those before",
    "compare": "say whether the newest of the campaigns named is slower than those before it",
    "history": "show the newest week against those before; accept SERIES --why TEXT makes a change of level the base",
    "store": "export, import, describe or migrate the store as a whole",
    "accept": "run an acceptance suite and give the verdict; verify a record; propose references",
    "data": "download, convert, make, verify, stage or describe a benchmark's data",
    "schedule": "show, install or remove the sweep that the clock starts",
    "doctor": "find what on this machine would make a run fail",
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
