"""The general world of sounds and voices: seeded, answerable, and with other speakers in the held-out part."""

import re

import numpy as np
import pytest
import torch

pytest.importorskip("espeakng_loader", reason="the voices need espeakng-loader")
pytest.importorskip("pyopenjtalk", reason="the voices need pyopenjtalk-plus")

from transformers import Qwen2_5OmniAudioEncoderConfig  # noqa: E402
from transformers.models.qwen2_5_omni.modeling_qwen2_5_omni import Qwen2_5OmniAudioEncoder  # noqa: E402

from kit.errors import KitError  # noqa: E402
from sample_data.recipe import audio_heads, audio_warmup  # noqa: E402
from sample_data.recipe.model import audio_config, feature_extractor  # noqa: E402
from sample_data.world import noises, recording, sounds, spoken, spoken_words, voices  # noqa: E402

EVERY = [(kind, split) for kind in sounds.EXERCISES for split in spoken.SPLITS]


@pytest.fixture(scope="module")
def recordings():
    """Two recordings of every exercise in both splits."""
    return [
        (split, sounds.listen(np.random.default_rng([seed, i]), split, kind))
        for i, (kind, split) in enumerate(EVERY)
        for seed in range(2)
    ]


@pytest.fixture(scope="module")
def encoder():
    torch.manual_seed(0)
    return Qwen2_5OmniAudioEncoder(Qwen2_5OmniAudioEncoderConfig(**audio_config())).eval()


def test_every_answer_is_one_of_its_distinct_options(recordings):
    for _, made in recordings:
        assert made.answer in made.options
        assert 2 <= len(made.options) == len(set(made.options)), made


def test_every_recording_is_mono_float32_within_range_and_a_few_seconds_long(recordings):
    for _, made in recordings:
        assert made.wave.dtype == np.float32 and made.wave.ndim == 1
        assert 0.01 < np.abs(made.wave).max() <= 1.0
        assert 0.3 < made.wave.size / sounds.RATE <= 4.0, made.kind


def test_every_fact_is_a_class_of_its_head(recordings):
    heads = sounds.heads()
    for _, made in recordings:
        for name, value in made.facts.items():
            assert value in heads[name], (made.kind, name, value)


def test_a_japanese_question_has_japanese_options(recordings):
    for _, made in recordings:
        if made.language == "ja":
            assert not re.search("[A-Za-z]", made.question + "".join(made.options)), made


def test_the_same_seed_gives_the_same_exercise_bit_by_bit():
    first, second, other = (sounds.sample(np.random.default_rng(seed)) for seed in (7, 7, 8))
    assert np.array_equal(first[0], second[0]) and first[1:] == second[1:]
    assert first[0].shape != other[0].shape or not np.array_equal(first[0], other[0])


def test_held_out_recordings_differ_from_training_ones():
    train, held = (sounds.sample(np.random.default_rng(3), split, "word") for split in spoken.SPLITS)
    assert train[0].shape != held[0].shape or not np.allclose(train[0], held[0])


def test_no_english_speaker_is_in_both_splits():
    heard = {
        split: {spoken.speaker("en", split, style, v)["voice"] for style in spoken.STYLES for v in range(48)}
        for split in spoken.SPLITS
    }
    assert not heard["train"] & heard["held_out"]
    assert len(heard["train"]) >= 15 and len(heard["held_out"]) >= 5


def test_no_word_combination_and_no_frequency_is_in_both_splits():
    for language in spoken.LANGUAGES:
        said = [{phrase[1] for phrase in spoken.phrase_list(language, split)} for split in spoken.SPLITS]
        assert not said[0] & said[1] and len(said[1]) > 80
    drawn = {split: {_bin(np.random.default_rng(i), split) for i in range(200)} for split in spoken.SPLITS}
    assert not drawn["train"] & drawn["held_out"]


def _bin(rng: np.random.Generator, split: str) -> int:
    return int(noises.BINS * np.log(noises.draw(rng, split, 100, 800) / 100) / np.log(8))


def test_an_utterance_does_not_depend_on_what_was_said_before():
    first = voices.speak_english("red apple", "en-us+f2")
    voices.speak_english("seven", "en-us+m3", pitch=30, speed=1.4)
    assert np.array_equal(first, voices.speak_english("red apple", "en-us+f2"))
    first = voices.speak_japanese("りんご", 0.9, 3, 1.05)
    voices.speak_japanese("ねこ")
    assert np.array_equal(first, voices.speak_japanese("りんご", 0.9, 3, 1.05))


def test_the_bank_holds_the_very_waves_that_would_be_rendered(tmp_path):
    spoken.build_bank(tmp_path, most=2)
    for language in spoken.LANGUAGES:
        bank = spoken.read_bank(language, tmp_path)
        assert len(bank) == 2
        for key, wave in bank.items():
            split, style, variant, text = key.split("|")
            assert np.array_equal(wave, spoken.render(language, split, style, int(variant), text))


def test_speed_and_pitch_change_what_is_heard():
    for slow, fast in (
        (voices.speak_english("yellow banana", speed=0.7), voices.speak_english("yellow banana", speed=1.5)),
        (
            voices.speak_japanese("きいろいバナナ", speed=0.7),
            voices.speak_japanese("きいろいバナナ", speed=1.5),
        ),
    ):
        assert slow.size > 1.5 * fast.size
    low, high = (_pitch(voices.speak_english("yellow banana", "en-us+m1", pitch=pitch)) for pitch in (20, 80))
    assert high > 1.3 * low
    small, big = (voices.speak_english("yellow banana", formant=formant) for formant in (1.1, 0.9))
    assert abs(small.size / big.size - 1) < 0.1  # the vocal tract changes, the speed does not


def _pitch(wave: np.ndarray) -> float:
    """Median pitch in Hz by autocorrelation."""
    found = []
    for start in range(0, wave.size - 800, 320):
        frame = wave[start : start + 800] * np.hanning(800)
        match = np.correlate(frame, frame, "full")[799:]
        lag = 50 + int(match[50:240].argmax())
        if match[lag] > 0.4 * match[0] > 0.4:
            found.append(noises.RATE / lag)
    return float(np.median(found))


def test_an_unknown_voice_is_a_one_line_error():
    with pytest.raises(KitError, match="unknown to espeak-ng") as caught:
        voices.speak_english("yes", "en-us-martian")
    assert "\n" not in str(caught.value)


def test_counted_sounds_have_as_many_onsets_as_they_say():
    for count in (1, 2, 3, 4):
        wave = np.abs(noises.knocks(np.random.default_rng(count), "train", count))
        loud = np.convolve(wave, np.ones(800) / 800, "same") > 0.02
        assert np.diff(loud.astype(int), prepend=0).clip(0).sum() == count


def test_the_world_says_nothing_of_a_factory_or_a_call_centre():
    banned = {
        "jam",
        "scratch",
        "defect",
        "dent",
        "stain",
        "crack",
        "refund",
        "angry",
        "傷",
        "不良",
        "詰まり",
        "怒り",
    }
    texts = (
        set(spoken.texts("en")) | set(spoken.texts("ja")) | {written for written, _, _ in spoken.words("ja")}
    )
    words = {word for text in texts for word in text.split()}
    assert not banned & (words | set(recording.KINDS) | set(recording.JAPANESE.values()))
    assert sum(map(len, spoken_words.WORDS.values())) >= 40


def test_every_text_has_phonemes():
    said = spoken.phonemes("ja")
    assert set(said) == set(spoken.texts("ja")) and all(said.values())
    assert said["ねこ"] == ["ja:n", "ja:e", "ja:k", "ja:o"]
    assert voices.phonemes_english(["cat", "cat"]) == [["k", "æ", "t"]] * 2


def test_the_warm_up_hears_exactly_what_the_encoder_hears(encoder):
    rng = np.random.default_rng(0)
    waves = [sounds.listen(rng, kind="tone").wave for _ in range(3)] + [np.ones(200 * 320, np.float32)]
    features = audio_warmup.log_mel(feature_extractor(), waves)
    lens = torch.tensor([len(feature) for feature in features])
    with torch.no_grad():
        own = encoder(torch.cat(features).T, feature_lens=lens).last_hidden_state
        ours = torch.cat(audio_heads.hear(encoder, features))
    assert torch.allclose(own, ours, atol=1e-5)


def test_the_features_are_those_of_the_processor():
    wave = sounds.listen(np.random.default_rng(1), kind="tone").wave
    short = np.zeros(4000, np.float32) + 0.01
    _, batched = audio_warmup.log_mel(feature_extractor(), [short, wave])
    alone = feature_extractor()(wave, sampling_rate=16000, return_attention_mask=True, return_tensors="pt")
    count = int(alone["attention_mask"].sum())
    assert count == len(batched)
    assert torch.allclose(alone["input_features"][0, :, :count].T[:-2], batched[:-2], atol=1e-4)


def test_a_recording_longer_than_a_chunk_is_refused_by_the_warm_up(encoder):
    with pytest.raises(ValueError, match="200 fit one chunk"):
        audio_heads.hear(encoder, [torch.zeros(201, audio_config()["num_mel_bins"])])


def test_a_short_warm_up_changes_the_encoder_and_leaves_its_figures(encoder, tmp_path):
    before = encoder.proj.weight.detach().clone()
    losses = audio_warmup.warm_up(encoder, feature_extractor(), tmp_path, steps=3, batch=4, pool=32)
    assert len(losses) == 3 and all(np.isfinite(losses))
    assert not torch.equal(before, encoder.proj.weight)
    fresh = Qwen2_5OmniAudioEncoder(Qwen2_5OmniAudioEncoderConfig(**audio_config()))
    audio_warmup.load_encoder(fresh, tmp_path)
    assert torch.equal(fresh.proj.weight, encoder.proj.weight)
    assert "word" in (tmp_path / "audio_warmup.json").read_text()
