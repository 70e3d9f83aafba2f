"""`poc size`: the run's model in several forms on this machine, and what that means for the machines that poc.yaml names."""

from pathlib import Path

from kit.errors import KitError
from kit.language import say
from poc import runs
from poc.business import SIZING, figures
from poc.runs import quiet
from poc.sizing import Measured, plan, size, store
from poc.usecase import load_samples, load_usecase

_PLACES = {"edge": ("edge", "エッジ"), "server": ("server", "サーバー"), "endpoint": ("endpoint", "エンドポイント")}


def size_run(run: Path, directory: Path | None = None, rows: int = 48, smaller: Path | None = None, tell=quiet) -> tuple[list[Measured], dict[str, list[dict]]]:
    """(forms as measured, {name of a form: its plan for the machines of poc.yaml's `business`}; {} where it names none); both written to sizing.json.

    Args:
        run: a finished run.
        directory: the use case's folder; default: looked for as the report does.
        rows: held-out rows that each form is asked, taken in turn from each answer.
        smaller: a run of a smaller checkpoint on the same use case.

    Raises:
        KitError: no such run, no folder with held-out rows, or a volume that only the company knows.
    """
    record = runs.read(run)
    directory = directory or runs.evidence_folder(run, record, runs.read_predictions(run))
    if directory is None:
        raise KitError(say("the use case's folder is not found; name it with --folder", "ユースケースのフォルダーが見つかりません。--folder で指定してください"))
    use = load_usecase(directory)
    machines = use.business.machines if use.business else ()
    assumed = figures(use.business, record, only=SIZING) if machines else {}  # before minutes of measuring: it may lack something
    held = [sample for sample in load_samples(directory, use, seed=record["seed"], verify=False).samples if sample.split == "test" and sample.answer and sample.options]
    step = max(1, len(held) // rows)
    found = size(run, held[::step][:rows], None if smaller is None else str(smaller), tell=tell)
    planned = {one.name: plan(one, assumed, machines, record["currency"]) for one in found[:-1] if not one.reason} if machines else {}
    store(run, found, planned)
    return found, planned


def size_lines(found: list[Measured], planned: dict[str, list[dict]], currency: str) -> list[str]:
    """Both tables, for the terminal."""
    lines = [say(f"Measured on {found[0].device}, {found[0].rows} held-out rows, one form after the other:", f"{found[0].device} で測定（評価行 {found[0].rows} 件、形式ごとに順に）：")]
    for one in found:
        if one.reason:
            lines.append(say(f"  {one.name}: not measured ({one.reason})", f"  {one.name}：未測定（{one.reason}）"))
            continue
        memory = say("memory beside the weights unknown", "作業メモリは不明") if one.working_mb is None else f"{one.weights_mb:,.0f} + {one.working_mb:,.0f} MB"
        kpi = f", KPI {_percent(one.kpi)}" if one.kpi else ""
        gap = say(f" ({_points(one.difference)} points)", f"（差 {_points(one.difference)} ポイント）") if one.difference else ""
        lines.append(say(f"  {one.name}: {1000 * one.median_s:,.0f} ms a case (95 %: {1000 * one.p95_s:,.0f}), {one.rows_per_second:.1f} a second in batches, {memory}, {one.tokens:.0f} tokens{kpi}{gap}",
                         f"  {one.name}：1 件 {1000 * one.median_s:,.0f} ミリ秒（95 %：{1000 * one.p95_s:,.0f}）、まとめて毎秒 {one.rows_per_second:.1f} 件、{memory}、{one.tokens:.0f} トークン{kpi}{gap}"))  # fmt: skip
    if again := _busy(found):
        lines.append(again)
    if not planned:
        return [*lines, say("No machine is named: write business: machines: [...] into poc.yaml to compare edge, server and endpoint.", "設備が書かれていません。poc.yaml の business: machines: [...] に書くと、エッジ・サーバー・エンドポイントを比べます。")]
    first = next(iter(planned.values()))
    lines.append(say(f"For the stated volume, {first[0]['needed_per_second']:.2f} cases a second are planned for (busiest hour, utilisation):", f"想定件数では毎秒 {first[0]['needed_per_second']:.2f} 件で計画します（混雑時間帯と稼働率を含む）："))
    for place, machine in enumerate(first):
        lines.append(f"  {machine['name']} ({machine['source']}, {machine['date']})")
        alike: dict[str, list[str]] = {}
        for form, rows in planned.items():
            alike.setdefault(_row(rows[place], currency), []).append(form)
        lines += [f"    {text}: {', '.join(forms) if len(alike) > 1 else say('every form', 'どの形式でも')}" for text, forms in alike.items()]
        lines += [f"    - {unknown}" for unknown in machine["unknown"]]
    return lines


def _row(row: dict, currency: str) -> str:
    """What one form needs of one machine."""
    parts = [say(*_PLACES[row["place"]])] + ([] if row["place"] == "endpoint" else [_known(row["machines"], say("machine(s)", "台"))])
    parts += [_known(row["once"], say(f"{currency} once", f"{currency}（一度）")), _known(row["monthly"], say(f"{currency} a month", f"{currency}/月"))]
    return ", ".join(parts + ([] if row["fits"] is None else [say("fits into its memory", "メモリに収まる") if row["fits"] else say("DOES NOT FIT into its memory", "メモリに収まらない")]))


def _known(value: float | None, unit: str) -> str:
    return say(f"{unit} unknown", f"{unit}：不明") if value is None else f"{value:,.0f} {unit}"


def _percent(one: dict) -> str:
    return f"{100 * one['value']:.1f} % [{100 * one['low']:.1f}, {100 * one['high']:.1f}]"


def _points(one: dict) -> str:
    return f"{100 * one['value']:+.1f} [{100 * one['low']:+.1f}, {100 * one['high']:+.1f}]"


def _busy(found: list[Measured]) -> str:
    """A warning where the first form took another time at the end than at the beginning."""
    apart = found[-1].median_s / found[0].median_s
    return "" if 0.8 < apart < 1.25 else say(f"The first form took {apart:.1f} times as long when it was measured again: the machine was busy, and these times say little. Measure again when it is idle.",
                                             f"最初の形式を再測定すると {apart:.1f} 倍の時間でした。端末が他の処理中で、時間は参考になりません。空いているときに測り直してください。")  # fmt: skip
