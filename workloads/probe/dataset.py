"""The file that the probe reads: incompressible bytes in one HDF5 data set, with their checksum."""

from __future__ import annotations

import hashlib
from pathlib import Path

import h5py
import numpy as np

from workloads.probe.rates import FIELD
from workloads.runtime.dataset import Dataset, Progress
from workloads.runtime.errors import DatasetError

ROW_BYTES = 1 << 20
FILE = "blocks.h5"


class BlocksDataset(Dataset):
    """The file's content follows from its size."""

    NAME = "probe"

    @property
    def folder_name(self) -> str:
        """By size."""
        return f"probe/{self.settings['mebibytes']}-MiB"

    def synthesise(self, folder: Path, progress: Progress, workers: int) -> None:
        """Write the file, once, by rename."""
        if (folder / FILE).is_file():
            return
        rows = int(self.settings["mebibytes"])
        folder.mkdir(parents=True, exist_ok=True)
        staged = folder / f".{FILE}.partial"
        random, digest = np.random.Generator(np.random.PCG64(1)), hashlib.sha256()
        with h5py.File(staged, "w", locking=False) as file:
            blocks = file.create_dataset(FIELD, (rows, ROW_BYTES), np.uint8)
            for row in range(rows):
                block = np.frombuffer(random.bytes(ROW_BYTES), np.uint8)
                blocks[row] = block
                digest.update(block.tobytes())
                progress(row + 1, rows)
            file.attrs["sha256"] = digest.hexdigest()
        staged.rename(folder / FILE)

    def verify(self, folder: Path, thorough: bool) -> dict[str, object]:
        """Return the file's description. Raises DatasetError if it is missing, of another size or, with ``thorough``,
        altered.
        """
        path, expected = folder / FILE, (self.settings["mebibytes"], ROW_BYTES)
        try:
            with h5py.File(path, "r", locking=False) as file:
                blocks, stated = file[FIELD], str(file.attrs["sha256"])
                if blocks.shape != expected:
                    raise DatasetError(f"{path} holds {blocks.shape}, expected {expected}")
                found = stated
                if thorough:
                    digest = hashlib.sha256()
                    for row in range(blocks.shape[0]):
                        digest.update(blocks[row].tobytes())
                    found = digest.hexdigest()
        except (OSError, KeyError) as error:
            raise DatasetError(
                f"{path} cannot be read ({error}): `python -m orchestrator data probe synthesise` makes it"
            ) from error
        if found != stated:
            raise DatasetError(f"{path} was altered: SHA-256 {found[:12]}…, expected {stated[:12]}…; remove it")
        return {"name": "probe", "source": "stand-in", "split": "none", "version": "1", "checksum": stated}
