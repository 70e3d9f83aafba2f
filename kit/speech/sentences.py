"""Sentences of a text that is still being written, in Japanese, English and languages that end their sentences alike.

    splitter = Sentences()
    for piece in pieces:
        for sentence in splitter.feed(piece): ...
    for sentence in splitter.flush(): ...

The sentences joined are the text, letter for letter, and they depend on the text only, never on how it was cut into pieces: letters are taken one by one,
and whether a sentence has ended is decided when the letter that decides it arrives (the one after "。」", the one after the space behind "Dr."). So a sentence
comes out at most one token late, and the last one with `flush`.

Written by hand: pysbd and the sentence tokenisers of nltk, spaCy and stanza want a whole text. Of the two splitters for streams on PyPI (tried 2026-11-30 on the 21 cases of
tests/test_speech_sentences.py, which are our own), sentence-stream 1.3.0 finds the sentences of 10 and stream2sentence 1.1.0 those of 5; both change spaces, so that
the sentences are no longer the text, and neither keeps a Japanese quotation with the sentence that quotes it.

Not covered: languages without spaces and full stops (Thai), quotations in single quotes, an abbreviation that nobody listed before a capital letter.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator

from kit.errors import KitError
from kit.language import say

LONGEST = 160  # letters, a full-width one counts two: about ten seconds of speech in either language
SHORTEST_LIMIT = 20
BRACKETS = dict(zip("「『（〔［｛〈《【〝([{“", "」』）〕］｝〉》】〟)]}”"))
CLOSERS = frozenset(BRACKETS.values()) | frozenset("’'\"»›")  # what belongs to the sentence that it closes
LINE_ENDS = frozenset("\n\r\v\f\x85\u2028\u2029")
HARD = frozenset("。｡！？‼⁇⁈⁉।॥؟۔")  # end a sentence without a space behind them
# where too long a sentence may be cut: at once, or with a space behind them
CLAUSE_ENDS = frozenset("、，､；：،；")
CLAUSE_ENDS_BEFORE_SPACE = frozenset(",;:–—")
GOES_ON = frozenset("とっはがをにのもでやなだか、，,;:")  # after a quotation: the one that quotes it goes on
NO_START = frozenset(",;:.–—-/&=+)]}」』）%")  # after a space: nothing begins like this

# before a full stop that ends nothing, whatever comes next
TITLES = frozenset(
    "mr mrs ms dr prof st gen col sgt capt lt rev hon mt messrs mme mlle hr fr vs cf viz approx ca resp incl excl".split()
)
# before one that ends nothing when a number comes next
BEFORE_A_NUMBER = frozenset(
    "no nos nr fig figs eq eqs sec sect ch vol p pp art ref tab para jan feb mar apr jun jul aug sep sept oct nov dec".split()
)
TIMES = frozenset(("a.m", "p.m"))  # with inner stops, and yet a sentence may end here: "at 5 p.m. Then"
_IN_NUMBERS = frozenset(".,:/．，：／")
_DOTTED = re.compile(r"([^\W\d_]\.)+[^\W\d_]")  # e.g, i.e, U.S, z.B


class Sentences:
    """Takes a text in pieces and gives it back in sentences; one object per text.

    Args:
        longest: letters (a full-width one counts two) after which a sentence without an end is cut: behind its last comma, else behind a word, else right there.

    Raises:
        KitError: `longest` is below SHORTEST_LIMIT.
    """

    def __init__(self, longest: int = LONGEST):
        if longest < SHORTEST_LIMIT:
            raise KitError(
                say(
                    f"longest is {longest}; give at least {SHORTEST_LIMIT} letters, or a voice gets single syllables. The default is {LONGEST}",
                    f"longest が {longest} です。{SHORTEST_LIMIT} 文字以上にしてください（短いと音節の途中で切れます）。既定値は {LONGEST} です",
                )
            )
        self.longest = longest
        self._begin()

    def _begin(self) -> None:
        self._text, self._width = "", 0
        self._open: list[str] = []  # the closers that are waited for
        self._forget()

    def _forget(self) -> None:
        """No end waits for what comes next (its kind, whether a closer stands behind it, whether a space does)."""
        self._end, self._quoted, self._space = "", False, False

    def feed(self, piece: str) -> list[str]:
        """The sentences that this piece brought to an end, in order; often none."""
        return [sentence for letter in piece for sentence in self._take(letter)]

    def flush(self) -> list[str]:
        """The unfinished rest as the last sentence ([] where there is none); the object is as new afterwards."""
        rest = [self._text] if self._text else []
        self._begin()
        return rest

    def _take(self, letter: str) -> Iterator[str]:
        if self._end and not self._wait(letter):
            if self._ends_before(letter):
                yield self._text
                self._begin()
            self._forget()
        if not self._end:
            self._add(letter)
        yield from self._cut(letter)

    def _wait(self, letter: str) -> bool:
        """Takes a letter behind an end that belongs to it: a closer, one more stop, a space; False for any other."""
        if letter.isspace():
            self._space, self._end = True, "line" if letter in LINE_ENDS else self._end
        elif self._space or letter not in CLOSERS and letter not in HARD and letter not in ".!?…":
            return False
        elif letter == "…" and self._end == "hard":  # "。……" : the next sentence begins with a pause
            return False
        elif letter in CLOSERS:
            self._close(letter)
            self._quoted = True
        else:
            self._end = _stronger(self._end, letter)
        self._text, self._width = self._text + letter, self._width + _width(letter)
        return True

    def _add(self, letter: str) -> None:
        if letter == '"':  # opens and closes; behind a digit it is inches
            if '"' in self._open:
                self._close(letter)
            elif not self._text[-1:].isdigit():
                self._open.append('"')
        elif letter in BRACKETS:
            self._open.append(BRACKETS[letter])
        elif letter in self._open:
            self._close(letter)
        elif letter in LINE_ENDS and self._text.strip():
            self._end, self._space = "line", True
        elif letter in HARD or letter in ".!?…．":
            self._end = _stronger("", letter)
        self._text, self._width = self._text + letter, self._width + _width(letter)

    def _close(self, closer: str) -> None:
        while closer in self._open and self._open.pop() != closer:
            pass  # what was opened inside and never closed

    def _ends_before(self, letter: str) -> bool:
        """Whether the end that waits is one, now that the letter behind it (and behind its closers and spaces) is known."""
        if self._end == "line":
            return True
        if self._open:
            return False
        if self._space:
            if letter.islower() or letter in NO_START:
                return False
            return self._end != "stop" or not self._abbreviates(letter)
        if self._quoted:
            return letter not in GOES_ON and (self._end == "hard" or _is_wide(letter))
        if self._end == "hard":
            return not (letter in "とっ" and self._text[-1] in "！？")  # 「え？と思った」 is one sentence
        if self._end == "ellipsis" or not _is_wide(letter):
            return False
        return self._end == "mark" or not self._text[-2:-1].isdigit() and not self._abbreviates(letter)

    def _abbreviates(self, letter: str) -> bool:
        """Whether the full stop at the end of the text belongs to the word before it."""
        text = unicodedata.normalize("NFKC", self._text[-40:].rstrip().rstrip("".join(CLOSERS)).rstrip(".．"))  # Ｎｏ．５, as offices type it
        word = _last_word(text)
        before = text[: len(text) - len(word)].rstrip()
        if word.lower() in TITLES:
            return True
        if word.lower() in BEFORE_A_NUMBER:
            return letter.isdigit()
        if _DOTTED.fullmatch(word):
            return word.lower() not in TIMES
        if len(word) == 1 and word.isalpha():  # an initial, or "a." of a list
            return word.isupper() and word != "I" or not before
        return word.isdigit() and len(word) <= 2 and (not before or before[-1] in ":：")  # "1. " of a list

    def _cut(self, letter: str) -> Iterator[str]:
        """What has to go, because the sentence has become too long; the rest is taken up anew."""
        if self._width <= self.longest:
            return
        waits = self._end or _belongs_to_the_letter_before(letter)
        if waits and self._width <= 2 * self.longest:  # but a model in a loop writes stops without end
            return
        at, text = _where_to_cut(self._text), self._text
        self._begin()
        yield text[:at]
        for rest in text[at:]:
            yield from self._take(rest)


def split(text: str, longest: int = LONGEST) -> list[str]:
    """The sentences of a text that is all there; joined they are the text."""
    splitter = Sentences(longest)
    return [*splitter.feed(text), *splitter.flush()]


def stream(pieces: Iterable[str], longest: int = LONGEST) -> Iterator[str]:
    """The sentences of a text that comes in pieces, each as soon as it has ended."""
    splitter = Sentences(longest)
    for piece in pieces:
        yield from splitter.feed(piece)
    yield from splitter.flush()


_MARKUP = (
    (
        re.compile(r"https?://([^\s/、。」）)]+)[^\s、。」）)]*"),
        r"\1",
    ),  # nobody wants to hear the rest of an address
    (re.compile(r"!?\[([^\]]*)\]\([^)]*\)"), r"\1"),
    (re.compile(r"^\s*(#{1,6}|[-*+•・]|>|\|)\s+", re.M), ""),
    (re.compile(r"[*`|#]+|__+|~~+|-{3,}"), " "),
)


def speakable(sentence: str) -> str:
    """What a voice should say of a sentence: without Markdown's marks, of an address its host; "" where nothing with a letter or digit is left."""
    for pattern, kept in _MARKUP:
        sentence = pattern.sub(kept, sentence)
    sentence = " ".join(sentence.split())
    return sentence if any(letter.isalnum() for letter in sentence) else ""


def _stronger(end: str, letter: str) -> str:
    """The kind of an end with one more stop: a hard one beats marks (! ?), these an ellipsis, this a full stop."""
    if letter in HARD or letter in "!?":
        kind = "hard" if letter in HARD else "mark"
    else:
        kind = "ellipsis" if letter == "…" or end == "stop" else "stop"
    return max(end, kind, key=("", "stop", "ellipsis", "mark", "hard").index)


def _width(letter: str) -> int:
    return 2 if unicodedata.east_asian_width(letter) in "WF" else 1


def _belongs_to_the_letter_before(letter: str) -> bool:
    skin_tone = "\U0001f3fb" <= letter <= "\U0001f3ff"
    return bool(unicodedata.combining(letter)) or letter in "\u200d\ufe0f\ufe0e" or skin_tone


def _is_wide(letter: str) -> bool:
    """A letter of a script that is written without spaces."""
    return letter.isalnum() and _width(letter) == 2 or letter in BRACKETS and _width(letter) == 2


def _last_word(text: str) -> str:
    at = len(text)
    while at and (text[at - 1] in ".-" or text[at - 1].isalnum() and not _is_wide(text[at - 1])):
        at -= 1
    return text[at:]


def _where_to_cut(text: str) -> int:
    """Where too long a text is cut (> 0): the last good place in its last three quarters, else its end, before the newest letter."""
    first, last = len(text) // 4, len(text) - 1
    places = range(last, max(first, 1), -1)  # a place is the index of the first letter of the rest
    for good in (_after_a_clause, _after_a_word, _after_a_phrase):
        for at in places:
            if good(text, at) and not _inside_a_number(text, at) and text[at] not in CLOSERS and not text[at].isspace():
                return at
    while last > 1 and _inside_a_number(text, last):
        last -= 1
    return last if last > 1 else max(len(text) - 1, 1)


def _inside_a_number(text: str, at: int) -> bool:
    """1,200 and 10:30 stay whole; what comes behind the newest letter, if it is a sign, may be a digit."""
    before, after = text[at - 1], text[at]
    return (
        before.isdigit() and (after.isdigit() or after in _IN_NUMBERS and (at + 1 == len(text) or text[at + 1].isdigit()))
        or before in _IN_NUMBERS and text[at - 2 : at - 1].isdigit() and after.isdigit()
    )  # fmt: skip


def _after_a_clause(text: str, at: int) -> bool:
    before = text[at - 1]
    return (
        before in HARD
        or before in CLAUSE_ENDS
        or before.isspace()
        and text[at - 2] in CLAUSE_ENDS_BEFORE_SPACE
    )


def _after_a_word(text: str, at: int) -> bool:
    return text[at - 1].isspace()


def _after_a_phrase(text: str, at: int) -> bool:
    """Where hiragana (particles, endings) change to kanji or katakana, a Japanese phrase has mostly ended."""
    return _is_hiragana(text[at - 1]) and _is_wide(text[at]) and not _is_hiragana(text[at])


def _is_hiragana(letter: str) -> bool:
    return "\u3041" <= letter <= "\u309f"
