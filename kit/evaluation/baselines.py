"""What any clerk or any Saturday afternoon would do without an MLLM: the rows that a tuned model has to beat.

Each takes training and test samples and returns the frame that `predict` returns, so that one table holds them all.
"""

import numpy as np
import pandas as pd
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from kit.data import MEDIA, MediaError, Sample
from kit.data.media import load_audio, load_image, load_video
from kit.evaluation.scoring import prediction
from kit.processes import one_thread
from kit.show import progress

_NOTE_FEATURES = 300


def majority(train: list[Sample], test: list[Sample]) -> pd.DataFrame:
    """Always the most frequent answer of the training rows (per question)."""
    return _per_question(train, test, lambda known, asked: [_shares(known)] * len(asked))


def copy_note(train: list[Sample], test: list[Sample]) -> pd.DataFrame:
    """Believes the accompanying text and looks at nothing else; rows without text get the most frequent answer.

    What a note says is read by logistic regression on its character n-grams, fitted on the training rows, so that Japanese and English wording
    need no list of synonyms.
    """

    def answer(known: list[Sample], asked: list[Sample]) -> list[dict]:
        noted = [s for s in known if s.text]
        if len({s.answer for s in noted}) < 2:
            return [_shares(known)] * len(asked)
        reader = make_pipeline(TfidfVectorizer(analyzer="char_wb", ngram_range=(1, 4)), LogisticRegression(C=30, max_iter=1000))
        reader.fit([s.text for s in noted], [s.answer for s in noted])
        shares = reader.predict_proba([s.text for s in asked])
        return [
            dict(zip(reader.classes_, map(float, row), strict=True)) if s.text else _shares(known)
            for s, row in zip(asked, shares, strict=True)
        ]

    return _per_question(train, test, answer)


@one_thread
def cheap_model(train: list[Sample], test: list[Sample], seed: int = 0) -> pd.DataFrame:
    """scikit-learn on simple hand-made features: colour, gradients and spectrum of pictures and frames, loudness and spectrum of sound, n-grams of text.

    Takes the better of a random forest and logistic regression by cross-validation on the training rows: an honest opponent, minutes of work.
    """
    media = simple_features([*train, *test])

    def answer(known: list[Sample], asked: list[Sample]) -> list[dict]:
        features = [np.stack([media[s.id] for s in rows]) for rows in (known, asked)]
        if any(s.text for s in known):
            words = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), max_features=_NOTE_FEATURES).fit([s.text for s in known])
            features = [np.hstack([f, words.transform([s.text for s in rows]).toarray()]) for f, rows in zip(features, (known, asked), strict=True)]
        truth = [s.answer for s in known]
        model = _better_of_two(features[0], truth, seed).fit(features[0], truth)
        return [dict(zip(model.classes_, map(float, row), strict=True)) for row in model.predict_proba(features[1])]

    return _per_question(train, test, answer)


def _better_of_two(features: np.ndarray, truth: list[str], seed: int):
    candidates = (
        RandomForestClassifier(400, min_samples_leaf=2, class_weight="balanced", random_state=seed),
        make_pipeline(StandardScaler(), LogisticRegression(C=0.05, class_weight="balanced", max_iter=2000)),
    )
    folds = min(3, min(truth.count(label) for label in set(truth)))
    if folds < 2:
        return candidates[0]
    split = StratifiedKFold(folds, shuffle=True, random_state=seed)
    return max(candidates, key=lambda model: cross_val_score(model, features, truth, cv=split, scoring="balanced_accuracy").mean())


def _per_question(train: list[Sample], test: list[Sample], answer) -> pd.DataFrame:
    """Runs `answer(known, asked) -> [probabilities]` question by question, since options differ between them; rows come back in test order."""
    found: dict[str, dict] = {}
    for question in dict.fromkeys(s.question for s in test):
        known = [s for s in train if s.question == question and s.answer]
        asked = [s for s in test if s.question == question]
        for sample, shares in zip(asked, answer(known, asked), strict=True):
            found[sample.id] = prediction(sample, {option: shares.get(option, 0.0) for option in sample.options})
    return pd.DataFrame([found[s.id] for s in test])


def _shares(samples: list[Sample]) -> dict[str, float]:
    return pd.Series([s.answer for s in samples], dtype=object).value_counts(normalize=True).to_dict()


def simple_features(samples: list[Sample]) -> dict[str, np.ndarray]:
    """Hand-made features of the media, no model: one row of features per sample id, of equal length: what a row lacks (a voice memo that others have) is zeros and a flag."""
    readers = {"image": lambda path: _picture_features(np.asarray(load_image(path))), "video": _video_features, "audio": lambda path: _sound_features(load_audio(path)), "sound of video": _track_features}
    found: dict[str, dict[tuple[str, int], np.ndarray]] = {}
    for sample in progress(samples, desc="simple features"):
        files = {**{kind: getattr(sample, kind) for kind in MEDIA}, "sound of video": sample.video}
        read = {(kind, i): readers[kind](path) for kind, paths in files.items() for i, path in enumerate(paths)}
        found[sample.id] = {key: block for key, block in read.items() if len(block)}
    lengths = {key: len(value) for blocks in found.values() for key, value in blocks.items()}
    return {
        name: np.concatenate([part for key, size in sorted(lengths.items()) for part in (blocks.get(key, np.zeros(size)), [float(key in blocks)])] or [np.zeros(1)])
        for name, blocks in found.items()
    }


def _video_features(path) -> np.ndarray:
    """Pictures of the first, middle and last of eight frames, and how much changes between neighbours."""
    frames, _ = load_video(path, frames=8)
    frames = frames[np.linspace(0, len(frames) - 1, 8).astype(int)]
    pictures = [_picture_features(frames[i]) for i in (0, 4, 7)]
    return np.concatenate([*pictures, np.abs(np.diff(frames.astype(np.float32), axis=0)).mean((1, 2, 3))])


def _track_features(path) -> np.ndarray:
    """Those of a video's sound; none where it is silent."""
    try:
        return _sound_features(load_audio(path))
    except MediaError:
        return np.empty(0)


def _picture_features(rgb: np.ndarray) -> np.ndarray:
    """Colour statistics, grey histogram (16), oriented gradients (4 x 4 cells x 8) and radial power spectrum (16) of one picture (H, W, 3)."""
    from PIL import Image

    small = np.asarray(Image.fromarray(rgb).resize((96, 96)), dtype=np.float32) / 255
    grey = small.mean(2)
    dy, dx = np.gradient(grey)
    size, direction = np.hypot(dx, dy), (np.arctan2(dy, dx) % np.pi) / np.pi
    cells = [
        np.histogram(direction[r : r + 24, c : c + 24], bins=8, range=(0, 1), weights=size[r : r + 24, c : c + 24])[0]
        for r in range(0, 96, 24)
        for c in range(0, 96, 24)
    ]
    power = np.abs(np.fft.fft2(grey - grey.mean())) ** 2
    radius = np.hypot(*np.meshgrid(np.fft.fftfreq(96), np.fft.fftfreq(96)))
    ring = [np.log1p(power[(radius >= a) & (radius < a + 1 / 32)].mean()) for a in np.arange(16) / 32]
    colour = np.concatenate([small.mean((0, 1)), small.std((0, 1)), np.percentile(grey, [1, 5, 25, 50, 75, 95, 99])])
    return np.concatenate([colour, np.histogram(grey, bins=16, range=(0, 1), density=True)[0], *cells, size.std(keepdims=True).ravel(), ring])


def _sound_features(wave: np.ndarray) -> np.ndarray:
    """Mean and spread over time of 24 log band energies, and of loudness, of one sound (N,) at 16 kHz."""
    frame = 400
    wave = np.pad(wave, (0, max(0, 4 * frame - len(wave))))
    spectrum = np.abs(np.fft.rfft(wave[: len(wave) // frame * frame].reshape(-1, frame) * np.hanning(frame), axis=1)) ** 2
    edges = np.unique(np.geomspace(1, spectrum.shape[1], 25).astype(int))
    bands = np.stack([np.log(spectrum[:, a:b].mean(1) + 1e-8) for a, b in zip(edges[:-1], edges[1:], strict=True)], 1)
    change = np.abs(np.diff(bands, axis=0)).mean(0)
    return np.concatenate([bands.mean(0), bands.std(0), change, [np.log(len(wave)), bands.mean(1).std()]])
