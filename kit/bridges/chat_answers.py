"""What an answer of a chat endpoint says about the options: their probabilities where the server lists alternatives, the option that the words name otherwise.

Probabilities are those of the first written tokens, up to the one that tells the options apart, summed over the listed spellings that fit one option only, and then normalised over the options. That is not the
likelihood of the whole option with its end of turn, which the kit scores where it holds the model (DESIGN section 6): a server lists at most some twenty alternatives per token, and no continuation of those that it
did not write. How much may be missing is `open`.
"""

import json
import math
import re
import unicodedata
from dataclasses import dataclass

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_WRAPPING = " \t\n\r\"'`*_#<>[](){}「」『』【】（）-・:："
_LEAD = re.compile(r"[\s*_(\[「]*([A-Za-zＡ-Ｚ])\s*[)\].:：）」]")  # "B) red iron"
_LETTER = re.compile(r"(?<![A-Za-z])([A-ZＡ-Ｚ])(?![A-Za-z])(?!\s+[a-z])")  # a letter of its own, which is no article
_NEGATION = re.compile(
    r"\b(?:not|no|non|neither|nor|or|either|maybe|perhaps|possibly|unlikely|doubt\w*|wrong|incorrect|without|cannot|isn|doesn|none)\b|n't\b|[?？]|"
    r"ではな|じゃな|でな|ません|ない|なく|なし|無し|無い|無く|以外|られず|見当たら|出来ず|できず|せず|または|もしくは|あるいは|かもしれ"
)  # denies, or leaves open
_VERDICT = re.compile(r"(?:answer|choice|option|答え|回答|解答|選択肢)(?:\s*(?:is|are|は|:|=))*\s*[\"'`*「『(\[]*([^\n]*)", re.IGNORECASE)


@dataclass(frozen=True)
class Told:
    """Probabilities of the options, as far as a server told them.

    Attributes:
        shares: {option: share}, to 1.
        covered: probability of the tokens that fit exactly one option, before `shares` were made of it.
        open: probability that may belong to any option and could not be given to one: alternatives that the server did not list, tokens that fit several options, blanks. 0: `shares` are exact.
    """

    shares: dict[str, float]
    covered: float
    open: float


def chosen(text: str, options: tuple[str, ...], letters: bool) -> str | None:
    """The one option that an answer names, or None: several, none, or only in a sentence that denies something. Never a guess.

    Args:
        text: as it was written; thoughts in <think> are passed over, JSON with one value is opened.
        options: as they were asked.
        letters: they were asked as A, B, ...
    """
    text = re.sub(r"<think>.*?(</think>|$)", "", text, flags=re.DOTALL)
    text = _value(text)
    keys = _keys(options, letters)
    whole = _plain(text)
    if whole in keys:
        return keys[whole]
    if letters and (lead := _LEAD.match(text)) and _plain(lead[1]) in keys:
        first, rest = keys[_plain(lead[1])], text[lead.end() :]
        others = named(rest, options) | {keys[_plain(letter)] for letter in _LETTER.findall(rest) if _plain(letter) in keys}
        return first if others <= {first} else None  # "B: slag" where A is slag; "A) or B)"
    verdicts = {option for found in _VERDICT.findall(text) if (option := _verdict(found, options, keys, letters))}
    if len(verdicts) == 1 and not _NEGATION.search(_normal(text)):
        return verdicts.pop()
    if letters and {keys[_plain(letter)] for letter in _LETTER.findall(text) if _plain(letter) in keys} - verdicts:
        return None  # letters that the verdicts do not explain: "A, B"
    stand = named(text, options)
    return stand.pop() if len(stand) == 1 and not _NEGATION.search(_without(text, stand)) else None


def _verdict(found: str, options: tuple[str, ...], keys: dict[str, str], letters: bool) -> str | None:
    """The option that stands behind "the answer is", where nothing behind it speaks for another one; "a" before a word is an article."""
    if (whole := _plain(found)) in keys:
        return keys[whole]
    first = re.match(r"([A-ZＡ-Ｚ])(?![A-Za-z])", found) if letters else None
    if not first or _plain(first[1]) not in keys:
        return None
    option, rest = keys[_plain(first[1])], found[first.end() :]
    others = named(rest, options) | {keys[_plain(letter)] for letter in _LETTER.findall(rest) if _plain(letter) in keys}
    return option if others <= {option} else None


def told_apart(steps: list[dict], options: tuple[str, ...], letters: bool) -> Told | None:
    """Probabilities of the options from `choices[0].logprobs.content` of an OpenAI-compatible answer; None where what was written is not the beginning of one option.

    Args:
        steps: [{"token", "logprob", "top_logprobs": [{"token", "logprob"}, ...]}, ...], one per written token.
        options, letters: as of `chosen`.
    """
    keys = _keys(options, letters)
    mass, opened, written, log = dict.fromkeys(options, 0.0), 0.0, "", 0.0
    for step in steps:
        listed = {one["token"]: one["logprob"] for one in step.get("top_logprobs") or []} | {step["token"]: step["logprob"]}
        for token, logprob in listed.items():
            if token == step["token"]:
                continue
            fits, share = _fitting(written + token, keys), math.exp(log + logprob)
            if len(fits) == 1:
                mass[fits.pop()] += share
            elif fits:
                opened += share
        opened += math.exp(log) * max(0.0, 1 - sum(math.exp(logprob) for logprob in listed.values()))
        written, log = written + step["token"], log + step["logprob"]
        fits = _fitting(written, keys)
        if len(fits) <= 1:
            break
    fits = {keys[_plain(written)]} if _plain(written) in keys else _fitting(written, keys)
    if len(fits) != 1:
        return None
    mass[fits.pop()] += math.exp(log)
    covered = sum(mass.values())
    return Told({option: share / covered for option, share in mass.items()}, covered, opened) if covered > 0 else None


def _keys(options: tuple[str, ...], letters: bool) -> dict[str, str]:
    """Spelling -> option."""
    return {_plain(letter): option for letter, option in zip(LETTERS, options, strict=False)} if letters else {_plain(option): option for option in options}


def _fitting(begun: str, keys: dict[str, str]) -> set[str]:
    """Options that what was begun may still become, or has become; all of them for a blank."""
    begun = _normal(begun).lstrip(_WRAPPING)
    return {option for key, option in keys.items() if key.startswith(begun) or (begun.startswith(key) and not begun[len(key)].isalnum())}


def named(text: str, options: tuple[str, ...]) -> set[str]:
    """The options whose words stand in the text; one that is part of a longer one, or of another word (不良 in 不良品, non-conforming), does not count."""
    rest, found = _normal(text), set()
    for option in sorted(options, key=len, reverse=True):
        words = re.escape(_normal(option).strip())
        before, after = (_edge(letter) for letter in (_normal(option).strip()[:1], _normal(option).strip()[-1:]))
        rest, times = re.subn(f"(?<!{before}){words}(?!{after})", " ", rest)
        found |= {option} if times else set()
    return found


def _edge(letter: str) -> str:
    """Letters that would make a word go on beside this one."""
    kinds = (r"[a-z0-9-]", r"[ァ-ヶー]", r"[一-鿿々]")
    return next((kind for kind in kinds if re.match(kind, letter)), r"[^\s\S]")


def _without(text: str, options: set[str]) -> str:
    """The text without the options' own words: "no defect" denies nothing where it is an option."""
    rest = _normal(text)
    for option in options:
        rest = rest.replace(_normal(option).strip(), " ")
    return rest


def _value(text: str) -> str:
    """The one string of a JSON answer ({"answer": "B"}), else the text."""
    found = re.search(r"\{.*\}", text, re.DOTALL)
    try:
        values = [value for value in json.loads(found[0]).values() if isinstance(value, str)] if found else []
    except (ValueError, AttributeError):
        return text
    return values[0] if len(values) == 1 else text


def _normal(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()


def _plain(text: str) -> str:
    return _normal(text).strip(_WRAPPING + ".。,、!！;")
