"""What progressive alignment shows and moves, as data: stages, and the rows that each of them draws.

Source: Ola (Liu et al., arXiv 2502.04328, section 3.3).
"""

import math
from dataclasses import dataclass

import numpy as np

from kit.data import Sample
from kit.errors import KitError
from kit.language import say

REPLAYED = "kit.replayed"  # in `Sample.meta`: the row comes from an earlier stage


@dataclass(frozen=True)
class Stage:
    """What a stage shows and what it moves.

    Attributes:
        name: of its folder; unique in a schedule.
        shares: source -> weight; a stage's rows are drawn from its sources in these proportions, each source in seeded permutations.
        trains: part -> peak learning rate (cosine, 5 % warm-up). A part is a component (llm, connector, vision, audio, embeddings, head) or a module's path ("visual.merger" or, of a composed
            model, "audio_connector": one connector alone); the longest path that fits a weight decides. Every other weight is frozen.
        steps: optimizer updates.
        batch: rows per update.
        replay: share of the rows that come from the sources of earlier stages, equally from each that this stage does not show anyway (from all of them, where it shows all).
        lora: rank; llm, vision and audio are then trained by adapters of that rank, which are merged at the stage's end. 0: whole weights.
        contrast: weight of the alignment loss (`stage_trainer.contrastive`) between a medium's tokens and its answer's; 0: none. It compares the rows of one forward, so an update must not be cut up (micro_batch).
        retain: weight of KL(model before the stage || model) on the answers of replayed rows ("Learning without Forgetting", Li and Hoiem, arXiv 1606.09282); 0: none.
        seed: of the rows' order and the adapters' start.
    """

    name: str
    shares: dict[str, float]
    trains: dict[str, float]
    steps: int
    batch: int = 16
    replay: float = 0.0
    lora: int = 0
    contrast: float = 0.0
    retain: float = 0.0
    seed: int = 0


def check_schedule(schedule: list[Stage], sources: dict[str, list[Sample]], micro_batch: int | None = None) -> None:
    """Raises KitError for a schedule that cannot be run, before anything is trained; whether a model has the parts that it names, `stages.parts_of` knows."""
    names = [stage.name for stage in schedule]
    for number, stage in enumerate(schedule):
        unknown = sorted(set(stage.shares) - set(sources))
        if unknown:
            raise refused(stage, f"it names the sources {unknown}; given are {sorted(sources)}", f"データ源 {unknown} がありません。あるもの：{sorted(sources)}")
        if names.count(stage.name) > 1 or not stage.name or "/" in stage.name:
            raise refused(stage, f"stages need different names that can be folders; given {names}", f"段階の名前は、互いに異なりフォルダー名に使えるものにしてください（指定：{names}）")
        if not stage.trains or not all(0 < rate < math.inf for rate in stage.trains.values()):
            raise refused(stage, f"it trains {stage.trains}; name at least one part with a learning rate above 0, e.g. {{'connector': 1e-3}}", f"学習対象が {stage.trains} です。{{'connector': 1e-3}} のように 0 より大きい学習率で指定してください")
        if not stage.shares or not all(0 < share < math.inf for share in stage.shares.values()) or not 0 <= stage.replay < 1:
            raise refused(stage, f"shares {stage.shares} and replay {stage.replay}: shares are weights above 0, replay is a share from 0 to below 1", f"shares {stage.shares}、replay {stage.replay}：shares は正の重み、replay は 0 以上 1 未満です")
        if stage.steps < 1 or stage.batch < 1 or stage.lora < 0 or not all(0 <= weight < math.inf for weight in (stage.contrast, stage.retain)):
            raise refused(
                stage, f"steps {stage.steps} and batch {stage.batch} are 1 or more; lora {stage.lora}, contrast {stage.contrast} and retain {stage.retain} are 0 or more",
                f"steps {stage.steps}・batch {stage.batch} は 1 以上、lora {stage.lora}・contrast {stage.contrast}・retain {stage.retain} は 0 以上にしてください",
            )  # fmt: skip
        check_cut(stage, micro_batch)
        if stage.replay and number == 0:
            raise refused(stage, "it replays rows of earlier stages and is the first; set replay to 0", "最初の段階なので再生する行がありません。replay を 0 にしてください")
        if stage.retain and not stage.replay:
            raise refused(stage, "retain compares with the model before the stage on replayed rows, and there are none; set replay above 0", "retain は再生する行で前の段階と比べますが、その行がありません。replay を 0 より大きくしてください")
        empty = [name for name in stage.shares if not any(sample.answer for sample in sources[name])]
        if empty:
            raise refused(stage, f"its sources {empty} have no labelled row", f"データ源 {empty} にラベル付きの行がありません")
        new, again = counts_of(stage, schedule[:number])
        if never := [name for name, count in (new | again).items() if not count]:
            raise refused(
                stage, f"of {stage.steps} x {stage.batch} rows none is left for {never}: raise steps, batch, its share or replay, or leave it out",
                f"{stage.steps} × {stage.batch} 行では {never} に 1 行も割り当てられません。steps・batch・割合・replay を上げるか、外してください",
            )  # fmt: skip


def check_cut(stage: Stage, micro_batch: int | None) -> None:
    """Raises KitError where an update would be cut up that has to stay whole."""
    if stage.contrast and micro_batch:
        raise refused(
            stage, f"the alignment loss compares the rows of one forward, and micro_batch {micro_batch} cuts an update up: leave micro_batch out and lower the stage's batch, or set contrast to 0",
            f"アライメント損失は一度に処理する行どうしを比べますが、micro_batch {micro_batch} は更新を分割します。micro_batch を外して batch を下げるか、contrast を 0 にしてください",
        )  # fmt: skip


def refused(stage: Stage, english: str, japanese: str) -> KitError:
    return KitError(say(f"stage {stage.name!r}: {english}", f"段階 {stage.name!r}：{japanese}"))


def counts_of(stage: Stage, earlier: list[Stage]) -> tuple[dict[str, int], dict[str, int]]:
    """(rows of each source of the stage, replayed rows of each earlier source), steps x batch together."""
    total = stage.steps * stage.batch
    before = list(dict.fromkeys(name for one in earlier for name in one.shares if name not in stage.shares)) or list(dict.fromkeys(name for one in earlier for name in one.shares))
    again = round(total * stage.replay) if before else 0
    return _apportioned(stage.shares, total - again), _apportioned(dict.fromkeys(before, 1.0), again) if stage.replay else {}


def rows_of(stage: Stage, earlier: list[Stage], sources: dict[str, list[Sample]]) -> list[Sample]:
    """The rows of all updates in their order, steps x batch of them; those of earlier stages carry `meta[REPLAYED]`."""
    rng = np.random.default_rng(stage.seed)
    new, again = counts_of(stage, earlier)
    rows = [row for name, count in new.items() for row in _cycled(sources[name], count, rng)]
    for name, count in again.items():
        rows += [row.replace(meta={**row.meta, REPLAYED: True}) for row in _cycled(sources[name], count, rng)]
    return [rows[place] for place in rng.permutation(len(rows))]


def _apportioned(weights: dict[str, float], total: int) -> dict[str, int]:
    """Whole numbers in the proportions of the weights, `total` together (largest remainders)."""
    if not weights:
        return {}
    exact = {name: total * weight / sum(weights.values()) for name, weight in weights.items()}
    counts = {name: int(value) for name, value in exact.items()}
    for name in sorted(exact, key=lambda one: counts[one] - exact[one])[: total - sum(counts.values())]:
        counts[name] += 1
    return counts


def _cycled(rows: list[Sample], count: int, rng: np.random.Generator) -> list[Sample]:
    """`count` labelled rows: all of them in one random order, then in another, as often as it takes."""
    rows = [row for row in rows if row.answer]
    drawn: list[Sample] = []
    while len(drawn) < count:
        drawn += [rows[place] for place in rng.permutation(len(rows))]
    return drawn[:count]
