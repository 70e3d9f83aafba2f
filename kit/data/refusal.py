"""Why a media file cannot be used: the error, and the reasons that photos, sound and video share."""

from pathlib import Path

from kit.errors import KitError
from kit.language import say


class MediaError(KitError):
    """A file that cannot be used: `problem` and `fix`, so that a list of faults can show them apart."""

    def __init__(self, path: Path, problem: str, fix: str):
        super().__init__(f"{path}: {problem}. {fix}")
        self.problem, self.fix = problem, fix


def existing(path: Path) -> Path:
    """The path of a file that is there.

    Raises:
        MediaError: it is missing.
    """
    path = Path(path)
    if not path.is_file():
        raise MediaError(
            path,
            say("file is missing", "ファイルがありません"),
            say("Check its name, or put it there", "名前を確かめるか、ファイルを置いてください"),
        )
    return path


def unreadable(path: Path, noun: str, noun_ja: str, error: Exception | str) -> MediaError:
    """The file does not hold what its row says; `error`: the decoder's reason."""
    reason = (str(error).splitlines() or [type(error).__name__])[0][:80]
    return MediaError(
        path,
        say(f"not readable as {noun} ({reason})", f"{noun_ja}として読めません({reason})"),
        say(
            "Copy it again from the source or delete its row",
            "元からコピーし直すか、その行を削除してください",
        ),
    )


def truncated(path: Path, decoded: float, declared: float) -> MediaError:
    """Less comes out (seconds) than the file declares."""
    return MediaError(
        path,
        say(
            f"truncated or empty: {decoded:.1f} s of {declared:.1f} s can be read",
            f"途中で切れているか空です({declared:.1f}秒中{decoded:.1f}秒だけ読めます)",
        ),
        say(
            "Copy it again from the source or delete its row",
            "元からコピーし直すか、その行を削除してください",
        ),
    )
