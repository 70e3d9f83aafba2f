# ---
# title: {en: "Which evidence does it believe?", ja: "モデルは何を信じているのか"}
# result:
#   en: how many right answers a wrong note, an instruction or words in the picture take away, with intervals; a shortcut index, a conflict score, maps that passed a test, and a list of what was not asked.
#   ja: 誤ったメモ・紛れ込んだ指示・画像内の文字が正答をどれだけ奪うか（区間つき）、ショートカット指数、食い違いのスコア、検証に合格した説明図、そして調べていないことの一覧。
# minutes: {cpu: 2, gpu: 3}
# ---
# %%
import pandas as pd

from kit import diagnosis
from kit.data import only_deciding, own_evidence, text_perturbations, words_in_picture
from kit.data.media import load_image
from kit.data.perturbations import exchanged_text, grain
from kit.diagnosis.scenarios import said_beside
from kit.language import say
from kit.show.evidence import beside_evidence, conflict_roc, evidence_map
from poc.audit import lines_of
from poc.lesson import open_lesson, trusting_model
from poc.price import price
from poc.untested import not_tested
from poc.words import ARMS, name_of_perturbation, said_of_copying

# %% tags=["parameters"]
preset = "tiny"  # tiny: the shipped model on two CPU cores; laptop: 16 GB RAM; gpu: one 24 GB card
use_case = "inspection"  # a name in sample_data/company, or the path of your own folder
model = ""  # a catalogue name, a hub id or a folder; empty: the preset's default
run = ""  # a run's folder; empty: your newest run of this use case, else the shipped example
language = ""  # en or ja; empty: that of this notebook
rows = 40  # held-out rows that are asked, each about twenty-five times; `poc diagnose RUN` asks 120
explained = 8  # rows of the deletion test, each asked 43 times

# %%
lesson = open_lesson(preset, use_case, model, run, language)
lesson

# %% [markdown] lang="en"
# ## The most expensive mistake of an inspection PoC
#
# The photo decides. Beside it stands the previous inspector's note, which was right in 96 % of the training rows. A model that learns to read the note instead of the photo looks excellent on every test set in which the notes are right as well, and lets a bad part pass on the day a note
# is wrong. Accuracy cannot see this. An **intervention** can: change what should *not* decide, leave what decides as it is, and look whether the answer moves.
#
# The model asked here was tuned on the rows as they are, with every note shown (`python -m benchmarks.cure` made it; it ships in `sample_data/trusting`). The run of notebook 04 saw the note in half of the rows only. Name a run of yours above, and yours is asked.
# %% [markdown] lang="ja"
# ## 検査 PoC で最も高くつく間違い
#
# 判断するのは写真です。そばには前の検査員のメモがあり、学習データでは 96 % が正しい内容でした。写真ではなくメモを読むことを覚えたモデルは、メモが正しい評価データでは優秀に見え、メモが誤っていた日に不良品を通します。正答率では見抜けません。
# 見抜くのは**介入**です。判断に使うべき*でない*情報だけを変え、判断に使う情報はそのままにして、答えが動くかを見ます。
#
# ここで調べるのは、メモをすべて見せたまま微調整したモデルです（`python -m benchmarks.cure` で作成し、`sample_data/trusting` に同梱）。ノートブック 04 の実行では、メモは半分の行でしか見せていません。上のパラメーターで実行を指定すると、そのモデルを調べます。
# %%
asked, which = trusting_model(lesson)
held = lesson.few("test", rows)
train = lesson.split("train")
print(which)
print(f"{len(held)} held-out rows; decided by {', '.join(lesson.use.decided_by)}")

# %%
words = [said_beside(s) for s in train]
told = [(s, says) for s, says in zip(train, words) if says]
print(f"training rows whose note or recording names an option: {len(told)} of {len(train)}, right in {sum(s.answer == says for s, says in told) / max(len(told), 1):.0%}")

# %% [markdown] lang="en"
# ## Ask it again, with something beside the evidence
#
# Each perturbation is a pure function from a sample to a sample; no file is touched. The clean side is the row with **nothing but what decides it**, so that the perturbation is the only difference. Among them: unrelated facts, a misleading note in two wordings, an instruction that slipped into
# the text, words on a strip of the picture (with an empty strip as control), a grainy camera, the text of another row, and what was **found in your own rows**: notes that named another answer than their label. A matching note is the control: a good model does not get worse by it.
#
# Each picture and each recording is encoded once, whatever stands beside it, and what questions about the same media have in common is read once (`kit/evaluation/shared_prefix.py`; benchmarks/interference.csv).
# %% [markdown] lang="ja"
# ## 余計な情報を添えて、聞き直す
#
# 撹乱は「サンプル → サンプル」の純粋な関数で、ファイルには触れません。比較の基準は**判断に使う情報だけ**の行なので、違いは撹乱だけです。無関係な事実、2 通りの言い回しの誤ったメモ、文章に紛れ込んだ指示、画像内の帯に書かれた文字（空白の帯が対照）、ざらついたカメラ、別の行の文章、自社の録音で話された誤ったラベル、
# そして**自社の行から見つかった**もの（ラベルと違う答えを述べていたメモ）を使います。正しいメモは対照で、良いモデルなら悪くなりません。
#
# 画像と録音の符号化は、何を添えても 1 つにつき 1 回、同じメディアについての質問に共通する部分の読み取りも 1 回で済みます（`kit/evaluation/shared_prefix.py`、benchmarks/interference.csv）。
# %%
found = diagnosis.mined(train, most=4)
every = [*text_perturbations(), own_evidence("text"), exchanged_text(train), *words_in_picture(), grain(), *diagnosis.spoken_labels(train), *(scenario.as_perturbation() for scenario in found)]
perturbations = [p for p in every if any(p(s) is not None for s in held)]
trials = diagnosis.ask(asked, held, perturbations)
table = diagnosis.by_perturbation(trials)
print(f"{len(trials)} questions; found in the rows: {', '.join(s.name for s in found) or 'nothing'}")

# %%
names = {p.name: name_of_perturbation(p.name) for p in perturbations}
beside_evidence(table, names)

# %%
percent = lambda row, name: f"{100 * row[name]:.0f} [{100 * row[name + '_low']:.0f}, {100 * row[name + '_high']:.0f}]"  # noqa: E731
shown, right, follows, copies = say("beside the evidence", "添えた情報"), say("right, %", "正答 %"), say("follows it, %", "従った %"), say("right by copying it, %", "写すだけの正答 %")
lines = [{shown: names[row["perturbation"]], "n": row["n"], right: percent(row, "perturbed"), say("lost, points", "失われた正答"): percent(row, "lost"),
          say("changed, %", "変わった回答 %"): percent(row, "flips"), follows: "–" if pd.isna(row["followed"]) else percent(row, "followed"), copies: "–" if pd.isna(row["copied"]) else percent(row, "copied"),
          say("sure when wrong", "誤答時の確信"): "–" if pd.isna(row["sure_when_wrong"]) else f"{row['sure_when_wrong']:.2f}"}
         for row in table.sort_values("lost", ascending=False).to_dict("records")]  # fmt: skip
copied = diagnosis.copying(trials)
if copied["beside"]:
    lines.append({shown: say(*ARMS["copy_note"].values()), "n": copied["beside"][3], right: "{:.0f} [{:.0f}, {:.0f}]".format(*(100 * value for value in copied["beside"][:3])), follows: "100"})
pd.DataFrame(lines).set_index(shown).fillna("–")

# %%
modalities = [m for m in ("text", "image") if ((trials["modality"] == m) & ~trials["control"] & (trials["kind"] != "own")).any()]
findings = [diagnosis.interference(trials, modality) for modality in modalities]
share, low, high = diagnosis.worst_of(trials)
print(*lines_of(findings), sep="\n")
print(f"right whatever is shown beside it: {share:.0%} [{low:.0%}, {high:.0%}] of the rows")

# %% [markdown] lang="en"
# ## Compared with no model at all
#
# Somebody who simply copies what the evidence names: the last row of the table, and in each row "right by copying it". Where the note is wrong he is always wrong; the further the model's row is from his, the less it copies. With the rows' own notes he is right as often as the notes are.
# %% [markdown] lang="ja"
# ## モデルなしと比べる
#
# 情報が述べる答えをそのまま写すだけの人と比べます（表の最後の行と、各行の「写すだけの正答」）。メモが誤っていれば必ず間違えます。モデルの行がこの人から離れているほど、写していないことになります。各行自身のメモでは、メモが正しい割合だけ正解します。
# %%
worst = findings[0].evidence["worst"] if findings else ""
print(say(*ARMS["copy_note"].values()) + ":", say(*said_of_copying(copied).values()))
print(f"{names.get(worst, worst)}: model right {table.set_index('perturbation').loc[worst, 'perturbed']:.0%}" if findings else "")

# %% [markdown] lang="en"
# Which answers suffer, and in which lots? An average hides the class that a note turns most easily.
# %% [markdown] lang="ja"
# どの答え、どのロットで被害が大きいでしょうか。平均は、最も流されやすい答えを隠します。
# %%
shares = diagnosis.within(trials, worst, "answer")
shares

# %%
diagnosis.within(trials, worst, "group")

# %% [markdown] lang="en"
# ## What it costs
#
# What the answers cost more beside a wrong note, at the costs of poc.yaml, × how often notes are wrong in production. First as counted in your labelled rows, then with a share that is **assumed**; `poc diagnose RUN --wrong-notes SHARE` takes yours.
# %% [markdown] lang="ja"
# ## いくらかかるか
#
# 誤ったメモで増える誤答の費用（poc.yaml の costs）× メモが現場で誤っている頻度。まずラベル付きの行から数えた割合で、次に**仮定**の割合で示します。自社の割合は `poc diagnose RUN --wrong-notes 割合` で指定できます。
# %%
wrong_notes = 0.05
for share in (None, wrong_notes):
    print(say(*price(lesson.use, trials, lesson.folder.samples, share)["said"].values()))

# %% [markdown] lang="en"
# ## Does it look at the photo at all?
#
# The opposite question: change what **should** decide, and the answer must follow. It is asked twice, with the photo alone and with the row's own note beside it: a model may read the photo where nothing else is there, and stop looking as soon as there is a note. And both at once, in the 2×2 grid of two real rows: whose photo, whose note? The Shortcut Index is 0 when only the photo counts, and 1 when only the note does.
# %% [markdown] lang="ja"
# ## そもそも写真を見ているか
#
# 逆の問いです。判断に使う**べき**情報を変えたら、答えはそれに従わなければなりません。写真だけの場合と、その行のメモを添えた場合の 2 回尋ねます。ほかに何もなければ写真を読み、メモがあると見なくなるモデルがあるからです。さらに両方を同時に、実在する 2 行の 2×2 表で調べます。誰の写真で、誰のメモか。ショートカット指数は、写真だけで決まれば 0、メモだけで決まれば 1 です。
# %%
decided = lesson.use.decided_by[0]
alone, beside = diagnosis.ask_sensitivity(asked, held), diagnosis.ask_sensitivity(asked, [s for s in held if only_deciding(s) != s], bare=False)
print(*lines_of([diagnosis.sensitivity(swapped, swapped is beside) for swapped in (alone, beside) if (swapped["kind"] == "exchanged").any()]), sep="\n")

# %%
try:
    pairs = diagnosis.grid_pairs(lesson.few("test", 4 * rows), decided, "text")[:40]
except ValueError as error:
    print(error)
else:
    grid = diagnosis.counterfactual_grid(asked, pairs, decided, "text")
    index = diagnosis.shortcut_index(grid, decided, "text")
    print(*lines_of([index]), sep="\n")

# %% [markdown] lang="en"
# ## Does it notice a contradiction?
#
# The model answers to each kind of evidence alone; where both answers are sure and differ, the row goes to a person. The ROC is measured on planted contradictions: each row with a note that agrees and with one that does not. The score says that two sources disagree, not which one is right.
# %% [markdown] lang="ja"
# ## 食い違いに気づくか
#
# 情報を一つずつ見せて答えさせ、どちらも確信があって答えが違えば、人に回します。ROC 曲線は、仕込んだ食い違い（同じ行に、一致するメモと矛盾するメモ）で測ります。このスコアは二つの情報が食い違うことだけを示し、どちらが正しいかは示しません。
# %%
note = {p.name: p for p in text_perturbations(("en",))}
both = [(made, kind) for s in held for name, kind in (("matching note (en)", False), ("misleading note A (en)", True)) if (made := note[name](s)) is not None]
if {kind for _, kind in both} == {False, True}:
    disagreement = diagnosis.conflict(diagnosis.conflict_scores(asked, [s for s, _ in both]), [kind for _, kind in both])
    print(*lines_of([disagreement]), sep="\n")
    picture = conflict_roc(disagreement.evidence["roc"], (disagreement.evidence["false_alarms"], disagreement.evidence["caught"]))
else:
    picture = say("the text decides here: no note can contradict it", "ここでは文章が判断に使われるため、矛盾するメモはありません")
picture

# %% [markdown] lang="en"
# ## Where does the answer come from?
#
# Causal first: hide a piece and watch the answer. A coloured map always looks convincing, so it must pass a test before anybody sees it: hiding the **marked** 15 % must take more from the answer than hiding 15 % by chance: on five rows or more, with an interval above 0, and by 0.1 nats or more. If not, no map is shown.
# %% [markdown] lang="ja"
# ## 答えはどこから来るか
#
# まず因果で確かめます。一部を隠し、答えの変化を見ます。色つきの説明図はいつも説得力があるように見えるため、表示の前に検証します。**印を付けた** 15 % を隠したほうが、無作為に 15 % を隠すより答えが弱まらなければなりません（5 行以上、区間が 0 より上、差が 0.1 nat 以上）。合格しなければ、図は表示しません。
# %%
plain = [only_deciding(s) for s in held if decided in s.decided_by][:explained]
test = diagnosis.deletion_test(diagnosis.ask_hidden(asked, plain, decided), decided)
print(*lines_of([test]), sep="\n")

# %%
if diagnosis.is_shown(test) and decided == "image":
    case = plain[0]
    picture = evidence_map(load_image(case.image[0]), diagnosis.importance(asked, case, "image"), f"{case.id}: {case.answer}")
else:
    picture = say("no map: it did not pass, or the evidence is no picture", "図は表示しません（検証に不合格、または画像ではありません）")
picture

# %% [markdown] lang="en"
# ## What was not asked
#
# Silence is no health. Write what misleads in your plant under `scenarios` in poc.yaml, and it is asked each time: `scenarios: [{name: old stamp, text: "Last shift: {wrong}"}]`, or a file with `image:`, `audio:` or `video:` and the answer that it names with `says:`.
# %% [markdown] lang="ja"
# ## 調べていないこと
#
# 聞いていないことは、健全という意味ではありません。現場で誤解を招くものを poc.yaml の `scenarios` に書けば、毎回調べます：`scenarios: [{name: 前直のスタンプ, text: "前直：{wrong}"}]`。ファイルなら `image:`、`audio:`、`video:` と、それが示す答えの `says:` を書きます。
# %%
print(*not_tested(held, found, perturbations, every), sep="\n")

# %% [markdown] lang="en"
# Would the probe notice? A planted fault: the same questions, answered by copying whatever is named.
# %% [markdown] lang="ja"
# この検査は本当に気づくのでしょうか。わざと故障を仕込みます。同じ質問に、書かれたものを写すだけで答えさせます。
# %%
copying = trials.assign(predicted=trials["named"].where(trials["named"] != "", trials["predicted"]))
planted = diagnosis.interference(copying, modalities[0])
assert planted.verdict == "bad" and planted.value >= findings[0].value
print(planted.verdict, planted.summary)

# %% [markdown] lang="en"
# ## On your own run
#
# `poc diagnose RUN` asks all of this of a finished run, writes it into the report (section *What it believes*) and keeps the questions as a versioned set (`diagnosis_set.jsonl`). With `gates: {robust_drop: 0.05}` in poc.yaml a run asks by itself, and a model that loses more than five points to the worst kind is no go.
#
# ## To read on
#
# * *Diagnosing and mitigating modality interference in multimodal LLMs* (arXiv 2505.19616), sections 3 and 4; *Words or Vision* (2503.02199): why a matching note is asked, too.
# * DMC-Repair (2609.36798): the counterfactual grid and the Shortcut Index. MoD-DPO (2603.03192): invariance and sensitivity.
# * Zeiler and Fergus (1311.2901), section 4.2: occlusion. Search words: *spurious correlation, shortcut learning, deletion test*
# %% [markdown] lang="ja"
# ## 自社の実行で
#
# `poc diagnose RUN` は、終わった実行にこれらをすべて尋ね、レポート（「何を信じているか」の節）に書き、質問を版つきの集合（`diagnosis_set.jsonl`）として残します。poc.yaml に `gates: {robust_drop: 0.05}` と書けば実行のたびに自動で調べ、最悪の種類で 5 ポイントを超えて失うモデルは「進む」になりません。
#
# ## さらに読む
#
# * *Diagnosing and mitigating modality interference in multimodal LLMs*（arXiv 2505.19616）3 節と 4 節。*Words or Vision*（2503.02199）：正しいメモも尋ねる理由。
# * DMC-Repair（2609.36798）：反実仮想の表とショートカット指数。MoD-DPO（2603.03192）：不変性と感度。
# * Zeiler と Fergus（1311.2901）4.2 節：遮蔽。検索語：*spurious correlation, shortcut learning, deletion test*
