"""The loss of a robust update: clean and perturbed evidence, an attack on the embeddings of what should not decide, consistency, at little more than the cost of a plain step where the beginning is long (benchmarks/interference.csv).

For image-first prompts with perturbed text, what comes before the text is the same for the clean, the perturbed and every attacked pass. It is run once with its graph; the K ascent steps run
the text on detached keys and values, the final clean and adversarial texts on attached ones. Exact, not approximate: the gradients are those of the full loop. Cost per sample in tokens
(methods: performance.md b): n_p + (K + 2) n_s against (K + 2)(n_p + n_s), n_p tokens before the text and n_s from there on.

After arXiv 2505.19616, section 4 (L = L_sft + L_adv + lambda L_cons), without the faults of its code: the consistency term reads the logits that predict the answer's tokens (theirs read one
position late), the Jensen-Shannon arguments are not swapped, steps are sign or normalised steps (raw ones stay far below epsilon; |delta| / epsilon is returned), padding, question and answer are never perturbed.
"""

import zlib
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from kit.attention import Unmasked, kind_of
from kit.data import Sample, only_deciding
from kit.data.perturbations import deciding_changes
from kit.data.trainable import OTHERS, TRAINABLE, with_others
from kit.errors import KitError
from kit.language import say
from kit.models.forward import (
    Begun,
    answer_logits,
    attends_to_all,
    base_of,
    begin,
    go_on,
    nudged,
    to_device,
)
from kit.models.media_tokens import tokens_of
from kit.training.attack import ascended, attack, random_start, reach_of, within
from kit.training.pairs import Apart, Pairs

DIVERGENCES, ASCENTS, FREE = ("kl", "js"), ("sign", "normalised"), ("fast", "freelb")
_FAST = 1.25  # of epsilon: the one step of a fast attack (Wong et al., arXiv 2001.03994)


@dataclass(frozen=True)
class Robust:
    """What a robust update adds to a plain one. Each switch works alone.

    Attributes:
        perturbations: names of TRAINABLE (kit.data.trainable) that rows are shown with; each row draws one of those that apply to it, anew in each pass. Leave kinds out to test on them.
        share: of the rows that are shown in pairs, clean (only what decides) and perturbed; the others stay as they are and cost what they did. General rows are never perturbed.
        perturbed: weight of the loss on the perturbed evidence beside 1 for the clean (0: it is not learned from). Each row weighs the same, paired or not.
        consistency: lambda, the weight of the divergence between the answers to the clean and to the perturbed evidence, at the answer's tokens.
        divergence: "kl", KL(clean || perturbed) with the clean side detached, or "js", Jensen-Shannon with both sides attached.
        sensitivity: weight of the term against an answer that the deciding evidence does not carry: -log(1 - p(the row's answer)), where the deciding evidence is that of a row with another
            answer and the words are the row's own. Invariance alone is also reached by a model that ignores everything; this one has to look.
        ascent_steps: K, steps of projected gradient ascent on the embeddings of the perturbed text; 0: no attack.
        epsilon: how far an embedding may be moved, relative to the root mean square of the text's embeddings.
        ascent: "sign" (box of half-width epsilon) or "normalised" (ball whose radius is epsilon in root mean square).
        ascent_size: length of a step, relative to epsilon; 0: 2.5 / K (Madry et al., arXiv 1706.06083).
        free: the attack where no beginning can be shared, because a medium was put in or because the model's layers keep a state (K full passes of PGD would cost K times as much): "fast", one step from a random start and then the update, or
            "freelb" (Zhu et al., arXiv 1909.11764), K passes each of which also trains. What decides is never attacked: words or grain in a deciding picture have no tokens of their own.
    """

    perturbations: tuple[str, ...] = ()
    share: float = 0.5
    perturbed: float = 1.0
    consistency: float = 0.0
    divergence: str = "kl"
    sensitivity: float = 0.0
    ascent_steps: int = 0
    epsilon: float = 0.1
    ascent: str = "sign"
    ascent_size: float = 0.0
    free: str = "fast"

    def __post_init__(self):
        for name, given, allowed in (("divergence", self.divergence, DIVERGENCES), ("ascent", self.ascent, ASCENTS), ("free", self.free, FREE)):
            if given not in allowed:
                raise KitError(say(f"robust.{name} is {given!r}; allowed: {', '.join(allowed)}", f"robust.{name} の {given!r} は使えません。使えるもの：{', '.join(allowed)}"))
        if unknown := [name for name in self.perturbations if name not in TRAINABLE]:
            raise KitError(say(f"robust.perturbations names {unknown}; allowed: {', '.join(TRAINABLE)}", f"robust.perturbations の {unknown} は使えません。使えるもの：{', '.join(TRAINABLE)}"))
        if not 0 <= self.share <= 1:
            raise KitError(say(f"robust.share is {self.share}; it is a share between 0 and 1", f"robust.share は 0 から 1 の割合です（{self.share}）"))
        if min(self.perturbed, self.consistency, self.sensitivity, self.ascent_steps, self.ascent_size) < 0 or self.epsilon <= 0:
            raise KitError(say("robust: weights and steps are 0 or more, epsilon is above 0", "robust：重みと回数は 0 以上、epsilon は正の値にしてください"))


@dataclass
class Losses:
    """What an update was made of: `total` with its graph, the other numbers without.

    Attributes:
        clean, perturbed, consistency: means per answer token, in nats, unweighted.
        targets: (S,) the clean side's answer tokens, which the means are over.
        reach: |delta| / epsilon after the last step, mean over samples (see `kit.training.attack.reach_of`; 1: at the edge of what it may do); None without an attack.
    """

    total: torch.Tensor
    clean: float
    perturbed: float
    consistency: float
    targets: torch.Tensor
    reach: float | None = None


def drawn(sample: Sample, robust: Robust | None, seed: int, turn: int, others: list[Sample] = ()) -> Sample:
    """The sample with the perturbation that it is shown with in this pass, in `meta["partner"]`, or as it is; the same seed, pass and id always draw the same. `others`: whose texts may be exchanged."""
    if robust is None or not (robust.perturbations or robust.sensitivity) or sample.data_layer == "general":
        return sample
    draws = np.random.default_rng([seed, turn, zlib.crc32(sample.id.encode())])
    if draws.random() >= robust.share:
        return sample
    if robust.sensitivity:
        sample = sample.replace(meta={**sample.meta, "unlike": deciding_changes(sample, others, int(draws.integers(2**31)), bare=False).get("exchanged")})
    if set(OTHERS) & set(robust.perturbations):
        sample = with_others(sample, robust.perturbations, others, int(draws.integers(2**31)))
    fitting = [name for name in robust.perturbations if TRAINABLE[name](sample) is not None]
    if not fitting:
        return sample
    return sample.replace(meta={**sample.meta, "partner": fitting[draws.integers(len(fitting))], "attack_seed": int(draws.integers(2**31))})


def sides_of(sample: Sample) -> tuple[Sample, Sample] | None:
    """(clean, perturbed) of a sample that drew a partner; None of any other."""
    name = sample.meta.get("partner")
    return (only_deciding(sample), TRAINABLE[name](sample)) if name else None


def unlike(sample: Sample) -> Sample | None:
    """The sample with the deciding evidence of another that it drew; its answer is wrong now. None of any other."""
    return sample.meta.get("unlike")


@dataclass
class Unlike:
    """A collated batch of samples whose answers are wrong: `unlikely`."""

    batch: dict


def shares_beginnings(model, robust: Robust | None) -> bool:
    """Whether pairs of this training are read from a shared beginning: it perturbs text, and every layer of the model attends to everything.

    Sliding windows and linear attention keep a state that cannot be cut and read on from with gradients, and with MMA a medium reads the text behind it: there both sides are read whole, and the attack
    on a text is `free`, as on a medium.

    Raises:
        KitError: a beginning would be shared, and dropout or gradient checkpointing forbid it.
    """
    if robust is None or not attends_to_all(model) or isinstance(kind_of(model), Unmasked) or not any(TRAINABLE[name].modality == "text" for name in robust.perturbations):
        return False
    require_shareable(model)
    return True


def require_shareable(model) -> None:
    """Raises KitError where keys and values of the beginning cannot be shared, with the reason and what to do."""
    model = model.module if isinstance(model, torch.nn.parallel.DistributedDataParallel) else model
    dropout = max((getattr(module, "p", 0.0) for name, module in model.named_modules() if "lora_dropout" in name and isinstance(module, torch.nn.Dropout)), default=0.0)
    reason = None
    if dropout > 0:
        reason = (f"lora_dropout is {dropout}: each pass would drop other weights than the shared beginning did; set it to 0", f"lora_dropout が {dropout} です。共有した先頭部分と後続で異なる重みが落ちるため、0 にしてください")
    elif any(getattr(module, "gradient_checkpointing", False) for module in model.modules()):
        reason = ("gradient checkpointing keeps no keys and values to share; switch it off (training.gradient_checkpointing: false)", "勾配チェックポイントでは共有するキーと値が残りません。training.gradient_checkpointing: false にしてください")
    elif not attends_to_all(model):
        reason = ("this checkpoint has sliding windows or linear attention, whose state cannot be cut and read on from with gradients", "このチェックポイントはスライディングウィンドウまたは線形アテンションを含むため、先頭部分を共有できません")
    elif isinstance(kind_of(model), Unmasked):
        reason = ("with MMA the tokens of a medium read the text behind them, so a beginning is not the same for two texts; run both sides whole", "MMA ではメディアのトークンが後ろの文章を読むため、先頭部分を共有できません。両方を全体で実行してください")
    if reason:
        raise KitError(say(f"robust training cannot share the beginning of prompts: {reason[0]}", f"ロバスト学習で先頭部分を共有できません：{reason[1]}"))


def robust_losses(model, pairs: Pairs, settings: Robust) -> Losses:
    """The losses of B pairs; `total` = (clean + w perturbed) / (1 + w) + lambda x divergence, each a mean over the B samples' answer tokens.

    Args:
        model: with its adapter, in train mode; see `require_shareable`.

    Raises:
        KitError: the beginning cannot be shared with this model.
    """
    require_shareable(model)
    device = base_of(model).device
    tokens, real, answers, text = (value.to(device) for value in (pairs.tokens, pairs.real, pairs.answers, pairs.text))
    begun = begin(model, to_device(pairs.beginnings, model))
    embedded = base_of(model).get_input_embeddings()(tokens)
    scored, targets = answers.roll(-1, 1), tokens[answers]  # the token at t is predicted at t - 1
    scored[:, -1] = False
    half = len(tokens) // 2
    delta, reach = None, None
    if settings.ascent_steps:
        delta, reach = attack(model, begun, tokens[half:], embedded[half:].detach(), real[half:], scored[half:], tokens[half:][answers[half:]], text, settings, pairs.seeds)
        embedded = torch.cat([embedded[:half], embedded[half:] + delta])
    # the answers of both sides are the same tokens; each side without the padding that the other's length would bring
    clean, perturbed = (_of_side(model, begun, *(value[side] for value in (tokens, embedded, real, scored))) for side in (slice(half), slice(half, None)))
    return _together(clean, perturbed, targets.chunk(2)[0], settings, reach)


def _of_side(model, begun: Begun, ids: torch.Tensor, embedded: torch.Tensor, real: torch.Tensor, scored: torch.Tensor) -> torch.Tensor:
    """`go_on` from the first column in which any row has a token."""
    first = int((real.sum(0) > 0).int().argmax())
    return go_on(model, begun, ids[:, first:], embedded[:, first:], real[:, first:], scored[:, first:])


def losses_apart(model, apart: Apart, settings: Robust):
    """`robust_losses` where the two sides begin differently: yields the Losses of one backward after the other, whose totals add up to the update's (`targets` are in the first).

    One, of two plain forwards, where nothing is attacked; three forwards with a "fast" attack; K + 1 backwards with "freelb", which reads an attack's slope from the backward that the caller runs.
    """
    clean, targets = answer_logits(model, apart.clean)
    where = apart.text.to(targets.device)
    if settings.ascent_steps:
        where = where | tokens_of(model, apart.perturbed["input_ids"].to(targets.device), apart.added, apart.clean["input_ids"].to(targets.device))
    if not settings.ascent_steps or not where.any():
        yield _together(clean, answer_logits(model, apart.perturbed)[0], targets, settings)
        return
    width = base_of(model).get_input_embeddings().weight.shape[-1]
    one, count = torch.ones(len(where), 1, 1, device=targets.device), where.sum(1).clamp(min=1) * width
    unit = within((2 * random_start(where, width, apart.seeds) - 1) * where.unsqueeze(-1), one, count, settings.ascent).requires_grad_(True)
    if settings.free == "fast":
        with nudged(model, unit, where, settings.epsilon):
            (slope,) = torch.autograd.grad(cross_entropy(answer_logits(model, apart.perturbed)[0], targets, reduction="sum"), unit)
        unit = ascended(unit, slope, where, _FAST, one, count, settings.ascent)
        with nudged(model, unit, where, settings.epsilon):
            yield _together(clean, answer_logits(model, apart.perturbed)[0], targets, settings, reach_of(unit, where, one, count, settings.ascent))
        return
    weight, said = 1 / (1 + settings.perturbed), clean.detach()  # a constant in the divergence: its graph is gone after the first backward
    yield Losses(weight * cross_entropy(clean, targets), float(cross_entropy(said, targets)), 0.0, 0.0, targets)
    for _ in range(settings.ascent_steps):
        with nudged(model, unit, where, settings.epsilon):
            other = answer_logits(model, apart.perturbed)[0]
        learned, drift = cross_entropy(other, targets), divergence(said, other, settings.divergence)
        yield Losses((weight * settings.perturbed * learned + settings.consistency * drift) / settings.ascent_steps, 0.0, float(learned.detach()), float(drift.detach()), targets[:0], reach_of(unit, where, one, count, settings.ascent))
        unit = ascended(unit, unit.grad, where, settings.ascent_size or 2.5 / settings.ascent_steps, one, count, settings.ascent).requires_grad_(True)


def _together(clean: torch.Tensor, perturbed: torch.Tensor, targets: torch.Tensor, settings: Robust, reach: float | None = None) -> Losses:
    """The losses of two sides' logits (S, V) at the same answers (S,)."""
    losses, apart = [cross_entropy(side, targets) for side in (clean, perturbed)], divergence(clean, perturbed, settings.divergence)
    total = (losses[0] + settings.perturbed * losses[1]) / (1 + settings.perturbed) + settings.consistency * apart
    return Losses(total, float(losses[0].detach()), float(losses[1].detach()), float(apart.detach()), targets, reach)


def unlikely(model, other: Unlike) -> tuple[torch.Tensor, torch.Tensor]:
    """-log(1 - p) of each sample's answer p in nats, the mean over samples weighted by their answers' tokens, and those tokens (S,). Unlikelihood (Welleck et al., arXiv 1908.04319), of whole answers."""
    logits, targets = answer_logits(model, other.batch)
    lengths = (other.batch["labels"][:, 1:] != -100).sum(1).to(targets.device)
    rows = torch.arange(len(lengths), device=targets.device).repeat_interleave(lengths)
    surprise = torch.zeros(len(lengths), device=targets.device).index_add(0, rows, cross_entropy(logits, targets, reduction="none"))  # -log p
    losses = -torch.log(-torch.expm1(-surprise - 1e-6))  # finite where p is 1, which is where its slope is needed
    return (losses * lengths).sum() / lengths.sum(), targets


def divergence(clean: torch.Tensor, perturbed: torch.Tensor, kind: str = "kl") -> torch.Tensor:
    """Mean over the S answer tokens of KL(clean || perturbed), the clean side a constant, or of the Jensen-Shannon divergence; logits (S, V), nats."""
    p, q = clean.log_softmax(-1), perturbed.log_softmax(-1)
    if kind == "kl":
        p = p.detach()
        return (p.exp() * (p - q)).sum(-1).mean()
    middle = torch.logaddexp(p, q) - torch.log(torch.tensor(2.0))
    return ((p.exp() * (p - middle)).sum(-1) + (q.exp() * (q - middle)).sum(-1)).mean() / 2
