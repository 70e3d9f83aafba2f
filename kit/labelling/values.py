"""Which row is worth a person's look first. Each order gives rows a value; the highest comes first."""

from collections import Counter
from collections.abc import Iterable

import numpy as np
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler

from kit.curation import Material
from kit.curation.folds import linear_reader
from kit.curation.labels import said_of_held_out
from kit.errors import KitError
from kit.labelling.log import Entry, standing
from kit.language import say
from kit.processes import one_thread

_AXES = 32  # of the features, in which rows are near or far


def label_errors(material: Material, entries: Iterable[Entry] = ()) -> dict[str, float]:
    """For labelled rows, one minus the share that a classifier that was not fitted on the row gives the label: the order of `kit.curation.labels`, no probability that it is wrong."""
    found = {}
    for held in said_of_held_out(material):
        found |= {sample.id: float(1 - share) for sample, share in zip(held.rows, held.believed, strict=True)}
    return found


def disagreement(material: Material, entries: Iterable[Entry] = ()) -> dict[str, float]:
    """For rows that people answered, the share of voices (the table's label is one) that are not the commonest; rows on which all agree are left out."""
    given, found = {sample.id: sample.answer for sample in material.samples}, {}
    for id, said in standing(entries).items():
        voices = Counter([entry.answer for entry in said.values()] + ([given[id]] if given.get(id) else []))
        if id in given and len(voices) > 1:
            found[id] = 1 - max(voices.values()) / voices.total()
    return found


def uncertainty(material: Material, entries: Iterable[Entry] = ()) -> dict[str, float]:
    """For unlabelled rows, one minus the margin between the two answers that a classifier, fitted on the labelled ones, thinks likeliest (margin sampling, Scheffer et al. 2001)."""
    found = {}
    for question in dict.fromkeys(sample.question for sample in material.samples):
        rows = [sample for sample in material.samples if sample.question == question and sample.id in material.features]
        known, open_ = [s for s in rows if s.answer], [s for s in rows if not s.answer]
        if open_ and len({sample.answer for sample in known}) > 1:
            model = linear_reader().fit(_table(material, known), [sample.answer for sample in known])
            shares = np.sort(model.predict_proba(_table(material, open_)), 1)
            found |= {sample.id: float(1 - (best - next_)) for sample, next_, best in zip(open_, shares[:, -2], shares[:, -1], strict=True)}
    return found


def coverage(material: Material, entries: Iterable[Entry] = ()) -> dict[str, float]:
    """For unlabelled rows, how early each comes when one always goes to the row farthest from all before (k-center, Sener and Savarese 2018): the first fifty show what there is."""
    rows = [sample for sample in material.samples if sample.id in material.features]
    if not any(not sample.answer for sample in rows):
        return {}
    table = StandardScaler().fit_transform(_table(material, rows))
    table = PCA(min(_AXES, *table.shape), random_state=0).fit_transform(table)
    seen = np.array([bool(sample.answer) for sample in rows])
    far = np.full(len(rows), np.inf)
    for row in np.flatnonzero(seen):
        far = np.minimum(far, ((table - table[row]) ** 2).sum(1))
    order = []
    for _ in range(int((~seen).sum())):
        row = int(((table - table.mean(0)) ** 2).sum(1).argmin()) if np.isinf(far).all() else int(np.where(seen, -1.0, far).argmax())  # the commonest look first
        seen[row] = True
        order.append(rows[row].id)
        far = np.minimum(far, ((table - table[row]) ** 2).sum(1))
    return {id: 1 - place / len(order) for place, id in enumerate(order)}


def in_turn(material: Material, entries: Iterable[Entry] = ()) -> dict[str, float]:
    """Unlabelled rows as the folder has them, or all rows where none is unlabelled; needs no features."""
    rows = [sample for sample in material.samples if not sample.answer] or list(material.samples)
    return {sample.id: 1 - place / len(rows) for place, sample in enumerate(rows)}


ORDERS = {"label errors": label_errors, "disagreement": disagreement, "uncertainty": uncertainty, "coverage": coverage, "in turn": in_turn}


def require_order(order: str | None) -> None:
    """Raises a KitError for an order that is none of ORDERS."""
    if order is not None and order not in ORDERS:
        raise KitError(say(f"unknown order {order!r}; allowed: {', '.join(ORDERS)}", f"未知の順番 {order!r} です。使えるもの：{', '.join(ORDERS)}"))


@one_thread
def values(material: Material, entries: Iterable[Entry] = (), order: str | None = None) -> tuple[str, dict[str, float]]:
    """(order, id -> value).

    Args:
        material: the folder's rows as they count now; all orders but "in turn" and "disagreement" need its features.
        entries: what people have said.
        order: one of ORDERS; None chooses: "label errors" where all rows are labelled, "uncertainty" where some are, "coverage" where none is.

    Raises:
        KitError: an unknown order, or one that finds no row.
    """
    require_order(order)
    labelled = len(material.labelled)
    wanted = [order] if order else ["label errors"] if labelled == len(material.samples) else ["uncertainty", "coverage", "in turn"] if labelled else ["coverage", "in turn"]
    for name in wanted:
        if found := ORDERS[name](material, tuple(entries)):
            return name, found
    raise KitError(say(f"the order {wanted[-1]!r} finds no row: {labelled} of {len(material.samples)} rows are labelled; 'in turn' always works (--order)",
                       f"順番 {wanted[-1]!r} で見る行がありません（{len(material.samples)} 行中 {labelled} 行がラベル付き）。'in turn' なら必ず使えます（--order）"))  # fmt: skip


def _table(material: Material, samples: list) -> np.ndarray:
    return np.stack([material.features[sample.id] for sample in samples])
