"""Separators take sound apart: ``model.separate(mixture) -> (n_sources, n_samples)``.

==========================================  ======================================================
:mod:`~etudes.separators.masking`           masks and what they are multiplied with
:mod:`~etudes.separators.oracle`            masks made from the answer
:mod:`~etudes.separators.best_masks`        the mask with the least squared error
:mod:`~etudes.separators.nmf`               few spectra, each louder and softer in time
:mod:`~etudes.separators.grouping`          which parts are one voice's
:mod:`~etudes.separators.peaks`             the loudest peaks of a spectrogram, as points
:mod:`~etudes.separators.spectral`          cutting the graph of those points
:mod:`~etudes.separators.deep_clustering`   the same with an affinity that is learned
:mod:`~etudes.separators.mask_network`      how the networks hear a mixture, and their loss
:mod:`~etudes.separators.gan`               a network that makes masks, and its critic
:mod:`~etudes.separators.lstm_vae`          what each source may sound like, fitted to a mixture
:mod:`~etudes.separators.gaussian`          how likely a spectrum is, and how far from the prior
:mod:`~etudes.separators.mixture_encoder`   the same with a network that guesses at once
:mod:`~etudes.separators.tcn`               convolutions with holes, which hear far
:mod:`~etudes.separators.tcn_mask`          masks that they make
:mod:`~etudes.separators.tcn_vae`           latents that they tell, and what is made of those
:mod:`~etudes.separators.conv_tasnet`       masks over a spectrum that is learned too
:mod:`~etudes.separators.torch_stft`        spectra through which gradients flow
==========================================  ======================================================
"""

from etudes.separators.best_masks import best_masks
from etudes.separators.conv_tasnet import ConvTasNet
from etudes.separators.deep_clustering import DeepClustering
from etudes.separators.gan import Critic, MaskGenerator
from etudes.separators.grouping import by_higher_note, by_nearest_stem, by_pitch
from etudes.separators.lstm_vae import SourceVAE, VAESeparator
from etudes.separators.masking import apply_masks, check_mixture
from etudes.separators.mixture_encoder import MixtureEncoder
from etudes.separators.nmf import SupervisedNMF, blind_components
from etudes.separators.oracle import OracleMask, oracle_masks
from etudes.separators.peaks import find_peaks, peak_masks
from etudes.separators.spectral import SpectralSeparator, affinity, cut
from etudes.separators.tcn import TCN
from etudes.separators.tcn_mask import TCNMask
from etudes.separators.tcn_vae import TCNVAE

__all__ = [
    "TCN",
    "TCNVAE",
    "ConvTasNet",
    "Critic",
    "DeepClustering",
    "MaskGenerator",
    "MixtureEncoder",
    "OracleMask",
    "SourceVAE",
    "SpectralSeparator",
    "SupervisedNMF",
    "TCNMask",
    "VAESeparator",
    "affinity",
    "apply_masks",
    "best_masks",
    "blind_components",
    "by_higher_note",
    "by_nearest_stem",
    "by_pitch",
    "check_mixture",
    "cut",
    "find_peaks",
    "oracle_masks",
    "peak_masks",
]
