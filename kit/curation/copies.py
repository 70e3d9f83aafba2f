"""The same evidence filed twice: by its bytes, or to the eye and the ear; and whether the two stand on two sides of a split."""

from dataclasses import replace

import numpy as np

from kit.curation.looks import Look
from kit.curation.material import Material, listed
from kit.data.duplicates import ROWS_AT_ONCE, close_rows
from kit.finding import Finding
from kit.language import say

BITS = 6  # of 64 that two dHashes may differ by
ALIKE_PICTURES = 0.975  # correlation of two thumbnails; saved again a photo has 0.976 to 0.992, another part of the lot 0.971 at most (sample company, docs/decisions.md)
ALIKE_SOUNDS = 0.99  # of two sounds' shapes; different callers with one sentence reach 0.982 (sample company, docs/decisions.md)
ALIKE_LENGTHS = 0.97

Pair = tuple[Look, Look]


def unreadable(material: Material) -> Finding:
    """Files that cannot be opened or end before their end, and rows that cannot be used for other reasons."""
    broken = [look.path.name for look in material.looks.values() if look.fault]
    rows = [str(fault) for fault in material.faults] + [f"{look.path.name}: {look.fault.problem}. {look.fault.fix}" for look in material.looks.values() if look.fault]
    return Finding(
        "unreadable rows and media", float(len(rows)), verdict="bad" if rows else "good",
        summary=say(f"{len(rows)} rows or files cannot be used.", f"使えない行・ファイルが {len(rows)} 件あります。") + (f" {listed(rows, 3)}" if rows else ""),
        evidence={"files": broken, "faults": rows},
        advice=say("Mend them (poc check --quick lists each with its row and what to do), or leave the rows out with --skip-bad.", "直すか（poc check --quick が行番号と対処を一覧にします）、--skip-bad で除外してください。") if rows else "",
        cost=say(f"about {len(rows)} minutes", f"約 {len(rows)} 分") if rows else "",
    )  # fmt: skip


def exact_duplicates(material: Material) -> Finding:
    """Different files with the same bytes, and rows without media with the same text."""
    pairs = equal_pairs(material)
    rows = _ids(material, pairs) + _same_text(material)
    return _of_pairs(
        "exact duplicates", material, pairs, rows,
        ("pairs of files have the same bytes", "組のファイルが同じ内容です"),
        ("Keep one of each pair; where their labels differ, one of the two is wrong.", "片方だけ残してください。ラベルが違う組は、どちらかが誤りです。"),
    )  # fmt: skip


def near_duplicates(material: Material) -> Finding:
    """Pictures, videos and sounds that differ in their bytes and hardly to the eye or the ear."""
    pairs, doubtful = near_pairs_of(material), look_alikes(material)
    found = _of_pairs(
        "near duplicates", material, pairs, _ids(material, pairs),
        ("pairs of files look or sound the same", "組のファイルがほぼ同じです"),
        ("Let a person look: a copy saved again counts once, two parts under one camera count twice.", "人が確認してください。保存し直した写しなら 1 件、同じカメラで撮った別の物なら 2 件です。"),
    )  # fmt: skip
    return _with_look_alikes(found, material, doubtful) if doubtful else found


def _with_look_alikes(found: Finding, material: Material, doubtful: list[Pair]) -> Finding:
    rows = _ids(material, doubtful)
    differ = _differ(material, rows)
    more = say(f" {len(doubtful)} more pairs are close by their hash only, {len(differ)} of them across classes: most are plain surfaces.",
               f"ほかにハッシュだけが近い組が {len(doubtful)} 組（うちクラスをまたぐもの {len(differ)} 組）あり、多くは模様の乏しい面です。")  # fmt: skip
    return replace(found, verdict="info" if found.verdict == "good" else found.verdict, summary=found.summary + more, evidence=found.evidence | {"look-alikes": rows, "look-alikes across classes": differ})


def duplicates_across_splits(material: Material) -> Finding:
    """Copies of which one is trained on and another one is tested on: the test asks what was already answered."""
    pairs = [pair for pair in equal_pairs(material) + near_pairs_of(material) if _splits(material, pair[0]) and _splits(material, pair[1]) and _splits(material, pair[0]) != _splits(material, pair[1])]
    return _of_pairs(
        "duplicates across splits", material, pairs, _ids(material, pairs),
        ("pairs of copies stand on two sides of the split", "組の写しが学習と評価に分かれています"),
        ("Give both the same group, or delete one: else the test flatters the model.", "両方を同じグループにするか、片方を削除してください。評価が甘くなります。"), "bad",
    )  # fmt: skip


def equal_pairs(material: Material) -> list[Pair]:
    """Files with the same bytes, each with the first of its kind."""
    first: dict[tuple[str, bytes], Look] = {}
    return [(first[key], look) for look in material.looks.values() if look.digest and first.setdefault(key := (look.modality, look.digest), look) is not look]


def near_pairs_of(material: Material) -> list[Pair]:
    """Files of one modality that are alike and not equal."""
    return [(a, b) for a, b in _close_pictures(material) if _correlation(a, b) >= ALIKE_PICTURES] + [(a, b) for a, b in _alike_sounds(material.files("audio")) if a.digest != b.digest]


def look_alikes(material: Material) -> list[Pair]:
    """Pictures whose hashes are close though their thumbnails are not: 64 bits of a plain surface say little."""
    return [(a, b) for a, b in _close_pictures(material) if _correlation(a, b) < ALIKE_PICTURES]


def _close_pictures(material: Material) -> list[Pair]:
    found = []
    for kind in ("image", "video"):
        looks = [look for look in material.files(kind) if len(look.hashes)]
        close = close_rows(np.stack([look.hashes for look in looks]), BITS) if len(looks) > 1 else []
        found += [(looks[i], looks[j]) for i, j, _ in close if looks[i].digest != looks[j].digest]
    return found


def _correlation(a: Look, b: Look) -> float:
    return float(a.thumbnail.astype(np.float32) @ b.thumbnail.astype(np.float32)) if len(a.thumbnail) and len(b.thumbnail) else 0.0


def _alike_sounds(looks: list[Look]) -> list[Pair]:
    looks, found = [look for look in looks if len(look.shape)], []
    if len(looks) < 2:
        return found
    shapes, seconds = np.stack([look.shape for look in looks]).astype(np.float32), np.array([look.numbers["heard"] for look in looks])
    for start in range(0, len(looks), ROWS_AT_ONCE):
        alike = shapes[start : start + ROWS_AT_ONCE] @ shapes.T >= ALIKE_SOUNDS
        ratio = seconds[start : start + ROWS_AT_ONCE, None] / seconds
        for i, j in zip(*np.nonzero(alike & (ratio >= ALIKE_LENGTHS) & (ratio <= 1 / ALIKE_LENGTHS)), strict=True):
            if start + i < j:
                found.append((looks[start + int(i)], looks[int(j)]))
    return found


def _users(material: Material, look: Look) -> list:
    return material.users[look.path, look.modality]


def _splits(material: Material, look: Look) -> set[str]:
    return {sample.split for sample in _users(material, look) if sample.split}


def _ids(material: Material, pairs: list[Pair]) -> list[list[str]]:
    """[id, id] of the rows that use the two files of a pair, for the same question."""
    found = []
    for a, b in pairs:
        found += [[one.id, other.id] for one in _users(material, a) for other in _users(material, b) if one.question == other.question and one.id != other.id]
    return found


def _differ(material: Material, rows: list[list[str]]) -> list[list[str]]:
    """The pairs of rows with two different answers."""
    answers = {sample.id: sample.answer for sample in material.samples}
    return [pair for pair in rows if answers[pair[0]] and answers[pair[1]] and answers[pair[0]] != answers[pair[1]]]


def _same_text(material: Material) -> list[list[str]]:
    """Rows without media that ask and say the same."""
    first, found = {}, []
    for sample in material.samples:
        if sample.modalities == ("text",) and first.setdefault((sample.question, sample.text), sample.id) != sample.id:
            found.append([first[sample.question, sample.text], sample.id])
    return found


def _of_pairs(name: str, material: Material, pairs: list[Pair], rows: list[list[str]], counted: tuple[str, str], advice: tuple[str, str], verdict: str = "warn") -> Finding:
    differ = _differ(material, rows)
    files = [[a.path.name, b.path.name] for a, b in pairs]
    with_two_answers = say(f", {len(differ)} of their rows with two different answers", f"（うち答えが食い違う行は {len(differ)} 組）") if differ else ""
    return Finding(
        name, float(len(rows)), verdict=("bad" if differ and verdict == "warn" else verdict) if rows else "good",
        summary=say(f"{len(files) or len(rows)} {counted[0]}{with_two_answers}.", f"{len(files) or len(rows)} {counted[1]}{with_two_answers}。") if rows else say(f"None: 0 {counted[0]}.", f"0 {counted[1]}。"),
        evidence={"pairs": rows, "ids": list(dict.fromkeys(id for pair in rows for id in pair)), "files": files, "different answers": differ},
        advice=say(*advice) if rows else "",
        cost=say(f"about {-(-len(files) // 4)} minutes", f"約 {-(-len(files) // 4)} 分") if rows else "",
    )  # fmt: skip

