# ---
# title: {en: The demo for executives, ja: 経営者向けのデモ}
# result:
#   en: a demo in the browser, on this machine only, in which base and tuned model answer side by side, and the same questions asked from Python.
#   ja: この端末だけで動くブラウザーのデモ。微調整前後のモデルが並んで答えます。同じ質問を Python から尋ねる方法も分かります。
# minutes: {cpu: 1, gpu: 1}
# ---
# %%
import time
from urllib.request import urlopen

import pandas as pd
from gradio_client import Client, handle_file
from IPython.display import HTML

from kit import show
from kit.language import current
from poc.demo import launch
from poc.lesson import find_use_case, open_lesson

# %% tags=["parameters"]
preset = "tiny"  # tiny: the shipped model on two CPU cores; laptop: 16 GB RAM; gpu: one 24 GB card
use_case = "inspection"  # a name in sample_data/company, or the path of your own folder
model = ""  # a catalogue name, a hub id or a folder; empty: the preset's default
run = ""  # a run's folder; empty: your newest run of this use case, else the shipped example
language = ""  # en or ja; empty: that of this notebook
keep_open = False  # True: leave the demo running for your browser after the last cell

# %%
lesson = open_lesson(preset, use_case, model, run, language)
lesson

# %% [markdown] lang="en"
# ## What stands behind the demo
#
# A demo convinces, and that is its danger: three lucky pictures sell what a held-out test would not. So this one shows only a finished run, with its verdict, and offers held-out samples that nobody picked by hand.
# %% [markdown] lang="ja"
# ## デモの裏にあるもの
#
# デモには説得力があり、そこが危険でもあります。運よく当たった 3 枚の写真が、評価データなら通らないものを売り込んでしまうからです。そこでこのデモは、完了した実行だけを判定とともに見せ、人が選り好みしていない評価用サンプルを並べます。
# %%
record = lesson.record
print("verdict:", record["verdict"]["decision"], "| rehearsal:", record["rehearsal"], "| signed:", record["gates"]["signed"])
print(*(reason[current()] for reason in record["verdict"]["reasons"]), sep="\n")

# %% [markdown] lang="en"
# ## Start it
#
# The command is `poc demo RUN`. It listens on 127.0.0.1 only: no share link, no telemetry, no file leaves the machine. Open the address in a browser now if you like: it opens in a tour of five steps (guess first, then the truth); behind *Other views* are **Try** (your own photo), **Work** (the clerk's queue, and practice against planted wrong advice), **Decide** (yen sliders beside gates that do not move) and **Watch** (drift, errors, the audit log). `?mode=work` behind the address is a clerk's bookmark. Every answer goes into the run's audit log.
# %% [markdown] lang="ja"
# ## 起動する
#
# コマンドでは `poc demo RUN` です。127.0.0.1 だけで待ち受け、共有リンクもテレメトリーもなく、ファイルが端末の外に出ることはありません。よければ、表示されたアドレスをブラウザーで開いてみてください。最初は 5 段階のご案内です（まず当ててみて、それから正解）。「ほかの画面」には、**試す**（自分の写真）、**業務**（確認待ちと、誤った助言を混ぜた練習）、**決める**（動かない判定基準と金額のスライダー）、**見守る**（ドリフト、誤り、監査ログ）があります。アドレスに `?mode=work` を付けると担当者用の入口になります。すべての回答は実行の監査ログに残ります。
# %%
folder = find_use_case(record["data"]["folder"] if not lesson.of_this_use_case else str(lesson.directory))
demo = launch(lesson.run, wait=False, media=folder)
demo.local_url

# %%
page = urlopen(demo.local_url, timeout=30).read().decode()
assert "gradio" in page and demo.share_url is None
print(f"the page answers: {len(page) / 1024:.0f} KB; share link: {demo.share_url}")

# %% [markdown] lang="en"
# ## Ask about a held-out sample
#
# The button of the page, from Python: the same models behind the same lock. The sample is the first of the held-out rows on which base and tuned model disagree.
# %% [markdown] lang="ja"
# ## 評価用サンプルについて尋ねる
#
# 画面のボタンと同じことを Python から行います。裏で動くのは同じモデルです。サンプルは、微調整の前後で答えが分かれた最初の 1 件にします。
# %%
asked = lesson.predictions[(lesson.predictions.split == "test") & (lesson.predictions.condition == "as_is")]
wide = asked.pivot(index="id", columns="arm", values="predicted")
first = (wide.index[wide["base"] != wide["tuned"]].tolist() or wide.index.tolist())[0]
print(f"{(wide['base'] != wide['tuned']).mean():.0%} of {len(wide)} held-out samples are answered differently after tuning; first: {first}")

# %%
HTML(show.sample_card(next((s for s in lesson.split("test") if s.id == first), lesson.split("test")[0])))

# %%
client = Client(demo.local_url, verbose=False)
answer = client.predict(sample_id=first, api_name="/answer")
pd.DataFrame({arm: answer[arm]["probabilities"] for arm in ("base", "tuned")}).round(3)

# %%
print(f"base says {answer['base']['says']}, tuned says {answer['tuned']['says']}, the truth is {answer['truth']} ({answer['seconds']} s, recorded: {answer['recorded']})")
assert abs(sum(answer["tuned"]["probabilities"].values()) - 1) < 0.01

# %% [markdown] lang="en"
# ## Ask about your own evidence
#
# Here a file of the use case stands in for your phone's photo, and no note goes with it.
# %% [markdown] lang="ja"
# ## 自分の写真で尋ねる
#
# ここではユースケースのファイルを、スマートフォンで撮った写真の代わりに使います。メモは付けません。
# %%
row = asked[asked.id == first].iloc[0]
files = [folder / path for kind in ("image", "audio", "video") for path in row[kind].split("|") if path]
own = client.predict(sample_id="", files=[handle_file(path) for path in files], note="", question=row["question"], api_name="/answer")
print(f"{[path.suffix for path in files]}: base says {own['base']['says']}, tuned says {own['tuned']['says']}")

# %% [markdown] lang="en"
# ## The question a board member asks
#
# *"And if what is written contradicts what is seen?"* The same evidence with a note that claims something else. If the answer follows the note, the model believes paper more than its eyes: notebook 05 diagnoses that, 06 mends it. `explain=True` asks what the answer depends on: each kind of evidence is taken away, and its share watched. The page shows the same under every answer, with the places that matter where `poc diagnose` has shown that they can be trusted.
# %% [markdown] lang="ja"
# ## 役員が必ず尋ねること
#
# 「書いてあることと見えるものが食い違ったら？」同じ証拠に、違うことを主張するメモを付けてみます。答えがメモに引きずられるなら、モデルは自分の目より紙を信じています。診断はノートブック 05、改善は 06 で行います。`explain=True` では、情報を一つずつ除いて、答えが何に依存しているかを調べます。画面でも各回答の下に表示され、信頼できると `poc diagnose` で確かめた場合は、重要な場所も示します。
# %%
claim = next(option for option in record["options"] if option not in (own["tuned"]["says"], answer["truth"]))
swayed = client.predict(sample_id="", files=[handle_file(path) for path in files], note=claim, question=row["question"], explain=True, api_name="/answer")
print(f"note: {claim!r}; tuned says {swayed['tuned']['says']} (without the note {own['tuned']['says']})")
for kind, part in swayed["believed"]["contributions"].items():
    print(f"share of {swayed['tuned']['says']!r}: {max(swayed['tuned']['probabilities'].values()):.0%}, without the {kind}: {part['share']:.0%}")
pd.DataFrame({"without note": own["tuned"]["probabilities"], "with note": swayed["tuned"]["probabilities"]}).round(3)

# %% [markdown] lang="en"
# ## What it refuses
#
# A file that is no evidence gets a sentence, not a stack trace.
# %% [markdown] lang="ja"
# ## 断るべきものは断る
#
# 証拠にならないファイルには、エラーの羅列ではなく一文で理由を返します。
# %%
try:
    refusal = client.predict(sample_id="no such sample", api_name="/answer")
except Exception as error:  # gradio_client has no class of its own for an app's refusal
    refusal = str(error)
refusal

# %% [markdown] lang="en"
# ## How long does a question take?
# %% [markdown] lang="ja"
# ## 1 問にかかる時間
# %%
began = time.perf_counter()
seconds = [client.predict(sample_id=name, api_name="/answer")["seconds"] for name in wide.index[:5]]
print(f"5 questions, base and tuned each: {time.perf_counter() - began:.1f} s in all; models alone {max(seconds):.2f} s at most")

# %% [markdown] lang="en"
# ## Close
#
# Set `keep_open = True` in the parameters cell to leave it running.
# %% [markdown] lang="ja"
# ## 終了する
#
# 動かしたままにするには、パラメーターのセルで `keep_open = True` にしてください。
# %%
if not keep_open:
    demo.close()
print("still running: " + demo.local_url if keep_open else "closed")

# %% [markdown] lang="en"
# ## To read on
#
# * Gradio documentation, "Getting started with the Python client" and "Sharing your app" (for what this demo leaves out).
# * Amershi and others, *Guidelines for Human-AI Interaction* (CHI 2019), guidelines 1 and 2: make clear what the system can do, and how well.
# * *Modality interference in MLLMs* (arXiv 2505.19616), section 3, for the contradicting note. Search words: *demo bias, cherry-picking, held-out evaluation*
# %% [markdown] lang="ja"
# ## さらに読む
#
# * Gradio の文書「Getting started with the Python client」「Sharing your app」（このデモが使わない機能の説明として）。
# * Amershi ほか, *Guidelines for Human-AI Interaction*（CHI 2019）指針 1 と 2：システムに何ができ、どれくらい良いかを明らかにする。
# * *Modality interference in MLLMs*（arXiv 2505.19616）3 節：食い違うメモについて。検索語：*チェリーピッキング, 評価データ, human-AI interaction*
