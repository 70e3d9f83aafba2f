# ---
# title: {en: Check your setup, ja: 環境を確認する}
# result:
#   en: a list of [OK] and [FAIL] with the next step for each, and the name of the checkpoint that your machine can carry.
#   ja: "[OK] と [FAIL] の一覧と次の一手、そしてこのマシンで動かせるチェックポイントの名前。"
# minutes: {cpu: 1, gpu: 1}
# ---
# %%
import pandas as pd
from IPython.display import HTML

from kit import show
from kit.data import MODALITIES, read_folder
from kit.evaluation import predict
from kit.models import CATALOGUE, PRESETS, load
from poc import doctor
from poc.lesson import COMPANY, GUARD, open_lesson
from poc.record import machine

# %% tags=["parameters"]
preset = "tiny"  # tiny: the shipped model on two CPU cores; laptop: 16 GB RAM; gpu: one 24 GB card
use_case = "inspection"  # a name in sample_data/company, or the path of your own folder
model = ""  # a catalogue name, a hub id or a folder; empty: the preset's default
run = ""  # a run's folder; empty: your newest run of this use case, else the shipped example
language = ""  # en or ja; empty: that of this notebook

# %% [markdown] lang="en"
# The line below says what these parameters came to: which folder, which checkpoint, and which finished run the later notebooks will read. Every notebook opens with it.
# %% [markdown] lang="ja"
# まず、パラメーターが何を指すかを表示します。どのフォルダー、どのチェックポイント、どの実行を使うのか。すべてのノートブックがこの確認から始まります。
# %%
lesson = open_lesson(preset, use_case, model, run, language)
lesson

# %% [markdown] lang="en"
# ## Requirements
#
# `[OK]` is present, `[FAIL]` must be mended first (the arrow says how), `[--]` can be done without. The command `poc doctor` prints the same lines.
# %% [markdown] lang="ja"
# ## 必要なもの
#
# `[OK]` はそろっています。`[FAIL]` は先に直す必要があり、矢印の後に直し方が出ます。`[--]` はなくても進めます。コマンド `poc doctor` でも同じ一覧が出ます。
# %%
diagnoses = doctor.diagnose()
print(*diagnoses, sep="\n")

# %%
failed = [line.name for line in diagnoses if line.status == doctor.FAIL]
print("[FAIL]:", ", ".join(failed)) if failed else print(f"[OK] {len(diagnoses)} / {len(diagnoses)}")

# %% [markdown] lang="en"
# Your machine, as every run will record it. Host and user names are not recorded.
# %% [markdown] lang="ja"
# このマシンの構成です。実行の記録にはこの内容が残ります（ホスト名やユーザー名は残しません）。
# %%
pd.Series(machine()).to_frame("")

# %% [markdown] lang="en"
# ## Does 4-bit really work here?
#
# 4-bit fine-tuning (QLoRA) stores each weight as one of 16 values. Whether a library *imports* says little, so the doctor multiplies two matrices in nf4 and compares. Two numbers matter:
# the kernel error (should be near zero: the product is right) and the rounding (about 9 %: the price of 4 bits, which the adapter learns to live with).
# %% [markdown] lang="ja"
# ## 4 ビットは本当に動くか
#
# 4 ビットの微調整（QLoRA）では、重み 1 つを 16 種類の値のどれかで保存します。ライブラリーを読み込めるだけでは動く保証になりません。そこで実際に nf4 で行列積を計算し、正しい値と比べます。
# 見る数字は 2 つです。演算誤差（ほぼ 0 なら計算は正しい）と、丸め（約 9 %。4 ビットにする代償で、アダプターはこれを前提に学習します）。
# %%
print(doctor.four_bit())

# %% [markdown] lang="en"
# ## The sample data
#
# A small manufacturer's four use cases, made by a script and safe to show anyone. Every use case is a folder with a `poc.yaml`; yours will look the same.
# %% [markdown] lang="ja"
# ## サンプルデータ
#
# 小さな製造会社の 4 つのユースケースです。スクリプトで作ったデータなので、誰に見せても問題ありません。どれも `poc.yaml` のあるフォルダーで、皆さんのデータも同じ形になります。
# %%
folders = [*sorted(path.parent for path in COMPANY.glob("*/poc.yaml")), GUARD]
read = {folder.name: read_folder(folder, verify=False) for folder in folders if folder.is_dir()}
pd.DataFrame(
    {name: {"samples": len(f.samples)} | {m: sum(m in s.modalities for s in f.samples) for m in MODALITIES} for name, f in read.items()}
).T

# %%
HTML(show.sample_card(lesson.split("test")[0]))

# %% [markdown] lang="en"
# ## Which checkpoint can this machine carry?
#
# Memory of the weights only; photos, caches and the optimiser come on top, so leave about half of the memory free (`fits` takes half of the machine's; with a GPU, compare with the GPU's own). Read the licence before you use a checkpoint for business: `None` means that we did not verify it.
# Of these, our tests run only `tiny_omni`; the others use the same loading code and were never run by us.
# %% [markdown] lang="ja"
# ## このマシンで動かせるチェックポイント
#
# 表は重みだけのメモリー（GB）です。写真、キャッシュ、オプティマイザーの分が加わるので、メモリーの半分は空けておいてください（`fits` は本体メモリーの半分に収まるかどうかです。GPU を使う場合は GPU のメモリーと比べてください）。業務で使う前にライセンスを必ず確認してください。`None` は商用利用の可否を私たちが確認していない、という意味です。
# なお、テストで実際に動かしているのは `tiny_omni` だけです。ほかは同じ読み込みコードを使いますが、私たちの環境では実行していません。
# %%
room = machine()["memory_gb"] / 2
catalogue = pd.DataFrame([vars(entry) for entry in CATALOGUE.values()]).set_index("name")
catalogue["fits_16bit"], catalogue["fits_4bit"] = catalogue["gb_16bit"] <= room, catalogue["gb_4bit"] <= room
catalogue[["modalities", "licence", "commercial_use", "gb_16bit", "fits_16bit", "gb_4bit", "fits_4bit", "checked"]]

# %% [markdown] lang="en"
# Each preset is one word for a default checkpoint. Change `preset` (or `model`) in the parameters cell and every notebook follows.
# %% [markdown] lang="ja"
# プリセットは、標準のチェックポイントを一言で選ぶ仕組みです。パラメーターのセルで `preset`（または `model`）を変えると、どのノートブックもそれに従います。
# %%
pd.DataFrame(PRESETS).T

# %% [markdown] lang="en"
# ## One question, to be sure
#
# The whole chain once: load the model, ask about one held-out sample, read the answer with the share of each option. Do not judge the answer yet: this base model has never seen these parts.
# %% [markdown] lang="ja"
# ## 最後に 1 問だけ
#
# モデルを読み込み、評価用のサンプル 1 件について質問し、選択肢ごとの確率つきで答えを受け取ります。まだ正解かどうかは気にしないでください。ベースモデルはこの部品を一度も見ていません。
# %%
loaded = load(lesson.model)
print(loaded.checkpoint.name, "on", loaded.device, "| licence:", loaded.checkpoint.licence, "| commercial use:", loaded.checkpoint.commercial_use)

# %%
answer = predict(loaded, lesson.split("test")[:1]).iloc[0]
pd.Series(answer["probabilities"], name=f"answer: {answer['predicted']}").round(3).to_frame()

# %%
assert set(answer["probabilities"]) == set(lesson.split("test")[0].options)
print("[OK] the model answers;", f"mend first: {', '.join(failed)}" if failed else "go on with notebook 01")

# %% [markdown] lang="en"
# ## To read on
#
# * Dettmers, Pagnoni, Holtzman, Zettlemoyer, *QLoRA: Efficient Finetuning of Quantized LLMs* (arXiv 2305.14314), sections 2 and 3: nf4 and double quantisation.
# * bitsandbytes documentation, "4-bit quantization"; Hugging Face PEFT documentation, "Quantization".
# * Search words: *nf4, double quantization, safetensors, model licence commercial use*
# %% [markdown] lang="ja"
# ## さらに読む
#
# * Dettmers, Pagnoni, Holtzman, Zettlemoyer, *QLoRA: Efficient Finetuning of Quantized LLMs*（arXiv 2305.14314）2 節と 3 節：nf4 と二重量子化。
# * bitsandbytes の文書「4-bit quantization」、Hugging Face PEFT の文書「Quantization」。
# * 検索語：*nf4, double quantization, safetensors, 学習済みモデル 商用利用 ライセンス*
