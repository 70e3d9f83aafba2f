"""What the page says in words and bars: the head with the verdict, the question, both answers, the run's facts. Plain functions that return HTML."""

from kit.data import Sample
from kit.operations.audit_record import Record
from poc.demo import words as w
from poc.demo.answer import Answer
from poc.demo.exhibit import Exhibit
from poc.demo.words import fill, safe
from poc.threshold import Threshold
from poc.words import ARMS, KPIS, VERDICTS, Text, both

FIGURES = both(
    "{kpi} on {n:,} held-out samples, with {sure:.0%} intervals: base model {base}, tuned model {tuned}.",
    "評価用サンプル {n:,} 件での{kpi}（{sure:.0%} 区間）：ベースモデル {base}、微調整後のモデル {tuned}。",
)
COST = both(
    "Cost of errors per 1,000: tuned model {tuned}; “{other}” {cost}.",
    "1,000 件あたりの誤りの費用：微調整後のモデル {tuned}、「{other}」{cost}。",
)
FACTS = {
    "model": both("Model", "モデル"),
    "parameters": both("Parameters", "パラメーター数"),
    "licence": both("Licence", "ライセンス"),
    "adapter": both("Adapter", "アダプター"),
    "data": both("Held-out samples", "評価用サンプル"),
    "checks": both("Run checks", "実行チェック"),
    "created": both("Run made", "実行日時"),
    "device": both("Made on", "実行環境"),
}
ADAPTER = both("LoRA on {parts}, rank {rank}, {updates:,} updates", "LoRA（{parts}）、ランク {rank}、更新 {updates:,} 回")
CHECKS = both("{green} green, {red} red, {na} not applicable", "緑 {green}、赤 {red}、該当なし {na}")


def top(exhibit: Exhibit, language: str, recorded: bool, reason: str) -> str:
    """Title, and what a person must know before reading on."""
    title = exhibit.record["title"][language]
    return f'<p class="kicker">{w.KICKER[language]}</p><h1>{safe(title)}</h1>{banners(exhibit, language, recorded, reason)}'


def banners(exhibit: Exhibit, language: str, recorded: bool, reason: str) -> str:
    """Rehearsal in red; recorded answers and missing files in amber."""
    shown = ""
    if exhibit.record["rehearsal"]:
        follow = exhibit.record["verdict"].get("next", {}).get(language, "")
        shown += _banner("rehearsal", w.REHEARSAL[language], f"{w.REHEARSAL_MEANS[language]} {follow}")
    if recorded:
        because = f"{w.REASON[language]} {reason}" if reason else ""
        shown += _banner("recorded", w.RECORDED[language], f"{w.RECORDED_MEANS[language]} {because}")
    elif exhibit.lacks_files:
        shown += _banner("recorded", w.RECORDED[language], w.NO_MEDIA[language])
    return shown


def _banner(kind: str, title: str, text: str) -> str:
    return f'<div class="banner {kind}" id="{kind}-banner" role="note"><strong>{safe(title)}</strong> {safe(text.strip())}</div>'


def verdict(record: dict, language: str, believed: Text | None = None) -> str:
    """The verdict with its first reason, the KPI before and after, which evidence the model believes (where that was asked), and the yen."""
    decided = record["verdict"]
    reason = next((text[language] for text in decided["reasons"]), "")
    if record["rehearsal"]:
        reason = ""  # the banner above says it
    lines = [line for line in (reason, _figures(record, language), believed[language] if believed else "") if line]
    money = "" if record["rehearsal"] else _cost(record, language)  # a rehearsal's yen would be quoted
    said = "".join(f"<p>{safe(line)}</p>" for line in lines) + money
    badge = f'<span class="badge">{w.VERDICT[language]}<b>{VERDICTS[decided["decision"]][language]}</b></span>'
    return f'<section class="verdict {decided["decision"]}" id="verdict">{badge}<div>{said}</div></section>'


def _figures(record: dict, language: str) -> str:
    rows, kpi = _rows(record), record["verdict"]["kpi"]
    if "base" not in rows or "tuned" not in rows:
        return ""
    measured = {arm: "{value:.0%} [{low:.0%}, {high:.0%}]".format(**rows[arm][kpi]) for arm in ("base", "tuned")}
    name = KPIS[kpi][language]
    return FIGURES[language].format(kpi=name[:1].upper() + name[1:], n=rows["tuned"]["n"], sure=record["gates"]["confidence"], **measured)


def _cost(record: dict, language: str) -> str:
    rows, best = _rows(record), record["verdict"].get("best_baseline", "")
    if not rows.get("tuned", {}).get("cost_per_1000") or not rows.get(best, {}).get("cost_per_1000"):
        return ""
    tuned, cost = (_money(rows[arm]["cost_per_1000"], record["currency"], language) for arm in ("tuned", best))
    other = ARMS[best][language]
    chip = f' <span class="chip example">{w.EXAMPLE_FIGURES[language]}</span>' if record["costs_are_examples"] else ""
    return f'<p class="cost">{safe(COST[language].format(tuned=tuned, other=other, cost=cost))}{chip}</p>'


def _money(cost: dict, currency: str, language: str) -> str:
    unit = {"JPY": both("yen", "円")}.get(currency, both(currency, currency))[language]
    return f"{cost['value']:,.0f} {unit} [{cost['low']:,.0f}, {cost['high']:,.0f}]"


def _rows(record: dict) -> dict[str, dict]:
    return {row["arm"]: row for row in record["results"] if row["condition"] == "as_is"}


def heading(text: Text, language: str) -> str:
    return f"<h2>{text[language]}</h2>"


def hint(text: Text, language: str) -> str:
    return f'<p class="hint">{text[language]}</p>'


def question(sample: Sample | None, exhibit: Exhibit, language: str) -> str:
    """The question with its options, and in which words the model reads it where they are others."""
    if sample is None:
        return ""
    read, *names = (exhibit.read_as(words)[language] for words in (sample.question, *sample.options))
    options = "".join(f"<li>{safe(name)}</li>" for name in names)
    asked = fill(w.ASKED_AS, question=sample.question, options=" / ".join(sample.options))[language]
    return (
        f'<div class="question"><span class="label">{w.QUESTION[language]}</span><p id="question">{safe(read)}</p>'
        f'<ul class="options" aria-label="{w.OPTIONS[language]}">{options}</ul>'
        + (f'<p class="foot" id="asked-as">{safe(asked)}</p></div>' if (read, *names) != (sample.question, *sample.options) else "</div>")
    )


def message(text: Text, language: str, kind: str = "quiet") -> str:
    """One sentence where the answer will be: a hint, "please wait", or why there is none."""
    role = "alert" if kind == "refused" else "status"
    return f'<p class="message {kind}" id="message" role="{role}">{safe(text[language])}</p>'


def lasting(text: Text, kind: str = "quiet") -> str:
    """A message that stays when the language changes: it is there in both, and the page shows that of its own (`look.PAGE`)."""
    said = "".join(f'<span class="said-{language}" lang="{language}">{safe(text[language])}</span>' for language in w.LANGUAGES)
    return f'<p class="message {kind}" role="{"alert" if kind == "refused" else "status"}">{said}</p>'


def early(base: dict[str, float], sample: Sample, exhibit: Exhibit, language: str) -> str:
    """The base model's answer, while the tuned one is still answering: without right or wrong, which would tell the truth."""
    known = _card("base", max(base, key=base.get), base, sample.replace(answer=""), exhibit, language)
    comes = f'<article class="card tuned" id="tuned-comes"><h3>{ARMS["tuned"][language]}</h3><p class="hint">{w.COMES[language]}</p></article>'
    return f'<div class="result" id="early" role="status"><div class="pair">{known}{comes}</div></div>'


def result(answer: Answer, sample: Sample, exhibit: Exhibit, language: str, record: Record | None = None, threshold: Threshold | None = None, in_words: str = "") -> str:
    """Both answers side by side, the truth above them, what speaks against them and how they were recorded below.

    Args:
        record: of the audit log.
        threshold: of the run, for the confidence beside the shares.
        in_words: the answer as a sentence, at its head.
    """
    if sample.answer:
        truth = f'<p class="truth" id="truth"><span class="label">{w.TRUTH[language]}</span><b>{safe(exhibit.read_as(sample.answer)[language])}</b></p>'
    else:
        truth = f'<p class="truth none" id="truth">{w.NO_TRUTH[language]}</p>'
    cards = "".join(_card(arm, answer.said(arm), getattr(answer, arm), sample, exhibit, language, _sure(answer, threshold, language) if arm == "tuned" else "") for arm in ("base", "tuned"))
    said = f'<p class="in-words" id="in-words">{safe(in_words)}</p>' if in_words else ""
    took = w.FROM_RECORD[language] if answer.recorded else w.BOTH_ANSWERED[language].format(seconds=answer.seconds)
    made = f"{exhibit.record['model']['name']} + {exhibit.adapter_name}"
    audited = f' <span id="record">{w.AUDITED[language].format(n=record.n)}</span>' if record else ""
    foot = f'<p class="foot"><span id="seconds">{took}</span> <span id="model-name">{safe(made)}</span>{audited}</p><p class="foot">{w.CAUTION[language]}</p>'
    doubts = _disagreement(answer, exhibit, language) + _orders(answer, exhibit, language) + _unsure(record, language)
    return f'<div class="result" id="result" role="status">{said}{truth}<div class="pair">{cards}</div>{doubts}{foot}</div>'


def _disagreement(answer: Answer, exhibit: Exhibit, language: str) -> str:
    """What the tuned model says to each kind of evidence alone, and whether they contradict each other."""
    if answer.conflict is None:
        return ""
    alone = ", ".join(f"{w.MODALITIES[modality][language]} → {safe(exhibit.read_as(option)[language])} ({share:.0%})" for modality, (option, share) in answer.alone.items())
    measured, disagrees = exhibit.conflict, exhibit.disagrees(answer.conflict)
    threshold = measured.get("threshold")
    if threshold is None:
        says = w.NO_THRESHOLD[language]
    else:
        says = (w.DISAGREES if disagrees else w.AGREES)[language].format(threshold=threshold, caught=measured["caught"], alarms=measured["false_alarms"])
    chip = f' <span class="chip wrong">{w.A_PERSON[language]}</span>' if disagrees else ""
    return f'<p class="alone" id="conflict"><span class="label">{w.ALONE[language]}</span>{alone}. {w.CONFLICT[language].format(score=answer.conflict)}{chip} {safe(says)}</p>'


def _orders(answer: Answer, exhibit: Exhibit, language: str) -> str:
    """What turned the answer and should not have, and a note that gives orders: shown as a conflict."""
    followed = exhibit.read_as(answer.said("tuned"))
    said = [fill(w.SWAYED[name], option=exhibit.read_as(answer.without[name][0]), share=answer.without[name][1], said=followed)[language] for name in answer.swayed]
    said += [w.ORDERS[language]] if answer.orders else []
    chip = f'<span class="chip wrong">{w.A_PERSON[language]}</span> '
    return f'<p class="alone" id="swayed" role="alert">{chip}{safe(" ".join(said))}</p>' if said else ""


def _unsure(record: Record | None, language: str) -> str:
    if record is None or record.decision != "abstained":
        return ""
    said = w.UNSURE[language].format(sure=record.confidence, threshold=record.threshold)
    return f'<p class="alone" id="unsure"><span class="chip wrong">{w.A_PERSON[language]}</span> {safe(said)}</p>'


def _sure(answer: Answer, threshold: Threshold | None, language: str) -> str:
    """The confidence that decides whether the answer is given, which is not the highest bar where the run was calibrated."""
    if threshold is None:
        return ""
    told = w.SURE if threshold.promised else w.SURE_RAW
    values = {"heat": threshold.heat, "threshold": percent(threshold.value)}
    return f'<p class="sure" id="confidence">{told[language].format(sure=f"<b>{safe(percent(threshold.confidence(answer.tuned)))}</b>", **values)}</p>'


def _card(arm: str, said: str, shares: dict[str, float], sample: Sample, exhibit: Exhibit, language: str, more: str = "") -> str:
    mark = ""
    if sample.answer:
        right = said == sample.answer
        sign, name, kind = ("✓", w.RIGHT, "right") if right else ("✗", w.WRONG, "wrong")
        mark = f'<span class="chip {kind}"><span aria-hidden="true">{sign}</span> {name[language]}</span>'
    bars = "".join(bar(exhibit.read_as(option)[language], share, option == said) for option, share in shares.items())
    return (
        f'<article class="card {arm}" id="{arm}-answer"><h3>{ARMS[arm][language]}</h3>'
        f'<p class="said"><b>{safe(exhibit.read_as(said)[language])}</b>{mark}</p><ul class="bars">{bars}</ul>{more}</article>'
    )


def percent(share: float) -> str:
    """Nothing is rounded up to certainty."""
    return "<1%" if 0 < share < 0.005 else ">99%" if 0.995 <= share < 1 else f"{share:.0%}"


def bar(option: str, share: float, said: bool) -> str:
    return (
        f'<li class="{"said" if said else ""}"><span class="name">{safe(option)}</span><span class="track" aria-hidden="true">'
        f'<span style="width:{share:.1%}"></span></span><span class="share">{safe(percent(share))}</span></li>'
    )


def about(exhibit: Exhibit, language: str) -> str:
    """The facts behind the page, folded away."""
    record, checks = exhibit.record, exhibit.checks
    model, training, machine = record["model"], record["training"], record["machine"]
    counts = {status: sum(check["status"] == status for check in checks) for status in ("green", "red", "na")}
    facts = {
        "model": model["name"] + (" (4-bit)" if model.get("four_bit") else ""),
        "parameters": f"{model['parameters'] / 1e6:,.1f} M",
        "licence": str(model.get("license", "")),
        "adapter": f"{exhibit.adapter_name}: "
        + ADAPTER[language].format(parts=", ".join(training["lora"]), rank=training["rank"], updates=training["applied_updates"]),
        "data": f"{len(exhibit.samples):,}",
        "checks": CHECKS[language].format(**counts) if checks else "",
        "created": record["created"].replace("T", " "),
        "device": machine["cpu"] if machine["device"] == "cpu" else machine["device"],
    }
    rows = "".join(f"<dt>{FACTS[name][language]}</dt><dd>{safe(value)}</dd>" for name, value in facts.items() if value)
    return f'<details class="about"><summary>{w.ABOUT[language]}</summary><dl>{rows}</dl></details>'
