"""What media files say beside their pixels and samples: found in EXIF, gone from copies, and nothing that is seen or heard has changed."""

from fractions import Fraction

import av
import numpy as np
import pytest
from PIL import Image, ImageCms, ImageOps, PngImagePlugin

from kit.curation import gather
from kit.curation.metadata import told_by, write_bare
from kit.curation.privacy import personal_text
from kit.data import Sample
from kit.data.media import MediaError, load_audio, load_image, load_video

SECRET = b"SATO"


def exif_of(turned: int = 1) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112], exif[0x013B] = turned, "SATO Taro"
    exif.get_ifd(0x8825).update({1: "N", 2: (35.0, 30.0, 15.0), 3: "E", 4: (139.0, 40.0, 2.0)})
    return exif


def picture(height: int = 40, width: int = 56) -> Image.Image:
    return ImageOps.autocontrast(Image.fromarray(np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)))


@pytest.mark.parametrize("turned", [1, 6, 7])
@pytest.mark.parametrize("progressive", [False, True])
def test_a_jpeg_is_cut_bit_for_bit_and_lies_as_it_lay(tmp_path, turned, progressive):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    picture().save(tmp_path / "a.jpg", exif=exif_of(turned), icc_profile=profile, comment=SECRET, progressive=progressive, quality=90, restart_marker_rows=1)
    data = (tmp_path / "a.jpg").read_bytes()
    more = b"".join(b"\xff" + marker + (len(said) + 2).to_bytes(2, "big") + said for marker, said in [(b"\xe1", b"http://ns.adobe.com/xap/1.0/\0<x>SATO</x>"), (b"\xed", b"Photoshop SATO")])
    (tmp_path / "a.jpg").write_bytes(data[:2] + more + data[2:] + b"a film of " + SECRET)
    assert told_by(tmp_path / "a.jpg") == ["POSITION", "OWNER"]
    copy = write_bare(tmp_path / "a.jpg", "image", tmp_path / "b.jpg")
    assert SECRET not in copy.read_bytes() and told_by(copy) == [] and copy.suffix == ".jpg"
    assert Image.open(copy).info["icc_profile"] == profile and Image.open(copy).getexif().get(0x0112, 1) == turned
    (tmp_path / "a.jpg").write_bytes(data)
    assert np.array_equal(np.asarray(load_image(copy)), np.asarray(load_image(tmp_path / "a.jpg")))


def test_a_png_keeps_its_pixels_and_how_it_lies(tmp_path):
    notes = PngImagePlugin.PngInfo()
    notes.add_text("Author", SECRET.decode())
    notes.add_itxt("XML:com.adobe.xmp", SECRET.decode(), zip=True)
    deep = Image.fromarray((np.arange(48, dtype=np.uint16) * 1300).reshape(6, 8))
    for name, image in (("a.png", picture()), ("deep.png", deep)):
        image.save(tmp_path / name, exif=exif_of(8), pnginfo=notes, dpi=(300, 300))
        assert told_by(tmp_path / name) == ["POSITION", "OWNER"]
        copy = write_bare(tmp_path / name, "image", tmp_path / f"b-{name}")
        assert SECRET not in copy.read_bytes() and told_by(copy) == [] and Image.open(copy).text == {} and Image.open(copy).mode == Image.open(tmp_path / name).mode
        assert np.array_equal(np.asarray(load_image(copy)), np.asarray(load_image(tmp_path / name))) and Image.open(copy).getexif()[0x0112] == 8


@pytest.mark.parametrize("ending", ["webp", "tif", "bmp", "gif"])
def test_other_pictures_become_the_png_that_the_kit_sees(tmp_path, ending):
    picture().save(tmp_path / f"a.{ending}", **({"exif": exif_of(6)} if ending in ("webp", "tif") else {}))
    copy = write_bare(tmp_path / f"a.{ending}", "image", tmp_path / f"b.{ending}")
    assert copy.name == "b.png" and np.array_equal(np.asarray(load_image(copy)), np.asarray(load_image(tmp_path / f"a.{ending}"))) and SECRET not in copy.read_bytes()


def film(path, pictures: str | None, sound: str | None):
    """A second of grey and of noise that names somebody wherever a container can."""
    with av.open(str(path), "w") as container:
        container.metadata.update(title="SATO", artist="SATO", location="+35.5+139.6/", comment="SATO")
        streams = []
        if pictures:
            streams.append(container.add_stream(pictures, rate=10, width=64, height=48, pix_fmt="yuv420p"))
            frames = [av.VideoFrame.from_ndarray(np.full((48, 64, 3), 20 * i, np.uint8), format="rgb24") for i in range(10)]
            for i, frame in enumerate(frames):
                frame.pts, frame.time_base = i, Fraction(1, 10)
        if sound:
            track = container.add_stream(sound, rate=48000)
            wave = (np.random.default_rng(1).normal(0, 3000, (1, 48000))).astype(np.int16)
            noise = av.AudioFrame.from_ndarray(wave, format="s16", layout="mono")
            noise.sample_rate = 48000
            streams.append(track)
        for stream, some in zip(streams, [*([frames] if pictures else []), *([[noise]] if sound else [])], strict=True):
            stream.metadata["handler_name"] = "SATO"
            for frame in (*some, None):
                container.mux(stream.encode(frame))
    return path


@pytest.mark.parametrize(("name", "pictures", "sound"), [
    ("a.wav", None, "pcm_s16le"), ("a.flac", None, "flac"), ("a.opus", None, "libopus"), ("a.mp3", None, "libmp3lame"), ("a.m4a", None, "aac"), ("a.aiff", None, "pcm_s16be"),
    ("a.mp4", "libx264", "aac"), ("a.mov", "libx264", None), ("a.mkv", "libx264", "aac"), ("a.avi", "mpeg4", "pcm_s16le"), ("a.mts", "libx264", "aac"),
])  # fmt: skip
def test_sound_and_video_move_into_a_container_that_names_nobody(tmp_path, name, pictures, sound):
    path, bare = film(tmp_path / name, pictures, sound), tmp_path / f"bare-{name}"
    assert SECRET in path.read_bytes() or name == "a.mts"
    assert write_bare(path, "video" if pictures else "audio", bare) == bare
    assert SECRET not in bare.read_bytes() and b"+35.5" not in bare.read_bytes()
    if sound:
        assert np.array_equal(load_audio(path), load_audio(bare))
    if pictures:
        (old, rate), (new, rate_now) = load_video(path), load_video(bare)
        assert np.array_equal(old, new) and rate == pytest.approx(rate_now)


def test_a_turned_video_stays_turned(tmp_path):
    content = bytearray(film(tmp_path / "a.mp4", "libx264", None).read_bytes())
    straight = b"".join(v.to_bytes(4, "big") for v in (0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000))
    turned = b"".join((v % 2**32).to_bytes(4, "big") for v in (0, 0x10000, 0, -0x10000, 0, 0, 0, 0, 0x40000000))
    at = content.index(straight, content.index(b"tkhd"))
    content[at : at + 36] = turned
    (tmp_path / "a.mp4").write_bytes(content)
    assert load_video(write_bare(tmp_path / "a.mp4", "video", tmp_path / "b.mp4"))[0].shape == load_video(tmp_path / "a.mp4")[0].shape == (8, 64, 48, 3)


def test_what_is_no_sound_is_not_copied(tmp_path):
    (tmp_path / "a.wav").write_bytes(b"nothing that could be heard")
    with pytest.raises(MediaError, match="a.wav"):
        write_bare(tmp_path / "a.wav", "audio", tmp_path / "b.wav")
    assert not (tmp_path / "b.wav").exists()


def test_the_check_tells_where_a_photo_was_taken_and_whose_it_is(tmp_path):
    picture().save(tmp_path / "a.jpg", exif=exif_of())
    picture().save(tmp_path / "b.jpg")
    found = personal_text(gather(tuple(Sample(name, "Which?", image=tmp_path / f"{name}.jpg") for name in "ab"), faces=False))
    assert found.evidence["where"] == {"a": ["EXIF: POSITION, OWNER"]} and found.verdict == "warn" and "GPS positions in EXIF 1" in found.summary
