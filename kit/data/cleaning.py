"""What can only be seen with all rows at hand: unreadable media, ids used twice, classes of one sample. Each step returns what is left and the faults."""

from collections import Counter, defaultdict
from pathlib import Path

from kit.data.media import MediaError, check_file
from kit.data.rows import Defaults, Fault
from kit.data.sample import MEDIA, Sample
from kit.language import say
from kit.show import progress

Numbered = list[tuple[int | None, Sample]]  # samples with the row that each came from


def drop_unreadable(samples: Numbered, faults: list[Fault]) -> tuple[Numbered, list[Fault]]:
    """Opens every file once."""
    broken, kept = {}, []
    for number, sample in progress(samples, say("opening the media", "ファイルを確認中")):
        pairs = [(path, modality) for modality in MEDIA for path in getattr(sample, modality)]
        for path, modality in pairs:
            if (path, modality) not in broken:
                broken[path, modality] = _broken(path, modality)
        faulty = [pair for pair in pairs if broken[pair]]
        faults += [
            Fault(
                number, sample.id, f"{path.name} {broken[path, modality].problem}", broken[path, modality].fix
            )
            for path, modality in faulty
        ]
        kept += [] if faulty else [(number, sample)]
    return kept, faults


def _broken(path: Path, modality: str) -> MediaError | None:
    try:
        check_file(path, modality)
    except MediaError as error:
        return error
    return None


def drop_repeated(samples: Numbered, faults: list[Fault]) -> tuple[Numbered, list[Fault]]:
    """Keeps the first of each id. Where the id is a file's name, another question about the file is a new sample: "a.jpg#2"."""
    rows, questions, kept = {}, defaultdict(set), []
    for number, sample in samples:
        if sample.id not in rows:
            rows[sample.id] = number
            kept.append((number, sample))
        elif Path(sample.id).suffix and sample.question not in questions[sample.id]:
            kept.append((number, sample.replace(id=f"{sample.id}#{len(questions[sample.id]) + 1}")))
        else:
            faults.append(
                Fault(
                    number,
                    sample.id,
                    say(
                        f"duplicate id, first used in row {rows[sample.id]}",
                        f"IDが重複しています(最初は{rows[sample.id]}行目)",
                    ),
                    say(
                        "delete one of the two rows or give it an id of its own",
                        "どちらかの行を削除するか、別のIDを付けてください",
                    ),
                )
            )
        questions[sample.id].add(sample.question)
    return kept, faults


def complete_options(
    samples: Numbered, faults: list[Fault], defaults: Defaults
) -> tuple[Numbered, list[Fault]]:
    """Gives samples without options the sorted answers to their question, and drops classes of one sample."""
    counts = Counter((s.question, s.answer) for _, s in samples if s.answer and s.data_layer == "domain")
    closed = defaults.options is None or defaults.options
    kept = []
    for number, sample in samples:
        if (
            sample.data_layer == "domain"
            and sample.answer
            and (sample.options or closed)
            and counts[sample.question, sample.answer] == 1
        ):
            faults.append(
                Fault(
                    number,
                    sample.id,
                    say(
                        f"class {sample.answer!r} has only this sample",
                        f"クラス {sample.answer!r} のサンプルはこれだけです",
                    ),
                    say(
                        "add more samples of it, merge it with another class, or delete the row (free text: options: [] in poc.yaml)",
                        "サンプルを追加するか、他のクラスと統合するか、行を削除してください(自由記述なら poc.yaml に options: [])",
                    ),
                )
            )
        else:
            kept.append((number, sample))
    if defaults.options is not None:
        return kept, faults
    found = defaultdict(set)
    for _, sample in kept:
        found[sample.question] |= {sample.answer} - {""}
    return [
        (n, s if s.options else s.replace(options=tuple(sorted(found[s.question])))) for n, s in kept
    ], faults
