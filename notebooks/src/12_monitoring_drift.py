# ---
# title: {en: "After the start: drift, and who replaces the model", ja: "運用開始後：変化の検知とモデルの入れ替え"}
# when: {en: "before the model answers alone, and whenever lamps, products or microphones may change", ja: "モデルだけに答えさせる前、また照明・製品・マイクが変わりうるとき"}
# result:
#   en: control charts that notice a changed light and a new product before anybody has labels, with one false-alarm rate for all of them; what they cannot see; how many labels it takes to be sure; and a retrained model that is refused, accepted and rolled back.
#   ja: ラベルが届く前に照明の変化や新製品に気づく管理図（誤報率は全体で 1 つ）、管理図では見えないもの、確信に必要なラベル数、そして却下・採用・差し戻しを経験する再学習モデル。
# minutes: {cpu: 2, gpu: 2}
# ---
# %%
import json
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from kit import diagnosis, show
from kit.data import text_perturbations
from kit.errors import KitError
from kit.evaluation import predict
from kit.language import say
from kit.operations.champion import challenge, crown, rollback
from kit.operations.control_charts import name_of_chart
from kit.operations.drift import Monitor
from kit.operations.observed import Observed, together
from kit.operations.policy import Policy
from kit.operations.replay import detection, replays
from kit.operations.risk import RiskMonitor
from poc import runs
from poc.drift import recorded_month
from poc.lesson import ROOT, open_lesson, trusting_model

# %% tags=["parameters"]
preset = "tiny"  # tiny: the shipped model on two CPU cores; laptop: 16 GB RAM; gpu: one 24 GB card
use_case = "inspection"  # a name in sample_data/company, or the path of your own folder
model = ""  # a catalogue name, a hub id or a folder; empty: the preset's default
run = ""  # a run's folder; empty: your newest run of this use case, else the shipped example
language = ""  # en or ja; empty: that of this notebook
rows = 160  # held-out rows on which champion and challenger are compared
probed = 24  # of them, asked again with misleading notes

# %%
lesson = open_lesson(preset, use_case, model, run, language)
lesson

# %% [markdown] lang="en"
# ## A reference, and how long it must be
#
# A monitor compares new rows with rows of an **ordinary period**, answered by the same model and used for no training. The unit is the group (lot, day, caller), because rows of one lot are alike: how far the *next* lot may be can only be learned from many lots. The run's held-out rows are often too few lots, and then the monitor refuses, which is better than alarms every week.
# %% [markdown] lang="ja"
# ## 基準と、その長さ
#
# 監視では、新しい行を**通常の期間**の行と比べます。同じモデルが答え、学習に使っていない行です。単位は行ではなくグループ（ロット、日、話者）です。同じロットの行は似ているため、*次の*ロットがどこまで違いうるかは、多くのロットからしか分かりません。実行の評価行ではロットが足りないことが多く、その場合は設定を断ります。毎週の誤報よりましです。
# %%
held = lesson.predictions.query("arm == 'tuned' and condition == 'as_is' and split == 'test'")
own = Observed(held["group"].to_numpy(), {"confidence": held["probabilities"].map(lambda shares: max(shares.values())).to_numpy(float), "answer": held["predicted"].to_numpy(str)})
try:
    Monitor(own)
    print(say("the run's held-out rows are enough for a reference", "この実行の評価行は基準として使えます"))
except KitError as refused:
    print(refused)

# %% [markdown] lang="en"
# So the rest of this page replays a **recorded** period of the sample company (`sample_data/recorded_month.npz`): 40 reference lots, 34 later ordinary ones, 17 under a low evening sun, 16 of a part number that never was. All were photographed by the company's generator and answered by the example run's model. Your own: `poc drift RUN DIR --reference DIR_OF_AN_ORDINARY_PERIOD`.
# %% [markdown] lang="ja"
# そこで以下では、サンプル会社で**記録した**期間（`sample_data/recorded_month.npz`）を再生します。基準 40 ロット、その後の通常 34 ロット、低い西日の下の 17 ロット、これまでなかった品番の 16 ロットです。写真は会社の生成器が作り、実行例のモデルが答えました。ご自身の場合は `poc drift RUN DIR --reference 通常期間のDIR` です。
# %%
month = recorded_month()
told = {name: {say("rows", "行数"): len(seen), say("groups", "グループ"): len(set(seen.group)), say("right (nobody knows this yet), %", "正答率 %（まだ誰も知らない）"): round(100 * float((frame["answer"] == frame["predicted"]).mean()), 1)}
        for name, (seen, frame) in month.items()}  # fmt: skip
pd.DataFrame(told).T

# %% [markdown] lang="en"
# ## One false-alarm rate for all charts and the whole period
#
# Twenty charts with 13 looks each, every one at 5 %, would alarm in most ordinary months. Here the reference's lots are drawn in random order a thousand times, as if they were ordinary periods, and the limits are set so that **any** chart alarms in at most 2.5 % of them. On **fresh** lots it was more: with references of 40 lots like this one, 10 of 100 ordinary months of photos alarmed (95 % interval 5 to 18). Forty lots do not show every lot to come. The recorded table below has references of **80** lots and 1 %, and there the rate holds; with fewer, read an alarm as *go and look*.
# %% [markdown] lang="ja"
# ## 誤報率は、全チャート・全期間で 1 つ
#
# 20 枚の管理図を 13 回ずつ、それぞれ 5 % で見れば、通常の月でもたいてい警報が出ます。ここでは基準のロットを無作為な順に千回並べて通常の期間とみなし、**どれか 1 枚**でも警報が出る割合が 2.5 % 以下になるよう限界を決めます。ただし**新しい**ロットではそれより多く、この例のような 40 ロットの基準では、写真の通常の月 100 回中 10 回（95 % 区間 5〜18）に警報が出ました。40 ロットだけでは将来のロットをすべては見通せません。下の記録の表は **80** ロットの基準と 1 % の設定によるもので、誤報率は保たれています。ロットが少ないときは、警報を「見に行く合図」とお考えください。
# %%
ordinary = month["ordinary"][0]
monitor = Monitor(month["reference"][0], Policy(false_alarms=0.025))
pd.Series({name_of_chart(chart): limit for chart, limit in monitor.limits.items()}, name=say("limit", "限界")).round(3).to_frame()

# %%
names = {chart: name_of_chart(chart) for chart in monitor.charts.names}
quiet = monitor.restarted()
quiet.add(ordinary.take(range(400)))
print(say(f"{len(quiet.alarms)} alarms in an ordinary period of 400 rows", f"通常の 400 行での警報：{len(quiet.alarms)} 件"))

# %% [markdown] lang="en"
# ## The lamps change after row 200
#
# No label is used below. Each dot of a line compares the last 100 rows with the reference. Which chart sees it first, and after how many rows?
# %% [markdown] lang="ja"
# ## 200 行目の後、照明が変わる
#
# 以下ではラベルを使いません。線の各点は、直近 100 行と基準の比較です。最初に気づくのはどの管理図で、何行後でしょうか。
# %%
light = together([ordinary.take(range(200)), month["light"][0].take(range(200))])
watching = monitor.restarted()
alarms = watching.add(light)
chart, after = say("chart", "管理図"), say("rows after the change", "変化からの行数")
pd.DataFrame([{chart: name_of_chart(alarm.evidence["chart"]), after: alarm.evidence["seen"] - 200, say("value", "値"): round(alarm.value, 3), say("limit", "限界"): round(alarm.evidence["limit"], 3)} for alarm in alarms])

# %%
show.control_charts(watching.history, planted=200, names=names)

# %%
print(*(f"{alarm.summary}\n    -> {alarm.advice} ({alarm.cost})" for alarm in alarms[:2]), sep="\n")

# %% [markdown] lang="en"
# ## A product that did not exist before
#
# The photos are as bright and sharp as ever, and single rows look like any other. A **lot** of the new part is unlike every known lot: that is what the chart "novelty of groups" measures (how far is the mean of a lot from the nearest known lot).
# %% [markdown] lang="ja"
# ## これまでなかった製品
#
# 写真の明るさも鮮明さも変わらず、1 行ずつ見れば普通です。しかし新しい品番の**ロット**は、既知のどのロットとも違います。管理図「グループの新しさ」は、ロットの平均と最も近い既知のロットとの距離を測ります。
# %%
part = monitor.restarted()
found = part.add(together([ordinary.take(range(204)), month["part"][0]]))
print(say(f"first alarm {found[0].evidence['seen'] - 204} rows after the change: {found[0].summary}", f"変化から {found[0].evidence['seen'] - 204} 行で最初の警報：{found[0].summary}") if found else say("not found", "検知できませんでした"))
show.control_charts(part.history, planted=204, names=names, most=3)

# %% [markdown] lang="en"
# ## How often, how late? Ten replays now, a hundred recorded
#
# One month proves nothing. A replay draws whole lots in random order with the change planted after row 200. The table below it was **recorded** (`python -m benchmarks.drift`): other lots, five references, 100 replays of each change, and a share of ordinary periods in which any chart alarmed.
# %% [markdown] lang="ja"
# ## どれくらいの頻度で、どれくらい遅れて？ 今 10 回、記録は 100 回
#
# ひと月では何も言えません。再生では、ロットを無作為な順に並べ、200 行目の後に変化を仕込みます。その下の表は**記録**です（`python -m benchmarks.drift`）。別のロット、5 つの基準、変化ごとに 100 回の再生と、通常の期間でどれかの管理図に警報が出た割合です。
# %%
now = detection(replays([monitor], ordinary, month["light"][0], at=200, number=10, desc=say("replays", "再生")))
print(say(f"found within 200 rows: {now['found']['value']:.0%} of 10 [{now['found']['low']:.0%}, {now['found']['high']:.0%}]; median delay {now['delay'][0.5]:.0f} rows",
          f"200 行以内に検知：10 回中 {now['found']['value']:.0%} [{now['found']['low']:.0%}, {now['found']['high']:.0%}]。遅れの中央値 {now['delay'][0.5]:.0f} 行"))  # fmt: skip
recorded = pd.read_csv(ROOT / "benchmarks" / "drift.csv")
for column in ("false_alarms", "found"):
    recorded[column] = ["–" if pd.isna(cell) else "{value:.0%} [{low:.0%}, {high:.0%}]".format(**json.loads(cell)) for cell in recorded[column]]
recorded["median delay"] = ["–" if pd.isna(cell) else json.loads(cell)["0.5"] for cell in recorded["delay"]]
recorded[["stream", "change", "strength", "false_alarms", "found", "median delay", "accuracy_ordinary", "accuracy"]].set_index(["stream", "change", "strength"])

# %% [markdown] lang="en"
# ## What no chart can see
#
# * **Errors that look like before.** If the customer calls from now on *a scratch of 2 mm* a defect, photos, answers and confidence stay as they were, and more answers are wrong. Below, the right answers of 60 of the last 200 ordinary rows are turned; the charts read the same columns and stay silent.
# * Changes within the reference's own variety, and harm that a changed look does *not* do: an alarm says "other than before", not "worse".
# %% [markdown] lang="ja"
# ## どの管理図にも見えないもの
#
# * **見た目の変わらない誤り。**顧客が今日から「2 mm の傷も不良」と決めても、写真・答え・確信度は同じまま、誤りだけが増えます。下では、通常の期間の後半 200 行のうち 60 行の正解を入れ替えます。管理図が読む列は同じなので、警報は出ません。
# * 基準の期間にもあった程度の変化。また、見た目が変わっても害がない場合もあります。警報の意味は「以前と違う」であって「悪くなった」ではありません。
# %%
labels, draws = month["ordinary"][1].head(400).copy(), np.random.default_rng(0)
turned = draws.choice(np.arange(200, 400), 60, replace=False)
labels.loc[turned, "answer"] = np.where(labels.loc[turned, "predicted"] == "ok", "scratch", "ok")
before, now = ((frame["answer"] != frame["predicted"]).iloc[200:400].mean() for frame in (month["ordinary"][1], labels))
print(say(f"charts: {len(quiet.alarms)} alarms; wrong answers in rows 201 to 400: {now:.1%} instead of {before:.1%}", f"管理図の警報：{len(quiet.alarms)} 件。201〜400 行目の誤り率：{before:.1%} から {now:.1%} へ"))

# %% [markdown] lang="en"
# ## Labels come late
#
# Only labels show harm. MAPIE's risk monitoring may be looked at after every label without spending its certainty, and it is careful: it alarms when the error rate is *surely* more than 5 points above the reference's. Look how many labels that takes.
# %% [markdown] lang="ja"
# ## ラベルは遅れて届く
#
# 害を示せるのはラベルだけです。MAPIE のリスク監視は、ラベルが届くたびに見ても確実さが損なわれず、慎重です。誤り率が基準より 5 ポイントを超えて高いことが*確か*になって初めて警報を出します。必要なラベルの数に注目してください。
# %%
lines = []
arriving = {say("ordinary, recorded", "通常（記録）"): month["ordinary"][1], say("evening sun, recorded", "西日（記録）"): month["light"][1], say("turned answers, above", "上で入れ替えた正解"): labels.iloc[200:]}
truth = pd.Series(["ok"] * 600)
arriving |= {say(f"drawn, {share:.0%} wrong", f"乱数、誤り {share:.0%}"): pd.DataFrame({"answer": truth, "predicted": np.where(draws.random(600) < share, "scratch", "ok")}) for share in (0.2, 0.3, 0.5)}
for name, frame in arriving.items():
    risk = RiskMonitor(month["reference"][1])
    alarm_at = next((end for end in range(10, len(frame) + 10, 10) if risk.add(frame.iloc[end - 10 : end])), None)
    lines.append({say("labels", "ラベル"): name, say("wrong, %", "誤り %"): round(100 * float((frame["answer"] != frame["predicted"]).mean()), 1), say("labels that came", "届いた数"): len(frame), say("alarm after", "警報まで"): alarm_at or "–"})
print(say(f"wrong in the reference: {risk.reference_risk:.1%}; limit: {risk.threshold:.1%}", f"基準の誤り率：{risk.reference_risk:.1%}、限界：{risk.threshold:.1%}"))
pd.DataFrame(lines).set_index(say("labels", "ラベル"))

# %% [markdown] lang="en"
# ## Retrained: a challenger is not a successor
#
# Say the alarm was real and somebody retrained, in a hurry, with every inspector's note shown. On held-out rows the challenger looks about as good. It may replace the champion only if it is **shown to be better on the same rows** and **believes no worse evidence**: each probe that the champion was asked is asked of it, too.
# %% [markdown] lang="ja"
# ## 再学習：候補モデルは後継ではない
#
# 警報が本物で、急いで再学習したとします。検査員のメモをすべて見せたままで。評価行では大差ないように見えます。現行モデルを置き換えられるのは、**同じ行で良いと示され**、かつ**誤った情報に弱くなっていない**ときだけです。現行モデルに行った診断は、候補にもすべて行います。
# %%
asked = lesson.few("test", rows)
retrained, which = trusting_model(lesson)
in_use = runs.load_tuned(lesson.run)
answers = {name: predict(loaded, asked) for name, loaded in (("champion", in_use), ("challenger", retrained))}
noted = [sample for sample in asked if sample.text][:probed] or asked[:probed]
probes = {name: [diagnosis.interference(diagnosis.ask(loaded, noted, text_perturbations()), "text")] for name, loaded in (("champion", in_use), ("challenger", retrained))}
options, kpi = list(lesson.use.options), "accuracy"
verdict = challenge(answers["champion"], answers["challenger"], options, kpi, probes["champion"], probes["challenger"])
lost = pd.DataFrame({name: {probe.name: f"{probe.value:.2f} [{probe.low:.2f}, {probe.high:.2f}] {probe.verdict}" for probe in found} for name, found in probes.items()})
print(which, lost, f"{verdict.metric}: {verdict.gain['value']:+.3f} [{verdict.gain['low']:+.3f}, {verdict.gain['high']:+.3f}], {verdict.rows} rows", *verdict.reasons, sep="\n")

# %% [markdown] lang="en"
# ## In use, and back
#
# `champion.json` names the run in use; it is renamed in one move, after the audit log has heard of it. A model that must not replace cannot be put in use, a rollback needs a reason and asks for no comparison. Command line: `poc challenge RUN NEW_RUN --crown --name SATO`, `poc rollback RUN --name SATO --reason ...`.
# %% [markdown] lang="ja"
# ## 採用、そして差し戻し
#
# `champion.json` が使用中の実行を示します。監査ログに記録してから、一度の操作で書き換えます。置き換えてはならないモデルは使用中にできません。差し戻しは理由だけでよく、比較は要りません。コマンドでは `poc challenge RUN NEW_RUN --crown --name SATO`、`poc rollback RUN --name SATO --reason ...` です。
# %%
place, log = Path(tempfile.mkdtemp()), []
for name in ("november", "december"):
    (place / name).mkdir()
    (place / name / "run.json").write_text("{}", encoding="utf-8")
crown(place, "november", None, "Sato", log.append)
try:
    crown(place, "december", verdict, "Sato", log.append)
except KitError as refused:
    print(refused)

# %%
back = challenge(answers["challenger"], answers["champion"], options, kpi, probes["challenger"], probes["champion"], margin=0.10, reason=say("believes no wrong notes", "誤ったメモを信じない"))
print(say("the other way round, with a margin that somebody signs:", "逆向きに、責任者が認めた許容幅つきで："), back.replace, *back.reasons)
if back.replace:
    crown(place, "december", back, "Sato", log.append)
    rollback(place, "Ito", say("more overrides on the night shift", "夜勤で訂正が増えた"), log.append)
pd.DataFrame(log)[["number", "what", "run", "before", "who"]]

# %% [markdown] lang="en"
# ## To read on
#
# * Failing Loudly: An Empirical Study of Methods for Detecting Dataset Shift (arXiv 1810.11953); Tracking the Risk of a Deployed Model (arXiv 2110.06177), which MAPIE's risk monitoring implements; Revisiting Classifier Two-Sample Tests (arXiv 1610.06545).
# * What was measured here, and what it does not show: `docs/decisions.md`. Search words: *dataset shift, population stability index, maximum mean discrepancy, p-chart, Westfall-Young, champion challenger*
# %% [markdown] lang="ja"
# ## さらに読む
#
# * Failing Loudly（arXiv 1810.11953）：データの変化を検知する方法の比較。Tracking the Risk of a Deployed Model（arXiv 2110.06177）：MAPIE のリスク監視の元論文。Revisiting Classifier Two-Sample Tests（arXiv 1610.06545）。
# * ここで測ったことと、それが示さないこと：`docs/decisions.md`。検索語：*データセットシフト, PSI, MMD, p 管理図, Westfall-Young, チャンピオン・チャレンジャー*
