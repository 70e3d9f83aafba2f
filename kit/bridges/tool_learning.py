"""Tool learning: tools turn media into text, the language model reads, and what was written is kept for whoever checks an answer.

    bridge = ToolLearning("qwen3.5-4b", [Detector(), Ocr()])
    bridge.fit(train, validation, work)
    bridge.predict(test)
    bridge.written          # {sample id: {tool: its text}}, and work/written.jsonl

Hybrid (`keep_media=True`): the model has the medium, too, and a wrong line of a tool is exactly a misleading note: `kit.bridges.misled` asks how much it believes.
"""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path

import pandas as pd

from kit.bridges.bridge import Facts, aligned
from kit.bridges.detector import Detector
from kit.bridges.tools import Tool, clock
from kit.data import MEDIA, Sample
from kit.errors import KitError
from kit.evaluation import evaluate, predict
from kit.language import say
from kit.models import Loaded, load
from kit.training import Settings, finetune
from kit.training.marks import digest_of, origin

_SHOWN = 8  # rows whose texts are counted


@dataclass
class ToolLearning:
    """Tools write, a language model reads.

    Attributes:
        checkpoint: whose language model reads; its encoders are the detector's eyes and ears.
        tools: see `kit.bridges.tools` and `kit.bridges.detector`; one that is missing here is told in `facts.failed`, the others go on.
        keep_media: the model has the media beside the texts (hybrid).
        reader: None: the language model is frozen. Else it learns to read what the tools write, by an adapter; small models cannot read without.
        device: default: CUDA where there is one.
        loaded: the model, after `fit`.
        written: sample id -> {tool: text} of every sample that was asked.
        forms: form -> macro recall of the frozen language model on the labelled validation rows when the detector writes so; the best one is taken, the barer of equals. Empty: nothing was chosen.
    """

    checkpoint: str
    tools: list[Tool]
    keep_media: bool = False
    reader: Settings | None = None
    name: str = ""
    device: str | None = None
    loaded: Loaded | None = field(default=None, init=False)
    written: dict[str, dict[str, str]] = field(init=False, default_factory=dict)
    forms: dict[str, float] = field(init=False, default_factory=dict)
    facts: Facts = field(init=False, default_factory=Facts)
    work: Path | None = field(default=None, init=False)

    def __post_init__(self):
        self.name = self.name or ("hybrid" if self.keep_media else "tool learning")
        self.facts.audit = (
            say("what the tools wrote is kept, row by row; not whether the model believed it or the medium", "ツールが書いたテキストが行ごとに残ります。モデルがそれと元の情報のどちらを信じたかはわかりません") if self.keep_media
            else say("the text between the medium and the answer is kept, row by row", "情報と答えの間のテキストが、行ごとに残ります")
        )  # fmt: skip
        self.facts.weak = say("what a tool does not write down is lost (a tone of voice, an unknown defect), and its errors are believed", "ツールが書かなかったこと（声の調子、未知の不良など）は失われ、ツールの誤りはそのまま信じられます")

    def fit(self, train: list[Sample], validation: list[Sample], work: Path) -> None:
        """Fits each tool on the labelled training rows, chooses the detector's form on `validation` (work/form.json says among which), and fits the reader where one is asked for.

        Raises:
            KitError: none of the tools is there.
        """
        started, train = clock(), [sample for sample in train if sample.answer]
        self.loaded, self.work, self.facts.failed = load(self.checkpoint, device=self.device), work, []
        self.facts.lacking = False
        work.mkdir(parents=True, exist_ok=True)
        working = []
        for tool in self.tools:
            try:
                tool.fit(train, self.loaded)
                working.append(tool)
            except KitError as error:
                self.facts.failed.append(str(error))
                self.facts.lacking = True
        if not working:
            raise KitError(say(f"bridge {self.name!r} has no tool that works here: {' | '.join(self.facts.failed)}", f"ブリッジ「{self.name}」：使えるツールがありません：{' | '.join(self.facts.failed)}"))
        self.facts.failed += [say(f"the detector says nothing of one question: {told}", f"分類器は次の質問について何も書きません：{told}") for tool in working if isinstance(tool, Detector) for told in tool.left_out]
        self.tools = working
        self.facts.start = aligned() + self._choose_form(validation)
        self.facts.trained, self.facts.rows = sum(tool.trained for tool in working), len(train)
        self.facts.tokens = self._length([text for tool in working for text in tool.write(train[:_SHOWN]) if text])
        if self.reader:
            unseen = zip(*(tool.unseen(train) for tool in working), strict=True)
            taught = [self._told(sample, said) for sample, said in zip(train, unseen, strict=True)]
            known = self.read(validation)  # they choose the adapter: others would choose another
            tuned = finetune(self.loaded, taught, known, self.reader, work / digest_of([asdict(self.reader), origin(self.checkpoint)], [*taught, *known]), resume=True)
            self.loaded, self.facts.updates = tuned.loaded, tuned.applied_updates
            self.facts.trained += sum(weight.numel() for path, weight in tuned.loaded.model.named_parameters() if "lora_" in path)
        self.facts.seconds = clock() - started

    def predict(self, samples: list[Sample]) -> pd.DataFrame:
        """The frame of `kit.evaluation.predict`; what the tools wrote is in `written` and in work/written.jsonl, one line per sample however often it is asked."""
        rows, texts = self._read(samples)
        self.written |= texts
        file = self.work / "written.jsonl"
        lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()] if file.is_file() else []
        kept = {line.pop("id"): line for line in lines} | self.written
        half = file.with_suffix(".part")
        half.write_text("".join(json.dumps({"id": name} | said, ensure_ascii=False) + "\n" for name, said in kept.items()), encoding="utf-8")
        half.replace(file)
        return predict(self.loaded, rows, desc=self.name)

    def read(self, samples: list[Sample]) -> list[Sample]:
        """The samples as the language model reads them: what the tools write of each is its text; nothing is kept."""
        return self._read(samples)[0]

    def _choose_form(self, validation: list[Sample]) -> str:
        """Sets the detector's form; what is to be told about it."""
        detector = next((tool for tool in self.tools if isinstance(tool, Detector) and not tool.form), None)
        known = [sample for sample in validation if sample.answer and sample.options]
        if detector is None or not known:
            return ""
        others, seen = [tool.write(known) for tool in self.tools if tool is not detector], detector.seen(known)
        labels = sorted({option for sample in known for option in sample.options})
        self.forms = {}
        for form in detector.forms:
            place = self.tools.index(detector)
            texts = zip(*others[:place], detector.told_as(form, seen), *others[place:], strict=True)
            frame = predict(self.loaded, [self._told(sample, said) for sample, said in zip(known, texts, strict=True)], desc=form)
            self.forms[form] = evaluate(frame, labels, resamples=2)["macro_recall"]["value"]
        detector.form = max(self.forms, key=self.forms.get)
        (self.work / "form.json").write_text(json.dumps({"chosen": detector.form, "rows": len(known), "macro_recall": self.forms}, ensure_ascii=False), encoding="utf-8")
        return say(f"; form {detector.form!r} chosen among {len(self.forms)} on {len(known)} validation rows", f"。書き方 {detector.form!r} は {len(self.forms)} 種類から検証行 {len(known)} 件で選択")

    def _read(self, samples: list[Sample]) -> tuple[list[Sample], dict[str, dict[str, str]]]:
        """(the samples as the language model reads them, sample id -> {tool: text})."""
        said = {tool.name: tool.write(samples) for tool in self.tools}
        each = [{name: texts[row] for name, texts in said.items()} for row in range(len(samples))]
        return [self._told(sample, texts.values()) for sample, texts in zip(samples, each, strict=True)], {sample.id: texts for sample, texts in zip(samples, each, strict=True)}

    def _told(self, sample: Sample, texts: Iterable[str]) -> Sample:
        note = "\n".join(text for text in (sample.text, *texts) if text)
        return sample.replace(text=note, **({} if self.keep_media else dict.fromkeys(MEDIA, ())))

    def _length(self, texts: list[str]) -> float:
        lengths = [len(ids) for ids in self.loaded.processor.tokenizer(texts, add_special_tokens=False)["input_ids"]] if texts else []
        return sum(lengths) / len(lengths) if lengths else float("nan")
