"""Meta decision trees: the criterion, the trees, the pruning, what they learn from."""

import itertools

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

from etudes.learners import meta_tree
from etudes.learners.meta_tree import combiners
from etudes.learners.meta_tree.cross_predicting import folds_of


def random_problem(n=60, n_properties=3, n_base=3, seed=0):
    rng = np.random.default_rng(seed)
    properties = rng.random((n, n_properties)).round(2)
    odds = np.where(properties[:, :1] < 0.4, 0.1, 0.6)
    losses = rng.random((n, n_base)) < np.column_stack([odds, 0.7 - odds, 0.5 + 0 * odds][:n_base])
    return properties, losses.astype(float)


def checkered(n=240, seed=3):
    """Three experts, each right in some fields of a chequered board, and noise."""
    rng = np.random.default_rng(seed)
    x = rng.random((n, 2))
    knows = (np.floor(3 * x[:, 0]) + 2 * np.floor(3 * x[:, 1])).astype(int) % 3
    odds = np.where(np.arange(3) == knows[:, None], 0.15, 0.6)
    return x, (rng.random((n, 3)) < odds).astype(float)


def blobs(n=120, seed=0):
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 3
    return rng.normal(size=(n, 4)) + 1.5 * np.eye(3, 4)[y], y


BASES = {
    "tree": DecisionTreeClassifier(min_samples_leaf=2, random_state=0),
    "k-nn": KNeighborsClassifier(3),
    "naive-bayes": GaussianNB(),
}


# The criterion and the split ----------------------------------------------------------------------


def test_impurity_is_the_error_of_the_best_single_base_classifier():
    wrong = np.array([[0, 1], [0, 1], [1, 0], [0, 0]])
    assert meta_tree.impurity(wrong) == 0.25  # not 0, though somebody is right every time


@pytest.mark.parametrize("seed", range(5))
def test_the_best_split_is_the_one_that_trying_everything_finds(seed):
    properties, losses = random_problem(seed=seed)
    found, n = meta_tree.best_split(properties, losses, min_leaf=4), len(losses)
    best = 0.0
    for column in range(properties.shape[1]):
        for threshold in np.unique(properties[:, column])[:-1]:
            yes = properties[:, column] <= threshold
            if min(yes.sum(), n - yes.sum()) >= 4:
                after = losses[yes].sum(0).min() + losses[~yes].sum(0).min()
                best = max(best, losses.mean(0).min() - after / n)
    yes = properties[:, found.column] <= found.threshold
    assert found.gain == pytest.approx(best)
    assert losses[yes].sum(0).argmin() != losses[~yes].sum(0).argmin()
    assert min(yes.sum(), n - yes.sum()) >= 4


def test_a_split_that_changes_nobody_is_worth_nothing():
    properties = np.arange(20.0)[:, None]
    losses = np.column_stack([np.arange(20) >= 10, np.ones(20)]).astype(float)  # one expert rules
    assert meta_tree.best_split(properties, losses) is None
    assert meta_tree.best_split(np.ones((20, 2)), random_problem(20)[1]) is None  # nothing to ask


def test_halfway_stays_below_the_higher_value():
    low = 1.0
    high = np.nextafter(low, 2)
    split = meta_tree.best_split(
        np.array([[low], [high]]), np.array([[0.0, 1], [1, 0]]), min_leaf=1
    )
    assert low <= split.threshold < high


@pytest.mark.parametrize("few", [slice(0, 3), slice(17, 20)])
def test_neither_side_of_a_split_may_be_too_small(few):
    losses = np.tile([0.0, 1.0], (20, 1))
    losses[few] = [1.0, 0.0]  # another expert is right about the first, or the last, three
    values = np.arange(20.0)[:, None]
    assert meta_tree.best_split(values, losses, min_leaf=3).gain == pytest.approx(3 / 20)
    assert meta_tree.best_split(values, losses, min_leaf=4).gain < 3 / 20 - 0.01
    assert meta_tree.best_split(values, losses, min_leaf=9) is None


def test_a_tree_respects_its_smallest_leaf_and_its_depth():
    properties, losses = random_problem(200)
    root = meta_tree.grow(properties, losses, min_leaf=15)
    assert min(leaf.n for leaf in root.leaves()) >= 15
    assert sum(leaf.n for leaf in root.leaves()) == 200
    assert meta_tree.grow(properties, losses, min_leaf=2, max_depth=2).depth() <= 2
    chosen = losses[np.arange(200), root.choose(properties)].sum()
    assert chosen == pytest.approx(sum(leaf.loss for leaf in root.leaves()))
    assert chosen <= losses.sum(axis=0).min()


def test_a_constant_classifier_for_each_class_makes_an_ordinary_tree():
    x, y = blobs()
    losses = 1.0 - np.eye(3)[y]
    root = meta_tree.grow(x, losses, min_leaf=5)
    assert meta_tree.impurity(losses) == pytest.approx(1 - np.bincount(y).max() / len(y))
    assert (root.choose(x) == y).mean() > 0.6


# Pruning ------------------------------------------------------------------------------------------


def subtrees(node):
    """Every pruned version of a tree as (loss, leaves)."""
    yield node.loss, 1
    if node.below:
        for (a, n), (b, m) in itertools.product(*(list(subtrees(child)) for child in node.below)):
            yield a + b, n + m


@pytest.mark.parametrize("alpha", [0.0, 0.004, 0.011, 0.03, 0.2])
def test_pruning_finds_the_best_of_all_subtrees(alpha):
    root = meta_tree.grow(*checkered(), min_leaf=15)
    assert 6 <= len(list(root.leaves())) <= 14
    small = meta_tree.prune(root, alpha)
    leaves = list(small.leaves())
    cost = sum(leaf.loss for leaf in leaves) + alpha * root.n * len(leaves)
    everything = [(loss + alpha * root.n * n, n) for loss, n in subtrees(root)]
    least = min(everything)[0]
    assert cost == pytest.approx(least)
    assert len(leaves) == min(n for total, n in everything if total <= least + 1e-9)


def test_every_critical_price_changes_the_tree():
    root = meta_tree.grow(*checkered(), min_leaf=15)
    prices = meta_tree.critical_alphas(root)
    sizes = [len(list(meta_tree.prune(root, price + 1e-9).leaves())) for price in prices]
    assert sizes == sorted(sizes, reverse=True) and len(set(sizes)) == len(sizes)
    assert sizes[-1] == 1


def test_cross_validation_cuts_noise_and_keeps_what_is_there():
    rng = np.random.default_rng(0)
    properties = rng.random((400, 3))
    noises = [(rng.random((400, 2)) < 0.4).astype(float) for _ in range(6)]
    left = properties[:, 1] < 0.5
    signal = np.column_stack([~left, left]).astype(float)
    unsure = np.abs(signal - (rng.random((400, 1)) < 0.1))
    kept = meta_tree.MetaTree(min_leaf=5).fit(properties, unsure)
    cut = [meta_tree.MetaTree(min_leaf=5).fit(properties, noise) for noise in noises]
    assert kept.root.split.column == 1 and abs(kept.root.split.threshold - 0.5) < 0.05
    assert kept.n_leaves <= 6
    grown = sum(sum(1 for _ in tree.unpruned.leaves()) for tree in cut)
    assert sum(tree.n_leaves for tree in cut) < grown / 2


def test_a_tree_of_scikit_learn_routes_as_it_did():
    x, y = blobs(150)
    tree = DecisionTreeClassifier(min_samples_leaf=3, random_state=0).fit(x, y)
    root = combiners.node_from_sklearn(tree, 3)
    single = x.astype(np.float32).astype(float)
    np.testing.assert_array_equal(root.choose(single), tree.predict(x))
    assert sum(1 for _ in root.leaves()) == tree.get_n_leaves()
    assert root.losses.sum() == pytest.approx(2 * len(y))


# Leaves that share -------------------------------------------------------------------------------


def test_the_best_shares_lose_least():
    bits = np.random.default_rng(5).exponential(2, (200, 3))
    shares = meta_tree.best_shares(bits, rounds=500)
    assert shares.sum() == pytest.approx(1) and shares.min() >= 0
    least = meta_tree.shared_bits(shares, bits).mean()
    grid = [(a, b, 1 - a - b) for a, b in itertools.product(np.linspace(0, 1, 21), repeat=2)]
    others = [meta_tree.shared_bits(np.clip(g, 0, 1), bits).mean() for g in grid if g[2] >= -1e-9]
    assert least <= min(others) + 1e-9 and len(others) == 231


def test_no_round_loses_more_than_the_one_before():
    bits = np.random.default_rng(6).exponential([3, 3.5, 4, 7], (80, 4))
    each = [
        meta_tree.shared_bits(meta_tree.best_shares(bits, r), bits).mean() for r in (1, 2, 5, 50)
    ]
    assert each == sorted(each, reverse=True) and each[0] < meta_tree.impurity(bits)


def test_everything_for_one_is_the_hard_leaf():
    bits = np.array([[3.0, 900.0], [2000.0, 1.0]])  # further apart than floats reach
    np.testing.assert_allclose(meta_tree.shared_bits(np.eye(2), bits), [3, 1])
    np.testing.assert_allclose(meta_tree.shared_bits([0.5, 0.5], bits), [4, 2])


def test_every_leaf_has_shares_of_its_own():
    x, losses = checkered()
    root = meta_tree.grow(x, losses, min_leaf=20)
    table = meta_tree.leaf_shares(root, x, losses)
    leaf = root.route(x)
    np.testing.assert_allclose(table[2], meta_tree.best_shares(losses[leaf == 2]))
    assert len(table) == sum(1 for _ in root.leaves())
    few = meta_tree.leaf_shares(root, x[leaf == 0], losses[leaf == 0])
    np.testing.assert_allclose(few[1:], 1 / 3)  # nobody came there


def test_shares_of_what_will_not_do():
    with pytest.raises(ValueError, match="bits"):
        meta_tree.best_shares([1.0, 2.0])
    with pytest.raises(ValueError, match="rounds"):
        meta_tree.best_shares([[1.0, 2.0]], rounds=0)


# Properties ---------------------------------------------------------------------------------------


def test_properties_of_distributions():
    p = np.array([[0.5, 0.5, 0], [1, 0, 0], [0.25, 0.25, 0.5]])
    np.testing.assert_allclose(meta_tree.highest_probability(p), [0.5, 1, 0.5])
    np.testing.assert_allclose(meta_tree.entropy(p), [1, 0, 1.5])


def test_the_weight_is_the_share_of_the_training_set_in_the_leaf():
    x, y = blobs(90)
    tree = DecisionTreeClassifier(max_leaf_nodes=3, random_state=0).fit(x, y)
    weight = meta_tree.weight_of_evidence(tree, x)
    leaf = tree.apply(x)
    np.testing.assert_allclose(weight, [(leaf == one).mean() for one in leaf])
    assert meta_tree.weight_of_evidence(GaussianNB().fit(x, y), x) is None


def test_only_classifiers_with_a_weight_get_the_column():
    x, y = blobs()
    told = meta_tree.cross_predict(BASES, x, y, n_folds=3)
    table, questions = told.properties()
    assert table.shape == (len(x), 7)
    assert [name for name in questions if "weight" in name] == ["weight of tree"]


# Predictions --------------------------------------------------------------------------------------


def test_nobody_is_asked_about_what_he_was_fitted_on():
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(200, 3)), rng.integers(0, 2, 200)
    memory = {"memory": KNeighborsClassifier(1)}  # right about everything that it has seen
    told = meta_tree.cross_predict(memory, x, y, n_folds=5)
    assert told.losses(y).mean() > 0.35


def test_groups_are_never_parted():
    rng = np.random.default_rng(1)
    groups = np.repeat(np.arange(40), 5)
    x = rng.normal(size=(40, 3))[groups] + 1e-3 * rng.normal(size=(200, 3))
    y = rng.integers(0, 2, 40)[groups]
    memory = {"memory": KNeighborsClassifier(1)}
    assert meta_tree.cross_predict(memory, x, y, n_folds=5).losses(y).mean() < 0.05
    assert meta_tree.cross_predict(memory, x, y, groups, n_folds=5).losses(y).mean() > 0.3
    for fit, held in folds_of(y, groups, 5):
        assert not set(groups[fit]) & set(groups[held])
    assert len(folds_of(y, groups // 20, 5)) == 2  # no more folds than groups


# Combining ----------------------------------------------------------------------------------------


def predictions(answers, sure=0.9, n_classes=3):
    """Predictions that name these classes, (n, n_base)."""
    p = np.full((*np.shape(answers), n_classes), (1 - sure) / (n_classes - 1))
    np.put_along_axis(p, np.asarray(answers)[..., None], sure, axis=2)
    names = tuple(f"base {j}" for j in range(np.shape(answers)[1]))
    return meta_tree.Predictions(p, np.full(np.shape(answers), np.nan), names)


def test_votes_and_the_best():
    told, y = predictions([[0, 1, 1], [2, 1, 1], [0, 0, 1], [2, 2, 0]]), np.array([0, 2, 0, 2])
    assert meta_tree.SelectBest().fit(told, y).predict(told).tolist() == [0, 2, 0, 2]
    assert meta_tree.MajorityVote().fit(told, y).predict(told).tolist() == [1, 1, 0, 2]
    # the first is always right, the second half of the time, the third never
    assert meta_tree.WeightedVote().fit(told, y).predict(told).tolist() == [0, 2, 0, 2]


def test_multi_response_regression_is_that_of_scikit_learn():
    x, y = blobs()
    told = meta_tree.cross_predict(BASES, x, y, n_folds=3)
    ours = meta_tree.MultiResponse().fit(told, y)
    for c in range(3):
        theirs = LinearRegression(positive=True, fit_intercept=False)
        theirs.fit(told.probabilities[:, :, c], y == c)
        np.testing.assert_allclose(ours.weights[:, c], theirs.coef_, atol=1e-6)


def test_a_meta_tree_trusts_each_where_he_is_right():
    rng = np.random.default_rng(0)
    y, first_knows = rng.integers(0, 3, 300), rng.random(300) < 0.5
    other = (y + 1) % 3
    told = predictions(
        np.column_stack([np.where(first_knows, y, other), np.where(first_knows, other, y)])
    )
    told.probabilities[~first_knows, 0] = 0.2 * told.probabilities[~first_knows, 0] + 0.8 / 3
    judge = meta_tree.MetaTreeCombiner().fit(told, y)
    assert (judge.predict(told) == y).all()
    assert judge.tree.n_leaves == 2  # an ordinary tree needs a leaf for each class and each expert
    ordinary = meta_tree.StackedTree().fit(told, y)
    assert (ordinary.predict(told) == y).all() and sum(1 for _ in ordinary.root.leaves()) >= 4


@pytest.mark.parametrize("inputs", ["probabilities", "properties"])
def test_an_ordinary_stacked_tree_is_pruned_by_the_same_rule(inputs):
    x, y = blobs(200, seed=2)
    told = meta_tree.cross_predict(BASES, x, y, n_folds=4)
    grown = meta_tree.StackedTree(inputs, alpha=0).fit(told, y)
    pruned = meta_tree.StackedTree(inputs).fit(told, y)
    n_leaves = [sum(1 for _ in tree.root.leaves()) for tree in (grown, pruned)]
    assert 3 <= n_leaves[1] <= n_leaves[0]
    assert (pruned.predict(told) == y).mean() > 0.6


def test_the_whole_method():
    x, y = blobs(240, seed=1)
    model = meta_tree.MetaDecisionTree(BASES, n_folds=4).fit(x[:160], y[:160])
    trusted, told = model.trusted(x[160:]), model.told(x[160:])
    np.testing.assert_array_equal(model.predict(x[160:]), told.answers[np.arange(80), trusted])
    np.testing.assert_allclose(model.predict_proba(x[160:]).sum(axis=1), 1)
    assert (model.predict(x[160:]) == y[160:]).mean() > 0.65
    assert "trust" in str(model.tree)
    assert not hasattr(BASES["tree"], "tree_")  # the bases themselves are left as they were


# Bad input ----------------------------------------------------------------------------------------


X, Y = blobs(30)


@pytest.mark.parametrize(
    ("x", "y", "error", "told"),
    [
        (X, np.zeros(30, int), ValueError, "y must hold at least two classes, got only"),
        (np.ones((30, 2)), Y, ValueError, "x must vary: every column is constant"),
        (np.where(X > 1, np.nan, X), Y, ValueError, "x must be finite"),
        (X[:, 0], Y, ValueError, "x must have shape"),
        (X, Y[:-1], ValueError, "y must have shape"),
        (X, Y + 1, ValueError, "y must number its 3 classes from 0 to 2"),
        (X, Y - 1, ValueError, "y must number its 3 classes from 0 to 2"),
        (X, Y * 1.0, TypeError, "y must hold whole numbers"),
        (X[:0], Y[:0], ValueError, "x must not be empty"),
    ],
)
def test_examples_that_will_not_do(x, y, error, told):
    with pytest.raises(error, match=told):
        meta_tree.MetaDecisionTree(BASES, n_folds=2).fit(x, y)


class Refuses(GaussianNB):
    def fit(self, x, y):
        raise RuntimeError("no thank you")


@pytest.mark.parametrize(
    ("bases", "error", "told"),
    [
        ({}, ValueError, "bases must name at least one classifier"),
        ({"odd": Refuses()}, ValueError, r"bases\['odd'\] could not be fitted .* no thank you"),
        ({"svm": LinearSVC()}, TypeError, r"bases\['svm'\] must have predict_proba"),
    ],
)
def test_base_classifiers_that_will_not_do(bases, error, told):
    with pytest.raises(error, match=told):
        meta_tree.MetaDecisionTree(bases, n_folds=2).fit(X, Y)


def test_other_arguments_that_will_not_do():
    model = meta_tree.MetaDecisionTree(BASES, n_folds=2)
    with pytest.raises(ValueError, match="must be fitted first"):
        model.predict(X)
    model.fit(X, Y)
    with pytest.raises(ValueError, match="x must have shape"):
        model.predict(X[:, :2])
    with pytest.raises(ValueError, match="groups must have shape"):
        meta_tree.cross_predict(BASES, X, Y, groups=Y[:3])
    with pytest.raises(ValueError, match="n_folds must be at least 2"):
        meta_tree.cross_predict(BASES, X, Y, n_folds=1)
    with pytest.raises(ValueError, match="leaves one class to fit on"):
        meta_tree.cross_predict(BASES, X, (Y > 0).astype(int), groups=Y > 0, n_folds=2)
    with pytest.raises(ValueError, match="probabilities must hold distributions"):
        meta_tree.entropy([[0.5, 0.6]])
    with pytest.raises(ValueError, match="min_leaf must be a positive integer"):
        meta_tree.MetaTree(min_leaf=0)
    with pytest.raises(ValueError, match="alpha must be"):
        meta_tree.MetaTree(alpha=-1.0)
    with pytest.raises(ValueError, match="inputs must be one of"):
        meta_tree.StackedTree("probability")
    with pytest.raises(ValueError, match="losses must have shape"):
        meta_tree.grow(X, np.zeros((3, 2)))
    with pytest.raises(ValueError, match="models must name 2 columns"):
        meta_tree.MetaTree().fit(X, np.zeros((30, 2)), models=["one"])
    with pytest.raises(ValueError, match="properties must have shape"):
        meta_tree.MetaTree().fit(X, np.zeros((30, 2))).choose(X[:, :1])
