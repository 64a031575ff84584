"""The texts of ``VERB --help``. ``run`` and ``plan`` have Hydra's."""

from __future__ import annotations

from pathlib import Path

import orchestrator.config
from orchestrator.cli.verbs import DATA_ACTIONS, VERBS

CAMPAIGNS = """  CAMPAIGN           name or folder; the newest one if none is named
  results=FOLDER     where the campaigns are (default: results)
  store.url=URL      the store, if it is not the one in that folder
  --json             one JSON document on stdout"""
CONFIGURED = """  --json             one JSON document on stdout
  --config-dir DIR   a site's own cluster profiles, recipes and suites"""

TEXTS = {
    "status": f"""[CAMPAIGN…]

{CAMPAIGNS}""",
    "resume": f"""[CAMPAIGN]

{CAMPAIGNS}""",
    "cancel": f"""[CAMPAIGN…]

{CAMPAIGNS}""",
    "collect": f"""[CAMPAIGN…]

{CAMPAIGNS}

A run that is in the store already stays as it is.""",
    "report": f"""[CAMPAIGN…] [--format NAME] [-o PLACE]
       python -m orchestrator report --history [benchmark=NAME] [dataset=NAME] [method=NAME] [cluster=NAME]
           [week=2026-W07] [window=WEEKS]
       python -m orchestrator report [CAMPAIGN] --project RANKS[,RANKS…] [algorithm=NAME] [cores=N]

{CAMPAIGNS}
  --format NAME      {{formats}}
  -o PLACE           file, folder or address, as the format needs; text goes to stdout without one
  --history          the newest week against those before; with -o DIR a page of all campaigns of the store
  --project RANKS    what numbers of ranks that were not measured would give; always marked as projected

examples
  python -m orchestrator report --format html -o report
  python -m orchestrator report --history benchmark=stemdl cluster=a100x8
  python -m orchestrator report --project 64,512""",
    "compare": f"""EARLIER… NEWER

{CAMPAIGNS}

Exit code 5 if the last campaign is slower than those before it.""",
    "history": """[benchmark=NAME] [dataset=NAME] [method=NAME] [cluster=NAME]
           [week=2026-W07] [window=WEEKS]
       python -m orchestrator history accept SERIES --why TEXT [by=NAME]

  SERIES             as the history names it; what it changed by becomes what later weeks are compared with
  --why TEXT         why the change is agreed to; kept in the store with who said so
  results=FOLDER     the folder whose store it is (default: results)
  store.url=URL      a store elsewhere
  --json             one JSON document on stdout

Exit code 5 while a series is slower and nobody has accepted it.""",
    "store": """export|import FILE.parquet|FILE.sqlite|URL
       python -m orchestrator store info|migrate

  results=FOLDER     the folder whose store it is (default: results)
  store.url=URL      a store elsewhere
  --json             one JSON document on stdout""",
    "accept": f"""suite=NAME cluster=NAME [KEY=VALUE…]
       python -m orchestrator accept verify FOLDER
       python -m orchestrator accept propose suite=NAME cluster=NAME campaigns=A,B [basis=median|worst] [lower=-0.05]

  suite=NAME         {{suites}}, or a site's own
  nodes=N            nodes that "all" means (default: what the scheduler has in service)
  name=NAME          of the record, below results/acceptance
  references=FILE    reference values, as `accept propose` makes them and a person has read them
  exclude_faulty=true   nodes found faulty take no part in what follows
  stop_on_failure=true  no further phase after one that fails
{CONFIGURED}

Exit code 0 only if the machine is accepted.""",
    "data": f"""BENCHMARK ACTION [KEY=VALUE…]

{{actions}}

{CONFIGURED}""",
    "schedule": f"""show|install|remove|test cluster=NAME suite=NAME when="0 2 * * SUN" [KEY=VALUE…]
       python -m orchestrator schedule run FOLDER

  show               what would start the sweep, to the letter; installs nothing
  install, remove    put it in place, take it away
  test               send a message over every channel, to try them
  run                run the sweep now, as the clock would

  when="M H D M W"   a cron expression in local time
  via=NAME           auto, scrontab, systemd, cron or slurm (a small job that submits itself again)
  until=DATE         the last day
  sweep="WORDS"      a command line without its verb, instead of an acceptance suite
{CONFIGURED}""",
    "doctor": f"""[cluster=NAME] [KEY=VALUE…]

{CONFIGURED}

Exit code 1 if something would make a run fail.""",
}


def help_text(verb: str) -> str:
    """Return usage, summary and options. ``verb`` is a key of TEXTS."""
    summary = VERBS[verb]
    usage, _, rest = TEXTS[verb].partition("\n\n")
    return f"usage: python -m orchestrator {verb} {usage}\n\n{summary[:1].upper()}{summary[1:]}.\n\n{fill_lists(rest)}"


def fill_lists(text: str) -> str:
    """Return the text with the lists that depend on the installation."""
    for name, value in (("formats", format_names), ("suites", suite_names), ("actions", action_lines)):
        if f"{{{name}}}" in text:
            text = text.replace(f"{{{name}}}", value())
    return text


def format_names() -> str:
    """Return the names of the report formats."""
    from orchestrator.report.formats import FORMATS

    return f"{', '.join(FORMATS)} (default: terminal)"


def suite_names() -> str:
    """Return the names of the shipped acceptance suites."""
    folder = Path(orchestrator.config.__path__[0]) / "acceptance"
    return ", ".join(sorted(path.stem for path in folder.glob("*.yaml")))


def action_lines() -> str:
    """Return one line for each action on a data set."""
    return "\n".join(f"  {name:18} {text}" for name, text in DATA_ACTIONS.items())
