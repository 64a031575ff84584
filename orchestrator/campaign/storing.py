"""Puts records into the store beside the watch, which never waits for a store that is locked or away."""

from __future__ import annotations

import queue
import threading

from orchestrator.store.store import RunRecord, Store, StoreError


class Storing:
    """Writes records in a thread of its own. Those that could not be written are put once more at the end, together."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.late: list[RunRecord] = []
        self.waiting: queue.Queue[RunRecord | None] = queue.Queue()
        # Whoever is ended does not wait for a store: the run folders hold all, and `collect` reads them.
        self.thread = threading.Thread(target=self.write, daemon=True)
        self.thread.start()

    def put(self, record: RunRecord) -> None:
        """Take a record; return at once."""
        self.waiting.put(record)

    def write(self) -> None:
        """Write what was taken until the end. After one failure the store is left alone until then."""
        while (record := self.waiting.get()) is not None:
            if self.late:
                self.late.append(record)
                continue
            try:
                self.store.put(record)
            except Exception:
                # Whatever it is, nothing else may be lost by it; if it stays, it is told at the end.
                self.late.append(record)

    def finish(self) -> list[str]:
        """Wait until all is written; return why some records could not be, if so."""
        self.waiting.put(None)
        self.thread.join()
        if not self.late:
            return []
        try:
            self.store.put_all(self.late)
        except StoreError as error:
            return [str(error)]
        except Exception:
            # One of them is at fault: the others are written without it.
            return [trouble for record in self.late if (trouble := self.put_alone(record))]
        return []

    def put_alone(self, record: RunRecord) -> str:
        """Write one record; return why it could not be, or ""."""
        try:
            self.store.put(record)
        except StoreError as error:
            return str(error)
        except Exception as error:
            name = f"{record.run.get('campaign')}/{record.run.get('run')}"
            return f"{name} is not stored: {type(error).__name__}: {error}"
        return ""
