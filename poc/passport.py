"""dataset.yaml: what a board, a lawyer and the next engineer must know about the data; and the passport made of it (croissant.json, DATASET_CARD.md in both languages).

`poc passport DIR` writes an empty one to fill in, then the passport. `poc check DIR` fails while a field that nobody may leave open is empty.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from kit.data import Fault, Folder
from kit.data.croissant import croissant, write_croissant
from kit.data.files import own
from kit.data.tables import normal
from kit.errors import KitError
from kit.language import say
from poc.usecase import data_hash, load_samples, load_usecase
from poc.usecase_faults import explain
from poc.yaml_lines import read_yaml

FILE = "dataset.yaml"
_OPEN = re.compile(  # what only holds the place
    r"(to-?do|to do|tbd|tba|tbc|fixme|to be (decided|determined|confirmed|defined|announced)|pending|not (yet )?known|fill (me )?in)\b.*|unknown\W*|\?.*|n\.?/?a\.?|null|x+|0|[〇○●]+|"
    r"(未定|未記入|要確認|未確認|不明(?!瞭)|空欄|後日|あとで|後で|検討中|確認中|調整中|.*[にへ](確認中|問い合わせ中)).*",
    re.DOTALL,
)
CARDS = {"en": "DATASET_CARD.md", "ja": "DATASET_CARD.ja.md"}


class Passport(BaseModel):
    """What dataset.yaml may say; an empty text means that nobody has said it yet."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_: Literal[1] = Field(alias="schema", default=1)
    version: str = "1.0.0"
    description: str = ""
    licence: str = ""
    purpose: str = ""
    personal_data: str = ""
    owner: str = ""
    confidentiality: Literal["", "public", "internal", "confidential", "secret"] = ""
    split_unit: str = ""
    annotators: str = ""
    annotation: str = ""
    collection: str = ""
    timeframe: str = ""
    retention: str = ""
    biases: str = ""
    limitations: str = ""
    contact: str = ""
    general_layer: str = ""
    task_layer: str = ""


@dataclass(frozen=True)
class Asked:
    """What a field of dataset.yaml asks, in both languages; `needed`: whether `poc check` fails while it is empty."""

    needed: bool
    title: tuple[str, str]
    en: str
    ja: str


FIELDS = {
    "description": Asked(False, ("Description", "説明"), "what the rows show, in two sentences", "何が写っているか（2 文で）"),
    "licence": Asked(True, ("Licence", "ライセンス"), "who may use the data for what: an SPDX name, or 'company internal, not to be passed on'", "誰が何に使ってよいか：SPDX 名、または「社内限り、再配布禁止」など"),
    "purpose": Asked(True, ("Purpose", "利用目的"), "the purpose that was told to the people concerned, and that this use falls under", "本人や取引先に示した利用目的（今回の利用がその範囲にあること）"),
    "personal_data": Asked(True, ("Personal data", "個人情報"), "none, or: which, on what legal basis, who agreed, how it is masked", "なし、または：何が、どの根拠で、誰の同意のもと、どうマスクされるか"),
    "owner": Asked(True, ("Owner of drawings and customers' parts", "図面・客先部品の権利者"), "whose drawings, parts and pictures these are, and what the contract allows", "図面・部品・写真は誰のものか、契約上何が許されるか"),
    "confidentiality": Asked(True, ("Confidentiality", "機密区分"), "public, internal, confidential or secret", "public、internal、confidential、secret のいずれか"),
    "split_unit": Asked(True, ("Split unit", "分割の単位"), "what may never stand on two sides of the split (lot, device, speaker, day), and why", "学習と評価に分けてはならない単位（ロット、設備、話者、日）とその理由"),
    "annotators": Asked(True, ("Annotators", "ラベル付け担当"), "how many people labelled, who they are by role, what they were taught", "何人が、どの職種で、どんな教育を受けて付けたか"),
    "annotation": Asked(False, ("Annotation", "ラベル付けの方法"), "by what rule; how many per row; agreement (kappa)", "基準、1 行あたりの人数、一致度（カッパ係数）"),
    "collection": Asked(False, ("Collection", "収集方法"), "with what device, where, by whom; what was left out", "どの装置で、どこで、誰が。除外したもの"),
    "timeframe": Asked(False, ("Time frame", "収集期間"), "from when to when, as in 2026-01-05 to 2026-03-31", "いつからいつまで（例：2026-01-05〜2026-03-31）"),
    "retention": Asked(False, ("Retention", "保存期間"), "how long it is kept, and who deletes it", "いつまで保存し、誰が消すか"),
    "biases": Asked(False, ("Known biases", "既知の偏り"), "what is seen too often or too seldom", "多すぎる・少なすぎるもの"),
    "limitations": Asked(False, ("Limitations", "限界"), "what must not be concluded from these rows", "このデータから言えないこと"),
    "contact": Asked(False, ("Contact", "連絡先"), "a role or an office, rather than a person", "個人名ではなく役割・部署"),
    "general_layer": Asked(False, ("General layer", "general 層"), "what the base model brought, its licence; what is replayed against forgetting", "ベースモデルの学習データとライセンス、忘却防止に混ぜるデータ"),
    "task_layer": Asked(False, ("Task layer", "task 層"), "public or generated rows: source, licence, how generated", "公開・生成データの出典、ライセンス、生成方法"),
}  # fmt: skip


def load_passport(directory: Path) -> Passport:
    """The checked dataset.yaml of a folder.

    Raises:
        KitError: no dataset.yaml, or one line for every fault in it.
    """
    path = Path(directory) / FILE
    if not path.is_file():
        raise KitError(say(f"{path}: is missing. Write one to fill in with: poc passport {directory}", f"{path}: ありません。記入用のひな形を作るには: poc passport {directory}"))
    data, lines = read_yaml(path)
    try:
        return Passport.model_validate({key: value for key, value in data.items() if value is not None})
    except ValidationError as error:
        raise KitError("\n".join(explain(error, path, lines, Passport))) from error


def passport_faults(directory: Path) -> list[Fault]:
    """One fault for every field that nobody may leave open, or one for a dataset.yaml that is missing or wrong."""
    try:
        passport = load_passport(directory)
    except KitError as error:
        problem, fix = [*re.split(r"\. |。", str(error), maxsplit=1), ""][:2]
        return [Fault(None, FILE, problem, fix)]
    faults = []
    for name, asked in FIELDS.items():
        written = getattr(passport, name)
        if asked.needed and not stated(written):
            problem = say(f"{name} says only {written.strip()!r}", f"{name} が {written.strip()!r} だけです") if written.strip() else say(f"{name} is empty", f"{name} が空です")
            faults.append(Fault(None, FILE, problem, say(f"write {asked.en}", f"記入してください：{asked.ja}")))
    return faults


def stated(text: str) -> str:
    """What somebody wrote; "" where it only holds the place: a dash, "?", "TODO: ask legal", "n/a", 未定. "none" and なし are answers."""
    words = normal(text).casefold().strip("()[]{}<>「」【】『』〔〕*_ ")
    if re.fullmatch(r"[<\[{].*[>\]}]", normal(text)):  # <licence>, [owner]: a template's own words
        return ""
    return "" if _OPEN.fullmatch(words) or not any(letter.isalnum() for letter in words.replace("ー", "")) else text.strip()


def write_template(directory: Path) -> Path:
    """Writes dataset.yaml with every question and no answer, and returns its path; one that is there stays."""
    path = Path(directory) / FILE
    lines = [say("# The data's passport. Fields marked * may not stay empty: poc check says so.", "# データのパスポート。* の項目は空にできません（poc check が知らせます）。"), "schema: 1", "version: 1.0.0"]
    for name, asked in FIELDS.items():
        lines += [f"# {'* ' if asked.needed else ''}{say(asked.en, asked.ja)}", f'{name}: ""']
    try:
        with path.open("x", encoding="utf-8", newline="\n") as file:
            file.write("\n".join(lines) + "\n")
    except FileExistsError:
        pass
    except OSError as error:
        raise KitError(say(f"{path}: cannot be written ({error.strerror})", f"{path}: 書き込めません（{error.strerror}）")) from error
    return path


def write_passport(directory: Path) -> list[Path]:
    """Writes croissant.json (Croissant 1.1 with its Responsible AI fields, validated by mlcroissant) and the dataset cards beside poc.yaml; returns their paths.

    Raises:
        KitError: a field that nobody may leave open is empty, dataset.yaml or the folder cannot be read, mlcroissant refuses the result, or one of the files is a link.
    """
    directory = Path(directory)
    if faults := passport_faults(directory):
        raise KitError("\n".join(str(fault) for fault in faults))
    use, passport = load_usecase(directory), load_passport(directory)
    passport = passport.model_copy(update={name: stated(getattr(passport, name)) for name in FIELDS})
    folder = load_samples(directory, use, verify=False)
    digest = data_hash(folder.samples, unlabelled=True)
    described = croissant(
        folder, name=use.name, version=passport.version, description=passport.description or use.titles()["en"], licence=passport.licence,
        rai=_rai(passport), language=use.language, digest=digest,
    )  # fmt: skip
    for name in CARDS.values():
        own(directory / name, directory)  # before anything is written
    written = [write_croissant(described, directory / "croissant.json")]
    for language, name in CARDS.items():
        (directory / name).write_text(_card(use.titles()[language], passport, folder, digest, language), encoding="utf-8")
        written.append(directory / name)
    return written


def _rai(passport: Passport) -> dict:
    """Our fields under the names of Croissant's Responsible AI vocabulary (version 1.0)."""
    days = re.findall(r"\d{4}-\d{2}-\d{2}", passport.timeframe)  # the vocabulary takes dates only; words about time stay with the collection
    collected = passport.collection if days or not passport.timeframe else f"{passport.collection} ({passport.timeframe})".strip()
    return {
        "data_collection": collected, "data_collection_timeframe": days, "data_annotation_protocol": passport.annotation, "annotator_demographics": passport.annotators,
        "data_biases": passport.biases, "data_limitations": passport.limitations, "personal_sensitive_information": passport.personal_data, "data_use_cases": passport.purpose,
        "data_social_impact": f"Confidentiality: {passport.confidentiality}. Owner of drawings and parts: {passport.owner}", "data_release_maintenance_plan": passport.retention,
    }  # fmt: skip


def _card(title: str, passport: Passport, folder: Folder, digest: str, language: str) -> str:
    """The dataset card in Markdown: counts from the rows, everything else as dataset.yaml says it."""
    index = 0 if language == "en" else 1
    counts = [(split, len(rows), sum(bool(s.answer) for s in rows), len({s.group for s in rows})) for split, rows in folder.by_split.items() if rows]
    layers = {layer: sum(s.data_layer == layer for s in folder.samples) for layer in ("general", "task", "domain")}
    generated = sum(s.generated for s in folder.samples)
    answers: dict[str, int] = {}
    for sample in folder.samples:
        answers[sample.answer or say("no label", "ラベルなし", language)] = answers.get(sample.answer or say("no label", "ラベルなし", language), 0) + 1
    head = say("| split | rows | labelled | groups |", "| 分割 | 行 | ラベルあり | グループ |", language)
    lines = [f"# {title}", "", passport.description, "", f"sha256: `{digest}`", "", head, "|---|---|---|---|", *(f"| {split} | {rows} | {labelled} | {groups} |" for split, rows, labelled, groups in counts), ""]
    lines += [say("| data layer | rows |", "| データ層 | 行 |", language), "|---|---|", *(f"| {layer} | {n} |" for layer, n in layers.items()), ""]
    lines += [say(f"Generated rows: {generated}.", f"生成した行：{generated}。", language), "", say("| answer | rows |", "| 答え | 行 |", language), "|---|---|", *(f"| {answer} | {n} |" for answer, n in answers.items()), ""]
    for name, asked in FIELDS.items():
        if name != "description":
            lines += [f"## {asked.title[index]}", "", getattr(passport, name) or say("not stated", "記載なし", language), ""]
    return "\n".join(lines)
