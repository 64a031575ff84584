"""The verb as people use it: what is refused before anything is installed, and a sweep from clock to message."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from commands import Command, environment
from schedules import STEPS, WEEK, free_port, mail_server, put_sweep, schedule_in, webhook

from orchestrator.__main__ import main
from orchestrator.records import read_json, read_json_if_whole, write_json
from orchestrator.schedule.execution import note_interruption
from orchestrator.schedule.state import SlotEntry, write_state
from orchestrator.schedule.sweep import Start, name_sweep, start_sweep
from orchestrator.schedule.timing import later
from orchestrator.store.entries import KEY
from orchestrator.store.store import Store, default_url

WEEKLY = ("cluster=local", "suite=weekly", "when=0 2 * * SUN", "via=cron")
SWEEP = "sweep=benchmark=stemdl nodes=[1,2] scale=weak"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((*WEEKLY[:2], "when=0 25 * * SUN", SWEEP), "when='0 25 * * SUN': the hour '25' is not 0–23"),
        ((*WEEKLY[:2], SWEEP), "Say when: when="),
        (("suite=weeekly", *WEEKLY[::2], "via=cron"), "no acceptance suite 'weeekly'. Did you mean weekly?"),
        ((*WEEKLY, "sweep=benchmark=stemdll"), "There is no benchmark 'stemdll'. Did you mean stemdl?"),
        ((*WEEKLY, "sweep=benchmark=stemdl nodes=0"), "nodes=0: node counts are positive whole numbers"),
        ((*WEEKLY, "sweep=benchmark=stemdl cluster=cpu"), "cluster= is given beside sweep=, not in it"),
        (("cluster=lokal", *WEEKLY[1:], SWEEP), "There is no cluster 'lokal'. Did you mean local?"),
        ((*WEEKLY[1:], SWEEP), "Say for which cluster: cluster=NAME."),
        ((*WEEKLY, SWEEP, "until=2020-01-01"), "until=2020-01-01 is past"),
        ((*WEEKLY, SWEEP, "until=soon"), "until='soon' is no date"),
        ((*WEEKLY[:3], SWEEP, "via=crun"), "via=crun is not known. Did you mean cron?"),
        ((*WEEKLY, SWEEP, "schedule.catchup=true"), "Did you mean schedule.catch_up?"),
        ((*WEEKLY, SWEEP, "benchmark=stemdl"), "Say what is to be run as one word: sweep="),
        ((*WEEKLY, SWEEP, "store.url=postgresql://watch:s3cret@db/x"), "a schedule keeps no password"),
    ],
)
@pytest.mark.quick(4)
def test_what_is_wrong_is_refused_before_anything_is_installed(
    words: tuple[str, ...], message: str, tmp_path: Path, cron: int, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    assert main(["schedule", "install", *words]) == 64
    out, err = capsys.readouterr()
    assert out == "" and message in err and "s3cret" not in err
    assert not (tmp_path / "results").exists()
    assert subprocess.run(["crontab", "-l"], capture_output=True).returncode == 1


def test_people_who_cannot_be_reached_are_noticed_before_they_are_needed(orchestrator: Command, cron: int) -> None:
    url = f"notify.webhook.url=http://127.0.0.1:{free_port()}/secret"
    answer = orchestrator("schedule", "install", *WEEKLY, SWEEP, url)
    assert answer.code == 64
    assert "notify.webhook.url: 127.0.0.1:" in answer.err and "Connection refused" in answer.err
    assert "secret" not in answer.err
    installed = orchestrator("schedule", "install", *WEEKLY, SWEEP, url, "notify.check=false", "--json")
    assert installed.code == 0 and "secret" not in installed.out


def test_it_is_shown_installed_shown_again_and_removed(orchestrator: Command, cron: int, tmp_path: Path) -> None:
    shown = orchestrator("schedule", "show", *WEEKLY, SWEEP, "--json").document
    assert not shown["installed"] and not (tmp_path / "results").exists()
    first = orchestrator("schedule", "install", *WEEKLY, SWEEP, "--json").document
    assert first["changed"] and first["installed"]
    crontab = subprocess.run(["crontab", "-l"], capture_output=True, text=True).stdout
    assert crontab == shown["units"][0]["text"] == first["units"][0]["text"]
    assert not orchestrator("schedule", "install", *WEEKLY, SWEEP, "--json").document["changed"]
    assert subprocess.run(["crontab", "-l"], capture_output=True, text=True).stdout == crontab
    (listed,) = orchestrator("schedule", "show", "--json").document["schedules"]
    assert listed["installed"] and listed["schedule"]["name"] == "weekly-local"
    assert orchestrator("schedule", "remove", *WEEKLY[:2]).code == 0
    assert subprocess.run(["crontab", "-l"], capture_output=True).returncode == 1
    gone = orchestrator("schedule", "remove", *WEEKLY[:2])
    assert gone.code == 64 and "No such schedule is installed" in gone.err


def test_what_is_left_of_a_schedule_whose_folder_was_purged_can_still_be_removed(
    cron: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["schedule", "install", *WEEKLY, SWEEP]) == 0
    shutil.rmtree(tmp_path / "results")
    assert main(["schedule", "remove", *WEEKLY[:2]]) == 0
    assert "its folder was gone already" in capsys.readouterr().out
    assert subprocess.run(["crontab", "-l"], capture_output=True).returncode == 1
    assert main(["schedule", "remove", *WEEKLY[:2]]) == 64


@pytest.fixture
def short(tiny: list[str]) -> str:
    """A sweep of seconds."""
    return "sweep=" + " ".join([*tiny, STEPS, "comm=torch"])


@pytest.mark.ranks
def test_a_sweep_is_run_compared_and_told(orchestrator: Command, short: str, cron: int, tmp_path: Path) -> None:
    with webhook() as hook:
        told = f"notify.webhook.url={hook.url}"
        assert orchestrator("schedule", "install", *WEEKLY, short, told).code == 0
        folder = tmp_path / "results" / "schedule" / "weekly-local"
        first = orchestrator("schedule", "run", str(folder), "--now", "--json")
        assert first.code == 0, first.err
        assert first.document["news"] == [] and hook.bodies == []
        store = Store(default_url(tmp_path / "results"))
        assert [record.run["state"] for record in store.campaign(first.document["sweep"])] == ["completed"]
        assert "weekly-local" in (folder / "history" / "index.html").read_text()
        # A store of SYNTHETIC weeks in place of that one, far faster: the next sweep is slower.
        run: Mapping[str, Any] = store.campaign(first.document["sweep"])[0].run
        like = {key: run[key] for key in KEY if key not in ("nodes", "ranks", "cluster")}
        for path in (tmp_path / "results").glob("store.sqlite*"):
            path.unlink()
        store = Store(default_url(tmp_path / "results"))
        for week in range(1, 7):
            put_sweep(store, "weekly-local", time.time() - week * WEEK, 1e8, week, **like)
        again = orchestrator("schedule", "run", str(folder), "--now", "--json")
        assert again.code == 5, again.err
        (body,) = hook.bodies
        assert "slower by 100 %" in body["text"] and "6 earlier sweeps" in body["text"]
    trial = orchestrator("schedule", "test", *WEEKLY[:2])
    assert trial.code == 1 and "Connection refused" in trial.out


@pytest.mark.ranks
def test_crons_daemon_runs_the_sweep_when_its_minute_comes_and_mail_and_webhook_tell_of_it(
    orchestrator: Command, tiny: list[str], cron: int, tmp_path: Path
) -> None:
    # Too short to learn anything: there is something to tell.
    short = " ".join([*tiny, "benchmark.training.epochs=1", "benchmark.quality.target=0.99", "comm=torch"])
    with webhook() as hook, mail_server() as box:
        answer = orchestrator(
            "schedule", "install", *WEEKLY[:2], "when=* * * * *", "via=cron", f"sweep={short}",
            f"notify.webhook.url={hook.url}", "notify.mail.to=[a@site.org]", f"notify.smtp.host={box.host}",
            f"notify.smtp.port={box.port}",
        )  # fmt: skip
        assert answer.code == 0, answer.err
        folder = tmp_path / "results" / "schedule" / "weekly-local"
        deadline = time.monotonic() + 150
        state: dict[str, Any] = {}
        while time.monotonic() < deadline and "last_start" not in state:
            time.sleep(0.2)
            state = read_json_if_whole(folder / "state.json") or {}
            if "slot" in state and (folder / "start").exists():
                # It runs: one is enough, and it goes on to its end.
                assert orchestrator("schedule", "remove", *WEEKLY[:2]).code == 0
    assert state["last_start"]["code"] == 2, next(folder.glob("log/2*.log")).read_text()
    assert state["slot"]["done"] and state["slot"]["moment"] % 60 == 0
    assert len(Store(default_url(tmp_path / "results")).campaign(state["last_start"]["sweep"])) == 1
    (body,), (mail,) = hook.bodies, box.mails
    assert all("not the target 0.990" in text for text in (body["text"], mail.get_content()))


@pytest.mark.ranks
@pytest.mark.parametrize("why", [pytest.param("time limit", marks=pytest.mark.thorough), "SIGTERM"])
def test_at_its_end_a_sweep_cancels_what_is_in_flight(
    why: str, orchestrator: Command, tiny: list[str], cron: int, tmp_path: Path
) -> None:
    endless = "sweep=" + " ".join(
        [*tiny, "comm=torch", "benchmark.training.epochs=100000", "benchmark.quality.target=2"]
    )
    assert orchestrator("schedule", "install", *WEEKLY, endless).code == 0
    folder = tmp_path / "results" / "schedule" / "weekly-local"
    if why == "time limit":
        document = json.loads((folder / "schedule.json").read_text())
        document["settings"]["time_limit_min"] = 0.2
        (folder / "schedule.json").write_text(json.dumps(document))
    process = subprocess.Popen(
        [sys.executable, "-m", "orchestrator", "schedule", "run", str(folder), "--now", "--json"],
        env=environment(), cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    if why == "SIGTERM":
        deadline = time.monotonic() + 60
        while not list(tmp_path.glob("results/weekly-*/*/attempt-1/alive*")) and time.monotonic() < deadline:
            time.sleep(0.1)
        os.kill(process.pid, signal.SIGTERM)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 1, err
    news = {item["state"] + ": " + item["text"] for item in json.loads(out)["news"]}
    assert any(("its time limit of 0.2 min" if why == "time limit" else "ended by SIGTERM") in text for text in news)
    (record,) = Store(default_url(tmp_path / "results")).campaign(json.loads(out)["sweep"])
    assert record.run["state"] == "cancelled"
    assert subprocess.run(["pgrep", "-f", f"workloads.entry {tmp_path}"], capture_output=True).stdout == b""


def test_a_sweep_started_in_the_background_of_a_script_ignores_sigint_and_can_end_what_it_started() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with note_interruption() as noted:
            os.kill(os.getpid(), signal.SIGINT)
            child = subprocess.Popen(
                [sys.executable, "-c", "print(flush=True); input()"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
            assert child.stdout and child.stdout.readline() == b"\n"
            child.send_signal(signal.SIGINT)
            assert b"KeyboardInterrupt" in child.communicate(timeout=30)[1]
            assert noted.signal is None
            os.kill(os.getpid(), signal.SIGTERM)
            assert noted.signal == "SIGTERM"
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_two_starts_for_one_moment_run_it_once(tmp_path: Path) -> None:
    # In place of the orchestrator a program that takes as long as it needs: what it measures is of no interest here.
    program = tmp_path / "python"
    program.write_text(f"#!/bin/sh\nsleep 2\necho ran >>{tmp_path}/ran\n")
    program.chmod(0o755)
    schedule = schedule_in(tmp_path, python=str(program))
    schedule.write()
    starts = [
        subprocess.Popen(
            [sys.executable, "-m", "orchestrator", "schedule", "run", str(schedule.folder)], env=environment()
        )
        for _ in range(2)
    ]
    assert [start.wait(60) for start in starts] == [0, 0]
    assert (tmp_path / "ran").read_text() == "ran\n"


def test_after_a_clock_that_was_ahead_sweeps_run_again_and_people_hear_of_it_once(tmp_path: Path) -> None:
    program = tmp_path / "python"
    program.write_text(f"#!/bin/sh\necho ran >>{tmp_path}/ran\n")
    program.chmod(0o755)
    with webhook() as hook:
        schedule = schedule_in(tmp_path, {"webhook": {"url": hook.url}}, python=str(program))
        schedule.write()
        slot: SlotEntry = {"moment": time.time() + 26 * WEEK, "tries": 1, "done": True}
        write_state(schedule.folder, {"slot": slot})
        first, second = (start_sweep(schedule.folder, Start(quiet=True)) for _ in range(2))
    assert first.reason is None and [item.state for item in first.news if item.state == "wrong clock"]
    assert second.reason is not None and "was run already" in second.reason
    assert (tmp_path / "ran").read_text() == "ran\n"
    told = [body["text"] for body in hook.bodies]
    assert len([text for text in told if "clock was ahead" in text]) == 1


def test_sweeps_of_the_hour_that_clocks_repeat_have_names_of_their_own(tmp_path: Path) -> None:
    schedule, moment = schedule_in(tmp_path), datetime(2026, 10, 25, 2, 0, 1, tzinfo=ZoneInfo("Europe/Berlin"))
    names = []
    for hours in (0, 1):
        names.append(name_sweep(schedule, later(moment, timedelta(hours=hours))))
        (Path(schedule.results) / f"{names[-1]}-01-hardware").mkdir(parents=True)
    assert names == ["weekly-local-20261025-020001", "weekly-local-20261025-020002"]


def test_an_expired_schedule_says_so_once_and_runs_nothing(orchestrator: Command, cron: int, tmp_path: Path) -> None:
    with webhook() as hook:
        told = f"notify.webhook.url={hook.url}"
        assert orchestrator("schedule", "install", *WEEKLY, SWEEP, told, "until=2999-01-01T00:00:00").code == 0
        folder = tmp_path / "results" / "schedule" / "weekly-local"
        # The day comes sooner.
        until = "2001-01-01T00:00:00"
        definition = read_json(folder / "schedule.json")
        write_json(folder / "schedule.json", {**definition, "until": until})
        for _ in range(2):
            answer = orchestrator("schedule", "run", str(folder))
            assert answer.code == 64
            assert f"the schedule weekly-local expired (until={until}); nothing was run" in answer.err
        assert len(hook.bodies) == 1
    assert [path.name for path in (tmp_path / "results").iterdir()] == ["schedule"]
