"""Samples -> one batch for a model, with exactly the answer's tokens supervised."""

from dataclasses import dataclass

import torch

from kit.data.media import ORIENTATIONS, load_audio, load_image, load_video
from kit.data.messages import answer_text, prompt_messages
from kit.data.sample import Sample
from kit.errors import KitError
from kit.language import say

_MARK = "ANSWER-GOES-HERE"


@dataclass(frozen=True)
class TurnEnds:
    """What a chat template puts around an assistant's answer: text before it, and the id of the token that ends the turn."""

    before: str
    end: int


def turn_ends(processor) -> TurnEnds:
    """Read off the template itself, so that every family is supervised up to its own end of turn."""
    question = [{"role": "user", "content": [{"type": "text", "text": "?"}]}]
    answer = [{"role": "assistant", "content": [{"type": "text", "text": _MARK}]}]
    prompt = processor.apply_chat_template(question, tokenize=False, add_generation_prompt=True)
    whole = processor.apply_chat_template(question + answer, tokenize=False)
    before, after = whole.split(_MARK)
    before = before[len(prompt) :] if before.startswith(prompt) else ""
    tail = processor.tokenizer(after, add_special_tokens=False)["input_ids"]
    return TurnEnds(before, tail[0] if tail else processor.tokenizer.eos_token_id)


class Collator:
    """Turns samples into a batch.

    Prompts are padded on the left and answers follow on the right, so that prompt and answer are tokenised separately (in training as in
    scoring) and every prompt ends at the same column. Media are never truncated.

    Args:
        processor: the model's own.
        answers: append the answers and supervise them (training); False for prompts only.
        examples: samples shown, with their answers, before each question (in-context examples).
        max_tokens: longest prompt + answer allowed; None for no limit.
    """

    def __init__(self, processor, answers: bool = True, examples: tuple[Sample, ...] = (), max_tokens: int | None = None):
        self.processor, self.answers, self.examples, self.max_tokens = processor, answers, tuple(examples), max_tokens
        self.ends = turn_ends(processor)

    def answer_ids(self, answer: str) -> list[int]:
        """Token ids of an answer, including the end-of-turn token (so that no option is a prefix of another)."""
        return self.processor.tokenizer(self.ends.before + answer, add_special_tokens=False)["input_ids"] + [self.ends.end]

    def __call__(self, samples: list[Sample]) -> dict:
        """The batch: input_ids, attention_mask (B, T), media tensors under the family's own names, and labels (B, T) when `answers`.

        Raises:
            KitError: a sample is longer than `max_tokens`; it is named, never cut.
        """
        batch = self._prompts(samples)
        if self.answers:
            batch = self._with_answers(batch, [self.answer_ids(answer_text(sample)) for sample in samples])
        longest = batch["attention_mask"].sum(-1)
        if self.max_tokens and int(longest.max()) > self.max_tokens:
            over = [s.id for s, n in zip(samples, longest.tolist(), strict=True) if n > self.max_tokens]
            raise KitError(
                say(
                    f"samples {', '.join(over)} need {int(longest.max())} tokens, over the budget of {self.max_tokens}: raise training.max_tokens "
                    "or use smaller pictures (media are never cut)",
                    f"サンプル {', '.join(over)} は {int(longest.max())} トークンで、上限 {self.max_tokens} を超えます。training.max_tokens を上げるか画像を小さくしてください（メディアは切り捨てません）",
                )
            )
        return batch

    def _prompts(self, samples: list[Sample]) -> dict:
        texts, images, videos, audio, rates = [], [], [], [], []
        for sample in samples:
            texts.append(self.processor.apply_chat_template(prompt_messages(sample, self.examples), tokenize=False, add_generation_prompt=True))
            for shown in (*self.examples, sample):
                way = ORIENTATIONS[shown.meta.get("orientation", 0)]
                loaded = [load_image(path) for path in shown.image]
                images += loaded if way is None else [image.transpose(way) for image in loaded]
                clips = [load_video(path) for path in shown.video]
                videos += [frames for frames, _ in clips]
                rates += [fps for _, fps in clips]
                audio += [load_audio(path) for path in shown.audio]
        given = {"images": images or None, "videos": videos or None, "audio": audio or None}
        given = {name: media for name, media in given.items() if media is not None}
        if videos:  # frames were chosen when the file was decoded; some families ask how far apart they are
            given["videos_kwargs"] = {"do_sample_frames": False, "fps": rates[0]}
        return dict(self.processor(text=texts, padding=True, padding_side="left", return_tensors="pt", **given))

    def _with_answers(self, batch: dict, answers: list[list[int]]) -> dict:
        rows, prompt = batch["input_ids"].shape
        length = max(map(len, answers))
        pad = self.processor.tokenizer.pad_token_id
        tail = torch.tensor([ids + [pad] * (length - len(ids)) for ids in answers])
        real = torch.tensor([[1] * len(ids) + [0] * (length - len(ids)) for ids in answers])
        labels = torch.full((rows, prompt + length), -100)
        labels[:, prompt:] = tail.masked_fill(real == 0, -100)
        batch = batch | {
            "input_ids": torch.cat([batch["input_ids"], tail], 1),
            "attention_mask": torch.cat([batch["attention_mask"], real], 1),
            "labels": labels,
        }
        if "mm_token_type_ids" in batch:
            batch["mm_token_type_ids"] = torch.cat([batch["mm_token_type_ids"], torch.zeros_like(tail)], 1)
        return batch
