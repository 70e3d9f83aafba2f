"""What an export tells the engines that take a model over: the serving commands, how to ask, and the rows in the form that other trainers read."""

import json
import os
import shlex
from pathlib import Path

from kit.data import MEDIA, Sample, prompt_messages
from kit.errors import KitError
from kit.interchange import ms_swift
from kit.language import say
from kit.models import component_of
from poc.usecase import data_hash, load_samples, load_usecase


def refuse_other_rows(directory: Path, record: dict) -> None:
    """Raises a KitError where the folder's rows, files or split are no longer those of the run: what it held out could be trained on."""
    samples = load_samples(directory, load_usecase(directory), seed=record["seed"]).samples
    if data_hash(samples) != record["data"]["hash"]:
        raise KitError(
            say(
                f"{directory} is no longer what the run was made of: its rows, files or split have changed, and rows that the run held out could end up in train.jsonl. "
                "Restore the folder, or run again and export that run.",
                f"{directory} は実行時から行・ファイル・分割が変わっています。評価用だった行が train.jsonl に入るおそれがあります。フォルダーを元に戻すか、もう一度実行してから書き出してください。",
            )
        )


def write_rows(directory: Path, record: dict, out: Path) -> dict[str, int]:
    """Writes <split>.jsonl for each split of a use case and returns the number of rows in each; the media are named relative to the use case's folder.

    The lines are `kit.interchange.ms_swift`'s, which LLaMA-Factory reads, too; the media stay where they are (`poc convert` copies them beside the rows).
    """
    use, counts = load_usecase(directory), {}
    out.mkdir(parents=True)
    for split, samples in load_samples(directory, use, seed=record["seed"]).by_split.items():
        rows = [_line(sample, directory) for sample in samples if sample.answer]
        if rows:
            (out / f"{split}.jsonl").write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
            counts[split] = len(rows)
    return counts


def _line(sample: Sample, directory: Path) -> dict:
    names = {modality: [Path(os.path.relpath(path, directory.resolve())).as_posix() for path in getattr(sample, modality)] for modality in MEDIA if getattr(sample, modality)}
    return ms_swift.row(sample, names) | {"id": sample.id, "group": sample.group}


def readme(record: dict, run: Path, measured) -> str:
    """README.md of an export, in both languages."""
    shown = {"en": _measured_en(measured), "ja": _measured_ja(measured)}
    commands, ask = _commands(record, run), _question(record)
    return _TEXT.format(
        title=record["title"]["en"], title_ja=record["title"]["ja"], base=record["model"]["name"], measured=shown["en"], measured_ja=shown["ja"], ask=ask, **commands
    )


def _commands(record: dict, run: Path) -> dict[str, str]:
    adapter = json.loads((run / "adapter" / "adapter_config.json").read_text(encoding="utf-8"))
    beyond = {component_of(path) for path in adapter["target_modules"]} - {"llm"}
    name = shlex.quote(record["use_case"])
    base = shlex.quote(record["model"]["source"])
    rank = next(size for size in (8, 16, 32, 64, 128, 256, 320, 512) if size >= adapter["r"])  # the ranks that vLLM allows
    tower = " --enable-tower-connector-lora" if beyond else ""
    quantized = " --quantization bitsandbytes" if record["model"].get("four_bit") else ""  # nf4, as the adapter's base was in training
    return {
        "serve_merged": f"vllm serve ./merged --served-model-name {name}",
        "serve_adapter": f"vllm serve {base} --enable-lora --lora-modules {name}=./adapter --max-lora-rank {rank}{tower}{quantized}",
    }


def _question(record: dict) -> str:
    """A request that asks a closed question as the kit's collator does."""
    sample = Sample("x", record["question"], tuple(record["options"]), decided_by=tuple(record["decided_by"]))
    (asked,) = prompt_messages(sample)
    kinds = {"image": "image_url", "video": "video_url", "audio": "audio_url"}
    media = [{"type": kinds[m], kinds[m]: {"url": f"data:...;base64,<the {m}>"}} for m in record["decided_by"] if m in kinds]
    request = {
        "model": record["use_case"], "temperature": 0, "structured_outputs": {"choice": list(record["options"])},
        "messages": [{"role": "user", "content": [*media, *asked["content"]]}],
    }  # fmt: skip
    return json.dumps(request, ensure_ascii=False, indent=1)


def _measured_en(measured) -> str:
    if not measured.rows:
        return "The KPI was NOT measured on the merged model: the held-out files were not found."
    before, after = (f"{100 * row['value']:.1f} % [{100 * row['low']:.1f}, {100 * row['high']:.1f}]" for row in (measured.before, measured.after))
    told = f"{measured.kpi} on {measured.rows} held-out rows: {before} in the run, {after} with the merged weights; {measured.answers_changed} answers changed."
    return told + _four_bit_en(measured)


def _four_bit_en(measured) -> str:
    told = " The adapter was trained on a 4-bit (nf4) base, which the second command loads; the merged weights are 16-bit, hence the difference." if measured.four_bit else ""
    return told + (" **The merged model LOST TOO MUCH: do not serve `merged/`, use the second command.**" if measured.holds is False else "")


def _measured_ja(measured) -> str:
    if not measured.rows:
        return "統合したモデルでは KPI を測定していません（評価用のファイルが見つかりません）。"
    before, after = (f"{100 * row['value']:.1f} % [{100 * row['low']:.1f}, {100 * row['high']:.1f}]" for row in (measured.before, measured.after))
    told = f"評価用 {measured.rows} 行での {measured.kpi}：実行時 {before}、統合後 {after}。答えが変わったのは {measured.answers_changed} 件。"
    told += "アダプターは 4-bit（nf4）のベースで学習しました（2 番目のコマンドが読み込みます）。統合した重みは 16-bit のため差が出ます。" if measured.four_bit else ""
    return told + ("**統合したモデルは低下が大きすぎます。`merged/` を使わず、2 番目のコマンドを使ってください。**" if measured.holds is False else "")


_TEXT = """# {title}

Base: `{base}`. {measured}

`merged/` holds plain 16-bit weights, `adapter/` the LoRA weights alone (PEFT loads them on the base without this kit). Licence: the base model's.

    {serve_merged}
    {serve_adapter}

We never ran vLLM: the options are those of its documentation (read 2026-11-26); the second needs a base that vLLM can load, and its LoRA support differs by family.
Ask as the model was taught, with the options in the prompt and the answer held to them (`POST /v1/chat/completions`, vLLM 0.12 or newer):

```json
{ask}
```

A served answer has no calibrated share: the kit's own scores sum the log-likelihood of each whole option, with the end of the turn (`poc predict` gives them).

# {title_ja}

ベース：`{base}`。{measured_ja}

`merged/` は通常の 16-bit の重み、`adapter/` は LoRA の重みだけです（このキットなしで PEFT から読み込めます）。ライセンスはベースモデルに従います。起動コマンドと質問の形式は上のとおりです。
vLLM は当方では実行していません（オプションは公式文書による）。キットと同じ得点（選択肢ごとの対数尤度）が必要なときは `poc predict` を使ってください。
"""
