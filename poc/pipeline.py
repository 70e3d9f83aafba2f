"""The whole PoC as a readable table of contents: a company's folder in, a run folder with a verdict out.

Not covered yet: free-text answers (closed questions only), several questions in one gate (their rows are pooled).
"""

import contextlib
import errno
import shutil
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

import pandas as pd
import torch

from kit import processes
from kit.data import Folder, Sample
from kit.diagnosis import most_harmful
from kit.errors import KitError
from kit.language import say
from kit.models import Loaded, load, require_checkpoint, resolve
from kit.models.catalogue import default_checkpoint
from kit.training import Settings, Tuned, finetune, run_checks
from kit.training.robust import Robust, shares_beginnings
from poc import arms, runs
from poc.audit import audit_rows
from poc.certainty import certainty_of, seconds_of_an_answer
from poc.diagnose import probe, questions_for
from poc.gates import accuracy_by_group, decide
from poc.record import describe, mix_of, weights_hash
from poc.runs import COMPANY, quiet
from poc.signature import changed_after_seeing, signature
from poc.usecase import UseCase, data_hash, gates_hash, load_samples, load_usecase
from poc.worth import first_year_of

GUARD = Path(__file__).parents[1] / "sample_data" / "general"
STAGES = 8


@dataclass
class Job:
    """One run while it is being made.

    Attributes:
        use: the checked poc.yaml.
        directory: the use case's folder.
        folder: its samples and faults.
        run: the run folder; None while it has none.
        settings: of the fine-tuning.
        source: checkpoint name, as the user gave it or as the preset chose it.
        signed: whether the gates were signed when the run began (signing afterwards does not count).
        tell: receives one line per stage.
        timing: seconds per stage.
    """

    use: UseCase
    directory: Path
    folder: Folder
    run: Path | None
    settings: Settings
    source: str
    preset: str
    four_bit: bool
    skipped: int
    plan: dict
    signed: dict
    tell: object = quiet
    timing: dict = field(default_factory=dict)

    def split(self, name: str) -> list[Sample]:
        """The labelled samples of one split."""
        return [s for s in self.folder.samples if s.split == name and s.answer]

    @property
    def rehearsal(self) -> bool:
        """The tiny model on anything but the sample company proves that the pipeline runs, nothing about the company."""
        return resolve(self.source)[0].name == "tiny_omni" and not self.directory.resolve().is_relative_to(COMPANY.resolve())

    @contextlib.contextmanager
    def stage(self, number: int, en: str, ja: str):
        """Says what is being done, and keeps how long it took."""
        self.tell(f"[{number}/{STAGES}] {say(en, ja)}")
        began = time.perf_counter()
        yield
        self.timing[en] = round(self.timing.get(en, 0) + time.perf_counter() - began, 1)


def run(
    directory: Path, preset: str | None = None, model: str | None = None, resume: bool = False, skip_bad: bool = False,
    seed: int | None = None, out: Path = Path("runs"), tell=quiet,
) -> Path:  # fmt: skip
    """Runs the PoC of one use case and returns its run folder.

    Args:
        directory: the company's folder with its poc.yaml.
        preset: tiny, laptop or gpu; default: poc.yaml's.
        model: catalogue name, hub id or directory; default: the preset's.
        resume: go on with the newest unfinished run of the same data and settings.
        skip_bad: leave bad rows out (they are listed in the report) instead of refusing the folder.
        seed: of the split, the adapters and the resampling; default: poc.yaml's.
        out: where runs/<use case>/<time>/ is made.
        tell: called with one line per stage.

    Raises:
        KitError: bad input; nothing is written then.
    """
    job = prepare(Path(directory), preset, model, resume, skip_bad, seed, Path(out), tell)
    try:
        make(job, resume)
    except Exception as error:
        # torch and safetensors wrap the system's own error in types of theirs; its words stay
        if getattr(error, "errno", None) == errno.ENOSPC or "No space left" in str(error):
            raise KitError(
                say(
                    f"the disk is full; free some space and go on with `poc run {directory} --resume` (what was finished is kept)",
                    f"ディスクがいっぱいです。空きを作ってから `poc run {directory} --resume` で再開してください（済んだ分は残っています）",
                )
            ) from error
        raise
    return job.run


def make(job: Job, resume: bool) -> None:
    """The stages of a run, in order; what a stage finished is kept, so that resuming does not repeat it."""
    with job.stage(2, "audit of the rows", "データの検査"):
        audited = audit_rows(job.folder, job.use) if processes.first() else []
    with job.stage(3, "baselines without an MLLM", "MLLM を使わない比較対象"):
        real = [sample for sample in job.split("train") if not sample.generated or job.use.training.generated == "always"]
        tables = arms.baselines(real, job.split("test"), job.run / "work")
    with job.stage(4, "base model on held-out rows", "ベースモデルの評価"):
        loaded = load(job.source, four_bit=job.four_bit)
        if job.settings.robust and not shares_beginnings(loaded.model, job.settings.robust):
            job.tell(say("robust training: no beginning can be shared with this checkpoint or these perturbations; both sides are read whole, and an attack is the one of training.robust.free",
                         "ロバスト学習：このチェックポイントまたは撹乱では先頭部分を共有できないため、両側を全部読み、攻撃は training.robust.free の方式になります"))  # fmt: skip
        guard = arms.guard_samples(GUARD, loaded)
        tables |= arms.base(loaded, real, job.split("test"), guard, job.use.training.examples_in_context, job.settings.seed, job.run / "work")
    with job.stage(5, "fine-tuning", "微調整"):
        used, worth = arms.without_generated(job.split("train"), job.split("validation"), job.use.training.generated, loaded, job.run / "work")
        train = arms.mixed_rows(used, GUARD, job.use.training, job.settings.seed)
        tuned = finetune(loaded, train, job.split("validation"), job.settings, job.run / "work", resume=resume)
        if tuned.micro_batch < (job.settings.micro_batch or job.settings.batch):
            job.tell(say(f"memory ran out; went on with {tuned.micro_batch} sample(s) at once", f"メモリ不足のため、一度に {tuned.micro_batch} 件に減らして続けました"))
    with job.stage(6, "tuned model on held-out rows", "微調整後の評価"):
        tables |= arms.tuned(tuned.loaded, job.split("test"), guard, job.run / "work")
        for_threshold = arms.answers_of(tuned.loaded, job.split("calibration"), job.run / "work")
    if not processes.first():  # what is left is one process's work
        return
    believes = _believes(job, tuned.loaded) if job.use.gates.robust_drop is not None else None
    with job.stage(7, "run checks", "実行チェック"):
        checks = run_checks(tuned, job.source, job.settings, train, job.split("test"), job.folder.faults, job.skipped, job.run / "work")
    with job.stage(8, "results and report", "結果とレポート"):
        runs.write_json(job.run / runs.AUDIT, audited)
        record = write_results(job, tuned, tables, for_threshold, checks, guard, worth, believes)
        asked = sum(len(frame) for (arm, _), frame in tables.items() if arm == "tuned")
        # a resumed run may have read its answers instead of asking
        record["seconds_per_answer"] = None if resume else round(job.timing["tuned model on held-out rows"] / asked, 4)
        record["data"]["mix"] = mix_of(job.directory, job.folder.samples, train)
        record["data"]["layers"]["general"] += len(train) - len(used)  # the replayed rows
        runs.write_json(job.run / "run.json", record)
        from poc.report import write

        write(job.run, folder=job.directory)
        arms.tidy(job.run / "work")


def _believes(job: Job, loaded: Loaded) -> dict:
    """The most harmful row of the diagnosis, which is written into the run."""
    job.tell(say("      which evidence it believes (gate robust_drop)", "      何を信じているか（判定基準 robust_drop）"))
    return most_harmful(probe(loaded, job.use, job.directory, job.folder.samples, job.run).table)


def prepare(directory: Path, preset, model, resume: bool, skip_bad: bool, seed, out: Path, tell) -> Job:
    """Reads and checks everything that can be wrong before anything is written. Of several processes (`accelerate launch`), the first one writes and talks."""
    processes.join(on_gpu=torch.cuda.is_available())
    job = examine(directory, preset, model, skip_bad, seed, tell if processes.first() else quiet)
    require_checkpoint(job.source)
    if job.signed["signed"]:
        finished = [file.parent for file in (out / job.use.name).glob("*/run.json")]
        job.signed["changed_after"] = changed_after_seeing(finished, {"hash": job.plan["gates"], "signed_at": job.signed["signed_at"]}, [sample.id for sample in job.split("test")])
    job.run = processes.told(_place_for(out, job.plan, resume, job.tell) if processes.first() else None)
    return job


def examine(directory: Path, preset, model, skip_bad: bool, seed, tell) -> Job:
    """The run as it would be made, without a place; nothing is written and no checkpoint is opened.

    Raises:
        KitError: whatever is wrong with the folder, its poc.yaml or the names of preset and model.
    """
    tell(f"[1/{STAGES}] " + say("reading the company's folder", "会社のフォルダーを読み込み中"))
    use = load_usecase(directory)
    preset = preset or use.model.preset
    folder = load_samples(directory, use, seed=use.training.seed if seed is None else seed)
    if len(folder.faults) == 1 and not skip_bad:
        raise KitError(f"{folder.faults[0]}" + say(" (or leave the row out with --skip-bad)", "（--skip-bad でこの行を除外することもできます）"))
    if folder.faults and not skip_bad:
        shown = "\n".join(f"  {fault}" for fault in folder.faults[:20])
        raise KitError(
            say(
                f"{len(folder.faults)} faults in {directory}; mend them (`poc check {directory}` lists all) or leave the rows out with --skip-bad:\n{shown}",
                f"{directory} に不備が {len(folder.faults)} 件あります。直すか（一覧：`poc check {directory}`）、--skip-bad で除外してください：\n{shown}",
            )
        )
    require_labels(folder.samples, directory)
    if use.training.generated != "always" and not any(s.answer and s.split == "train" and not s.generated for s in folder.samples):
        raise KitError(say("all training rows are generated: nothing real to learn from. Label real rows first (poc label), or set training.generated: always",
                           "学習行がすべて生成されたものです。まず実データにラベルを付けるか（poc label）、training.generated: always にしてください"))  # fmt: skip
    if open_ := sum(not sample.answer for sample in folder.samples):
        tell(say(f"{open_} rows have no label and are left out (poc label {directory})", f"ラベルのない {open_} 行は使いません（poc label {directory}）"))
    if use.gates.robust_drop is not None:
        questions_for(use, directory, folder.samples)  # what would stop the probe after training stops the run before it
    modalities = tuple(sorted({m for s in folder.samples for m in s.modalities}))
    source = model or use.model.name or default_checkpoint(preset, modalities)
    checkpoint, place = resolve(source)
    four_bit = checkpoint.four_bit and torch.cuda.is_available() if use.model.four_bit == "auto" else bool(use.model.four_bit)
    settings = settings_of(use, seed)
    plan = {
        "use_case": use.name,
        "data": data_hash(folder.samples),
        "gates": gates_hash(use),
        "settings": asdict(settings),
        "source": checkpoint.name,
        "weights": weights_hash(place),
        "preset": preset,
        "four_bit": four_bit,
    }
    signed = signature(directory, use)
    return Job(use, directory, folder, None, settings, source, preset, four_bit, len(folder.faults) if skip_bad else 0, plan, signed, tell)


def _place_for(out: Path, plan: dict, resume: bool, tell) -> Path:
    """The unfinished run to go on with, or a new folder."""
    target = runs.unfinished(out, plan) if resume else None
    if resume and target is None:
        tell(say("nothing to resume with these data and settings: starting a new run", "同じデータと設定の中断した実行はありません。新しく始めます"))
    return target or runs.start(out, plan)


def require_labels(samples, directory: Path) -> None:
    """Raises a KitError when a split has no labelled rows, and says how many to label first."""
    if not samples:
        raise KitError(say(f"{directory} has no rows: its table has a header only, or no file in it is a photo, sound or video", f"{directory} に行がありません。表が見出しだけか、写真・音声・動画がありません"))
    counts = {split: sum(1 for s in samples if s.split == split and s.answer) for split in ("train", "validation", "test")}
    if min(counts.values()) == 0:
        raise KitError(
            say(
                f"{directory} has too few labelled rows (train {counts['train']}, validation {counts['validation']}, test {counts['test']}): "
                f"label about 50 rows per answer first (poc label {directory}), then run again",
                f"{directory} のラベル付き行が足りません（学習 {counts['train']}、検証 {counts['validation']}、評価 {counts['test']}）。まず答えごとに約 50 行にラベルを付けてください（poc label {directory}）",
            )
        )


def settings_of(use: UseCase, seed: int | None) -> Settings:
    """The fine-tuning settings of a poc.yaml, with its gate's KPI."""
    training = use.training
    return Settings(
        lora=tuple(training.lora),
        rank=training.rank,
        steps=training.steps,
        batch=training.batch,
        learning_rate=training.learning_rate,
        seed=training.seed if seed is None else seed,
        evaluate_every=training.evaluate_every,
        patience=training.patience,
        kpi=use.gates.kpi,
        drop_irrelevant=training.drop_irrelevant,
        drop_evidence=training.drop_evidence,
        augment=tuple(training.augment),
        orientations=training.orientations,
        micro_batch=training.micro_batch,
        max_tokens=training.max_tokens,
        robust=None if training.robust is None else Robust(**training.robust.model_dump()),
    )


def write_results(job: Job, tuned: Tuned, tables: arms.Tables, for_threshold: pd.DataFrame, checks: list, guard: list[Sample], worth: list[dict], believes: dict | None) -> dict:
    """Writes checks, predictions, findings and the adapter; returns the content of run.json."""
    results, comparisons = arms.rows(tables, job.use), arms.comparisons(tables, job.use)
    guarded = arms.guard_row(tables)
    runs.write_json(job.run / "checks.json", [check.as_dict() for check in checks])
    rows = {"test": job.split("test"), "calibration": job.split("calibration"), "guard": guard}
    arms.write_predictions(job.run / "predictions.csv", tables | {("tuned", "calibration"): for_threshold}, rows, job.directory)
    runs.write_json(job.run / "findings.json", runs.in_both_languages(lambda: arms.findings(tables, job.use)) + worth)
    shutil.copytree(tuned.adapter, job.run / "adapter", dirs_exist_ok=True)
    record = describe(job, tuned, job.signed) | certainty_of(for_threshold, tables["tuned", "as_is"], (job.use.costs and job.use.costs.ok_answer) or "", job.use.gates.confidence)
    verdict = decide(
        job.use, results=results, comparisons=comparisons, guard=guarded, checks=[c.as_dict() for c in checks], signed=job.signed, rehearsal=job.rehearsal,
        believes=believes,
        by_group=None if job.use.gates.worst_group is None else accuracy_by_group(tables["tuned", "as_is"], job.use.gates.confidence),
        latency=None if job.use.gates.latency_seconds is None else seconds_of_an_answer(tuned.loaded, job.split("test")),
        cost=None if job.use.gates.budget is None else first_year_of(job.use, record, job.directory),
    )
    return record | {"results": results, "comparisons": comparisons, "guard": guarded, "verdict": verdict}
