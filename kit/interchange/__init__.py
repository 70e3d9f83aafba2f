"""The formats of other trainers: written, and read back. Each file has `write(samples, out) -> Written` and `read(path) -> Folder`; what a format cannot hold is refused by row."""

from kit.interchange import hugging_face, llamafactory, llava, lmms_eval, ms_swift, trl
from kit.interchange.rows import Written

FORMATS = {"llama-factory": llamafactory, "ms-swift": ms_swift, "trl": trl, "llava": llava, "hugging-face": hugging_face}

__all__ = ["FORMATS", "Written", "hugging_face", "llamafactory", "llava", "lmms_eval", "ms_swift", "trl"]
