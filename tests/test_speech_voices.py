"""Voices: what they give back, what they refuse, and that the libraries below are safe to call."""

import builtins
import io
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import soundfile

from kit.errors import KitError
from kit.language import speaking
from kit.speech import EspeakVoice, OpenJTalkVoice, Sound, espeak, joined, open_jtalk, voice_for

SAID = {
    "ja": "この部品には傷があります。",
    "en": "The part has a scratch.",
    "de": "Das Teil hat einen Kratzer.",
}


def voice(language, need):
    need("voice" if language == "ja" else "voice-en")
    return voice_for(language)


@pytest.mark.parametrize("language", SAID)
def test_a_voice_says_a_sentence_in_a_natural_time(language, need):
    speaker = voice(language, need)
    sound, again = speaker.say(SAID[language]), speaker.say(SAID[language])
    assert sound.samples.dtype == np.float32 and sound.samples.ndim == 1 and sound.rate in (22050, 48000)
    assert 0.8 < sound.seconds < 5 and 0.1 < np.abs(sound.samples).max() <= 1
    assert again.seconds == pytest.approx(sound.seconds, rel=0.02) and speaker.language.startswith(language)
    assert language != "ja" or np.array_equal(sound.samples, again.samples)


def test_sample_data_sounds_the_same_whatever_a_voice_has_said_before(need):
    speaker, settings = voice("en", need), {espeak.RATE: 175}
    first, _ = espeak.render(SAID["en"], "en-us", settings)
    for _ in range(2):
        speaker.say(SAID["de"])
        assert np.array_equal(first, espeak.render(SAID["en"], "en-us", settings)[0])


@pytest.mark.parametrize("language", ["ja", "en"])
def test_a_faster_voice_takes_less_time(language, need):
    slow = voice(language, need).say(SAID[language])
    assert (
        0.4 * slow.seconds < voice_for(language, speed=2.0).say(SAID[language]).seconds < 0.75 * slow.seconds
    )


@pytest.mark.parametrize("language", ["ja", "en"])
def test_hard_texts_do_no_harm(language, need):
    speaker = voice(language, need)
    for text in (
        "",
        " ",
        "。",
        "\0",
        "a\0b",
        "\ud800",
        "👍",
        "<speak>x</speak>",
        "한국어",
        "x" * 20,
        "3.5mm",
    ):
        sound = speaker.say(text)
        assert np.isfinite(sound.samples).all() and sound.seconds < 60
    assert speaker.say("a\0b").seconds > speaker.say("a").seconds, "what stands behind a null is said, too"


def test_voices_in_several_threads_do_not_disturb_each_other(need):
    speakers = [voice("ja", need), voice("en", need), voice("de", need)]
    texts = [SAID["ja"], SAID["en"], SAID["de"]]
    alone = [speaker.say(text) for speaker, text in zip(speakers, texts)]
    with ThreadPoolExecutor(6) as crowd:
        together = list(crowd.map(lambda i: speakers[i % 3].say(texts[i % 3]), range(9)))
    assert all(
        sound.seconds == pytest.approx(alone[i % 3].seconds, rel=0.02) for i, sound in enumerate(together)
    )


def test_what_a_voice_cannot_do_is_said_with_what_can_be_done(need):
    need("voice")
    need("voice-en")
    with speaking("en"):
        with pytest.raises(KitError, match="voice 'klingonese' is unknown to espeak-ng; give a language"):
            voice_for("klingonese")
        assert voice_for("en").say("Yes.").seconds > 0.1, "and the next one speaks"
        with pytest.raises(KitError, match="speed is 5; allowed: 0.5 to 2.0 times"):
            OpenJTalkVoice(speed=5)
        with pytest.raises(KitError, match="speed is 0.1"):
            EspeakVoice(speed=0.1)
    with speaking("ja"), pytest.raises(KitError, match="espeak-ng にありません"):
        voice_for("klingonese")


def without(monkeypatch, module):
    """This process as if `module` were not installed."""
    real = builtins.__import__

    def missing(name, *rest):
        if name == module:
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", missing)


def test_a_missing_voice_names_what_to_install(monkeypatch, need):
    need("voice-en")
    open_jtalk.package.cache_clear()
    with espeak.library("en-us"):
        pass  # afterwards none is open
    for module, language, told in (
        ("pyopenjtalk", "ja", r"mllm-poc-kit\[voice\]"),
        ("espeakng_loader", "fr", r"GPL-3\); run: pip install .mllm-poc-kit\[voice-en\]"),
    ):
        with monkeypatch.context() as patch, speaking("en"):
            without(patch, module)
            with pytest.raises(KitError, match=told):
                voice_for(language)


def test_a_sound_is_one_channel_of_finite_samples():
    for samples, rate in ((np.zeros((2, 5)), 8000), (np.array([np.nan]), 8000), (np.zeros(5), 0)):
        with pytest.raises(ValueError, match="a sound is finite samples"):
            Sound(samples, rate)


def test_a_sound_can_be_brought_to_another_rate_and_written_as_a_file():
    sound = Sound(np.sin(np.arange(4800) / 10), 48000)
    at16 = sound.at(16000)
    assert (
        at16.rate == 16000
        and at16.seconds == pytest.approx(0.1)
        and at16.samples.dtype == np.float32
        and sound.at(48000) is sound
    )
    samples, rate = soundfile.read(io.BytesIO(sound.wav()))
    assert rate == 48000 and np.allclose(samples, sound.samples, atol=1e-4)
    loud, _ = soundfile.read(io.BytesIO(Sound(np.array([2.0, -2.0]), 8000).wav()))
    assert loud[0] > 0.99 and loud[1] < -0.99, "clipped and not wrapped round"


def test_sounds_are_joined_with_a_pause_between():
    one, two = Sound(np.ones(10), 100), Sound(np.ones(20), 100)
    assert joined([one, two], pause=0.5).samples.tolist() == [1] * 10 + [0] * 50 + [1] * 20
    for sounds in ([], [one, Sound(np.ones(2), 50)]):
        with pytest.raises(ValueError, match="sounds of one rate can be joined"):
            joined(sounds)
