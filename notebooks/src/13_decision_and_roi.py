# ---
# title: {en: "The decision, and what it is worth", ja: 決定と、その価値}
# result:
#   en: the verdict gate by gate, yen over thresholds, the return with its uncertainty against doing nothing and against a method without an MLLM, the machine that it needs, and the report for the board with its slides.
#   ja: 基準ごとの判定、しきい値と金額、何もしない場合や MLLM を使わない方法と比べた（不確かさつきの）投資効果、必要な計算機の規模、そして経営会議用のレポートとスライド。
# minutes: {cpu: 1, gpu: 3}
# ---
# %%
import html
import shutil
import tempfile
from pathlib import Path

import pandas as pd
from IPython.display import HTML

from kit import show
from kit.errors import KitError
from kit.evaluation.cost_curve import cheapest, cost_curve
from kit.evaluation.review import Reviewer
from kit.language import current, say
from poc import runs
from poc.board import read, write
from poc.board.known import missing
from poc.board.sentences import sentences
from poc.business import figures
from poc.gates import rows_to_decide
from poc.lesson import open_lesson, written
from poc.sizing_said import size_run
from poc.usecase import load_usecase
from poc.words import VERDICTS
from poc.worth import worth
from poc.worth_said import OPTIONS, name_of

# %% tags=["parameters"]
preset = "tiny"  # tiny: the shipped model on two CPU cores; laptop: 16 GB RAM; gpu: one 24 GB card
use_case = "inspection"  # a name in sample_data/company, or the path of your own folder
model = ""  # a catalogue name, a hub id or a folder; empty: the preset's default
run = ""  # a run's folder; empty: your newest run of this use case, else the shipped example
language = ""  # en or ja; empty: that of this notebook
rows = 12  # held-out rows that every form of the model answers when its machine is sized

# %%
lesson = open_lesson(preset, use_case, model, run, language)
pd.set_option("display.max_colwidth", None)
lesson

# %% [markdown] lang="en"
# ## The verdict was agreed on before anybody knew the result
#
# Everything below works on a **copy** of the run; nothing of yours is changed. The gates were signed before training (notebook 03); the verdict reads the **bad end** of each interval, never the number in the middle.
# %% [markdown] lang="ja"
# ## 判定は、結果を知る前に決めた基準で行う
#
# 以下はすべて実行結果の**写し**で行い、元のファイルは変更しません。判定基準は学習の前に署名されています（ノートブック 03）。判定で見るのは各区間の**悪いほうの端**で、真ん中の数字ではありません。
# %%
work = Path(tempfile.mkdtemp()) / lesson.run.name
shutil.copytree(lesson.run, work)
record, answers = lesson.record, lesson.predictions
verdict = record["verdict"]
print("" if lesson.of_this_use_case else say(f"note: this run is of the use case {record['use_case']}, not of {lesson.use.name}", f"注：この実行は {record['use_case']} のもので、{lesson.use.name} のものではありません"))
print(say(**VERDICTS[verdict["decision"]]))
print(*("- " + reason[current()] for reason in verdict["reasons"]), verdict.get("next", {}).get(current(), ""), sep="\n")

# %% [markdown] lang="en"
# *Not decided* is a result, too. What would it take? Where an interval still contains its mark, the width shrinks with the square root of the rows, so the number of rows that would decide can be foretold, roughly.
# %% [markdown] lang="ja"
# 「保留」も結果の一つです。あと何が必要でしょうか。区間がまだ基準をまたいでいるとき、区間の幅は件数の平方根に反比例して縮むので、決着に必要な件数のおおよその見当がつきます。
# %%
gates, kpi = record["gates"], record["gates"]["kpi"]
tuned = next(row for row in record["results"] if (row["arm"], row["condition"]) == ("tuned", "as_is"))
guard = record.get("guard")
points = {say("KPI", "KPI"): (tuned[kpi], gates["threshold"], tuned["n"])} | ({say("general ability lost", "一般能力の低下"): (guard["drop"], gates["guard_drop"], guard["n"])} if guard else {})
pd.DataFrame([{"": name, say("measured", "測定値"): written(found), say("mark", "基準"): mark, say("rows", "件数"): n,
               say("inside the interval", "区間内"): found["low"] < mark < found["high"], say("rows to decide", "決着に要る件数"): (rows_to_decide(found, mark, n) or say("too close", "僅差")) if found["low"] < mark < found["high"] else "–"} for name, (found, mark, n) in points.items()]).set_index("")  # fmt: skip

# %% [markdown] lang="en"
# ## Yen over thresholds, with people who err
#
# Below a share of certainty a case goes to a person. A low threshold trusts the model, a high one the person, who costs time and **also misses**: how many is the company's own figure, or the example's. Half of the held-out groups choose the threshold, the other half tell what it costs.
# %% [markdown] lang="ja"
# ## しきい値と金額：人も間違える
#
# 確信度がしきい値に満たない件は人に回ります。低くすればモデルを信じ、高くすれば人を信じることになりますが、人には時間がかかり、**見逃しもあります**（その割合は自社の数字、または例の数字です）。評価グループの半分でしきい値を選び、残り半分で費用を確かめます。
# %%
case = runs.evidence_folder(work, record, answers) or lesson.directory
use = load_usecase(case)
try:
    assumed = figures(use.business, record)
    person = Reviewer(assumed["person_sensitivity"].value, assumed["person_specificity"].value, assumed["seconds_per_review"].value / 3600 * assumed["wage_per_hour"].value)
except KitError as error:  # what only the company knows is never invented
    assumed = person = print(error)
print("" if person is None else say(f"a person finds {person.sensitivity:.0%} of the bad ones, passes {person.specificity:.0%} of the good ones, and a look costs {person.cost:,.0f} {record['currency']}",
                                    f"人は不良の {person.sensitivity:.0%} を見つけ、良品の {person.specificity:.0%} を合格にし、1 回の確認に {person.cost:,.0f} {record['currency']} かかります"))  # fmt: skip

# %%
held = answers[(answers.arm == "tuned") & (answers.condition == "as_is") & (answers.split == "test")]
half = held["group"].isin(sorted(held["group"].unique())[::2])
costs = {key: value for key, value in (record["costs"] or {}).items() if value is not None}
asked = {"costs": costs, "prevalence": record["prevalence"] or None, "review": "unsure", "reviewer": person}
ready = bool(costs) and person is not None and 0 < half.sum() < len(half)
best = float(cheapest(cost_curve(held[half], **asked))["threshold"]) if ready else None
show.cost_over_thresholds({say("this model", "このモデル"): cost_curve(held[~half], **asked)}, "unsure", best, record["currency"]) if ready else say("no costs, or no figures about people: no curve", "費用または人に関する数字がないため、曲線はありません")

# %% [markdown] lang="en"
# ## The return
#
# `poc roi RUN` does this. Rates come from the run's own answers, redrawn 10,000 times; assumptions are drawn between the ends that `business` in poc.yaml states. Nothing is earned while it is built in (`months_to_start`), nor while people still check every answer (`months_all_checked`): that only costs. Two rows are always there, because they are the honest opponents: **do nothing**, and **the best method without an MLLM**.
# %% [markdown] lang="ja"
# ## 投資効果
#
# `poc roi RUN` と同じ計算です。割合は実行自身の答えから 1 万回引き直し、前提は poc.yaml の `business` に書かれた下限と上限の間から引きます。導入の期間（`months_to_start`）と、人が全件を確認する期間（`months_all_checked`）には効果がなく、費用だけがかかります。正直な比較相手として、**何もしない場合**と **MLLM を使わない最良の方法**を必ず並べます。
# %%
try:
    roi = worth(work, case)
except KitError as error:
    roi = print(error)
options = [] if roi is None else [row for row in roi["options"] if row["month"]]
table = [{"": say(**OPTIONS[row["option"]]), say("once", "初期費用"): sum(row["once"].values()), say("a month", "月の効果"): sum(row["month"].values()), "NPV": row["npv"]["value"], say("from", "下限"): row["npv"]["low"],
          say("to", "上限"): row["npv"]["high"], say("months to pay back", "回収月数"): row["payback"]["value"], "P(NPV > 0)": row["positive"]} for row in options]  # fmt: skip
nothing = [{"": say(**OPTIONS["nothing"]), say("a month", "月の効果"): 0.0, "NPV": 0.0}] if options else []
pd.DataFrame(nothing + table).round(2)

# %%
spreads = {say(**OPTIONS[row["option"]]): row for row in options}
show.npv_distribution(spreads, record["currency"]) if spreads else None

# %% [markdown] lang="en"
# ## What decides it?
#
# Each uncertain figure alone is moved from one end to the other. The longest bar names the figure that deserves an hour of somebody's time **before** the meeting. On the example it is no property of the model at all: it is how many bad parts today's inspectors find.
# %% [markdown] lang="ja"
# ## 何が結果を決めるのか
#
# 不確かな数字を一つずつ、下限から上限まで動かします。最も長い棒の数字こそ、会議の**前に**時間をかけて確かめる価値があります。例の実行では、それはモデルの性能ではなく、今の検査員が不良をどれだけ見つけているかでした。
# %%
moves = roi["tornado"] if roi else []
names = {row["key"]: say(**name_of(row["key"])) for row in moves}
show.tornado(moves, names, options[0]["npv"]["value"], record["currency"], most=8) if moves else None

# %% [markdown] lang="en"
# What has to be said with the figures. Below it the **break-even** points: how many times dearer than a false alarm a miss must be for the model's answers to pay, and the most that one look of a person may cost.
# %% [markdown] lang="ja"
# 数字に添えて言うべきこと。その下は**損益分岐点**です。見逃しが誤報の何倍高ければモデルの答えが得になるか、そして人の確認 1 回にいくらまで払えるかを示します。
# %%
print(*([] if roi is None else [say("to be said with these figures:", "これらの数字に添えること：")] + ["- " + note[current()] for note in roi["notes"]]), sep="\n")
pd.DataFrame({what: found for what, found in (roi or {}).get("break_even", {}).items() if found}).T

# %% [markdown] lang="en"
# ## How big a machine?
#
# The run's model in every form that this machine can run, on the same few rows, one after the other; the first one once more at the end. **Where the first row and its repetition differ, the machine was busy with something else**, and the differences between the other rows mean as little.
# %% [markdown] lang="ja"
# ## どの規模の計算機か
#
# 実行のモデルを、この端末で動かせるすべての形式で、同じ行を使って順に測ります。最後に最初の形式をもう一度測ります。**最初の行と再測定が違うなら、端末が別の仕事で忙しかった**ということであり、ほかの行の差もその程度の意味しかありません。
# %%
measured, plans = size_run(work, case, rows)
pd.DataFrame([{"": one.name, say("seconds, one case", "1 件の秒数"): one.median_s, say("cases a second", "毎秒の件数"): one.rows_per_second, "GB": one.memory_gb, kpi: one.kpi and written(one.kpi), say("why not", "測れない理由"): one.reason} for one in measured]).set_index("").round(3)

# %% [markdown] lang="en"
# For the stated volume, on the machines that poc.yaml names. The kit knows no vendor's price: what nobody asked for stays unknown, and the last column says what to write.
# %% [markdown] lang="ja"
# poc.yaml に書かれた件数と計算機について見積もります。キットは価格を知りません。誰も確認していない値は不明のまま残り、最後の列に何を書けばよいかが示されます。
# %%
planned = [{key: value for key, value in row.items() if key not in ("source", "date", "needed_per_second")} | {"unknown": "; ".join(row["unknown"])} for row in plans[measured[0].name]] if plans else []
pd.DataFrame(planned).set_index("name") if planned else say("poc.yaml names no machines (business, machines)", "poc.yaml に計算機の記載がありません（business の machines）")

# %% [markdown] lang="en"
# ## The report for the board
#
# `poc board RUN`: one page in both languages and six slides in each, made of the files that lie in the run's folder by now. A sentence stands there only where something was measured, and names its source.
# %% [markdown] lang="ja"
# ## 経営会議用のレポート
#
# `poc board RUN` は、実行フォルダーにあるファイルだけから、日英切り替えの 1 ページと各言語 6 枚のスライドを作ります。文が載るのは測定した場合だけで、必ず出どころを示します。
# %%
written_files = write(work, current())
known = read(work)
pd.DataFrame([{"file": file.name, "kB": round(file.stat().st_size / 1024)} for file in written_files])

# %%
page = html.escape(written_files[0].read_text(encoding="utf-8"))
HTML(f'<iframe srcdoc="{page}" width="100%" height="640" style="border:1px solid #ccc"></iframe>')

# %%
for one in sentences(known):
    print("- " + one.text[current()], say("(example figures)", "（金額は例）") if one.example else "", f"[{one.source}]")

# %% [markdown] lang="en"
# And what nobody has done yet, which belongs into the meeting as well:
# %% [markdown] lang="ja"
# そして、まだ行っていないこと。これも会議で伝えるべき内容です。
# %%
pd.DataFrame([{say("not done", "行っていないこと"): one["said"][current()], say("what does it", "その方法"): one["command"]} for one in missing(known).values()])

# %% [markdown] lang="en"
# ## To read on
#
# * Sculley and others, *Hidden Technical Debt in Machine Learning Systems* (NeurIPS 2015), section 5: why running costs are not a rounding error.
# * Geifman, El-Yaniv, *Selective Classification for Deep Neural Networks* (arXiv 1705.08500), section 2: what handing cases over buys.
# * Saltelli and others, *Global Sensitivity Analysis: The Primer* (2008), chapter 1: what a tornado shows, and what it hides (assumptions that move together). Search words: *cost-sensitive decision, net present value Monte Carlo, tornado diagram, pre-registration*
# %% [markdown] lang="ja"
# ## さらに読む
#
# * Sculley ほか, *Hidden Technical Debt in Machine Learning Systems*（NeurIPS 2015）5 節：運用費が誤差では済まない理由。
# * Geifman, El-Yaniv, *Selective Classification for Deep Neural Networks*（arXiv 1705.08500）2 節：人に回すことで得られるもの。
# * Saltelli ほか, *Global Sensitivity Analysis: The Primer*（2008）1 章：トルネード図が示すものと、隠すもの（連動する前提）。検索語：*cost-sensitive decision, net present value Monte Carlo, tornado diagram, 事前登録*
