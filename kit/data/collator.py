"""Samples -> one batch for a model, with exactly the answer's tokens supervised."""

import inspect
from dataclasses import dataclass

import torch

from kit.data.augmentation import changed_image, changed_sound, changed_video
from kit.data.media import ORIENTATIONS, load_audio, load_image, load_video
from kit.data.messages import answer_text, prompt_messages
from kit.data.perturbed_media import image_shown_as, sound_played_as, video_shown_as
from kit.data.sample import MEDIA, Sample
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
    prompt = _rendered(processor, question, prompt=True)
    whole = _rendered(processor, question + answer, prompt=False)
    before, after = whole.split(_MARK)
    before = before[len(prompt) :] if before.startswith(prompt) else ""
    tail = processor.tokenizer(after, add_special_tokens=False)["input_ids"]
    return TurnEnds(before, tail[0] if tail else processor.tokenizer.eos_token_id)


def _rendered(processor, messages: list[dict], prompt: bool) -> str:
    """The messages as the family's chat template writes them, up to where an answer begins when `prompt`.

    Reasoning is switched off: Qwen3.5's template would leave an open <think> behind, and the options would be scored as thoughts.
    """
    # only to templates that have the switch: transformers warns about names that a template does not read
    switch = {"enable_thinking": False} if "enable_thinking" in str(processor.chat_template) else {}
    return processor.apply_chat_template(messages, tokenize=False, add_generation_prompt=prompt, **switch)


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

    def prompts(self, samples: list[Sample]) -> dict:
        """The batch of the prompts alone, whatever `answers` says."""
        return self._prompts(samples)

    def prompt_ids(self, sample: Sample) -> list[int]:
        """Token ids of the prompt before the processor puts each medium's tokens in the place of its marker."""
        return self._tokenised(_rendered(self.processor, prompt_messages(sample, self.examples), prompt=True))["input_ids"]

    def text_ids(self, sample: Sample) -> list[bool]:
        """For each of `prompt_ids`, whether it is (part of) the sample's text evidence.

        Raises:
            ValueError: the chat template does not write the text as it is.
        """
        text = _rendered(self.processor, prompt_messages(sample, self.examples), prompt=True)
        start = text.rfind(f"Note: {sample.text}\n") + len("Note: ") if sample.text else len(text)
        if start < len("Note: "):
            raise ValueError(f"the chat template changes the text of sample {sample.id!r}: its tokens cannot be told from the question's")
        places = self._tokenised(text, return_offsets_mapping=True)["offset_mapping"]
        return [begins < start + len(sample.text) and ends > start for begins, ends in places]

    def places(self, sample: Sample) -> list[tuple[int, int]]:
        """For each of `prompt_ids`, (start, end) in what the sample's user writes ("Note: <text>", question, options); (0, 0) for media and for the template's own tokens.

        Raises:
            ValueError: the chat template does not write the text as it is.
        """
        text, written = _rendered(self.processor, prompt_messages(sample, self.examples), prompt=True), prompt_messages(sample)[-1]["content"][-1]["text"]
        start, before = text.rfind(written.strip()), len(written) - len(written.lstrip())  # some templates trim it
        if start < 0:
            raise ValueError(f"the chat template changes the text of sample {sample.id!r}: its tokens cannot be told from the template's")
        end = start + len(written.strip())
        found = self._tokenised(text, return_offsets_mapping=True)["offset_mapping"]
        return [(max(a, start) - start + before, min(b, end) - start + before) if a < end and b > start else (0, 0) for a, b in found]

    def _tokenised(self, text: str, **wanted) -> dict:
        return self.processor.tokenizer(text, add_special_tokens=not self._writes_bos(text), **wanted)

    def _writes_bos(self, text: str) -> bool:
        """Whether the template has written what the tokenizer would write again (Gemma)."""
        bos = self.processor.tokenizer.bos_token
        return bool(bos and text.startswith(bos))

    def __call__(self, samples: list[Sample]) -> dict:
        """The batch: input_ids, attention_mask (B, T), media tensors under the family's own names, and labels (B, T) when `answers`.

        Raises:
            KitError: a sample is longer than `max_tokens`, has a medium that this processor takes no notice of, or is refused by it; it is named, never cut.
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
        self._refuse_what_cannot_be_taken((*self.examples, *samples))
        texts, images, clips, audio = [], [], [], []
        for sample in samples:
            texts.append(_rendered(self.processor, prompt_messages(sample, self.examples), prompt=True))
            images.append([])
            for shown in (*self.examples, sample):
                pictures, films, sounds = shown_media(shown)
                images[-1] += pictures
                clips += films
                audio += sounds
        # one list of pictures per prompt: from a flat list, SmolVLM and Gemma 4 take all of them for the first prompt's
        given = {"images": images if any(images) else None, "videos": [frames for frames, _ in clips] or None, "audio": audio or None}
        given = {name: media for name, media in given.items() if media is not None}
        if clips:
            # frames were chosen when the file was decoded; families that tell time want to know when each was seen, and assume 24 per second otherwise
            given["videos_kwargs"] = {"do_sample_frames": False, "video_metadata": [_seen_at(frames, rate) for frames, rate in clips]}
        if self._writes_bos(texts[0]):
            given["add_special_tokens"] = False
        try:
            batch = dict(self.processor(text=texts, padding=True, padding_side="left", return_tensors="pt", **given))
        except ValueError as error:  # a processor's own limits, which differ by family
            for sample in samples if len(samples) > 1 else ():
                self._prompts([sample])  # raises for the one that it cannot take
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise KitError(
                say(
                    f"sample {samples[0].id} cannot be prepared for this model ({reason}); change its files or leave the row out",
                    f"サンプル {samples[0].id} をこのモデル用に変換できません（{reason}）。ファイルを直すか、その行を除いてください",
                )
            ) from error
        if "video_second_per_grid" in batch:  # Qwen2.5-Omni's processor knows one rate for all videos of a batch
            pair = self.processor.video_processor.temporal_patch_size
            batch["video_second_per_grid"] = torch.tensor([pair / rate for _, rate in clips])
        return batch

    def _refuse_what_cannot_be_taken(self, samples: tuple[Sample, ...]) -> None:
        """A processor drops a medium that it has no part for without a word: the model would answer as if there were none."""
        processor = type(self.processor).__name__
        taken = media_taken(self.processor)
        for sample in samples:
            untaken = [modality for modality in MEDIA if getattr(sample, modality) and modality not in taken]
            if untaken:
                raise KitError(
                    say(
                        f"sample {sample.id} has {', '.join(untaken)}, and this checkpoint ({processor}) takes only {', '.join(taken)}: leave that column out, or "
                        "name a checkpoint that takes it, e.g. gemma4-e2b",
                        f"サンプル {sample.id} には {'、'.join(untaken)} がありますが、このチェックポイント（{processor}）が扱えるのは {'、'.join(taken)} だけです。その列を外すか、扱えるもの（例：gemma4-e2b）を指定してください",
                    )
                )
        both = [next((s.id for s in samples if getattr(s, modality)), None) for modality in ("image", "video")]
        if all(both) and set(self.processor.image_processor.model_input_names) & set(self.processor.video_processor.model_input_names):
            # SmolVLM: frames and pictures would go by the same name, and the ones silently replace the others
            raise KitError(
                say(
                    f"samples {both[0]} and {both[1]}: {processor} takes pictures or videos, not both, in one batch, because it has one name for their pixels; "
                    "leave one of the two columns out, or name a checkpoint that takes both, e.g. qwen3-vl-2b",
                    f"サンプル {both[0]} と {both[1]}：{processor} は画素の名前が一つしかないため、画像と動画を同じバッチで扱えません。どちらかの列を外すか、両方扱えるもの（例：qwen3-vl-2b）を指定してください",
                )
            )

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


def shown_media(sample: Sample) -> tuple[list, list, list]:
    """What a model is shown of a sample, augmented and perturbed as its `meta` says: (pictures, [(frames (T, H, W, 3), rate)], sounds (N,) at 16 kHz).

    Raises:
        MediaError: a file that cannot be read.
    """
    way, mark, instead = ORIENTATIONS[sample.meta.get("orientation", 0)], sample.meta.get("augmented"), sample.meta.get("shown_as", {})
    images = [changed_image(load_image(path), mark, number) for number, path in enumerate(sample.image)]
    images = images if way is None else [image.transpose(way) for image in images]
    clips = [(video_shown_as(changed_video(frames, mark, number), instead.get("video")), rate) for number, (frames, rate) in enumerate(map(load_video, sample.video))]
    sounds = [sound_played_as(changed_sound(load_audio(path), mark, number=number), instead.get("audio")) for number, path in enumerate(sample.audio)]
    return [image_shown_as(image, instead.get("image")) for image in images], clips, sounds


def media_taken(processor) -> list[str]:
    """The media that a processor has a part for, in the order of MEDIA."""
    return [modality for modality in MEDIA if _part(processor, modality) is not None]


def audio_window(processor) -> int | None:
    """The longest sound, in samples, that the processor hands on whole; it cuts longer ones without a word. None: no limit of its own.

    Whisper's feature extractor (Qwen2.5-Omni) says it as n_samples, Gemma 4's only as the default of an argument; a processor that takes a long sound in several windows says so itself.
    """
    if hasattr(processor, "longest_sound"):
        return processor.longest_sound
    ears = _part(processor, "audio")
    if ears is None or hasattr(ears, "n_samples"):
        return getattr(ears, "n_samples", None)
    limit = inspect.signature(type(ears).__call__).parameters.get("max_length")
    return limit.default if limit and isinstance(limit.default, int) else None


def _part(processor, modality: str):
    """The processor's own part for a modality, None where it has none."""
    names = {"image": ("image_processor",), "video": ("video_processor",), "audio": ("audio_processor", "feature_extractor")}[modality]
    return next((part for name in names if (part := getattr(processor, name, None)) is not None), None)


def _seen_at(frames, rate: float) -> dict:
    """What transformers calls the metadata of a video whose frames (T, H, W, 3) were taken `rate` times per second."""
    count, height, width, _ = frames.shape
    return {"total_num_frames": count, "fps": rate, "duration": count / rate, "frames_indices": list(range(count)), "height": height, "width": width}
