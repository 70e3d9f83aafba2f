"""Progressive alignment: a schedule of stages, each of which trains named parts on named sources, and leaves a checkpoint that loads by itself.

Source: Ola, "Pushing the Frontiers of Omni-Modal Language Model with Progressive Modality Alignment" (Liu et al., arXiv 2502.04328, section 3.3): pictures first, then
video, then sound, with video and its sound as the bridge. Here the order is data: a list of `Stage`.

    schedule = [
        Stage("image", shares={"image": 1}, trains={"visual.merger": 2e-3}, steps=400),
        Stage("audio", shares={"audio": 1}, trains={"audio_tower.proj": 2e-3, "llm": 1e-4}, steps=400, replay=0.25),
    ]
    done = run_stages("tiny_omni", schedule, {"image": rows, "audio": rows}, Path("runs/stages"))
    load(done[-1].checkpoint)

Killed at any moment and started again, it goes on inside the stage and ends with the same weights (on a CPU, with the same threads).
"""

import json
import shutil
import zlib
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np
import torch

from kit import processes
from kit.data import Sample
from kit.errors import KitError
from kit.finding import Check
from kit.language import say
from kit.models import Loaded, component_of, load, lora_targets
from kit.models.encoders import remembered
from kit.training.finetune import fingerprints
from kit.training.marks import mark_of
from kit.training.resume import newest_checkpoint
from kit.training.schedule import REPLAYED, Stage, check_schedule, refused, rows_of
from kit.training.stage_trainer import StageTrainer, copy_of


@dataclass
class Staged:
    """A stage that has ended.

    Attributes:
        stage: what was asked.
        checkpoint: directory that `kit.models.load` reads, and any transformers program (of a composed model after `import kit.models.composed`).
        check: that the parts moved which were to move, and nothing else (as run check 6).
        updates: optimizer updates that were applied.
        history: [{"step", "loss"}].
        drawn: {"new", "replayed"}: rows of the stage's own sources, and of earlier ones.
    """

    stage: Stage
    checkpoint: Path
    check: Check
    updates: int
    history: list[dict] = field(default_factory=list)
    drawn: dict[str, int] = field(default_factory=dict)


def run_stages(base: str, schedule: list[Stage], sources: dict[str, list[Sample]], out: Path, device: str | None = None, keep_every: int = 100, micro_batch: int | None = None, max_tokens: int | None = None) -> list[Staged]:
    """Trains the stages one after the other, each from the checkpoint of the one before; what is finished in `out` is not repeated. Several processes (`accelerate launch`) share each update, and the first one writes.

    Args:
        base: catalogue name, hub id or directory of the checkpoint to begin with (16-bit: adapters of a stage are merged, and 4-bit weights cannot take them exactly).
        schedule: the stages in their order.
        sources: name -> labelled rows.
        out: a stage's files are in out/NN-NAME: checkpoint/, stage.json; checkpoints/ while it runs.
        device: default: CUDA where there is one.
        keep_every: updates between two checkpoints that an interrupted stage goes on from.
        micro_batch: rows per forward at most; None: the whole batch.
        max_tokens: longest prompt + answer; a row over it is named, never cut. None: no limit.

    Raises:
        KitError: a schedule that cannot be run (it says which stage and why), a row over `max_tokens`, or `out` holds a stage, finished or interrupted, with the same name and other settings or rows.
    """
    check_schedule(schedule, sources, micro_batch)
    done: list[Staged] = []
    for number, stage in enumerate(schedule):
        if done and done[-1].check.status == "red":
            raise refused(
                stage, f"it does not begin, because the check of stage {done[-1].stage.name!r} is red: {done[-1].check.detail}. Nothing was deleted; mend the cause, then delete {done[-1].checkpoint.parent.name} and run again",
                f"前の段階 {done[-1].stage.name!r} のチェックが赤のため開始しません：{done[-1].check.detail}。何も削除していません。原因を直し、{done[-1].checkpoint.parent.name} を削除して再実行してください",
            )  # fmt: skip
        folder = out / f"{number + 1:02d}-{stage.name}"
        rows = rows_of(stage, schedule[:number], sources)
        mark = mark_of(stage, rows, done[-1].checkpoint if done else base)
        finished = _read(stage, folder, mark)
        done.append(finished or _run(schedule[number:], done[-1].checkpoint if done else base, rows, folder, mark, device, keep_every, micro_batch, max_tokens))
    return done


def trained_parts(model: torch.nn.Module, trains: dict[str, float]) -> dict[str, str]:
    """Path of each weight that a stage trains -> the part of `trains` that it belongs to.

    Raises:
        KitError: a part that this model does not have.
    """
    found = {}
    for path, _ in model.named_parameters():
        dotted, component = f".{path}.", component_of(path)
        fitting = [part for part in trains if part == component or f".{part}." in dotted]
        if fitting:
            found[path] = max(fitting, key=lambda part: (part != component, len(part)))
    lost = sorted(set(trains) - set(found.values()))
    if lost:
        has = sorted({component_of(path) for path, _ in model.named_parameters()})
        connectors = sorted({path.split(".weight")[0].split(".bias")[0] for path, _ in model.named_parameters() if component_of(path) == "connector"})
        raise KitError(
            say(
                f"this model has no weights for {lost}: name components ({', '.join(has)}) or modules by their path; its connectors are {', '.join(connectors) or 'none'}",
                f"このモデルに {lost} の重みはありません。構成要素（{', '.join(has)}）またはモジュールのパスを指定してください。コネクター：{', '.join(connectors) or 'なし'}",
            )
        )
    return found


def _run(stages: list[Stage], start: str | Path, rows: list[Sample], folder: Path, mark: str, device: str | None, keep_every: int, micro_batch: int | None, max_tokens: int | None) -> Staged:
    """Runs the first of the stages; whether the model has the parts of those that follow is known before."""
    loaded, stage = load(str(start), device=device), stages[0]
    for one in stages:
        parts_of(loaded.model, one)
    tuner, trained = train_in_place(loaded, stage, rows, folder / "checkpoints", mark, keep_every, micro_batch, max_tokens)
    model = tuner.merge_and_unload(safe_merge=True) if tuner else loaded.model
    staged = replace(trained, checkpoint=folder / "checkpoint")
    if processes.first():
        _write(staged, model, loaded.processor, folder, mark)
    processes.told(None)  # nobody goes on before the checkpoint is there
    return staged


def train_in_place(loaded: Loaded, stage: Stage, rows: list[Sample], kept: Path, mark: str, keep_every: int = 100, micro_batch: int | None = None, max_tokens: int | None = None, validation: list[Sample] = ()) -> tuple[object, Staged]:
    """Trains one stage of a model in memory, for models that no directory holds yet; goes on from what is in `kept`, if that carries `mark`.

    Args:
        rows: of all updates, steps x batch of them (`schedule.rows_of`).
        kept: for checkpoints of what is trained.
        validation: see `StageTrainer`.

    Returns:
        (PEFT's tuner where the stage has adapters, else None; what happened, whose checkpoint is `kept`).

    Raises:
        KitError: `kept` holds an interrupted training with another mark, or files of something else.
    """
    teacher = copy_of(loaded) if stage.retain else None
    tuner, parts = _prepared(loaded, stage)
    before = _state(loaded.model, parts)
    if processes.first():
        _claim(kept, mark)
    checkpoint = processes.told(newest_checkpoint(kept))
    trainer = StageTrainer(loaded, rows, stage, parts, kept, keep_every, micro_batch, max_tokens, teacher, validation)
    with remembered(loaded.model):
        trainer.train(resume_from_checkpoint=checkpoint)
    loaded.model.eval()
    check = check_moved(parts, before, _state(loaded.model, parts), trainer.watch.leaked, trainer.state.global_step)
    return tuner, Staged(stage, kept, check, trainer.state.global_step, trainer.losses(), _counted(rows))


def _state(model, parts: dict[str, str]) -> dict[str, torch.Tensor]:
    """Fingerprints of what is trained; of every other weight and buffer (a frozen encoder's running statistics are not to move either) a checksum of all its bytes."""
    prints = fingerprints(model)
    rest = [(path, weight) for path, weight in [*model.named_parameters(), *model.named_buffers()] if path not in parts]
    return {path: prints[path] for path in parts} | {path: torch.tensor(zlib.crc32(weight.detach().flatten().contiguous().view(torch.uint8).cpu().numpy())) for path, weight in rest}


def parts_of(model, stage: Stage) -> tuple[dict[str, str], list[str]]:
    """(path of each weight that the stage trains whole -> part, components that it trains by adapters).

    Raises:
        KitError: a part that this model does not have, or `lora` without a component that adapters can train.
    """
    parts = trained_parts(model, stage.trains)
    if not stage.lora:
        return parts, []
    adapted = [component for component in ("llm", "vision", "audio") if component in stage.trains]
    if not adapted:
        raise refused(stage, f"lora {stage.lora} needs one of llm, vision, audio among what it trains; given {sorted(stage.trains)}", f"lora {stage.lora} には学習対象に llm・vision・audio のいずれかが必要です（指定：{sorted(stage.trains)}）")
    whole = {path: part for path, part in parts.items() if part not in adapted}
    if inside := sorted({part for path, part in whole.items() if component_of(path) in adapted}):
        raise refused(
            stage, f"{inside} lie inside {adapted}, which adapters train; name either the component or paths in it, or set lora to 0",
            f"{inside} はアダプターで学習する {adapted} の中にあります。構成要素とその中のパスのどちらか一方を指定するか、lora を 0 にしてください",
        )  # fmt: skip
    return whole, adapted


def _prepared(loaded: Loaded, stage: Stage) -> tuple[object, dict[str, str]]:
    """The model with exactly the stage's weights open: (PEFT's tuner or None, path -> part)."""
    model, tuner = loaded.model, None
    model.requires_grad_(False)
    parts, adapted = parts_of(model, stage)
    if adapted:
        from peft import LoraConfig
        from peft.tuners.lora import LoraModel

        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(stage.seed)
            tuner = LoraModel(model, {"default": LoraConfig(r=stage.lora, lora_alpha=2 * stage.lora, target_modules=lora_targets(model, adapted))}, "default")
        parts = parts | {path: component_of(path) for path, _ in model.named_parameters() if "lora_" in path}
    for path, weight in model.named_parameters():
        weight.requires_grad_(path in parts)
        if path in parts and weight.dtype in (torch.bfloat16, torch.float16):
            weight.data = weight.data.float()  # an update of 1e-5 is lost in a 16-bit weight; the Trainer's autocast multiplies both kinds
    return tuner, parts


def check_moved(parts: dict[str, str], before: dict[str, torch.Tensor], after: dict[str, torch.Tensor], leaked: set[str], updates: int) -> Check:
    """6, of a stage: each part that was to be trained moved, every other weight is what it was, and no frozen weight had a gradient.

    Args:
        parts: path -> part of the weights that were trained.
        before, after: of each weight and buffer, numbers that change when it does; of trained ones `finetune.fingerprints`.
        leaked: frozen weights that had a gradient.
        updates: that were applied.
    """
    moved = {part: max(_change(before[path], after[path]) for path in parts if parts[path] == part) for part in dict.fromkeys(parts.values())}
    strays = [path for path in before if path not in parts and not torch.equal(before[path], after[path])]
    problems = [say(f"{part} did not move", f"{part} が動いていません") for part, change in moved.items() if not 0 < change < np.inf]
    if strays:
        problems.append(say(f"frozen weights moved: {strays[:3]}", f"固定したはずの重みが動きました：{strays[:3]}"))
    if leaked:
        problems.append(say(f"gradients where none were promised: {sorted(leaked)[:3]}", f"予定外の勾配：{sorted(leaked)[:3]}"))
    if not updates:
        problems.append(say("no optimizer update was applied", "更新が一度も適用されていません"))
    told = ", ".join(f"{part} {change:.2g}" for part, change in moved.items())
    fine = say(f"{updates} updates; largest moves {told}; {len(before) - len(parts)} other weights unmoved", f"更新 {updates} 回、最大の変化 {told}。その他 {len(before) - len(parts)} 個の重みは不変")
    evidence = {"moved": moved, "frozen_moved": strays, "leaked": sorted(leaked), "updates": updates}
    return Check(6, say("only the intended parts moved", "意図した部分だけが動いた"), "red" if problems else "green", "; ".join(problems) or fine, evidence)


def _change(old: torch.Tensor, new: torch.Tensor) -> float:
    """The largest change of the values that a fingerprint holds; where none of those moved, the change of the sum before them."""
    change = (new - old).abs()
    return float(change[1:].max()) or float(change[0])


def _counted(rows: list[Sample]) -> dict[str, int]:
    again = sum(REPLAYED in row.meta for row in rows)
    return {"new": len(rows) - again, "replayed": again}


# ---------------------------------------------------------------------------------------------------- what a stage leaves behind


def _read(stage: Stage, folder: Path, mark: str) -> Staged | None:
    """The finished stage in `folder`; None where it has not ended, or its checkpoint is gone."""
    file = folder / "stage.json"
    if not file.is_file() or not any((folder / "checkpoint").glob("*.safetensors")):
        return None
    told = json.loads(file.read_text(encoding="utf-8"))
    if told["mark"] != mark:
        raise refused(
            stage, f"{folder.name} holds it already, trained with other settings, rows or an other base; name another folder, or delete {folder.name} and what follows it",
            f"{folder.name} には別の設定・行・出発点で学習したものがあります。別のフォルダーを指定するか、{folder.name} 以降を削除してください",
        )  # fmt: skip
    return Staged(stage, folder / "checkpoint", Check(**told["check"]), told["updates"], told["history"], told["drawn"])


def _claim(kept: Path, mark: str) -> None:
    """Makes `kept` this stage's own. Hours of a stage that was interrupted are not thrown away because a row or a setting changed, and a folder of something else is nobody's to empty."""
    file = kept / "mark"
    if file.is_file() and file.read_text(encoding="utf-8") == mark:
        return
    if newest_checkpoint(kept) or not file.is_file() and kept.is_dir() and any(kept.iterdir()):
        raise KitError(
            say(
                f"{kept} holds an interrupted training of other settings, rows or another base, or something else; name another folder, or delete this one if nobody needs it",
                f"{kept} には、別の設定・行・出発点で中断した学習、または別の内容があります。別のフォルダーを指定するか、不要であれば削除してください",
            )
        )
    shutil.rmtree(kept, ignore_errors=True)  # empty, or what a stage left before its first checkpoint
    kept.mkdir(parents=True)
    file.write_text(mark, encoding="utf-8")


def _write(staged: Staged, model, processor, folder: Path, mark: str) -> None:
    """The checkpoint, then stage.json in one move: where it is, the stage has ended and its checkpoint is whole."""
    shutil.rmtree(staged.checkpoint, ignore_errors=True)
    model.save_pretrained(staged.checkpoint)
    processor.save_pretrained(staged.checkpoint)
    told = {"mark": mark, "stage": asdict(staged.stage), "check": staged.check.as_dict(), "updates": staged.updates, "history": staged.history, "drawn": staged.drawn}
    part = folder / "stage.json.part"
    part.write_text(json.dumps(told, ensure_ascii=False, indent=1), encoding="utf-8")
    part.replace(folder / "stage.json")
    shutil.rmtree(folder / "checkpoints", ignore_errors=True)
