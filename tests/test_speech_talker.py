"""A checkpoint's own voice, on a tiny random one of transformers' real classes: thinker, talker and vocoder."""

import numpy as np
import pytest
import torch

from kit.data.collator import Collator
from kit.errors import KitError
from kit.evaluation import option_scores
from kit.language import speaking
from kit.models import load
from kit.models.forward import generate
from kit.speech import Speech
from kit.speech.talker import TalkerVoice

TALKER = dict(
    vocab_size=128, tts_text_start_token_id=5, tts_text_end_token_id=6, tts_text_pad_token_id=7, tts_codec_start_token_id=121, tts_codec_end_token_id=122,
    tts_codec_pad_token_id=120, tts_codec_mask_token_id=123, hidden_size=64, intermediate_size=64, num_hidden_layers=1, num_attention_heads=2,
    num_key_value_heads=1, head_dim=32, rope_parameters={"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [4, 6, 6]},
)  # fmt: skip
DIT = dict(
    hidden_size=64, num_hidden_layers=1, num_attention_heads=2, ff_mult=1, emb_dim=16, head_dim=32, look_ahead_layers=[0], look_backward_layers=[0],
    num_embeds=128, mel_dim=8, enc_emb_dim=8, enc_dim=8, enc_channels=[8, 8, 8, 8, 24], enc_attention_channels=4, enc_res2net_scale=2, enc_se_channels=4,
)  # fmt: skip
VOCODER = dict(
    mel_dim=8, upsample_initial_channel=64, resblock_kernel_sizes=[3], resblock_dilation_sizes=[[1, 3, 5]]
)


@pytest.fixture(scope="module")
def checkpoint(tiny, tmp_path_factory):
    """The shipped thinker with a random talker and vocoder, saved as a whole checkpoint."""
    from transformers import Qwen2_5OmniConfig, Qwen2_5OmniForConditionalGeneration

    thinker = tiny.model.config
    marks = {
        f"{kind}_token_index": getattr(thinker, f"{kind}_token_id") for kind in ("audio", "image", "video")
    }
    talker = TALKER | marks | {"embedding_size": thinker.text_config.hidden_size}
    config = Qwen2_5OmniConfig(
        thinker_config=thinker.to_dict(),
        talker_config=talker,
        token2wav_config={"dit_config": DIT, "bigvgan_config": VOCODER},
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = Qwen2_5OmniForConditionalGeneration(config)
        speakers = {
            name: {"bos_token": 8, "cond": torch.randn(1, 8), "ref_mel": torch.randn(1, 30, 8)}
            for name in ("Chelsie", "Ethan")
        }
        for parameter in model.token2wav.parameters():
            if parameter.dim() > 1:
                torch.nn.init.normal_(parameter, std=0.2)
    model.thinker.load_state_dict(tiny.model.state_dict())
    folder = tmp_path_factory.mktemp("whole")
    model.save_pretrained(folder)
    tiny.processor.save_pretrained(folder)
    torch.save(speakers, folder / "spk_dict.pt")
    return folder


@pytest.fixture(scope="module")
def voice(checkpoint):
    return TalkerVoice(str(checkpoint), device="cpu")


def test_a_checkpoint_with_a_talker_speaks_and_the_same_way_twice(voice):
    first, again = voice.say("The part has a scratch."), voice.say("The part has a scratch.")
    assert first.rate == 24000 and 0.03 < first.seconds < 30 and np.abs(first.samples).max() > 0
    assert np.array_equal(first.samples, again.samples) and voice.speaker == "Chelsie"


def test_the_thinker_writes_exactly_the_text_that_the_talker_follows(voice, monkeypatch):
    written, generate = [], voice.talker.model.thinker.generate

    def watched(*args, **kwargs):
        result = generate(*args, **kwargs)
        written.append(result.sequences[0, kwargs["input_ids"].shape[1] :])
        return result

    monkeypatch.setattr(voice.talker.model.thinker, "generate", watched)
    for text in ("The part has a scratch.", "傷があります。", "a"):
        voice.say(text)
        assert voice.talker.processor.tokenizer.decode(written.pop(), skip_special_tokens=True) == text


def test_a_talker_is_a_voice_like_any_other(voice):
    with Speech(["It broke. ", "Look at it."], voice) as speech:
        spoken = list(speech)
    assert [one.sentence for one in spoken] == ["It broke. ", "Look at it."] and all(
        one.sound and not one.error for one in spoken
    )


def test_the_words_of_a_checkpoint_with_a_talker_come_in_pieces_too(checkpoint, voice, tiny):
    from kit.data import Sample
    from kit.models import Loaded
    from kit.models.streamed import Writing

    loaded = Loaded(voice.talker.model, voice.talker.processor, tiny.checkpoint, False)
    sample = Sample("a", "Which colour is the sky?", text="The sky is blue.", decided_by=("text",))
    assert "".join(Writing(loaded, sample, 8)) == "".join(Writing(tiny, sample, 8))


def test_a_checkpoint_without_a_talker_says_what_to_do_instead(checkpoint):
    for language, told in (
        ("en", "'tiny_omni' has no talker: it writes and does not speak.*voice_for"),
        ("ja", "文章だけを書きます"),
    ):
        with speaking(language), pytest.raises(KitError, match=told):
            TalkerVoice("tiny_omni")
    with speaking("en"), pytest.raises(KitError, match="has no speaker 'Bob'; it has Chelsie, Ethan"):
        TalkerVoice(str(checkpoint), speaker="Bob", device="cpu").say("Hello.")


def test_a_checkpoint_without_its_speakers_is_one_line(checkpoint, tmp_path):
    import shutil

    broken = shutil.copytree(checkpoint, tmp_path / "broken", ignore=shutil.ignore_patterns("spk_dict.pt"))
    with speaking("en"), pytest.raises(KitError, match="cannot be loaded.*spk_dict.pt") as told:
        TalkerVoice(str(broken), device="cpu")
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("four_bit", [False, True], ids=["float32", "4-bit"])
def test_a_whole_checkpoint_is_asked_like_any_other(four_bit, checkpoint, tiny, colours):
    """Only its thinker is loaded, which answers as the thinker does that it was made of."""
    loaded = load(str(checkpoint), four_bit=four_bit, device="cpu")
    assert type(loaded.model) is type(tiny.model) and not any("talker" in path for path, _ in loaded.model.named_modules())
    expected = load("tiny_omni", four_bit=four_bit, device="cpu")
    for found, wanted in zip(option_scores(loaded, colours[:3]), option_scores(expected, colours[:3]), strict=True):
        np.testing.assert_allclose(found, wanted, atol=1e-4)
    batch = Collator(loaded.processor, answers=False)(colours[:2])
    assert torch.equal(generate(loaded.model, batch, 4), generate(expected.model, batch, 4))
