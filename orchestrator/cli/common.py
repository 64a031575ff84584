"""Parts that the verbs share: options, the places of results and store, and the exit code of runs."""

from __future__ import annotations

import argparse
import os
import socket
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.cli.output import print_document
from orchestrator.cli.parsers import parse, program_name
from orchestrator.cli.verbs import VERBS
from orchestrator.config.paths import default_url, expand_path, expand_store, usual_folder
from orchestrator.errors import (
    EXIT_FAILED,
    EXIT_INFRASTRUCTURE,
    EXIT_OK,
    EXIT_WRONG_ANSWER,
    OrchestratorError,
    UsageError,
    nearest,
)
from orchestrator.records import DIVERGED, user_name
from orchestrator.records.settings import Configuration

if TYPE_CHECKING:
    from rich.console import Console

    from orchestrator.report.entries.runs import RunEntry
    from orchestrator.store.store import Store


@dataclass
class Options:
    """The options that verbs with KEY=VALUE arguments share, and those arguments."""

    overrides: list[str]
    json: bool = False
    multirun: bool = False
    config_dir: str | None = None
    detach: bool = False
    quiet: bool = False


def parse_options(arguments: Sequence[str], verb: str) -> Options:
    """Split options from KEY=VALUE arguments. Raises UsageError for an unknown option."""
    known = parse(verb, arguments)
    for word in known.words:
        if "=" not in word and not word.startswith("~"):
            if word in VERBS:
                raise UsageError(f"'{word}' is a verb, and comes first: write {program_name()} {word} KEY=VALUE….")
            raise UsageError(f"'{word}' is neither a verb nor KEY=VALUE.{meant(word)}")
    given = vars(known)
    overrides = with_own_cluster(given.pop("words"), known.config_dir)
    return Options(overrides, **given)


def meant(word: str) -> str:
    """Return what a word may mean that is neither a verb nor KEY=VALUE: the name of something, or one of the verbs."""
    from orchestrator.config.families import benchmarks, clusters

    for key, names in (("benchmark", benchmarks()), ("cluster", clusters())):
        if word in names:
            return f" There is a {key} of that name: write {key}={word}."
    if word == "version":
        return f" Did you mean {program_name()} --version?"
    return nearest(word, list(VERBS))


def with_own_cluster(overrides: list[str], config_dir: str | None) -> list[str]:
    """Return the overrides with the cluster whose profile says that it holds on this host, unless they name one.

    Raises UsageError if several say so.
    """
    if any(word.lstrip("+").startswith(("cluster=", "~cluster")) for word in overrides):
        return overrides
    from orchestrator.config.catalogue import clusters_of_host

    host = socket.gethostname()
    site = Path(config_dir) if config_dir else None
    found = clusters_of_host(site, lambda: {host, host.partition(".")[0], socket.getfqdn()})
    if len(found) > 1:
        raise UsageError(f"Several profiles hold on {host}: say which with cluster=: {', '.join(found)}.")
    if found:
        print(f"cluster={found[0]}, whose profile holds on {host}", file=sys.stderr)
    return [*overrides, *(f"cluster={name}" for name in found)]


def stderr_console(quiet: bool = False) -> Console:
    """Return the console for progress and messages; a quiet one shows none."""
    from orchestrator.report.tables.console import PlainConsole

    file = getattr(sys.stderr, "drawn", sys.stderr)
    return PlainConsole(file=file, stderr=True, quiet=quiet, emoji=False)


def stdout_console() -> Console:
    """Return the console for results. On a pipe a table is as wide as it needs to be whole."""
    from orchestrator.report.tables.console import PlainConsole
    from orchestrator.report.tables.fitting import UNLIMITED

    wide = None if sys.stdout.isatty() else UNLIMITED
    columns = os.environ.get("COLUMNS", "")
    given = int(columns) if columns.isascii() and columns.isdigit() and 0 < int(columns) < UNLIMITED else wide
    # Without emoji: what a program printed may hold ":x:".
    return PlainConsole(file=getattr(sys.stdout, "drawn", sys.stdout), width=given, emoji=False)


def print_json(document: Mapping[str, object]) -> None:
    """Print the command's one document to stdout."""
    print_document(document)


def store_url(config: Configuration, results: Path) -> str:
    """Return the store that a configuration names, or the embedded one of the results folder."""
    return config["store"]["url"] or default_url(results)


def campaign_store_url(given: str | None, config: Configuration, results: Path) -> str:
    """Return the URL ``given``, or the store in the campaign's manifest.

    Raises UsageError if the manifest's URL had a password, since manifests never hold passwords.
    """
    from orchestrator.config.redaction import HIDDEN

    url = given or store_url(config, results)
    if HIDDEN in url:
        raise UsageError(f"The campaign's store is {url}, whose password is not written: give store.url=URL with it.")
    return url


def open_store(url: str, create: bool = True) -> Store:
    """Return the store, which is made if there is none and ``create``. Raises StoreError."""
    from orchestrator.store.store import Store

    return Store(url, create)


def worst_exit_code(entries: Iterable[RunEntry]) -> int:
    """Return the exit code of a report's run entries: of the gravest among lost infrastructure, a failed run and a
    wrong answer.
    """
    from orchestrator.report.entries.runs import missed_target

    codes = set()
    for entry in entries:
        if entry["state"] in ("lost", "node-failed"):
            codes.add(EXIT_INFRASTRUCTURE)
        elif entry["state"] != "completed":
            codes.add(EXIT_WRONG_ANSWER if DIVERGED in (entry["cause"] or "") else EXIT_FAILED)
        elif missed_target(entry):
            codes.add(EXIT_WRONG_ANSWER)
    for code in (EXIT_INFRASTRUCTURE, EXIT_FAILED, EXIT_WRONG_ANSWER):
        if code in codes:
            return code
    return EXIT_OK


def campaign_folders(names: Sequence[str], results: Path) -> list[Path]:
    """Return the folders of the named campaigns (by name or path), or of the newest one. Raises UsageError."""
    if not names:
        # Of many the newest is mostly a campaign's: whether the others are need not be known.
        newest = next((path for path in newest_first(results) if holds_run(path)), None)
        if newest is None:
            closed = [path.name for path in folders_in(results) if not os.access(path, os.R_OK | os.X_OK)]
            if closed or (is_folder(results) and not os.access(results, os.R_OK | os.X_OK)):
                raise ClosedFolders(
                    f"There is no campaign in {results} that {user_name()} may read; {len(closed) or 'all'} folders "
                    "there are another's: ask their owner, or give a campaign's folder or results=FOLDER."
                )
            raise UsageError(f"There is no campaign in {results}; give a campaign's folder or results=FOLDER.")
        return [newest]
    folders = []
    for name in names:
        folder = Path(name) if is_folder(Path(name)) else results / name
        if not name or not is_folder(folder):
            known = [path.name for path in folders_in(results)]
            remedy = f"{nearest(name, known)} Give a campaign's name or folder, or results=FOLDER.".strip()
            raise UsageError(f"There is no campaign '{name}' in {results}. {remedy}", remedy=remedy)
        if not (folder / "manifest.json").exists() and os.access(folder, os.R_OK | os.X_OK) and not holds_run(folder):
            raise UsageError(
                f"{folder} holds no run: no manifest.json in it or in its folders; give a campaign's folder."
            )
        folders.append(folder.resolve())
    return folders


class ClosedFolders(OrchestratorError):
    """What is there may not be read by this user."""


def is_folder(path: Path) -> bool:
    """Whether there is such a folder; a name that no file system takes is none."""
    try:
        return path.is_dir()
    except OSError:
        return False


def folders_in(results: Path) -> list[Path]:
    """Return the folders that may be campaigns' in a results folder; none where it cannot be read."""
    try:
        return [path for path in results.glob("[!.]*") if is_folder(path)]
    except OSError:
        return []


def newest_first(results: Path) -> list[Path]:
    """Return the folders that may be campaigns' in a results folder, those that changed last first."""
    try:
        with os.scandir(results) as entries:
            found = [(changed_at(entry), entry.path) for entry in entries if not entry.name.startswith(".")]
    except OSError:
        return []
    return [Path(path) for changed, path in sorted((one for one in found if one[0] is not None), reverse=True)]


def changed_at(entry: os.DirEntry[str]) -> float | None:
    """Return when a folder changed last, s since the epoch; None of what is no folder."""
    try:
        return entry.stat().st_mtime if entry.is_dir() else None
    except OSError:
        return None


def holds_run(folder: Path) -> bool:
    """Whether a folder is a campaign's, as far as this user may look."""
    try:
        return any(folder.glob("*/manifest.json"))
    except OSError:
        return False


def tell_damaged(damaged: Mapping[str, str]) -> None:
    """Say which runs cannot be read, and why."""
    for name, cause in damaged.items():
        print(f"{name} cannot be read, and is left as it is: {cause}", file=sys.stderr)


def parse_whole(key: str, text: str, most: int, what: str) -> int:
    """Return a whole number from 1 to ``most``, in ordinary digits. Raises UsageError, saying ``what`` it is."""
    if not (text.isascii() and text.isdigit() and len(text) < 20 and 1 <= int(text) <= most):
        raise UsageError(f"{key}{text}: {what}, from 1 to {most}.", key=key.strip(" ="))
    return int(text)


@dataclass
class CampaignOptions:
    """Options of the verbs that work on existing campaigns."""

    campaigns: list[str]
    results: Path
    store: str | None
    json: bool
    settings: dict[str, str] = field(default_factory=dict)

    @property
    def store_url(self) -> str:
        """The URL of the store: the given one, or the embedded one of the results folder."""
        return self.store or default_url(self.results)


def parse_campaigns(arguments: Sequence[str], verb: str, further: Sequence[str] = ()) -> CampaignOptions:
    """Parse names or folders of campaigns, ``results=``, ``store.url=``, and the ``further`` keys of the verb. Raises
    UsageError.
    """
    return campaign_options(parse(verb, arguments), verb, further)


def campaign_options(known: argparse.Namespace, verb: str, further: Sequence[str] = ()) -> CampaignOptions:
    """Return the words of a verb as names of campaigns and settings. Raises UsageError."""
    settings = dict(word.split("=", 1) for word in known.words if "=" in word)
    unknown = set(settings) - {"results", "store.url", *further}
    if unknown:
        more = "".join(f", {key}=" for key in further)
        key = sorted(unknown)[0]
        meant = " It is results=FOLDER here." if key == "cluster.paths.results" else ""
        raise UsageError(f"{verb} takes results=FOLDER, store.url=URL{more}; not {key}=.{meant}")
    return CampaignOptions(
        [word for word in known.words if "=" not in word],
        Path(expand_path("results", settings.get("results", usual_folder("results")))).resolve(),
        expand_store(settings["store.url"]) if "store.url" in settings else None,
        known.json,
        {key: settings[key] for key in further if key in settings},
    )


def existing_store(options: CampaignOptions) -> Store:
    """Return the store of a command on stored runs. Raises UsageError if there is none or it is empty."""
    if options.store is None and not (options.results / "store.sqlite").exists():
        raise UsageError(
            f"There is no store in {options.results}; run something first, or give results= or store.url=."
        )
    store = open_store(options.store_url, create=False)
    if store.count() == 0:
        raise UsageError("The store is empty.")
    return store
