"""Risk and people: what can be promised, who looks at what, on which step of autonomy the model stands, who answers for what, and the risks that a board asks about."""

from kit.language import LANGUAGES, speaking
from kit.operations.autonomy import NAMES, STEPS
from kit.operations.playbook import play
from poc.board import measures
from poc.board.known import Known
from poc.report.certain import said_of_certainty
from poc.report.wording import about, percent
from poc.words import Text, both
from poc.worth_said import sentences

ROLES: tuple[tuple[Text, Text], ...] = (  # the names of docs/roles.md, with what each answers for in few words
    (both("Owner of the judgement", "判定の責任者"), both("every judgement, the model's too; signs criteria and each step up", "モデルによるものを含む全判定。基準と段階の引き上げに署名")),
    (both("Checker (clerk, inspector)", "確認者（検査員・担当者）"), both("the review queue; may stop a part or case at once", "確認待ち一覧。該当品・案件を直ちに止められる")),
    (both("Second checker", "第二確認者"), both("dangerous items, without seeing the first answer", "危険な分類を、一人目の答えを見ずに判断")),
    (both("Third person", "三人目"), both("settles what two see differently", "意見が割れた項目を決着")),
    (both("Owner of the data", "データの責任者"), both("consent, purpose, storage, deletion of photos, voices, texts", "写真・音声・文章の同意、利用目的、保存、削除")),
    (both("PoC lead", "PoC 担当者"), both("data, training, runs, watching for decay", "データ、学習、実行、劣化の監視")),
    (both("Administrator", "管理者"), both("machine, backup, daily poc audit verify", "端末、バックアップ、毎日の poc audit verify")),
    (both("Auditor", "監査担当"), both("keeps the anchors of the audit log elsewhere", "監査ログの控えを別に保管")),
)
_WRONG = ("miss", "false alarm", "misleading note", "personal data")  # of the playbook


def people(known: Known) -> dict:
    """What the section shows."""
    return {
        "promise": said_of_certainty(known.record)[1:] if known.decided else [], "looks": known.marked(sentences(known.roi)["measured.tuned.looks"]) if known.roi else None, "thresholds": _two_thresholds(known),
        "step": known.step and both(*NAMES[known.step.step][0]), "ladder": [{"name": both(*NAMES[step][0]), "does": both(*NAMES[step][1]), "here": bool(known.step) and known.step.step == step} for step in STEPS],
        "roles": ROLES, "wrong": [_play(kind) for kind in _WRONG],
        "log": known.log and (both(f"{known.log.records:,} records, none changed, deleted or reordered", f"{known.log.records:,} 件の記録に変更・削除・並べ替えなし") if known.log.ok else both("The audit log does NOT verify: every answer is to be checked by people from now on.", "監査ログの検証に失敗しました。以後は全件を人が確認してください。")),
    }  # fmt: skip


def _two_thresholds(known: Known) -> Text | None:
    """Which threshold is whose, where the promise and the yen are worked out at different ones."""
    promised, paid = ((known.record.get("abstention") or {}).get("threshold") if known.decided else None), known.roi["measured"]["tuned"]["thresholds"] if known.roi and known.roi["review"] == "unsure" else []
    if promised is None or not paid or all(round(one, 3) == round(promised, 3) for one in paid):
        return None
    first, second = f"{100 * promised:.3g} %", " / ".join(f"{100 * one:.3g} %" for one in dict.fromkeys(paid))
    return both(f"These are two thresholds: the promise is for {first} (after the temperature), the money for {second} (as trained), which costs least. Neither holds for the other: whoever uses it chooses one, and only its figures count.",
                f"しきい値は 2 つあります。保証は {first}（温度補正後）、金額は費用が最小の {second}（補正前）で計算しています。互いに当てはまらないため、運用ではどちらかを選び、その数字だけを使ってください。")  # fmt: skip


def _play(kind: str) -> dict[str, Text]:
    told = {}
    for language in LANGUAGES:
        with speaking(language):
            told[language] = play(kind)
    return {part: {language: getattr(told[language], part) for language in LANGUAGES} for part in ("name", "now", "tell")}


def risks(known: Known) -> list[dict]:
    """The risks that boards name, each {"name", "seen": what this run measured, "left": what remains for people}."""
    record, n = known.record, known.record["data"]["n"]
    machine = [text for name, text in measures.machine(known)["facts"] if name["en"] != measures.DELAY["en"]]
    kappa = (record.get("labels") or {}).get("kappa")
    agree = both(f"; two people agree with a kappa of {kappa}", f"。2 人の一致度（κ）は {kappa}") if kappa is not None else both("; whether people agree on them was not measured (poc label, poc agreement)", "。人どうしの一致度は未測定（poc label、poc agreement）")
    explained = [finding for finding in (known.diagnosis or {}).get("findings", []) if finding["name"].startswith("explanation by")]
    beliefs = measures.believes(known)
    not_asked = both("not measured (poc diagnose RUN)", "未測定（poc diagnose RUN）")
    rows = [
        ("labels", both("Labels", "ラベル"), both(f"{sum(n.get(split, 0) for split in ('train', 'validation', 'calibration', 'test')):,} labelled cases were used{agree['en']}", f"ラベル付き {sum(n.get(split, 0) for split in ('train', 'validation', 'calibration', 'test')):,} 件を使用{agree['ja']}"),
         both("two people label some of the same cases; doubtful labels are looked at", "一部を 2 人でラベル付けし、疑わしいラベルを確認")),
        ("compute", both("Computing", "計算資源"), both(", ".join(text["en"] for text in machine), "、".join(text["ja"] for text in machine)), both("the machine for the real volume (section “How big a machine”)", "実際の件数に必要な計算機（「どの規模の計算機か」）")),
        ("latency", both("Delay", "応答時間"), measures.delay(known) or both("not measured in this run (poc size RUN)", "この実行では未測定（poc size RUN）"), both("measured again on the machine of the line", "現場の計算機で測り直す")),
        ("bias", both("Bias", "偏り"), measures.groups_said(known) if known.groups else both("no groups to compare", "比較できるグループなし"), both("groups that are not in the data (other lots, people, seasons)", "データにないグループ（別のロット・人・季節）")),
        ("explanation", both("Explanation", "説明"), {language: " ".join(finding["summary"][language] for finding in explained) for language in LANGUAGES} if explained else not_asked, both("an explanation is a hint for people, never a proof", "説明は人への手がかりであり、証明ではありません")),
        ("contradiction", both("Said against seen", "聞くことと見ることの食い違い"), beliefs["headline"] if beliefs else not_asked, both("contradictory cases go to a person", "食い違う事例は人へ")),
        ("loss", both("A loss of money", "損失"), _loss(known), both("assumptions are replaced by offers and measurements", "前提を見積もりや実測に置き換える")),
    ]  # fmt: skip
    return [{"id": key, "name": name, "seen": seen, "left": left} for key, name, seen, left in rows]


def _loss(known: Known) -> Text:
    if known.roi is None:
        return both("not worked out (poc roi RUN)", "未計算（poc roi RUN）") if known.decided else both("no money is computed without a verdict", "判定がないため金額は計算しません")
    row = next(row for row in known.roi["options"] if row["option"] == "tuned")
    low = about(row["npv"]["low"], known.currency)
    chance = "> 99%" if row["positive"] > 0.99 else "< 1%" if row["positive"] < 0.01 else percent(row["positive"], 0)
    return known.marked(both(f"It pays in {chance} of the computed cases; the low end is {low['en']}", f"計算の {chance} で採算が取れます。下限は {low['ja']}です"))
