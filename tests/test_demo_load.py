"""The demo under load: the line before the model, limits of time, stopping in the middle, memory that runs out, a model that comes later, and twenty people at once."""

import re
import shutil
import threading
import time
from pathlib import Path

import pytest
from made_run import make_folder, make_run
from PIL import Image

pytest.importorskip("gradio", reason='needs demo: pip install "mllm-poc-kit[demo]"')

import torch  # noqa: E402

from benchmarks import demo as bench  # noqa: E402
from kit.data import Sample  # noqa: E402
from kit.models import add_lora, load  # noqa: E402
from poc import demo, runs  # noqa: E402
from poc.demo import words as w  # noqa: E402
from poc.demo.counter import AT_ONCE, OF_ADDRESS_AT_ONCE, Counter  # noqa: E402
from poc.demo.ledger import Ledger, Visitor  # noqa: E402
from poc.demo.line import Line, Stopped  # noqa: E402
from poc.demo.loading import Loading  # noqa: E402
from poc.demo.rate import Rate  # noqa: E402
from poc.demo.visit import Desk  # noqa: E402

SECONDS = 30.0  # of the load test here; five minutes are `python -m benchmarks.demo`


@pytest.fixture(scope="module")
def exhibit(tmp_path_factory):
    folder = make_folder(tmp_path_factory.mktemp("company") / "parts", rows=40)
    return demo.open_exhibit(make_run(folder.parent / "runs" / "made" / "20261122-093000", folder))


def drawn(name: str) -> demo.ModelPair:
    """A model with an adapter that was drawn instead of trained, so that base and tuned differ."""
    loaded = load(name, device="cpu")
    loaded.model = add_lora(loaded.model, ["llm"], 4, seed=0)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in (parameter for name, parameter in loaded.model.named_parameters() if "lora_B" in name):
            parameter.copy_(0.2 * torch.randn(parameter.shape, generator=generator))
    return demo.ModelPair(loaded)


@pytest.fixture(scope="module")
def pair():
    return drawn("tiny_omni")


# the line


def test_turns_come_in_their_order_and_one_at_a_time():
    line, seen, going_on = Line(), [], threading.Event()
    turns = [line.join(lambda stop, n=n: (going_on.wait(10), seen.append(n), n)[-1]) for n in range(5)]
    assert [turn.before for turn in turns] == [0, 1, 2, 3, 4]
    going_on.set()
    assert [turn.result() for turn in turns] == seen == [0, 1, 2, 3, 4] and len(line) == 0


def test_a_full_line_says_so_at_once_and_takes_the_next_one_when_there_is_room():
    line, going_on = Line(most=2), threading.Event()
    first, second = (line.join(lambda stop: going_on.wait(10)) for _ in range(2))
    with pytest.raises(w.Refusal, match="2 questions are waiting already.*Nothing was asked"):
        line.join(lambda stop: None)
    second.stop()
    third = line.join(lambda stop: "answered")
    going_on.set()
    assert third.result() == "answered" and first.result()
    with pytest.raises(w.Refusal, match="Stopped before there was an answer"):
        second.result()


def test_a_question_that_takes_too_long_ends_and_the_others_go_on():
    line, hung, seen = Line(longest=0.3), threading.Event(), []
    began = time.monotonic()
    slow = line.join(lambda stop: hung.wait(20))  # it never looks at `stop`: the model hangs
    waiting = line.join(lambda stop: seen.append("asked"))
    for turn in (slow, waiting):
        with pytest.raises(w.Refusal, match="No answer within 0 s"):
            turn.result()
    assert time.monotonic() - began < 3
    hung.set()
    line.longest = 10
    assert line.join(lambda stop: "answered").result() == "answered" and seen == [], "what nobody waits for is not asked"


def test_an_error_reaches_the_one_who_asked_and_the_line_goes_on():
    line = Line()

    def broken(stop):
        raise ZeroDivisionError("at the model")

    with pytest.raises(ZeroDivisionError, match="at the model"):
        line.join(broken).result()
    assert line.join(lambda stop: 1).result() == 1


def test_how_often_a_client_may_ask():
    now = [0.0]
    rate = Rate(per_minute=60, at_once=3, clock=lambda: now[0])
    assert [rate.take("a") for _ in range(4)] == [0, 0, 0, 1.0] and rate.take("b") == 0
    now[0] = 1.5
    assert rate.take("a") == 0 and rate.take("a") == pytest.approx(0.5)
    now[0] = 1000
    assert [rate.take("a") for _ in range(4)] == [0, 0, 0, 1.0], "waiting long earns no more than at once"


def test_who_asks_too_often_is_told_when_to_go_on_and_nobody_else_is(exhibit):
    desk = Desk(exhibit, demo.Recordings(exhibit.predictions))
    eager, calm = Visitor("", "127.0.0.1", "eager"), Visitor("", "127.0.0.1", "calm")
    told = [desk.answered(desk.first_view(), "", eager) for _ in range(AT_ONCE + 1)]
    assert all(view.answer for view in told[:-1]) and re.search("go on in 1 s", told[-1].refusal["en"])
    assert desk.answered(desk.first_view(), "", calm).answer


# a real model that is stopped, that remembers, that runs out of memory


def test_a_question_is_stopped_between_the_models_layers_and_the_next_one_is_not_touched(pair, exhibit):
    first, second = list(exhibit.samples.values())[:2]
    alone, looks = demo.answer(pair, second), []

    def stop():
        looks.append(1)
        if len(looks) == 3:
            raise Stopped

    with pytest.raises(Stopped):
        demo.answer(pair, first, stop)
    again = demo.answer(pair, second)
    assert len(looks) == 3 and (again.base, again.tuned) == (alone.base, alone.tuned)


def test_positions_that_a_family_keeps_on_the_model_reach_nobody_else(checkpoints, tmp_path):
    """Qwen2.5-VL writes `rope_deltas` on the model; pictures of other sizes, and a question that is stopped in the middle, must not move the next visitor's positions."""
    pair, samples = drawn(checkpoints("qwen2.5-vl")), []
    for number, size in enumerate([(224, 224), (56, 168), (112, 56)]):
        Image.new("RGB", size, (90 * number, 200, 40)).save(tmp_path / f"{number}.png")
        samples.append(Sample(f"s{number}", "Which colour is the part?", ("red", "dark green"), image=(tmp_path / f"{number}.png",), text="left of the belt" * number, decided_by=("image",)))
    fresh = [demo.answer(drawn(checkpoints("qwen2.5-vl")), sample) for sample in samples]
    looks = iter(range(1000))

    def in_the_middle():
        if next(looks) == 5:
            raise Stopped

    with pytest.raises(Stopped):
        demo.answer(pair, samples[0], in_the_middle)
    for turn in (0, 1, 2, 1, 0):
        given = demo.answer(pair, samples[turn])
        assert (given.base, given.tuned) == (fresh[turn].base, fresh[turn].tuned)


def test_memory_of_the_gpu_that_runs_out_is_explained_and_the_next_question_is_answered(pair, exhibit):
    """A layer that raises what torch raises; where the GPU's memory really ends nothing else is different."""
    desk = Desk(exhibit, pair)

    def full(module, given):
        raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")

    towers = [module for module in pair.loaded.model.modules() if isinstance(module, torch.nn.ModuleList)]
    hooks = [layers[0].register_forward_pre_hook(full) for layers in towers]
    try:
        shown = {language: desk.outcome(desk.answered(desk.first_view(), ""), language) for language in ("en", "ja")}
    finally:
        for hook in hooks:
            hook.remove()
    assert "The GPU&#x27;s memory was not enough for this evidence" in shown["en"] and "smaller photo or a shorter video" in shown["en"] and "20.00" not in shown["en"]
    assert "GPU のメモリが足りず" in shown["ja"]
    assert desk.answered(desk.first_view(), "").answer


def test_a_visitor_who_leaves_stops_the_model_and_that_is_recorded(pair, exhibit):
    from kit.operations.audit_log import records_in

    ledger = Ledger(exhibit)
    desk, held = Desk(exhibit, pair, ledger=ledger), threading.Event()
    hook = pair.loaded.model.register_forward_pre_hook(lambda *_: held.wait(20) and None)
    try:
        asking = desk.ask(desk.first_view(), "", "en")
        next(asking), next(asking)  # in line, and at the model
        asking.close()
        assert len(desk.counter.line) == 0
    finally:
        held.set()
        hook.remove()
    last = list(records_in(ledger.log.path))[-1]
    assert (last.kind, last.decision, last.note["why"]) == ("event", "no answer", "stopped by the visitor")
    assert desk.answered(desk.first_view(), "").answer, "the next one is answered"


# a model that comes later, or not


def test_while_the_model_is_on_its_way_there_are_recordings_and_a_progress_bar(exhibit, tmp_path, pair):
    loading = Loading(exhibit.run)
    desk = Desk(exhibit, demo.Recordings(exhibit.predictions), loading=loading)
    assert desk.waits and "Step 1 of 3: reading the libraries" in desk.progress("en") and "<progress max=" in desk.progress("en") and "読み込み中" in desk.progress("ja")
    assert desk.answered(desk.first_view(), "").answer.recorded and "Recorded answers" not in desk.top("en")
    Image.new("RGB", (64, 64)).save(tmp_path / "mine.png")
    mine = desk.add_files(desk.first_view(), [str(tmp_path / "mine.png")])
    assert "still being loaded" in desk.answered(mine, "").refusal["en"]
    desk.receive(pair)
    loading.over.set()
    assert not desk.waits and desk.progress("en") == "" and not desk.answered(desk.first_view(), "").answer.recorded
    assert not desk.answered(mine, "").answer.recorded


def test_where_the_model_cannot_come_the_recordings_stay_and_say_why(exhibit):
    """The made run has no adapter."""
    loading = Loading(exhibit.run)
    desk = Desk(exhibit, demo.Recordings(exhibit.predictions), loading=loading)
    loading.seen()
    loading.start(desk.warm, desk.receive)
    assert loading.over.wait(120)
    assert "adapter_model.safetensors is missing" in desk.top("en") and "Recorded answers" in desk.top("en")
    assert desk.answered(desk.first_view(), "").answer.recorded


# everything at once


def test_one_machine_asks_no_more_by_saying_that_it_is_many(exhibit):
    counter, sample, asked = Counter(exhibit, demo.Recordings(exhibit.predictions)), next(iter(exhibit.samples.values())), 0
    for page in range(OF_ADDRESS_AT_ONCE + 20):
        try:
            counter.answer(sample, Visitor("", "10.0.0.1", f"page {page}"))
            asked += 1
        except w.Refusal as no:
            assert "please go on in" in no.text["en"]
    assert OF_ADDRESS_AT_ONCE <= asked < OF_ADDRESS_AT_ONCE + 20
    assert counter.answer(sample, Visitor("", "10.0.0.2", "another machine")) and counter.answer(sample, Visitor("suzuki", "10.0.0.1", "a login"))


def answers_are_those_of_the_run(url: str, run: Path, samples: list[str]) -> None:
    """What the HTTP interface says now, and what `poc run` wrote down when it made the run."""
    from gradio_client import Client

    client, recorded = Client(url, verbose=False), runs.read_predictions(run).query("condition == 'as_is' and split == 'test'")
    for sample in samples:
        given, rows = client.predict(sample_id=sample, api_name="/answer"), recorded[recorded["id"] == sample].set_index("arm")
        assert not given["recorded"] and given["truth"] == rows.at["tuned", "answer"]
        for arm in ("base", "tuned"):
            assert given[arm]["says"] == rows.at[arm, "predicted"] and given[arm]["probabilities"] == pytest.approx(rows.at[arm, "probabilities"], abs=0.01)


@pytest.mark.slow
def test_twenty_people_at_once(tmp_path):
    """`poc demo` in a process of its own, on a copy of the example run: the page is there before the model, nobody is told somebody else's answer, nothing fails, and nothing is left behind."""
    from kit.operations.audit_log import records_in
    from kit.operations.audit_verify import verify

    run = Path(shutil.copytree(runs.EXAMPLE, tmp_path / "run", ignore=shutil.ignore_patterns("operations")))
    with bench.served(run) as (url, server, _):
        times = server.cpu_times()
        assert times.user + times.system < 12, "processor seconds until the page is served: on a busy machine the clock says nothing"
        assert bench.status(url)["loading"]
        temporary = Path(re.search(r"file=(.*?/poc-demo-\w+)/", bench.httpx.get(url, trust_env=False).text)[1])
        bench.until_loaded(url)
        samples = [sample["id"] for sample in bench.held_out(url)][:12]
        answers_are_those_of_the_run(url, run, samples[:6])
        found = bench.load(url, server, samples, bench.photos(tmp_path), SECONDS)
        assert temporary.is_dir()
    assert not found.errors and not found.strangers and len(found.seconds) >= bench.CLIENTS / 2
    assert found.memory[-1][1] - found.memory[len(found.memory) // 2][1] <= 50
    assert not temporary.exists(), "visitors' files are deleted with the process"
    log = run / "operations" / "audit_log.jsonl"
    answered = [record for record in records_in(log) if record.kind == "answer"]
    assert verify(log).ok and len(answered) >= len(found.seconds) and {record.what for record in answered} >= {"own evidence"}
