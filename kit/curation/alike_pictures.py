"""Copies of a picture that were cut, mirrored or turned: candidates by their hashes in all eight ways to lay a picture, then by tangents, then laid on each other.

A cut moves every pixel a little. To first order that adds multiples of a picture's own slopes, so a copy lies near the plane that they span (tangent distance; Simard, LeCun and
Denker, NIPS 1993). What lies near is fitted by an affine map (Evangelidis and Psarakis, PAMI 2008: OpenCV's ECC), and the grain of both is compared, because parts under one camera
are alike in everything else.

Measured on the sample company and on X-SDD (1,360 photographs of steel), 40 copies of each kind: mirrored, turned by 90 or 180 degrees 40 of 40 (X-SDD 24 to 39); 3 % cut off each
edge 40 of 40 photographs, 17 of 40 printed forms and 20 of 40 of X-SDD; no pair of different pictures among 2.6 million. Counted with a GRAIN of 0.98 and without the cap of NEAREST, and not again since. Half of the copies with 5 % cut off each edge are not found, and
none of those turned by other angles or cut by more. A copy at half size is found by the first hash: 18 of 21 of X-SDD's, which are 128 pixels wide.
"""

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from kit.data.duplicates import ROWS_AT_ONCE

SIDE = 96  # pixels of the thumbnails
WIDE = 12  # of 64 bits
ALIKE, TANGENT = 0.8, 0.95  # correlation of two 16 x 16 pictures as they are, and of one with the plane of the other's slopes: 600 candidates of 1,787 photographs become 66
GRAIN = 0.982  # correlation after fitting: copies 0.987 and more, another part of the lot 0.975, another filled form 0.975 at most
NEAREST = 3  # later pictures that each one is laid on, at most: ten thousand filled forms are all candidates
_SMALL, _EDGE, _ROUNDS, _WORKERS, _PAIRS_AT_ONCE = 16, 7, 20, 2, 4000


def cut_or_turned(thumbnails: np.ndarray, known: list[tuple[int, int]] = (), workers: int = _WORKERS) -> list[tuple[int, int]]:
    """(i, j), i < j, of the thumbnails (N, SIDE, SIDE) uint8 that show one picture; of a picture's many copies each with one other, at least.

    Args:
        thumbnails: grey, of whole pictures.
        known: pairs that are known to be copies; they are not looked at again.
        workers: threads.
    """
    import cv2  # noqa: F401  here and not first by two threads at once

    cluster, found = list(range(len(thumbnails))), []

    def root(i: int) -> int:
        while cluster[i] != i:
            cluster[i] = i = cluster[cluster[i]]
        return i

    for i, j in known:
        cluster[root(j)] = root(i)
    with ThreadPoolExecutor(workers) as pool:
        for candidates in _candidates(thumbnails):
            open_ones = [(i, j, way) for i, j, way in candidates if root(i) != root(j)]
            for (i, j, _), grain in zip(open_ones, pool.map(lambda pair: _grain(thumbnails[pair[0]], _laid(thumbnails[pair[1]], pair[2])), open_ones), strict=True):
                if grain >= GRAIN:
                    found.append((i, j))
                    cluster[root(j)] = root(i)
    return found


def _laid(pictures: np.ndarray, way: int) -> np.ndarray:
    """The pictures (..., H, W), H = W, turned `way` % 4 times and, from 4 on, mirrored before."""
    return np.ascontiguousarray(np.rot90(pictures[..., ::-1] if way >= 4 else pictures, way % 4, (-2, -1)))


def _candidates(thumbnails: np.ndarray):
    """For one block of rows after the other, the (i, j, way) whose tangents come near, at most NEAREST for each i."""
    if not len(thumbnails):
        return
    small = thumbnails.reshape(-1, _SMALL, SIDE // _SMALL, _SMALL, SIDE // _SMALL).mean((2, 4), dtype=np.float32)
    laid = [(_hashes(thumbnails, way), _unit(_laid(small, way).reshape(len(small), -1))) for way in range(8)]
    for start in range(0, len(small), ROWS_AT_ONCE):
        rows, planes = laid[0][0][start : start + ROWS_AT_ONCE], _planes(small[start : start + ROWS_AT_ONCE])
        near = []
        for way, (hashes, others) in enumerate(laid):
            i, j = np.divmod(np.flatnonzero(np.bitwise_count(rows[:, None] ^ hashes[None, start:]) <= WIDE), len(hashes) - start)
            later = i < j
            for at in range(0, int(later.sum()), _PAIRS_AT_ONCE):
                a, b = i[later][at : at + _PAIRS_AT_ONCE], start + j[later][at : at + _PAIRS_AT_ONCE]
                alike = np.einsum("nd,nd->n", laid[0][1][start + a], others[b]) >= ALIKE
                a, b = a[alike], b[alike]
                shares = np.linalg.norm(np.einsum("ndk,nd->nk", planes[a], others[b]), axis=1)
                near += [(float(share), start + int(x), int(y), way) for share, x, y in zip(shares, a, b, strict=True) if share >= TANGENT]
        taken = dict.fromkeys(range(start, start + len(rows)), 0)
        nearest = []
        for _, i, j, way in sorted(near, reverse=True):
            if taken[i] < NEAREST:
                taken[i] += 1
                nearest.append((i, j, way))
        yield nearest


def _hashes(pictures: np.ndarray, way: int) -> np.ndarray:
    rows, columns, blocks = _means(8), _means(9).T, range(0, len(pictures), ROWS_AT_ONCE)
    tiny = np.concatenate([np.rint(rows @ _laid(pictures[start : start + ROWS_AT_ONCE], way).astype(np.float32) @ columns) for start in blocks])
    return np.packbits((tiny[:, :, 1:] > tiny[:, :, :-1]).reshape(len(tiny), 64), axis=1).view(np.uint64).ravel()


def _means(cells: int) -> np.ndarray:
    """(cells, SIDE): times a picture, the mean of each of its parts; a pixel on an edge belongs to both in proportion."""
    edges, starts = np.arange(SIDE + 1), np.linspace(0, SIDE, cells + 1)
    inside = np.minimum(edges[1:], starts[1:, None]) - np.maximum(edges[:-1], starts[:-1, None])
    return (np.clip(inside, 0, None) * cells / SIDE).astype(np.float32)


def _unit(vectors: np.ndarray) -> np.ndarray:
    vectors = vectors - vectors.mean(-1, keepdims=True)
    return vectors / (np.linalg.norm(vectors, axis=-1, keepdims=True) + 1e-6)


def _planes(small: np.ndarray) -> np.ndarray:
    """(N, pixels, 7), orthonormal: each picture, and what it changes by when it is moved, stretched or sheared a little."""
    down, right = np.gradient(small, axis=(1, 2))
    x = np.linspace(-1, 1, _SMALL, dtype=np.float32)
    spanned = np.stack([small, right, down, right * x, right * x[:, None], down * x, down * x[:, None]], 1).reshape(len(small), 7, -1)
    return np.linalg.qr((spanned - spanned.mean(-1, keepdims=True)).transpose(0, 2, 1))[0]


def _grain(a: np.ndarray, b: np.ndarray) -> float:
    """Correlation of the two pictures' fine structure, one fitted to the other; which of them was cut is not known."""
    first = _fitted(a, b)
    return max(first, _fitted(b, a)) if 0.9 < first < GRAIN else first


def _fitted(moved: np.ndarray, still: np.ndarray) -> float:
    import cv2

    moved, still = moved.astype(np.float32), still.astype(np.float32)
    try:
        _, how = cv2.findTransformECC(still, moved, np.eye(2, 3, dtype=np.float32), cv2.MOTION_AFFINE, (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, _ROUNDS, 1e-3), None, 5)
    except cv2.error:  # it does not converge: nothing to fit
        return 0.0
    outside = 1e9
    over = cv2.warpAffine(_fine(moved), how, (SIDE, SIDE), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderValue=outside)[_EDGE:-_EDGE, _EDGE:-_EDGE]
    inside = over < outside / 1e5
    if inside.mean() < 0.7:
        return 0.0
    return float(_unit(over[inside]) @ _unit(_fine(still)[_EDGE:-_EDGE, _EDGE:-_EDGE][inside]))


def _fine(picture: np.ndarray) -> np.ndarray:
    """What is one to two pixels large."""
    import cv2

    return cv2.GaussianBlur(picture, (0, 0), 1) - cv2.GaussianBlur(picture, (0, 0), 2)
