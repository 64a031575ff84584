"""What is taken of the JSON that a benchmark prints. A pick gets all its documents and whether the machine was idle."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from typing import Any

from parts.figures import Picked

Documents = list[dict[str, Any]]
Pick = Callable[[Documents, bool], Picked]


RATES = {"samples_per_s": "samples/s", "step_ms": "ms a step", "tokens_per_cpu_s": "tokens/s"}
OURS = ("ours", "zcs", "cached")
"""What scripts call our side; the other has many names."""


def share(part: float | None, of: str) -> str:
    """A part as text; nothing where it is not known."""
    return "" if part is None else f"{100 * part:.2g} % {of}"


def join(*parts: str) -> str:
    """Texts that are not empty, one after the other."""
    return "; ".join(part for part in parts if part)


def sides(found: dict[str, float], unit: str) -> str:
    """Ours beside the other's."""
    ours = next(name for name in OURS if name in found)
    other = next(name for name in found if name not in (ours, "steps", "tokens"))
    return f"{found[ours]:,.4g} beside {found[other]:,.4g} {unit}".strip()


def loop(documents: Documents, idle: bool) -> Picked:
    """A training loop beside another: ``parts/loops.py``, ``published_loops.py``, ``operators_loops.py``."""
    (found,) = documents
    rates = next(key for key in RATES if key in found)
    beside = join(
        sides(found[rates], RATES[rates]),
        sides(found["memory_mib"], "MiB") if "memory_mib" in found else "",
        f"loss {sides(found['loss'], '')}" if "loss" in found else "",
        share(found.get("data_share"), "waits for data"),
    )
    clock = "processor" if found.get("clock") == "cpu" or "cpu" in rates else "wall"
    low, high = found.get("range", (None, None))
    return Picked(found["ratio"], found.get("rounds", 1), low, high, beside, clock)


def ranks(documents: Documents, idle: bool) -> Picked:
    """Two ranks beside one: ``compare_two_ranks``."""
    (found,) = documents
    apart = f"{found['against_two_apart']} of two that exchange nothing"
    beside = join(apart, share(found["data_share"], "waits for data"))
    low, high = found["range"]
    return Picked(found["efficiency"], found["rounds"], low, high, beside)


def two_ranks(comm: str) -> Pick:
    """A communicator beside two processes that exchange nothing."""

    def pick(documents: Documents, idle: bool) -> Picked:
        (found,) = documents
        over = found.get("torch_over", {}).get(comm)
        beside = f"DDP over gloo takes {over[0]} of its time ({over[1]} to {over[2]})" if over else ""
        low, high = found["range"][comm]
        return Picked(found[comm], found["starts"] * found["rounds"], low, high, beside)

    return pick


def converter(documents: Documents, idle: bool) -> Picked:
    """A conversion beside a copy."""
    (found,) = documents
    beside = f"{found['converted_mb_per_s']:,} beside {found['copied_mb_per_s']:,} MB/s"
    return Picked(found["ratio"], found["n"], found["lowest"], found["highest"], beside)


def solver(equation: str) -> Pick:
    """A solver of surrogates beside the public one."""

    def pick(documents: Documents, idle: bool) -> Picked:
        found = next(each for each in documents if each["equation"] == equation)
        seconds, errors = found["cpu_s"], found["errors"]
        beside = f"{sides(seconds, 's')}; errors {errors['ours']:.1e}, {errors['public']:.1e}"
        return Picked(round(found["ratio"], 2), found["rounds"], beside=beside, clock="processor")

    return pick


def reaction_solver(documents: Documents, idle: bool) -> Picked:
    """The solver of diffusion and reaction beside the public one, with as many cells."""
    by_name = {each["solver"]: each for each in documents}
    public, ours = by_name["public"], by_name["ours"]
    ms = (ours["ms_a_function"], public["ms_a_function"])
    beside = f"{ms[0]:.2f} beside {ms[1]:.2f} ms a function; errors {ours['error']:.5f}, {public['error']:.5f}"
    return Picked(round(ms[1] / ms[0], 2), 1, beside=beside, clock="processor")


def start(command: str, base: str) -> Pick:
    """What a command takes above another, s; ``plan`` as a multiple of it."""

    def pick(documents: Documents, idle: bool) -> Picked:
        (found,) = documents
        seconds = found["wall_s" if idle else "processor_s"]
        clock = "wall" if idle else "processor"
        beside = f"{seconds[command]} beside {seconds[base]} s"
        value = seconds[command] / seconds[base] if command == "plan" else seconds[command] - seconds[base]
        return Picked(round(value, 3), found["n"], beside=beside, clock=clock)

    return pick


def command(documents: Documents, idle: bool) -> Picked:
    """A command's seconds: ``command_time.py``."""
    (found,) = documents
    seconds = found["wall_s" if idle else "processor_s"]
    clock = "wall" if idle else "processor"
    return Picked(round(statistics.median(seconds), 2), len(seconds), min(seconds), max(seconds), clock=clock)


def value(key: str, beside: str = "", at: int = 0, low: str = "") -> Pick:
    """A field of one document, and text with others; ``low`` names that of least and greatest, if there is one."""

    def pick(documents: Documents, idle: bool) -> Picked:
        found = documents[at]
        least, most = found[low] if low else (None, None)
        clock = "processor" if "processor" in key or "cpu" in key else "wall"
        return Picked(found[key], found.get("n", 1), least, most, beside.format(**found), clock)

    return pick


def opened(at: int) -> Pick:
    """How long a page takes to open."""

    def pick(documents: Documents, idle: bool) -> Picked:
        seconds = documents[at]["opened_s"]
        return Picked(statistics.median(seconds), len(seconds), min(seconds), max(seconds))

    return pick


def collected(documents: Documents, idle: bool) -> Picked:
    """Collecting beside a plain read, by processors' time where the machine was busy."""
    (found,) = documents
    wall, processors = found["ratio"], found["ratio_of_processors"]
    beside = f"{found['collect_s'][0]:.1f} s, {found['peak_gb']} GB"
    other = f"{processors} by processors' time" if idle else f"{wall} by the clock"
    return Picked(
        wall if idle else processors, found["n"], beside=join(other, beside), clock="wall" if idle else "processor"
    )


def watched(documents: Documents, idle: bool) -> Picked:
    """What looks at waiting jobs, and queries, take of a core."""
    (found,) = documents
    beside = f"a look {found['look_s']} s every {found['seconds_between_looks']} s, a query {found['query_s']} s"
    return Picked(found["share_of_a_core"], found["n"], beside=beside, clock="processor")


def history(documents: Documents, idle: bool) -> Picked:
    """The history of a large store."""
    (found,) = documents
    seconds = found["history_s" if idle else "history_processor_s"]
    inserting = f"inserts at {found['insert_ratio']} of a small store's time" if found["insert_ratio"] else ""
    beside = join(f"{found['history_runs']:,} runs in it", inserting)
    return Picked(seconds, found["n"], beside=beside, clock="wall" if idle else "processor")


def end_to_end(documents: Documents, idle: bool) -> Picked:
    """A job that does nothing beside ReFrame's."""
    (found,) = documents
    parts = ", ".join(f"{part} {seconds}" for part, seconds in found["parts_s"].items())
    beside = f"{found['seconds']} beside {found['reframe_s']} s; {found['ratio_of_medians']} by the medians; {parts}"
    low, high = found["range"]
    return Picked(found["ratio"], found["n"], low, high, beside)


def bandwidth(documents: Documents, idle: bool) -> Picked:
    """An allreduce of 1 MiB beside OSU's."""
    (found,) = documents
    rows = {row["bytes"]: row for row in found["sizes"]}
    others = ", ".join(f"{rows[size]['ratio']:.2f} at {size >> 10} KiB" for size in (2**16, 2**23) if size in rows)
    beside = join(f"{rows[2**20]['ours_us']} µs", others, f"{rows[1024]['ratio']:.2f} at 1 KiB")
    return Picked(rows[2**20]["ratio"], found["rounds"], beside=beside)


def accelerator(place: int) -> Pick:
    """One of a benchmark's runs on an accelerator: warm samples/s."""

    def pick(documents: Documents, idle: bool) -> Picked:
        found = documents[place]
        if found["state"] != "completed":
            raise ValueError(f"the run is {found['state']}: {found.get('cause')}")
        achieved, shares, quality = found.get("achieved") or {}, found["step_shares"] or {}, found["quality"]
        beside = join(
            share(achieved.get("of_bf16_peak"), "of peak"),
            share(achieved.get("of_memory_bandwidth"), "of bandwidth"),
            share(shares.get("data"), "waits for data"),
            f"{quality['metric']} {quality['value']:.4g} after {found['training']['samples']:,.0f}",
        )
        return Picked(round(found["throughput"]["warm"] or found["throughput"]["run"]), 1, beside=beside)

    return pick
