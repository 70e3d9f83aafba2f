"""Widgets for a notebook. Each is a thin remote control: what it shows is made by a plain function here that works without a browser.

HTML updated by `observe`, never Output, which races under papermill. The controls are attributes (`widget.slider`, `widget.view`), so that a test or a notebook
can move them: `widget.slider.value = 0.3`.
"""

import base64
import io
from html import escape
from pathlib import Path

from kit.language import say
from kit.show.thresholds import at_threshold, cheapest, cost_curve

_MIME = {".wav": "audio/wav", ".flac": "audio/flac", ".ogg": "audio/ogg", ".oga": "audio/ogg", ".mp3": "audio/mpeg", ".m4a": "audio/mp4",
         ".mp4": "video/mp4", ".webm": "video/webm", ".mov": "video/quicktime"}  # fmt: skip
_MOST_BYTES = 4_000_000  # a longer recording is named, not embedded: the notebook would carry it
_BOX = "font:14px/1.6 system-ui,sans-serif;color:#1b2026;max-width:640px"


def sample_card(sample, blind: bool = False) -> str:
    """One sample as HTML: its evidence to see and hear, the note, the question and the answer; `blind` without what it is labelled, and larger."""
    parts = [f'<img alt="" style="max-height:{460 if blind else 260}px;border-radius:8px;margin-right:8px" src="{_picture(path)}">' for path in sample.image]
    parts += [_player("audio", path) for path in sample.audio] + [_player("video", path) for path in sample.video]
    facts = [(say("note", "メモ"), sample.text), (say("question", "質問"), sample.question), (say("answer", "正解"), sample.answer or say("none yet", "未入力")),
             (say("group", "グループ"), sample.group), (say("split", "分割"), sample.split)]  # fmt: skip
    facts = [fact for fact in facts if not blind or fact[0] in (say("note", "メモ"), say("question", "質問"))]
    lines = "".join(f'<div><span style="color:#5a636e">{name}</span> {escape(text)}</div>' for name, text in facts if text)
    return f'<div style="{_BOX}"><div><b>{escape(sample.id)}</b></div>{"".join(parts)}{lines}</div>'


def browse_samples(samples):
    """A slider over samples; `sample_card(samples[k])` is what it shows."""
    import ipywidgets

    samples = list(samples)
    slider = ipywidgets.IntSlider(0, 0, max(len(samples) - 1, 0), description=say("sample", "サンプル"), continuous_update=False)
    view = ipywidgets.HTML(sample_card(samples[0]) if samples else say("no samples", "サンプルがありません"))
    slider.observe(lambda change: setattr(view, "value", sample_card(samples[change.new])), "value")
    return _remote(slider, view)


def yen_card(curve, threshold: float, currency: str = "JPY") -> str:
    """What one threshold costs, as HTML: the curve, the point on it, misses, false alarms and money per 1,000 cases.

    Args:
        curve: from `kit.show.cost_curve`.
    """
    here, best = at_threshold(curve, threshold), cheapest(curve)
    top = float(curve["high"].max()) or 1.0
    spot = lambda row: (600 * row["threshold"], 160 - 150 * row["yen"] / top)  # noqa: E731
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in (spot(row) for _, row in curve.iterrows()))
    (x, y), (best_x, best_y) = spot(here), spot(best)
    drawing = (
        f'<svg viewBox="-8 0 616 170" style="width:100%;height:auto"><line x1="0" y1="160" x2="600" y2="160" stroke="#dfe3e8"/>'
        f'<polyline points="{line}" fill="none" stroke="#1f5fa8" stroke-width="2.5"/><circle cx="{best_x:.1f}" cy="{best_y:.1f}" r="6" fill="#1f5fa8"/>'
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="7" fill="#fff" stroke="#b42318" stroke-width="3"/></svg>'
    )
    money = f"{here['yen']:,.0f} {currency} [{here['low']:,.0f}, {here['high']:,.0f}]"
    text = say(
        f"At {here['threshold']:.2f}: <b>{money}</b> per 1,000 cases; {here['misses']:.1f} misses, {here['false_alarms']:.1f} false alarms. "
        f"Cheapest here: {best['threshold']:.2f} with {best['yen']:,.0f} {currency}.",
        f"しきい値 {here['threshold']:.2f}：1,000 件あたり <b>{money}</b>、見逃し {here['misses']:.1f} 件、誤報 {here['false_alarms']:.1f} 件。"
        f"最小は {best['threshold']:.2f} の {best['yen']:,.0f} {currency}。",
    )
    return f'<div style="{_BOX}">{drawing}<div>{text}</div></div>'


def threshold_and_yen(frame, costs, prevalence: dict[str, float] | None = None, currency: str = "JPY"):
    """A slider over decision thresholds that shows `yen_card`.

    Args:
        frame: columns answer, probabilities and group; see `kit.show.cost_curve`.
        costs: poc.yaml's costs; without {miss, false_alarm, ok_answer} the widget says that there is no curve.
        prevalence: shares of the answers in production.
    """
    import ipywidgets

    curve = cost_curve(frame, costs, prevalence)
    slider = ipywidgets.FloatSlider(0.5, min=0.01, max=0.99, step=0.01, description=say("threshold", "しきい値"), disabled=curve is None)
    if curve is None:
        return _remote(slider, ipywidgets.HTML(say("No yen curve: the costs name no miss, false_alarm and ok_answer.", "費用に miss、false_alarm、ok_answer がないため曲線はありません。")))
    view = ipywidgets.HTML(yen_card(curve, 0.5, currency))
    slider.observe(lambda change: setattr(view, "value", yen_card(curve, change.new, currency)), "value")
    return _remote(slider, view)


def _remote(slider, view):
    """Slider above view, both reachable as attributes."""
    import ipywidgets

    view.layout.width = "100%"
    box = ipywidgets.VBox([slider, view])
    box.slider, box.view = slider, view
    return box


def _picture(path: Path) -> str:
    from kit.show.figures import _picture as opened

    buffer = io.BytesIO()
    opened(path).save(buffer, "JPEG", quality=85)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()


def _player(kind: str, path: Path) -> str:
    mime = _MIME.get(Path(path).suffix.lower())
    if mime is None or Path(path).stat().st_size > _MOST_BYTES:
        return f"<div>{kind}: {escape(Path(path).name)}</div>"
    data = base64.b64encode(Path(path).read_bytes()).decode()
    return f'<div><{kind} controls style="max-width:320px" src="data:{mime};base64,{data}"></{kind}></div>'
