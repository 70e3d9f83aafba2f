"""How soon an answer of four sentences sounds: spoken sentence by sentence while it is written, against written whole, synthesised whole.

    python -m benchmarks.speech             # Japanese and English (as far as the voices are installed); about 4 minutes; writes benchmarks/speech.csv
    python -m benchmarks.speech --repeats 1

Both arms in one process, taking turns, each with the same voice and the same text. Two writers: the text is all there at once (what is left is the voice alone), and a text
that comes at a model's pace, which is made by waiting: PIECES a second of as many letters as LETTERS says, about 40 Japanese or 80 English letters a second; no model is run.
Times are seconds until a sound is ready to be played. The first sentence is about a quarter of the answer; with a longer first one the ratio is larger.
"""

import argparse
import statistics
from datetime import date
from importlib.util import find_spec
from pathlib import Path

import torch

from benchmarks.machine import processor_features, versions, write_table
from kit.show import progress
from kit.speech import Speech, Voice, paced, speak_whole, split, timing, voice_for

TABLE = Path(__file__).resolve().parent / "speech.csv"
PIECES = 20  # a second
LETTERS = {"ja": 2, "en": 4}  # of a piece: about what a token of a multilingual model holds
PACKAGES = {"ja": ("pyopenjtalk", "pyopenjtalk-plus"), "en": ("espeakng_loader", "espeakng-loader")}
ANSWERS = {
    "ja": "この部品の表面には、長さ三ミリほどの傷があります。傷は縁の近くにあり、光を斜めに当てるとはっきり見えます。同じロットの部品にも、似た傷が二つ見つかりました。出荷する前に、担当者が手に取って確認してください。",
    "en": "There is a scratch on this part, and it is about three millimetres long. It lies near the edge and shows clearly when light comes from the side. "
    "Two more parts of the same lot have a scratch that looks alike. Please let a person take it in hand before it is shipped.",
}
COLUMNS = (
    "date", "language", "voice", "writer", "sentences", "letters", "repeats", "first_sound_seconds", "whole_answer_seconds", "ratio",
    "ratio_lowest", "ratio_highest", "ratio_of_minima", "last_sound_seconds", "silence_seconds", "sound_seconds", "real_time_factor", "whole_real_time_factor", "torch", "cpu", "threads",
)  # fmt: skip
SHOWN = (
    "language",
    "writer",
    "first_sound_seconds",
    "whole_answer_seconds",
    "ratio",
    "ratio_of_minima",
    "real_time_factor",
    "silence_seconds",
)


def pieces_of(text: str, letters: int) -> list[str]:
    """The text in pieces of so many letters."""
    return [text[at : at + letters] for at in range(0, len(text), letters)]


def row(language: str, writer: str, voice: Voice, repeats: int) -> dict:
    """Both arms in turns, `repeats` times; medians, and the ratio of each turn at its lowest and highest."""
    text = ANSWERS[language]
    pieces = pieces_of(text, LETTERS[language])
    streamed, whole = [], []

    def old_way() -> None:
        whole.append(speak_whole(_written(pieces, writer), voice))

    def sentence_by_sentence() -> None:
        with Speech(_written(pieces, writer), voice) as speech:
            spoken = list(speech)
        assert [one.sentence for one in spoken] == split(text) and not any(one.error for one in spoken)
        streamed.append(timing(spoken))

    for turn in progress(range(repeats), desc=f"{language}, {writer}"):
        arms = (old_way, sentence_by_sentence)
        for arm in arms if turn % 2 else reversed(arms):  # who comes first finds the processor colder
            arm()
    ratios = [one.first_sound / old.ready_at for one, old in zip(streamed, whole)]
    middle = statistics.median
    return {
        "date": date.today().isoformat(), "language": language, "voice": PACKAGES[language][1], "writer": writer, "sentences": len(split(text)), "letters": len(text),
        "repeats": repeats, "first_sound_seconds": round(middle(one.first_sound for one in streamed), 4),
        "whole_answer_seconds": round(middle(one.ready_at for one in whole), 4), "ratio": round(middle(ratios), 3), "ratio_lowest": round(min(ratios), 3),
        "ratio_highest": round(max(ratios), 3), "ratio_of_minima": round(min(one.first_sound for one in streamed) / min(one.ready_at for one in whole), 3),
        "last_sound_seconds": round(middle(one.last_sound for one in streamed), 4),
        "silence_seconds": round(middle(one.silence for one in streamed), 3), "sound_seconds": round(streamed[0].sound_seconds, 2),
        "real_time_factor": round(middle(one.real_time_factor for one in streamed), 4),
        "whole_real_time_factor": round(middle(one.took / one.sound.seconds for one in whole), 4), **versions("torch"), "cpu": processor_features(),
        "threads": torch.get_num_threads(),
    }  # fmt: skip


def _written(pieces: list[str], writer: str):
    return pieces if writer == "at once" else paced(pieces, PIECES)


def measure(repeats: int) -> list[dict]:
    """A row per language whose voice is installed and per writer."""
    rows = []
    for language in (language for language in ANSWERS if find_spec(PACKAGES[language][0])):
        voice = voice_for(language)
        voice.say(ANSWERS[language])  # opening the dictionary is not part of it
        rows += [
            row(language, writer, voice, repeats)
            for writer in ("at once", f"{PIECES} pieces of {LETTERS[language]} letters a second")
        ]
    return rows


def main() -> None:
    """Measures, writes the table and shows it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=10)
    rows = measure(parser.parse_args().repeats)
    write_table(TABLE, COLUMNS, rows)
    for one in rows:
        print({name: one[name] for name in SHOWN})


if __name__ == "__main__":
    main()
