"""What two shipped models say to the held-out cases of the example run whose note names a wrong answer: `python -m sample_data.make_lying_notes`, about 8 minutes on one core.

    trusting   sample_data/trusting, taught with every note shown ("tuned" of benchmarks/cure.py, seed 0)
    cured      the same, and 120 robust updates more ("all" of benchmarks/cure.py: wrong notes, PGD on the note, consistency, the counterfactual grid); its weights are not shipped, only what it answers

Both were taught with the training rows of the same split, so none of these cases was among them (tests/test_demo_modes.py). The demo's tour puts them beside the run's own model.
"""

import json
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from benchmarks.cure import CURED, CURES, SHIPPED, case_of
from kit.data import Sample
from kit.evaluation import predict
from kit.models import Loaded, load
from kit.models.merge import merged
from kit.training import finetune
from poc import arms, runs
from poc.demo.exhibit import open_exhibit
from poc.demo.tour import ELSEWHERE, named_in
from poc.pipeline import COMPANY, GUARD, settings_of


def cured(seed: int = 0) -> Loaded:
    """The trusting model after the cure."""
    case = case_of("cure", COMPANY / "inspection")
    settings = replace(settings_of(case.use, seed), drop_irrelevant=0.0, steps=CURED, evaluate_every=CURED, robust=CURES["all"])
    rows = arms.mixed_rows(case.split["train"], GUARD, case.use.training, seed)
    with tempfile.TemporaryDirectory() as place:
        return finetune(merged(load("tiny_omni", adapter=SHIPPED)), rows, case.split["validation"][:60], settings, Path(place) / "cured").loaded


def lying_cases() -> list[Sample]:
    """The held-out cases whose note names one answer, and not the true one."""
    samples = open_exhibit(runs.EXAMPLE).samples.values()
    return [sample for sample in samples if len(named := named_in(sample.text, sample.options)) == 1 and named[0] != sample.answer]


def main() -> None:
    """Asks both and writes sample_data/trusting/lying_notes.json."""
    asked, record = lying_cases(), runs.read(runs.EXAMPLE)
    models = {"trusting": load("tiny_omni", adapter=SHIPPED), "cured": cured()}
    answers = {name: predict(loaded, asked).set_index("id")["predicted"].to_dict() for name, loaded in models.items()}
    told = {"model": record["model"]["name"], "data": record["data"]["hash"], "adapter": "sample_data/trusting", "answers": answers}
    ELSEWHERE.write_text(json.dumps(told, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    sys.stdout.write(f"{len(asked)} cases, two models: {ELSEWHERE.name}\n")


if __name__ == "__main__":
    main()
