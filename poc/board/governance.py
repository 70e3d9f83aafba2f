"""The governance page: four frameworks, what THIS run did about each point, and what remains for people. It is no legal advice and no proof of conformity; whoever is responsible reads the text itself.

Versions and dates were looked up on AS_OF, on secondary pages (docs/decisions.md says where); a framework that has changed since is to be read anew.
"""

from collections.abc import Callable
from dataclasses import dataclass

from poc.board import measures
from poc.board.known import Known
from poc.report.page import signature_state
from poc.words import Text, both, name_of_finding

AS_OF = "2026-11-30"


@dataclass(frozen=True)
class Framework:
    """A text that binds or guides.

    Attributes:
        name, issuer: as people call it, and who issued it.
        version: version and dates, only those that were looked up.
        link: where the text is.
        applies: to whom, in one sentence.
        points: (what it asks in few words, what the run did: a key of DONE, what remains for people).
    """

    name: Text
    version: Text
    link: str
    applies: Text
    points: tuple[tuple[Text, str, Text], ...]


FRAMEWORKS: tuple[Framework, ...] = (
    Framework(
        both("AI Guidelines for Business (MIC, METI)", "AI事業者ガイドライン（総務省・経済産業省）"),
        both("version 1.2 of 31 March 2026 (1.0: 19 April 2024; 1.1: 28 March 2025)", "第1.2版（2026年3月31日）。第1.0版 2024年4月19日、第1.1版 2025年3月28日"),
        "https://www.meti.go.jp/shingikai/mono_info_service/ai_shakai_jisso/20240419_report.html",
        both("Not binding. For developers, providers and business users of AI; a company that teaches and uses its own model may be all three.", "法的拘束力のない指針。AI 開発者・提供者・利用者が対象で、自社モデルを学習して使う会社は複数の立場を兼ねます。"),
        (
            (both("Human-centric", "人間中心"), "people", both("name the people; decide which answers may never count unchecked", "担当者を決める。無確認で確定させない答えを定める")),
            (both("Safety", "安全性"), "checks", both("a trial in the real place before anything depends on it", "現場での試行を終えるまで頼らない")),
            (both("Fairness", "公平性"), "groups", both("groups that the data do not hold", "データに含まれないグループ")),
            (both("Privacy", "プライバシー保護"), "privacy", both("purpose, consent, storage time", "利用目的、同意、保存期間")),
            (both("Security", "セキュリティ確保"), "local", both("access rights, backup, who may replace the model", "アクセス権、バックアップ、モデルを替えられる人")),
            (both("Transparency", "透明性"), "report", both("tell those who are affected that AI takes part", "影響を受ける人に AI の関与を伝える")),
            (both("Accountability", "アカウンタビリティ"), "signed", both("one named owner of every judgement", "全判定の責任者を一人決める")),
            (both("Education, literacy", "教育・リテラシー"), "nothing", both("train clerks on when not to believe it", "信じてはいけない場面を担当者に教える")),
            (both("Fair competition", "公正競争確保"), "nothing", both("contracts that shut nobody out of data or machines", "データや設備から他者を締め出さない契約")),
            (both("Innovation", "イノベーション"), "nothing", both("share what was learned; train people inside and outside", "得られた知見の共有、社内外の人材育成")),
        ),
    ),
    Framework(
        both("Quality management guideline for generative AI (AIST)", "生成AI品質マネジメントガイドライン（産総研）"),
        both("first edition, Rev. 1.0.0, 26 May 2025", "第1版（Rev. 1.0.0、2025年5月26日）"),
        "https://www.digiarc.aist.go.jp/publication/aiqm/genaiqm-guidelines-v1.html",
        both("Not binding. For companies that build systems from language models made by others.", "法的拘束力のない指針。他社の大規模言語モデルを部品に使うシステムの開発・運用者が対象。"),
        (
            (both("Quality required by the use", "用途から導く品質要件"), "gates", both("agree on them with those who bear the errors", "誤りの影響を受ける人と合意する")),
            (both("The foundation model as a part", "部品としての基盤モデル"), "model", both("read its licence; follow its maker's notices", "ライセンスを読み、開発元の告知を追う")),
            (both("Filter of inputs", "入力フィルター"), "believes", both("stop dark, silent or contradictory inputs before the model", "暗い・無音・矛盾する入力をモデルの前で止める")),
            (both("Filter of outputs", "出力フィルター"), "abstention", both("enough people for what is handed over", "人に回る分を確認できる人数")),
            (both("Interface to people", "人との接点（HMI）"), "people", both("watch clerks use it; measure overrides", "担当者の使い方を観察し、訂正率を測る")),
            (both("Evidence of tests", "試験の証拠"), "checks", both("repeat after every change of model or data", "モデルやデータを変えるたびに繰り返す")),
        ),
    ),
    Framework(
        both("Act on the Protection of Personal Information, APPI (Japan)", "個人情報保護法（個人情報の保護に関する法律）"),
        both("Act No. 57 of 2003. The commission published a policy for its reform on 9 January 2026 (among others: data of faces, AI development, surcharges); whether and from when a reform applies is to be asked of counsel",
             "平成15年法律第57号。個人情報保護委員会が 2026年1月9日に制度改正方針を公表（顔特徴データ、AI 開発、課徴金など）。改正の成立・施行時期は法務に確認してください"),
        "https://laws.e-gov.go.jp/law/415AC0000000057",
        both("Binding wherever a photo, a voice or a text tells who somebody is.", "写真・音声・文章から個人が分かる場合に適用される法律です。"),
        (
            (both("Purpose stated and kept to (Art. 17, 18)", "利用目的の特定と制限（17・18条）"), "nothing", both("write the purpose; does teaching a model fall under it?", "利用目的を書き、学習が含まれるか確認")),
            (both("Proper acquisition; sensitive data by consent (Art. 20)", "適正な取得、要配慮個人情報は同意（20条）"), "privacy", both("consent of those who are seen or heard", "写る人・話す人の同意")),
            (both("Security control (Art. 23)", "安全管理措置（23条）"), "local", both("who may read the folder; encryption; deletion", "フォルダーの閲覧者、暗号化、削除")),
            (both("Entrustment, third parties, abroad (Art. 25, 27, 28)", "委託・第三者提供・外国への提供（25・27・28条）"), "remote", both("contracts with whoever receives rows", "データを受け取る相手との契約")),
            (both("Leaks are reported (Art. 26)", "漏えい等の報告（26条）"), "log", both("who reports, within which time", "報告する人と期限")),
        ),
    ),
    Framework(
        both("EU AI Act, Regulation (EU) 2024/1689", "EU AI 法（規則 (EU) 2024/1689）"),
        both("in force since 1 August 2024; prohibitions and AI literacy apply since 2 February 2025, rules for general-purpose models since 2 August 2025, transparency (Art. 50) and most of the rest since 2 August 2026. The Digital Omnibus on AI (Regulation (EU) 2026/1744, in force since 27 July 2026) moved high-risk systems of Annex III to 2 December 2027 and those in products (Annex I) to 2 August 2028, and reworded AI literacy (Art. 4: take measures that support it). From 2 December 2026: a new prohibition (intimate images without consent, abuse of children), and marking of generated content (Art. 50(2)) for systems that were on the market before 2 August 2026",
             "2024年8月1日発効。禁止事項と AI リテラシーは 2025年2月2日から、汎用 AI モデルの規定は 2025年8月2日から、透明性（50条）など大部分は 2026年8月2日から適用。デジタル・オムニバス（AI）（規則 (EU) 2026/1744、2026年7月27日発効）により、附属書 III の高リスクは 2027年12月2日、製品に組み込むもの（附属書 I）は 2028年8月2日に延期され、AI リテラシー（4条）は「支援する措置を取る」義務に改められました。2026年12月2日からは新しい禁止事項（同意のない性的画像、児童虐待）と、2026年8月2日より前に市場にあったシステムの生成物の表示（50条2項）が適用"),
        "https://eur-lex.europa.eu/eli/reg/2024/1689/oj",
        both("Binding where the system, or its output, is used in the EU. The kit cannot tell the risk class: counsel does (workers, biometrics and safety parts of machines may be high-risk).", "システムやその出力が EU で使われる場合に適用。リスク区分はキットでは判断できません（従業員の評価、生体認証、機械の安全部品などは高リスクになり得ます）。法務が判断してください。"),
        (
            (both("AI literacy (Art. 4)", "AI リテラシー（4条）"), "nothing", both("take measures that support it, and keep a record", "支援する措置を取り、記録を残す")),
            (both("Risk management (Art. 9)", "リスクマネジメント（9条）"), "believes", both("foreseeable misuse; scenarios of the company", "予見できる誤用、自社のシナリオ")),
            (both("Data and data governance (Art. 10)", "データガバナンス（10条）"), "data", both("is the data like the real use?", "データが実際の利用を代表しているか")),
            (both("Documentation and records (Art. 11, 12)", "文書化・記録（11・12条）"), "log", both("keep runs and logs as long as the law asks", "定められた期間、実行結果とログを保存")),
            (both("Transparency to users (Art. 13, 50)", "透明性（13・50条）"), "report", both("say that an AI answers; mark what it generates", "AI による回答の明示、生成物の表示")),
            (both("Human oversight (Art. 14)", "人による監督（14条）"), "people", both("people who can and may overrule it", "覆す能力と権限のある人を置く")),
            (both("Accuracy, robustness, cybersecurity (Art. 15)", "正確性・堅牢性・サイバーセキュリティ（15条）"), "accuracy", both("watch for decay in use", "運用中の劣化を監視")),
        ),
    ),
)  # fmt: skip


def governance(known: Known) -> list[dict]:
    """The frameworks with what this run did: [{"name", "version", "link", "applies", "points": [(asks, did, done: bool, left)]}]."""
    done = {key: make(known) for key, make in DONE.items()}
    return [{"name": one.name, "version": one.version, "link": one.link, "applies": one.applies, "points": [(asks, *done[key], left) for asks, key, left in one.points]} for one in FRAMEWORKS]


Done = tuple[Text, bool]  # what was done, and whether that counts as done


def _checks(known: Known) -> Done:
    count = {status: sum(check["status"] == status for check in known.checks) for status in ("green", "red")}
    return both(f"{count['green']} run checks passed, {count['red']} failed", f"実行チェック：合格 {count['green']}、不合格 {count['red']}"), bool(count["green"]) and not count["red"]


def _signed(known: Known) -> Done:
    state = signature_state(known.record)
    return state["text"], state["state"] == "signed"


def _gates(known: Known) -> Done:
    gates = known.record["gates"]
    text = both(f"criteria with a threshold ({100 * gates['threshold']:g}), a confidence ({known.sure}) and a limit for lost general ability, fingerprint {gates['hash'][:8]}", f"しきい値（{100 * gates['threshold']:g}）、信頼度（{known.sure}）、一般能力の低下の上限を定めた判定基準（ハッシュ {gates['hash'][:8]}）")
    return text, known.decision_run


def _groups(known: Known) -> Done:
    if not known.groups or not known.decided:
        return both("groups were not compared", "グループ間の比較なし"), False
    return measures.groups_said(known), True


def _privacy(known: Known) -> Done:
    """What the audit looked for, and found."""
    looked = [finding for finding in known.audit if finding["name"] in ("personal data in text", "faces", "voices")]
    if not looked:
        return both("the rows were not searched for personal data (poc check DIR, poc mask DIR)", "個人情報の検査なし（poc check DIR、poc mask DIR）"), False
    found = {"en": [], "ja": []}
    for finding in looked:
        clean = finding["verdict"] == "good"
        found["en"].append(f"{finding['name']}: {'none found' if clean else 'FOUND or possible'}")
        found["ja"].append(f"{name_of_finding(finding['name'], 'ja')}：{'見つからず' if clean else '検出または可能性あり'}")
    return both("; ".join(found["en"]), "、".join(found["ja"])), all(finding["verdict"] == "good" for finding in looked)


def _remote(known: Known) -> Done:
    sent = [row["bridge"] for row in (known.bridges or {}).get("table", []) if row["bridge"].startswith("remote")]
    if sent:
        return both(f"rows WERE sent to a server in the comparison of bridges ({', '.join(sent)})", f"ブリッジの比較でデータをサーバーに送信しました（{'、'.join(sent)}）"), False
    return both("this run sent no row to anybody", "この実行はデータを誰にも送っていません"), True


def _model(known: Known) -> Done:
    model = known.record["model"]
    allowed = {True: both("commercial use allowed", "商用利用可"), False: both("commercial use NOT allowed", "商用利用不可"), None: both("licence not verified", "ライセンス未確認")}[model.get("commercial_use")]
    return both(f"{model['name']}, {model['license']}, {allowed['en']}; weights read from safetensors only", f"{model['name']}、{model['license']}、{allowed['ja']}。重みは safetensors のみ読み込み"), model.get("commercial_use") is True


def _believes(known: Known) -> Done:
    found = measures.believes(known) if known.decided else None
    return (found["headline"], True) if found else (both("misleading evidence was not tried (poc diagnose RUN)", "惑わす情報での試験なし（poc diagnose RUN）"), False)


def _abstention(known: Known) -> Done:
    held = known.record.get("abstention")
    if not known.decided:
        return both("no threshold of a run without a verdict is shown", "判定のない実行のしきい値は示しません"), False
    if not held:
        return both("no threshold with a promise was worked out (poc run DIR)", "保証つきのしきい値は未算出（poc run DIR）"), False
    if held["threshold"] is None:
        return both("no threshold can keep the promise with these rows", "この行数では約束できるしきい値なし"), False
    return both(f"unsure answers (below {100 * held['threshold']:.3g}%) go to a person, by a threshold with a promise", f"確信のない答え（{100 * held['threshold']:.3g}% 未満）は保証つきのしきい値で人へ"), True


def _log(known: Known) -> Done:
    if known.log is None:
        return both("run.json keeps versions, data, settings and results; no audit log yet, since nobody uses it", "run.json に版・データ・設定・結果を記録。未運用のため監査ログはまだなし"), False
    if not known.log.ok:
        return both("the audit log does NOT verify", "監査ログの検証に失敗"), False
    return both(f"run.json, and an audit log of {known.log.records:,} records that verifies", f"run.json と、検証済みの監査ログ {known.log.records:,} 件"), True


def _data(known: Known) -> Done:
    data, crossing = known.record["data"], next((finding["verdict"] for finding in known.audit if finding["name"] == "groups across splits"), None)
    apart = {None: both("whether one was split between teaching and testing was not audited", "学習と評価への分断は未検査"), "good": both("none split between teaching and testing", "学習と評価に分断なし")}.get(crossing, both("some SPLIT between teaching and testing", "学習と評価に分断あり"))
    text = both(f"{data['groups']} groups ({data['group_rule']}), {apart['en']}; fingerprint {data['hash'][:8]}; audit of the rows: {'done' if known.audit else 'NOT done'}",
                f"{data['groups']} グループ（{data['group_rule']}）、{apart['ja']}。ハッシュ {data['hash'][:8]}。データの検査：{'実施' if known.audit else '未実施'}")  # fmt: skip
    return text, crossing == "good"


def _local(known: Known) -> Done:
    """Whether anything went out or came in; a checkpoint of a hub has no digest of its weights in run.json."""
    if not _remote(known)[1]:
        return _remote(known)
    if known.record["model"].get("hash") is None:
        return both("the checkpoint came from a hub; rows stayed on the machine, nothing is reported home", "チェックポイントはハブから取得。データは端末の外に出ず、利用状況の報告なし"), True
    return both("the checkpoint lay on the machine; the kit fetched, sent and reported nothing (the network itself was not watched)", "チェックポイントは端末内にあり、キットによる取得・送信・利用状況の報告なし（通信そのものは監視していません）"), True


def _accuracy(known: Known) -> Done:
    if not known.decided:
        return both("nothing that could be relied on", "頼れる測定なし"), False
    one = known.rows["tuned"]
    asked = both("robustness: asked", "堅牢性：試験済み") if known.diagnosis else both("robustness: not asked", "堅牢性：未試験")
    return both(f"measured with its interval on {one['n']:,} held-out cases; {asked['en']}", f"評価データ {one['n']:,} 件で区間つきで測定。{asked['ja']}"), bool(known.diagnosis)


def _people(known: Known) -> Done:
    if known.step is None:
        return both("a review queue and steps of autonomy are there to be used; none is in use", "確認待ち一覧と自律段階の仕組みはあるが、未使用"), False
    return both(f"in use on the step “{known.step.step}”, entered by a named person", f"自律段階「{known.step.step}」で運用中（記名で移行）"), True


DONE: dict[str, Callable[[Known], Done]] = {
    "checks": _checks, "signed": _signed, "gates": _gates, "groups": _groups, "privacy": _privacy, "remote": _remote, "model": _model, "believes": _believes, "abstention": _abstention, "log": _log, "data": _data,
    "accuracy": _accuracy, "people": _people,
    "local": _local,
    "report": lambda known: (both("this report, report.html, and the list of what was not tested", "本レポート、report.html、調べていないことの一覧"), True),
    "nothing": lambda known: (both("nothing: that is people's work", "なし（人の仕事です）"), False),
}  # fmt: skip
