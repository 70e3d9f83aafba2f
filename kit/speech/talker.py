"""The voice of a checkpoint that has one."""

import torch

from kit.models.talker import RATE, load_talker
from kit.speech.voices import Sound


class TalkerVoice:
    """A checkpoint's own talker as a voice (Qwen2.5-Omni; English and Chinese, as its publisher says), 24 kHz.

    Args:
        checkpoint: a key of CATALOGUE, a hub id or a directory.
        speaker: one of the checkpoint's; None: its first.
        device: default: CUDA when there is one.
        seed: of the noise that a sound begins with.

    Raises:
        KitError: the checkpoint has no talker or no such speaker, or cannot be loaded.
    """

    language = "en"

    def __init__(
        self,
        checkpoint: str,
        speaker: str | None = None,
        device: str | torch.device | None = None,
        seed: int = 0,
    ):
        self.talker = load_talker(checkpoint, device)
        self.speaker, self.seed = speaker or self.talker.speakers[0], seed

    def say(self, text: str) -> Sound:
        """The text spoken by the model. It needs seconds of GPU per second of speech in the large: measure before you promise."""
        return Sound(self.talker.render(text, self.speaker, self.seed), RATE)
