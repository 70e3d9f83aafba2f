"""Every text of the modes Work and Watch in both languages."""

from poc.words import both

REFER = both("A person should check", "人に確認してもらう")
REFERRED = both("Item {item} of the review queue: a person will look at the answer of record {record}. The queue keeps a copy of its evidence.", "確認待ちの項目 {item} に入れました。記録番号 {record} の回答を人が確認します。判断材料の写しを確認待ち一覧に保管します。")

# Work: the queue

TAB_QUEUE, TAB_NEW, TAB_PRACTICE = both("Queue", "確認待ち"), both("New sample", "新しいサンプル"), both("Practice", "練習")  # short, so that a phone shows all three
QUEUE = both("Decide what the model left to people", "モデルが人に任せた項目を判断する")
QUEUE_MEANS = both("You see the evidence and the reason, not the model's answer: who sees it agrees with it more often. Keys: 1 to 9 answer, 0 cannot be told, U takes your last answer back.",
                   "判断材料と理由だけを表示し、モデルの答えは表示しません（先に見ると同意しやすくなるため）。キー：1～9 で回答、0 は判断できない、U で直前の答えを取り消し。")  # fmt: skip
NAME = both("Your name", "お名前")
NAME_MEANS = both("It is written beside your decisions, in the queue and in the audit log", "判断とともに確認待ち一覧と監査ログに記録します")
NAME_HIDDEN = both("It is written as a pseudonym that only the holder of the key can resolve", "鍵の保有者だけが元に戻せる仮名で記録します")
START = both("Next item", "次の項目")
LEAVE = both("Stop, and give the item back", "終了して項目を戻す")
CANNOT = both("0  Cannot be told", "0  判断できない")
UNDO = both("U  Take back", "U  取り消す")
CHOOSE = both("Choose the answer", "答えを選ぶ")
FREE = both("The answer, then Enter", "回答を入力して Enter")
KIND = both("Anything odd about it? (optional)", "気になる点（任意）")
NOTHING_ODD = both("nothing", "なし")
WHY = both("Your reason, in a sentence (optional; it stays in the queue, not in the log)", "理由を 1 文で（任意。確認待ち一覧に残り、監査ログには入りません）")
WAITING = both("{waiting} wait, {done} decided by you just now", "確認待ち {waiting} 件、今回あなたが判断した数 {done} 件")
NONE_WAITS = both("Nothing waits for you.", "あなたの確認待ちはありません。")
NOT_STARTED = both("Give your name and press “Next item”.", "お名前を入力し、「次の項目」を押してください。")
ITEM = both("Item {n}", "項目 {n}")
REASON = both("Why a person must look", "人が確認する理由")
REASONS = {  # of kit.operations.review_queue.REASONS those that tell nothing about the answer
    "click": both("somebody asked for a person", "人による確認の依頼がありました"),
    "conflict": both("photo, sound and note do not say the same", "写真・音声・メモの内容が食い違っています"),
    "abstained": both("the model was not sure enough to answer", "モデルの確信度が足りず、回答を保留しました"),
    "input": both("the photo or recording is poor", "写真や録音の品質がよくありません"),
}
ANY_REASON = both("it is one of those that people look at in any case", "もともと人が確認する対象です")
WRITTEN = both("Written, with a record in the audit log: “{said}”.", "「{said}」を記録しました（監査ログにも記載）。")
UNTOLD = both("cannot be told", "判断できない")
ANOTHER = both("Another person must look at this one, too, without seeing your answer.", "この項目は、別の人もあなたの答えを見ずに確認します。")
WAS_WRONG = both("The model had said “{model}”. Now: {now} Tell: {tell}", "モデルの答えは「{model}」でした。すぐに：{now} 連絡先：{tell}")
TAKEN_BACK = both("Taken back. The item is before you again.", "取り消しました。同じ項目をもう一度表示しています。")
NOTHING_TO_UNDO = both("There is no answer of yours to take back.", "取り消せる答えがありません。")
UNLOOKED = both("Too fast: the item has only just appeared. Look at it, then answer.", "項目が表示された直後です。内容を確認してから答えてください。")
NAMELESS = both("A decision needs somebody who made it: give your name.", "判断には担当者の名前が必要です。お名前を入力してください。")
FAILED = both("The queue or the audit log could not be used, and nothing was written. The terminal that started the demo says why.",
              "確認待ち一覧または監査ログを使えず、何も書き込みませんでした。理由はデモを起動したターミナルをご覧ください。")  # fmt: skip

# Work: new samples

NEW = both("Add a new sample", "新しいサンプルを加える")
NEW_MEANS = both("A file with its right answer, checked as poc check checks a row. It is kept in the run's folder operations/new_samples, with who added it and when; your company's table is never changed.",
                 "ファイルと正しい答えを、poc check と同じ行の検査に通してから、実行フォルダーの operations/new_samples に追加者・日時とともに保存します。会社の表は変更しません。")  # fmt: skip
FILES = both("Choose a photo, sound or video", "写真・音声・動画を選ぶ")
NOTE = both("Note that came with it (optional)", "付いていたメモ（任意）")
ANSWER = both("Right answer", "正しい答え")
QUESTION = both("Question", "質問")
GROUP = both("{column}: what belongs together, so that it is never split between learning and measuring", "{column}：学習と評価に分けてはならないまとまり")
ADD = both("Check and add", "検査して加える")
CHOSEN = both("Chosen: {names}", "選択中：{names}")
REMOVE = both("Remove the chosen files", "選択を取り消す")
NO_ANSWER = both("A sample teaches only with its right answer: choose one of {options}.", "正しい答えがないと学習に使えません。{options} から選んでください。")
ROW_FAULTS = both("Not added, the row check found: {faults}", "行の検査で不備が見つかったため、追加しません：{faults}")
HELD_OUT = both("This file is held-out sample {name}: a model that learned it could no longer be measured on it. Not added.", "このファイルは評価用サンプル {name} です。学習すると評価に使えなくなるため、追加しません。")
HELD_OUT_ALIKE = both("This file looks or sounds like held-out sample {name}, saved another way: a model that learned it could no longer be measured on that. Not added.", "このファイルは評価用サンプル {name} を保存し直したもののようです。学習すると評価に使えなくなるため、追加しません。")
THERE_ALREADY = both("This file is there already, as {name}. Not added.", "このファイルは {name} として追加済みです。追加しません。")
ADDED = both("Added as {name}, for training only; {n} new samples so far. Record {record} of the audit log.", "{name} として追加しました（学習専用）。新しいサンプルは計 {n} 件。監査ログの記録番号 {record}。")

# Work: practice

PRACTICE = both("Practice: 15 minutes against wrong advice", "練習：誤った助言に流されない 15 分")
PRACTICE_MEANS = both("Real held-out items, each with an answer “of the AI”. {share:.0%} of these answers are wrong on purpose, the others are right; which ones, and their order, the seed below decides. At the end you see how often you followed a wrong one and how often you overruled a right one. No name is asked and nothing is kept.",
                      "本物の評価用サンプルに「AI の答え」を添えます。うち {share:.0%} はわざと誤らせ、残りは正しい答えです。どれを誤らせるかと順番は下のシードで決まります。最後に、誤りに従った割合と正しい答えを覆した割合を表示します。名前は尋ねず、何も保存しません。")  # fmt: skip
SEED = both("Seed of the order", "順番のシード")
BEGIN = both("Begin the practice", "練習を始める")
FINISH = both("End and show the result", "終了して結果を見る")
ADVICE = both("The AI says", "AI の答え")
PROGRESS = both("{n} of {of}, {minutes} min left", "{of} 件中 {n} 件目、残り {minutes} 分")
FOLLOWED = both("Followed the AI where it was wrong", "AI の誤りに従った")
OVERRULED = both("Overruled the AI where it was right", "AI の正しい答えを覆した")
YOUR_RIGHT = both("Right in the end", "最終的に正解")
OUT_OF = both("{hits} of {of}", "{of} 件中 {hits} 件")
NONE_SEEN = both("none was shown", "該当なし")
FEW = both("95 % intervals (Wilson): with so few items they are wide. Practise again with another seed before you conclude anything about yourself.", "95 % 区間（ウィルソン）。件数が少ないと幅は広くなります。別のシードでもう一度試してから判断してください。")
NOT_ENOUGH = both("There are no held-out samples with files and a second option on this machine, so there is nothing to practise on.", "ファイルと複数の選択肢がある評価用サンプルがこの端末にないため、練習できません。")
ALL_OF_THEM = both("What was said, item by item", "項目ごとの答え")
COLUMNS = {"sample": both("Sample", "サンプル"), "advice": both("AI", "AI"), "said": both("You", "あなた"), "truth": both("Right answer", "正しい答え")}

# Watch

WATCH = both("Watch the model in use", "運用中のモデルを見守る")
REFRESH = both("Look again", "更新")
DRIFT = both("Drift", "ドリフト")
NO_DRIFT = both("No drift was looked for yet: nobody knows whether what comes in still looks like what the model was judged on. With a folder of the newest rows:",
                "ドリフトはまだ調べていません。届くデータが評価時と同じかどうかは分かりません。最近の行のフォルダーで調べるには：")  # fmt: skip
DRIFT_OF = both("Rows of {stream}: {rows} against {usual} ordinary ones", "{stream} の {rows} 行を通常の {usual} 行と比較")
DRIFT_ALT = both("Control charts: value and limit over the rows; {alarms}", "管理図：行ごとの値と管理限界。{alarms}")
ALARM = both("alarm", "警報あり")
NO_ALARM = both("No alarm. Charts see that rows look different, not whether answers are right.", "警報なし。管理図が示すのは見た目や出力の変化で、正誤ではありません。")
ERRORS = both("Errors", "誤り")
ERRORS_MEAN = both("Tuned model on the run's held-out rows; 95 % intervals, whole groups resampled where there are enough.", "微調整後のモデルの評価用データでの誤り。95 % 区間（グループが足りる場合はグループ単位）。")
BY_CLASS = both("By right answer", "正しい答え別")
BY_GROUP = both("By {column}, worst first", "{column} 別（誤りの多い順）")
GROUP_OF = both("group", "グループ")
NO_GROUP = both("(no group)", "（グループなし）")
ROWS = both("Rows", "行数")
WRONG = both("Wrong", "誤り")
SHARE = both("Error rate [95 %]", "誤り率 [95 %]")
MORE_GROUPS = both("and {n} more", "ほか {n} 件")
PEOPLE = both("What people decided", "人の判断")
PEOPLE_BY = both("Model's answers that people overruled, by what people decided; hard ones are over-represented", "人が覆したモデルの答え（人の判断別。難しいものが多く含まれます）")
NO_PEOPLE = both("Nobody has decided anything yet. An answer that is sent to a person waits in the mode Work.", "人の判断はまだありません。人に回された答えは「業務」画面で確認できます。")
CLOSED = both("{closed} decided, of which the model had left {left} to people without an answer; {open} wait.", "決定済み {closed} 件（うちモデルが回答を保留したもの {left} 件）、確認待ち {open} 件。")
NO_ROWS = both("predictions.csv holds no held-out rows of a tuned model.", "predictions.csv に微調整後のモデルの評価用データがありません。")
LOG = both("Audit log", "監査ログ")
NO_LOG = both("The audit log is empty: it begins with the first question.", "監査ログは空です。最初の質問から始まります。")
LOG_READ = both("Answers are shown in English; the log keeps the words of the data.", "答えは日本語で表示しています。ログにはデータの言葉で記録されています。")
LAST = both("The last {n} of {all} records", "全 {all} 件のうち最新 {n} 件")
LOG_COLUMNS = {"n": both("No.", "番号"), "time": both("Time (UTC)", "日時（UTC）"), "kind": both("What happened", "内容"), "who": both("Who", "誰"), "what": both("About", "対象"), "answer": both("Answer", "答え"), "decision": both("Came of it", "結果")}
DECISIONS = {
    "answered": both("answered", "回答"), "abstained": both("left to a person", "人に任せた"), "referred": both("waits for a person", "人の確認待ち"), "agreed": both("person agreed", "人が一致"), "overridden": both("person corrected it", "人が訂正"),
    "untold": both("cannot be told", "判断できない"), "taken back": both("taken back", "取り消し"), "no answer": both("no answer", "回答なし"), "new sample": both("new sample", "新しいサンプル"),
}  # fmt: skip
VERIFY = both("Verify the audit log", "監査ログを検証する")
INTACT = both("Records {first} to {last} are all there, each unchanged and in its place.", "記録 {first}～{last} は全て、変更なく元の順に残っています。")
CHANGED = both("The log was changed: {problem}. Keep it and its .head as they are, and tell the owner of the audit log.", "ログが変更されています：{problem}。ログと .head をそのまま保全し、監査ログの責任者に知らせてください。")
ANCHOR = both("Whoever may write to its folder could have rewritten the whole log. Compare it with an anchor kept elsewhere:", "フォルダーに書き込める人ならログ全体を書き直せます。別の場所に保管した控えと照合するには：")
LADDER = both("How much the model may do alone", "モデルに任せる範囲")
NOT_ON_LADDER = both("This run is not in use yet, so it stands on no step. It begins with:", "この実行はまだ運用されていないため、段階はありません。始めるには：")
UNREADABLE = both("This part could not be read; the terminal that started the demo says why.", "この部分を読めませんでした。理由はデモを起動したターミナルをご覧ください。")
