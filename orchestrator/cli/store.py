"""``python -m orchestrator store export|import|info|migrate [PLACE]``: the store as a whole."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from orchestrator.cli import common
from orchestrator.errors import EXIT_OK, UsageError

USAGE = (
    "store export|import FILE.parquet|FILE.sqlite|URL, store import FOLDER|result_N.txt (MLPerf logs), store info, "
    "store migrate; [results=FOLDER] [store.url=URL]"
)


def main(arguments: Sequence[str]) -> int:
    """Run the action and print its result."""
    options = common.parse_campaigns(arguments, "store")
    action, *places = options.campaigns or [""]
    if (action, len(places)) not in (("export", 1), ("import", 1), ("info", 0), ("migrate", 0)):
        raise UsageError(f"Usage: {USAGE}.")
    from orchestrator.config.redaction import hide
    from orchestrator.store import transfer
    from orchestrator.store.store import default_url

    embedded = options.results / "store.sqlite"
    if options.store is None and action != "import" and not embedded.exists():
        raise UsageError(f"There is no store in {options.results}; give results=FOLDER or store.url=URL.")
    if action == "import" and "://" not in places[0] and not Path(places[0]).exists():
        raise UsageError(
            f"There is no {places[0]} to import; give a FILE.parquet, a FILE.sqlite or a FOLDER of MLPerf logs."
        )
    if options.store is None:
        options.results.mkdir(parents=True, exist_ok=True)
    store = common.open_store(options.store or default_url(options.results))
    document: dict[str, object] = {"schema": "orchestrator.store/1", "store": repr(store.engine.url), "action": action}
    if action == "export":
        parquet = transfer.is_parquet(places[0])
        target = None if parquet else common.open_store(transfer.url_of(places[0]))
        count = transfer.copy_store(store, target) if target else transfer.write_parquet(store, Path(places[0]))
    elif action == "import" and transfer.is_parquet(places[0]):
        count = sum(store.put_all(batch) for batch in transfer.read_parquet(Path(places[0])))
    elif action == "import" and ("://" not in places[0]) and (Path(places[0]).is_dir() or places[0].endswith(".txt")):
        from orchestrator.store.mllog import read_logs

        records, skipped = read_logs(Path(places[0]))
        for path, why in skipped.items():
            print(f"skipped {path}: {why}", file=sys.stderr)
        if not records:
            raise UsageError(f"There is no MLPerf log (result_*.txt) in {places[0]} that can be imported.")
        count = store.put_all(records)
        document["skipped"] = skipped
    elif action == "import":
        count = transfer.copy_store(common.open_store(transfer.url_of(places[0])), store)
    else:
        count = store.count()
    document |= {"runs": count, "version": store.version, "migrated_from": store.migrated_from}
    if places:
        document["place"] = hide(places[0])
    if options.json:
        common.print_json(document)
    else:
        end = f" {'to' if action == 'export' else 'from'} {document['place']}" if places else ""
        print(f"{document['store']}, schema version {store.version}: {count} runs{f' {action}ed' if end else ''}{end}")
    return EXIT_OK
