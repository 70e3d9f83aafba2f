"""What the tokenizer is trained on: the text of every kind of exercise."""

import numpy as np

from sample_data.world import questions, sentences, spoken, spoken_words
from sample_data.world.item import NAMES_JA, Item

SOUND_QUESTIONS = (
    "Which word is spoken?", "What is said?", "Which sound comes last?", "How many times does it sound?", "What do you hear?",
    "Does the speaker sound agitated or calm?", "Do you hear this sound", "Which sound comes first?", "Is the speech fast or slow?",
    "何と言っていますか?", "何が聞こえますか?", "次の音が聞こえますか", "音は何回鳴りますか?", "話し方はどれですか?", "最初の音は何ですか?", "最後の音は何ですか?",
)  # fmt: skip


def sentences_of_the_world(seed: int, count: int = 6000) -> list[str]:
    """Returns texts as the model will read them, without their media."""
    rng = np.random.default_rng(seed)
    items = [sentences.sentence(rng) for _ in range(count)]
    texts = [_text(item) for item in items]
    for values, english, japanese in questions.ASK.values():
        texts += [f"{question}\nOptions: {', '.join(values)}" for question in english] * 20
        texts += [
            f"{question}\nOptions: {', '.join(NAMES_JA.get(v, v) for v in values)}" for question in japanese
        ] * 20
    texts += [f"Where is the {shape}?" for shape in NAMES_JA] + [
        f"{NAMES_JA[shape]}はどこにありますか。" for shape in NAMES_JA
    ]
    spoken_texts = [text for code in spoken.LANGUAGES for text, _, _ in spoken_words.phrases(code)]
    texts += [
        f"Options: {', '.join(spoken_texts[i] for i in rng.integers(0, len(spoken_texts), 4))}"
        for _ in range(400)
    ]
    single = [word for code in spoken.LANGUAGES for word, _, _ in spoken.words(code)]
    texts += [f"{word}, {word}" for word in single] * 4
    return texts + list(SOUND_QUESTIONS) * 20 + ["<user\n", "assistant\n", "Note: ", "Options: "] * 200


def _text(item: Item) -> str:
    return f"user\nNote: {item.text}\n{item.question}\nOptions: {', '.join(item.options)}\nassistant\n{item.answer}"
