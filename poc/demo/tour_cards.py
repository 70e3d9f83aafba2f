"""What the steps of the tour say, as HTML. Plain functions."""

import math

from kit.data import Sample
from poc.demo import cards
from poc.demo import tour_words as t
from poc.demo import words as w
from poc.demo.exhibit import Exhibit
from poc.demo.tour import Lies, Tour, best, right_of_hundred
from poc.demo.visit import View
from poc.demo.words import fill, safe
from poc.threshold import Threshold
from poc.words import VERDICTS, Text


def progress(step: int, language: str) -> str:
    """Where one is: in words, and as a line."""
    left = math.ceil(t.MINUTES * (t.STEPS - step + 1) / t.STEPS)
    said = t.PROGRESS[language].format(step=step, steps=t.STEPS)
    dots = "".join(f'<span class="{"done" if n <= step else ""}"></span>' for n in range(1, t.STEPS + 1))
    return f'<div class="tour-line" aria-hidden="true">{dots}</div><p class="hint" id="tour-step" role="status" data-step="{step}">{said} · {t.MINUTES_LEFT[language].format(n=left)}</p><h2 id="tour-title">{t.TITLES[step - 1][language]}</h2>'


def guessing(sample: Sample, exhibit: Exhibit, language: str) -> str:
    return f'<p class="ask-you" id="tour-question">{safe(exhibit.read_as(sample.question)[language])}</p><p>{t.GUESS[language]}</p>{cards.hint(t.RULE, language)}'


def told(view: View, guess: str, exhibit: Exhibit, threshold: Threshold, waits: bool, language: str) -> str:
    """Step 2: the visitor, both models (the tuned one with its calibrated confidence, as everywhere), the truth, and what one case does not say."""
    answer, truth = view.answer, view.asked.answer
    shown = [_card("you", t.YOU, guess, truth, exhibit, language)]
    for arm in ("base", "tuned"):
        shown.append(_card(arm, t.MACHINE[arm], answer.said(arm), truth, exhibit, language, threshold.confidence(answer.tuned) if arm == "tuned" else max(answer.base.values())))
    rates = right_of_hundred(exhibit.predictions, exhibit.record)
    many = ""
    if set(rates) == {"base", "tuned"}:
        ends = {f"{arm}_{end}": round_ for arm, one in rates.items() for end, round_ in (("low", math.floor(100 * one["low"] + 1e-6)), ("high", math.ceil(100 * one["high"] - 1e-6)))}
        many = f'<p id="tour-many">{t.OF_HUNDRED[language].format(n=len(exhibit.samples), sure=exhibit.record["gates"]["confidence"], **ends)}</p>'
    return f'<div id="tour-told">{_truth(exhibit.read_as(truth)[language], language)}<div class="pair three">{"".join(shown)}</div>{many}{_source(view, waits, language)}</div>'


def lying(view: View | None, lies: Lies | None, exhibit: Exhibit, waits: bool, language: str) -> str:
    """Step 3: the note, the truth, whom it believes, and how often."""
    if lies is None:
        return cards.message(t.NO_LIES, language)
    head = f'<p class="ask-you">{safe(fill(t.LIE, named=exhibit.read_as(lies.names), truth=exhibit.read_as(lies.first.answer))[language])}</p>'
    answer, hidden = view.answer, exhibit.record["training"].get("drop_irrelevant") or 0.0  # in which share of the cases the run's model was taught without the note
    mine = fill(t.ARMS_LIE["tuned"], share=hidden) if hidden else t.ARMS_LIE["plain"]
    shown = [_believer(name, t.ARMS_LIE[name], other["answers"][lies.first.id], lies, exhibit, language) for name, other in lies.others.items()]
    shown.append(_believer("tuned", mine, answer.said("tuned"), lies, exhibit, language))
    alone = answer.without["beside"][0] if "beside" in answer.without else best(lies.without[lies.first.id]) if answer.recorded and lies.first.id in lies.without else ""
    if alone:
        shown.append(_believer("base", t.ARMS_LIE["without"], alone, lies, exhibit, language))
    counts = [(t.ARMS_LIE[name], other) for name, other in lies.others.items()]
    counts.append((mine, {"n": lies.n, "followed": lies.followed, "right": lies.right}))
    said = "".join(f"<li>{safe(_counted(who, one, language))}</li>" for who, one in counts)
    if set(lies.others) == {"trusting", "cured"}:
        said += f'<li id="tour-cure">{_cure(lies, language)}</li>'
    foot = t.OTHERS_RECORDED if lies.others else t.NO_CURED
    why = f'<p class="hint" id="tour-picked">{t.PICKED[language]}</p>' if lies.picked else ""
    return f'{head}{why}<div class="pair three{" four" if len(shown) == 4 else ""}" id="tour-lie">{"".join(shown)}</div><ul id="tour-lies">{said}</ul>{cards.hint(t.COUNTED, language)}{cards.hint(foot, language)}{_source(view, waits, language)}'


def asking(view: View | None, tour: Tour, exhibit: Exhibit, waits: bool, language: str) -> str:
    """Step 4: how sure, below which mark a person decides, and how often that happens."""
    if tour.unsure is None:
        return cards.message(t.NO_UNSURE, language)
    unsure, said = tour.unsure, view.answer.said("tuned")
    sure = unsure.threshold.confidence(view.answer.tuned)
    line = t.PERSON if sure < unsure.threshold.value else t.DECIDES
    percents = {"sure": _percent(sure), "threshold": _percent(unsure.threshold.value)}
    bars = "".join(cards.bar(exhibit.read_as(option)[language], share, option == said) for option, share in unsure.threshold.heated(view.answer.tuned).items())
    counts = t.PERSON_COUNTS[language].format(n=unsure.n, of=unsure.of, wrong=unsure.wrong, kept=unsure.of - unsure.n, wrong_kept=unsure.wrong_kept)
    promise = t.PROMISED if unsure.threshold.promised else t.NOT_PROMISED
    chip = f'<span class="chip wrong">{w.A_PERSON[language]}</span> ' if line is t.PERSON else ""
    return (
        f'<p class="ask-you" id="tour-unsure">{chip}{safe(fill(line, said=exhibit.read_as(said), **percents)[language])}</p><article class="card tuned"><ul class="bars">{bars}</ul></article>'
        f'<p>{safe(fill(t.PERSON_TRUTH, truth=exhibit.read_as(unsure.first.answer))[language])}</p><p id="tour-person">{counts}</p>{cards.hint(promise, language)}{_source(view, waits, language)}'
    )


def worth(run, language: str) -> str:
    """Step 5: the verdict, the money, how sure, and what can be said. It brings the libraries of the board's report."""
    from poc.board.first import first
    from poc.board.known import read
    from poc.board.sentences import sentences

    known = read(run)
    page = first(known)
    parts = [f'<p class="worth-word">{safe(VERDICTS[page["decision"]][language])}</p>']
    parts += [f'<p class="ask-you">{safe(page[name][language])}</p>' for name in ("loud", "notice") if page[name]]
    if money := page["money"]:
        chip = f' <span class="chip example">{t.EXAMPLES[language]}</span>' if money["examples"] else ""
        unit = f'<p>{safe(money["unit"][language])}{chip}</p>' if money["unit"] else ""
        parts.append(f'<p class="worth-money" id="tour-money">{safe(money["headline"][language])}</p>{unit}<p class="hint">{safe(money["note"][language])}</p>')
    parts.append(f'<p id="tour-certainty">{safe(page["certainty"][language])}</p>')
    told = sentences(known)[:1]
    if told:
        chip = f' <span class="chip example">{t.EXAMPLES[language]}</span>' if told[0].example else ""
        parts.append(f'<h3>{t.MORE[language]}</h3><blockquote class="say" id="tour-sentence">{safe(told[0].text[language])}{chip}</blockquote>{cards.hint(t.MOVE, language)}')
    return f'<section class="worth {page["decision"]}" id="tour-worth">{"".join(parts)}</section>'


def _truth(truth: str, language: str) -> str:
    return f'<p class="truth"><span class="label">{t.TRUTH[language]}</span><b id="tour-truth">{safe(truth)}</b></p>'


def _card(kind: str, name: Text, said: str, truth: str, exhibit: Exhibit, language: str, sure: float | None = None) -> str:
    mark = _mark(t.RIGHT if said == truth else t.WRONG, said == truth, language) if said else ""
    how = f'<p class="hint">{t.SURE[language].format(percent=_percent(sure))}</p>' if sure is not None else ""
    shown = exhibit.read_as(said)[language] if said else t.NO_GUESS[language]
    return f'<article class="card {kind}" id="tour-{kind}"><h3>{safe(name[language])}</h3><p class="said"><b>{safe(shown)}</b>{mark}</p>{how}</article>'


def _believer(kind: str, name: Text, said: str, lies: Lies, exhibit: Exhibit, language: str) -> str:
    what = t.RIGHT if said == lies.first.answer else t.FOLLOWS if said == lies.names else t.WRONG
    return f'<article class="card {"base" if kind != "tuned" else kind}" data-who="{kind}"><h3>{safe(name[language])}</h3><p class="said"><b>{safe(exhibit.read_as(said)[language])}</b>{_mark(what, what is t.RIGHT, language)}</p></article>'


def _mark(what: Text, good: bool, language: str) -> str:
    sign, kind = ("✓", "right") if good else ("✗", "wrong")
    return f'<span class="chip {kind}"><span aria-hidden="true">{sign}</span> {what[language]}</span>'


def _counted(who: Text, one: dict, language: str) -> str:
    low, high = _ends(one)
    return fill(t.LIE_COUNTS, who=who, low=low, high=high, **{name: one[name] for name in ("n", "followed", "right")})[language]


def _cure(lies: Lies, language: str) -> str:
    """Whether the cure made it follow less: McNemar's exact test on the same cases, at 5 %."""
    from scipy.stats import binomtest

    trusting, cured = (lies.others[name]["answers"] for name in ("trusting", "cured"))
    only = [sum(one[case] == named and other[case] != named for case, named in lies.named.items()) for one, other in ((trusting, cured), (cured, trusting))]
    sure = sum(only) > 0 and binomtest(only[1], sum(only)).pvalue < 0.05
    return (t.CURE_HELPED if sure and only[0] > only[1] else t.CURE_UNTOLD)[language].format(before=lies.others["trusting"]["followed"], after=lies.others["cured"]["followed"])


def _ends(one: dict) -> tuple[int, int]:
    """Of 100 wrong notes it follows so many: Clopper and Pearson's 95 % interval, rounded outwards."""
    from scipy.stats import binomtest

    found = binomtest(one["followed"], one["n"]).proportion_ci(0.95)
    return math.floor(100 * found.low + 1e-6), math.ceil(100 * found.high - 1e-6)


def _source(view: View, waits: bool, language: str) -> str:
    """Whether it was answered now, and its place in the log."""
    answer = view.answer
    said = (t.RECORDED_WAIT if waits else t.RECORDED)[language] if answer.recorded else t.LIVE[language].format(seconds=answer.seconds)
    filed = " " + t.FILED[language].format(n=view.record.n) if view.record else ""
    return f'<p class="foot" id="tour-source" data-recorded="{str(answer.recorded).lower()}">{said}{filed}</p>'


def _percent(share: float) -> str:
    """Nothing is rounded up to certainty."""
    return "> 99%" if 0.995 <= share < 1 else "< 1%" if 0 < share < 0.005 else f"{share:.0%}"
