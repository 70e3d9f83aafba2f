"""The words about which evidence an answer believed, in both languages."""

from poc.words import Text, both

TITLE = both("Which evidence it believed", "どの情報を信じたか")
MEANS = both(
    "Each kind of evidence was taken away and the same question asked again. This shows what the answer “{said}” depends on, not whether it is right.",
    "情報を一つずつ取り除き、同じ質問をしました。答え「{said}」が何に依存しているかを示すもので、正しいかどうかは示しません。",
)
ONLY = both("There is one kind of evidence, so it is compared with the question alone.", "情報が一種類なので、質問だけの場合と比べています。")
SHARE_PLAIN = both("Share that “{said}” gets, before its sureness is corrected", "「{said}」に割り当てた割合（確かさの補正前）")
SHARE_OF = both("Share of “{said}”, before calibration", "「{said}」の割合（校正前）")
WITH_ALL = both("with everything", "すべてあり")
WITHOUT = both("without the {what}", "{what}なし")
FALLS = both("Without the {what} the share of “{said}” falls from {before} to {after}.", "{what}を除くと、「{said}」の割合は {before} から {after} に下がります。")
RISES = both("Without the {what} the share of “{said}” rises from {before} to {after}.", "{what}を除くと、「{said}」の割合は {before} から {after} に上がります。")
SAME = both("Without the {what} it hardly changes: {before}, then {after}.", "{what}を除いても、ほとんど変わりません（{before} → {after}）。")

LOOKING = both("What this answer depends on is being looked at; the answer above stays as it is …", "この答えが何に依存しているかを調べています（上の答えは変わりません）…")
LOOKING_AT = both("Looking for the parts that matter …", "どの部分が重要かを調べています…")
ENDED = both("No longer looked at; the answer above stays.", "調べるのを中止しました。上の答えはそのままです。")
LOST = both("What this answer depends on could not be told: {why} The answer above stays.", "この答えが何に依存しているかは調べられませんでした：{why}上の答えはそのままです。")
BROKEN = both("something failed on this machine, and the terminal that started the demo says what.", "この端末で問題が起きました。詳細はデモを起動したターミナルをご覧ください。")
NEEDS_MODEL = both("Which evidence it believed can only be asked of the model, and these are recorded answers.", "どの情報を信じたかはモデルがないと調べられません。これは記録した答えです。")

PIECES = {
    "image": both("With the {n} outlined of {of} fields hidden ({where})", "枠の {n} か所（{of} か所中、{where}）を隠すと"),
    "audio": both("With the {n} marked of {of} spans silent ({where})", "印の {n} 区間（{of} 区間中、{where}）を無音にすると"),
    "video": both("With the {n} marked of {of} spans hidden ({where})", "印の {n} 区間（{of} 区間中、{where}）を隠すと"),
    "text": both("Without the {n} marked of {of} words ({where})", "印の {n} 語（{of} 語中、{where}）を除くと"),
}
LEFT = both(" the share of “{said}” is {marked}; with as many chosen by chance it is {random}.", "「{said}」の割合は {marked}、同じ数を無作為に選んだ場合は {random} です。")
UNMARKED = both("No parts of the {what} are marked: {why}", "{what}のどの部分かは示しません：{why}")
NOT_DIAGNOSED = both("whether marks can be trusted was not measured for this run (poc diagnose RUN measures it).", "印を信頼できるかが、この実行では測られていません（poc diagnose RUN で測れます）。")
NOT_MEASURED = both("the tested cases had too few parts to measure it on.", "テストした事例の部分が少なく、測れませんでした。")
DECIDES_NOT = both("marks are tested only for evidence that should decide the answer, and this should not.", "印の検証は、判断に使うべき情報だけが対象です。")
TOO_FEW = both("it was tested on only {rows} cases (left of the answer's share: {marked} with marked parts hidden, {random} with as many by chance).",
               "検証は {rows} 件だけです（答えの割合は、印の部分を隠すと元の {marked}、無作為に隠すと {random}）。")  # fmt: skip
NOT_PASSED = both(
    "the run's marks did not pass their test. On {rows} tested cases, hiding marked parts left {marked} of the answer's share, as many by chance {random}: too little, or it may be luck.",
    "この実行の印は検証に合格していません。テストした {rows} 件で、印の部分を隠すと答えの割合は元の {marked}、無作為に隠すと {random} になりました。差が小さいか、偶然かもしれません。",
)
NOT_HERE = both("on this answer the parts that seemed to matter matter no more than others. With them hidden its share is {marked}, with as many by chance {random}.",
                "この答えでは、重要に見えた部分もほかの部分と変わりません（隠したときの割合は {marked}、無作為に隠すと {random}）。")  # fmt: skip
NOT_CUT = both("it has too few or too many parts to hide one after the other.", "一つずつ隠すには、部分の数が少なすぎるか多すぎます。")

PLACES = (
    both("upper left", "左上"), both("top", "上"), both("upper right", "右上"),
    both("left", "左"), both("middle", "中央"), both("right", "右"),
    both("lower left", "左下"), both("bottom", "下"), both("lower right", "右下"),
)  # fmt: skip
SPAN = both("{start:.1f} to {end:.1f} s", "{start:.1f}～{end:.1f} 秒")
PICTURE = {
    "image": both("The photo with the places that matter outlined: {where}. The rest is faded.", "重要な場所を枠で囲んだ写真：{where}。ほかは薄く表示。"),
    "audio": both("The sound's waveform with the spans that matter in boxes: {where}.", "重要な区間を枠で囲んだ音声の波形：{where}。"),
    "video": both("Frames of the video with those that matter outlined: {where}. The rest is faded.", "重要なコマを枠で囲んだ動画のコマ：{where}。ほかは薄く表示。"),
}


def listed(texts: list[Text]) -> Text:
    """One after the other, as a list in a sentence."""
    return both(", ".join(text["en"] for text in texts), "、".join(text["ja"] for text in texts))
