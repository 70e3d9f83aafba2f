"""poc.yaml as a checked object, and the folder's samples as that object wants them.

An error names the file, the line, the key, what was given, what is allowed and what to do next; all faults of the file are told at once, one line each.
"""

import dataclasses
import hashlib
import json
from pathlib import Path

from pydantic import ValidationError

from kit.data import Fault, Folder, Sample, propose_groups, read_folder, split_samples, unlisted_samples
from kit.errors import KitError
from kit.labelling import Decided, entries_in, with_labels
from kit.labelling.decided import told
from kit.language import say
from poc.new_usecase import name_of, write_usecase
from poc.scenarios import scenario_faults
from poc.translations import translation_faults
from poc.usecase_faults import explain
from poc.usecase_schema import Costs, Data, Gates, Model, Training, UseCase
from poc.yaml_lines import read_yaml

__all__ = [
    "Costs",
    "Data",
    "Gates",
    "Model",
    "Training",
    "UseCase",
    "check_usecase",
    "data_hash",
    "gates_hash",
    "labelled",
    "load_samples",
    "load_usecase",
    "read_rows",
    "write_usecase",
]

FILE = "poc.yaml"
LOGS = "labelling"  # beside poc.yaml: who said what (`poc label`)
LABEL_FIRST = 50  # rows per answer: the 95 % interval of a recall near 0.9 is then about 0.17 wide
GROUP_RULES = {  # what stands in for a group column, by data.group_rule
    "blocks": (
        "near-duplicate clusters and blocks of 20 consecutive file numbers",
        "ほぼ同じ画像のまとまりと、連続する20件のファイル番号",
    ),
    "duplicates": ("near-duplicate clusters", "ほぼ同じ画像のまとまり"),
    "none": ("every sample alone", "1サンプルずつ"),
}


def load_usecase(directory: Path) -> UseCase:
    """The use case of a folder.

    Raises:
        KitError: no poc.yaml, or one line for every fault in it.
    """
    path = Path(directory) / FILE
    if not path.is_file():
        raise KitError(
            say(
                f"{path}: is missing. Write one with: poc init {directory}",
                f"{path}: ありません。作成するには: poc init {directory}",
            )
        )
    data, lines = read_yaml(path)
    data = {
        key: value for key, value in data.items() if value is not None
    }  # "costs:" with nothing after it means none
    try:
        return UseCase.model_validate({"name": name_of(directory), **data})
    except ValidationError as error:
        raise KitError("\n".join(explain(error, path, lines, UseCase))) from error


def read_rows(directory: Path, use: UseCase, verify: bool = True) -> Folder:
    """The folder's rows as its table has them, grouped as poc.yaml says and not split; files that no row names are rows without a label.

    Raises:
        KitError: the folder cannot be read.
    """
    folder = read_folder(directory, use, verify=verify)
    samples, rule = (*folder.samples, *unlisted_samples(folder, use)), folder.group_rule
    if not folder.group_column:
        rule = say(*GROUP_RULES[use.data.group_rule], use.language)
        samples = _grouped(samples, use.data.group_rule)
    return dataclasses.replace(folder, samples=samples, group_rule=rule)


def labelled(directory: Path, folder: Folder, use: UseCase) -> Decided:
    """The rows of `read_rows` with what people said about them at the labelling bench.

    Raises:
        KitError: a label log was changed by something else.
    """
    return with_labels(folder.samples, entries_in(Path(directory) / LOGS), use.data.annotators)


def load_samples(directory: Path, use: UseCase, seed: int | None = None, verify: bool = True) -> Folder:
    """The folder's samples, labelled, grouped and split as its table, its label logs and poc.yaml say, and its faults; `Folder.group_rule` says in words how they were grouped.

    Args:
        directory: the use case's folder.
        use: its poc.yaml.
        seed: of the split; None for the training's seed.
        verify: open every media file.

    Raises:
        KitError: the folder cannot be read, or its usable rows cannot be split.
    """
    folder = read_rows(directory, use, verify)
    return _split(folder, labelled(directory, folder, use).samples, use, seed)


def _split(folder: Folder, samples: tuple[Sample, ...], use: UseCase, seed: int | None = None) -> Folder:
    """The folder with a split; one without labels is normal, and has nothing to split.

    Measured are real rows of the domain layer, or of whatever layers there are where it has none. All others may be learned from, unless their group is held out: a row that was generated
    from a held-out one, say.
    """
    layers = {sample.data_layer for sample in samples if sample.answer}
    own = [s for s in samples if not s.generated and ("domain" not in layers or s.data_layer == "domain")]
    if any(sample.answer for sample in own):
        split = {s.id: s for s in split_samples(tuple(own), use.data.fractions, use.training.seed if seed is None else seed)}
        held = {s.group for s in split.values() if s.group and s.split not in ("", "train")}
        others = {s.id: s.replace(split="train" if s.answer and s.group not in held else "") for s in samples if s.id not in split}
        samples = tuple((split | others)[sample.id] for sample in samples)
    return dataclasses.replace(folder, samples=samples)


def _grouped(samples: tuple[Sample, ...], rule: str) -> tuple[Sample, ...]:
    """Proposed groups. They are a guess, so where the company has split its rows itself, its split cuts them."""
    if rule == "none":
        return samples
    groups = propose_groups(samples, block=20 if rule == "blocks" else 0)
    return tuple(s.replace(group=f"{groups[s.id]} {s.split}".strip()) for s in samples)


def check_usecase(directory: Path, verify: bool = True) -> tuple[list[str], list]:
    """(lines for the terminal, faults): every fault of the folder, then what it holds. The media are opened too, where `verify`.

    Raises:
        KitError: poc.yaml or the folder cannot be read.
    """
    use = load_usecase(directory)
    folder = read_rows(directory, use, verify)
    decided, faults = labelled(directory, folder, use), [*folder.faults, *scenario_faults(use, directory), *translation_faults(use, folder.samples)]
    try:
        folder = _split(folder, decided.samples, use)
    except KitError as error:  # the rows are fine one by one and cannot be split together
        problem, _, fix = str(error).partition(say(". ", "。"))
        faults.append(Fault(None, "", problem, fix))
    return [*(str(fault) for fault in faults), *_contents(directory, folder, decided, len(faults))], faults


def _contents(directory: Path, folder: Folder, decided: Decided, faults: int) -> list[str]:
    labels = sum(bool(sample.answer) for sample in decided.samples)
    open_ = len(decided.samples) - labels
    shares = ", ".join(f"{name} {len(samples)}" for name, samples in folder.by_split.items())
    groups = len({sample.group for sample in folder.samples})
    lines = [
        say(
            f"{folder.source}: {len(folder.samples)} samples, {labels} labelled, {len(folder.unlisted)} unlisted files, {faults} faults",
            f"{folder.source}: {len(folder.samples)}サンプル、ラベルあり{labels}、表にないファイル{len(folder.unlisted)}、不備{faults}",
        ),
        say(
            f"groups: {groups} ({folder.group_rule}); split: {shares}",
            f"グループ: {groups} ({folder.group_rule})、分割: {shares}",
        ),
    ]
    if said := told(decided):
        lines.append(say(f"labels from the bench: {said}", f"ラベル付け画面での回答: {said}"))
    if not labels:
        lines.append(
            say(
                f"no labels yet: label about {LABEL_FIRST} rows per answer first, with: poc label {directory} (or in a labels.csv with the columns file_name and label)",
                f"ラベルがまだありません。まず答えごとに約{LABEL_FIRST}行、poc label {directory} で（または labels.csv の列 file_name, label に）ラベルを付けてください",
            )
        )
    elif open_:
        lines.append(
            say(
                f"{open_} rows have no label and are neither learned from nor measured on; to label them: poc label {directory}",
                f"{open_} 行はラベルがなく、学習にも評価にも使いません。ラベルを付けるには: poc label {directory}",
            )
        )
    return lines


def gates_hash(use: UseCase) -> str:
    """sha256 of what a signature covers: gates, costs, prevalence and options. The order of keys in the file does not matter."""
    signed = use.model_dump(mode="json", include={"gates", "costs", "prevalence", "options"})
    signed["gates"] = {name: value for name, value in signed["gates"].items() if value is not None}  # a gate that nobody set leaves older signatures valid
    return hashlib.sha256(json.dumps(signed, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def data_hash(samples: tuple[Sample, ...], unlabelled: bool = False) -> str:
    """sha256 over ids, questions, answers, texts, splits and the bytes of all files; the order of the samples does not matter. Rows without an answer take no part in a run, and count only where `unlabelled`."""
    digest = hashlib.sha256()
    for sample in sorted((s for s in samples if s.answer or unlabelled), key=lambda sample: sample.id):
        paths = (*sample.image, *sample.video, *sample.audio)
        files = [hashlib.sha256(path.read_bytes()).hexdigest() for path in paths]
        digest.update(
            json.dumps(
                [sample.id, sample.question, sample.answer, sample.text, sample.split, files],
                ensure_ascii=False,
            ).encode()
        )
    return digest.hexdigest()
