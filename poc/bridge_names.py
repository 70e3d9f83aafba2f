"""What the bridges are called for people who build none, in both languages, and which labels each of them needs."""

import re

from poc.words import Text, both

# beginning of a bridge's name -> (its name for people who build none, what it does, what a person can check afterwards, how it goes wrong); the longest beginning counts
KINDS: dict[str, tuple[Text, Text, Text, Text]] = {
    "as it is": (both("The model as it is", "そのままのモデル（as it is）"), both("nothing was taught; what all others are compared with", "何も教えていません。ほかの方法の比較の基準です"),
                 both("only the answer", "答えだけ"), both("knows nothing of your own labels", "御社のラベルを何も知りません")),
    "converter": (both("Converter", "変換（converter）"), both("translates the photo or voice into the model's own input", "写真や声を、モデルが読める形に直接置き換えます"),
                  both("only the answer", "答えだけ"), both("with few labelled rows it learns which answer is common instead of looking", "ラベルが少ないと、内容を見ずに「多い答え」を覚えます")),
    "perceiver": (both("Perceiver", "要約して渡す（perceiver）"), both("looks through a few learned questions, so the model reads less", "学習した少数の問いで要点だけを取り出し、モデルが読む量を減らします"),
                  both("only the answer", "答えだけ"), both("loses small details that none of its questions asks for", "取り出す問いにない細部を失います")),
    "tool learning": (both("Tools that write", "道具が書き出す（tool learning）"), both("a classifier, text or speech recognition writes down what it finds, the model reads that", "分類器・文字認識・音声認識が内容を文章にし、モデルはそれを読みます"),
                      both("every line that a tool wrote", "道具が書いた文章のすべて"), both("what no tool writes down is lost, and a tool's error is believed", "道具が書かなかったことは失われ、道具の誤りはそのまま信じられます")),
    "OCR alone": (both("Words in the pictures alone", "文字認識だけ（OCR alone）"), both("text recognition writes down the words in the pictures, the model learned to read that and sees nothing else", "画像の文字だけを書き出し、それを読むことを学んだモデルが答えます（ほかは見ません）"),
                  both("every line that was read", "読み取った文字のすべて"), both("blind to all that is not written, and a misread figure is believed", "文字以外は見えず、読み違えた数字もそのまま信じられます")),
    "speech recognition alone": (both("Spoken words alone", "音声認識だけ（speech recognition alone）"), both("the model itself writes down what is said, then learned to read that and hears nothing else", "モデル自身が発話を書き起こし、それを読むことを学んで答えます（声は聞きません）"),
                                 both("every line that was written down", "書き起こしのすべて"), both("blind to the tone of voice, and a misheard word is believed", "声の調子はわからず、聞き違いもそのまま信じられます")),
    "Whisper alone": (both("Spoken words alone, by Whisper", "音声認識だけ・Whisper（Whisper alone）"), both("Whisper writes down what is said, the model learned to read that and hears nothing else", "Whisper が発話を書き起こし、それを読むことを学んだモデルが答えます（声は聞きません）"),
                      both("every line that was written down", "書き起こしのすべて"), both("blind to the tone of voice, and a misheard word is believed", "声の調子はわからず、聞き違いもそのまま信じられます")),
    "hybrid": (both("Tools and the original together", "道具の文章と元データの併用（hybrid）"), both("the model gets the photo or voice and what the tools wrote", "写真や声と、道具の書いた文章の両方をモデルに渡します"),
               both("what the tools wrote, not which of the two it believed", "道具が書いた文章。どちらを信じたかはわかりません"), both("a wrong line of a tool misleads it beside a clear photo", "写真が鮮明でも、道具の誤った一行に引きずられます")),
    "data-driven": (both("Teach the model itself", "モデル自身に教える（data-driven）"), both("the model learns the task from questions made of your records", "御社の記録から作った質問で、モデルに作業を教えます"),
                    both("the rows it learned from", "学習に使った行"), both("needs the most labels, and may forget general ability", "最も多くのラベルが必要で、一般能力を失うことがあります")),
    "late fusion": (both("Let several vote", "複数の答えを合わせる（late fusion）"), both("several ways answer alone; the surer one counts more", "複数の方法が別々に答え、確信の高い答えを重く見ます"),
                    both("each one's answer and certainty", "それぞれの答えと確信度"), both("blind to what only both together tell", "合わせて初めてわかることは見えません")),
    "specialist": (both("Specialist of one kind of evidence", "一つの情報だけの専用モデル（specialist）"), both("classical statistics on one kind of evidence, no language model answers", "一種類の情報だけを統計モデルで判定します（言語モデルは答えません）"),
                   both("which evidence decided, and how sure it was", "判断に使った情報と確信度"), both("cannot notice that words and picture contradict each other", "言葉と写真の食い違いに気づけません")),
    "routed": (both("Ask whoever is better", "得意な方に聞く（routed）"), both("each kind of question goes to the way that was surely better on earlier cases", "質問の種類ごとに、過去の事例で確かに優れていた方法が答えます"),
               both("who answered, and why", "どの方法が、なぜ答えたか"), both("a new kind of question goes to the default, however bad it is there", "新しい種類の質問は、苦手でも標準の方法が答えます")),
    "series in words": (both("Sensor readings as words", "センサー値を文章で渡す（series in words）"), both("a summary of the sensor's curve stands in the note beside the photo", "センサー波形の要約を、写真に添えるメモに書きます"),
                        both("the summary, word by word", "要約の文章"), both("what the summary leaves out is gone", "要約に書かれないことは失われます")),
    "series as picture": (both("Sensor readings as a picture", "センサー値を図で渡す（series as picture）"), both("the sensor's curve is drawn and shown beside the photo", "センサー波形を図に描き、写真に並べて見せます"),
                          both("the drawn curve, not what was seen in it", "描いた波形。そこから何を読み取ったかはわかりません"), both("needs a model that can read curves", "グラフを読めるモデルが必要です")),
    "remote": (both("A model elsewhere", "外部のモデル（remote）"), both("your rows are sent to a server that answers", "データをサーバーに送り、答えを受け取ります"),
               both("what came back, and a digest of what was sent", "返ってきた答えと、送った内容の照合用の値"), both("data leaves the machine, and the model may change without notice", "データが社外に出ます。モデルが予告なく変わることもあります")),
}  # fmt: skip
_VARIANTS = {"linear": "線形", "mlp": "多層", "sound": "音声用", "reader tuned": "読み手も学習", "smaller checkpoint": "小さいチェックポイント", "image": "写真", "video": "動画", "audio": "音声", "text": "文章"}


def kind_of(bridge: str) -> str | None:
    """Which of `KINDS` a bridge is; None: none of them."""
    return max((beginning for beginning in KINDS if bridge.startswith(beginning)), key=len, default=None)


def variant_of(bridge: str) -> Text | None:
    """Which one of its kind it is, with its own name, which `poc bridges --only` takes; None where that is the kind's."""
    kind = kind_of(bridge)
    return None if kind in (None, bridge) else both(bridge, f"{told}（{bridge}）" if (told := _variant(bridge, kind)) else bridge)


def name_of(bridge: str) -> Text | None:
    """Its kind and variant without its own name; None where the kind is not known."""
    kind = kind_of(bridge)
    if kind is None:
        return None
    name, told = KINDS[kind][0], _variant(bridge, kind)
    return both(name["en"], name["ja"].split("（")[0] + (f"・{told}" if told else ""))


def _variant(bridge: str, kind: str) -> str:
    return "、".join(_VARIANTS[part] for part in re.split(r"[,() ]*[,()] *", bridge[len(kind) :]) if part in _VARIANTS)


def labels_counted(bridge: str, training: float, validation: int) -> str:
    """Training rows + labelled validation rows ("40 + 60"), which choose weights and forms beside any number of them; a specialist looks at none."""
    return f"{training:,.0f}" if bridge.startswith("specialist") or not validation else f"{training:,.0f} + {validation:,}"
