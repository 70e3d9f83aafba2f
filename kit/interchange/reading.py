"""What the formats share when they are read: rows of one file or folder become samples, and what cannot be read is a fault. Nothing outside the folder is opened."""

import os
from collections.abc import Callable
from pathlib import Path

from kit.data import MEDIA, Fault, Folder, MediaError, Sample, answer_text
from kit.data.files import MediaFiles
from kit.data.json_text import json_of
from kit.data.media import check_file, modality_of
from kit.data.rows import SPLIT_NAMES
from kit.errors import KitError
from kit.interchange.rows import KEPT, KEY, TAGS, words
from kit.language import say

_LISTS = ("options", "decided_by")
Taken = tuple[str, str, dict[str, list[str]]]  # prompt without tags, answer, modality -> names


def read_files(path: Path, ending: str, load: Callable[[Path], list], take: Callable[[dict], Taken]) -> Folder:
    """The samples of one file, or of all with this ending in a folder; a file's name is the split where it is one.

    Args:
        path: the file or folder.
        ending: as in ".jsonl".
        load: the rows of a file (`lines_of`, `list_in`).
        take: what a row of the format says, see `Reading.add`.

    Raises:
        KitError: no such file, or it cannot be read.
    """
    files = files_in(path, ending)
    reading = Reading(files[0].parent)
    for file in files:
        for row in load(file):
            reading.add(row, take, split_of(file))
    return reading.folder(Path(path).name)


def split_of(file: Path) -> str:
    """The split that a file's or folder's name tells, "" where it tells none."""
    return SPLIT_NAMES.get(file.stem.lower(), "")


def paths_in(cell) -> list:
    """Paths as a list, however they come: nothing, one, or objects with a path (datasets' pictures)."""
    cells = cell if isinstance(cell, list) else [] if cell is None else [cell]
    return [one["path"] if isinstance(one, dict) else one for one in cells]


class Reading:
    """Rows of one file or folder on their way to samples; what cannot be read is a fault, and nothing outside the folder is opened.

    Args:
        root: the folder that paths are relative to.
        seen: rows that were read before, elsewhere.
    """

    def __init__(self, root: Path, seen: int = 0):
        self.files, self.samples, self.faults, self.number = MediaFiles(root), [], [], seen
        self._ids: dict[str, int] = {}

    def add(self, row, take: Callable[[dict], Taken], split: str = "") -> None:
        """The next row. `take` returns (prompt without tags, answer, modality -> names), and may raise Wrong, KeyError, TypeError or ValueError for a row of another shape."""
        self.number += 1
        number, shown = self.number, str(row.get("id", "")) if isinstance(row, dict) else ""
        try:
            if isinstance(row, ValueError):
                raise row
            prompt, answer, names = take(row)
            found = {modality: self._media(modality, cells) for modality, cells in names.items()}
            sample = self._restored(row[KEY], prompt, answer, found) if row.get(KEY) else self._plain(number, shown, prompt, answer, found, split)
            if sample.id in self._ids:
                raise Wrong(say(f"duplicate id {sample.id!r}, first used in row {self._ids[sample.id]}", f"ID {sample.id!r} が重複しています（最初は {self._ids[sample.id]} 行目）"), say("give it another id", "別の ID を付けてください"))
        except Wrong as wrong:
            self.faults.append(Fault(number, shown, *wrong.args))
            return
        except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
            self.faults.append(Fault(number, shown, say(f"is not a row of this format ({type(error).__name__}: {str(error)[:80]})", f"この形式の行ではありません（{type(error).__name__}: {str(error)[:80]}）"),
                                     say("compare it with the format's documentation", "形式の説明と見比べてください")))  # fmt: skip
            return
        self._ids[sample.id] = number
        self.samples.append(sample)

    def folder(self, source: str) -> Folder:
        """What was read."""
        return Folder(self.files.root, tuple(self.samples), tuple(self.faults), source)

    def _media(self, modality: str, cells: list[str]) -> tuple[Path, ...]:
        if not isinstance(cells, list) or not all(isinstance(cell, str) for cell in cells):
            raise TypeError(f"{modality}: a list of paths is wanted, given {cells!r}")
        found = []
        for cell in cells:
            path, problem, fix = self.files.match(cell)
            if path is None:
                raise Wrong(problem, fix)
            if modality_of(path) != modality and (modality, modality_of(path)) != ("audio", "video"):
                raise Wrong(say(f"{cell!r} is no {modality}", f"{cell!r} は {modality} ではありません"), say("move it to the column of its kind", "種類に合う列に移してください"))
            try:
                check_file(path, modality)
            except MediaError as error:
                raise Wrong(f"{cell} {error.problem}", error.fix) from error
            found.append(path)
        return tuple(found)

    def _restored(self, text: str, prompt: str, answer: str, found: dict) -> Sample:
        said = json_of(text)
        kinds = {**dict.fromkeys(KEPT, str), **dict.fromkeys(_LISTS, list), "meta": dict}
        if not isinstance(said, dict) or any(not isinstance(said.get(name), kind) for name, kind in kinds.items()) or not all(isinstance(one, str) for name in _LISTS for one in said[name]):
            raise TypeError(f"{KEY} does not hold a sample")
        sample = Sample(**{name: tuple(value) if name in _LISTS else value for name, value in said.items() if name in KEPT}, **found)
        if words(sample) != prompt or answer_text(sample) != answer:
            raise Wrong(say(f"its words were changed after it was written, and no longer are what {KEY} says", f"書き出し後に文が変更され、{KEY} の内容と一致しません"),
                        say(f"undo the change, or delete {KEY} from the row", f"変更を戻すか、この行の {KEY} を削除してください"))  # fmt: skip
        return sample

    def _plain(self, number: int, shown: str, prompt: str, answer: str, found: dict, split: str) -> Sample:
        present = tuple(modality for modality in MEDIA if found.get(modality)) or ("text",)
        # the whole prompt is the question: which part of it is a note or a list of options, only its author knows
        return Sample(shown or f"row-{number}", prompt.strip(), answer=answer, **found, decided_by=present, split=split, data_layer="task")


class Wrong(Exception):
    """(problem, fix) of a row."""


def of_two_turns(messages, role: str = "role", content: str = "content", asks: str = "user", says: str = "assistant") -> tuple[str, str]:
    """(prompt, answer) of a conversation; a system turn before them is put in front of the prompt.

    Raises:
        Wrong: more turns than one question and one answer.
    """
    turned = [(message[role], _flat(message[content])) for message in messages]
    system = turned.pop(0)[1] + "\n" if turned and turned[0][0] == "system" else ""
    if [who for who, _ in turned] != [asks, says]:
        raise Wrong(say(f"has the turns {', '.join(who for who, _ in turned)}; the kit reads one question and one answer", f"会話が {'、'.join(who for who, _ in turned)} です。読めるのは質問 1 つと回答 1 つだけです"),
                    say("cut it into rows of one question each", "質問ごとの行に分けてください"))  # fmt: skip
    return system + turned[0][1], turned[1][1]


def _flat(content) -> str:
    """The words of a message, also where they come in parts."""
    if isinstance(content, str):
        return content
    return "".join(part["text"] for part in content if part.get("type") == "text")


def untagged(prompt: str, names: dict[str, list[str]]) -> str:
    """The prompt without its tags.

    Raises:
        Wrong: another number of tags than media.
    """
    for modality, tag in TAGS.items():
        tags, files = prompt.count(tag), len(names.get(modality, []))
        if tags != files:
            raise Wrong(say(f"has {tags} {tag} in its words and {files} {modality} file(s)", f"文中の {tag} が {tags} 個、{modality} のファイルが {files} 個です"), say("make the numbers equal", "数を合わせてください"))
        prompt = prompt.replace(tag, "")
    return prompt


def lines_of(file: Path) -> list:
    """The rows of a .jsonl file; a line that is no JSON is a ValueError, which `Reading.add` makes a fault of.

    Raises:
        KitError: the file cannot be read.
    """
    return [_loaded(line) for line in text_of(file).split("\n") if line.strip()]


def list_in(file: Path) -> list:
    """The rows of a .json file that holds a list.

    Raises:
        KitError: the file cannot be read, or holds something else.
    """
    rows = _loaded(text_of(file))
    if not isinstance(rows, list):
        reason = f" ({str(rows)[:120]})" if isinstance(rows, ValueError) else ""
        raise KitError(say(f"{file}: holds no JSON list{reason}. Give a file that a trainer's list of rows is in.", f"{file}：JSON のリストではありません{reason}。行のリストが入ったファイルを指定してください。"))
    return rows


def text_of(file: Path) -> str:
    """The text of a file.

    Raises:
        KitError: it cannot be read, or is no UTF-8.
    """
    try:
        return Path(file).read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:  # ValueError: no UTF-8, or a name that no file can have
        raise KitError(say(f"{file}: cannot be read ({getattr(error, 'strerror', None) or 'no UTF-8'}). Give a UTF-8 file.", f"{file}：読めません（{getattr(error, 'strerror', None) or 'UTF-8 ではありません'}）。UTF-8 のファイルを指定してください。")) from error


def files_in(path: Path, ending: str) -> list[Path]:
    """The file itself, or those with this ending in a folder, in the order of names.

    Raises:
        KitError: there is none.
    """
    path = Path(path)
    found = [path] if os.path.isfile(path) else sorted(path.glob(f"*{ending}")) if os.path.isdir(path) else []
    if not found:
        raise KitError(say(f"{path}: no {ending} file there. Name the file, or the folder that holds it.", f"{path}：{ending} ファイルがありません。ファイル、またはそれが入ったフォルダーを指定してください。"))
    return found


def _loaded(text: str):
    try:
        return json_of(text)
    except ValueError as error:
        return error
