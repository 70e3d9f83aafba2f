# ---
# title: {en: Load the base model, ja: ベースモデルを読み込む}
# result:
#   en: a base model in 16-bit and in 4-bit, its memory and speed measured on your machine, and a clear idea of how it answers a closed question.
#   ja: 16 ビットと 4 ビットで読み込んだベースモデル、このマシンで測ったメモリーと速度、そして選択式の質問に答える仕組みの理解。
# minutes: {cpu: 1, gpu: 5}
# ---
# %%
import time

import numpy as np
import pandas as pd
from IPython.display import HTML

from kit import show
from kit.data import MODALITIES
from kit.data.collator import Collator
from kit.evaluation import compare, evaluate, option_scores, predict
from kit.evaluation.scoring import answer_losses
from kit.models import CATALOGUE, load
from kit.models.forward import generate
from kit.models.lora import component_table
from poc import arms
from poc.lesson import GUARD, open_lesson

# %% tags=["parameters"]
preset = "tiny"  # tiny: the shipped model on two CPU cores; laptop: 16 GB RAM; gpu: one 24 GB card
use_case = "inspection"  # a name in sample_data/company, or the path of your own folder
model = ""  # a catalogue name, a hub id or a folder; empty: the preset's default
run = ""  # a run's folder; empty: your newest run of this use case, else the shipped example
language = ""  # en or ja; empty: that of this notebook
rows = 60  # samples per measurement; more rows, narrower intervals

# %%
lesson = open_lesson(preset, use_case, model, run, language)
lesson

# %% [markdown] lang="en"
# ## What is inside
#
# A multimodal LLM is three kinds of parts: encoders (an eye, an ear), connectors that turn what these deliver into the language model's own tokens, and the language model, which reads everything and answers.
# On a CPU the kit computes in 32-bit (bfloat16 is slower there for small models); on a GPU in 16-bit.
# %% [markdown] lang="ja"
# ## 中身を見る
#
# マルチモーダル LLM は 3 種類の部品でできています。エンコーダー（目と耳）、その出力を言語モデルのトークンに変えるコネクター、そしてすべてを読んで答える言語モデルです。
# GPU では 16 ビットで計算します。CPU では 32 ビットで計算します（小さなモデルでは bfloat16 のほうが遅いためです）。
# %%
loaded = load(lesson.model)
pd.DataFrame(component_table(loaded.model)).set_index("component")

# %% [markdown] lang="en"
# ## What it sees, hears and reads
#
# One question of each kind from the **guard set**: general questions (shapes, sounds, motion, sentences) that have nothing to do with your company. The guard set shows what the model can do before you change anything, and later whether
# fine-tuning damaged it. A kind of evidence that this checkpoint cannot take in is left out and named.
# %% [markdown] lang="ja"
# ## 見る、聞く、読む
#
# **一般能力の見張り**から、種類ごとに 1 問ずつ出してみます。形、音、動き、文など、会社の業務とは関係のない一般的な質問です。手を加える前のモデルに何ができるかを知り、後で微調整が能力を壊していないかを確かめるために使います。
# このチェックポイントが扱えない種類は省き、その旨を表示します。
# %%
guard = arms.guard_samples(GUARD, loaded)
first = {m: next((s for s in guard if s.decided_by == (m,)), None) for m in MODALITIES}
print("not taken in by this checkpoint:", [m for m, s in first.items() if s is None] or "nothing")

# %%
asked = [s for s in first.values() if s is not None]
HTML("".join(show.sample_card(s) for s in asked))

# %%
answers = predict(loaded, asked)
answers["evidence"] = [s.decided_by[0] for s in asked]
answers[["evidence", "answer", "predicted", "probabilities"]]

# %% [markdown] lang="en"
# One answer proves nothing. Over all general questions, with chance and the 95 % interval of the share of right answers:
# %% [markdown] lang="ja"
# 1 問では何も言えません。一般的な質問の正解率を種類ごとに測り、まぐれ当たりの率（chance）と 95 % 区間を添えます。
# %%
by_kind = {m: [s for s in guard if s.decided_by == (m,)][:rows] for m in MODALITIES}
general = {m: predict(loaded, them) for m, them in by_kind.items() if len(them) > 1}
pd.DataFrame(
    {
        m: {"n": len(f), "chance": np.mean([1 / len(s.options) for s in by_kind[m]])} | evaluate(f, sorted({*f["answer"], *f["predicted"]}))["accuracy"]
        for m, f in general.items()
    }
).T.round(2)

# %% [markdown] lang="en"
# ## What it says
#
# Left to itself, a model *writes*: one token after the other. It may write something that is none of your options, so free text is what we look at here and not what we measure with.
# %% [markdown] lang="ja"
# ## 何と言うか
#
# 自由に答えさせると、モデルは 1 トークンずつ文章を書きます。選択肢にない言葉を書くこともあるので、ここでは眺めるだけにし、評価には使いません。
# %%
prompts = Collator(loaded.processor, answers=False)(asked[:1])
written = generate(loaded.model, prompts, max_new_tokens=16)
print(loaded.processor.tokenizer.decode(written[0], skip_special_tokens=True))

# %% [markdown] lang="en"
# ## Option scoring, by hand
#
# A closed question is answered by asking: *how likely is each option, given this prompt?* The score of an option is the log of that probability (in nats), summed over the option's tokens **and the end-of-turn token**, so that no option wins
# by being the beginning of a longer one. Below, once by hand for one sample of your use case: the tokens of each option, the score, and the share after a softmax over the options.
# %% [markdown] lang="ja"
# ## 選択肢の採点を手で確かめる
#
# 選択式の質問では、「このプロンプトの続きとして、各選択肢はどれくらい起こりやすいか」を比べます。得点は選択肢のトークンの対数確率（単位は nat）の合計です。**発話の終わりを示すトークンも含めます**。こうすると、長い選択肢の前半と同じ文字列の選択肢が有利になりません。
# ユースケースのサンプル 1 件について、トークン、得点、ソフトマックス後の確率を手計算で確かめます。
# %%
sample = lesson.split("test")[0]
HTML(show.sample_card(sample))

# %%
collator = Collator(loaded.processor)
by_hand = pd.DataFrame({"tokens": [collator.answer_ids(option) for option in sample.options]}, index=list(sample.options))
by_hand["score"] = [-answer_losses(loaded, [sample.replace(answer=option)])[0] for option in sample.options]
by_hand["share"] = np.exp(by_hand["score"]) / np.exp(by_hand["score"]).sum()
by_hand

# %% [markdown] lang="en"
# The library reads the prompt once and shares it between the options, which is several times faster. It must give the same scores:
# %% [markdown] lang="ja"
# ライブラリーはプロンプトを 1 回だけ読み、全選択肢で共有するので数倍速くなります。得点は同じでなければなりません。
# %%
scores = option_scores(loaded, [sample])[0]
assert np.allclose(scores, by_hand["score"], atol=1e-3), (scores, by_hand["score"])
print(f"largest difference: {np.abs(scores - by_hand['score']).max():.1e} nats")

# %% [markdown] lang="en"
# ## Your task, before any training
#
# Held-out samples of the use case, without the accompanying text where that should not decide. Expect little more than chance (one divided by the number of options): a base model does not know your parts and your words for their
# defects. That is no failure, it is the starting point, and fine-tuning (notebook 04) is measured against it.
# %% [markdown] lang="ja"
# ## 学習前に業務の質問をしてみる
#
# ユースケースの評価用サンプルで測ります。判断に使わないテキストは外しておきます。まぐれ当たり（1 ÷ 選択肢の数）を少し超える程度でしょう。ベースモデルは皆さんの部品も、不良の呼び方も知らないからです。
# 失敗ではなく、ここが出発点です。ノートブック 04 の微調整は、この値と比べて評価します。
# %%
few = [s if "text" in s.decided_by else s.without("text") for s in lesson.few("test", rows)]
before = predict(loaded, few)
labels = sorted({option for s in few for option in s.options})
base = evaluate(before, labels)
print(f"chance {np.mean([1 / len(s.options) for s in few]):.2f}")
pd.DataFrame({kpi: base[kpi] for kpi in ("accuracy", "macro_recall")}).T.round(2)

# %% [markdown] lang="en"
# ## The same model in 4-bit
#
# The language model's weights are stored in nf4 with double quantisation. Encoders, connectors and the output head stay as they are: 4 bits hurt them most and would save little. Everything in this table was measured here and now.
# %% [markdown] lang="ja"
# ## 同じモデルを 4 ビットで
#
# 言語モデルの重みを nf4（二重量子化）で保存します。エンコーダー、コネクター、出力層はそのままにします。4 ビットの影響を受けやすいわりに、節約が小さいためです。次の表の数字は、すべて今ここで測ったものです。
# %%
small = load(lesson.model, four_bit=True)
before_4bit = predict(small, few)


def milliseconds(model) -> float:
    began = time.perf_counter()  # the second time each: the first one also reads files and warms up
    predict(model, few)
    return 1000 * (time.perf_counter() - began) / len(few)


# %%
pd.DataFrame(
    {
        "weights, MB": [x.model.get_memory_footprint() / 2**20 for x in (loaded, small)],
        "ms per sample": [milliseconds(loaded), milliseconds(small)],
        "accuracy": [evaluate(f, labels)["accuracy"]["value"] for f in (before, before_4bit)],
    },
    index=["16-bit" if loaded.device.type == "cuda" else "32-bit (CPU)", "4-bit"],
).round(2)

# %% [markdown] lang="en"
# Did 4 bits change the answers? The difference is *paired*: the same rows, resampled together, which is far sharper than comparing two intervals by eye.
# %% [markdown] lang="ja"
# 4 ビットで答えは変わったでしょうか。同じ行どうしの**対応のある差**で比べます。2 つの区間を目で見比べるより、ずっと鋭い比較です。
# %%
same = (before["predicted"] == before_4bit["predicted"]).mean()
difference = compare(before_4bit, before, labels, "accuracy")
print(f"same answer in {same:.0%} of {len(few)} rows; accuracy 4-bit - unquantised: {difference['value']:+.2f} [{difference['low']:+.2f}, {difference['high']:+.2f}]")

# %% [markdown] lang="en"
# For the tiny model 4 bits save little, because most of its weights are in the encoders and the vocabulary. For real checkpoints they decide whether one 24 GB card is enough (catalogue figures in GB, weights only, not measured by us):
# %% [markdown] lang="ja"
# 小型モデルは重みの多くがエンコーダーと語彙にあるため、4 ビットの節約はわずかです。本物のチェックポイントでは、24 GB の GPU 1 枚で足りるかどうかを左右します（カタログ値、重みのみ、単位 GB。私たちの実測ではありません）。
# %%
pd.DataFrame([vars(entry) for entry in CATALOGUE.values()]).set_index("name")[["parameters_b", "modalities", "gb_16bit", "gb_4bit", "licence"]]

# %% [markdown] lang="en"
# ## To read on
#
# * Liu, Li, Wu, Lee, *Visual Instruction Tuning* (arXiv 2304.08485), section 4: encoder, connector, language model.
# * Xu and others, *Qwen2.5-Omni Technical Report* (arXiv 2503.20215), section 2: the family that our tiny model is built from.
# * Dettmers and others, *QLoRA* (arXiv 2305.14314), section 2. Search words: *length-normalised option scoring, surface form competition*
# %% [markdown] lang="ja"
# ## さらに読む
#
# * Liu, Li, Wu, Lee, *Visual Instruction Tuning*（arXiv 2304.08485）4 節：エンコーダー、コネクター、言語モデル。
# * Xu ほか, *Qwen2.5-Omni Technical Report*（arXiv 2503.20215）2 節：小型モデルの元になった系列。
# * Dettmers ほか, *QLoRA*（arXiv 2305.14314）2 節。検索語：*length-normalised option scoring, surface form competition*
