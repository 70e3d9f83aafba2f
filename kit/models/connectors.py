"""Connectors: what an encoder makes of sound (or pictures) -> what a language model can read, with fewer tokens.

Every connector cuts the frames of an encoder window into pieces of `stack` frames, and makes the same number of tokens of each piece; the last piece may be shorter.
Shapes: N windows, L frames, P pieces, k frames of a piece, C encoder width, D width of the language model.
"""

import torch
from torch import nn
from torch.nn.functional import pad, scaled_dot_product_attention, softmax

from kit.errors import KitError
from kit.language import say

DEFAULTS = {"kind": "mlp", "stack": 4, "width": None, "activation": "gelu", "queries": 4, "heads": 4}
_ACTIVATIONS = {"gelu": nn.GELU, "relu": nn.ReLU}


def settled(connector: str | dict, inside: int, outside: int) -> dict:
    """A connector's whole settings, which a checkpoint's config keeps.

    Args:
        connector: a name of CONNECTORS, or {"kind": name, and what differs from DEFAULTS}: `stack` frames per piece (Ola: 10 of Whisper's 50 per second), `width` of the hidden layer,
            `activation` gelu or relu (Ola), `queries` tokens per piece and `heads` (resampler).
        inside, outside: C and D.

    Raises:
        KitError: a kind, a setting or a value that does not exist.
    """
    asked = {"kind": connector} if isinstance(connector, str) else dict(connector)
    strange = sorted(set(asked) - {*DEFAULTS, "inside", "outside"})
    whole = DEFAULTS | asked | {"inside": inside, "outside": outside}
    whole["width"] = whole["width"] or (inside if whole["kind"] == "resampler" else outside)
    wrong = [name for name in ("stack", "queries", "heads") if not isinstance(whole[name], int) or whole[name] < 1]
    if strange or wrong or whole["kind"] not in CONNECTORS or whole["activation"] not in _ACTIVATIONS or whole["width"] % whole["heads"]:
        raise KitError(
            say(
                f"connector {connector!r} cannot be made: the kind is one of {', '.join(CONNECTORS)}, settings are {', '.join(DEFAULTS)}, stack, queries and heads are whole numbers from 1, "
                f"activation is gelu or relu, and heads divide the width ({whole['width']}); e.g. {{'kind': 'mlp', 'stack': 10}}",
                f"コネクター {connector!r} は作れません。kind は {'、'.join(CONNECTORS)} のいずれか、設定名は {'、'.join(DEFAULTS)}、stack・queries・heads は 1 以上の整数、activation は gelu か relu、"
                f"heads は幅（{whole['width']}）を割り切る数にしてください。例：{{'kind': 'mlp', 'stack': 10}}",
            )
        )
    return whole


def build(settings: dict) -> "Connector":
    """The connector that `settings` (of `settled`) describe, with fresh weights."""
    return CONNECTORS[settings["kind"]](settings)


def initialise(connector: nn.Module, seed: int = 0) -> None:
    """Fresh, seeded weights of torch's own kind, where transformers would draw from one narrow normal; no bias at the end."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for module in connector.modules():
            if hasattr(module, "reset_parameters"):
                module.reset_parameters()
    with torch.no_grad():
        connector.out.bias.zero_()


def tokens_of_window(settings: dict, frames):
    """How many tokens come out of a window of that many real frames (an int, or a tensor of them)."""
    return -(-frames // settings["stack"]) * (settings["queries"] if settings["kind"] == "resampler" else 1)


class Connector(nn.Module):
    """What all kinds share: frames in, tokens out, and padding that nobody reads."""

    def __init__(self, settings: dict):
        super().__init__()
        self.settings, self.stack = settings, settings["stack"]

    def tokens(self, frames):
        """How many tokens come out of a window of that many real frames (an int, or a tensor of them)."""
        return tokens_of_window(self.settings, frames)

    def forward(self, frames: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """Tokens (A, D) of all windows one after the other, of each as many as `tokens` says.

        Args:
            frames: (N, L, C), padded on the right with anything.
            lengths: (N,) real frames of each window, 1 to L.
        """
        real = torch.arange(frames.shape[1], device=frames.device) < lengths.to(frames.device)[:, None]
        more = -frames.shape[1] % self.stack
        pieces = pad(frames.masked_fill(~real[..., None], 0.0), (0, 0, 0, more)).unflatten(1, (-1, self.stack))  # (N, P, k, C)
        real = pad(real, (0, more)).unflatten(1, (-1, self.stack))  # (N, P, k)
        there = real.any(-1)  # (N, P)
        return self.of_pieces(pieces[there], real[there])

    def of_pieces(self, pieces: torch.Tensor, real: torch.Tensor) -> torch.Tensor:
        """Tokens (A, D) of pieces (P, k, C), zeros where not `real` (P, k); a piece has one real frame at least."""
        raise NotImplementedError


class Linear(Connector):
    """The frames of a piece side by side, and one matrix."""

    def __init__(self, settings: dict):
        super().__init__(settings)
        self.out = nn.Linear(settings["inside"] * settings["stack"], settings["outside"])

    def of_pieces(self, pieces, real):
        return self.out(pieces.flatten(1))


class Mlp(Connector):
    """The frames of a piece side by side -> Linear -> activation -> Linear: Ola's connector for sound (arXiv 2502.04328: 10 frames, ReLU, so 5 tokens per second)."""

    def __init__(self, settings: dict):
        super().__init__(settings)
        self.hidden = nn.Linear(settings["inside"] * settings["stack"], settings["width"])
        self.activation = _ACTIVATIONS[settings["activation"]]()
        self.out = nn.Linear(settings["width"], settings["outside"])

    def of_pieces(self, pieces, real):
        return self.out(self.activation(self.hidden(pieces.flatten(1))))


class Pooling(Connector):
    """Ola's local-global attention pooling (arXiv 2502.04328): Linear -> each frame is weighed, per channel, by what it and its piece's mean say -> activation -> Linear."""

    def __init__(self, settings: dict):
        super().__init__(settings)
        width = settings["width"]
        self.hidden = nn.Linear(settings["inside"], width)
        self.score = nn.Sequential(nn.Linear(2 * width, width), nn.GELU(), nn.Linear(width, width))
        self.activation = _ACTIVATIONS[settings["activation"]]()
        self.out = nn.Linear(width, settings["outside"])

    def of_pieces(self, pieces, real):
        return self.out(self.activation(self.pooled(self.hidden(pieces), real)))

    def pooled(self, local: torch.Tensor, real: torch.Tensor) -> torch.Tensor:
        """(P, k, W) -> (P, W). For pictures the k of a piece are the tokens of a 2 x 2 square."""
        there = real[..., None]
        whole = (local * there).sum(1, keepdim=True) / there.sum(1, keepdim=True)
        score = self.score(torch.cat([local, whole.expand_as(local)], -1))
        return (local * softmax(score.masked_fill(~there, float("-inf")), 1)).sum(1)


class Resampler(Connector):
    """A few learned queries look at each piece by cross attention (Flamingo's perceiver, arXiv 2204.14198, in one layer): `queries` tokens per piece, however many frames it has."""

    def __init__(self, settings: dict):
        super().__init__(settings)
        inside, width, self.heads = settings["inside"], settings["width"], settings["heads"]
        self.queries = nn.Parameter(torch.empty(settings["queries"], width))
        self.query, self.key, self.value = nn.Linear(width, width), nn.Linear(inside, width), nn.Linear(inside, width)
        self.place = nn.Parameter(torch.empty(settings["stack"], inside))  # which frame of the piece it is
        self.norm = nn.LayerNorm(width)
        self.activation = _ACTIVATIONS[settings["activation"]]()
        self.hidden, self.out = nn.Linear(width, width), nn.Linear(width, settings["outside"])
        self.reset_parameters()

    def reset_parameters(self) -> None:
        nn.init.normal_(self.queries, std=self.queries.shape[1] ** -0.5)
        nn.init.normal_(self.place, std=0.02)

    def of_pieces(self, pieces, real):
        placed = pieces + self.place
        query = self.query(self.queries).expand(len(pieces), -1, -1)
        heads = [value.unflatten(-1, (self.heads, -1)).transpose(1, 2) for value in (query, self.key(placed), self.value(placed))]
        seen = scaled_dot_product_attention(*heads, attn_mask=real[:, None, None])  # (P, heads, queries, width / heads)
        seen = seen.transpose(1, 2).flatten(2) + self.queries
        return self.out(self.activation(self.hidden(self.norm(seen)))).flatten(0, 1)


CONNECTORS = {"linear": Linear, "mlp": Mlp, "pooling": Pooling, "resampler": Resampler}
