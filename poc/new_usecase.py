"""`poc init`: a commented poc.yaml for a folder, proposing what the folder shows and leaving open what only people know."""

import json
import re
from collections import defaultdict
from pathlib import Path

from kit.data import Folder, read_folder
from kit.data.files import own
from kit.data.tables import normal
from kit.errors import KitError
from kit.language import current, say
from poc.business import KNOWN, ROI
from poc.practice import ANY, PRACTICE, Practice


def name_of(directory: Path) -> str:
    """The folder's name as a name of a use case: of runs/<name>/ too, on Windows too."""
    return re.sub(r'[/\\:*?"<>|\x00-\x1f]|[. ]$', "-", normal(Path(directory).resolve().name)) or "usecase"


def write_usecase(
    directory: Path,
    like: str | None = None,
    *,
    language: str | None = None,
    name: str | None = None,
    costs: dict | None = None,
) -> Path:
    """Writes directory/poc.yaml and returns its path.

    Args:
        directory: the folder with the company's files.
        like: a key of PRACTICE whose habits go into the comments.
        language: of the comments and the proposed question, "en" or "ja"; None for the reader's.
        name: of the use case; None for the folder's.
        costs: {miss, false_alarm, ok_answer} or {matrix}; without them costs stay a commented example and the report shows no yen curve.

    Raises:
        KitError: poc.yaml exists already, poc.yaml.new is a link, `like` is unknown, or the folder cannot be read.
    """
    path = Path(directory) / "poc.yaml"
    if path.exists():
        raise KitError(
            say(
                f"{path}: exists already and is never overwritten. Edit it, or rename it and run poc init again.",
                f"{path}: 既にあるため上書きしません。編集するか、名前を変えてから poc init をやり直してください。",
            )
        )
    if like is not None and like not in PRACTICE:
        raise KitError(
            say(
                f"--like {like!r} is unknown; allowed: {', '.join(PRACTICE)}. Choose one or leave it out.",
                f"--like {like!r} はありません。使えるもの: {', '.join(PRACTICE)}。いずれかを選ぶか省いてください。",
            )
        )
    folder = read_folder(directory, verify=False)
    text = _text(folder, PRACTICE.get(like, ANY), language or current(), name or name_of(directory), costs)
    new = own(path.with_name("poc.yaml.new"), path.parent)  # a full disk must not leave half a poc.yaml behind
    try:
        new.write_text(text, encoding="utf-8", newline="\n")
        new.rename(path)
    except OSError as error:
        new.unlink(missing_ok=True)
        raise KitError(
            say(
                f"{path}: cannot be written ({error.strerror}). Check the folder's permissions and the free space.",
                f"{path}: 書き込めません({error.strerror})。権限と空き容量を確かめてください。",
            )
        ) from error
    return path


def _text(folder: Folder, practice: Practice, language: str, name: str, costs: dict | None) -> str:
    def t(en: str, ja: str) -> str:
        return say(en, ja, language)

    question, options = _question_and_options(folder, practice, t)
    group_by, group_note = _group(folder, practice, t)
    decided_by = _decided_by(folder, practice)
    return f"""\
# {t("The use case. Check it with: poc check", "ユースケースの設定。確認するには: poc check")} {name}
schema: 1
name: {_yaml(name)}
title: {{en: {_yaml(folder.root.name)}, ja: {_yaml(folder.root.name)}}}
language: {language}  # {t("of reports and messages: en or ja", "レポートと表示の言語: en か ja")}

# {t("What the model is asked about every sample, and the answers it may give.", "全サンプルに対する質問と、許される答え。")}
question: {_yaml(question)}
{options}
# {t("How people read them in the demo and the report, where that is another language; the model is asked in the words above.", "デモとレポートで別の言語で表示する場合の言い方。モデルへの質問は上の言葉のままです。")}
# {t("translations: {ja: {OK: ..., NG: ...}}", "translations: {en: {良品: good, 不良: bad}}")}
# {t("The evidence that should decide: image, audio, video, text. Every other evidence should not change the answer.", "判断に使う情報: image、audio、video、text。それ以外の情報で答えが変わってはいけません。")}
decided_by: [{", ".join(decided_by)}]

# {t(*practice.group)}
{group_note}
group_by: {_yaml(group_by) if group_by else "null"}

# {t("What a wrong answer costs. Without costs the report shows no yen curve.", "誤答の費用。書かなければ、レポートに金額の曲線は出ません。")}
# {t(*practice.costs)}
{_costs(costs, practice, t)}
currency: JPY
costs_are_examples: false  # {t("true marks every yen figure as an example", "true にすると、金額すべてに「例」と表示します")}

# {t(*practice.prevalence)}
{_prevalence(folder, t)}
# volume_per_month: 10000  # {t("how many of them in a month", "月あたりの件数")}

{_business(t)}

# {t("What misleads at your place and should not decide: words ({wrong} becomes an option that is not the answer), or a file of this folder and the answer that it names.", "現場で誤解を招く、判断に使うべきでない情報: 文（{wrong} は正解でない選択肢に置き換わります）、またはこのフォルダーのファイルとそれが示す答え。")}
# {t('scenarios: [{name: old stamp, text: "last shift: {wrong}"}, {name: hall noise, audio: hall.wav, says: OK}]', 'scenarios: [{name: 前直のスタンプ, text: "前直：{wrong}"}, {name: 構内放送, audio: hall.wav, says: OK}]')}
scenarios: []

# {t("What must hold for a go. Sign it before training: poc sign", "「進む」の条件。学習の前に承認します: poc sign")} {name}
{_gates(practice, t)}

model:
  preset: tiny       # {t("tiny: rehearsal on this machine. laptop: 16 GB RAM. gpu: one 24 GB card", "tiny: この機械でのリハーサル。laptop: メモリ16GB。gpu: 24GBのGPU 1枚")}
  name: null         # {t("a catalogue name, a hub id or a folder; null for the preset's default", "カタログ名、ハブのID、フォルダー。null ならプリセットの既定")}
  four_bit: auto     # auto | true | false

training:
  lora: [{", ".join(_lora(decided_by))}]  # {t("which parts get an adapter: llm, connector, vision, audio. The tiny model's eyes and ears must learn your evidence; with a large model try llm alone first", "アダプターを付ける部分: llm、connector、vision、audio。tiny は目や耳も学ぶ必要があります。大きなモデルではまず llm だけで")}
  rank: 16
  steps: 300
  batch: 16
  learning_rate: 0.002  # {t("for the tiny preset; large models want 0.0001 to 0.0002", "tiny 用。大きなモデルでは 0.0001 から 0.0002")}
  seed: 0
  evaluate_every: 100
  patience: 3        # {t("stop after so many evaluations without progress", "改善がない評価がこの回数続いたら停止")}
  examples_in_context: 4
  drop_irrelevant: 0.0  # {t("share of rows shown without the evidence that should not decide; 0.5 against copying a note", "判断に使わない情報を外して見せる行の割合。メモの丸写しには 0.5")}
  drop_evidence: 0.0    # {t("share of rows shown without one of the deciding kinds of evidence, where another is left", "判断に使う情報の一つを外して見せる行の割合（ほかの情報が残る場合）")}
  augment: []           # {t("small changes of training rows that your labels survive: light, frame, sharpness, sound, writing (kit/data/augmentation.py says what each may break)", "ラベルが変わらない範囲で学習行を少し変える: light、frame、sharpness、sound、writing（壊れ得るラベルは kit/data/augmentation.py に記載）")}
  orientations: false   # {t("true: every training photo also turned and mirrored; not where left, right or upright means something", "true: 学習写真を回転・反転した形でも見せる。左右や上下に意味がある場合は使わない")}
  robust: null          # {t("against a note that misleads: {perturbations: [misleading note A (en)], share: 0.5, consistency: 0.1, ascent_steps: 1} (docs: kit/training/robust.py)", "誤ったメモに引きずられないための学習: {perturbations: [misleading note A (ja)], share: 0.5, consistency: 0.1, ascent_steps: 1}（説明は kit/training/robust.py）")}
  replay: 0.0        # {t("share of general rows mixed into training, against forgetting what the model knew", "学習に混ぜる一般的な行の割合。元の能力の忘却を抑えます")}
  task_share: 0.0    # {t("share of rows with data_layer = task; 0: as many as the folder has", "data_layer = task の行の割合。0 ならフォルダーにある数のまま")}
  generated: measured # {t("rows marked generated: measured (only if they help on real rows) | always | never", "generated の付いた行: measured（実データで役立つ場合のみ）| always | never")}
  micro_batch: null  # {t("samples at once, when memory is short", "メモリが足りないとき、一度に処理する件数")}

data:
  fractions: {{train: 0.55, validation: 0.1, calibration: 0.15, test: 0.2}}
  group_rule: blocks # {t("without a group column: blocks | duplicates | none", "グループ列がないとき: blocks | duplicates | none")}
  annotators: 1      # {t("how many people must agree before a label given with poc label counts", "poc label で付けたラベルを採用するのに必要な一致人数")}
"""


def _gates(practice: Practice, t) -> str:
    return f"""gates:
  # {t(*practice.kpi)}
  kpi: macro_recall  # macro_recall | accuracy | macro_f1
  threshold: 0.8     # {t("the lower bound of the KPI's interval must beat this and the best cheap baseline", "KPIの区間の下限が、この値と最良の安価な方法を上回ること")}
  confidence: 0.95
  guard_drop: 0.03   # {t("how much general ability may be lost", "一般能力の低下の許容幅")}
  robust_drop: null  # {t("how many right answers evidence that should not decide may take, 0.05 say; null: not asked (poc diagnose asks it of a run)", "判断に使わない情報に奪われてよい正答の割合（0.05 など）。null なら調べません（poc diagnose は実行ごとに調べます）")}
  stop_below: null   # {t("stop rule: the KPI's upper bound below it ends the project; null: the threshold", "中止の基準: KPIの区間の上限がこれ未満なら中止。null なら threshold と同じ")}
  grey: null         # {t("what is done where the intervals do not decide: label_more | check_every_answer | stop; agree on it now", "区間で決まらない場合の取り決め: label_more（追加ラベル）| check_every_answer（全件確認の試行）| stop（中止）。今のうちに決めておきます")}
  worst_group: null  # {t("accuracy that every held-out group must reach, 0.7 say; null: not asked", "どの評価グループでも必要な正解率（0.7 など）。null なら問いません")}
  latency_seconds: null  # {t("of one answer on this machine; null: not asked", "この機械での 1 件の回答時間の上限。null なら問いません")}
  budget: null       # {t("what the first year may cost in all; null: not asked", "初年度の総費用の上限。null なら問いません")}
  dangerous: null    # {t("answers that two people must agree on when the model is in use, [crack] say; null: every answer but costs.ok_answer", "運用時に 2 人の一致が必要な答え（[crack] など）。null なら costs.ok_answer 以外の全て")}
  owner: ""          # {t("who answers for this decision", "判定の責任者")}"""


def _yaml(value) -> str:
    """JSON is YAML, and quotes keep words like no, 01 and 2026-01-01 words."""
    return json.dumps(value, ensure_ascii=False)


def _question_and_options(folder: Folder, practice: Practice, t) -> tuple[str, str]:
    """The folder's own question where rows have one, else the domain's; a line of options or a comment that says how to write it."""
    own = [sample.question for sample in folder.samples if not folder.is_default_question(sample)]
    question = own[0] if own else t(*practice.question)
    options = next(
        (s.options for s in folder.samples if s.options and (not own or s.question == question)), ()
    )
    if options:
        found = t(f"found in {folder.source}", f"{folder.source} にあったもの")
        return question, f"options: [{', '.join(_yaml(option) for option in options)}]  # {found}"
    return question, "# " + t(
        "No labels found. Write the possible answers here, then label with: poc label",
        "ラベルがありません。答えの候補をここに書いてから: poc label でラベルを付けます",
    ) + '\n# options: ["OK", "NG"]'


def _decided_by(folder: Folder, practice: Practice) -> list[str]:
    """The domain's deciding evidence as far as the folder holds it."""
    present = {modality for sample in folder.samples for modality in sample.modalities}
    decided = [modality for modality in practice.decided_by if modality in present]
    if practice is ANY:  # a photo with a note is decided by the photo unless somebody says otherwise
        decided = [m for m in decided if m != "text"] or decided
    return decided or sorted(present) or ["image"]


def _lora(decided_by: list[str]) -> tuple[str, ...]:
    """What the tiny model has to adapt: its eyes where pictures decide, its ears where sounds do (docs/decisions.md, inspection and callcentre)."""
    senses = [tower for tower, evidence in (("vision", {"image", "video"}), ("audio", {"audio"})) if evidence & set(decided_by)]
    return ("llm", "connector", *senses) if senses else ("llm",)


def _group(folder: Folder, practice: Practice, t) -> tuple[str | None, str]:
    """(column, comment): a column whose values can be split, else the rule that stands in for one."""
    if folder.group_column:
        column = folder.group_column
        return column, "# " + t(f"Found the column {column!r}.", f"列 {column!r} がありました。")
    columns = list(dict.fromkeys(key for sample in folder.samples for key in sample.meta))
    plain = {normal(column).lower(): column for column in columns}
    for wanted in (*practice.columns, *ANY.columns):
        if wanted in plain and _splittable(folder, plain[wanted]):
            return plain[wanted], "# " + t(
                f"Found the column {plain[wanted]!r}; set null if it means something else.",
                f"列 {plain[wanted]!r} がありました。別の意味の列なら null にしてください。",
            )
    return None, "# " + t(
        "No such column found, so the kit groups by near-duplicate clusters and blocks of 20 consecutive file numbers.\n# If your table can name the lot or device, add that column and write its name here.",
        "そのような列がないため、ほぼ同じ画像のまとまりと、連続する20件のファイル番号ごとにまとめます。\n# ロットや設備の列を追加できるなら、その列名をここに書いてください。",
    )


def _splittable(folder: Folder, column: str) -> bool:
    """Filled in nearly every row, fewer values than rows, and every class in at least two of them."""
    values = defaultdict(set)
    rows = [sample for sample in folder.samples if sample.meta.get(column)]
    for sample in rows:
        values[sample.question, sample.answer].add(sample.meta[column])
    distinct = set().union(*values.values()) if values else set()
    return (
        len(rows) >= 0.9 * len(folder.samples)
        and 2 <= len(distinct) < len(rows)
        and all(len(v) > 1 for v in values.values())
    )


def _costs(costs: dict | None, practice: Practice, t) -> str:
    if costs is None:
        return f"# costs: {practice.example_costs}  # {t('example figures', '金額は例')}"
    return f"costs: {_yaml(costs)}"


def _business(t) -> str:
    """The section of `poc roi` as a comment: what the company must say, and what the kit assumes where it does not."""
    head = t("What an ROI assumes (poc roi): each figure with the ends between which it may lie, and who says so. Take the # away and fill in; the kit invents none of the first ones.",
             "ROI の仮定（poc roi）。各数字に、あり得る下限・上限と根拠を書きます。行頭の # を外して記入してください。先頭の項目に既定値はありません。")  # fmt: skip
    lines = [f"# {head}", "# business:", f"#   review: unsure  # {t('unsure: a person answers where the model is unsure. alarms: a person checks everything it calls bad. none', 'unsure: 確信のない分は人が回答。alarms: 不良とした分をすべて人が確認。none: 人は見ない')}"]
    for key in sorted(set(ROI) - {"volume_per_month", "labels"}, key=lambda key: (KNOWN[key].default is not None, ROI.index(key))):
        known = KNOWN[key]
        said = f"{t(**known.name)} ({t(**known.unit)})"
        value, low, high, why = known.default or ("...", "...", "...", None)
        ends = "" if low == high and why else f"low: {low}, high: {high}, "
        lines.append(f"#   {key}: {{value: {value}, {ends}source: {_yaml(t(**why)) if why else '...'}}}  # {said}")
    lines.append(f"#   machines: [{{name: ..., place: server, memory_gb: ..., speed: ..., price: ..., monthly: ..., date: ..., source: ...}}]  # {t('place: edge, server or endpoint (per_1000 instead of price). speed: against the machine that measured (poc/sizing.py). Leave out what nobody knows', 'place: edge、server、endpoint（price の代わりに per_1000）。speed: 測定した端末に対する比（poc/sizing.py）。不明な項目は省略')}")
    return "\n".join(lines)


def _prevalence(folder: Folder, t) -> str:
    """The folder's own shares as a comment: a start for whoever knows the real ones."""
    answers = [sample.answer for sample in folder.samples if sample.answer]
    shares = (
        {
            option: round(answers.count(option) / len(answers), 3)
            for option in folder.options
            if option in answers
        }
        if answers
        else {"OK": 0.98, "NG": 0.02}
    )
    note = t("in this folder", "このフォルダーでの割合") if answers else t("an example", "例")
    return f"# prevalence: {{{', '.join(f'{_yaml(option)}: {share:g}' for option, share in shares.items())}}}  # {note}"
