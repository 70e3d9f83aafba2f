"""A sample as the chat messages that every processor's chat template understands.

The order is fixed, because a model trained on one order answers worse in another: media (image, video, audio), then one text part:

    Note: <text evidence>
    <question>
    Options: a, b, c
"""

from kit.data.sample import MEDIA, Sample


def prompt_messages(sample: Sample, examples: tuple[Sample, ...] = ()) -> list[dict]:
    """Messages up to the answer; `examples` come before it as solved user/assistant turns (in-context learning).

    Args:
        sample: the question to ask; its answer is not read.
        examples: labelled samples.

    Raises:
        ValueError: an example without an answer, or the sample itself among its examples.
    """
    messages = []
    for example in examples:
        if not example.answer:
            raise ValueError(f"example {example.id!r} has no answer; an in-context example must be labelled")
        if example.id == sample.id:
            raise ValueError(
                f"sample {sample.id!r} is among its own examples, which would give its answer away"
            )
        messages += [_user(example), answer_message(example)]
    return [*messages, _user(sample)]


def answer_message(sample: Sample) -> dict:
    """The assistant's turn that the sample teaches."""
    return {"role": "assistant", "content": [{"type": "text", "text": answer_text(sample)}]}


def answer_text(sample: Sample) -> str:
    """The text that the assistant should say."""
    return sample.answer


def _user(sample: Sample) -> dict:
    media = [{"type": name, name: str(path)} for name in MEDIA for path in getattr(sample, name)]
    note = f"Note: {sample.text}\n" if sample.text else ""
    options = f"\nOptions: {', '.join(sample.options)}" if sample.options else ""
    return {"role": "user", "content": [*media, {"type": "text", "text": note + sample.question + options}]}
