# ---
# title: {en: "One sense at a time: progressive alignment", ja: "感覚を一つずつ：段階的アライメント"}
# when: {en: "when a model that reads photos and forms is to hear, and then to watch, without losing what it can", ja: "写真や帳票を読むモデルに、今の能力を失わせずに音声、次に動画を加えたいとき"}
# result:
#   en: a model that sees, given ears and trained in three short stages; the matrix of what each stage gained and forgot; and the recorded answer to whether stages beat mixing everything.
#   ja: 見るだけのモデルに耳を付け、3 つの短い段階で学習したもの。各段階で得た能力と失った能力の表。そして、段階に分けることが一括学習に勝るかの記録。
# minutes: {cpu: 2, gpu: 3}
# ---
# %%
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from kit import show
from kit.data import read_folder
from kit.errors import KitError
from kit.language import say
from kit.models import component_table
from kit.models.compose import save
from kit.models.connectors import CONNECTORS
from kit.training import Stage, run_stages
from kit.training.stage_matrix import answered, forgetting, stage_matrix
from poc.lesson import ROOT, open_lesson
from poc.pipeline import COMPANY, GUARD
from poc.senses import SENSES, name_of, sense_rows
from sample_data.recipe.parts import compose_parts, write_parts

# %% tags=["parameters"]
preset = "tiny"  # tiny: the shipped model on two CPU cores; laptop: 16 GB RAM; gpu: one 24 GB card
use_case = "inspection"  # a name in sample_data/company, or the path of your own folder
model = ""  # a catalogue name, a hub id or a folder; empty: the preset's default
run = ""  # a run's folder; empty: your newest run of this use case, else the shipped example
language = ""  # en or ja; empty: that of this notebook
steps = 20  # updates of each live stage
rows = 32  # held-out rows that are asked per sense

# %%
lesson = open_lesson(preset, use_case, model, run, language)
lesson

# %% [markdown] lang="en"
# ## Give the model you have a new sense
#
# A vision-language checkpoint, the encoder of a Whisper checkpoint, and a **connector** between them become one transformers model. With real parts it is one line:
#
#     from kit.models.compose import compose
#     loaded = compose("qwen3-vl-4b", "openai/whisper-small", {"kind": "mlp", "stack": 10})
#
# Here the parts are small and offline: the tiny model's eyes and language model as a Qwen2.5-VL, its ears as a Whisper encoder. Both connectors are **fresh**: it sees and hears nothing yet. (Eyes, ears and language model once worked together through other connectors: what is learned here is to understand each other through **new** ones. The tiny model itself took three and a half hours from nothing, see its card.)
# %% [markdown] lang="ja"
# ## 今あるモデルに新しい感覚を
#
# 画像言語モデル、Whisper のエンコーダー、その間の**コネクター**を、1 つの transformers モデルにします。実際の部品なら 1 行です。
#
#     from kit.models.compose import compose
#     loaded = compose("qwen3-vl-4b", "openai/whisper-small", {"kind": "mlp", "stack": 10})
#
# ここでは小さくオフラインの部品を使います。小型モデルの目と言語モデルを Qwen2.5-VL に、耳を Whisper のエンコーダーにしたものです。2 つのコネクターは**初期状態**で、まだ何も見えず聞こえません。（目・耳・言語モデルは以前、別のコネクターを通じて一緒に学習したものです。ここで学ぶのは、**新しい**コネクターを通じて通じ合うことです。小型モデル自体を最初から作るには 3 時間半かかりました。モデルカードを参照してください。）
# %%
work = Path(tempfile.mkdtemp())
composed = compose_parts(write_parts(work / "parts", fresh_merger=True), "mlp")
base = save(composed, work / "base")
print(say(f"connectors to choose from: {', '.join(CONNECTORS)}", f"選べるコネクター：{'、'.join(CONNECTORS)}"))
pd.DataFrame(component_table(composed.model)).set_index("component")[["parameters"]]

# %% [markdown] lang="en"
# ## A schedule is data
#
# Each stage says what it shows, what it moves and how fast; `replay` shows rows of earlier stages again. A stage ends in a checkpoint that loads by itself, and in a check that only the intended parts moved. Kill it at any moment: started again it goes on, and ends with the same weights (on a CPU with the same threads; the tests kill it twice).
#
# The film is the **bridge**: where steam or the dark hides the line, only its sound tells what happens.
# %% [markdown] lang="ja"
# ## 学習計画はデータ
#
# 各段階は、何を見せ、どこを、どの速さで動かすかを述べます。`replay` は前の段階の行をもう一度見せる割合です。段階の終わりには単独で読み込めるチェックポイントが残り、意図した部分だけが動いたことを検査します。途中で強制終了しても、再開すれば同じ重みで終わります（同じスレッド数の CPU の場合。テストでは 2 回強制終了しています）。
#
# 動画は**橋渡し**です。蒸気や暗さでラインが隠れると、何が起きたかは音だけが教えてくれます。
# %%
general = [sample for sample in read_folder(GUARD, verify=False).samples if sample.split == "train"]
sources = {f"general {sense}": [sample for sample in general if getattr(sample, sense)] for sense in SENSES}
company = {sense: sense_rows(COMPANY, sense, "train") for sense in SENSES}
sources |= {name: found for sense in SENSES for name, found in company[sense].items()}
moves = {"connector": 2e-3, "llm": 1e-3}
schedule = [
    Stage(sense, {f"general {sense}": 1.0, **dict.fromkeys(company[sense], 1.0)}, moves, steps, batch=12, lora=16, replay=0.3 if number else 0.0, seed=number)
    for number, sense in enumerate(SENSES)
]
pd.DataFrame([{say("stage", "段階"): name_of(stage.name), say("shows", "見せる行"): " + ".join(stage.shares), say("moves", "動かす部分"): ", ".join(stage.trains), "replay": f"{stage.replay:.0%}"} for stage in schedule])

# %%
done = run_stages(str(base), schedule, sources, work / "stages")
for staged in done:
    print(f"{name_of(staged.stage.name)}: [{staged.check.status}] {staged.check.detail}")

# %% [markdown] lang="en"
# ## Stage x sense: what was gained, what was forgotten
#
# Every checkpoint is asked about every sense, on lots, devices, callers and days that no stage trained on. A handful of updates cannot make a good model; what to read here is the **shape**: does a stage help its own sense, and does it hurt another?
# %% [markdown] lang="ja"
# ## 段階 × 感覚：得たもの、失ったもの
#
# すべてのチェックポイントに、すべての感覚について、学習に使っていないロット・装置・発信者・日付で質問します。数十回の更新で良いモデルにはなりません。見るべきは**形**です。その段階は自分の感覚を伸ばしたか、他を損なわなかったか。
# %%
asked = {sense: sense_rows(COMPANY, sense, "test") for sense in SENSES}
held = {name_of(sense): [one for found in asked[sense].values() for one in found[:: max(1, len(found) * len(asked[sense]) // rows)]] for sense in SENSES}
hits = {"before": answered(base, held)} | {staged.stage.name: answered(staged.checkpoint, held) for staged in done}
matrix = stage_matrix(hits, held)
show.stages_by_kind(matrix)

# %%
print("\n".join(forgetting(matrix)) or say("nothing was surely forgotten in this short run", "この短い学習では、確かに失われたものはありません"))

# %% [markdown] lang="en"
# ## Stages, or everything at once? (live, one seed: no verdict)
#
# The opponent has the same parts, rates, updates and number of rows, mixed evenly from the start.
# %% [markdown] lang="ja"
# ## 段階か、一括か（今回、シード 1 つ：判断はできません）
#
# 対抗は、同じ部品・学習率・更新回数・行数で、最初からすべてを均等に混ぜたものです。
# %%
shares = {name: 1.0 / len(stage.shares) for stage in schedule for name in stage.shares}
(mixed,) = run_stages(str(base), [Stage("all", shares, moves, steps * len(schedule), batch=12, lora=16)], sources, work / "mixed")
at_once = answered(mixed.checkpoint, held)
pd.DataFrame({say("stages", "段階"): {kind: f"{hits['video'][kind].mean():.0%}" for kind in held}, say("at once", "一括"): {kind: f"{at_once[kind].mean():.0%}" for kind in held}, "n": {kind: len(found) for kind, found in held.items()}})

# %% [markdown] lang="en"
# ## The recorded answer (not computed now)
#
# `python -m benchmarks.alignment`: equal updates and rows, three seeds where the table says so, held-out rows, 95 % intervals that resample groups, **not seeds** (look at "score by seed"); "against progressive" is paired. 100 is the progressive arm. Stages have a learning-rate schedule and fresh adapters each, mixing has one of each: that is part of what is compared. **What wins is reported, even if it is not stages.**
# %% [markdown] lang="ja"
# ## 記録された結果（今計算したものではありません）
#
# `python -m benchmarks.alignment`：更新回数と行数は同じ、シード数は表のとおり、評価は未使用の行、区間は 95 %（グループ単位の再標本化。シードは**再標本化していない**ので「score by seed」も見てください）です。「against progressive」は対応のある差。段階学習を 100 とします。段階学習では段階ごとに学習率の予定とアダプターが新しくなり、一括学習では一つだけです。これも比較に含まれます。**勝ったものを、段階学習でなくてもそのまま示します。**
# %%
tables = {name: ROOT / "benchmarks" / f"alignment{name and '_'}{name}.csv" for name in ("", "floors", "speech", "connectors", "bill")}
recorded = {name: pd.read_csv(file) for name, file in tables.items() if file.is_file()}
arms = recorded.get("")
arms.set_index("arm")[["seeds", "of progressive", "score", *SENSES, "score by seed", "seconds"]] if arms is not None else print("benchmarks/alignment.csv is not here")

# %%
for _, row in arms.iterrows() if arms is not None else ():
    for what in ("score", *SENSES) if row["arm"] != "progressive" else ():
        gain, low, high = (row[f"{what} against progressive{end}"] for end in ("", " low", " high"))
        verdict = say("better than stages", "段階学習より良い") if low > 0 else say("worse than stages", "段階学習より悪い") if high < 0 else say("cannot be told", "判断できない")
        print(f"{row['arm']:34} {what:6} {gain:+5.1f} points [{low:+.1f}, {high:+.1f}]  {verdict}")

# %% [markdown] lang="en"
# A long run, from the same unaligned parts: is the model that comes out as able as the tiny model that was trained in one piece? (Floors of the tiny model: pictures 90 %, films 85 %, speech 85 %, text 90 %.) Of the company's rows only the line was shown in it: documents, inspection and calls stay at guessing. Its schedule was changed after its answers to these rows were read, so the end was then asked **other rows** once, and the tiny model, too (second table).
# %% [markdown] lang="ja"
# 同じ部品からの長い学習の記録です。できあがったモデルは、一体で学習した小型モデルと同じくらい有能でしょうか。（小型モデルの下限：画像 90 %、動画 85 %、音声 85 %、文章 90 %）会社のデータで見せたのは line だけなので、documents・inspection・calls は当て推量のままです。予定はこれらの行の結果を見て変えたため、最後に**別の行**を一度だけ尋ね、小型モデルにも同じ行を尋ねました（2 つ目の表）。
# %%
long = recorded.get("floors")
if long is not None:
    percent = [column for column in long.columns if column not in ("date", "seeds", "stage", "kind", "n")]
    long[percent] = long[percent] / 100
    others = long["stage"].str.endswith("other rows")
show.stages_by_kind(long[~others]) if long is not None else print("benchmarks/alignment_floors.csv is not here")

# %%
long[others].set_index(["kind", "stage"])[["value", "low", "high", "n"]].sort_index() if long is not None else print(say("nothing recorded", "記録がありません"))

# %% [markdown] lang="en"
# Speech is also **written down**: word error rate in English, character error rate in Japanese, clean and with noise 10 dB below the voice.
# %% [markdown] lang="ja"
# 音声は**書き起こし**でも測ります。英語は単語誤り率、日本語は文字誤り率、雑音なしと、声より 10 dB 小さい雑音ありです。
# %%
speech = recorded.get("speech")
speech.pivot(index="stage", columns=["measure", "recordings"], values="value").reindex(speech["stage"].unique()) if speech is not None else print("benchmarks/alignment_speech.csv is not here")

# %%
connectors = recorded.get("connectors")
connectors.set_index("connector").drop(columns="date") if connectors is not None else print("benchmarks/alignment_connectors.csv is not here")

# %% [markdown] lang="en"
# ## The data bill
#
# How many films with sound does the last stage need? "Only heard": clips where the line cannot be seen.
# %% [markdown] lang="ja"
# ## データの請求書
#
# 最後の段階には、音声付き動画が何本必要でしょうか。「音だけ」は、ラインが見えない動画です。
# %%
bill = recorded.get("bill")
curves = {label: tuple(bill[f"{name}{end}"] / 100 for end in ("", " low", " high")) for name, label in (("seen", say("seen", "見える")), ("only heard", say("only heard", "音だけ")))} if bill is not None else {}
show.rows_needed(bill["rows of the line"].tolist(), curves, chance=1 / 3) if curves else print("benchmarks/alignment_bill.csv is not here")

# %% [markdown] lang="en"
# ## Would a mistake be noticed?
#
# A stage that moved something else is red (the tests plant that fault), and a part that the model does not have is refused before anything is trained.
# %% [markdown] lang="ja"
# ## 間違いに気づけるか
#
# 意図しない部分を動かした段階は赤になり（テストではその不具合を仕込んでいます）、モデルにない部分の指定は学習前に断ります。
# %%
assert all(staged.check.status == "green" for staged in done)
assert np.isfinite(matrix["value"]).all()
try:
    run_stages(str(base), [Stage("first", {"general image": 1.0}, {"ears": 1e-3}, steps)], sources, work / "refused")
except KitError as error:
    print(error)
else:
    raise AssertionError("a part that the model does not have was trained")

# %% [markdown] lang="en"
# ## To read on
#
# * Ola (arXiv 2502.04328), sections 3.2 (connectors, local-global attention pooling) and 3.3 (stages). What won here, and what did not: `docs/decisions.md`.
# * Learning without Forgetting (1606.09282): the retention term. CLIP (2103.00020) and Supervised Contrastive Learning (2004.11362): the alignment loss. Search words: *catastrophic forgetting, experience replay, modality alignment, projector, resampler*
# %% [markdown] lang="ja"
# ## さらに読む
#
# * Ola（arXiv 2502.04328）3.2 節（コネクター、局所・大域の注意プーリング）と 3.3 節（段階）。ここで勝ったもの、勝たなかったものは `docs/decisions.md` にあります。
# * Learning without Forgetting（1606.09282）：保持項。CLIP（2103.00020）と Supervised Contrastive Learning（2004.11362）：アライメント損失。検索語：*破滅的忘却, 経験再生, モダリティアライメント, プロジェクター, リサンプラー*
