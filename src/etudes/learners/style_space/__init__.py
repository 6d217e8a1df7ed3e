"""A space in which what varies inside a style is small: learned from many styles, used for others.

The idea in one sentence: training styles tell which differences between two tunes mean nothing
(tunes of *one* style differ so), the space shrinks those, and in it five tunes of a style never met
are enough for a plain classifier.

Dividing by the covariance inside the classes is within-class covariance normalisation, from speaker
recognition (A. Hatch, S. Kajarekar and A. Stolcke, ICSLP 2006), which had the same task: a voice
from a few sentences. It is a meta-learner in closed form: nothing but the covariance passes from
training styles to new ones.  The classifier on top is logistic regression on the support set, found
by its dual since there are fewer examples than numbers (compare L. Bertinetto et al.,
"Meta-learning with differentiable closed-form solvers", ICLR 2019).  Chapter 06.
"""

from etudes.learners.style_space.classifiers import (
    DualLogistic,
    ShrunkenDiscriminant,
    dual_logistic,
    shrunken_discriminant,
)
from etudes.learners.style_space.space import StyleSpace

__all__ = [
    "DualLogistic",
    "ShrunkenDiscriminant",
    "StyleSpace",
    "dual_logistic",
    "shrunken_discriminant",
]
