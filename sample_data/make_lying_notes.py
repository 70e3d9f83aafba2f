"""What the shipped adapter that was taught with every note shown (sample_data/trusting) says to the held-out cases of the example run whose note names a wrong answer: `python -m sample_data.make_lying_notes`.

The demo's tour puts it beside the run's own model, which was taught with half of the notes hidden.
"""

import json

from kit.evaluation import predict
from kit.models import load
from poc import runs
from poc.demo.exhibit import open_exhibit
from poc.demo.tour import ELSEWHERE, named_in


def main() -> None:
    exhibit = open_exhibit(runs.EXAMPLE)
    asked = [sample for sample in exhibit.samples.values() if len(named := named_in(sample.text, sample.options)) == 1 and named[0] != sample.answer]
    answers = predict(load(exhibit.record["model"]["name"], adapter=ELSEWHERE.parent), asked).set_index("id")["predicted"].to_dict()
    told = {"model": exhibit.record["model"]["name"], "data": exhibit.record["data"]["hash"], "adapter": "sample_data/trusting", "answers": answers}
    ELSEWHERE.write_text(json.dumps(told, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    print(f"{len(answers)} answers in {ELSEWHERE}")


if __name__ == "__main__":
    main()
