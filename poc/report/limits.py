"""What a report does not show, said on its own page: read from the run, not from a boilerplate."""

from kit.language import LANGUAGES
from poc.translations import read_as
from poc.words import Text, both

_FEW = 30  # rows of one answer below which its recall is a rough number


def limits(record: dict, tuned: dict, groups: int, diagnosed: bool = False, worked_out: bool = False) -> list[Text]:
    """The sentences of the last section, those that fit this run; `worked_out`: what it is worth, all costs in it (roi.json)."""
    rare = [read_as(record, label) for label, row in tuned["per_class"].items() if row["n"] < _FEW]
    found = [
        both(f"Cases unlike these {tuned['n']:,}: other machines, seasons, suppliers or rooms were not in the folder, so nothing here speaks for them.",
             f"この {tuned['n']:,} 件と異なる条件：別の設備・季節・仕入先・部屋の事例は含まれず、その性能は示していません。"),
        both("Another training run: the intervals hold for this one trained model and its test cases, one seed. A different seed moves the numbers a little.",
             "学習のやり直しによる差：区間はこの 1 回の学習（シード 1 つ）と評価データに対するものです。"),
        both("Disturbed evidence beyond the section “What it believes”: dirt, glare, another camera.",
             "「何を信じているか」で調べた以外の乱れた入力：汚れ、反射、別のカメラ。") if diagnosed else
        both("Disturbed evidence: dirt, glare, noise, a note that contradicts the photo on purpose (poc diagnose RUN; notebook 05).",
             "乱れた入力：汚れ、反射、雑音、写真と食い違うメモ（poc diagnose RUN、ノートブック 05）。"),
    ]  # fmt: skip
    if not worked_out:
        found.append(both("Cost of the machine, of labels, of people who check, and of keeping the model alive: the yen here are those of wrong answers only.",
                          "設備・ラベル付け・確認作業・保守の費用：ここの金額は誤答の費用だけです。"))  # fmt: skip
    if not record.get("calibration"):
        found.append(both("Whether a shown probability can be taken at its word: it was not calibrated. See notebook 11.",
                          "表示される確率の正しさ：校正していません。ノートブック 11 を参照してください。"))  # fmt: skip
    if rare:
        listed = {language: ", ".join(label[language] for label in rare) for language in LANGUAGES}
        found.insert(0, both(f"Rare answers: fewer than {_FEW} held-out cases of {listed['en']}, so their recall is a rough number.",
                             f"少ない答え：{listed['ja']} の評価データは {_FEW} 件未満で、発見率は目安です。"))  # fmt: skip
    if tuned["resampled"] == "sample":
        found.insert(0, both(f"Differences between groups: with {groups} held-out groups, rows were resampled one by one, which makes intervals too narrow when rows of a group err together.",
                             f"グループ間の差：評価グループが {groups} しかないため行単位で再抽出しています。同じグループの誤りが似る場合、区間は狭すぎます。"))  # fmt: skip
    if record["costs_are_examples"]:
        found.append(both("Your money: the costs are the kit's examples, not the company's.", "御社の金額：費用はキットの例であり、御社のものではありません。"))
    if record["prevalence"]:
        found.append(both("The real mix of answers: yen are re-weighted to the shares in poc.yaml; if those are off, so are the yen.",
                          "実際の発生率：金額は poc.yaml の割合で重み付けしています。割合が違えば金額も変わります。"))  # fmt: skip
    return found
