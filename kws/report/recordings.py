"""Pictures of one recording: what the network is given of it, and what the detector makes of it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from kws.errors import KwsError
from kws.report.detected import Detected
from kws.report.drawing import DASHES, GREEN, INK, RED, SERIES, draw_waveform, figure_saved
from kws.settings.front_end import N_FFT, SAMPLE_RATE_HZ

LABELLED_DETECTIONS = 12


def detection_timeline(
    samples: npt.NDArray[np.int16],
    posteriors: npt.ArrayLike,
    detections: Sequence[Detected],
    path: Path | str,
    *,
    threshold: float,
    words: Sequence[str] = ("",),
    hop_length: int = 320,
    spoken: Sequence[tuple[float, str]] = (),
) -> None:
    """Draw a recording above the detector's score, its threshold and its detections.

    samples: int16 at 16 kHz; posteriors: (frames,) or (frames, words) smoothed, 0 ... 1;
    spoken: (time_s, text) of what was truly said, as in data/sample/stream/held_out.csv.
    """
    traces = np.asarray(posteriors, dtype=np.float64)
    traces = traces[:, None] if traces.ndim == 1 else traces
    time_s = (np.arange(len(traces)) * hop_length + N_FFT) / SAMPLE_RATE_HZ
    with figure_saved(path, 4.2) as figure:
        wave, score = figure.subplots(2, 1, sharex=True, height_ratios=(1, 1.5))
        draw_waveform(wave, samples)
        wave.set_title("Detections", pad=22 if detections else None)
        # Red is kept for the detections.
        colours = [colour for colour in SERIES if colour != RED]
        for index, trace in enumerate(traces.T):
            style = DASHES[index // len(colours) % len(DASHES)]
            label = words[index] if traces.shape[1] > 1 else "score"
            colour = colours[index % len(colours)]
            score.plot(time_s, trace, style, color=colour, linewidth=1.3, label=label)
        score.axhline(threshold, color=INK, linestyle=":", label=f"threshold {threshold:.2f}")
        _mark_spoken(wave, score, spoken)
        _mark_detections(wave, score, detections)
        score.set_ylim(0.0, 1.08)
        score.set_xlim(0.0, max(len(samples) / SAMPLE_RATE_HZ, 0.1))
        score.set_ylabel("posterior")
        score.set_xlabel("time, s")
        figure.legend(*score.get_legend_handles_labels(), loc="outside lower center", ncols=5)


def mfcc_picture(
    samples: npt.NDArray[np.int16],
    features: npt.ArrayLike,
    path: Path | str,
    *,
    hop_length: int = 320,
    title: str = "What the network hears",
) -> None:
    """Draw a recording above its MFCC, each coefficient against its own mean in the recording.

    samples: int16 at 16 kHz; features: (frames, n_mfcc), in any unit, such as `kws.features` gives.
    """
    coefficients = np.asarray(features, dtype=np.float64)
    if coefficients.ndim != 2 or coefficients.size == 0:
        raise KwsError(f"features are {coefficients.shape}: a picture needs (frames, n_mfcc)")
    # A frame is drawn about its middle, as wide as a hop.
    start_s = (N_FFT - hop_length) / 2 / SAMPLE_RATE_HZ
    end_s = start_s + len(coefficients) * hop_length / SAMPLE_RATE_HZ
    with figure_saved(path, 4.4) as figure:
        wave, picture = figure.subplots(2, 1, sharex=True, height_ratios=(1, 2.4))
        draw_waveform(wave, samples)
        wave.set_title(title)
        image = picture.imshow(
            _deviations(coefficients).T,
            extent=(start_s, end_s, -0.5, coefficients.shape[1] - 0.5),
            cmap="RdBu_r",
            vmin=-2.5,
            vmax=2.5,
            origin="lower",
            aspect="auto",
            interpolation="nearest",
        )
        picture.set_ylabel("MFCC coefficient")
        picture.set_xlabel("time, s")
        picture.set_xlim(0.0, max(len(samples) / SAMPLE_RATE_HZ, end_s))
        picture.yaxis.get_major_locator().set_params(integer=True)
        figure.colorbar(
            image, ax=picture, pad=0.01, extend="both", label="standard deviations\nfrom its mean"
        )
        figure.align_ylabels()


def _deviations(coefficients: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Each coefficient from its mean, in its own standard deviations.

    The first are many times the last: in one unit only two or three would show.
    """
    spread = np.maximum(coefficients.std(axis=0), 1e-3)
    deviations: npt.NDArray[np.float64] = (coefficients - coefficients.mean(axis=0)) / spread
    return deviations


def _mark_spoken(wave: Any, score: Any, spoken: Sequence[tuple[float, str]]) -> None:
    bottom = wave.get_ylim()[0]
    for time_s, _ in spoken:
        wave.plot(time_s, bottom, "^", color=GREEN, markersize=8, clip_on=False, zorder=3)
    if spoken:
        score.plot([], [], "^", color=GREEN, markersize=8, label=f"truly spoken ({len(spoken)})")


def _mark_detections(wave: Any, score: Any, detections: Sequence[Detected]) -> None:
    # One word needs no labels: the legend says what the marks are.
    is_labelled = len({detection.word for detection in detections}) > 1
    for detection in detections:
        for axis in (wave, score):
            axis.axvline(detection.time_s, color=RED, linewidth=1.0, alpha=0.5, zorder=1)
        height = min(1.0, max(0.0, detection.score))
        score.plot(detection.time_s, height, "o", color=RED, zorder=3)
        if is_labelled and len(detections) <= LABELLED_DETECTIONS:
            wave.annotate(
                detection.word.replace("_", " "), (detection.time_s, 1.0), (0, 3),
                xycoords=("data", "axes fraction"), textcoords="offset points",
                ha="center", fontsize=9, color=RED, annotation_clip=False,
            )  # fmt: skip
    if detections:
        words = ", ".join(sorted({detection.word.replace("_", " ") for detection in detections}))
        what = "detections" if is_labelled else f"“{words}” detected"
        score.plot([], [], "o", color=RED, label=f"{what} ({len(detections)})")
