"""Argument checks: say at the door what is wrong, in the same words everywhere.

Every public function of the package hands what it was given to one of these checks and works with
what comes back. The message always names the argument, says what came and what was wanted, for
example ``waveform must have shape (n_samples,), got (2, 16000)``.  A wrong *kind* of thing raises
:class:`TypeError`, a wrong *value* raises :class:`ValueError`.  Chapter 01 shows why: most
surprises in audio code are an array of the right type and the wrong shape.
"""

from etudes.checks.arrays import check_array, check_waveform
from etudes.checks.choices import check_in
from etudes.checks.numbers import (
    check_fraction,
    check_positive_float,
    check_positive_int,
    check_sample_rate,
)
from etudes.checks.words import describe

__all__ = [
    "check_array",
    "check_fraction",
    "check_in",
    "check_positive_float",
    "check_positive_int",
    "check_sample_rate",
    "check_waveform",
    "describe",
]
