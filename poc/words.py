"""The names of arms, KPIs, checks and verdicts in both languages, the same wherever a person reads them."""

from kit.language import say

Text = dict[str, str]  # {"en", "ja"}


def both(en: str, ja: str) -> Text:
    """A text in both languages, for what is written now and read by either reader later."""
    return {"en": en, "ja": ja}


ARMS: dict[str, Text] = {
    "majority": both("Always the commonest answer", "常に最多の答え"),
    "copy_note": both("Copy the note", "メモの写し"),
    "cheap_model": both("scikit-learn, no MLLM", "scikit-learn（MLLM なし）"),
    "base": both("Base model", "ベースモデル"),
    "base_examples": both("Base model with examples", "ベースモデル＋例示"),
    "tuned": both("Tuned model", "微調整後のモデル"),
}
STAGES: dict[str, Text] = {  # as run.json's timing names them
    "reading the company's folder": both("reading", "読み込み"),
    "audit of the rows": both("audit", "検査"),
    "baselines without an MLLM": both("baselines", "比較対象"),
    "base model on held-out rows": both("base model", "ベースモデル"),
    "fine-tuning": both("fine-tuning", "微調整"),
    "tuned model on held-out rows": both("tuned model", "微調整後のモデル"),
    "run checks": both("run checks", "実行チェック"),
    "results and report": both("results", "結果"),
}
CHEAP = ("majority", "copy_note", "cheap_model")  # what needs no MLLM

KPIS: dict[str, Text] = {
    "macro_recall": both("macro recall", "マクロ再現率"),
    "accuracy": both("accuracy", "正解率"),
    "macro_f1": both("macro F1", "マクロ F1"),
}
KPI_MEANING: dict[str, Text] = {
    "macro_recall": both(
        "the share found of each true answer, averaged over the answers, so that a rare defect counts as much as a common one",
        "正解ごとの発見率を平均したもの。まれな不良も多い不良も同じ重みです",
    ),
    "accuracy": both("the share of right answers", "正しい答えの割合"),
    "macro_f1": both(
        "the balance of finding each answer and being right when naming it, averaged over the answers",
        "見逃しと誤りの釣り合いを答えごとに求めて平均したもの",
    ),
}

CONDITIONS: dict[str, Text] = {"as_is": both("as it is", "そのまま"), "without_text": both("without the note", "メモなし")}

CHECKS: dict[int, Text] = {
    1: both("Versions", "バージョン"),
    2: both("Token budget", "トークン数"),
    3: both("Valid rows", "データ形式"),
    4: both("Only the answer is taught", "教師は答えだけ"),
    5: both("The evidence is really used", "メディアの利用"),
    6: both("Only what should learn has learned", "学習した部分"),
    7: both("The saved adapter is the measured one", "アダプターの再読込"),
}

VERDICTS: dict[str, Text] = {
    "go": both("Go", "進める"),
    "stop": both("Stop", "中止"),
    "grey": both("Not decided", "保留"),
    "none": both("No verdict", "判定なし"),
}

FINDINGS: dict[str, str] = {  # the names that findings have in code and in files -> in Japanese
    "unreadable rows and media": "読めない行・ファイル",
    "exact duplicates": "完全な重複",
    "near duplicates": "ほぼ同じもの",
    "duplicates across splits": "分割をまたぐ重複",
    "groups across splits": "分割をまたぐグループ",
    "random against honest split": "無作為な分割とグループ単位の分割",
    "probable label errors": "疑わしいラベル",
    "contradicting sources": "食い違う情報",
    "class imbalance": "答えの偏り",
    "group imbalance": "グループの偏り",
    "odd light": "照明の違うグループ",
    "too few samples": "サンプル不足",
    "shortcut features": "近道になる特徴",
    "sound and picture out of step": "音と映像のずれ",
    "personal data in text": "文章中の個人情報",
    "faces": "顔",
    "voices": "声",
    "price of privacy": "マスクの代償",
    "how many labels": "必要なラベル数",
    "agreement of annotators": "ラベル付け担当者の一致度",
    "wrong labels": "誤ったラベル",
    "seconds per label": "1 件あたりの秒数",
    "dependence on the note": "メモへの依存",
    "worth of generated rows": "生成した行の価値",
    "interference of text": "文章による干渉",
    "interference of image": "画像による干渉",
    "interference of video": "動画による干渉",
    "interference of audio": "音声による干渉",
    "sensitivity": "判断に使う情報への感度",
    "sensitivity beside the rest": "判断に使う情報への感度（ほかの情報を添えて）",
    "shortcut index": "ショートカット指数",
    "conflict": "食い違いの検知",
    "attention balance": "注意の配分",
    "explanation by image": "説明（画像）",
    "explanation by video": "説明（動画）",
    "explanation by audio": "説明（音声）",
    "explanation by text": "説明（文章）",
    "drift of scores": "変化の検知（モデルの出力）",
    "drift of quality": "変化の検知（画像・音声の質）",
    "drift of embeddings": "変化の検知（特徴）",
    "drift of rates": "変化の検知（保留・訂正の割合）",
    "drift of risk": "変化の検知（誤り率）",
}

PERTURBATIONS: dict[str, str] = {  # evidence that is put beside the deciding one (kit.data.perturbations) -> in Japanese, without the language in brackets
    "unrelated facts": "無関係な事実", "misleading note A": "誤ったメモ A", "misleading note B": "誤ったメモ B", "matching note": "正しいメモ", "misleading spoken label": "誤った音声メモ", "matching spoken label": "正しい音声メモ", "injected instruction": "紛れ込んだ指示",
    "text of another row": "別の行の文章", "own text": "その行自身の文章", "own image": "その行自身の画像", "own audio": "その行自身の音声", "own video": "その行自身の動画",
    "empty strip in the picture": "画像内の空白の帯", "misleading words in the picture": "画像内の誤った文字", "instruction in the picture": "画像内の指示", "grainy picture": "ざらついた画像",
    "black image": "黒い画像", "white image": "白い画像", "noise image": "ノイズ画像", "another image": "別の画像", "silence audio": "無音", "noise audio": "雑音", "another audio": "別の音声",
    "shuffled video": "順序を入れ替えた動画", "frozen video": "静止した動画", "noise video": "ノイズ動画", "another video": "別の動画",
}  # fmt: skip


def said_of_copying(copied: dict) -> Text:
    """What somebody who only copies what the evidence names gets right (`kit.diagnosis.copying`), in words."""
    told = {which: "{:.0f} % [{:.0f}, {:.0f}]".format(*(100 * value for value in copied[which][:3])) for which in ("own", "beside") if copied.get(which)}
    if not told:
        return both("nothing names an answer that could be copied", "写せる答えがありません")
    parts = {"own": ("{} right with the rows' own notes and recordings", "各行のメモ・録音で正答 {}"), "beside": ("{} with what is put beside the evidence here", "ここで添えた情報で正答 {}")}
    return both(*(joint.join(parts[which][place].format(share) for which, share in told.items()) for place, joint in ((0, ", "), (1, "、"))))


def name_of_finding(name: str, language: str | None = None) -> str:
    """A finding's name as a person reads it."""
    return say(name, FINDINGS.get(name, name), language)


def name_of_perturbation(name: str, language: str | None = None) -> str:
    """What a table calls a perturbation; a company's own scenario keeps the name that it was given."""
    plain, _, tongue = name.partition(" (")
    spoken = {"en)": "（英語）", "ja)": "（日本語）"}.get(tongue, "")
    return say(name, PERTURBATIONS[plain] + spoken if plain in PERTURBATIONS else name.replace("found: ", "実例："), language)
