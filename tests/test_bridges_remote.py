"""A chat endpoint as a bridge: against `transformers serve` with the shipped model, and against a small server on loopback that answers, stumbles and lies as real ones do."""

import base64
import io
import json
import os
import socket
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx2
import numpy as np
import pytest
import soundfile
from PIL import Image

from kit.bridges import Kept, Remote, bridge_table, try_bridges
from kit.bridges.chat_answers import chosen, told_apart
from kit.bridges.endpoint import Endpoint, Unanswered
from kit.data import Sample
from kit.errors import KitError
from kit.language import speaking

ROOT = Path(__file__).resolve().parents[1]
OPTIONS = ("slag", "red iron", "no defect", "iron")
KEY = "sk-very-secret-0123456789"


# ------------------------------------------------------------------------------------------------------------ what an answer says


@pytest.mark.parametrize(
    ("text", "option"),
    [
        ("B", "red iron"), ("b.", "red iron"), ("**B**", "red iron"), ("Ｂ", "red iron"), ("(B) red iron", "red iron"), ("B) because of the colour", "red iron"), ("Option A", "slag"), ("答え：Ｂ", "red iron"),
        ("The answer is B.", "red iron"), ("答えは B です", "red iron"), ('```json\n{"answer": "B"}\n```', "red iron"), ("<think>A or B? A.</think>\nB", "red iron"), ("It is slag.", "slag"),
        ("No defect visible.", "no defect"), ("red iron", "red iron"),
        ("B: slag", None), ("A, or B", None), ("A) or B)", None), ("slag or iron", None), ("It is not slag", None), ("The answer is not B", None), ("スラグではない: slag", None), ("A defect is visible", None),
        ("I cannot tell.", None), ("", None), ("<think>A, surely, but", None), ("E", None), ("bread", None),
    ],
)  # fmt: skip
def test_an_answer_names_one_option_or_none(text, option):
    assert chosen(text, OPTIONS, letters=True) == option


@pytest.mark.parametrize("text", ["The answer is a scratch.", "Answer: a scratch", "It is a scratch", "A scratch"])
def test_an_article_is_no_letter(text):
    assert chosen(text, ("dent", "scratch"), letters=True) == "scratch"


@pytest.mark.parametrize(
    "text",
    ["Answer: A or B", "Answer: A, B", "Answer: A and B", "答え：A と B", "The answer is A or maybe B", "Option A is wrong. Option B", "I doubt it is a dent", "a dent is unlikely", "Is it a dent?", "perhaps a dent"],
)
def test_what_names_two_or_doubts_or_asks_names_none(text):
    assert chosen(text, ("dent", "scratch"), letters=True) is None


@pytest.mark.parametrize(
    ("text", "options", "option"),
    [
        ("不良品です。", ("良品", "不良"), None), ("不良です", ("良", "欠陥"), None), ("不良品と判定", ("良品", "欠陥品"), None), ("不良品です", ("良品", "不良品"), "不良品"), ("良品です", ("良品", "不良品"), "良品"),
        ("異常なし", ("異常", "正常"), None), ("異常が見当たらず", ("異常", "正常"), None), ("傷は見られず、良好", ("傷", "汚れ"), None), ("異常なし", ("異常なし", "異常あり"), "異常なし"),
        ("non-conforming", ("conforming", "scrap"), None), ("conforming", ("conforming", "scrap"), "conforming"), ("キズまたは汚れ", ("キズ", "割れ"), None), ("表面のキズです", ("キズ", "割れ"), "キズ"),
    ],
)  # fmt: skip
def test_a_part_of_another_word_is_no_option(text, options, option):
    assert chosen(text, options, letters=False) == option and chosen(text, options, letters=True) == option


@pytest.mark.parametrize(
    ("options", "texts"),
    [
        (("良品", "不良"), ("良品とは言いがたい", "良品と判断するのは難しい", "不良の可能性は低い", "不良の可能性があります", "不良の疑いは低い", "不良ゼロ", "良品ではない", "良品とは言えない", "良品でしょうか", "おそらく良品です", "良品です。ただし要確認")),
        (("正常", "異常"), ("正常とはいえず", "正常な範囲を超えている", "異常を否定できる")),
        (("OK", "NG"), ("OKとは判断しかねます", "OKか？")),
        (("dent", "scratch"), ("There is hardly a dent", "free of dent", "The part is free of dent", "not a dent", "The part lacks a dent", "It fails to show a dent", "dent-free", "a dent, because I am not sure", "dent because a scratch is longer", "It could be a dent")),
        (("1", "2"), ("1.5 mm", "1,5", "-1", "12")),
    ],
)  # fmt: skip
def test_words_that_deny_or_hedge_are_no_answer(options, texts):
    """No list of denials: a sentence that is not plainly one of a few forms states nothing."""
    assert {(text, letters): chosen(text, options, letters) for text in texts for letters in (True, False)} == {(text, letters): None for text in texts for letters in (True, False)}


@pytest.mark.parametrize(
    ("options", "option", "texts"),
    [
        (("良品", "不良"), "不良", ("不良", "「不良」", "不良です。", "不良と判定しました", "この部品は不良です", "判定：不良", "写真の部品は不良である", "この部品には不良があります", "不良。理由：表面が荒い")),
        (("dent", "scratch"), "scratch", ("scratch", "A scratch.", "The answer is **scratch**.", "This part has a scratch", "There is a scratch on the surface.", "I see a scratch", "scratch (B)", "**Answer:** B) scratch", "- B", "b", "B, because it is long")),
        (("-5", "5"), "-5", ("-5", "-5.", "答えは -5 です")),
    ],
)  # fmt: skip
def test_what_is_plainly_stated_is_an_answer(options, option, texts):
    assert {text: chosen(text, options, letters=option != "-5") for text in texts} == dict.fromkeys(texts, option)


@pytest.mark.parametrize("key", ["sk-very secret", "sk-very\nsecret", "ｓｋ－ｓｅｃｒｅｔ"])
def test_a_key_that_cannot_be_sent_is_refused_unrepeated(monkeypatch, key):
    monkeypatch.setenv("SOME_KEY", key)
    with pytest.raises(KitError, match="the key in SOME_KEY cannot be sent") as refused:
        Endpoint("http://127.0.0.1:9/v1", "SOME_KEY")
    assert "secret" not in str(refused.value) and "ｓｅｃｒｅｔ" not in str(refused.value)


def test_a_line_end_behind_the_key_is_not_part_of_it(monkeypatch):
    monkeypatch.setenv("SOME_KEY", "sk-fine\r\n")
    with Endpoint("http://127.0.0.1:9/v1", "SOME_KEY", retries=0).client() as client, pytest.raises(Unanswered) as silent:
        Endpoint("http://127.0.0.1:9/v1", "SOME_KEY", retries=0).ask(client, {})
    assert "sk-fine" not in str(silent.value) and "Connect" in str(silent.value)


def test_words_are_read_as_words():
    assert chosen("Red Iron.", OPTIONS, letters=False) == "red iron", "the iron in it is no second option"
    assert chosen("ironwork", OPTIONS, letters=False) is None and chosen("B", OPTIONS, letters=False) is None
    assert chosen("写真には赤錆があります", ("赤錆", "キズ"), letters=False) == "赤錆" and chosen("赤錆ではなくキズ", ("赤錆", "キズ"), letters=False) is None


def step(token: str, **alternatives: float) -> dict:
    """One written token and what else the server lists, by probability."""
    listed = [{"token": name, "logprob": float(np.log(share))} for name, share in alternatives.items()]
    return {"token": token, "logprob": next(one["logprob"] for one in listed if one["token"] == token), "top_logprobs": listed}


def test_probabilities_of_letters_are_those_of_the_first_token_over_its_spellings():
    told = told_apart([step("B", **{"B": 0.5, " B": 0.1, "A": 0.2, "b": 0.05, "The": 0.05}), step(".", **{".": 1.0})], OPTIONS, letters=True)
    assert told.shares == pytest.approx({"slag": 0.2 / 0.85, "red iron": 0.65 / 0.85, "no defect": 0, "iron": 0})
    assert told.covered == pytest.approx(0.85) and told.open == pytest.approx(0.1), "0.1 was not listed and may be anybody's"
    assert told_apart([step("The", The=1.0)], OPTIONS, letters=True) is None, "what begins as no option is left to its words"


def test_words_are_told_apart_where_they_part():
    """"red iron" against "red rust": the first token fits both, the second tells them apart; "blue" left before."""
    options = ("red iron", "red rust", "blue")
    told = told_apart([step("red", red=0.8, blue=0.15, r=0.05), step(" iron", **{" iron": 0.75, " rust": 0.25})], options, letters=False)
    assert told.covered == pytest.approx(0.8 + 0.15) and told.open == pytest.approx(0.05), "'r' may become either red one"
    assert told.shares == pytest.approx({"red iron": 0.6 / 0.95, "red rust": 0.2 / 0.95, "blue": 0.15 / 0.95})
    short = told_apart([step("red", red=0.9, blue=0.1)], ("red", "red rust", "blue"), letters=False)
    assert short.shares["red"] == pytest.approx(0.9) and short.shares["red rust"] == 0, "it ended where the shorter option ends"


# ------------------------------------------------------------------------------------------------------------ a server on loopback


class Server(ThreadingHTTPServer):
    """Answers what `reply(body) -> (status, headers, object or text)` says, and remembers what it was asked."""

    daemon_threads = True

    def __init__(self, reply):
        self.asked, self.headers, self.reply, self.lock = [], [], reply, threading.Lock()
        self.now, self.most_at_once = 0, 0
        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with self.server.lock:
            self.server.asked.append(body)
            self.server.headers.append(dict(self.headers))
            self.server.now += 1
            self.server.most_at_once = max(self.server.most_at_once, self.server.now)
        status, headers, told = self.server.reply(body)
        with self.server.lock:
            self.server.now -= 1
        raw = (told if isinstance(told, str) else json.dumps(told)).encode()
        self.send_response(status)
        for name, value in (headers | {"Content-Length": str(len(raw))}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, *_):
        pass


@pytest.fixture
def serve():
    """`serve(reply)` starts a server, `serve.texts(body)` is the words of a request."""
    started = []

    def start(reply):
        started.append(Server(reply))
        return started[-1]

    yield start
    for server in started:
        server.shutdown()
        server.server_close()


def words(body: dict) -> str:
    content = body["messages"][0]["content"]
    return content if isinstance(content, str) else content[-1]["text"]


def says(text: str, steps: list[dict] | None = None, tokens: tuple[int, int] | None = (100, 2), ended: str = "stop") -> tuple[int, dict, dict]:
    usage = {"usage": dict(zip(("prompt_tokens", "completion_tokens"), tokens))} if tokens else {}
    logprobs = {"content": [one | {"bytes": [1]} for one in steps]} if steps else None
    return 200, {}, {"model": "m-2026", "choices": [{"message": {"role": "assistant", "content": text}, "finish_reason": ended, "logprobs": logprobs}]} | usage


def rows(count: int, **fields) -> list[Sample]:
    return [Sample(f"r{number}", f"Which is number {number}?", ("slag", "iron"), ("slag", "iron")[number % 2], text="a note", group=f"g{number}", **fields) for number in range(count)]


def test_kept_answers_of_an_endpoint_keep_its_columns_and_pay_for_no_validation_rows(serve, tmp_path):
    """Whoever reads the file afterwards, in another language even, asks nobody and knows how each row was scored."""
    server = serve(lambda body: says("B", [step("B", B=0.7, A=0.3)]))
    for language in ("en", "ja"):
        with speaking(language):
            bridge = Kept(Remote(server.url, "m", prices=(2.0, 10.0)), tmp_path)
            bridge.fit([], rows(9)[4:], tmp_path)
            frame = bridge.predict(rows(4))
        assert frame.columns.tolist() == ["id", "answer", "predicted", "probabilities", "group", "scored", "open"] and set(frame["scored"]) == {"logprobs"}
        assert len(server.asked) == 1 + 4 and bridge.facts.cost_per_call == pytest.approx(0.00022)


def test_rows_are_scored_by_the_probabilities_that_a_server_lists(serve, tmp_path):
    server = serve(lambda body: says("B", [step("B", B=0.7, A=0.3)]))
    bridge = Remote(server.url, "m", prices=(2.0, 10.0))
    (tried,) = try_bridges([bridge], [], [], rows(4), tmp_path)
    assert tried.frame["probabilities"][0] == pytest.approx({"slag": 0.3, "iron": 0.7}) and set(tried.frame["scored"]) == {"logprobs"} and tried.frame["open"].max() < 1e-9
    first = min(server.asked[1:], key=words)  # four are on their way at once, in any order
    assert words(first) == "Note: a note\nWhich is number 0?\nA: slag\nB: iron\nAnswer with the letter only."
    assert first["top_logprobs"] == 20 and first["temperature"] == 0 and "note" not in words(server.asked[0]), "the first question holds nothing of the company's"
    assert len(server.asked) == 5, "nobody is paid for measuring the latency: it is that of the answers"
    assert bridge.facts.cost_per_call == pytest.approx((100 * 2 + 2 * 10) / 1e6) and 0 < bridge.facts.latency < 5 and bridge.facts.trained == 0
    assert bridge_table([tried], ["slag", "iron"], "accuracy")["accuracy"][0] == 0.5
    kept = [json.loads(line) for line in (tmp_path / bridge.name.replace(" ", "_") / "answers.jsonl").read_text(encoding="utf-8").splitlines()]
    assert len({record["sent"] for record in kept}) == 4 and kept[0]["answer"] == "B" and kept[0]["served"] == "m-2026" and "bytes" not in json.dumps(kept)


def test_a_server_that_lists_fewer_or_no_alternatives_is_taken_as_it_is(serve, tmp_path):
    few = serve(lambda body: (400, {}, {"error": "top_logprobs must be at most 5"}) if body.get("top_logprobs", 0) > 5 else says("A", [step("A", A=1.0)]))
    bridge = Remote(few.url, "m")
    bridge.fit([], [], tmp_path / "few")
    assert bridge.alternatives == 5 and bridge.predict(rows(1))["scored"].tolist() == ["logprobs"]
    none = serve(lambda body: (422, {}, {"detail": "Unexpected fields: logprobs"}) if "logprobs" in body else says("A"))
    bridge = Remote(none.url, "m")
    bridge.fit([], [], tmp_path / "none")
    assert bridge.alternatives == 0 and "logprobs" not in none.asked[-1]
    assert bridge.predict(rows(1))[["predicted", "scored"]].values.tolist() == [["slag", "choice"]]
    assert np.isnan(bridge.facts.cost_per_call), "without prices the cost is unknown, not nothing"
    unsaid = Remote(serve(lambda body: says("A", tokens=None)).url, "m", prices=(1, 1))
    unsaid.fit([], [], tmp_path / "unsaid")
    unsaid.predict(rows(1))
    assert np.isnan(unsaid.facts.cost_per_call), "nor without the number of tokens"


def test_an_answer_that_names_no_option_is_a_row_of_its_own_kind(serve, tmp_path):
    def reply(body):
        return (400, {}, {"error": "content filter"}) if "number 3" in words(body) else says("I am sorry, I cannot help with that." if "number 2" in words(body) else "A", ended="length")

    bridge = Remote(serve(reply).url, "m", most=8)
    (tried,) = try_bridges([bridge], [], [], rows(4), tmp_path)
    frame = tried.frame
    assert frame["predicted"].tolist() == ["slag", "slag", "", ""] and frame["scored"].tolist() == ["choice", "choice", "unreadable", "refused"]
    assert frame["probabilities"][2] == {"slag": 0.5, "iron": 0.5}, "late fusion is not told anything"
    table = bridge_table([tried], ["slag", "iron"], "accuracy", costs={"miss": 100, "false_alarm": 10, "ok_answer": "slag"})
    assert table["accuracy"][0] == 0.25 and table["n"][0] == 4, "wrong, and not left out"
    assert table["cost_per_1000"][0] == pytest.approx(1000 * (100 + 10) / 4), "one miss; of the two that a person looks at, the good part is a false alarm"
    assert table["failed"][0] == "1 of 4 rows were refused by the server | 3 answers were cut at 8 tokens: raise `most`"
    with pytest.raises(KitError, match=r"HTTP 400: .*content filter"):
        serve_all = Remote(serve(lambda body: says("A") if "letter A only" in words(body) else (400, {}, "content filter")).url, "m")
        serve_all.fit([], [], tmp_path / "all")
        serve_all.predict(rows(3))


def test_busy_servers_are_asked_again_and_what_was_answered_is_never_paid_twice(serve, tmp_path):
    state = {"turn": 0, "down": False}

    def reply(body):
        if "letter A only" in words(body):
            return says("A")
        state["turn"] += 1
        if state["down"] and "number 4" in words(body):
            return 503, {}, "overloaded"
        return [(429, {"Retry-After": "0.05"}, "slow down"), (500, {}, "oops"), (200, {}, "<html>a proxy's page</html>"), (200, {}, {"choices": []})][state["turn"] - 1] if state["turn"] <= 4 else says("A")

    server = serve(reply)
    bridge = Remote(server.url, "m", concurrency=1, wait=0.01)
    bridge.fit([], [], tmp_path)
    assert bridge.predict(rows(1))["predicted"].tolist() == ["slag"] and state["turn"] == 5, "429, 500, a page, no choice, and then the answer"
    state["down"] = True
    with pytest.raises(KitError, match=r"HTTP 503: overloaded\): ask again later; 4 of 6 rows are answered and kept in .*answers.jsonl, and are not asked again"):
        bridge.predict(rows(6))
    state["down"], before = False, len(server.asked)
    with (tmp_path / "answers.jsonl").open("a") as file:
        file.write('{"id": "cut by a cra')
    again = Remote(server.url, "m", concurrency=1, wait=0.01)
    again.fit([], [], tmp_path)
    assert len(again.predict(rows(6))) == 6 and len(server.asked) == before + 1 + 2, "the question of fit, and the two rows that had no answer"
    again.predict([rows(1)[0].replace(text="another note")])
    assert len(server.asked) == before + 4, "another note is another question"


def test_a_slow_server_is_given_up_and_no_more_are_asked_at_once_than_allowed(serve, tmp_path):
    slow = serve(lambda body: time.sleep(0.6) or says("A"))
    with pytest.raises(KitError, match=r"got no answer from http://127.0.0.1:\d+/v1 \(ReadTimeout .*is it running, and is the url right\?"):
        Remote(slow.url, "m", timeout=0.1, retries=1, wait=0.01).fit([], [], tmp_path / "slow")
    assert len(slow.asked) == 2
    server = serve(lambda body: time.sleep(0.05) or says("A"))
    bridge = Remote(server.url, "m", concurrency=3)
    bridge.fit([], [], tmp_path / "three")
    bridge.predict(rows(12))
    assert 1 < server.most_at_once <= 3
    with pytest.raises(KitError, match="ConnectError"):
        Remote("http://127.0.0.1:9/v1", "m", retries=0).fit([], [], tmp_path / "nobody")


# ------------------------------------------------------------------------------------------------------------ keys and consent


def test_the_key_goes_to_the_server_and_nowhere_else(serve, tmp_path, monkeypatch):
    monkeypatch.setenv("SOME_KEY", KEY)
    server = serve(lambda body: says(f"A, and your key is {KEY}") if "number 0" in words(body) else says("A") if "letter A only" in words(body) else (401, {}, f"Incorrect API key provided: {KEY}"))
    bridge = Remote(server.url, "m", key_from="SOME_KEY")
    bridge.fit([], [], tmp_path)
    assert server.headers[0]["Authorization"] == f"Bearer {KEY}"
    with pytest.raises(KitError, match=r"HTTP 401: Incorrect API key provided: \*\*\*\): check the key") as caught:
        bridge.predict(rows(2))
    told = "".join(path.read_text(encoding="utf-8") for path in tmp_path.rglob("*") if path.is_file()) + str(caught.value) + repr(bridge) + repr(caught.value.__cause__)
    assert KEY not in told and len(told) > 100


@pytest.mark.parametrize(
    ("made", "match"),
    [
        (lambda: Endpoint("https://api.example.com/v1", key_from=KEY), "key_from must be the NAME of an environment variable that holds the key"),
        (lambda: Endpoint(f"https://me:{KEY}@example.com/v1"), "carries a user, a password or a query"),
        (lambda: Endpoint(f"https://example.com/v1?key={KEY}"), "carries a user, a password or a query"),
        (lambda: Endpoint("example.com/v1"), "must begin with http:// or https:// and name a host"),
    ],
)
def test_a_secret_in_the_wrong_place_is_refused_without_repeating_it(made, match):
    with pytest.raises(KitError, match=match) as caught:
        made()
    assert KEY not in str(caught.value)


def test_without_consent_nothing_leaves_the_machine(tmp_path):
    """Not even a name is looked up: conftest's guard would say so."""
    asked = rows(3, image=("a.png", "b.png"))
    bridge = Remote("http://model.example.com/v1", "m")
    with pytest.raises(KitError, match=r"would send the rows that it is asked to model.example.com, unencrypted \(http\) \(in those given here: 6 pictures, 3 notes, 3 questions with their options\).*consent=\"model.example.com\""):
        bridge.fit(asked, [], tmp_path)
    with pytest.raises(KitError, match="consent="):
        bridge.predict(asked)
    with speaking("ja"), pytest.raises(KitError, match="画像 6 件、メモ 3 件、質問と選択肢 3 件。データがこの機械の外に出て、取り消せません"):
        bridge.fit(asked, [], tmp_path)
    elsewhere = Remote("https://other.example.com/v1", "m", consent="model.example.com")
    with pytest.raises(KitError, match='consent="other.example.com"'):
        elsewhere.fit(asked, [], tmp_path)


@pytest.mark.parametrize(("url", "here"), [("http://127.0.0.1:8000/v1", True), ("http://127.9.9.9/v1", True), ("http://[::1]:8000/v1", True), ("http://localhost/v1", True), ("http://0.0.0.0/v1", False),
                                           ("http://localhost.example.com/v1", False), ("http://127.0.0.1.example.com/v1", False), ("http://192.168.0.4/v1", False)])  # fmt: skip
def test_only_loopback_is_this_machine(url, here):
    assert Endpoint(url).on_this_machine is here


def test_a_redirect_is_not_followed(serve, tmp_path):
    other = serve(lambda body: says("A"))
    server = serve(lambda body: (307, {"Location": f"{other.url}/chat/completions"}, ""))
    with pytest.raises(KitError, match="HTTP 307"):
        Remote(server.url, "m", retries=0).fit([], [], tmp_path)
    assert not other.asked


def test_pixels_and_samples_leave_and_nothing_that_a_phone_wrote_into_the_file(serve, tmp_path):
    exif = Image.Exif()
    exif[0x010F], exif[0x0112], exif[0x8298] = "SecretPhone", 6, "Secret Owner"  # maker, orientation (turn right), copyright
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (20, 30, 3), dtype=np.uint8)).save(tmp_path / "secret name.jpg", exif=exif, comment=b"Secret Comment")
    Image.new("RGB", (1200, 1000), "red").save(tmp_path / "large.jpg", exif=exif)
    soundfile.write(tmp_path / "a.wav", np.sin(np.arange(1600) / 5) / 2, 16000)
    row = rows(1, image=(tmp_path / "secret name.jpg", tmp_path / "large.jpg"), audio=(tmp_path / "a.wav",))[0]
    body = Remote("http://127.0.0.1/v1", "m").body(row)
    media, kinds = [], [part["type"] for part in body["messages"][0]["content"]]
    assert kinds == ["image_url", "image_url", "input_audio", "text"]
    for part in body["messages"][0]["content"][:2]:
        media.append(base64.b64decode(part["image_url"]["url"].split(",")[1]))
    small, large = (Image.open(io.BytesIO(raw)) for raw in media)
    assert small.size == (20, 30) and small.format == "PNG", "turned upright, as its EXIF asked"
    assert large.format == "JPEG" and large.size == (1000, 1200)
    assert not small.getexif() and not large.getexif() and b"ecret" not in b"".join(media) and "secret name" not in json.dumps(body)
    wave, rate = soundfile.read(io.BytesIO(base64.b64decode(body["messages"][0]["content"][2]["input_audio"]["data"])))
    assert rate == 16000 and np.allclose(wave, np.sin(np.arange(1600) / 5) / 2, atol=1e-3)
    black = Remote("http://127.0.0.1/v1", "m").body(row.perturbed("black", {"shown_as": {"image": {"how": "black", "seed": 0}}}))
    shown = Image.open(io.BytesIO(base64.b64decode(black["messages"][0]["content"][0]["image_url"]["url"].split(",")[1])))
    assert not np.asarray(shown).any(), "a perturbed sample is sent as it is shown to a local model"


# ------------------------------------------------------------------------------------------------------------ a real server


@pytest.mark.slow
def test_transformers_serve_answers_for_the_shipped_model(need, colours, tmp_path):
    """It takes no notice of `logprobs` (5.23: a warning in its log), so answers are read: those of the kit's own prompt are right, and words that the tiny model was never taught to follow make no option."""
    need("serve")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    checkpoint = str(ROOT / "sample_data" / "tiny_omni")
    command = [str(Path(sys.executable).parent / "transformers"), "serve", checkpoint, "--device", "cpu", "--host", "127.0.0.1", "--port", str(port)]
    with (tmp_path / "serve.log").open("w") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, env=os.environ | {"HF_HOME": str(tmp_path / "hub")})
        try:
            for _ in range(240):
                try:
                    httpx2.get(f"http://127.0.0.1:{port}/health", timeout=1)
                    break
                except httpx2.TransportError:
                    assert server.poll() is None, (tmp_path / "serve.log").read_text()
                    time.sleep(0.5)
            bridge = Remote(f"http://127.0.0.1:{port}/v1", checkpoint, letters=False, instruction="", concurrency=2, prices=(0, 0))
            bridge.fit([], [], tmp_path / "bridge")
            asked = [sample.replace(text="") for sample in colours[:6]]
            frame = bridge.predict(asked)
            assert bridge.alternatives == 0 and set(frame["scored"]) == {"choice"} and (frame["predicted"] == frame["answer"]).all()
            assert bridge.facts.cost_per_call == 0 and bridge.asked[asked[0].id]["usage"]["prompt_tokens"] > 16, "the picture's tokens are among those that it counts"
            lettered = Remote(bridge.url, checkpoint)
            lettered.fit([], [], tmp_path / "letters")
            assert set(lettered.predict(asked[:2])["scored"]) == {"unreadable"}, "the tiny model does not know letters, and is not taken to have answered"
        finally:
            server.terminate()
            server.wait(30)
