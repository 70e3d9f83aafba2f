"""The same evidence filed twice: by its bytes, by its words, or to the eye and the ear; and whether the two stand on two sides of a split.

Which texts count: those of rows without media, and those that alone decide (`decided_by: text`) beside media, from SENTENCE bytes on: callers with one wish say one sentence, and
hardly anybody writes eighty letters twice. A note beside a photo that decides is no evidence, so notes from one template are no copies. How copies are recognised, and which edits
are not found, is said and measured in `alike_pictures`, `alike_sounds` and `kit.data.texts`. Not found either: a video at another speed, cut or turned.
"""

from dataclasses import replace

import numpy as np

from kit.curation.alike_pictures import SIDE, cut_or_turned
from kit.curation.alike_sounds import copies_of_sounds
from kit.curation.looks import Look
from kit.curation.material import Material, listed
from kit.data import MEDIA, Sample
from kit.data.duplicates import close_rows
from kit.data.texts import near_texts, plain
from kit.finding import Finding
from kit.language import say

BITS = 6  # of 64 that two dHashes may differ by
ALIKE_PICTURES = 0.975  # correlation of two thumbnails; saved again a photo has 0.976 to 0.992, another part of the lot 0.971 at most (sample company, docs/decisions.md)
SENTENCE = 80  # bytes of a text (as many letters, 27 of Japanese) that is no phrase: the sample company's callers say 32 sentences of 45 bytes at most in 199 rows that words decide
NAMED = 3  # pairs of two classes in a sentence

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
    """Different files with the same bytes, and rows with the same text where texts count."""
    pairs = equal_pairs(material)
    found = _of_pairs(
        "exact duplicates", material, pairs, _first_of_each(_worded(material)),
        (say("pairs of files have the same bytes", "組のファイルが同じ内容です"), say("pairs of texts say the same", "組の文章が同じ内容です")),
        ("Keep one of each pair; where their labels differ, one of the two is wrong.", "片方だけ残してください。ラベルが違う組は、どちらかが誤りです。"),
    )  # fmt: skip
    phrases = {text: len(rows) for (_, text), rows in _worded(material, phrases=True).items() if len(rows) > 1}
    if not phrases:
        return found
    told = say(f" {len(phrases)} short texts decide in {sum(phrases.values())} rows with media: phrases, not counted as copies.",
               f"ほかに、短い文章 {len(phrases)} 種がメディア付きの {sum(phrases.values())} 行で判断材料ですが、決まり文句として数えていません。")  # fmt: skip
    return replace(found, summary=found.summary + told, evidence=found.evidence | {"phrases": phrases})


def near_duplicates(material: Material) -> Finding:
    """Pictures, videos and sounds that differ in their bytes and hardly to the eye or the ear, and texts that differ in a few letters."""
    pairs, doubtful = near_pairs_of(material), look_alikes(material)
    found = _of_pairs(
        "near duplicates", material, pairs, [[a[0], b[0]] for a, b in _near_worded(material)],
        (say("pairs of files look or sound the same", "組のファイルがほぼ同じです"), say("pairs of texts say nearly the same", "組の文章がほぼ同じです")),
        ("Let a person look: a copy saved again counts once, two parts under one camera count twice.", "人が確認してください。保存し直した写しなら 1 件、同じカメラで撮った別の物なら 2 件です。"),
    )  # fmt: skip
    return _with_look_alikes(found, material, doubtful) if doubtful else found


def _with_look_alikes(found: Finding, material: Material, doubtful: list[Pair]) -> Finding:
    """Two classes on one look come first, with names: one of the two labels may be wrong."""
    rows = _ids(material, doubtful)
    differ = _differ(material, [[a.id, b.id] for a, b in rows])
    wrong = set(map(tuple, differ))
    named = [f"{a.path.name} ({x.answer}) / {b.path.name} ({y.answer})" for a, b in doubtful for x, y in _ids(material, [(a, b)]) if (x.id, y.id) in wrong]
    first = say(f"{len(differ)} pairs of pictures look alike and are of two classes: {listed(named, NAMED)}. ", f"見た目が近いのにクラスが異なる画像が {len(differ)} 組：{listed(named, NAMED)}。") if differ else ""
    more = say(f" {len(doubtful)} pairs in all are close by their hash only: most are plain surfaces.", f"ハッシュだけが近い組は全部で {len(doubtful)} 組あり、多くは模様の乏しい面です。")
    look = say("Look at the pairs of two classes first: one of the two labels may be wrong.", "まずクラスの異なる組を見てください。どちらかのラベルが誤りかもしれません。") if differ else ""
    minutes = -(-(len(found.evidence["files"]) + len(found.evidence["texts"]) + len(differ)) // 4)
    return replace(
        found, verdict="warn" if differ and found.verdict == "good" else "info" if found.verdict == "good" else found.verdict, summary=(first + (found.summary if found.verdict != "good" else "") + more).strip(),
        evidence=found.evidence | {"look-alikes": [[a.id, b.id] for a, b in rows], "look-alikes across classes": differ, "look-alikes named": named},
        advice=" ".join(filter(None, (look, found.advice))), cost=say(f"about {minutes} minutes", f"約 {minutes} 分") if minutes else "",
    )  # fmt: skip


def duplicates_across_splits(material: Material) -> Finding:
    """Copies of which one is trained on and another one is tested on, whatever is asked about them: the test shows what was already seen."""
    pairs = [pair for pair in equal_pairs(material) + near_pairs_of(material) if _splits(material, pair[0]) and _splits(material, pair[1]) and _splits(material, pair[0]) != _splits(material, pair[1])]
    texts = [apart for rows in _worded(material, asked=False).values() for apart in _apart(rows, rows)] + [apart for one, other in _near_worded(material, asked=False) for apart in _apart(one, other)]
    return _of_pairs(
        "duplicates across splits", material, pairs, texts,
        (say("pairs of files are copies on two sides of the split", "組のファイルの写しが学習と評価に分かれています"), say("pairs of texts are copies on two sides of the split", "組の文章の写しが学習と評価に分かれています")),
        ("Give both the same group, or delete one: else the test flatters the model.", "両方を同じグループにするか、片方を削除してください。評価が甘くなります。"), "bad", asked=False,
    )  # fmt: skip


def _apart(rows: list[Sample], others: list[Sample]) -> list[list[Sample]]:
    """Each of `others` with the first of `rows`, where their splits differ."""
    return [[rows[0], other] for other in others if other.split and rows[0].split and other.split != rows[0].split]


def _worded(material: Material, phrases: bool = False, asked: bool = True) -> dict[tuple[str, str], list[Sample]]:
    """(question, text), both plain, -> the rows whose text counts; or, the other way round, those with phrases that decide beside media. Not `asked`: whatever the question."""
    found: dict[tuple[str, str], list[Sample]] = {}
    for sample in material.samples:
        alone = not set(sample.modalities) & set(MEDIA)
        if sample.text and (alone or sample.decided_by == ("text",)):
            text = plain(sample.text)
            if phrases != (alone or len(text.encode()) >= SENTENCE):
                found.setdefault((plain(sample.question) if asked else "", text), []).append(sample)
    return found


def _first_of_each(worded: dict[tuple[str, str], list[Sample]]) -> list[list[Sample]]:
    return [[rows[0], row] for rows in worded.values() for row in rows[1:]]


def _near_worded(material: Material, asked: bool = True) -> list[tuple[list[Sample], list[Sample]]]:
    """Two lists of rows for every two texts about one question that nearly say the same."""
    questions: dict[str, list[tuple[str, str]]] = {}
    worded = _worded(material, asked=asked)
    for key in worded:
        questions.setdefault(key[0], []).append(key)
    return [(worded[keys[i]], worded[keys[j]]) for keys in questions.values() for i, j in near_texts([text for _, text in keys])]


def equal_pairs(material: Material) -> list[Pair]:
    """Files with the same bytes, each with the first of its kind."""
    first: dict[tuple[str, bytes], Look] = {}
    return [(first[key], look) for look in material.looks.values() if look.digest and first.setdefault(key := (look.modality, look.digest), look) is not look]


def near_pairs_of(material: Material) -> list[Pair]:
    """Files of one modality that are alike and not equal."""
    if ("near pairs", id(material.looks)) not in material.kept:
        close = [pair for pair in _close_pictures(material) if _correlation(*pair) >= ALIKE_PICTURES]
        photos = material.files("image")
        place = {look.path: i for i, look in enumerate(photos)}
        known = [(place[a.path], place[b.path]) for a, b in close if a.modality == "image"]
        cut = cut_or_turned(np.stack([look.thumbnail for look in photos]), known) if len(photos) > 1 else []
        sounds = [look for look in material.files("audio") if len(look.sound)]
        heard = copies_of_sounds([look.sound for look in sounds], np.array([look.numbers["heard"] for look in sounds]))
        near = close + [(photos[i], photos[j]) for i, j in cut] + [(sounds[i], sounds[j]) for i, j in heard]
        material.kept["near pairs", id(material.looks)] = [(a, b) for a, b in near if a.digest != b.digest]
    return material.kept["near pairs", id(material.looks)]


def look_alikes(material: Material) -> list[Pair]:
    """Pictures whose hashes are close though the pictures are not the same: 64 bits of a plain surface say little."""
    same = {(a.path, b.path) for a, b in near_pairs_of(material)}
    return [(a, b) for a, b in _close_pictures(material) if (a.path, b.path) not in same]


def _close_pictures(material: Material) -> list[Pair]:
    found = []
    for kind in ("image", "video"):
        looks = [look for look in material.files(kind) if len(look.hashes)]
        close = close_rows(np.stack([look.hashes for look in looks]), BITS) if len(looks) > 1 else []
        found += [(looks[i], looks[j]) for i, j, _ in close if looks[i].digest != looks[j].digest]
    return found


def _correlation(a: Look, b: Look) -> float:
    """Of two thumbnails, at 32 x 32."""
    small = [look.thumbnail.reshape(32, SIDE // 32, 32, SIDE // 32).mean((1, 3)).ravel() for look in (a, b)]
    return float(np.corrcoef(small)[0, 1]) if min(np.std(small, axis=1)) > 0 else 0.0


def _users(material: Material, look: Look) -> list:
    return material.users[look.path, look.modality]


def _splits(material: Material, look: Look) -> set[str]:
    return {sample.split for sample in _users(material, look) if sample.split}


def _ids(material: Material, pairs: list[Pair], asked: bool = True) -> list[list[Sample]]:
    """The two rows that use the two files of a pair, for the same question; not `asked`: for any, and on two sides of the split."""
    found = []
    for a, b in pairs:
        found += [[one, other] for one in _users(material, a) for other in _users(material, b) if one.id != other.id and (one.question == other.question if asked else one.split != other.split)]
    return found


def _differ(material: Material, rows: list[list[str]]) -> list[list[str]]:
    """The pairs of rows with two different answers."""
    answers = {sample.id: sample.answer for sample in material.samples}
    return [pair for pair in rows if answers[pair[0]] and answers[pair[1]] and answers[pair[0]] != answers[pair[1]]]


def _of_pairs(name: str, material: Material, pairs: list[Pair], texts: list[list[Sample]], counted: tuple[str, str], advice: tuple[str, str], verdict: str = "warn", asked: bool = True) -> Finding:
    """One finding of pairs of files and pairs of texts; `counted`: what is said of each kind."""
    filed, worded = ([[a.id, b.id] for a, b in found] for found in (_ids(material, pairs, asked), texts))
    worded = [pair for pair in worded if pair not in filed]  # one recording and its words are one copy
    rows = filed + worded
    differ, files = _differ(material, rows), [[a.path.name, b.path.name] for a, b in pairs]
    kinds = [f"{number} {noun}" for number, noun in zip((len(files), len(worded)), counted, strict=True) if number]
    with_two_answers = say(f"; {len(differ)} of their pairs of rows have two different answers", f"（うち答えが食い違う行は {len(differ)} 組）") if differ else ""
    minutes = -(-(len(files) + len(worded)) // 4)
    return Finding(
        name, float(len(rows)), verdict=("bad" if differ and verdict == "warn" else verdict) if rows else "good",
        summary=say(f"{', '.join(kinds)}{with_two_answers}.", f"{'、'.join(kinds)}{with_two_answers}。") if rows else say(f"None: 0 {counted[0]}, 0 {counted[1]}.", f"0 {counted[0]}、0 {counted[1]}。"),
        evidence={"pairs": rows, "ids": list(dict.fromkeys(id for pair in rows for id in pair)), "files": files, "texts": worded, "different answers": differ},
        advice=say(*advice) if rows else "",
        cost=say(f"about {minutes} minutes", f"約 {minutes} 分") if rows else "",
    )  # fmt: skip
