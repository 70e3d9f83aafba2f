# ---
# title: {en: Your company's data, ja: 会社のデータを整える}
# result:
#   en: your folder read as samples, its faults, an audit (copies, doubtful labels, leaks, shortcuts, personal data) with what each costs to mend, and a widget to look at the evidence.
#   ja: フォルダーから読み込んだサンプル、不備の一覧、検査の所見（重複、疑わしいラベル、漏れ、近道、個人情報）とその手間、そして現物を見て回れるウィジェット。
# minutes: {cpu: 1, gpu: 1}
# ---
# %%
import random
import tempfile
from dataclasses import replace
from pathlib import Path

import pandas as pd
from IPython.display import HTML

from kit import show
from kit.curation import audit, gather, mask_folder, price_of_privacy, with_features
from kit.curation.personal import masked_text
from kit.data import MODALITIES, read_folder
from kit.evaluation import copy_note, evaluate
from kit.labelling import Bench, entries_in, pressed, reply, values, what_people_say
from kit.models import load
from poc.arms import mixed_rows
from poc.audit import TINY, lines_of
from poc.convert import convert, converted_lines
from poc.lesson import COMPANY, GUARD, open_lesson
from poc.passport import passport_faults
from poc.record import mix_of
from poc.usecase import data_hash, load_usecase

# %% tags=["parameters"]
preset = "tiny"  # tiny: the shipped model on two CPU cores; laptop: 16 GB RAM; gpu: one 24 GB card
use_case = "inspection"  # a name in sample_data/company, or the path of your own folder
model = ""  # a catalogue name, a hub id or a folder; empty: the preset's default
run = ""  # a run's folder; empty: your newest run of this use case, else the shipped example
language = ""  # en or ja; empty: that of this notebook
rows = 180  # training rows that are audited, and half as many of the test; `poc check DIR` audits all

# %%
lesson = open_lesson(preset, use_case, model, run, language)
lesson

# %% [markdown] lang="en"
# ## From a folder to samples
#
# Beside the photos, voices or videos lies a table with one row per case. The reader takes what Japanese offices really produce: cp932 or UTF-8 with BOM, Excel, full-width digits, decomposed file names, HEIC from a phone. Without a table it reads a
# folder per class, or a flat folder without labels.
# %% [markdown] lang="ja"
# ## フォルダーからサンプルへ
#
# 写真、音声、動画の隣に、1 行 1 件の表を置きます。cp932 や BOM つき UTF-8、Excel、全角数字、Mac で作られた NFD のファイル名、スマートフォンの HEIC も、そのまま読めます。
# 表がなければ、クラスごとのフォルダーや、ラベルのないフォルダーとして読みます。
# %%
folder = lesson.folder
print(f"{folder.source}: {len(folder.samples)} samples, {len(folder.faults)} faults, {len(folder.unlisted)} files that no row names")
print("groups:", folder.group_rule)
sample = lesson.split("train")[2]
pd.Series({name: value for name, value in vars(sample).items() if value} | {"image": [path.name for path in sample.image]}).to_frame("")

# %% [markdown] lang="en"
# Three fields deserve a second look. `decided_by` names the evidence that *should* decide; everything else is irrelevant for this sample and must not sway the answer. `group` is what may never be split between training and test (a lot, a
# device, a speaker). `text` is evidence in words, such as the previous inspector's note: helpful, and sometimes wrong.
# %% [markdown] lang="ja"
# 特に大切な項目が 3 つあります。`decided_by` は**判断に使う情報**で、それ以外は答えを左右してはいけません。`group` は学習と評価に分けてはいけないまとまり（ロット、設備、話者など）です。
# `text` は言葉の情報で、前工程の検査員のメモなどが入ります。役に立ちますが、間違っていることもあります。
# %%
HTML(show.sample_card(sample))

# %% [markdown] lang="en"
# ## What is there, and what is missing
# %% [markdown] lang="ja"
# ## 何があり、何が足りないか
# %%
have = {name: {m: sum(m in s.modalities for s in them) for m in MODALITIES} | {"rows": len(them)} for name, them in folder.by_split.items()}
absent = [m for m in MODALITIES if not any(counts[m] for counts in have.values())]
print("not in this folder:", ", ".join(absent) or "nothing; all four modalities are here")
pd.DataFrame(have).T

# %%
pd.crosstab([s.answer for s in folder.samples if s.answer], [s.split for s in folder.samples if s.answer], rownames=["answer"], colnames=["split"])

# %% [markdown] lang="en"
# What your folder lacks, the sample company shows: the first sample with each missing kind of evidence, so that you know what you could add later. Starting with one kind is fine.
# %% [markdown] lang="ja"
# このフォルダーにない種類の情報は、サンプル会社の例でお見せします。後から何を足せるかの参考にしてください。1 種類から始めて構いません。
# %%
company = [read_folder(path.parent, load_usecase(path.parent), verify=False) for path in sorted(COMPANY.glob("*/poc.yaml"))]
lent = [next((s for other in company for s in other.samples if m in s.modalities), None) for m in absent]
HTML("".join(show.sample_card(s) for s in lent if s))

# %% [markdown] lang="en"
# ## Three layers of data
#
# **General** data keeps what every model should know. **Task** data teaches a kind of task, not your company. **Domain** data is yours, and only it is measured on. A fine-tuning on domain data alone may quietly lose general ability, which is why
# some general rows are replayed (`training.replay`), the guard set is measured before and after, and `training.task_share` says how much of the training is task data. Rows that a program made carry `generated`; they are never measured on, and learned
# from only where they help on real rows. A folder of your own is usually all domain data, and that is fine.
# %% [markdown] lang="ja"
# ## 3 つのデータ層
#
# **general** はどのモデルも知っているべき一般的なデータ、**task** は会社に依存しない作業の型、**domain** は皆さんの会社のデータで、評価は domain の行だけで行います。domain だけで微調整すると、一般能力が静かに失われることがあります。
# そのため、general の行を少し混ぜ（`training.replay`）、見張りを学習の前後で測ります。task の割合は `training.task_share` で決めます。プログラムで作った行には `generated` を付けます。評価には決して使わず、実データで役立つと示せたときだけ学習に使います。
# 自社のフォルダーがすべて domain でも問題ありません。
# %%
guard, training = read_folder(GUARD, verify=False).samples, lesson.use.training
trained = mixed_rows(lesson.split("train"), GUARD, training, training.seed)
print(f"training mixes: replay {training.replay:.0%}, task_share {training.task_share:.0%}; guard set: {sum(s.split != 'train' for s in guard)} general rows that are never trained on")
pd.DataFrame(mix_of(lesson.directory, folder.samples, trained)).T

# %% [markdown] lang="en"
# ## Faults
#
# A row that cannot be used is never dropped in silence. To show what you would see, here are four broken rows in a folder made for the purpose; each fault names the row, the problem and the fix. `poc check DIR` prints the same, and `poc run`
# refuses to start until they are mended or you say `--skip-bad`.
# %% [markdown] lang="ja"
# ## 不備
#
# 使えない行を黙って捨てることはありません。わざと壊した 4 行を含む小さなフォルダーで、表示を見てみましょう。どの行の何が悪く、どう直すかが出ます。`poc check DIR` でも同じ一覧が出ます。
# 直すか `--skip-bad` を付けるまで、`poc run` は始まりません。
# %%
broken = Path(tempfile.mkdtemp())
good = [f"a{i},,note {i},Which defect?,ok|scratch,{answer}" for i, answer in enumerate(("ok", "ok", "scratch", "scratch"))]
bad = ["a3,,twice,Which defect?,ok|scratch,ok", "a4,,typo,Which defect?,ok|scratch,scrach", "a5,,drawn by a program,Which defect?,ok|scratch,ok,test,yes",
       "a6,IMG_0006.jpg,,Which defect?,ok|scratch,ok"]  # fmt: skip
(broken / "metadata.csv").write_text("\n".join(["id,image,text,question,options,answer,split,generated", *good, *bad]), encoding="cp932")
print(*read_folder(broken).faults, sep="\n")
print(f"\n{use_case}: {len(folder.faults)} faults", *folder.faults[:10], sep="\n")

# %% [markdown] lang="en"
# ## The audit
#
# Faults are what the reader cannot use. What hurts more are rows that read well and mislead: copies, labels that are wrong, a lot in other light, a column that gives the answer away, names in a note. `poc check DIR` looks for all of them; here the
# same code runs on a part of the rows, and `poc check DIR --page audit.html` lists every row of every finding, with pictures. It looks at every file once, and asks a classifier that never saw a row's lot what it thinks of the row's label. The classifier reads frozen features, which makes it a proxy for the model to come.
# %% [markdown] lang="ja"
# ## 検査
#
# 不備は「読めない行」です。もっと困るのは、読めるのに判断を誤らせる行です。重複、誤ったラベル、照明の違うロット、答えを漏らす列、メモの中の氏名など。`poc check DIR` はそのすべてを調べます。ここでは同じコードを一部の行で動かします。`poc check DIR --page audit.html` は、全ての指摘の全行を画像つきのページに書き出します。
# 各ファイルを一度だけ見て、その行のロットを学習していない分類器に、ラベルが妥当かを尋ねます。分類器は固定した特徴量を読むもので、これから作るモデルの代用です。
# %%
part = tuple(lesson.few("train", rows) + lesson.few("test", rows // 2))
material = with_features(gather(part, folder.faults, lesson.use.options or folder.options), load(TINY))
findings = {finding.name: finding for finding in audit(material)}
print(*lines_of(list(findings.values())), sep="\n")

# %% [markdown] lang="en"
# Every finding names its rows, what to do, and what that costs. None of them changes a row: a person decides.
#
# **Copies.** The same photo filed twice is harmless until one copy lands in training and the other in the test: then the test asks what was already answered.
# %% [markdown] lang="ja"
# どの所見にも、該当する行、対処、その手間が書かれています。行を勝手に変えることはありません。決めるのは人です。
#
# **重複。** 同じ写真が 2 回登録されていても、それだけなら害はありません。困るのは、片方が学習に、もう片方が評価に入ったときです。答えを教えた問題で試験をすることになります。
# %%
by_id = {s.id: s for s in part}
pairs = [pair for name in ("exact duplicates", "near duplicates") for pair in findings[name].evidence["pairs"]]
shown = [by_id[i] for pair in pairs[:4] for i in pair]
show.sample_grid(shown) if shown and shown[0].image else print(f"{len(pairs)} pairs of copies among these rows")

# %% [markdown] lang="en"
# **Doubtful labels,** the least believed first. Look through the whole list (a tenth of the rows): a run of right labels does not mean that none is left. On all rows the list held all 19 errors that were planted here, on which the method was chosen, and 56 of 67 planted anew; most rows on it are right. That the classifier
# disagrees proves nothing: it is often the one that is wrong. How many labels are wrong is told by people who look: `poc label`, then `poc agreement`.
# %% [markdown] lang="ja"
# **疑わしいラベル。** 疑わしい順の一覧（行の 1 割）です。正しいものが続いても途中でやめず、最後まで見直してください。全行で調べると、ここで仕込んだ誤り 19 件はすべて一覧に含まれていました（手法はこのデータで選びました）。別に仕込み直した 67 件では 56 件です。大半のラベルは正しいはずです。
# 分類器と食い違っても、ラベルが誤りとは限りません。間違っているのは分類器のほうかもしれません。誤りの割合は、人が見直すと分かります（`poc label` のあと `poc agreement`）。
# %%
doubtful = findings["probable label errors"].evidence
pd.DataFrame([(id, by_id[id].answer, doubtful["suggested"][id], doubtful["quality"][id]) for id in doubtful.get("ids", [])[:8]], columns=["id", "label", "classifier says", "believed"])

# %% [markdown] lang="en"
# ## The labelling bench
#
# Doubtful rows go to a person. The bench shows one row at a time, the least believable first, **without** the label that it has; a few rows are drawn at random instead, so that the share of wrong labels can be told for the whole folder, and a fifth
# are ones that somebody else has answered, so that agreement can be measured. Every answer is added to a log with who, when and how many seconds; it can be taken back, and your table is never modified. In the browser: `poc label DIR`. A folder without
# labels starts there. Here the log lies in a temporary folder.
# %% [markdown] lang="ja"
# ## ラベル付けの作業台
#
# 疑わしい行は人が見ます。作業台は、最も疑わしい行から 1 件ずつ、付いているラベルを**見せずに**表示します。一部は無作為に選んだ行で、フォルダー全体の誤りの割合を推定するためです。2 割はほかの人も答えた行で、一致度を測るためです。
# 回答は、誰が・いつ・何秒で答えたかとともに記録に追記されます。取り消しもでき、元の表は決して変更しません。ブラウザーでは `poc label DIR` です。ラベルのないフォルダーはここから始めます。下の記録は一時フォルダーに置きます。
# %%
log = Path(tempfile.mkdtemp())
order, worth = values(material)
bench = Bench(part, log, "you", worth)
desk = show.label_bench(bench, pressed, reply)
print(f"order: {order}, {len(worth)} rows")
desk

# %%
for key in ("1", "2", "u", "0"):  # as fingers would: two answers, one taken back, and a row that cannot be told
    desk.key.value = key
print(*(f"{entry.n} {entry.kind} {entry.sample} {entry.answer!r} after {entry.seconds:.1f} s" for entry in bench.log.entries()), sep="\n")

# %% [markdown] lang="en"
# How far do people agree? Two **invented** people answer below, one of whom slips in every eighth row; with your own labels, `poc agreement DIR` prints the same lines. Kappa is agreement beyond chance. An answer on which people differ will be learned badly
# by any model: write the rule down before you buy more labels.
# %% [markdown] lang="ja"
# 人どうしはどれだけ一致するでしょうか。下では**架空の** 2 人が答え、1 人は 8 行に 1 行の割合で間違えます。自社のラベルでは `poc agreement DIR` が同じ内容を表示します。κ（カッパ係数）は偶然を超えた一致の度合いです。人の意見が割れる答えは、どのモデルも学べません。
# ラベルを増やす前に、基準を文書にしてください。
# %%
slips, people = random.Random(0), tempfile.mkdtemp()
for name, often in (("A", 0.0), ("B", 1 / 8)):
    invented = Bench(part, people, name, worth, overlap=0.5)
    while invented.current and invented.done < 60:
        here = invented.current
        invented.answer(slips.choice(here.options) if slips.random() < often else here.answer)
print(*lines_of(what_people_say(entries_in(Path(people)), part)), sep="\n")

# %% [markdown] lang="en"
# ## A split that does not leak
#
# Photos of one lot share light, machine and material. Split row by row, the test is full of siblings of training photos, and every figure comes out too good; the first new lot then disappoints. So whole groups move together. How much a random
# split flatters is measured, with its interval; where the two agree, split by group all the same: it alone asks the question that you will face.
# %% [markdown] lang="ja"
# ## 漏れのない分割
#
# 同じロットの写真は、照明も機械も材料も似ています。1 枚ずつ無作為に分けると、評価データは学習データの兄弟だらけになり、数字が良く出すぎます。そして次の新しいロットで期待外れになります。そこで、グループは丸ごと動かします。
# 無作為な分割でどれだけ甘くなるかは、区間つきで測ります。差がなくても、グループごとに分けてください。本番の問いに答えるのはこちらだけです。
# %%
split = findings["random against honest split"]
print(split.summary)
pd.Series(split.evidence).round(3).to_frame("macro recall")

# %% [markdown] lang="en"
# ## The note that helps and misleads
#
# What foretells the label although it should not decide? A model will use whatever is easiest, and will be wrong exactly where that is wrong. Notebook 05 measures whether yours does; here you see the temptations, and the rows where evidence disagrees.
# %% [markdown] lang="ja"
# ## 助けにも、わなにもなるメモ
#
# 判断に使わないはずの情報が、ラベルを言い当てていないでしょうか。モデルは最も簡単な手がかりに頼り、それが間違っているときに同じ間違いをします。実際に頼っているかはノートブック 05 で測ります。ここでは誘惑の大きさと、情報が食い違う行を見ます。
# %%
tempting = pd.DataFrame(findings["shortcut features"].evidence["measured"]).T
tempting.sort_values("value", ascending=False).head(6) if len(tempting) else print("nothing to be tempted by")

# %%
noted = [s for s in part if s.text and s.split == "test"]
if noted:
    parrot = evaluate(copy_note([s for s in part if s.split == "train"], noted), list(lesson.use.options or folder.options))["accuracy"]
    print(f"the note alone answers {parrot['value']:.0%} [{parrot['low']:.0%}, {parrot['high']:.0%}] of {len(noted)} held-out rows that have one")
else:
    print("no row of this use case has a note: nothing to be tempted by")

# %% [markdown] lang="en"
# ## Personal data, and the passport
#
# Names, telephone numbers, addresses, My Number, faces and voices are found and told, never changed unasked: in notes, answers, groups, ids, file names, and in what photos say about themselves (positions, owners). `poc mask DIR OUT` writes a masked copy and measures what the masks cost. It is a help and no anonymisation: faces that are missed, faces in videos, voices, writing inside
# pictures and names in no list stay. Look through the copy before it leaves the company. Below, one sentence before and after, and the price of masking the faces of these rows, on hand-made features.
# %% [markdown] lang="ja"
# ## 個人情報とパスポート
#
# 氏名、電話番号、住所、マイナンバー、顔、声を見つけて知らせます。頼まれない限り変更はしません。メモのほか、答え、グループ、ID、ファイル名、写真に埋め込まれた情報（位置、所有者）も調べます。`poc mask DIR OUT` はマスクした写しを作り、そのために精度がどれだけ下がるかを測ります。これは助けであって、匿名化ではありません。見落とした顔、動画の顔、声、画像内の文字、
# 一覧にない氏名は残ります。社外に出す前に、写しを目で確かめてください。下は 1 文の前と後、そしてこの行の顔をマスクした代償（手作りの特徴量による目安）です。
# %%
sentence = "欠けあり。佐藤太郎さんに連絡済み 080-0000-9012, mail yamada.ken@example.co.jp"
print(sentence, masked_text(sentence), sep="\n")
little = with_features(gather(part[-160:]))
copied = mask_folder(little, Path(tempfile.mkdtemp()) / "masked")
seen = replace(little, samples=tuple(row.replace(id=old) for old, row in copied.samples.items()), looks={})
price = price_of_privacy(little, with_features(seen))
print(f"{len(copied.pictures)} pictures and the words of {len(copied.rows)} rows were masked", *lines_of([price]), sep="\n")

# %% [markdown] lang="en"
# The passport (`dataset.yaml`) says what no program can see: licence, purpose, whose drawings and parts these are, who labelled them. `poc check` fails while such a field is empty; `poc passport DIR` writes the file to fill in, then the Croissant
# description and a dataset card in both languages.
# %% [markdown] lang="ja"
# パスポート（`dataset.yaml`）には、プログラムには分からないことを書きます。ライセンス、利用目的、図面や部品の権利者、ラベル付けの担当者などです。空のままだと `poc check` が知らせます。`poc passport DIR` は記入用のひな形を、記入後は Croissant 形式の記述と日英のデータセットカードを書きます。
# %%
print(*(passport_faults(lesson.directory) or ["the passport is complete"]), sep="\n")

# %% [markdown] lang="en"
# ## Few labels, and other tools
#
# Too few labels? `poc forecast DIR` tells how many more the gate needs, and hours; notebook 03 draws the curve, and notebook 04 shows what made few labels teach more, and what did not. The rows can leave and come back: `poc convert DIR OUT --to llama-factory` (or ms-swift, trl, llava, hugging-face). What a format cannot hold is refused by
# row, the rest returns as it was. Below, these rows for TRL.
# %% [markdown] lang="ja"
# ## ラベルが少ないとき、ほかのツールとのやりとり
#
# ラベルが足りないときは、`poc forecast DIR` が判定基準までに必要な件数と時間を見積もります。曲線はノートブック 03、少ないラベルを活かす方法（役立ったもの、役立たなかったもの）はノートブック 04 にあります。行は持ち出して戻せます：`poc convert DIR OUT --to llama-factory`（ほかに ms-swift、trl、llava、hugging-face）。
# 形式で扱えない行は理由つきで除き、残りは元どおりに戻ります。下は、この行を TRL 用に書き出したものです。
# %%
written = convert(lesson.directory, Path(tempfile.mkdtemp()) / "trl", "trl")
print(*converted_lines(written)[:4], sep="\n")

# %% [markdown] lang="en"
# ## Look at it yourself
#
# Half an hour with your own data prevents more failures than any setting. One sample at a time, with a slider.
# %% [markdown] lang="ja"
# ## 自分の目で見る
#
# 自社のデータを 30 分眺めることは、どんな設定よりも失敗を防ぎます。スライダーで 1 件ずつ見られます。
# %%
looked_at = lesson.few("test", 24)
browser = show.browse_samples(looked_at)
browser

# %%
browser.slider.value = 5  # as a hand would move it
assert browser.view.value == show.sample_card(looked_at[5]) != show.sample_card(looked_at[0])

# %% [markdown] lang="en"
# The fingerprint of exactly these rows and files. Every run writes it down, so that a result can never be attributed to data it was not made with.
# %% [markdown] lang="ja"
# 最後は、この行とファイルの指紋（ハッシュ）です。実行のたびに記録されるので、結果がどのデータで得られたかを取り違えることがありません。
# %%
data_hash(folder.samples)[:16]

# %% [markdown] lang="en"
# ## To read on
#
# * Kapoor, Narayanan, *Leakage and the Reproducibility Crisis in ML-based Science* (arXiv 2207.07048), section 3: a taxonomy of leaks; ours is "non-independence between training and test".
# * Northcutt, Jiang, Chuang, *Confident Learning* (JAIR 2021), section 3: how label errors are estimated. Geirhos et al., *Shortcut Learning in Deep Neural Networks* (2020).
# * Sechidis, Tsoumakas, Vlahavas, *On the Stratification of Multi-Label Data* (2011): the rule behind the split.
# * *Large Multimodal Datasets* survey (arXiv 2412.17759): general, task-specific and domain-specific data. Search words: *perceptual hash, confident learning, group-aware split, Croissant, dataset card*
# %% [markdown] lang="ja"
# ## さらに読む
#
# * Kapoor, Narayanan, *Leakage and the Reproducibility Crisis in ML-based Science*（arXiv 2207.07048）3 節：漏れの分類。ここで扱ったのは「学習と評価の非独立」です。
# * Northcutt, Jiang, Chuang, *Confident Learning*（JAIR 2021）3 節：誤ラベルの推定。Geirhos ほか *Shortcut Learning in Deep Neural Networks*（2020）。
# * Sechidis, Tsoumakas, Vlahavas, *On the Stratification of Multi-Label Data*（2011）：分割の規則の出典。
# * 大規模マルチモーダルデータセットのサーベイ（arXiv 2412.17759）：一般、タスク、ドメインのデータ。検索語：*perceptual hash, confident learning, group-aware split, データリーク, Croissant*
