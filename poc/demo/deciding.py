"""The mode Decide: the signed gates with their verdict, and sliders in yen that move a curve and say whether it pays. The sliders never move the gates."""

import gradio as gr

from poc.demo import cards
from poc.demo import words as w
from poc.demo.inputs import Held
from poc.demo.page import PRIVATE
from poc.demo.visit import Desk
from poc.demo.words import fill, safe
from poc.demo.yen import PASS, Figures, Told, Yen
from poc.report.charts import nice, path
from poc.report.wording import about, span, yen
from poc.words import ARMS, VERDICTS, both

GATES = both("1. What was agreed beforehand", "1. 事前に決めた基準")
GATES_HINT = both("The criteria and their verdict. Nothing on this page moves them.", "判定基準とその結果です。この画面の操作では変わりません。")
MONEY = both("2. With your own figures", "2. 自社の数字で試算")
MONEY_HINT = both("Move a figure: the curve and the answer follow at once. Only the cost of wrong answers is counted, not machine or labour.", "数字を動かすと、曲線と結論がすぐに変わります。誤答の費用だけの試算で、設備費と人件費は含みません。")
SIGNED = both("Signed by {who} on {when}, before training.", "{when} に {who} が学習前に署名。")
UNSIGNED = both("Not signed before training, so this decides nothing yet.", "学習前の署名がないため、まだ決定には使えません。")
NO_MONEY = both("There are no yen to move: poc.yaml gives no cost of a miss and of a false alarm with a good answer.", "試算できません：poc.yaml に見逃しと誤報の費用、良品にあたる答えがありません。")
NO_VERDICT = both("There are no yen to move: a run without a verdict says nothing about money.", "試算できません：判定のない実行からは金額を計算しません。")
EXAMPLES = both("The costs that the sliders start from are example figures of the sample company, not yours: replace them.", "最初の費用は見本の会社の例です。自社の数字に置き換えてください。")
OWN = both("The sliders start from the figures in poc.yaml.", "最初の数字は poc.yaml の値です。")
MOVED = both("What you moved is your own assumption: nothing of it was measured.", "動かした数字はご自身の仮定で、測定値ではありません。")
RESET = both("Back to the run's figures", "元の数字に戻す")
LABELS = {
    "miss": both("One miss costs (yen)", "見逃し 1 件の費用（円）"), "false_alarm": both("One false alarm costs (yen)", "誤報 1 件の費用（円）"), "bad": both("Bad ones among 1,000 cases", "1,000 件中の不良の数"),
    "volume": both("Cases a month", "月の件数"), "threshold": both("Called bad from this probability on", "不良と判断する確率の下限"),
}  # fmt: skip
PAYS = {
    "go": both("With these figures it pays.", "この数字なら割に合います。"), "stop": both("With these figures it does not pay.", "この数字では割に合いません。"),
    "grey": both("With these figures it cannot be told yet.", "この数字では、まだ判断できません。"),
}  # fmt: skip
SAVES = both("Against “{other}” it saves {span} a month ({sure:.0%} interval).", "「{other}」と比べて月 {span} の節約（{sure:.0%} 区間）。")
NOBODY = both("nobody looks, everything passes", "誰も確認せず、すべて合格")
COMPUTED = both("Computed with: a miss {miss}, a false alarm {false_alarm}, {bad:g} bad ones among 1,000, {volume:,.0f} cases a month.", "この計算の数字：見逃し {miss}、誤報 {false_alarm}、1,000 件中の不良 {bad:g} 件、月 {volume:,.0f} 件。")
HERE = both("At a threshold of {threshold:.2f}: {cost} per 1,000 cases [{low}, {high}], with {misses:.1f} misses and {alarms:.1f} false alarms.", "しきい値 {threshold:.2f} では 1,000 件あたり {cost} [{low}～{high}]、見逃し {misses:.1f} 件、誤報 {alarms:.1f} 件。")
BEST = both("Chosen on cases set apart for choosing: {threshold:.2f}, the middle of those that cost about the same there. On the held-out cases it costs {cost} [{low}, {high}].", "しきい値を選ぶためのデータで選ばれたのは {threshold:.2f}（費用がほぼ同じ範囲の中央）。評価用データでの費用は {cost} [{low}～{high}] です。")
BEST_HERE = both("Chosen on the same cases: {threshold:.2f}, the middle of those that cost about the same, at {cost} [{low}, {high}]. It was chosen where it is measured, so it looks too good.", "同じデータで選ばれたのは {threshold:.2f}（費用がほぼ同じ範囲の中央、{cost} [{low}～{high}]）。選んだデータで測っているため、良く見えすぎます。")
CURVE = both("Cost per 1,000 cases by threshold, with its 95% band; the line stands at your threshold, the dot at the chosen one.", "しきい値ごとの 1,000 件あたりの費用と 95% の帯。縦線が今のしきい値、点が選ばれたしきい値。")

NUMBERED = "(...given) => { window.yenMoves = (window.yenMoves || 0) + 1; given[given.length - 2] = window.yenMoves; return given; }"


class Decide:
    """The components of the mode, laid out in the column that is open now.

    Args:
        app: the page.
        desk: the run and who answers.
        language: "en" or "ja" to begin with.

    Attributes:
        parts: what `translate` speaks to; the result follows by itself.
        inputs, shown: of `look`.
    """

    def __init__(self, app: gr.Blocks, desk: Desk, language: str):
        self.exhibit, self.opened = desk.exhibit, False
        self.yen = Yen(desk.exhibit.record, desk.exhibit.predictions)
        self.language = gr.State(language)
        with gr.Row(equal_height=False):
            with gr.Column(min_width=320):
                self.gates = gr.HTML(elem_id="gates")
                self.money = gr.HTML(elem_id="money")
                self.sliders = self._sliders(self.yen.given) if self.yen.given else {}
                self.reset = gr.Button(size="sm", visible=bool(self.sliders), elem_id="yen-reset")
            with gr.Column(min_width=320, elem_id="yen-side"):
                self.result = gr.HTML(elem_id="yen-result")
        self.parts = [*self._texts(language), self.language]
        for component, properties in self._texts(language).items():
            for name, value in properties.items():
                setattr(component, name, value)
        self.inputs, self.shown = [*self.sliders.values(), self.language], [self.result]
        # one listener for all of them, and numbered moves: else the answer to an older position may arrive last and stay (Gradio sends two moves in quick succession at once)
        self.move, self.last = gr.Number(visible=False), gr.State(0)
        moves = [*(slider.change for slider in self.sliders.values()), self.language.change]
        gr.on(moves, self._follow, [*self.inputs, self.move, self.last], [*self.shown, self.last], js=NUMBERED, trigger_mode="always_last", **PRIVATE)
        self.reset.click(self._reset, [self.language], [*self.sliders.values(), self.result], **PRIVATE)

    def translate(self, language: str) -> list:
        """Updates of `parts`."""
        return [*(gr.update(**properties) for properties in self._texts(language).values()), language]

    def look(self, mode: str, *given):
        """Somebody changes the mode: the result is computed when it can first be seen, since it brings the libraries."""
        if mode != "decide":
            return gr.skip()
        self.opened = True
        return self._moved(*given)

    def _sliders(self, given: Figures) -> dict[str, gr.Slider]:
        ends = {"miss": (nice(given.miss * 10), 100), "false_alarm": (nice(given.false_alarm * 10), 10), "bad": (nice(max(1000 * given.bad * 5, 10)), 1), "volume": (nice(given.volume * 10), 100), "threshold": (0.99, 0.01)}
        values = _shown_of(given)
        return {name: Held(0.01 if name == "threshold" else 0, min(top, 1000) if name == "bad" else top, value=values[name], step=_step(values[name], step), elem_id=f"yen-{name}") for name, (top, step) in ends.items()}

    def _texts(self, language: str) -> dict:
        record = self.exhibit.record
        return {
            self.gates: {"value": gates_panel(record, language)}, self.money: {"value": self._money_head(language)}, self.reset: {"value": RESET[language]},
            **{slider: {"label": LABELS[name][language]} for name, slider in self.sliders.items()},
        }  # fmt: skip

    def _money_head(self, language: str) -> str:
        head = cards.heading(MONEY, language)
        if not self.sliders:
            return head + cards.message(NO_VERDICT if self.exhibit.record["verdict"]["decision"] == "none" else NO_MONEY, language)
        chip = f'<p><span class="chip example" id="yen-examples">{w.EXAMPLE_FIGURES[language]}</span> {EXAMPLES[language]}</p>' if self.exhibit.record["costs_are_examples"] else f"<p>{OWN[language]}</p>"
        return head + cards.hint(MONEY_HINT, language) + chip + cards.hint(MOVED, language)

    def _follow(self, *given) -> tuple:
        *given, move, last = given
        return (gr.skip(), gr.skip()) if move < last else (self._moved(*given), move)

    def _moved(self, *given) -> str:
        *values, language = given
        if not self.sliders or not self.opened:
            return ""
        figures = _figures(dict(zip(self.sliders, values, strict=True)))
        return result_panel(self.yen, figures, self.yen.tell(figures), language)

    def _reset(self, language: str) -> list:
        values = list(_shown_of(self.yen.given).values())
        return [*values, self._moved(*values, language)]


def _shown_of(figures: Figures) -> dict[str, float]:
    """What the sliders show of figures: bad ones per 1,000."""
    return vars(figures) | {"bad": 1000 * figures.bad}


def _figures(values: dict[str, float]) -> Figures:
    """What the sliders say, which is within their ranges (`Held`); a threshold as fine as the curve is, so that every figure is of the same."""
    return Figures(**values | {"bad": values["bad"] / 1000, "threshold": round(values["threshold"], 2)})


def _step(value: float, step: float) -> float:
    """A step that the run's own figure lies on."""
    return step if step < 1 or abs(value / step - round(value / step)) < 1e-6 else 1 if value == int(value) else 0.1


def gates_panel(record: dict, language: str) -> str:
    """The verdict with all its reasons, what to do next, and who signed."""
    decided, gates = record["verdict"], record["gates"]
    reasons = "".join(f"<li>{safe(reason[language])}</li>" for reason in decided["reasons"])
    signed = fill(SIGNED, who=gates["signed_by"], when=str(gates["signed_at"])[:10]) if gates.get("signed") else UNSIGNED
    following = safe(decided.get("next", {}).get(language, ""))
    badge = f'<span class="badge">{w.VERDICT[language]}<b>{VERDICTS[decided["decision"]][language]}</b></span>'
    return f'{cards.heading(GATES, language)}{cards.hint(GATES_HINT, language)}<section class="verdict {decided["decision"]}" id="gates-verdict">{badge}<div><ul>{reasons}</ul><p>{following}</p><p class="hint">{safe(signed[language])}</p></div></section>'


def result_panel(money: Yen, figures: Figures, told: Told, language: str) -> str:
    """Whether it pays, against what, and the curve."""
    currency, sure = money.record["currency"], money.record["gates"]["confidence"]
    lines = []
    for arm, saved in told.against.items():
        other = NOBODY[language] if arm == PASS else ARMS[arm][language]
        lines.append(SAVES[language].format(other=other, span=span(about(saved["low"], currency), about(saved["high"], currency))[language], sure=sure))
    here = HERE[language].format(threshold=told.here["threshold"], misses=told.here["misses"], alarms=told.here["false_alarms"], **_costs(told.here, currency, language))
    best = (BEST_HERE if told.chosen_here else BEST)[language].format(threshold=told.chosen["threshold"], **_costs(told.chosen, currency, language))
    said = "".join(f"<li>{safe(line)}</li>" for line in lines)
    head = f'<section class="verdict {told.decision}" id="yen-verdict" data-decision="{told.decision}" role="status"><div><p><b class="pays">{PAYS[told.decision][language]}</b></p><ul>{said}</ul></div></section>'
    shown = _shown_of(figures) | {name: yen(getattr(figures, name), currency)[language] for name in ("miss", "false_alarm")}
    computed = f'<p class="hint" id="yen-figures">{safe(COMPUTED[language].format(**shown))}</p>'
    return f'{head}{computed}{curve_svg(told, currency, language)}<p id="yen-here">{safe(here)}</p><p class="hint" id="yen-best">{safe(best)}</p>'


def _costs(row, currency: str, language: str) -> dict[str, str]:
    return {"cost": yen(row["yen"], currency)[language], "low": yen(row["low"], currency)[language], "high": yen(row["high"], currency)[language]}


def curve_svg(told: Told, currency: str, language: str) -> str:
    """The curve with its band as one drawing; its words stand beside it, so that they keep their size on a phone."""
    top = nice(float(told.curve["high"].max()))
    x, y = [100 * value for value in told.curve["threshold"]], {name: [100 - 100 * value / top for value in told.curve[name]] for name in ("yen", "low", "high")}
    band = path(x, y["high"]) + path(x[::-1], y["low"][::-1], start="L") + "Z"
    at, best = 100 * told.here["threshold"], told.chosen
    drawing = (
        f'<svg viewBox="0 0 100 100" preserveAspectRatio="none" aria-hidden="true"><path class="band" d="{band}"/><path class="line" d="{path(x, y["yen"])}"/><path class="at" d="M{at:.1f} 0V100"/></svg>'
        f'<span class="dot" style="left:{100 * best["threshold"]:.1f}%;top:{100 - 100 * best["yen"] / top:.1f}%"></span>'
    )
    scale = f'<span class="high">{safe(yen(top, currency)[language])}</span><span class="zero">0</span>'
    return f'<figure class="curve" role="img" aria-label="{CURVE[language]}"><div class="axis">{scale}</div><div class="box">{drawing}</div><div class="across"><span>0</span><span>0.5</span><span>1</span></div><figcaption class="hint">{CURVE[language]}</figcaption></figure>'
