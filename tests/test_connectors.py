"""Connectors: how many tokens come out, that padding is nobody's business, and what Ola's pooling is by hand."""

import pytest
import torch

from kit.errors import KitError
from kit.models.connectors import CONNECTORS, build, initialise, settled, tokens_of_window

EACH = pytest.mark.parametrize("kind", CONNECTORS)


def made(kind, **changed):
    torch.manual_seed(0)
    return build(settled({"kind": kind, "stack": 4} | changed, 64, 128))


@EACH
def test_as_many_tokens_come_out_as_are_told(kind):
    connector = made(kind)
    lengths = torch.tensor([1, 4, 5, 12])
    tokens = connector(torch.randn(4, 12, 64), lengths)
    assert tokens.shape == (int(connector.tokens(lengths).sum()), 128)
    assert connector.tokens(lengths).tolist() == [connector.tokens(n) for n in lengths.tolist()] == [n * (4 if kind == "resampler" else 1) for n in (1, 1, 2, 3)]


@EACH
def test_padding_and_neighbours_change_no_token(kind):
    connector, (short, long) = made(kind), (torch.randn(1, 6, 64), torch.randn(1, 11, 64))
    padded = torch.full((1, 11, 64), 1e4)
    padded[:, :6] = short
    together = connector(torch.cat([padded, long]), torch.tensor([6, 11]))
    alone = torch.cat([connector(short, torch.tensor([6])), connector(long, torch.tensor([11]))])
    assert torch.allclose(together, alone, atol=1e-6)


@EACH
def test_every_weight_is_learned_and_every_linear_fits_four_bit(kind):
    connector = made(kind)
    connector(torch.randn(2, 8, 64), torch.tensor([8, 7])).square().sum().backward()
    # the bias of a softmax's keys moves all scores alike
    assert [name for name, weight in connector.named_parameters() if not float(weight.grad.abs().max()) > 0 and name != "key.bias"] == []
    linear = [module for module in connector.modules() if isinstance(module, torch.nn.Linear)]
    assert all(side % 64 == 0 for module in linear for side in (module.in_features, module.out_features))


@EACH
def test_fresh_weights_are_those_of_their_seed(kind):
    first, again, other = (made(kind) for _ in range(3))
    for connector, seed in ((first, 1), (again, 1), (other, 2)):
        initialise(connector, seed)
    ours, same, others = (torch.cat([weight.flatten() for weight in one.parameters()]) for one in (first, again, other))
    assert torch.equal(ours, same) and not torch.equal(ours, others)


def test_olas_pooling_by_hand():
    pooling = made("pooling")
    frames = torch.randn(1, 4, 64)
    local = pooling.hidden(frames[0])  # (4, W)
    mean = local.mean(0)
    weights = torch.stack([pooling.score(torch.cat([one, mean])) for one in local]).softmax(0)  # a softmax over the four, for each channel its own
    expected = pooling.out(torch.nn.functional.gelu((weights * local).sum(0)))
    assert torch.allclose(pooling(frames, torch.tensor([4]))[0], expected, atol=1e-6)


def test_ola_has_five_tokens_per_second_of_whisper():
    assert tokens_of_window(settled({"kind": "mlp", "stack": 10, "activation": "relu"}, 1280, 3584), 50) == 5
    assert isinstance(made("mlp", activation="relu").activation, torch.nn.ReLU)


@pytest.mark.parametrize("wrong", ["conv", {"kind": "mlp", "stride": 2}, {"kind": "mlp", "stack": 0}, {"kind": "mlp", "activation": "tanh"}, {"kind": "resampler", "heads": 7}])
def test_what_cannot_be_made_is_told(wrong):
    with pytest.raises(KitError, match=r"connector .* cannot be made: the kind is one of linear, mlp, pooling, resampler, settings are kind, stack, .*e\.g\. \{'kind': 'mlp', 'stack': 10\}"):
        settled(wrong, 64, 64)
