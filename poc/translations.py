"""How people read the questions and answers of a use case in their own language: `translations` of poc.yaml. The model is asked in the words of the data, and files, logs and programs keep those."""

import difflib
from collections.abc import Iterable, Iterator

from kit.data import Fault, Sample
from kit.language import LANGUAGES, say
from poc.words import Text


def read_as(record: dict, words: str) -> Text:
    """A question or an answer as people read it; as the model does where poc.yaml says nothing else.

    Args:
        record: run.json; those of older runs have no translations.
        words: of the data.
    """
    given = record.get("translations") or {}
    return {language: given.get(language, {}).get(words, words) for language in LANGUAGES}


def translation_misfits(use) -> Iterator[tuple[tuple, str, str]]:
    """(key path, what is wrong, what to do) of answers that nobody could tell apart."""
    for language in use.translations:
        for words, problem, fix in _alike(use, language, use.options):
            yield ("translations", language, words), problem, fix


def translation_faults(use, samples: Iterable[Sample]) -> list[Fault]:
    """Words that no row asks or may be answered with, such as misspelt ones, and questions or a row's own answers that nobody could tell apart; told by `poc check`."""
    samples = tuple(samples)
    known = {use.question, *use.options, *(words for sample in samples for words in (sample.question, sample.answer, *sample.options))} - {""}
    asked = [tuple(dict.fromkeys((use.question, *(sample.question for sample in samples)))), *dict.fromkeys(sample.options for sample in samples if sample.options != use.options)]
    faults = []
    for language, given in use.translations.items():
        for words in given:
            if words not in known:
                close = difflib.get_close_matches(words, known, 1, 0.6)
                problem = say(f"translations.{language}: {words!r} is no question and no answer of the folder", f"translations.{language}: {words!r} という質問や答えはフォルダーにありません")
                faults.append(Fault(None, "", problem, say(f"did you mean {close[0]!r}?", f"もしかして: {close[0]!r}") if close else say("delete it", "削除してください")))
        alike = {words: (problem, fix) for choices in asked for words, problem, fix in _alike(use, language, choices)}
        faults += [Fault(None, "", f"translations.{language}.{words}: {problem}", fix) for words, (problem, fix) in alike.items()]
    return faults


def _alike(use, language: str, options: tuple[str, ...]) -> Iterator[tuple[str, str, str]]:
    """(words, what is wrong, what to do) of those that read like others that people choose from beside them."""
    given = use.translations[language]
    read = {option: given.get(option, option) for option in options}
    for option in options:
        same = next((other for other in options if other != option and read[other] == read[option]), None)
        if option in given and same is not None:
            yield option, say(f"{read[option]!r} is how {same!r} is read, too", f"{read[option]!r} は {same!r} の表示と同じです"), say("give each a wording of its own: people choose between them", "選び分けられるよう、別の言い方にしてください")
