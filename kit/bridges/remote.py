"""A model behind an OpenAI-compatible chat endpoint (vLLM, SGLang, `transformers serve`, a vendor) as one more row of the table.

    Remote("http://127.0.0.1:8000/v1", "Qwen/Qwen3-VL-8B-Instruct", prices=(0, 0))
    Remote("https://api.example.com/v1", "large-1", key_from="EXAMPLE_API_KEY", consent="api.example.com", prices=(2.5, 10.0))

Pictures and sounds are decoded here and sent as plain pixels and samples: what a phone wrote into a file (place, time, names) and the file's name stay. What a photo shows and a voice says goes as it is: blur and
mask first (kit.curation). What a server says about itself is believed: its tokens, its probabilities, which model it is.
"""

import base64
import hashlib
import io
import json
import statistics
import threading
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import soundfile
from PIL import Image

from kit.bridges.bridge import Facts
from kit.bridges.chat_answers import LETTERS, chosen, told_apart
from kit.bridges.endpoint import Endpoint, Unanswered
from kit.data import Sample
from kit.data.collator import shown_media
from kit.data.messages import prompt_messages
from kit.errors import KitError
from kit.evaluation.scoring import prediction, require_options
from kit.language import say
from kit.show import progress

UNANSWERED = ""  # what is predicted where no option could be read; no option is called so
_ALTERNATIVES = (20, 5)  # tokens that a server is asked to list, the most first
_EXACT_PIXELS = 1_000_000  # larger pictures go as JPEG
_RATE = 16_000  # Hz
_INSTRUCTION = {True: "Answer with the letter only.", False: "Answer with one of the options, in its exact words."}


@dataclass
class Remote:
    """See this module. Rows are scored by the server's probabilities where it lists them (`kit.bridges.chat_answers`), by the option that the answer names otherwise.

    A named option has the share 1, which is no probability: calibrate it (late fusion does), or take the column `scored` into account. What cannot be read as one option is predicted as UNANSWERED with even
    shares, and what the server refuses (a filter, a size) is, too: `bridge_table` counts both as wrong, and as looked at by a person in the costs.

    Attributes:
        url, key_from, retries, timeout, wait: see `kit.bridges.endpoint.Endpoint`.
        model: its name there.
        consent: the host that the company agreed to send its rows to, typed out; loopback needs none, since nothing leaves the machine by itself (a gateway there that forwards to a vendor is not seen: name it yourself).
        prices: (of a million tokens read, of a million written), in whatever currency; None: unknown, and so is the cost.
        letters: options are asked as A, B, ... (as the literature does, and for probabilities of one token); False: as their own words, in the kit's own prompt.
        instruction: last line of the prompt; None: the form's own, in English whatever the reader's language, so that answers do not depend on it.
        most: tokens of an answer at most; a model that thinks aloud needs hundreds.
        extra: more fields of the request; None takes one out ({"max_tokens": None, "max_completion_tokens": 500}).
        concurrency: questions on their way at once; `facts.latency` is under that load.
        asked: sample id -> what was sent (digest, media) and answered; also work/answers.jsonl, by which answered rows are never asked, and paid, again.
    """

    url: str
    model: str
    key_from: str = ""
    consent: str = ""
    prices: tuple[float, float] | None = None
    letters: bool = True
    instruction: str | None = None
    most: int = 16
    extra: dict = field(default_factory=dict)
    concurrency: int = 4
    retries: int = 5
    timeout: float = 60.0
    wait: float = 1.0
    name: str = ""
    work: Path | None = field(default=None, init=False)
    alternatives: int = field(default=0, init=False)
    asked: dict[str, dict] = field(default_factory=dict, init=False)
    facts: Facts = field(init=False, default_factory=lambda: Facts(
        cost_per_call=float("nan"),
        audit=say("what was sent (digest), the answer's words and, where given, its probabilities; not what the server did with it", "送信内容のダイジェスト、答えの文面、（あれば）確率。サーバー内部の処理はわかりません"),
        weak=say("data leaves the machine; the model behind the name may change overnight, and an answer may name no option", "データが社外に出ます。同じ名前のモデルが予告なく変わることがあり、選択肢を答えないこともあります"),
    ))  # fmt: skip

    def __post_init__(self):
        self.name = self.name or f"remote ({self.model})"

    def fit(self, train: list[Sample], validation: list[Sample], work: Path) -> None:
        """Nothing is learned: finds out whether the server answers and lists alternatives, by a question that holds nothing of the company's.

        Raises:
            KitError: no consent, no key, no server, or one that does not know the model.
        """
        started, self.work = time.perf_counter(), work
        work.mkdir(parents=True, exist_ok=True)
        self._agreed([*train, *validation])
        self.alternatives = self._listed(self._endpoint())
        self.facts.seconds = time.perf_counter() - started

    def predict(self, samples: list[Sample]) -> pd.DataFrame:
        """The frame of `kit.evaluation.predict`, with `scored` ("logprobs", "choice", "unreadable", "refused") and `open` (see `kit.bridges.chat_answers.Told`; NaN where not scored by probabilities).

        Raises:
            KitError: the server stopped answering: what was answered is kept, and asked again, only the rest is.
        """
        require_options(samples)
        self._agreed(samples)
        for sample in samples:
            if self.letters and len(sample.options) > len(LETTERS):
                raise KitError(say(f"sample {sample.id} has {len(sample.options)} options, more than letters: letters=False asks for their words", f"サンプル {sample.id} の選択肢は {len(sample.options)} 個で文字数を超えます。letters=False にすると言葉で尋ねます"))
        self.asked |= self._asked(samples)
        rows = [self._row(sample, self.asked[sample.id]) for sample in samples]
        self._count()
        return pd.DataFrame(rows, columns=["id", "answer", "predicted", "probabilities", "group", "scored", "open"])

    def body(self, sample: Sample) -> dict:
        """The request for a sample, as JSON: what leaves the machine, whole."""
        pictures, clips, sounds = shown_media(sample)
        pictures += [Image.fromarray(frame) for frames, _ in clips for frame in frames]
        media = [{"type": "image_url", "image_url": {"url": _picture(picture)}} for picture in pictures]
        media += [{"type": "input_audio", "input_audio": {"data": _sound(sound), "format": "wav"}} for sound in sounds]
        if self.letters:
            note = f"Note: {sample.text}\n" if sample.text else ""
            text = f"{note}{sample.question}\n" + "\n".join(f"{letter}: {option}" for letter, option in zip(LETTERS, sample.options, strict=False))
        else:
            text = prompt_messages(sample)[-1]["content"][-1]["text"]
        last = _INSTRUCTION[self.letters] if self.instruction is None else self.instruction
        text = f"{text}\n{last}" if last else text
        return self._request([*media, {"type": "text", "text": text}] if media else text, self.alternatives)

    def _request(self, content: list[dict] | str, alternatives: int) -> dict:
        listed = {"logprobs": True, "top_logprobs": alternatives} if alternatives else {}
        asked = {"model": self.model, "messages": [{"role": "user", "content": content}], "temperature": 0, "max_tokens": self.most} | listed | self.extra
        return {name: value for name, value in asked.items() if value is not None}

    def _endpoint(self) -> Endpoint:
        return Endpoint(self.url, self.key_from, self.retries, self.timeout, self.wait)

    def _agreed(self, samples: list[Sample]) -> None:
        """Raises KitError where rows would leave the machine and nobody agreed to that host."""
        endpoint = self._endpoint()
        if endpoint.on_this_machine or self.consent == endpoint.host:
            return
        sent = {"pictures": (sum(len(s.image) for s in samples), "画像"), "frames of videos": (8 * sum(len(s.video) for s in samples), "動画のコマ"), "sounds": (sum(len(s.audio) for s in samples), "音声"),
                "notes": (sum(bool(s.text) for s in samples), "メモ"), "questions with their options": (len(samples), "質問と選択肢")}  # fmt: skip
        listed = [(count, english, japanese) for english, (count, japanese) in sent.items() if count]
        open_line = endpoint.url.startswith("http://")
        raise KitError(
            say(
                f"bridge {self.name!r} would send the rows that it is asked to {endpoint.host}{', unencrypted (http)' if open_line else ''} (in those given here: "
                f"{', '.join(f'{count} {english}' for count, english, _ in listed)}). Data would leave this machine, and what was sent cannot be called back. If whoever answers for these data agrees, say so by naming the host: consent=\"{endpoint.host}\"",
                f"ブリッジ「{self.name}」は尋ねる行を {endpoint.host} に送信します{'（http のため暗号化なし）' if open_line else ''}。渡された行の内容：{'、'.join(f'{japanese} {count} 件' for count, _, japanese in listed)}。"
                f"データがこの機械の外に出て、取り消せません。データの責任者が同意した場合は、ホスト名を書いて同意を示してください：consent=\"{endpoint.host}\"",
            )
        )

    def _listed(self, endpoint: Endpoint) -> int:
        """How many alternatives the server lists; 0: none."""
        with endpoint.client() as client:
            for alternatives in (*_ALTERNATIVES, 0):
                try:
                    told = endpoint.ask(client, self._request("Answer with the letter A only.", alternatives))
                    return alternatives if (told["choices"][0].get("logprobs") or {}).get("content") else 0
                except Unanswered as error:
                    if not error.refused or not alternatives:
                        raise self._silent(error, "") from error
        return 0

    def _silent(self, error: Unanswered, kept: str) -> KitError:
        way = {401: say("check the key", "キーを確認してください"), 403: say("check the key and what it may do", "キーとその権限を確認してください"), 404: say("check the url (it ends with /v1 mostly) and the model's name", "url（多くは /v1 で終わります）とモデル名を確認してください"),
               0: say("is it running, and is the url right? e.g. vllm serve MODEL, or transformers serve", "起動していますか、url は正しいですか。例：vllm serve MODEL、transformers serve")}  # fmt: skip
        todo = way.get(error.status, say("ask again later", "時間をおいてやり直してください"))
        return KitError(say(f"bridge {self.name!r} got no answer from {self.url} ({error}): {todo}{kept}", f"ブリッジ「{self.name}」：{self.url} から答えがありません（{error}）。{todo}{kept}"))

    def _asked(self, samples: list[Sample]) -> dict[str, dict]:
        """Sample id -> record, of answers that are kept or come now."""
        endpoint, file, stop = self._endpoint(), self.work / "answers.jsonl", threading.Event()
        kept, found, silent = _kept(file), {}, None

        def ask(sample: Sample) -> dict | Unanswered | None:
            if stop.is_set():
                return None
            body = self.body(sample)
            sent = hashlib.sha256(json.dumps([self.url, body], sort_keys=True, ensure_ascii=False).encode()).hexdigest()
            if sent in kept:
                return kept[sent] | {"id": sample.id}
            started = time.perf_counter()
            record = {"id": sample.id, "sent": sent, "host": endpoint.host, "model": self.model, "media": len(body["messages"][0]["content"]) - 1 if isinstance(body["messages"][0]["content"], list) else 0}
            try:
                told = endpoint.ask(client, body, stop.is_set)
            except Unanswered as error:
                if error.refused:
                    return record | {"refused": str(error)}
                stop.set()  # whoever lost its patience with the server spares the others the wait
                return error
            choice = told["choices"][0]
            return record | {"answer": choice["message"].get("content") or "", "ended": choice.get("finish_reason"), "logprobs": _lean(choice.get("logprobs")), "usage": told.get("usage"),
                             "served": told.get("model"), "seconds": time.perf_counter() - started}  # fmt: skip

        with endpoint.client() as client, ThreadPoolExecutor(self.concurrency) as pool, file.open("a", encoding="utf-8") as written:
            try:
                futures = [pool.submit(ask, sample) for sample in samples]
                for future in progress(as_completed(futures), total=len(futures), desc=self.name):
                    record = future.result()
                    if isinstance(record, Unanswered):
                        silent = silent or record
                    elif record:
                        found[record["id"]] = record
                        if "refused" not in record and record["sent"] not in kept:
                            written.write(json.dumps(record, ensure_ascii=False) + "\n")
                            written.flush()
            finally:
                stop.set()  # Ctrl-C waits for the questions on their way, not for the queue
        refused = [record["refused"] for record in found.values() if "refused" in record]
        if refused and len(refused) == len(samples) > 1:
            silent = Unanswered(400, refused[0])
        if silent:
            raise self._silent(silent, say(f"; {len(found) - len(refused)} of {len(samples)} rows are answered and kept in {file}, and are not asked again", f"。{len(samples)} 行のうち {len(found) - len(refused)} 行の答えは {file} に残り、再実行しても尋ね直しません"))
        return found

    def _row(self, sample: Sample, record: dict) -> dict:
        even = dict.fromkeys(sample.options, 1 / len(sample.options))
        if "refused" in record:
            return prediction(sample, even) | {"predicted": UNANSWERED, "scored": "refused", "open": float("nan")}
        named, steps = chosen(record["answer"], sample.options, self.letters), record["logprobs"] or []
        told = told_apart(steps, sample.options, self.letters)
        likeliest = max(told.shares, key=told.shares.get) if told else None
        if told and (named == likeliest or named is None and record["ended"] == "length"):  # words and probabilities that contradict each other: the words count
            return prediction(sample, told.shares) | {"scored": "logprobs", "open": told.open}
        if named is None:
            return prediction(sample, even) | {"predicted": UNANSWERED, "scored": "unreadable", "open": float("nan")}
        return prediction(sample, {option: float(option == named) for option in sample.options}) | {"scored": "choice", "open": float("nan")}

    def _count(self) -> None:
        """Fills the facts from everything that was asked so far."""
        answered = [record for record in self.asked.values() if "refused" not in record]
        self.facts.latency = statistics.median(record["seconds"] for record in answered) if answered else float("nan")
        self.facts.cost_per_call = float(np.mean([self._price(record["usage"]) for record in answered])) if answered else float("nan")
        refused, cut = len(self.asked) - len(answered), sum(record["ended"] == "length" for record in answered)
        self.facts.failed = [say(f"{refused} of {len(self.asked)} rows were refused by the server", f"{len(self.asked)} 行のうち {refused} 行はサーバーが拒否しました")] if refused else []
        if cut and not self.alternatives:
            self.facts.failed.append(say(f"{cut} answers were cut at {self.most} tokens: raise `most`", f"{cut} 件の答えが {self.most} トークンで切れています。most を増やしてください"))

    def _price(self, usage: dict | None) -> float:
        tokens = [(usage or {}).get(name) for name in ("prompt_tokens", "completion_tokens")]
        return float("nan") if self.prices is None or None in tokens else sum(price * count for price, count in zip(self.prices, tokens, strict=True)) / 1e6


def _kept(file: Path) -> dict[str, dict]:
    """Digest of what was sent -> record; a last line that was cut by a crash is not there."""
    kept = {}
    for line in file.read_text(encoding="utf-8").splitlines() if file.is_file() else ():
        try:
            record = json.loads(line)
        except ValueError:
            continue
        kept[record["sent"]] = record
    return kept


def _lean(logprobs: dict | None) -> list[dict] | None:
    """Tokens, their alternatives and log-probabilities, without their bytes."""
    lean = lambda one: {"token": one["token"], "logprob": one["logprob"]}  # noqa: E731  used twice in the next line
    return [lean(step) | {"top_logprobs": [lean(one) for one in step.get("top_logprobs") or []]} for step in (logprobs or {}).get("content") or []] or None


def _picture(picture: Image.Image) -> str:
    """A data URL of the pixels alone: PNG up to a million, beyond that JPEG of quality 95."""
    bare, held = Image.new("RGB", picture.size), io.BytesIO()
    bare.paste(picture)  # whatever else the file held stays behind: EXIF, comments, colour profiles
    kind = "PNG" if bare.width * bare.height <= _EXACT_PIXELS else "JPEG"
    bare.save(held, kind, **({"quality": 95} if kind == "JPEG" else {}))
    return f"data:image/{kind.lower()};base64,{base64.b64encode(held.getvalue()).decode()}"


def _sound(wave: np.ndarray) -> str:
    """A sound (N,) at 16 kHz as WAV of 16 bits, base64."""
    held = io.BytesIO()
    soundfile.write(held, wave, _RATE, format="WAV", subtype="PCM_16")
    return base64.b64encode(held.getvalue()).decode()
