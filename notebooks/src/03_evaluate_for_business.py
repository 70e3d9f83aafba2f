# ---
# title: {en: Evaluate for the business, ja: 業務の物差しで評価する}
# result:
#   en: a results table with intervals and yen, a decision threshold with its price, how many more labels it takes and how sure that is, and gates that are written and signed.
#   ja: 区間と金額つきの結果表、しきい値とその値段、あと何件のラベルが要るかとその確かさ、そして署名済みの判定基準。
# minutes: {cpu: 1, gpu: 3}
# ---
# %%
import shutil
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from IPython.display import HTML

from kit import show
from kit.curation import curve as learning_points
from kit.curation import extrapolate, labels_needed
from kit.errors import KitError
from kit.evaluation import cost_matrix, evaluate
from kit.evaluation.labels import frozen_features, label_curve
from kit.language import say
from kit.models import load
from kit.show.curves import labels_and_kpi
from poc.labelling import people
from poc.lesson import open_lesson, results_table, written
from poc.signature import sign, signature
from poc.usecase import load_usecase
from poc.words import ARMS

# %% tags=["parameters"]
preset = "tiny"  # tiny: the shipped model on two CPU cores; laptop: 16 GB RAM; gpu: one 24 GB card
use_case = "inspection"  # a name in sample_data/company, or the path of your own folder
model = ""  # a catalogue name, a hub id or a folder; empty: the preset's default
run = ""  # a run's folder; empty: your newest run of this use case, else the shipped example
language = ""  # en or ja; empty: that of this notebook
rows = 240  # training rows whose frozen features are read for the label estimate

# %%
lesson = open_lesson(preset, use_case, model, run, language)
lesson

# %% [markdown] lang="en"
# ## The full table
#
# This table was **not** computed now: it is what the run named above wrote down, on held-out groups that training never saw. Read the brackets, not the number before them: each is a 95 % interval, and a decision should survive its bad end.
# The first rows need no MLLM at all. If one of them is as good as the tuned model, use it, and you will have saved a lot of money.
# %% [markdown] lang="ja"
# ## 結果の全体表
#
# この表は**今計算したものではありません**。上に示した実行が、学習に使っていないグループで測って記録したものです。見るべきは先頭の数字ではなく、かっこの中です。95 % 区間なので、悪いほうの端でも成り立つ判断をしてください。
# 上の数行は MLLM を使わない方法です。微調整後のモデルと同じくらい良いなら、そちらを使うのが正解で、大きな節約になります。
# %%
record = lesson.record
print("" if lesson.of_this_use_case else f"note: this run is of the use case {record['use_case']}, not of {lesson.use.name}")
results_table(record)

# %% [markdown] lang="en"
# The same, **live** from the recorded answers: anyone can recompute a figure of the report from `predictions.csv`. Rows of one lot err together, so the bootstrap redraws whole groups where there are at least five of them; with fewer it can only
# redraw rows, and the interval is then a little too narrow. The line says which it was.
# %% [markdown] lang="ja"
# 同じ数字を、記録された答えから**今**計算し直します。レポートのどの数字も、`predictions.csv` から誰でも検算できます。
# 同じロットの行は一緒に間違えやすいので、グループが 5 以上あればグループ単位で、それより少なければ行単位で再抽出します。行単位の区間は少し狭めに出るため、どちらだったかも表示します。
# %%
labels, costs, prevalence = record["options"], record["costs"], record["prevalence"] or None
answers = lesson.predictions
tuned = answers[(answers.arm == "tuned") & (answers.condition == "as_is") & (answers.split == "test")]
again = evaluate(tuned, labels, costs, prevalence)
kept = next(row for row in record["results"] if (row["arm"], row["condition"]) == ("tuned", "as_is"))
assert again["confusion"]["counts"] == kept["confusion"]["counts"]
print("accuracy", written(again["accuracy"]), " macro recall", written(again["macro_recall"]), f" redrawn by {again['resampled']}")

# %% [markdown] lang="en"
# ## Which KPI?
#
# Accuracy flatters. Where 95 % of the parts are good, "always good" is right 95 % of the time and finds nothing. **Macro recall** asks, for each true answer, what share of it was found, and averages: a rare crack counts as much as the common case.
# %% [markdown] lang="ja"
# ## KPI はどれにするか
#
# 正解率は甘い指標です。部品の 95 % が良品なら、「常に良品」と答えるだけで正解率は 95 % になりますが、不良は 1 つも見つかりません。**マクロ再現率**は、正解ごとに「どれだけ見つけたか」を求めて平均します。まれな割れも、多い良品と同じ重みで数えます。
# %%
shares = pd.Series(prevalence or tuned["answer"].value_counts(normalize=True).to_dict())
print(f'"always {shares.idxmax()}": accuracy {shares.max():.2f} in production, macro recall {1 / len(shares):.2f}')
pd.DataFrame(again["per_class"]).T.round(2)

# %% [markdown] lang="en"
# The gate is read at the **lower** end of the interval (dashed line: the gate's threshold).
# %% [markdown] lang="ja"
# 判定では区間の**下の端**を見ます（破線が判定基準のしきい値）。
# %%
kpi = record["gates"]["kpi"]
as_is = [row for row in record["results"] if row["condition"] == "as_is"]
show.arms_with_intervals(as_is, kpi, record["gates"]["threshold"], {arm: say(**name) for arm, name in ARMS.items()})

# %% [markdown] lang="en"
# ## How many held-out rows does certainty cost?
#
# The half-width of the interval, for smaller parts of the same rows: it shrinks with the square root. Four times the rows, half the doubt.
# %% [markdown] lang="ja"
# ## 確かさには評価データが何件要るか
#
# 同じ評価データの一部だけを使ったときの、区間の半幅です。件数の平方根に反比例して縮みます。つまり、4 倍のデータで迷いが半分になります。
# %%
sizes = [n for n in (50, 100, 200, 400, 800) if n < len(tuned)] + [len(tuned)]
parts = {n: evaluate(tuned.sample(n, random_state=0), labels)["accuracy"] for n in sizes}
pd.DataFrame({n: part | {"plus or minus": (part["high"] - part["low"]) / 2} for n, part in parts.items()}).T.round(3)

# %% [markdown] lang="en"
# ## What a wrong answer costs
#
# Rows are the truth, columns the answer. A **miss** reaches the customer; a **false alarm** is looked at once more. Taking one defect for another costs nothing here, since a person looks anyway. Change the figures in `poc.yaml` together with the
# people who pay them: it is the best hour of the whole PoC.
# %% [markdown] lang="ja"
# ## 間違いの値段
#
# 行が真実、列がモデルの答えです。**見逃し**は顧客に届き、**誤報**は人がもう一度見ます。不良どうしの取り違えは、どのみち人が見るのでここでは 0 円です。金額は `poc.yaml` にあります。
# 実際に費用を負担する人と一緒に決めてください。PoC 全体で最も実りのある 1 時間になります。
# %%
if costs is None:
    print("this run has no costs in its poc.yaml: no yen figures, here or in the report")
else:
    print("these prices are EXAMPLES, not yours" if record["costs_are_examples"] else "prices from poc.yaml", f"({record['currency']})")
table = pd.DataFrame(cost_matrix(labels, costs), labels, labels) if costs else pd.DataFrame()
table.astype(int)

# %% [markdown] lang="en"
# ## Prevalence
#
# Your photo collection holds far more defects than your line does. The same model, the same answers, costed once with the collection's shares and once with those of production: only the second belongs into a business case.
# %% [markdown] lang="ja"
# ## 実際の発生率
#
# 集めた写真には、実際のラインよりずっと多くの不良が含まれています。同じモデル、同じ答えでも、写真集の割合で計算した費用と、実際の発生率で計算した費用は大きく違います。事業計画に使えるのは後者だけです。
# %%
ways = {"shares of the photos": None, "shares of production": prevalence}
yen = {way: evaluate(tuned, labels, costs, mix)["cost_per_1000"] for way, mix in ways.items() if costs}
pd.DataFrame(yen).T.round(0)

# %% [markdown] lang="en"
# ## A threshold is a price
#
# So far the likeliest option won. But the costs are not symmetric: call a part bad as soon as its probability of being bad reaches a threshold. A low threshold buys safety with false alarms. Half of the held-out groups choose the cheapest
# threshold, the other half say what it costs, because a threshold is always too good on the rows that chose it.
# %% [markdown] lang="ja"
# ## しきい値は値段である
#
# ここまでは最も確率の高い選択肢を答えとしました。しかし費用は左右対称ではありません。そこで、不良である確率がしきい値に達したら不良とします。しきい値を下げると、誤報と引き換えに安全を買うことになります。
# 評価用グループの半分で最も安いしきい値を選び、残りの半分でその費用を確かめます。選ぶのに使ったデータでは、しきい値は必ず良く見えすぎるからです。
# %%
groups = sorted(tuned["group"].unique())
chooses = tuned["group"].isin(groups[::2]) if len(groups) > 1 else pd.Series(np.arange(len(tuned)) % 2 == 0, tuned.index)
choosing, curve = (show.cost_curve(half, costs, prevalence) for half in (tuned[chooses], tuned[~chooses]))
best = show.cheapest(choosing)["threshold"] if choosing is not None else None
print("no threshold to move: the costs name no ok_answer with miss and false_alarm" if best is None else f"cheapest on the first half: {best}")

# %%
HTML(show.yen_card(curve, best)) if best else None

# %%
mover = show.threshold_and_yen(tuned[~chooses], costs, prevalence, record["currency"])
mover

# %%
before, mover.slider.value = mover.view.value, 0.1  # as a hand would move it
assert best is None or mover.view.value == show.yen_card(curve, 0.1, record["currency"]) != before

# %% [markdown] lang="en"
# ## How many labels are worth their work?
#
# A **proxy**, and no more: the base model's encoders stay frozen, and a logistic regression learns from 12, 24, 48 ... labels of what they deliver (live, five random choices each; the band is their range). Where this curve flattens, more labels of the same
# kind help little. Fine-tuning can lie above or below it; notebook 04 shows points that were really fine-tuned.
# %% [markdown] lang="ja"
# ## ラベルは何件まで増やす価値があるか
#
# ここで見るのは**代用の目安**です。ベースモデルのエンコーダーは固定したまま、その出力に対してロジスティック回帰を 12、24、48 … 件のラベルで学習します（今ここで計算。各 5 回の無作為抽出で、帯はその範囲）。曲線が平らになったら、同じ種類のラベルを増やしても効果はわずかです。
# 微調整の結果はこれより上にも下にもなり得ます。ノートブック 04 で、実際に微調整した点を示します。
# %%
known, held = lesson.few("train", rows), lesson.few("test", rows // 2)
base = load(lesson.model)
seen, unseen = frozen_features(base, known), frozen_features(base, held)
proxy = label_curve(seen, known, unseen, held, sizes=[12 * 2**i for i in range(12)])

# %%
labels_and_kpi(proxy, kpi="macro recall")

# %%
gains = proxy.assign(gain=proxy["value"].diff()).round(2)
gains

# %% [markdown] lang="en"
# Carried on to the threshold of the gate, with the uncertainty of the extrapolation: how many more labels, and how many hours. It was tested by foretelling what was known (half of the rows given, the KPI at all of them hidden): 90 of 98 such forecasts
# held their 95 % interval, and all eight misses lay above it. "Not within ten times the data" is an answer, too: then look at the labels and the evidence before you buy more of them.
# %% [markdown] lang="ja"
# 判定基準のしきい値まで曲線を延ばし、外挿の不確かさも含めて、あと何件・何時間かを見積もります。答えの分かっている問題で試したところ（行の半分だけを与え、全行での KPI を当てる）、98 回中 90 回が 95 % 区間に入り、外れた 8 回はすべて上振れでした。
# 「データを 10 倍にしても届かない」も答えの一つです。そのときは、ラベルを増やす前に、ラベルの誤りと証拠そのものを確かめてください。
# %%
one_question = [i for i, s in enumerate(known) if s.question == known[0].question]
try:
    points = learning_points(seen[one_question], [known[i] for i in one_question])
    timed = people(lesson.directory)[-1].value  # as the labelling bench measured it
    forecast = extrapolate(points, lesson.use.gates.threshold, seconds_per_label=timed or 10)
    print(f"{timed or 10:.1f} s per label" + ("" if timed else " (assumed: nobody has labelled with poc label yet)"))
    print(labels_needed(forecast).summary, labels_needed(forecast).advice, sep="\n")
except KitError as error:  # too few rows or groups to foretell anything
    print(error)

# %% [markdown] lang="en"
# ## Write the gates, and sign them
#
# Now, before training, write down what would count as success. Afterwards everyone finds reasons why the number that came out is fine. The cells below work on a **copy** in a temporary folder: your `poc.yaml` and the sample company are not touched. The command is
# `poc sign DIR`.
# %% [markdown] lang="ja"
# ## 判定基準を書き、署名する
#
# 何をもって成功とするかを、学習の**前**に書きます。結果を見た後では、出た数字で十分だという理由が必ず見つかるからです。以下は一時フォルダーの**写し**で行い、皆さんの `poc.yaml` もサンプル会社も変更しません。コマンドでは `poc sign DIR` です。
# %%
copy = Path(tempfile.mkdtemp()) / lesson.directory.name
copy.mkdir()
shutil.copy(lesson.directory / "poc.yaml", copy)
text = (copy / "poc.yaml").read_text(encoding="utf-8")
(copy / "poc.yaml").write_text(text.replace('owner: ""', 'owner: "head of quality assurance"'), encoding="utf-8")
pd.Series(load_usecase(copy).gates.model_dump()).to_frame("gates")

# %%
sign(copy, "Sato")
{key: value for key, value in signature(copy, load_usecase(copy)).items() if key != "signed_at"}

# %% [markdown] lang="en"
# What happens when someone lowers the bar after the fact? The signature covers gates, costs, prevalence and options. It no longer matches, and every report of such a run says so.
# %% [markdown] lang="ja"
# 後から基準を下げるとどうなるでしょうか。署名の対象は判定基準、費用、発生率、選択肢です。内容が変わると署名と一致しなくなり、その実行のレポートには必ずその旨が表示されます。
# %%
lowered = load_usecase(copy).model_copy(update={"gates": load_usecase(copy).gates.model_copy(update={"threshold": 0.6})})
after = signature(copy, lowered)
assert after["state"] == "changed" and not after["signed"]
after["state"]

# %% [markdown] lang="en"
# ## To read on
#
# * Maier-Hein, Reinke and others, *Metrics reloaded* (arXiv 2206.01653), section on prevalence and class imbalance: choosing a metric by what the use case needs.
# * Elkan, *The Foundations of Cost-Sensitive Learning* (IJCAI 2001), section 2: the threshold that follows from two costs.
# * Efron, Tibshirani, *An Introduction to the Bootstrap* (1993), chapter 13. Search words: *cluster bootstrap, label shift, preregistration*
# %% [markdown] lang="ja"
# ## さらに読む
#
# * Maier-Hein, Reinke ほか, *Metrics reloaded*（arXiv 2206.01653）発生率とクラス不均衡の節：用途に合わせた指標の選び方。
# * Elkan, *The Foundations of Cost-Sensitive Learning*（IJCAI 2001）2 節：2 つの費用から決まるしきい値。
# * Efron, Tibshirani, *An Introduction to the Bootstrap*（1993）13 章。検索語：*cluster bootstrap, label shift, 事前登録*
