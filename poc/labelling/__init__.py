"""`poc label`: the labelling and review bench of a use case, in the browser of this machine only.

    open_bench(directory, "Sato")   the bench, for a notebook or a script
    launch(directory, "Sato")       serves it, until Ctrl-C
"""

from collections.abc import Callable
from pathlib import Path

from kit.curation import Material
from kit.errors import KitError
from kit.finding import Finding
from kit.labelling import ORDERS, Bench, entries_in, values, what_people_say
from kit.labelling.values import require_order
from kit.language import current, say
from poc.audit import material_of
from poc.pipeline import quiet
from poc.usecase import LOGS, labelled, load_usecase, read_rows

FEATURELESS = ("disagreement", "in turn")  # orders that need no look at the files


def open_bench(directory: Path, annotator: str, order: str | None = None, settle: bool = False, log: Path | None = None, tell: Callable[[str], None] = quiet) -> Bench:
    """The bench of a use case.

    Args:
        directory: the folder with its poc.yaml.
        annotator: who answers.
        order: one of `kit.labelling.ORDERS`; None chooses by what is labelled.
        settle: show the rows on which people differ, and let this person decide.
        log: folder of the label logs; None: labelling/ in the use case's folder.
        tell: receives one line per step.

    Raises:
        KitError: the folder or poc.yaml cannot be read, there are no answers to choose from, or the order finds no row.
    """
    use, log = load_usecase(directory), Path(log or Path(directory) / LOGS)
    require_order(order)
    rows = read_rows(directory, use)
    if not rows.samples:
        raise KitError(say(f"{directory} has no row to label: put photos, sounds or videos there", f"{directory} にラベルを付ける行がありません。写真・音声・動画を置いてください"))
    if not use.free_text and any(not sample.options for sample in rows.samples):
        raise KitError(say(f"{directory}/poc.yaml names no answers to choose from: write them under options, e.g. options: [OK, NG] ([] for free text), then type the same command again",
                           f"{directory}/poc.yaml に選択肢がありません。options: [OK, NG] のように書いて（自由記述なら []）、同じコマンドをもう一度実行してください"))  # fmt: skip
    entries = entries_in(log)
    if settle:
        return Bench(rows.samples, log, annotator, {}, settle=True)
    if order in FEATURELESS:
        found = ORDERS[order](Material(labelled(directory, rows, use).samples, {}), entries)
    else:
        order, found = values(material_of(directory, tell, faces=False), entries, order)
    if not found:
        raise KitError(say(f"the order {order!r} finds no row", f"順番 {order!r} で見る行がありません"))
    tell(say(f"order: {order}, {len(found)} rows", f"順番：{order}、{len(found)} 行"))
    return Bench(rows.samples, log, annotator, found, again=order == "disagreement")


def people(directory: Path, log: Path | None = None) -> list[Finding]:
    """What the labels say about the labellers and about the table: agreement, wrong labels, seconds per label."""
    return what_people_say(entries_in(Path(log or Path(directory) / LOGS)), read_rows(directory, load_usecase(directory), verify=False).samples)


def launch(bench: Bench, wait: bool = True, port: int | None = None, open_browser: bool = False, tell: Callable[[str], None] = print):
    """Serves a bench on 127.0.0.1, in the reader's language, and returns the running app; `wait`: until Ctrl-C.

    Raises:
        KitError: the page cannot be served, or gradio is not installed.
    """
    from poc.demo.serving import serve, stay_here
    from poc.labelling.page import KEYS_HEAD, build_page

    stay_here()
    page = build_page(bench, current())
    serve(page, port, open_browser, head=KEYS_HEAD)
    if wait:
        tell(say(f"Labelling: {page.local_url} (on this machine only; Ctrl-C ends it, nothing is lost)", f"ラベル付け：{page.local_url}（この端末のみ。Ctrl-C で終了。回答は失われません）"))
        page.block_thread()
    return page
