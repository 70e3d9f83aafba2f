"""The last lines that a command says: what came out, in a few words, and where the rest is."""

from pathlib import Path

from kit.language import current, say
from poc import runs
from poc.words import ARMS, STAGES, VERDICTS


def closing_lines(run_folder: Path) -> list[str]:
    """The last lines of a run: the verdict with its first reason, the yen, and where the report is."""
    record, language = runs.read(run_folder), current()
    verdict = record["verdict"]
    reasons = "".join(f" {reason[language]}" for reason in verdict["reasons"][:1])
    lines = [say("Verdict: ", "判定: ") + VERDICTS[verdict["decision"]][language] + say(".", "。") + reasons]
    costs = {row["arm"]: row["cost_per_1000"] for row in record["results"] if row["condition"] == "as_is"}
    shown = [f"{ARMS[arm][language]} {_yen(costs[arm])}" for arm in ("tuned", verdict["best_baseline"]) if costs.get(arm)]
    if shown:
        marked = say(" (the prices are examples)", "（単価は例です）") if record["costs_are_examples"] else ""
        lines.append(say("Cost of errors per 1,000: ", "1,000 件あたりの誤りの費用: ") + "; ".join(shown) + marked)
    return [*lines, say("Report: ", "レポート: ") + str(run_folder / "report.html")]


def predicted_lines(done, use=None) -> list[str]:
    """The last lines of `poc predict` (poc.predict.Predicted); `use`: the run in use that answered (poc.in_use.InUse)."""
    lines = _queued_lines(done) if use else [
        say(
            f"{done.table}: {done.rows} rows, {done.abstained} left to a person (share of the most likely answer below {done.threshold:g}), {done.failed} not readable",
            f"{done.table}：{done.rows} 行。人に回す {done.abstained} 行（最有力の答えの割合が {done.threshold:g} 未満）、読めない {done.failed} 行",
        )
    ]
    if done.accuracy:
        low, value, high = (100 * done.accuracy[key] for key in ("low", "value", "high"))
        lines.append(say(f"Most likely answers right: {value:.1f} % [{low:.1f}, {high:.1f}] (where the folder has labels)",
                         f"最有力の答えの正解率：{value:.1f} % [{low:.1f}, {high:.1f}]（ラベルのある行）"))  # fmt: skip
    if not use:
        lines.append(say("The threshold is a plain one on uncalibrated shares: no guarantee.", "しきい値は較正していない割合に対するもので、保証はありません。"))
    if done.rehearsal:
        lines.append(say("Rehearsal: the tiny model answered; nothing may be decided by these answers.", "リハーサル：小さなモデルの答えです。判断に使わないでください。"))
    return lines


def _queued_lines(done) -> list[str]:
    from poc.queue_said import reasons_told

    table, drawn = done.table, done.reasons.get("random", 0)
    lines = [say(f"{table}: {done.rows} rows, {done.rows - done.abstained - done.failed} count now, {done.abstained} wait for a person, {done.failed} not readable (look at the thing itself)",
                 f"{table}：{done.rows} 行。確定 {done.rows - done.abstained - done.failed} 行、確認待ち {done.abstained} 行、読めない {done.failed} 行（現物を確認してください）")]  # fmt: skip
    return [*lines, *([say(f"Why: {reasons_told(done.reasons)}", f"理由：{reasons_told(done.reasons)}")] if done.reasons else []), *([say(f"{drawn} were drawn for a random check.", f"無作為の抜き取り {drawn} 件を含みます。")] if drawn else [])]


def estimated_lines(found) -> list[str]:
    """The lines of `poc estimate` (poc.estimate.Estimate): checkpoint and memory, pictures and tokens, batch, minutes."""
    precision = "4-bit" if found.four_bit else "16-bit" if found.device != "cpu" else "float32"
    pictures = say(f"; largest picture {found.largest[1]} x {found.largest[0]} px", f"、最大の画像 {found.largest[1]} x {found.largest[0]} px") if found.largest else ""
    lines = [say(f"Checkpoint: {found.checkpoint}, {precision}, on {found.device} with {found.memory_gb:.1f} GB",
                 f"チェックポイント：{found.checkpoint}、{precision}、{found.device}（{found.memory_gb:.1f} GB）")]  # fmt: skip
    if found.by_weights:
        names = ", ".join(f"{name} ({precision})" for precision, name in found.by_weights.items())
        lines.append(say(f"By weights alone, half of that memory takes up to: {names} (catalogue, not measured)", f"重みだけで見ると、その半分に収まる最大のもの：{names}（カタログ値、未測定）"))
    if not found.looked_at:
        weights = say("unknown", "不明") if found.peak_gb is None else f"{found.peak_gb:g} GB"
        return [*lines, say(
            f"Nothing was measured: the checkpoint is not on this machine. Its weights alone: {weights} (catalogue); activations come on top. `poc run` fetches it; then estimate again.",
            f"チェックポイントがこの端末にないため、測定していません。重みだけで {weights}（カタログ値）、計算用のメモリが別に要ります。`poc run` で取得した後にもう一度お試しください。",
        )]  # fmt: skip
    counted = say(f"{found.looked_at} of {found.rows} rows", f"{found.rows} 行中 {found.looked_at} 行")
    lines.append(say(f"Tokens: longest {found.longest} ({counted} counted){pictures}", f"トークン：最長 {found.longest}（{counted}を計数）{pictures}"))
    if found.bad:
        return [*lines, say(f"Over the budget or cut, {len(found.bad)}: {', '.join(found.bad)}. Raise training.max_tokens, or mend these rows; then estimate again.",
                            f"上限超過、または切れているもの {len(found.bad)} 件：{', '.join(found.bad)}。training.max_tokens を上げるか、行を直してから、もう一度お試しください。")]  # fmt: skip
    accumulated = -(-found.batch // found.micro_batch)
    lines.append(say(f"Batch: {found.batch} = {found.micro_batch} at once x {accumulated}", f"バッチ：{found.batch} = 一度に {found.micro_batch} 件 x {accumulated}"))
    if found.asked and found.micro_batch < found.asked:
        lines.append(say(f"{found.asked} at once did not fit: write training.micro_batch: {found.micro_batch}", f"一度に {found.asked} 件は収まりません。training.micro_batch: {found.micro_batch} と書いてください"))
    over = found.peak_gb > found.memory_gb
    lines.append(say(f"Memory: {found.peak_gb:.1f} GB at the most" + (": MORE than there is" if over else ""), f"メモリ：最大 {found.peak_gb:.1f} GB" + ("（不足します）" if over else "")))
    stages = ", ".join(f"{STAGES[stage][current()]} {seconds:.0f} s" for stage, seconds in found.seconds.items())
    return [*lines, say(f"Time: about {found.minutes:.1f} minutes if training is not stopped early ({stages})", f"時間：早期終了しなければ約 {found.minutes:.1f} 分（{stages}）")]


def _yen(cost: dict) -> str:
    return say(f"{cost['value']:,.0f} yen [{cost['low']:,.0f} to {cost['high']:,.0f}]", f"{cost['value']:,.0f} 円 [{cost['low']:,.0f}〜{cost['high']:,.0f}]")
