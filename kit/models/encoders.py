"""What a frozen encoder makes of a picture, video or sound is computed once and remembered: training comes back to every sample many times.

Exact, not approximate: the key is the content that the encoder reads, so a picture that is turned or cut is another picture. What is remembered is
what enters the language model (after the connector, with the features that Qwen3-VL feeds to deeper layers), so connector and encoder must both be frozen.
"""

import hashlib
import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from types import SimpleNamespace

import torch

from kit.models.forward import owner_of
from kit.models.lora import component_of

ROOM = 2 * 2**30  # bytes: about 1,000 pictures of 256 tokens for a 7B model
# what is remembered, and the components that must be frozen for it; a composed model's encoder is remembered while its connector is trained
_METHODS = {
    "get_image_features": {"vision", "connector"}, "get_video_features": {"vision", "connector"}, "get_audio_features": {"audio", "connector"}, "get_audio_frames": {"audio"},
}  # fmt: skip
_TENSORS = {
    *("pixel_values", "pixel_values_videos", "image_grid_thw", "video_grid_thw", "input_features", "feature_attention_mask"),
    *("image_position_ids", "video_position_ids", "num_frames_per_video", "image_sizes", "batch_num_images", "pixel_attention_mask"),
}


class Memory:
    """Features by content, in the machine's own memory; what no longer fits is computed each time.

    Attributes:
        room: bytes that are still free.
        hits, misses: media that were remembered, and media that were not.
    """

    def __init__(self, room: int = ROOM):
        self.room, self.hits, self.misses, self._kept = room, 0, 0, {}

    def of(self, encode: Callable, given: dict) -> SimpleNamespace:
        """What `encode` makes of one medium, without gradients: `pooler_output` or `last_hidden_state`, `deepstack_features`, and the `form` of its output."""
        key = _digest(given)
        if key in self._kept:
            self.hits += 1
            return self._kept[key]
        self.misses += 1
        with torch.no_grad():
            made = encode(**given, return_dict=True)
        # the hidden states before the connector are four times as large, and only Qwen2.5-Omni's ears hand theirs on
        read = "last_hidden_state" if "input_features" in given else "pooler_output"
        features = SimpleNamespace(form=type(made), deepstack_features=getattr(made, "deepstack_features", None))
        setattr(features, read, getattr(made, read))
        size = sum(tensor.nbytes for tensor in _tensors(vars(features)))
        if size <= self.room:
            self.room -= size
            self._kept[key] = _moved(features, "cpu")
        return features


@contextmanager
def remembered(model, room: int = ROOM, scoring: bool = False) -> Iterator[Memory]:
    """While it lasts, the frozen encoders of `model` are asked once for each picture, video and sound.

    A modality whose encoder or connector is trained is left alone, and so are calls that this module cannot take apart (Gemma 4's sounds).

    Args:
        room: bytes of features that are kept.
        scoring: no weight is moved and no gradient taken while it lasts, so that trained encoders are remembered, too.
    """
    memory = Memory(room)
    trained = set() if scoring else {component_of(path) for path, weight in model.named_parameters() if weight.requires_grad}
    patched = []
    for method, parts in _METHODS.items():
        owner = owner_of(model, method)
        if owner is not None and not trained & parts and method not in vars(owner):
            setattr(owner, method, partial(_remembering, getattr(owner, method), memory))
            patched.append((owner, method))
    try:
        yield memory
    finally:
        for owner, method in patched:
            delattr(owner, method)


def _remembering(encode: Callable, memory: Memory, *args, return_dict: bool = True, **kwargs):
    """`encode` for each medium of the batch alone, from memory where it can be, put together as `encode` itself would have answered."""
    given = dict(inspect.signature(encode).bind(*args, **kwargs).arguments)
    given = {name: value for name, value in {**given, **given.pop("kwargs", {})}.items() if value is not None}
    tensors = {name for name, value in given.items() if torch.is_tensor(value)}
    media = list(_media(given)) if return_dict and tensors <= _TENSORS else []
    if not media:
        return encode(*args, return_dict=return_dict, **kwargs)
    device = given[next(iter(tensors))].device
    return _together([_moved(memory.of(encode, one), device) for one in media])


def _media(given: dict) -> Iterator[dict]:
    """The arguments of a get_*_features call for one medium (or one prompt's pictures) after the other; nothing for a call of unknown shape."""
    name = next((name for name in ("pixel_values", "pixel_values_videos", "input_features") if name in given), None)
    grid = "image_grid_thw" if name == "pixel_values" else "video_grid_thw"
    if grid in given:  # Qwen: the patches of all media one after the other
        yield from _split(given, {name: given[grid].prod(-1).tolist(), grid: 1})
    elif "num_frames_per_video" in given:  # Gemma 4's videos: their frames one after the other
        frames = given["num_frames_per_video"].tolist()
        yield from _split(given, {name: frames, "video_position_ids": frames, "num_frames_per_video": 1})
    elif "image_position_ids" in given or "video_position_ids" in given:  # Gemma 4: a row per picture (transformers < 5.20: and per video)
        yield from _split(given, {name: 1, "image_position_ids": 1, "video_position_ids": 1})
    elif "image_sizes" in given:  # LLaVA-OneVision: the pictures of a prompt are cut up differently when there are several
        together = given["batch_num_images"].tolist() if "batch_num_images" in given else 1
        yield from _split(given, {name: together, "image_sizes": together, "batch_num_images": 1})
    elif "feature_attention_mask" in given:  # Qwen2.5-Omni: sounds are padded on the right
        for one in _split(given, {name: 1, "feature_attention_mask": 1}):
            length = int(one["feature_attention_mask"].sum())
            yield {**one, name: one[name][..., :length], "feature_attention_mask": one["feature_attention_mask"][:, :length]}
    elif name == "pixel_values" and given[name].dim() == 5:  # SmolVLM: the tiles of a prompt's pictures, padded with black ones
        for one in _split(given, {name: 1, "pixel_attention_mask": 1}):
            if real := int((one[name] != 0).flatten(2).any(-1).sum()):
                yield {key: value[:, :real] if key in (name, "pixel_attention_mask") else value for key, value in one.items()}
    elif name in ("pixel_values", "pixel_values_videos"):  # a row per tile (InternVL) or per video (LLaVA-OneVision)
        yield from _split(given, {name: 1})


def _split(given: dict, sizes: dict) -> Iterator[dict]:
    """`given` with the tensors named in `sizes` split along their first axis, everything else as it is."""
    parts = {name: given[name].split(size) for name, size in sizes.items() if name in given}
    for pieces in zip(*parts.values(), strict=True):
        yield given | dict(zip(parts, pieces, strict=True))


def _together(found: list[SimpleNamespace]):
    """One output of the encoder's own class from the features of each medium."""
    fields = {name: _joined([getattr(one, name) for one in found]) for name in ("pooler_output", "last_hidden_state") if hasattr(found[0], name)}
    if found[0].deepstack_features is not None:  # a list of one per layer
        fields["deepstack_features"] = [_joined(list(layer)) for layer in zip(*(one.deepstack_features for one in found), strict=True)]
    output = found[0].form()
    for name, value in fields.items():  # transformers, too, sets what a class does not declare
        setattr(output, name, value)
    return output


def _joined(values: list):
    """Tensors one after the other along their first axis, lists of one per medium as one tuple."""
    if torch.is_tensor(values[0]):
        return torch.cat(values)
    return tuple(one for value in values for one in value)


def _moved(value, device):
    """A copy of nested tensors on `device`."""
    if torch.is_tensor(value):
        return value.to(device)
    if isinstance(value, SimpleNamespace):
        return SimpleNamespace(**{name: _moved(part, device) for name, part in vars(value).items()})
    return type(value)(_moved(part, device) for part in value) if isinstance(value, list | tuple) else value


def _tensors(value) -> Iterator[torch.Tensor]:
    if torch.is_tensor(value):
        yield value
    for part in value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ():
        yield from _tensors(part)


def _digest(given: dict) -> bytes:
    digest = hashlib.blake2b(digest_size=16)
    for name, value in sorted(given.items()):
        digest.update(name.encode())
        if torch.is_tensor(value):
            digest.update(f"{tuple(value.shape)} {value.dtype} {torch.is_autocast_enabled(value.device.type)}".encode())
            digest.update(value.detach().cpu().contiguous().view(torch.uint8).numpy())
        else:
            digest.update(repr(value).encode())
    return digest.digest()
