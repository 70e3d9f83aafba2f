"""What a run proves about itself: seven checks, each green, red or not applicable (DESIGN section 8). A red one stops the verdict.

Each is a function that returns a Check, so that a planted fault can turn it red in a test. The reasons for their existence are in
pains.md: users of other kits lost days to the absence of every one of them.
"""

import csv
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict
from importlib import metadata
from pathlib import Path

import numpy as np

from kit.data import Sample
from kit.data.collator import Collator, audio_window, turn_ends
from kit.data.messages import answer_text
from kit.evaluation.intervals import interval
from kit.evaluation.scoring import answer_losses, option_scores
from kit.finding import Check
from kit.language import say
from kit.models import Loaded
from kit.models.media_tokens import media_tokens
from kit.show import progress
from kit.training.finetune import Settings, Tuned

TESTED = Path(__file__).parents[2] / "docs" / "tested.csv"
VERSIONED = ("torch", "transformers", "peft", "bitsandbytes", "accelerate")
_ROWS = 200  # rows that the behavioural check looks at: about 0.03 nats of precision, seconds on the tiny preset
_LEAST = 0.01  # nats: with many rows even a millionth is surely above 0, and is no use of the evidence
_RELOAD_ROWS = 8
_DECODED_ROWS = 64


def installed_versions() -> dict[str, str]:
    """The versions that a result depends on, and Python's."""
    python = ".".join(map(str, sys.version_info[:2]))
    return {"python": python} | {name: metadata.version(name).split("+")[0] for name in VERSIONED}


def check_versions(installed: dict[str, str], tested: Path = TESTED) -> Check:
    """1: the installed set is one that the project's own tests ran with."""
    rows = list(csv.DictReader(tested.open(encoding="utf-8"))) if tested.is_file() else []
    found = any(all(row.get(name) == version for name, version in installed.items()) for row in rows)
    listed = ", ".join(f"{name} {version}" for name, version in installed.items())
    detail = (
        say(f"tested set: {listed}", f"テスト済みの組み合わせ：{listed}")
        if found
        else say(
            f"not a tested set: {listed}; install the lock (make poc) or add the set to docs/tested.csv after make test passed with it",
            f"テスト済みの組み合わせではありません：{listed}。ロックどおりに入れ直すか（make poc）、make test に通してから docs/tested.csv に追加してください",
        )
    )
    return Check(1, say("versions", "バージョン"), "green" if found else "red", detail, {"installed": installed})


def check_token_budget(loaded: Loaded, samples: list[Sample], max_tokens: int | None = None, collator: Collator | None = None) -> Check:
    """2: every medium reaches the model whole; samples over the token budget and sounds longer than the encoder's window are named."""
    collator = collator or Collator(loaded.processor)
    cut, over, longest = [], [], 0
    window = audio_window(loaded.processor)
    for sample in progress(samples, desc=say("token budget", "トークン数")):
        batch = collator([sample])
        if any(present != due for present, due in media_tokens(loaded.model, batch).values()) or _too_long(sample, window):
            cut.append(sample.id)
        tokens = int(batch["attention_mask"].sum())
        longest = max(longest, tokens)
        if max_tokens and tokens > max_tokens:
            over.append(sample.id)
    bad = cut + over
    detail = (
        say(f"cut or over the budget: {', '.join(bad[:10])}", f"切れている、または上限超過：{', '.join(bad[:10])}")
        if bad
        else say(
            f"{len(samples)} rows, longest {longest} tokens; no medium was cut", f"{len(samples)} 行、最長 {longest} トークン。切れたメディアはありません"
        )
    )
    evidence = {"cut": cut, "over_budget": over, "longest": longest, "rows": len(samples)}
    return Check(2, say("token budget", "トークン数"), "red" if bad else "green", detail, evidence)


def _too_long(sample: Sample, window: int | None) -> bool:
    from kit.data.media import load_audio

    return bool(window) and any(len(load_audio(path)) > window for path in sample.audio)


def check_schema(faults: list, skipped: int, rows: int) -> Check:
    """3: every row is valid, or was skipped on request and is listed."""
    unlisted = len(faults) if not skipped else 0
    listed = [str(fault) for fault in faults]
    detail = (
        say(f"{rows} rows valid", f"{rows} 行すべて有効")
        if not faults
        else say(
            f"{rows} rows valid, {len(faults)} faults {'skipped on request and listed' if skipped else 'NOT handled'}",
            f"{rows} 行有効、不備 {len(faults)} 件{'（指定により除外、一覧あり）' if skipped else '（未処理）'}",
        )
    )
    return Check(3, say("schema", "データ形式"), "red" if unlisted else "green", detail, {"faults": listed})


def check_supervision(loaded: Loaded, samples: list[Sample], collator: Collator | None = None, trained: Sequence[int] = ()) -> Check:
    """4: the supervised tokens, decoded, are exactly an answer and its end of turn: as rows are collated now, and as the loss saw them (`trained`)."""
    collator, ends, tokenizer = collator or Collator(loaded.processor), turn_ends(loaded.processor), loaded.processor.tokenizer
    wrong, shown = [], {}
    for sample in samples[:_DECODED_ROWS]:
        labels = collator([sample])["labels"][0]
        ids = labels[labels != -100].tolist()
        # read back as text: comparing with the collator's own tokens would compare a fault with itself
        if not ids or ids[-1] != ends.end or _read(tokenizer, ids[:-1]) != (ends.before + answer_text(sample)).strip():
            wrong.append(sample.id)
        if len(shown) < 3:
            shown[sample.id] = tokenizer.decode(ids)
    answers = {(ends.before + answer_text(sample)).strip() for sample in samples}
    strange = [text for text in _turns(tokenizer, trained, ends.end) if text not in answers]
    rows = min(len(samples), _DECODED_ROWS)
    if wrong:
        detail = say(f"{len(wrong)} of {rows} rows supervise something else, first {wrong[0]}", f"{rows} 行中 {len(wrong)} 行で答え以外が教師になっています（最初：{wrong[0]}）")
    elif strange:
        detail = say(f"the training's loss saw {strange[0][:80]!r}, which is no answer", f"学習の損失に、答えではない {strange[0][:80]!r} が入っていました")
    else:
        detail = say(f"{rows} rows decoded: exactly the answer and its end of turn", f"{rows} 行を復号：答えと終端だけが教師です")
    evidence = {"wrong": wrong, "strange": strange[:3], "examples": shown, "trained_tokens": len(trained)}
    return Check(4, say("supervised tokens", "教師トークン"), "red" if wrong or strange else "green", detail, evidence)


def _read(tokenizer, ids: list[int]) -> str:
    return tokenizer.decode(ids, clean_up_tokenization_spaces=False).strip()


def _turns(tokenizer, tokens: Sequence[int], end: int) -> list[str]:
    """The texts before each end of turn, and what is left after the last one, marked as having no end."""
    turns, turn = [], []
    for token in tokens:
        if token == end:
            turns.append(_read(tokenizer, turn))
            turn = []
        else:
            turn.append(token)
    return turns + ([_read(tokenizer, turn) + " (no end of turn)"] if turn else [])


def check_media_used(loaded: Loaded, held_out: list[Sample], seed: int = 0, rows: int = _ROWS) -> Check:
    """5: on held-out rows the true evidence makes the answer likelier than another row's evidence, and than none, for each deciding modality.

    Both paired differences must have the lower end of their 95 % bootstrap interval above 0.01 nats. No order is asked between the two: a wrong
    photograph can hurt more than none.
    """
    name = say("media used", "メディアの利用")
    measured: dict[str, dict] = {}
    too_few: list[str] = []
    for modality in sorted({m for s in held_out for m in s.decided_by}):
        pairs = _with_donors([s for s in held_out if modality in s.decided_by and modality in s.modalities], modality, seed, rows)
        if len(pairs) < 20:
            too_few.append(modality)
            continue
        true = answer_losses(loaded, [s for s, _ in pairs])
        others = {
            "shuffled": [s.replace(**{modality: getattr(donor, modality)}) for s, donor in pairs],
            "absent": [s.without(modality) for s, _ in pairs],
        }
        draw = np.random.default_rng(seed).integers(0, len(pairs), (2000, len(pairs)))
        gains = {kind: answer_losses(loaded, changed) - true for kind, changed in others.items()}
        measured[modality] = {kind: interval(gain.mean(), gain[draw].mean(1), units=len(pairs)) for kind, gain in gains.items()} | {"n": len(pairs)}
    if not measured:
        few = ", ".join(too_few) or say("none named", "指定なし")
        return Check(5, name, "na", say(f"fewer than 20 held-out rows with a deciding medium ({few})", f"判断に使うメディア（{few}）のある評価行が 20 未満です"), {})
    failed = [f"{m} ({kind})" for m, row in measured.items() for kind in ("shuffled", "absent") if not row[kind]["low"] > _LEAST]  # so written, NaN fails
    figures = "; ".join(
        f"{m}: {say('shuffled', '入替')} +{r['shuffled']['value']:.2f} [{r['shuffled']['low']:.2f}, {r['shuffled']['high']:.2f}], "
        f"{say('absent', 'なし')} +{r['absent']['value']:.2f} [{r['absent']['low']:.2f}, {r['absent']['high']:.2f}]"
        for m, r in measured.items()
    ).replace("+-", "-")
    detail = say("extra loss in nats: ", "損失の増加（nat）：") + figures
    if too_few:
        detail += say(f"; not measured, fewer than 20 rows: {', '.join(too_few)}", f"。20 行未満のため未測定：{', '.join(too_few)}")
    if failed:
        detail = say(f"not shown to be used: {', '.join(failed)}. ", f"利用が示せません：{', '.join(failed)}。") + detail
    return Check(5, name, "red" if failed else "green", detail, measured)


def _with_donors(samples: list[Sample], modality: str, seed: int, rows: int) -> list[tuple[Sample, Sample]]:
    """Up to `rows` samples, each with a random one of the same question but another answer, whose evidence it will be shown."""
    rng = np.random.default_rng(seed)
    chosen = [samples[i] for i in rng.permutation(len(samples))[:rows]]
    pairs = []
    for sample in chosen:
        donors = [s for s in samples if s.question == sample.question and s.answer != sample.answer and getattr(s, modality) != getattr(sample, modality)]
        if donors:
            pairs.append((sample, donors[rng.integers(len(donors))]))
    return pairs


def check_gradients(tuned: Tuned, settings: Settings) -> Check:
    """6: gradients and movement where promised and nowhere else; counted in updates that were really applied."""
    problems = []
    for part in settings.lora:
        if not 0 < tuned.gradients["seen"].get(part, 0.0) < np.inf:  # so written, NaN is a problem too
            problems.append(say(f"{part} got no gradient", f"{part} に勾配が届いていません"))
        if not 0 < tuned.lora_moved.get(part, 0.0) < np.inf:
            problems.append(say(f"{part}'s adapters did not move", f"{part} のアダプターが動いていません"))
    extra = sorted(set(tuned.gradients["seen"]) - set(settings.lora)) + tuned.gradients["leaked"]
    if extra:
        problems.append(say(f"gradients where none were promised: {extra[:3]}", f"予定外の勾配：{extra[:3]}"))
    if tuned.frozen_moved:
        problems.append(say(f"frozen parameters moved: {tuned.frozen_moved[:3]}", f"固定したはずの重みが動きました：{tuned.frozen_moved[:3]}"))
    if tuned.applied_updates == 0:
        problems.append(say("no optimizer update was applied", "更新が一度も適用されていません"))
    norms = ", ".join(f"{part} {norm:.2g}" for part, norm in tuned.gradients["seen"].items())
    detail = "; ".join(problems) or say(
        f"{tuned.applied_updates} updates applied; largest gradient norms {norms}; every frozen parameter unmoved",
        f"更新 {tuned.applied_updates} 回、最大勾配ノルム {norms}。固定した重みは不変",
    )
    evidence = {"gradients": tuned.gradients, "moved": tuned.lora_moved, "frozen_moved": tuned.frozen_moved, "updates": tuned.applied_updates}
    return Check(6, say("gradients", "勾配"), "red" if problems else "green", detail, evidence)


def check_adapter(tuned: Tuned, source: str, samples: list[Sample], work: Path, tolerance: float = 1e-3) -> Check:
    """7: in a fresh process the saved adapter loads with all its keys, gives the same scores, and differs from the base."""
    name = say("adapter reload", "アダプターの再読込")
    rows = samples[:_RELOAD_ROWS]
    here = option_scores(tuned.loaded, rows, desc=name)
    answer = reload_scores(source, tuned.adapter, rows, tuned.loaded, work)
    if "error" in answer:
        return Check(7, name, "red", answer["error"], answer)
    # numpy's maximum keeps a NaN, and the comparisons below are written so that a NaN fails them
    gap = float(np.max([np.abs(a - np.array(b)).max() for a, b in zip(here, answer["adapter"], strict=True)]))
    effect = float(np.max([np.abs(np.array(a) - np.array(b)).max() for a, b in zip(answer["base"], answer["adapter"], strict=True)]))
    problems = []
    if not gap <= tolerance:
        problems.append(say(f"scores after reloading differ by {gap:.2g} nats", f"再読込後の得点が {gap:.2g} nat ずれています"))
    if not effect > tolerance:
        problems.append(say("the reloaded adapter changes nothing: it is not applied", "再読込したアダプターは何も変えません（適用されていません）"))
    detail = "; ".join(problems) or say(
        f"fresh process: {answer['keys']} adapter tensors matched, scores equal to {gap:.1e}, base differs by {effect:.2g} nats",
        f"新しいプロセスで {answer['keys']} 個のテンソルが一致、得点差 {gap:.1e}、ベースとの差 {effect:.2g} nat",
    )
    return Check(7, name, "red" if problems else "green", detail, {"gap": gap, "effect": effect, "keys": answer["keys"]})


def reload_scores(source: str, adapter: Path, samples: list[Sample], like: Loaded, work: Path) -> dict:
    """Scores of base and adapter from a fresh Python process, in the precision and on the device of `like`; {"error": line} when it failed there."""
    work.mkdir(parents=True, exist_ok=True)
    asked, answered = work / "reload_in.json", work / "reload_out.json"
    answered.unlink(missing_ok=True)
    asked.write_text(
        json.dumps(
            {"source": source, "adapter": str(adapter), "four_bit": like.four_bit, "device": str(like.device), "samples": [asdict(s) for s in samples]},
            default=str,
        ),
        encoding="utf-8",
    )
    alone = {name: value for name, value in os.environ.items() if name not in ("RANK", "WORLD_SIZE", "LOCAL_RANK")}  # set by `accelerate launch`
    done = subprocess.run([sys.executable, "-m", "kit.training.reload", str(asked), str(answered)], capture_output=True, text=True, env=alone)
    if not answered.is_file():
        last = (done.stderr.strip().splitlines() or ["no output"])[-1]
        return {"error": say(f"reloading in a fresh process failed: {last}", f"新しいプロセスでの再読込に失敗：{last}")}
    return json.loads(answered.read_text(encoding="utf-8"))


def run_checks(
    tuned: Tuned, source: str, settings: Settings, train: list[Sample], held_out: list[Sample], faults: list, skipped: int, work: Path
) -> list[Check]:
    """All seven, in order."""
    loaded = tuned.loaded
    return [
        check_versions(installed_versions()),
        check_token_budget(loaded, [*train, *held_out], settings.max_tokens),
        check_schema(faults, skipped, len(train) + len(held_out)),
        check_supervision(loaded, train, trained=tuned.supervised),
        check_media_used(loaded, held_out, settings.seed),
        check_gradients(tuned, settings),
        check_adapter(tuned, source, held_out, work),
    ]
