"""The batches of the reading stage and of the last two: sentences alone, then questions about everything in the bank.

Several questions about one medium follow each other as turns of a dialogue: its tokens are read once and asked about three times.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

from kit.language import say
from sample_data.recipe.bank import Bank, Seen
from sample_data.recipe.batches import IGNORED, Turn, tokens_of
from sample_data.recipe.model import SPECIAL
from sample_data.recipe.vision_warmup import FACTS
from sample_data.world import motions, questions, sentences
from sample_data.world.item import Item, choose
from sample_data.world.sentence_words import COLOURS, COLOURS_JA, PEOPLE, PEOPLE_JA, THINGS, THINGS_JA
from sample_data.world.speech import which_is_named

READING, DRILLS = 48, 16  # rows of a step of the reading stage
PER_STEP = {  # rows of a step of the two last stages
    "alignment": {"picture": 16, "pair": 2, "motion": 10, "sound": 16, "text": 28, "dialogue": 0, "examples": 2, "drill": 4},
    "alignment_again": {"picture": 18, "pair": 6, "motion": 4, "sound": 14, "text": 12, "dialogue": 14, "examples": 2, "drill": 2},
    "alignment_third": {"picture": 18, "pair": 16, "motion": 4, "sound": 6, "text": 6, "dialogue": 8, "examples": 2, "drill": 1},
}
TURNS = {"picture": 5, "motion": 4}
SCENES = 0.25  # of the pictures, beside their share of the bank: where which shape stands is learned last
NAMING = 0.3  # of the first of them: hardly any question lists its options, so that an answer can come from the medium only
HARDER = ("lookup", "owner", "compare", "copy", "count")  # kinds of text that are learned last: asked more in the last stage
Row = tuple[list[Turn], list[Seen]]
WORDS, WORDS_JA = (
    tuple(dict.fromkeys(words)) for words in (COLOURS + THINGS + PEOPLE, COLOURS_JA + THINGS_JA + PEOPLE_JA)
)


class Reading(Dataset):
    """Batches of pure text; step n is a function of n and of the process alone.

    Part of the rows are no sentences but drills in looking back: the same tokens again, or a list of pairs asked in another order. Every one of
    their tokens teaches what a question about a note teaches once (Olsson et al., In-context learning and induction heads, 2022).
    """

    def __init__(self, tokenizer, steps: int, seed: int, part: tuple[int, int] = (0, 1)) -> None:
        self.tokenizer, self.steps, self.seed, self.part = tokenizer, steps, seed, part

    def __len__(self) -> int:
        return self.steps

    def __getitem__(self, step: int) -> dict:
        turn, processes = self.part
        rng = np.random.default_rng([self.seed, step, turn])
        rows = [[(sentences.sentence(rng), [])] for _ in range(READING // processes)]
        drills = [drill(rng, self.tokenizer) for _ in range(DRILLS // processes)]
        return together(tokens_of(rows, self.tokenizer), drills, self.tokenizer.pad_token_id)


def drill(rng: np.random.Generator, tokenizer) -> tuple[list[int], list[int]]:
    """Returns the tokens of one drill and its labels."""
    ordinary = range(len(SPECIAL), len(tokenizer))
    if rng.random() < 0.4:
        once = [int(ordinary[i]) for i in rng.integers(0, len(ordinary), int(rng.integers(5, 25)))]
        return once + once, [IGNORED] * len(once) + once
    words = list(WORDS if rng.random() < 0.6 else WORDS_JA)
    count = int(rng.integers(2, 8))
    pairs = [(words[i], choose(rng, words)) for i in rng.permutation(len(words))[:count]]
    tokens, labels = [], []
    for repeat in range(2):
        for place in rng.permutation(count):
            key, value = (tokenizer.encode(text) for text in (f" {pairs[place][0]}:", f" {pairs[place][1]},"))
            tokens += key + value
            labels += [IGNORED] * len(key) + (value if repeat else [IGNORED] * len(value))
    return tokens, labels


def together(
    batch: dict[str, torch.Tensor], rows: list[tuple[list[int], list[int]]], pad: int
) -> dict[str, torch.Tensor]:
    """Returns a batch with more rows, all padded on the right to one width."""
    width = max(batch["input_ids"].shape[1], *(len(tokens) for tokens, _ in rows))
    more = {
        "input_ids": [tokens + [pad] * (width - len(tokens)) for tokens, _ in rows],
        "attention_mask": [[1] * len(tokens) + [0] * (width - len(tokens)) for tokens, _ in rows],
        "labels": [labels + [IGNORED] * (width - len(labels)) for _, labels in rows],
    }
    fill = {"input_ids": pad, "attention_mask": 0, "labels": IGNORED}
    wider = {
        name: nn.functional.pad(part, (0, width - part.shape[1]), value=fill[name])
        for name, part in batch.items()
    }
    return {name: torch.cat([part, torch.tensor(more[name])]) for name, part in wider.items()}


class Lessons(Dataset):
    """Batches about everything; step n is a function of n and of the process alone, so that a resumed run sees the same ones."""

    def __init__(
        self,
        tokenizer,
        banks: dict[str, Bank],
        rope: Callable,
        steps: int,
        seed: int,
        part: tuple[int, int] = (0, 1),
        stage: str = "alignment",
    ) -> None:
        """Takes the media of every sort, and the model's own function for positions (`get_rope_index`)."""
        self.tokenizer, self.banks, self.rope, self.steps, self.seed = tokenizer, banks, rope, steps, seed
        self.part, self.rows, self.naming = part, PER_STEP[stage], NAMING * steps * (stage == "alignment")
        self.by_side: dict[int, list[Seen]] = {}
        for one in banks["picture"].seen:
            self.by_side.setdefault(one.side, []).append(one)
        self.scenes = {
            side: [one for one in group if one.picture.kind == "scene"] or group for side, group in self.by_side.items()
        }

    def __len__(self) -> int:
        return self.steps

    def __getitem__(self, step: int) -> list[dict]:
        """Returns the parts of a step: long rows, short rows."""
        turn, processes = self.part
        rng = np.random.default_rng([self.seed, step, turn])
        listed = 0.15 if step < self.naming else 0.85
        counts = [len(group) for group in self.by_side.values()]
        group = list(self.by_side.values())[int(rng.choice(len(counts), p=np.array(counts) / sum(counts)))]
        share = {name: count // processes + (turn < count % processes) for name, count in self.rows.items()}
        scenes = self.scenes[group[0].side]
        picked = [choose(rng, scenes if rng.random() < SCENES else group) for _ in range(share["picture"])]
        long = [self._picture(rng, one, listed) for one in picked]
        long += [self._pair(rng, group) for _ in range(share["pair"])]
        long += [self._motion(rng, listed) for _ in range(share["motion"])]
        long += [self._examples(rng, group) for _ in range(share["examples"])]
        short = [self._sound(rng, listed) for _ in range(share["sound"])]
        harder = [choose(rng, HARDER) if rng.random() < 0.4 else None for _ in range(share["text"])]
        short += [([(sentences.sentence(rng, kind), [])], []) for kind in harder]
        short += [([(item, []) for item in sentences.dialogue(rng)], []) for _ in range(share["dialogue"])]
        drills = [drill(rng, self.tokenizer) for _ in range(share["drill"])]
        return [self._part(long), self._part(short, drills)]

    def _asked(
        self, rng: np.random.Generator, items: list[Item], medium: tuple[str, int], listed: float
    ) -> list[Turn]:
        """Returns different questions about one medium as turns of a dialogue; `listed` is how often one lists its options."""
        kept = {item.question: item for item in items}.values()
        return [
            (replace(item, listed=rng.random() < listed), [medium] if turn == 0 else [])
            for turn, item in enumerate(kept)
        ]

    def _picture(self, rng: np.random.Generator, one: Seen, listed: float) -> Row:
        items = [questions.about(rng, one.picture) for _ in range(TURNS["picture"])]
        if "mark" in one.picture.facts and rng.random() < 0.5:
            items[-1] = questions.is_there(rng, one.picture)
        elif proposed := questions.is_it(rng, one.picture):
            items[-1] = proposed
        if rng.random() < 0.12:  # an irrelevant note: the picture decides
            items[0] = replace(items[0], text=sentences.sentence(rng, "lookup").text)
        if rng.random() < 0.15:  # an irrelevant picture: the note decides
            items[int(rng.integers(0, len(items)))] = sentences.sentence(rng, "copy")
        # in any order: what an earlier answer has named needs no look at the picture
        items = [items[i] for i in rng.permutation(len(items))]
        return self._asked(rng, items, ("image", one.length), listed), [one]

    def _pair(self, rng: np.random.Generator, group: list[Seen]) -> Row:
        """Both pictures are told apart by one fact and named; easy facts, such as a background's colour, show what is asked.

        Mostly "which picture" comes first: once both are named, the text alone answers it.
        """
        fact = "mark" if rng.random() < 0.6 else choose(rng, tuple(questions.PAIRED))
        first, second = choose(rng, group), choose(rng, group)
        while first.picture.facts.get(fact) is None:
            first = choose(rng, group)
        while second.picture.facts.get(fact) in (None, first.picture.facts[fact]):
            second = choose(rng, group)
        both = (first.picture, second.picture)
        items = [questions.fact_of(rng, both, which, fact) for which in (0, 1)]
        items += [questions.which_picture(rng, both, fact) for _ in range(2)]
        items = [items[i] for i in (rng.permutation(4) if rng.random() < 0.3 else (2, 3, 0, 1))]
        items = list({item.question: item for item in items}.values())
        media = [("image", first.length), ("image", second.length)]
        return [(item, [] if turn else media) for turn, item in enumerate(items)], [first, second]

    def _motion(self, rng: np.random.Generator, listed: float) -> Row:
        one = choose(rng, self.banks["motion"].seen)
        items = [questions.about_motion(rng, None, one.motion) for _ in range(TURNS["motion"])]
        return self._asked(rng, items, ("video", one.length), listed), [one]

    def _sound(self, rng: np.random.Generator, listed: float) -> Row:
        """What its maker asks; of phrases also what is said, word by word, and what they name."""
        one = choose(rng, self.banks["sound"].seen)
        items = []
        if one.heard.names:
            said = say("What is said?", "何と言いましたか?", one.heard.language)
            items.append(Item(said, (one.heard.written,), one.heard.written, "sound/said"))
        for category, name in one.heard.names.items():
            asked = say(*which_is_named(category), one.heard.language)
            items.append(Item(asked, (name,), name, "sound/named"))
        options = tuple(one.item.options[i] for i in rng.permutation(len(one.item.options)))
        items.append(replace(one.item, options=options))  # last: of two with the same words this one is kept
        kept = list({item.question: item for item in items}.values())
        turns = self._asked(rng, [kept[i] for i in rng.permutation(len(kept))], ("audio", one.length), listed)
        # an option alone would give the answer away
        return [
            (replace(item, listed=item.listed and len(item.options) > 1), media) for item, media in turns
        ], [one]

    def _examples(self, rng: np.random.Generator, group: list[Seen]) -> Row:
        """Two or three solved examples of one question before it is asked again."""
        if rng.random() < 0.5:
            kind = choose(rng, tuple(sentences.KINDS))
            return [(sentences.sentence(rng, kind), []) for _ in range(int(rng.integers(3, 5)))], []
        first = choose(rng, group)
        while "mark" not in first.picture.facts:
            first = choose(rng, group)
        fact = choose(
            rng, [name for name in ("mark", "tone", "tint", "ground colour") if name in first.picture.facts]
        )
        shown = [
            one for one in (first, *(choose(rng, group) for _ in range(9))) if fact in one.picture.facts
        ][:3]
        return [(questions.about(rng, one.picture, fact), [("image", one.length)]) for one in shown], shown

    def _part(self, rows: list[Row], drills: list[tuple[list[int], list[int]]] | None = None) -> dict:
        batch = tokens_of([turns for turns, _ in rows], self.tokenizer)
        if drills:
            batch = together(batch, drills, self.tokenizer.pad_token_id)
        seen = [one for _, media in rows for one in media]
        pictures = [one for one in seen if one.picture is not None]
        videos = [one for one in seen if one.motion is not None]
        sounds = [one for one in seen if one.item is not None]
        for name, sort, found in (
            ("images", "picture", pictures),
            ("videos", "motion", videos),
            ("sounds", "sound", sounds),
        ):
            if found:
                batch[name] = torch.cat([self.banks[sort].rows(one) for one in found])
        if pictures:
            batch["facts"] = torch.tensor(
                [[_index(one.picture.facts, name) for name in FACTS] for one in pictures]
            )
            batch["cells"] = torch.from_numpy(
                np.stack([one.picture.cells.reshape(2, -1) for one in pictures])
            )
        if videos:
            batch["motions"] = torch.tensor([motions.MOTIONS.index(one.motion["motion"]) for one in videos])
        return batch | {"position_ids": self._positions(batch, pictures, videos, sounds)}

    def _positions(
        self, batch: dict, pictures: list[Seen], videos: list[Seen], sounds: list[Seen]
    ) -> torch.Tensor:
        images = torch.tensor([[1, one.side // 14, one.side // 14] for one in pictures]) if pictures else None
        clips = (
            torch.tensor([[motions.FRAMES // 2, one.side // 14, one.side // 14] for one in videos])
            if videos
            else None
        )
        heard = (
            torch.tensor([4 * one.length for one in sounds]) if sounds else None
        )  # frames that make so many tokens
        seconds = torch.ones(len(videos)) if videos else None
        return self.rope(batch["input_ids"], images, clips, batch["attention_mask"], False, heard, seconds)[0]


def ahead(lessons: Dataset, start: int) -> Iterator:
    """Yields the batches from step `start` on, made ahead by one background process."""
    return iter(
        DataLoader(
            lessons,
            batch_size=None,
            sampler=range(start, len(lessons)),
            num_workers=1,
            prefetch_factor=6,
            multiprocessing_context="fork",
        )
    )


def _index(facts: dict, name: str) -> int:
    return FACTS[name].index(facts[name]) if name in facts else -1
