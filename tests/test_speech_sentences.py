"""Where sentences end: hard cases in two languages, and that the cuts between pieces change nothing."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kit.errors import KitError
from kit.language import speaking
from kit.speech.sentences import LONGEST, Sentences, speakable, split, stream

# every case as the list of its sentences: joined they are the text
CASES = {
    "titles and prices": ["Dr. Smith paid $3.14 at 5 p.m. ", "Then he left."],
    "abbreviations": [
        "Use a file, e.g. No. 5, of v1.2.3. ",
        "See Fig. 3 and sec. 4 etc. and go on. ",
        "No. ",
        "It is not.",
    ],
    "initials and countries": ["J. Smith of the U.S. Army came. ", "So do I. ", "He went."],
    "questions and exclamations": ["Why?! ", "Really? ", "Yahoo! is a name. ", "Stop!"],
    "addresses": ["See https://example.com/a.b?c=1. ", "Mail a.b@example.com now."],
    "ellipses": ["Well... it depends. ", "Wait… ", "It is off."],
    "quotation marks": [
        'He said "It works. Really." ',
        "Then he left. ",
        '"Why?" she asked. ',
        "“Go. Now.” ",
        "She went.",
    ],
    "brackets": ["(It failed.) ", "Then (see p. 3. Twice.) it ran."],
    "inches": ['A 5" pipe broke. ', "It leaks."],
    "lists": ["Steps:\n", "1. Wash it.\n", "2. Dry it\n", "- with a cloth\n\n", "* never wet"],
    "a list in a line": ["Do this: 1. Wash the part. ", "Dry it."],
    "windows line ends": ["One\r\n", "Two\r\n\r\n", "Three"],
    "japanese": [
        "傷があります。",
        "長さは3.5mmです。",
        "幅は３．１４です。",
        "以上！",
        "よいですか？",
        "はい",
    ],
    "japanese quotations": [
        "「本当ですか？はい。」と言った。",
        "「終わり。」",
        "次は『A。B。』です。",
        "（詳細は後で。）",
        "以上。",
    ],
    "japanese quoting outside of brackets": ["え？と思った。", "すごい！！　", "次へ。"],
    "japanese ellipses": ["そうですね……では始めます。", "……はい。"],
    "half width": ["ｵﾜﾘﾃﾞｽ｡", "次です.", "次へ!", "よし"],
    "full width": ["Ｎｏ．５を見る。", "Ｄｒ．田中に聞く。", "以上。"],
    "mixed": ["Ver.2.0を使います。", "Dr.田中に聞いてください。", "https://example.com/を参照。", "OK"],
    "a bracket that is never closed": ["「開いたまま。\n", "次の行。", "その次。"],
    "spaces before and after": ["  Hello.  ", "World.  "],
    "only stops": ["。。。", "はい。"],
}


@pytest.mark.parametrize("sentences", CASES.values(), ids=CASES)
def test_hard_cases_end_where_a_reader_would_end_them(sentences):
    assert split("".join(sentences)) == sentences


@pytest.mark.parametrize("sentences", CASES.values(), ids=CASES)
def test_letter_by_letter_gives_the_same_sentences(sentences):
    assert list(stream("".join(sentences))) == sentences


ALPHABET = "ab AB Dr. No. e.g. 1234 ... !? 。、「」（）()[]\"' \n\r あいう漢字カナ ！？… https:// - \u0301 \U0001f468\u200d\U0001f469 ,;: 　"


@settings(max_examples=300, deadline=None)
@given(
    st.text(st.sampled_from(ALPHABET), max_size=300),
    st.lists(st.integers(0, 300), max_size=20),
    st.integers(20, 200),
)
def test_any_cuts_give_the_same_sentences_and_lose_no_letter(text, cuts, longest):
    cuts = sorted({0, len(text), *(cut for cut in cuts if cut < len(text))})
    whole = split(text, longest)
    assert list(stream((text[a:b] for a, b in zip(cuts, cuts[1:])), longest)) == whole
    assert "".join(whole) == text and all(whole)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=200))
def test_any_text_comes_back_whole(text):
    assert "".join(split(text)) == text


def test_a_sentence_comes_out_with_the_letter_that_decides_and_not_later():
    splitter = Sentences()
    assert splitter.feed("傷です。") == [] and splitter.feed("次") == ["傷です。"]
    assert splitter.feed("。\n") == [] and splitter.flush() == ["次。\n"] and splitter.flush() == []
    assert splitter.feed("It broke. ") == [] and splitter.feed("T") == ["It broke. "]


def test_what_never_ends_is_cut_at_a_comma_a_word_or_a_phrase():
    commas, words, phrases = ("温度は高いが湿度は低く、" * 40, "scratch " * 100, "検査した部品の表面に" * 40)
    assert all(sentence.endswith("、") for sentence in split(commas)) and all(
        sentence.endswith(" ") for sentence in split(words)
    )
    cut = split(phrases)
    assert all(sentence[-1] in "したのに" for sentence in cut) and "".join(cut) == phrases
    for text in (commas, words, phrases, "漢" * 500, "x" * 500):
        sizes = [sum(2 if ord(letter) > 0x2FFF else 1 for letter in sentence) for sentence in split(text)]
        assert max(sizes) <= LONGEST + 2 and min(sizes[:-1]) > LONGEST / 4


def test_no_number_is_cut_apart():
    for number in ("１，２３４，５６７円", "１０：３０に", "3.5mm", "1,234,567", "3/4", "１２３４５６"):
        for before in range(30, 50):
            text = "部" * before + number + "品" * 60
            for longest in (80, 90, 100):
                places = np.cumsum([len(sentence) for sentence in split(text, longest)])
                digits = [place for place, letter in enumerate(text) if letter.isdigit()]
                assert not any(digits[0] < place <= digits[-1] for place in places), (text, split(text, longest))


def test_a_family_of_emoji_and_an_accent_are_not_cut_apart():
    text = "e\u0301" * 300
    assert all(sentence[0] != "\u0301" for sentence in split(text, 21))
    family = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
    assert all(not sentence.startswith("\u200d") for sentence in split(family * 30, 21))


def test_a_model_in_a_loop_is_cut_too():
    for loop in ("!" * 2000, "." * 2000, " " * 2000, "\u0301" * 2000, "「" * 2000):
        assert "".join(split("a" + loop)) == "a" + loop and len(split("a" + loop)) > 3


def test_a_long_text_takes_a_short_time():
    began = time.process_time()
    split("この部品には傷があります。" * 4000 + "漢" * 20000)
    assert time.process_time() - began < 5


def test_a_limit_that_cuts_syllables_is_refused():
    for language, told in (("en", "longest is 3; give at least 20 letters"), ("ja", "20 文字以上")):
        with speaking(language), pytest.raises(KitError, match=told):
            Sentences(longest=3)


def test_a_voice_is_not_given_marks_that_nobody_says():
    assert speakable("## **Result**\n") == "Result" and speakable("- `scratch` found\n") == "scratch found"
    assert (
        speakable("See https://example.com/a/b?c=1 now.") == "See example.com now."
        and speakable("[the page](https://example.com)") == "the page"
    )
    assert speakable("---") == speakable("。。。") == speakable(" \n") == speakable("**") == ""
    assert (
        speakable("長さは-3.5mmです。") == "長さは-3.5mmです。"
        and speakable("snake_case stays") == "snake_case stays"
    )
