# ---
# title: {en: Fine-tune with LoRA in 4-bit, ja: 4 ビットの LoRA で微調整する}
# result:
#   en: an adapter trained on your data, the seven run checks, and before and after on held-out rows and on the guard set.
#   ja: 自社データで学習したアダプター、7 つの実行チェック、そして評価データと一般能力の見張りでの微調整前後の比較。
# minutes: {cpu: 2, gpu: 10}
# ---
# %%
import json
import tempfile
from dataclasses import replace
from pathlib import Path

import pandas as pd

from kit import show
from kit.evaluation import compare, evaluate, predict
from kit.language import say
from kit.models import load
from kit.models.lora import component_table
from kit.show.curves import labels_and_kpi
from kit.training import finetune, run_checks
from kit.training.checks import check_gradients
from poc import arms
from poc.lesson import GUARD, ROOT, open_lesson, results_table, written
from poc.pipeline import settings_of
from poc.words import CHECKS

# %% tags=["parameters"]
preset = "tiny"  # tiny: the shipped model on two CPU cores; laptop: 16 GB RAM; gpu: one 24 GB card
use_case = "inspection"  # a name in sample_data/company, or the path of your own folder
model = ""  # a catalogue name, a hub id or a folder; empty: the preset's default
run = ""  # a run's folder; empty: your newest run of this use case, else the shipped example
language = ""  # en or ja; empty: that of this notebook
steps = 36  # optimizer updates of the live training; poc.yaml's own number is for `poc run`
rows = 240  # training rows of the live training
held = 80  # held-out rows and guard rows of the live comparison

# %%
lesson = open_lesson(preset, use_case, model, run, language)
lesson

# %% [markdown] lang="en"
# ## Two trainings, not to be confused
#
# Here you train **live**, in short: few rows, few steps, to see every part move. The figures for a decision come from a full run (`poc run DIR`), whose recorded table stands further down. Each cell says which of the two it shows.
#
# The idea of QLoRA in three lines: the base model's weights are stored in 4 bits and **frozen**; beside each linear layer of the components that poc.yaml names (`training.lora`) sit two small matrices, the adapter; only those learn. A few megabytes per use case, and the base
# stays what it was.
# %% [markdown] lang="ja"
# ## 2 つの学習を混同しない
#
# ここでは**今**、短い学習をします。行もステップも少なくし、各部品の動きを見るのが目的です。決定に使う数字は通しの実行（`poc run DIR`）で得られ、その記録は後半の表にあります。どちらの数字かは、各セルに書いてあります。
#
# QLoRA の考え方は 3 行で言えます。ベースモデルの重みは 4 ビットで保存し、**固定**します。poc.yaml の `training.lora` に書いた部品の線形層ごとに、小さな行列を 2 つ添えます（アダプター）。学習するのはこの行列だけです。ユースケースごとに数メガバイトで済み、ベースモデルは元のまま残ります。
# %%
settings = replace(settings_of(lesson.use, None), steps=steps, evaluate_every=max(1, steps // 2), patience=9)
pd.Series(vars(settings)).to_frame("live")

# %%
train, validation = lesson.few("train", rows), lesson.few("validation", 48)
test = [s if "text" in s.decided_by else s.without("text") for s in lesson.few("test", held)]
print(f"live: {len(train)} training, {len(validation)} validation, {len(test)} held-out rows (of {len(lesson.split('test'))}), without text that should not decide")

# %% [markdown] lang="en"
# ## Before
#
# The base model in 4-bit, on held-out rows and on the guard set.
# %% [markdown] lang="ja"
# ## 微調整の前
#
# 4 ビットのベースモデルを、評価データと一般能力の見張りで測ります。
# %%
base = load(lesson.model, four_bit=True)
guard = arms.guard_samples(GUARD, base)
guard = guard[:: max(1, len(guard) // held)][:held]
before, guard_before = predict(base, test), predict(base, guard)

# %% [markdown] lang="en"
# ## Train
#
# Only the answer's tokens are taught: the question and the evidence are read, not learned by heart. The adapter that was best on the validation rows is kept.
# %% [markdown] lang="ja"
# ## 学習する
#
# 教師になるのは答えのトークンだけです。質問や写真を丸暗記させるのではありません。検証用の行で最も良かったアダプターを残します。
# %%
work = Path(tempfile.mkdtemp())
tuned = finetune(base, train, validation, settings, work)
print(f"live: {tuned.applied_updates} updates applied; adapter {sum(f.stat().st_size for f in tuned.adapter.iterdir()) / 2**20:.1f} MB")

# %%
show.learning_curve(tuned.history, settings.kpi)

# %% [markdown] lang="en"
# What was allowed to learn? Targets are resolved by full path, per component: the same layer name occurs in several components, and an adapter where nobody wanted one would be an accident. The sample company lets the tiny model's eyes learn, too (`[llm, connector, vision]`); for a large model start with `[llm]`.
# %% [markdown] lang="ja"
# 学習を許されたのはどこでしょうか。対象は部品ごとに、完全な名前で決めます。同じ名前の層はいくつもの部品にあり、望まない場所に付いたアダプターは事故だからです。見本会社では小さなモデルの「目」も学習させます（`[llm, connector, vision]`）。大きなモデルではまず `[llm]` で始めてください。
# %%
pd.DataFrame(component_table(tuned.loaded.model)).set_index("component")

# %% [markdown] lang="en"
# ## After (live, few rows: mind the width of the brackets)
# %% [markdown] lang="ja"
# ## 微調整の後（今の短い学習。行が少ないので、区間の広さに注意）
# %%
after, guard_after = predict(tuned.loaded, test), predict(tuned.loaded, guard)
labels = sorted({option for s in test for option in s.options})
kpis = {name: evaluate(frame, labels)[settings.kpi] for name, frame in (("base", before), ("tuned", after))}
gain = compare(after, before, labels, settings.kpi)
pd.Series({name: written(found) for name, found in kpis.items()} | {"tuned - base (paired)": written(gain)}).to_frame(f"{settings.kpi}, live")

# %%
lost = arms.guard_row({("base", "guard"): guard_before, ("tuned", "guard"): guard_after})
pd.Series({name: written(lost[name]) for name in ("base", "tuned", "drop")}).to_frame(f"guard set, live, n = {lost['n']}")

# %% [markdown] lang="en"
# Where is it still wrong? Green was right, red was wrong (truth → answer). Look at the pictures before you touch a setting: often the label is at fault.
# %% [markdown] lang="ja"
# まだどこを間違えるのでしょうか。緑が正解、赤が誤り（正解 → 答え）です。設定をいじる前に、まず写真を見てください。ラベルのほうが間違っていることも少なくありません。
# %%
said = dict(zip(after["id"], after["predicted"]))
wrong = [s for s in test if said[s.id] != s.answer]
show.sample_grid((wrong + [s for s in test if said[s.id] == s.answer])[:8], said)

# %% [markdown] lang="en"
# ## The seven run checks
#
# A model can train for hours with its pictures silently dropped, or be saved with an adapter that never loads again. So every run proves seven things about itself. Here for the live training; the sixth counts updates that were really applied, the seventh
# starts a fresh process. A short training may honestly fail the fifth (*is the evidence really used?*): then it has not learned enough yet.
# %% [markdown] lang="ja"
# ## 7 つの実行チェック
#
# 画像が黙って捨てられたまま何時間も学習が進むことや、保存したアダプターが二度と読み込めないことが、現実に起きています。そこで、どの実行も自分自身について 7 つのことを証明します。ここでは今の短い学習を調べます。
# 6 番は実際に適用された更新を数え、7 番は新しいプロセスを起動して確かめます。短い学習では、5 番（写真などを本当に使っているか）が赤になることもあります。その場合は、まだ学習が足りないという正直な結果です。
# %%
checks = run_checks(tuned, lesson.model, settings, train[:32], test, lesson.folder.faults, 0, work)
print(*(f"[{check.status}] {check.number} {say(**CHECKS[check.number])}: {check.detail}" for check in checks), sep="\n")

# %% [markdown] lang="en"
# Would a check notice? A planted fault: the same training, pretending that no update was applied.
# %% [markdown] lang="ja"
# チェックは本当に気づくのでしょうか。わざと故障を仕込みます。同じ学習で、更新が一度も適用されなかったことにしてみます。
# %%
planted = check_gradients(replace(tuned, applied_updates=0), settings)
assert planted.status == "red" and checks[5].status == "green"
print(planted.status, planted.detail)

# %% [markdown] lang="en"
# ## The full run (recorded, not computed now)
#
# All held-out rows, all training rows, all steps. This is the table that a decision is made on.
# %% [markdown] lang="ja"
# ## 通しの実行（記録。今計算したものではありません）
#
# すべての評価データ、すべての学習データ、すべてのステップでの結果です。決定に使うのはこの表です。
# %%
record = lesson.record
print("" if lesson.of_this_use_case else f"note: this run is of the use case {record['use_case']}, not of {lesson.use.name}")
kept = next(row for row in record["results"] if (row["arm"], row["condition"]) == ("tuned", "as_is"))
results_table(record)

# %%
for check in json.loads((lesson.run / "checks.json").read_text(encoding="utf-8")):
    print(f"[{check['status']}] {check['number']} {say(**CHECKS[check['number']])}")
print(f"guard set: lost {written(record['guard']['drop'])} of accuracy, n = {record['guard']['n']}" if record["guard"] else "no guard set")

# %% [markdown] lang="en"
# ## Real points of the learning curve (recorded)
#
# Notebook 03 estimated from frozen features how many labels are worth their work. Here are models that were really fine-tuned on part of the sample company's training lots (`sample_data/make_learning_curve.py` made the table; band: 95 % interval).
# %% [markdown] lang="ja"
# ## 学習曲線の実測点（記録）
#
# ノートブック 03 では、固定した特徴からラベル数の目安を見積もりました。こちらは、サンプル会社の学習データの一部で実際に微調整したモデルの結果です（表は `sample_data/make_learning_curve.py` で作成。帯は 95 % 区間）。
# %%
table = ROOT / "sample_data" / "learning_curve.csv"
own = next((row for row in record["results"] if (row["arm"], row["condition"]) == ("tuned", "without_text")), kept)
real = pd.read_csv(table) if table.is_file() else pd.DataFrame([{"labels": record["data"]["n"]["train"]} | own["macro_recall"]])
print(f"{len(real)} points" if table.is_file() else "only the point of this run: the table was not made yet")
labels_and_kpi(real=real, kpi="macro recall")

# %%
enough = real[real["low"] >= lesson.use.gates.threshold]["labels"]
print(f"lower bound above the gate's {lesson.use.gates.threshold:.0%}: " + (f"from {enough.min()} labels on" if len(enough) else f"not with {real['labels'].max()} labels"))

# %% [markdown] lang="en"
# ## Few labels: what helped, and what did not (recorded)
#
# With few labels the same labels can be made to teach more. `training.orientations` and `training.augment` show each row in other ways (only where the label survives it: `kit/data/augmentation.py` says which labels each change may break);
# `kit.training.pseudo_labels` lets the model label rows itself, from a sureness on that held-out rows vouch for; `kit.training.adaptation` makes the eyes used to the company's media without any label; `training.drop_evidence` leaves one kind of evidence
# out, so that another can stand in. Below, each against the plain training at equal labels and updates (`python -m benchmarks.few_labels`; the sample company is generated, so try them on yours). "Cannot be told" is an answer.
# %% [markdown] lang="ja"
# ## ラベルが少ないとき：役立ったもの、役立たなかったもの（記録）
#
# ラベルが少なくても、同じラベルからより多くを学ばせることはできます。`training.orientations` と `training.augment` は、各行を別の見え方で見せます（ラベルが変わらない変化だけ。壊れ得るラベルは `kit/data/augmentation.py` に記載）。
# `kit.training.pseudo_labels` は、評価用の行が裏づける確信度以上の行に、モデル自身がラベルを付けます。`kit.training.adaptation` は、ラベルなしで目を自社の画像に慣れさせます。`training.drop_evidence` は情報を一つ外し、ほかの情報で補えるようにします。
# 下の表は、同じラベル数・同じ更新回数で、通常の学習と比べた結果です（`python -m benchmarks.few_labels`。サンプル会社は生成データなので、自社のデータでも試してください）。「判断できない（cannot be told）」も答えの一つです。
# %%
few = ROOT / "benchmarks" / "few_labels.csv"
pd.read_csv(few)[["use_case", "labels", "arm", "asked", "macro_recall", "gain", "low", "high", "verdict"]] if few.is_file() else print("benchmarks/few_labels.csv is not here")

# %% [markdown] lang="en"
# ## Before the long run, and after it
#
# On the command line, `poc estimate DIR --preset gpu` measures memory, batch and minutes on your own rows before anything is trained, and names rows that are too long. Afterwards `poc predict RUN DIR` answers new files, `poc compare RUN RUN` says whether one run is better than another, and `poc export RUN` hands the model over. What lies beyond one card is in `docs/scale.md`.
# %% [markdown] lang="ja"
# ## 長い実行の前と後
#
# コマンドラインの `poc estimate DIR --preset gpu` は、学習の前に、自社の行でメモリ・バッチ・時間を測り、長すぎる行を名指しします。その後は、`poc predict RUN DIR` が新しいファイルに答え、`poc compare RUN RUN` が二つの実行の優劣を区間つきで示し、`poc export RUN` がモデルを引き渡します。GPU 一枚より先は `docs/scale.ja.md` にあります。

# %% [markdown] lang="en"
# ## To read on
#
# * Hu and others, *LoRA: Low-Rank Adaptation of Large Language Models* (arXiv 2106.09685), section 4; Dettmers and others, *QLoRA* (arXiv 2305.14314), sections 3 and 4.
# * Kirkpatrick and others, *Overcoming catastrophic forgetting in neural networks* (arXiv 1612.00796): why there is a guard set.
# * Hugging Face PEFT documentation, "LoRA" and "Quantization". Search words: *target_modules, catastrophic forgetting, paired bootstrap*
# %% [markdown] lang="ja"
# ## さらに読む
#
# * Hu ほか, *LoRA: Low-Rank Adaptation of Large Language Models*（arXiv 2106.09685）4 節。Dettmers ほか, *QLoRA*（arXiv 2305.14314）3 節と 4 節。
# * Kirkpatrick ほか, *Overcoming catastrophic forgetting in neural networks*（arXiv 1612.00796）：一般能力の見張りを置く理由。
# * Hugging Face PEFT の文書「LoRA」「Quantization」。検索語：*target_modules, 破滅的忘却, paired bootstrap*
