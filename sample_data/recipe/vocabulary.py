"""The tokenizer: byte-level BPE trained on the world's own sentences and on a broad word list.

Byte-level, so that any English or Japanese string can be encoded; the word lists make words that the world never uses (a company's
words) a few tokens long instead of one per byte.
"""

from collections.abc import Iterable
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from sample_data.recipe.model import SPECIAL

WORLD = Path(__file__).resolve().parents[1] / "world"
SIZE = 2560
# Letters and digits apart, Japanese scripts apart from each other: a Japanese sentence has no spaces to cut it at.
PIECES = r" ?[A-Za-z]+|\d|[\u3041-\u309f]+|[\u30a0-\u30ff]+|[\u4e00-\u9fff]+|\n| ?[^\sA-Za-z\d\u3041-\u30ff\u4e00-\u9fff]+|\s"


def word_list() -> list[str]:
    """Returns the broad word list, English and Japanese; English words also as they stand inside a sentence."""
    english = (WORLD / "words_en.txt").read_text(encoding="utf-8").split()
    japanese = (WORLD / "words_ja.txt").read_text(encoding="utf-8").split()
    return [f" {word}" for word in english] + japanese * 3


def train_tokenizer(sentences: Iterable[str], path: Path) -> int:
    """Trains the tokenizer and writes it.

    Args:
        sentences: what the model will read in training.
        path: of the `tokenizer.json` to write.

    Returns:
        The size of the vocabulary, special tokens included.
    """
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PIECES), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=SIZE,
        special_tokens=[AddedToken(token, normalized=False, special=True) for token in SPECIAL.values()],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([*sentences, *word_list()], trainer)
    tokenizer.save(str(path))
    return tokenizer.get_vocab_size()
