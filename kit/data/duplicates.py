"""Samples that show the same thing, so that they never end up on both sides of a split.

Two samples are near-duplicates when one of their modalities is: all images in order within `distance` of each other (dHash, 8 x 8 = 64 bits), or the same bytes of
sound or video; samples without media when their texts say the same or nearly so (kit.data.texts), whatever is asked about them. Comparing whole tuples keeps a golden
sample that stands beside every part from joining all of them. Not covered: crops and rotations, re-encoded sound and video (`poc check` lists them).
"""

import hashlib
import re
from pathlib import Path

import numpy as np

from kit.data.media import MediaError, load_image
from kit.data.sample import MEDIA, Sample
from kit.data.texts import near_texts, plain
from kit.language import say
from kit.show import progress

ROWS_AT_ONCE = 128  # rows of the distance matrix held at once: 128 x 20,000 x 8 bytes = 20 MB


def near_pairs(samples: tuple[Sample, ...], distance: int = 6) -> list[tuple[str, str, int]]:
    """(id, id, distance in bits) of every near-duplicate pair; 0 also for equal bytes and for texts. All pairs are compared, in numpy. An image that cannot be read is like no other."""
    images = dict.fromkeys(path for sample in samples for path in sample.image)
    hashes = {path: _dhash(path) for path in progress(images, say("comparing photos", "画像を比較中"))}
    pairs = {}
    for count in sorted({len(sample.image) for sample in samples} - {0}):
        alike = [sample for sample in samples if len(sample.image) == count and None not in [hashes[path] for path in sample.image]]
        bits = np.array(
            [[hashes[path] for path in sample.image] for sample in alike], dtype=np.uint64
        ).reshape(-1, count)  # (N, images)
        for i, j, bits_apart in close_rows(bits, distance):
            pairs[alike[i].id, alike[j].id] = bits_apart
    for a, b in _equal(samples) + _like_texts(samples):
        pairs[a, b] = 0
    return [(a, b, apart) for (a, b), apart in pairs.items()]


def clusters(samples: tuple[Sample, ...], distance: int = 6) -> dict[str, str]:
    """id -> the id of the first sample of its near-duplicate cluster; alone: its own id."""
    return _components(
        [sample.id for sample in samples], [pair[:2] for pair in near_pairs(samples, distance)]
    )


def propose_groups(samples: tuple[Sample, ...], block: int = 20, distance: int = 6) -> dict[str, str]:
    """id -> group, for folders without a group column: connected components of near-duplicates and blocks of consecutive file numbers.

    Photos numbered in a row come from one shift, coil or device more often than not. A block is (folder, name without its last number, number // block).
    A name without a number is in no block.

    Args:
        samples: those of one folder.
        block: how many consecutive numbers make a block; 0 for none, near-duplicates alone.
        distance: bits that near-duplicates may differ by.
    """
    links = [pair[:2] for pair in near_pairs(samples, distance)]
    first = {}
    for sample in samples:
        key = _block_of(sample, block) if block else None
        if key is not None:
            links.append((first.setdefault(key, sample.id), sample.id))
    return _components([sample.id for sample in samples], links)


def _dhash(path: Path) -> int | None:
    """64 bits: is each pixel of the 9 x 8 thumbnail brighter than its left neighbour? None: it cannot be read."""
    import imagehash

    try:
        bits = imagehash.dhash(load_image(path), hash_size=8).hash.ravel()
    except MediaError:
        return None
    return int.from_bytes(np.packbits(bits).tobytes())


def close_rows(bits: np.ndarray, distance: int) -> list[tuple[int, int, int]]:
    """(i, j, bits apart), i < j, of the rows of `bits` (N, images) that differ by at most `distance` in every image."""
    found = []
    for start in range(0, len(bits), ROWS_AT_ONCE):
        rows = bits[start : start + ROWS_AT_ONCE]
        apart = np.zeros((len(rows), len(bits)), dtype=np.uint8)
        for column in range(bits.shape[1]):
            apart = np.maximum(apart, np.bitwise_count(rows[:, None, column] ^ bits[None, :, column]))
        for i, j in zip(*np.nonzero(apart <= distance)):
            if start + i < j:
                found.append((start + int(i), int(j), int(apart[i, j])))
    return found


def _equal(samples: tuple[Sample, ...]) -> list[tuple[str, str]]:
    """Pairs of ids with the same bytes in all files of one modality."""
    read, first, pairs = {}, {}, []
    for sample in samples:
        keys = [
            (name, *(_digest(path, read) for path in getattr(sample, name)))
            for name in MEDIA
            if getattr(sample, name)
        ]
        for key in keys:
            if first.setdefault(key, sample.id) != sample.id:
                pairs.append((first[key], sample.id))
    return pairs


def _like_texts(samples: tuple[Sample, ...]) -> list[tuple[str, str]]:
    """Pairs of ids without media and with the same or nearly the same text, each with the first that says so."""
    rows = [(plain(sample.text), sample.id) for sample in samples if not set(sample.modalities) & set(MEDIA)]
    first: dict[str, str] = {}
    same = [(first[text], id) for text, id in rows if first.setdefault(text, id) != id]
    texts = list(first)
    return same + [(first[texts[i]], first[texts[j]]) for i, j in near_texts(texts)]


def _digest(path: Path, read: dict[Path, str]) -> str:
    if path not in read:
        read[path] = hashlib.sha256(path.read_bytes()).hexdigest()
    return read[path]


def _block_of(sample: Sample, block: int) -> tuple | None:
    path = next((path for name in ("image", "video", "audio") for path in getattr(sample, name)), None)
    match = re.fullmatch(r"(.*?)(\d+)(\D*)", path.stem) if path else None
    return (path.parent, match[1], int(match[2]) // block) if match else None


def _components(ids: list[str], links: list[tuple[str, str]]) -> dict[str, str]:
    """id -> first id of its connected component (union-find; the root is always the earliest id)."""
    order = {one: i for i, one in enumerate(ids)}
    parent = dict(zip(ids, ids))

    def root(one: str) -> str:
        while parent[one] != one:
            parent[one] = one = parent[parent[one]]
        return one

    for a, b in links:
        a, b = sorted((root(a), root(b)), key=order.get)
        parent[b] = a
    return {one: root(one) for one in ids}
