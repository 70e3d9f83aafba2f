"""How one sample's attention is divided between text and media, as sums that a record keeps and the measures that are made of them.

Shapes: L layers that have keys, H query heads, R = len(ROWS) kinds of rows (tokens that ask), K = len(KEYS) kinds of keys, T tokens of the sample.
"""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

MEDIA_KEYS = ("image", "video", "audio")
ROWS = ("text", *MEDIA_KEYS)  # text: behind the last medium, and what is answered
KEYS = ("first", "template", "question", "note", *MEDIA_KEYS)
TEXT_KEYS = KEYS[:4]
NOT_COUNTED = ("first", "template")  # a sink, and what is the same in every prompt


@dataclass(frozen=True)
class Balance:
    """Attention of one sample.

    Keys are told apart as KEYS: "first" is the first token (a sink: it is attended to for want of anything better), "template" what the chat template writes around the
    evidence (system prompt, headers, special tokens), "question" question, options and what has been answered, "note" the text evidence. Template tokens are left out as
    keys; as rows they ask like others, because the answer is read off one of them.

    Attributes:
        id, group: the sample's.
        layers: (L,) numbers of the layers, as the model counts them.
        attention: (L, H, R, K) sums of the weights of the rows of a kind on the keys of a kind.
        pairs: (L, R, K) how many (row, visible key) pairs these are sums over.
        rows: (L, R) rows of each kind; while generating, some families run later layers for the last token of a prompt only.
        per_key: (L, T) weight of each key, mean over heads and over the text rows.
        keys: (T,) index into KEYS of each token.
        grids: modality -> (frames, rows, columns) of tokens of each of its media, where the family says so (Qwen).
    """

    id: str
    group: str
    layers: np.ndarray
    attention: np.ndarray
    pairs: np.ndarray
    rows: np.ndarray
    per_key: np.ndarray
    keys: np.ndarray
    grids: dict[str, list[tuple[int, int, int]]] = field(default_factory=dict)

    def share(self, keys: str, rows: str = "text", bare: bool = True, per_head: bool = False) -> np.ndarray:
        """(L,), or (L, H), share of the counted attention of these rows that lies on these keys; NaN where no such row sees such a key.

        Args:
            keys: one of KEYS, "text" or "media".
            rows: one of ROWS.
            bare: keys "first" and "template" are left out, and shares are of what is left. With them a share is still of what the keys receive: MODA's slots are left out.

        Raises:
            ValueError: keys or rows that are none.
        """
        found, counted = self._sums(keys, rows, bare, per_head), self._sums("all", rows, bare, per_head)
        return np.where(found[1] > 0, _ratio(found[0], counted[0]), np.nan)

    def tokens(self, keys: str, rows: str = "text", bare: bool = True, per_head: bool = False) -> np.ndarray:
        """(L,), or (L, H), share of the counted keys that these are, of those that the rows may see."""
        found, counted = self._sums(keys, rows, bare, per_head)[1], self._sums("all", rows, bare, per_head)[1]
        return _ratio(found, counted)

    def aei(self, keys: str, rows: str = "text", bare: bool = True, per_head: bool = False) -> np.ndarray:
        """(L,), or (L, H), attention efficiency index: share of attention / share of tokens; 1 where these keys are attended to like any others (arXiv 2508.10552)."""
        return _ratio(self.share(keys, rows, bare, per_head), self.tokens(keys, rows, bare, per_head))

    def mdi(self, other: str = "media", rows: str = "text", bare: bool = True, per_head: bool = False) -> np.ndarray:
        """(L,), or (L, H), modality dominance index: (A_text/|text|) / (A_other/|other|), attention per text key over that per key of `other` (arXiv 2508.10552).

        |.| counts (row, key) pairs in which the row may see the key, so that keys which only late rows see do not look neglected.
        """
        text, against = self._sums("text", rows, bare, per_head), self._sums(other, rows, bare, per_head)
        return _ratio(_ratio(*text), _ratio(*against))

    def deficit(self, rows: str = "text", bare: bool = True) -> np.ndarray:
        """(L,) |self - cross| / max(self, cross) of the mean attention per key, self: keys of the rows' own modality, cross: all others.

        After "deficit disorder attention" of MODA (arXiv 2507.04635, section 3.1), whose percentages have no stated normalisation. Ours: weights are summed over heads and
        rows and divided by the pairs in which the row may see the key; then the gap is taken, per layer. 0: equally strong, 1: the weaker side gets nothing. Media rows
        before any text see none of it but the template, so for them it is NaN when bare.
        """
        own = self._sums(rows, rows, bare)
        everything = self._sums("all", rows, bare)
        mine, others = _ratio(*own), _ratio(everything[0] - own[0], everything[1] - own[1])
        return _ratio(np.abs(mine - others), np.maximum(mine, others))

    def decay(self, bare: bool = True) -> float:
        """Slope of log MDI per layer, by least squares: above 0, text gains on media with depth. NaN with fewer than two layers."""
        with np.errstate(divide="ignore"):
            return slope(self.layers, np.log(self.mdi(bare=bare)))

    def received(self, rows: str = "text") -> np.ndarray:
        """(L, H) weight that a row of this kind gives to all keys together: 1, or less with MODA's modular mask."""
        return _ratio(self._sums("all", rows, False, True)[0], self.rows[:, ROWS.index(rows), None])

    def table(self) -> pd.DataFrame:
        """One row per layer and `bare` (True: the headline): id, group, layer, bare, mdi, deficit, deficit of media rows (mean over their kinds), and share and aei of each kind of keys as "share image" ..."""
        frames = []
        for bare in (True, False):
            of_media = np.array([self.deficit(kind, bare) for kind in MEDIA_KEYS])
            known = ~np.isnan(of_media)
            columns = {"mdi": self.mdi(bare=bare), "deficit": self.deficit(bare=bare), "deficit of media rows": _ratio(np.where(known, of_media, 0).sum(0), known.sum(0))}
            for kind in ("text", *KEYS):
                columns |= {f"share {kind}": self.share(kind, bare=bare), f"aei {kind}": self.aei(kind, bare=bare)}
            frames.append(pd.DataFrame({"id": self.id, "group": self.group, "layer": self.layers, "bare": bare} | columns))
        return pd.concat(frames, ignore_index=True)

    def _sums(self, keys: str, rows: str, bare: bool, per_head: bool = False) -> tuple[np.ndarray, np.ndarray]:
        """(attention, pairs), each (L,) or (L, H), of the counted keys that `keys` stands for."""
        if rows not in ROWS:
            raise ValueError(f"rows {rows!r} are not recorded; recorded: {', '.join(ROWS)}")
        kinds = {"all": KEYS, "text": TEXT_KEYS, "media": MEDIA_KEYS}.get(keys, (keys,))
        if kinds[0] not in KEYS:
            raise ValueError(f"keys {keys!r} are not recorded; recorded: {', '.join(KEYS)}, and text, media")
        chosen = [KEYS.index(kind) for kind in kinds if not (bare and kind in NOT_COUNTED)]
        row = ROWS.index(rows)
        pairs = self.pairs[:, row][:, chosen].sum(-1)
        attention = self.attention[:, :, row][:, :, chosen].sum(-1)
        heads = self.attention.shape[1]
        return (attention, np.repeat(pairs[:, None], heads, 1)) if per_head else (attention.sum(1), pairs * heads)


def slope(layers: np.ndarray, values: np.ndarray) -> float:
    """By least squares, of the finite values (L,) over the numbers of their layers."""
    finite = np.isfinite(values)
    return float(np.polyfit(layers[finite], values[finite], 1)[0]) if finite.sum() > 1 else np.nan


def _ratio(over: np.ndarray, under: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(np.asarray(under) != 0, over / np.asarray(under, dtype=float), np.nan)
