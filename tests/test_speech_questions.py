"""Recorded voices: any microphone's array and any file become 16 kHz, silence is told, and a model is asked by voice."""

import dataclasses

import numpy as np
import pytest
import soundfile

from kit.data import load_audio
from kit.errors import KitError
from kit.language import speaking
from kit.speech import Sound, voice_for
from kit.speech.questions import SPOKEN, recorded, spoken_question, which_question, write_recording

WAVE = np.sin(np.arange(48000) / 30) / 2  # a second at 48 kHz


@pytest.mark.parametrize(
    "given",
    [
        (48000, WAVE.astype(np.float32)), (48000, (WAVE * 32767).astype(np.int16)), (48000, (WAVE * 2147483000).astype(np.int32)),
        (48000, (WAVE * 127 + 128).round().astype(np.uint8)), (48000, np.stack([WAVE, WAVE], 1)), Sound(WAVE, 48000),
    ],
    ids=["float", "int16", "int32", "uint8", "stereo", "sound"],
)  # fmt: skip
def test_every_microphone_gives_the_same_sound_at_16_khz(given):
    sound = recorded(given)
    assert sound.rate == 16000 and sound.seconds == pytest.approx(1, abs=0.01)
    assert np.abs(sound.samples).max() == pytest.approx(0.5, abs=0.02)


def test_a_recording_is_a_file_that_a_sample_can_name(tmp_path):
    soundfile.write(tmp_path / "memo.flac", WAVE, 48000)
    for given in (tmp_path / "memo.flac", str(tmp_path / "memo.flac"), (48000, WAVE)):
        path = write_recording(given, tmp_path)
        assert (
            path.parent == tmp_path
            and soundfile.info(path).samplerate == 16000
            and len(load_audio(path)) == pytest.approx(16000, abs=20)
        )
    assert len({write_recording((48000, WAVE), tmp_path) for _ in range(3)}) == 3, (
        "each under a name of its own"
    )


@pytest.mark.parametrize("wave", [WAVE[:4800], WAVE * 1e-4, np.zeros(0)], ids=["short", "silent", "empty"])
def test_a_recording_without_a_voice_is_told_with_the_way_out(wave):
    for language, told in (("en", r"nothing is to be heard.*check the microphone"), ("ja", "マイクを確認")):
        with speaking(language), pytest.raises(KitError, match=told):
            recorded((48000, wave))


def test_the_voice_is_the_question_and_the_photo_its_evidence(tmp_path):
    sample = spoken_question(
        tmp_path / "voice.wav", image=(tmp_path / "part.png",), options=("ok", "scratch")
    )
    assert (
        sample.question == SPOKEN
        and sample.audio == (tmp_path / "voice.wav",)
        and sample.decided_by == ("audio", "image")
    )
    assert spoken_question(tmp_path / "voice.wav").decided_by == ("audio",)


def test_a_model_says_which_of_a_few_questions_was_spoken(tiny, tmp_path, need):
    need("voice-en")
    path = write_recording(voice_for("en").say("How does the caller feel?"), tmp_path)
    questions = ("How does the caller feel?", "What will the customer do next?")
    shares = which_question(tiny, path, questions)
    assert set(shares) == set(questions) and sum(shares.values()) == pytest.approx(
        1
    )  # which one, the tiny model was never taught


def test_a_model_without_ears_says_so(tiny, tmp_path):
    deaf = dataclasses.replace(
        tiny, checkpoint=dataclasses.replace(tiny.checkpoint, name="deaf", modalities=("text", "image"))
    )
    with speaking("en"), pytest.raises(KitError, match="deaf does not hear.*choose it from the list"):
        which_question(deaf, tmp_path / "voice.wav", ("a?", "b?"))
