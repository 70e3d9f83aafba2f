"""Samples written as a company folder."""

import pytest
from PIL import Image

from kit.data import read_folder, write_folder
from kit.errors import KitError

PHOTOS = ["a.jpg", "b.jpg", "c.jpg", "d.jpg"]


@pytest.fixture
def company(tmp_path):
    """A function that writes photos of different shades, and text files under their names."""
    root = tmp_path / "company"

    def write(photos, **tables):
        for i, name in enumerate(photos):
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (8, 8), (20 * i, 0, 0)).save(root / name)
        for name, text in tables.items():
            (root / name.replace("__", ".")).write_text(text, encoding="utf-8")
        return root

    return write


def test_what_is_written_is_read_back_the_same(company, tmp_path):
    root = company(PHOTOS, metadata__csv="file_name,text,answer,group,split,camera,question,options\na.jpg,\"dull, \"\"grey\"\"\",OK,7,test,B,Q?,OK|NG\nb.jpg,,OK,8,,,R?,OK|NG\n"
                   "c.jpg,,NG,7,test,B,Q?,OK|NG\nd.jpg,,OK,7,test,B,Q?,OK|NG\n")  # fmt: skip
    before = read_folder(root, verify=False).samples
    target = tmp_path / "copy"
    write_folder(before, target)
    after = read_folder(target).samples
    assert len(before) == len(after) == 2
    for old, new in zip(before, after):
        assert new.image[0].read_bytes() == old.image[0].read_bytes() and new.image[0].is_relative_to(target)
        assert new.replace(image=()) == old.replace(image=())


def test_files_of_one_name_from_two_folders_stay_two_files(company, tmp_path):
    many = read_folder(company(["x/a.jpg", "y/a.jpg", "z/a.jpg"]), verify=False).samples
    write_folder(many, tmp_path / "copy")
    copies = [one.image[0].read_bytes() for one in read_folder(tmp_path / "copy", verify=False).samples]
    assert copies == [one.image[0].read_bytes() for one in many]


def test_a_table_is_never_overwritten(company):
    root = company(PHOTOS, metadata__csv="file_name\na.jpg\n")
    with pytest.raises(KitError, match="exists already"):
        write_folder(read_folder(root).samples, root)
    assert (root / "metadata.csv").read_text() == "file_name\na.jpg\n"


@pytest.mark.parametrize("link", ["metadata.csv", "metadata.csv.new", "image", "image/a.jpg"])
def test_a_link_in_the_target_is_not_written_through(company, tmp_path, link):
    samples = read_folder(company(PHOTOS)).samples
    outside, target = tmp_path / "outside", tmp_path / "copy"
    (outside / "image").mkdir(parents=True)
    (target / link).parent.mkdir(parents=True)
    place = outside / link
    if link != "image":
        place.write_bytes(b"somebody else's") if link.endswith("new") else None  # a link to nothing would be made, too
    (target / link).symlink_to(place)
    before = {path: path.read_bytes() for path in outside.rglob("*") if path.is_file()}
    with pytest.raises(KitError, match="is a link.*nothing was written.*Delete the link"):
        write_folder(samples, target)
    assert {path: path.read_bytes() for path in outside.rglob("*") if path.is_file()} == before


def test_a_link_to_itself_is_no_trouble(company):
    root = company(PHOTOS)
    (root / "loop.jpg").symlink_to(root / "loop.jpg")
    folder = read_folder(root)
    assert len(folder.samples) == 4 and [fault.id for fault in folder.faults] == ["loop.jpg"]
