"""What a picture's tokens show is made to resemble the words for it.

A language model that can look a word up in a note cannot look it up in a picture whose tokens resemble no word: after 3,500 updates it named the marks of
either of two pictures (95 %), but which of them shows a given mark it guessed (56 %). 300 updates with this loss (and "which" asked before "what") made
that 72 %.
"""

import torch
from torch import nn

from sample_data.world import pictures
from sample_data.world.item import translate

NAMELESS = ("none", "glyph", "body")
SHARPNESS = 12.0  # of a cosine


class Naming:
    """The loss of a picture's tokens against the words for things and colours, in English and Japanese."""

    def __init__(self, tokenizer) -> None:
        self.columns = []  # one per row of `Picture.cells`
        for names in (pictures.THINGS, pictures.HUES):
            named = [name for name in names if name not in NAMELESS]
            index = torch.tensor([named.index(name) if name in named else -1 for name in names])
            words = [[f" {name}" for name in named], [translate(name, True) for name in named]]
            self.columns.append((index, [[tokenizer.encode(word) for word in language] for language in words]))

    def __call__(self, embedding: nn.Embedding, tokens: torch.Tensor, cells: torch.Tensor) -> torch.Tensor:
        """Returns the cross-entropy over names.

        Args:
            embedding: of the language model.
            tokens: connector output (B, V, C).
            cells: (B, 2, V) indices into things and hues; what has no name counts nothing.
        """
        loss = tokens.new_zeros(())
        tokens = nn.functional.normalize(tokens.float().flatten(0, 1), dim=-1)
        for column, (index, languages) in enumerate(self.columns):
            wanted = index[cells[:, column].flatten()]
            shown = wanted >= 0
            for words in languages if shown.any() else ():
                mean = torch.stack([embedding.weight[torch.tensor(word)].float().mean(0) for word in words])
                likeness = tokens[shown] @ nn.functional.normalize(mean, dim=-1).T
                loss = loss + nn.functional.cross_entropy(SHARPNESS * likeness, wanted[shown])
        return loss
