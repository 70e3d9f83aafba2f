"""`python -m kit.training.reload IN OUT`: scores a few rows with the base and with its adapter, in a process that knows nothing else."""

import gc
import json
import sys
from pathlib import Path


def main(asked: str, answered: str) -> None:
    """Reads {source, adapter, four_bit, device, samples} and writes {base, adapter: option scores per row, keys: adapter tensors loaded}."""
    from kit.attention import load
    from kit.data import Sample
    from kit.evaluation import option_scores
    from kit.models.lora import is_adapter

    job = json.loads(Path(asked).read_text(encoding="utf-8"))
    samples = [Sample(**row) for row in job["samples"]]
    result = {}
    for name, adapter in (("base", None), ("adapter", job["adapter"])):
        loaded = load(job["source"], four_bit=job["four_bit"], adapter=adapter, device=job.get("device"))
        result[name] = [scores.tolist() for scores in option_scores(loaded, samples)]
        result["keys"] = sum(is_adapter(path) for path, _ in loaded.model.named_parameters())
        del loaded
        gc.collect()
    Path(answered).write_text(json.dumps(result), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
