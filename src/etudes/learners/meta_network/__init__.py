"""Meta-neural networks: an outer network that trains an inner one.

Two ways for one network to be in charge of another's weights. A *learned optimizer* is shown the
inner network's gradient, again and again, and answers with a step (Andrychowicz et al., "Learning
to learn by gradient descent by gradient descent", NeurIPS 2016). A *hypernetwork* is shown the
example once and answers with all weights (Ha, Dai and Le, "HyperNetworks", ICLR 2017). Both are
trained on many tasks, through the inner network's loss.

Inner weights are rows of a matrix, one row for each task, so that many tasks run at once; a loss is
any function from ``(n_tasks, n_weights)`` to ``(n_tasks,)``. Chapter 03.
"""

from etudes.learners.meta_network.descent import descend
from etudes.learners.meta_network.hypernetwork import HyperNetwork
from etudes.learners.meta_network.optimizer import LearnedOptimizer, preprocess
from etudes.learners.meta_network.unroll import Unrolled, unroll

__all__ = ["HyperNetwork", "LearnedOptimizer", "Unrolled", "descend", "preprocess", "unroll"]
