"""Sound and video from files, as arrays. PyAV's wheels bring their own ffmpeg: no system ffmpeg, no torchcodec.

A file may be anybody's: containers that name other files are not opened, and what decodes to more than the limits below is refused before it fills the memory, whatever its header claims.
Not covered: how long a decoder works on a film within the limits.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import numpy as np

from kit.data.refusal import MediaError, existing, truncated, unreadable
from kit.language import say

# ffmpeg's names of the containers that hold their streams themselves. Not concat, hls, dash, sdp, image2 and their like: what these name need not lie in the folder, and lists of lists multiply the work
CONTAINERS = ("mov", "matroska", "avi", "mpeg", "mpegts", "mpegvideo", "m4v", "asf", "wav", "w64", "flac", "ogg", "mp3", "aac", "aiff", "caf", "amr", "amrnb", "amrwb")
SHORTEST_SHARE = 0.8  # a sound or video that decodes to less than this share of its declared length is truncated
LONGEST_SOUND = 7200.0  # seconds, 1/2 GB at 16 kHz: a long meeting; a row of a table is one answer's evidence, and no model hears hours at once
LONGEST_BLOCK = 600.0  # seconds: 65536 samples in 8 channels that claim 1 Hz would come out of one call as 32 GB
MOST_FRAME_PIXELS = 7680 * 4320  # 8K, the largest that cameras film: 1/10 GB at 3 bytes a pixel
MOST_SHOWN_PIXELS = 8 * MOST_FRAME_PIXELS  # of all frames that are kept, 0.8 GB: eight of 8K, thirty-two of 4K
MOST_FRAMES = 432_000  # two hours at 60 frames a second
LOWEST_RATE = 4000  # Hz: a telephone has 8000, and less would grow hundreds of times on its way to 16 kHz
OPENED_WITH = {"format_whitelist": ",".join(CONTAINERS), "protocol_whitelist": "file", "max_pixels": str(MOST_FRAME_PIXELS)}  # ffmpeg's own options, which hold for everything that it opens on the way, too


def load_audio(path: Path, rate: int = 16000) -> np.ndarray:
    """The sound as float32 (N,) mono in [-1, 1] at `rate` Hz; of a video, its sound track.

    Raises:
        MediaError: missing, unreadable, truncated, longer than LONGEST_SOUND seconds, or without any sound.
    """
    path, av = existing(path), _pyav(path)
    with _opened(path, "a sound", "音声") as container:
        if not container.streams.audio:
            raise MediaError(
                path,
                say("has no sound track", "音声トラックがありません"),
                say("Leave the audio cell of its row empty", "その行の音声欄を空にしてください"),
            )
        stream = container.streams.audio[0]
        claimed = float(stream.duration * stream.time_base) if stream.duration else 0.0
        if claimed > LONGEST_SOUND:
            raise _too_long(path)
        # keeps the channels: their mean is ours to take
        resampler, pieces, heard = av.AudioResampler(format="fltp", rate=rate), [], 0.0
        for frame in container.decode(stream):
            seconds = frame.samples / max(1, frame.sample_rate)
            heard += seconds
            if heard > LONGEST_SOUND:  # the claim was a lie, or there was none
                raise _too_long(path)
            if seconds > LONGEST_BLOCK:
                raise unreadable(path, "a sound", "音声", f"{frame.samples} samples at {frame.sample_rate} Hz in one block")
            if frame.sample_rate < LOWEST_RATE:
                raise unreadable(path, "a sound", "音声", f"{frame.sample_rate} Hz; speech needs {LOWEST_RATE} at least")
            pieces += [out.to_ndarray().mean(0) for out in resampler.resample(frame)]
        pieces += [out.to_ndarray().mean(0) for out in resampler.resample(None)]
        wave = np.concatenate(pieces).astype(np.float32, copy=False) if pieces else np.zeros(0, np.float32)
    declared = claimed * _share_in_file(path)
    if not len(wave) or len(wave) / rate < SHORTEST_SHARE * declared:
        raise truncated(path, len(wave) / rate, declared)
    return np.nan_to_num(wave, copy=False)


def _share_in_file(path: Path) -> float:
    """How many times longer a wav's header claims to be than the file is; 1 for all else. ffmpeg shortens the length of a truncated wav to what is there, so its header is asked."""
    with path.open("rb") as file:
        head = file.read(8)
    size = int.from_bytes(head[4:], "little")
    streamed = size in (0, 0xFFFFFFFF)  # written by a recorder that never came back to fill it in
    return max(1.0, size / path.stat().st_size) if head[:4] == b"RIFF" and not streamed else 1.0


def load_video(path: Path, frames: int = 8) -> tuple[np.ndarray, float]:
    """Evenly spaced frames, uint8 (T, H, W, 3) RGB with T = `frames`, and their rate in frames per second.

    The middles of T equal pieces are taken, so a clip shorter than T frames repeats some. T is even because Qwen's video towers take frames in pairs.

    Raises:
        ValueError: `frames` is odd or below 2.
        MediaError: missing, unreadable, truncated, without pictures, or more than MOST_FRAMES, MOST_FRAME_PIXELS or MOST_SHOWN_PIXELS.
    """
    if frames < 2 or frames % 2:
        raise ValueError(f"frames is {frames}; it must be even and at least 2")
    path = existing(path)
    with _opened(path, "a video", "動画") as container:
        total, seconds = _length(container, path)
        stream = container.streams.video[0]
        _check_size(path, stream.width, stream.height, frames)  # 0 x 0 where the claim was beyond max_pixels
        stream.codec_context.options = {"max_pixels": str(MOST_FRAME_PIXELS)}  # the decoder's own check, before it takes the memory of a frame that the header did not claim
        wanted = [(2 * i + 1) * total // (2 * frames) for i in range(frames)]
        container.seek(0)
        shown, filled, seen = None, 0, 0
        for frame in container.decode(stream):
            if seen == wanted[filled]:
                _check_size(path, frame.width, frame.height, frames)
                picture = _upright(frame)
                shown = np.empty((frames, *picture.shape), np.uint8) if shown is None else shown
                if picture.shape != shown.shape[1:]:
                    raise unreadable(path, "a video", "動画", "its pictures change their size")
            while filled < frames and seen == wanted[filled]:
                shown[filled] = picture
                filled += 1
            seen += 1
            if filled == frames:
                break
    if not filled or seen < SHORTEST_SHARE * wanted[-1]:
        raise truncated(path, seen / total * seconds, seconds)
    shown[filled:] = shown[filled - 1]  # the container may count one or two frames that never decode
    return shown, frames / seconds


def video_length(path: Path) -> tuple[int, float]:
    """Frames and seconds of a video; no picture is decoded.

    Raises:
        MediaError: missing, unreadable, without pictures, or of more than MOST_FRAMES.
    """
    path = existing(path)
    with _opened(path, "a video", "動画") as container:
        return _length(container, path)


@contextmanager
def _opened(path: Path, noun: str, noun_ja: str) -> Iterator:
    """The container; whatever goes wrong in it is a MediaError."""
    av = _pyav(path)
    try:
        try:
            container = av.open(os.path.abspath(path), options=OPENED_WITH)  # absolute: ffmpeg takes "concat:a" for a protocol
        except av.ArgumentError as error:  # its answer to a container that is not on the list
            raise MediaError(
                path,
                say(f"not readable as {noun} (damaged, of a rare kind, or a list of other files, which is never opened)", f"{noun_ja}として読めません（壊れているか、特殊な形式か、ほかのファイルの一覧です。一覧は開きません）"),
                say("Save the clip itself as .mp4 or .wav, or delete its row", "内容そのものを .mp4 か .wav で保存し直すか、その行を削除してください"),
            ) from error  # fmt: skip
        with container:
            yield container
    except (av.FFmpegError, ValueError, OSError, MemoryError) as error:
        raise unreadable(path, noun, noun_ja, error) from error


def _length(container, path: Path) -> tuple[int, float]:
    """Frames and seconds of the first video stream, counted from its packets: headers often lack them."""
    if not container.streams.video:
        raise MediaError(
            path,
            say("has no pictures", "映像がありません"),
            say("Leave the video cell of its row empty", "その行の動画欄を空にしてください"),
        )
    stream = container.streams.video[0]
    packets = islice(container.demux(stream), MOST_FRAMES + 1)
    times = sorted(float(p.pts * stream.time_base) for p in packets if p.pts is not None)
    if not times:
        raise truncated(path, 0.0, 0.0)
    if len(times) > MOST_FRAMES:
        raise MediaError(path, say(f"has more than {MOST_FRAMES} frames", f"{MOST_FRAMES} フレームを超えています"), _cut_up())
    step = (times[-1] - times[0]) / (len(times) - 1) if len(times) > 1 else 1.0
    return len(times), max(step * len(times), 1e-3)


def _upright(frame) -> np.ndarray:
    """The picture (H, W, 3), turned as the phone's display matrix says (degrees counter-clockwise)."""
    return np.ascontiguousarray(np.rot90(frame.to_ndarray(format="rgb24"), k=round(frame.rotation / 90) % 4))


def _check_size(path: Path, width: int, height: int, frames: int) -> None:
    most = min(MOST_FRAME_PIXELS, MOST_SHOWN_PIXELS // frames)
    if not 0 < width * height <= most:
        raise MediaError(
            path,
            say(f"its pictures have no size or more than {most / 1e6:.0f} million pixels, and {frames} of them could fill the memory",
                f"映像の大きさが不明か、1 枚 {most / 1e6:.0f} 百万画素を超えています（{frames} 枚でメモリ不足の恐れがあります）"),
            say("Save it in a smaller size, 4K at most", "4K 以下に縮小して保存し直してください"),
        )  # fmt: skip


def _too_long(path: Path) -> MediaError:
    hours = LONGEST_SOUND / 3600
    return MediaError(path, say(f"lasts more than {hours:.0f} hours and could fill the memory", f"{hours:.0f} 時間を超え、メモリ不足の恐れがあります"), _cut_up())


def _cut_up() -> str:
    return say("Cut it up and keep the parts that the answers are about", "短く切り分け、答えに関わる部分だけを残してください")


def _pyav(path: Path):
    try:
        import av
    except ImportError as error:
        raise MediaError(
            path,
            say("sound and video need one more package", "音声と動画を読むには追加パッケージが必要です"),
            say("Run: pip install av", "実行: pip install av"),
        ) from error
    av.logging.set_level(av.logging.PANIC)  # ffmpeg's own warnings would bury our one line
    return av
