"""Exercises: what is said to which answer, and that no answer raises an error."""

from __future__ import annotations

import ast
import functools
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from exercise_helpers import Chapter, Code

import etudes.exercises.grading
import etudes.exercises.registry
from etudes.exercises import (
    Message,
    NotAttempted,
    Right,
    as_array,
    check,
    diagnose,
    exercise,
    exercises_of,
    hint,
    progress,
)

FREQUENCY = np.array([0.0, 110.0, 440.0, 1000.0])
MEL = 2595 * np.log10(1 + FREQUENCY / 700)


@pytest.fixture(autouse=True)
def lessons(monkeypatch: pytest.MonkeyPatch) -> None:
    """A chapter 98 with three exercises, gone after each test, as is what was remembered."""
    registry, grading = etudes.exercises.registry, etudes.exercises.grading
    for chapter in registry.chapters():
        exercises_of(chapter)
    monkeypatch.setattr(registry, "_exercises", dict(registry._exercises))
    monkeypatch.setattr(grading, "_records", {})

    @exercise("98.1", title="Half", hints=["Divide.", "By two."], when_right="Yes: `440 / 2`.")
    def grade_half(answer):
        return diagnose(answer, 220.0)

    @exercise("98.2", title="Mel from hertz", hints=["The logarithm."])
    def grade_mel(answer):
        return diagnose(answer(FREQUENCY), MEL, "the mel values")

    @exercise("98.10", title="Two numbers", hints=["Both."])
    def grade_two(answer):
        low, high = answer
        return None if (low, high) == (1, 2) else "The low one comes first."


def mel(frequency):
    return 2595 * np.log10(1 + frequency / 700)


# --- the three states ---------------------------------------------------------------------------


def test_a_right_answer_is_right() -> None:
    message = check("98.1", 220)
    assert message.right
    assert message.text.splitlines() == ["✓ Right: 98.1 Half", "Yes: `440 / 2`."]
    assert check("98.2", mel).right


def test_a_wrong_answer_is_not_yet_and_says_why() -> None:
    message = check("98.1", 440)
    assert message.state == "not yet"
    assert not message.right
    assert "twice too large: look for a missing or extra factor." in message.text
    assert 'hint("98.1")' in message.text


@pytest.mark.parametrize(
    "gap", [..., None, "", "...", NotImplemented, (..., ...), [None], {"a": ...}]
)
def test_a_gap_is_not_attempted(gap) -> None:
    message = check("98.1", gap)
    assert message.state == "not attempted"
    assert "Replace the `...`" in message.text


def test_no_answer_at_all_is_not_attempted() -> None:
    assert check("98.1").state == "not attempted"


def test_half_an_answer_is_not_attempted_and_says_which_half() -> None:
    message = check("98.10", (1, ...))
    assert message.state == "not attempted"
    assert "The part 1 of your answer is still `...`." in message.text
    assert "The part 'high'" in check("98.10", {"low": 1, "high": None}).text


def stub_ellipsis(frequency): ...


def stub_pass(frequency):
    pass


def stub_return(frequency):
    scale = frequency / 700  # noqa: F841
    return ...


def stub_raise(frequency):
    raise NotImplementedError


def stub_within(frequency):
    inner = ...
    return 2595 * inner


def stub_within_numpy(frequency):
    return np.log10(...)


def stub_pair(frequency):
    return ..., ...


@pytest.mark.parametrize(
    "stub",
    [
        stub_ellipsis,
        stub_pass,
        stub_return,
        stub_raise,
        stub_within,
        stub_within_numpy,
        stub_pair,
        lambda frequency: None,
        lambda frequency: ...,
    ],
)
def test_a_stub_of_a_function_is_not_attempted(stub) -> None:
    assert check("98.2", stub).state == "not attempted"


# --- mistakes -----------------------------------------------------------------------------------


def forgot_return(frequency):
    result = frequency / 700  # noqa: F841


def misspelt(frequency):
    return np.log10(1 + frequncy / 700)  # noqa: F821


def leaves(frequency):
    raise SystemExit


def divides(frequency):
    return 1 // 0


def endless(frequency):
    return endless(frequency)


def wrong_index(frequency):
    scale = 700
    return frequency[len(frequency)] / scale


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (forgot_return, ["`forgot_return` returned nothing (None)", "`return` missing"]),
        (
            misspelt,
            ["`return np.log10(1 + frequncy / 700)  # noqa: F821`", "NameError", "spelt as above"],
        ),
        (leaves, ["left Python with `exit`"]),
        (divides, ["ZeroDivisionError", "divided by zero"]),
        (endless, ["RecursionError", "calls itself without end"]),
        (wrong_index, ["`return frequency[len(frequency)] / scale`", "IndexError", "indices at 0"]),
        (lambda: 1, ["cannot be called as the exercise asks, with 1 argument: ndarray of shape"]),
        (lambda a, b: 1, ["`<lambda>(a, b)` cannot be called"]),
        (mel(FREQUENCY), ["asks for a function; you handed in ndarray of shape (4,)"]),
        (lambda f: "mel", ["The mel values should be numbers; it is str 'mel'"]),
        (lambda f: mel(f) * np.nan, ["nothing but NaN", "division by zero"]),
        (lambda f: mel(f)[:-1], ["shape (3,), wanted is (4,)", "One too few"]),
        (lambda f: [1, [2, 3]], ["should be numbers"]),
        (object(), ["asks for a function"]),
        (int, ["could not work with your answer", "Compare its kind and shape"]),
    ],
)
def test_a_mistake_in_a_function_is_explained_and_raises_nothing(answer, words) -> None:
    message = check("98.2", answer)
    assert message.state == "not yet"
    for part in words:
        assert part in message.text


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (mel, "You handed in the function `mel` itself; the exercise asks for a value"),
        (3, "could not work with your answer, int 3"),
        ((1, 2, 3), "too many values to unpack"),
        ((2, 1), "The low one comes first."),
    ],
)
def test_a_mistake_in_a_value_is_explained_and_raises_nothing(answer, words) -> None:
    message = check("98.10", answer)
    assert message.state == "not yet"
    assert words in message.text


class Awkward:
    """Raises whatever is done to it."""

    def __getattr__(self, name):
        raise RuntimeError("no")

    def __eq__(self, other):
        raise RuntimeError("no")

    __hash__ = None

    def __repr__(self):
        raise RuntimeError("no")


@pytest.mark.parametrize("exercise_id", ["98.1", "98.2", "98.10"])
@pytest.mark.parametrize(
    "answer",
    [
        Awkward(),
        lambda f: Awkward(),
        b"bytes",
        {1, 2, 3},
        {"a": np.zeros(3)},
        float("nan"),
        np.array([], dtype=object),
        np.array("text"),
        1 + 2j,
        np.float32(3),
        range(3),
        (i for i in range(2)),
        functools.partial(mel),
        functools.partial(mel, 1, 2),
        print,
        len,
        type,
        Exception("x"),
        torch.nn.Linear(2, 2),
        np.random.default_rng(0),
        10**400,
        [[1, 2], [3]],
    ],
    ids=lambda answer: type(answer).__name__,
)
def test_no_answer_raises_an_error(exercise_id, answer, capsys) -> None:
    message = check(exercise_id, answer)
    assert message.state == "not yet" or isinstance(answer, functools.partial)
    assert message.html


def test_tensors_and_lists_count_as_arrays() -> None:
    assert check("98.2", lambda f: torch.from_numpy(mel(f)).requires_grad_()).right
    assert check("98.2", lambda f: list(mel(f))).right
    assert check("98.1", torch.tensor(220.0)).right
    assert check("98.1", np.float32(220)).right
    assert check("98.1", torch.tensor(440)).state == "not yet"
    assert np.array_equal(as_array([torch.ones(2), torch.zeros(2)]), [[1, 1], [0, 0]])
    assert as_array(torch.ones(2, dtype=torch.complex64).conj()).dtype == np.complex64


def test_a_function_that_changes_its_input_does_not_change_the_graders() -> None:
    def change(frequency):
        answer = mel(frequency)
        frequency[:] = 0
        return answer

    assert check("98.2", change).right
    assert FREQUENCY[-1] == 1000


def test_a_grader_may_say_itself_that_nothing_was_attempted() -> None:
    @exercise("98.3", title="Own", hints=["-"])
    def grade_own(answer):
        raise NotAttempted("The dictionary is still empty.")

    message = check("98.3", {})
    assert message.state == "not attempted"
    assert "The dictionary is still empty." in message.text


def test_a_grader_may_praise_with_a_figure() -> None:
    @exercise("98.5", title="Score", hints=["-"], when_right="Well heard.")
    def grade_score(answer):
        return Right(f"{answer:.0%} right.") if answer > 0.5 else "More than half, please."

    message = check("98.5", 0.75)
    assert message.right
    assert message.text.splitlines() == ["✓ Right: 98.5 Score", "75% right.", "Well heard."]
    assert check("98.5", 0.25).state == "not yet"


def test_a_broken_grader_does_not_look_like_a_right_answer() -> None:
    @exercise("98.4", title="Broken", hints=["-"])
    def grade_broken(answer):
        return True

    assert check("98.4", 1).state == "not yet"
    assert "grader of this exercise is broken" in check("98.4", 1).text


# --- ids, hints, progress -----------------------------------------------------------------------


@pytest.mark.parametrize("ask", [check, hint])
def test_an_unknown_exercise_lists_those_that_exist(ask) -> None:
    message = ask("98.7")
    assert message.state == "unknown exercise"
    for known in ("`98.1` (Half)", "`98.2` (Mel from hertz)", "`98.10` (Two numbers)"):
        assert known in message.text
    for odd in ("77.1", "", "mel", 3, None, "1.2.3", "98.", "98.x"):
        assert ask(odd).state == "unknown exercise"
    assert "chapters with exercises: " in ask("77.1").text
    assert "98" in ask("77.1").text


def test_ids_are_understood_without_zeros() -> None:
    @exercise("09.9", title="Low", hints=["-"])
    def grade_low(answer):
        return None

    assert check("9.9", 1).right
    assert check(" 09.09 ", 1).right


def test_hints_come_in_steps() -> None:
    first = hint("98.1")
    assert first.state == "hint"
    assert first.paragraphs == (
        "Hint 1 of 2: Divide.",
        'Ask `hint("98.1")` again for the next one.',
    )
    for _ in range(3):  # the last stays
        last = hint("98.1")
        assert last.paragraphs[:2] == ("Hint 1 of 2: Divide.", "Hint 2 of 2: By two.")
        assert "last hint. The solution is folded away" in last.text
    # Once all are read, a wrong answer does not send the reader there again.
    assert "hint(" not in check("98.1", 1).text


def test_progress_counts_what_was_solved_and_keeps_it() -> None:
    assert progress("98").title == "0 of 3 exercises solved in chapter 98"
    check("98.1", ...)
    check("98.1", 1)
    check("98.1", 2)
    hint("98.2")
    check("98.10", (2, 1))
    check("98.10", (1, 2))
    check("98.10", (2, 1))
    message = progress(98)
    assert message.state == "progress"
    assert message.title == "1 of 3 exercises solved in chapter 98"
    assert message.items == (
        "98.1 Half: ↻ not yet (2 tries)",
        "98.2 Mel from hertz: ○ not attempted, 1 hint read",
        "98.10 Two numbers: ✓ solved",
    )
    assert "98.1 Half" in progress().text
    assert progress("77").state == "unknown exercise"


def test_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    check("98.1", 220)
    hint("98.1")
    progress("98")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"exercise_id": "1.2"}, ValueError, "exercise_id must look like '01.2', got '1.2'"),
        ({"exercise_id": 1.2}, ValueError, "exercise_id must look like '01.2', got 1.2"),
        ({"hints": "Divide."}, TypeError, "hints must be a sequence of texts"),
        ({"hints": []}, ValueError, "hints must hold at least one hint, in exercise 98.5"),
        ({"hints": [" "]}, ValueError, "hints must not be empty, in exercise 98.5"),
        ({"title": ""}, ValueError, "title must not be empty, in exercise 98.5"),
        ({"title": 3}, TypeError, "title must be text, got 3"),
    ],
)
def test_an_author_is_told_what_is_wrong(arguments, error, message) -> None:
    good = {"exercise_id": "98.5", "title": "T", "hints": ["h"]}
    with pytest.raises(error, match=message):
        exercise(**{**good, **arguments})


def test_an_id_belongs_to_one_grader() -> None:
    @exercise("98.6", title="One", hints=["-"])
    def grade_one(answer):
        return None

    exercise("98.6", title="One again", hints=["-"])(grade_one)  # as when a module is reloaded
    with pytest.raises(ValueError, match=r"98.6 belongs to .*grade_one already"):

        @exercise("98.6", title="Two", hints=["-"])
        def grade_another(answer):
            return None


# --- messages -----------------------------------------------------------------------------------


def test_html_is_escaped_and_says_the_state_in_words() -> None:
    message = Message("not yet", "T <b>", ("Use `a < b` and *not* 2*3*4 & <i>.",), ("item `x`",))
    assert "<strong>Not yet</strong>: T &lt;b&gt;" in message.html
    assert ">a &lt; b</code> and <em>not</em> 2*3*4 &amp; &lt;i&gt;." in message.html
    assert "<li>item <code" in message.html
    assert message._repr_html_() == message.html
    assert repr(message) == "↻ Not yet: T <b>\nUse `a < b` and *not* 2*3*4 & <i>.\n  item `x`"


@pytest.mark.page
@pytest.mark.parametrize("colours", [("#ffffff", "#323232"), ("#121212", "#ced6dd")])
def test_axe_finds_nothing_in_messages(browser, colours) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    hint("98.1")
    check("98.10", (2, 1))
    said = [
        check("98.1", 220),
        check("98.1", 1),
        check("98.1"),
        check("98.77"),
        hint("98.1"),
        progress("98"),
    ]
    assert len({message.state for message in said}) == 6
    background, colour = colours
    page = browser.new_page()
    page.set_content(
        '<!doctype html><html lang="en"><head><title>Messages</title></head>'
        f'<body style="background:{background};color:{colour}"><main><h1>Messages</h1>'
        + "".join(message.html for message in said)
        + "</main></body></html>"
    )
    violations = axe.Axe().run(page).response["violations"]
    page.close()
    assert [v["id"] for v in violations] == []


# --- diagnoses ----------------------------------------------------------------------------------

RIGHT = np.linspace(0.1, 1.3, 12).reshape(3, 4) ** 2
COMPLEX = RIGHT * np.exp(1j * np.arange(12).reshape(3, 4))


@pytest.mark.parametrize(
    ("got", "want", "words"),
    [
        (RIGHT.T, RIGHT, "Its axes are swapped"),
        (RIGHT[:, :3], RIGHT, "One too few along `n_frames`"),
        (np.pad(RIGHT, ((0, 1), (0, 0))), RIGHT, "One too many along `n_mels`"),
        (RIGHT[None], RIGHT, "An axis of length 1 is too many"),
        (RIGHT[0], RIGHT[:1], "An axis of length 1 is missing"),
        (RIGHT[:, :2], RIGHT, "it is half as long"),
        (np.tile(RIGHT, (1, 2)), RIGHT, "it is twice as long"),
        (RIGHT.ravel(), RIGHT, "It has 1 dimension instead of 2"),
        (RIGHT[:1, :2], RIGHT, "has shape (1, 2), wanted is (3, 4)"),
        (3.0, RIGHT, "is one number; wanted is an array of shape (3, 4)"),
        (RIGHT, 3.0, "should be one number; it has shape (3, 4)"),
        ("text", RIGHT, "should be numbers; it is str 'text'"),
        (COMPLEX, RIGHT, "is complex; take its magnitude"),
        (COMPLEX + 1, RIGHT, "is complex and should be real"),
        (np.where(RIGHT > 1, np.nan, RIGHT), RIGHT, "3 of 12 values are NaN or infinite"),
        (np.zeros((3, 4)), RIGHT, "is zero everywhere"),
        (-RIGHT, RIGHT, "has the wrong sign"),
        (RIGHT[:3, :3].T, RIGHT[:3, :3], "is transposed: swap the axes"),
        (COMPLEX.conj(), COMPLEX, "is the complex conjugate"),
        (np.abs(COMPLEX), COMPLEX, "has the right magnitudes and wrong phases"),
        (RIGHT[:, ::-1], RIGHT, "in reverse order along its last axis"),
        (RIGHT[::-1], RIGHT, "in reverse order along its first axis"),
        (np.roll(RIGHT, 1, axis=1), RIGHT, "one step too late"),
        (np.roll(RIGHT, -1, axis=1), RIGHT, "one step too early"),
        (RIGHT**2, RIGHT, "power instead of magnitude?"),
        (np.sqrt(RIGHT), RIGHT, "magnitude instead of power?"),
        (RIGHT, np.log(RIGHT), "has not been through the logarithm yet"),
        (np.log(RIGHT), RIGHT, "is the logarithm of what is asked"),
        (np.log10(RIGHT), np.log(RIGHT), "uses the logarithm to base 10"),
        (np.log(RIGHT), np.log10(RIGHT), "uses the natural logarithm"),
        (20 * np.log10(RIGHT), RIGHT, "is in decibels; asked is the amplitude"),
        (10 * np.log10(RIGHT), RIGHT, "is in decibels; asked is the power"),
        (1 - RIGHT, RIGHT, "is one minus what is asked"),
        (1 / RIGHT, RIGHT, "is one over what is asked"),
        (RIGHT + 1, RIGHT, "is one too large everywhere"),
        (2 * RIGHT, RIGHT, "is twice too large everywhere"),
        (-RIGHT / 2, RIGHT, "is half of what is asked and of the wrong sign everywhere"),
        (RIGHT / (2 * np.pi), RIGHT, "is 2π times too small everywhere"),
        (17.3 * RIGHT, RIGHT, "is 17.3 times too large everywhere"),
        (2 * COMPLEX, COMPLEX, "is twice too large everywhere"),
        (RIGHT - 0.3, RIGHT, "off by the same amount everywhere: −0.3 is added"),
        (np.sort(RIGHT, axis=None)[[3, 1, 2, 0, *range(4, 12)]].reshape(3, 4), RIGHT, "order"),
        (RIGHT + np.eye(3, 4), RIGHT, "differs in 3 of 12 values"),
        (RIGHT.astype(int), RIGHT, "has lost what comes after the point"),
        (RIGHT > 0.5, RIGHT, "is true or false; numbers are asked for"),
        (RIGHT <= 0.5, RIGHT > 0.5, "the condition is the wrong way"),
        (441, 440, "is one too large: does the counting"),
        (445.0, 440, "near, but not near enough"),
        (0, 440, "is zero."),
        (880, 440, "is twice too large: look"),
        (0.44, 440, "a thousand times too small (kHz and Hz, ms and s?)"),
    ],
)
def test_a_slip_is_named(got, want, words) -> None:
    axes = ("n_mels", "n_frames")
    said = diagnose(got, want, "the spectrum", axes=axes)
    assert said is not None
    assert words in said
    assert said.startswith("The spectrum")
    assert "?." not in said


@pytest.mark.parametrize("want", [RIGHT, COMPLEX, np.arange(5), RIGHT > 0.5, 3.0, np.zeros((2, 2))])
def test_a_right_array_gets_no_diagnosis(want) -> None:
    assert diagnose(want, want) is None
    assert diagnose(np.asarray(want).tolist(), want) is None
    assert diagnose(torch.as_tensor(want), want) is None
    if np.asarray(want).dtype.kind in "fc":
        assert diagnose(np.asarray(want) * (1 + 1e-5), want) is None
        assert diagnose(np.asarray(want) + 0.01, want) is not None


def test_tolerance_is_of_the_largest_value() -> None:
    want = np.array([1000.0, 1e-3])
    assert diagnose(want + 0.05, want) is None
    assert diagnose(want + 0.05, want, rtol=1e-6) is not None
    assert diagnose([1000.0, 1e-3], [1000.0, 1.1e-3], rtol=0, atol=1e-5) is not None


def test_nan_that_is_asked_for_is_right() -> None:
    assert diagnose([1.0, np.nan], [1.0, np.nan]) is None
    assert diagnose([1.0, 2.0], [1.0, np.nan]) is not None


# --- the graders that exist, and the helper for chapters ----------------------------------------


def test_every_grader_module_registers_its_own_chapter_with_graded_hints() -> None:
    folder = Path(etudes.exercises.__file__).parent
    for file in sorted(folder.glob("chapter_*.py")):
        ast.parse(file.read_text("utf-8"))
        number = file.stem[-2:]
        there = exercises_of(number)
        assert there, f"{file.name} registers nothing"
        for one in there:
            assert one.grade.__module__ == f"etudes.exercises.chapter_{number}"
            assert check(one.exercise_id).state == "not attempted"


SOLUTION = """Some text.

````{admonition} Solution 98.1
:class: dropdown

Half of it:

```python
half = whole / 2
```

And so on.
````
"""


def notebook(path: Path, *cells: tuple[str, str, dict]) -> Path:
    """Write a notebook of (kind, source, more) cells."""
    made = [
        {"cell_type": kind, "source": source.splitlines(keepends=True), "metadata": {}, **more}
        for kind, source, more in cells
    ]
    path.write_text(json.dumps({"cells": made, "metadata": {}, "nbformat": 4}), "utf-8")
    return path


@pytest.fixture
def chapter(tmp_path: Path) -> Chapter:
    """A small chapter in every form that the convention allows."""
    set_up = (
        "try:\n    import numpy as np\nexcept ImportError:\n    %pip install numpy\nwhole = 440"
    )
    mel_stub = "def mel(f):\n    scale = f / 700\n    return ...\n\n\ncheck('98.2', mel)"
    mel_solution = (
        ":::{dropdown} Solution\n:icon: unlock\n```python\n"
        "def mel(f):\n    return factor * np.log10(1 + f / 700)\n```\n:::"
    )
    two_solution = (
        ":::{admonition} Solution of 98.10\n:class: tip dropdown\n```python\nlow = 1\n```\n:::"
    )
    path = notebook(
        tmp_path / "98-test.ipynb",
        ("code", set_up, {"id": "set-up"}),
        ("code", "raise RuntimeError('long training')", {"id": "train"}),
        ("code", "factor = 2595", {"id": "factor", "metadata": {"tags": ["exercise-setup"]}}),
        ("code", 'half = ...  # your answer\ncheck("98.1", half)', {"id": "half"}),
        ("markdown", SOLUTION, {"id": "half-solution"}),
        ("code", mel_stub, {"id": "mel"}),
        ("markdown", mel_solution, {"id": "mel-solution"}),
        ("code", 'low = ...\nhigh = 2\ncheck("98.10", (low, high))', {"id": "two"}),
        ("markdown", two_solution, {"id": "two-solution"}),
    )
    return Chapter("98", path)


def test_the_helper_finds_stubs_and_solutions(chapter) -> None:
    assert chapter.ids == ["98.1", "98.2", "98.10"]
    assert chapter.solution("98.1").code == "half = whole / 2"
    assert chapter.stub("98.10").answer == "(low, high)"
    for exercise_id in chapter.ids:
        chapter.assert_solution_is_right(exercise_id)
        chapter.assert_stub_is_not_attempted(exercise_id)


def test_the_helper_holds_wrong_answers_to_their_message(chapter) -> None:
    chapter.assert_wrong("98.1", 440, "twice too large")
    chapter.assert_wrong("98.1", Code("half = whole"), "twice too large")
    chapter.assert_wrong("98.2", Code("def mel(f): return f"), "differs in")
    with pytest.raises(AssertionError):
        chapter.assert_wrong("98.1", 220, "twice")  # it is right
    with pytest.raises(AssertionError):
        chapter.assert_wrong("98.1", 440, "transposed")  # it says something else
    with pytest.raises(AssertionError):
        chapter.assert_wrong("98.1", ..., "Replace")  # it was not attempted


def test_the_helper_counts(chapter) -> None:
    wrong = [(name, 0, "") for name in chapter.ids for _ in range(2)]
    chapter.assert_well_formed(wrong)
    with pytest.raises(AssertionError, match=r"fewer than two wrong answers for \['98.10'\]"):
        chapter.assert_well_formed(wrong[:-1])

    @exercise("98.11", title="Forgotten", hints=["-"])
    def grade_forgotten(answer):
        return None

    with pytest.raises(AssertionError, match="graders .*98.11"):
        chapter.assert_well_formed(wrong)


def test_the_helper_notices_a_solution_that_is_wrong_or_a_stub_that_is_not_one(tmp_path) -> None:
    path = notebook(
        tmp_path / "98-test.ipynb",
        ("code", "whole = 400", {"id": "set-up"}),
        ("code", 'half = 3\ncheck("98.1", half)', {"id": "half"}),
        ("markdown", SOLUTION, {"id": "half-solution"}),
    )
    chapter = Chapter("98", path)
    with pytest.raises(AssertionError, match="Not yet: 98.1"):
        chapter.assert_solution_is_right("98.1")
    with pytest.raises(AssertionError, match="Not yet: 98.1"):
        chapter.assert_stub_is_not_attempted("98.1")


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        (("markdown", SOLUTION.replace(":class: dropdown\n", ""), {}), "is not folded"),
        (("markdown", SOLUTION.replace("```python\n", "```\n"), {}), "one python block wanted"),
        (("markdown", SOLUTION.rstrip().removesuffix("````"), {}), "is not closed"),
        (("code", 'check("98.1", half)\nprint(half)', {}), "last statement of the cell"),
        (("code", 'check("98.1")', {}), 'must be called as check\\("NN.k", answer\\)'),
        (("markdown", SOLUTION.replace(" 98.1", ""), {}), "no exercise stands above"),
    ],
)
def test_the_helper_says_how_a_notebook_departs_from_the_convention(
    tmp_path, cell, message
) -> None:
    with pytest.raises(AssertionError, match=message):
        Chapter("98", notebook(tmp_path / "98-test.ipynb", cell))
