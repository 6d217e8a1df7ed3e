"""Log-mel spectra of many clips, here and with librosa: ``python benchmarks/features.py``.

The same numbers, computed in turns within one run, so that what is compared is the ratio and not
the machine: :func:`etudes.features.log_mel` on all clips at once, and librosa's mel spectrum
clip by clip, as its tutorials do it. Prints the largest difference between the two as well.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import librosa
import numpy as np

from etudes.features import LOG_FLOOR, log_mel

RATE, CLIPS, ROUNDS = 16_000, 100, 7


def ours(clips: np.ndarray) -> np.ndarray:
    """All at once."""
    return log_mel(clips, RATE)


def theirs(clips: np.ndarray) -> np.ndarray:
    """One after the other."""
    mels = [
        librosa.feature.melspectrogram(
            y=clip, sr=RATE, n_fft=1024, hop_length=256, n_mels=64, power=1.0
        )
        for clip in clips
    ]
    return np.log(np.maximum(np.stack(mels), LOG_FLOOR))


def seconds(function: Callable[[np.ndarray], np.ndarray], clips: np.ndarray) -> float:
    """Time of one call."""
    start = time.perf_counter()
    function(clips)
    return time.perf_counter() - start


def main() -> None:
    """Measure in turns and print medians and their ratio."""
    clips = np.random.default_rng(0).normal(0, 0.1, (CLIPS, RATE)).astype(np.float32)
    difference = np.abs(ours(clips) - theirs(clips)).max()
    times = [(seconds(ours, clips), seconds(theirs, clips)) for _ in range(ROUNDS)]
    mine, other = (statistics.median(column) for column in zip(*times, strict=True))
    ratio = statistics.median(a / b for a, b in times)
    print(f"{CLIPS} clips of 1 s at {RATE} Hz, median of {ROUNDS} rounds")
    print(f"etudes.features.log_mel   {1000 * mine / CLIPS:7.3f} ms a clip")
    print(f"librosa, clip by clip     {1000 * other / CLIPS:7.3f} ms a clip")
    print(f"ratio {ratio:.2f} (below 1: etudes is faster); largest difference {difference:.1e}")


if __name__ == "__main__":
    main()
