"""The short-time Fourier transform of :mod:`etudes.features`, through which gradients flow.

The idea in a sentence: a network that is trained on spectra, or a mask that is sought by descent,
needs the same numbers as a tensor. Allen and Rabiner (Proceedings of the IEEE 65, 1977). Chapters
16 to 18.
"""

from __future__ import annotations

import torch

from etudes.separators.masking import HOP_LENGTH, N_FFT

__all__ = ["istft", "log_magnitude", "loudest", "stft"]

_FLOOR = 1e-4  # 80 dB below the loudest place


def stft(waveforms: torch.Tensor, n_fft: int = N_FFT, hop_length: int = HOP_LENGTH) -> torch.Tensor:
    """Spectra of waveforms.

    Parameters
    ----------
    waveforms : torch.Tensor
        Shape ``(..., n_samples)``.
    n_fft, hop_length : int
        Window and hop in samples.

    Returns
    -------
    torch.Tensor
        Complex, shape ``(..., n_fft // 2 + 1, n_frames)``; the numbers of
        :func:`etudes.features.stft`.
    """
    flat = waveforms.reshape(-1, waveforms.shape[-1])
    window = torch.hann_window(n_fft, device=flat.device)
    found = torch.stft(
        flat, n_fft, hop_length, window=window, pad_mode="constant", return_complex=True
    )
    return found.reshape(*waveforms.shape[:-1], *found.shape[1:])


def istft(spectra: torch.Tensor, n_samples: int, hop_length: int = HOP_LENGTH) -> torch.Tensor:
    """The waveforms whose spectra are nearest to given ones.

    Parameters
    ----------
    spectra : torch.Tensor
        Complex, shape ``(..., n_fft // 2 + 1, n_frames)``.
    n_samples : int
        Of each waveform.
    hop_length : int
        In samples.

    Returns
    -------
    torch.Tensor
        Shape ``(..., n_samples)``.
    """
    n_fft = 2 * (spectra.shape[-2] - 1)
    flat = spectra.reshape(-1, *spectra.shape[-2:])
    window = torch.hann_window(n_fft, device=flat.device)
    found = torch.istft(flat, n_fft, hop_length, window=window, length=n_samples)
    return found.reshape(*spectra.shape[:-2], n_samples)


def log_magnitude(spectra: torch.Tensor, causal: bool = False) -> torch.Tensor:
    """What a network sees of spectra: logarithms below the loudest place.

    Parameters
    ----------
    spectra : torch.Tensor
        Complex, shape ``(..., n_freq, n_frames)``.
    causal : bool
        Below the loudest place up to now, so that no frame depends on what is still to come.

    Returns
    -------
    torch.Tensor
        Shape ``(..., n_freq, n_frames)``: 2 at the loudest place, −2 at 80 dB below it and lower,
        so that it does not matter how loud a mixture is.
    """
    size = spectra.abs()
    return torch.log10(size / loudest(size, causal) + _FLOOR) + 2


def loudest(size: torch.Tensor, causal: bool = False) -> torch.Tensor:
    """The loudest place of a spectrogram.

    Parameters
    ----------
    size : torch.Tensor
        Magnitudes, shape ``(..., n_freq, n_frames)``.
    causal : bool
        Of what was heard up to each frame.

    Returns
    -------
    torch.Tensor
        Above 0, shape ``(..., 1, 1)``, or ``(..., 1, n_frames)`` when `causal`.
    """
    peak = size.amax(dim=-2, keepdim=True)
    peak = peak.cummax(dim=-1).values if causal else peak.amax(dim=-1, keepdim=True)
    return peak.clamp_min(torch.finfo(size.dtype).tiny)
