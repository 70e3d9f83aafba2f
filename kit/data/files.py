"""The media files of a company folder: found once, matched to the names that a table writes, never outside the folder."""

import os
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from kit.data.media import modality_of
from kit.data.tables import normal
from kit.errors import KitError
from kit.language import say

SKIPPED = ("__pycache__", "__MACOSX", "runs")  # and every hidden folder; "runs" only at the top


def leaves(path: Path, root: Path) -> bool:
    """Whether a file is a link to something outside `root`: what lies there is not the company's folder, and may be anybody's."""
    return path.is_symlink() and not _lies_in(path, root)


def own(path: Path, root: Path) -> Path:
    """The path, for a writer: what is written there stays in `root` and changes nothing under another name.

    Raises:
        KitError: it is a link, or lies behind one that leads out of `root`.
    """
    if path.is_symlink() or not _lies_in(path, root):
        real = os.path.realpath(path)
        raise KitError(
            say(
                f"{path}: is a link, or lies behind one, and leads to {real}; nothing was written, because what lies there may be somebody else's. Delete the link and type the same again.",
                f"{path}: リンクであるか、リンクの先にあり、実体は {real} です。他人のファイルかもしれないため、書き込みませんでした。リンクを削除してから、もう一度実行してください。",
            )
        )
    return path


def apart(source: Path, out: Path) -> None:
    """Nothing where a copy of the folder `source` can be written to `out`.

    Raises:
        KitError: one lies in the other.
    """
    if _lies_in(out, source) or _lies_in(source, out):
        beside = Path(os.path.realpath(source))
        raise KitError(
            say(
                f"{out}: lies in {source}, or holds it; a copy is never written into its original. Give a folder beside it, such as {beside.with_name(beside.name + '-copy')}",
                f"{out}: {source} の中にあるか、それを含んでいます。写しを元のフォルダーに書き込むことはありません。{beside.with_name(beside.name + '-copy')} のような、外のフォルダーを指定してください",
            )
        )


def _lies_in(path: Path, root: Path) -> bool:
    """By what the links lead to; realpath, because Path.resolve raises at a link to itself."""
    return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(root))


def walk(root: Path) -> Iterator[tuple[str, Path]]:
    """(relative posix path, absolute path) of every media file, folder by folder in the order of names; links out of the folder among them (see `leaves`)."""
    for folder, folders, names in os.walk(root):
        top = Path(folder) == root
        folders[:] = sorted(
            f for f in folders if not f.startswith((".", "~")) and not (f in SKIPPED and (top or f != "runs"))
        )
        for name in sorted(names):
            if modality_of(Path(name)) and not name.startswith((".", "~")):
                path = Path(folder, name)
                yield path.relative_to(root).as_posix(), path


class MediaFiles:
    """All media files under a folder, links to other folders not followed.

    Attributes:
        root: the folder, absolute.
        found: relative posix path as on disk -> absolute path, sorted by name.
        outside: names of links that lead out of the folder; they are not followed.
        named: the paths that `match` has given out so far.
    """

    def __init__(self, root: Path):
        self.root = Path(root).resolve()
        every = dict(walk(self.root))
        self.outside = [name for name, path in every.items() if leaves(path, self.root)]
        self.found, self.named = {name: path for name, path in every.items() if name not in set(self.outside)}, set()
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
        path = self._find(os.path.normpath(name)) or self.root / name
        if not os.path.isfile(path):  # False for a name that no file can have; Path.is_file raises where it is too long
            return self._missing(name)
        if not _lies_in(path, self.root):
            return None, *left(cell)
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

    def _find(self, name: str) -> Path | None:
        alike = self._lax.get(_lax(name), [])
        return self._exact.get(name) or (alike[0] if len(alike) == 1 else None)

    def _missing(self, name: str) -> tuple[None, str, str]:
        alike = [other for other in self._alike(name) if other != name]  # that name itself is there and no file: a pipe, a socket, a link in circles
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


    def _alike(self, name: str) -> list[str]:
        """Files of that name in other folders."""
        return [other for other in self.found if Path(_lax(other)).name == Path(_lax(name)).name]


def left(name: str) -> tuple[str, str]:
    """(problem, fix) of a file that lies outside the folder."""
    return (
        say(f"file {name!r} leaves the folder", f"ファイル {name!r} はフォルダーの外にあります"),
        say("copy it into the folder and write its path from there", "フォルダー内にコピーし、そこからの相対パスを書いてください"),
    )


class UnlistedFiles(MediaFiles):
    """The same for a folder of any size: a name is looked up where it points to, the folder is not listed, and nothing is kept of what was given out."""

    def __init__(self, root: Path):
        self.root = Path(root).resolve()
        self._names = lru_cache(maxsize=4)(self._names_in)

    @property
    def named(self) -> set[Path]:
        """Empty always."""
        return set()

    def _find(self, name: str) -> Path | None:
        path = self.root / name
        if os.path.isfile(path):
            return path
        alike = self._names(path.parent).get(_lax(path.name), [])
        return path.with_name(alike[0]) if len(alike) == 1 else None

    def _names_in(self, folder: Path) -> dict[str, list[str]]:
        """{lax name: names} of one folder, which macOS, Windows or another hand may have written otherwise than the table."""
        found = {}
        for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else []:
            found.setdefault(_lax(name), []).append(name)
        return found

    def _alike(self, name: str) -> list[str]:
        return []


def _lax(name: str) -> str:
    return normal(name).casefold()
