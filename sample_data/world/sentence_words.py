"""The words that the text exercises are made of, English and Japanese."""

PEOPLE = ("Ken", "Mia", "Tom", "Ann", "Leo", "Eva", "Sam", "Joy", "Ben", "Kim")
PEOPLE_JA = ("健", "美雪", "太郎", "花子", "次郎", "恵", "誠", "愛", "勇", "桜")
THINGS = (
    "box",
    "cup",
    "hat",
    "bag",
    "key",
    "book",
    "lamp",
    "door",
    "car",
    "chair",
    "shoe",
    "ball",
    "desk",
    "boat",
    "clock",
    "plate",
)
THINGS_JA = (
    "箱",
    "茶",
    "帽子",
    "袋",
    "鍵",
    "本",
    "傘",
    "扉",
    "車",
    "椅子",
    "靴",
    "机",
    "船",
    "時計",
    "窓",
    "紙",
)
COLOURS = (
    "red",
    "orange",
    "yellow",
    "green",
    "blue",
    "purple",
    "pink",
    "brown",
    "black",
    "white",
    "grey",
    "cyan",
)
COLOURS_JA = ("赤", "橙", "黄", "緑", "青", "紫", "桃色", "茶", "黒", "白", "灰色", "水色")
FRUIT = ("apple", "pear", "plum", "lemon", "peach", "grape")
FRUIT_JA = ("りんご", "みかん", "ぶどう", "桃", "米", "卵")
PAIRS = (
    ("hot", "cold"), ("big", "small"), ("long", "short"), ("new", "old"), ("fast", "slow"), ("high", "low"), ("light", "dark"),
    ("open", "shut"), ("wet", "dry"), ("full", "empty"), ("hard", "soft"), ("early", "late"), ("strong", "weak"), ("near", "far"),
)  # fmt: skip
PAIRS_JA = (("高い", "低い"), ("大きい", "小さい"), ("長い", "短い"), ("新しい", "古い"), ("速い", "遅い"), ("明るい", "暗い"), ("太い", "細い"), ("強い", "弱い"), ("近い", "遠い"), ("重い", "軽い"))  # fmt: skip
GOOD = (
    "good",
    "great",
    "lovely",
    "pleasant",
    "perfect",
    "wonderful",
    "nice",
    "excellent",
    "happy",
    "glad",
    "delighted",
    "thankful",
)
BAD = (
    "bad",
    "poor",
    "awful",
    "terrible",
    "broken",
    "useless",
    "rude",
    "sad",
    "angry",
    "upset",
    "annoyed",
    "disappointed",
)
GOOD_JA = ("良い", "楽しい", "嬉しい", "安心", "満足", "素晴らしい", "最高", "ありがたい", "快適", "丁寧")
BAD_JA = ("悪い", "悲しい", "怒り", "心配", "不満", "ひどい", "最低", "困る", "不快", "乱暴")
FEELINGS = {
    "happy": ("I am so glad", "what a lovely day", "that is wonderful", "thank you so much", "I love it"),
    "angry": (
        "this makes me furious",
        "how dare they",
        "I will not accept this",
        "stop it at once",
        "I am so annoyed",
    ),
    "sad": (
        "I miss my friend",
        "it is a great pity",
        "I feel like crying",
        "I lost it for ever",
        "nobody came",
    ),
    "calm": ("let us sit down", "there is no hurry", "all is as usual", "that is fine", "we can wait"),
}
FEELINGS_JA = {
    "嬉しい": ("とても嬉しいです", "最高の日です", "本当にありがとう", "大好きです", "夢のようです"),
    "怒り": ("もう許せません", "腹が立ちます", "いい加減にしてください", "ひどすぎます", "我慢できません"),
    "悲しい": ("涙が出ます", "とても残念です", "寂しいです", "誰も来ませんでした", "もう会えません"),
    "落ち着き": (
        "急がなくていいです",
        "いつも通りです",
        "ゆっくりで構いません",
        "問題ありません",
        "お茶にしましょう",
    ),
}
