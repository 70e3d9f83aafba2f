"""What inspectors write and say about a part: short, uneven, in English and Japanese, naming one class."""

import numpy as np
from world import voices

WORDS = {
    "ok": ("ok", "良品"), "scratch": ("scratch", "傷"), "dent": ("dent", "打痕"), "stain": ("stain", "シミ"),
    "crack": ("crack", "ひび"), "chip": ("chip", "欠け"),
}
DEFECT_EN = ("{w} on the face", "{w}, see photo", "Found a {w} at incoming check.", "{w} again, same tray as before", "reject: {w}",
             "1st inspection: {w}", "There is a {w}, please confirm", "Looks like a {w} to me", "{w} (visible without lens)", "NG {w}")
OK_EN = ("ok", "ok, passed 1st inspection", "Looks ok to me", "visual ok", "ok after wiping", "ok, no remarks", "1st inspection: ok", "ok. go to packing")
DEFECT_JA = ("表面に{w}あり", "{w}あり、要確認", "{w} ({e})", "NG {w}", "前工程で{w}を確認 ({e})", "{w}のようです", "一次検査: {w} ({e})", "{w}、写真参照")
OK_JA = ("良品", "異常なし、良品 (ok)", "一次検査: 良品 (ok)", "外観 ok", "良品と判断", "拭き取り後 ok")
MEMO_EN = ("There is a {w} on this one.", "I see a {w} here, please check.", "This part has a {w}.", "Another {w}, same as before.")
MEMO_OK_EN = ("This one is okay, no problem.", "Part is okay, next one please.", "Looks okay to me, go on.")
MEMO_JA = ("この部品には{w}があります。", "{w}が見えます、確認してください。")
MEMO_OK_JA = ("この部品は良品です。", "問題ありません、良品です。")
VOICES = ("en-us+m3", "en-gb-x-rp", "en-us+f2", "en+m7", "en-us+f4")  # one per inspector


def what_the_note_says(truth: str, right: float, rng: np.random.Generator) -> str:
    """The class that the previous inspector named: the truth with probability `right`; a miss is mostly called ok."""
    if rng.random() < right:
        return truth
    if truth != "ok" and rng.random() < 0.5:
        return "ok"
    return str(rng.choice([c for c in WORDS if c not in (truth, "ok")]))


def write_note(says: str, language: str, rng: np.random.Generator) -> str:
    english, japanese = WORDS[says]
    if language == "ja":
        return str(rng.choice(OK_JA if says == "ok" else DEFECT_JA)).format(w=japanese, e=english)
    text = str(rng.choice(OK_EN if says == "ok" else DEFECT_EN)).format(w=english)
    return text if rng.random() < 0.6 else text[0].upper() + text[1:]


def spoken_note(says: str, language: str, rng: np.random.Generator) -> str:
    forms = (MEMO_OK_JA if says == "ok" else MEMO_JA) if language == "ja" else (MEMO_OK_EN if says == "ok" else MEMO_EN)
    return str(rng.choice(forms)).format(w=WORDS[says][language == "ja"])


def say_note(text: str, language: str, inspector: str, rng: np.random.Generator) -> np.ndarray:
    """The memo as float32 (N,) at 16 kHz in the inspector's voice (one Japanese voice, moved in pitch)."""
    k = int(inspector[1:]) - 1
    if language == "ja":
        return voices.speak_japanese(text, speed=rng.uniform(0.95, 1.2), half_tone=(-6, 0, 2, -4, 1)[k])
    return voices.speak_english(text, VOICES[k], pitch=rng.uniform(40, 60), speed=rng.uniform(0.9, 1.15))
