"""The published training loops as sides that take turns: ``python -m parts.published``; see ``turns.py``.

What is measured, of stfc-sciml/sciml-bench at 3fbaaa0 (version 1.2.0):

* em_denoise, dms_scatter: with ``--checkout``, the repository's own model and training function, called as it calls
  them. Without it, the same loop in our words.
* slstr_cloud: with ``--checkout`` and an interpreter that has TensorFlow, the repository's own Keras model with
  ``compile`` and ``fit`` as published. Without, its arithmetic in PyTorch.
* stemdl: the LightningModule's step in our words, without Lightning, whose own work a step comes on top. In float32,
  which Lightning's half precision is not on a CPU.

All are float32 in PyTorch's default memory layout (Keras: its own), with the optimiser as constructed, data as the
published loaders deliver them, and the loss looked at in every step where the published loop does.
"""

from __future__ import annotations

import argparse
import os
import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from parts.turns import Turns


class Paced:
    """Batches of a loader over and over, one a step of the turns."""

    def __init__(self, loader: Any, turns: Turns) -> None:
        self.loader, self.turns = loader, turns

    def __len__(self) -> int:
        return len(self.loader)

    def __iter__(self) -> Iterator[Any]:
        # An epoch here is shorter than the published one, so that a step is not charged for a new epoch's workers.
        batches, left = iter(self.loader), len(self.loader)
        while self.turns.begin():
            yield next(batches)
            self.turns.end()
            left -= 1
            if not left:
                batches, left = iter(self.loader), len(self.loader)


class NoMoreTurns(Exception):
    """The comparison is over."""


class PacedArray:
    """A tensor cut into batches by a loop that knows no other pacing: each cut begins a step and ends the last."""

    def __init__(self, tensor: Any, turns: Turns) -> None:
        self.tensor, self.turns, self.within = tensor, turns, False

    @property
    def shape(self) -> Any:
        return self.tensor.shape

    def __getitem__(self, part: slice) -> Any:
        if self.within:
            self.turns.end()
        self.within = True
        if not self.turns.begin():
            raise NoMoreTurns
        return self.tensor[part]


def checkout_modules(checkout: Path) -> None:
    """Make a checkout of sciml-bench importable without what its command line needs."""
    sys.path.insert(0, str(checkout))
    package = types.ModuleType("sciml_bench")
    package.__path__ = [str(checkout / "sciml_bench")]
    sys.modules["sciml_bench"] = package
    for name, words in {"utils": ("MultiLevelLogger", "list_files"), "runtime": ("RuntimeIn", "RuntimeOut")}.items():
        module = types.ModuleType(f"sciml_bench.core.{name}")
        for word in words:
            setattr(module, word, object)
        sys.modules[f"sciml_bench.core.{name}"] = module
    core = types.ModuleType("sciml_bench.core")
    sys.modules["sciml_bench.core"] = core


class Silent:
    """A log that says nothing."""

    def message(self, text: str) -> None: ...


# --- em_denoise ---------------------------------------------------------------------------------------------------


def em_denoise(data: Path, turns: Turns, batch: int, checkout: Path | None) -> None:
    import h5py
    import torch
    from torch import nn
    from torch.utils.data import DataLoader, Dataset

    noisy, clean = str(data / "graphene_img_noise.h5"), str(data / "graphene_img_clean.h5")
    if checkout:
        checkout_modules(checkout)
        from sciml_bench.benchmarks.science.em_denoise.em_denoise_model import EMDenoiseNet
        from sciml_bench.benchmarks.science.em_denoise.em_denoise_util import EMDenoiseTrainingDataset, train_model

        loader = DataLoader(EMDenoiseTrainingDataset(noisy, clean), batch_size=batch, shuffle=True, num_workers=2)
        train_model(Silent(), EMDenoiseNet(), Paced(loader, turns), {"lr": 0.01, "epochs": 1}, "cpu")
        return

    from workloads.em_denoise.model import Denoiser

    class Images(Dataset[Any]):
        def __init__(self) -> None:
            self.files: list[Any] = []

        def __len__(self) -> int:
            with h5py.File(noisy) as file:
                return len(file["images"])

        def __getitem__(self, index: int) -> Any:
            if not self.files:
                self.files = [h5py.File(path)["images"] for path in (noisy, clean)]
            return tuple(images[index] for images in self.files)

    loader = DataLoader(Images(), batch_size=batch, shuffle=True, num_workers=2)
    model = Denoiser()
    optimizer, loss_of = torch.optim.Adam(model.parameters(), lr=0.01), nn.MSELoss()
    for images, truths in Paced(loader, turns):
        optimizer.zero_grad()
        loss = loss_of(model(images.swapaxes(3, 1)), truths.swapaxes(3, 1))
        loss.backward()
        optimizer.step()
        loss.item()


def write_em_denoise(arrays: dict[str, np.ndarray], folder: Path) -> None:
    import h5py

    for name, key in (("noise", "input"), ("clean", "target")):
        with h5py.File(folder / f"graphene_img_{name}.h5", "w") as file:
            file["images"] = arrays[key].transpose(0, 2, 3, 1)


# --- dms_scatter --------------------------------------------------------------------------------------------------


def dms_scatter(data: Path, turns: Turns, batch: int, checkout: Path | None) -> None:
    import h5py
    import torch
    from sklearn.metrics import accuracy_score
    from torch import nn

    with h5py.File(data / "data-binary.h5") as file:
        images = torch.from_numpy(np.swapaxes(file["images"][:], 1, 3))
        labels = torch.eye(2)[torch.from_numpy(file["labels"][:])]
    if checkout:
        checkout_modules(checkout)
        from sciml_bench.benchmarks.science.dms_structure.dms_model import DMSNet
        from sciml_bench.benchmarks.science.dms_structure.dms_train import train as epoch

        model = DMSNet(device="cpu")
    else:
        from workloads.dms_scatter.model import DmsNet

        # Ours takes channels last, and its classifier ends before the softmax.
        model = nn.Sequential(DmsNet().features, DmsNet().classifier, nn.Softmax(dim=1))

        def epoch(images: Any, labels: Any, batch: int, model: Any, loss_of: Any, optimizer: Any) -> None:
            model.train()
            for stop in range(batch, images.shape[0], batch):
                predicted = model(images[stop - batch : stop])
                loss = loss_of(predicted, labels[stop - batch : stop])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                loss.item()
                accuracy_score(np.where(predicted.detach().numpy() > 0.5, 1, 0), labels[stop - batch : stop].numpy())

    optimizer, loss_of = torch.optim.AdamW(model.parameters(), lr=1e-4), nn.BCELoss()
    paced = PacedArray(images, turns)
    try:
        while True:
            epoch(paced, labels, batch, model, loss_of, optimizer)
    except NoMoreTurns:
        return


def write_dms_scatter(arrays: dict[str, np.ndarray], folder: Path) -> None:
    import h5py

    with h5py.File(folder / "data-binary.h5", "w") as file:
        file["images"], file["labels"] = arrays["input"], arrays["target"]


# --- stemdl -------------------------------------------------------------------------------------------------------


def stemdl(data: Path, turns: Turns, batch: int, checkout: Path | None) -> None:
    import torch
    from torch.nn import functional
    from torch.utils.data import DataLoader, Dataset

    from workloads.stemdl.model import ResNet

    class Stacks(Dataset[Any]):
        files = sorted(data.glob("*.npz"))

        def __len__(self) -> int:
            return len(self.files)

        def __getitem__(self, index: int) -> Any:
            sample = np.load(self.files[index])
            return torch.from_numpy(sample["data"]), sample["label"][0]

    model = ResNet(50)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=5e-5)
    for images, labels in Paced(DataLoader(Stacks(), batch_size=batch, num_workers=4), turns):
        loss = functional.cross_entropy(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def write_stemdl(arrays: dict[str, np.ndarray], folder: Path) -> None:
    for number, (image, label) in enumerate(zip(arrays["input"], arrays["target"], strict=True)):
        np.savez(folder / f"sample-{number}.npz", data=image, label=[label])


# --- slstr_cloud --------------------------------------------------------------------------------------------------


def slstr_cloud(data: Path, turns: Turns, batch: int, checkout: Path | None) -> None:
    # Published: read once, then from a cache in memory, in float32.
    images, masks = np.load(data / "images.npy"), np.load(data / "masks.npy")
    if checkout:
        keras_slstr_cloud(images, masks, turns, batch, checkout)
        return
    import torch
    from torch.nn import functional

    from workloads.slstr_cloud.model import UNet

    model = UNet()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    order = np.random.default_rng(0)
    while turns.begin():
        chosen = order.integers(len(images), size=batch)
        inputs = torch.from_numpy(images[chosen].transpose(0, 3, 1, 2)).contiguous()
        truths = torch.from_numpy(masks[chosen])
        cloud = model(inputs)[:, 0].sigmoid()
        loss = functional.binary_cross_entropy(cloud, truths)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        # Keras reports loss, accuracy and F1 of every batch.
        called, true = cloud.detach() > 0.5, truths > 0.5
        for value in (loss, (called == true).float().mean(), (called & true).sum() / (called.sum() + true.sum())):
            value.item()
        turns.end()


def keras_slstr_cloud(images: np.ndarray, masks: np.ndarray, turns: Turns, batch: int, checkout: Path) -> None:
    import tensorflow as tf

    sys.path.insert(0, str(checkout / "sciml_bench" / "benchmarks" / "science" / "slstr_cloud"))
    from model import unet

    threads = int(os.environ["OMP_NUM_THREADS"])
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)

    def f1(truth: Any, predicted: Any) -> Any:
        hits = tf.reduce_sum(tf.round(tf.clip_by_value(truth * predicted, 0, 1)))
        called, true = (tf.reduce_sum(tf.round(tf.clip_by_value(mask, 0, 1))) for mask in (predicted, truth))
        return 2 * hits / (called + true + 1e-7)

    class Pacing(tf.keras.callbacks.Callback):  # type: ignore[misc]
        def on_train_batch_begin(self, step: int, logs: Any = None) -> None:
            if not turns.begin():
                raise NoMoreTurns

        def on_train_batch_end(self, step: int, logs: Any = None) -> None:
            turns.end()

    data = tf.data.Dataset.from_tensor_slices((images, masks[..., None])).cache().prefetch(batch).shuffle(batch)
    data = data.batch(batch, drop_remainder=True).repeat()
    with tf.distribute.MirroredStrategy().scope():
        model = unet(input_shape=images.shape[1:])
        model.compile(optimizer=tf.keras.optimizers.Adam(1e-3), loss="binary_crossentropy", metrics=["accuracy", f1])
        try:
            model.fit(data, epochs=1, steps_per_epoch=10**6, verbose=0, callbacks=[Pacing()])
        except NoMoreTurns:
            return


def write_slstr_cloud(arrays: dict[str, np.ndarray], folder: Path) -> None:
    np.save(folder / "images.npy", arrays["input"].astype(np.float32))
    np.save(folder / "masks.npy", arrays["target"].astype(np.float32))


LOOPS: dict[str, Callable[[Path, Turns, int, Path | None], None]] = {
    loop.__name__: loop for loop in (em_denoise, dms_scatter, stemdl, slstr_cloud)
}
WRITERS: dict[str, Callable[[dict[str, np.ndarray], Path], None]] = {
    "em_denoise": write_em_denoise,
    "dms_scatter": write_dms_scatter,
    "stemdl": write_stemdl,
    "slstr_cloud": write_slstr_cloud,
}


def main() -> None:
    """One published loop."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--benchmark", choices=LOOPS, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--batch", type=int, required=True)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--checkout", type=Path)
    parser.add_argument("--keep-memory", action="store_true")
    options = parser.parse_args()
    if not (options.benchmark == "slstr_cloud" and options.checkout):
        import torch

        torch.set_num_threads(options.threads)
    if options.keep_memory:
        from workloads.runtime.memory import keep_freed_memory

        keep_freed_memory()
    turns = Turns(options.side, options.folder, 0)
    LOOPS[options.benchmark](options.data, turns, options.batch, options.checkout)


if __name__ == "__main__":
    main()
