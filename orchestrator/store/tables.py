"""The tables. Portable SQL: SQLite embedded, PostgreSQL for a facility."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    ForeignKey,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

metadata = MetaData()

key = BigInteger().with_variant(Integer, "sqlite")

runs = Table(
    "run",
    metadata,
    Column("id", key, primary_key=True),
    Column("campaign", String(128), nullable=False, index=True),
    Column("run", String(256), nullable=False),
    Column("benchmark", String(128), nullable=False, index=True),
    Column("cluster", String(128), nullable=False, index=True),
    Column("comm", String(32), nullable=False),
    Column("mode", String(32), nullable=False),
    Column("recipe", String(128), nullable=False),
    Column("scale", String(16), nullable=False),
    Column("nodes", Integer, nullable=False),
    Column("ranks", Integer, nullable=False),
    Column("repeat", Integer, nullable=False),
    Column("seed", BigInteger, nullable=False),
    Column("state", String(32), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("cause", Text),
    Column("created", Float(53), nullable=False),
    Column("ended", Float(53)),
    Column("directory", Text, nullable=False),
    Column("config_hash", String(64), nullable=False),
    Column("manifest", Text, nullable=False),
    Column("stopped", String(16)),
    Column("dataset_name", String(128)),
    Column("dataset_source", String(16)),
    Column("dataset_split", String(64)),
    Column("dataset_version", String(64)),
    Column("dataset_checksum", String(128)),
    Column("throughput", Float(53)),
    Column("throughput_cold", Float(53)),
    Column("throughput_warm", Float(53)),
    Column("metric", String(64)),
    Column("quality", Float(53)),
    Column("target", Float(53)),
    Column("time_to_accuracy_s", Float(53)),
    Column("result", Text),
    UniqueConstraint("campaign", "run"),
)

ranks = Table(
    "rank",
    metadata,
    Column("run_id", key, ForeignKey("run.id", ondelete="CASCADE"), primary_key=True),
    Column("rank", Integer, primary_key=True),
    Column("host", String(256), nullable=False, index=True),
    Column("node", Integer, nullable=False),
    Column("local_rank", Integer, nullable=False),
    Column("device", String(256), nullable=False),
    Column("throughput", Float(53)),
    Column("total_s", Float(53)),
    Column("data_s", Float(53)),
    Column("compute_s", Float(53)),
    Column("communicate_s", Float(53)),
)

evaluations = Table(
    "evaluation",
    metadata,
    Column("run_id", key, ForeignKey("run.id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("seconds", Float(53), nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("value", Float(53), nullable=False),
)

phases = Table(
    "phase",
    metadata,
    Column("run_id", key, ForeignKey("run.id", ondelete="CASCADE"), primary_key=True),
    Column("name", String(32), primary_key=True),
    Column("seconds", Float(53), nullable=False),
)

CHILDREN = (ranks, evaluations, phases)
