# ---
# title: {en: "Four bridges: how photos and voices reach a language model", ja: "4 つのブリッジ：写真や声を言語モデルにつなぐ"}
# when: {en: "before you choose a checkpoint, or somebody sells you one way of connecting as the only one", ja: "チェックポイントを選ぶ前、または特定の接続方法だけを勧められたとき"}
# result:
#   en: converter, tool learning and data-driven tuning on the same rows of your use case, each with its KPI, its yen, what it costs and what an auditor can check; the modality gap before and after; a recommendation by a stated rule; and the recorded table of all bridges.
#   ja: コンバーター、ツール学習、データ駆動の微調整を同じ行で比べた表（KPI、円、費用、監査できること）、つなぐ前後のモダリティの隔たり、規則を明示した推奨、そしてすべてのブリッジの記録。
# minutes: {cpu: 2, gpu: 4}
# ---
# %%
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from kit import show
from kit.bridges import Kept, Ocr, Specialist, ToolLearning, WithSeries, bridge_table, try_bridge, try_bridges
from kit.bridges.series import as_picture, as_text, read_series
from kit.data import Sample
from kit.language import current, say
from kit.models.catalogue import connector_base
from poc.bridges import budget_line, compare_bridges, misled_line
from poc.lesson import ROOT, open_lesson
from poc.lineup import Sizes, lineup, rows_for, tiny_parts, tools_for

# %% tags=["parameters"]
preset = "tiny"  # tiny: the shipped model on two CPU cores; laptop: 16 GB RAM; gpu: one 24 GB card
use_case = "inspection"  # a name in sample_data/company, or the path of your own folder
model = ""  # a catalogue name, a hub id or a folder; empty: the preset's default
run = ""  # a run's folder; empty: your newest run of this use case, else the shipped example
language = ""  # en or ja; empty: that of this notebook
updates = 16  # of each live training
rows = 40  # held-out rows that are asked

# %%
lesson = open_lesson(preset, use_case, model, run, language)
lesson

# %% [markdown] lang="en"
# ## Four ways, one question
#
# | bridge | what learns | what the language model reads |
# |---|---|---|
# | **converter** | a linear map or MLP with fresh weights | what the encoder saw, as if it were words |
# | **perceiver** | learned queries that look at the encoder's output | fewer tokens, picked by the queries |
# | **tool learning** | a detector, OCR, speech recognition (the language model nothing) | text that a tool wrote, kept for the auditor |
# | **data-driven** | an adapter on a checkpoint that somebody aligned before | photo or voice, as it comes |
#
# All get the **same rows**, with the media that decide and without words beside them: a note or transcript would answer in the medium's place. They do **not** begin alike: converter and perceiver start fresh, the others with an aligned checkpoint (for the tiny model that took hours). The table says so.
# %% [markdown] lang="ja"
# ## 4 つの方法、1 つの問い
#
# | ブリッジ | 学習するもの | 言語モデルが読むもの |
# |---|---|---|
# | **コンバーター** | 初期状態の線形写像または MLP | エンコーダーが見たものを、言葉のように |
# | **パーシーバー** | エンコーダーの出力を見る学習クエリー | クエリーが選んだ、より少ないトークン |
# | **ツール学習** | 分類器・OCR・音声認識（言語モデルは学習しない） | ツールが書いたテキスト（監査用に保存） |
# | **データ駆動** | 整合済みチェックポイントのアダプター | 写真や声そのもの |
#
# すべて**同じ行**を使います。答えを決める画像・音声・動画だけを見せ、メモや書き起こしは外します（代わりに答えてしまうため）。ただし**出発点は同じではありません**。コンバーターとパーシーバーは初期状態から、ほかは整合済みのチェックポイントから始まります（小型モデルでは数時間かかった整合です）。表にもそう書きます。
# %%
sizes = Sizes(train=72, asked=rows, updates=updates, validation=24, blocks=0, probed=16)
shared = rows_for(list(lesson.folder.samples), sizes)
print(say(f"to bridge: {', '.join(shared.modalities)}; {len(shared.train)} training, {len(shared.validation)} validation, {len(shared.asked)} held-out rows",
          f"つなぐもの：{'、'.join(shared.modalities)}。学習 {len(shared.train)} 行、検証 {len(shared.validation)} 行、評価 {len(shared.asked)} 行"))  # fmt: skip
pd.Series([row.answer for row in shared.asked]).value_counts().to_frame(say("held-out rows", "評価行"))

# %% [markdown] lang="en"
# ## Live: few bridges, few rows, few updates
#
# With the real thing: `poc bridges RUN` compares all of them on your run's rows; `--budgets 40,120` trains again with fewer rows and tells how many labels bring 90 % of each one's best, validation rows counted; `--asr NAME` takes a Whisper for the tool that writes what is said, `--ocr` reads a row's only picture, too; `--remote URL --remote-model NAME` adds a model elsewhere, after you named the host that your rows may be sent to, who agreed and why (`--consent-data-leaves`). Here the shape is what counts; a handful of rows makes wide intervals.
#
# Fresh connectors for pictures need a Qwen2-VL or Qwen2.5-VL: the laptop preset takes qwen2-vl-2b, gpu qwen2.5-vl-7b, both Apache-2.0 (the 3B's licence forbids commercial use). What is not on this machine is a row that says so.
# %% [markdown] lang="ja"
# ## 今ここで：少ないブリッジ、少ない行、少ない更新
#
# 本番では `poc bridges RUN` が、実行の行ですべてを比べます。`--budgets 40,120` は少ない行でも学習し直し、最良の 9 割に必要なラベル数（検証行も加算）を示します。`--asr NAME` は書き起こしのツールを Whisper に替え、`--ocr` は 1 枚だけの画像（帳票など）の文字も読みます。`--remote URL --remote-model NAME` は外部のモデルを加えます（`--consent-data-leaves` に送信先ホスト、同意した人、理由を書いた後に限ります）。ここで見るのは形です。行が少ないので区間は広くなります。
#
# 画像の新しいコネクターには Qwen2-VL か Qwen2.5-VL が必要です。laptop は qwen2-vl-2b、gpu は qwen2.5-vl-7b を使います（どちらも Apache-2.0。3B は商用不可）。この機械にないものは、その旨を書いた行になります。
# %%
work = Path(tempfile.mkdtemp())
vlm, ears = tiny_parts(work / "parts") if lesson.model == "tiny_omni" else (connector_base(lesson.model), "openai/whisper-small")
bridges = {bridge.name: bridge for bridge in lineup(shared.modalities, lesson.model, work / "bridges", vlm, ears, tools_for(shared), sizes=sizes)}
print("\n".join(bridges))
live = [bridges[name] for name in ("as it is", "converter (linear)", "converter (mlp)", "tool learning", "data-driven", "hybrid") if name in bridges and (name != "converter (mlp)" or "converter (linear)" not in bridges)]

# %%
found = compare_bridges(live, shared, lesson.use, work, lesson.model, sizes)
kpi = found.told["kpi"]
costs = ["cost_per_1000"] if "cost_per_1000" in found.table else []
found.table.set_index("bridge")[["n", kpi, "low", "high", *costs, "trained", "updates", "rows_to_90", "fit_seconds", "latency_ms", "tokens", "start", "failed"]].round(3)

# %%
print(budget_line(found))

# %% [markdown] lang="en"
# ## What the auditor reads
#
# Tool learning is the only one with something to read **between** the photo and the answer: the tool's text, kept row by row. Where an answer is wrong, it shows who erred: the tool that wrote, or the model that read. How the detector words its finding was chosen on validation rows (the tiny model reads a bare label best).
# %% [markdown] lang="ja"
# ## 監査人が読むもの
#
# 写真と答えの**間**に読めるものが残るのはツール学習だけです。ツールの書いたテキストが行ごとに残り、答えが誤ったとき、書いたツールと読んだモデルのどちらが誤ったかがわかります。分類器の書き方は検証行で選びました（小型モデルはラベルだけの表記を最もよく読みます）。
# %%
evidence = pd.read_json(bridges["tool learning"].work / "written.jsonl", lines=True).set_index("id")
said = next(one.frame for one in found.tried if one.name == "tool learning").set_index("id")
print(next(one.facts.start for one in found.tried if one.name == "tool learning"))
shown = evidence.join(said[["predicted", "answer"]], how="inner")
shown.assign(right=shown["predicted"] == shown["answer"]).sort_values("right", kind="stable").head(8)

# %% [markdown] lang="en"
# ## A wrong line of a tool misleads the hybrid
#
# The hybrid has the photo **and** what the tools wrote. A wrong line is exactly the misleading note of notebook 05, so it gets the same probes: the photo alone, with the tool's own line, with the line of another part. "As good as the tools" can simply mean that the photo is no longer looked at.
# %% [markdown] lang="ja"
# ## ツールの誤った一行はハイブリッドを惑わす
#
# ハイブリッドは写真**と**ツールの文章の両方を受け取ります。誤った一行はノートブック 05 の「惑わすメモ」そのものなので、同じ検査をします：写真だけ、ツール自身の文章つき、別の部品の文章つき。「ツールと同じくらい良い」は、写真を見ていないだけかもしれません。
# %%
for one in found.told["misled"]:
    print(misled_line(one))
probes = ["medium_alone", "with_line", "conflict_rate", "medium_alone_there", "with_wrong_line", "followed", "shortcut_index"]
pd.DataFrame({one["bridge"]: {name: one[name] for name in probes} for one in found.told["misled"]}).apply(lambda column: column.map(lambda told: told and f"{told['value']:.2f} [{told['low']:.2f}, {told['high']:.2f}]"))

# %% [markdown] lang="en"
# ## A sensor's series: in words, or as a picture
#
# A csv beside the photo is no fifth modality. A row names its file in a column (`series_file_name`), and two bridges show it: a summary in the note, or the drawn curve behind the pictures. `poc bridges` adds both rows where your folder has that column; the sample company has none, so here is a made-up sensor. Below: what each way hands over, and macro recall on held-out curves of the same simple reader (logistic regression on the checkpoint's frozen features).
# %% [markdown] lang="ja"
# ## センサーの時系列：文章にするか、図にするか
#
# 写真に添える csv は、第 5 のモダリティではありません。行が列（`series_file_name`）でファイルを示し、2 つのブリッジがそれを見せます：要約をメモに書くか、波形を図にして画像に並べるか。フォルダーにこの列があれば `poc bridges` が両方を加えます。サンプル会社にはないので、ここでは架空のセンサーを使います。下は、それぞれが渡すものと、同じ簡単な読み手（チェックポイントの凍結特徴量へのロジスティック回帰）の、未使用の波形でのマクロ再現率です。
# %%
rng, kinds, sensors = np.random.default_rng(0), ("jump", "drift", "oscillation"), []
for number in range(72):
    at, kind = np.linspace(0, 1, 120), kinds[number % 3]
    shape = {"jump": at > rng.uniform(0.3, 0.7), "drift": at, "oscillation": np.sin(2 * np.pi * (rng.uniform(3, 5) * at + rng.uniform()))}[kind]
    pd.DataFrame({"time [s]": at * 60, "pressure [kPa]": 50 + rng.uniform(3, 7) * shape + rng.normal(0, 1, 120)}).to_csv(work / f"{number}.csv", index=False)
    sensors.append(Sample(f"S{number}", "What did the pressure do?", kinds, kind, group=f"day {number}", meta={"series_file_name": f"{number}.csv"}))

# %%
shown = read_series(work / "0.csv")
print(as_text(shown, current()))
as_picture(shown)

# %%
ways = [WithSeries(way, Kept(Specialist(kind, lesson.model, name=say(f"series {told}", f"時系列（{told}）")), work / "series"), work) for way, kind, told in (("words", "text", say("in words", "文章")), ("picture", "image", say("as a picture", "図")))]
read = bridge_table(try_bridges(ways, sensors[:36], [], sensors[36:], work / "series"), list(kinds))
read.set_index("bridge")[["n", "macro_recall", "low", "high", "latency_ms", "failed"]].round(3)

# %% [markdown] lang="en"
# ## The gap, before and after
#
# How far apart do media tokens and words lie for the language model? Four kinds of measures side by side, because **no single one predicts quality**: a constant token has a small gap and knows nothing.
# %% [markdown] lang="ja"
# ## 隔たり：つなぐ前と後
#
# 言語モデルにとって、画像や音声のトークンと言葉はどれほど離れているでしょうか。**単独で品質を予測できる指標はない**ので、種類の違う指標を並べます。いつも同じトークンなら隔たりは小さく、何も知りません。
# %%
gaps = pd.DataFrame(found.told["gap"]["table"])
told = gaps[gaps["measure"] != "integration of a layer"]
told.pivot(index="measure", columns=["bridge", "when"], values="value").astype(float).round(3).reindex(told["measure"].unique())

# %%
best = found.told["recommended"]
print(best["summary"][current()])
print(best["evidence"]["rule"][current()])
print(best["advice"] and best["advice"][current()])
print(found.told["correlation"]["warning"][current()])

# %% [markdown] lang="en"
# ## The recorded table (not computed now)
#
# `python -m benchmarks.bridges`: all bridges, three use cases, 240 training rows at most, the seeds that the table names, held-out rows, 95 % intervals over rows or groups (**not** seeds: look at "by seed"). "behind the best" is paired. The yen are examples from poc.yaml, weighted with the shares of production.
# %% [markdown] lang="ja"
# ## 記録された表（今計算したものではありません）
#
# `python -m benchmarks.bridges`：すべてのブリッジ、3 つのユースケース、学習行は最大 240、シードは表のとおり、評価は未使用の行、区間は 95 %（行またはグループ単位。シードは**含まない**ので「by seed」も見てください）です。「behind the best」は対応のある差。円は poc.yaml の例で、実際の発生率で重み付けしています。
# %%
file = ROOT / "benchmarks" / "bridges.csv"
recorded = pd.read_csv(file) if file.is_file() else pd.DataFrame(columns=["use case", "bridge"])
here = recorded[recorded["use case"] == (lesson.use.name if lesson.use.name in set(recorded["use case"]) else "inspection")].set_index("bridge")
columns = ["seeds", "n", "macro_recall", "low", "high", "by seed", "behind the best", "behind low", "behind high", "recommended", "cost_per_1000", "trained", "rows to 90 %", "fit_seconds", "latency_ms", "tokens"]
here[columns].dropna(axis=1, how="all").astype(object).fillna("") if len(here) else print("benchmarks/bridges.csv is not here")

# %%
measured = here.dropna(subset=["macro_recall"]).sort_values("macro_recall", ascending=False) if len(here) else here
lines = [{"arm": name, "condition": "as_is", "macro_recall": {"value": row["macro_recall"] / 100, "low": row["low"] / 100, "high": row["high"] / 100}} for name, row in measured.iterrows()]
show.arms_with_intervals(lines) if lines else print(say("nothing recorded", "記録がありません"))

# %% [markdown] lang="en"
# Three use cases at once: a bridge that wins on photos need not win on voices. The callers' words are outside the tiny model's own speech recognition, so that tool has nothing to say there: a weak tool is a weak bridge.
# %% [markdown] lang="ja"
# 3 つのユースケースを並べます。写真で勝つブリッジが声でも勝つとは限りません。お客様の言葉は小型モデル自身の音声認識の範囲外なので、このツールには言えることがありません。弱いツールは弱いブリッジです。
# %%
wide = recorded.pivot(index="bridge", columns="use case", values="macro_recall") if len(recorded) else recorded
wide.reindex(recorded["bridge"].unique()).reset_index() if len(recorded) else print("benchmarks/bridges.csv is not here")

# %% [markdown] lang="en"
# ## Where words and picture disagree
#
# Sheets and memos of the documents contradict the gauge in some rows, words and voice of some calls contradict each other. Which bridge is still right there? Below it: in the documents' rows whose sheet or memo contradicts the gauge, how often (in %) each bridge says what the gauge says, what the other says, or neither; and `auc`, how well its falling certainty tells these rows from those that agree (50: it does not notice).
# %% [markdown] lang="ja"
# ## 言葉と写真が食い違うとき
#
# documents では点検表やメモが計器と食い違う行があり、callcentre では言葉と声が食い違う電話があります。それでも正しいのはどのブリッジでしょうか。その下の表は、点検表やメモが計器と食い違う documents の行で、各ブリッジが計器・相手・どちらでもないものを答えた割合（%）と、確信度の低下でその行を見分けられるか（`auc`、50 なら気づいていない）です。
# %%
clash = recorded.dropna(subset=["right in conflict"]) if "right in conflict" in recorded else recorded.iloc[:0]
clash.set_index(["use case", "bridge"])[["right in conflict", "right elsewhere"]] if len(clash) else print(say("no rows with contradictions are recorded", "食い違いのある行の記録はありません"))

# %%
file = ROOT / "benchmarks" / "bridges_conflict.csv"
believed = pd.read_csv(file).set_index(["use case", "against", "bridge"]) if file.is_file() else pd.DataFrame()
believed[["n", "follows_first", "follows_other", "neither", "auc", "auc_low", "auc_high"]] if len(believed) else print("benchmarks/bridges_conflict.csv is not here")

# %% [markdown] lang="en"
# ## Does a smaller gap mean better answers?
#
# Rank correlation over the bridges that were measured, with n: the number of **different** things. Bridges with one connector (as it is, data-driven, half the layers) are one point for what lies in front of the language model. With four points there is no interval at all, and bridges that share a language model are no independent draws.
# %% [markdown] lang="ja"
# ## 隔たりが小さければ答えは良いか
#
# 測定したブリッジでの順位相関と n（**異なるもの**の数）です。コネクターが同じブリッジ（そのまま、データ駆動、層が半分）は、言語モデルの手前の指標では 1 点と数えます。4 点では区間が求められず、同じ言語モデルを使うブリッジどうしは独立ではありません。
# %%
ranks = ROOT / "benchmarks" / "bridges_correlation.csv"
pd.read_csv(ranks).set_index(["use case", "measure"])[["spearman", "low", "high", "n", "note"]] if ranks.is_file() else print("benchmarks/bridges_correlation.csv is not here")

# %%
pd.set_option("display.max_colwidth", 200)
found.table.set_index("bridge")[["audit", "weak"]]

# %% [markdown] lang="en"
# ## Would a mistake be noticed?
#
# A tool that is not installed costs its own row and says what to install; a comparison that was interrupted goes on from what is kept, and asks nobody twice.
# %% [markdown] lang="ja"
# ## 間違いに気づけるか
#
# 入っていないツールは、その行だけが空になり、必要なインストールを示します。中断した比較は保存済みのものから再開し、同じことを二度尋ねません。
# %%
lacking = try_bridge(ToolLearning(lesson.model, [Ocr(("tlh",))], name="only OCR"), shared.train, shared.validation, shared.asked, work / "lacking")
print(lacking.facts.failed[0])
again = Kept(bridges["as it is"].bridge, work / "bridges")
again.fit(shared.train, shared.validation, work)
assert lacking.frame is None and again.predict(shared.asked).equals(found.tried[0].frame) and again.working is None
assert np.isfinite(found.table.loc[found.table["failed"] == "", kpi]).all(), found.table["failed"].tolist()

# %% [markdown] lang="en"
# ## To read on
#
# * How to Bridge the Gap between Modalities (survey, arXiv 2311.07594): the four groups. Mind the Gap (2203.02053), Modality Integration Rate (2410.07167), mutual k-NN (2405.07987); raw centroid against distribution gap (2604.00279).
# * What was measured here, and what it does not show: `docs/decisions.md`. Search words: *projector, Q-Former, resampler, tool use, late fusion, non-inferiority margin, modality gap*
# %% [markdown] lang="ja"
# ## さらに読む
#
# * How to Bridge the Gap between Modalities（サーベイ、arXiv 2311.07594）：4 つの分類。Mind the Gap（2203.02053）、Modality Integration Rate（2410.07167）、相互 k 近傍（2405.07987）、重心と分布の隔たり（2604.00279）。
# * ここで測ったことと、それが示さないこと：`docs/decisions.md`。検索語：*プロジェクター, Q-Former, リサンプラー, ツール利用, 後期融合, 非劣性マージン, モダリティギャップ*
