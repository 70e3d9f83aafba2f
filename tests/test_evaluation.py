"""Option scoring, metrics by hand, intervals, baselines."""

import numpy as np
import pandas as pd
import pytest
import soundfile
import torch

from kit.data import Sample
from kit.data.collator import Collator
from kit.errors import KitError
from kit.evaluation import (
    cheap_model,
    compare,
    copy_note,
    cost_matrix,
    evaluate,
    majority,
    option_scores,
    predict,
)
from kit.evaluation.scoring import answer_losses


def frame(truth, predicted, group=None):
    return pd.DataFrame({"id": map(str, range(len(truth))), "answer": truth, "predicted": predicted, "group": group or [""] * len(truth)})


def test_scores_are_the_log_likelihoods_of_one_forward_per_option(tiny, colours):
    """Batches of different length, shared prompts, left padding: none of it may move a score."""
    samples = [colours[0], colours[1], colours[3]]  # with and without a note: the prompts differ in length
    collate = Collator(tiny.processor)
    for sample, scores in zip(samples, option_scores(tiny, samples, batch_size=3), strict=True):
        for option, score in zip(sample.options, scores, strict=True):
            batch = collate([sample.replace(answer=option)])
            with torch.no_grad():
                logits = tiny.model(**{k: v for k, v in batch.items() if k != "labels"}).logits[0].log_softmax(-1)
            where = (batch["labels"][0] != -100).nonzero()[:, 0]
            expected = logits[where - 1].gather(1, batch["labels"][0][where][:, None]).sum()
            assert score == pytest.approx(float(expected), abs=1e-3)


def test_an_option_that_is_a_prefix_of_another_is_told_apart(tiny, colours):
    sample = colours[0].replace(options=("red", "red brown"), answer="red")
    assert Collator(tiny.processor).answer_ids("red")[-1] == tiny.processor.tokenizer.eos_token_id
    assert len(set(option_scores(tiny, [sample])[0].tolist())) == 2


def test_scores_do_not_depend_on_the_company_of_a_batch(tiny, colours):
    alone = [option_scores(tiny, [s])[0] for s in colours[:4]]
    together = option_scores(tiny, colours[:4], batch_size=4)
    assert np.allclose(alone, together, atol=1e-3)


def test_the_mean_per_token_is_a_named_alternative(tiny, colours):
    total, mean = (option_scores(tiny, colours[:1], normalise=name)[0] for name in ("sum", "mean"))
    lengths = [len(Collator(tiny.processor).answer_ids(option)) for option in colours[0].options]
    assert np.allclose(total / lengths, mean)
    with pytest.raises(KitError, match="normalise is 'median'; allowed: sum, mean"):
        option_scores(tiny, colours[:1], normalise="median")


def test_a_question_without_options_is_refused_by_name(tiny, colours):
    with pytest.raises(KitError, match="sample s0_000 has 0 options; .*poc.yaml"):
        predict(tiny, [colours[0].replace(options=(), answer="")])


def test_answer_losses_agree_with_the_scores(tiny, colours):
    losses, scores = answer_losses(tiny, colours[:3]), option_scores(tiny, colours[:3])
    expected = [-s[sample.options.index(sample.answer)] for sample, s in zip(colours[:3], scores, strict=True)]
    assert np.allclose(losses, expected, atol=1e-3)


def test_metrics_match_a_hand_worked_table():
    measured = evaluate(frame(list("aaabbc"), list("aabbbc")), ["a", "b", "c"])
    assert measured["accuracy"]["value"] == pytest.approx(5 / 6)
    assert measured["macro_recall"]["value"] == pytest.approx((2 / 3 + 1 + 1) / 3)
    assert measured["macro_f1"]["value"] == pytest.approx((4 / 5 + 4 / 5 + 1) / 3)
    assert measured["confusion"]["counts"] == [[2, 1, 0], [0, 2, 0], [0, 0, 1]]
    assert measured["per_class"]["a"] == {"recall": pytest.approx(2 / 3), "precision": 1.0, "n": 3}


def test_cost_per_thousand_is_reweighted_to_the_prevalence():
    costs = {"miss": 8000, "false_alarm": 500, "ok_answer": "ok"}
    truth, said = ["ok"] * 4 + ["bad"] * 4, ["ok", "ok", "ok", "bad", "bad", "bad", "bad", "ok"]
    # P(alarm | ok) = 1/4, P(miss | bad) = 1/4; at 2 % bad: 1000 x (0.98 x 0.25 x 500 + 0.02 x 0.25 x 8000)
    measured = evaluate(frame(truth, said), ["ok", "bad"], costs, {"ok": 0.98, "bad": 0.02})
    assert measured["cost_per_1000"]["value"] == pytest.approx(1000 * (0.98 * 0.25 * 500 + 0.02 * 0.25 * 8000))
    assert evaluate(frame(truth, said), ["ok", "bad"])["cost_per_1000"] is None


def test_one_fault_taken_for_another_costs_nothing_unless_a_matrix_says_so():
    labels = ["ok", "dent", "crack"]
    assert cost_matrix(labels, {"miss": 9, "false_alarm": 2, "ok_answer": "ok"}).tolist() == [[0, 2, 2], [9, 0, 0], [9, 0, 0]]
    assert cost_matrix(labels, {"matrix": {"crack": {"dent": 5}}}).tolist() == [[0, 0, 0], [0, 0, 0], [0, 5, 0]]


def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    rng, covered = np.random.default_rng(0), 0
    for trial in range(100):
        right = rng.random(150) < 0.8
        measured = evaluate(frame(["a"] * 150, np.where(right, "a", "b").tolist()), ["a", "b"], seed=trial, resamples=400)["accuracy"]
        covered += measured["low"] <= 0.8 <= measured["high"]
    assert 88 <= covered <= 100


def test_rows_of_one_lot_are_resampled_together():
    groups = [f"lot{i // 10}" for i in range(200)]
    said = ["a" if int(g[3:]) % 2 else "b" for g in groups]  # whole lots right or wrong
    lots = evaluate(frame(["a"] * 200, said, groups), ["a", "b"])
    rows = evaluate(frame(["a"] * 200, said), ["a", "b"])
    assert lots["resampled"] == "group" and rows["resampled"] == "sample"
    width = {name: m["accuracy"]["high"] - m["accuracy"]["low"] for name, m in (("lots", lots), ("rows", rows))}
    assert width["lots"] > 2 * width["rows"]


def test_a_paired_difference_is_narrower_than_two_separate_intervals():
    rng = np.random.default_rng(0)
    truth = ["a"] * 300
    hard = rng.random(300) < 0.4  # both fail on the same hard rows
    a = frame(truth, np.where(hard, "b", "a").tolist())
    b = frame(truth, np.where(hard | (np.arange(300) < 9), "b", "a").tolist())
    difference = compare(a, b, ["a", "b"], "accuracy")
    alone = evaluate(a, ["a", "b"])["accuracy"]
    assert difference["low"] > 0
    assert difference["high"] - difference["low"] < (alone["high"] - alone["low"]) / 2


def test_a_paired_difference_needs_the_same_rows():
    with pytest.raises(ValueError, match="same rows"):
        compare(frame(["a"], ["a"]), frame(["a", "b"], ["a", "b"]), ["a", "b"], "accuracy")


def test_majority_and_note_baselines_answer_as_they_should(colours):
    train, test = colours[:30], colours[30:]
    noted = [s for s in test if s.text]
    assert set(majority(train + [colours[0].replace(id="more")], test)["predicted"]) == {"red"}
    answers = copy_note(train + noted, test).set_index("id")
    assert (answers.loc[[s.id for s in noted], "predicted"] == answers.loc[[s.id for s in noted], "answer"]).all()


def test_the_cheap_model_learns_colours_and_speaks_in_probabilities(colours):
    answers = cheap_model(colours[:30], colours[30:])
    assert (answers["predicted"] == answers["answer"]).mean() > 0.9
    assert all(sum(p.values()) == pytest.approx(1, abs=1e-6) for p in answers["probabilities"])


def test_the_cheap_model_copes_with_a_voice_memo_that_only_some_rows_have(colours, tmp_path):
    soundfile.write(tmp_path / "memo.wav", np.random.default_rng(0).normal(0, 0.1, 8000), 16000)
    mixed = [s.replace(audio=(tmp_path / "memo.wav",)) if i % 4 == 0 else s for i, s in enumerate(colours)]
    answers = cheap_model(mixed[:30], mixed[30:])
    assert (answers["predicted"] == answers["answer"]).mean() > 0.9


def test_baselines_answer_each_question_with_its_own_options(colours):
    other = [Sample(f"n{i}", "What is next?", ("wait", "buy"), "buy", text="hello") for i in range(4)]
    answers = majority([*colours[:30], *other], [colours[31], other[0]])
    assert list(answers["predicted"])[1] == "buy" and set(answers["probabilities"][1]) == {"wait", "buy"}


def test_scoring_that_does_not_fit_into_memory_is_halved_and_says_when_one_row_does_not_fit(tiny, colours, monkeypatch):
    from kit.evaluation import scoring

    expected, whole, most = option_scores(tiny, colours[:9]), scoring.read_prompt, []

    def short_of_memory(model, batch):
        if len(batch["input_ids"]) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        most.append(len(batch["input_ids"]))
        return whole(model, batch)

    monkeypatch.setattr(scoring, "read_prompt", short_of_memory)
    for one, other in zip(option_scores(tiny, colours[:9]), expected, strict=True):
        assert one == pytest.approx(other, abs=1e-4)
    assert max(most) == 2 and sum(most) == 9

    def none_left(model, batch):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(scoring, "read_prompt", none_left)
    with pytest.raises(KitError, match=f"sample {colours[0].id} alone does not fit.*4-bit"):
        option_scores(tiny, colours[:1])
