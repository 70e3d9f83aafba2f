"""The labelling page: one row, a button per answer, keys, and a tab with what the answers say about people and labels."""

import gradio as gr

from kit.errors import KitError
from kit.labelling import Bench, disagreement_by_class, pressed, reply, what_people_say
from kit.language import say
from poc.audit import lines_of
from poc.demo.evidence import panel
from poc.demo.words import safe
from poc.words import both

PRIVATE = {"api_visibility": "private", "show_progress": "hidden"}
MOST_BUTTONS = 12  # more answers than that are chosen from a list
# keys work wherever nothing is being typed; a key that is held down answers once
KEYS_HEAD = """<script>
document.addEventListener("keydown", (event) => {
  const box = document.activeElement;
  if (event.repeat || event.ctrlKey || event.metaKey || event.altKey || (box && /INPUT|TEXTAREA|SELECT/.test(box.tagName))) return;
  const button = document.querySelector(`#key-${event.key.toLowerCase()}`);
  if (/^[0-9us]$/i.test(event.key) && button && button.offsetParent) { event.preventDefault(); button.click(); }
});
</script>
<style>#row .photo { min-width: min(100%, 420px); max-height: 460px; } #row { min-height: 340px; }</style>"""

LABEL = both("Label", "ラベル付け")
PEOPLE = both("Agreement and pace", "一致度と速さ")
CANNOT = both("0  Cannot tell", "0  判断不能")
SKIP = both("S  Later", "S  後で")
UNDO = both("U  Take back", "U  取り消す")
FREE = both("The answer", "回答")
CHOOSE = both("Choose an answer", "答えを選ぶ")
DONE = both("All rows of this order are answered. Thank you.", "この順番の行はすべて回答済みです。お疲れさまでした。")
HINT = both("Keys: 1 to 9 answer, 0 cannot tell, U takes the last answer back, S puts the row off. The label that a row has is not shown before you have answered.",
            "キー：1～9 で回答、0 は判断不能、U で直前の回答を取り消し、S で後回し。行に付いているラベルは、回答するまで表示しません。")  # fmt: skip
REFRESH = both("Compute again", "再計算")
COLUMNS = {"answer": both("answer", "答え"), "rows": both("rows", "行"), "differ": both("differ", "不一致"), "share": both("share", "割合"), "low": both("low", "下限"), "high": both("high", "上限"),
           "instead": both("the other said", "相手の答え")}  # fmt: skip
OTHERS = both("What others said", "ほかの人の回答")


def build_page(bench: Bench, language: str) -> gr.Blocks:
    """The app over a bench, not served."""
    with gr.Blocks(title=LABEL[language], analytics_enabled=False) as app, gr.Tabs():
        with gr.Tab(LABEL[language]):
            label_tab(bench, language)
        with gr.Tab(PEOPLE[language]) as people:
            people_tab(bench, language, people)
    return app.queue(max_size=16, default_concurrency_limit=1)


def label_tab(bench: Bench, language: str) -> None:
    """The components of the bench; to be called inside a gr.Tab of any page that loads KEYS_HEAD."""
    most = max((len(sample.options) for sample in bench.samples.values()), default=0)
    gr.HTML(f'<p class="hint">{HINT[language]}</p>')
    shown = gr.State("")
    place, view = gr.HTML(elem_id="place"), gr.HTML(elem_id="row")
    with gr.Row(elem_id="answers"):
        buttons = [gr.Button("", visible=False, variant="primary", min_width=120, elem_id=f"key-{n}" if n < 10 else f"answer-{n}") for n in range(1, min(most, MOST_BUTTONS) + 1)]
    chosen = gr.Dropdown([], label=CHOOSE[language], visible=False, elem_id="choose")
    free = gr.Textbox(label=FREE[language], visible=False, submit_btn=True, elem_id="free")
    with gr.Row():
        cannot, skip, undo = (gr.Button(text[language], min_width=120, elem_id=f"key-{key}") for text, key in ((CANNOT, "0"), (SKIP, "s"), (UNDO, "u")))
    message = gr.HTML(elem_id="message")
    outputs = [shown, place, view, *buttons, chosen, free, cannot, skip, message]

    def after(told: str | None, refused: bool = False) -> list:
        sample = bench.current
        options = sample.options if sample else ()
        few = len(options) <= len(buttons)
        texts = [gr.update(value=f"{n}  {options[n - 1]}" if few and n <= len(options) else "", visible=few and n <= len(options)) for n in range(1, len(buttons) + 1)]
        said = f'<p class="message {"refused" if refused else "quiet"}">{safe(told)}</p>' if told else ""
        return [sample.id if sample else "", _place(bench, language), _row(bench, language), *texts, gr.update(choices=list(options), value=None, visible=not few),
                gr.update(value="", visible=bool(sample) and not options), gr.update(visible=bool(sample)), gr.update(visible=bool(sample)), said]  # fmt: skip

    def tried(action) -> list:
        try:
            return after(action())
        except KitError as error:
            return after(str(error), refused=True)

    for number, button in enumerate(buttons):
        button.click(lambda id, number=number: tried(lambda: reply(bench.answer(_option(bench, number), id))), [shown], outputs, trigger_mode="once", **PRIVATE)
    cannot.click(lambda id: tried(lambda: pressed(bench, "0", id)), [shown], outputs, trigger_mode="once", **PRIVATE)
    skip.click(lambda id: tried(lambda: pressed(bench, "s", id)), [shown], outputs, trigger_mode="once", **PRIVATE)
    undo.click(lambda: tried(lambda: pressed(bench, "u")), None, outputs, trigger_mode="once", **PRIVATE)
    chosen.input(lambda answer, id: tried(lambda: reply(bench.answer(answer, id))), [chosen, shown], outputs, **PRIVATE)
    free.submit(lambda answer, id: tried(lambda: reply(bench.answer(answer, id)) if answer.strip() else None), [free, shown], outputs, trigger_mode="once", **PRIVATE)

    def opened() -> list:
        bench.seen()
        return after(None)

    gr.context.Context.root_block.load(opened, None, outputs, **PRIVATE)


def people_tab(bench: Bench, language: str, tab: gr.Tab) -> None:
    """Agreement, wrong labels and seconds per label, computed when the tab is opened."""
    lines = gr.HTML(elem_id="people")
    table = gr.Dataframe(interactive=False, visible=False, elem_id="by-class")
    again = gr.Button(REFRESH[language])

    def found():
        entries = bench.logs.entries()
        told = "".join(f"<p>{safe(line)}</p>" for line in lines_of(what_people_say(entries, bench.samples.values())))
        by_class = disagreement_by_class(entries).round(3).rename(columns={name: text[language] for name, text in COLUMNS.items()})
        return told, gr.update(value=by_class, visible=not by_class.empty)

    for event in (tab.select, again.click):
        event(found, None, [lines, table], **PRIVATE)


def _option(bench: Bench, number: int) -> str:
    options = bench.current.options if bench.current else ()
    return options[number] if number < len(options) else ""


def _place(bench: Bench, language: str) -> str:
    told = say(f"{bench.annotator}: {bench.done} answered, {bench.left} to go", f"{bench.annotator}：回答済み {bench.done}、残り {bench.left}", language)
    return f'<p class="kicker">{safe(told)}</p>'


def _row(bench: Bench, language: str) -> str:
    sample = bench.current
    if sample is None:
        return f'<p class="message quiet">{DONE[language]}</p>'
    others = "".join(f"<li>{safe(name)}: {safe(answer or CANNOT[language][3:])}</li>" for name, answer in bench.others_said().items())
    told = f'<p class="label">{OTHERS[language]}</p><ul class="options">{others}</ul>' if others else ""
    return f'<div class="question"><p>{safe(sample.question)}</p></div><div class="evidence">{panel(sample, sample.id, language)}</div>{told}'
