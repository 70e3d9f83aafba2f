"""Personal data in text, by presidio with recognisers of our own: Japanese ones (it ships none) and those that need no download.

A blank spaCy pipeline stands behind it: patterns, check digits and lists of family names, no trained model. So a name that is in no list and has no title beside it is missed, and a
family name that is a word, too (hayashi, mori), is only taken with a title or a given name.
"""

from functools import cache

from presidio_analyzer import AnalyzerEngine, Pattern, PatternRecognizer, RecognizerRegistry
from presidio_analyzer.nlp_engine import SpacyNlpEngine
from presidio_analyzer.predefined_recognizers import CreditCardRecognizer

from kit.data import Sample

LANGUAGE = "xx"  # spaCy's "many languages": notes mix Japanese and English
LEAST = 0.5  # presidio's score below which nothing is said
_FULL_WIDTH = str.maketrans("０１２３４５６７８９－ー―‐−（）＠．", "0123456789-----()@.")  # one character for one: places stay what they are

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
TITLES = "さん|様|さま|氏|殿|先生|課長|部長|係長|主任|社長|君|ちゃん"
PREFECTURES = (
    "北海道|青森県|岩手県|宮城県|秋田県|山形県|福島県|茨城県|栃木県|群馬県|埼玉県|千葉県|東京都|神奈川県|新潟県|富山県|石川県|福井県|山梨県|長野県|岐阜県|静岡県|愛知県|三重県|滋賀県|京都府|大阪府|兵庫県|奈良県|和歌山県|"
    "鳥取県|島根県|岡山県|広島県|山口県|徳島県|香川県|愛媛県|高知県|福岡県|佐賀県|長崎県|熊本県|大分県|宮崎県|鹿児島県|沖縄県"
)
_KANJI, _KANA = r"一-龥々", r"ぁ-んァ-ヶー"


def _name_patterns() -> list[Pattern]:
    family, short, romaji = "|".join(FAMILY), "|".join(SHORT_FAMILY), "|".join(ROMAJI)
    capital = "|".join(name.capitalize() for name in ROMAJI)
    return [
        Pattern("family name with a title", rf"(?:{family}|{short})[{_KANJI}]{{0,3}}\s?(?:{TITLES})", 0.8),
        Pattern("family and given name", rf"(?:{family})[ 　]?[{_KANJI}]{{1,3}}(?![{_KANJI}])", 0.55),
        Pattern("kana name with a title", r"(?<![ァ-ヶー])[ァ-ヶー]{2,6}(?:さん|様|氏)", 0.5),
        Pattern("romaji with a title", rf"(?i:\b(?:{romaji})[- ]?(?:san|sama|kun)\b|\b(?:mr|mrs|ms|dr)\.? +(?:{romaji})\b)", 0.8),
        Pattern("romaji, family name first", rf"\b(?:{capital}) [A-Z][a-z]+\b", 0.65),
        Pattern("romaji, given name first", rf"\b[A-Z][a-z]+ (?:{capital})\b", 0.6),
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
            Pattern("national", r"(?<![\d-])\(?0\d{1,4}\)?[-\s]?\d{1,4}[-\s]?\d{3,4}(?![\d-])", 0.6), Pattern("international", r"\+81[-\s]?\(?0?\)?\d{1,4}[-\s]?\d{1,4}[-\s]?\d{3,4}(?!\d)", 0.6),
        ]),
        _MyNumber("MY_NUMBER", name="individual number", supported_language=LANGUAGE, patterns=[Pattern("twelve digits", r"(?<!\d)\d{4}[-\s]?\d{4}[-\s]?\d{4}(?![-\s]?\d)", 0.4)]),
        PatternRecognizer("EMAIL_ADDRESS", name="e-mail", supported_language=LANGUAGE, patterns=[Pattern("e-mail", r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+", 0.9)]),
        PatternRecognizer("ADDRESS", name="Japanese addresses", supported_language=LANGUAGE, patterns=[
            Pattern("postal code", r"〒\s?\d{3}-?\d{4}", 0.9), Pattern("postal code alone", r"(?<![\d-])\d{3}-\d{4}(?=\s*(?:" + PREFECTURES + "))", 0.8),
            Pattern("prefecture and town", rf"(?:{PREFECTURES})[{_KANJI}{_KANA}]{{1,8}}?[市区町村郡](?:[{_KANJI}{_KANA}\d]*\d[-\d丁目番地号]*)?", 0.7),
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


def find_personal(text: str) -> list[tuple[str, int, int]]:
    """(kind, start, end) of each piece of personal data in a text, in order, without overlaps: the surer one, then the longer one stays.

    Kinds: PERSON, PHONE_NUMBER, MY_NUMBER, EMAIL_ADDRESS, ADDRESS, CREDIT_CARD. Full-width digits are read as digits.
    """
    if not text.strip():
        return []
    found = sorted(_engine().analyze(text.translate(_FULL_WIDTH), language=LANGUAGE), key=lambda one: (-one.score, one.start - one.end))
    kept: list = []
    for one in found:
        if all(one.end <= other.start or one.start >= other.end for other in kept):
            kept.append(one)
    return sorted(((one.entity_type, one.start, one.end) for one in kept), key=lambda piece: piece[1])


def masked_text(text: str) -> str:
    """The text with each piece of personal data replaced by its kind, as in "call [PHONE_NUMBER]"."""
    for kind, start, end in reversed(find_personal(text)):
        text = f"{text[:start]}[{kind}]{text[end:]}"
    return text


def texts_of(sample: Sample) -> dict[str, str]:
    """Where a row has words: its text, and its other columns."""
    return {"text": sample.text, **{column: value for column, value in sample.meta.items() if isinstance(value, str)}}
