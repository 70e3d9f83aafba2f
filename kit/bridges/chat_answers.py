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
_WRAPPING = " \t\n\r\"'`*_#<>[](){}「」『』【】（）・:："
_W = r"[\s\"'`*_#<>\[\](){}「」『』【】・:]{0,6}"
_NEGATION = re.compile(
    r"\b(?:not|no|non|neither|nor|or|either|maybe|perhaps|possibly|unlikely|doubt\w*|wrong|incorrect|without|cannot|isn|doesn|none|unsure|guess\w*)\b|n't\b|\?|"
    r"ではな|じゃな|でな|ません|ない|なく|なし|無し|無い|無く|以外|られず|見当たら|出来ず|できず|せず|または|もしくは|あるいは|かもしれ"
)  # denies, or leaves open: in a reason behind an answer
# What may stand around an option, whole: a list of what denies or hedges ("hardly", 〜とは言いがたい) would never end, so that everything else is no answer.
_VERDICT = (
    r"(?:(?:so|thus|therefore|hence),? )?(?:(?:the|my) )?(?:(?:final|correct|best) )?(?:answer|choice|option|label|verdict)(?: (?:is|would be))?[\s:=]*|i (?:choose|pick|select) |"
    r"(?:最終)?(?:の)?(?:答え|回答|解答|正解|選択肢|判定結果|判定|結論)\s*は?[\s:=]*"
)
_SUBJECT = (
    r"(?:(?:the|this) (?:part|image|picture|photo|photograph|product|item|object|sample|surface|call|caller|gauge|video|film|sheet|defect)|it|this|that|there) ?(?:is|are|shows|has|'s) |i see |"
    r"(?:(?:この|その)?(?:部品|製品|品物|写真|画像|動画|映像|音声|通話|表面|計器|点検表|状態|お客様)(?:には|では|は|に|の)\s*){1,3}"
)
_BEHIND = (
    r"(?:(?: (?:is|are))? (?:visible|present|found|seen|detected))?(?: (?:in|on) (?:the|this) (?:part|image|picture|photo|photograph|product|item|object|surface|video))?|"
    r"です|だ|である|あり|(?:が|も)?あります|がある|が見え(?:ます|る)|が見られ(?:ます|る)|が(?:確認|検出)(?:されます|されました|できます)|と(?:判定|判断)(?:します|しました|する|した|されます|されました|される)?|になります"
)
_REASON = r"(?:\b(?:because|since|due to|reason)\b|なぜなら|理由)(?P<reason>.*)"


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
    """The one option that an answer states, or None. Never a guess: an option counts as the whole answer, or plainly stated ("The answer is B.", "It is a dent", 不良品です, 写真には赤錆があります); in any other sentence it may be
    denied or doubted in words that nobody has listed.

    Args:
        text: as it was written; thoughts in <think> are passed over, JSON with one value is opened, a reason behind the answer is read only to see that it names no other option and denies nothing.
        options: as they were asked.
        letters: they were asked as A, B, ...
    """
    text = _value(re.sub(r"<think>.*?(</think>|$)", "", text, flags=re.DOTALL))
    keys, said = _keys(options, letters), " ".join(_normal(text).split())
    if (whole := _plain(text)) in keys:
        return keys[whole]
    marks = dict(zip(options, LETTERS.lower(), strict=False)) if letters else {}
    stated = {option: found["reason"] or "" for option in options if (found := _statement(option, marks.get(option)).fullmatch(said))}
    if len(stated) != 1:
        return None
    ((option, reason),) = stated.items()
    others = named(reason, options) | {other for other, mark in marks.items() if mark != "a" and re.search(rf"(?<![a-z]){mark}(?![a-z])", reason)}  # "a" is an article as well
    return option if others <= {option} and not _NEGATION.search(reason) else None


def _statement(option: str, mark: str | None) -> re.Pattern:
    """What states the option, by its words or by its letter, from the beginning to the end of a normalised answer."""
    words = rf"(?:(?:an?|the) )?{re.escape(_normal(option).strip())}"
    by_words = rf"(?:{_VERDICT}|{_SUBJECT})?{_W}{words}" + (rf"(?: ?\({mark}\))?" if mark else "")
    by_letter = rf"(?:{_VERDICT})?{_W}{mark}(?:{_W}[.,]?{_W}{words})?|" if mark else ""
    return re.compile(rf"(?:[-・] )?{_W}(?:{by_letter}{by_words}){_W}(?:{_BEHIND}){_W}[.。,、!;]*{_W}(?:{_REASON})?")


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
    return re.sub(r"^[-・]\s+", "", _normal(text).strip()).strip(_WRAPPING + ".。,、!！;")
