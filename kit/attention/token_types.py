"""Which modality each key belongs to: told to every attention layer of a language model, whatever the family, and kept with the keys in the cache.

Families hand transformers' `mm_token_type_ids` on to attention functions or use it up, and `generate` refuses arguments that it does not know; so a
pre-hook on the top model reads `input_ids`. Nothing is kept on a module: a checkpointed recompute would read the wrong batch.
"""

import torch
from torch.utils.hooks import RemovableHandle

from kit.data import MODALITIES
from kit.errors import KitError
from kit.language import say
from kit.models.forward import base_of, entry_of
from kit.models.media_tokens import media_token_ids


class TokenTypes:
    """The keys of one forward: those in the cache, then the new ones.

    Attributes:
        codes: (B, T) index into MODALITIES.
        turns: (B, T) how many turns had ended before each token.
    """

    def __init__(self, codes: torch.Tensor, turns: torch.Tensor):
        self.codes, self.turns, self._known = codes, turns, {}

    def of_keys(self, what: torch.Tensor, number: int) -> torch.Tensor:
        """`what` (B, T; codes or turns) of the `number` keys that a layer holds: the last ones (a sliding window forgets), or all, and behind them what a static cache has kept free."""
        return (
            torch.nn.functional.pad(what, (0, number - what.shape[1]))
            if number > what.shape[1]
            else what[:, what.shape[1] - number :]
        )

    def of_rows(self, what: torch.Tensor, number: int) -> torch.Tensor:
        """`what` of the `number` tokens that ask, which are always the last ones."""
        return what[:, what.shape[1] - number :]

    def once(self, name: str, mask: torch.Tensor | None, work):
        """`work()`, done by the first layer that asks for it: the layers of one forward share their masks."""
        if (name, id(mask)) not in self._known:
            self._known[name, id(mask)] = (mask, work())  # the mask is held, so that its id stays its own
        return self._known[name, id(mask)][1]


def tell_token_types(model) -> RemovableHandle | None:
    """Installs the hook on the top model, once; its handle, None where it was there already."""
    top = base_of(model)
    if getattr(top, "_tells_token_types", False):
        return None
    top._tells_token_types = True
    marks = media_token_ids(top)
    ends = torch.tensor(
        sorted(
            {
                *_listed(getattr(getattr(top, "generation_config", None), "eos_token_id", None)),
                *_listed(top.config.get_text_config().eos_token_id),
            }
        ),
        dtype=torch.long,
    )

    def tell(module, args, kwargs):
        if kwargs.get("token_types") is None:
            cache = kwargs.get("past_key_values")
            ids = kwargs.get("input_ids", args[0] if args else None)
            ids = _ids_of_all_keys(getattr(cache, "embedded_ids", None) if ids is None else ids, cache)
            codes = torch.zeros_like(ids)
            for modality, mark in marks.items():
                codes[ids == mark] = MODALITIES.index(modality)
            ended = torch.isin(ids, ends.to(ids.device)).long()
            kwargs["token_types"] = TokenTypes(
                codes, ended.cumsum(1) - ended
            )  # the token that ends a turn belongs to it
        return args, kwargs

    return entry_of(top).register_forward_pre_hook(tell, with_kwargs=True)


def _ids_of_all_keys(ids: torch.Tensor | None, cache) -> torch.Tensor:
    """(B, T) token ids of the cached keys, which are kept on the cache, and of the new ones."""
    if ids is None:
        raise KitError(
            say(
                "this attention must know which token is text, picture or sound, and it was given embeddings only: pass input_ids, or token_types=TokenTypes(...) beside inputs_embeds",
                "この注意機構は各トークンがテキスト・画像・音声のどれかを知る必要がありますが、埋め込みだけが渡されました。input_ids を渡すか、inputs_embeds と一緒に token_types=TokenTypes(...) を渡してください",
            )
        )
    if cache is None:
        return ids
    before, past = getattr(cache, "read_ids", None), int(cache.get_seq_length())
    if past:
        if before is None or before.shape[1] < past:
            raise KitError(
                say(
                    "the cache was filled before this attention was switched on, so nobody knows which of its keys are text: read the prompt again",
                    "キャッシュはこの注意機構に切り替える前に作られたため、キーの種類が分かりません。プロンプトを読み直してください",
                )
            )
        ids = torch.cat(
            [before[:, :past].repeat_interleave(len(ids) // len(before), 0), ids], 1
        )  # options or beams made the batch larger
    cache.read_ids = ids
    return ids


def _listed(value) -> list[int]:
    return [] if value is None else list(value) if isinstance(value, (list, tuple)) else [value]
