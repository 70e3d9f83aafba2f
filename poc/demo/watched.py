"""What the mode Watch says, as HTML: drift, errors with their intervals, what people decided, the end of the audit log and whether it verifies, the step of autonomy. Reads the run's folder and writes one thing only: a step
back of the autonomy ladder where the numbers ask for it, as every opening of a run in use does (`poc.standing`)."""

import base64
import json
import logging
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd

from kit.errors import KitError
from kit.language import speaking
from kit.operations.audit_log import FILE as LOG
from kit.operations.audit_log import lines_in, read_head
from kit.operations.audit_record import KINDS, LONGEST, Record, record_of
from kit.operations.audit_verify import verify
from kit.operations.autonomy import told
from kit.operations.review_queue import FILE as QUEUE
from kit.operations.review_queue import ReviewQueue
from kit.operations.shares import wilson
from poc.audit_commands import FOLDER
from poc.demo import cards
from poc.demo import work_words as w
from poc.demo.exhibit import Exhibit
from poc.demo.ledger import OWN
from poc.demo.tables import table
from poc.demo.words import OWN_NAME, fill, safe
from poc.queue_said import rate_lines
from poc.standing import standing

LAST = 20  # records that are listed
MOST_GROUPS = 12


def drift_panel(exhibit: Exhibit, language: str) -> str:
    """The charts of the newest reading, with what they found; where nobody looked, that, and the command."""
    newest = max((Path(exhibit.run) / FOLDER).glob("drift-*/drift.json"), key=lambda file: file.stat().st_mtime, default=None)
    if newest is None:
        return _section(w.DRIFT, language, f"<p>{w.NO_DRIFT[language]} {_command(f'poc drift {_run(exhibit)} FOLDER')}</p>")
    found = json.loads(newest.read_text(encoding="utf-8"))
    lines = [f"{finding['summary'][language]} → {finding['advice'][language]}" for finding in found["findings"]] or [w.NO_ALARM[language]]
    try:
        with speaking(language):
            picture = _charts(pd.DataFrame(found["history"]))
    except (KeyError, ValueError, KitError):  # a reading by an older version: its own picture is beside it
        picture = (newest.parent / "drift.png").read_bytes()
    told_of = fill(w.DRIFT_OF, stream=found["stream"], rows=f"{found['rows']:,}", usual=f"{found['reference']['rows']:,}")[language]
    alt = w.DRIFT_ALT[language].format(alarms=" ".join(lines))
    chip = f'<span class="chip wrong">{w.ALARM[language]}</span> ' if found["alarm"] else ""
    image = f'<img id="drift-charts" src="data:image/png;base64,{base64.b64encode(picture).decode()}" alt="{safe(alt)}">'
    return _section(w.DRIFT, language, f"<p>{safe(told_of)}</p>{''.join(f'<p>{chip}{safe(line)}</p>' for line in lines)}{image}")


def _charts(history: pd.DataFrame) -> bytes:
    """The control charts as a PNG (as poc.drift has them, which brings scikit-learn)."""
    from kit.operations.control_charts import name_of_chart
    from kit.show import control_charts, png

    return png(control_charts(history, names={chart: name_of_chart(chart) for chart in history["chart"].unique()}))


def errors_panel(exhibit: Exhibit, language: str) -> str:
    """Error rates of the tuned model by right answer and by group."""
    frame = exhibit.predictions
    frame = frame[(frame["arm"] == "tuned") & (frame["condition"] == "as_is") & (frame["split"] == "test") & (frame["answer"] != "")].reset_index(drop=True)
    if frame.empty:
        return _section(w.ERRORS, language, f"<p>{w.NO_ROWS[language]}</p>")
    heads = [w.ROWS[language], w.WRONG[language], w.SHARE[language]]
    by_class = [(exhibit.read_as(name)[language], *row) for name, *row in _rates(frame, "answer")]
    by_group = sorted(_rates(frame, "group"), key=lambda row: (-row[3], -row[1]))
    column = exhibit.record["data"].get("group_by") or w.GROUP_OF[language]
    more = f"<p class='foot'>{fill(w.MORE_GROUPS, n=len(by_group) - MOST_GROUPS)[language]}</p>" if len(by_group) > MOST_GROUPS else ""
    titles = w.BY_CLASS[language], fill(w.BY_GROUP, column=column)[language]
    made = zip(titles, (w.ANSWER[language], column), (by_class, by_group[:MOST_GROUPS]), strict=True)
    tables = [f"<h4>{safe(title)}</h4>{table(title, [first, *heads], [_told(row, language) for row in rows])}" for title, first, rows in made]
    return _section(w.ERRORS, language, f'<p class="foot">{w.ERRORS_MEAN[language]}</p>{"".join(tables)}{more}')


def _rates(frame: pd.DataFrame, column: str) -> list[tuple]:
    """(name, rows, wrong, share, low, high) of each value of the column, in its order."""
    from kit.evaluation.intervals import SHARE, mean_interval  # brings torch

    wrong = (frame["answer"] != frame["predicted"]).to_numpy(float)
    rows = []
    for name in dict.fromkeys(sorted(frame[column])):
        among = (frame[column] == name).to_numpy()
        # within one group nothing is left to resample but its rows, and those say more of the group than they do of the next one
        share, low, high = mean_interval(wrong, frame["group"], among, bounds=SHARE) if column != "group" else (wrong[among].mean(), *wilson(int(wrong[among].sum()), int(among.sum())))
        rows.append((name, int(among.sum()), int(wrong[among].sum()), float(share), float(low), float(high)))
    return rows


def _told(row: tuple, language: str) -> tuple[str, ...]:
    name, rows, wrong, share, low, high = row
    interval = f"{share:.0%}" if np.isnan(low) else f"{share:.0%} [{low:.0%}, {high:.0%}]"
    return name or w.NO_GROUP[language], f"{rows:,}", f"{wrong:,}", interval


def people_panel(exhibit: Exhibit, language: str) -> str:
    """How often people agreed and overruled, and which answers they corrected."""
    folder = Path(exhibit.run) / FOLDER
    if not (folder / QUEUE).is_file():
        return _section(w.PEOPLE, language, f"<p>{w.NO_PEOPLE[language]}</p>")
    queue = ReviewQueue(folder / QUEUE, None)  # it is only read
    items, decisions = queue.items(), queue.decisions()
    closed, answered = [item for item in items if item.final is not None], [item for item in items if item.final and item.answer]
    lines = [fill(w.CLOSED, closed=len(closed), left=sum(not item.answer for item in closed), open=len(items) - len(closed))[language]]
    if any(item.answer for item in closed):
        with speaking(language):
            lines += rate_lines(items, decisions)
    seen, over = Counter(item.final for item in answered), Counter(item.final for item in answered if item.final != item.answer)
    rows = [_told((exhibit.read_as(name)[language], seen[name], over[name], over[name] / seen[name], *wilson(over[name], seen[name])), language) for name in sorted(seen)]
    shown = f"<h4>{w.PEOPLE_BY[language]}</h4>{table(w.PEOPLE_BY[language], ['', w.ROWS[language], w.WRONG[language], w.SHARE[language]], rows)}" if rows else ""
    return _section(w.PEOPLE, language, "".join(f"<p>{safe(line.strip())}</p>" for line in lines) + shown)


def log_panel(exhibit: Exhibit, language: str) -> str:
    """The newest records, the newest first."""
    path = Path(exhibit.run) / FOLDER / LOG
    found = last_records(path) if path.is_file() else []
    if not found:
        return _section(w.LOG, language, f"<p>{w.NO_LOG[language]}</p>")
    place = 1 if language == "ja" else 0
    rows = [(str(one.n), one.time[:19].replace("T", " "), KINDS.get(one.kind, (one.kind,) * 2)[place], one.who, OWN_NAME[language] if one.what == OWN else one.what, exhibit.read_as(one.answer)[language], w.DECISIONS.get(one.decision, {}).get(language, one.decision)) for one in found]
    head = read_head(path)
    title = fill(w.LAST, n=len(rows), all=head.n if head else "?")[language]
    title += " " + w.LOG_READ[language] if any(exhibit.read_as(one.answer)[language] != one.answer for one in found) else ""
    return _section(w.LOG, language, f'<p class="foot">{title}</p><div id="log-table">{table(title, [name[language] for name in w.LOG_COLUMNS.values()], rows)}</div>')


def last_records(path: Path, most: int = LAST) -> list[Record]:
    """The newest records of a log, the newest first, from its last bytes: a log of years is not read for them."""
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - max(LONGEST, 4096 * most)))
        lines = file.read().split(b"\n")[:-1]  # what stands after the last line end is no record yet
    found = [record for line in lines if (record := record_of(line))]
    return found[::-1][:most]


def verified_panel(exhibit: Exhibit, language: str) -> str:
    """What `poc audit verify` says of the log."""
    path = Path(exhibit.run) / FOLDER / LOG
    if not path.is_file() or not any(lines_in(path)):
        return cards.message(w.NO_LOG, language)
    try:
        with speaking(language):
            found = verify(path)
    except KitError as error:
        logging.getLogger(__name__).error("%s", error)
        return cards.message(w.FAILED, language, "refused")
    if not found.ok:
        return f'<div id="verified" data-ok="no">{cards.message(fill(w.CHANGED, problem=found.problem), language, "refused")}</div>'
    notes = "".join(f'<p class="foot">{safe(note)}</p>' for note in found.notes)
    anchor = f'<p class="foot">{w.ANCHOR[language]} {_command(f"poc audit verify {_run(exhibit)} --anchor FILE")}</p>'
    return f'<div id="verified" data-ok="yes">{cards.message(fill(w.INTACT, first=found.first, last=found.last), language, "busy")}{notes}{anchor}</div>'


def ladder_panel(exhibit: Exhibit, language: str, key: bytes | None) -> str:
    """The present step, what happens on it, and what the next one needs."""
    begins = f"poc predict {_run(exhibit)} FOLDER --queue"
    try:
        with speaking(language):
            here = standing(Path(exhibit.run), key)
            lines = told(here.state, here.measured)
    except (KitError, OSError):  # never in use, or no adapter that could be
        return _section(w.LADDER, language, f"<p>{w.NOT_ON_LADDER[language]} {_command(begins)}</p>")
    step, *needs = lines
    listed = "".join(f"<li>{safe(line.strip(' -'))}</li>" if line.startswith("  - ") else f"</ul><p>{safe(line)}</p><ul>" for line in needs)
    return _section(w.LADDER, language, f'<p id="ladder-step"><b>{safe(step)}</b></p><ul>{listed}</ul>'.replace("<ul></ul>", ""))


def _section(title, language: str, body: str) -> str:
    return f'<section class="watched" aria-label="{safe(title[language])}"><h3>{title[language]}</h3>{body}</section>'


def _run(exhibit: Exhibit) -> str:
    """The run as a command names it, from where the demo was started; elsewhere without this machine's folders."""
    run, here = Path(exhibit.run).resolve(), Path.cwd()
    return (run.relative_to(here) if run.is_relative_to(here) else Path("RUNS") / run.name).as_posix()


def _command(text: str) -> str:
    return f"<code>{safe(text)}</code>"
