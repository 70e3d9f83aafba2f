"""Other trainers' formats: what is written is read back whole, what cannot be held is told, and a hostile file opens nothing outside its folder."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from kit.data import MEDIA, Sample, read_folder
from kit.errors import KitError
from kit.interchange import FORMATS, hugging_face, llamafactory, llava, lmms_eval, ms_swift, trl
from kit.interchange.rows import KEY, words
from poc.convert import convert, converted_lines

SPLITS = ("train", "validation", "calibration", "test")


@pytest.fixture(scope="module")
def media(tmp_path_factory):
    """Two folders with files of one name, a sound and a video."""
    root = tmp_path_factory.mktemp("company")
    for i, place in enumerate(("a", "b")):
        (root / place).mkdir()
        Image.fromarray(np.full((12, 12, 3), 40 + 90 * i, np.uint8)).save(root / place / "写真 1.png")
        soundfile.write(root / place / "memo.wav", np.sin(np.arange(4000) / (7 + i)) / 3, 16000)
    source = next((Path(__file__).parents[1] / "sample_data" / "company" / "line" / "clips").glob("*.mp4"))
    (root / "clip.mp4").write_bytes(source.read_bytes())
    return root


def content(sample: Sample) -> Sample:
    """The sample with its media as bytes, to compare what lies in two folders."""
    return tuple(getattr(sample, name) for name in ("id", "question", "options", "answer", "text", "decided_by", "group", "split", "data_layer", "meta")) + tuple(
        tuple(path.read_bytes() for path in getattr(sample, kind)) for kind in MEDIA
    )


TEXT = st.text(alphabet='abc 0,"\'\n\t\\|{}[]:;<>/傷なし😀é。', max_size=30)
WORD = st.text(alphabet='abXY12 "|,傷😀', min_size=1, max_size=8).map(lambda word: f"w{word.strip()}")
VALUE = st.recursive(st.one_of(TEXT, st.integers(-9, 9), st.booleans(), st.none()), lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(WORD, inner, max_size=3)), max_leaves=5)


@st.composite
def samples(draw, kinds=("image", "audio", "video", "text"), most=2):
    rows = []
    for i in range(draw(st.integers(1, 4))):
        options = tuple(draw(st.lists(WORD, max_size=4, unique=True)))
        kind = draw(st.sampled_from(kinds))
        count = draw(st.integers(1, most)) if kind != "video" else 1
        found = {kind: tuple(draw(st.sampled_from(("a", "b"))) for _ in range(count))} if kind != "text" else {}
        rows.append((f"s{i}", draw(TEXT.filter(str.strip)), options, draw(st.sampled_from(options)) if options else draw(WORD), found, draw(TEXT), draw(st.sampled_from(SPLITS)),
                     draw(WORD), draw(st.dictionaries(WORD, VALUE, max_size=3))))  # fmt: skip
    return rows


def made(rows, root: Path) -> list[Sample]:
    file = {"image": "写真 1.png", "audio": "memo.wav"}
    found = []
    for id, question, options, answer, kinds, text, split, group, meta in rows:
        paths = {kind: tuple(root / "clip.mp4" if kind == "video" else root / place / file[kind] for place in places) for kind, places in kinds.items()}
        found.append(Sample(id, question, options, answer, **paths, text=text, decided_by=tuple(paths) or ("text",), group=group, split=split, meta=meta))
    return found


QUICK = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def round_trip(format, rows, root: Path, out: Path, **options) -> None:
    given = made(rows, root)
    done = format.write(given, out, **options)
    assert not done.refused and sum(done.rows.values()) == len(given)
    read = format.read(out)
    assert read.faults == () and sorted(map(content, read.samples), key=str) == sorted(map(content, given), key=str)


@QUICK
@given(rows=samples())
def test_llamafactory_round_trips(rows, media, tmp_path_factory):
    round_trip(llamafactory, rows, media, tmp_path_factory.mktemp("out"))


@QUICK
@given(rows=samples())
def test_ms_swift_round_trips(rows, media, tmp_path_factory):
    round_trip(ms_swift, rows, media, tmp_path_factory.mktemp("out"))


@QUICK
@given(rows=samples(kinds=("image", "text")), completion=st.booleans())
def test_trl_round_trips_in_both_forms(rows, completion, media, tmp_path_factory):
    round_trip(trl, rows, media, tmp_path_factory.mktemp("out"), completion=completion)


@QUICK
@given(rows=samples(kinds=("image", "text"), most=1))
def test_llava_round_trips(rows, media, tmp_path_factory):
    round_trip(llava, rows, media, tmp_path_factory.mktemp("out"))


@QUICK
@given(rows=samples(kinds=("audio",), most=1))
def test_hugging_face_folders_round_trip(rows, media, tmp_path_factory):
    round_trip(hugging_face, rows, media, tmp_path_factory.mktemp("out"))


def photo(media, id: str = "p", **more) -> Sample:
    return Sample(id, "Which defect?", ("ok", "dent"), **{"answer": "dent", "image": media / "a" / "写真 1.png", "split": "train", **more})


def test_what_a_format_cannot_hold_is_refused_by_row(media, tmp_path):
    golden = photo(media, "golden", image=(media / "a" / "写真 1.png", media / "b" / "写真 1.png"))
    heard = photo(media, "heard", audio=media / "a" / "memo.wav")
    tricky = photo(media, "tricky", text="see <image> 3")
    open_ = photo(media, "open", answer="")
    rows = [photo(media), golden, heard, tricky, open_]
    told = {name: [str(fault) for fault in FORMATS[name].write(rows, tmp_path / name).refused] for name in FORMATS}
    ids = {name: [line.split(":")[0].split()[-1] for line in lines] for name, lines in told.items()}
    assert ids == {"llama-factory": ["tricky", "open"], "ms-swift": ["tricky", "open"], "trl": ["heard", "tricky", "open"], "llava": ["golden", "heard", "tricky", "open"],
                   "hugging-face": ["golden", "heard", "tricky", "open"]}  # fmt: skip
    assert told["llava"][0] == "row 2 golden: has 2 image file(s); llava holds 1 -> use llama-factory or ms-swift for this row"
    assert told["ms-swift"] == ["row 4 tricky: its words contain <image>, which other trainers would take for a medium -> write it in another way",
                                "row 5 open: has no answer: there is nothing to teach -> label it (poc label)"]  # fmt: skip
    assert [s.id for s in llava.read(tmp_path / "llava").samples] == ["p"]
    with pytest.raises(KitError, match="is not empty: name a new folder"):
        llava.write(rows, tmp_path / "llava")


def test_the_other_trainers_find_what_they_look_for(media, tmp_path):
    rows = [photo(media, "two", image=(media / "a" / "写真 1.png", media / "b" / "写真 1.png"), text="old note"), photo(media, "heard", image=(), audio=media / "b" / "memo.wav")]
    llamafactory.write(rows, tmp_path / "lf")
    info, lines = (json.loads((tmp_path / "lf" / name).read_text(encoding="utf-8")) for name in ("dataset_info.json", "train.json"))
    columns = info["train"]["columns"]
    assert columns == {"messages": "messages", "images": "images", "audios": "audios"} and all(set(columns) <= set(line) for line in lines), "a mapped column must be in every row"
    user, assistant = lines[0]["messages"]
    assert user["content"] == "<image><image>Note: old note\nWhich defect?\nOptions: ok, dent" and assistant["content"] == "dent"
    assert all((tmp_path / "lf" / path).is_file() and not Path(path).is_absolute() for line in lines for path in line["images"] + line["audios"])
    assert len(set(lines[0]["images"])) == 2, "two files of one name stay two"
    trl.write([photo(media)], tmp_path / "trl", completion=True)
    (line,) = [json.loads(line) for line in (tmp_path / "trl" / "train.jsonl").read_text(encoding="utf-8").splitlines()]
    assert line["prompt"] == [{"role": "user", "content": words(photo(media))}] and line["completion"] == [{"role": "assistant", "content": "dent"}] and len(line["images"]) == 1
    assert all(isinstance(line[KEY], str) for line in lines), "an object would be a column type of its own to datasets"


@pytest.mark.parametrize("name", ["hugging-face", "ms-swift", "llava"])
def test_datasets_reads_what_was_written(name, media, tmp_path):
    if importlib.util.find_spec("datasets") is None:  # no dependency of the kit; `make benchmarks` brings it
        return
    import datasets

    rows = [photo(media, f"p{i}", split=("train", "calibration")[i % 2], meta={"n": i} if i else {}) for i in range(6)]
    FORMATS[name].write(rows, tmp_path / "out")
    if name == "hugging-face":
        found = datasets.load_dataset(str(tmp_path / "out"), cache_dir=str(tmp_path / "cache"))
        assert set(found) == {"train", "calibration"} and found["train"][0]["image"].size == (12, 12) and found["train"][0]["answer"] == "dent"
    else:
        file = next((tmp_path / "out").glob("train.json*"))
        assert len(datasets.load_dataset("json", data_files=str(file), cache_dir=str(tmp_path / "cache"))["train"]) == 3


def test_rows_of_others_are_read_as_what_they_show(media, tmp_path):
    (tmp_path / "pics").mkdir()
    (tmp_path / "pics" / "1.png").write_bytes((media / "a" / "写真 1.png").read_bytes())
    (tmp_path / "llava.json").write_text(json.dumps([{"id": "997bb945", "image": "pics/1.png", "conversations": [
        {"from": "human", "value": "<image>\nWhat is it?"}, {"from": "gpt", "value": "A part."}]}]), encoding="utf-8")  # fmt: skip
    (sample,) = llava.read(tmp_path / "llava.json").samples
    assert (sample.id, sample.question, sample.answer, sample.options, sample.data_layer, sample.image[0].name) == ("997bb945", "What is it?", "A part.", (), "task", "1.png")
    swift = [{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "<image>What?"}, {"role": "assistant", "content": "A."}], "images": ["pics/1.png"]},
             {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}, {"role": "user", "content": "c"}, {"role": "assistant", "content": "d"}]},
             {"messages": [{"role": "user", "content": "<image><image>What?"}, {"role": "assistant", "content": "A."}], "images": ["pics/1.png"]}]  # fmt: skip
    (tmp_path / "val.jsonl").write_text("\n".join(map(json.dumps, swift)), encoding="utf-8")
    folder = ms_swift.read(tmp_path / "val.jsonl")
    assert [(s.question, s.split) for s in folder.samples] == [("Be brief.\nWhat?", "validation")]
    assert [str(fault) for fault in folder.faults] == [
        "row 2: has the turns user, assistant, user, assistant; the kit reads one question and one answer -> cut it into rows of one question each",
        "row 3: has 2 <image> in its words and 1 image file(s) -> make the numbers equal"]  # fmt: skip
    (tmp_path / "lf").mkdir()
    (tmp_path / "lf" / "x.json").write_text(json.dumps([{"conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello"}]}]))
    (tmp_path / "lf" / "dataset_info.json").write_text(json.dumps({"mine": {"file_name": "x.json", "formatting": "sharegpt"}}))
    assert [(s.question, s.answer, s.decided_by) for s in llamafactory.read(tmp_path / "lf").samples] == [("Hi", "Hello", ("text",))]


def test_words_that_were_changed_after_writing_are_noticed(media, tmp_path):
    ms_swift.write([photo(media)], tmp_path / "out")
    file = tmp_path / "out" / "train.jsonl"
    file.write_text(file.read_text(encoding="utf-8").replace('"content": "dent"', '"content": "ok"'), encoding="utf-8")
    (fault,) = ms_swift.read(tmp_path / "out").faults
    assert "its words were changed after it was written" in str(fault) and "delete poc_kit" in str(fault)


HOSTILE = ["/etc/passwd", "../secret.png", "link.png", "https://example.com/x.png", "file:///etc/passwd", "nowhere.png", "a\x00b.png", "", 7, None, {"path": "../secret.png"}, ["x"]]


@pytest.mark.parametrize("cell", HOSTILE, ids=[str(i) for i in range(len(HOSTILE))])
@pytest.mark.parametrize("name", ["ms-swift", "trl", "llava", "hugging-face"])
def test_a_hostile_path_is_a_fault_and_opens_nothing(name, cell, media, tmp_path):
    root = tmp_path / "in"
    (root / "train").mkdir(parents=True)
    (tmp_path / "secret.png").write_bytes((media / "a" / "写真 1.png").read_bytes())
    for place in (root, root / "train"):
        (place / "link.png").symlink_to(tmp_path / "secret.png")
    turns = [{"role": "user", "content": "<image>What?" if name == "ms-swift" else "What?"}, {"role": "assistant", "content": "A"}]
    row = {"ms-swift": {"messages": turns, "images": [cell]}, "trl": {"messages": turns, "images": [cell]}, "hugging-face": {"file_name": cell, "question": "What?", "answer": "A"},
           "llava": {"id": "1", "image": cell, "conversations": [{"from": "human", "value": "<image>\nWhat?"}, {"from": "gpt", "value": "A"}]}}[name]  # fmt: skip
    file = {"llava": root / "train.json", "hugging-face": root / "train" / "metadata.jsonl"}.get(name, root / "train.jsonl")
    file.write_text(json.dumps([row] if name == "llava" else row), encoding="utf-8")
    folder = FORMATS[name].read(root)
    assert folder.samples == () and len(folder.faults) == 1 and str(folder.faults[0])


JSON = st.recursive(st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=8)), lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(
    st.sampled_from(["messages", "images", "role", "content", "conversations", "from", "value", "id", "image", "file_name", "question", "answer", "prompt", "completion", KEY]), inner, max_size=4)), max_leaves=12)  # fmt: skip


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(JSON, max_size=3), name=st.sampled_from(["ms-swift", "trl", "llava", "hugging-face", "llama-factory"]))
def test_any_json_is_read_or_refused(rows, name, tmp_path_factory):
    root = tmp_path_factory.mktemp("any")
    (root / "train").mkdir()
    (root / "train.json").write_text(json.dumps(rows))
    (root / "dataset_info.json").write_text(json.dumps({"train": {"file_name": "train.json", "formatting": "sharegpt", "columns": {"messages": "messages"}}} if len(rows) != 1 else rows[0]))
    for file in (root / "train.jsonl", root / "train" / "metadata.jsonl"):
        file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    try:
        folder = FORMATS[name].read(root / "train.json" if name == "llava" else root)
    except KitError as error:
        assert str(error)
    else:
        assert len(folder.samples) + len(folder.faults) <= len(rows) + 1


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00", b"[" * 5000, b"not json", b"{}"])
def test_a_file_that_is_something_else_is_refused(content, tmp_path):
    (tmp_path / "train.json").write_bytes(content)
    with pytest.raises(KitError, match=r"train\.json: "):
        llava.read(tmp_path / "train.json")
    with pytest.raises(KitError, match="no .jsonl file there"):
        ms_swift.read(tmp_path / "empty")


TURNS = '"messages": [{"role": "user", "content": "Q"}, {"role": "assistant", "content": "A"}]'


@pytest.mark.parametrize("wrong", [
    '"more": ' + "[" * 900 + "]" * 900, '"more": ' + "[" * 60000 + "]" * 60000, '"more": ' + "9" * 5000, '"id": "\\ud800"', f'"{KEY}": "{"[" * 60000}"', f'"{KEY}": "{"9" * 5000}"', f'"{KEY}": "[\\"\\\\ud800\\"]"',
    f'"images": ["{"x" * 300}.png"]', f'"images": ["{"x" * 90}/{"傷" * 90}.png"]',
], ids=range(9))  # fmt: skip
def test_what_no_row_can_hold_is_a_fault_of_that_row(wrong, tmp_path):
    (tmp_path / "train.jsonl").write_text(f"{{{TURNS}}}\n{{{TURNS}, {wrong}}}\n", encoding="utf-8")
    folder = trl.read(tmp_path)
    assert [sample.answer for sample in folder.samples] == ["A"]
    (fault,) = folder.faults
    assert fault.row == 2 and fault.problem and fault.fix
    (tmp_path / "train.json").write_text(f"[{{{TURNS}, {wrong}}}]", encoding="utf-8")
    try:
        assert llava.read(tmp_path).samples == ()
    except KitError as error:
        assert "holds no JSON list (" in str(error)


@pytest.mark.parametrize("name", ["x" * 300, "a\0b", "\ud800"], ids=range(3))
def test_a_data_set_by_a_name_that_no_file_can_have_is_refused(name, tmp_path):
    (tmp_path / "dataset_info.json").write_text(json.dumps({"mine": {"file_name": name, "formatting": "sharegpt"}}))
    with pytest.raises(KitError, match="cannot be read|half of a letter"):
        llamafactory.read(tmp_path)


def test_the_held_out_split_becomes_a_task(media, tmp_path):
    rows = [photo(media, "a", split="test"), photo(media, "b", answer="ok", split="test", audio=media / "a" / "memo.wav"), photo(media, "c", answer="ok", split="test")]
    done = lmms_eval.write(rows, tmp_path / "task", "Press line 2")
    assert [file.name for file in done.files] == ["press_line_2.yaml", "utils.py", "held_out.jsonl"]
    yaml.SafeLoader.add_constructor("!function", lambda loader, node: loader.construct_scalar(node))
    task = yaml.safe_load(done.files[0].read_text(encoding="utf-8"))
    spec = importlib.util.spec_from_file_location("held_out_utils", done.files[1])
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    named = [task["doc_to_visual"], task["doc_to_text"], task["process_results"], task["metric_list"][1]["aggregation"]]
    assert all(name.startswith("utils.") and callable(getattr(module, name.split(".")[1])) for name in named)
    docs = [json.loads(line) for line in (tmp_path / "task" / task["dataset_kwargs"]["data_files"]["test"]).read_text(encoding="utf-8").splitlines()]
    picture, sound = module.doc_to_visual(docs[1])
    assert picture.size == (12, 12) and sound["sampling_rate"] == 16000 and sound["array"].shape == (4000,) and module.doc_to_text(docs[0]) == words(rows[0])
    judged = [module.process_results(doc, [said]) for doc, said in zip(docs, (" Dent.", "dent", "ＯＫ"), strict=True)]
    assert [one["accuracy"] for one in judged] == [1.0, 0.0, 1.0] and module.macro_recall([one["macro_recall"] for one in judged]) == 0.75
    with pytest.raises(KitError, match="1 rows were trained on or generated"):
        lmms_eval.write([photo(media)], tmp_path / "other", "x")


def test_a_use_case_is_converted_and_comes_back(media, tmp_path, monkeypatch):
    root = tmp_path / "press"
    root.mkdir()
    table = ["file_name,label,lot,note"]
    for i in range(24):
        Image.fromarray(np.random.default_rng(i).integers(0, 255, (12, 12, 3), dtype=np.uint8)).save(root / f"p{i:02}.png")
        table.append(f"p{i:02}.png,{('OK', 'NG')[i % 2]},L{i // 4},n{i}")
    (root / "labels.csv").write_text("\n".join(table))
    (root / "poc.yaml").write_text("question: Which?\noptions: [OK, NG]\ngroup_by: lot\n")
    there = convert(root, tmp_path / "swift", "ms-swift")
    assert sum(there.rows.values()) == 24 and "train" in there.rows and converted_lines(there)[0].startswith(str(tmp_path / "swift"))
    convert(tmp_path / "swift", tmp_path / "back", "company", "ms-swift")
    back = {s.id: s for s in read_folder(tmp_path / "back").samples}
    for sample in read_folder(root, options=("OK", "NG"), question="Which?", group_by="lot").samples:
        again = back[sample.id]
        assert (again.answer, again.options, again.group, again.meta, again.image[0].read_bytes()) == (sample.answer, sample.options, sample.group, sample.meta, sample.image[0].read_bytes())
    task = convert(root, tmp_path / "task", "lmms-eval")
    assert sum(task.rows.values()) == there.rows["test"]
    with pytest.raises(KitError, match="--to 'axolotl': allowed are llama-factory, ms-swift, trl, llava, hugging-face, lmms-eval, company"):
        convert(root, tmp_path / "x", "axolotl")
    for format in ("company", "ms-swift"):
        with pytest.raises(KitError, match="a copy is never written into its original. Give a folder beside it"):
            convert(root, root / "out", format)
        assert not (root / "out").exists()
    with pytest.raises(KitError, match="lies in .* or holds it"):
        convert(tmp_path / "swift", tmp_path, "company", "ms-swift")
    (tmp_path / "file").write_text("mine")
    for format in ("company", "ms-swift"):
        with pytest.raises(KitError, match="file is no folder or is not empty"):
            convert(root, tmp_path / "file", format)
