"""Pictures show the numbers they are given; the model card states them, and nothing made up."""

import subprocess
import sys
from typing import NamedTuple

import matplotlib.figure
import matplotlib.image
import numpy as np
import pytest

from kws.errors import KwsError, ToolError
from kws.report import model_card, recordings, training
from kws.support.statistics import interval_95

EPOCHS = [
    {"epoch": n, "stage": "float" if n < 4 else "quantized", "loss": 2.0 / n, "learning_rate": 0.01}
    | {"accuracy_float": 0.9 - 0.2 / n}
    | ({"accuracy_quantized": 0.88 - 0.2 / n} if n >= 4 else {})
    for n in range(1, 7)
]
EVALUATION = {
    "hours": 2.0,
    "positives": 80,
    "operating_points": [
        {"threshold": threshold, "miss_rate": miss, "false_accepts_per_hour": rate}
        for threshold, miss, rate in ((0.9, 0.2, 0.0), (0.5, 0.05, 3.0), (0.7, 0.1, 0.5))
    ],
    "at_default": {
        "threshold": 0.7,
        "miss_rate": 0.1,
        "false_accepts": 1,
        "false_accepts_per_hour": 0.5,
        "false_accepts_per_hour_upper_95": 2.37,
    },
    "median_latency_ms": 120.0,
}


class Heard(NamedTuple):
    word: str
    time_s: float
    score: float


@pytest.fixture
def drawn(monkeypatch) -> list[matplotlib.figure.Figure]:
    """The figures that were saved, to look into."""
    figures = []
    save = matplotlib.figure.Figure.savefig

    def keep(figure, *args, **settings):
        figures.append(figure)
        save(figure, *args, **settings)

    monkeypatch.setattr(matplotlib.figure.Figure, "savefig", keep)
    return figures


def line(axis, label: str) -> tuple[list[float], list[float]]:
    (found,) = [each for each in axis.lines if each.get_label() == label]
    return list(found.get_xdata()), list(found.get_ydata())


def texts(axis) -> list[str]:
    return [text.get_text() for text in axis.texts]


def speech(seconds: float = 2.0) -> np.ndarray:
    rng = np.random.default_rng(0)
    return (rng.standard_normal(int(16_000 * seconds)) * 3000).astype(np.int16)


PICTURES = {
    "training_curves": lambda path: training.training_curves(EPOCHS, path),
    "confusion_matrix": lambda path: training.confusion_matrix([[3, 1], [0, 2]], ["a", "b"], path),
    "detection_curve": lambda path: training.detection_curve({"quiet": EVALUATION}, path),
    "detection_timeline": lambda path: recordings.detection_timeline(
        speech(), np.linspace(0, 1, 98), [Heard("hey", 1.0, 0.9)], path, threshold=0.8
    ),
    "mfcc_picture": lambda path: recordings.mfcc_picture(
        speech(), np.arange(98 * 16).reshape(98, 16), path
    ),
}


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_is_a_png_of_readme_size_and_the_same_each_time(name, tmp_path):
    PICTURES[name](tmp_path / "first.png")
    PICTURES[name](tmp_path / "made" / "second.png")
    pixels = matplotlib.image.imread(tmp_path / "first.png")
    height, width, _ = pixels.shape
    assert 300 < height < 1400 and 300 < width < 1400
    assert pixels[:, :, :3].std() > 0.05
    first, second = tmp_path / "first.png", tmp_path / "made" / "second.png"
    assert first.read_bytes() == second.read_bytes()


def test_a_failure_midway_keeps_the_picture_that_was_there(tmp_path, monkeypatch):
    path = tmp_path / "curves.png"
    path.write_bytes(b"the old one")

    def fail(figure, stream, **settings):
        stream.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(matplotlib.figure.Figure, "savefig", fail)
    with pytest.raises(KwsError, match="no space left on device"):
        training.training_curves(EPOCHS, path)
    assert path.read_bytes() == b"the old one"
    assert list(tmp_path.iterdir()) == [path]


def test_letters_that_the_font_lacks_are_told_in_one_sentence(tmp_path, capsys):
    words = ["世界", "こんにちは", "$\\frac$", "_x", "a\x1b[1m"]
    path = tmp_path / "confusion.png"
    training.confusion_matrix({a: {b: 1 for b in words} for a in words}, words, path)
    assert path.stat().st_size > 1000
    assert capsys.readouterr().err == (
        f"kws: warning: {path} shows boxes for letters that its font, DejaVu Sans, does not have\n"
    )


def test_matplotlib_is_loaded_only_to_draw_and_its_absence_explained(tmp_path, monkeypatch):
    code = "import sys, kws.report.training; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ToolError, match=r"pip install 'kws\[train\]'"):
        training.training_curves(EPOCHS, tmp_path / "curves.png")


def test_training_curves_show_every_series_by_epoch(tmp_path, drawn):
    training.training_curves(EPOCHS, tmp_path / "curves.png")
    loss, accuracy, rate = drawn[0].axes
    assert line(loss, "training") == (list(range(1, 7)), [2.0 / n for n in range(1, 7)])
    epochs, quantized = line(accuracy, "quantized, as shipped")
    assert epochs == [4, 5, 6] and quantized == pytest.approx([83.0, 84.0, 100 * (0.88 - 0.2 / 6)])
    assert (loss.get_yscale(), rate.get_yscale()) == ("log", "linear")
    assert texts(loss) == ["float", "quantized"]


def test_training_curves_leave_out_what_no_epoch_has(tmp_path, drawn):
    training.training_curves([{"loss": 2.0}, {"loss": 1.0}], tmp_path / "curves.png")
    (loss,) = drawn[0].axes
    assert line(loss, "training") == ([1, 2], [2.0, 1.0])
    with pytest.raises(KwsError, match="no epoch"):
        training.training_curves([{"epoch": 1}], tmp_path / "curves.png")


def test_the_confusion_matrix_writes_each_row_in_per_cent(tmp_path, drawn):
    counts = [[8, 2, 0], [0, 0, 0], [1, 0, 399]]
    classes = ["yes", "no", "_unknown_"]
    training.confusion_matrix(counts, classes, tmp_path / "confusion.png", title="Test part")
    (axis,) = drawn[0].axes
    written = {text.get_position(): text.get_text() for text in axis.texts}
    # Below half a per cent nothing is written, an empty row has nothing to write.
    assert written == {(0, 0): "80", (1, 0): "20", (2, 2): "100"}
    rows = [label.get_text() for label in axis.get_yticklabels()]
    assert rows == ["yes (10)", "no (0)", "unknown (400)"]
    assert drawn[0].get_suptitle() == "Test part: 99.3 % of 410 clips right"


def test_the_confusion_of_an_evaluation_is_drawn_as_it_comes(tmp_path, drawn):
    confusion = {"no": {"yes": 1, "no": 3}}
    training.confusion_matrix(confusion, ["yes", "no"], tmp_path / "confusion.png")
    written = {text.get_position(): text.get_text() for text in drawn[0].axes[0].texts}
    assert written == {(0, 1): "25", (1, 1): "75"}
    with pytest.raises(KwsError, match="'maybe'"):
        training.confusion_matrix({"no": {"maybe": 1}}, ["yes", "no"], tmp_path / "confusion.png")


def test_a_confusion_matrix_of_another_size_is_refused(tmp_path):
    with pytest.raises(KwsError, match=r"\(2, 2\), but there are 3 classes"):
        training.confusion_matrix(np.eye(2), ["a", "b", "c"], tmp_path / "confusion.png")


def test_the_detection_curve_runs_through_the_operating_points(tmp_path, drawn):
    training.detection_curve({"quiet": EVALUATION}, tmp_path / "curve.png")
    (axis,) = drawn[0].axes
    label = "quiet: 80 spoken, 2.0 h of other sound; at 0.70: 10.0 % missed, 0.5 accepts per hour"
    assert line(axis, label) == ([3.0, 0.5, 0.0], [5.0, 10.0, 20.0])
    (bar,) = axis.collections
    np.testing.assert_allclose(bar.get_segments()[0], [[0.5, 10.0], [2.37, 10.0]])
    assert axis.transData.transform((0.0, 5.0))[0] > axis.get_window_extent().x0  # 0 has a place
    with pytest.raises(KwsError, match="no operating points"):
        training.detection_curve({"quiet": {"hours": 1.0}}, tmp_path / "curve.png")
    with pytest.raises(KwsError, match="no other sound"):
        training.detection_curve({"quiet": EVALUATION | {"hours": 0.0}}, tmp_path / "curve.png")


def test_the_timeline_places_frames_and_detections_in_seconds(tmp_path, drawn):
    posteriors = np.linspace(0.0, 1.0, 98)
    recordings.detection_timeline(
        speech(),
        posteriors,
        [Heard("hey_cortana", 0.5, 0.9), Heard("hey_cortana", 1.5, 1.0)],
        tmp_path / "timeline.png",
        threshold=0.8,
        spoken=[(0.4, "hey cortana")],
    )
    wave, score = drawn[0].axes
    time_s, shown = line(score, "score")
    assert time_s[:2] == pytest.approx([0.032, 0.052]) and shown == list(posteriors)
    assert line(score, "threshold 0.80")[1] == [0.8, 0.8]
    assert texts(wave) == []  # one word needs no labels
    labels = [text.get_text() for text in drawn[0].legends[0].get_texts()]
    assert labels == ["score", "threshold 0.80", "truly spoken (1)", "“hey cortana” detected (2)"]


def test_the_timeline_draws_each_word_of_several(tmp_path, drawn):
    posteriors = np.stack([np.linspace(0, 1, 49), np.linspace(1, 0, 49)], axis=1)
    path = tmp_path / "timeline.png"
    recordings.detection_timeline(
        speech(1), posteriors, [], path, threshold=0.5, words=("yes", "no")
    )
    score = drawn[0].axes[1]
    assert line(score, "yes")[1] == list(posteriors[:, 0])
    assert line(score, "no")[1] == list(posteriors[:, 1])


@pytest.mark.parametrize("samples", [np.zeros(0, np.int16), np.zeros(1, np.int16), speech(0.04)])
def test_recordings_of_any_length_are_drawn(samples, tmp_path):
    frames = 0 if len(samples) < 512 else 1 + (len(samples) - 512) // 320
    path = tmp_path / "timeline.png"
    recordings.detection_timeline(samples, np.zeros(frames), [], path, threshold=0.5)
    assert path.stat().st_size > 1000


def test_a_waveform_shows_a_single_loud_sample_of_an_hour(tmp_path, drawn):
    samples = np.zeros(3600 * 16_000, np.int16)
    samples[20_000_000] = 16_384
    recordings.detection_timeline(samples, np.zeros(10), [], tmp_path / "t.png", threshold=0.5)
    (band,) = drawn[0].axes[0].collections
    x, y = band.get_paths()[0].vertices.T
    assert y.max() == 0.5 and x[y.argmax()] == pytest.approx(1250.0, abs=2.0)


def test_the_mfcc_picture_shows_each_coefficient_in_its_own_deviations(tmp_path, drawn):
    rng = np.random.default_rng(0)
    features = rng.standard_normal((98, 4)) * (100.0, 10.0, 1.0, 0.0) + (-90.0, 3.0, 0.0, 7.0)
    recordings.mfcc_picture(speech(), features, tmp_path / "mfcc.png")
    wave, picture = drawn[0].axes[:2]
    (image,) = picture.images
    shown = np.asarray(image.get_array())
    assert shown.shape == (4, 98)
    np.testing.assert_allclose(shown[:3].std(axis=1), 1.0)
    np.testing.assert_allclose(shown.mean(axis=1), 0.0, atol=1e-9)
    np.testing.assert_allclose(shown[3], 0.0, atol=1e-9)  # a constant stays plain, not divided by 0
    assert image.get_extent()[:2] == pytest.approx([0.006, 1.966])
    assert wave.get_xlim() == picture.get_xlim()
    with pytest.raises(KwsError, match=r"\(0, 13\)"):
        recordings.mfcc_picture(speech(), np.zeros((0, 13)), tmp_path / "mfcc.png")


CONFIG = {
    "name": "hey_cortana",
    "phrase": "hey cortana",
    "seed": 7,
    "features": {"hop_length": 320, "n_mfcc": 13},
    "data": {
        "positives": ["data/sample/positives/train"],
        "negatives": ["data/raw/speech_commands", "recordings/of mine"],
        "noise": ["data/raw/noise/esc10"],
    },
}
METRICS = {
    "model_bytes": 1019,
    "parameters": 1500,
    "float_accuracy": 0.9512,
    "accuracy_last_epoch": 0.9387,
    "evaluations": [
        {
            "name": "test clips",
            "command": "kws evaluate models/hey_cortana --clips data/test",
            "accuracy": 0.9,
            "clips": 200,
            "per_class": {
                "hey_cortana": {"recall": 0.95, "precision": 0.9, "clips": 20},
                "_unknown_": {"recall": 0.5, "precision": float("nan"), "clips": 180},
            },
        },
        {"name": "stream", **EVALUATION},
    ],
}


def test_the_model_card_states_what_was_measured_and_how():
    card = model_card.model_card(METRICS, CONFIG)
    assert card.startswith('# hey_cortana\n\nHears "hey cortana" in 16 kHz sound.')
    assert "**1,019 bytes**" in card and "1,500 parameters" in card
    assert (
        "| clips right | **90.00 %** (95 % interval 85.1 to 93.4) | test clips, 200 clips |" in card
    )
    assert "| missed at threshold 0.7 | **8 of 80** (95 % interval 5.2 to 18.5 %) | stream," in card
    assert "**0.50** (95 %: below 2.37) | stream, 2.00 hours of other sound |" in card
    assert "| median delay after the phrase's end | 120 ms | stream |" in card
    assert "float weights (not what ships) | 95.12 %" in card
    assert "by the last epoch, not the best one on validation | 93.87 % |" in card
    assert "\nkws evaluate models/hey_cortana --clips data/test\n" in card
    assert "| _unknown_ | 180 | 50.0 % | - |" in card
    assert "with seed 7" in card and "- features: hop_length 320, n_mfcc 13" in card


def test_the_model_card_names_the_corpora_and_their_licences():
    card = model_card.model_card(METRICS, CONFIG)
    assert "Pete Warden" in card and "CC BY 4.0" in card
    assert "Karol J. Piczak" in card and "CC BY 3.0" in card
    assert "Common Voice" not in card
    assert "- `recordings/of mine`: licence and origin are for the trainer to state." in card


def test_the_model_card_says_which_synthesisers_spoke():
    spoken = {
        **METRICS,
        "evaluations": [{**EVALUATION, "spoken_by": {"data/raw/robin": ["flite"]}}],
    }
    card = model_card.model_card(spoken, {"data": {"positives": ["data/raw/robin"]}})
    assert "- `data/raw/robin`: spoken by synthesisers (flite)." in card


def test_a_folder_above_several_corpora_names_them_all():
    card = model_card.model_card(METRICS, {"data": {"negatives": ["data/raw/negative_speech/"]}})
    assert "Mozilla Common Voice" in card and "speechocean762" in card
    assert "for the trainer to state" not in card


def test_the_model_card_tells_how_far_its_figures_carry():
    card = model_card.model_card(METRICS, CONFIG)
    limits = card[card.index("## Limits") :]
    assert "hey_cortana (20)" in limits and "_unknown_" not in limits
    assert "2.00 hours" in limits and "synthetic voices" in limits


@pytest.mark.parametrize("metrics", [{}, {"accuracy": 0.5}, {"evaluations": [{}]}])
def test_the_model_card_leaves_out_what_is_not_known(metrics):
    card = model_card.model_card(metrics, {})
    assert "None" not in card and "nan" not in card
    assert "## Data" not in card and "## By class" not in card
    assert card.count("## Figures") == ("accuracy" in metrics)


def test_the_95_per_cent_interval_is_wilsons():
    # Wilson (1927) for 8 of 10, and for the ends, where the normal one has no width.
    assert interval_95(0.8, 10) == pytest.approx((0.4902, 0.9433), abs=1e-4)
    assert interval_95(0.0, 100) == pytest.approx((0.0, 0.0370), abs=1e-4)
    assert interval_95(1.0, 100) == pytest.approx((0.9630, 1.0), abs=1e-4)
    assert interval_95(0.5, 0) == (0.0, 1.0)
