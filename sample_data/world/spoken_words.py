"""What the voices of the general world say: everyday words and short phrases, English and Japanese.

`WORDS` are the words that questions are asked about, `MORE` only make the encoder hear more kinds of syllables. Nothing here
comes from a factory or a call centre. A word is (English, Japanese as written, Japanese as read aloud).
"""

# fmt: off
WORDS: dict[str, tuple[tuple[str, str, str], ...]] = {
    "number": (
        ("zero", "ゼロ", "ゼロ"), ("one", "一", "いち"), ("two", "二", "に"), ("three", "三", "さん"), ("four", "四", "よん"),
        ("five", "五", "ご"), ("six", "六", "ろく"), ("seven", "七", "なな"), ("eight", "八", "はち"), ("nine", "九", "きゅう"),
        ("ten", "十", "じゅう"),
    ),
    "colour": (
        ("red", "赤", "あか"), ("blue", "青", "あお"), ("green", "緑", "みどり"), ("yellow", "黄", "きいろ"),
        ("black", "黒", "くろ"), ("white", "白", "しろ"), ("purple", "紫", "むらさき"), ("orange", "オレンジ", "オレンジ"),
    ),
    "animal": (
        ("cat", "猫", "ねこ"), ("dog", "犬", "いぬ"), ("bird", "鳥", "とり"), ("fish", "魚", "さかな"), ("horse", "馬", "うま"),
        ("rabbit", "うさぎ", "うさぎ"), ("monkey", "猿", "さる"), ("elephant", "象", "ぞう"),
    ),
    "direction": (
        ("left", "左", "ひだり"), ("right", "右", "みぎ"), ("up", "上", "うえ"), ("down", "下", "した"), ("front", "前", "まえ"),
        ("back", "後ろ", "うしろ"), ("centre", "中央", "ちゅうおう"),
    ),
    "reply": (
        ("yes", "はい", "はい"), ("no", "いいえ", "いいえ"), ("stop", "止まれ", "とまれ"), ("go", "進め", "すすめ"),
        ("wait", "待って", "まって"), ("thanks", "ありがとう", "ありがとう"),
    ),
    "fruit": (
        ("apple", "りんご", "りんご"), ("banana", "バナナ", "バナナ"), ("grape", "ぶどう", "ぶどう"), ("lemon", "レモン", "レモン"),
        ("peach", "桃", "もも"), ("cherry", "さくらんぼ", "さくらんぼ"),
    ),
    "thing": (
        ("car", "車", "くるま"), ("book", "本", "ほん"), ("chair", "椅子", "いす"), ("house", "家", "いえ"), ("water", "水", "みず"),
        ("flower", "花", "はな"), ("table", "机", "つくえ"), ("door", "扉", "とびら"), ("box", "箱", "はこ"), ("hat", "帽子", "ぼうし"),
    ),
    "weather": (
        ("rain", "雨", "あめ"), ("snow", "雪", "ゆき"), ("wind", "風", "かぜ"), ("cloud", "雲", "くも"), ("sun", "太陽", "たいよう"),
    ),
}
CATEGORY_JA = {
    "number": "数", "colour": "色", "animal": "動物", "direction": "方向", "reply": "返事", "fruit": "果物", "thing": "物",
    "weather": "天気",
}
SIZES = (("big", "大きい", "おおきい"), ("small", "小さい", "ちいさい"), ("new", "新しい", "あたらしい"), ("old", "古い", "ふるい"))
# two categories -> the phrase in English, in Japanese as written and as read aloud; の and は attach to any noun
PATTERNS = {
    ("colour", "animal"): ("{} {}", "{}の{}", "{}の{}"), ("colour", "fruit"): ("{} {}", "{}の{}", "{}の{}"),
    ("colour", "thing"): ("the {1} is {0}", "{1}は{0}", "{1}わ{0}"),
    ("number", "fruit"): ("{1} number {0}", "{1}の{0}番", "{1}の{0}ばん"),
    ("direction", "thing"): ("{} {}", "{}の{}", "{}の{}"), ("animal", "direction"): ("{} goes {}", "{}は{}", "{}わ{}"),
    ("number", "number"): ("{} {}", "{}、{}", "{}、{}"), ("size", "animal"): ("{} {}", "{}{}", "{}{}"),
    ("size", "thing"): ("{} {}", "{}{}", "{}{}"),
}
# fmt: on

MORE_EN = (
    "about above again air all always among answer arm around ask baby bad bag ball bank bath beach bed before begin bell "
    "below best big bread bridge bring brother build bus busy butter buy cake call camera catch chance change cheap child "
    "city clean clock close coat coffee cold come cook corner country cup dance dark day dear deep desk dinner doctor dream "
    "dress drink drive dry early earth east easy eat egg empty engine enjoy enough evening every eye face fair family far "
    "farm fast father field find finger fire first floor fly food foot forest forget fork friend full game garden gate gift "
    "girl give glass gold good grass great ground grow hair half hand happy hard head hear heart heavy help high hill hold "
    "holiday home hope hospital hot hotel hour hungry ice idea island job join juice jump key kind king kitchen knife know "
    "lake lamp land large last late laugh learn leaf leg letter library light like line lion listen live long look lost "
    "love low lucky lunch machine make many map market match meat meet middle milk mind minute mirror money month moon "
    "morning mother mountain mouth move music name near neck never new news next nice night noise nose nothing now number "
    "ocean office often oil old only open other outside page paint paper park party past pay pen people phone picture piece "
    "place plane plate play pocket poor pretty price pull push question quick quiet radio reach read ready rest rich ride "
    "river road rock roof room round run sad safe salt same sand school sea season second see seed sell send shade shape "
    "sharp sheep ship shirt shoe shop short shoulder show sing sister sit size skin sky sleep slow small smile smoke soap "
    "soft song sorry sound soup south speak spoon sport spring square stand star start station stone store storm story "
    "street strong student study sugar summer sure sweet swim tail talk tall tea teacher tell test thick thin think third "
    "thumb ticket time today together tomorrow tooth top touch town toy train travel tree trip trouble truck true try turn "
    "uncle under use valley very view village visit voice walk wall want warm wash watch wave way wear week welcome well "
    "west wheel where wide wife wild window winter wise woman wood word work world write year yesterday young"
).split()
MORE_JA = (
    "あさ あし あたま あに あね あるく いけ いし いちご いま いもうと いろ うた うで うみ うる えいが えき えんぴつ おう おかね おく おと "
    "おとうと おなじ おもい おや およぐ おわり おんがく かい かお かがみ かぎ かく かぞく かた かばん かみ からだ かわ かんがえる きく きた "
    "きって きっぷ きのう きょう きょうしつ ぎゅうにゅう きれい ぎんこう くうこう くすり くち くつ くび くらい くる けいさつ けさ けしき "
    "げんかん げんき こえ こおり ここ ことば こども ごはん こめ さくら さけ さとう さむい さんぽ しお しごと じしょ じてんしゃ しま しゃしん "
    "じゅぎょう しゅくだい じょうず しょくどう しんぶん すこし すずしい すな すむ せかい せなか せんせい そうじ そと そら だいどころ たかい "
    "たつ たてもの たのしい たべもの たまご ちか ちち ちから ちず ちゃわん つかう つき つくる つめたい てがみ てら てんき でんしゃ でんわ "
    "とおい とけい としょかん となり ともだち なか ながい なつ なまえ なみだ にく にし にもつ にわ ぬの ねむい のむ のりもの はいる はがき "
    "はこぶ はし はしる はやい はる はれ ばんごう ひがし ひかり ひこうき ひざ ひと ひま びょういん ひるま ひろい ふく ふね ふゆ へや べんきょう "
    "べんり ぼく ほし ほそい ほね まいにち まち まど まるい みち みなみ みみ みる むかし むし むすめ むら めがね もり もん やさい やさしい "
    "やすみ やま ゆうがた ゆび ゆめ よむ よる らいねん りょうり りょこう れいぞうこ れきし れんしゅう わかい わすれる わらう"
).split()


def phrases(language: str) -> list[tuple[str, str, dict[str, str]]]:
    """Lists every short phrase of a language.

    Returns:
        (as written, as read aloud, {category: word as written}) for each.
    """
    english = language == "en"

    def forms(category: str) -> list[tuple[str, str]]:
        words = SIZES if category == "size" else WORDS[category]
        return [(en, en) if english else (ja, read) for en, ja, read in words]

    found = []
    for (first, second), patterns in PATTERNS.items():
        written, read = (patterns[0], patterns[0]) if english else patterns[1:]
        for a, a_read in forms(first):
            for b, b_read in forms(second):
                names = {first: a, second: b} if first != second else {"first number": a, "second number": b}
                found.append((written.format(a, b), read.format(a_read, b_read), names))
    return found
