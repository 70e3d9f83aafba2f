# ---
# title: {en: Answers that speak, ja: 話す答え}
# result:
#   en: an answer spoken sentence by sentence while it is still being written, the seconds until it first sounds against the old way, and proof that neither an interruption nor a broken voice loses a word.
#   ja: 書き終わる前から一文ずつ話す答え。最初の音が出るまでの秒数を従来の方法と比べ、割り込みや音声の故障があっても一言も失われないことを確かめます。
# minutes: {cpu: 1, gpu: 1}
# ---
# %%
import tempfile
import time
from pathlib import Path

import pandas as pd
from IPython.display import Audio

from kit.data import Sample
from kit.errors import KitError
from kit.language import current, say
from kit.models import load, resolve
from kit.models.streamed import Writing
from kit.speech import Sound, Speech, joined, paced, speak_whole, split, stream, timing, voice_for
from kit.speech.questions import recorded, spoken_question, write_recording
from kit.speech.talker import TalkerVoice
from poc.lesson import ROOT, open_lesson

# %% tags=["parameters"]
preset = "tiny"  # tiny: the shipped model on two CPU cores; laptop: 16 GB RAM; gpu: one 24 GB card
use_case = "inspection"  # a name in sample_data/company, or the path of your own folder
model = ""  # a catalogue name, a hub id or a folder; empty: the preset's default
run = ""  # a run's folder; empty: your newest run of this use case, else the shipped example
language = ""  # en or ja; empty: that of this notebook
pieces_per_second = 20  # the pace of the imitated writer; a piece is about a token

# %%
lesson = open_lesson(preset, use_case, model, run, language)
lesson

# %% [markdown] lang="en"
# ## Why sentence by sentence
#
# *When it matters*: before answers are to be heard instead of read.
#
# On the shop floor nobody reads. A spoken answer that starts only when everything is written and synthesised comes too late to be a conversation. So the text is cut into sentences **while it is being written**, and each is synthesised while the next one is on its way (Ola, section on speech).
#
# The voices are small and offline: Open JTalk for Japanese, espeak-ng for the rest (GPL-3, an extra of its own). They sound like machines. What is measured here is the order of things, which a better voice keeps.
# %% [markdown] lang="ja"
# ## なぜ一文ずつなのか
#
# *必要になるとき*：答えを読むのではなく、聞く現場で使う前に。
#
# 製造現場では画面を読めません。すべて書き終え、すべて合成してから話し始めるのでは、会話になりません。そこで、**書いている途中で**文に区切り、次の文を書いている間に合成します（Ola の音声の節）。
#
# 音声は小さく、端末内だけで動きます。日本語は Open JTalk、その他は espeak-ng（GPL-3 のため別の追加パッケージ）です。機械的な声ですが、ここで測るのは処理の順序で、声が良くなっても変わりません。
# %%
answer = say(
    "There is a scratch on this part, about 3.5 mm long. It lies near the edge (see Fig. 2) and shows in light from the side. Two more parts of lot No. 12 look alike. Please let a person check it.",
    "この部品には、長さ3.5mmほどの傷があります。縁の近くで、光を斜めに当てると見えます。同じロットにも、「似た傷がある。」という記録が二件あります。担当者が確認してください。",
)
split(answer)

# %% [markdown] lang="en"
# "3.5", "Fig. 2" and "No. 12" end nothing. And the cuts between the pieces must not matter, because no tokenizer cuts at sentences:
# %% [markdown] lang="ja"
# 「3.5」の点も、かぎ括弧の中の句点も、文の終わりではありません。トークンの切れ目は文の切れ目と無関係なので、どう刻んでも結果は同じでなければなりません。
# %%
cut = {size: list(stream(answer[at : at + size] for at in range(0, len(answer), size))) for size in (1, 2, 3, 7, 1000)}
assert all(sentences == split(answer) for sentences in cut.values()) and "".join(split(answer)) == answer
print(f"{len(cut)} ways to cut, the same {len(split(answer))} sentences, not a letter lost")

# %% [markdown] lang="en"
# ## Hear it
#
# `Speech` gives each sentence with its sound as soon as both are there. Here the writer is imitated, at a pace that is said.
# %% [markdown] lang="ja"
# ## 聞いてみる
#
# `Speech` は、文とその音がそろい次第、順に渡します。ここでは書き手を、明示した速さで模しています。
# %%
voice = voice_for(current())
voice.say(answer)  # opens the dictionary, which is not part of the measurement
pieces = [answer[at : at + 2] for at in range(0, len(answer), 2)]
with Speech(paced(pieces, pieces_per_second), voice) as speech:
    spoken = list(speech)
pd.DataFrame([{"sentence": one.sentence, "written after s": one.written_at, "sound after s": one.ready_at, "synthesis s": one.took, "sound s": one.sound.seconds} for one in spoken]).round(2)

# %%
Audio(joined([one.sound for one in spoken]).samples, rate=spoken[0].sound.rate)

# %% [markdown] lang="en"
# ## Time to first sound, against the old way
#
# Once with the imitated writer, once with the text all there, so that only the voice counts.
# %% [markdown] lang="ja"
# ## 最初の音が出るまで：従来の方法との比較
#
# 模した書き手の場合と、文章が最初から揃っている場合（音声合成だけの差）を測ります。
# %%
rows = []
for writer in ("paced", "at once"):
    whole = speak_whole(paced(pieces, pieces_per_second) if writer == "paced" else pieces, voice)
    with Speech(paced(pieces, pieces_per_second) if writer == "paced" else pieces, voice) as speech:
        told = timing(list(speech))
    rows.append({"writer": writer, "first sound s": told.first_sound, "whole answer s": whole.ready_at, "ratio": told.first_sound / whole.ready_at, "real-time factor": told.real_time_factor, "silence s": told.silence})
pd.DataFrame(rows).set_index("writer").round(3)

# %% [markdown] lang="en"
# A real-time factor below 1 means that the voice keeps up with itself: once it has begun there is no silence. One turn each, so with a voice that needs milliseconds (espeak-ng) the ratio of the second row is mostly chance. The recorded figures, several turns each (`python -m benchmarks.speech`):
# %% [markdown] lang="ja"
# 実時間係数が 1 未満なら、合成は再生に追いつき、話し始めた後に沈黙は生じません。ここでは各 1 回なので、数ミリ秒で合成する音声（espeak-ng）では 2 行目の比はほぼ偶然です。繰り返し測った記録は次のとおりです（`python -m benchmarks.speech`）。
# %%
recorded_table = pd.read_csv(ROOT / "benchmarks" / "speech.csv")
recorded_table.set_index(["language", "writer"])[["first_sound_seconds", "whole_answer_seconds", "ratio", "ratio_of_minima", "real_time_factor", "silence_seconds", "repeats"]]

# %% [markdown] lang="en"
# ## Barge-in
#
# The person starts to talk: from any thread, at once, nothing sounds any more, and what was written so far comes back.
# %% [markdown] lang="ja"
# ## 割り込み
#
# 人が話し始めたら、どのスレッドからでも、すぐに音を止めます。それまでに書いた文章は戻ってきます。
# %%
speech = Speech(paced(pieces, pieces_per_second), voice)
first = next(speech)
began = time.perf_counter()
written = speech.cancel()
print(f"heard: {first.sentence!r}\nstopped after {1000 * (time.perf_counter() - began):.1f} ms; written so far: {written!r}")
assert list(speech) == [] and answer.startswith(written) and speech.close()

# %% [markdown] lang="en"
# ## A voice that fails
#
# A planted fault: this voice breaks at one sentence. The sound is lost, the sentence is not, and the error has a name.
# %% [markdown] lang="ja"
# ## 音声の故障
#
# わざと 1 文だけ失敗する音声です。失われるのは音だけで、文は残り、原因も分かります。
# %%
class Breaking:
    language = voice.language

    def say(self, text: str) -> Sound:
        if "3.5" in text:
            raise RuntimeError("the loudspeaker is broken")
        return voice.say(text)


with Speech(pieces, Breaking()) as speech:
    broken = list(speech)
assert "".join(one.sentence for one in broken) == answer
pd.DataFrame([{"sentence": one.sentence, "sound": one.sound is not None, "error": str(one.error or "")} for one in broken])

# %% [markdown] lang="en"
# ## A spoken question, answered aloud
#
# A recording becomes 16 kHz, whatever the microphone gave, and is the question itself or evidence. The tiny model writes a few words at most; here it is asked what it hears. A real checkpoint (`model = "gemma4-e4b"`) writes sentences, by the same lines.
# %% [markdown] lang="ja"
# ## 声で質問し、声で答える
#
# 録音は、マイクの形式によらず 16 kHz に揃え、質問そのものとしても判断材料としても使えます。練習用の小さなモデルが書けるのは数語までなので、聞こえた言葉を尋ねます。実際のチェックポイント（`model = "gemma4-e4b"`）なら、同じ行で文章になります。
# %%
microphone = (48000, voice_for(current()).say(say("scratch", "ウサギ")).at(48000).samples)  # what a microphone would give
memo = write_recording(microphone, Path(tempfile.mkdtemp()))
hears = "audio" in resolve(lesson.model)[0].modalities
loaded = load(lesson.model if hears else "tiny_omni")  # a checkpoint without ears is stood in for
question = spoken_question(memo)
asked = Sample("memo", say("What is said?", "何と言いましたか?"), audio=(memo,), decided_by=("audio",))
print(f"{loaded.checkpoint.name} hears {recorded(memo).rate} Hz; as the question: {question.question!r}; as evidence: {asked.question!r}")

# %%
with Speech(Writing(loaded, asked, 24), voice) as speech:
    reply = list(speech)
print("the model's words:", repr("".join(one.sentence for one in reply)))
Audio(joined([one.sound for one in reply if one.sound]).samples, rate=reply[0].sound.rate) if any(one.sound for one in reply) else None

# %% [markdown] lang="en"
# ## Would a silent microphone be noticed? And a checkpoint that cannot talk?
# %% [markdown] lang="ja"
# ## マイクが無音なら気づくか。話せないチェックポイントなら？
# %%
refused = []
for attempt in (lambda: recorded((16000, 0 * recorded(memo).samples)), lambda: TalkerVoice(lesson.model)):
    try:
        attempt()
    except KitError as error:
        refused.append(str(error))
print(*refused, sep="\n\n")
assert len(refused) == 2

# %% [markdown] lang="en"
# ## To read on
#
# * *Ola* (arXiv 2502.04328), the section on streaming speech: text is split at punctuation and each sentence goes to the speech decoder at once.
# * *Qwen2.5-Omni* (arXiv 2503.20215): thinker and talker; `kit.speech.talker` speaks with it where the checkpoint has one.
# * The demo (notebook 14) has a box "Speak the answer" and a microphone. Search words: *streaming text-to-speech, time to first audio, barge-in, real-time factor*
# %% [markdown] lang="ja"
# ## さらに読む
#
# * *Ola*（arXiv 2502.04328）のストリーミング音声の節：句読点で区切り、一文ずつすぐに音声デコーダーへ渡します。
# * *Qwen2.5-Omni*（arXiv 2503.20215）：thinker と talker。チェックポイントに talker があれば `kit.speech.talker` がその声で話します。
# * デモ（ノートブック 14）には「答えを読み上げる」とマイクがあります。検索語：*streaming text-to-speech, time to first audio, バージイン, 実時間係数*
