"""Which files a visitor brought, so that they are deleted when the visitor leaves, and not when somebody else who brought the same file still looks at it."""

import contextlib
import threading
from pathlib import Path

from poc.demo.door import temporary


class Belongings:
    """Files below the demo's own temporary folder, by page. Gradio keeps a file under a digest of its content, so two visitors with the same photo share one; the last of them takes it along.

    But not where somebody else uploaded the same photo again and has not brought it yet: Gradio then put another file under that name, which is told by its inode. Left alone, it goes with Gradio's own sweeping.
    """

    def __init__(self):
        self._held: dict[Path, set[str]] = {}
        self._brought: dict[Path, int] = {}  # the inode that was there when somebody brought it last
        self._lock = threading.Lock()

    def bring(self, page: str, file: str | Path) -> None:
        file = Path(file)
        with self._lock:
            self._held.setdefault(file, set()).add(page)
            with contextlib.suppress(OSError):  # it is gone, and whoever looks at it says so
                self._brought[file] = file.stat().st_ino

    def drop(self, page: str, file: str | Path) -> None:
        """The page needs the file no more."""
        file = Path(file)
        with self._lock:
            holders = self._held.get(file, set())
            holders.discard(page)
            if not holders:
                self._held.pop(file, None)
                _delete(file, self._brought.pop(file, None))

    def leave(self, page: str) -> None:
        """The page is closed: everything that only it had goes."""
        with self._lock:
            mine = [file for file, holders in self._held.items() if page in holders]
        for file in mine:
            self.drop(page, file)

    def of(self, page: str) -> list[Path]:
        with self._lock:
            return [file for file, holders in self._held.items() if page in holders]


def _delete(file: Path, brought: int | None) -> None:
    """The file, with the folder that Gradio made for it once that is empty; nothing that lies anywhere else, and none that was put there since."""
    folder = file.resolve().parent
    if folder != temporary() and folder.is_relative_to(temporary()) and (brought is None or not file.exists() or file.stat().st_ino == brought):
        file.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # another file is in it
            folder.rmdir()
