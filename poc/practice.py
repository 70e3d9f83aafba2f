"""What people in each of four domains know before they start: the comments that `poc init --like` writes into a new poc.yaml.

Every text is a pair (English, Japanese). Yen figures here are examples and stay commented out.
"""

from dataclasses import dataclass

Pair = tuple[str, str]


@dataclass(frozen=True)
class Practice:
    """A domain's habits.

    Attributes:
        question: proposed when the folder has none.
        decided_by: the evidence that should decide, most trusted first.
        columns: column names that usually hold what may not be split.
        group: why those.
        kpi: which figure decides, and why.
        costs: how a miss and a false alarm are priced.
        example_costs: a line of example costs.
        prevalence: why the shares of the folder are not those of the day.
    """

    question: Pair
    decided_by: tuple[str, ...]
    columns: tuple[str, ...]
    group: Pair
    kpi: Pair
    costs: Pair
    example_costs: str
    prevalence: Pair


ANY = Practice(
    ("Which of the options does this show?", "これは選択肢のうちどれですか?"),
    ("image", "video", "audio", "text"),
    (
        "group",
        "lot",
        "lot_no",
        "batch",
        "device",
        "machine",
        "line",
        "camera",
        "speaker",
        "caller",
        "customer",
        "operator",
        "day",
        "date",
        "グループ",
        "ロット",
        "ロット番号",
        "号機",
        "設備",
        "ライン",
        "カメラ",
        "話者",
        "顧客",
        "担当者",
        "日付",
    ),
    (
        "What may never be split between training and test: lot, device, speaker, day.",
        "学習と評価に分けてはならないまとまり: ロット、設備、話者、日付など。",
    ),
    (
        "macro_recall: every class counts the same, however rare it is.",
        "macro_recall: まれなクラスも同じ重みで数えます。",
    ),
    (
        "miss: a bad one passes as ok_answer. false_alarm: a good one is refused.",
        "miss: 不良を ok_answer と答える(見逃し)。false_alarm: 良品を不良と答える(過検出)。",
    ),
    "{miss: 10000, false_alarm: 500, ok_answer: OK}",
    (
        "Shares on a normal day; those of the folder are seldom the same.",
        "通常の日の割合。フォルダー内の割合とはたいてい異なります。",
    ),
)

PRACTICE = {
    "inspection": Practice(
        ("Which defect does this part have?", "この部品の欠陥はどれですか?"),
        ("image",),
        (
            "lot",
            "lot_no",
            "batch",
            "coil",
            "camera",
            "machine",
            "day",
            "date",
            "ロット",
            "ロット番号",
            "コイル",
            "号機",
            "カメラ",
            "日付",
        ),
        (
            "Parts of one lot share material, light and camera: split by lot, or the test flatters the model.",
            "同じロットは材料・照明・カメラが同じです。ロット単位で分けないと評価が甘くなります。",
        ),
        (
            "macro_recall: a rare defect counts as much as OK. Accuracy looks good on a line with 98 % good parts even when every defect is missed.",
            "macro_recall: まれな欠陥もOKと同じ重み。良品98%のラインでは、全部見逃しても正解率は高く見えます。",
        ),
        (
            "miss: a claim, sorting at the customer, a recall. false_alarm: a second look or a scrapped good part.",
            "miss: クレーム、客先選別、回収の費用。false_alarm: 再検査、または良品の廃棄。",
        ),
        "{miss: 12000, false_alarm: 300, ok_answer: OK}",
        (
            "Defects are collected on purpose, so the folder holds more of them than a normal day: take the shares from the production log.",
            "欠陥品は意図的に集めるため、フォルダーでは実際より多くなります。生産記録の割合を書いてください。",
        ),
    ),
    "line": Practice(
        ("What is happening on this line?", "このラインで何が起きていますか?"),
        ("video", "audio"),
        ("line", "camera", "machine", "shift", "day", "date", "ライン", "カメラ", "号機", "シフト", "日付"),
        (
            "Clips of one shift share camera position and background noise: split by shift or day.",
            "同じシフトの動画はカメラ位置と騒音が同じです。シフトか日付で分けます。",
        ),
        (
            "macro_recall: a jam is rare and must still be seen.",
            "macro_recall: まれな詰まりも見つける必要があります。",
        ),
        (
            "miss: minutes of standstill times the line's margin per minute. false_alarm: one needless stop.",
            "miss: 停止時間(分)×1分あたりの限界利益。false_alarm: 不要な停止1回。",
        ),
        "{miss: 50000, false_alarm: 3000, ok_answer: normal}",
        (
            "Take the shares from the stop log of an ordinary month.",
            "通常の月の停止記録から割合を書いてください。",
        ),
    ),
    "callcentre": Practice(
        ("How does the customer feel?", "お客様の感情はどれですか?"),
        ("audio", "text"),
        ("speaker", "caller", "customer", "operator", "call", "話者", "顧客", "お客様", "担当者", "通話"),
        (
            "A voice is recognised again: split by customer, never by utterance.",
            "声は個人を識別できます。発話単位ではなく、お客様単位で分けます。",
        ),
        (
            "macro_recall: angry calls are few and are the ones that matter.",
            "macro_recall: 怒りの通話は少数ですが、最も重要です。",
        ),
        (
            "miss: a customer lost. false_alarm: a supervisor listens in for nothing.",
            "miss: お客様の離反。false_alarm: 管理者の不要な介入。",
        ),
        "{miss: 20000, false_alarm: 800, ok_answer: calm}",
        (
            "Take the shares from a random sample of calls, not from the complaints folder.",
            "苦情だけでなく、無作為に選んだ通話の割合を書いてください。",
        ),
    ),
    "documents": Practice(
        ("What should happen with this equipment?", "この設備にはどの処置が必要ですか?"),
        ("image", "audio"),
        (
            "equipment",
            "machine",
            "site",
            "inspector",
            "form",
            "day",
            "date",
            "設備",
            "設備番号",
            "号機",
            "現場",
            "点検者",
            "日付",
        ),
        (
            "Sheets of one machine look alike and repeat the same remarks: split by machine or site.",
            "同じ設備の点検票は似ています。設備か現場で分けます。",
        ),
        (
            'macro_recall: "stop now" is rare and must not be lost.',
            "macro_recall: 「直ちに停止」はまれですが、見落とせません。",
        ),
        (
            "miss: the failure that follows. false_alarm: a needless visit by maintenance.",
            "miss: その後の故障。false_alarm: 保全員の不要な出動。",
        ),
        "{miss: 80000, false_alarm: 6000, ok_answer: continue}",
        ("Take the shares from last year's inspection results.", "昨年の点検結果の割合を書いてください。"),
    ),
}
