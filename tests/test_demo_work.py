"""The modes Work and Watch on a made run: a clerk decides blind, two people on what is dangerous, practice against wrong advice, new samples, and what Watch says of all that. Real queues, logs and files."""

import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from made_run import make_folder, make_run
from PIL import Image

pytest.importorskip("gradio", reason='needs demo: pip install "mllm-poc-kit[demo]"')

import gradio as gr  # noqa: E402

from kit.data import read_folder  # noqa: E402
from kit.operations.audit_log import records_in  # noqa: E402
from kit.operations.audit_record import new_key, pseudonym  # noqa: E402
from kit.operations.audit_verify import verify  # noqa: E402
from kit.operations.corrections import corrections  # noqa: E402
from poc import demo  # noqa: E402
from poc.demo import practising, watched  # noqa: E402
from poc.demo import work_words as w  # noqa: E402
from poc.demo.ledger import Ledger, Visitor  # noqa: E402
from poc.demo.new_samples import NewSamples  # noqa: E402
from poc.demo.practising import Practice, Turn  # noqa: E402
from poc.demo.shift import Post, Shift, item_panel, kinds_in, options_of  # noqa: E402
from poc.demo.visit import Desk  # noqa: E402
from poc.demo.words import Refusal  # noqa: E402
from poc.demo.working import Work  # noqa: E402

JAPANESE = re.compile("[ぁ-んァ-ヶ一-龠]")
SATO = Visitor("", "127.0.0.1", "tab-1")


class Clock:
    """A time that passes when the test says so."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = make_folder(tmp_path_factory.mktemp("company") / "parts", rows=60)
    found = demo.open_exhibit(make_run(folder.parent / "runs" / "made" / "20261122-093000", folder))
    return replace(found, record=found.record | {"data": found.record["data"] | {"group_by": "lot"}})


@pytest.fixture
def exhibit(made, tmp_path):
    """The run in a copy of its own, so that its log begins here."""
    return replace(made, run=Path(shutil.copytree(made.run, tmp_path / "run", ignore=shutil.ignore_patterns("operations"))))


@pytest.fixture
def desk(exhibit):
    return Desk(exhibit, demo.Recordings(exhibit.predictions), ledger=Ledger(exhibit))


@pytest.fixture
def shift(exhibit):
    return Shift(exhibit, clock=Clock())


def log_of(exhibit) -> list:
    return list(records_in(exhibit.run / "operations" / "audit_log.jsonl"))


def refer(desk, wrong: bool = True, dangerous: bool = False):
    """An answer of the tuned model that somebody sent to a person: a wrong or a right one, that "ok" plays a part in (nobody alone closes the other answers here) or not."""
    frame = desk.exhibit.predictions
    frame = frame[(frame["arm"] == "tuned") & (frame["condition"] == "as_is")]
    chosen = frame[((frame["answer"] != frame["predicted"]) == wrong) & ((frame["predicted"] == "ok") != dangerous)].iloc[0]
    desk.counter.ledger.__dict__["threshold"] = replace(desk.counter.ledger.threshold, value=0.0)  # it answers, whatever its confidence
    view = desk.answered(desk.pick(desk.first_view(), chosen["id"]), "", SATO)
    return desk.refer(view, SATO), chosen


# the queue


def test_a_clerk_sees_the_item_without_the_models_answer(desk, shift):
    item, row = refer(desk, wrong=False, dangerous=True)
    post = shift.begin(Post(), "Suzuki")
    assert post.claim.item.id == item.id and options_of(post) == ("ok", "scratch", "dent", "stain", "crack") and shift.waiting == 1
    for language, reason in (("en", "somebody asked for a person"), ("ja", "人による確認の依頼がありました")):
        shown = item_panel(post, desk.exhibit, language)
        assert reason in shown and "Which defect" in shown and 'class="photo"' in shown
        visible = re.sub(r"<[^>]*>", " ", shown).replace(row["text"], "")  # a note may name an answer: it is evidence
        assert not re.search(rf"\b{row['predicted']}\b", visible) and f"{item.confidence:.2f}" not in visible, "blind"
    dangerous = item_panel(replace(post, claim=replace(post.claim, item=replace(item, reasons=("dangerous",)))), desk.exhibit, "en")
    assert "dangerous" not in dangerous and w.ANY_REASON["en"] in dangerous, "that reason would tell what the model said"


def test_a_correction_is_written_with_what_to_do_now(desk, shift, exhibit):
    _, row = refer(desk)  # it said ok, and it is not
    post = shift.begin(Post(), "Suzuki")
    shift.clock.now += 7
    post = shift.decide(post, row["answer"], note="the edge is chipped")
    assert post.claim is None and post.done == 1 and not post.refused
    record = log_of(exhibit)[-1]
    assert (record.kind, record.who, record.answer, record.decision, record.note["seconds"], record.note["saw"]) == ("review", "suzuki", row["answer"], "overridden", 7.0, False)
    assert "chipped" not in (exhibit.run / "operations" / "audit_log.jsonl").read_text(encoding="utf-8"), "the sentence stays in the queue"
    (said,) = next(iter(shift.queue.decisions().values()))
    assert post.message["en"].startswith(f"Written, with a record in the audit log: “{row['answer']}”.")
    assert said.note == "the edge is chipped" and said.kind == "miss"
    assert verify(exhibit.run / "operations" / "audit_log.jsonl").ok


def test_what_the_queue_refuses_is_said_in_the_pages_language(desk):
    """Two tabs of one clerk: the second decision is about an item that is decided."""
    refer(desk)
    with gr.Blocks() as app:
        work = Work(app, desk, "en")
    work.shift.clock = Clock()
    two = [work.shift.begin(Post(), "Suzuki") for _ in range(2)]
    work.shift.clock.now += 5
    work._decide("dent", two[0], "", "", "ja")
    shown = work._decide("dent", two[1], "", "", "ja")
    assert shown[0].refused and JAPANESE.search(shown[2]) and "not yours" not in shown[2]


def test_a_clerk_who_closes_the_page_gives_the_item_back(desk, shift):
    item, row = refer(desk, wrong=False)
    first = shift.begin(Post(), "Suzuki", "page 1")
    assert first.claim.item.id == item.id and shift.begin(Post(), "Tanaka", "page 2").claim is None
    again = shift.begin(Post(), "Suzuki", "page 3")
    shift.gone("page 3")
    assert again.claim.item.id == item.id and shift.begin(Post(), "Tanaka", "page 2").claim is None, "they have it on another page, too"
    shift.gone("page 1")
    second = shift.begin(Post(), "Tanaka", "page 2")
    shift.gone("page 1")
    assert second.claim.item.id == item.id
    shift.clock.now += 5
    done = shift.decide(second, row["answer"])
    assert done.claim is None and not done.refused, done.message
    shift.gone("page 2")
    assert shift.waiting == 0, "nothing of a closed item comes back"


def test_two_people_must_agree_on_what_is_dangerous(desk, shift):
    _, row = refer(desk, wrong=False, dangerous=True)
    first = shift.begin(Post(), "Suzuki")
    shift.clock.now += 5
    first = shift.decide(first, row["answer"])
    assert first.claim is None and shift.waiting == 1 and "Another person must look" in first.message["en"] and "別の人も" in first.message["ja"]
    assert shift.begin(first, "ＳＵＺＵＫＩ").claim is None, "the same person, whatever the letters' width"
    second = shift.begin(Post(), "Tanaka")
    assert row["answer"] not in re.sub(r"<[^>]*>", " ", item_panel(second, desk.exhibit, "en")).replace(row["text"], ""), "nor does the second see what the first said"
    shift.clock.now += 5
    second = shift.decide(second, row["answer"])
    assert shift.waiting == 0 and "Another" not in second.message["en"]


def test_what_the_model_said_is_told_only_when_nobody_else_must_decide_and_ends_blindness(desk, shift):
    """After the clerk heard what the model had said, taking back and deciding again is not blind any more, and the record says so."""
    refer(desk)
    shift.queue.dangerous = frozenset()
    post = shift.begin(Post(), "Suzuki")
    shift.clock.now += 5
    post = shift.decide(post, "dent")
    assert "The model had said “ok”. Now: Stop the part" in post.message["en"] and "モデルの答えは「ok」" in post.message["ja"]
    post = shift.undo(post)
    assert post.claim is not None and shift.waiting == 1
    shift.clock.now += 5
    post = shift.decide(post, "crack")
    assert [said.saw for said in shift.queue.decisions()[1]] == [True]
    assert shift.undo(shift.undo(post)).message == w.NOTHING_TO_UNDO


def test_a_key_for_the_item_before_a_missing_name_and_a_damaged_log_write_nothing(desk, shift, exhibit):
    refer(desk)
    assert shift.begin(Post(), "  ").message == w.NAMELESS
    post = shift.begin(Post(), "Suzuki")
    shift.clock.now += 0.1
    assert shift.decide(post, "dent").message == w.UNLOOKED and not shift.queue.decisions()
    shift.clock.now += 5
    (exhibit.run / "operations" / "audit_log.jsonl.head").unlink()
    after = shift.decide(post, "dent")
    assert after.message == w.FAILED and after.claim == post.claim and not shift.queue.decisions() and str(exhibit.run) not in after.message["en"]


def test_names_are_pseudonyms_of_the_given_key_and_never_of_one_that_is_forgotten(desk, exhibit, tmp_path):
    """With the key of the demo's questions, which is drawn at each start, a clerk would be another person on the next day, and could agree with themselves."""
    refer(desk)
    plain = Shift(exhibit, desk.counter.ledger.key, Clock())
    assert plain.begin(Post(), "Suzuki").claim.who == "suzuki"
    plain.leave(plain.begin(Post(), "Suzuki"))
    post = plain.begin(Post(), "Suzuki")
    plain.clock.now += 5
    plain.decide(post, "dent")
    key = new_key(tmp_path / "key")
    assert Ledger(exhibit, key).key == key
    hidden = Shift(exhibit, key, Clock()).begin(Post(), "Suzuki")
    assert hidden.refused and "leave --key out" in hidden.message["en"], "one person would count as two"
    assert pseudonym("Suzuki", key) not in {said.who for said in plain.queue.decisions()[1]}


def test_who_logged_in_decides_under_that_name_whatever_they_type(desk):
    import gradio as gr
    from starlette.requests import Request

    from poc.demo.working import Work

    refer(desk)
    with gr.Blocks() as app:
        work = Work(app, desk, "en")
    request = gr.Request(Request({"type": "http", "client": ("127.0.0.1", 1), "headers": []}), username="sato", session_hash="tab-1")
    assert work._start(Post(), "Tanaka", "en", request)[0].claim.who == "sato" and not work._arrive("en", request)[0]["visible"]
    assert len(work.parts) == len(work.translate("ja")) and all(isinstance(made, gr.components.Component) or isinstance(made, gr.Tab) for made in work.parts)


def test_a_decision_marked_as_unreadable_is_no_correction_to_learn_from(desk, shift):
    refer(desk)
    shift.queue.dangerous = frozenset()
    post = shift.begin(Post(), "Suzuki")
    shift.clock.now += 5
    shift.decide(post, "dent", kind="unreadable input")
    assert corrections(shift.queue.items(), shift.queue.decisions()) == ()
    for language in ("en", "ja"):
        assert kinds_in(language)[0][1] == "" and len(kinds_in(language)) == 7 and not {"miss", "confused"} & {key for _, key in kinds_in(language)}, "those need the model's answer"


# practice


def test_practice_plants_the_stated_share_and_the_seed_decides_all(exhibit):
    one, again, other = (practising.begin(exhibit, seed, most=20) for seed in (3, 3, 4))
    wrong = [turn for turn in one.turns if turn.advice != turn.sample.answer]
    assert len(one.turns) == 20 and len(wrong) == 6 == round(practising.PLANTED * 20)
    assert [(turn.sample.id, turn.advice) for turn in one.turns] == [(turn.sample.id, turn.advice) for turn in again.turns] != [(turn.sample.id, turn.advice) for turn in other.turns]
    likely = exhibit.predictions[(exhibit.predictions["arm"] == "tuned") & (exhibit.predictions["condition"] == "as_is")].set_index("id")["probabilities"]
    for turn in wrong:
        rest = {option: share for option, share in likely[turn.sample.id].items() if option != turn.sample.answer}
        assert turn.advice == max(rest, key=rest.get), "as believable as the model's own errors"


def test_practice_counts_following_and_overruling_apart(exhibit):
    """By hand: wrong advice followed, corrected, untold; right advice taken, overruled. 1 of 3 followed, 1 of 2 overruled, 2 of 5 right."""
    sample = next(iter(exhibit.samples.values())).replace(answer="ok")
    said = [("dent", "dent"), ("dent", "ok"), ("dent", ""), ("ok", "ok"), ("ok", "crack"), ("ok", None)]
    done = Practice(0, tuple(Turn(sample, advice, answer, 4.0) for advice, answer in said), over=True)
    found = practising.result(done)
    assert (found.followed, found.overruled, found.right, found.seconds) == ((1, 3), (1, 2), (2, 5), 4.0)
    page = practising.panel(done, exhibit, "en")
    assert "1 of 3" in page and "33% [6%, 79%]" in page and "50% [9%, 91%]" in page  # Wilson 1927, by hand
    assert JAPANESE.search(practising.panel(done, exhibit, "ja"))


def test_practice_ends_after_the_last_item_or_the_time_and_does_not_show_the_truth_before(exhibit):
    clock = Clock()
    practice = practising.begin(exhibit, 1, most=3, clock=clock)
    assert practising.answer(practice, "ok", clock) is practice, "nobody answers unseen"
    shown = practising.panel(practice, exhibit, "en", clock)
    assert w.PROGRESS["en"].format(n=1, of=3, minutes=15) in shown and practice.turn.sample.id not in shown and "Right answer" not in shown
    clock.now += 2
    practice = practising.undo(practising.answer(practice, "ok", clock), clock)
    assert practice.place == 0 and practice.turn.said is None
    for _ in range(3):
        clock.now += 2
        practice = practising.answer(practice, "ok", clock)
    assert practice.over and practising.result(practice).right[1] == 3 and practising.undo(practice, clock) is practice
    late = practising.begin(exhibit, 1, clock=clock)
    clock.now += 60 * practising.MINUTES
    assert practising.answer(late, "ok", clock).over
    nothing = practising.begin(replace(exhibit, samples={}), 1)
    assert nothing.over and w.NOT_ENOUGH["en"] in practising.panel(nothing, exhibit, "en")


# new samples


def photo(path: Path, shade: int = 90) -> Path:
    Image.new("RGB", (64, 64), (shade, 120, 140)).save(path)
    return path


def test_a_new_sample_is_a_row_for_training_with_its_provenance_and_the_companys_table_stays(exhibit, tmp_path):
    table = exhibit.media / "metadata.csv"
    before, new = table.read_bytes(), NewSamples(exhibit)
    question = next(iter(exhibit.questions))
    first, record = new.add([photo(tmp_path / "a.png")], "目視 dent", question, "dent", "Suzuki", "L99")
    new.add([photo(tmp_path / "b.png", 30)], "", question, "dent", "Suzuki")
    folder = exhibit.run / "operations" / "new_samples"
    rows = read_folder(folder, question=question, options=("ok", "scratch", "dent", "stain", "crack"), group_by="lot")
    assert not rows.faults and [(row.answer, row.split, row.group, row.text) for row in rows.samples] == [("dent", "train", "L99", "目視 dent"), ("dent", "train", "", "")]
    assert rows.samples[0].meta["added_by"] == "Suzuki" and rows.samples[0].meta["audit_record"] == str(record.n) and all(file.is_relative_to(folder) for row in rows.samples for file in row.image)
    assert table.read_bytes() == before
    written = log_of(exhibit)
    assert [(one.kind, one.who, one.what, one.answer, one.decision) for one in written][0] == ("event", "Suzuki", first.id, "dent", "new sample") and verify(exhibit.run / "operations" / "audit_log.jsonl").ok


def test_bad_new_samples_are_refused_in_one_sentence(exhibit, tmp_path):
    new, question = NewSamples(exhibit), next(iter(exhibit.questions))
    held = next(iter(exhibit.samples.values()))
    (tmp_path / "plan.svg").write_text("<svg/>")
    good = photo(tmp_path / "a.png")
    copied = Path(shutil.copy(held.image[0], tmp_path / "mine.jpg"))
    for files, answer, who, told in (([copied], "dent", "S", "is held-out sample"), ([good], "", "S", "choose one of ok, scratch"), ([good], "rust", "S", "choose one of ok"), ([good], "dent", " ", "give your name"),
                                     ([tmp_path / "plan.svg"], "dent", "S", "is no photo"), ([], "dent", "S", "Add one of them")):  # fmt: skip
        with pytest.raises(Refusal) as refused:
            new.add(files, "", question, answer, who)
        assert told in refused.value.text["en"] and JAPANESE.search(refused.value.text["ja"])
    assert not (exhibit.run / "operations" / "audit_log.jsonl").exists() and new.rows == []
    new.add([good], "", question, "dent", "S")
    with pytest.raises(Refusal, match="there already, as new-"):
        new.add([photo(tmp_path / "again.png")], "", question, "ok", "S")
    assert len(new.rows) == 1


def test_a_held_out_photo_that_was_saved_again_is_no_new_sample(tmp_path):
    from poc import runs
    from poc.usecase import load_samples, load_usecase

    exhibit = demo.open_exhibit(runs.EXAMPLE)
    new, question = NewSamples(replace(exhibit, run=tmp_path)), exhibit.record["question"]
    held = next(sample for sample in exhibit.samples.values() if sample.image)
    picture = Image.open(held.image[0])
    picture.save(tmp_path / "again.jpg", quality=60)
    picture.resize((picture.width // 2, picture.height // 2)).save(tmp_path / "half.png")
    picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(tmp_path / "mirrored.png")
    (tmp_path / "longer.jpg").write_bytes(held.image[0].read_bytes() + b"x")
    for name in ("again.jpg", "half.png", "mirrored.png", "longer.jpg"):
        with pytest.raises(Refusal) as refused:
            new.add([tmp_path / name], "", question, "dent", "Suzuki")
        assert f"held-out sample {exhibit.shown_id(held)}, saved another way" in refused.value.text["en"], name
    rows = load_samples(runs.COMPANY / "inspection", load_usecase(runs.COMPANY / "inspection"), verify=False).by_split["train"]
    for other in [row for row in rows if row.image][:3]:
        assert new.add([other.image[0]], "", question, "dent", "Suzuki")


def test_a_new_sample_that_cannot_be_recorded_is_not_added_and_an_interruption_loses_none(exhibit, tmp_path):
    from kit.errors import KitError

    new, question = NewSamples(exhibit, new_key(tmp_path / "key")), next(iter(exhibit.questions))
    new.add([photo(tmp_path / "a.png")], "", question, "dent", "Suzuki")
    assert "Suzuki" not in (new.folder / "metadata.csv").read_text(encoding="utf-8-sig")
    (new.folder / "metadata.part").write_text("half of a tab", encoding="utf-8")  # stopped while a table was written
    new.add([photo(tmp_path / "b.png", 30)], "", question, "crack", "Suzuki")
    assert len(new.rows) == 2
    (exhibit.run / "operations" / "audit_log.jsonl.head").unlink()
    with pytest.raises(KitError, match="head file"):
        new.add([photo(tmp_path / "c.png", 200)], "", question, "ok", "Suzuki")
    assert len(new.rows) == 2


# Watch


def test_watch_shows_errors_by_class_and_group_as_they_are_in_the_predictions(exhibit):
    frame = exhibit.predictions
    frame = frame[(frame["arm"] == "tuned") & (frame["condition"] == "as_is")]
    page = watched.errors_panel(exhibit, "en")
    for name, rows in frame.groupby("answer"):
        wrong = int((rows["answer"] != rows["predicted"]).sum())
        assert re.search(rf'<th scope="row">{name}</th><td>{len(rows)}</td><td>{wrong}</td><td>{wrong / len(rows):.0%} \[\d+%, \d+%\]</td>', page), name
    worst = frame.assign(wrong=frame["answer"] != frame["predicted"]).groupby("group")["wrong"].mean().max()
    first = page.split("<h4>By lot, worst first</h4>")[1].split('<th scope="row">')[1]
    assert f"{worst:.0%} [" in first
    assert JAPANESE.search(watched.errors_panel(exhibit, "ja")) and "[100%, 100%]" not in page and "[0%, 0%]" not in page


def test_watch_follows_an_answer_to_its_correction(desk, shift, exhibit):
    for part in (watched.people_panel, watched.log_panel, watched.verified_panel):
        assert JAPANESE.search(part(exhibit, "ja"))
    assert "is empty" in watched.log_panel(exhibit, "en") and "Nobody has decided" in watched.people_panel(exhibit, "en")
    _, row = refer(desk)
    shift.queue.dangerous = frozenset()
    post = shift.begin(Post(), "Suzuki")
    shift.clock.now += 5
    shift.decide(post, row["answer"])
    log = watched.log_panel(exhibit, "en")
    assert [kind for kind in re.findall("the model answered|handed to a person|a person decided", log)] == ["a person decided", "handed to a person", "the model answered"], "the newest first"
    assert "person corrected it" in log and "人が訂正" in watched.log_panel(exhibit, "ja") and "The last 3 of 3 records" in log
    people = watched.people_panel(exhibit, "en")
    assert f'<th scope="row">{row["answer"]}</th><td>1</td><td>1</td><td>100% [21%, 100%]</td>' in people
    assert 'data-ok="yes"' in watched.verified_panel(exhibit, "en") and "Records 1 to 3 are all there" in watched.verified_panel(exhibit, "en")


def test_watch_says_that_a_log_was_changed(desk, exhibit):
    refer(desk)
    log = exhibit.run / "operations" / "audit_log.jsonl"
    log.write_bytes(log.read_bytes().replace(b'"answer":"ok"', b'"answer":"no"', 1))
    for language, told in (("en", "The log was changed"), ("ja", "ログが変更されています")):
        page = watched.verified_panel(exhibit, language)
        assert 'data-ok="no"' in page and told in page


def test_watch_reads_the_end_of_a_long_log_only(exhibit):
    from kit.operations.audit_log import AuditLog
    from kit.operations.audit_record import Record

    log = AuditLog(exhibit.run / "operations" / "audit_log.jsonl")
    log.extend([Record("event", "test", f"row {n}", note={"filler": "x" * 900}) for n in range(300)])
    assert [record.n for record in watched.last_records(log.path)] == list(range(300, 280, -1))
    assert watched.last_records(log.path, 1)[0].what == "row 299"


def test_watch_names_the_commands_where_nothing_was_measured_and_shows_the_step_where_it_was(exhibit):
    from kit.operations.audit_log import AuditLog
    from kit.operations.autonomy import begin

    assert "poc drift" in watched.drift_panel(exhibit, "en") and "Nobody" not in watched.drift_panel(exhibit, "ja")
    for language in ("en", "ja"):
        assert "poc predict" in watched.ladder_panel(exhibit, language, None)
    (exhibit.run / "adapter").mkdir()
    (exhibit.run / "adapter" / "adapter_model.safetensors").write_bytes(b"weights")
    import hashlib

    begin(AuditLog(exhibit.run / "operations" / "audit_log.jsonl"), f"tiny_omni {hashlib.sha256(b'weights').hexdigest()[:16]}", "PoC lead")
    page = watched.ladder_panel(exhibit, "en", None)
    assert "Step 1 of 4: shadow" in page and "it still needs:" in page and "100 more checked answers (there are 0 of 100)" in page
    assert "段階 1 / 4" in watched.ladder_panel(exhibit, "ja", None)


def test_watch_draws_the_newest_reading_of_the_drift_charts(exhibit):
    from poc.runs import write_json

    history = [{"seen": seen, "chart": "PSI confidence", "value": seen / 1000, "limit": 0.15, "lower": None, "over": seen > 150} for seen in (100, 125, 150, 175, 200)]
    told = {"stream": "december", "rows": 200, "reference": {"rows": 240}, "alarm": True, "history": history,
            "findings": [{"name": "drift", "summary": {"en": "Confidence moved.", "ja": "確信度が変わりました。"}, "advice": {"en": "Label 50 rows.", "ja": "50 行にラベルを。"}}]}  # fmt: skip
    folder = exhibit.run / "operations" / "drift-december"
    folder.mkdir(parents=True)
    write_json(folder / "drift.json", told)
    for language, says in (("en", "Confidence moved. → Label 50 rows."), ("ja", "確信度が変わりました。 → 50 行にラベルを。")):
        page = watched.drift_panel(exhibit, language)
        assert says in page and 'src="data:image/png;base64,' in page and f'alt="{w.DRIFT_ALT[language][:4]}' in page and w.ALARM[language] in page


def test_every_text_of_both_modes_is_in_both_languages():
    texts = [value for name, value in vars(w).items() if isinstance(value, dict) and name.isupper()]
    flat = [text for value in texts for text in ([value] if "en" in value else value.values())]
    assert len(flat) > 80
    for text in flat:
        assert set(text) == {"en", "ja"} and all(text.values()) and (JAPANESE.search(text["ja"]) or text["en"] == "AI"), text
        assert sorted(re.findall(r"{(\w+)[^}]*}", text["en"])) == sorted(re.findall(r"{(\w+)[^}]*}", text["ja"])), text
