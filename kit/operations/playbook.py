"""What to do when an answer was wrong, by how it was wrong: at once, whom to tell, what to keep. Texts in the reader's language; a company may print other ones."""

from dataclasses import dataclass

from kit.language import say


@dataclass(frozen=True)
class Play:
    """For a person who has just found a wrong answer.

    Attributes:
        name: of the kind of wrong answer.
        now: what to do at once.
        tell: whom to tell.
        collect: what to keep for those who mend it.
    """

    name: str
    now: str
    tell: str
    collect: str


_OWNER = ("the owner of the judgement", "判定の責任者")
_LEAD = ("the PoC lead", "PoC 担当者")

_PLAYS = {  # kind -> (name, now, tell, collect), each (English, Japanese)
    "miss": (
        ("miss: a fault was passed as good", "見逃し：不良を良とした"),
        ("Stop the part or case; look again at all that the model passed since the last right answer of this lot or day.", "該当品・案件を止め、同じロット・同じ日に良とされたものを、最後の正しい答えまで遡って見直す。"),
        ("At once: " + _OWNER[0] + " and the next process or the customer's contact, by the rule of the page of roles.", "直ちに：" + _OWNER[1] + "。あわせて、役割表に従い後工程または顧客窓口。"),
        ("The original file, the item's number, lot and time; how many of the same lot were passed.", "元のファイル、項目番号、ロット・時刻、同じロットで良とされた件数。"),
    ),
    "false alarm": (
        ("false alarm: a good one was refused", "誤報：良品を不良とした"),
        ("Release it by hand; look whether others of the lot are refused for the same look (light, dirt, angle).", "人の判断で解除。同じロットで同じ見た目（照明・汚れ・角度）による誤報がないか確認する。"),
        ("Once a day: " + _LEAD[0] + ".", "1 日 1 回：" + _LEAD[1] + "。"),
        ("The file, and one of a good part that was answered rightly.", "該当ファイルと、正しく答えた良品のファイル 1 件。"),
    ),
    "confused": (
        ("one fault taken for another", "取り違え：別の不良・分類と答えた"),
        ("Correct the answer; where the two lead to different work, stop that work.", "答えを訂正。分類により処置が違う場合は、その処置を止める。"),
        ("Once a week: " + _LEAD[0] + ".", "週 1 回：" + _LEAD[1] + "。"),
        ("Two examples of each of the two answers, and the written rule that tells them apart.", "両方の答えの例を 2 件ずつと、区別する基準の文書。"),
    ),
    "misleading note": (
        ("it followed a wrong note or an instruction hidden in the evidence", "誤ったメモ、または証拠に紛れた指示に従った"),
        ("Decide by what the note should not decide (photo, voice); look through today's cases with notes from the same source.", "メモ以外の証拠（写真・音声）で判断し、同じ出所のメモが付いた本日の案件を見直す。"),
        (_LEAD[0] + "; where an instruction was hidden on purpose, the person in charge of information security, too.", _LEAD[1] + "。意図的な指示の場合は情報セキュリティ担当にも。"),
        ("The note as it was, who or what wrote it, and the file; it becomes a scenario of poc.yaml (`poc diagnose`).", "元のままのメモ、書いた人・仕組み、ファイル。poc.yaml の scenarios に加える（`poc diagnose`）。"),
    ),
    "unreadable input": (
        ("the evidence could not be judged: dark, blurred, noisy, cut off", "証拠が判断に使えない：暗い・ぼけ・雑音・欠け"),
        ("Take the photo or recording again; where that is not possible, decide at the real thing and mark “cannot be told”.", "撮り直し・録り直し。できなければ現物で判断し、「判断不能」とする。"),
        ("The person in charge of camera or microphone, at the third time in a day.", "同じ日に 3 回目で：カメラ・マイクの担当。"),
        ("The bad file and the good one; device, place and time.", "悪いファイルと撮り直したファイル、機器・場所・時刻。"),
    ),
    "new kind": (
        ("none of the options fits: something new", "どの選択肢にも当てはまらない新しいもの"),
        ("Decide by hand; do not force it into an option.", "人が判断する。無理に選択肢へ当てはめない。"),
        (_OWNER[0] + ", who decides whether the options change (then the gates are signed again).", _OWNER[1] + "（選択肢を変えるかを決める。変える場合は判定基準に署名し直す）。"),
        ("All examples of it so far, and what it should be called.", "これまでの全ての例と、付けるべき名称。"),
    ),
    "rule unclear": (
        ("people would not agree either", "人の間でも判断が割れる"),
        ("Leave it to a third person; do not teach it to the model before the rule is written.", "3 人目に委ねる。基準が文書になるまで、学習には使わない。"),
        (_OWNER[0] + ".", _OWNER[1] + "。"),
        ("What each person said, and why, in one sentence.", "各人の答えと理由を 1 文ずつ。"),
    ),
    "personal data": (
        ("a face, a voice or a name that should not be there", "あるべきでない顔・声・氏名が含まれる"),
        ("Do not pass it on; mask it or take it out.", "共有せず、マスクまたは除去する。"),
        ("The owner of the data and the person in charge of personal information.", "データの責任者と個人情報の担当。"),
        ("Only the item's number, never a copy of the file.", "項目番号だけ（ファイルの写しは作らない）。"),
    ),
    "other": (
        ("wrong in another way", "その他の誤り"),
        ("Correct the answer, and say in a sentence what was wrong.", "答えを訂正し、何が違ったかを 1 文で書く。"),
        ("Once a week: " + _LEAD[0] + ".", "週 1 回：" + _LEAD[1] + "。"),
        ("The file and the sentence.", "ファイルとその 1 文。"),
    ),
}
PLAYS = tuple(_PLAYS)


def play(kind: str) -> Play:
    """What to do about a wrong answer of a kind of PLAYS."""
    return Play(*(text[:1].upper() + text[1:] for text in (say(*pair) for pair in _PLAYS[kind])))


def likely_kind(said: str, right: str, ok_answer: str = "") -> str:
    """The kind that a form may fill in first: "" where the answer was right or nobody can tell, else by the answer that means "good"; a person may choose another one."""
    if not right or said == right:
        return ""
    return "miss" if ok_answer and said == ok_answer else "false alarm" if ok_answer and right == ok_answer else "confused"
