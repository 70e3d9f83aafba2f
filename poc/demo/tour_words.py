"""The words of the tour: for people who were never told what the field's terms mean (tests/test_board.py holds the list of words that may not stand here)."""

from poc.words import both

STEPS = 5
MINUTES = 8  # at most, for all of it
PROGRESS = both("Step {step} of {steps}", "{steps} 段階中 {step}")
MINUTES_LEFT = both("at most {n} minutes left", "残り最長 {n} 分")
TITLES = (
    both("1. You first: what do you see?", "1. まずご自身で：どう見えますか"),
    both("2. What the machine says, and the truth", "2. AI の答えと、正しい答え"),
    both("3. When the note is wrong", "3. メモが間違っているとき"),
    both("4. When it should ask a person", "4. 人に聞くべきとき"),
    both("5. What it is worth", "5. いくらの価値か"),
)  # fmt: skip
BACK, NEXT, FINISH = both("Back", "戻る"), both("Next", "次へ"), both("Start again", "最初から")
ANOTHER = both("Another case", "別の事例")
RULE = both(
    "A real case that the machine had never seen. The order of the cases was drawn once, and the first that fits is shown: nobody chose it for its answer.",
    "AI が見たことのない実際の事例です。順番は一度だけくじで決め、条件に合う最初のものを示します。答えを見て選んではいません。",
)
GUESS = both("What would you say? Press an answer (or its number).", "どう答えますか。答えのボタン（または数字キー）を押してください。")
YOU, MACHINE = both("You", "あなた"), {"base": both("The machine as bought", "学ばせる前の AI"), "tuned": both("The machine taught with your data", "御社のデータで学ばせた AI")}
NO_GUESS = both("(no guess)", "（未回答）")
TRUTH = both("The truth", "正しい答え")
SURE = both("{percent} sure", "確かさ {percent}")
RECORDED = both("A recorded answer, from when the machine was tested.", "テストのときに記録した答えです。")
RECORDED_WAIT = both("A recorded answer, from when the machine was tested; the machine itself is still being started.", "テストのときに記録した答えです（AI は起動中です）。")
LIVE = both("Answered just now, in {seconds:.1f} s.", "今答えました（{seconds:.1f} 秒）。")
FILED = both("Record {n} in the log.", "記録番号 {n}。")
OF_HUNDRED = both("One case proves nothing. Of 100 such cases {base_low} to {base_high} were right as bought, and {tuned_low} to {tuned_high} after it was taught ({n:,} cases tested; ranges that we are {sure:.0%} sure of).",
                  "1 件では何も言えません。同様の 100 件で正しいのは、学ばせる前が {base_low}～{base_high} 件、学ばせた後が {tuned_low}～{tuned_high} 件です（{n:,} 件で確認、{sure:.0%} 確かな範囲）。")  # fmt: skip
LIE = both("The note beside this case says “{named}”. The truth is “{truth}”. Whom does the machine believe?", "この事例のメモは「{named}」、正しい答えは「{truth}」です。AI はどちらを信じるでしょうか。")
ARMS_LIE = {
    "trusting": both("Taught with every note shown", "メモをすべて見せて学ばせた AI"), "cured": both("The same, then taught that notes can lie", "さらに「メモは間違う」と学ばせた AI"),
    "tuned": both("Taught with the note hidden in {share:.0%} of the cases", "{share:.0%} の事例でメモを隠して学ばせた AI"),
    "plain": both("This machine", "この AI"), "without": both("The same, with the note taken away", "同じ AI、メモなし"),
}  # fmt: skip
FOLLOWS, RIGHT, WRONG = both("follows the note", "メモに従った"), both("right", "正解"), both("wrong", "不正解")
LIE_COUNTS = both("In {n} tested cases the note named a wrong answer. “{who}” followed it in {followed} of them ({low} to {high} of 100 such notes) and was right in {right}.",
                  "メモに誤った答えが書かれていたのは {n} 件。「{who}」は {followed} 件で従い（同様のメモ 100 件あたり {low}～{high} 件）、{right} 件で正解でした。")  # fmt: skip
COUNTED = both("Counted are notes that name one answer in the words of the data; notes in another language are not.", "数えたのは、データと同じ言葉で答えを一つ書いたメモです（ほかの言語のメモは含みません）。")
PICKED = both("This case was picked because the first machine follows the note here. How often that happens stands below.", "1 つ目の AI がメモに従った事例を選んで示しています。どのくらいの頻度で起きるかは下のとおりです。")
CURE_HELPED = both("The lesson about lying notes worked: {before} followed before it, {after} after it, on the same cases.", "「メモは間違う」と学ばせた効果がありました。同じ事例で、従った件数は前が {before} 件、後が {after} 件です。")
CURE_UNTOLD = both("Whether the lesson about lying notes helped cannot be told from so few: {before} followed before it, {after} after it.", "件数が少なく、「メモは間違う」と学ばせた効果は判断できません（従った件数：前 {before} 件、後 {after} 件）。")
OTHERS_RECORDED = both("The first two machines are not loaded here: their answers were recorded when this kit was made.", "はじめの 2 つの AI はここでは動かさず、キットの作成時に記録した答えを示します。")
NO_CURED = both("No second machine, taught to distrust notes, comes with this run, so none is shown.", "メモを疑うよう学ばせた AI はこの実行にないため、示しません。")
NO_LIES = both("No tested case here has a note that names a wrong answer, so there is nothing to show, and nothing is acted.", "間違った答えを書いたメモのある事例がないため、お見せできません（作り物は見せません）。")
PERSON = both("It is {sure} sure of “{said}”. Below {threshold} it does not decide: a person does.", "「{said}」への確かさは {sure}。{threshold} 未満なら AI は決めず、人が判断します。")
DECIDES = both("Asked just now it is {sure} sure of “{said}”, which is at or above {threshold}: today it would answer by itself.", "今回は「{said}」への確かさが {sure} で、{threshold} 以上のため、AI が答えます。")
PERSON_TRUTH = both("The truth is “{truth}”.", "正しい答えは「{truth}」です。")
PERSON_COUNTS = both("Of {of:,} tested cases it leaves {n} to a person; it would have been wrong in {wrong} of these. Of the other {kept:,} it gets {wrong_kept} wrong: asking is no insurance against every mistake.",
                     "テストした {of:,} 件のうち {n} 件を人に任せます（そのまま答えれば {wrong} 件が誤り）。残り {kept:,} 件のうち {wrong_kept} 件は誤りで、すべての誤りを防げるわけではありません。")  # fmt: skip
PROMISED = both("The mark was set on other cases, with a promise about mistakes; the promise holds for cases like those.", "この境目は別の事例で定め、誤りの上限を約束しています（同様の事例に限ります）。")
NOT_PROMISED = both("The mark was set on these same cases, so it promises nothing.", "この境目は同じ事例で定めたため、何も約束しません。")
NO_UNSURE = both("In this test it was sure of every case, so it would have asked nobody. Its mistakes would then be seen by nobody either.", "このテストではすべての事例に確信があり、人に聞くことはありませんでした。その場合、誤りにも誰も気づきません。")
NO_CASES = both("No tested case can be shown on this machine: their files are not here.", "テストした事例のファイルがこの端末にないため、お見せできません。")
EXAMPLES = both("example figures, not yours", "金額は例です")
MOMENT = both("One moment …", "少々お待ちください…")
MORE = both("What you can say in the meeting", "会議で言えること")
MOVE = both("Move the figures yourself: Other views, then Decide.", "数字を動かすには：「ほかの画面」から「決める」へ。")
NOT_MEASURED = both("What it is worth cannot be read from this run. The terminal that started this page says why.", "この実行からは価値を読み取れません。理由はこの画面を起動したターミナルをご覧ください。")
