"""Chapter 3's exercises: solutions are right, stubs untouched, wrong answers get a diagnosis."""

from __future__ import annotations

from exercise_helpers import Chapter, Code, ExerciseTests

CHAPTER = Chapter("03")

COUNT = """
def count(inner_hidden, outer_hidden):
    inner = 79 * inner_hidden + 72
    outer = 4 * outer_hidden * (outer_hidden + 4) + outer_hidden + 1
    memory = 2 * outer_hidden * inner
    return {}
"""

NUMBER = """
def best_rate(rates, losses, step):
    return int(np.nanargmin(losses[:, :, step].mean(axis=1)))
"""
LAST_STEP = """
def best_rate(rates, losses, step):
    return rates[int(losses[:, :, -1].mean(axis=1).argmin())]
"""
ANY_STEP = """
def best_rate(rates, losses, step):
    return rates[int(losses.mean(axis=1).min(axis=1).argmin())]
"""
ONE_NOTE = """
def best_rate(rates, losses, step):
    return rates[int(losses[:, :, step].min(axis=1).argmin())]
"""
FORGETS = """
def best_rate(rates, losses, step):
    return rates[int(np.nanmean(losses[:, :, step], axis=1).argmin())]
"""
NAN_WINS = """
def best_rate(rates, losses, step):
    return rates[int(losses[:, :, step].mean(axis=1).argmin())]
"""

SLOPE = """
def slope_of_the_rate(loss, theta, alpha):
    def gradient(place):
        place = place.detach().requires_grad_()
        return torch.autograd.grad(loss(place), place)[0]
    old = gradient(theta)
    new = gradient(theta - alpha * old)
    return float({})
"""

PLAIN = """
def rule(gradient, memory, step):
    return -3.0 * gradient, None
"""
TUNED_ADAM = """
def rule(gradient, memory, step):
    beta1, beta2, lr = 0.6, 0.999, 0.1
    direction, size = memory or (torch.zeros_like(gradient), torch.zeros_like(gradient))
    direction = beta1 * direction + (1 - beta1) * gradient
    size = beta2 * size + (1 - beta2) * gradient**2
    unbiased = direction / (1 - beta1 ** (step + 1))
    scale = (size / (1 - beta2 ** (step + 1))).sqrt() + 1e-8
    return -lr * unbiased / scale, (direction, size)
"""
UPHILL = """
def rule(gradient, memory, step):
    return 0.1 * gradient, None
"""
ALONE = """
def rule(gradient, memory, step):
    return -gradient
"""
ONE_NUMBER = """
def rule(gradient, memory, step):
    return -gradient.mean(), None
"""
TOO_LONG = """
def rule(gradient, memory, step):
    return -1e6 * gradient, None
"""

WRONG = [
    ("03.1", Code(COUNT.format("inner")), "three numbers"),
    ("03.1", Code(COUNT.format("inner - inner_hidden, outer, memory")), "all biases"),
    ("03.1", Code(COUNT.format("inner - 72, outer, memory")), "all biases"),
    ("03.1", Code(COUNT.format("inner, outer - 4 * outer_hidden, memory")), "two biases"),
    ("03.1", Code(COUNT.format("inner, outer - outer_hidden - 1, memory")), "nn.Linear"),
    (
        "03.1",
        Code(COUNT.format("inner, outer_hidden * (outer_hidden + 5) + 1, memory")),
        "four gates",
    ),
    ("03.1", Code(COUNT.format("inner, outer * inner, memory")), "do not multiply"),
    ("03.1", Code(COUNT.format("inner, outer, memory // 2")), "h and c"),
    ("03.1", Code(COUNT.format("inner, outer, 2 * outer_hidden")), "has its own"),
    ("03.2", Code(NUMBER), "rate itself"),
    ("03.2", Code(LAST_STEP), "last step"),
    ("03.2", Code(ANY_STEP), "on the way"),
    ("03.2", Code(ONE_NOTE), "for one note"),
    ("03.2", Code(FORGETS), "must not win"),
    ("03.2", Code(NAN_WINS), "must not win"),
    ("03.3", Code(SLOPE.format("(new * old).sum()")), "sign is turned"),
    ("03.3", Code(SLOPE.format("-(old * old).sum()")), "alpha = 0"),
    ("03.3", Code(SLOPE.format("-(new * new).sum()")), "after the step"),
    ("03.4", Code(PLAIN), "0.068 is wanted"),
    ("03.4", Code(TUNED_ADAM), "as long as your first"),
    ("03.4", Code(UPHILL), "minus sign"),
    ("03.4", Code(ALONE), "two things"),
    ("03.4", Code(ONE_NUMBER), "gradient's shape"),
    ("03.4", Code(TOO_LONG), "too long"),
]


class TestExercises(ExerciseTests):
    chapter, wrong = CHAPTER, WRONG
