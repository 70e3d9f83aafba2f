"""Which bridges a use case is compared by, and on which rows: only the media that decide, and no words beside them."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from kit.bridges import (
    Connected,
    DataDriven,
    Detector,
    Kept,
    LateFusion,
    Ocr,
    Remote,
    Routed,
    Specialist,
    Speech,
    Tool,
    ToolLearning,
    Whisper,
    WithSeries,
    converter,
    perceiver,
)
from kit.bridges.bridge import Bridge
from kit.bridges.series import COLUMN
from kit.data import MEDIA, Sample
from kit.diagnosis.scenarios import said_beside
from kit.errors import KitError
from kit.language import say
from kit.training import Settings
from kit.training.marks import digest_of, origin
from poc.levels import over_groups

_PAIRED = 60  # rows that the gap is measured on
LEARNERS = ("converter (linear)", "converter (mlp)", "perceiver", "tool learning", "data-driven")  # the plainest of each way: what is trained again with fewer rows, beside specialists


@dataclass(frozen=True)
class Sizes:
    """How much a comparison may cost.

    Attributes:
        train: labelled rows to learn from, at most, from all groups.
        asked: held-out rows, at most, from all groups.
        updates: of each training; `batch` rows each.
        rank: of adapters.
        validation: rows that choose the best weights and the detector's form, at most, from all groups.
        blocks: of the gap's jackknife; 0: no intervals; None: the gap is not measured.
        probed: held-out rows that a hybrid is asked about its tools' lines, at most, from all groups; 0: none.
    """

    train: int = 240
    asked: int = 160
    updates: int = 80
    batch: int = 12
    rank: int = 8
    validation: int = 60
    blocks: int | None = 10
    probed: int = 60


SIZES = Sizes()


@dataclass(frozen=True)
class Rows:
    """The same rows for every bridge: only the media that decide. `paired`: held-out rows with their first such medium and their notes or transcripts, for the gap; a row whose words name another option than its answer is not among them."""

    train: list[Sample]
    validation: list[Sample]
    asked: list[Sample]
    paired: list[Sample]
    modalities: tuple[str, ...]


def rows_for(samples: list[Sample], sizes: Sizes, seed: int = 0) -> Rows:
    """Training, validation and held-out rows of a use case, with the media that decide some row and without words: a note or a transcript beside a medium would answer in its place.

    Held out are the test rows, and those kept for calibration, which nothing here calibrates on, where the test has too few.

    Raises:
        KitError: no labelled rows with such a medium.
    """
    known = [sample for sample in samples if sample.answer and sample.options]
    modalities = tuple(modality for modality in MEDIA if any(modality in sample.decided_by and getattr(sample, modality) for sample in known))
    gone = {modality: () for modality in MEDIA if modality not in modalities}

    def of(*splits: str) -> list[Sample]:
        return [sample for split in splits for sample in known if sample.split == split and any(getattr(sample, modality) for modality in modalities)]

    test = of("test")
    test = test if len(test) >= sizes.asked else of("test", "calibration")
    if not of("train") or not test:
        raise KitError(
            say(
                "there is nothing to bridge: no labelled training and test rows with options whose photo, sound or film decides; see decided_by in poc.yaml",
                "橋渡しの対象がありません。画像・音声・動画で答えが決まる、選択肢つきのラベル付き学習行と評価行が必要です。poc.yaml の decided_by を確認してください",
            )
        )
    held = over_groups(test, sizes.asked, seed=0)  # the same rows whatever the seed of the training
    paired = sorted((sample for sample in held if getattr(sample, modalities[0]) and said_beside(sample) in ("", sample.answer)), key=lambda sample: not sample.text)[:_PAIRED]

    def bare(rows: list[Sample]) -> list[Sample]:
        return [sample.replace(text="", **gone) for sample in rows]

    return Rows(bare(over_groups(of("train"), sizes.train, seed)), bare(over_groups(of("validation"), sizes.validation, seed=0)), bare(held), [sample.replace(**dict.fromkeys(set(MEDIA) - {modalities[0]}, ())) for sample in paired], modalities)


def lineup(
    modalities: tuple[str, ...], checkpoint: str, kept: Path, vlm: str = "", ears: str = "", tools: tuple[Tool, ...] = (), smaller: str = "", sizes: Sizes = SIZES, seed: int = 0, device: str | None = None,
    series: Path | None = None, remote: Remote | None = None, language: str = "en",
) -> list[Bridge]:  # fmt: skip
    """The bridges that a use case is compared by, each with its answers kept below `kept`; those that combine others come last, and ask them.

    Args:
        modalities: the media to bridge, of image, video and audio.
        checkpoint: aligned already; tools, data and hybrid begin with it.
        vlm: a Qwen2-VL or Qwen2.5-VL, whose merger is replaced for pictures and films; "": no such row.
        ears: a Whisper, put before `vlm` for sound; "": no such row.
        tools: that write beside the detector: Ocr(), Speech(), Whisper().
        smaller: another checkpoint, for the question whether the larger one is needed; "": no such row.
        seed: of connectors and adapters.
        series: the folder in which rows name a file of a sensor's readings (`kit.bridges.series`), which data-driven bridges then get in words and as a picture; None: no such rows.
        remote: a model behind an endpoint; None: no such row.
        language: of a series' summary, "en" or "ja": that of the use case's questions.
    """
    fresh = {"steps": sizes.updates, "batch": sizes.batch, "seed": seed, "device": device}
    tuning = Settings(rank=sizes.rank, steps=sizes.updates, batch=sizes.batch, seed=seed, evaluate_every=max(1, sizes.updates // 4))
    seen, heard = vlm and {"image", "video"} & set(modalities), vlm and ears and "audio" in modalities
    found: list[Bridge] = [DataDriven(checkpoint, None, device=device)]
    if seen:
        found += [converter(vlm, connector=kind, **fresh) for kind in ("linear", "mlp")] + [perceiver(vlm, **fresh)]
    if heard:
        made = [converter(vlm, ears, {"kind": kind, "stack": 4}, silence=False, **fresh) for kind in ("linear", "mlp")] + [perceiver(vlm, ears, {"stack": 8, "queries": 2}, silence=False, **fresh)]
        for bridge in made:
            bridge.name += ", sound" if seen else ""
        found += made[1:2] if seen else made
    found += [ToolLearning(checkpoint, [Detector(), *tools], device=device), ToolLearning(checkpoint, [Detector(), *tools], reader=tuning, name="tool learning, reader tuned", device=device)]
    found += [ToolLearning(checkpoint, [tool], reader=tuning, name=f"{tool.name} alone, reader tuned", device=device) for tool in tools]
    found += [DataDriven(checkpoint, tuning, device=device), ToolLearning(checkpoint, [Detector(), *tools], keep_media=True, reader=tuning, device=device)]
    if smaller:
        found.append(DataDriven(smaller, tuning, name="data-driven, smaller checkpoint", device=device))
    found += [remote] if remote else []
    bridges = {bridge.name: Kept(bridge, kept) for bridge in found}
    connectors = [bridge for bridge in bridges.values() if isinstance(bridge.bridge, Connected) and "mlp" in bridge.name]
    specialists = [Kept(Specialist(modality, checkpoint, device=device), kept) for modality in modalities]
    fusion = [LateFusion([*connectors, bridges["tool learning"]])] if connectors else []
    told = [WithSeries(way, Kept(DataDriven(checkpoint, tuning, name=name, device=device), kept), series, language=language) for way, name in (("words", "series in words"), ("picture", "series as picture"))] if series else []
    return [*bridges.values(), *told, *specialists, *fusion, Routed([bridges["data-driven"], bridges["tool learning, reader tuned"], *specialists])]


def tools_for(rows: Rows, asr: str = "", ocr: bool = False) -> tuple[Tool, ...]:
    """What writes words beside the detector: OCR where a row has several pictures (the pages beside the photo), speech recognition where there is sound.

    Args:
        asr: a Whisper checkpoint that recognises the speech; "": the checkpoint whose language model reads.
        ocr: every picture is read, for rows whose only picture is a sheet.

    Raises:
        KitError: `asr` without sound among the media that decide, or `ocr` without pictures.
    """
    asked = {"audio": asr and ("--asr", say("sound", "音声")), "image": ocr and ("--ocr", say("picture", "画像"))}
    for modality, (option, medium) in {name: told for name, told in asked.items() if told and name not in rows.modalities}.items():
        raise KitError(say(f"{option} needs rows whose {medium} decides; here decide: {', '.join(rows.modalities)}. Leave {option} out, or name {modality} in decided_by of poc.yaml",
                           f"{option} には、{medium}で答えが決まる行が必要です。ここで答えを決めるのは {'、'.join(rows.modalities)} です。{option} を外すか、poc.yaml の decided_by に {modality} を加えてください"))  # fmt: skip
    pages = max(len(sample.image) for sample in rows.train)
    return (Ocr(pages=None if ocr else tuple(range(1, pages))),) * (ocr or pages > 1) + (Whisper(asr) if asr else Speech(),) * ("audio" in rows.modalities)


def learners(bridges: list[Bridge]) -> list[Kept]:
    """Those of a lineup that are trained again with fewer rows."""
    return [bridge for bridge in bridges if isinstance(bridge, Kept) and (bridge.name in LEARNERS or isinstance(bridge.bridge, Specialist))]


def has_series(samples: list[Sample]) -> bool:
    """Whether some row names a file of a sensor's readings."""
    return any(str(sample.meta.get(COLUMN, "")).strip() for sample in samples)


def made_of(checkpoint: str, folder: Path, write: Callable[[Path], object]) -> Path:
    """`folder` with what `write(folder)` makes of a checkpoint: written anew where the checkpoint holds something else by now, and where an earlier writing did not come to its end."""
    mark, file = digest_of(origin(checkpoint), []), folder / "made_of.txt"
    if not file.is_file() or file.read_text(encoding="utf-8") != mark:
        shutil.rmtree(folder, ignore_errors=True)
        write(folder)
        file.write_text(mark, encoding="utf-8")
    return folder


def tiny_parts(folder: Path) -> tuple[str, str]:
    """The tiny model's eyes with its language model, and its ears, as checkpoints of their own; ("", "") where only the installed package is here."""
    try:
        from sample_data.recipe.parts import write_parts
    except ImportError:
        return "", ""
    made_of("tiny_omni", folder, write_parts)
    return str(folder / "vlm"), str(folder / "ears")
