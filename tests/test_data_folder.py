"""Company folders: what is read, and every way a row can be wrong."""

import unicodedata
from pathlib import Path
from types import SimpleNamespace

import pytest
from PIL import Image

from kit.data import Fault, Sample, read_folder, unlisted_samples
from kit.errors import KitError


@pytest.fixture
def company(tmp_path):
    """A function that writes files: text under its name, photos for a list of names."""
    root = tmp_path / "company"

    def write(photos: list[str] = (), encoding: str = "utf-8", **tables: str) -> Path:
        for i, name in enumerate(photos):
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (8, 8), (i % 256, 0, 0)).save(root / name)
        for name, text in tables.items():
            root.mkdir(exist_ok=True)
            (root / name.replace("__", ".")).write_text(text, encoding=encoding)
        return root

    return write


PHOTOS = ["a.jpg", "b.jpg", "c.jpg", "d.jpg"]


def test_labels_csv_with_readme_and_licence_beside_it(company):
    root = company(
        ["images/1.jpg", "images/2.png", "images/3.jpg", "images/4.jpg"],
        README__md="words",
        LICENSE="words",
        labels__csv="file_name,label\nimages/1.jpg,rust\nimages/2.png,rust\nimages/3.jpg,ash\nimages/4.jpg,ash\n",
    )
    folder = read_folder(root)
    assert folder.source == "labels.csv" and folder.faults == () and folder.unlisted == ()
    assert folder.options == ("ash", "rust")
    one = folder.samples[1]
    assert (one.id, one.answer, one.options, one.decided_by) == (
        "images/2.png",
        "rust",
        ("ash", "rust"),
        ("image",),
    )
    assert one.image == (root / "images/2.png",)


def test_metadata_wins_over_labels(company):
    root = company(PHOTOS, metadata__csv="file_name\na.jpg\n", labels__csv="file_name,label\na.jpg,OK\n")
    folder = read_folder(root)
    assert folder.source == "metadata.csv" and len(folder.samples) == 1 and len(folder.unlisted) == 3


def test_all_columns_of_the_record_are_read_and_the_rest_goes_to_meta(company):
    root = company(PHOTOS, metadata__csv="id,image,text,question,options,answer,lot,split,decided_by,data_layer,camera\n"
                   "s1,a.jpg|b.jpg,NG chip,What is it?,chip|dent,chip,7,Val,image|text,task,B\ns2,c.jpg,,,,,8,,,,\n")  # fmt: skip
    use = SimpleNamespace(
        question="Which defect?", options=("OK", "NG"), decided_by=("image",), group_by="ＬＯＴ"
    )
    folder = read_folder(root, use)
    assert folder.samples[0] == Sample(
        "s1",
        "What is it?",
        ("chip", "dent"),
        "chip",
        (root / "a.jpg", root / "b.jpg"),
        text="NG chip",
        decided_by=("image", "text"),
        group="7",
        split="validation",
        data_layer="task",
        meta={"camera": "B"},
    )
    assert folder.faults == () and folder.samples[1].answer == "", "a row without an answer is unlabelled, which is normal"
    assert folder.group_rule == "column lot"


@pytest.mark.parametrize("encoding", ["cp932", "utf-8-sig"])
def test_a_japanese_table_with_full_width_labels(company, encoding):
    table = "ファイル名,正解,グループ,備考\n写真１.jpg,ＯＫ,ロット１,なし\n写真２.jpg,OK ,ロット1,傷かも\nc.jpg,NG,2,\nd.jpg,ＮＧ,2,\n"
    folder = read_folder(
        company(["写真１.jpg", "写真２.jpg", "c.jpg", "d.jpg"], encoding=encoding, metadata__csv=table)
    )
    assert folder.faults == () and folder.options == ("NG", "OK")
    assert {one.group for one in folder.samples} == {"ロット1", "2"}
    assert folder.samples[1].text == "" and folder.samples[1].meta == {"備考": "傷かも"}, (
        "a remark is no evidence unless its column is called text"
    )


@pytest.mark.parametrize("on_disk, in_table", [("NFD", "NFC"), ("NFC", "NFD")])
def test_file_names_meet_whatever_their_normal_form(company, on_disk, in_table):
    names = [unicodedata.normalize(on_disk, f"ガス{i}.jpg") for i in range(2)]
    cells = [unicodedata.normalize(in_table, name) for name in names]
    folder = read_folder(company(names, labels__csv=f"file_name,label\n{cells[0]},OK\n{cells[1]},OK\n"))
    assert len(folder.samples) == 2 and folder.faults == ()


def test_backslashes_and_other_case_are_forgiven(company):
    folder = read_folder(
        company(
            ["Images/A.JPG", "Images/b.jpg"],
            labels__csv="file_name,label\nimages\\a.jpg,OK\n.\\Images\\b.jpg,OK\n",
        )
    )
    assert folder.faults == () and folder.samples[0].image[0].name == "A.JPG"


def test_a_folder_per_class_and_below_a_folder_per_split(company):
    folder = read_folder(
        company(
            [
                f"{split}/{answer}/{i}.jpg"
                for split in ("train", "val")
                for answer in ("OK", "NG")
                for i in (1, 2)
            ]
        )
    )
    assert folder.source == "class folders" and folder.options == ("NG", "OK")
    assert {(one.answer, one.split) for one in folder.samples} == {
        (a, s) for a in ("OK", "NG") for s in ("train", "validation")
    }


def test_photos_beside_class_folders_are_unlabelled(company):
    folder = read_folder(company(["OK/1.jpg", "OK/2.jpg", "NG/3.jpg", "NG/4.jpg", "new.jpg"]))
    assert {one.id: one.answer for one in folder.samples}["new.jpg"] == "" and folder.faults == ()


@pytest.mark.parametrize(
    "names", [PHOTOS, ["photos/a.jpg", "photos/b.jpg"], ["images/a.jpg", "videos/b.jpg"]]
)
def test_a_flat_folder_has_no_labels_and_no_faults(company, names):
    folder = read_folder(company(names), options=("OK", "NG"))
    assert folder.source == "flat folder" and len(folder.samples) == len(names) and folder.faults == ()
    assert {one.answer for one in folder.samples} == {""} and folder.options == ("OK", "NG")


def test_hidden_files_runs_and_links_to_elsewhere_are_not_media_of_the_folder(company, tmp_path):
    root = company([*PHOTOS, ".cache/x.jpg", "runs/use/1/media/y.jpg", "._a.jpg", "__MACOSX/z.jpg"])
    Image.new("RGB", (8, 8)).save(tmp_path / "secret.jpg")
    (root / "linked").symlink_to(tmp_path, target_is_directory=True)
    assert [one.id for one in read_folder(root).samples] == PHOTOS


def test_one_photo_asked_two_questions_is_two_samples_with_options_of_their_own(company):
    rows = "\n".join(
        f"{name},{q},{a}"
        for name in PHOTOS
        for q, a in (
            ("Mood?", "calm" if name < "c" else "angry"),
            ("Next?", "pays" if name < "c" else "leaves"),
        )
    )
    folder = read_folder(company(PHOTOS, metadata__csv=f"file_name,question,answer\n{rows}\n"))
    assert folder.faults == () and [one.id for one in folder.samples[:2]] == ["a.jpg", "a.jpg#2"]
    assert folder.samples[0].options == ("angry", "calm") and folder.samples[1].options == ("leaves", "pays")


def test_text_alone_is_evidence_too(company):
    folder = read_folder(company(metadata__csv="text,answer\nall good,OK\nfine,OK\n"))
    assert [(one.id, one.decided_by) for one in folder.samples] == [
        ("row-2", ("text",)),
        ("row-3", ("text",)),
    ]


def test_free_text_keeps_every_answer(company):
    folder = read_folder(
        company(PHOTOS, labels__csv="file_name,answer\na.jpg,a long crack\nb.jpg,two dents\n"), options=()
    )
    assert folder.faults == () and folder.options == ()


# --- faults


def faults_of(root: Path, **settings) -> list[Fault]:
    return list(read_folder(root, **settings).faults)


def test_every_bad_row_is_told_with_number_id_problem_and_fix(company):
    root = company([*PHOTOS, "e.jpg", "f.jpg", "g.jpg"], broken__png="no photo", labels__csv="""file_name,label,split,id
a.jpg,OK,,one
gone.jpg,OK,,two
broken.png,OK,,three
b.jpg,,,four
c.jpg,rust,,five
d.jpg,OK,,one
e.jpg,OK,tets,six
../secret.jpg,OK,,seven
,OK,,eight
README.md,OK,,nine
f.jpg,NG,,ten
g.jpg,OK,,eleven
""", README__md="words")  # fmt: skip
    told = [str(fault) for fault in faults_of(root, options=("OK", "NG"))]
    for line, (start, *words) in zip(told, [
        ("row 3 two:", "'gone.jpg' is missing", "put the file into the folder or delete the row"),
        ("row 4 three:", "broken.png not readable as an image", "Copy it again"),
        ("row 6 five:", "unknown option 'rust'", "use one of: OK, NG"),
        ("row 7 one:", "duplicate id, first used in row 2", "id of its own"),
        ("row 8 six:", "unknown split 'tets'", "train, validation, calibration, test"),
        ("row 9 seven:", "is missing"),
        ("row 10 eight:", "names no file and has no text"),
        ("row 11 nine:", "no image, sound or video"),
        ("row 12 ten:", "class 'NG' has only this sample", "add more"),
    ], strict=True):  # fmt: skip
        assert line.startswith(start) and all(word in line for word in words), line
        assert " -> " in line and "\n" not in line
    assert [one.id for one in read_folder(root, options=("OK", "NG")).samples] == ["one", "four", "eleven"], (
        "the good rows are all there"
    )


@pytest.mark.parametrize(
    "cell", ["../secret.jpg", "sub/../../secret.jpg", "link.jpg", "linked/secret.jpg", "ABSOLUTE"]
)
def test_no_path_leaves_the_folder(company, tmp_path, cell):
    Image.new("RGB", (8, 8)).save(tmp_path / "secret.jpg")
    root = company(["a.jpg", "sub/x.jpg"])
    (root / "link.jpg").symlink_to(tmp_path / "secret.jpg")
    (root / "linked").symlink_to(tmp_path, target_is_directory=True)
    cell = str(tmp_path / "secret.jpg") if cell == "ABSOLUTE" else cell
    company(labels__csv=f"file_name,label\na.jpg,OK\nsub/x.jpg,OK\n{cell},OK\n")
    [fault] = faults_of(root)
    assert fault.row == 4 and "leaves the folder" in fault.problem and "copy it into the folder" in fault.fix


def test_an_absolute_path_into_the_folder_is_fine(company):
    root = company(PHOTOS)
    company(labels__csv=f"file_name,label\n{root / 'a.jpg'},OK\nb.jpg,OK\n")
    assert faults_of(root) == []


def test_a_file_in_another_subfolder_is_suggested(company):
    [fault] = faults_of(
        company(
            ["photos/a.jpg", "photos/b.jpg", "photos/c.jpg"],
            labels__csv="file_name,label\na.jpg,OK\nphotos/b.jpg,OK\nphotos/c.jpg,OK\n",
        )
    )
    assert fault.fix == "did you mean 'photos/a.jpg'?"


def test_a_sound_in_the_image_column_is_told(company):
    [fault] = faults_of(
        company(PHOTOS, metadata__csv="image,answer\na.jpg,OK\nb.jpg,OK\nx.wav,OK\n", x__wav=""), verify=False
    )
    assert (
        "column image holds 'x.wav', which is audio" in fault.problem
        and fault.fix == "move it to the column audio"
    )


@pytest.mark.parametrize(
    "header, told",
    [
        ("name,label", "no column for the files; its columns: name, label"),
        ("file_name,label", "no column 'lot', which group_by names"),
    ],
)
def test_a_missing_column_is_told_with_the_columns_there_are(company, header, told):
    fault = faults_of(company(PHOTOS, labels__csv=f"{header}\na.jpg,OK\nb.jpg,OK\n"), group_by="lot")[0]
    assert fault.row == 1 and told in fault.problem


def test_an_unreadable_photo_costs_only_its_own_row_and_can_be_left_unopened(company):
    root = company(
        PHOTOS, broken__jpg="no photo", labels__csv="file_name,label\na.jpg,OK\nb.jpg,OK\nbroken.jpg,OK\n"
    )
    assert len(read_folder(root).samples) == 2 and len(read_folder(root, verify=False).samples) == 3


def test_a_folder_that_cannot_be_read_at_all_is_refused(company, tmp_path):
    with pytest.raises(KitError, match="no such folder"):
        read_folder(tmp_path / "nowhere")
    with pytest.raises(KitError, match="holds no table and no image"):
        read_folder(company(README__md="words"))


def test_faults_speak_japanese(company, monkeypatch):
    monkeypatch.setenv("POC_LANGUAGE", "ja")
    root = company(PHOTOS, labels__csv="file_name,label\na.jpg,OK\nb.jpg,OK\ngone.jpg,OK\nc.jpg,NG\n")
    assert [str(fault) for fault in faults_of(root)] == [
        "4行目 gone.jpg: ファイル 'gone.jpg' がありません -> ファイルをフォルダーに置くか、この行を削除してください",
        "5行目 c.jpg: クラス 'NG' のサンプルはこれだけです -> サンプルを追加するか、他のクラスと統合するか、行を削除してください(自由記述なら poc.yaml に options: [])",
    ]  # fmt: skip


def test_files_that_no_row_names_are_rows_without_a_label_where_a_row_is_one_file(company):
    table = "file_name,label\na/1.jpg,OK\na/2.jpg,NG\na/3.jpg,OK\na/4.jpg,NG\n"
    folder = read_folder(company([*PHOTOS[2:], *(f"a/{i}.jpg" for i in range(1, 5))], labels__csv=table))
    extra = unlisted_samples(folder)
    assert [(sample.id, sample.answer, sample.options) for sample in extra] == [("c.jpg", "", ("NG", "OK")), ("d.jpg", "", ("NG", "OK"))]
    pairs = read_folder(company(metadata__csv="image,answer\na/1.jpg|a/2.jpg,OK\na/3.jpg|a/4.jpg,OK\n"))
    assert pairs.unlisted and unlisted_samples(pairs) == (), "a file alone is no row where rows have two"
