"""Personal data in text, by presidio with recognisers of our own: Japanese ones (it ships none) and those that need no download.

A blank spaCy pipeline stands behind it: patterns, check digits, lists of family names and the words beside them, no trained model. So a name that is in no list is missed, unless "name:" stands
before it; a family name that is a place or a word, too (yamaguchi, hayashi), is only taken with a title, a given name or a role ("inspector: "); and a firm whose name begins with a family name
is taken for a person where what follows is not in FIRMS. Measured in tests/test_personal.py.
"""

import json
import re
from functools import cache, lru_cache

from presidio_analyzer import AnalyzerEngine, Pattern, PatternRecognizer, RecognizerRegistry
from presidio_analyzer.nlp_engine import SpacyNlpEngine
from presidio_analyzer.predefined_recognizers import CreditCardRecognizer

from kit.data import MEDIA, Sample

LANGUAGE = "xx"  # spaCy's "many languages": notes mix Japanese and English
LEAST = 0.5  # presidio's score below which nothing is said
_FEWEST_DIGITS = 10  # of a telephone number: with fewer in a text, no recogniser asks which digits they are
_FULL_WIDTH = str.maketrans("０１２３４５６７８９－―‐−（）＠．：／", "0123456789----()@.:/")  # one character for one: places stay what they are

FAMILY = (
    "佐藤 鈴木 高橋 田中 伊藤 渡辺 渡邊 渡邉 山本 中村 小林 加藤 吉田 山田 佐々木 山口 松本 井上 木村 斎藤 斉藤 齋藤 清水 山崎 池田 橋本 阿部 石川 山下 中島 石井 小川 前田 岡田 長谷川 藤田 後藤 近藤 村上 遠藤 青木 坂本 "
    "福田 太田 西村 藤井 金子 岡本 藤原 三浦 中野 中川 原田 松田 竹内 小野 田村 中山 和田 石田 上田 森田 小島 柴田 宮崎 酒井 工藤 横山 宮本 内田 高木 安藤 谷口 大野 丸山 今井 高田 藤本 武田 村田 上野 杉山 増田 菅原 平野 大塚 "
    "千葉 久保 松井 小山 岩崎 桜井 野口 松尾 野村 木下 菊地 菊池 佐野 大西 杉本 新井 浜田 古川 市川 水野 小松 島田 吉川 山内 西田 菅野 五十嵐 望月 永井 秋山 服部 矢野 星野 西川 辻村 飯田 本田 中田 岩田 川口 福島"
).split()
SHORT_FAMILY = "林 森 原 東 南 西 北 谷 辻 関 堀 星 岡 島 泉 滝 浜 菅 平 今 金 李 王 陳 朴".split()  # words, too: only with a title
ROMAJI = (
    "sato suzuki takahashi tanaka ito watanabe yamamoto nakamura kobayashi kato yoshida yamada sasaki yamaguchi matsumoto inoue kimura saito shimizu yamazaki ikeda hashimoto abe ishikawa yamashita "
    "nakajima ishii ogawa maeda okada hasegawa fujita goto kondo murakami endo aoki sakamoto fukuda ota nishimura fujii kaneko okamoto fujiwara miura nakano nakagawa harada matsuda takeuchi ono tamura "
    "nakayama wada ishida ueda morita kojima shibata miyazaki sakai kudo yokoyama miyamoto uchida takagi ando taniguchi ohno maruyama imai takada fujimoto takeda murata ueno sugiyama masuda sugawara hirano otsuka chiba"
).split()
PLACES = set(  # family names that are a place or a word as often: they need more beside them than the others
    "山口 福島 千葉 宮崎 石川 松本 上田 上野 中野 川口 大野 小松 太田 福田 三浦 中川 中山 高田 平野 坂本 大塚 池田 吉川 市川 小山 古川 橋本 浜田 飯田 岩田 和田 中島 横山 清水 前田 小川 竹内 丸山 木下 山下 山内 高木 永井 望月".split()
)
PLACES_EN = set("ueno chiba yamaguchi ishikawa matsumoto ota nakano nakagawa nakayama ueda yamashita nakajima takada hirano otsuka sakamoto ikeda shimizu maeda ogawa hashimoto yokoyama fukuda".split())
DOES_EN = "checked|confirmed|said|says|called|reported|noted|told|saw|found|measured|inspected|approved|asked|wrote|signed|took|will|has|had|is|was"
TITLES = "さん|様(?![式々子相態])|さま|氏(?!名)|殿|先生|課長|部長|係長|主任|社長|君|ちゃん"
FIRMS = (  # what makes a firm, an office or a place of the family name before it
    "製作|製造|製鋼|製鉄|製薬|製材|製菓|製麺|製紙|工業|工場|工務|工芸|工機|鉄工|鉄鋼|鋼業|鋼材|重工|機械|機工|精機|精密|精工|電機|電器|電気|電子|電線|電装|電設|金属|金型|化学|化成|産業|興業|商店|商事|商会|商社|物産|物流|運輸|運送|"
    "交通|倉庫|建設|建材|建築|土木|設備|設計|塗装|塗料|印刷|紙業|紙器|硝子|陶器|樹脂|木工|木材|繊維|織物|染工|食品|食堂|水産|酒造|醸造|農園|農場|牧場|薬品|薬局|医院|病院|歯科|眼科|内科|外科|書店|銀行|信用金庫|証券|保険|不動産|"
    "自動車|技研|研究|計器|計測|光学|支店|支社|支所|支部|本社|本店|営業|事業|事務|出張所|分室|店|株式|有限|合同会社|グループ|ホールディングス|センター|工房|学園|大学|高校|高等|中学|小学|幼稚園|保育園|"
    "駅|空港|港|橋|市(?![郎子太])|区|県|郡|町(?!子)|村|地区|地方|地域|方面|通り|街道|神社|寺|城|流域|盆地|平野|線|行き|発|着|産|牛|米(?!子)|製|型|式|号|系|側|第|用|品|部品|間|社|金物|貴金属|軽金属|特殊鋼|照明|観光|洋行|組(?![合子])|園(?![子美恵])"
)
ROLES = (  # after which a family name is a person's
    "担当|担当者|検査者|検査員|作業者|作業員|記入者|記録者|承認者|承認|確認者|測定者|責任者|報告者|作成者|作成|審査者|点検者|点検|撮影者|立会者|立会人|氏名|名前|受付|受付者|対応|対応者|応対者|オペレーター|オペレータ|発信者|契約者|"
    "名義|名義人|申込者|依頼者|連絡者|受取人|宛名|署名|話者"
)
ROLES_EN = (
    "operator|inspector|inspected by|checked by|checker|approved by|approver|signed by|technician|worker|recorded by|author|caller|agent|customer|prepared by|measured by|reported by|supervisor|engineer|"
    "manager|attn|name|contact|speaker|driver|annotator|photographer"
)
FIRMS_EN = (
    "Industries|Industry|Motors?|Station|Branch|Plant|Factory|Works|Office|Steel|Electric|Electronics|Corporation|Corp|Co|Company|Ltd|Inc|KK|Kogyo|Seisakusho|Shoten|Shoji|City|Prefecture|Ward|Street|Line|Bank|Hospital|University|"
    "Machinery|Metals?|Precision|Chemicals?|Foods?|Holdings|Group|Tools?|Trading|Stores?|Center|Centre|Hall|Park|Castle|Airport|River|Tower|Division|Department|Lab|Labs|Laboratory|Warehouse|Denki|Kikinzoku|Shokai|Sangyo|Kensetsu|Kinzoku|Seiki"
)
NO_GIVEN_NAME = "The|At|In|From|To|For|On|By|And|Or|Of|With|Near|New|Old|North|South|East|West|Via|Our|Their|This|That|Visit|Lot|Line|Part|Model"
PREFECTURES = (
    "北海道|青森県|岩手県|宮城県|秋田県|山形県|福島県|茨城県|栃木県|群馬県|埼玉県|千葉県|東京都|神奈川県|新潟県|富山県|石川県|福井県|山梨県|長野県|岐阜県|静岡県|愛知県|三重県|滋賀県|京都府|大阪府|兵庫県|奈良県|和歌山県|"
    "鳥取県|島根県|岡山県|広島県|山口県|徳島県|香川県|愛媛県|高知県|福岡県|佐賀県|長崎県|熊本県|大分県|宮崎県|鹿児島県|沖縄県"
)
WARDS = "千代田|中央|港|新宿|文京|台東|墨田|江東|品川|目黒|大田|世田谷|渋谷|中野|杉並|豊島|北|荒川|板橋|練馬|足立|葛飾|江戸川"  # of Tokyo, which are written without a city
_KANJI, _KANA = r"一-龥々", r"ぁ-んァ-ヶー"
_BLOCK = r"\d{1,4}(?:丁目|番地?|条|-)\d{1,4}(?:(?:番地?|-)\d{1,4})*号?"
# before a number that looks like a telephone's and is named as something else
_NO_PHONE = r"(?<!(?:品番|型番|部番|図番|製番|品目|型式|コード|シリアル|ロット|(?:部品|製品|製造|図面|注文|発注|管理|伝票|整理|商品|品目|登録|設備|機械|契約|識別|資産|追跡)番号|(?i:p/n|s/n|part|parts|serial|item|model|lot|order|sku|drawing|ref|code|invoice)(?i: ?no| ?number)?)[\s.:#=]*)"


def _name_patterns() -> list[Pattern]:
    family, short, alone = "|".join(FAMILY), "|".join(SHORT_FAMILY), "|".join(name for name in FAMILY if name not in PLACES)
    capital = "|".join(form for name in ROMAJI for form in (name.capitalize(), name.upper()))
    firm, firm_en, letter = rf"(?![ 　]?(?:{FIRMS}))", rf"(?![ _](?:{FIRMS_EN})\b)", f"{_KANJI}{_KANA}A-Za-z"
    romaji = [name for name in ROMAJI if name not in PLACES_EN]
    spoken, written = "|".join(name.capitalize() for name in romaji), "|".join(name for name in romaji if len(name) > 4)  # shorter ones are words, too
    role = rf"(?<=(?:{ROLES})[名欄]?(?:\s*[:=はが/]\s*|\s+))"
    role_en = rf"(?<=\b(?i:{ROLES_EN})(?:'s)?(?:[ _]?name)?(?:\s*[:,=]\s*|\s+))"
    return [
        Pattern("family name with a title", rf"(?:(?:{family}){firm}|(?:{short}))[{_KANJI}]{{0,3}}\s?(?:{TITLES})", 0.8),
        Pattern("family name after a role", rf"{role}(?:(?:{family}){firm}(?:[ 　]?[{_KANJI}]{{1,3}})?(?![{_KANJI}])|(?:{short})(?:[ 　][{_KANJI}]{{1,3}})?(?![{letter}]))", 0.7),
        Pattern("what is called a name", rf"(?<=(?:氏名|お名前|フリガナ|(?i:full[ _]name))\s?:\s?)(?!未|不明|なし|無|匿名|同上|記入)(?:[{_KANJI}{_KANA}]{{2,6}}(?:[ 　][{_KANJI}{_KANA}]{{1,5}})?|[A-Z][a-z]+ [A-Z][a-z]+)", 0.6),
        Pattern("family and given name", rf"(?:(?<![{_KANJI}])|(?<={ROLES}))(?:{family}){firm}[ 　]?[{_KANJI}]{{1,3}}(?![{_KANJI}])", 0.55),
        Pattern("family name by itself", rf"(?<![{letter}])(?:{alone})(?![{letter}])", 0.5),
        Pattern("family name that does something", rf"(?:(?<![{letter}])|(?<=(?:{alone})[とや]))(?:{alone})(?=(?:から|まで|より|[がはもにのとやへをで])(?![{_KANA}]))", 0.5),
        Pattern("family name right behind a role", rf"(?<=(?:担当|検査|作業|記入|承認|確認|責任|報告)[者員]?)(?:{alone}){firm}(?![{_KANJI}])", 0.55),
        Pattern("kana name with a title", r"(?<![ァ-ヶー])[ァ-ヶー]{2,6}(?:さん|様|氏)", 0.5),
        Pattern("romaji with a title", rf"(?:(?<![A-Za-z])(?i:{capital})[- ]?(?i:san|sama|kun)\b|\b(?i:mr|mrs|ms|dr)\.? +(?:{capital})\b)", 0.8),
        Pattern("romaji after a role", rf"{role_en}(?:(?:{capital})\b{firm_en}(?: [A-Z][a-z]+\b)?|(?:{written})\b)", 0.7),
        Pattern("romaji with an initial, or a comma", rf"(?<![A-Za-z])(?:[A-Z]\. ?(?:{capital})\b{firm_en}|(?:{capital}), ?[A-Z]\w+\b)", 0.6),
        Pattern("romaji that does something", rf"(?<![A-Za-z])(?:{spoken})(?= (?:{DOES_EN})\b)", 0.55),
        Pattern("romaji in a name of a file", rf"(?:\A|(?<=[_\d-]))(?i:{written})(?=[_\d.-])(?:[_-](?!(?i:{FIRMS_EN})(?![A-Za-z]))[A-Za-z]+)?", 0.55),
        Pattern("romaji by itself", rf"\A(?:[^A-Za-z]*)(?:{capital})(?:[\W\d_]|\.\w{{3,4}}\Z)*\Z", 0.6),
        Pattern("romaji, family name first", rf"(?<![A-Za-z])(?:{capital}){firm_en}[ _](?:[A-Z][a-z]+|[A-Z]{{2,}})(?![A-Za-z])", 0.65),
        Pattern("romaji, given name first", rf"(?<![A-Za-z])(?!(?:{NO_GIVEN_NAME})[ _])[A-Z][a-z]+[ _](?:{capital})(?![A-Za-z]){firm_en}", 0.6),
        Pattern("somebody says who he is", r"\b(?:[Mm]y name is|I am|[Tt]his is) [A-Z][a-z]+ [A-Z][a-z]+\b", 0.6),
    ]


class _MyNumber(PatternRecognizer):
    """Individual number: 12 digits of which the last one checks the others (ministerial ordinance 85 of 2014, article 5)."""

    def validate_result(self, pattern_text: str) -> bool | None:
        digits = [int(character) for character in pattern_text if character.isdigit()]
        weighted = sum(digit * (n + 1 if n <= 6 else n - 5) for n, digit in enumerate(reversed(digits[:11]), 1))
        return digits[11] == (0 if weighted % 11 <= 1 else 11 - weighted % 11)


class _Phone(PatternRecognizer):
    """Japanese telephone numbers: ten digits, eleven for mobiles, with or without separators, or +81."""

    def validate_result(self, pattern_text: str) -> bool | None:
        digits = "".join(character for character in pattern_text if character.isdigit())
        national = "0" + digits[2:] if pattern_text.lstrip().startswith("+") else digits
        return len(national) == (11 if national[:3] in ("090", "080", "070", "060", "050", "020") else 10) and national[0] == "0" and national[1] != "0"


def recognizers() -> list[PatternRecognizer]:
    """What is looked for; each with the words around it that make it likelier."""
    return [
        PatternRecognizer("PERSON", name="Japanese names", patterns=_name_patterns(), supported_language=LANGUAGE, global_regex_flags=0),
        _Phone("PHONE_NUMBER", name="Japanese telephone numbers", supported_language=LANGUAGE, patterns=[
            Pattern("national", _NO_PHONE + r"(?<![\d-])\(?0\d{1,4}(?:[-\s_)]|\)\s|\s?\()?\d{1,4}(?:[-\s_)]|\)\s)?\d{3,4}(?![\d-])", 0.6), Pattern("international", r"\+81[-\s]?\(?0?\)?\d{1,4}[-\s]?\d{1,4}[-\s]?\d{3,4}(?!\d)", 0.6),
        ]),
        _MyNumber("MY_NUMBER", name="individual number", supported_language=LANGUAGE, patterns=[Pattern("twelve digits", r"(?<!\d)\d{4}[-\s]?\d{4}[-\s]?\d{4}(?![-\s]?\d)", 0.4)]),
        PatternRecognizer("EMAIL_ADDRESS", name="e-mail", supported_language=LANGUAGE, patterns=[Pattern("e-mail", r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+", 0.9)]),
        PatternRecognizer("ADDRESS", name="Japanese addresses", supported_language=LANGUAGE, patterns=[
            Pattern("postal code", r"〒\s?\d{3}-?\d{4}", 0.9), Pattern("postal code alone", r"(?<![\d-])\d{3}-\d{4}(?=\s*(?:" + PREFECTURES + "))", 0.8),
            Pattern("prefecture and town", rf"(?:{PREFECTURES})[{_KANJI}{_KANA}]{{1,8}}?[市区町村郡](?:[{_KANJI}{_KANA}\d]*\d[-\d丁目番地号]*)?", 0.7),
            Pattern("city, ward, town and block", rf"(?:[{_KANJI}ヶケ]{{1,5}}|さいたま|いわき|つくば|うるま|みどり)市(?![場販況価])[{_KANJI}{_KANA}]{{1,14}}?{_BLOCK}", 0.7),
            Pattern("ward of Tokyo", rf"(?<![{_KANJI}])(?:{WARDS})区[{_KANJI}{_KANA}]{{1,10}}?{_BLOCK}", 0.7),
            Pattern("block and number", rf"[{_KANJI}{_KANA}]{{2,10}}\d{{1,3}}丁目\d{{1,3}}(?:番地?|-)\d{{0,3}}号?", 0.7),
        ]),
        CreditCardRecognizer(supported_language=LANGUAGE),
    ]  # fmt: skip


class _Blank(SpacyNlpEngine):
    """A pipeline that only cuts text into words: presidio's own choice would be downloaded."""

    def __init__(self):
        import spacy

        super().__init__(models=[{"lang_code": LANGUAGE, "model_name": LANGUAGE}])
        self.nlp = {LANGUAGE: spacy.blank(LANGUAGE)}


@cache
def _engine() -> AnalyzerEngine:
    registry = RecognizerRegistry(recognizers=recognizers(), supported_languages=[LANGUAGE])
    return AnalyzerEngine(registry=registry, nlp_engine=_Blank(), supported_languages=[LANGUAGE], default_score_threshold=LEAST)


_ROLE = re.compile(rf"(?:{ROLES})[名欄]?$|フリガナ$|\b(?:{ROLES_EN}|full[ _]name)$|(?:{ROLES_EN})_name$", re.IGNORECASE)


def find_personal(text: str, column: str = "") -> list[tuple[str, int, int]]:
    """(kind, start, end) of each piece of personal data in a text, in order, without overlaps: the surer one, then the longer one stays.

    Kinds: PERSON, PHONE_NUMBER, MY_NUMBER, EMAIL_ADDRESS, ADDRESS, CREDIT_CARD. Full-width digits are read as digits.

    Args:
        column: what the text stands under; a role ("inspector") makes a family name a person's.
    """
    if not text.strip():
        return []
    before = f"{column}: " if _ROLE.search(column) else ""
    plain = re.sub(r"(?<=\d)ー(?=\d)", "-", (before + text).translate(_FULL_WIDTH))
    if len(re.findall(r"\d", plain)) < _FEWEST_DIGITS:
        plain = re.sub(r"\d", "0", plain)
    return [(kind, start - len(before), end - len(before)) for kind, start, end in _pieces(plain) if start >= len(before)]


@lru_cache(maxsize=1 << 16)
def _pieces(text: str) -> tuple[tuple[str, int, int], ...]:
    """What is found in a text; many cells of a table are one text, and file names differ in their digits only, which say nothing before there are as many as in a telephone number."""
    kept: list = []
    for one in sorted(_engine().analyze(text, language=LANGUAGE), key=lambda one: (-one.score, one.start - one.end)):
        if all(one.end <= other.start or one.start >= other.end for other in kept):
            kept.append(one)
    return tuple(sorted(((one.entity_type, one.start, one.end) for one in kept), key=lambda piece: piece[1]))


def masked_text(text: str, column: str = "", form: str = "[{}]") -> str:
    """The text with each piece of personal data replaced by its kind in this form, as in "call [PHONE_NUMBER]"; `column` as in `find_personal`."""
    for kind, start, end in reversed(find_personal(text, column)):
        text = f"{text[:start]}{form.format(kind)}{text[end:]}"
    return text


def texts_of(sample: Sample) -> list[tuple[str, str]]:
    """(column, words) of everything that a row says: its fields, the names of its files (not of their folders), its other columns and what these are called."""
    return [
        *((name, getattr(sample, name)) for name in ("id", "question", "answer", "text", "group")), *(("options", option) for option in sample.options),
        *((name, path.name) for name in MEDIA for path in getattr(sample, name)), *(("column", column) for column in sample.meta), *((column, written(value)) for column, value in sample.meta.items()),
    ]  # fmt: skip


def written(value) -> str:
    """A cell as the copy's table writes it: what is no text becomes JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
