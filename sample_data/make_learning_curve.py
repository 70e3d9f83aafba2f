"""Three real points of the inspection's learning curve -> learning_curve.csv, which notebook 04 shows.

    python sample_data/make_learning_curve.py          about 7 minutes on two cores, after make_example_run.py

The tiny model is fine-tuned with poc.yaml's own settings on a third and on two thirds of the training lots (whole lots, as a company would collect them), and
measured on all held-out rows without the note. The third point, all lots, is the example run itself. One seed each; the intervals are the bootstrap's.
"""

import sys
import tempfile
from pathlib import Path

import pandas as pd

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from kit.evaluation import evaluate, predict  # noqa: E402
from kit.models import load  # noqa: E402
from kit.show import progress  # noqa: E402
from kit.training import finetune  # noqa: E402
from poc.arms import mixed_rows  # noqa: E402
from poc.pipeline import GUARD, settings_of  # noqa: E402
from poc.runs import read  # noqa: E402
from poc.usecase import load_samples, load_usecase  # noqa: E402

SHARES = (1 / 3, 2 / 3)  # the example run is the whole


def point(directory: Path, share: float) -> dict:
    """labels, lots, value, low, high of the model tuned on this share of the training lots."""
    use = load_usecase(directory)
    split = load_samples(directory, use, verify=False).by_split
    lots = sorted({sample.group for sample in split["train"]})
    lots = lots[: max(1, round(share * len(lots)))]
    train = [sample for sample in split["train"] if sample.group in lots and sample.answer]
    held = [sample.without("text") for sample in split["test"] if sample.answer]
    with tempfile.TemporaryDirectory() as work:
        settings = settings_of(use, None)
        shown = mixed_rows(train, GUARD, use.training, settings.seed)
        tuned = finetune(load("tiny_omni"), shown, [s for s in split["validation"] if s.answer], settings, Path(work))
        found = evaluate(predict(tuned.loaded, held), list(use.options))["macro_recall"]
    return {"labels": len(train), "lots": len(lots)} | {name: round(value, 4) for name, value in found.items()} | {"updates": tuned.applied_updates}


def whole(run: Path) -> dict:
    """The same columns of a finished run, which learned from all training lots."""
    record = read(run)
    found = next(row["macro_recall"] for row in record["results"] if (row["arm"], row["condition"]) == ("tuned", "without_text"))
    split = load_samples(HERE / "company" / "inspection", load_usecase(HERE / "company" / "inspection"), verify=False).by_split
    lots = len({sample.group for sample in split["train"]})
    return {"labels": record["data"]["n"]["train"], "lots": lots} | {name: round(value, 4) for name, value in found.items()} | {
        "updates": record["training"]["applied_updates"]}  # fmt: skip


def main() -> None:
    rows = [point(HERE / "company" / "inspection", share) for share in progress(SHARES, desc="share of the training lots")]
    rows.append(whole(HERE / "example_run"))
    pd.DataFrame(rows).to_csv(HERE / "learning_curve.csv", index=False, lineterminator="\n")


if __name__ == "__main__":
    main()
