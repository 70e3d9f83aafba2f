"""Tables of figures as HTML: they scroll by themselves on a phone, with the keyboard too, and a screen reader hears what they are of."""

from collections.abc import Iterable, Sequence

from poc.demo.look import INK, LINE, PAPER, QUIET, TEAL
from poc.demo.words import safe

# in the page beside the tables, so that the page's own style need not know of them
STYLE = f"""<style>
.scroll {{ overflow-x: auto; width: 0; min-width: 100%; margin: 8px 0; }}
.scroll:focus-visible {{ outline: 3px solid {TEAL}; outline-offset: 2px; }}
.gradio-container table.figures {{ border-collapse: collapse; width: 100%; font-size: .9rem; color: {INK}; background: #fff; }}
.gradio-container table.figures :is(th, td) {{ border: 1px solid {LINE}; padding: 6px 10px; text-align: left; font-weight: 400; vertical-align: top; min-width: 4em; }}
.gradio-container table.figures thead th {{ background: {PAPER}; color: {QUIET}; white-space: nowrap; }}
.gradio-container #log-table td:nth-child(2) {{ white-space: nowrap; }}
.gradio-container table.figures td {{ font-variant-numeric: tabular-nums; }}
.watched img {{ width: 100%; height: auto; border: 1px solid {LINE}; border-radius: 8px; background: #fff; }}
.watched h3 {{ margin: 22px 0 6px !important; color: {INK} !important; font-size: 1.05rem !important; }}
.watched h4 {{ margin: 12px 0 2px; font-size: .9rem; font-weight: 600; color: {QUIET}; }}
.watched code {{ overflow-wrap: anywhere; background: {PAPER}; padding: 1px 5px; border-radius: 4px; color: {INK}; }}
.watched ul {{ margin: 4px 0; padding-left: 1.3em; }}
[id^="work-key-"], [id^="practice-key-"] {{ min-height: 60px; font-size: 1.05rem; }}
</style>"""


def table(label: str, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table with a row's name in its first column; cells are text, never markup.

    Args:
        label: what it is of, for screen readers.
        heads: of the columns; () for none.
    """
    head = "".join(f'<th scope="col">{safe(one)}</th>' for one in heads)
    body = "".join(f'<tr><th scope="row">{safe(row[0])}</th>{"".join(f"<td>{safe(cell)}</td>" for cell in row[1:])}</tr>' for row in rows)
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{safe(label)}"><table class="figures">'
        f"{f'<thead><tr>{head}</tr></thead>' if head else ''}<tbody>{body}</tbody></table></div>"
    )
