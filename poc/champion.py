"""`poc challenge` and `poc rollback`: which run of a use case is in use (champion.json beside the runs), and what it takes to replace it; every change is in operations/audit_log.jsonl beside them."""

import json
from pathlib import Path

from kit.errors import KitError
from kit.finding import Finding
from kit.language import say
from kit.operations import champion as pointer
from kit.operations.audit_log import FILE, AuditLog, hides_names
from kit.operations.audit_record import Record, pseudonym
from kit.operations.champion import Verdict
from poc import runs
from poc.compare import answers_of, common


def challenge_run(run: Path, challenger: Path, margin: float = 0.0, reason: str = "", name: str | None = None, key: bytes | None = None) -> Verdict:
    """Whether a run's tuned model may replace another's, on the rows that both held out, by the KPI of the first one's gates.

    Args:
        run: the champion.
        challenger: of the same use case.
        margin, reason: see `kit.operations.champion.challenge`.
        name: who puts it in use if it may; None: nobody does. Both runs must then lie in one folder.
        key: hides the name; needed where names of the use case are hidden.

    Raises:
        KitError: not two finished runs of one use case, too few common rows, no `name`, or another run is in use.
    """
    ours, theirs = runs.read(run), runs.read(challenger)
    if ours["use_case"] != theirs["use_case"]:
        raise KitError(say(f"{run} is a run of {ours['use_case']}, {challenger} of {theirs['use_case']}; a challenger is of the same use case",
                           f"{run} は {ours['use_case']}、{challenger} は {theirs['use_case']} の実行です。同じユースケースの実行を指定してください"))  # fmt: skip
    place = run.resolve().parent
    if name is not None:
        _require_pointer(place, run, challenger)
        name = _hidden(place, name, key)
    before, after = common(answers_of(run), answers_of(challenger))
    labels = sorted({*ours["options"], *before["answer"], *before["predicted"], *after["predicted"]})
    verdict = pointer.challenge(before, after, labels, ours["gates"]["kpi"], _findings(run), _findings(challenger), margin, reason, ours["gates"]["confidence"])
    if name is not None and verdict.replace:
        log = _log_of(place)
        if pointer.champion(place) is None:
            pointer.crown(place, run.resolve().name, None, name, log)
        pointer.crown(place, challenger.resolve().name, verdict, name, log)
    return verdict


def roll_back(run: Path, name: str, reason: str, key: bytes | None = None) -> str:
    """Puts the run before back in use and returns its name; `run` is any run of the use case."""
    runs.read(run)
    place = run.resolve().parent
    return pointer.rollback(place, _hidden(place, name, key), reason, _log_of(place))["current"]


def challenge_lines(verdict: Verdict, run: Path, challenger: Path, crowned: bool) -> list[str]:
    """The verdict, for the terminal."""
    gain = verdict.gain
    lines = [say(f"{verdict.metric} on {verdict.rows} rows that both held out: {gain['value']:+.3f} [{gain['low']:+.3f}, {gain['high']:+.3f}]",
                 f"共通の評価行 {verdict.rows} 件での {verdict.metric} の差：{gain['value']:+.3f} [{gain['low']:+.3f}, {gain['high']:+.3f}]")]  # fmt: skip
    lines += [say(f"[NO]   {why}", f"[不可] {why}") for why in verdict.reasons]
    if not verdict.replace:
        return [*lines, say(f"{challenger} does not replace {run}.", f"{challenger} は {run} と入れ替えません。")]
    if crowned:
        return [*lines, say(f"In use now: {challenger}. Back: poc rollback {challenger} --name NAME --reason WHY", f"使用中：{challenger}。戻すには：poc rollback {challenger} --name 名前 --reason 理由")]
    return [*lines, say("It may replace. To put it in use: the same command with --crown --name NAME", "入れ替えて構いません。使用中にするには、同じコマンドに --crown --name 名前 を付けてください")]


def _require_pointer(place: Path, run: Path, challenger: Path) -> None:
    """Raises KitError where the two are not in one folder, or another run is in use."""
    if challenger.resolve().parent != place:
        raise KitError(say(f"{run} and {challenger} lie in different folders; champion.json names runs of one folder (runs/<use case>)", f"{run} と {challenger} は別のフォルダーにあります。同じ runs/<ユースケース> の実行を指定してください"))
    if (told := pointer.champion(place)) and told["current"] != run.resolve().name:
        raise KitError(say(f"in use is {told['current']}, not {run.resolve().name}: challenge that one", f"使用中は {run.resolve().name} ではなく {told['current']} です。そちらと比べてください"))


def _findings(run: Path) -> list[Finding]:
    """What `poc diagnose` found, as far as it is compared: names, values, intervals, verdicts."""
    file = run / runs.DIAGNOSIS
    told = json.loads(file.read_text(encoding="utf-8"))["findings"] if file.is_file() else []
    return [Finding(one["name"], one["value"], one["low"], one["high"], one["verdict"]) for one in told]


def _hidden(place: Path, name: str, key: bytes | None) -> str:
    """The name as it is written into champion.json and the log beside it; raises KitError where names of the use case are hidden and no key is given."""
    if key and name.strip():
        return pseudonym(name, key)
    logs = [place / "operations" / FILE, *sorted(place.glob(f"*/operations/{FILE}"))]
    if hidden := next((log for log in logs if hides_names(log)), None):
        raise KitError(say(f"names in {hidden} are hidden: give --key here, too", f"{hidden} では氏名を仮名にしています。ここでも --key を指定してください"))
    return name


def _log_of(place: Path):
    """Writes a change of the pointer into the audit log beside the runs."""
    log = AuditLog(place / "operations" / FILE)

    def write(entry: dict) -> None:
        log.append(Record("event", entry["who"], entry["run"], decision=entry["what"], note={key: value for key, value in entry.items() if key not in ("who", "run", "what")}))

    return write
