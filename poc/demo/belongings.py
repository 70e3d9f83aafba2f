"""Which files a visitor brought, so that they are deleted when the visitor leaves, and not when somebody else who brought the same file still looks at it."""

import contextlib
import threading
from pathlib import Path

from poc.demo.door import temporary


class Belongings:
    """Files below the demo's own temporary folder, by page. Gradio keeps a file under a digest of its content, so two visitors with the same photo share one; the last of them takes it along."""

    def __init__(self):
        self._held: dict[Path, set[str]] = {}
        self._lock = threading.Lock()

    def bring(self, page: str, file: str | Path) -> None:
        with self._lock:
            self._held.setdefault(Path(file), set()).add(page)

    def drop(self, page: str, file: str | Path) -> None:
        """The page needs the file no more."""
        file = Path(file)
        with self._lock:
            holders = self._held.get(file, set())
            holders.discard(page)
            if not holders:
                self._held.pop(file, None)
                _delete(file)

    def leave(self, page: str) -> None:
        """The page is closed: everything that only it had goes."""
        with self._lock:
            mine = [file for file, holders in self._held.items() if page in holders]
        for file in mine:
            self.drop(page, file)

    def of(self, page: str) -> list[Path]:
        with self._lock:
            return [file for file, holders in self._held.items() if page in holders]


def _delete(file: Path) -> None:
    """The file, with the folder that Gradio made for it once that is empty; nothing that lies anywhere else."""
    folder = file.resolve().parent
    if folder != temporary() and folder.is_relative_to(temporary()):
        file.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # another file is in it
            folder.rmdir()
