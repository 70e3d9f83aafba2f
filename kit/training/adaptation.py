"""Eyes and ears made used to the company's media without any label: VICReg (Bardes, Ponce and LeCun 2022, section 4) between two augmented views of each file.

What is trained is a LoRA adapter on the encoder of one modality, merged into it afterwards; connector, language model and everything else stay what they were. No answer is read.
"""

from collections.abc import Sequence

import torch
from torch import nn

from kit.data import Sample
from kit.data.augmentation import augmented
from kit.data.collator import Collator
from kit.errors import KitError
from kit.language import say
from kit.models import Loaded, add_lora
from kit.models.features import pooled_tokens
from kit.models.merge import merged
from kit.show import progress

CHANGES = {"image": ("light", "frame", "sharpness"), "video": ("light", "frame", "sharpness"), "audio": ("sound",)}
_PART = {"image": "vision", "video": "vision", "audio": "audio"}
_WIDTH = 256  # of the expander's output
_INVARIANCE, _VARIANCE, _COVARIANCE = 25.0, 25.0, 1.0  # the paper's weights


def adapt(loaded: Loaded, samples: Sequence[Sample], modality: str, steps: int = 150, batch: int = 16, rank: int = 8, learning_rate: float = 1e-3, seed: int = 0) -> tuple[Loaded, list[float]]:
    """(the model with its adapted encoder, the loss of each step). `loaded` is changed in place and must not be used again.

    Args:
        loaded: a model in 16-bit or float32, without an adapter (a 4-bit encoder cannot be merged into).
        samples: of the training split, labelled or not; those without the modality are left out.
        modality: image, video or audio.
        steps, batch, rank, learning_rate, seed: of the adaptation.

    Raises:
        KitError: another modality, a 4-bit model, or too few samples for one batch.
    """
    rows = [sample.replace(answer="") for sample in samples if getattr(sample, modality, ())]
    if modality not in CHANGES or loaded.four_bit or len(rows) < batch:
        raise KitError(say(f"cannot adapt to {modality!r} ({len(rows)} samples have it, 4-bit: {loaded.four_bit}); needed: one of {', '.join(CHANGES)}, a model that is not in 4-bit, and {batch} samples",
                           f"{modality!r} に適応できません（該当サンプル {len(rows)} 件、4-bit：{loaded.four_bit}）。必要：{', '.join(CHANGES)} のいずれか、4-bit でないモデル、{batch} 件以上"))  # fmt: skip
    model = add_lora(loaded.model, [_PART[modality]], rank, seed=seed)
    collator, order = Collator(loaded.processor, answers=False), torch.Generator().manual_seed(seed)
    expander, optimizer, losses = None, None, []
    for step in progress(range(steps), desc=say(f"adapting to {modality} without labels", f"ラベルなしで{modality}に適応")):
        chosen = [rows[i] for i in torch.randperm(len(rows), generator=order)[:batch]]
        views = [[augmented(sample, CHANGES[modality], seed, 2 * step + view + 1) for sample in chosen] for view in range(2)]
        first, second = (pooled_tokens(model, collator(view), modality) for view in views)
        if expander is None:
            with torch.random.fork_rng():
                torch.manual_seed(seed)
                expander = nn.Sequential(nn.Linear(first.shape[1], _WIDTH), nn.BatchNorm1d(_WIDTH), nn.ReLU(), nn.Linear(_WIDTH, _WIDTH)).to(first.device)
            trained = [weight for weight in model.parameters() if weight.requires_grad]
            optimizer = torch.optim.AdamW([*trained, *expander.parameters()], learning_rate, weight_decay=0.0)
        loss = vicreg(expander(first), expander(second))
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        losses.append(float(loss.detach()))
    return merged(Loaded(model, loaded.processor, loaded.checkpoint, loaded.four_bit)), losses


def vicreg(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """The loss of two views (B, E): alike, each axis with a spread of 1 over the batch, axes uncorrelated."""
    alike = nn.functional.mse_loss(first, second)
    spread, apart = 0.0, 0.0
    for view in (first, second):
        centred = view - view.mean(0)
        spread = spread + torch.relu(1 - (centred.var(0) + 1e-4).sqrt()).mean() / 2
        covariance = centred.T @ centred / (len(view) - 1)
        apart = apart + (covariance - torch.diag(covariance.diagonal())).pow(2).sum() / view.shape[1]
    return _INVARIANCE * alike + _VARIANCE * spread + _COVARIANCE * apart
