"""One conformance suite for all who start sweeps by the clock, then the exact texts of each."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from schedules import schedule_in

from orchestrator.errors import UsageError
from orchestrator.schedule.backends import BACK_ENDS, BackEnd, BackEndError, choose_back_end, crontabs
from orchestrator.schedule.backends.crontabs import one_change_at_a_time, replace_block, seconds_to_wait
from orchestrator.schedule.backends.resubmission import query_jobs
from orchestrator.schedule.definition import Schedule
from orchestrator.schedule.installation import install_schedule, remove_schedule

SURROUNDINGS = {"scrontab": "scrontab", "systemd": "systemctl", "cron": "cron", "slurm": "sbatch"}
SLURM = {"additional": {"time": "1"}, "partition": None, "account": None, "qos": None, "memory_gb": None}
FOREIGN = b"""# mine
MAILTO=me

*/5 * * * *\techo 50\\% \xc3\xa4 \x20
# BEGIN orchestrator schedule other-1: x
1 1 1 1 1 y
# END orchestrator schedule other-1
"""


@pytest.fixture(params=[pytest.param(name, marks=[pytest.mark.slurm] * (name == "slurm")) for name in SURROUNDINGS])
def back_end(request: pytest.FixtureRequest) -> BackEnd:
    request.getfixturevalue(SURROUNDINGS[request.param])
    return BACK_ENDS[request.param]()


def for_back_end(folder: Path, back_end: BackEnd, **changes: Any) -> Schedule:
    return schedule_in(folder, via=back_end.name, slurm=SLURM, **changes)


def test_every_back_end_has_its_surroundings_here() -> None:
    assert list(SURROUNDINGS) == list(BACK_ENDS)


def test_what_is_installed_is_there_once_and_removed_it_is_gone(tmp_path: Path, back_end: BackEnd) -> None:
    schedule = for_back_end(tmp_path, back_end)
    assert back_end.missing(schedule) is None
    assert not back_end.present(schedule)
    try:
        assert back_end.install(schedule) and back_end.present(schedule)
        assert not back_end.install(schedule) and back_end.present(schedule)
    finally:
        assert back_end.remove(schedule)
    assert not back_end.present(schedule) and not back_end.remove(schedule)


def test_installed_again_with_another_time_it_is_replaced(tmp_path: Path, back_end: BackEnd) -> None:
    before, after = (for_back_end(tmp_path, back_end, when=when) for when in ("0 2 * * SUN", "30 3 * * MON"))
    try:
        back_end.install(before)
        assert back_end.install(after)
        assert back_end.present(after) and not back_end.present(before)
    finally:
        assert back_end.remove(after)
    assert not back_end.present(before)


def test_schedules_beside_each_other_do_not_touch(tmp_path: Path, back_end: BackEnd) -> None:
    one = for_back_end(tmp_path, back_end, name="weekly-local")
    two = for_back_end(tmp_path, back_end, name="weekly-local-2")
    try:
        back_end.install(one)
        back_end.install(two)
        assert back_end.remove(one)
        assert back_end.present(two) and not back_end.present(one)
    finally:
        back_end.remove(two)


@pytest.mark.parametrize(
    ("second", "wait"), [(0.0, 3.0), (2.5, 0.5), (3.0, 0.0), (57.9, 0.0), (58.0, 5.0), (59.9, 3.1)]
)
def test_a_crontab_is_not_written_while_cron_looks(second: float, wait: float) -> None:
    assert seconds_to_wait(60 * 29_000_000 + second) == pytest.approx(wait)


def test_what_somebody_saves_while_cron_looks_stays(
    tmp_path: Path, crontab: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    crontab.write_bytes(b"# mine\n")
    moments = [59.5, 63.1]

    def save(seconds: float) -> None:
        assert seconds == pytest.approx(3.5)
        crontab.write_bytes(FOREIGN)

    clock = SimpleNamespace(time=lambda: moments.pop(0), sleep=save, monotonic=time.monotonic)
    monkeypatch.setattr(crontabs, "time", clock)
    schedule = for_back_end(tmp_path, BACK_ENDS["cron"]())
    assert BACK_ENDS["cron"]().install(schedule)
    assert crontab.read_bytes() == FOREIGN + BACK_ENDS["cron"]().units(schedule)[0].text.encode()
    assert not BACK_ENDS["cron"]().install(schedule), "what is there is not waited for"


SLOW = """#!/bin/sh
case "$1" in
-l) cat "$STAND_IN/text"; sleep 0.3 ;;
-) cat >"$STAND_IN/new" && sleep 0.1 && mv "$STAND_IN/new" "$STAND_IN/text" ;;
esac
"""


def test_of_installations_at_once_none_is_lost(tmp_path: Path, commands: Path) -> None:
    (commands / "scrontab").write_text(SLOW)
    (commands / "scrontab").chmod(0o755)
    (tmp_path / "text").touch()
    back_end = BACK_ENDS["scrontab"]()
    schedules = [for_back_end(tmp_path, back_end, name=f"at-once-{number}") for number in range(4)]
    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(back_end.install, schedules))
    assert all(map(back_end.present, schedules))


def test_another_installation_that_does_not_end_is_named(
    tmp_path: Path, scrontab: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    back_end = BACK_ENDS["scrontab"]()
    monkeypatch.setattr(crontabs, "LOCK_S", 0.0)
    with one_change_at_a_time("scrontab"), ThreadPoolExecutor(1) as pool:
        other = pool.submit(back_end.install, for_back_end(tmp_path, back_end))
        with pytest.raises(BackEndError, match=f"scrontab: process {os.getpid()} on .* has been changing it"):
            other.result(30)


def test_without_a_home_to_lock_in_schedules_are_installed_all_the_same(tmp_path: Path, scrontab: None) -> None:
    (tmp_path / "cache").write_text("in the way")
    back_end = BACK_ENDS["scrontab"]()
    schedule = for_back_end(tmp_path, back_end)
    assert back_end.install(schedule) and back_end.present(schedule)


def test_another_persons_lines_survive_byte_for_byte(tmp_path: Path, cron: int) -> None:
    subprocess.run(["crontab", "-"], input=FOREIGN, check=True)
    spool = Path(f"/proc/{cron}/root/var/spool/cron/crontabs/root")
    before = spool.read_bytes().partition(b"# mine")[2]
    schedule = schedule_in(tmp_path)
    BACK_ENDS["cron"]().install(schedule)
    assert spool.read_bytes().partition(b"# mine")[2].startswith(before)
    assert b"schedule/weekly-local/start --quiet" in spool.read_bytes()
    BACK_ENDS["cron"]().remove(schedule)
    assert spool.read_bytes().partition(b"# mine")[2] == before
    subprocess.run(["crontab", "-r"], check=True)


def test_lines_keep_their_place_and_what_follows_them() -> None:
    own = b"# BEGIN orchestrator schedule a: t\n0 2 * * 0 x\n# END orchestrator schedule a\n"
    assert replace_block(FOREIGN + own + b"9 9 * * * z\n", "a", b"") == FOREIGN + b"9 9 * * * z\n"
    assert replace_block(own + FOREIGN, "a", own.replace(b" x", b" y")) == own.replace(b" x", b" y") + FOREIGN
    assert replace_block(own + FOREIGN + own, "a", own) == own + FOREIGN
    with pytest.raises(BackEndError, match="'# END orchestrator schedule a' is gone"):
        replace_block(own.replace(b"# END", b"# end") + FOREIGN, "a", own)


def test_moving_to_another_back_end_leaves_nothing_behind(tmp_path: Path, cron: int, systemctl: None) -> None:
    install_schedule(schedule_in(tmp_path, via="cron"), "local")
    second, changed = install_schedule(schedule_in(tmp_path, via="systemd"), "local")
    assert changed and BACK_ENDS["systemd"]().present(second)
    assert subprocess.run(["crontab", "-l"], capture_output=True, text=True).stdout == ""
    assert remove_schedule(second) and not (second.folder / "start").exists()
    assert list((tmp_path / "config" / "systemd" / "user").iterdir()) == []


def test_without_any_back_end_each_is_named_with_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UsageError) as error:
        choose_back_end("auto", schedule_in(tmp_path), "slurm")
    for word in ("scrontab: there is no scrontab here", "systemd: there is no systemctl here", "apt-get install cron"):
        assert word in str(error.value)
    with pytest.raises(UsageError, match="via=slurm: there is no sbatch here"):
        choose_back_end("slurm", schedule_in(tmp_path), "slurm")
    with pytest.raises(UsageError, match=r"via=crun is not known\. Did you mean cron"):
        choose_back_end("crun", schedule_in(tmp_path), "slurm")


def text_of(name: str, schedule: Schedule) -> str:
    text = "".join(unit.text for unit in BACK_ENDS[name]().units(schedule))
    return text.replace(schedule.identity, "ID").replace(str(schedule.folder), "FOLDER")


def test_the_scrontab_entry_to_its_last_character(tmp_path: Path) -> None:
    slurm = {**SLURM, "partition": "service", "memory_gb": 2, "additional": {"licenses": "a b"}}
    assert text_of("scrontab", schedule_in(tmp_path, slurm=slurm)) == (
        "# BEGIN orchestrator schedule ID: weekly of local. Made and removed by `python -m orchestrator schedule`.\n"
        "#SCRON --job-name=orchestrator-ID\n"
        "#SCRON --nodes=1\n"
        "#SCRON --ntasks=1\n"
        "#SCRON --cpus-per-task=1\n"
        "#SCRON --time=795\n"
        "#SCRON --output=FOLDER/log/job-%j.log\n"
        "#SCRON --partition=service\n"
        "#SCRON --mem=2048M\n"
        '#SCRON --licenses="a b"\n'
        "0 2 * * 0 FOLDER/start\n"
        "# END orchestrator schedule ID\n"
    )


def test_the_crontab_lines_to_their_last_character(tmp_path: Path) -> None:
    begin = (
        "# BEGIN orchestrator schedule ID: weekly of local. Made and removed by `python -m orchestrator schedule`.\n"
    )
    line = "0 2 * * 0 FOLDER/start --quiet\n"
    end = "# END orchestrator schedule ID\n"
    reboot = "@reboot FOLDER/start --quiet --catch-up\n"
    assert text_of("cron", schedule_in(tmp_path)) == begin + line + reboot + end
    assert text_of("cron", schedule_in(tmp_path, catch_up=False)) == begin + line + end


def test_a_folder_with_odd_characters_is_quoted_for_each(tmp_path: Path) -> None:
    schedule = schedule_in(tmp_path / "50% o'clock $HOME", slurm=SLURM)
    assert r"50\% o'\"'\"'clock $HOME" in BACK_ENDS["cron"]().units(schedule)[0].text.replace("'\"'\"'", "'\\\"'\\\"'")
    assert "50%% o'clock $$HOME/results/schedule/weekly-local/start\"" in BACK_ENDS["systemd"]().units(schedule)[0].text
    assert "50%% o'clock $HOME/results" in BACK_ENDS["slurm"]().units(schedule)[0].text


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd-analyze here (Debian: apt install systemd)")
@pytest.mark.parametrize("folder", ["plain", "50% o'clock"])
@pytest.mark.parametrize("when", ["0 2 * * SUN", "*/15 1-3 13 * FRI"])
def test_the_timer_passes_systemd_analyze_verify(tmp_path: Path, systemctl: None, when: str, folder: str) -> None:
    schedule, _ = install_schedule(schedule_in(tmp_path / folder, when=when, via="systemd"), "local")
    paths = [unit.place for unit in BACK_ENDS["systemd"]().units(schedule)]
    own = {**os.environ, "XDG_RUNTIME_DIR": str(tmp_path)}
    answer = subprocess.run(["systemd-analyze", "verify", "--user", *paths], capture_output=True, text=True, env=own)
    assert (answer.returncode, answer.stderr) == (0, "")
    assert re.search(
        r"daemon-reload\n--user enable --now orchestrator-\S+\.timer", (tmp_path / "systemctl.log").read_text()
    )


def test_a_sweeps_job_that_is_held_or_put_back_waits_and_other_lines_are_none(tmp_path: Path, commands: Path) -> None:
    schedule = schedule_in(tmp_path, via="slurm", slurm=SLURM)
    states = ["PENDING", "REQUEUE_HOLD", "CONFIGURING", "SPECIAL_EXIT", "RUNNING", "SUSPENDED", "COMPLETING"]
    rows = [f"{number}\x1f{state}\x1fN/A\x1forchestrator-schedule:abc" for number, state in enumerate(states)]
    squeue = commands / "squeue"
    squeue.write_text("#!/bin/sh\ncat <<END\n" + "\n".join(["a site's greeting", *rows]) + "\nEND\n")
    squeue.chmod(0o755)
    assert [job.runs for job in query_jobs(schedule)] == [False] * 4 + [True] * 3
