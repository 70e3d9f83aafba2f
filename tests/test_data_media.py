"""Photos, sound and video from files."""

import io
import os
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from PIL import Image

from kit.data import MediaError, load_audio, load_image, load_video
from kit.data import media as media_room


def tone(seconds: float, rate: int, hertz: float = 440.0) -> np.ndarray:
    return 0.5 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)


def write_video(
    path: Path,
    frames: int = 20,
    fps: int = 10,
    sound: np.ndarray | None = None,
    rate: int = 22050,
    half: bool = False,
) -> Path:
    """A clip whose frame k is grey at 10 * k (its left half white when `half`), with an optional mono sound track."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(
            "mpeg4", rate=fps, width=64, height=32, pix_fmt="yuv420p", bit_rate=2_000_000
        )
        track = container.add_stream("aac", rate=rate, layout="mono") if sound is not None else None
        for k in range(frames):
            picture = np.full((32, 64, 3), min(10 * k, 255), np.uint8)
            picture[:, : 32 * half] = 255
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
        if track is not None:
            for start in range(0, len(sound), 1024):
                frame = av.AudioFrame.from_ndarray(
                    sound[None, start : start + 1024].astype(np.float32), format="fltp", layout="mono"
                )
                frame.sample_rate, frame.pts, frame.time_base = rate, start, Fraction(1, rate)
                container.mux(track.encode(frame))
            container.mux(track.encode())
    return path


# --- photos


def test_a_phone_photo_is_turned_upright(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: a viewer must rotate by 90 degrees clockwise
    pixels = np.zeros((20, 40, 3), np.uint8)
    pixels[:, :20] = 255  # bright left half: after the turn, the upper half
    Image.fromarray(pixels).save(tmp_path / "phone.jpg", exif=exif)
    upright = load_image(tmp_path / "phone.jpg")
    assert upright.size == (20, 40) and upright.mode == "RGB"
    assert np.asarray(upright)[:15].mean() > 240 and np.asarray(upright)[25:].mean() < 15


@pytest.mark.parametrize(
    "mode, value", [("L", 100), ("P", 1), ("CMYK", (0, 0, 0, 100)), ("1", 1), ("LA", (80, 255))]
)
def test_every_colour_mode_becomes_rgb(tmp_path, mode, value):
    path = tmp_path / ("x.tif" if mode == "CMYK" else "x.png")
    Image.new(mode, (8, 8), value).save(path)
    assert load_image(path).mode == "RGB"


def test_sixteen_bits_keep_their_shades(tmp_path):
    ramp = np.linspace(0, 65535, 64, dtype=np.uint16).reshape(8, 8)
    Image.fromarray(ramp).save(tmp_path / "deep.png")
    shades = np.asarray(load_image(tmp_path / "deep.png"))[..., 0].ravel()
    assert shades[0] == 0 and shades[-1] == 255 and len(set(shades.tolist())) == 64


def test_transparent_parts_are_white_and_not_what_hides_below(tmp_path):
    Image.new("RGBA", (4, 4), (200, 0, 0, 0)).save(tmp_path / "logo.png")
    assert set(np.asarray(load_image(tmp_path / "logo.png")).ravel()) == {255}


@pytest.mark.parametrize("name", ["photo.heic", "really_heic.jpg"])
def test_heic_is_read_whatever_its_name(tmp_path, name, need):
    need("heic")
    import pillow_heif

    pillow_heif.from_pillow(Image.new("RGB", (64, 48), (10, 200, 30))).save(tmp_path / "photo.heic")
    (tmp_path / "photo.heic").rename(tmp_path / name)
    image = load_image(tmp_path / name)
    assert image.size == (64, 48) and abs(np.asarray(image).mean((0, 1)) - (10, 200, 30)).max() < 8


def test_a_missing_heic_package_is_named_with_its_command(tmp_path, monkeypatch):
    (tmp_path / "photo.heic").write_bytes(b"\0\0\0\x18ftypheic")
    monkeypatch.setitem(__import__("sys").modules, "pillow_heif", None)
    with pytest.raises(MediaError, match=r"photo\.heic.*pip install"):
        load_image(tmp_path / "photo.heic")


def test_a_truncated_photo_is_refused(tmp_path):
    whole = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)).save(
        whole, "jpeg"
    )
    (tmp_path / "half.jpg").write_bytes(whole.getvalue()[: len(whole.getvalue()) // 2])
    with pytest.raises(MediaError, match=r"half\.jpg: not readable as an image .*truncated.*Copy it again"):
        load_image(tmp_path / "half.jpg")


@pytest.mark.parametrize(
    "content", [b"", b"\xff\xd8\xff\xe0 not really", b"<html>404</html>", b"\x89PNG\r\n\x1a\n" + b"\0" * 40]
)
def test_what_is_no_photo_is_refused(tmp_path, content):
    (tmp_path / "fake.png").write_bytes(content)
    with pytest.raises(MediaError, match="not readable as an image"):
        load_image(tmp_path / "fake.png")


@pytest.mark.parametrize("factor", [1.1, 3])
def test_a_decompression_bomb_is_refused_before_it_is_unpacked(tmp_path, monkeypatch, factor):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10_000)
    side = round((10_000 * factor) ** 0.5)
    Image.new("RGB", (side, side)).save(tmp_path / "bomb.png")
    with pytest.raises(MediaError, match="million pixels.*smaller"):
        load_image(tmp_path / "bomb.png")


def test_a_strip_that_no_model_takes_in_is_refused(tmp_path):
    Image.new("RGB", (1500, 3)).save(tmp_path / "strip.png")
    with pytest.raises(MediaError, match=r"strip.png: is 1500 x 3 pixels, longer than 200 times its width.*Cut it into shorter pieces"):
        load_image(tmp_path / "strip.png")
    Image.new("RGB", (5, 900)).save(tmp_path / "narrow.png")
    assert load_image(tmp_path / "narrow.png").size == (5, 900)


@pytest.mark.parametrize("load", [load_image, load_audio, load_video])
def test_a_missing_file_is_named(tmp_path, load):
    with pytest.raises(MediaError, match=r"gone\.bin: file is missing"):
        load(tmp_path / "gone.bin")


# --- sound


@pytest.mark.parametrize(
    "ending, rate, channels", [("wav", 44100, 2), ("flac", 8000, 1), ("ogg", 48000, 2), ("mp3", 22050, 1)]
)
def test_any_container_comes_out_mono_at_16_khz_with_its_pitch_and_loudness(tmp_path, ending, rate, channels):
    wave = np.stack([tone(1.0, rate)] * channels, axis=1)
    soundfile.write(tmp_path / f"a.{ending}", wave, rate)
    heard = load_audio(tmp_path / f"a.{ending}")
    assert heard.dtype == np.float32 and heard.ndim == 1 and abs(len(heard) - 16000) < 1500
    middle = heard[2000:14000]
    assert abs(np.abs(np.fft.rfft(middle)).argmax() * 16000 / len(middle) - 440) < 3
    assert np.abs(middle).max() == pytest.approx(0.5, abs=0.03), "the mean of the channels, not their sum"


def test_stereo_becomes_the_mean_of_its_channels(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.stack([tone(0.5, 16000), np.zeros(8000)], axis=1), 16000)
    assert np.abs(load_audio(tmp_path / "a.wav")).max() == pytest.approx(0.25, abs=0.01)


def test_the_rate_can_be_chosen(tmp_path):
    soundfile.write(tmp_path / "a.wav", tone(1.0, 16000), 16000)
    assert abs(len(load_audio(tmp_path / "a.wav", rate=8000)) - 8000) < 50


def test_the_sound_track_of_a_video_is_heard(tmp_path):
    heard = load_audio(write_video(tmp_path / "a.mp4", sound=tone(2.0, 22050)))
    assert abs(len(heard) - 32000) < 2500 and np.abs(heard).max() > 0.3


def test_a_silent_video_says_that_it_has_no_sound(tmp_path):
    with pytest.raises(MediaError, match="no sound track"):
        load_audio(write_video(tmp_path / "a.mp4"))


@pytest.mark.parametrize("ending", ["wav", "flac"])
def test_half_a_sound_file_is_refused(tmp_path, ending):
    soundfile.write(tmp_path / f"a.{ending}", np.random.default_rng(0).uniform(-1, 1, 32000), 16000)
    content = (tmp_path / f"a.{ending}").read_bytes()
    (tmp_path / f"a.{ending}").write_bytes(content[: len(content) // 2])
    with pytest.raises(MediaError, match="truncated|not readable"):
        load_audio(tmp_path / f"a.{ending}")


@pytest.mark.parametrize("load", [load_audio, load_video])
def test_what_is_no_medium_is_refused(tmp_path, load):
    (tmp_path / "a.mp4").write_bytes(b"these are words")
    with pytest.raises(MediaError, match=r"a\.mp4: not readable as a"):
        load(tmp_path / "a.mp4")


# --- video


def test_frames_are_evenly_spaced_and_their_rate_is_told(tmp_path):
    frames, fps = load_video(write_video(tmp_path / "a.mp4"), frames=4)
    assert frames.shape == (4, 32, 64, 3) and frames.dtype == np.uint8
    assert frames.mean((1, 2, 3)) == pytest.approx([20, 70, 120, 170], abs=12), (
        "the middles of four pieces of five frames"
    )
    assert fps == pytest.approx(2.0, abs=0.01)


def test_a_short_clip_repeats_frames_so_that_their_number_stays(tmp_path):
    frames, _ = load_video(write_video(tmp_path / "a.mp4", frames=3), frames=8)
    assert len(frames) == 8 and sorted(frames.mean((1, 2, 3))) == list(frames.mean((1, 2, 3)))


@pytest.mark.parametrize("frames", [0, 1, 3])
def test_an_odd_number_of_frames_is_refused(tmp_path, frames):
    with pytest.raises(ValueError, match=f"frames is {frames}; it must be even"):
        load_video(tmp_path / "a.mp4", frames=frames)


def test_a_truncated_video_is_refused(tmp_path):
    content = write_video(tmp_path / "a.mp4", frames=60).read_bytes()
    (tmp_path / "a.mp4").write_bytes(content[: len(content) // 2])
    with pytest.raises(MediaError, match=r"a\.mp4"):
        load_video(tmp_path / "a.mp4")


def test_a_turned_phone_video_is_upright(tmp_path):
    """The display matrix that an iPhone held upright writes (90 degrees clockwise) is patched into an mp4."""
    content = bytearray(write_video(tmp_path / "a.mp4", frames=4, half=True).read_bytes())
    identity = b"".join(v.to_bytes(4, "big") for v in (0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000))
    turned = b"".join(
        (v % 2**32).to_bytes(4, "big") for v in (0, 0x10000, 0, -0x10000, 0, 0, 0, 0, 0x40000000)
    )
    at = content.index(identity, content.index(b"tkhd"))
    content[at : at + 36] = turned
    (tmp_path / "a.mp4").write_bytes(content)
    frames, _ = load_video(tmp_path / "a.mp4", frames=2)
    assert frames.shape == (2, 64, 32, 3)
    assert frames[0, :28].mean() > 230 and frames[0, 36:].mean() < 40, "the left half is now the upper one"


# --- files that lie in wait

ENDINGS = {"mp4": "mpeg4", "mov": "mpeg4", "avi": "mpeg4", "mkv": "mpeg4", "webm": "libvpx", "m4v": "mpeg4", "mpg": "mpeg1video", "mpeg": "mpeg2video", "wmv": "wmv2", "3gp": "mpeg4", "mts": "mpeg2video",
           "wav": "pcm_s16le", "flac": "flac", "ogg": "flac", "oga": "flac", "opus": "libopus", "mp3": "libmp3lame", "m4a": "aac", "aac": "aac", "wma": "wmav2", "aif": "pcm_s16be", "aiff": "pcm_s16be", "amr": "libopencore_amrnb"}  # fmt: skip
MUXERS = {"m4v": "mp4", "mkv": "matroska", "mpg": "mpeg", "mpeg": "mpeg", "wmv": "asf", "wma": "asf", "mts": "mpegts", "m4a": "ipod", "aac": "adts", "aif": "aiff"}


@pytest.mark.parametrize("ending", ENDINGS)
def test_every_ending_that_the_kit_names_is_read(tmp_path, ending):
    assert f".{ending}" in media_room.SUFFIXES["video"] + media_room.SUFFIXES["audio"] and len(ENDINGS) == sum(len(media_room.SUFFIXES[kind]) for kind in ("video", "audio"))
    path, rate = tmp_path / f"a.{ending}", {"amr": 8000, "opus": 48000, "wma": 44100}.get(ending, 16000)
    with av.open(str(path), "w", format=MUXERS.get(ending, ending)) as container:
        if path.suffix in media_room.SUFFIXES["video"]:
            stream = container.add_stream(ENDINGS[ending], rate=25, width=176, height=144, pix_fmt="yuv420p")
            given = [av.VideoFrame.from_ndarray(np.full((144, 176, 3), 10 * k, np.uint8), format="rgb24") for k in range(10)]
        else:
            stream = container.add_stream(ENDINGS[ending], rate=rate, layout="mono", **({"bit_rate": 64000} if ending == "wma" else {}))
            frame = av.AudioFrame.from_ndarray((tone(1.0, rate) * 20000).astype(np.int16)[None], format="s16", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = rate, 0, Fraction(1, rate)
            stream.codec_context.open()
            fitted = av.AudioResampler(format=stream.codec_context.format, layout="mono", rate=rate, frame_size=stream.codec_context.frame_size or 1024)
            given = [*fitted.resample(frame), *fitted.resample(None)]
        for frame in (*given, None):
            container.mux(stream.encode(frame))
    if path.suffix in media_room.SUFFIXES["video"]:
        assert load_video(path, frames=2)[0].shape == (2, 144, 176, 3)
    else:
        assert abs(len(load_audio(path)) - 16000) < 3000


LISTS = {
    "concat": "ffconcat version 1.0\nfile '{}'\n", "nested": "ffconcat version 1.0\nfile inner.mp4\nfile inner.mp4\n", "hls": "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:9\n#EXTINF:2.0,\n{}\n#EXT-X-ENDLIST\n",
    "dash": '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" profiles="urn:mpeg:dash:profile:isoff-main:2011" type="static"><Period><AdaptationSet mimeType="video/mp4"><Representation id="1"><BaseURL>{}</BaseURL></Representation></AdaptationSet></Period></MPD>',
    "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\na=rtpmap:96 H264/90000\n", "playlist": "[playlist]\nFile1={}\nNumberOfEntries=1\n", "metadata": ";FFMETADATA1\ntitle={}\n",
}  # fmt: skip


@pytest.mark.parametrize("ending", ["mp4", "wav", "mkv", "ogg"])
@pytest.mark.parametrize("kind", LISTS)
def test_a_list_of_other_files_is_never_opened(tmp_path, kind, ending):
    (tmp_path / "company").mkdir()
    secret = write_video(tmp_path / "secret.mp4", sound=tone(2.0, 22050))
    (tmp_path / "company" / "link.mp4").symlink_to(secret)
    (tmp_path / "company" / "inner.mp4").write_text(LISTS["concat"].format("link.mp4"))
    path = tmp_path / "company" / f"a.{ending}"
    path.write_text(LISTS[kind].format("link.mp4"))
    for load in (load_audio, load_video, media_room.video_length):
        with pytest.raises(MediaError, match="not readable as a"):
            load(path)


def film(path: Path, width: int, height: int, frames: int = 2) -> Path:
    """PNG pictures in a .mov, of one colour: much in little."""
    picture = io.BytesIO()
    Image.new("P", (width, height)).save(picture, "PNG")
    with av.open(str(path), "w") as container:
        stream = container.add_stream("png", rate=25, width=width, height=height, pix_fmt="rgb24")
        for k in range(frames):
            packet = av.Packet(picture.getvalue())
            packet.stream, packet.pts, packet.dts, packet.time_base = stream, k, k, Fraction(1, 25)
            container.mux(packet)
    return path


@pytest.mark.parametrize("claimed", [(9000, 4000), (64, 64)])
def test_a_film_of_huge_pictures_is_refused_whatever_its_header_claims(tmp_path, claimed):
    content = film(tmp_path / "a.mov", 9000, 4000).read_bytes()
    assert len(content) < 500_000
    true, said = ((9000).to_bytes(2, "big") + (4000).to_bytes(2, "big"), claimed[0].to_bytes(2, "big") + claimed[1].to_bytes(2, "big"))
    at = content.index(true, content.index(b"stsd"))
    (tmp_path / "a.mov").write_bytes(content[:at] + said + content[at + 4 :])
    for frames in (2, 8):
        with pytest.raises(MediaError, match="no size or more than 33 million pixels.*Save it in a smaller size"):
            load_video(tmp_path / "a.mov", frames=frames)


def test_many_large_frames_are_refused_before_they_are_kept(tmp_path):
    path = film(tmp_path / "a.mov", 4000, 3000)
    assert load_video(path, frames=2)[0].shape == (2, 3000, 4000, 3)
    with pytest.raises(MediaError, match="more than 4 million pixels, and 64 of them could fill the memory"):
        load_video(path, frames=64)


def test_pictures_that_change_their_size_are_refused(tmp_path):
    small, large = film(tmp_path / "small.mov", 64, 64).read_bytes(), io.BytesIO()
    first = small.index(b"\x89PNG")
    Image.new("P", (32, 96)).save(large, "PNG")
    one = small[first : small.index(b"IEND") + 8]
    other = large.getvalue() + b"\0" * max(0, len(one) - len(large.getvalue()))
    assert len(other) == len(one)
    (tmp_path / "a.mov").write_bytes(small[: first + len(one)] + other + small[first + 2 * len(one) :])
    with pytest.raises(MediaError, match="change their size"):
        load_video(tmp_path / "a.mov", frames=2)


@pytest.mark.parametrize("claimed", [30_000_000, 1000])
def test_a_sound_of_many_hours_is_refused_whatever_its_header_claims(tmp_path, claimed):
    with soundfile.SoundFile(str(tmp_path / "a.flac"), "w", 4000, 1, "PCM_16") as file:
        file.write(np.zeros(30_000_000, np.int16))  # two hours and five minutes
    content = bytearray((tmp_path / "a.flac").read_bytes())
    content[22:26] = claimed.to_bytes(4, "big")
    (tmp_path / "a.flac").write_bytes(content)
    assert len(content) < 200_000
    with pytest.raises(MediaError, match="lasts more than 2 hours.*Cut it up"):
        load_audio(tmp_path / "a.flac")


def test_a_block_of_an_hour_is_refused(tmp_path):
    soundfile.write(tmp_path / "a.flac", np.zeros(4000, np.int16), 1)
    with pytest.raises(MediaError, match="4000 samples at 1 Hz in one block"):
        load_audio(tmp_path / "a.flac")


def test_endings_tell_the_modality():
    assert [media_room.modality_of(Path(name)) for name in ("A.JPG", "b.flac", "c.MOV", "README.md", "LICENSE")] == [
        "image", "audio", "video", "", ""]  # fmt: skip


def test_a_picture_is_never_read_by_another_program(tmp_path, monkeypatch):
    """Pillow gives PostScript to Ghostscript, whatever the file is called."""
    (tmp_path / "bin").mkdir()
    told = tmp_path / "ran"
    program = tmp_path / "bin" / "gs"
    program.write_text(f"#!/bin/sh\ntouch {told}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    (tmp_path / "part.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 40 40\n%%EndComments\nshowpage\n%%EOF\n")
    with pytest.raises(MediaError, match="not readable as an image"):
        load_image(tmp_path / "part.png")
    assert not told.exists()


def test_a_rate_at_which_nothing_can_be_heard_is_refused(tmp_path):
    soundfile.write(tmp_path / "slow.wav", np.zeros(400, np.float32), 60)
    with pytest.raises(MediaError, match="60 Hz; speech needs 4000 at least"):
        load_audio(tmp_path / "slow.wav")


@pytest.mark.parametrize("kind", ["AVIF", "WEBP", "JPEG", "PNG", "TIFF", "GIF"])
def test_a_damaged_picture_of_any_kind_is_a_picture_or_a_media_error(tmp_path, kind):
    """Bytes are changed anywhere; decoders raise whatever they like (AVIF: RuntimeError)."""
    buffer, draws = io.BytesIO(), np.random.default_rng(0)
    Image.radial_gradient("L").resize((64, 64)).convert("RGB").save(buffer, kind)
    for turn in range(30):
        content = np.frombuffer(buffer.getvalue(), np.uint8).copy()
        places = draws.integers(len(content) // 8, len(content), 1 + turn % 5)
        content[places] = draws.integers(0, 256, len(places))
        (tmp_path / "part.png").write_bytes(content.tobytes())
        try:
            load_image(tmp_path / "part.png")
        except MediaError as error:
            assert "not readable" in str(error) or "truncated" in str(error) or "pixels" in str(error)
