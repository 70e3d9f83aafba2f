"""A linear probe of the vision tower on a folder of labelled photographs (labels.csv: file_name, label).

Used while designing the world, never while training: `python -m sample_data.recipe.probe FOLDER [CHECKPOINT]`.
"""

import csv
import re
import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from sample_data.recipe.vision_warmup import patches


def features(tower: nn.Module, images: list[Image.Image], size: int) -> np.ndarray:
    """Returns per picture: mean and maximum of the visual tokens, mean and deviation of the last hidden state, (n, 2C + 2D) float32."""
    rows = []
    for start in range(0, len(images), 64):
        batch = [
            np.asarray(image.convert("RGB").resize((size, size), Image.BICUBIC))
            for image in images[start : start + 64]
        ]
        pixels, grid = patches(torch.from_numpy(np.stack(batch)).unsqueeze(1))
        with torch.inference_mode():
            seen = tower(pixels, grid)
        tokens, hidden = (
            x.view(len(batch), -1, x.shape[-1]) for x in (seen.pooler_output, seen.last_hidden_state)
        )
        rows.append(
            torch.cat([tokens.mean(1), tokens.amax(1), hidden.mean(1), hidden.std(1)], -1).float().numpy()
        )
    return np.concatenate(rows)


def probe(tower: nn.Module, folder: Path, size: int = 140, block: int = 20) -> float:
    """Returns the mean accuracy of a linear probe, 5-fold, grouped by blocks of consecutive file numbers."""
    with (folder / "labels.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    images = [Image.open(folder / row["file_name"]) for row in rows]
    numbers = [int(re.findall(r"\d+", row["file_name"])[-1]) for row in rows]
    labels = np.array([row["label"] for row in rows])
    groups = [number // block for number in numbers]
    classifier = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=2000))
    folds = StratifiedGroupKFold(5, shuffle=True, random_state=0)
    return float(
        cross_val_score(classifier, features(tower, images, size), labels, groups=groups, cv=folds).mean()
    )


if __name__ == "__main__":
    from transformers import AutoModelForMultimodalLM

    where = sys.argv[2] if len(sys.argv) > 2 else str(Path(__file__).resolve().parents[1] / "tiny_omni")
    sys.stdout.write(
        f"{probe(AutoModelForMultimodalLM.from_pretrained(where, dtype=torch.float32).model.visual, Path(sys.argv[1])):.3f}\n"
    )
