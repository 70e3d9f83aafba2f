"""lmms-eval: a task for rows that were held out, so that other models and other harnesses can be asked the same questions.

Read in lmms_eval 0.7.3, api/task.py and tasks/xmod_bench: `dataset_path: json` with data_files, functions named by `!function utils...`, pictures as PIL images, videos as paths, sounds as {"array", "sampling_rate"}.
Answers are generated there, while the kit scores options; the figures are near each other and not the same. Never run by us: it needs a model that its own classes load.
"""

import re
from collections.abc import Sequence
from pathlib import Path

from kit.data import Sample, answer_text
from kit.errors import KitError
from kit.interchange.rows import Written, media, words, write_lines, written
from kit.language import say

TABLE = "held_out.jsonl"


def write(samples: Sequence[Sample], out: Path, name: str) -> Written:
    """<name>.yaml, utils.py and held_out.jsonl with the media beside them. Run it from this folder: `python -m lmms_eval --include_path . --tasks <name> ...`

    Args:
        samples: rows of one held-out split; unlabelled ones are refused.
        out: a folder that is not there yet, or empty.
        name: of the task; letters, digits and "_" are kept.

    Raises:
        KitError: a training row among the samples, or `out` is not empty.
    """
    learned = [sample.id for sample in samples if sample.split == "train" or sample.generated]
    if learned:
        raise KitError(say(f"{len(learned)} rows were trained on or generated ({', '.join(learned[:3])}); a task measures held-out real rows only", f"学習に使った行や生成した行が {len(learned)} 件あります（{'、'.join(learned[:3])}）。タスクは評価用の実データだけで作ります"))
    task = re.sub(r"\W+", "_", name, flags=re.ASCII).strip("_").lower() or "held_out"
    rows = [sample.replace(split="") for sample in samples]  # one file, whatever the split is called
    done = written(rows, out, lambda sample: None, lambda split, kept, out: [write_lines((_row(sample, out) for sample in kept), out / TABLE)])
    out = Path(out).resolve()
    (out / f"{task}.yaml").write_text(_YAML.format(task=task, table=TABLE), encoding="utf-8", newline="\n")
    (out / "utils.py").write_text(_FUNCTIONS, encoding="utf-8", newline="\n")
    return Written((out / f"{task}.yaml", out / "utils.py", *done.files), done.rows, done.refused)


def _row(sample: Sample, out: Path) -> dict:
    found = media(sample, out)
    return {"id": sample.id, "prompt": words(sample), "options": list(sample.options), "answer": answer_text(sample), **{f"{modality}s": found.get(modality, []) for modality in ("image", "video", "audio")}}


_YAML = """\
task: {task}
dataset_path: json
dataset_kwargs:
  data_files:
    test: {table}
test_split: test
output_type: generate_until
doc_to_visual: !function utils.doc_to_visual
doc_to_text: !function utils.doc_to_text
doc_to_target: answer
process_results: !function utils.process_results
generation_kwargs:
  max_new_tokens: 32
  temperature: 0
  do_sample: false
metric_list:
  - metric: accuracy
    aggregation: mean
    higher_is_better: true
  - metric: macro_recall
    aggregation: !function utils.macro_recall
    higher_is_better: true
metadata:
  - version: 1.0
"""

_FUNCTIONS = '''\
"""Written by the MLLM PoC Kit for lmms-eval: evidence, question and judgement of each row. Paths are relative to this folder."""

import unicodedata
from pathlib import Path

HERE = Path(__file__).resolve().parent


def doc_to_visual(doc):
    from PIL import Image

    pictures = [Image.open(HERE / path).convert("RGB") for path in doc["images"]]
    return pictures + [str(HERE / path) for path in doc["videos"]] + [_sound(HERE / path) for path in doc["audios"]]


def _sound(path):
    import soundfile

    wave, rate = soundfile.read(path, dtype="float32", always_2d=True)
    return {"array": wave.mean(1), "sampling_rate": rate}


def doc_to_text(doc, lmms_eval_specific_kwargs=None):
    return doc["prompt"]


def process_results(doc, results):
    right = _plain(results[0]) == _plain(doc["answer"])
    return {"accuracy": float(right), "macro_recall": {"answer": doc["answer"], "right": right}}


def macro_recall(found):
    by_answer = {}
    for one in found:
        by_answer.setdefault(one["answer"], []).append(one["right"])
    return sum(sum(hits) / len(hits) for hits in by_answer.values()) / len(by_answer)


def _plain(text):
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split()).rstrip(".。")
'''
