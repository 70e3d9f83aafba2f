"""A start in looking back: the language model's first two layers begin as an induction circuit.

Repeating what stood after the same token before ("induction", Elhage et al., A mathematical framework for transformer circuits, 2021; Olsson et al.,
In-context learning and induction heads, 2022) is what copying from a note, picking a listed option and learning from examples in the prompt are made
of. Models of any size come to it, but one this narrow not within the updates that two cores afford; docs/decisions.md has the figures.
Nothing is frozen: training goes on from these weights as from any others.
"""

import math

import torch
from torch import nn

SHARP = 34.0  # product of query and key per frequency: the token before scores e^4 times as much as its neighbours
FAST, SLOW = 6, 10  # frequencies that tell places apart; frequencies that hardly turn within a prompt and can carry what a token is
WRITE, MATCH, COPY = 0.1, 1.4, 0.2  # strengths, for embeddings of a standard deviation of 0.05
QUIET = 0.1  # of what the layers add at random: at full strength it drowns the embeddings, and with them the circuit


@torch.no_grad()
def start(language_model: nn.Module, seed: int) -> None:
    """Writes the circuit into a fresh Qwen-style decoder with rotary positions, biases on queries and keys, and grouped keys.

    Layer 0, head 0 looks at the token before and notes in the residual stream what it was. In layer 1 the first head of every key group
    looks for tokens that stood after one like the present, and repeats them.

    Args:
        language_model: with `layers` and `config`; changed in place.
        seed: of the projections.
    """
    config, generator = language_model.config, torch.Generator().manual_seed(seed)
    width, size = config.hidden_size, config.hidden_size // config.num_attention_heads
    half, group = size // 2, config.num_attention_heads // config.num_key_value_heads
    parts = torch.linalg.qr(torch.randn(width, 4 * size, generator=generator))[0].T.split(size)
    was, noted, *copied = parts  # each (size, width), all orthogonal
    for layer in language_model.layers:
        layer.self_attn.o_proj.weight *= QUIET
        layer.mlp.down_proj.weight *= QUIET
    first, second = (layer.self_attn for layer in language_model.layers[:2])

    turn = config.rope_parameters["rope_theta"] ** -(torch.arange(FAST) / half)  # radians per place
    for start_of in (0, half):
        rows = slice(start_of, start_of + FAST)
        first.q_proj.weight[rows] = 0
        first.k_proj.weight[rows] = 0
        first.q_proj.bias[rows] = math.sqrt(SHARP) if start_of == 0 else 0.0
        first.k_proj.bias[rows] = math.sqrt(SHARP) * (turn.cos() if start_of == 0 else turn.sin())
    first.v_proj.weight[:size] = WRITE * was
    first.o_proj.weight[:, :size] = noted.T

    slow = torch.cat([torch.arange(half - SLOW, half), torch.arange(size - SLOW, size)])
    for index in range(config.num_key_value_heads):
        seen = torch.arange(2 * SLOW) + index * (size - 2 * SLOW)
        query, key = index * group * size, index * size
        second.q_proj.weight[query : query + size] = 0
        second.k_proj.weight[key : key + size] = 0
        second.q_proj.weight[query + slow] = MATCH * was[seen]
        second.k_proj.weight[key + slow] = MATCH * noted[seen]
        second.v_proj.weight[key : key + size] = COPY * copied[index]
        second.o_proj.weight[:, query : query + size] = copied[index].T

