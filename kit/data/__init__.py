"""Samples: the record, the company folder that holds them, the split, the messages that a model reads."""

from kit.data.duplicates import clusters, near_pairs, propose_groups
from kit.data.folder import Folder, read_folder, unlisted_samples
from kit.data.media import MediaError, load_audio, load_image, load_video
from kit.data.messages import answer_message, answer_text, prompt_messages
from kit.data.mixing import mixed
from kit.data.perturbations import (
    Perturbation,
    media_perturbations,
    only_deciding,
    own_evidence,
    text_perturbations,
    words_in_picture,
)
from kit.data.rows import Fault
from kit.data.sample import LAYERS, MEDIA, MODALITIES, SPLITS, Sample
from kit.data.split import FRACTIONS, split_samples
from kit.data.stream import stream_folder
from kit.data.writer import write_folder

__all__ = [
    "FRACTIONS",
    "LAYERS",
    "MEDIA",
    "MODALITIES",
    "SPLITS",
    "Fault",
    "Folder",
    "MediaError",
    "Perturbation",
    "Sample",
    "answer_message",
    "answer_text",
    "clusters",
    "load_audio",
    "load_image",
    "load_video",
    "mixed",
    "media_perturbations",
    "near_pairs",
    "only_deciding",
    "own_evidence",
    "prompt_messages",
    "propose_groups",
    "read_folder",
    "split_samples",
    "stream_folder",
    "text_perturbations",
    "unlisted_samples",
    "words_in_picture",
    "write_folder",
]
