"""The demo as its users meet it: seconds until the page is served and painted, what a question costs more than the same call in the library, how soon Decide follows a slider, and twenty people at once. Writes benchmarks/demo.csv.

    python -m benchmarks.demo             all of it, about eight minutes; five of them are the load test
    python -m benchmarks.demo --only start

Everything runs on one machine, server and visitors, so the figures of a busy one say little; load and processor seconds stand beside them.
"""

import argparse
import csv
import json
import os
import random
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psutil

from benchmarks.machine import write_table
from poc import runs

TABLE = Path(__file__).with_suffix(".csv")
COLUMNS = ("task", "figure", "value", "unit", "limit", "conditions")
CLIENTS, SECONDS, SETTLED = 20, 300.0, 60.0
STARTS = 3
ROUNDS = 30  # questions of the overhead
MOVES = 10  # of a slider
PORT = 7990
_TIMEOUT = httpx.Timeout(180.0)


class Visitor:
    """What a browser's tab does, without the browser: it joins the page's own events by their component, and reads what comes back."""

    def __init__(self, url: str, name: str):
        self.url, self.session = url.rstrip("/"), name
        self.http = httpx.Client(trust_env=False, timeout=_TIMEOUT)
        config = self.http.get(f"{self.url}/config").raise_for_status().json()
        ids = {component["props"].get("elem_id"): component["id"] for component in config["components"]}
        wired: dict[tuple, dict] = {}
        for event in config["dependencies"]:  # the first one of a component does the work, the later ones hush the voice
            for target in event["targets"] if event["backend_fn"] else ():
                wired.setdefault((target[0], target[1]), event)
        shown = [ids["believed-panel"], ids["stop"]]
        (self.believing, *_) = [event["id"] for event in config["dependencies"] if event["outputs"] == shown and event["backend_fn"]]
        self.events = {name: wired[ids[name], event]["id"] for name, event in (("ask", "click"), ("sample", "input"), ("upload", "upload"), ("clear", "click"))}

    def _call(self, event: str, data: list) -> list:
        """The data that the event ends with.

        Raises:
            RuntimeError: the event failed.
        """
        joined = self.http.post(f"{self.url}/gradio_api/queue/join", json={"fn_index": self.events[event], "data": data, "session_hash": self.session})
        joined.raise_for_status()
        with self.http.stream("GET", f"{self.url}/gradio_api/queue/data", params={"session_hash": self.session}) as stream:
            for line in stream.iter_lines():
                said = json.loads(line[5:]) if line.startswith("data:") else {}
                if said.get("msg") == "process_completed":
                    if not said["success"]:
                        raise RuntimeError(f"{event}: {said['output']}")
                    return said["output"]["data"]
                if said.get("msg") == "unexpected_error":
                    raise RuntimeError(f"{event}: {said}")
        raise RuntimeError(f"{event}: the stream ended without an answer")

    def pick(self, sample: str) -> str:
        """Chooses a held-out sample; the HTML of its evidence."""
        return self._call("sample", [None, sample, "en"])[1]

    def bring(self, file: Path) -> str:
        """Uploads a file; the HTML of its evidence."""
        with file.open("rb") as opened:
            (path,) = self.http.post(f"{self.url}/gradio_api/upload", files={"files": (file.name, opened)}).raise_for_status().json()
        return self._call("upload", [None, [{"path": path, "orig_name": file.name, "meta": {"_type": "gradio.FileData"}}], "en"])[1]

    def believe(self, seconds: float) -> None:
        """What a page does after an answer: it waits for which evidence was believed, here for so long, and goes."""
        self.http.post(f"{self.url}/gradio_api/queue/join", json={"fn_index": self.believing, "data": [None, "en"], "session_hash": self.session}).raise_for_status()
        until = time.monotonic() + seconds
        try:
            with self.http.stream("GET", f"{self.url}/gradio_api/queue/data", params={"session_hash": self.session}, timeout=max(seconds, 0.05)) as stream:
                for line in stream.iter_lines():
                    if time.monotonic() >= until or '"process_completed"' in line:
                        return
        except httpx.ReadTimeout:
            pass

    def ask(self, note: str = "") -> dict[str, tuple[str, ...]]:
        """{"base", "tuned": (answer, shares as shown ...)} as the page shows them.

        Raises:
            RuntimeError: the page shows something else than an answer.
        """
        page = self._call("ask", [None, note, "en"])[1]
        shown = {arm: tuple(re.findall(rf'id="{arm}-answer".*?</article>', page, re.S)) for arm in ("base", "tuned")}
        if not all(shown.values()):
            raise RuntimeError(f"no answer on the page: {str(page)[:300]}")
        return {arm: (re.search(r'class="said"><b>(.*?)</b>', html)[1], *re.findall(r'class="share">(.*?)<', html)) for arm, (html,) in shown.items()}


@dataclass
class Load:
    """What a load test saw: seconds of each answer, what went wrong, and the server's memory in MB by seconds since it began."""

    seconds: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    strangers: list[str] = field(default_factory=list)
    memory: list[tuple[float, float]] = field(default_factory=list)

    def growth(self, settled: float = SETTLED) -> float:
        """MB more at the end than once it had settled, each as the median of ten looks."""
        later = [mb for at, mb in self.memory if at >= settled]
        return statistics.median(later[-10:]) - statistics.median(later[:10])


def load(url: str, server: psutil.Process, samples: list[str], own: list[Path], seconds: float, clients: int = CLIENTS, looking: bool = True) -> Load:
    """`clients` visitors who choose, ask and read for so long, each with pauses of up to a second, in which their page asks which evidence was believed (with `looking`); every fourth brings own evidence. What each is told must be what was told when nobody else was there."""
    expected = {}
    for sample in samples:
        alone = Visitor(url, f"alone {sample}")  # one for each: so many questions in a row are not taken from one page
        alone.pick(sample)
        expected[sample] = alone.ask()
    alone = Visitor(url, "alone")
    for file in own:
        alone._call("clear", [None, "en"])
        alone.bring(file)
        expected[file] = alone.ask()
    found, over = Load(), threading.Event()

    def visit(number: int) -> None:
        draws, visitor = random.Random(number), Visitor(url, f"visitor{number}")
        while not over.is_set():
            what = draws.choice(own if own and number % 4 == 0 else samples)
            began = time.perf_counter()
            try:
                if isinstance(what, Path):
                    visitor._call("clear", [None, "en"])
                    visitor.bring(what)
                elif f'data-sample="{what}"' not in str(seen := visitor.pick(what)):
                    found.strangers.append(f"visitor {number} chose {what} and sees {str(seen)[:80]}")
                told = visitor.ask()
                if told != expected[what]:
                    found.strangers.append(f"visitor {number} asked about {what} and was told {told} instead of {expected[what]}")
                found.seconds.append(time.perf_counter() - began)
            except Exception as error:  # counted, whatever it is
                found.errors.append(f"visitor {number}: {type(error).__name__} {error}"[:300])
            pause, began = draws.uniform(0, 1), time.monotonic()
            if looking:
                try:
                    visitor.believe(pause)
                except Exception as error:  # counted, whatever it is
                    found.errors.append(f"visitor {number}, after the answer: {type(error).__name__} {error}"[:300])
            over.wait(max(0.0, pause - (time.monotonic() - began)))

    crowd = [threading.Thread(target=visit, args=(number,), daemon=True) for number in range(clients)]
    began = time.monotonic()
    for one in crowd:
        one.start()
    while (at := time.monotonic() - began) < seconds:
        found.memory.append((at, server.memory_info().rss / 2**20))
        time.sleep(1.0)
    over.set()
    for one in crowd:
        one.join(120)
    return found


@contextmanager
def served(run: Path, port: int = PORT, *options: str) -> Iterator[tuple[str, psutil.Process, float]]:
    """(address, process, seconds until the page was served) of `poc demo RUN` in a process of its own."""
    environment = os.environ | {"POC_LANGUAGE": "en", "PYTHONPATH": str(Path(__file__).parents[1])}
    began, url = time.monotonic(), f"http://127.0.0.1:{port}"
    process = subprocess.Popen([sys.executable, "-P", "-m", "poc", "demo", str(run), "--port", str(port), *options], env=environment, stdout=subprocess.DEVNULL)
    try:
        while True:
            if process.poll() is not None:
                raise RuntimeError(f"poc demo ended with {process.returncode}")
            try:
                if httpx.get(url, trust_env=False, timeout=5).status_code == 200:
                    break
            except httpx.TransportError:
                time.sleep(0.05)
        yield url, psutil.Process(process.pid), time.monotonic() - began
    finally:
        process.terminate()
        process.wait(30)


def status(url: str) -> dict:
    """What /status says."""
    with httpx.Client(trust_env=False, timeout=_TIMEOUT) as http:
        event = http.post(f"{url}/gradio_api/call/status", json={"data": []}).raise_for_status().json()["event_id"]
        told = http.get(f"{url}/gradio_api/call/status/{event}").raise_for_status().text
    return json.loads(re.search(r"^data: (.*)$", told, re.M)[1])[0]


def until_loaded(url: str, seconds: float = 300.0) -> float:
    """Seconds from now until the model answers.

    Raises:
        RuntimeError: it does not come.
    """
    began = time.monotonic()
    while (told := status(url))["loading"]:
        if time.monotonic() - began > seconds:
            raise RuntimeError("the model did not come")
        time.sleep(0.5)
    if told["recorded"]:
        raise RuntimeError(f"no model: {told['reason']}")
    return time.monotonic() - began


def paint(url: str, chromium: str) -> tuple[float, float]:
    """(seconds from asking for the page to its first painted content, to the button that wakes up when the page listens) in headless Chromium with an empty cache."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        began = time.monotonic()
        page.goto(url)
        page.locator("#tour-next:enabled").wait_for(timeout=60_000)
        awake = time.monotonic() - began
        first = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime") / 1000
        browser.close()
    return first, awake


def overhead(run: Path, rounds: int = ROUNDS) -> dict[str, float]:
    """Median seconds of one question in the library, through the page's events and through the HTTP interface, asked in turn of the same loaded model; the samples' first questions do not count."""
    from gradio_client import Client

    from poc import demo

    pair = demo.load_pair(run)
    samples = list(demo.open_exhibit(run).samples.values())[: rounds // 3]
    app = demo.launch(run, wait=False, source=pair)
    taken: dict[str, list[float]] = {"library": [], "page": [], "interface": []}
    try:
        client, visitor = Client(app.local_url, verbose=False), Visitor(app.local_url, "overhead")
        ways = {"library": pair.answer, "page": lambda sample: visitor.ask(), "interface": lambda sample: client.predict(sample_id=sample.id, api_name="/answer")}
        for turn in range(rounds + 3):
            sample = samples[turn % len(samples)]
            visitor.pick(sample.id)
            for name, way in ways.items():
                began = time.perf_counter()
                way(sample)
                taken[name].append(time.perf_counter() - began)
            time.sleep(1.0)  # a client may ask sixty questions a minute
    finally:
        app.close()
    return {name: statistics.median(seconds[3:]) for name, seconds in taken.items()}


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of the load test")
    parser.add_argument("--only", choices=TASKS, help="measure this one, and keep the table's other rows")
    parser.add_argument("--out", type=Path, default=TABLE)
    given = parser.parse_args(arguments)
    kept = list(csv.DictReader(given.out.open(encoding="utf-8"))) if given.only and given.out.exists() else []
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        run = Path(shutil.copytree(runs.EXAMPLE, Path(folder) / "run", ignore=shutil.ignore_patterns("operations")))  # a copy, since its audit log grows
        for task, measure in TASKS.items():
            rows += [row for row in kept if row["task"] == task] if given.only not in (None, task) else measure(run, given.seconds)
    write_table(given.out, COLUMNS, rows)


def _chromium() -> str | None:
    return next((path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None)


def _row(task: str, figure: str, value: float, unit: str, limit: str = "", conditions: str = "") -> dict:
    busy = f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
    return dict(zip(COLUMNS, (task, figure, f"{value:.3g}" if unit == "s" else f"{value:.0f}", unit, limit, f"{conditions}; {busy}" if conditions else busy), strict=True))


def starts(run: Path, _: float) -> list[dict]:
    """The page and the model of a fresh process; the quickest of STARTS, since a busy machine can only be slower."""
    chromium, seen = _chromium(), []
    for turn in range(STARTS):
        with served(run) as (url, server, start):
            times = server.cpu_times()
            first, awake = paint(url, chromium) if chromium else (float("nan"), float("nan"))
            seen.append((start, times.user + times.system, first, awake, until_loaded(url) if turn == STARTS - 1 else None))
    start, work = min((one[0], one[1]) for one in seen)
    quickest, range_of = f"quickest of {STARTS}", f"slowest {max(one[0] for one in seen):.3g} s, {work:.1f} processor seconds by then"
    rows = [_row("start", "page served after the command", start, "s", "12", f"{quickest}, {range_of}")]
    if chromium:
        rows.append(_row("start", "first painted content after asking for the page", min(one[2] for one in seen), "s", "1", f"{quickest}, slowest {max(one[2] for one in seen):.3g} s; Chromium, empty cache, 1280 x 900"))
        rows.append(_row("start", "page listens after asking for it", min(one[3] for one in seen), "s", "", quickest))
    return [*rows, _row("start", "model loaded, after the page", seen[-1][4], "s", "", "tiny_omni with its adapter, once")]


def crowd(run: Path, seconds: float) -> list[dict]:
    """Twenty visitors of a process of its own."""
    with served(run) as (url, server, _):
        until_loaded(url)
        found = load(url, server, [sample["id"] for sample in held_out(url)][:24], photos(run.parent), seconds)
    conditions = f"{CLIENTS} visitors for {seconds:.0f} s on loopback"
    rows = [
        _row("load", "answers", len(found.seconds), "answers", "", conditions), _row("load", "errors", len(found.errors), "errors", "0", conditions),
        _row("load", "answers to somebody else's question", len(found.strangers), "answers", "0", conditions),
        _row("load", "median of choosing and asking", statistics.median(found.seconds), "s", "", conditions),
        _row("load", "95th percentile of it", sorted(found.seconds)[int(0.95 * len(found.seconds))], "s", "", conditions),
        _row("load", "server's memory at the end", found.memory[-1][1], "MB", "", conditions),
    ]  # fmt: skip
    return rows + ([_row("load", "growth of the server's memory after the first minute", found.growth(), "MB", "50", conditions)] if seconds > 2 * SETTLED else [])


def costs(run: Path, _: float) -> list[dict]:
    """What the demo takes more than the library."""
    taken = overhead(run)
    return [
        _row("overhead", "one question in the library", taken["library"], "s", "", f"median of {ROUNDS}, base and tuned"),
        _row("overhead", "page more than the library", taken["page"] - taken["library"], "s", "0.25"),
        _row("overhead", "HTTP interface more than the library", taken["interface"] - taken["library"], "s", "0.25"),
    ]


# a position of the slider, as a hand leaves it there -> milliseconds until the page says what it comes to; both times are the browser's
MOVED = """async (position) => {
  const bar = document.querySelector("#yen-threshold input[type=range]"), before = document.querySelector("#yen-here").innerText, began = performance.now();
  bar.value = position;
  for (const name of ["input", "change"]) bar.dispatchEvent(new Event(name, { bubbles: true }));
  bar.dispatchEvent(new PointerEvent("pointerup", { bubbles: true }));
  while (document.querySelector("#yen-here").innerText === before) {
    if (performance.now() - began > 20000) throw new Error("the verdict does not follow");
    await new Promise((next) => requestAnimationFrame(next));
  }
  return performance.now() - began;
}"""


def decides(run: Path, _: float) -> list[dict]:
    """From a slider's move to the new verdict on the page; [] where there is no Chromium."""
    from playwright.sync_api import sync_playwright

    chromium = _chromium()
    if not chromium:
        return []
    with served(run) as (url, _, _), sync_playwright() as playwright:
        until_loaded(url)
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        began = time.monotonic()
        page.goto(f"{url}?mode=decide")
        page.locator("#yen-verdict").wait_for(timeout=60_000)
        opened = time.monotonic() - began
        page.wait_for_timeout(2000)
        taken = []
        for turn in range(MOVES):
            taken.append(page.evaluate(MOVED, f"{0.05 + 0.08 * turn:.2f}") / 1000)
            page.wait_for_timeout(300)
        browser.close()
    return [
        _row("decide", "Decide with its first verdict after asking for the page", opened, "s", "", "once; Chromium, 1280 x 900"),
        _row("decide", "new verdict and curve after a slider's move", statistics.median(taken), "s", "1", f"median of {MOVES}, slowest {max(taken):.3g} s; Chromium, 1280 x 900"),
    ]


TASKS = {"start": starts, "load": crowd, "overhead": costs, "decide": decides}


def held_out(url: str) -> list[dict]:
    """What /samples says."""
    from gradio_client import Client

    return Client(url, verbose=False).predict(api_name="/samples")


def photos(folder: Path, count: int = 4) -> list[Path]:
    """Photos of a visitor's own, of different sizes: families that keep positions on the model would answer with the last one's."""
    import numpy as np
    from PIL import Image

    rng, made = np.random.default_rng(0), []
    for number in range(count):
        path = folder / f"own{number}.png"
        Image.fromarray(rng.integers(0, 255, (112 + 56 * number, 224 - 28 * number, 3), dtype=np.uint8)).save(path)
        made.append(path)
    return made


if __name__ == "__main__":
    main()
