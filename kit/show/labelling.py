"""The labelling bench in a notebook: buttons, and a box for keys. What they do is `kit.labelling`'s, which is handed in, so that this room imports nothing from above."""

from html import escape

from kit.language import say
from kit.show.widgets import sample_card

_BOX = "font:14px/1.6 system-ui,sans-serif;color:#1b2026"


def label_bench(bench, press, reply):
    """A widget over a bench; `bench` is what a script would use, too.

    Attributes of the widget: view and message (HTML), options (a button each), cannot_tell, undo, skip, key (a box: 1 to 9 answer, 0 cannot tell, u takes back, s puts off), free (a text box,
    for questions without options).

    Args:
        bench: a `kit.labelling.Bench`.
        press: `kit.labelling.pressed`.
        reply: `kit.labelling.reply`.
    """
    import ipywidgets as w

    box = w.VBox()
    box.view, box.message = w.HTML(), w.HTML()
    box.cannot_tell, box.undo, box.skip = (w.Button(description=text) for text in (say("0 cannot tell", "0 判断不能"), say("u undo", "u 取り消し"), say("s skip", "s 後で")))
    box.key = w.Text(placeholder=say("click here, then keys 1-9, 0, u, s", "ここをクリックしてから 1-9、0、u、s"), layout=w.Layout(width="20em"))
    box.free = w.Text(placeholder=say("the answer, then Enter", "答えを入力して Enter"), continuous_update=False)

    def do(action) -> None:
        try:
            told = action()
        except Exception as error:  # a KitError is a sentence; whatever it is, the page must say it and go on
            told = str(error)
        if told is not None:
            box.message.value = f'<div style="{_BOX}">{escape(told)}</div>'
        show()

    def keyed(change) -> None:
        if change.new:
            key, box.key.value = change.new[-1], ""
            do(lambda: press(bench, key))

    def written(change) -> None:
        if change.new.strip():
            text, box.free.value = change.new, ""
            do(lambda: reply(bench.answer(text)))

    def show() -> None:
        sample = bench.current
        place = say(f"{bench.annotator}: {bench.done} answered, {bench.left} to go", f"{bench.annotator}：回答済み {bench.done}、残り {bench.left}")
        others = "".join(f"<div>{escape(name)}: {escape(answer or say('cannot tell', '判断不能'))}</div>" for name, answer in bench.others_said().items())
        card = sample_card(sample, blind=True) if sample else f'<div style="{_BOX}">{say("All rows of this order are answered.", "この順番の行はすべて回答済みです。")}</div>'
        box.view.value = f'<div style="{_BOX}">{escape(place)}{others}</div>{card}'
        box.options = [w.Button(description=f"{number} {option}", layout=w.Layout(width="auto")) for number, option in enumerate(sample.options if sample else (), 1)]
        for button, option in zip(box.options, sample.options if sample else (), strict=True):
            button.on_click(lambda _, option=option, id=sample.id: do(lambda: reply(bench.answer(option, id))))
        answers = box.options if box.options else [box.free] if sample else []
        rest = [box.cannot_tell, box.skip] if sample else []
        box.children = [box.view, w.HBox([*answers, *rest, box.undo], layout=w.Layout(flex_flow="row wrap")), *([box.key] if box.options else []), box.message]

    box.cannot_tell.on_click(lambda _: do(lambda: press(bench, "0")))
    box.undo.on_click(lambda _: do(lambda: press(bench, "u")))
    box.skip.on_click(lambda _: do(lambda: press(bench, "s")))
    box.key.observe(keyed, "value")
    box.free.observe(written, "value")
    show()
    bench.seen()
    return box
