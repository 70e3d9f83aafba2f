"""The media files of a company folder: found once, matched to the names that a table writes, never outside the folder."""

import os
import unicodedata
from pathlib import Path

from kit.data.media import modality_of
from kit.data.tables import normal
from kit.language import say

SKIPPED = ("__pycache__", "__MACOSX", "runs")  # and every hidden folder; "runs" only at the top


class MediaFiles:
    """All media files under a folder, links to other folders not followed.

    Attributes:
        root: the folder, absolute.
        found: relative posix path as on disk -> absolute path, sorted by name.
        named: the paths that `match` has given out so far.
    """

    def __init__(self, root: Path):
        self.root = Path(root).resolve()
        self.found, self.named = {}, set()
        for folder, folders, names in os.walk(self.root):
            top = Path(folder) == self.root
            folders[:] = sorted(
                f
                for f in folders
                if not f.startswith((".", "~")) and not (f in SKIPPED and (top or f != "runs"))
            )
            for name in sorted(names):
                if modality_of(Path(name)) and not name.startswith((".", "~")):
                    path = Path(folder, name)
                    self.found[path.relative_to(self.root).as_posix()] = path
        # macOS writes NFD names, tables are typed in NFC: both sides meet in NFC. A second, laxer index forgives case and width.
        self._exact = {unicodedata.normalize("NFC", name): path for name, path in self.found.items()}
        self._lax = {}
        for name, path in self.found.items():
            self._lax.setdefault(_lax(name), []).append(path)

    def relative(self, path: Path) -> str:
        """The posix path below the folder, as on disk."""
        return path.relative_to(self.root).as_posix()

    def match(self, cell: str) -> tuple[Path | None, str, str]:
        """(path, "", "") of the file that a table's cell names, else (None, problem, fix)."""
        name = unicodedata.normalize("NFC", cell.strip().replace("\\", "/"))
        if name.startswith(self.root.as_posix() + "/"):
            name = name[len(self.root.as_posix()) + 1 :]
        path = self._exact.get(os.path.normpath(name))
        if path is None:
            alike = self._lax.get(_lax(os.path.normpath(name)), [])
            path = alike[0] if len(alike) == 1 else None
        if path is None:
            path = self.root / name
            if not path.is_file():
                return self._missing(name)
        if not path.resolve().is_relative_to(self.root):
            return (
                None,
                say(f"file {cell!r} leaves the folder", f"ファイル {cell!r} はフォルダーの外にあります"),
                say(
                    "copy it into the folder and write its path from there",
                    "フォルダー内にコピーし、そこからの相対パスを書いてください",
                ),
            )
        if not modality_of(path):
            return (
                None,
                say(
                    f"file {cell!r} is no image, sound or video",
                    f"ファイル {cell!r} は画像・音声・動画ではありません",
                ),
                say(
                    "save it as .jpg, .png, .wav, .flac or .mp4",
                    ".jpg .png .wav .flac .mp4 のいずれかで保存してください",
                ),
            )
        self.named.add(path)
        return path, "", ""

    def _missing(self, name: str) -> tuple[None, str, str]:
        alike = [other for other in self.found if Path(_lax(other)).name == Path(_lax(name)).name]
        if alike:
            return (
                None,
                say(f"file {name!r} is missing", f"ファイル {name!r} がありません"),
                say(f"did you mean {alike[0]!r}?", f"もしかして: {alike[0]!r}"),
            )
        return (
            None,
            say(f"file {name!r} is missing", f"ファイル {name!r} がありません"),
            say(
                "put the file into the folder or delete the row",
                "ファイルをフォルダーに置くか、この行を削除してください",
            ),
        )


def _lax(name: str) -> str:
    return normal(name).casefold()
