"""The names that the kit's own questions have in tables: nothing else that is asked may be called so, since answers are found by name."""

from kit.data.perturbations import (
    EXCHANGED_TEXT,
    grain,
    media_perturbations,
    noisy_edge,
    own_evidence,
    text_perturbations,
    words_in_picture,
)
from kit.data.sample import MEDIA, MODALITIES

CLEAN = "clean"  # the side with nothing but what decides
SPOKEN = {kind: f"{kind} spoken label" for kind in ("misleading", "matching")}
FOUND = "found: "  # what the names of mined evidence begin with
TAKEN = frozenset({
    CLEAN, EXCHANGED_TEXT, *SPOKEN.values(), *(f"another {modality}" for modality in MEDIA), *(own_evidence(modality).name for modality in MODALITIES),
    *(made.name for made in (*text_perturbations(), *words_in_picture(), grain(), noisy_edge())), *(made.name for modality in MEDIA for made in media_perturbations(modality)),
})  # fmt: skip


def is_taken(name: str) -> bool:
    """Whether the kit asks something of that name by itself, or may find it in a company's rows."""
    return name in TAKEN or name.startswith(FOUND)


def numbered(names: list[str]) -> list[str]:
    """The names, each of its own: what comes a second time gets "#2", a third "#3"."""
    made: list[str] = []
    for name in names:
        own, number = name, 1
        while own in made:
            number += 1
            own = f"{name} #{number}"
        made.append(own)
    return made
