"""`poc bridges`: which way should the photos, voices or films reach the language model? Every way on the same rows, what each costs and how it fails, and a recommendation.

bridges.json in a run's folder (one object, written in one move; NaN is null):

    {"table": [a record per bridge, columns of `kit.bridges.bridge_table`],
     "recommended": the Finding of `kit.bridges.recommended` as a dict (summary, advice, cost and the evidence's rule as {"en", "ja"}),
     "gap": {"modality", "rows", "table": [{"bridge", "when": "before" | "after", "measure", "layer", "value", "low", "high", "n", "none"}]},
     "correlation": {"kpi", "table": [{"measure", "spearman", "low", "high", "n", "note"}], "warning": {"en", "ja"}},
     "conflict": {"n": {"yes", "no"}, "bridges": [{"bridge", "yes", "yes_low", "yes_high", "no", "no_low", "no_high"}]} or null (accuracy where the evidence contradicts itself, and elsewhere),
     "believed": [records of `kit.bridges.believed`] or null (whom each bridge believes there, and whether it notices),
     "misled": [what `kit.bridges.misled` found of each hybrid, with "bridge"] (a tool's wrong line beside the medium),
     "budgets": [{"bridge", "rows", KPI by its name}] or null (the learners with fewer training rows: column rows_to_90 of the table),
     "remote": {"host", "model", "consent" (who agreed and why), "prices"} or null (a model elsewhere that was asked),
     "checkpoint": name, "rows": {"train", "validation", "asked"}, "kpi": name, "date": ISO day}

Beside it bridges/NAME/ holds each bridge's answers and weights, from which an interrupted comparison goes on.
"""

import re
import unicodedata
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pandas as pd

from kit.bridges import (
    Kept,
    Remote,
    Tried,
    WithSeries,
    bridge_table,
    gap_and_kpi,
    measured_points,
    recommended,
    rows_to_reach,
    stated_rule,
    try_bridge,
)
from kit.bridges.bridge import Bridge
from kit.bridges.endpoint import Endpoint
from kit.errors import KitError
from kit.language import LANGUAGES, current, say, speaking
from kit.models.catalogue import connector_base
from poc import runs
from poc.arms import labels_of
from poc.bridge_evidence import believed_by, gap_modality, gaps_of, misled_by, noticed, plain
from poc.bridge_names import labels_counted, name_of
from poc.lineup import SIZES, Rows, Sizes, has_series, learners, lineup, rows_for, tiny_parts, tools_for
from poc.usecase import UseCase, load_samples, load_usecase

FILE = "bridges.json"
WARNING = (
    "Few bridges, and no single measure predicts quality: a smaller gap is a reason to measure the KPI, not a result.",
    "ブリッジの数は少なく、単独で品質を予測できる指標はありません。隔たりが小さいことは KPI を測る理由であって、結果ではありません。",
)
_REFUSED = re.compile(r"\b(?:no|not|never|nobody|none|cannot|refus\w*|den(?:y|ied|ies)|disagree\w*|forb(?:id|ade)\w*|reject\w*|declin\w*|objected|without (?:consent|permission|approval|asking))\b|n['’]t\b|いいえ|不可|拒|禁|反対|却下|不同意|否決|だめ|ダメ|駄目|"
                      r"(?:同意|許可|承認|了承|送信|賛成)[^、。]{0,6}(?:ない|ません|せず|ず)|送[らりれ][^、。]{0,3}(?:な|ませ)|認め(?:な|ませ|ら)", re.IGNORECASE)  # fmt: skip


@dataclass
class Compared:
    """What came out; `told` is bridges.json."""

    tried: list[Tried]
    table: pd.DataFrame
    told: dict
    file: Path


def compare_bridges(bridges: list[Bridge], rows: Rows, use: UseCase, out: Path, checkpoint: str, sizes: Sizes = SIZES, fewer: tuple[tuple[Rows, list[Bridge]], ...] = (), remote: dict | None = None) -> Compared:
    """Tries each bridge, measures the gap of those that have one, asks a hybrid about its tools' lines, and writes out/bridges.json.

    Args:
        fewer: (rows with a part of the training rows, bridges by the names of `bridges`): how many rows does each need?
        remote: see "remote" in this module.
    """
    tried, gaps, misled = [], [], []
    for bridge in bridges:
        tried.append(try_bridge(bridge, rows.train, rows.validation, rows.asked, out / "bridges" / "combined"))
        if isinstance(bridge, Kept) and tried[-1].frame is not None:
            modality = gap_modality(bridge, rows.modalities)
            try:
                gaps += gaps_of(bridge, rows.paired, modality, sizes.blocks) if sizes.blocks is not None and modality == rows.modalities[0] else []
                misled += [found] if (found := misled_by(bridge, rows, sizes)) else []
            except (KitError, RuntimeError, ValueError) as error:  # its answers stand without it
                bridge.facts.failed.append(say(f"gap, or what misleads it, not measured: {error}", f"隔たり、または惑わす情報への弱さを測れませんでした：{error}"))
        for one in (bridge, *getattr(bridge, "bridges", ())):  # who combines others has made them load
            if isinstance(one, Kept | WithSeries):
                one.release()
    frame = next((one.frame for one in tried if one.frame is not None), None)
    labels = labels_of(frame, use) if frame is not None else list(use.options)
    kpi, costs = use.gates.kpi, use.costs.model_dump(exclude_none=True) if use.costs else None
    table = bridge_table(tried, labels, kpi, costs, use.prevalence)
    measured = {row["bridge"]: row[kpi] for row in table.to_dict("records") if np.isfinite(row[kpi])}
    after = pd.DataFrame([row | {name: np.nan if row[name] is None else row[name] for name in ("layer", "value")} for row in gaps if row["when"] == "after"], columns=["bridge", "measure", "layer", "value"])
    enough, budgets = fewer_rows(tried, table.set_index("bridge")["low"].to_dict(), rows, fewer, out, labels, kpi)
    table.insert(list(table).index("rows") + 1, "rows_to_90", table["bridge"].map(enough).astype(float))
    told = {
        "table": plain(table),
        "recommended": _advised(tried, labels, kpi),
        "gap": {"modality": rows.modalities[0], "rows": len(rows.paired), "table": gaps},
        "correlation": {"kpi": kpi, "table": plain(gap_and_kpi(measured_points(after, measured))), "warning": dict(zip(LANGUAGES, WARNING, strict=True))},
        "conflict": noticed(tried, rows.asked), "believed": believed_by(tried, bridges, rows.asked), "misled": misled, "budgets": budgets, "remote": remote,
        "checkpoint": checkpoint, "rows": {"train": len(rows.train), "validation": len(rows.validation), "asked": len(rows.asked)}, "kpi": kpi, "date": date.today().isoformat(),
    }  # fmt: skip
    runs.write_json(out / FILE, told)
    return Compared(tried, table, told, out / FILE)


def _advised(tried: list[Tried], labels: list[str], kpi: str) -> dict:
    """`kit.bridges.recommended` as bridges.json holds it: for readers of either language, whoever ran the comparison."""
    (told,), rule = runs.in_both_languages(lambda: [recommended(tried, labels, kpi)]), {}
    for language in LANGUAGES:
        with speaking(language):
            rule[language] = stated_rule()
    return told | {"evidence": told["evidence"] | {"rule": rule}}


def fewer_rows(tried: list[Tried], low: dict[str, float], rows: Rows, fewer: tuple[tuple[Rows, list[Bridge]], ...], out: Path, labels: list[str], kpi: str) -> tuple[dict[str, int], list[dict] | None]:
    """(bridge -> training rows to 90 % of its best, "budgets" of this module): each bridge of `fewer` is tried with its rows; of those that learn nothing above guessing, or fail, there is no such number."""
    frames = {one.name: {len(rows.train): one.frame} for one in tried if one.frame is not None}
    for few, bridges in fewer:
        for bridge in (bridge for bridge in bridges if bridge.name in frames):
            one = try_bridge(bridge, few.train, few.validation, few.asked, out / "bridges" / "combined")
            bridge.release()
            frames[bridge.name] |= {len(few.train): one.frame} if one.frame is not None else {}
    several = {name: rows_to_reach(found, labels, low[name], kpi) for name, found in frames.items() if len(found) > 1}
    budgets = [{"bridge": name, "rows": count, kpi: value} for name, (_, values) in several.items() for count, value in values.items()]
    return {name: enough for name, (enough, _) in several.items() if enough}, budgets or None


def remote_of(url: str, model: str, consent: str, key_from: str = "", prices: tuple[float, float] | None = None) -> tuple[Remote, dict]:
    """(a bridge to a model behind an endpoint, "remote" of this module).

    Args:
        url, model, key_from, prices: see `kit.bridges.Remote`; the key itself is never an argument.
        consent: who agreed that the rows leave this machine, why, and the host that they may go to, in words; kept in bridges.json. A host of this machine needs none.

    Raises:
        KitError: no model, an address that is none, or no such agreement.
    """
    if not model.strip():
        raise KitError(say("which model shall answer at the endpoint? name it as the server does: --remote-model NAME", "エンドポイントのどのモデルに尋ねますか。サーバーでの名前を --remote-model NAME で指定してください"))
    endpoint = Endpoint(url, key_from)
    if not endpoint.on_this_machine and not _agreed(consent, endpoint.host):
        raise KitError(
            say(
                f"the held-out rows would be sent to {endpoint.host}: their photos, sounds and questions would leave this machine, and cannot be called back. Ask whoever answers for these data, then say to which host, who agreed and why, "
                f"in this order and in plain words without a no: --consent-data-leaves \"{endpoint.host}: NAME, REASON\"" + (f" (given: {consent!r})" if consent else ""),
                f"評価行の画像・音声・質問が {endpoint.host} に送られ、この機械の外に出ます。取り消せません。データの責任者に確認し、送信先・同意した人・理由を、この順に、否定の言葉を使わずに書いてください："
                f"--consent-data-leaves \"{endpoint.host}：氏名、理由\"" + (f"（指定：{consent!r}）" if consent else ""),
            )
        )
    remote = Remote(url, model, key_from=key_from, consent="" if endpoint.on_this_machine else endpoint.host, prices=prices)
    return remote, {"host": urlsplit(url).hostname, "model": model, "consent": consent, "prices": list(prices) if prices else None}


def _agreed(consent: str, host: str) -> bool:
    """Whether `consent` is exactly the host, then a name, then a reason ("api.example.com: A. Sato, test photos"), with nothing in it that may be a refusal, and not the placeholders of the help."""
    said = unicodedata.normalize("NFKC", consent).strip()
    behind = re.fullmatch(r"\s*:\s*(?P<name>[^,、;:]*\w)\s*[,、;]\s*(?P<reason>.*\w.*\w.*)", said[len(host) :], re.DOTALL)
    return said[: len(host)].casefold() == host and behind is not None and not _REFUSED.search(said[len(host) :]) and not {"NAME", "REASON", "氏名", "理由"} & set(behind.groups())


def try_all(
    run: Path, directory: Path | None = None, vlm: str = "", ears: str = "", sizes: Sizes = SIZES, seed: int = 0, only: tuple[str, ...] = (), budgets: tuple[int, ...] = (),
    remote: tuple[Remote, dict] | None = None, asr: str = "", ocr: bool = False,
) -> Compared:  # fmt: skip
    """Compares the bridges on a run's use case and checkpoint, writes bridges.json into the run's folder, and the report anew. The same call again goes on, or answers from what is kept.

    Args:
        run: a finished run; its checkpoint is the aligned one (the run's own adapter is not asked: it was trained on more rows).
        directory: the use case's folder; default: looked for as the report does.
        vlm, ears: see `lineup`; "": what `connector_base` says of the run's checkpoint, and no sound connector. The tiny model's own parts take their place where it is the checkpoint.
        only: names of bridges; (): all that the use case's modalities call for.
        budgets: numbers of training rows, below those of `sizes`, with which the learners (`poc.lineup.learners`) are trained again.
        remote: of `remote_of`.
        asr, ocr: see `poc.lineup.tools_for`.

    Raises:
        KitError: no finished run, no folder with its rows, a folder of another use case, tools without their medium, nothing to bridge, a name in `only` that is none of the bridges, or a budget that is not below the training rows.
    """
    record = runs.read(run)
    directory = directory or runs.evidence_folder(run, record, runs.read_predictions(run))
    if directory is None:
        raise KitError(say("the use case's folder is not found; name it with --folder", "ユースケースのフォルダーが見つかりません。--folder で指定してください"))
    use, checkpoint = load_usecase(directory), runs.checkpoint_of(record)
    if use.name != record["use_case"]:
        raise KitError(say(f"{directory} is the use case {use.name}, and {run} a run of {record['use_case']}: its report would show figures of other rows. Name the folder of {record['use_case']} with --folder, or a run of {use.name}",
                           f"{directory} はユースケース {use.name} ですが、{run} は {record['use_case']} の実行です。レポートに別のデータの数値が載ってしまいます。--folder に {record['use_case']} のフォルダーを、または {use.name} の実行を指定してください"))  # fmt: skip
    samples = list(load_samples(directory, use, seed=record["seed"]).samples)
    rows = rows_for(samples, sizes, seed)
    if unfit := [budget for budget in budgets if not 0 < budget < len(rows.train)]:
        raise KitError(say(f"budgets are numbers of training rows between 1 and {len(rows.train) - 1}, below the {len(rows.train)} of the comparison; given {', '.join(map(str, unfit))}",
                           f"budgets には、比較で使う {len(rows.train)} 行より少ない学習行数（1〜{len(rows.train) - 1}）を指定してください。指定：{'、'.join(map(str, unfit))}"))  # fmt: skip
    tools_for(rows, asr, ocr)  # says what does not fit before anything is made
    if checkpoint == "tiny_omni" and not vlm:
        vlm, parts_ears = tiny_parts(run / "bridges" / "parts")
        ears = ears or parts_ears

    def made(of: Rows, kept: Path) -> list[Bridge]:
        return lineup(of.modalities, checkpoint, kept, vlm or connector_base(checkpoint), ears, tools_for(of, asr, ocr), sizes=sizes, seed=seed, series=directory if has_series(rows.train) else None, remote=remote and remote[0], language=use.language)

    bridges = made(rows, run / "bridges")
    names = [bridge.name for bridge in bridges]
    if unknown := [name for name in only if name not in names]:
        raise KitError(say(f"no bridge here is called {', '.join(unknown)}; there are: {'; '.join(names)}", f"「{'、'.join(unknown)}」というブリッジはありません。使えるもの：{'、'.join(names)}"))
    few = [(rows_for(samples, replace(sizes, train=budget), seed), run / "bridges" / f"{budget} rows") for budget in sorted(set(budgets))]
    fewer = tuple((part, [bridge for bridge in learners(made(part, kept)) if not only or bridge.name in only]) for part, kept in few)
    found = compare_bridges([bridge for bridge in bridges if not only or bridge.name in only], rows, use, run, checkpoint, sizes, fewer, remote and remote[1])
    from poc.report import write

    write(run, folder=directory)
    return found


def bridge_lines(found: Compared) -> list[str]:
    """What the command says: the table's main columns, where evidence disagrees, what misleads the hybrid, how many rows are needed, the recommendation with its rule, the gap's warning."""
    told, kpi = found.told, found.told["kpi"]
    lines = [say(f"{told['rows']['asked']} held-out rows, {told['rows']['train']} training rows; {kpi} / trained parameters / answer / yen per 1,000", f"評価行 {told['rows']['asked']} 件、学習行 {told['rows']['train']} 件：{kpi} / 学習パラメーター / 応答時間 / 1,000 件あたりの円")]
    for row in found.table.to_dict("records"):
        yen = f"  {row['cost_per_1000']:>10,.0f}" if np.isfinite(row.get("cost_per_1000", np.nan)) else ""
        figures = [f"{100 * row[kpi]:3.0f} % [{100 * row['low']:.0f}, {100 * row['high']:.0f}]  {row['trained']:>9,}  {row['latency_ms']:5.0f} ms{yen}"] if np.isfinite(row[kpi]) else []
        lines.append(f"  {row['bridge'] + plainly(row['bridge']):<34} " + " | ".join([*figures, *([row["failed"]] if row["failed"] else [])]))
    if told["conflict"]:
        lines.append(say("right where the evidence contradicts itself / elsewhere: ", "証拠が食い違う行の正解率 / それ以外：") + "; ".join(f"{row['bridge']} {100 * row['yes']:.0f} / {100 * row['no']:.0f} %" for row in told["conflict"]["bridges"]))
    best = told["recommended"]
    lines += [misled_line(one) for one in told["misled"]] + [budget_line(found), best["summary"][current()], best["evidence"]["rule"][current()]]
    ranks = "; ".join(f"{row['measure']} {row['spearman']:+.2f} (n {row['n']})" for row in told["correlation"]["table"] if row["spearman"] is not None)
    lines += [say("gap and KPI, rank correlation: ", "隔たりと KPI の順位相関：") + ranks] if ranks else []
    return [*lines, told["correlation"]["warning"][current()], say(f"Written: {found.file}", f"書き出し先: {found.file}")]


def plainly(bridge: str) -> str:
    """Behind a bridge's name, which --only takes: what it is called for Japanese readers; "" for English ones."""
    name = name_of(bridge)
    return f"（{name['ja'].split('（')[0]}）" if name and current() == "ja" else ""


def budget_line(found: Compared) -> str:
    """How many labels, validation rows counted, bring 90 % of a bridge's best; how to ask, where it was not."""
    told = found.told
    if not told["budgets"]:
        return say("labels to 90 % of each bridge's best: not measured; --budgets 40,120 trains the learners again with fewer rows", "各ブリッジの最良の 9 割に必要なラベル数：未測定。--budgets 40,120 で、少ない行でも学習し直して測れます")
    tried, beside = ", ".join(map(str, sorted({row["rows"] for row in told["budgets"]}))), told["rows"]["validation"]
    each = "; ".join(f"{row['bridge']} {labels_counted(row['bridge'], row['rows_to_90'], beside)}" for row in found.table.to_dict("records") if np.isfinite(row["rows_to_90"])) or say("none is above guessing", "どれも当て推量を上回りません")
    return say(
        f"labels to 90 % of each bridge's best, training rows of those that were tried ({tried}) + the {beside} labelled validation rows that choose weights and forms beside any number of them: {each}",
        f"各ブリッジの最良の 9 割に必要なラベル数（試した学習行 {tried} のうち必要な数 + 重みや書き方を選ぶラベル付き検証行 {beside}。検証行は学習行が少なくても必要です）：{each}",
    )


def misled_line(one: dict) -> str:
    """A tool's wrong line beside the medium, in a sentence."""
    number = lambda name: "–" if one[name] is None else f"{100 * one[name]['value']:.0f} %"  # noqa: E731  used seven times in the next lines
    index = "–" if one["shortcut_index"] is None else f"{one['shortcut_index']['value']:.2f} [{one['shortcut_index']['low']:.2f}, {one['shortcut_index']['high']:.2f}]"
    return say(
        f"{one['bridge']}: right by the {one['modality']} alone {number('medium_alone')}, with its tools' lines {number('with_line')} ({one['n']} rows); the two contradict each other in {number('conflict_rate')}; beside a wrong line "
        f"{number('with_wrong_line')} instead of {number('medium_alone_there')}, the line is followed in {number('followed')} ({one['n_wrong']} rows); shortcut index {index} (0: only the {one['modality']} counts, 1: only the line)",
        f"{one['bridge']}：{one['modality']} だけの正解率 {number('medium_alone')}、ツールの文章を添えると {number('with_line')}（{one['n']} 行）。両者の食い違いは {number('conflict_rate')}。誤った文章を添えると {number('medium_alone_there')} から "
        f"{number('with_wrong_line')} になり、{number('followed')} が文章に従います（{one['n_wrong']} 行）。ショートカット指数 {index}（0：{one['modality']} だけを見る、1：文章だけを見る）",
    )
