"""What people's answers make of a folder's rows. The folder's table stays as it is; its rows are read with the labels on top."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from kit.data import Sample
from kit.labelling.log import Entry, evidence_of, standing
from kit.language import say


@dataclass(frozen=True)
class Decided:
    """The rows with the labels that count, and which rows they concern.

    Attributes:
        samples: all of them, in their order.
        new: ids of rows that had no label and have one now.
        corrected: whose label is another one now.
        confirmed: whose label people gave, too, without having seen it.
        withdrawn: that had a label and cannot be told, people say; they have none now.
        untold: that had no label and cannot be told.
        disputed: on which people differ; they keep what the table says until somebody settles it (`poc label --settle`).
        waiting: answered by fewer people than are asked for.
        stale: answered for a file, note or question that has changed since, or with an answer that is no option any more: not counted.
    """

    samples: tuple[Sample, ...]
    new: tuple[str, ...] = ()
    corrected: tuple[str, ...] = ()
    confirmed: tuple[str, ...] = ()
    withdrawn: tuple[str, ...] = ()
    untold: tuple[str, ...] = ()
    disputed: tuple[str, ...] = ()
    waiting: tuple[str, ...] = ()
    stale: tuple[str, ...] = ()

    @property
    def counts(self) -> dict[str, int]:
        """How many rows of each kind."""
        return {name: len(getattr(self, name)) for name in _KINDS}


_KINDS = ("new", "corrected", "confirmed", "withdrawn", "untold", "disputed", "waiting", "stale")


def with_labels(samples: Sequence[Sample], entries: Iterable[Entry], annotators: int = 1) -> Decided:
    """The rows with what people said about them.

    An answer counts where all who answered the row agree and they are at least `annotators`, or where somebody settled it.

    Args:
        samples: of a folder.
        entries: of all annotators.
        annotators: how many people must agree.
    """
    said, kinds, rows = standing(entries), {name: [] for name in _KINDS}, []
    for sample in samples:
        if sample.id in said:
            answer, kind = _decided(sample, said[sample.id], annotators)
            kinds[kind].append(sample.id)
            sample = sample if answer is None else sample.replace(answer=answer)
        rows.append(sample)
    return Decided(tuple(rows), **{name: tuple(ids) for name, ids in kinds.items()})


def _decided(sample: Sample, said: dict[str, Entry], annotators: int) -> tuple[str | None, str]:
    """(answer that counts, None: the table's; kind)."""
    seen = evidence_of(sample)
    said = [entry for entry in said.values() if entry.evidence == seen and (not entry.answer or not sample.options or entry.answer in sample.options)]
    if not said:
        return None, "stale"
    settled = [entry for entry in said if entry.kind == "settle"]
    answers = {settled[-1].answer} if settled else {entry.answer for entry in said}
    if len(answers) > 1:
        return None, "disputed"
    if len(said) < annotators and not settled:
        return None, "waiting"
    (answer,) = answers
    if not answer:
        return "", "withdrawn" if sample.answer else "untold"
    return answer, "new" if not sample.answer else "confirmed" if sample.answer == answer else "corrected"


def told(decided: Decided) -> str:
    """The counts as a sentence; "" where nobody has labelled anything."""
    names = {"new": ("new", "新規"), "corrected": ("corrected", "訂正"), "confirmed": ("confirmed", "確認済み"), "withdrawn": ("withdrawn: cannot be told", "判断不能のため取り下げ"),
             "untold": ("cannot be told", "判断不能"), "disputed": ("disputed, not counted", "意見が分かれ未採用"), "waiting": ("waiting for another person", "別の人の回答待ち"),
             "stale": ("of files or options that have changed, not counted", "ファイルや選択肢が変わったため未採用")}  # fmt: skip
    return say(", ", "、").join(f"{count} {say(*names[name])}" for name, count in decided.counts.items() if count)
