# ---
# title: {en: "People in the loop", ja: "人が確かめる仕組み"}
# result:
#   en: a confidence that means what it says, a threshold with a guarantee (or the rows that it lacks), gates for what confidence does not notice, a review queue with a two-person rule, autonomy that is earned, and an audit log in which tampering is found.
#   ja: 数字どおりに受け取れる確信度、保証つきのしきい値（または不足する行数）、確信度では気づけないものを止めるゲート、2 人確認の規則をもつ確認待ち一覧、実績で上がる自律段階、改ざんが見つかる監査ログ。
# minutes: {cpu: 1, gpu: 2}
# ---
# %%
import shutil
import tempfile
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pandas as pd

from kit import diagnosis, show
from kit.curation.looks import look_at_all
from kit.curation.usual import usual_inputs
from kit.data import text_perturbations
from kit.data.media import load_image
from kit.errors import KitError
from kit.evaluation import abstention, calibration, predict
from kit.language import say
from kit.operations import audit_log, audit_verify, autonomy
from kit.operations.corrections import corrections
from kit.operations.review_rows import checked, open_disagreements
from poc import runs
from poc.clerks import rehearse
from poc.lesson import open_lesson, written
from poc.predict import usual_threshold
from poc.queue_said import rate_lines, reasons_told
from poc.standing import dangerous_of

# %% tags=["parameters"]
preset = "tiny"  # tiny: the shipped model on two CPU cores; laptop: 16 GB RAM; gpu: one 24 GB card
use_case = "inspection"  # a name in sample_data/company, or the path of your own folder
model = ""  # a catalogue name, a hub id or a folder; empty: the preset's default
run = ""  # a run's folder; empty: your newest run of this use case, else the shipped example
language = ""  # en or ja; empty: that of this notebook
risk = 0.02  # what the threshold is to promise: at most this share of the bad cases passes as good (of all cases is answered wrongly, where no answer means "good")
sure_of_it = 0.9  # how sure the promise must be
dangerous = "crack"  # the answer that two people must agree on; not one of yours: every answer but the good one
rows = 48  # held-out rows that are asked with spoiled evidence
in_use = 160  # held-out rows that go through the queue

# %%
lesson = open_lesson(preset, use_case, model, run, language)
lesson

# %% [markdown] lang="en"
# ## Can its confidence be taken at its word?
#
# A model that says 90 % should be right nine times out of ten. One number, the **temperature**, mends a model that is too sure of itself: it is fitted on the calibration rows, which neither training nor the choice of the step has seen, and judged on the held-out ones. No answer changes.
#
# The expected calibration error (ECE) that papers report is not 0 for a perfect model: with so many rows chance alone gives the value under `by_chance`. Below it, nothing against the model was seen. `value` has chance's part taken off.
# %% [markdown] lang="ja"
# ## 確信度は数字どおりに受け取れるか
#
# 90 % と言うモデルは、10 回に 9 回は正しくなければなりません。自信過剰なモデルは、**温度**という 1 つの数で直せます。学習にもステップの選択にも使っていない校正データで合わせ、評価データで確かめます。答えは一つも変わりません。
#
# 論文で報告される期待校正誤差（ECE）は、完璧なモデルでも 0 にはなりません。この行数なら偶然だけで `by_chance` の値になります。それ未満なら、問題は見つからなかったということです。`value` は偶然の分を差し引いた値です。
# %%
record, answers = lesson.record, lesson.predictions
print("" if lesson.of_this_use_case else f"note: this run is of the use case {record['use_case']}, not of {lesson.use.name}")
tuned = answers[(answers.arm == "tuned") & (answers.condition == "as_is") & (answers.split == "test")].reset_index(drop=True)
kept = answers[(answers.arm == "tuned") & (answers.split == "calibration")].reset_index(drop=True)
loaded, good = runs.load_tuned(lesson.run), (record["costs"] or {}).get("ok_answer") or ""
chooses = predict(loaded, lesson.split("calibration")) if kept.empty else kept  # older runs did not keep these answers
heat = calibration.temperature(chooses)
cooled, chosen_on = calibration.tempered(tuned, heat), calibration.tempered(chooses, heat)
bad = int((chooses["answer"] != good).sum())
print(say(f"temperature {heat:.2f}, from {len(chooses)} calibration rows, {bad} of them bad cases; judged on {len(tuned)} held-out rows", f"温度 {heat:.2f}（校正データ {len(chooses)} 行、うち不良 {bad} 行）。評価データ {len(tuned)} 行で確認"))

# %%
before, after = say("as trained", "学習のまま"), say("with temperature", "温度を調整")
table = {name: (calibration.calibration_error(frame), calibration.brier_and_log_loss(frame)) for name, frame in ((before, tuned), (after, cooled))}
pd.DataFrame({name: {"ECE": written(error, ".3f"), "by_chance": f"{error['by_chance']:.3f}", "Brier": written(scores["brier"], ".3f"), "log loss": written(scores["log_loss"], ".3f")} for name, (error, scores) in table.items()}).T

# %%
show.reliability_diagram({before: calibration.reliability(tuned), after: calibration.reliability(cooled)})

# %% [markdown] lang="en"
# ## A threshold with a guarantee
#
# "Below 90 % a person looks" is a habit. A **promise** is: with 90 % certainty, at most 2 % of the bad parts pass as good. Learn-then-Test (MAPIE) tries a grid of thresholds that was fixed beforehand on the calibration rows, and accepts only those for which the promise survives the test. Then we look what happened on the held-out rows.
# %% [markdown] lang="ja"
# ## 保証つきのしきい値
#
# 「90 % 未満は人が見る」は習慣にすぎません。**約束**とは「不良の見逃しは 2 % 以下、と 90 % の確かさで言える」ことです。Learn-then-Test（MAPIE）は、あらかじめ決めたしきい値の候補を校正データで検定し、約束が守れるものだけを採用します。その後、評価データで実際にどうだったかを見ます。
# %%
wish = "miss" if good else "wrong"
promise = abstention.guarantee(chosen_on, {wish: risk}, sure_of_it, good)
threshold = usual_threshold(lesson.run) if promise.threshold is None else promise.threshold
happened, told = abstention.outcomes(cooled, threshold, good), say("missed", "見逃し") if good else say("wrong unseen", "人の目を通らない誤答")
print(promise.said)
print(say(f"On the {len(cooled)} held-out rows: {told} {happened[wish]:.1%}, handed to a person {happened['abstention']:.1%}, right among the given answers {happened['precision']:.1%}", f"評価データ {len(cooled)} 行では：{told} {happened[wish]:.1%}、人に回した {happened['abstention']:.1%}、答えたうちの正解 {happened['precision']:.1%}"))

# %% [markdown] lang="en"
# A stricter promise costs people or rows: either more answers go to a person, or the rows do not suffice, and the table says how many would. The last line is the honest one: **rows of one lot err together**, and the promise above takes them for independent. One row of each lot is; a handful of lots promises nothing. Collect lots, not rows.
# %% [markdown] lang="ja"
# 約束を厳しくすると、人に回す答えが増えるか、行が足りなくなります（何行必要かを表に示します）。最後の行が最も正直です。**同じロットの行は一緒に間違える**のに、上の約束は独立とみなしています。各ロット 1 行なら独立ですが、数ロットでは何も約束できません。集めるべきは行ではなくロットです。
# %%
tries = {f"{share:.1%}": abstention.guarantee(chosen_on, {wish: share}, sure_of_it, good) for share in (2.5 * risk, risk, risk / 2, risk / 4)}
try:
    tries[say(f"{risk:.1%}, one row of each lot", f"{risk:.1%}、各ロット 1 行")] = abstention.guarantee(abstention.one_per_group(chosen_on), {wish: risk}, sure_of_it, good)
except KitError as error:
    print(error)
columns = say("threshold", "しきい値"), say("answered", "自動で答える割合"), say("rows", "行"), say("bad cases needed", "必要な不良の行数") if good else say("rows needed", "必要な行数")
pd.DataFrame({name: dict(zip(columns, ("–" if one.threshold is None else f"{one.threshold:.3f}", "–" if one.threshold is None else f"{one.kept:.0%}", one.n, "" if one.threshold is not None else next(iter(one.needed.values())) or "–"), strict=True)) for name, one in tries.items()}).T

# %% [markdown] lang="en"
# What handing over buys: the share of wrong answers among those that are given, when only the surest are. The upper line is what it would be if confidence said nothing.
# %% [markdown] lang="ja"
# 人に回すと何が得られるでしょうか。確信度の高いものだけを答えたときの、誤答の割合です。上の線は、確信度に意味がない場合です。
# %%
curve, area = abstention.risk_coverage(cooled)
show.risk_over_coverage(curve, area, threshold, 1 - happened["abstention"])

# %% [markdown] lang="en"
# ## Why confidence alone is not enough
#
# The promise holds for cases like the calibration rows. Now the same held-out parts with **spoiled evidence**: the photo is lost, the lamp is dark, a note says something wrong. A person would say "I cannot see it". Watch how far the right answers fall, and how far the confidence.
# %% [markdown] lang="ja"
# ## 確信度だけでは足りない理由
#
# 約束が成り立つのは、校正データと同様の案件だけです。同じ評価用の部品で、**証拠を損ないます**。写真がない、照明が暗い、メモが間違っている。人なら「見えません」と言うところです。正答がどれだけ減り、確信度がどれだけ下がるかを見てください。
# %%
held, folder = lesson.few("test", rows), Path(tempfile.mkdtemp())
note = next(p for p in text_perturbations(("en",)) if p.kind == "misleading")
decides = lesson.use.decided_by[0]
spoiled = {say("as it is", "そのまま"): held, say(f"no {decides}", "判断材料なし"): [s.replace(**{decides: "" if decides == "text" else ()}) for s in held]}
if decides == "image":
    for sample in held:
        load_image(sample.image[0]).point(lambda value: value // 4).save(folder / f"{sample.id}.png")
    spoiled[say("dark photo", "暗い写真")] = [s.replace(image=(folder / f"{s.id}.png",)) for s in held]
if misled := [made for s in held if (made := note(s)) is not None]:
    spoiled[say("misleading note", "誤ったメモ")] = misled
said = {name: calibration.tempered(predict(loaded, asked), heat) for name, asked in spoiled.items()}

# %%
right, sure, through = say("right", "正答"), say("mean confidence", "平均の確信度"), say("wrong, and above the threshold", "誤答でしきい値以上")
seen = pd.DataFrame({name: {right: (frame["answer"] == frame["predicted"]).mean(), sure: calibration.sureness(frame).mean(), through: abstention.outcomes(frame, threshold)["wrong"]} for name, frame in said.items()}).T
seen.map("{:.0%}".format)

# %% [markdown] lang="en"
# So two gates stand **before** the threshold and do not ask the model how it feels. The *input gate* knows what usual photos look like (light, sharpness, colour; limits from the calibration rows, set to hold back 2 % of such photos in vain) and what must be there. The *conflict gate* asks the model about each kind of evidence alone, and holds the row when the answers are sure and differ; its limit comes from contradictions planted on calibration rows.
# %% [markdown] lang="ja"
# そこで、しきい値の**前**に二つのゲートを置きます。どちらもモデルの自信には頼りません。*入力ゲート*は、通常の写真の見た目（明るさ、鮮明さ、色味。校正データから決め、同様の写真を無駄に止めるのは 2 %）と、あるべき証拠を知っています。*矛盾ゲート*は情報を一つずつ見せて答えさせ、どちらも確信があって答えが違えば止めます。基準は、校正データに仕込んだ矛盾から決めます。
# %%
day, ordinary = lesson.few("test", in_use), lesson.split("calibration")
looks = look_at_all([*ordinary, *day, *(sample for asked in spoiled.values() for sample in asked)], faces=False)
usual = usual_inputs(ordinary, looks)
agreeing = next(p for p in text_perturbations(("en",)) if p.kind == "matching")
planted = [(made, p is note) for s in lesson.few("calibration", rows) for p in (note, agreeing) if (made := p(s)) is not None]
limit = 1.0
if planted:
    found = diagnosis.conflict(diagnosis.conflict_scores(loaded, [made for made, _ in planted]), [wrong for _, wrong in planted])
    limit = found.evidence["threshold"] or 1.0
    print(found.summary)

# %%
why = {"unsure": say("unsure", "自信なし"), "input": say("input", "入力"), "conflict": say("conflict", "矛盾")}
held_back = {name: {"input": [bool(usual.faults(s, looks)) for s in asked], "conflict": (diagnosis.conflict_scores(loaded, asked)["score"] >= limit).to_numpy()} for name, asked in spoiled.items()}
gated = {name: abstention.withhold(frame, threshold, held_back[name]) for name, frame in said.items()}
still = {name: {through: seen.loc[name, through], say("with the gates, too", "ゲートも使うと"): ((frame["answer"] != frame["predicted"]) & ~frame["withheld"]).mean(), say("handed to a person", "人に回す"): frame["withheld"].mean(),
                say("held by", "止めた理由"): ", ".join(f"{why[reason]} {count}" for reason, count in Counter(frame["reason"]).most_common() if reason)} for name, frame in gated.items()}  # fmt: skip
pd.DataFrame(still).T.map(lambda value: value if isinstance(value, str) else f"{value:.0%}")

# %% [markdown] lang="en"
# Read the first line as well: gates cost people. Where many ordinary rows are held for *input*, the lots of today look unlike those that the model was measured on. That is worth a look at the lamp, and it is what notebook 12 watches.
#
# ## The review queue
#
# What is held back goes before people, most urgent first, each item with its reason. The dangerous class is closed by **two** people who agree and do not see each other's answer, nor the model's; where they differ, a third is asked. Here three clerks are **simulated**: they know the held-out truth and slip in 3 % of the cases. Their agreement says nothing about yours. The command on the floor is `poc predict RUN NEW --queue`, and a clerk types `poc review RUN`.
# %% [markdown] lang="ja"
# 1 行目も見てください。ゲートには人手がかかります。通常の行が*入力*で多く止まるときは、今日のロットがモデルを測ったときのロットと違って見えています。照明を確かめる価値があり、ノートブック 12 はこれを監視します。
#
# ## 確認待ち一覧
#
# 止めたものは、急ぐ順に、理由をつけて人に回します。危険な分類は、互いの答えもモデルの答えも見ない **2 人**が一致して初めて決着し、割れたら 3 人目に尋ねます。ここでの担当者 3 人は**シミュレーション**で、評価データの正解を知っており、3 % の割合で間違えます。その一致率は、皆さんの現場については何も示しません。現場では `poc predict RUN NEW --queue` を使い、担当者は `poc review RUN` と入力します。
# %%
frame = cooled.set_index("id").loc[[s.id for s in day]].reset_index() if lesson.of_this_use_case else calibration.tempered(predict(loaded, day), heat)
frame = abstention.withhold(frame, threshold, {"input": [bool(usual.faults(s, looks)) for s in day]})
critical = (dangerous,) if dangerous in record["options"] else dangerous_of(record)
log, queue = rehearse(folder / "operations", frame, day, (record["model"]["name"], "adapter"), threshold, critical, good)
items, decisions = queue.items(), queue.decisions()
print(say(f"{len(items)} answers looked at on the step “shadow”: ", f"段階「並走」で確認した答え {len(items)} 件：") + reasons_told(Counter(reason for item in items for reason in item.reasons)))
print(say("people who decided on an item: ", "1 項目を判断した人数：") + ", ".join(f"{people}: {count}" for people, count in sorted(Counter(map(len, decisions.values())).items())))

# %%
print(*rate_lines(items, decisions), sep="\n")

# %% [markdown] lang="en"
# ## Autonomy is earned, and lost by itself
#
# Four steps: *shadow* (nobody sees the answers), *every answer checked*, *abstained and dangerous ones checked*, *automatic*. Up only by a named person and only on measured agreement, with bounds and not with points; down by itself. The simulated clerks have worked for ten simulated days.
# %% [markdown] lang="ja"
# ## 自律は実績で上がり、自動で下がる
#
# 4 つの段階があります：*並走*（答えは誰にも見せない）、*全件確認*、*保留・危険のみ確認*、*自動*。上がるのは、実測した一致率の下限が条件を満たし、責任者が記名したときだけ。下がるのは自動です。シミュレーションの担当者は、10 日間働いたことになっています。
# %%
state = autonomy.state_in(audit_log.records_in(log.path))
measured = autonomy.Measured(tuple(checked(items, decisions, frozenset(critical))), state.model, len(open_disagreements(items, decisions)))
print(*autonomy.told(state, measured), sep="\n")
try:
    state = autonomy.change(log, autonomy.step_up(state, measured), "Ito, head of quality (simulated)")
    print(*autonomy.told(state, measured), sep="\n")
except KitError as error:
    print(error)

# %% [markdown] lang="en"
# What would take it back? Planted, one after the other, on the step *abstained and dangerous ones checked*:
# %% [markdown] lang="ja"
# 何があれば下がるのでしょうか。段階*保留・危険のみ確認*で、一つずつ仕込んでみます。
# %%
trusted = autonomy.State("risky", measured.rows[0].time, state.model)
other = {option: next(o for o in record["options"] if o != option) for option in record["options"]}
overridden = tuple(replace(row, final=other[row.answer]) if row.answer and place % 5 == 0 else row for place, row in enumerate(measured.rows))
faults = {
    say("a fifth of the answers overridden", "5 件に 1 件が覆された"): replace(measured, rows=overridden), say("drift alarm", "ドリフト警報"): replace(measured, drift=True),
    say("another model", "モデルの交代"): replace(measured, model="another"), say("audit log changed", "監査ログの改変"): replace(measured, log_ok=False),
}  # fmt: skip
for name, now in faults.items():
    down = autonomy.step_down(trusted, now)
    print(f"{name}: → {say(*autonomy.NAMES[down.to][0])} ({'; '.join(down.why)})" if down else f"{name}: –")

# %% [markdown] lang="en"
# ## The audit log
#
# Every answer, referral, decision and step is one line: who, what, when, with which model and threshold. Each line carries the digest of the line before. Four forgeries on a copy, each found at its place:
# %% [markdown] lang="ja"
# ## 監査ログ
#
# 答え、引き継ぎ、判断、段階の変更は、すべて 1 行ずつ残ります。誰が、何を、いつ、どのモデルとしきい値で。各行は直前の行のハッシュ値を含みます。写しに 4 通りの改ざんを行い、それぞれ見つかることを確かめます。
# %%
lines = log.path.read_bytes().splitlines(keepends=True)
forged = {
    say("edited", "書き換え"): [line.replace(b'"decision":"agreed"', b'"decision":"overridden"') for line in lines],
    say("deleted", "削除"): lines[:9] + lines[10:], say("moved", "並べ替え"): [*lines[:9], lines[10], lines[9], *lines[11:]], say("end cut off", "末尾の切り取り"): lines[:-5],
}  # fmt: skip
copy = folder / "copy" / log.path.name
copy.parent.mkdir()
shutil.copy(audit_log.head_of(log.path), audit_log.head_of(copy))
assert audit_verify.verify(log.path).ok
for name, content in forged.items():
    copy.write_bytes(b"".join(content))
    print(f"{name}: {audit_verify.verify(copy).problem}")

# %% [markdown] lang="en"
# A patient forger with write access rewrites **everything**, digests included. No file in the folder can tell. An anchor can: number and digest of the last line, printed, signed, kept by somebody who cannot write there (`poc audit anchor RUN`).
# %% [markdown] lang="ja"
# 書き込み権限をもつ周到な偽造者なら、ハッシュ値も含めて**全部**を書き直せます。フォルダー内のファイルでは見抜けません。見抜けるのは控えです。最後の行の番号とハッシュ値を印刷・署名し、書き込めない人が保管します（`poc audit anchor RUN`）。
# %%
anchor = audit_verify.anchor_of(log.path)
rewritten = audit_log.AuditLog(folder / "rewritten" / log.path.name)
rewritten.extend(replace(one, answer=good or "?") if one.kind == "review" else one for one in audit_log.records_in(log.path))
alone, bound = audit_verify.verify(rewritten.path), audit_verify.verify(rewritten.path, [anchor])
assert alone.ok and not bound.ok
print(say("alone: ", "単独：") + ("OK" if alone.ok else alone.problem))
print(say("with the anchor: ", "控えと照合：") + bound.problem)

# %% [markdown] lang="en"
# ## Corrections are training rows
#
# What people changed, or answered where the model abstained, comes back as rows with their provenance: who, when, from which answer of which model, why. For training only: they are the hard cases, so nothing may be measured on them. `poc queue RUN --export DIR` writes them as a folder.
# %% [markdown] lang="ja"
# ## 訂正は学習データになる
#
# 人が変えた答えや、モデルが保留して人が答えたものは、来歴つきの行として戻ります。誰が、いつ、どのモデルのどの答えから、なぜ。難しい案件に偏っているため、学習専用で、測定には使えません。`poc queue RUN --export DIR` でフォルダーに書き出します。
# %%
taught = corrections(items, decisions)
columns = ["reviewed_row", "model_answer", "model_confidence", "corrected_by", "corrected_at", "wrong_because", "review_reasons"]
print(say(f"{len(taught)} rows from {len(items)} items", f"{len(items)} 項目から {len(taught)} 行"))
pd.DataFrame([{"answer": row.answer} | {name: row.meta[name] for name in columns} for row in taught]).head(8)

# %% [markdown] lang="en"
# ## On your own run
#
# `poc predict RUN NEW --queue` answers new files, writes the audit log and fills the queue; `poc review RUN` is the clerk's; `poc queue RUN` shows what waits, the rates and the step; `poc audit verify RUN` every day. Name the dangerous class before training: `gates: {dangerous: [crack]}` in poc.yaml is signed with the gates. The clerk's page is `docs/operator.md`, the administrator's `docs/administrator.md`; who answers for what, `docs/roles.md`.
#
# ## To read on
#
# * Guo and others, *On Calibration of Modern Neural Networks* (arXiv 1706.04599): temperature scaling. Kumar, Liang, Ma (1909.10155): why the usual ECE is biased.
# * Angelopoulos and others, *Learn then Test* (arXiv 2110.01052), sections 2 and 3; Geifman and El-Yaniv (1705.08500): risk and coverage.
# * Parasuraman and Manzey, *Complacency and Bias in Human Use of Automation* (Human Factors, 2010): why a clerk should not see the answer first. Search words: *selective prediction, risk control, automation bias, hash chain*
# %% [markdown] lang="ja"
# ## 自社の実行で
#
# `poc predict RUN NEW --queue` は新しいファイルに答え、監査ログを書き、確認待ちに入れます。`poc review RUN` は担当者用、`poc queue RUN` は確認待ち・一致率・段階の表示、`poc audit verify RUN` は毎日。危険な分類は学習の前に決めます。poc.yaml の `gates: {dangerous: [crack]}` は判定基準と一緒に署名されます。担当者向けは `docs/operator.ja.md`、管理者向けは `docs/administrator.ja.md`、責任の分担は `docs/roles.ja.md` にあります。
#
# ## さらに読む
#
# * Guo ほか, *On Calibration of Modern Neural Networks*（arXiv 1706.04599）：温度による校正。Kumar, Liang, Ma（1909.10155）：通常の ECE が偏る理由。
# * Angelopoulos ほか, *Learn then Test*（arXiv 2110.01052）2・3 節。Geifman と El-Yaniv（1705.08500）：リスクとカバレッジ。
# * Parasuraman と Manzey, *Complacency and Bias in Human Use of Automation*（Human Factors, 2010）：担当者が先に答えを見ないほうがよい理由。検索語：*selective prediction, risk control, automation bias, hash chain*
