"""The samples of one update -> parts of like length, so that little of a forward is padding.

An update's samples stay those that were drawn. Only their order inside the update changes, and a loss over all its answer tokens does not see that;
sorting the whole data set would save a little more, and would follow updates of short samples by updates of long ones.
"""

import torch

from kit.data import Sample
from kit.data.collator import Collator
from kit.data.media import image_size
from kit.training.pairs import paired, set_apart, shares_its_beginning
from kit.training.robust import Unlike, sides_of, unlike

_ALIKE = 1.3  # a part's longest sample may be so many times as long as its shortest
_OTHER_MEDIUM = 400  # tokens of a video or sound: far from a text's, so that each kind of evidence has its part


class Parts:
    """Collates the samples of one update in parts that are run one after the other.

    Args:
        collator: makes one batch of each part.
        most: samples per part at most; `halve` lowers it, for the workers of a data loader too.
        shares: the model can read on from a beginning with gradients (`kit.training.robust.shares_beginnings`); else all pairs are run as two batches apart.
    """

    def __init__(self, collator: Collator, most: int, shares: bool = True):
        self.collator, self._most, self._pictures, self.shares = collator, torch.tensor([most]).share_memory_(), {}, shares

    @property
    def most(self) -> int:
        """Samples per part at most."""
        return int(self._most)

    def halve(self) -> int:
        """Halves the number of samples per part, and returns it."""
        self._most //= 2
        return self.most

    def __call__(self, samples: list[Sample]) -> dict:
        """{"samples", "parts": batches, "pairs": of `kit.training.robust`, "apart": `Apart`s, "unlike": batches of `kit.training.robust`, "labels": (1, S + 1) the supervised tokens, which the Trainer counts}.

        Rows that drew another row's deciding evidence are in "unlike", too. Rows that drew a perturbation are pairs where both sides begin alike, and batches apart where they do not (another picture, or a model that cannot share); each counts once.
        """
        sides = [(sample, sides_of(sample)) for sample in samples]
        parts = [self.collator(part) for part in self.alike([sample for sample, pair in sides if pair is None])]
        alike, other = ([pair for _, pair in sides if pair and (self.shares and shares_its_beginning(*pair)) == same] for same in (True, False))
        pairs = [paired(self.collator, *(list(side) for side in zip(*part, strict=True))) for part in self._in_turn(alike)]
        apart = [set_apart(self.collator, *(list(side) for side in zip(*part, strict=True))) for part in self._in_turn(other)]
        drew = [other for other in map(unlike, samples) if other]
        others = [Unlike(self.collator(part)) for part in (self.alike(drew) if drew else ())]
        supervised = [part["labels"][part["labels"] != -100] for part in (*parts, *(pair.clean for pair in apart))]
        supervised += [pair.tokens[pair.answers].chunk(2)[0] for pair in pairs]
        return {"samples": samples, "parts": parts, "pairs": pairs, "apart": apart, "unlike": others, "labels": torch.cat([torch.tensor([-100]), *supervised])[None]}

    def _in_turn(self, pairs: list) -> list[list]:
        """Pairs that are run together: two rows each."""
        most = max(1, self.most // 2)
        return [pairs[start : start + most] for start in range(0, len(pairs), most)]

    def alike(self, samples: list[Sample]) -> list[list[Sample]]:
        """The samples, shortest first, cut where one is much longer than the first of its part and where a part is full."""
        parts: list[list[Sample]] = []
        shortest = 0.0
        for length, _, sample in sorted((self.length(sample), place, sample) for place, sample in enumerate(samples)):
            if not parts or len(parts[-1]) == self.most or length > _ALIKE * shortest:
                parts.append([])
                shortest = length
            parts[-1].append(sample)
        return parts

    def length(self, sample: Sample) -> int:
        """About how many tokens a sample has; nothing is decoded for it, and only which samples are alike depends on it."""
        words = self.collator.processor.tokenizer(f"{sample.question} {sample.text}", add_special_tokens=False)["input_ids"]
        return len(words) + sum(map(self._picture_tokens, sample.image)) + _OTHER_MEDIUM * len(sample.video) + 2 * _OTHER_MEDIUM * len(sample.audio)

    def _picture_tokens(self, path) -> int:
        if path not in self._pictures:
            count = getattr(self.collator.processor, "_get_num_multimodal_tokens", None)  # made for servers; a processor without it calls all pictures alike
            self._pictures[path] = count(image_sizes=[image_size(path)]).num_image_tokens[0] if count else _OTHER_MEDIUM // 2
        return self._pictures[path]
