"""Converter and perceiver: a connector between a frozen encoder and a frozen language model is all that learns.

    converter("qwen3-vl-4b", "openai/whisper-small", {"kind": "mlp", "stack": 10})     # sound, of any family
    perceiver("qwen2.5-vl-7b", side=4)                                                 # pictures, of Qwen2-VL and Qwen2.5-VL only: a learned query per 4 x 4 patches, in place of the merger

Both begin with fresh weights. Who has a checkpoint that is aligned already compares it, too: it is the data-driven bridge without its adapter.
"""

import json
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

import pandas as pd
from safetensors.torch import load_file, save_file

from kit.bridges.bridge import Facts, tokens_per_medium
from kit.data import Sample
from kit.errors import KitError
from kit.evaluation import predict
from kit.finding import Check
from kit.language import say
from kit.models import Loaded, load
from kit.models.compose import compose
from kit.models.merger import give_merger
from kit.training import Stage
from kit.training.marks import digest_of, origin
from kit.training.schedule import rows_of
from kit.training.stages import train_in_place, trained_parts

_SHOWN = 8  # rows that tokens are counted on


@dataclass
class Connected:
    """A frozen vision-language model with one fresh connector; `converter` and `perceiver` make it.

    Attributes:
        name, vlm, ears, connector, side, silence, steps, batch, learning_rate, seed, device: as there.
        looks: how often the KPI on validation rows is looked at.
        loaded: the model, after `fit`.
        check: that the connector moved and nothing else (as run check 6); None where the weights were there already.
        history: [{"step", "loss"}] and [{"step", "kpi"}].
    """

    name: str
    vlm: str
    ears: str | None
    connector: dict
    side: int
    silence: bool
    steps: int
    batch: int
    learning_rate: float
    seed: int
    device: str | None
    looks: int = 4
    loaded: Loaded | None = field(default=None, init=False)
    check: Check | None = field(default=None, init=False)
    history: list[dict] = field(init=False, default_factory=list)
    facts: Facts = field(init=False, default_factory=lambda: Facts(
        start=say("a connector with fresh weights", "初期状態のコネクター"),
        audit=say("nothing between the medium and the answer can be read", "情報と答えの間に、人が読めるものはありません"),
        weak=say("sees only what its encoder keeps; with few rows it learns the labels' shares, not the medium", "エンコーダーが残した情報しか見えません。行が少ないと、内容ではなくラベルの偏りを覚えます"),
    ))  # fmt: skip

    def fit(self, train: list[Sample], validation: list[Sample], work: Path) -> None:
        """Trains the connector on `train` and keeps the weights that were best on the labelled `validation` rows, as fine-tuning does; without any, the last ones. Weights: work/connector.safetensors.

        Raises:
            KitError: parts that cannot be loaded, or rows without the medium that the connector is for.
        """
        started = time.perf_counter()
        modality = "audio" if self.ears else "image or video"
        rows = [sample for sample in train if sample.answer and (sample.audio if self.ears else sample.image or sample.video)]
        if not rows:
            raise KitError(
                say(
                    f"bridge {self.name!r}: no labelled training row has {modality}; give rows that have it, or ears=None for pictures and a Whisper checkpoint for sound",
                    f"ブリッジ「{self.name}」：{modality} のあるラベル付き学習行がありません。該当する行を用意するか、画像なら ears=None、音声なら Whisper のチェックポイントを指定してください",
                )
            )
        self.loaded, self.facts.failed, known = self.fresh(), self._unread(train), [row for row in self._readable(validation) if row.answer and row.options]
        rows = self._readable(rows)
        stage = Stage("connector", {"rows": 1.0}, dict.fromkeys(self._learns(), self.learning_rate), self.steps, self.batch, seed=self.seed)
        paths = trained_parts(self.loaded.model, stage.trains)
        weights = dict(self.loaded.model.named_parameters())
        file, mark = work / "connector.safetensors", digest_of([asdict(stage), origin(self.vlm), self.ears and origin(self.ears), self.connector, self.side, self.silence, self.looks], [*rows, *known])
        told = work / "connector.json"
        if file.is_file() and told.is_file() and json.loads(told.read_text(encoding="utf-8"))["mark"] == mark:
            for path, saved in load_file(file).items():
                weights[path].data = saved.to(weights[path].device)
            kept = json.loads(told.read_text(encoding="utf-8"))
            updates, seconds, self.history = kept["updates"], kept["seconds"], kept["history"]
        else:
            _, staged = train_in_place(self.loaded, stage, rows_of(stage, [], {"rows": rows}), work / "checkpoints", mark, keep_every=max(1, self.steps // self.looks), validation=known)
            updates, seconds, self.check, self.history = staged.updates, time.perf_counter() - started, staged.check, staged.history
            if self.check.status == "red":
                self.facts.failed.append(self.check.detail)
            save_file({path: weights[path].detach().contiguous() for path in paths}, file)
            told.write_text(json.dumps({"mark": mark, "updates": updates, "seconds": seconds, "history": self.history}), encoding="utf-8")
        self.loaded.model.eval().requires_grad_(False)
        self.facts.trained, self.facts.updates, self.facts.rows = sum(weights[path].numel() for path in paths), updates, len(rows)
        self.facts.seconds, self.facts.tokens = seconds, tokens_per_medium(self.loaded, rows[:_SHOWN])

    def predict(self, samples: list[Sample]) -> pd.DataFrame:
        """The frame of `kit.evaluation.predict`."""
        return predict(self.loaded, self._readable(samples), desc=self.name)

    def _readable(self, samples: list[Sample]) -> list[Sample]:
        """Without what this model cannot take in: sounds, where it has no ears."""
        return samples if self.ears else [sample.replace(audio=()) for sample in samples]

    def _unread(self, samples: list[Sample]) -> list[str]:
        lost = 0 if self.ears else sum(bool(sample.audio) for sample in samples)
        return [say(f"does not hear the sound that {lost} of {len(samples)} rows have", f"{len(samples)} 行中 {lost} 行にある音声は聞いていません")] if lost else []

    def fresh(self) -> Loaded:
        """The model before its connector was trained."""
        if self.ears:
            return compose(self.vlm, self.ears, self.connector, silence=self.silence, seed=self.seed, device=self.device)
        loaded = load(self.vlm, device=self.device)
        give_merger(loaded, self.connector, self.side, self.seed)
        return loaded

    def _learns(self) -> list[str]:
        """Paths of what learns: a picture's merger is a connector as well, and is left alone where sounds are bridged."""
        return ["audio_connector" if self.ears else "visual.merger"]


def converter(
    vlm: str, ears: str | None = None, connector: str | dict = "mlp", side: int = 2, silence: bool = True, steps: int = 200, batch: int = 16, learning_rate: float = 2e-3, seed: int = 0,
    device: str | None = None,
) -> Connected:  # fmt: skip
    """A multimodal converter: a linear map, an MLP or Ola's pooling (arXiv 2502.04328) puts what the encoder made into the language model's input.

    Args:
        vlm: a vision-language checkpoint: catalogue name, hub id or directory; a Qwen2-VL or Qwen2.5-VL for pictures and films (`kit.models.catalogue.connector_base`).
        ears: a Whisper checkpoint: the bridge is for sound. None: for pictures and films.
        connector: a name of `kit.models.connectors.CONNECTORS`, or settings with "kind".
        side: patches on a side of the square that becomes one token (pictures).
        silence: see `kit.models.compose.compose` (sound).
        steps, batch, learning_rate, seed: of the training, see `kit.training.Stage`.
        device: default: CUDA where there is one.

    Raises:
        KitError: a resampler, which is a perceiver.
    """
    settings = {"kind": connector} if isinstance(connector, str) else dict(connector)
    if settings["kind"] == "resampler":
        raise KitError(say("a resampler has learned queries: it is a perceiver, kit.bridges.perceiver(...)", "リサンプラーは学習クエリーを持つため perceiver です。kit.bridges.perceiver(...) を使ってください"))
    return Connected(f"converter ({settings['kind']})", vlm, ears, settings, side, silence, steps, batch, learning_rate, seed, device)


def perceiver(
    vlm: str, ears: str | None = None, connector: dict | None = None, side: int = 4, silence: bool = True, steps: int = 200, batch: int = 16, learning_rate: float = 2e-3, seed: int = 0,
    device: str | None = None,
) -> Connected:  # fmt: skip
    """A multimodal perceiver: learned queries look at what the encoder made by cross attention (Flamingo's resampler, arXiv 2204.14198, in one layer), and are what the language model reads.

    Of sound `queries` tokens per piece of `stack` frames (settings in `connector`), of pictures one per square of `side` x `side` patches. Arguments as of `converter`.
    """
    return Connected("perceiver", vlm, ears, dict(connector or {}) | {"kind": "resampler"}, side, silence, steps, batch, learning_rate, seed, device)
