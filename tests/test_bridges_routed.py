"""A router asks another bridge only where validation rows say surely that it is better; a specialist sees one modality."""

import json

import numpy as np
import pandas as pd
import pytest

from kit.bridges import Facts, Routed, Specialist, kind_of
from kit.bridges.routed import found_routes
from kit.data import Sample
from kit.errors import KitError
from kit.language import speaking

OPTIONS = ("a", "b")


def answers(hits: list[bool]) -> pd.DataFrame:
    truth = [OPTIONS[number % 2] for number in range(len(hits))]
    said = [answer if hit else OPTIONS[1 - OPTIONS.index(answer)] for answer, hit in zip(truth, hits, strict=True)]
    shares = [{option: float(option == answer) for option in OPTIONS} for answer in said]
    return pd.DataFrame({"id": [f"r{number}" for number in range(len(hits))], "answer": truth, "predicted": said, "probabilities": shares, "group": [f"g{number}" for number in range(len(hits))]})


def test_only_where_it_is_surely_better_another_bridge_is_asked():
    """Kind x: 30 against 15 of 30; kind y: one row better, which is chance; kind z: far better on rows too few to say; kind w: worse."""
    kinds = ["x"] * 30 + ["y"] * 30 + ["z"] * 5 + ["w"] * 30
    first = answers([True] * 15 + [False] * 15 + [True] * 29 + [False] + [False] * 5 + [True] * 30)
    other = answers([True] * 30 + [True] * 30 + [True] * 5 + [False] * 15 + [True] * 15)
    routes = found_routes({"first": first, "other": other}, kinds)
    assert {kind: route["asked"] for kind, route in routes.items()} == {"x": "other", "y": "first", "z": "first", "w": "first"}
    assert routes["x"]["against_first"]["other"]["value"] == pytest.approx(0.5) and routes["x"]["n"] == 30
    assert routes["z"] == {"asked": "first", "n": 5, "against_first": {}}, "five rows decide nothing, however they look"
    assert found_routes({"first": first, "other": other}, kinds, fewest=5)["z"]["asked"] == "other"


def test_of_several_better_ones_the_best_is_asked_and_many_kinds_need_more_proof():
    first, good, best = answers([False] * 40), answers([True] * 20 + [False] * 20), answers([True] * 30 + [False] * 10)
    assert found_routes({"first": first, "good": good, "best": best}, ["x"] * 40)["x"]["asked"] == "best"
    edge, none = answers([True] * 5 + [False] * 15), answers([False] * 20)
    assert found_routes({"first": none, "edge": edge}, ["x"] * 20)["x"]["asked"] == "edge", "5 of 20 rows better and none worse: alone, that is enough"
    many = {name: pd.concat([frame] * 12, ignore_index=True).assign(id=[f"r{row}" for row in range(240)]) for name, frame in {"first": none, "edge": edge}.items()}
    assert {route["asked"] for route in found_routes(many, [f"kind {row // 20}" for row in range(240)]).values()} == {"first"}, "asked for twelve kinds at once, it is not"


class Fixed:
    """A bridge that gives an answer per row's text: always right where it says so."""

    __hash__ = None  # as of a dataclass

    def __init__(self, name: str, right: str, trained: int, price: float = 0.0):
        self.name, self.right, self.price = name, right, price
        self.facts = Facts(trained=trained, rows=4, cost_per_call=price, tokens=10.0)
        self.seen: list[str] = []

    def fit(self, train, validation, work):
        if self.name == "absent":
            raise KitError("no such tool")

    def predict(self, samples):
        self.seen += [sample.id for sample in samples]
        said = [sample.answer if self.right in sample.text else next(option for option in OPTIONS if option != sample.answer) for sample in samples]
        shares = [{option: float(option == answer) for option in OPTIONS} for answer in said]
        return pd.DataFrame({"id": [s.id for s in samples], "answer": [s.answer for s in samples], "predicted": said, "probabilities": shares, "group": [s.group for s in samples]})


def rows_of(split: str, pictures: int, notes: int) -> list[Sample]:
    """Rows with a picture are of one kind, those without of another."""
    return [
        Sample(f"{split}{n}", "Which?", OPTIONS, OPTIONS[n % 2], image=("p.png",) if n < pictures else (), text="picture" if n < pictures else "note", group=f"{split}{n}") for n in range(pictures + notes)
    ]


def test_each_row_is_asked_once_of_the_bridge_of_its_kind_and_that_is_kept(tmp_path):
    wide, narrow = Fixed("wide", "note", 1000, 0.5), Fixed("narrow", "picture", 10)
    routed = Routed([Fixed("absent", "", 1), wide, narrow])
    routed.fit([], rows_of("v", 30, 30), tmp_path / "routed")
    assert routed.facts.failed == ["no such tool"] and routed.facts.trained == 1010
    assert routed.facts.cost_per_call == pytest.approx(0.25), "half of the rows are paid for"
    wide.seen.clear(), narrow.seen.clear()
    asked = rows_of("t", 3, 2)[::-1]
    frame = routed.predict(asked)
    assert frame["id"].tolist() == [sample.id for sample in asked] and (frame["predicted"] == frame["answer"]).all()
    assert frame["asked"].tolist() == ["wide", "wide", "narrow", "narrow", "narrow"] and sorted(wide.seen + narrow.seen) == [f"t{n}" for n in range(5)]
    kept = [json.loads(line) for line in (tmp_path / "routed" / "routed.jsonl").read_text(encoding="utf-8").splitlines()]
    assert kept[0] == {"id": "t4", "kind": "Which? | text", "asked": "wide"}
    assert json.loads((tmp_path / "routed" / "routes.json").read_text(encoding="utf-8"))["Which? | text+image"]["asked"] == "narrow"
    unknown = rows_of("u", 1, 0)[0].replace(question="Another?")
    assert routed.predict([unknown])["asked"].tolist() == ["wide"], "a kind without validation rows goes to the first bridge that works"


def test_a_bridge_that_no_kind_asks_costs_nothing(tmp_path):
    routed = Routed([Fixed("wide", "", 1000), Fixed("idle", "nothing", 10, float("nan"))])
    routed.fit([], rows_of("v", 25, 0), tmp_path)
    assert routed.facts.trained == 1000 and routed.facts.cost_per_call == 0


def test_kinds_tell_questions_evidence_and_scenarios_apart():
    row = rows_of("r", 1, 0)[0]
    assert kind_of(row) == "Which? | text+image" and kind_of(row.without("text")) == "Which? | image | without text"


def test_a_router_alone_is_refused(tmp_path):
    with pytest.raises(KitError, match=r"routed needs two bridges that work here: no such tool"):
        Routed([Fixed("absent", "", 1), Fixed("wide", "", 1)]).fit([], rows_of("v", 4, 0), tmp_path)
    with speaking("ja"), pytest.raises(KitError, match="使えるのは accuracy、macro_recall、macro_f1 です"):
        Routed([], kpi="luck").fit([], [], tmp_path)


def test_a_specialist_of_pictures_learns_colours_and_is_blind_to_notes(colours, tmp_path):
    bare = [sample.replace(text="") for sample in colours]
    eye = Specialist("image", "tiny_omni", device="cpu")
    eye.fit(bare[:36], [], tmp_path)
    frame = eye.predict(bare[48:])
    assert (frame["predicted"] == frame["answer"]).mean() > 0.9 and frame.columns.tolist() == ["id", "answer", "predicted", "probabilities", "group"]
    assert eye.predict([sample.replace(text="looks blue") for sample in bare[48:]]).equals(frame), "what is written beside a picture changes nothing"
    assert eye.facts.trained > 3 and eye.facts.trained % 3 == 0 and eye.facts.rows == 36 and eye.facts.updates == 0
    blind = eye.predict([bare[0].replace(image=(), text="looks red"), bare[1].replace(question="Another?")])
    shares = {name: np.mean([sample.answer == name for sample in bare[:36]]) for name in bare[0].options}
    assert blind["probabilities"][0] == pytest.approx(shares), "without a picture: the shares of the training answers"
    assert set(blind["probabilities"][1].values()) == {1 / 3}, "a question that it never learned: it knows nothing"
    with pytest.raises(KitError, match=r"'specialist \(audio\)' needs labelled training rows that have audio and two different answers to a question; of 36 labelled rows, 0 have audio"):
        Specialist("audio", "tiny_omni", device="cpu").fit(bare[:36], [], tmp_path)
    with pytest.raises(ValueError, match="a specialist of 'smell'"):
        Specialist("smell", "tiny_omni")
