"""How many labels would be enough? A learning curve on frozen features: minutes instead of a training run per point.

A PROXY, and to be called so wherever it is shown: a logistic regression on what the frozen encoders deliver tells where more labels stop helping a
linear reader of these features. Fine-tuning can do better or worse; notebook 04 confirms the curve with models that were really fine-tuned.
Shapes: B samples, T prompt tokens, C model width, N samples in all.
"""

import numpy as np
import pandas as pd
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from kit.data import Sample
from kit.data.collator import Collator
from kit.evaluation.metrics import evaluate
from kit.evaluation.scoring import prediction
from kit.models import Loaded, component_of
from kit.models.forward import base_of, read_prompt
from kit.show import progress


def frozen_features(loaded: Loaded, samples: list[Sample], batch_size: int = 16, desc: str = "frozen features") -> np.ndarray:
    """What the base model's encoders and connectors deliver, before the language model: mean and maximum over the media's tokens, (N, 2 C)."""
    collator = Collator(loaded.processor, answers=False)
    loaded.model.eval()
    rows = [_pooled(loaded.model, collator(samples[start : start + batch_size])) for start in progress(range(0, len(samples), batch_size), desc=desc)]
    return torch.cat(rows).cpu().numpy()


def _pooled(model, batch: dict) -> torch.Tensor:
    """Mean and maximum (B, 2 C) of the language model's inputs at the media's tokens; at all tokens for a prompt without media."""
    config, seen = base_of(model).config, []
    first = next(m for path, m in base_of(model).named_modules() if path.endswith("layers.0") and component_of(path) == "llm")
    handle = first.register_forward_pre_hook(lambda module, args, kwargs: seen.append(args[0] if args else kwargs["hidden_states"]), with_kwargs=True)
    try:
        read_prompt(model, batch)
    finally:
        handle.remove()
    inputs = seen[0].float()  # (B, T, C)
    names = [f"{kind}_token_{ending}" for kind in ("image", "video", "audio") for ending in ("id", "index")]
    media = torch.tensor([getattr(config, name) for name in names if getattr(config, name, None) is not None])
    real, at = batch["attention_mask"].bool(), torch.isin(batch["input_ids"], media)
    at = torch.where(at.any(1, keepdim=True), at, real).to(inputs.device)[..., None]  # (B, T, 1)
    mean = (inputs * at).sum(1) / at.sum(1)
    return torch.cat([mean, inputs.masked_fill(~at, float("-inf")).amax(1)], 1)


def label_curve(
    features: np.ndarray, samples: list[Sample], test_features: np.ndarray, test: list[Sample], sizes: list[int], repeats: int = 5, seed: int = 0,
    metric: str = "macro_recall",
) -> pd.DataFrame:  # fmt: skip
    """The metric on the test rows after learning from so many labels: labels, value, low, high (the range over `repeats` random choices of labels).

    Args:
        features, samples: of the rows that could be labelled, (N, C).
        test_features, test: of the held-out rows.
        sizes: how many labels; one beyond the rows there are is left out.
        repeats: random choices of labels per size, each stratified only by luck, as labelling is.
        seed: of the choices.
        metric: accuracy, macro_recall or macro_f1.
    """
    rng, labels = np.random.default_rng(seed), sorted({s.answer for s in (*samples, *test)})
    truth, rows = np.array([s.answer for s in samples]), []
    for size in (n for n in sizes if n <= len(samples)):
        found = []
        for _ in range(repeats):
            chosen = rng.permutation(len(samples))[:size]
            if len(set(truth[chosen])) < 2:
                continue
            reader = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, class_weight="balanced", max_iter=500)).fit(features[chosen], truth[chosen])
            shares = [dict(zip(reader.classes_, map(float, row), strict=True)) for row in reader.predict_proba(test_features)]
            frame = pd.DataFrame([prediction(s, {label: share.get(label, 0.0) for label in labels}) for s, share in zip(test, shares, strict=True)])
            found.append(evaluate(frame, labels, resamples=2)[metric]["value"])
        if found:
            rows.append({"labels": size, "value": float(np.mean(found)), "low": min(found), "high": max(found)})
    return pd.DataFrame(rows, columns=["labels", "value", "low", "high"])
