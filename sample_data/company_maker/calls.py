"""Use case *callcentre*: one sentence of a telephone call and its transcript; what does the caller feel, what comes next?

The emotion is in the voice. What the customer does next is in the words when they say it, else in the voice.
"""

from pathlib import Path

import numpy as np
from scipy import signal
from world import voices

from . import surface as s
from .folder import named_faults, pick, put
from .sound import RATE, ogg, room

NAME = "callcentre"
EMOTIONS = ("calm", "angry", "worried", "pleased")
NEXT = ("cancel", "wait", "buy", "complain")
QUESTION_NEXT = "What will the customer do next?"
QUESTION = "How does the caller feel?"
COLUMNS = ["id", "audio", "text", "question", "options", "answer", "decided_by", "caller", "split", "call", "language", "words", "conflict"]
CALLERS = [("train", 6)] * 27 + [("validation", 5)] * 5 + [("calibration", 6)] * 7 + [("test", 6)] * 26
BY_VOICE = {"calm": "wait", "angry": "complain", "worried": "cancel", "pleased": "buy"}  # when the words leave it open
LONGEST = 2.9  # seconds

# the customer says what comes next
SAID = {
    "cancel": [("Please cancel my contract.", "契約を解約してください。"), ("I want to stop the service.", "サービスを止めたいです。"),
               ("Take my name off the list.", "名簿から外してください。"), ("Cancel the order, please.", "注文を取り消してください。")],
    "wait": [("I will wait until Friday.", "金曜日まで待ちます。"), ("I can wait a little longer.", "もう少し待てます。"),
             ("Then I wait for your call.", "では電話を待っています。"), ("I stay on the line.", "このまま待ちます。")],
    "buy": [("Please send me two more.", "あと二つ送ってください。"), ("I take the large one.", "大きい方を買います。"),
            ("I would like to order one.", "一つ注文したいです。"), ("Put it on my bill, please.", "それを購入します。")],
    "complain": [("I want to see your manager.", "責任者を出してください。"), ("I will write a complaint.", "苦情を書きます。"),
                 ("I will report this today.", "今日、報告します。"), ("Give me the complaints desk.", "苦情窓口につないでください。")],
}
# the words leave it open; "good" and "bad" words may contradict the voice
OPEN = {
    "neutral": [("So it takes one more week.", "もう一週間かかるのですね。"), ("The parcel comes on Tuesday.", "荷物は火曜日に来るのですね。"),
                ("That is the price, then.", "それが値段ですね。"), ("It is about my last order.", "先日の注文の件です。"), ("You have my number.", "番号はご存じですね。")],
    "good": [("Great, thank you so much.", "本当にありがとうございます。"), ("That is really wonderful.", "それは素晴らしいですね。"),
             ("Very kind of you, thanks.", "ご親切にどうも。"), ("What a lovely surprise.", "うれしい驚きです。")],
    "bad": [("This is the third time now.", "これで三回目です。"), ("It broke again this morning.", "今朝また壊れました。"),
            ("That is not what I ordered.", "注文した物と違います。"), ("Nobody called me back.", "誰も電話をくれません。")],
}
CONFLICT = {("good", "angry"), ("good", "worried"), ("bad", "pleased"), ("bad", "calm")}


def plan_rows() -> list[dict]:
    """Two rows per call: how the caller feels, and what comes next."""
    calls = []
    for k, (split, n) in enumerate(CALLERS):
        rng = s.random_of("plan-calls", k)
        language, turn = ("ja" if k % 3 == 1 else "en"), rng.permutation(4)
        for i in range(n):
            calls.append(plan_call(f"K{k + 1:02d}{i + 1}", f"P{k + 1:03d}", split, language, EMOTIONS[turn[i % 4]], rng))
    plant_faults(calls)
    return [row for call in calls for row in two_questions(call)]


def plan_call(call: str, caller: str, split: str, language: str, emotion: str, rng) -> dict:
    if rng.random() < 0.5:
        then = str(rng.choice(NEXT))
        text, words, decides = SAID[then][rng.integers(len(SAID[then]))], "says it", "text"
    else:
        words = str(rng.choice(("neutral", "good", "bad"), p=(0.3, 0.4, 0.3)))
        text, then, decides = OPEN[words][rng.integers(len(OPEN[words]))], BY_VOICE[emotion], "audio"
    return {"call": call, "caller": caller, "split": split, "language": language, "truth": emotion, "emotion": emotion, "next": then,
            "text": text[language == "ja"], "words": words, "decides": decides, "conflict": "yes" if (words, emotion) in CONFLICT else "no"}


def two_questions(call: dict) -> list[dict]:
    feel = {**call, "id": f"{call['call']}-feel", "question": QUESTION, "options": "|".join(EMOTIONS), "answer": call["emotion"], "decided_by": "audio"}
    then = {**call, "id": f"{call['call']}-next", "question": QUESTION_NEXT, "options": "|".join(NEXT), "answer": call["next"], "decided_by": call["decides"]}
    if call.get("fault") == "mislabelled":
        then.pop("fault")
    return [feel, then]


def plant_faults(calls: list[dict]) -> None:
    rng = s.random_of("faults", NAME)

    train, test = ([c for c in calls if c["split"] == split] for split in ("train", "test"))
    for call in pick(train, 3, rng):
        call["emotion"] = str(rng.choice([e for e in EMOTIONS if e != call["truth"]]))
        call.update(fault="mislabelled", fault_note=f"the voice is {call['truth']}")
    for kind, some, n in (("exact_duplicate", train, 2), ("near_duplicate_across_splits", test, 2)):
        for call in pick(some, n, rng):
            source = pick(train, 1, rng, lambda c, call=call, kind=kind: c is not call and (kind != "exact_duplicate" or c["caller"] == call["caller"]))[0]
            keep = {k: source[k] for k in ("language", "truth", "emotion", "next", "text", "words", "decides", "conflict")}
            call.update(keep, copy_of=source["call"], voice_of=source["caller"], fault=kind, fault_note=f"same recording as {source['call']}")
            source["taken"] = True
    for call, text in zip(pick(train, 2, rng, lambda c: c["language"] == "en") + pick(test, 1, rng, lambda c: c["language"] == "en"),
                          ("Call 090 0000 1234, please.", "I am Hanako Suzuki, hello.", "My number is 03 0000 5678."), strict=True):
        call.update(text=text, words="neutral", decides="audio", next=BY_VOICE[call["truth"]], conflict="no", fault="personal_data_in_note",
                    fault_note="a name or a telephone number is spoken and transcribed (fictitious)")


def speak(call: dict) -> np.ndarray:
    """The recording, float32 (N,) at 16 kHz, 1 to 3 s: the caller's voice, moved by the emotion, through a telephone."""
    person, rng = s.random_of("caller", call.get("voice_of", call["caller"])), s.random_of("call", call.get("copy_of", call["call"]))
    voice = str(person.choice(("en-us", "en-us+f2", "en-us+m3", "en-gb-x-rp", "en+f3", "en-us+f4", "en-us+m1", "en+m7")))
    pitch, pace, formant = person.uniform(38, 52), person.uniform(0.95, 1.08), person.uniform(0.93, 1.08)
    feeling, much = call["truth"], rng.uniform(0.75, 1.1)
    # prosody: (pitch shift of 100, range of 100, speed, half tones for the Japanese voice)
    shift, lively, speed, tones = {"calm": (-6, 22, 0.96, -2), "angry": (6, 80, 1.24, 0), "worried": (12, 18, 0.84, 1.5), "pleased": (24, 92, 1.06, 5)}[feeling]
    speed = pace * (1 + (speed - 1) * much)
    for _ in range(3):
        if call["language"] == "ja":
            wave = voices.speak_japanese(call["text"], speed=speed, half_tone=(pitch - 45) * 0.7 + tones * much, formant=formant)
        else:
            wave = voices.speak_english(call["text"], voice, pitch + shift * much, speed, 50 + (lively - 50) * much, formant)
        if len(wave) / RATE <= LONGEST - 0.25:
            break
        speed *= 1.02 * len(wave) / RATE / (LONGEST - 0.25)
    return telephone(feel(wave, feeling, much, rng), feeling, rng)


def feel(wave: np.ndarray, feeling: str, much: float, rng) -> np.ndarray:
    """What synthesis parameters cannot say: a trembling or a pressed voice."""
    t = np.arange(len(wave)) / RATE
    if feeling == "worried":  # the pitch and the strength tremble, about 6 times a second
        rate = rng.uniform(5, 7)
        wave = np.interp(t + 0.0011 * much * np.sin(2 * np.pi * rate * t), t, wave)
        wave = wave * (1 - 0.42 * much * (0.5 + 0.5 * np.sin(2 * np.pi * rate * t + 1)))
    elif feeling == "angry":  # pressed: overdriven, more treble, hard onsets
        wave = np.tanh(3.2 * much * wave) * 0.8
        wave = wave + 0.8 * np.append(0, np.diff(wave))
    elif feeling == "pleased":  # a lilt: pitch and strength swing once or twice per sentence
        rate = rng.uniform(1.2, 2.2)
        wave = np.interp(t + 0.006 * much * np.sin(2 * np.pi * rate * t), t, wave)
    return wave


def telephone(wave: np.ndarray, feeling: str, rng) -> np.ndarray:
    """Band of a telephone, line noise, the level of the voice."""
    level = {"calm": 0.5, "angry": 0.95, "worried": 0.32, "pleased": 0.65}[feeling] * rng.uniform(0.8, 1.05)
    wave = room(np.asarray(wave, float), rng, noise=0.008, echo=0.08)
    b, a = signal.butter(3, [280, 3500], "band", fs=RATE)
    wave = signal.lfilter(b, a, wave)
    return (wave / np.abs(wave).max() * level + 0.003 * rng.standard_normal(len(wave))).astype(np.float32)


def call_bytes(call: dict) -> bytes:
    wave = speak(call)
    if call.get("fault") == "near_duplicate_across_splits":  # transferred: the same sentence, a little later and quieter
        wave = np.concatenate([np.zeros(400, np.float32), 0.85 * wave])
    return ogg(wave, 14000)


def make_row(row: dict, root: Path) -> dict:
    """Write the recording of a call (its second row only points to it) and return the line of metadata.csv."""
    line = {**{key: row.get(key, "") for key in COLUMNS}, "audio": f"calls/{row['call']}.ogg"}
    if not (row["id"].endswith("-next") and (root / line["audio"]).exists()):
        put(root, line["audio"], call_bytes(row))
    return line


def faults(rows: list[dict]) -> list[dict]:
    """The entries of planted_faults.json; a conflict of words and voice is no fault, but a fact worth listing."""
    conflict = [r["id"] for r in rows if r["conflict"] == "yes"]
    return [*named_faults(NAME, rows), {"use_case": NAME, "kind": "words_contradict_voice", "rows": conflict, "notes": {}}]
