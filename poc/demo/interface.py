"""The same question over HTTP: `gradio_client.Client(url).predict(sample_id="L2603-004", api_name="/answer")`."""

import gradio as gr

from kit.errors import KitError
from kit.language import current
from poc.demo import words as w
from poc.demo.uploads import own_sample
from poc.demo.visit import Desk


def add_interface(desk: Desk) -> None:
    """Adds /answer to the app that is being built. Hidden components, so that Gradio checks the files that a client sends."""

    def answer(sample_id: str = "", files: list[str] | None = None, note: str = "", question: str = "") -> dict:
        """Base and tuned answer about a held-out sample, or about one's own files and note.

        Args:
            sample_id: id of a held-out sample; "" for own evidence.
            files: photos, sounds, videos; as many of each as the use case's samples have.
            note: text evidence.
            question: one of the use case's; "" for its first.
        """
        try:
            return reply(desk, sample_id, files, note, question)
        except w.Refusal as no:
            raise gr.Error(no.text[current()], print_exception=False) from no
        except KitError as error:
            raise gr.Error(str(error), print_exception=False) from error

    words = [gr.Textbox("", visible=False) for _ in range(3)]  # a value makes an argument optional for the client
    given = [words[0], gr.File(visible=False, file_count="multiple"), *words[1:]]
    gr.Button(visible=False).click(answer, given, gr.JSON(visible=False), api_name="answer")


def reply(desk: Desk, sample_id: str = "", files: list[str] | None = None, note: str = "", question: str = "") -> dict:
    """What /answer returns.

    Raises:
        Refusal: no such sample or question, or evidence that cannot be used.
    """
    questions = desk.exhibit.questions
    if sample_id and sample_id not in desk.exhibit.samples:
        raise w.Refusal(w.fill(w.NO_SAMPLE, name=sample_id))
    if question and question not in questions:
        raise w.Refusal(w.fill(w.NO_QUESTION, name=question, allowed=" / ".join(questions)))
    if sample_id:
        sample = desk.exhibit.samples[sample_id]
    else:
        asked = question or next(iter(questions))
        sample = own_sample(files or [], note or "", asked, questions[asked], tuple(desk.exhibit.record["decided_by"]), desk.senses, desk.most)
    given, model = desk.answer(sample), desk.exhibit.record["model"]["name"]
    return {
        "sample": sample_id,
        "question": sample.question,
        "base": {"says": given.said("base"), "probabilities": given.base},
        "tuned": {"says": given.said("tuned"), "probabilities": given.tuned},
        "conflict": None if given.conflict is None else {"score": given.conflict, "alone": {modality: option for modality, (option, _) in given.alone.items()}},
        "truth": sample.answer,
        "seconds": round(given.seconds, 3),
        "recorded": given.recorded,
        "model": model,
        "adapter": desk.exhibit.adapter_name,
        "rehearsal": desk.exhibit.record["rehearsal"],
    }
