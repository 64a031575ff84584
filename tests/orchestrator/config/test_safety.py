"""One set of checks for every value that reaches a file which something executes, and for every secret, whichever group
it stands in.
"""

from __future__ import annotations

import shlex
import time
from pathlib import Path
from typing import Any, get_args, get_origin

import pytest

from orchestrator.config.compose import SCHEDULE, compose_all, compose_documents
from orchestrator.config.keys import schema_keys
from orchestrator.config.redaction import hide, holds_secret, is_secret_name, redact
from orchestrator.config.safety import HANDED_OVER, refuse_unsafe
from orchestrator.config.schema_schedule import ScheduleVerbConfig
from orchestrator.config.validate import validate
from orchestrator.config.words import alternatives
from orchestrator.errors import UsageError
from orchestrator.schedule.definition import Schedule
from orchestrator.schedule.installation import start_script
from orchestrator.schedule.making import check_sweep, make_schedule

CRON_LINE = "x\n* * * * * touch OWNED\n#"
TEXTS = {key: hint for key, hint in schema_keys(ScheduleVerbConfig).items() if str in alternatives(hint)}
FREE = {key: hint for key, hint in schema_keys(ScheduleVerbConfig).items() if get_origin(hint) is dict}
LISTS = {key: hint for key, hint in schema_keys(ScheduleVerbConfig).items() if get_args(hint) == (str,)}


@pytest.fixture(scope="module")
def whole() -> Any:
    (config,) = compose_documents(["benchmark=stemdl", "cluster=a100x8"], False, None, SCHEDULE)
    return config


def with_value(config: Any, key: str, value: Any) -> Any:
    first, _, rest = key.partition(".")
    return {**config, first: with_value(config[first], rest, value) if rest else value}


@pytest.mark.parametrize("text", [CRON_LINE, "a\rb", "a\x1b]0;owned\x07", "a\x85b", "a\u2028b", "\udcff"])
def test_no_text_of_the_schema_takes_a_control_character_and_a_new_key_is_tried_by_itself(
    whole: Any, text: str
) -> None:
    assert len(TEXTS) > 60 and len(FREE) > 5 and len(LISTS) > 5
    for key in TEXTS:
        with pytest.raises(UsageError) as error:
            refuse_unsafe(with_value(whole, key, text))
        assert key in str(error.value)
    for key in LISTS:
        with pytest.raises(UsageError):
            refuse_unsafe(with_value(whole, key, [text]))
    for key in FREE:
        for mapping in ({"a": text}, {text: "a"}):
            with pytest.raises(UsageError):
                refuse_unsafe(with_value(whole, key, mapping))


@pytest.mark.parametrize("text", ["http://u:pa55word@proxy:3128", "Bearer abcdefghi", "x --token=abcdefg"])
def test_no_text_of_the_schema_takes_a_secret_but_where_one_is_handed_over(whole: Any, text: str) -> None:
    for key in set(TEXTS) - set(HANDED_OVER):
        with pytest.raises(UsageError, match="looks like a secret") as error:
            refuse_unsafe(with_value(whole, key, text))
        assert text not in str(error.value) and key in str(error.value)


def test_what_is_refused_is_all_that_redaction_would_change(whole: Any) -> None:
    config = with_value(whole, "store.url", "postgresql://u:pa55word@db/x")
    refuse_unsafe(config)
    changed = redact(config)
    assert changed["store"]["url"] == "postgresql://u:***@db/x"
    assert with_value(changed, "store.url", config["store"]["url"]) == config


@pytest.mark.parametrize(
    "word",
    [
        "+cluster.environment.https_proxy='http://u:pw@proxy:3128'",
        "+cluster.environment.PROXY_AUTH='Bearer SECRET'",
        "+cluster.environment.PROXY_AUTH=x",
        "+cluster.environment.MYSQL_PWD=x",
        "cluster.setup=['export API_TOKEN=abc']",
        "cluster.setup=['API_TOKEN=abc ./x']",
        "cluster.container=[apptainer,exec,'--env','MY_SECRET=abc']",
        "cluster.launcher_options=['-x','HF_TOKEN=abc']",
        "+cluster.slurm.additional.token=x",
        "benchmark.download.endpoints=['https://u:pw@s3.example.org']",
    ],
)
@pytest.mark.quick(4)
def test_a_secret_in_a_name_or_a_value_is_refused_with_the_way_to_hand_it_over(word: str) -> None:
    (config,) = compose_all(["benchmark=stemdl", "cluster=a100x8", word], False)
    with pytest.raises(UsageError, match=r"looks like a secret.*export") as error:
        validate(config)
    assert error.value.key


def test_a_secret_does_not_come_in_by_a_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_TOKEN", "plain")
    monkeypatch.setenv("MY_NUMBER", "7")
    with pytest.raises(UsageError, match=r"cluster\.environment\.X looks like a secret"):
        compose_all(["benchmark=stemdl", "+cluster.environment.X='${oc.env:MY_TOKEN}'"], False)
    (config,) = compose_all(["benchmark=stemdl", "+cluster.environment.X='${oc.env:MY_NUMBER}'"], False)
    assert config["cluster"]["environment"]["X"] == "7"


@pytest.mark.parametrize(
    "name", ["TOKENIZERS_PARALLELISM", "max_tokens", "PWD", "password_file", "AUTHOR", "PATH", "url_env", "pattern"]
)
def test_a_name_that_only_resembles_a_secrets_is_none(name: str) -> None:
    assert not is_secret_name(name)


@pytest.mark.parametrize("text", ["export TOKEN=$(cat file)", "https://host/a@b", "a=b", "Basic test", "bearer x"])
def test_neither_is_such_a_text(text: str) -> None:
    assert not holds_secret(text)


def test_a_text_of_any_length_is_read_in_no_time() -> None:
    for piece in ("a", "a=", "http://", "http://a:", "://a:", "--token", "password=", "_", "a@", "Bearer ", "eyJ"):
        text, began = piece * (200_000 // len(piece)), time.thread_time()
        hide(text)
        # Linear time is at most half a second here, and time by the square of the length is minutes.
        assert time.thread_time() - began < 5, piece


@pytest.mark.parametrize("key", ["suite", "when", "name", "words", "until", "schedule.slurm.partition", "notify.link",
                                 "schedule.slurm.account", "notify.mail.sender"])  # fmt: skip
@pytest.mark.quick(3)
def test_no_line_of_a_value_comes_into_a_crontab_or_a_unit(key: str, tmp_path: Path) -> None:
    words = {
        "cluster": "cluster=local",
        "suite": "suite=x",
        "sweep": "sweep=benchmark=stemdl",
        "when": "when=0 2 * * SUN",
    }
    quoted = CRON_LINE if "." not in key else f"'{CRON_LINE}'"
    with pytest.raises(UsageError) as error:
        make_schedule([*(word for name, word in words.items() if name != key), f"{key}={quoted}"], None, tmp_path)
    assert key.rpartition(".")[2] in str(error.value)


def test_the_schedules_variables_are_checked_as_those_of_ranks_are(tmp_path: Path) -> None:
    words = ["cluster=local", "suite=x", "sweep=benchmark=stemdl", "when=0 2 * * SUN"]
    with pytest.raises(UsageError, match="MY_SECRET looks like a secret"):
        make_schedule([*words, "+schedule.environment.MY_SECRET=1"], None, tmp_path)
    site = tmp_path / "site"
    (site / "schedule").mkdir(parents=True)
    (site / "schedule" / "site.yaml").write_text('environment: {"X; touch F; Y": "1"}\n')
    with pytest.raises(UsageError, match="variables are named with letters"):
        make_schedule(words, str(site), tmp_path)


def test_nor_does_the_name_of_a_folder(tmp_path: Path) -> None:
    words = ["cluster=local", "suite=x", "sweep=benchmark=stemdl", "when=0 2 * * SUN"]
    folder = tmp_path / "a\n* * * * * touch OWNED\n#"
    folder.mkdir()
    with pytest.raises(UsageError, match="control characters"):
        make_schedule(words, None, folder)
    site = tmp_path / "site\n# x"
    site.mkdir()
    with pytest.raises(UsageError, match="control characters"):
        make_schedule(words, str(site), tmp_path)


def test_a_sweeps_words_are_held_to_the_same(tmp_path: Path) -> None:
    words = ["cluster=local", "suite=x", "when=0 2 * * SUN"]
    secret = "sweep=benchmark=stemdl +cluster.environment.X=http://u:pw@host/"
    with pytest.raises(UsageError, match="looks like a secret"):
        schedule, _ = make_schedule([*words, secret], None, tmp_path)
        check_sweep(schedule)


def test_what_is_accepted_is_one_line_of_the_start_script_each(tmp_path: Path) -> None:
    words = [
        "cluster=local",
        "suite=x",
        "sweep=benchmark=stemdl",
        "when=0 2 * * SUN",
        "+schedule.environment.X='a; b #c'",
    ]
    schedule: Schedule = make_schedule(words, None, tmp_path)[0]
    exported = [line for line in start_script(schedule).splitlines() if line.startswith("export X=")]
    assert shlex.split(exported[0]) == ["export", "X=a; b #c"]
