"""Speaking while writing: order, back-pressure, barge-in, failing voices and writers, and that no thread stays behind."""

import asyncio
import gc
import threading
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kit.errors import KitError
from kit.language import speaking
from kit.speech import Sound, Speech, paced, speak_whole, split, timing
from kit.speech.streaming import Spoken

ANSWER = "傷があります。長さは3.5mmです。「縁に近い。」と見ます。人が確認してください。"
SENTENCES = split(ANSWER)


class Tone:
    """A small real voice: a tone as long as the text, after as many seconds as it is told to need."""

    language = "ja"

    def __init__(self, takes: float = 0.0, fails_at: str = "never", fails_with: type[BaseException] = RuntimeError):
        self.takes, self.fails_at, self.fails_with, self.said = takes, fails_at, fails_with, []

    def say(self, text: str) -> Sound:
        time.sleep(self.takes)
        self.said.append(text)
        if self.fails_at in text:
            raise self.fails_with("the loudspeaker is broken")
        return Sound(np.sin(np.arange(400 * len(text)) / 9).astype(np.float32) / 2, 8000)


def threads_of_speech() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("speech-")]


@pytest.fixture(autouse=True)
def no_thread_stays_behind():
    yield
    gc.collect()
    until = time.perf_counter() + 10
    while threads_of_speech() and time.perf_counter() < until:
        time.sleep(0.01)
    assert not threads_of_speech()


def test_every_sentence_comes_out_once_in_order_with_its_sound():
    voice = Tone()
    with Speech(ANSWER, voice) as speech:
        spoken = list(speech)
        assert speech.text == ANSWER and not speech.cancelled and list(speech) == []
    assert [one.sentence for one in spoken] == SENTENCES == voice.said
    assert all(
        one.error is None and one.sound.rate == 8000 and one.written_at <= one.ready_at and one.took >= 0
        for one in spoken
    )
    assert [one.sound.seconds for one in spoken] == [len(sentence) / 20 for sentence in SENTENCES]


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.integers(0, len(ANSWER) * 3), max_size=12),
    st.integers(1, 3),
    st.sampled_from([0.0, 0.002]),
    st.sampled_from([0.0, 0.002]),
)
def test_many_cuts_slow_voices_and_slow_listeners_lose_and_reorder_nothing(
    cuts, ahead, voice_takes, listener_takes
):
    text = ANSWER * 3
    cuts = sorted({0, len(text), *cuts})
    heard = []
    with Speech([text[a:b] for a, b in zip(cuts, cuts[1:])], Tone(voice_takes), ahead) as speech:
        for one in speech:
            heard.append(one.sentence)
            time.sleep(listener_takes)
    assert heard == split(text)


def test_the_first_sentence_sounds_while_the_rest_is_being_written():
    pieces = paced(ANSWER, 200)
    began = time.perf_counter()
    with Speech(pieces, Tone()) as speech:
        first = next(speech)
        assert len(speech.text) < len(ANSWER) and first.ready_at < time.perf_counter() - began + 0.01
        rest = list(speech)
    assert first.written_at < 0.6 * rest[-1].written_at


def test_back_pressure_a_slow_listener_stops_the_voice_and_the_writer():
    read = []

    def endless():
        for number in range(10_000):
            read.append(number)
            yield f"第{number}文です。"

    voice = Tone()
    with Speech(endless(), voice, ahead=2) as speech:
        next(speech)
        time.sleep(0.3)
        assert len(voice.said) <= 4 and len(read) <= 9, (
            "one handed out, two wait behind the voice, one in its hands"
        )


def test_barge_in_nothing_sounds_afterwards_and_what_was_written_comes_back():
    closed = []

    def writer():
        try:
            while True:
                yield "まだ話します。"
                time.sleep(0.001)
        finally:
            closed.append(True)

    speech = Speech(writer(), Tone(0.05))
    assert next(speech).sentence == "まだ話します。"
    began = time.perf_counter()
    text = speech.cancel()
    took = time.perf_counter() - began
    assert took < 0.04, "it does not wait for the voice, which takes 50 ms"
    assert list(speech) == [] and speech.cancelled
    assert text == "まだ話します。" * (len(text) // 7) and len(text) >= 14
    assert speech.close() and speech.text == text and closed == [True]
    assert speech.cancel() == text, "a second time changes nothing"


def test_barge_in_wakes_a_listener_that_is_waiting():
    blocked = threading.Event()

    def writer():
        yield "一。二"
        blocked.wait(20)
        yield "。三。"

    speech, heard = Speech(writer(), Tone()), []
    listener = threading.Thread(target=lambda: heard.extend(one.sentence for one in speech))
    listener.start()
    while not heard:
        time.sleep(0.005)
    assert speech.cancel() == "一。二"
    listener.join(2)
    assert not listener.is_alive() and heard == ["一。"]
    assert not speech.close(0.05), "the writer blocks, and close says so"
    blocked.set()
    assert speech.close() and speech.text == "一。二", "what came after the barge-in is not part of it"


@settings(max_examples=30, deadline=None)
@given(st.floats(0, 0.02))
def test_cancelled_at_any_moment_what_came_out_is_the_beginning(moment):
    heard = []
    speech = Speech(paced(ANSWER, 4000), Tone(0.001))
    timer = threading.Timer(moment, speech.cancel)
    timer.start()
    heard += [one.sentence for one in speech]
    timer.join()
    assert speech.close() and SENTENCES[: len(heard)] == heard
    assert ANSWER.startswith(speech.text) and speech.text.startswith("".join(heard)[:-1])


def test_a_writer_with_a_close_of_its_own_is_closed_at_once():
    class Stream:
        closed = threading.Event()

        def __iter__(self):
            return self

        def __next__(self):
            if self.closed.wait(20):
                raise ValueError("read from a closed stream")
            return "never。"

        def close(self):
            self.closed.set()

    speech = Speech(Stream(), Tone())
    assert speech.cancel() == "" and speech.close(2) and list(speech) == []


@pytest.mark.parametrize("fails_with", [RuntimeError, SystemExit, asyncio.CancelledError])
def test_a_failing_voice_costs_the_sound_and_never_the_text(fails_with):
    with Speech(ANSWER, Tone(fails_at="3.5", fails_with=fails_with)) as speech:
        spoken = list(speech)
    assert "".join(one.sentence for one in spoken) == ANSWER
    assert [one.sound is None for one in spoken] == [False, True, False, False]
    assert str(spoken[1].error) == "the loudspeaker is broken" and spoken[0].error is None


@pytest.mark.parametrize(
    "said, told",
    [
        (None, "Mute.say gave back NoneType; a voice gives back a Sound"),
        (
            Sound(np.zeros(0), 8000),
            "the voice for ja can say nothing of '안녕。'; use the voice of the text's language",
        ),
    ],
)
def test_a_voice_that_gives_back_no_sound_is_an_error_of_its_sentence(said, told):
    class Mute:
        language = "ja"

        def say(self, text):
            return said

    with speaking("en"), Speech(["안녕。"], Mute()) as speech:
        (one,) = speech
    assert one.sentence == "안녕。" and one.sound is None and str(one.error) == told


def test_the_error_of_a_thread_is_in_the_readers_language():
    class Mute:
        language = "ja"

        def say(self, text):
            return Sound(np.zeros(0), 8000)

    with speaking("ja"), Speech(["abc。"], Mute()) as speech:
        assert "読めません" in str(next(speech).error)


@pytest.mark.parametrize("fails_with", [OSError, asyncio.CancelledError])
def test_a_failing_writer_is_told_after_the_sentences_so_far(fails_with):
    def writer():
        yield "一つ目です。二つ目は途"
        raise fails_with("the connection broke")

    speech, heard = Speech(writer(), Tone()), []
    with pytest.raises(fails_with, match="the connection broke"):
        for one in speech:
            heard.append(one.sentence)
    assert heard == ["一つ目です。", "二つ目は途"] and list(speech) == [] and speech.close()


def test_pieces_that_are_no_text_are_an_error_of_the_writer():
    with Speech(["はい。", 3], Tone()) as speech, pytest.raises(TypeError, match="pieces of text; given int"):
        list(speech)


def test_what_nobody_can_say_has_no_sound_and_no_error():
    with Speech("見出し\n---\n👍\n終わり。", Tone()) as speech:
        spoken = list(speech)
    assert [(one.sentence, one.sound is None, one.error) for one in spoken] == [
        ("見出し\n", False, None), ("---\n", True, None), ("👍\n", True, None), ("終わり。", False, None),
    ]  # fmt: skip


def test_an_empty_answer_is_no_sentence():
    for pieces in ([], [""], iter(())):
        with Speech(pieces, Tone()) as speech:
            assert list(speech) == [] and speech.text == ""


def test_a_speech_that_is_forgotten_leaves_no_thread():
    def endless():
        while True:
            yield "まだ。"

    next(Speech(endless(), Tone()))
    gc.collect()  # the fixture waits for the threads


def test_twenty_speeches_at_once_keep_their_sentences_apart():
    answers = [f"回答{number}です。続きは{number}です。" for number in range(20)]
    speeches = [Speech(list(answer), Tone(0.001)) for answer in answers]
    assert ["".join(one.sentence for one in speech) for speech in speeches] == answers
    assert all(speech.close() for speech in speeches)


def test_no_sentence_may_wait_is_refused_with_the_way_out():
    for language, told in (("en", "ahead is 0; at least 1 sentence"), ("ja", "1 以上")):
        with speaking(language), pytest.raises(KitError, match=told):
            Speech([], Tone(), ahead=0)


def test_timing_says_what_a_listener_notices():
    def spoken(ready: float, seconds: float | None) -> Spoken:
        sound = None if seconds is None else Sound(np.zeros(round(100 * seconds), np.float32), 100)
        return Spoken("x", sound, None, 0.0, ready, 0.5)

    told = timing([spoken(0.2, None), spoken(1.0, 2.0), spoken(2.0, 1.0), spoken(5.5, 1.0)])
    assert (told.first_sound, told.last_sound, told.sound_seconds) == (1.0, 5.5, 4.0)
    assert told.silence == pytest.approx(1.5), "played until 4.0, the next was ready at 5.5"
    assert told.real_time_factor == pytest.approx(1.5 / 4)
    assert timing([spoken(1.0, None)]) == timing([]) and timing([]).first_sound is None


def test_the_old_way_says_nothing_before_all_is_written():
    whole = speak_whole(paced(ANSWER, 400), Tone())
    assert (
        whole.sentence == ANSWER
        and whole.written_at >= len(ANSWER) / 400 * 0.9
        and whole.ready_at >= whole.written_at
    )


def test_first_sound_comes_early_with_a_real_voice(need):
    need("voice")
    from kit.speech import voice_for

    voice = voice_for("ja")
    voice.say("はじめ。")  # opening the dictionary is not part of it
    answer = "この部品には傷があります。" * 4
    whole = speak_whole([answer], voice)
    with Speech([answer], voice) as speech:
        spoken = list(speech)
    told = timing(spoken)
    assert len(spoken) == 4 and all(one.sound for one in spoken)
    assert told.first_sound < 0.6 * whole.ready_at, (
        "a bound for a busy machine; the figure is in benchmarks/speech.csv"
    )
    assert abs(told.sound_seconds - whole.sound.seconds) < 3


# the model's own pieces


@pytest.fixture(scope="module")
def memo(tmp_path_factory):
    import soundfile

    path = tmp_path_factory.mktemp("memo") / "memo.wav"
    soundfile.write(path, np.sin(np.arange(16000) / 11).astype(np.float32) / 3, 16000)
    return path


def asked(memo, **changes):
    from kit.data import Sample

    return Sample("memo", "What is said?", audio=(memo,), decided_by=("audio",), **changes)


def test_a_model_writes_in_pieces_what_it_would_have_answered_at_once(tiny, memo):
    from kit.data.collator import Collator
    from kit.models.forward import generate
    from kit.models.streamed import Writing

    sample = asked(memo)
    ids = generate(tiny.model, Collator(tiny.processor, answers=False)([sample]), 24)
    whole = tiny.processor.tokenizer.decode(ids[0], skip_special_tokens=True)
    writing = Writing(tiny, sample, 24)
    pieces = list(writing)
    assert "".join(pieces) == whole and all(pieces) and list(writing) == [] and writing.join(10)
    with Speech(Writing(tiny, sample, 24), Tone()) as speech:
        assert "".join(one.sentence for one in speech) == whole


def never_ending(model, monkeypatch):
    """The model without an end-of-turn token: it writes until it is stopped."""
    monkeypatch.setattr(model.generation_config, "eos_token_id", None)


def test_barge_in_stops_the_model_with_its_next_token(tiny, memo, monkeypatch):
    from kit.models.streamed import Writing

    never_ending(tiny.model, monkeypatch)
    writing = Writing(tiny, asked(memo), 4000)
    speech = Speech(writing, Tone())
    while not speech.text:
        time.sleep(0.01)
    speech.cancel()
    assert writing.join(20) and speech.close() and len(speech.text) < 4000


def test_what_a_model_raises_while_writing_is_told_where_it_is_read(tiny, memo, monkeypatch):
    from kit.models.streamed import Writing

    def out_of_memory(*args, **kwargs):
        raise RuntimeError("out of memory")

    monkeypatch.setattr(tiny.model.get_output_embeddings(), "forward", out_of_memory)
    writing = Writing(tiny, asked(memo), 8)
    with pytest.raises(RuntimeError, match="out of memory"):
        list(writing)
    assert list(writing) == [] and writing.join(10)
