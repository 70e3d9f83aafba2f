"""Personal data in the folder: names and numbers in words, positions and owners in EXIF, faces in pictures, voices in recordings.

Found and told; nothing is masked before somebody asks for it (`kit.curation.masking`). Not looked for: writing inside pictures, what is said in recordings, names of folders, what sound and video
files say about themselves.
"""

from collections import Counter
from functools import cache
from pathlib import Path

from kit.curation.material import Material, listed
from kit.curation.metadata import told_by
from kit.finding import Finding
from kit.language import say
from kit.show import progress

_KINDS = {
    "PERSON": ("names", "氏名"), "PHONE_NUMBER": ("telephone numbers", "電話番号"), "MY_NUMBER": ("My Number", "マイナンバー"),
    "EMAIL_ADDRESS": ("e-mail addresses", "メールアドレス"), "ADDRESS": ("addresses", "住所"), "CREDIT_CARD": ("card numbers", "カード番号"), "POSITION": ("GPS positions in EXIF", "EXIF の位置情報"), "OWNER": ("owners or serial numbers of cameras in EXIF", "EXIF の所有者名・機器番号"),
}  # fmt: skip
_SECONDS = {"text": 10, "face": 5}  # that a person takes to look at one


def personal_text(material: Material) -> Finding:
    """Names, telephone numbers, addresses, e-mail, cards and My Number in everything that rows say (`texts_of`), and what EXIF tells of where and whose."""
    from kit.curation.personal import find_personal, texts_of  # spaCy takes two seconds to import

    @cache
    def read(column: str, said: str | Path) -> list[str]:
        return told_by(said) if isinstance(said, Path) else [kind for kind, _, _ in find_personal(said, column)]

    rows, kinds = {}, Counter()
    for sample in progress(material.samples, desc=say("personal data in text", "文中の個人情報")):
        for column, said in dict.fromkeys([*texts_of(sample), *(("EXIF", path) for path in sample.image)]):
            if told := read(column, said):
                rows.setdefault(sample.id, []).append(f"{column}: {', '.join(told)}")
                kinds.update(told)
    told_en = listed(f"{_KINDS[kind][0]} {n}" for kind, n in kinds.most_common())
    told_ja = listed(f"{_KINDS[kind][1]} {n}" for kind, n in kinds.most_common())
    return Finding(
        "personal data in text", float(len(rows)), verdict="bad" if "MY_NUMBER" in kinds else "warn" if rows else "good",
        summary=say(f"{len(rows)} rows hold personal data in their words or EXIF: {told_en}." if rows else "No names, numbers or addresses were found in the words, no positions or owners in EXIF.",
                    f"{len(rows)} 行の文または EXIF に個人情報があります：{told_ja}。" if rows else "文中に氏名・番号・住所、EXIF に位置情報・所有者名は見つかりませんでした。"),
        evidence={"ids": list(rows), "where": rows, "kinds": dict(kinds)},
        advice=say("Mask them (poc mask writes a copy) or say in the passport why it must stay.", "マスクするか（poc mask が写しを作ります）、残す理由をパスポートに書いてください。") if rows else "",
        cost=_minutes(len(rows), "text"),
    )  # fmt: skip


def faces(material: Material) -> Finding:
    """Pictures and videos in which there may be a face."""
    looks = [look for kind in ("image", "video") for look in material.files(kind)]
    with_face = [look for look in looks if look.faces]
    ids = list(dict.fromkeys(sample.id for look in with_face for sample in material.users[look.path, look.modality]))
    return Finding(
        "faces", float(len(with_face)) if looks else None, verdict="warn" if with_face else "good" if looks else "info",
        summary=say(f"{len(with_face)} of {len(looks)} pictures may show a face (some will not; small ones and profiles are missed)." if looks else "There are no pictures.",
                    f"{len(looks)} 枚中 {len(with_face)} 枚に顔らしいものがあります（誤検出を含み、小さい顔や横顔は見落とします）。" if looks else "画像はありません。"),
        evidence={"ids": ids, "boxes": {look.path.name: [list(box) for box in look.faces] for look in with_face}},
        advice=say("Look at them; blur real faces (poc mask writes a copy and measures what that costs).", "確認し、本物の顔はぼかしてください（poc mask が写しを作り、精度への影響も測ります）。") if with_face else "",
        cost=_minutes(len(with_face), "face"),
    )  # fmt: skip


def voices(material: Material) -> Finding:
    """Recordings: a voice is personal data, and no filter takes it away without taking the evidence away."""
    heard = [look for look in material.files("audio")]
    rows = [sample.id for sample in material.samples if sample.audio]
    minutes = sum(look.numbers["seconds"] for look in heard) / 60
    return Finding(
        "voices", float(len(heard)), verdict="info" if heard else "good",
        summary=say(f"{len(heard)} recordings, {minutes:.0f} minutes: each may hold a voice, which is personal data." if heard else "There are no recordings.",
                    f"録音 {len(heard)} 件、{minutes:.0f} 分：声は個人情報です。" if heard else "録音はありません。"),
        evidence={"ids": rows, "minutes": round(minutes, 1)},
        advice=say("State purpose, consent and retention in the passport (dataset.yaml).", "利用目的・同意・保存期間をパスポート（dataset.yaml）に書いてください。") if heard else "",
    )  # fmt: skip


def _minutes(number: int, kind: str) -> str:
    return say(f"about {max(1, round(number * _SECONDS[kind] / 60))} minutes to look at them", f"確認に約 {max(1, round(number * _SECONDS[kind] / 60))} 分") if number else ""
