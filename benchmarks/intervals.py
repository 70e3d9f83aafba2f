"""Does an interval of 95 % hold the truth in 95 % of cases? Every kind of interval that the kit writes, on drawn data whose truth is known.

    python -m benchmarks.intervals [--trials 1000]        about ten minutes on one free core
    python -m benchmarks.intervals --only "yen saved"     one kind again; the table keeps the others

Each kind is the kit's own function, called on each trial's rows. Groups err together: the chance of a right answer differs between groups with an intraclass correlation of 0.1. Table: benchmarks/intervals.csv. `below`: the truth lay under the interval (which then
flattered), `above`: over it. Not here: the gap's jackknife (tests/test_gap.py), the forecast of labels (benchmarks/learning_curve.csv), quartiles of seconds (no interval of a mean).
"""

import argparse
import csv
import sys
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import norm

from benchmarks.machine import write_table
from kit.curation.folds import drawn_macro_means, ends_of
from kit.curation.how_many import selection_gain
from kit.diagnosis.conflict import conflict
from kit.diagnosis.grid import shortcut_index
from kit.evaluation.abstention import risk_coverage
from kit.evaluation.calibration import brier_and_log_loss, calibration_error
from kit.evaluation.intervals import mean_interval
from kit.evaluation.metrics import compare, evaluate
from kit.evaluation.transcripts import error_rates
from kit.labelling.agreement import _kappa, _wilson
from poc.gates import accuracy_by_group
from poc.report.money import saving_per_1000

TABLE = Path(__file__).parent / "intervals.csv"
COLUMNS = ("interval", "case", "held", "below", "above", "trials", "date")
LABELS = ["ok", "dent", "crack", "chip"]
COSTS = {"miss": 1000.0, "false_alarm": 100.0, "ok_answer": "ok", "matrix": None}


def chances(rng: np.random.Generator, n: int, p: float, groups: int) -> tuple[np.ndarray, list[str]]:
    """(chance of a right answer (n,), group of each row); groups = 0: rows alone."""
    if not groups:
        return np.full(n, p), [""] * n
    return rng.beta(9 * p, 9 * (1 - p), groups)[np.arange(n) % groups], [f"g{i % groups}" for i in range(n)]


def parts(rng: np.random.Generator, n: int, p: float, groups: int, labels: list[str] = LABELS) -> pd.DataFrame:
    """Answers to `n` rows, evenly of each label; a wrong answer is any other label."""
    chance, group = chances(rng, n, p, groups)
    truth = rng.permutation(np.arange(n) % len(labels))
    said = np.where(rng.random(n) < chance, truth, (truth + rng.integers(1, len(labels), n)) % len(labels))
    return pd.DataFrame({"id": np.arange(n), "answer": np.array(labels)[truth], "predicted": np.array(labels)[said], "group": group})


def sure(rng: np.random.Generator, n: int, heat: float, groups: int) -> pd.DataFrame:
    """Yes or no at chances that the model knows up to a temperature."""
    logit = np.abs(rng.normal(2.2, 1.8, n))
    group = np.arange(n) % groups if groups else np.zeros(n, int)
    right = rng.random(n) < 1 / (1 + np.exp(-(logit + rng.normal(0, 0.5 if groups else 0, max(groups, 1))[group])))
    shares = 1 / (1 + np.exp(-logit * heat))
    return pd.DataFrame({"answer": np.where(right, "a", "b"), "predicted": "a", "probabilities": [{"a": p, "b": 1 - p} for p in shares], "group": [f"g{one}" if groups else "" for one in group]})


def of_metrics(metric: str, n: int, p: float, groups: int):
    """A metric's interval, and what it is in the long run."""
    whole = evaluate(parts(np.random.default_rng(99), 200_000, p, 0), LABELS, COSTS | {"matrix": {}}, resamples=2)[metric]["value"] if metric in ("macro_f1", "cost_per_1000") else p
    return lambda rng, seed: (whole, *_ends(evaluate(parts(rng, n, p, groups), LABELS, COSTS | {"matrix": {}}, seed=seed, resamples=1000)[metric]))


def of_paired(metric: str, n: int, p: float, groups: int):
    """Two predictors of the same rows, equally good."""

    def trial(rng, seed):
        chance, group = chances(rng, n, p, groups)
        truth = rng.permutation(np.arange(n) % 2)
        a, b = (pd.DataFrame({"id": np.arange(n), "answer": np.where(truth, "ok", "dent"), "predicted": np.where(truth ^ (rng.random(n) >= chance), "ok", "dent"), "group": group}) for _ in range(2))
        return 0.0, *_ends(compare(a, b, ["ok", "dent"], metric, seed=seed, resamples=1000))

    return trial


def of_mean(n: int, p: float, groups: int, bounds: tuple | None = (0.0, 1.0)):
    """`mean_interval` of shares, or of numbers without bounds."""

    def trial(rng, seed):
        chance, group = chances(rng, n, p, groups)
        values = (rng.random(n) < chance).astype(float) if bounds else rng.normal(chance, 1)
        return p, *mean_interval(values, group, seed=seed, bounds=bounds)[1:]

    return trial


def of_error_rates(rng, seed):
    """Words of twenty speakers, one in five of them wrong, more with some."""
    wrong = rng.beta(2, 8, 20)
    rows = [("a b c d e f g h", " ".join("x" if rng.random() < wrong[i % 20] else w for w in "abcdefgh"), f"g{i % 20}") for i in range(80)]
    return 0.2, *_ends(error_rates(pd.DataFrame(rows, columns=["answer", "predicted", "group"]), seed)["wer"])


def of_kappa(rng, seed):
    """Two people who agree on 80 % of 60 rows with two even answers: kappa 0.6."""
    a = rng.integers(0, 2, 60)
    return 0.6, *_kappa(np.array(["x", "y"])[a], np.array(["x", "y"])[np.where(rng.random(60) < 0.8, a, 1 - a)], seed)[1:]


def of_wilson(n: int, p: float):
    """The share of wrong labels."""
    return lambda rng, seed: (p, *_wilson(int(rng.binomial(n, p)), n))


def of_conflict(rng, seed):
    """Normal scores one standard deviation apart, of 60 rows asked twice: area Phi(1 / sqrt 2)."""
    scores = pd.DataFrame({"id": np.tile(np.arange(60), 2), "group": "", "score": np.concatenate([rng.normal(0, 1, 60), rng.normal(1, 1, 60)])})
    found = conflict(scores, [False] * 60 + [True] * 60, seed)
    return float(norm.cdf(1 / np.sqrt(2))), found.low, found.high


def of_shortcut(rng, seed):
    """40 pairs, effects 3 and 1: index 1/4."""
    grid = pd.DataFrame({"first": [f"s{i}" for i in range(40)], "e_relevant": rng.normal(3, 2, 40), "e_irrelevant": rng.normal(1, 1.5, 40), "interaction": rng.normal(0, 1, 40)})
    found = shortcut_index(grid, "image", "text", seed)
    return (0.25, 0.25, 0.25) if found.low is None else (0.25, found.low, found.high)


def of_macro_means(groups: int):
    """The curation's macro recall of groups."""

    def trial(rng, seed):
        frame = parts(rng, 20 * groups, 0.8, groups)
        names = frame["group"].tolist()
        return 0.8, *np.quantile(drawn_macro_means(frame["answer"].to_numpy(), (frame["answer"] == frame["predicted"]).to_numpy(float), names), ends_of(names))

    return trial


def of_saving(groups: int):
    """The report's yen range: today's errors cost twice the tuned model's."""

    def trial(rng, seed):
        chance, group = chances(rng, 400, 0.9, groups)
        truth = np.where(rng.permutation(np.arange(400) % 2), "ok", "dent")
        arms = [pd.DataFrame({"id": np.arange(400), "arm": arm, "condition": "as_is", "split": "test", "answer": truth, "group": group,
                              "predicted": np.where(rng.random(400) < 1 - times * (1 - chance), truth, np.where(truth == "ok", "dent", "ok"))}) for arm, times in (("tuned", 0.5), ("base", 1.0))]  # fmt: skip
        record = {"costs": COSTS, "prevalence": {"ok": 0.9, "dent": 0.1}, "gates": {"confidence": 0.95}}
        return 1000 * (0.1 - 0.05) * (0.9 * 100 + 0.1 * 1000), *saving_per_1000(pd.concat(arms), record, "base")[1:]

    return trial


def of_selection(seeds: int):
    """What active selection adds, over seeds in pairs."""

    def trial(rng, seed):
        start = rng.normal(0.7, 0.03, seeds)
        tables = [pd.DataFrame({"size": 50, "seed": range(seeds), "value": start + rng.normal(gain, 0.02, seeds)}) for gain in (0.0, 0.02)]
        found = selection_gain(*tables, resamples=1000, seed=seed).iloc[0]
        return 0.02, found["low"], found["high"]

    return trial


def of_sureness(what: str, heat: float, groups: int):
    """Calibration error, Brier score and area under the risk-coverage curve."""
    ask = {"ECE": lambda f, s: calibration_error(f, seed=s), "brier": lambda f, s: brier_and_log_loss(f, seed=s)["brier"], "AURC": lambda f, s: risk_coverage(f, seed=s)[1]}[what]
    if what == "ECE" and heat == 1.0 and not groups:
        true = 0.0
    else:
        big = sure(np.random.default_rng(7), 60_000, heat, 60_000 if groups else 0)
        confidence, right = np.array([shares["a"] for shares in big["probabilities"]]), (big["answer"] == "a").to_numpy()
        order = np.argsort(confidence)
        true = {
            "ECE": lambda: np.mean([abs(confidence[part].mean() - right[part].mean()) for part in np.array_split(order, 10)]), "brier": lambda: 2 * ((confidence - right) ** 2).mean(),
            "AURC": lambda: ((~right[order[::-1]]).cumsum() / np.arange(1, len(order) + 1)).mean(),
        }[what]()  # fmt: skip
    return lambda rng, seed: (true, *_ends(ask(sure(rng, 400, heat, groups), seed)))


def of_groups(rng, seed):
    """All of ten groups at once: a trial holds only where every group's interval does."""
    frame = pd.DataFrame({"answer": "a", "predicted": np.where(rng.random(400) < 0.8, "a", "b"), "group": [f"g{i % 10}" for i in range(400)]})
    found = accuracy_by_group(frame)
    return 0.8, max(row["low"] for row in found), min(row["high"] for row in found)


def _ends(found: dict) -> tuple[float, float]:
    return found["low"], found["high"]


def kinds() -> dict[tuple[str, str], object]:
    """(interval, case) -> trial(rng, seed) -> (truth, low, high)."""
    found = {(metric, case): of_metrics(metric, n, p, groups) for metric in ("accuracy", "macro_recall", "macro_f1", "cost_per_1000")
             for case, n, p, groups in (("200 rows, 85 % right", 200, 0.85, 0), ("100 rows, 97 % right", 100, 0.97, 0), ("10 groups of 20, 80 % right", 200, 0.8, 10), ("30 groups of 20, 85 % right", 600, 0.85, 30))}  # fmt: skip
    found |= {(metric, "5 groups of 40, 80 % right"): of_metrics(metric, 200, 0.8, 5) for metric in ("accuracy", "macro_recall")}
    found[("accuracy", "4 groups of 50: too few, rows are resampled")] = of_metrics("accuracy", 200, 0.8, 4)
    found |= {("paired difference of accuracy", case): of_paired("accuracy", *rest) for case, *rest in (("200 rows", 200, 0.85, 0), ("60 rows, 97 % right", 60, 0.97, 0), ("12 groups of 20", 240, 0.8, 12), ("5 groups of 40", 200, 0.8, 5))}
    found |= {("mean_interval", case): of_mean(*rest) for case, *rest in (("12 shares", 12, 0.7, 0), ("60 shares, 97 % right", 60, 0.97, 0), ("5 groups of 40", 200, 0.8, 5), ("10 groups of 20", 200, 0.8, 10), ("30 groups of 10", 300, 0.8, 30), ("15 numbers", 15, 0.5, 0, None))}
    found |= {("Wilson", f"{n} rows, {p:.0%}"): of_wilson(n, p) for n, p in ((50, 0.1), (200, 0.03))}
    found |= {("word error rate", "20 speakers"): of_error_rates, ("kappa", "60 rows"): of_kappa, ("area under the ROC (conflict)", "60 rows asked twice"): of_conflict, ("shortcut index", "40 pairs"): of_shortcut,
              ("worst group, all ten at once", "40 rows each"): of_groups}  # fmt: skip
    found |= {("macro recall of the curation", f"{groups} groups of 20"): of_macro_means(groups) for groups in (8, 20)}
    found |= {("yen saved", "400 rows"): of_saving(0), ("yen saved", "20 groups of 20"): of_saving(20), ("gain of active selection", "5 seeds"): of_selection(5), ("gain of active selection", "10 seeds"): of_selection(10)}
    found |= {(what, f"400 rows, temperature {heat}{', 20 groups' if groups else ''}"): of_sureness(what, heat, groups) for what, heat, groups in (("ECE", 1.0, 0), ("ECE", 2.0, 0), ("ECE", 2.0, 20), ("brier", 2.0, 0), ("AURC", 1.0, 0), ("AURC", 1.0, 20))}
    return found


def main() -> None:
    """Counts, and writes the table as it goes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=1000)
    parser.add_argument("--only", nargs="+", default=[], help="kinds of intervals")
    asked = parser.parse_args()
    trials, known = asked.trials, kinds()
    kept = {(row["interval"], row["case"]): row for row in csv.DictReader(TABLE.open(encoding="utf-8"))} if asked.only and TABLE.is_file() else {}
    for (name, case), trial in known.items():
        if asked.only and name not in asked.only:
            continue
        found = np.array([trial(np.random.default_rng(seed), seed) for seed in range(trials)], float)
        truth, low, high = found.T
        kept[name, case] = row = {"interval": name, "case": case, "held": f"{((low <= truth + 1e-12) & (truth <= high + 1e-12)).mean():.3f}", "below": f"{(truth < low - 1e-12).mean():.3f}", "above": f"{(truth > high + 1e-12).mean():.3f}", "trials": trials, "date": date.today().isoformat()}
        write_table(TABLE, COLUMNS, [kept[key] for key in known if key in kept])
        sys.stdout.write(" | ".join(str(value) for value in row.values()) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
