# ---
# title: {en: "Robust fine-tuning: the cure", ja: "ロバストな微調整：干渉を治す"}
# result:
#   en: a model that no longer follows the note, trained live in a minute, and the recorded ablation, as far as it was made, of what helped, what did not, and what a step costs.
#   ja: メモに従わなくなったモデル（今、約 1 分で学習）と、何が役立ち何が役立たなかったか、1 ステップの費用の記録（測り終えた分まで）。
# minutes: {cpu: 2, gpu: 4}
# ---
# %%
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import pandas as pd
import yaml

from kit.data import own_evidence, text_perturbations
from kit.data.trainable import TRAINABLE
from kit.diagnosis import ask, by_perturbation, counterfactual_grid, grid_pairs, shortcut_index
from kit.errors import KitError
from kit.language import say
from kit.models.merge import merged
from kit.show.evidence import beside_evidence
from kit.training import finetune
from kit.training.robust import Robust
from poc.lesson import ROOT, open_lesson, trusting_model
from poc.pipeline import settings_of
from poc.words import name_of_perturbation

# %% tags=["parameters"]
preset = "tiny"  # tiny: the shipped model on two CPU cores; laptop: 16 GB RAM; gpu: one 24 GB card
use_case = "inspection"  # a name in sample_data/company, or the path of your own folder
model = ""  # a catalogue name, a hub id or a folder; empty: the preset's default
run = ""  # a run's folder; empty: your newest run of this use case, else the shipped example
language = ""  # en or ja; empty: that of this notebook
steps = 24  # updates of the live cure
rows = 30  # held-out rows that are asked before and after

# %%
lesson = open_lesson(preset, use_case, model, run, language)
lesson

# %% [markdown] lang="en"
# ## What the cure does
#
# The patient is the model of notebook 05, which believes the note. A robust update shows some rows in **pairs**: once with nothing but what decides, once with a perturbation beside it, both with the right answer.
#
# | part | what it asks of the model | switch |
# |---|---|---|
# | perturbation data | be right with a disturbing note beside the photo, too | `perturbations`, `share` |
# | consistency | say the same with and without it: KL(clean ‖ perturbed), the clean side held fixed, at the answer's tokens | `consistency` |
# | PGD | be right even for the note's worst embedding within ε; the text only, never padding, question or answer | `ascent_steps`, `epsilon` |
# | counterfactual grid | be right with the note of another real row | `text of another row` |
#
# In a pair both prompts begin alike, photo and all. So the beginning is read **once**, with its gradients, and the K steps of the attack read only the text. This is exact (LoRA gradients equal the full loop's), and it is what makes the attack affordable: benchmarks/interference.csv. It needs `lora_dropout = 0` and no
# gradient checkpointing, and refuses both with a reason.
# %% [markdown] lang="ja"
# ## 何をするのか
#
# 患者は、メモを信じるノートブック 05 のモデルです。ロバストな更新では、一部の行を**組**で見せます。判断に使う情報だけの行と、撹乱を添えた行で、どちらも正解は同じです。
#
# | 部品 | モデルに求めること | 設定 |
# |---|---|---|
# | 撹乱データ | 紛らわしいメモが写真に添えられていても正しく答える | `perturbations`、`share` |
# | 一貫性 | 添えても添えなくても同じ答えを言う：KL(撹乱なし ‖ 撹乱あり)。撹乱なしの側は固定、答えのトークンだけで計算 | `consistency` |
# | PGD | メモの埋め込みを ε 以内で最悪に動かしても正しい。動かすのは文章だけで、パディング・質問・答えは動かさない | `ascent_steps`、`epsilon` |
# | 反実仮想の表 | 別の実在する行のメモを添えても正しい | `text of another row` |
#
# 組になった 2 つのプロンプトは、写真を含めて先頭が同じです。そこで先頭は勾配つきで**一度だけ**読み、攻撃の K ステップは文章だけを読みます。近似ではなく厳密で（LoRA の勾配は全体を回した場合と一致）、攻撃を現実的な費用にしています（benchmarks/interference.csv）。`lora_dropout = 0` で、勾配チェックポイントなしが条件で、どちらも理由を示して断ります。
# %%
trusting, which = trusting_model(lesson)
held = lesson.few("test", rows)
told = text_perturbations()
asked = [p for p in (*told, own_evidence("text")) if any(p(s) is not None for s in held)]
before = ask(trusting, held, asked)
decided = lesson.use.decided_by[0]
pairs = grid_pairs(lesson.few("test", 4 * rows), decided, "text")[:20]
index_before = shortcut_index(counterfactual_grid(trusting, pairs, decided, "text"), decided, "text")
print(which)

# %% [markdown] lang="en"
# ## Live: a short cure
#
# The old adapter is merged, a new one is put into the language model only (the eyes are not at fault), and few updates are made on training rows. Trained on: unrelated facts and one wording of a misleading note, in English. **Never shown**: the other wording, Japanese notes, instructions. What is not trained on is the test.
# %% [markdown] lang="ja"
# ## 今、短く治してみる
#
# 古いアダプターは統合し、新しいアダプターを言語モデルにだけ付けて（目に責任はありません）、学習データで数十回だけ更新します。学習に使うのは英語の無関係な事実と、誤ったメモの 1 通りの言い回しだけです。もう一つの言い回し、日本語のメモ、指示は**見せません**。学習に使わなかったものが試験です。
# %%
cure = Robust(("unrelated facts (en)", "misleading note A (en)"), share=1.0, consistency=0.5)
lora = ("llm",)
settings = replace(settings_of(lesson.use, None), steps=steps, evaluate_every=steps, lora=lora, drop_irrelevant=0.0, robust=cure)
pd.Series(vars(cure)).to_frame("robust")

# %%
taught = lesson.few("train", 400)
began = time.perf_counter()
cured = finetune(merged(trusting), taught, lesson.few("validation", 24), settings, Path(tempfile.mkdtemp()))
print(f"live: {cured.applied_updates} updates in {time.perf_counter() - began:.0f} s")

# %%
after = ask(cured.loaded, held, asked)
seen = set(cure.perturbations)
lines = {name: by_perturbation(trials).set_index("perturbation") for name, trials in (("before", before), ("after", after))}
live = pd.DataFrame({
    say("beside the photo", "添えた情報"): [name_of_perturbation(name) for name in lines["before"].index],
    say("trained on", "学習に使用"): [say("yes", "はい") if name in seen else say("control", "対照") if lines["before"].loc[name, "control"] else say("no", "いいえ") for name in lines["before"].index],
    **{say(f"right {en}, %", f"正答 {ja} %"): [f"{100 * lines[en].loc[name, 'perturbed']:.0f}" for name in lines["before"].index] for en, ja in (("before", "前"), ("after", "後"))},
    say("right by copying it, %", "写すだけの正答 %"): ["–" if pd.isna(value) else f"{100 * value:.0f}" for value in lines["before"]["copied"]],
    **{say(f"follows it {en}, %", f"従った {ja} %"): ["–" if pd.isna(value) else f"{100 * value:.0f}" for value in lines[en]["followed"]] for en, ja in (("before", "前"), ("after", "後"))},
}).set_index(say("beside the photo", "添えた情報"))  # fmt: skip
print(f"live, n = {len(held)}; right without anything beside it: {lines['before']['clean'].iloc[0]:.0%} before, {lines['after']['clean'].iloc[0]:.0%} after")
live

# %%
beside_evidence(lines["after"].reset_index(), {name: name_of_perturbation(name) for name in lines["after"].index})

# %%
index_after = shortcut_index(counterfactual_grid(cured.loaded, pairs, decided, "text"), decided, "text")
print(f"before: {index_before.summary}\nafter: {index_after.summary}")

# %% [markdown] lang="en"
# ## The ablation (recorded, not computed now)
#
# `python -m benchmarks.cure`: every arm goes on from the same tuned model for the same number of updates; held-out lots; 95 % intervals over rows or lots, mean over the seeds in the table, which says how many there are so far (an arm that is missing was not measured yet). Three **held-out kinds** were never trained on: a paraphrase in the other language, an injected instruction, words in the picture. "copy the note" is no
# model. "notes dropped in half of the rows" is the cheap alternative that needs none of this (`training.drop_irrelevant`).
# %% [markdown] lang="ja"
# ## どれが効いたか（記録。今計算したものではありません）
#
# `python -m benchmarks.cure`：どの方式も同じ微調整モデルから始め、同じ回数だけ更新しました。評価は学習に使っていないロットで、区間は 95 %（行またはロット単位）、値は表にあるシード（現時点の数は表に記載、ない方式は未測定）の平均です。**学習に使わなかった 3 種類**は、別の言語での言い換え、紛れ込んだ指示、画像内の文字です。「copy the note」はモデルではなく、メモを写すだけです。
# 「notes dropped in half of the rows」は、これらを使わない安価な代案（`training.drop_irrelevant`）です。
# %%
file = ROOT / "benchmarks" / "cure.csv"
recorded = pd.read_csv(file) if file.is_file() else None
columns = ["seeds", "clean", "misleading note", "follows the note", "seen kinds", "held-out kinds", "matching note", "own note", "shortcut index", "follows an exchanged photo", "guard", "processor seconds per update"]
recorded.set_index("arm")[columns] if recorded is not None else print("benchmarks/cure.csv is not here")

# %%
recorded.set_index("arm")[[c for c in recorded.columns if c.startswith(("held", "empty", "text of"))]] if recorded is not None else None

# %% [markdown] lang="en"
# ## What helped, and what did not
#
# Read from the table: the difference on held-out kinds, row by row and seed by seed, to "tuned, longer" (more updates alone) and to "+ perturbation data" (is one more part worth its price?). Where the interval contains 0 it **cannot be told**, and the cheaper one is the right choice.
# %% [markdown] lang="ja"
# ## 役立ったもの、役立たなかったもの
#
# 表から読み取ります。学習に使わなかった種類について、「tuned, longer」（更新を増やしただけ）および「+ perturbation data」（もう一つの部品は費用に見合うか）との差を、同じ行・同じシードで比べました。区間が 0 を含めば**判断できない**ので、安いほうを選ぶのが正解です。
# %%
verdicts = []
for _, row in recorded.iterrows() if recorded is not None else ():
    for against in ("tuned, longer", "+ perturbation data"):
        gain, low, high = (row.get(f"held-out kinds against {against}{end}", float("nan")) for end in ("", " low", " high"))
        if not pd.isna(gain):
            told = say("helps", "役立つ") if low > 0 else say("hurts", "悪化") if high < 0 else say("cannot be told", "判断できない")
            verdicts.append({"arm": row["arm"], "against": against, "points": f"{gain:+.1f} [{low:+.1f}, {high:+.1f}]", "verdict": told})
pd.DataFrame(verdicts).pivot(index="arm", columns="against", values=["points", "verdict"]).fillna("") if verdicts else None

# %% [markdown] lang="en"
# ## In poc.yaml
#
# The same settings in a use case, with the gate that makes a model which believes the wrong evidence no go. `poc run DIR` then asks by itself, and the report shows *What it believes*. Compare a run with and without them: `poc compare RUN RUN`.
# %% [markdown] lang="ja"
# ## poc.yaml では
#
# 同じ設定をユースケースに書き、誤った情報を信じるモデルを「進む」にしない判定基準を加えます。`poc run DIR` は自動で調べ、レポートに「何を信じているか」を表示します。設定の有無は `poc compare RUN RUN` で比べられます。
# %%
given = {"training": {"robust": {"perturbations": ["unrelated facts (en)", "misleading note A (ja)", "text of another row"], "consistency": 0.5}}, "gates": {"robust_drop": 0.05}}
print(yaml.safe_dump(given, allow_unicode=True, sort_keys=False))
print("may be trained on:", ", ".join(TRAINABLE))

# %% [markdown] lang="en"
# Would a wrong name be noticed? A planted slip:
# %% [markdown] lang="ja"
# 名前を間違えたら気づくでしょうか。わざと間違えてみます。
# %%
try:
    Robust(("misleading note",))
except KitError as error:
    print(error)
else:
    raise AssertionError("a perturbation that does not exist was accepted")

# %% [markdown] lang="en"
# ## To read on
#
# * *Modality interference* (arXiv 2505.19616), section 4, and what we do differently: `kit/training/robust.py` says it in its first lines. Madry and others (1706.06083): projected gradient ascent.
# * DMC-Repair (2609.36798), MoD-DPO (2603.03192). THUD (2605.16403): why the guard set is in the table. Search words: *consistency regularisation, adversarial training, invariance*
# %% [markdown] lang="ja"
# ## さらに読む
#
# * *Modality interference*（arXiv 2505.19616）4 節。異なる点は `kit/training/robust.py` の冒頭に書いてあります。Madry ほか（1706.06083）：射影勾配上昇。
# * DMC-Repair（2609.36798）、MoD-DPO（2603.03192）。THUD（2605.16403）：一般能力の見張りが表にある理由。検索語：*一貫性正則化, adversarial training, invariance*
