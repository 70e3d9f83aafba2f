"""The questions that executives and shop floors ask, and the section of the board's report that answers each. docs/questions.md and docs/questions.ja.md are the same list with commands; tests/test_board.py compares them."""

from poc.board.governance import DONE
from poc.board.known import Known, missing
from poc.board.people import people
from poc.report.wording import about
from poc.words import Text, both

QUESTIONS: tuple[tuple[Text, str], ...] = (  # question -> id of the section
    (both("How much investment, and what return?", "投資はいくらで、効果はいくらか"), "yen"),
    (both("Do we need experts?", "専門家は必要か"), "experts"),
    (both("Will academic numbers hold on our data?", "学術的な成績は自社のデータでも通用するか"), "general"),
    (both("What are the risks: labels, computing, delay, bias, explanation?", "リスクは何か（ラベル・計算資源・遅延・偏り・説明）"), "risks"),
    (both("What if what is said and what is seen disagree?", "言われたことと見えるものが食い違ったら"), "believes"),
    (both("Which tasks must be decided by one kind of evidence?", "一種類の情報だけで判断すべき業務はどれか"), "evidence"),
    (both("What happens on a wrong answer, who checks, and how?", "誤答のときどうなり、誰がどう確認するか"), "people"),
    (both("How do clerks without an IT background use it?", "IT の知識がない担当者はどう使うか"), "clerks"),
    (both("Is there an audit log?", "監査ログはあるか"), "log"),
    (both("What about the privacy of voices and faces?", "声や顔のプライバシーはどうなるか"), "privacy"),
    (both("Can we start small and add other kinds of evidence later?", "小さく始めて、あとから情報の種類を増やせるか"), "bridges"),
    (both("How many labels are enough?", "ラベルは何件あれば足りるか"), "labels"),
    (both("What do I say in one sentence in the board meeting?", "役員会で一言で言うと何か"), "say"),
    (both("How do we notice decay, and teach it again?", "劣化にどう気づき、どう再学習するか"), "decay"),
    (both("Edge or cloud, and how big a machine?", "エッジかクラウドか、どの規模の計算機か"), "size"),
)


_NEEDS = {"yen": ("roi",), "general": ("guard",), "believes": ("diagnosis",), "size": ("sizing", "plan")}


def unanswered(known: Known) -> set[str]:
    """Sections that say which command would answer their question, and nothing else."""
    lacks = missing(known)
    return {place for place, needs in _NEEDS.items() if any(name in lacks for name in needs) or (not known.decided and place != "size")}


def answers(known: Known) -> list[dict]:
    """The questions that no section of its own answers: [{"id", "question", "answer"}]."""
    record, n = known.record, known.record["data"]["n"]
    minutes, labelled = sum(record["timing"].values()) / 60, sum(n.get(split, 0) for split in ("train", "validation", "calibration", "test"))
    used = ", ".join(record["decided_by"])
    costs = {one["key"]: one["value"] for one in known.roi["assumptions"]} if known.roi else None
    paid = both("", "") if costs is None else known.marked(both(f" Their cost is in the investment: {_money(known, 'labels')['en']}.", f"費用は初期費用に含まれます（{_money(known, 'labels')['ja']}）。"))
    again = both(" What teaching again costs was not worked out (poc roi RUN).", "再学習の費用は計算していません（poc roi RUN）。") if costs is None else known.marked(both(
        f" Assumed: taught again {costs['retrainings_per_year']:g} times a year, {about(costs['retraining'], known.currency)['en']} each.", f"前提：再学習は年 {costs['retrainings_per_year']:g} 回、1 回 {about(costs['retraining'], known.currency)['ja']}。"))  # fmt: skip
    told = {
        "experts": both(f"No AI expert for a run like this one: it took {minutes:.0f} minutes on one machine. Experts of the trade for {labelled:,} labels, for the criteria, and for what is handed over to people; an engineer to build it in.",
                        f"この種の実行に AI の専門家は不要です（1 台で {minutes:.0f} 分）。必要なのは、ラベル {labelled:,} 件・判定基準・人に回る答えを担う業務の専門家と、組み込みを行う技術者です。"),
        "evidence": both(f"Here the answer is to be decided by: {used}. Whatever else lies beside it must not change the answer; section “What it believes” says whether it does.",
                         f"この業務で判断に使う情報は {used} です。それ以外の情報で答えが変わってはいけません。実際に変わるかは「何を信じているか」に示します。"),
        "clerks": both("In the browser, by a page with a photo or recording, one button and examples: poc demo RUN opens it on one machine. What to do about a wrong answer stands above, in the section on people.",
                       "ブラウザーの画面で使います。写真や録音を選び、ボタンを 1 つ押すだけで、例もあります（poc demo RUN）。誤答のときの手順は上の「リスクと人」にあります。"),
        "log": people(known)["log"] or both("There will be one as soon as it is used: every answer and decision, chained so that any change is found by poc audit verify RUN. Nobody uses it yet.",
                                            "運用を始めると、すべての回答と判断が連鎖記録され、改ざんは poc audit verify RUN で見つかります。まだ運用していません。"),
        "privacy": _privacy(known),
        "labels": both(f"This run used {labelled:,} labelled cases ({n['train']:,} to teach, {n['test']:,} to test). How many more would reach the mark, and how sure that is: poc forecast DIR.{paid['en']}",
                       f"この実行で使ったのはラベル付き {labelled:,} 件（学習 {n['train']:,}、評価 {n['test']:,}）。基準に届くまであと何件か、その確かさは poc forecast DIR で分かります。{paid['ja']}"),
        "decay": both(f"Charts of scores, quality of pictures and sound, and corrections, with limits set beforehand; a new model replaces the old one only when it is surely better on the same cases (notebook 12).{again['en']}",
                      f"スコア、画像・音声の質、訂正の割合を、事前に定めた限界値つきの管理図で見ます。新しいモデルは、同じ事例で確実に優れるときだけ置き換えます（ノートブック 12）。{again['ja']}"),
    }  # fmt: skip
    return [{"id": key, "question": next(question for question, place in QUESTIONS if place == key), "answer": text} for key, text in told.items()]


def _money(known: Known, line: str) -> Text:
    return about(next(row["once"] for row in known.roi["options"] if row["option"] == "tuned")[line], known.currency)


def _privacy(known: Known) -> Text:
    searched, local = DONE["privacy"](known)[0], DONE["local"](known)[0]
    return both(f"{searched['en'][0].upper()}{searched['en'][1:]}. {local['en'][0].upper()}{local['en'][1:]}. Masks for faces, voices and names: poc mask DIR.", f"{searched['ja']}。{local['ja']}。顔・声・氏名のマスクは poc mask DIR。")
