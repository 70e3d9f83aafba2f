"""Every text of the demo in both languages, and the one way in which it says no."""

import html

from kit.errors import KitError
from kit.language import say
from poc.words import Text, both

LANGUAGES = {"en": "English", "ja": "日本語"}  # each in its own script, whatever the page's language is

KICKER = both("MLLM PoC Kit, demo", "MLLM PoC Kit デモ")
LANGUAGE = both("Language", "言語")
VERDICT = both("Verdict", "判定")
EXAMPLE_FIGURES = both("example figures", "金額は例")
REHEARSAL = both("Rehearsal", "リハーサル")
REHEARSAL_MEANS = both(
    "The tiny model ran on data it is too small for. This page shows that the path works, and nothing about what is possible on this data.",
    "練習用の小さなモデルでの実行です。手順が動くことは示しますが、このデータで何ができるかは示しません。",
)
RECORDED = both("Recorded answers", "記録した答え")
RECORDED_MEANS = both(
    "The model or its adapter could not be loaded, so this page shows the answers that were recorded when the run was made. Only held-out samples can be asked.",
    "モデルまたはアダプターを読み込めないため、実行時に記録した答えを表示します。評価用サンプルだけを試せます。",
)
REASON = both("Reason:", "理由：")
NO_MEDIA = both(
    "The files of the held-out samples are not on this machine; their recorded answers are shown.",
    "評価用サンプルのファイルがこの端末にないため、記録した答えを表示します。",
)
ABOUT = both("About this run", "この実行について")

ASKED_AS = both("The model is asked: {question} ({options})", "モデルへの質問文：{question}（{options}）")
STEP_EVIDENCE = both("1. Choose the evidence", "1. 判断材料を選ぶ")
STEP_ANSWER = both("2. Ask both models", "2. 両方のモデルに聞く")
HELD_OUT = both("Held-out samples", "評価用サンプル")
HELD_OUT_MEANS = both(
    "Never seen in training. The true answer stays hidden until the models have answered.",
    "学習に使っていないサンプルです。正しい答えはモデルが答えるまで隠してあります。",
)
OWN = both("Your own", "自分のデータ")
OWN_MEANS = both(
    "A photo, a sound or a video, and a note if there is one. Nothing leaves this machine.",
    "写真、音声、動画と、あればメモ。データはこの端末の外に出ません。",
)
OTHERS = both("Show other samples", "別のサンプルを表示")
SAMPLE = both("Sample", "サンプル")
ADD_FILES = both("Add a photo, sound or video", "写真・音声・動画を追加")
CLEAR = both("Clear", "消去")
NOTE = both("Note", "メモ")
NOTE_HINT = both("What somebody wrote down about it (optional)", "書き留めた内容（任意）")
QUESTION = both("Question", "質問")
OPTIONS = both("Options", "選択肢")
ASK = both("Ask", "質問する")
NOTHING_CHOSEN = both("Choose a held-out sample, or add your own evidence.", "評価用サンプルを選ぶか、自分のデータを追加してください。")
NOT_ASKED = both("Press Ask. Base model and tuned model answer the same question about the same evidence.",
                 "「質問する」を押すと、ベースモデルと微調整後のモデルが同じ判断材料と質問に答えます。")  # fmt: skip
THINKING = both("The models are answering …", "モデルが答えています…")
COMES = both("The tuned model is answering …", "微調整後のモデルが答えています…")
WAITING = both("Someone else's question is being answered. Yours comes next; this takes a few seconds.",
               "ほかの方の質問に答えています。次にお答えしますので、数秒お待ちください。")  # fmt: skip
IN_LINE = both("{n} questions come before yours.", "前に {n} 件の質問があります。順にお答えします。")
TOO_OFTEN = both("So many questions in a row are more than one person can read; please go on in {seconds} s.", "続けて質問できる件数を超えました。{seconds} 秒後に再開してください。")
STILL_LOADING = both("The model is still being loaded; your own evidence can be asked about when it is there. Held-out samples have recorded answers already.",
                     "モデルを読み込み中です。自分のデータへの質問は、読み込みが終わってからできます。評価用サンプルには記録した答えがあります。")  # fmt: skip
STOP = both("Stop", "中止")

FAILED = both("No answer came: something failed on this machine. The terminal that started the demo says what.",
              "回答できませんでした。この端末で問題が起きています。詳細はデモを起動したターミナルをご覧ください。")  # fmt: skip

ALOUD = both("Speak the answer", "答えを読み上げる")
SPOKEN_ANSWER = both("The answer, spoken", "答えの読み上げ")
RECORD = both("Ask by voice: record, then stop", "声で質問：録音して停止")
RECORDING_IS = both("The recording is", "録音の扱い")
IS_QUESTION = both("my question", "質問")
IS_EVIDENCE = both("evidence (a sound)", "判断材料（音声）")
UNDERSTOOD = both("Understood as “{question}” ({share:.0%}). If that is wrong, choose the question below.", "「{question}」と聞き取りました（{share:.0%}）。違う場合は下で質問を選んでください。")
ONE_QUESTION = both("This use case has one question, and it is being asked.", "このユースケースの質問は 1 つなので、それを尋ねます。")
NOT_HEARD = both("The recording could not be used: {reason}", "録音を使えませんでした：{reason}")
NO_VOICE = both("The answer cannot be spoken on this machine: {reason}", "この端末では読み上げできません：{reason}")
VOICE_FAILED = both("The voice failed at this sentence: {reason}", "この文の読み上げに失敗しました：{reason}")
# read aloud, so in whole sentences and without signs
SAYS = {
    "tuned": both("The tuned model says {option}, with {percent} percent.", "微調整後のモデルの答えは、{option}、{percent}パーセントです。"),
    "base": both("The base model says {option}, with {percent} percent.", "ベースモデルの答えは、{option}、{percent}パーセントです。"),
}
SAYS_TRUTH = both("The true answer is {option}.", "正しい答えは、{option}です。")
SAYS_NO_TRUTH = both("Nobody has told the true answer.", "正しい答えは分かっていません。")
SAYS_CONFLICT = both("The evidence disagrees, so let a person look.", "情報が食い違っているので、人が確認してください。")
SAYS_REHEARSAL = both("This was a rehearsal and says nothing about what is possible.", "これはリハーサルで、何ができるかは示しません。")

RIGHT = both("Right", "正解")
WRONG = both("Wrong", "不正解")
TRUTH = both("True answer", "正しい答え")
NO_TRUTH = both("Nobody has told the true answer of your own evidence, so right or wrong cannot be shown.",
                "自分のデータには正しい答えがないため、正誤は表示できません。")  # fmt: skip
BOTH_ANSWERED = both("Both models answered in {seconds:.2f} s.", "両方のモデルの回答時間：{seconds:.2f} 秒")
FROM_RECORD = both("These answers were recorded when the run was made.", "実行時に記録した答えです。")
SURE = both("Calibrated confidence {sure} (temperature {heat:.2f}). From {threshold} on it is answered, below it a person decides.", "校正後の確信度 {sure}（温度 {heat:.2f}）。{threshold} 以上は回答とし、下回れば人が判断します。")
SURE_RAW = both("Confidence {sure}, not calibrated: the highest bar. From {threshold} on it is answered, below it a person decides.", "確信度 {sure}（校正なし、最も高い棒の値）。{threshold} 以上は回答とし、下回れば人が判断します。")
CAUTION = both(
    "The bars show how the model shares 100 % between the options. They are not a promise: a high bar can be wrong.",
    "棒はモデルが 100 % を選択肢にどう配分したかを示します。保証ではなく、高い棒でも誤ることがあります。",
)
ALONE = both("Each kind of evidence alone, asked of the tuned model", "情報を一つずつ見せたときの微調整後のモデルの答え")
CONFLICT = both("Conflict score {score:.2f} of 1.", "食い違いスコア {score:.2f}（最大 1）。")
A_PERSON = both("let a person look", "人が確認")
DISAGREES = both(
    "The evidence disagrees: from {threshold:.2f} on, {caught:.0%} of planted contradictions were told, with {alarms:.0%} false alarms.",
    "情報が食い違っています。{threshold:.2f} 以上で、仕込んだ食い違いの {caught:.0%} を誤報 {alarms:.0%} で検知しました。",
)
AGREES = both(
    "Below {threshold:.2f}, where {caught:.0%} of planted contradictions were told: the others look like this one.",
    "{threshold:.2f} 未満です。仕込んだ食い違いの {caught:.0%} はこの値以上で検知され、残りはこの例と区別できません。",
)
NO_THRESHOLD = both("From which score on evidence disagrees was not measured for this run (poc diagnose).", "この実行では、食い違いと見なす値を測っていません（poc diagnose）。")
SWAYED = {
    "beside": both("Without the evidence that should not decide it, the tuned model says “{option}” ({share:.0%}). It followed that evidence to “{said}”.", "判断に使わないはずの情報を除くと、微調整後のモデルの答えは「{option}」（{share:.0%}）です。その情報に従って「{said}」と答えています。"),
    "writing": both("With the writing in the photo covered, the tuned model says “{option}” ({share:.0%}). The writing, or what is under it, turned it to “{said}”.", "写真の中の文字を隠すと、微調整後のモデルの答えは「{option}」（{share:.0%}）です。文字（またはその下にあるもの）によって「{said}」に変わっています。"),
}
ORDERS = both("The note reads like an order to the model. Evidence is looked at and never obeyed: decide without it.", "メモにモデルへの指示のような文があります。判断材料は指示ではありません。メモを除いて判断してください。")
AUDITED = both("Record {n} of the audit log.", "監査ログの記録番号 {n}")
UNSURE = both("With a confidence of {sure:.0%}, below this run's threshold of {threshold:.0%}, this answer is left to a person.", "確信度 {sure:.0%} はこの実行のしきい値 {threshold:.0%} を下回るため、人が判断します。")
NO_SAMPLE = both("There is no held-out sample {name}.", "評価用サンプル {name} はありません。")
NO_QUESTION = both("{name} is not a question of this use case; ask one of: {allowed}", "{name} はこのユースケースの質問ではありません。使えるもの：{allowed}")

PICTURE_OF = both("Photo of {name}", "{name} の写真")
SOUND_OF = both("Sound of {name}", "{name} の音声")
VIDEO_OF = both("Video of {name}", "{name} の動画")
FRAMES_OF = both("Frames of the video of {name}", "{name} の動画のコマ")
MISSING_FILE = both("A file of this sample is not on this machine.", "このサンプルのファイルがこの端末にありません。")
OWN_NAME = both("your evidence", "自分のデータ")
MODALITIES = {
    "text": both("note", "メモ"),
    "image": both("photo", "写真"),
    "video": both("video", "動画"),
    "audio": both("sound", "音声"),
}


class Refusal(KitError):
    """One sentence in both languages, shown on the page instead of an answer."""

    def __init__(self, text: Text):
        super().__init__(say(text["en"], text["ja"]))
        self.text = text


def safe(text: str) -> str:
    """Text from outside as HTML, never as markup, nor as a template (Gradio's HTML component knows ${} and {{}})."""
    return html.escape(str(text), quote=True).replace("{", "&#123;").replace("$", "&#36;")


def fill(text: Text, **values) -> Text:
    """The text with its holes filled; a value may itself be in both languages."""
    return {
        language: words.format(**{name: value[language] if isinstance(value, dict) else value for name, value in values.items()})
        for language, words in text.items()
    }
