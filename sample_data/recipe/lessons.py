"""The batches of the last two stages: sentences alone, then questions about everything in the bank.

Several questions about one medium follow each other as turns of a dialogue: its tokens are read once and asked about three times.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from sample_data.recipe.bank import Bank, Seen
from sample_data.recipe.batches import Turn, tokens_of
from sample_data.recipe.vision_warmup import FACTS
from sample_data.world import motions, questions, sentences
from sample_data.world.item import choose

PER_STEP = {"picture": 24, "pair": 3, "motion": 7, "sound": 16, "text": 10, "examples": 2}
Row = tuple[list[Turn], list[Seen]]


class Reading(Dataset):
    """Batches of pure text; step n is a function of n alone."""

    def __init__(self, tokenizer, steps: int, seed: int, count: int = 64) -> None:
        self.tokenizer, self.steps, self.seed, self.count = tokenizer, steps, seed, count

    def __len__(self) -> int:
        return self.steps

    def __getitem__(self, step: int) -> dict:
        rng = np.random.default_rng([self.seed, step])
        return tokens_of([[(sentences.sentence(rng), [])] for _ in range(self.count)], self.tokenizer)


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
    ) -> None:
        """Takes the media of every sort, and the model's own function for positions (`get_rope_index`)."""
        self.tokenizer, self.banks, self.rope, self.steps, self.seed, self.part = (
            tokenizer,
            banks,
            rope,
            steps,
            seed,
            part,
        )
        self.by_side: dict[int, list[Seen]] = {}
        for one in banks["picture"].seen:
            self.by_side.setdefault(one.side, []).append(one)

    def __len__(self) -> int:
        return self.steps

    def __getitem__(self, step: int) -> list[dict]:
        """Returns the parts of a step: long rows, short rows."""
        turn, processes = self.part
        rng = np.random.default_rng([self.seed, step, turn])
        counts = [len(group) for group in self.by_side.values()]
        group = list(self.by_side.values())[int(rng.choice(len(counts), p=np.array(counts) / sum(counts)))]
        share = {name: count // processes + (turn < count % processes) for name, count in PER_STEP.items()}
        long = [self._picture(rng, choose(rng, group)) for _ in range(share["picture"])]
        long += [self._pair(rng, group) for _ in range(share["pair"])]
        long += [self._motion(rng) for _ in range(share["motion"])]
        long += [self._examples(rng, group) for _ in range(share["examples"])]
        short = [self._sound(rng) for _ in range(share["sound"])]
        short += [([(sentences.sentence(rng), [])], []) for _ in range(share["text"])]
        return [self._part(long), self._part(short)]

    def _picture(self, rng: np.random.Generator, one: Seen) -> Row:
        items = [questions.about(rng, one.picture) for _ in range(3)]
        if rng.random() < 0.12:  # an irrelevant note: the picture decides
            items[0] = replace(items[0], text=sentences.sentence(rng, "lookup").text)
        if rng.random() < 0.15:  # an irrelevant picture: the note decides
            items[int(rng.integers(0, 3))] = sentences.sentence(rng, "copy")
        return [(item, [("image", one.length)] if turn == 0 else []) for turn, item in enumerate(items)], [
            one
        ]

    def _pair(self, rng: np.random.Generator, group: list[Seen]) -> Row:
        first, second = choose(rng, group), choose(rng, group)
        while first.picture.facts.get("mark") is None:
            first = choose(rng, group)
        while second.picture.facts.get("mark") in (None, first.picture.facts["mark"]):
            second = choose(rng, group)
        item = questions.which_picture(rng, (first.picture, second.picture))
        return [(item, [("image", first.length), ("image", second.length)])], [first, second]

    def _motion(self, rng: np.random.Generator) -> Row:
        one = choose(rng, self.banks["motion"].seen)
        items = [questions.about_motion(rng, None, one.motion) for _ in range(2)]
        return [(item, [("video", one.length)] if turn == 0 else []) for turn, item in enumerate(items)], [
            one
        ]

    def _sound(self, rng: np.random.Generator) -> Row:
        one = choose(rng, self.banks["sound"].seen)
        options = tuple(one.item.options[i] for i in rng.permutation(len(one.item.options)))
        item = replace(one.item, options=options, listed=rng.random() < 0.9)
        return [(item, [("audio", one.length)])], [one]

    def _examples(self, rng: np.random.Generator, group: list[Seen]) -> Row:
        """Two or three solved examples of one question before it is asked again."""
        if rng.random() < 0.5:
            kind = choose(rng, tuple(sentences.KINDS))
            return [(sentences.sentence(rng, kind), []) for _ in range(int(rng.integers(3, 5)))], []
        fact = choose(rng, ("mark", "ground", "tint"))
        shown = [one for one in (choose(rng, group) for _ in range(12)) if fact in one.picture.facts][:3]
        return [(questions.about(rng, one.picture, fact), [("image", one.length)]) for one in shown], shown

    def _part(self, rows: list[Row]) -> dict:
        batch = tokens_of([turns for turns, _ in rows], self.tokenizer)
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
