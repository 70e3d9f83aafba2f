"""How to fine-tune: what poc.yaml says under `training`, as the training room reads it."""

from dataclasses import dataclass

from kit.training.robust import Robust


@dataclass(frozen=True)
class Settings:
    """How to fine-tune.

    Attributes:
        lora: components that get an adapter: llm, connector, vision, audio.
        rank: of the adapters; their scale is 2 (alpha = 2 x rank).
        steps: optimizer updates at most.
        batch: samples per update.
        learning_rate: peak of a cosine schedule with 5 % warm-up.
        gate_rate: multiple of learning_rate for the numbers that an attention of kit.attention learns beside its matrices (MODA's gates and decays, RAVE's bias). They start at 0
            and move by about the rate per update, so at an adapter's rate a short training leaves them where they were.
        seed: of the adapters' start and of the order of samples.
        evaluate_every: updates between two looks at the KPI on the validation rows (also between two checkpoints).
        patience: stop after this many looks without a better KPI.
        kpi: accuracy, macro_recall or macro_f1.
        drop_irrelevant: share of rows that are shown without the modalities that should not decide them.
        drop_evidence: share of rows that are shown without one of the modalities that should decide them, drawn by chance, where another is left: can the others stand in?
        augment: changes of CHANGES (kit.data.augmentation) that training rows are shown with; each names the labels that it may break.
        orientations: show every photograph in all eight orientations (turned, mirrored). For parts that may lie any way, never where left,
            right or upright means something.
        max_tokens: longest prompt + answer; over-budget samples are named, never cut.
        micro_batch: samples per forward at most; None: the whole batch, where its samples are of like length. Halved when memory runs out.
        gradient_checkpointing: trade time for memory.
        robust: what an update adds against modality interference; None: nothing.
    """

    lora: tuple[str, ...] = ("llm",)
    rank: int = 16
    steps: int = 300
    batch: int = 16
    learning_rate: float = 2e-3
    gate_rate: float = 1.0
    seed: int = 0
    evaluate_every: int = 100
    patience: int = 3
    kpi: str = "macro_recall"
    drop_irrelevant: float = 0.0
    drop_evidence: float = 0.0
    augment: tuple[str, ...] = ()
    orientations: bool = False
    max_tokens: int | None = None
    micro_batch: int | None = None
    gradient_checkpointing: bool = False
    robust: Robust | None = None
