"""From a command line to a schedule. Every part is checked before anything is installed."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime
from pathlib import Path
from typing import cast

from orchestrator.config import families
from orchestrator.config.compose import SCHEDULE, compose_all, compose_documents
from orchestrator.config.overrides import quote_text
from orchestrator.config.redaction import passwords
from orchestrator.config.safety import refuse_unsafe_folder
from orchestrator.config.schema_schedule import ScheduleConfig
from orchestrator.config.validate import NAME, validate
from orchestrator.errors import UsageError, nearest
from orchestrator.notification.base import DeliveryError
from orchestrator.notification.channels import wanted_channels
from orchestrator.notification.settings import NotifySettings
from orchestrator.records import now
from orchestrator.schedule.backends import BACK_ENDS
from orchestrator.schedule.definition import Schedule, carried_environment, parse_expiry
from orchestrator.schedule.settings import ScheduleConfiguration
from orchestrator.schedule.timing import Timing, local_zone

SHORT = {item.name for item in fields(ScheduleConfig)} - {"slurm", "environment"}
"""Keys of the ``schedule`` group that may be written without its name: when=… is schedule.when=…"""
TEXTS = {"name", "suite", "words", "sweep", "when", "via", "until"}
OWN_GROUPS = ("schedule", "notify")


def expand_words(words: Sequence[str]) -> list[str]:
    """Return the arguments as Hydra reads them: short keys in full, texts quoted (so a comma makes no sweep)."""
    result = []
    for word in words:
        key, equals, value = word.partition("=")
        bare = key.removeprefix("schedule.")
        if equals and bare in SHORT:
            if bare in TEXTS:
                value = quote_text(value)
            word = f"schedule.{bare}={value}"
        result.append(word)
    return result


def compose_configuration(words: Sequence[str], config_dir: str | None) -> ScheduleConfiguration:
    """Return the resolved configuration of the ``schedule`` command. Raises UsageError."""
    words = expand_words(words)
    if not any(word.startswith("cluster=") for word in words):
        raise UsageError(f"Say for which cluster: cluster=NAME.{nearest('', families.clusters())}")
    if any(word.partition("=")[0] in ("benchmark", "recipe", "scale", "nodes") for word in words):
        raise UsageError('Say what is to be run as one word: sweep="benchmark=stemdl scale=weak nodes=[1,2]".')
    if not any(word.startswith("benchmark=") for word in words):
        # The primary configuration has one; what a sweep runs, it says itself.
        words.append(f"benchmark={families.benchmarks()[0]}")
    config = cast("ScheduleConfiguration", compose_documents(words, False, config_dir, SCHEDULE)[0])
    validate(config)
    return config


def make_schedule(words: Sequence[str], config_dir: str | None, directory: Path) -> tuple[Schedule, str]:
    """Return the schedule of a command line given in ``directory``, and the cluster's scheduler. Raises UsageError."""
    config = compose_configuration(words, config_dir)
    settings = config["schedule"]
    results = directory / config["results"]
    places = (("results", results), ("the current folder", directory), ("--config-dir", Path(config_dir or ".")))
    for key, place in places:
        refuse_unsafe_folder(key, place, config["cluster"]["scheduler"])
    suite, sweep, cluster = settings["suite"], settings["sweep"], config["cluster"]["name"]
    if not suite and not sweep:
        raise UsageError('Say what is to be run: suite=NAME, or sweep="benchmark=stemdl scale=weak nodes=[1,2]".')
    if not settings["when"]:
        raise UsageError('Say when: when="0 2 * * SUN" (cron\'s five fields) is Sundays at 02:00.')
    name = settings["name"] or f"{suite or 'sweep'}-{cluster}"
    if not NAME.fullmatch(name) or len(name) > 60:
        raise UsageError(
            f"name={name!r}: up to 60 letters, digits, '.', '_' and '-', beginning with a letter or digit."
        )
    Timing(settings["when"])
    check_forms(config["notify"])
    if settings["via"] not in ("auto", *BACK_ENDS):
        raise UsageError(f"via={settings['via']} is not known.{nearest(settings['via'], ['auto', *BACK_ENDS])}")
    check_until(settings["until"])
    overrides = [word for word in words if not is_own_word(word)]
    for word in overrides:
        if passwords(word.partition("=")[2]):
            raise UsageError(
                f"{word.partition('=')[0]}: a schedule keeps no password; leave it out of the address and put it into "
                "~/.pgpass (mode 600), where PostgreSQL's client looks for it."
            )
    kept = [*(word for word in overrides if not word.startswith("results=")), f"results={quote_text(str(results))}"]
    folder = Path(config_dir).resolve() if config_dir else None
    schedule = Schedule(
        name=name, cluster=cluster, when=settings["when"], via=settings["via"], suite=suite, sweep=sweep,
        until=settings["until"], overrides=kept, config_dir=str(folder) if folder else None, directory=str(directory),
        results=str(results), store=store_address(config, results), settings=settings, notify=config["notify"],
        environment=carried_environment(os.environ, settings), created=now(),
    )  # fmt: skip
    return schedule, config["cluster"]["scheduler"]


def is_own_word(word: str) -> bool:
    """Whether an argument is for ``schedule`` alone, not for its sweeps too."""
    key = word.partition("=")[0].lstrip("+~")
    return key in SHORT or key.partition(".")[0] in OWN_GROUPS


def store_address(config: ScheduleConfiguration, results: Path) -> str:
    """Return the store's URL."""
    from orchestrator.config.paths import default_url

    return config["store"]["url"] or default_url(results)


def check_until(until: str | None) -> None:
    """Raise UsageError if ``until`` is not a date or is past."""
    if until and parse_expiry(until) < datetime.now(local_zone()):
        raise UsageError(f"until={until} is past: leave it out, or name a day to come.")


def check_sweep(schedule: Schedule) -> None:
    """Raise UsageError if the sweep could not run: an unknown suite, benchmark or key, or a missing launcher."""
    if not schedule.sweep:
        check_suite(schedule)
        return
    try:
        words = shlex.split(schedule.sweep)
    except ValueError as error:
        raise UsageError(f"sweep={schedule.sweep!r}: {error}.") from error
    multirun = [word for word in words if word in ("-m", "--multirun")]
    odd = [word for word in words if "=" not in word and word not in multirun]
    if odd:
        raise UsageError(f"sweep={schedule.sweep!r}: {odd[0]!r} is not KEY=VALUE.")
    taken = [word for word in words if word.partition("=")[0] in ("cluster", "campaign", "results", "store.url")]
    if taken:
        raise UsageError(f"sweep={schedule.sweep!r}: {taken[0].partition('=')[0]}= is given beside sweep=, not in it.")
    from orchestrator.campaign.preflight import check_communicator, check_scheduler

    overrides = [word for word in words if word not in multirun] + schedule.overrides
    for config in compose_all(overrides, bool(multirun), schedule.config_dir):
        validate(config)
        check_communicator(config)
        check_scheduler(config)


def check_suite(schedule: Schedule) -> None:
    """Raise UsageError unless the acceptance suite exists, fits this cluster, and its launcher is here."""
    from orchestrator.acceptance.suite import compose_suite, resolve_suite
    from orchestrator.campaign.preflight import check_scheduler

    words = schedule.command_words(schedule.name)[1:]
    try:
        compose_suite([f"suite={schedule.suite}"], schedule.config_dir)
    except UsageError as error:
        raise UsageError(
            f'{error} To run a plain campaign, say sweep="benchmark=stemdl scale=weak nodes=[1,2]".'
        ) from error
    suite = resolve_suite([word for word in words if "=" in word], schedule.config_dir)
    check_scheduler(next(iter(suite.configs.values())))


def check_forms(notify: NotifySettings) -> None:
    """Raise UsageError unless the settings of all channels are of a form that can be used."""
    for channel in wanted_channels(notify):
        try:
            channel.check_form()
        except DeliveryError as error:
            raise UsageError(f"{error}; correct it.", key=str(error).partition(":")[0].partition(" ")[0]) from error


def check_channels(schedule: Schedule) -> None:
    """Raise UsageError unless people can be reached as configured."""
    for channel in wanted_channels(schedule.notify):
        try:
            channel.check()
        except DeliveryError as error:
            raise UsageError(
                f"{error}. Correct it, or install with notify.check=false: messages then wait until it is there."
            ) from error
