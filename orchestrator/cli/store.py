"""``python -m orchestrator store export|import|info|migrate [PLACE]``: the store as a whole."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from orchestrator.cli import common
from orchestrator.errors import EXIT_OK, UsageError
from orchestrator.records.files import make_private

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

    embedded = options.results / "store.sqlite"
    if options.store is None and action != "import" and not embedded.exists():
        raise UsageError(f"There is no store in {options.results}; give results=FOLDER or store.url=URL.")
    if action == "import" and "://" not in places[0] and not Path(places[0]).exists():
        raise UsageError(
            f"There is no {places[0]} to import; give a FILE.parquet, a FILE.sqlite or a FOLDER of MLPerf logs."
        )
    if options.store is None:
        make_private(options.results)
    store = common.open_store(options.store_url, create=action == "import")
    document: dict[str, object] = {"schema": "orchestrator.store/1", "store": repr(store.engine.url), "action": action}
    place = places[0] if action == "import" else "://"
    logs = "://" not in place and (Path(place).is_dir() or place.endswith(".txt"))
    if action == "export":
        parquet = transfer.is_parquet(places[0])
        target = None if parquet else common.open_store(transfer.url_of(places[0]))
        if target:
            count, left_out = transfer.copy_store(store, target)
        else:
            count, left_out = transfer.write_parquet(store, Path(places[0])), {}
    elif action == "import" and transfer.is_parquet(places[0]):
        count, left_out = transfer.put_whole(transfer.read_parquet(Path(places[0])), store)
    elif logs:
        from orchestrator.store.mllog import read_logs

        records, skipped = read_logs(Path(places[0]))
        count, left_out = transfer.put_whole([records], store)
        left_out = {**skipped, **left_out}
    elif action == "import":
        count, left_out = transfer.copy_store(common.open_store(transfer.url_of(places[0]), create=False), store)
    else:
        count, left_out = store.count(), {}
    for name, why in left_out.items():
        print(f"skipped {name}: {why}", file=sys.stderr)
    if logs and not count:
        raise UsageError(f"There is no MLPerf log (result_*.txt) in {places[0]} that can be imported.")
    if left_out or logs:
        document["skipped"] = left_out
    document |= {"runs": count, "version": store.version, "migrated_from": store.migrated_from}
    if places:
        document["place"] = hide(places[0])
    if options.json:
        common.print_json(document)
    else:
        end = f" {'to' if action == 'export' else 'from'} {document['place']}" if places else ""
        print(f"{document['store']}, schema version {store.version}: {count} runs{f' {action}ed' if end else ''}{end}")
    return EXIT_OK
