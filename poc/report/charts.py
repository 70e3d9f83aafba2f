"""Where things lie in the report's charts, in percent of their box: the template draws them with CSS and thin SVG, so that text keeps its size on a phone."""

import math

from kit.show.thresholds import at_threshold, cheapest, cost_curve
from poc.report.wording import percent, points, yen
from poc.translations import read_as
from poc.words import ARMS, CONDITIONS


def forest(record: dict, metric: str) -> list[dict]:
    """One row per arm: its interval as it is and, thinner, without the note."""
    rows = []
    for arm in ARMS:
        marks = [{"condition": row["condition"], "label": CONDITIONS[row["condition"]], "left": 100 * row[metric]["low"],
                  "width": 100 * (row[metric]["high"] - row[metric]["low"]), "at": 100 * row[metric]["value"], "text": percent(row[metric]["value"])}
                 for row in record["results"] if row["arm"] == arm]  # fmt: skip
        if marks:
            rows.append({"arm": arm, "name": ARMS[arm], "marks": marks})
    return rows


def differences(record: dict, metric: str) -> dict:
    """Tuned minus each other arm, on one axis with zero in it."""
    found = [c for c in record["comparisons"] if c["metric"] == metric]
    reach = max([0.05] + [max(abs(c["difference"]["low"]), abs(c["difference"]["high"])) for c in found])
    reach = math.ceil(reach * 20) / 20
    low = min([0.0] + [c["difference"]["low"] for c in found])
    low = -math.ceil(-low * 20) / 20  # 0 when nothing is below it
    place = lambda value: 100 * (value - low) / (reach - low)  # noqa: E731  one line, used five times
    rows = [
        {"name": ARMS[c["b"]], "condition": CONDITIONS[c["condition"]], "left": place(c["difference"]["low"]), "at": place(c["difference"]["value"]),
         "width": place(c["difference"]["high"]) - place(c["difference"]["low"]), "value": points(c["difference"]["value"]),
         "range": f"{points(c['difference']['low'])} … {points(c['difference']['high'])}",
         "winner": "tuned" if c["difference"]["low"] > 0 else "other" if c["difference"]["high"] < 0 else "open"}
        for c in found
    ]  # fmt: skip
    return {"rows": rows, "zero": place(0.0), "low": points(low) if place(0.0) > 12 else "", "high": points(reach)}


def confusion(row: dict, record: dict) -> dict:
    """Counts with a shade for each cell: its share of the true answer's row; labels as people read them."""
    labels, counts = row["confusion"]["labels"], row["confusion"]["counts"]
    cells = [[{"count": n, "shade": round(n / sum(line), 3) if sum(line) else 0.0, "right": i == j} for j, n in enumerate(line)]
             for i, line in enumerate(counts)]  # fmt: skip
    recall = [percent(row["per_class"][label]["recall"], 0) for label in labels]
    precision = [percent(row["per_class"][label]["precision"], 0) for label in labels]
    names = [read_as(record, label) for label in labels]
    return {"labels": names, "rows": list(zip(names, cells, recall, [sum(line) for line in counts])), "precision": precision}


def cost(frame, record: dict) -> dict | None:
    """The tuned model's cost curve as SVG paths in a 100 x 100 box, with its cheapest point."""
    curve = cost_curve(frame, record["costs"], record["prevalence"])
    if curve is None:
        return None
    top = nice(float(curve["high"].max()))
    x = [100 * value for value in curve["threshold"]]
    y = {name: [100 - 100 * value / top for value in curve[name]] for name in ("yen", "low", "high")}
    best, half = cheapest(curve), at_threshold(curve, 0.5)
    currency = record["currency"]
    return {
        "line": path(x, y["yen"]),
        "band": path(x, y["high"]) + path(x[::-1], y["low"][::-1], start="L") + "Z",
        "top": yen(top, currency),
        "middle": yen(top / 2, currency),
        "best": {"x": 100 * best["threshold"], "y": 100 - 100 * best["yen"] / top, "threshold": f"{best['threshold']:.2f}", "yen": yen(best["yen"], currency),
                 "low": yen(best["low"], currency), "high": yen(best["high"], currency), "misses": f"{best['misses']:.1f}",
                 "false_alarms": f"{best['false_alarms']:.1f}"},
        "half": {"x": 50, "y": 100 - 100 * half["yen"] / top, "yen": yen(half["yen"], currency), "misses": f"{half['misses']:.1f}",
                 "false_alarms": f"{half['false_alarms']:.1f}"},
    }  # fmt: skip


def learning(history: list[dict]) -> dict | None:
    """Loss and KPI over steps as SVG paths; None with fewer than two points."""
    losses = [(row["step"], row["loss"]) for row in history if row.get("loss") is not None]
    kpis = [(row["step"], row["kpi"]) for row in history if row.get("kpi") is not None]
    if len(losses) < 2:
        return None
    last, top = max(step for step, _ in losses + kpis), nice(max(loss for _, loss in losses))
    return {
        "loss": path([100 * step / last for step, _ in losses], [100 - 100 * loss / top for _, loss in losses]),
        "kpi": path([100 * step / last for step, _ in kpis], [100 - 100 * value for _, value in kpis]) if kpis else "",
        "points": [{"x": 100 * step / last, "y": 100 - 100 * value} for step, value in kpis],
        "steps": last,
        "top": f"{top:g}",
    }


def path(x: list[float], y: list[float], start: str = "M") -> str:
    """An SVG path through the points, one decimal."""
    return start + "L".join(f"{a:.1f} {b:.1f}" for a, b in zip(x, y))


def nice(value: float) -> float:
    """The next round number above `value`: 1, 2 or 5 times a power of ten."""
    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 1.5, 2, 3, 4, 5, 6, 8, 10) if step * power >= value)
