"""What misleads in the company, as poc.yaml lists it under `scenarios`: checked when the file is read, and matched to the folder's files."""

import difflib
import re
from collections.abc import Iterator
from pathlib import Path

from kit.data import Fault
from kit.data.files import MediaFiles
from kit.data.media import modality_of
from kit.data.names import is_taken
from kit.diagnosis.scenarios import WRONG, Scenario
from kit.errors import KitError
from kit.language import say

_PLACEHOLDER = re.compile(r"\{[^{}]*\}")


def scenario_misfits(use) -> Iterator[tuple[tuple, str, str]]:
    """(key path, what is wrong, what to do) of scenarios that could not be asked, or whose answers could not be told from others'."""
    for place, scenario in enumerate(use.scenarios):
        key = ("scenarios", place)
        if scenario.name in [other.name for other in use.scenarios[:place]]:
            yield (*key, "name"), say(f"{scenario.name!r} is there twice", f"{scenario.name!r} が 2 つあります"), say("give each a name of its own", "別々の名前にしてください")
        if is_taken(scenario.name):
            yield (
                (*key, "name"),
                say(f"{scenario.name!r} is a name that the kit's own questions have (or found in your rows, `found: ...`)", f"{scenario.name!r} はキット自身の質問の名前です（自社の行から見つけたものは `found: ...`）"),
                say("give it another, such as one that says where it occurs", "どこで起きるかなど、別の名前にしてください"),
            )
        if not scenario.modality:
            yield (
                key,
                say(f"{scenario.name!r} gives none or several of text, image, audio, video", f"{scenario.name!r} に text、image、audio、video のうち 1 つだけを書いてください"),
                say("give one of them; {wrong} in a text stands for an option that is not the answer", "1 つだけ残してください。text の {wrong} は正解でない選択肢に置き換わります"),
            )
        for unknown in sorted({found for found in _PLACEHOLDER.findall(scenario.text or "") if found != WRONG}):
            close = difflib.get_close_matches(unknown, [WRONG], cutoff=0.6)
            yield (
                (*key, "text"),
                say(f"unknown placeholder {unknown}; allowed: {WRONG}", f"{unknown} は使えません。使えるもの: {WRONG}"),
                say(f"did you mean {WRONG}?", f"もしかして: {WRONG}") if close else say("write the words without braces", "波括弧なしで書いてください"),
            )


def scenarios_of(use, directory: Path) -> list[Scenario]:
    """What poc.yaml lists under `scenarios`.

    Raises:
        KitError: a file that is not in the folder, or is of another kind.
    """
    found = list(_matched(use, directory))
    for _, fault in found:
        if fault:
            raise KitError(fault.problem + say("; ", "。") + fault.fix)
    return [scenario for scenario, _ in found]


def scenario_faults(use, directory: Path) -> list[Fault]:
    """What `poc check` says of the files that scenarios name."""
    return [fault for _, fault in _matched(use, directory) if fault]


def _matched(use, directory: Path) -> Iterator[tuple[Scenario | None, Fault | None]]:
    """Each scenario with its file, or what is wrong with that."""
    files = MediaFiles(directory) if any(scenario.modality != "text" for scenario in use.scenarios) else None
    for given in use.scenarios:
        path, problem, fix = (None, "", "") if given.text else files.match(getattr(given, given.modality))
        if path and modality_of(path) != given.modality:
            problem = say(f"file {path.name!r} is no {given.modality}, but {modality_of(path)}", f"ファイル {path.name!r} は {given.modality} ではなく {modality_of(path)} です")
            fix = say(f"write it under {modality_of(path)}:", f"{modality_of(path)}: に書いてください")
        if problem:
            yield None, Fault(None, "", say(f"poc.yaml, scenario {given.name!r}: {problem}", f"poc.yaml のシナリオ {given.name!r}：{problem}"), fix)
        else:
            yield Scenario(given.name, given.modality, given.text or "", path, given.says or ""), None
