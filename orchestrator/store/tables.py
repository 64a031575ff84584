"""The tables, in portable SQL: SQLite embedded, PostgreSQL for a facility.

    run           one row a run. ``uid`` is its natural key: a hash of campaign, run, cluster, time of planning: a run
                  collected again, or by somebody else from a copy, is the same row, and runs of two clusters that
                  happen to share names are two. ``finality`` (see FINALITY) lets a better known end replace a
                  lesser one and never the other way round. Runs of one ``series``, a hash of the columns of
                  entries.KEY, may be compared.
    rank_summary  every rank's sums over its steps, all ranks of a run in one packed value (see ranks.py): a run of
                  75,000 ranks is one row, not 75,000
    host          the same by host, one row a (run, host): what the search for slow nodes over weeks reads
    evaluation    quality against time, one row an evaluation
    phase         seconds of each phase on its slowest rank
    base_change   a change of a series' level that somebody accepted: what came before it is no longer compared with

``dataset_name`` is the data set chosen of the benchmark and ``method`` the method, those without a choice included.
``critical_s`` is the sum over the steps of the longest own time of any rank; ``step_times`` says how single steps
differ (telemetry/steps.py). Energies are joules, NULL where the machine does not report power. ``processors`` names
the kinds that ranks ran on, with their microcode.

Times of day are seconds since the epoch, UTC; durations are seconds; throughputs are in
``throughput_unit``, their ranks' and hosts' too. Long texts are a run's
last columns: SQLite need not read them to reach the others. ``schema_version`` has one row, the version of all this.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)

from orchestrator.records import ONLY_METHOD, STEP_TIMES, stored_name, throughput_unit

VERSION = 9
"""The version of the schema that this program reads and writes. migrations.py leads to it."""

FINALITY = {"lost": 1, "completed": 3}
"""How much is known of a run in that state. Other final states count 2, states of a run in flight 0."""

metadata = MetaData()

key = BigInteger().with_variant(Integer, "sqlite")

schema_version = Table("schema_version", metadata, Column("version", Integer, primary_key=True, autoincrement=False))

runs = Table(
    "run",
    metadata,
    Column("id", key, primary_key=True),
    Column("uid", String(32), nullable=False, unique=True),
    Column("series", String(16), nullable=False, server_default=""),
    Column("campaign", String(128), nullable=False),
    Column("run", String(256), nullable=False),
    Column("benchmark", String(128), nullable=False),
    Column("cluster", String(128), nullable=False),
    Column("comm", String(32), nullable=False),
    Column("mode", String(32), nullable=False),
    Column("method", String(128), nullable=False, server_default=ONLY_METHOD),
    Column("recipe", String(128), nullable=False),
    Column("scale", String(16), nullable=False),
    Column("nodes", Integer, nullable=False),
    Column("ranks", Integer, nullable=False),
    Column("threads_per_rank", Integer),
    Column("global_batch", Integer),
    Column("repeat", Integer, nullable=False),
    Column("seed", BigInteger, nullable=False),
    Column("state", String(32), nullable=False),
    Column("finality", Integer, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("created", Float(53), nullable=False),
    Column("ended", Float(53)),
    Column("config_hash", String(64), nullable=False),
    Column("git_commit", String(64)),
    Column("git_dirty", Boolean),
    Column("stopped", String(16)),
    Column("dataset_name", String(128)),
    Column("dataset_source", String(16)),
    Column("dataset_split", String(64)),
    Column("dataset_version", String(64)),
    Column("dataset_checksum", String(128)),
    Column("throughput_unit", String(32), nullable=False, server_default=throughput_unit()),
    Column("throughput", Float(53)),
    Column("throughput_cold", Float(53)),
    Column("throughput_warm", Float(53)),
    Column("critical_s", Float(53)),
    Column("metric", String(64)),
    Column("quality", Float(53)),
    Column("target", Float(53)),
    Column("time_to_accuracy_s", Float(53)),
    Column("energy_j", Float(53)),
    Column("energy_to_accuracy_j", Float(53)),
    Column("processors", Text),
    Column("cause", Text),
    Column("directory", Text, nullable=False),
    Column("step_times", Text),
    Column("manifest", Text, nullable=False),
    Column("result", Text),
    Index("ix_run_campaign_created", "campaign", "created"),
    Index("ix_run_history", "benchmark", "cluster", "created"),
)

SERIES_INDEX = Index(
    "ix_run_series",
    *(
        runs.c[name]
        for name in (
            "series", "state", "created", "campaign", "throughput_unit", "throughput", "throughput_warm",
            "time_to_accuracy_s", "processors", "git_commit",
        )
    ),
).ddl_if(dialect="sqlite")  # fmt: skip
"""All that a history reads of a run: SQLite need not pass the documents of all runs to reach it."""


def child(name: str, *columns: Column[Any]) -> Table:
    """Return a table whose rows belong to a run and are deleted with it. The first column after ``run_id`` completes
    its key.
    """
    return Table(
        name,
        metadata,
        Column("run_id", key, ForeignKey("run.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
        *columns,
        sqlite_with_rowid=False,
    )


rank_summaries = child("rank_summary", Column("packed", LargeBinary, nullable=False))

hosts = child(
    "host",
    Column("host", String(256), primary_key=True),
    Column("ranks", Integer, nullable=False),
    Column("throughput", Float(53)),
    *(Column(f"{stored_name(part)}_s", Float(53)) for part in STEP_TIMES),
)

evaluations = child(
    "evaluation",
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("seconds", Float(53), nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("value", Float(53)),
)

phases = child("phase", Column("name", String(32), primary_key=True), Column("seconds", Float(53), nullable=False))

base_changes = Table(
    "base_change",
    metadata,
    Column("series", String(16), primary_key=True),
    Column("metric", String(32), primary_key=True),
    Column("since", Float(53), primary_key=True),
    Column("change", Float(53)),
    Column("accepted", Float(53), nullable=False),
    Column("accepted_by", String(128), nullable=False),
    Column("why", Text, nullable=False),
)
"""``since`` is when the first run at the new level was planned, ``change`` the relative change of speed."""

CHILDREN = (rank_summaries, hosts, evaluations, phases)

HISTORY = (
    "campaign", "run", "benchmark", "method", "cluster", "comm", "mode", "recipe", "scale", "nodes", "ranks",
    "threads_per_rank", "global_batch", "repeat",
    "seed", "state", "attempts", "created", "ended", "config_hash", "git_commit", "git_dirty", "stopped",
    "dataset_name", "dataset_source", "dataset_split", "dataset_version", "dataset_checksum", "throughput_unit",
    "throughput", "throughput_cold", "throughput_warm", "critical_s", "metric", "quality", "target",
    "time_to_accuracy_s", "energy_j", "energy_to_accuracy_j", "processors", "cause",
    "directory",
)  # fmt: skip
"""Columns of a run that a history needs: all but keys and documents."""
