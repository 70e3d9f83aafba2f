"""Faces in photos, by OpenCV's cascades (Viola and Jones 2001): they come with the wheel and need no download.

Only where there is skin, in its usual range of YCrCb (Chai and Ngan 1999), or no colour at all: cascades see faces in grain and rust. Meant to find what a person then looks at:
profiles, covered faces and faces below a tenth of the picture are missed, and some of what is found is none.
"""

import threading

import numpy as np

_SIDE = 320  # pixels of the longer side that is searched
_SMALLEST = 48  # pixels there: about a seventh of the picture
_STEP, _NEIGHBOURS = 1.15, 2  # of the search over sizes, and how many hits make a face
_SKIN_IN_BOX, _SKIN_IN_PICTURE = 0.2, 0.004
_OWN = threading.local()
_CASCADES = ("haarcascade_frontalface_default.xml", "haarcascade_frontalface_alt2.xml")  # each finds some that the other misses


def find_faces(picture: np.ndarray) -> tuple[tuple[int, int, int, int], ...]:
    """(left, top, width, height) in pixels of each face in a picture (H, W, 3) uint8; boxes may overlap."""
    import cv2

    scale = _SIDE / max(picture.shape[:2])
    small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    skin, coloured = _skin(small)
    if coloured and skin.mean() < _SKIN_IN_PICTURE:
        return ()
    left, top, right, bottom = _around(skin) if coloured else (0, 0, small.shape[1], small.shape[0])
    grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)[top:bottom, left:right]
    found = []
    for name in _CASCADES:
        for x, y, width, height in _cascade(name).detectMultiScale(grey, _STEP, _NEIGHBOURS, minSize=(_SMALLEST, _SMALLEST)) if min(grey.shape) >= _SMALLEST else ():
            x, y = x + left, y + top
            if not coloured or skin[y : y + height, x : x + width].mean() >= _SKIN_IN_BOX:
                found.append(tuple(int(value / scale) for value in (x, y, width, height)))
    return tuple(found)


def _skin(picture: np.ndarray) -> tuple[np.ndarray, bool]:
    """Which pixels (H, W) may be skin, and whether the picture has colour at all."""
    import cv2

    luma, red, blue = cv2.split(cv2.cvtColor(picture, cv2.COLOR_RGB2YCrCb))
    coloured = bool((np.abs(red.astype(np.int16) - 128).mean() + np.abs(blue.astype(np.int16) - 128).mean()) > 1)
    return (luma > 40) & (red >= 135) & (red <= 180) & (blue >= 85) & (blue <= 135), coloured


def _around(skin: np.ndarray) -> tuple[int, int, int, int]:
    """The box around all skin, with a face's room on each side: hair and background belong to what the cascades learned."""
    rows, columns = np.flatnonzero(skin.any(1)), np.flatnonzero(skin.any(0))
    return (
        max(0, columns[0] - _SMALLEST), max(0, rows[0] - _SMALLEST),
        min(skin.shape[1], columns[-1] + 1 + _SMALLEST), min(skin.shape[0], rows[-1] + 1 + _SMALLEST),
    )  # fmt: skip


def _cascade(name: str):
    """One of its own for every thread: a cascade keeps what it is working on."""
    import cv2
    from cv2 import data

    if name not in vars(_OWN):
        cv2.setNumThreads(1)  # the threads of `looks` share the work by files
        setattr(_OWN, name, cv2.CascadeClassifier(data.haarcascades + name))
    return getattr(_OWN, name)
