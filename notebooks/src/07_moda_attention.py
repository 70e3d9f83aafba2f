# ---
# title: {en: "MODA attention: what does the model look at?", ja: "MODA アテンション：モデルは何を見ているか"}
# when: {en: "when the diagnosis says that the deciding evidence is ignored, or an article promises you better attention", ja: "判断に使う情報が無視されていると診断されたとき、または「より良い注意機構」を勧められたとき"}
# result:
#   en: the attention deficit of your tuned model, layer by layer; MODA switched on in it and trained for a minute; and the recorded answer to whether it is worth having.
#   ja: 微調整したモデルの注意の偏り（層ごと）、MODA に切り替えて約 1 分学習したモデル、そしてそれが採用に値するかの記録。
# minutes: {cpu: 2, gpu: 4}
# ---
# %%
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from PIL import Image

from kit import show
from kit.attention import Moda, attention_balance, switch_on
from kit.data import only_deciding
from kit.data.collator import Collator
from kit.diagnosis import attention, attention_importance, attention_probe, is_shown
from kit.errors import KitError
from kit.evaluation import predict
from kit.language import say
from kit.models import add_lora
from kit.models.forward import answer_logits
from kit.models.loading import add_adapter
from kit.models.merge import merged
from kit.training import finetune
from poc.lesson import ROOT, open_lesson, trusting_model
from poc.levels import LEVELS, level_rows, name_of
from poc.pipeline import COMPANY, settings_of

# %% tags=["parameters"]
preset = "tiny"  # tiny: the shipped model on two CPU cores; laptop: 16 GB RAM; gpu: one 24 GB card
use_case = "inspection"  # a name in sample_data/company, or the path of your own folder
model = ""  # a catalogue name, a hub id or a folder; empty: the preset's default
run = ""  # a run's folder; empty: your newest run of this use case, else the shipped example
language = ""  # en or ja; empty: that of this notebook
steps = 12  # updates of each live training
rows = 24  # held-out rows that are looked at

# %%
lesson = open_lesson(preset, use_case, model, run, language)
lesson

# %% [markdown] lang="en"
# ## The deficit
#
# MODA's authors report that a token of a picture gets up to ten times less attention than a token of text, more so in deeper layers. Is that so in **this** model? Each layer is observed while it reads held-out rows. The first token (a sink) and the template's tokens are left out; counted is what a question's token gives to one token of the
# photo, compared with an even share (AEI: 1 is even). Attention says where a model looks, **not** what decides its answer: notebook 05 asked that by taking evidence away.
# %% [markdown] lang="ja"
# ## 注意の偏り
#
# MODA の著者らは、画像のトークンへの注意は文章のトークンの最大 10 分の 1 で、深い層ほど偏ると報告しています。**このモデル**ではどうでしょうか。未使用の行を読む間、各層を記録します。先頭のトークン（吸い込み口）と定型文は除き、質問のトークンが写真のトークン 1 個に向ける注意を、均等な場合と比べます（AEI：1 が均等）。注意は見ている所を示すだけで、答えを**決めたものではありません**。それはノートブック 05 で、情報を取り除いて調べました。
# %%
tuned, which = trusting_model(lesson)
held = lesson.few("test", 4 * rows)
held = [sample for sample in held if len(sample.modalities) > 1][:rows] or held[:rows]
probe = attention_probe(tuned, held, judged=6)
found = attention(probe)
print(f"{which}\n\n{found.summary}")

# %%
show.attention_by_layer(probe.table)

# %%
layers = pd.DataFrame(found.evidence["per_layer"])
columns = ["layer", "mdi", "deciding", "deficit"]
layers[layers["bare"]].set_index("layer")[columns[1:]].astype(float).round(2).rename(columns={"mdi": say("MDI: text over media, per token", "MDI：文章÷メディア（トークンあたり）"), "deciding": say("AEI of what decides", "判断に使う情報の AEI"), "deficit": say("deficit, 0 to 1", "偏り（0〜1）")})

# %% [markdown] lang="en"
# A picture of attention is only shown if it explains anything: hiding the cells that are attended to most must take more from the answer than hiding as many by chance.
# %% [markdown] lang="ja"
# 注意の図は、説明になる場合にだけ表示します。最も注意された区画を隠すと、同じ数を無作為に隠すより回答が下がる必要があります。
# %%
tested = probe.maps.get("image")
explains = tested is not None and is_shown(tested)
print(tested.summary if tested is not None else say("no picture decides here", "ここでは画像は判断に使われません"))
sample = only_deciding(next((s for s in held if s.image), held[0]))
show.attended_picture(Image.open(sample.image[0]).convert("RGB"), attention_importance(tuned, [sample], "image")[0], sample.answer) if explains else None

# %% [markdown] lang="en"
# ## MODA as a switch
#
# `switch_on(model)` in any transformers model: it sets `attn_implementation={"text_config": "moda"}` and gives each layer its parameters, which are saved with the LoRA adapter; `kit.attention.load` reads both back. (The argument alone creates no parameters: such a model attends as ever, and says so; and a merged model that is saved comes back plain.) Two parts:
#
# * **duplex aligner**: a query meets keys of text and keys of media in two versions of itself; each is turned by the Gram matrix of the *other* group's keys, as far as that row may see them. Keys in the cache stay as they are, so nothing leaks and nothing has to be read twice.
# * **modular mask**: slots without a value soak up attention that belongs nowhere.
#
# Untrained it must be the same model. Is it?
# %% [markdown] lang="ja"
# ## 切り替えるだけの MODA
#
# どの transformers モデルでも `switch_on(model)` で使えます。`attn_implementation={"text_config": "moda"}` を設定し、各層にパラメーターを作ります。パラメーターは LoRA アダプターと一緒に保存され、`kit.attention.load` で読み戻せます（引数だけではパラメーターが作られず、通常の注意のままで、その旨の警告が出ます。統合して保存したモデルは通常の注意に戻ります）。部品は 2 つです。
#
# * **双方向の整列**：クエリは、文章のキーとメディアのキーに対して別々の形で向き合います。それぞれ、その行から見える*もう一方*のキーのグラム行列で変換されます。キャッシュのキーは元のままなので、未来の情報は漏れず、読み直しも不要です。
# * **モジュール別マスク**：値を持たない枠が、行き場のない注意を吸収します。
#
# 学習前は元と同じモデルのはずです。確かめます。
# %%
start = merged(trusting_model(lesson)[0])
batch = Collator(start.processor)([s.replace(answer=s.options[0]) for s in held[:4]])
with torch.no_grad():
    before = answer_logits(start.model, dict(batch))[0]
    switch_on(start.model, Moda())
    after = answer_logits(start.model, dict(batch))[0]
more = sum(weight.numel() for path, weight in start.model.named_parameters() if ".moda." in path)
print(f"largest difference of a logit: {float((before - after).abs().max()):.1e} (logits up to {float(before.abs().max()):.0f}); {more:,} new parameters")

# %% [markdown] lang="en"
# ## Three levels of questions
#
# The article asks three things of a multimodal model. The sample company has questions of each. **Emotion** is prosody that one synthetic voice was given; words and voice contradict each other in some calls. Before you try this on real calls: the EU AI Act (Regulation (EU) 2024/1689, Article 5(1)(f)) **prohibits** inferring people's emotions at the workplace, except for medical or safety reasons, and a customer's call carries your employee's voice, too. Recognising the emotions of **customers** is high-risk (Annex III, point 1(c)), and the people concerned must be informed (Article 50(3)).
# %% [markdown] lang="ja"
# ## 3 段階の問い
#
# 記事はマルチモーダルモデルに 3 つのことを求めています。見本会社にはそれぞれの問いがあります。**感情**は 1 種類の合成音声に付けた抑揚で、言葉と声が食い違う電話もあります。実際の電話で試す前に：EU AI 法（規則 (EU) 2024/1689 第 5 条 1 項 (f)）は、職場での感情推定を、医療または安全上の理由を除き**禁じています**。お客様の電話には従業員の声も入っています。**お客様**の感情認識は高リスク（附属書 III 第 1 項 (c)）で、対象者への告知が必要です（第 50 条 3 項）。
# %%
company = {level: level_rows(COMPANY, level, "test", rows) for level in LEVELS}
listed = []
for level in LEVELS:
    every = level_rows(COMPANY, level, "test")
    for question in dict.fromkeys(sample.question for sample in every):
        asked = [sample for sample in every if sample.question == question]
        deciding = pd.Series([" + ".join(sample.decided_by) for sample in asked]).value_counts()
        listed.append({say("level", "段階"): name_of(level), say("question", "問い"): question, say("held-out rows, by what decides them", "未使用の行数（判断に使う情報別）"): ", ".join(f"{by}: {n}" for by, n in deciding.items()), say("options", "選択肢"): " | ".join(asked[0].options)})
pd.DataFrame(listed)

# %% [markdown] lang="en"
# ## Live: the same training, with and without
#
# Both go on from the same tuned model, with the same rows in the same order. MODA's gates learn at 25 times the adapters' rate (`gate_rate`): at the same rate they would stay at 0, where they start. A dozen updates show that it runs and what the attention does; they cannot show that it helps.
# %% [markdown] lang="ja"
# ## 今、同じ学習を「あり」と「なし」で
#
# どちらも同じモデルから始め、同じ行を同じ順に学習します。MODA のゲートはアダプターの 25 倍の学習率（`gate_rate`）で学びます。同じ学習率では初期値 0 のままだからです。十数回の更新で分かるのは、動くことと注意の変わり方だけで、役立つかどうかは分かりません。
# %%
taught = [sample for level in LEVELS for sample in level_rows(COMPANY, level, "train", 8 * steps)]
settings = replace(settings_of(lesson.use, None), steps=steps, batch=8, evaluate_every=steps, lora=("llm",), robust=None, orientations=False, augment=(), gate_rate=25.0)
results, trained = {}, {}
for name, loaded in (("plain", merged(trusting_model(lesson)[0])), ("MODA", start)):
    results[name] = finetune(loaded, taught, [company[level][0] for level in LEVELS], settings, Path(tempfile.mkdtemp()))
    trained[name] = results[name].loaded
own = [(path.rsplit(".", 1)[-1], float(weight.abs().max())) for path, weight in trained["MODA"].model.named_parameters() if ".modules_to_save." in path]
moved = {name: max(value for other, value in own if other == name) for name, _ in own}
print("largest value of MODA's own parameters after", steps, "updates:", {name: round(value, 4) for name, value in moved.items()})

# %%
told = []
for name, loaded in trained.items():
    for level in LEVELS:
        frame = predict(loaded, company[level])
        told.append({"arm": name, "level": name_of(level), "right": f"{(frame['predicted'] == frame['answer']).mean():.0%}"})
print(f"live, {steps} updates, n = {rows} per level: no verdict can be read from this")
pd.DataFrame(told).pivot(index="arm", columns="level", values="right")

# %%
looks = {name: attention_balance(loaded, held).table() for name, loaded in trained.items()}
show.attention_before_and_after(looks["plain"], looks["MODA"], names=("plain", "MODA"))

# %%
show.attention_over_layers({say("before", "前"): probe.table, **looks})

# %% [markdown] lang="en"
# ## Does it help? (recorded, not computed now)
#
# `python -m benchmarks.moda`: the 2 x 2 of its parts and two rivals (MMA lets the picture's tokens read the question, RAVE adds a learned bias to media keys), at equal updates from the same start, asked about lots, devices and callers that were held out.
#
# A note that is mostly right answers most questions about a photo, so the same photographs are shown **alone**, beside a **right** note and beside a **wrong** one: better seeing lifts the first and the last, more trust in notes lifts the second and costs the third. Two rows say what a score is worth: *majority* (always the most frequent answer) and *text only* (the plain models, asked without any medium).
#
# Per cent, mean over the seeds in the table, 95 % intervals by resampling lots, devices and callers. Seeds are **not** resampled; three are few, so "by seed" stands beside the difference.
# %% [markdown] lang="ja"
# ## 役に立つのか（記録。今計算したものではありません）
#
# `python -m benchmarks.moda`：部品の 2 × 2 と 2 つの対抗手法（MMA は画像のトークンに質問を読ませ、RAVE はメディアのキーに学習したバイアスを加えます）を、同じ出発点から同じ更新回数で比べました。評価は学習に使っていないロット・装置・発信者です。
#
# ほぼ正しいメモは写真への問いの大半に答えてしまいます。そこで同じ写真を、**単独**（photo alone）、**正しい**メモ付き（note right）、**誤った**メモ付き（note wrong）で見せます。よく見えるようになれば最初と最後が上がり、メモを信じるほど 2 番目が上がり 3 番目が下がります。点数の意味を知るための行が 2 つあります。*majority*（常に最多の回答）と *text only*（plain のモデルにメディアなしで質問）です。
#
# 値は % で、表にあるシードの平均、区間は 95 %（ロット・装置・発信者の再抽出）です。シードは再抽出**していません**。3 個は少ないため、差の横に「by seed」を並べています。
# %%
file = ROOT / "benchmarks" / "moda.csv"
recorded = pd.read_csv(file).set_index("arm", drop=False) if file.is_file() else pd.DataFrame({"arm": []})
parts = [name.removesuffix(" rows") for name in recorded.columns if name.endswith(" rows")]
scores = {f"{part} (n = {recorded[f'{part} rows'].max():.0f})": [f"{row[part]:.0f} [{row[f'{part} low']:.0f}, {row[f'{part} high']:.0f}]" if pd.notna(row[part]) else "" for _, row in recorded.iterrows()] for part in parts}
pd.DataFrame({"seeds": recorded.get("seeds"), **scores}, index=recorded.index) if parts else print("benchmarks/moda.csv is not here")

# %%
told = []
for arm, row in recorded.drop(index=["majority", "text only", "plain"], errors="ignore").iterrows():
    for part in parts:
        gain, low, high = (row[f"{part} against plain{end}"] for end in ("", " low", " high"))
        verdict = say("not tested: its gate did not move", "未検証：ゲートが動かなかった") if arm == "mask" and row["largest gate"] < 0.05 else say("better", "向上") if low > 0 else say("worse", "悪化") if high < 0 else say("cannot be told", "判断できない")
        told.append({"arm": arm, "part": part, say("against plain, points", "plain との差（ポイント）"): f"{gain:+.1f} [{low:+.1f}, {high:+.1f}]", "by seed": row[f"{part} against plain by seed"], say("verdict", "判定"): verdict})
print(say(f"{len(told)} comparisons at 95 %: about {len(told) / 20:.0f} would look better or worse by chance alone", f"95 % の比較が {len(told)} 件。偶然だけでも約 {len(told) / 20:.0f} 件は差があるように見えます"))
pd.DataFrame(told).set_index(["arm", "part"]) if told else None

# %% [markdown] lang="en"
# **On this data MODA did not help.** What differs from plain attention is no more than chance would give, and MMA made the emotions worse. Where it might: a model whose deficit **grows with depth** (here it does not: four layers), prompts with hundreds of media tokens, text that is beside the point but right. Measure your own model with the first section before you pay for it; what did help against misleading notes is in notebook 06.
# %% [markdown] lang="ja"
# **このデータでは MODA は役に立ちませんでした。** 通常の注意との差は偶然で生じる程度で、MMA は感情の判定を悪化させました。役立つ可能性があるのは、偏りが**深い層ほど強まる**モデル（ここは 4 層で、そうなりません）、メディアのトークンが数百ある入力、正しいが無関係な文章がある場合です。採用の前に、最初の節で自社のモデルを測ってください。誤ったメモに効いた方法はノートブック 06 にあります。
# %% [markdown] lang="en"
# What the arms' own parameters became (a gate is 0 at the start and 1 at most), what a model cost, and what a text token gets for each thing that a photo token gets (MDI) per layer: before any training, and after.
# %% [markdown] lang="ja"
# 各手法のパラメーターがどうなったか（ゲートは 0 から始まり最大 1）、1 モデルの計算時間、そして文章のトークン 1 個への注意が写真のトークン 1 個の何倍か（MDI）を層ごとに、学習前と学習後で示します。
# %%
own = [name for name in ("largest gate", "mean gate", "largest bias", "mean |W|", "processor seconds per update", "processor minutes in all") if name in recorded]
recorded[own].dropna(how="all").fillna("") if own else None

# %%
looked = ROOT / "benchmarks" / "moda_attention.csv"
layers = pd.read_csv(looked) if looked.is_file() else pd.DataFrame({"arm": [], "layer": [], "rows": [], "lots": []})
for name in [name for name in ("mdi", "deficit") if name in layers]:
    layers[f"{name}, n = {layers['rows'].max()} rows of {layers['lots'].max()} lots"] = [f"{row[name]:.2f} [{row[f'{name} low']:.2f}, {row[f'{name} high']:.2f}]" for _, row in layers.iterrows()]
layers.pivot(index="arm", columns="layer", values=[name for name in layers if ", n = " in name]).reindex(layers["arm"].unique())

# %%
costs = ROOT / "benchmarks" / "moda_cost.csv"
pd.read_csv(costs).pivot(index="arm", columns="model", values="over_plain_median") if costs.is_file() else print("benchmarks/moda_cost.csv is not here")

# %% [markdown] lang="en"
# ## Would a mistake be noticed?
#
# An adapter that was trained with MODA means nothing on plain attention, and PEFT would load it without a word. Here it is refused, as is one of other settings; so is switching after an adapter is there.
# %% [markdown] lang="ja"
# ## 間違いに気づけるか
#
# MODA で学習したアダプターは通常の注意機構では意味を持たず、PEFT は黙って読み込んでしまいます。ここでは断ります（設定の違うものも）。アダプターを載せた後の切り替えも断ります。
# %%
for mistake in (lambda: add_adapter(merged(trusting_model(lesson)[0]).model, results["MODA"].adapter), lambda: switch_on(add_lora(merged(trusting_model(lesson)[0]).model, ["llm"], 4), Moda())):
    try:
        mistake()
    except KitError as error:
        print(error, "\n")
    else:
        raise AssertionError("MODA was loaded on plain attention, or switched on under an adapter")
assert np.isfinite(list(moved.values())).all()

# %% [markdown] lang="en"
# ## To read on
#
# * MODA (ICML 2025, arXiv 2507.04635), sections 3.1 to 3.3; what we do differently and why: `docs/decisions.md`, `kit/attention/moda.py`. StableMask (2402.04779): slots without a value.
# * Rivals: MMA of AKI (2503.02597), RAVE (2605.18359). MDI and AEI: 2508.10552. Attention is not explanation: Jain and Wallace (1902.10186). Search words: *attention sink, modality gap, Gram matrix, linear attention*
# %% [markdown] lang="ja"
# ## さらに読む
#
# * MODA（ICML 2025、arXiv 2507.04635）3.1〜3.3 節。異なる点と理由は `docs/decisions.md` と `kit/attention/moda.py` にあります。StableMask（2402.04779）：値を持たない枠。
# * 対抗手法：AKI の MMA（2503.02597）、RAVE（2605.18359）。MDI と AEI：2508.10552。注意は説明ではない：Jain と Wallace（1902.10186）。検索語：*attention sink, モダリティギャップ, グラム行列, 線形注意*
