"""``data NAME download`` against a real S3 server on loopback."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from commands import Answer, Command, environment
from s3server import Gate, free_port, s3_server, upload

pytest.importorskip("moto")

PREFIX = "sciml-datasets/ms/em_graphene_sim"
FILES = ("graphene_img_noise.h5", "graphene_img_clean.h5")
PIXELS = 64
WORDS = ["benchmark.dataset.pixels=64", "recipe=reference", "cluster.threads_per_rank=1"]


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files in em_denoise's layout, 23 MB: what is in them does not matter for their way here."""
    folder = tmp_path_factory.mktemp("published")
    random = np.random.default_rng(1)
    for name, images in (("train", 600), ("test", 100)):
        (folder / name).mkdir()
        for file in FILES:
            with h5py.File(folder / name / file, "w") as opened:
                opened["images"] = random.random((images, PIXELS, PIXELS, 1), np.float32)
    return folder


@pytest.fixture(scope="module")
def server(published: Path) -> Iterator[tuple[int, int]]:
    """Port of the server that has them, and their bytes."""
    with s3_server() as port:
        yield port, upload(port, published, PREFIX)


@pytest.fixture
def gate(server: tuple[int, int]) -> Iterator[Gate]:
    gate = Gate(server[0])
    yield gate
    gate.close()


@pytest.fixture
def download(orchestrator: Command, gate: Gate) -> Command:
    def run(*words: str, endpoints: tuple[str, ...] = (), **options: Any) -> Answer:
        listed = ",".join(endpoints or (gate.address,))
        return orchestrator(
            "data", "em_denoise", "download", *WORDS, f"benchmark.download.endpoints=[{listed}]", *words, **options
        )

    return run


def place(folder: Path) -> Path:
    return folder / "data" / "published" / PREFIX


def begin(gate: Gate, folder: Path, *words: str) -> subprocess.Popen[str]:
    """A download in a session of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "orchestrator", "data", "em_denoise", "download", *WORDS,
         f"benchmark.download.endpoints=[{gate.address}]", *words],
        cwd=folder, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip


def wait_for(condition: Any, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_all_objects_arrive_with_their_checksums_and_come_once(
    download: Command, gate: Gate, server: tuple[int, int], published: Path, tmp_path: Path
) -> None:
    answer = download("--json")
    assert answer.code == 0, answer.err
    total = server[1]
    assert (answer.document["objects"], answer.document["bytes"], gate.total) == (4, total, total)
    for path in published.rglob("*.h5"):
        assert (place(tmp_path) / path.relative_to(published)).read_bytes() == path.read_bytes()
    assert "4 objects, 22.9 MB; 0 bytes here already" in answer.err and "free at" in answer.err
    lines = [json.loads(line) for line in (place(tmp_path) / "download.jsonl").read_text().splitlines() if line]
    assert all(len(line["sha256"]) == 64 for line in lines if "key" in line)
    again = download("--json")
    assert (again.document["fetched_bytes"], gate.total) == (0, total)
    assert any(
        command.startswith("python -m orchestrator data em_denoise convert") for command in again.document["next"]
    )


def test_killed_half_way_it_goes_on_where_it_was(
    download: Command, gate: Gate, server: tuple[int, int], tmp_path: Path
) -> None:
    gate.bytes_per_s = 4e6
    process = begin(gate, tmp_path)
    wait_for(lambda: gate.total > server[1] / 2)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    gate.bytes_per_s = None
    time.sleep(0.3)
    kept = sum(path.stat().st_blocks * 512 for path in place(tmp_path).rglob("graphene*") if path.suffix != ".state")
    gate.served.clear()
    answer = download("--json")
    assert answer.code == 0, answer.err
    fetched = answer.document["fetched_bytes"]
    assert fetched == gate.total < server[1] - 0.25 * server[1]
    # What was on its way when the process died is fetched again: less than a block for each connection.
    assert fetched <= server[1] - kept + 8 * (1 << 20)
    assert orchestrator_verifies(tmp_path)


def orchestrator_verifies(folder: Path) -> bool:
    words = [sys.executable, "-m", "orchestrator", "data", "em_denoise", "verify", *WORDS]
    return subprocess.run(words, cwd=folder, env=environment(), capture_output=True).returncode == 0


@pytest.mark.thorough
def test_it_ends_when_only_its_parent_is_killed_and_can_be_started_again(
    download: Command, gate: Gate, server: tuple[int, int], tmp_path: Path
) -> None:
    gate.bytes_per_s = 2e6
    process = begin(gate, tmp_path)
    wait_for(lambda: gate.total > 2_000_000)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    begun = time.monotonic()
    gate.bytes_per_s = None
    while (answer := download("--json")).code and time.monotonic() < begun + 30:
        assert "another process downloads" in answer.err
        time.sleep(0.3)
    assert answer.code == 0
    process.communicate()


@pytest.mark.thorough
def test_two_at_once_do_not_write_over_each_other(download: Command, gate: Gate, tmp_path: Path) -> None:
    gate.bytes_per_s = 2e6
    process = begin(gate, tmp_path)
    wait_for(lambda: gate.total > 1_000_000)
    gate.bytes_per_s = 2e4  # Under way for as long as the other takes to start.
    answer = download()
    gate.bytes_per_s = None
    assert answer.code == 1 and "another process downloads into" in answer.err
    assert process.wait(60) == 0
    process.communicate()


def test_an_object_spoiled_on_its_way_is_named_and_fetched_from_the_mirror(
    download: Command, gate: Gate, server: tuple[int, int], tmp_path: Path
) -> None:
    gate.spoiled = {"train/graphene_img_clean.h5"}
    alone = download()
    assert alone.code == 1
    assert "train/graphene_img_clean.h5 arrived damaged" in alone.err and "1 of 4 objects did not come" in alone.err
    assert not (place(tmp_path) / "train/graphene_img_clean.h5").exists()
    mirror = Gate(server[0])
    answer = download("--json", endpoints=(gate.address, mirror.address))
    mirror.close()
    assert answer.code == 0 and answer.document["endpoint"] == mirror.address
    assert set(mirror.served) == {f"/{PREFIX}/train/graphene_img_clean.h5"}
    assert f"trying {mirror.address}" in answer.err


@pytest.mark.thorough
def test_an_object_that_changed_on_disk_is_found_by_verify(
    download: Command, orchestrator: Command, tmp_path: Path
) -> None:
    assert download().code == 0
    path = place(tmp_path) / "test" / FILES[0]
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    answer = orchestrator("data", "em_denoise", "verify", *WORDS)
    assert answer.code == 1
    assert str(path) in answer.err and "has SHA-256" in answer.err and "1 of 4 objects" in answer.err
    path.unlink()
    assert download("--json").document["fetched_bytes"] == len(content)
    assert orchestrator("data", "em_denoise", "verify", *WORDS).code == 0


@pytest.mark.thorough
def test_a_server_that_breaks_off_is_replaced_by_its_mirror_which_gives_only_the_rest(
    download: Command, gate: Gate, server: tuple[int, int]
) -> None:
    gate.breaks_after = 8_000_000
    mirror = Gate(server[0])
    answer = download("--json", endpoints=(gate.address, mirror.address))
    mirror.close()
    assert answer.code == 0, answer.err
    assert answer.document["endpoint"] == mirror.address
    assert mirror.total == answer.document["fetched_bytes"] < server[1] - 6_000_000


@pytest.mark.thorough
def test_a_private_object_is_named_with_what_the_server_says(orchestrator: Command, published: Path) -> None:
    with s3_server() as port:
        upload(port, published, PREFIX, private=(f"test/{FILES[0]}",))
        answer = orchestrator(
            "data", "em_denoise", "download", *WORDS, f"benchmark.download.endpoints=[http://127.0.0.1:{port}]"
        )
    assert answer.code == 1
    assert f"test/{FILES[0]}" in answer.err and "403" in answer.err
    assert "1 of 4 objects did not come" in answer.err


def test_servers_that_cannot_be_reached_are_named_with_a_remedy(download: Command, tmp_path: Path) -> None:
    dead = tuple(f"http://127.0.0.1:{free_port()}" for _ in range(2))
    answer = download(endpoints=dead)
    assert answer.code == 1 and "Traceback" not in answer.err
    assert all(address in answer.err for address in dead)
    assert "benchmark.download.endpoints=[URL]" in answer.err


def test_an_address_that_is_none_is_a_wrong_configuration(download: Command) -> None:
    answer = download(endpoints=("s3.echo.stfc.ac.uk",))
    assert answer.code == 64 and "benchmark.download.endpoints" in answer.err


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 32 MB."""
    folder = tmp_path / "small"
    folder.mkdir()
    if (
        shutil.which("mount") is None
        or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=32m", "tmpfs", folder], capture_output=True).returncode
    ):
        pytest.skip("mounting a tmpfs takes root")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def test_no_byte_is_fetched_where_there_is_no_room_for_all(download: Command, gate: Gate, small_disk: Path) -> None:
    (small_disk / "filler").write_bytes(bytes(20_000_000))
    answer = download(f"cluster.paths.data={small_disk}")
    assert answer.code == 1 and gate.total == 0
    assert "needs 22.9 MB" in answer.err
    assert "make room for" in answer.err and str(small_disk) in answer.err


@pytest.mark.thorough
def test_a_disk_that_fills_up_meanwhile_stops_it_and_room_lets_it_go_on(
    download: Command, gate: Gate, server: tuple[int, int], small_disk: Path, tmp_path: Path
) -> None:
    gate.bytes_per_s = 4e6
    process = begin(gate, tmp_path, f"cluster.paths.data={small_disk}")
    wait_for(lambda: gate.total > 4_000_000)
    (small_disk / "filler").write_bytes(bytes(18_000_000))
    _, said = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "no space left at" in said and "make room and start the download again" in said
    (small_disk / "filler").unlink()
    gate.bytes_per_s = None
    answer = download("--json", f"cluster.paths.data={small_disk}")
    assert answer.code == 0
    assert answer.document["fetched_bytes"] < server[1] - 3_000_000


def test_downloaded_files_convert_and_verify_and_a_damaged_copy_is_named(
    download: Command, orchestrator: Command, tmp_path: Path
) -> None:
    before = orchestrator("benchmark=em_denoise", *WORDS)
    assert before.code == 64
    assert "python -m orchestrator data em_denoise download recipe=reference benchmark.dataset.pixels=64" in before.err
    assert download().code == 0
    between = orchestrator("benchmark=em_denoise", *WORDS)
    assert between.code == 64 and "data em_denoise convert" in between.err and "download " not in between.err
    assert orchestrator("data", "em_denoise", "convert", *WORDS).code == 0
    told = orchestrator("data", "em_denoise", "verify", *WORDS, "--json")
    assert told.code == 0
    assert (told.document["training_samples"], told.document["source"]) == (600, "real")
    (found,) = orchestrator("data", "em_denoise", "info", *WORDS, "--json").document["datasets"]
    assert (found["state"], found["checksum"]) == ("ready", told.document["checksum"])
    path = Path(found["folder"]) / "training-00001-of-00002.h5"
    with path.open("r+b") as file:
        file.seek(1_000_000)
        file.write(b"\xff\xff\xff")
    damaged = orchestrator("benchmark=em_denoise", *WORDS)
    assert damaged.code == 64 and str(path) in damaged.err and "BLAKE3" in damaged.err


@pytest.mark.thorough
def test_a_download_that_was_interrupted_is_not_converted(orchestrator: Command, gate: Gate, tmp_path: Path) -> None:
    gate.bytes_per_s = 4e6
    process = begin(gate, tmp_path)
    wait_for(lambda: gate.total > 4_000_000)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    answer = orchestrator("data", "em_denoise", "convert", *WORDS)
    assert answer.code == 1
    assert "the download is not complete" in answer.err and "data em_denoise download" in answer.err


@pytest.mark.parametrize(
    "first", [pytest.param(b"\0" * 21, id="never written"), pytest.param(b"\xff" * 21, id="damaged")]
)
def test_a_later_segment_that_came_before_the_first_is_kept(
    first: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from workloads.runtime.publication import download as engine
    from workloads.runtime.publication.s3 import RemoteObject

    monkeypatch.setattr(engine, "SEGMENT_BYTES", 4)
    item = RemoteObject("a.h5", 8, "etag")
    engine.Partial(tmp_path, item).open()
    begun = engine.Partial(tmp_path, item)
    begun.data.write_bytes(b"\0" * 4 + b"abc")
    begun.state.write_bytes(begun.header + first + b"3\n".rjust(engine.SLOT))
    assert engine.Partial(tmp_path, item).done == [0, 3]
    begun.state.write_bytes(begun.header[:9])
    assert (engine.Partial(tmp_path, item).done, engine.Partial(tmp_path, item).changed) == ([0, 0], False)


def test_large_objects_come_in_ranges_side_by_side_and_resume_within_each(
    gate: Gate, server: tuple[int, int], published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from workloads.runtime.errors import DatasetError
    from workloads.runtime.publication import download as engine
    from workloads.runtime.publication.published import Published

    monkeypatch.setattr(engine, "SEGMENT_BYTES", 3 << 20)
    monkeypatch.setattr(engine, "RETRIES", 1)
    wanted = Published(PREFIX, None, "")

    def fetch() -> engine.Download:
        return engine.download_objects(wanted, tmp_path, [gate.address], 4, lambda done, total: None, lambda text: None)

    gate.breaks_after = 10_000_000
    with pytest.raises(DatasetError, match="What has arrived is kept"):
        fetch()
    begun = {int(span.split("=")[1].split("-")[0]) for span in gate.ranges}
    assert {0, 3 << 20, 6 << 20} <= begun
    gate.breaks_after = None
    gate.served.clear()
    told = fetch()
    assert told["fetched_bytes"] == gate.total < server[1] - 6_000_000
    for path in published.rglob("*.h5"):
        assert (tmp_path / path.relative_to(published)).read_bytes() == path.read_bytes()
    assert not [*tmp_path.rglob("*.partial"), *tmp_path.rglob("*.state")]
