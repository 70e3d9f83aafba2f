"""board.en.pptx and board.ja.pptx: at most six slides of what the page says, with charts that can be edited. A run without a verdict gets two: that it decides nothing, and why."""

from pathlib import Path

from poc.board import measures
from poc.board.deck import BLUE, HEIGHT, MARGIN, PALE, RED, SOFT, WASH, WIDTH, Bar, Deck
from poc.board.first import caption, first
from poc.board.known import Known, missing
from poc.board.money import worth
from poc.board.people import risks
from poc.board.roadmap import roadmap
from poc.board.sentences import sentences
from poc.report.page import check_rows
from poc.words import Text, both

_COLOURS = {"go": "18794E", "stop": RED, "grey": "946200", "none": "56606B"}
_EXAMPLE = both("Example figures: not the company's.", "金額は例であり、自社の数字ではありません。")
_HALF = (WIDTH - 2 * MARGIN - 0.5) / 2
_RIGHT = MARGIN + _HALF + 0.5


def save(known: Known, language: str, path: Path) -> None:
    """Writes the slides in one language."""
    deck = Deck(language)
    for slide in (_verdict, _worth, _tested, _risks, _road, _say) if known.decided else (_nothing, _checks):
        slide(deck, known, lambda text: text[language])
    deck.save(path)


def _verdict(deck: Deck, known: Known, t) -> None:
    page = first(known)
    deck.begin(known.record["title"][deck.language])
    deck.text(t(both("Verdict", "判定")), (MARGIN, 1.35, _HALF, 0.3), 14, colour=SOFT)
    deck.text(t(page["word"]), (MARGIN, 1.65, _HALF, 1.15), 60, True, _COLOURS[page["decision"]])
    if page["notice"]:
        deck.text(t(page["notice"]), (MARGIN, 2.8, _HALF, 0.45), 13, True, "946200")
    money = page["money"]
    deck.text(t(money["headline"]), (MARGIN, 3.4, _HALF, 0.6), 26, True)
    below = [t(money["unit"])] if money["unit"] else []
    deck.text([*below, t(money["note"]), *([t(_EXAMPLE)] if money["examples"] else [])], (MARGIN, 4.05, _HALF, 1.25), 14, colour=SOFT)
    bars = [Bar(t(row["name"]), row["marks"][0]["left"], row["marks"][0]["left"] + row["marks"][0]["width"], row["marks"][0]["text"], BLUE if row["arm"] == "tuned" else PALE) for row in page["rows"]]
    mark = Bar(t(both("The mark that was set", "定めた基準")), page["mark"] - 0.6, page["mark"] + 0.6, f"{page['mark']:g}", RED)
    _with_labels(deck, [*bars, mark], (_RIGHT, 1.35, _HALF, 3.4), (0, 100))
    deck.text(t(caption(known, dashed=False)), (_RIGHT, 4.8, _HALF, 0.75), 11, colour=SOFT)
    deck.panel((MARGIN, 5.75, WIDTH - 2 * MARGIN, 1.15))
    deck.text(t(page["certainty"]), (MARGIN + 0.25, 5.85, WIDTH - 2 * MARGIN - 0.5, 0.95), 17, top=False)


def _worth(deck: Deck, known: Known, t) -> None:
    found = worth(known)
    deck.begin(t(both("What it is worth", "どれだけの価値があるか")))
    if found is None:
        _without_roi(deck, known, t)
        return
    scale, unit = _scale(known)
    rows = [row for row in known.roi["options"] if row["option"] != "nothing"]
    bars = [Bar(t(shown["name"]), row["npv"]["low"] / scale, row["npv"]["high"] / scale, f"{row['npv']['value'] / scale:,.0f}".replace("-", "−"), BLUE if shown["tuned"] else PALE) for row, shown in zip(rows, found["options"], strict=True)]
    deck.text(t(both(f"Worth over {found['months']} months against doing nothing ({unit['en']}; number: most plausible)", f"{found['months']} か月の価値（何もしない場合との差、{unit['ja']}。数字は中心の値）")), (MARGIN, 1.3, _HALF, 0.6), 13, colour=SOFT)
    _with_labels(deck, bars, (MARGIN, 1.9, _HALF, 3.3))
    moves = [Bar(t(row["name"]), row["low"] / scale, row["high"] / scale, "", PALE) for row in found["tornado"][:5]]
    deck.text(t(both(f"What moves it most, each alone between its two ends ({unit['en']})", f"結果を最も左右するもの（それぞれ両端に動かした場合、{unit['ja']}）")), (_RIGHT, 1.3, _HALF, 0.6), 13, colour=SOFT)
    _with_labels(deck, moves, (_RIGHT, 1.9, _HALF, 3.3))
    mine = next(one for one in found["options"] if one["tuned"])
    told = [t(both(f"Today: {found['today']['en']} a month. Once: {mine['once']['en']}. Then a month, running costs off: {mine['month']['en']}. Pays back after: {mine['payback']['en']}. Pays in {mine['chance']} of the computed cases.",
                   f"現在：月 {found['today']['ja']}。初期費用 {mine['once']['ja']}、運用費を引いた効果は月 {mine['month']['ja']}、回収まで {mine['payback']['ja']}。計算の {mine['chance']} で採算が取れます。"))]  # fmt: skip
    deck.panel((MARGIN, 5.5, WIDTH - 2 * MARGIN, 1.4))
    deck.text([*told, *([t(_EXAMPLE)] if known.roi["examples"] else [])], (MARGIN + 0.25, 5.6, WIDTH - 2 * MARGIN - 0.5, 1.2), 16, top=False)


def _without_roi(deck: Deck, known: Known, t) -> None:
    rows = {arm: known.rows[arm]["cost_per_1000"] for arm in ("tuned", known.best, "base") if arm in known.rows and known.rows[arm].get("cost_per_1000")}
    if rows:
        scale = 1000
        names = {row["arm"]: row["name"] for row in first(known)["rows"]}
        bars = [Bar(t(names[arm]), cost["low"] / scale, cost["high"] / scale, f"{cost['value'] / scale:,.0f}", BLUE if arm == "tuned" else PALE) for arm, cost in rows.items()]
        deck.text(t(both(f"Cost of wrong answers per 1,000 cases (thousand {known.currency})", f"1,000 件あたりの誤答の費用（千{'円' if known.currency == 'JPY' else ' ' + known.currency}）")), (MARGIN, 1.35, WIDTH - 2 * MARGIN, 0.4), 14, colour=SOFT)
        _with_labels(deck, bars, (MARGIN, 1.8, WIDTH - 2 * MARGIN, 3.3))
    deck.panel((MARGIN, 5.5, WIDTH - 2 * MARGIN, 1.4))
    lack = missing(known)["roi"]
    deck.text([f"{t(lack['said'])} {lack['command']}", *([t(_EXAMPLE)] if rows and known.record["costs_are_examples"] else [])], (MARGIN + 0.25, 5.6, WIDTH - 2 * MARGIN - 0.5, 1.2), 16, top=False)


def _tested(deck: Deck, known: Known, t) -> None:
    beliefs, groups, lacks = measures.believes(known), measures.groups(known), missing(known)
    deck.begin(t(both("What it believes, and where it is worst", "何を信じ、どこで最も弱いか")))
    if beliefs:
        deck.text(t(both("Right answers of 100 with misleading evidence beside the case", "惑わす情報を添えたときの正解（100 件あたり）")), (MARGIN, 1.25, _HALF, 0.5), 13, colour=SOFT)
        _with_labels(deck, [Bar(t(row["name"]), row["left"], row["left"] + row["width"], row["text"]) for row in beliefs["bars"]], (MARGIN, 1.7, _HALF, 3.5), (0, 100))
        deck.panel((MARGIN, 5.35, _HALF, 1.55))
        deck.text(t(beliefs["headline"]), (MARGIN + 0.2, 5.45, _HALF - 0.4, 1.35), 14, top=False)
    else:
        deck.panel((MARGIN, 1.7, _HALF, 5.2))
        deck.text([t(lacks["diagnosis"]["said"]), lacks["diagnosis"]["command"]], (MARGIN + 0.4, 1.9, _HALF - 0.8, 4.8), 20, top=False)
    if groups:
        deck.text(t(both("Right answers of 100 in each group, worst first", "グループごとの正解（100 件あたり、悪い順）")), (_RIGHT, 1.25, _HALF, 0.5), 13, colour=SOFT)
        _with_labels(deck, [Bar(f"{row['name']} ({row['n']})", row["left"], row["left"] + row["width"], row["text"]) for row in groups["rows"][:6]], (_RIGHT, 1.7, _HALF, 3.5), (0, 100))
    deck.panel((_RIGHT, 5.35, _HALF, 1.55))
    deck.text(t(groups["said"]) if groups else t(lacks["groups"]["said"]), (_RIGHT + 0.2, 5.45, _HALF - 0.4, 1.35), 14, top=False)


def _risks(deck: Deck, known: Known, t) -> None:
    deck.begin(t(both("Risks, and what remains for people", "リスクと、人に残ること")))
    shown = {one["id"]: one for one in risks(known)}
    cards = [shown[key] for key in ("labels", "latency", "bias", "explanation", "contradiction", "loss")]
    width, height = (WIDTH - 2 * MARGIN - 0.6) / 3, 2.65
    for place, one in enumerate(cards):
        left, top = MARGIN + place % 3 * (width + 0.3), 1.4 + place // 3 * (height + 0.25)
        deck.panel((left, top, width, height))
        deck.text(t(one["name"]), (left + 0.2, top + 0.15, width - 0.4, 0.35), 16, True, BLUE)
        deck.text(t(one["seen"])[:1].upper() + t(one["seen"])[1:], (left + 0.2, top + 0.55, width - 0.4, 1.25), 13)
        deck.text("→ " + t(one["left"]), (left + 0.2, top + 1.85, width - 0.4, 0.7), 12, colour=SOFT)


def _road(deck: Deck, known: Known, t) -> None:
    found = roadmap(known)
    deck.begin(t(both("Three phases", "三つの段階")))
    if not found["phases"]:
        deck.text(t(found["said"]), (MARGIN, 1.6, WIDTH - 2 * MARGIN, 3.0), 22)
        return
    width = (WIDTH - 2 * MARGIN - 0.6) / 3
    for place, phase in enumerate(found["phases"]):
        left = MARGIN + place * (width + 0.3)
        deck.panel((left, 1.3, width, 3.05))
        deck.text(t(phase["name"]), (left + 0.2, 1.4, width - 0.4, 0.35), 16, True, BLUE)
        deck.text(t(phase["when"]), (left + 0.2, 1.77, width - 0.4, 0.25), 11, colour=SOFT)
        if phase["total"]:
            deck.text(t(phase["total"]), (left + 0.2, 2.05, width - 0.4, 0.55), 14, True)
        deck.text(t(phase["does"]), (left + 0.2, 2.65, width - 0.4, 0.8), 12)
        deck.text(t(both("Goes on when: ", "次へ進む条件：")) + t(phase["next"]), (left + 0.2, 3.5, width - 0.4, 0.8), 11, colour=SOFT)
    notes = [t(found["said"])] + ([t(both(f"First twelve months, all in all: {found['whole']['en']}.", f"最初の 12 か月の合計：{found['whole']['ja']}。"))] if found["whole"] else []) + ([t(_EXAMPLE)] if found["whole"] and known.roi["examples"] else [])
    if found["phases"][0]["amounts"]:
        scale, unit = _scale(known)
        kinds = {key: name for phase in found["phases"] for key, (name, _) in phase["amounts"].items()}
        series = {t(name): [phase["amounts"][key][1] / scale if key in phase["amounts"] else 0.0 for phase in found["phases"]] for key, name in kinds.items()}
        deck.text(t(both(f"Costs ({unit['en']})", f"費用（{unit['ja']}）")), (MARGIN, 4.5, WIDTH * 0.5, 0.3), 12, colour=SOFT)
        deck.columns([t(both(f"Phase {number}", f"段階 {number}")) for number in (1, 2, 3)], series, (MARGIN, 4.8, WIDTH * 0.53, 2.4))
        deck.text(notes, (MARGIN + WIDTH * 0.58, 4.7, WIDTH - 2 * MARGIN - WIDTH * 0.58, 2.2), 13, colour=SOFT)
    else:
        deck.text(notes, (MARGIN, 4.8, WIDTH - 2 * MARGIN, 1.5), 18, colour=SOFT)


def _say(deck: Deck, known: Known, t) -> None:
    deck.begin(t(both("What you can say, and what was not done", "会議で言えることと、行っていないこと")))
    told = sentences(known)
    picked = [told[0], *(one for one in told[2:] if one.source.startswith(("run.json: comparisons", "run.json: guard", "diagnosis.json: table", "run.json: abstention", "roi.json: options.tuned.payback", "roi.json: tornado")))][:6]
    height = 0.72
    for place, one in enumerate(picked):
        top = 1.3 + place * height
        mark = t(both(" (example figures)", "（金額は例）")) if one.example else ""
        deck.text(t(one.text) + mark, (MARGIN, top, WIDTH - 2 * MARGIN - 2.9, height - 0.08), 15 if place == 0 else 13.5, place == 0)
        deck.text(one.source, (WIDTH - MARGIN - 2.6, top, 2.6, height - 0.12), 10, colour=SOFT)
    lacks = [f"{t(one['said'])} {one['command']}" for one in missing(known).values()]
    deck.panel((MARGIN, 5.7, WIDTH - 2 * MARGIN, 1.25), WASH)
    deck.text(lacks[:4] or [t(both("Everything that the kit can ask of a run was asked.", "キットで調べられることはすべて調べました。"))], (MARGIN + 0.2, 5.78, WIDTH - 2 * MARGIN - 0.4, 1.1), 12, colour=SOFT, top=False)


def _nothing(deck: Deck, known: Known, t) -> None:
    page = first(known)
    deck.begin(known.record["title"][deck.language])
    deck.panel((MARGIN, 1.7, WIDTH - 2 * MARGIN, 2.6), "FFF3F1")
    deck.text(t(page["loud"]), (MARGIN + 0.4, 1.9, WIDTH - 2 * MARGIN - 0.8, 2.2), 40, True, RED, top=False)
    deck.text(t(page["word"]), (MARGIN, 4.6, WIDTH - 2 * MARGIN, 0.7), 30, True, SOFT)
    deck.text(t(page["certainty"]), (MARGIN, 5.5, WIDTH - 2 * MARGIN, 1.2), 18)


def _checks(deck: Deck, known: Known, t) -> None:
    deck.begin(t(both("What has to be done first", "まず行うこと")))
    verdict = known.record["verdict"]
    deck.text([t(reason) for reason in verdict["reasons"]] + ([t(verdict["next"])] if verdict.get("next") else []), (MARGIN, 1.4, WIDTH - 2 * MARGIN, 2.2), 18)
    rows = [f"{check['number']}  {t(check['title'])}：{t(check['word'])}" if deck.language == "ja" else f"{check['number']}  {t(check['title'])}: {t(check['word'])}" for check in check_rows(known.checks)]
    deck.text(rows or [t(both("The run holds no checks of itself.", "自己チェックの記録がありません。"))], (MARGIN, 3.9, WIDTH - 2 * MARGIN, HEIGHT - 4.5), 16, colour=SOFT)


def _with_labels(deck: Deck, bars: list[Bar], box, ends=None) -> None:
    """A chart of ranges whose names take at most two fifths of its width."""
    deck.ranges(bars, box, ends, "#,##0")


def _scale(known: Known) -> tuple[float, Text]:
    """What amounts on slides are divided by, and what that is called."""
    return 1e6, both("million yen", "百万円") if known.currency == "JPY" else both(f"million {known.currency}", f"百万 {known.currency}")
