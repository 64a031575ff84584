"""MLPerf logs laid out as submissions to MLPerf HPC are, so that MLCommons' own checkers read them.

    SUBMITTER/                                     the folder that -o names; its name is the submitter's
      README.md                                    what is here and what a submitter has to fill in
      systems/SYSTEM.json                          a system description for each machine, scale and software
      benchmarks/BENCHMARK/implementations/SYSTEM/ configuration and manifest of a run
      results/SYSTEM/strong/BENCHMARK/result_N.txt one log a repeat ("strong" is MLPerf's word for one job at a time)

The benchmarks are of MLCommons Science, for which there is no ruleset: the checkers' common rules apply, and
``package_checker`` skips the results of a benchmark that it does not know.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path

from orchestrator.errors import UsageError
from orchestrator.records import (
    MissingRecordError,
    RecordError,
    check_record,
    choice_words,
    read_plain,
    unit_of,
)
from orchestrator.records.checking import Amount
from orchestrator.records.files import parse_json, write_output
from orchestrator.records.processors import mlperf_fields
from orchestrator.records.typed import TypedDict
from orchestrator.report.formats import Report
from orchestrator.report.html.folder import page_name
from orchestrator.report.json_text import json_text
from orchestrator.report.run_files import own_attempt
from orchestrator.store.entries import RunRow
from orchestrator.store.rows import RunRecord

PREFIX = ":::MLLOG "
TO_FILL = (
    "host_processors_per_node", "host_processor_model_name", "host_processor_core_count", "host_processor_vcpu_count",
    "host_processor_frequency", "host_processor_caches", "host_processor_interconnect", "host_memory_capacity",
    "host_storage_type", "host_storage_capacity", "host_networking", "host_networking_topology",
    "host_memory_configuration", "accelerator_host_interconnect", "accelerator_frequency",
    "accelerator_on-chip_memories", "accelerator_memory_configuration", "accelerator_memory_capacity",
    "accelerator_interconnect", "accelerator_interconnect_topology", "cooling", "hw_notes",
)  # fmt: skip
"""Fields of a system description that are not recorded with runs."""

README = """# {submitter}: results of the SciML benchmarks in the form of an MLPerf HPC submission

Written from the campaigns {campaigns}. `results/` has one log a repeat, as rank 0 wrote it, with the submitter's name
put in and the run's result added; `systems/` describes what each ran on; `benchmarks/` has the configuration that
reproduces it.

To do before a submission: fill in the empty fields of `systems/*.json` and the point of contact. {standin}
{left_out}
Check with `python -m mlperf_logging.package_checker {submitter} hpc 3.0.0`: it checks the system descriptions, and
skips the results, since MLCommons has no ruleset for these benchmarks.
"""
STANDIN = (
    "Results marked `stand-in` in the description of their system are of synthetic data and none of the benchmark's."
)


def write(reports: Sequence[Report], place: Path) -> str:
    """Write the submission's folder; return its path. Raises UsageError if no run has a log to submit."""
    submitter = place.resolve().name
    groups: dict[tuple[str, str], list[RunRecord]] = {}
    left_out = []
    for report in reports:
        for record in report.records:
            reason = reason_left_out(record)
            if reason:
                left_out.append(f"- {record.run['run']}: {reason}")
            else:
                groups.setdefault((system_name(record.run), record.run["benchmark"]), []).append(record)
    if not groups:
        raise UsageError(f"no run has an MLPerf log to export: {'; '.join(left_out) or 'there is no run'}")
    for (system, benchmark), records in groups.items():
        results = place / "results" / system / "strong" / page_name(benchmark)
        results.mkdir(parents=True, exist_ok=True)
        for number, record in enumerate(records):
            write_output(results / f"result_{number}.txt", submission_log(record, submitter))
        code = place / "benchmarks" / page_name(benchmark) / "implementations" / system
        code.mkdir(parents=True, exist_ok=True)
        write_output(code / "manifest.json", json_text(records[0].manifest) + "\n")
        (place / "systems").mkdir(exist_ok=True)
        write_output(
            place / "systems" / f"{system}.json", json_text(system_description(records[0], submitter, system)) + "\n"
        )
    stand_in = any(record.run["dataset_source"] != "real" for records in groups.values() for record in records)
    text = README.format(
        submitter=submitter,
        campaigns=", ".join(report.campaign for report in reports),
        standin=STANDIN if stand_in else "",
        left_out="\n".join(["\nLeft out:\n", *left_out, ""]) if left_out else "",
    )
    write_output(place / "README.md", text)
    return str(place)


def log_of(record: RunRecord) -> Path | None:
    """Return the path of the log of a run's last attempt; None if the folder that its row names is not the run's."""
    run = record.run
    attempt = own_attempt(run["directory"], run["campaign"], run["run"], run["attempts"])
    return attempt.mllog if attempt else None


def log_lines(record: RunRecord) -> list[str]:
    """Return the lines of a run's log, those of MLPerf's format as JSON has them. Raises RecordError."""
    path = log_of(record)
    if path is None:
        raise RecordError(f"{record.run['directory']} is not its folder")
    lines = []
    for number, line in enumerate(read_plain(path).decode("utf-8", "replace").splitlines(), start=1):
        if line.startswith(PREFIX):
            where = f"{path}, line {number},"
            event = check_record(parse_json(line[len(PREFIX) :], where), Event, where)
            line = PREFIX + json.dumps(event)
        lines.append(line)
    return lines


class Event(TypedDict):
    """One event of a log, as far as it is read here."""

    key: str
    time_ms: Amount


def reason_left_out(record: RunRecord) -> str | None:
    """Return why a run has no log to submit; None if it has one."""
    run = record.run
    if run["state"] != "completed":
        return str(run["state"])
    if run["mode"] != "training":
        return f"{run['mode']} is not logged by MLPerf's rules for training"
    if run["attempts"] != 1:
        return f"it took {run['attempts']} attempts, so no log is of the whole run"
    try:
        log_lines(record)
    except MissingRecordError as error:
        return f"{error}: mlperf-logging writes it"
    except RecordError as error:
        return str(error)
    return None


def system_name(run: RunRow) -> str:
    """Return a name for machine, scale and software, which the repeats in one folder share."""
    chosen = choice_words(run["benchmark"], run["dataset_name"], run["method"])
    words = [run["cluster"], f"{run['nodes']}nodes", run["comm"], *chosen, run["recipe"], run["dataset_source"]]
    return re.sub(r"[^A-Za-z0-9.-]+", "_", "_".join(str(word) for word in words))


def submission_log(record: RunRecord, submitter: str) -> str:
    """Return the run's log with the submitter's name, and with the keys that MLCommons Science adds."""
    lines, last = [], 0
    for line in log_lines(record):
        if line.startswith(PREFIX):
            event = json.loads(line[len(PREFIX) :])
            last = max(last, event["time_ms"])
            if event["key"] == "submission_org":
                event["value"] = submitter
            line = PREFIX + json.dumps(event)
        lines.append(line)
    run = record.run
    result = {
        "metric": run["metric"],
        "quality": run["quality"],
        "time_to_accuracy_s": run["time_to_accuracy_s"],
        "throughput_samples_per_s": run["throughput"],
        "throughput_unit": unit_of(run),
        "data": run["dataset_source"],
        "dataset": run["dataset_name"],
        "method": run["method"],
    }
    added = {
        "submission_version": run["dataset_version"],
        "submission_github_commit_version": run["git_commit"] or "",
        "result": result,
    }
    for key, value in added.items():
        event = {
            "namespace": "", "time_ms": last, "event_type": "POINT_IN_TIME", "key": key, "value": value, "metadata": {},
        }  # fmt: skip
        lines.append(PREFIX + json.dumps(event))
    return "\n".join(lines) + "\n"


def system_description(record: RunRecord, submitter: str, system: str) -> dict[str, str]:
    """Return MLPerf's system description. Fields that only the submitter knows are empty."""
    run, manifest = record.run, record.manifest
    found = manifest.get("provenance", {})
    packages = {name: version for name, version in found.get("packages", {}).items() if version}
    devices = sorted({" ".join(rank["device"].split()[:-1]) or rank["device"] for rank in record.ranks})
    accelerated = devices not in ([], ["cpu"])
    facts = {
        "submitter": submitter,
        "division": "open",
        "status": "onprem",
        "system_name": system,
        "number_of_nodes": str(run["nodes"]),
        "accelerators_per_node": str(run["ranks"] // run["nodes"] if accelerated else 0),
        "accelerator_model_name": ", ".join(devices) if accelerated else "",
        "framework": f"PyTorch {packages.pop('torch', 'of unknown version')}",
        "other_software_stack": ", ".join(f"{name} {version}" for name, version in packages.items()),
        "operating_system": f"Linux {found.get('kernel', '')}".strip(),
        "sw_notes": f"{run['comm']}, {run['ranks']} ranks, recipe {run['recipe']}, {run['dataset_source']} data",
    }
    measured = mlperf_fields(record.result.get("world", {}).get("processors", []))
    return facts | dict.fromkeys(TO_FILL, "") | measured
