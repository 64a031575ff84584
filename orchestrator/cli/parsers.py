"""The command line of every verb, once: what these parsers parse is what ``--help`` and completion tell."""

from __future__ import annotations

import argparse
import difflib
import shutil
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NoReturn

from orchestrator.cli.verbs import DATA_ACTIONS, SCHEDULE_ACTIONS, STORE_ACTIONS, VERBS
from orchestrator.config.paths import CONFIG_DIR, IN_HOME, site_folder
from orchestrator.errors import UsageError
from orchestrator.report.formats import FORMATS
from orchestrator.report.tables.rows import rows_text

COMMAND = "sciml-orchestrator"
"""The console command that an installation brings."""
MODULE = "python -m orchestrator"

WORDS = "words"
"""Where the words of a command line are that are no options: names, actions and KEY=VALUE."""
HEAD = 18
MARGIN = 4
"""Columns of the words that are explained, and columns that argparse leaves at the right and the left."""

CAMPAIGN_KEYS = (
    ("CAMPAIGN", "name or folder; the newest one if none is named"),
    ("results=FOLDER", "where the campaigns and their store are (default: results)"),
    ("store.url=URL", "the store, if it is not the one in that folder"),
)
CHOICE_KEYS = (
    ("benchmark=NAME", "what is run; `list` says what there is"),
    ("dataset=  method=", "on which of its data sets, by which of its methods"),
    ("recipe=NAME", "size and settings: small (default), reference, …"),
    ("cluster=NAME", "the machine (default: the profile whose hosts: has this one, else local)"),
    ("scale=NAME", "single, weak (constant batch a rank) or strong (constant global batch)"),
    ("nodes=4 or [1,2]", "a node count, or several"),
    ("repeats=N", "runs of each node count"),
    ("comm=NAME", "horovod, mpi or torch"),
    ("mode=NAME", "training, inference or probe"),
    ("campaign=NAME", "of the campaign and its folder (default: the time)"),
    ("results=FOLDER", "where campaigns and the store are kept"),
    ("KEY=VALUE", "any other; `help KEY` explains it and what is below it"),
)


def program_name() -> str:
    """Return how the program was called."""
    return COMMAND if Path(sys.argv[0]).name == COMMAND else MODULE


class Parser(argparse.ArgumentParser):
    """The parser of a verb. It raises UsageError, and says of an unknown option which one may be meant."""

    def __init__(self, verb: str, words: str, summary: str = "", notes: str = "") -> None:
        summary = summary or VERBS[verb.partition(" ")[0]]
        super().__init__(
            prog=f"{program_name()} {verb}".rstrip(),
            usage=" ".join(filter(None, (program_name(), verb, words, "[options]"))),
            description=f"{summary[:1].upper()}{summary[1:].removesuffix('…').rstrip(', ')}.",
            epilog=notes,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        self.verb = verb
        self.add_argument(WORDS, nargs="*", help=argparse.SUPPRESS)
        self.add_argument(
            "-v",
            "--verbose",
            action="store_true",
            help="show on stderr what is asked of the scheduler, and its answers",
        )

    def error(self, message: str) -> NoReturn:
        """Raise UsageError with the message."""
        raise UsageError(f"{message[:1].upper()}{message[1:]}.")

    def parse(self, arguments: Sequence[str]) -> argparse.Namespace:
        """Return options and words, in whatever order they stand. Raises UsageError."""
        known, rest = self.parse_known_intermixed_args(list(arguments))
        if vars(known).pop("verbose"):
            from orchestrator.campaign.log import show_log

            show_log()
        unknown = [word for word in rest if word.startswith("-")]
        if unknown:
            raise UsageError(
                f"There is no option {unknown[0].partition('=')[0]} of {self.verb}.{self.hint(unknown[0])}"
            )
        return known

    def hint(self, word: str) -> str:
        """Return what may be meant by an option that there is not: an option, a verb, or a key, which has no dashes."""
        name, _, value = word.lstrip("-").partition("=")
        if name in VERBS:
            return f" {name} is a verb: write {program_name()} {name}."
        if name in {row[0].partition("=")[0].partition(",")[0] for row in CHOICE_KEYS}:
            return f" A key has no dashes: write {name}={value or 'VALUE'}."
        options = {option.lstrip("-"): option for option in self.options if option.startswith("--")}
        close = difflib.get_close_matches(name, options, n=1, cutoff=0.6) if len(name) > 1 else []
        meant = f" Did you mean {options[close[0]]}?" if close else ""
        return f"{meant} There are: {', '.join(sorted(self.options))}."

    @property
    def options(self) -> list[str]:
        """All options, long and short."""
        return [option for action in self._actions for option in action.option_strings]

    def explain(self, title: str, rows: Iterable[tuple[str, str]]) -> Parser:
        """Add rows of a word and its meaning to the help; return this parser."""
        width = shutil.get_terminal_size().columns - MARGIN
        self.add_argument_group(title, rows_text(list(rows), width, HEAD))
        return self

    def with_json(self) -> Parser:
        """Add --json, which every verb has; return this parser."""
        self.add_argument("--json", action="store_true", help="one JSON document on stdout")
        return self

    def with_quiet(self) -> Parser:
        """Add -q, of verbs that show progress; return this parser."""
        self.add_argument("-q", "--quiet", action="store_true", help="no progress and no messages; errors remain")
        return self

    def with_site(self) -> Parser:
        """Add --config-dir; return this parser."""
        self.add_argument(
            "--config-dir", "-cd", dest="config_dir", metavar="DIR", default=site_folder(),
            help=f"a site's own profiles, recipes and suites (else: ${CONFIG_DIR}, or {IN_HOME} in ~/.config)",
        )  # fmt: skip
        return self


def campaign_parser(verb: str, words: str = "[CAMPAIGN…]", notes: str = "") -> Parser:
    """Return the parser of a verb on campaigns that exist."""
    return Parser(verb, words, notes=notes).explain("words", CAMPAIGN_KEYS).with_json()


def configured_parser(verb: str) -> Parser:
    """Return the parser of a verb that composes configurations of runs."""
    parser = Parser(
        verb if verb != "run" else "", "[KEY=VALUE…]", VERBS[verb],
        "Hydra's own flags work too: --cfg job prints the configuration, --info where it\ncame from, --hydra-help the "
        "others.",
    )  # fmt: skip
    parser.verb = verb
    parser.explain("keys", CHOICE_KEYS).with_json().with_site()
    parser.add_argument("-m", "--multirun", action="store_true", help="a,b in a key: one run of each, as one campaign")
    return parser


def run_parser() -> Parser:
    """Return the parser of ``run``."""
    parser = configured_parser("run")
    parser.add_argument("--detach", action="store_true", help="submit, say what waits for `resume`, and return")
    return parser.with_quiet()


def doctor_parser() -> Parser:
    """Return the parser of ``doctor``."""
    notes = "Exit code 1 if something would make a run fail."
    return Parser("doctor", "[cluster=NAME] [KEY=VALUE…]", notes=notes).with_json().with_site()


def report_parser() -> Parser:
    """Return the parser of ``report``."""
    parser = campaign_parser("report")
    parser.explain(
        "with --history",
        (("benchmark=NAME …", "also dataset=, method=, cluster=: only those runs"),
         ("week=2026-W07", "instead of the newest"), ("window=WEEKS", "how many weeks before it")),
    )  # fmt: skip
    parser.explain(
        "with --project",
        (("algorithm=NAME", "how ranks exchange gradients"), ("cores=N", "cores that all ranks share")),
    )
    parser.add_argument("--format", metavar="NAME", help=f"{', '.join(FORMATS)} (default: terminal)")
    parser.add_argument("-o", "--output", metavar="PLACE", help="file, folder or address, as the format needs")
    parser.add_argument("--history", action="store_true", help="the newest week against those before; -o DIR: a page")
    parser.add_argument("--project", metavar="RANKS", help="efficiency at 64,512,… ranks, simulated and marked so")
    return parser


def compare_parser() -> Parser:
    """Return the parser of ``compare``."""
    parser = campaign_parser(
        "compare", "EARLIER… NEWER", "Exit code 5 if the last campaign is slower than those before it."
    )
    parser.add_argument("--format", choices=("terminal", "json", "markdown"), help="how to write it")
    return parser


def cancel_parser() -> Parser:
    """Return the parser of ``cancel``."""
    parser = campaign_parser(
        "cancel", notes="At a terminal it asks first; without one it wants a campaign's name, or --yes."
    )
    parser.add_argument("--yes", "-y", action="store_true", help="do not ask")
    return parser


def logs_parser() -> Parser:
    """Return the parser of ``logs``."""
    parser = Parser("logs", "[CAMPAIGN] [RUN]").with_json()
    parser.explain(
        "words",
        (("CAMPAIGN, RUN", "names or folders; the newest campaign, and its run that failed, if none is named"),
         CAMPAIGN_KEYS[1]),
    )  # fmt: skip
    parser.add_argument("--attempt", type=int, metavar="N", help="of which attempt (default: the newest)")
    parser.add_argument("-n", "--lines", type=int, default=40, metavar="N", help="last lines of each file; 0: all")
    return parser


def list_parser() -> Parser:
    """Return the parser of ``list``."""
    kinds = "benchmarks, datasets, methods, recipes, clusters or suites; all if none is named"
    parser = Parser("list", "[KIND] [benchmark=NAME]").with_json().with_site()
    return parser.explain(
        "words",
        (("KIND", kinds), ("benchmark=NAME", "only what belongs to it"),
         ("cluster.paths.data=DIR", "where data are looked for (default: data)")),
    )  # fmt: skip


def history_parser() -> Parser:
    """Return the parser of ``history``."""
    parser = Parser(
        "history", "[benchmark=NAME] [cluster=NAME] [week=2026-W07]",
        notes="Exit code 5 while a series is slower and nobody has accepted it\n(`history accept SERIES --why TEXT`).",
    )  # fmt: skip
    return parser.explain("words", (*CAMPAIGN_KEYS[1:], ("window=WEEKS", "how many weeks before it"))).with_json()


def history_accept_parser() -> Parser:
    """Return the parser of ``history accept``."""
    parser = Parser("history accept", "SERIES --why TEXT", "make an agreed change of level the new base").with_json()
    parser.explain("words", (("SERIES", "as `history` names it"), ("by=NAME", "who agrees"), *CAMPAIGN_KEYS[1:]))
    parser.add_argument("--why", default="", metavar="TEXT", help="why it is agreed to; kept in the store")
    return parser


def store_parser() -> Parser:
    """Return the parser of ``store``."""
    parser = Parser("store", "ACTION [PLACE]").explain("actions", STORE_ACTIONS.items())
    return parser.explain("words", CAMPAIGN_KEYS[1:]).with_json()


def accept_parser() -> Parser:
    """Return the parser of ``accept``."""
    parser = Parser(
        "accept", "suite=NAME cluster=NAME [KEY=VALUE…]",
        notes="Exit code 0 only if the machine is accepted. `accept verify FOLDER` checks a\nrecord, `accept sign "
        "FOLDER --key FILE` signs one, and\n`accept propose suite=NAME campaigns=A,B` makes references of runs.",
    )  # fmt: skip
    parser.explain(
        "keys",
        (("suite=NAME", "`list suites` says which there are"),
         ("nodes=N", 'nodes that "all" means (default: what the scheduler has in service)'),
         ("name=NAME", "of the record, below results/acceptance"),
         ("references=FILE", "reference values, as `accept propose` makes them and a person has read them"),
         ("exclude_faulty=true", "nodes found faulty take no part in what follows"),
         ("stop_on_failure=true", "no further phase after one that fails")),
    )  # fmt: skip
    return parser.with_json().with_site()


def accept_verify_parser() -> Parser:
    """Return the parser of ``accept verify``."""
    summary = "check that a record is as it was sealed, and who signed it"
    parser = Parser("accept verify", "FOLDER", summary).with_json()
    parser.add_argument("--signers", metavar="FILE", help="whose signatures count, as ssh-keygen's ALLOWED SIGNERS")
    parser.add_argument("--page-as-it-is", action="store_true", help="accept a page that another version wrote")
    return parser


def accept_sign_parser() -> Parser:
    """Return the parser of ``accept sign``."""
    parser = Parser("accept sign", "FOLDER", "sign a record with an SSH key").with_json()
    parser.add_argument("--key", metavar="FILE", help="private key, or a public one whose private half an agent has")
    return parser


def accept_propose_parser() -> Parser:
    """Return the parser of ``accept propose``."""
    summary = "print references with bounds, made from campaigns, for a person to review"
    parser = Parser("accept propose", "suite=NAME cluster=NAME campaigns=A,B", summary)
    parser.explain("keys", (("basis=NAME", "median (default) or worst"), ("lower= upper=", "shares, as in -0.05")))
    return parser.with_json().with_site()


def data_parser() -> Parser:
    """Return the parser of ``data``."""
    parser = Parser("data", "BENCHMARK ACTION [KEY=VALUE…]").explain("actions", DATA_ACTIONS.items())
    return parser.with_json().with_site()


def schedule_parser() -> Parser:
    """Return the parser of ``schedule``."""
    parser = Parser("schedule", 'ACTION cluster=NAME suite=NAME when="0 2 * * SUN" [KEY=VALUE…]')
    parser.explain("actions", SCHEDULE_ACTIONS.items())
    parser.explain(
        "keys",
        (
            ('when="M H D M W"', "a cron expression in local time"),
            ("via=NAME", "auto, scrontab, systemd, cron or slurm"),
            ("until=DATE", "the last day"),
            ('sweep="WORDS"', "a command line without its verb, instead of a suite"),
        ),
    )
    for flag, meaning in (
        ("--now", "run: although it is not due"), ("--quiet", "run: tell nobody"),
        ("--catch-up", argparse.SUPPRESS), ("--resubmit", argparse.SUPPRESS),
    ):  # fmt: skip
        parser.add_argument(flag, action="store_true", help=meaning)
    return parser.with_json().with_site()


def setup_parser() -> Parser:
    """Return the parser of ``setup``."""
    notes = "Horovod is built once for this torch and MPI, and its wheel kept; comm=mpi and\ncomm=torch do without it."
    return Parser("setup", "", notes=notes).with_json()


def help_parser() -> Parser:
    """Return the parser of ``help``."""
    parser = Parser("help", "[VERB|KEY]").with_json()
    parser.add_argument(
        "--schema", action="store_true", help="JSON Schema of cluster, suite, benchmark, schedule or notify files"
    )
    return parser


def completion_parser() -> Parser:
    """Return the parser of ``completion``."""
    parser = Parser("completion", "install|show [bash|zsh|fish]").with_json()
    return parser.explain("actions", (("install", "for this user's shell"), ("show", "what would be installed")))


PARSERS: dict[str, Callable[[], Parser]] = {
    "run": run_parser,
    "plan": lambda: configured_parser("plan"),
    "list": list_parser,
    "status": lambda: campaign_parser("status"),
    "logs": logs_parser,
    "resume": lambda: campaign_parser("resume", "[CAMPAIGN]").with_quiet(),
    "cancel": cancel_parser,
    "collect": lambda: campaign_parser("collect", notes="A run that is in the store already stays as it is."),
    "report": report_parser,
    "compare": compare_parser,
    "history": history_parser,
    "history accept": history_accept_parser,
    "store": store_parser,
    "accept": accept_parser,
    "accept verify": accept_verify_parser,
    "accept sign": accept_sign_parser,
    "accept propose": accept_propose_parser,
    "data": data_parser,
    "schedule": schedule_parser,
    "doctor": doctor_parser,
    "setup": setup_parser,
    "help": help_parser,
    "completion": completion_parser,
}
"""The parser of each verb, and of the actions that have one of their own."""


def parser_of(verb: str, words: Sequence[str] = ()) -> Parser:
    """Return the parser of a verb, or that of its action where ``words`` begin with one that has its own."""
    action = f"{verb} {words[0]}" if words else verb
    return PARSERS[action if action in PARSERS else verb]()


def parse(verb: str, arguments: Sequence[str]) -> argparse.Namespace:
    """Return the options and words of a verb or of a verb's action, "accept verify". Raises UsageError."""
    return PARSERS[verb]().parse(arguments)
