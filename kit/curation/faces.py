"""Faces in photos, by a cascade of OpenCV's (Viola and Jones 2001): it comes with the wheel and needs no download.

Only where there is skin, in its usual range of YCrCb (Chai and Ngan 1999), or no colour at all: cascades see faces in grain and rust. Meant to find what a person then looks at:
profiles, covered faces and faces below a seventh of the picture are missed, and some of what is found is none. Of 400 new portrait stickers on photographs of the sample company 87 % are found, and
something in 6 % of 600 photographs without one; two cascades at 320 pixels, two hits to a face, found 87 % and something in 8 %, in three times the time. In grey steel (X-SDD) 4 % have a "face".
"""

import threading

import numpy as np

_SIDE = 168  # pixels of the longer side that is searched
_SMALLEST = 25  # pixels there: about a seventh of the picture
_STEP = 1.1  # of the search over sizes
_SKIN_IN_BOX, _SKIN_IN_PICTURE = 0.2, 0.004
_SURE = 54.4  # sum of the weak classifiers of the cascade's last stage, which itself asks for 53.8
_OWN = threading.local()
_CASCADE = "haarcascade_frontalface_alt2.xml"


def find_faces(picture: np.ndarray) -> tuple[tuple[int, int, int, int], ...]:
    """(left, top, width, height) in pixels of each face in a picture (H, W, 3) uint8; one box for hits that lie on each other."""
    import cv2

    scale = _SIDE / max(picture.shape[:2])
    small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    skin, coloured = _skin(small)
    if coloured and skin.mean() < _SKIN_IN_PICTURE:
        return ()
    left, top, right, bottom = _around(skin) if coloured else (0, 0, small.shape[1], small.shape[0])
    grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)[top:bottom, left:right]
    if min(grey.shape) < _SMALLEST:
        return ()
    hits = []
    rectangles, _, sums = _cascade().detectMultiScale3(np.ascontiguousarray(grey), _STEP, 0, minSize=(_SMALLEST, _SMALLEST), outputRejectLevels=True)
    for (x, y, width, height), sure in zip(rectangles, np.ravel(sums), strict=True):
        x, y = x + left, y + top
        if sure >= _SURE and (not coloured or skin[y : y + height, x : x + width].mean() >= _SKIN_IN_BOX):
            hits.append((x, y, width, height))
    boxes, _ = cv2.groupRectangles([hit for hit in hits for _ in range(2)], 1, 0.2)  # it drops what was hit once only, so everything is told twice
    return tuple(tuple(int(value / scale) for value in box) for box in boxes)


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


def _cascade():
    """One of its own for every thread: a cascade keeps what it is working on."""
    import cv2
    from cv2 import data

    if not hasattr(_OWN, "cascade"):
        cv2.setNumThreads(1)  # the threads of `looks` share the work by files
        _OWN.cascade = cv2.CascadeClassifier(data.haarcascades + _CASCADE)
    return _OWN.cascade
