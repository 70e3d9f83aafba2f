"""The same functions over HTTP, for programs. Every answer goes the way of the page's answers: line, limits, audit log.

    from gradio_client import Client, handle_file
    demo = Client("http://127.0.0.1:7860")                                     # auth=("name", "password") where `poc demo --users` was given
    demo.predict(api_name="/status")                                           # is the model there yet?
    demo.predict(api_name="/samples")                                          # ids of the held-out samples
    demo.predict(sample_id="L2617-054", api_name="/answer")                    # about one of them
    demo.predict(files=[handle_file("part.jpg")], note="", api_name="/answer") # about one's own evidence
    demo.predict(sample_id="L2617-054", explain=True, api_name="/answer")["believed"]      # and which evidence the tuned answer believed; takes seconds more, while nobody else asks

Without Python: POST /gradio_api/call/answer with {"data": [sample_id, files, note, question, explain]} gives an event_id, and GET /gradio_api/call/answer/<event_id> its result; /gradio_api/info describes all of it.
"""

import logging

import gradio as gr

from kit.data import Sample
from kit.errors import KitError
from kit.language import current
from kit.operations.audit_record import Record
from poc.demo import believed_words as b
from poc.demo import words as w
from poc.demo.answer import Answer
from poc.demo.counter import NOBODY
from poc.demo.ledger import Visitor
from poc.demo.uploads import own_sample
from poc.demo.visit import Desk


def visitor_of(request: gr.Request | None) -> Visitor:
    """Who asks."""
    if request is None:
        return NOBODY
    return Visitor(request.username or "", request.client.host if request.client else "", request.session_hash or "")


def add_interface(desk: Desk, waiting: int) -> None:
    """Adds /answer, /samples and /status to the app that is being built. Hidden components, so that Gradio checks the files that a client sends.

    Args:
        waiting: handlers that may wait for an answer at the same time.
    """

    def answer(sample_id: str = "", files: list[str] | None = None, note: str = "", question: str = "", explain: bool = False, request: gr.Request | None = None) -> dict:
        """Base and tuned answer about a held-out sample, or about one's own files and note.

        Args:
            sample_id: id of a held-out sample; "" for own evidence.
            files: photos, sounds, videos; as many of each as the use case's samples have.
            note: text evidence.
            question: one of the use case's; "" for its first.
            explain: which evidence the tuned answer believed, too. It comes after the questions of others, so this takes longer, or says why there is none; the answer comes in any case.
        """
        visitor = visitor_of(request)
        try:
            return reply(desk, sample_id, files, note, question, visitor, explain)
        except w.Refusal as no:
            raise gr.Error(no.text[current()], print_exception=False) from no
        except (KitError, OSError, ValueError, RuntimeError) as error:
            logging.getLogger(__name__).exception("no answer")  # it may name folders of this machine: for the terminal
            raise gr.Error(w.FAILED[current()], print_exception=False) from error
        finally:
            for file in files or []:
                desk.belongings.drop(visitor.page, file)

    def samples() -> list[dict]:
        """The held-out samples: id, question, options and kinds of evidence of each. Their true answers come with the model's."""
        return [{"id": one.id, "question": one.question, "options": list(one.options), "evidence": list(one.modalities)} for one in desk.exhibit.samples.values()]

    def status() -> dict:
        """Whether the model answers, or the answers are those that were recorded when the run was made, and why; how many questions wait."""
        return standing(desk)

    words = [gr.Textbox("", visible=False) for _ in range(3)]  # a value makes an argument optional for the client
    given = [words[0], gr.File(visible=False, file_count="multiple"), *words[1:], gr.Checkbox(False, visible=False)]
    gr.Button(visible=False).click(answer, given, gr.JSON(visible=False), api_name="answer", concurrency_limit=waiting)
    gr.Button(visible=False).click(samples, None, gr.JSON(visible=False), api_name="samples")
    gr.Button(visible=False).click(status, None, gr.JSON(visible=False), api_name="status")


def standing(desk: Desk) -> dict:
    """What /status returns."""
    model = desk.exhibit.record["model"]["name"]
    threshold = desk.counter.ledger.threshold.value if desk.counter.ledger else None
    return {"model": model, "adapter": desk.exhibit.adapter_name, "loading": desk.waits, "recorded": desk.source.recorded, "reason": desk.reason, "waiting": len(desk.counter.line), "threshold": threshold, "rehearsal": desk.exhibit.record["rehearsal"]}


def reply(desk: Desk, sample_id: str = "", files: list[str] | None = None, note: str = "", question: str = "", visitor: Visitor = NOBODY, explain: bool = False) -> dict:
    """What /answer returns; with `explain` also "believed", see `believed`.

    Raises:
        Refusal: no such sample or question, evidence that cannot be used, or one of `poc.demo.counter`'s.
    """
    questions = desk.exhibit.questions
    if sample_id and sample_id not in desk.exhibit.samples:
        raise w.Refusal(w.fill(w.NO_SAMPLE, name=sample_id))
    if question and question not in questions:
        raise w.Refusal(w.fill(w.NO_QUESTION, name=question, allowed=" / ".join(questions)))
    if sample_id:
        sample = desk.exhibit.samples[sample_id]
    else:
        for file in files or []:
            desk.belongings.bring(visitor.page, file)
        asked = question or next(iter(questions))
        sample = own_sample(files or [], note or "", asked, questions[asked], tuple(desk.exhibit.record["decided_by"]), desk.senses, desk.most)
    given, record = desk.counter.answer(sample, visitor)
    told = {
        "sample": sample_id,
        "question": sample.question,
        "base": {"says": given.said("base"), "probabilities": given.base},
        "tuned": {"says": given.said("tuned"), "probabilities": given.tuned},
        "conflict": None if given.conflict is None else {"score": given.conflict, "alone": {modality: option for modality, (option, _) in given.alone.items()}},
        "swayed": {name: given.without[name][0] for name in given.swayed},
        "orders": given.orders,
        "truth": sample.answer,
        "seconds": round(given.seconds, 3),
        "recorded": given.recorded,
        "model": desk.exhibit.record["model"]["name"],
        "adapter": desk.exhibit.adapter_name,
        "rehearsal": desk.exhibit.record["rehearsal"],
        "confidence": record.confidence if record else None,
        "decision": record.decision if record else "",
        "look": looks(desk, given, record),
        "record": record.n if record else None,
    }
    return told | {"believed": believed(desk, sample, given)} if explain else told


def looks(desk: Desk, given: Answer, record: Record | None) -> list[str]:
    """Why the page would say "let a person look": "unsure" (below the run's threshold), "conflict" (kinds of evidence disagree), "beside" or "writing" (evidence that should not decide turned the answer), "orders" (the note reads like one)."""
    unsure = record is not None and record.decision == "abstained"
    return ["unsure"] * unsure + ["conflict"] * desk.exhibit.disagrees(given.conflict) + list(given.swayed) + ["orders"] * given.orders


def believed(desk: Desk, sample: Sample, given: Answer) -> dict:
    """Which evidence the tuned answer believed: "contributions" (modality -> fall of the answer's log share in nats, and its share, without that kind of evidence), "marked" (modality -> numbers of the pieces that passed the
    deletion test, of how many, and the falls without these and without as many by chance) and "unmarked" (modality -> why none are); or "why" there is nothing of it."""
    source, language = desk.source, current()
    if source.recorded or given.recorded:
        return {"why": b.NEEDS_MODEL[language]}
    try:
        found = desk.looking.known(source, sample) or desk.looking.begin(source, sample, given).result()
    except w.Refusal as no:
        return {"why": no.text[language]}
    except Exception:  # whatever it is, the answer is there
        logging.getLogger(__name__).exception("no explanation")  # it may name folders of this machine: for the terminal
        return {"why": b.BROKEN[language]}
    marked = {modality: {"pieces": list(one.pieces), "of": one.of, "fall": one.fall, "by_chance": one.by_chance} for modality, one in found.marked.items()}
    return {"contributions": {modality: {"fall": fall, "share": share} for modality, (fall, share) in found.without.items()}, "marked": marked, "unmarked": {modality: why[language] for modality, why in found.unmarked.items()}}
