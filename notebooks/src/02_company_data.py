# ---
# title: {en: Your company's data, ja: 会社のデータを整える}
# result:
#   en: your folder read as samples, a list of its faults and duplicates, a split that does not leak, and a widget to look at the evidence.
#   ja: フォルダーから読み込んだサンプル、不備と重複の一覧、評価に漏れない分割、そして現物を見て回れるウィジェット。
# minutes: {cpu: 1, gpu: 1}
# ---
# %%
import tempfile
from pathlib import Path

import pandas as pd
from IPython.display import HTML

from kit import show
from kit.data import LAYERS, MODALITIES, near_pairs, read_folder, split_samples
from kit.evaluation import cheap_model, copy_note, evaluate
from poc.lesson import COMPANY, GUARD, open_lesson
from poc.usecase import data_hash, load_usecase

# %% tags=["parameters"]
preset = "tiny"  # tiny: the shipped model on two CPU cores; laptop: 16 GB RAM; gpu: one 24 GB card
use_case = "inspection"  # a name in sample_data/company, or the path of your own folder
model = ""  # a catalogue name, a hub id or a folder; empty: the preset's default
run = ""  # a run's folder; empty: your newest run of this use case, else the shipped example
language = ""  # en or ja; empty: that of this notebook
rows = 240  # rows of the leak experiment; more rows, narrower intervals

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

# %%
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
# **General** data keeps what every model should know (the guard set). **Task** data teaches a kind of task, not your company. **Domain** data is yours. A fine-tuning on domain data alone may quietly lose general ability, which is why the
# guard set is measured before and after. A folder of your own is usually all domain data, and that is fine.
# %% [markdown] lang="ja"
# ## 3 つのデータ層
#
# **general** はどのモデルも知っているべき一般的なデータで、一般能力の見張りに使います。**task** は会社に依存しない作業の型、**domain** は皆さんの会社のデータです。domain だけで微調整すると、一般能力が静かに失われることがあります。
# そのため、見張りを学習の前後で測ります。自社のフォルダーがすべて domain でも問題ありません。
# %%
guard = read_folder(GUARD, verify=False).samples
pd.DataFrame({name: pd.Series([s.data_layer for s in them]).value_counts() for name, them in (("use case", folder.samples), ("guard set", guard))}).reindex(LAYERS).fillna(0).astype(int)

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
bad = ["a3,,twice,Which defect?,ok|scratch,ok", "a4,,typo,Which defect?,ok|scratch,scrach", "a5,,nobody knows,Which defect?,ok|scratch,",
       "a6,IMG_0006.jpg,,Which defect?,ok|scratch,ok"]  # fmt: skip
(broken / "metadata.csv").write_text("\n".join(["id,image,text,question,options,answer", *good, *bad]), encoding="cp932")
print(*read_folder(broken).faults, sep="\n")

# %%
print(f"{use_case}: {len(folder.faults)} faults", *folder.faults[:10], sep="\n")

# %% [markdown] lang="en"
# ## Duplicates
#
# The same photo filed twice is harmless until one copy lands in training and the other in the test: then the test asks what was already answered. The kit compares 64-bit perceptual hashes of all photos (and the bytes of all sounds and videos).
# %% [markdown] lang="ja"
# ## 重複
#
# 同じ写真が 2 回登録されていても、それだけなら害はありません。困るのは、片方が学習に、もう片方が評価に入ったときです。答えを教えた問題で試験をすることになります。写真は 64 ビットの知覚ハッシュで、音声と動画はファイルの中身で、すべての組を比べます。
# %%
by_id = {s.id: s for s in folder.samples}
pairs = sorted(near_pairs(folder.samples), key=lambda pair: pair[2])
twins = pd.DataFrame([(a, b, bits, by_id[a].answer, by_id[b].answer, by_id[a].group == by_id[b].group) for a, b, bits in pairs],
                     columns=["a", "b", "bits apart", "answer a", "answer b", "same group"])  # fmt: skip
copies = twins[twins["bits apart"] == 0]
print(f"{len(copies)} pairs look identical (0 bits apart), {(copies['answer a'] != copies['answer b']).sum()} of them with two different answers; {len(twins) - len(copies)} look alike")
twins.head(10)

# %% [markdown] lang="en"
# Zero bits apart is a copy until proven otherwise: keep one. A few bits apart can be a copy saved again or simply the same part under the same camera, so a person looks.
# %% [markdown] lang="ja"
# 差が 0 ビットなら、まず同じ写真です。片方だけ残してください。数ビットの差は、保存し直した写真のこともあれば、同じ部品を同じカメラで撮っただけのこともあります。最後は人の目で確かめます。
# %%
shown = [by_id[i] for pair in pairs[:4] for i in pair[:2]]
show.sample_grid(shown) if shown and shown[0].image else print("no near-duplicate pictures here")

# %% [markdown] lang="en"
# ## A split that does not leak
#
# Photos of one lot share light, machine and material. Split row by row, the test is full of siblings of training photos, and every figure comes out too good; the first new lot then disappoints. So whole groups move together. The experiment
# below runs live on a subset: one cheap model (scikit-learn, no MLLM), the same rows, split once by row and once by group.
# %% [markdown] lang="ja"
# ## 漏れのない分割
#
# 同じロットの写真は、照明も機械も材料も似ています。1 枚ずつ無作為に分けると、評価データは学習データの兄弟だらけになり、数字が良く出すぎます。そして次の新しいロットで期待外れになります。そこで、グループは丸ごと動かします。
# 次の実験は、一部のデータを使って今ここで行います。MLLM を使わない簡単なモデル（scikit-learn）で、同じ行を「1 枚ずつ」と「グループごと」に分けて比べます。
# %%
plain = [s.without("text").replace(split="") for s in lesson.few("train", rows) + lesson.few("test", rows // 2)]
ways = {"by row": split_samples(tuple(s.replace(group="") for s in plain)), "by group": split_samples(tuple(plain))}
leaks = {}
for way, split in ways.items():
    parts = {part: [s for s in split if s.split in names] for part, names in (("train", ("train", "validation")), ("test", ("calibration", "test")))}
    found = evaluate(cheap_model(parts["train"], parts["test"]), list(lesson.use.options or folder.options))
    leaks[way] = {"n test": found["n"], "groups on both sides": len({by_id[s.id].group for s in parts["train"]} & {by_id[s.id].group for s in parts["test"]})} | found["macro_recall"]

# %%
pd.DataFrame(leaks).T.round(2)

# %% [markdown] lang="en"
# With few groups the two intervals may overlap. Split by group all the same: it is the only one of the two that asks the question you will face, which is the next lot.
# %% [markdown] lang="ja"
# グループが少ないと、2 つの区間が重なることもあります。それでもグループごとに分けてください。次のロットでどうなるか、という本番の問いに答えるのはこちらだけです。
# %% [markdown] lang="en"
# ## The note that helps and misleads
#
# Text that stands beside the photo is tempting: it is cheap to read and usually right. How good is a model that reads *only* the note? If that beats chance by far, your model will be tempted too, and it will be wrong exactly where the note is
# wrong. Notebook 05 measures this; here you see how large the temptation is.
# %% [markdown] lang="ja"
# ## 助けにも、わなにもなるメモ
#
# 写真に添えられた文は読むのが簡単で、たいてい正しいものです。では、メモ**だけ**を読むモデルはどれくらい当たるでしょうか。まぐれ当たりを大きく上回るなら、モデルもメモに頼りたくなり、メモが間違っているときに同じ間違いをします。
# 影響はノートブック 05 で測ります。ここでは誘惑の大きさを見ておきます。
# %%
noted = [s for s in lesson.split("test") if s.text]
if noted:
    parrot = evaluate(copy_note(lesson.split("train"), noted), list(lesson.use.options or folder.options))["accuracy"]
    print(f"the note alone answers {parrot['value']:.0%} [{parrot['low']:.0%}, {parrot['high']:.0%}] of {len(noted)} held-out rows that have one")
else:
    print("no row of this use case has a note: nothing to be tempted by")

# %% [markdown] lang="en"
# ## Look at it yourself
#
# Half an hour with your own data prevents more failures than any setting. One sample, plainly; below it the same with a slider.
# %% [markdown] lang="ja"
# ## 自分の目で見る
#
# 自社のデータを 30 分眺めることは、どんな設定よりも失敗を防ぎます。まず 1 件、その下にスライダーつきで。
# %%
looked_at = lesson.few("test", 24)
HTML(show.sample_card(looked_at[0]))

# %%
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
# * Sechidis, Tsoumakas, Vlahavas, *On the Stratification of Multi-Label Data* (2011): the rule behind the split.
# * *Large Multimodal Datasets* survey (arXiv 2412.17759): general, task-specific and domain-specific data. Search words: *perceptual hash, group-aware split, dataset card*
# %% [markdown] lang="ja"
# ## さらに読む
#
# * Kapoor, Narayanan, *Leakage and the Reproducibility Crisis in ML-based Science*（arXiv 2207.07048）3 節：漏れの分類。ここで扱ったのは「学習と評価の非独立」です。
# * Sechidis, Tsoumakas, Vlahavas, *On the Stratification of Multi-Label Data*（2011）：分割の規則の出典。
# * 大規模マルチモーダルデータセットのサーベイ（arXiv 2412.17759）：一般、タスク、ドメインのデータ。検索語：*perceptual hash, group-aware split, データリーク*
