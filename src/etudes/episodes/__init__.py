"""What a few-shot task is: a few labelled examples, and questions that share nothing with them.

An *episode* draws ``n_way`` classes, shows ``k_shot`` examples of each (the support set) and asks
about ``n_query`` others of each (the query set); a learner that answers many episodes well has
learned to learn.  The idea of training on such episodes is Vinyals et al., "Matching networks for
one shot learning" (NeurIPS 2016).  Chapter 02 builds a sampler from scratch, and its failure museum
shows what every check in this module is for.

The rules that this module keeps, so that nobody else has to remember them:

* support and query share no item, and no *group* (recording, tune, player: whatever makes two items
  near-copies), over all classes of the episode; :class:`Episode` itself refuses to exist otherwise;
* episode ``i`` of a sampler depends on ``(seed, i)`` and on nothing else: not on what was drawn
  before, not on the machine;
* which class is called 0, 1, … is drawn anew for every task, so a network cannot remember it.
"""

from etudes.episodes.episode import Episode
from etudes.episodes.sampler import EpisodeBatches, EpisodeIndex, EpisodeSampler
from etudes.episodes.splits import check_disjoint, split_classes

__all__ = [
    "Episode",
    "EpisodeBatches",
    "EpisodeIndex",
    "EpisodeSampler",
    "check_disjoint",
    "split_classes",
]
