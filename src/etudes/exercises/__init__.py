"""Exercises that answer back: right, not yet and why, or not attempted.

For readers, three lines, each the last of its cell::

    check("01.2", my_function)   # right / not yet, with the likely slip / not attempted
    hint("01.2")                 # a nudge; ask again for a stronger one
    progress("01")               # how far you are in chapter 01

Nothing is stored or sent: progress lives as long as the kernel. A mistake in an answer, of whatever
kind, never raises an error here, with one exception: a loop that never ends must be stopped by hand
(Kernel, Interrupt), because Python cannot stop it from within.

For chapter authors, a grader is a function in ``etudes/exercises/chapter_NN.py``::

    from etudes.exercises import diagnose, exercise

    @exercise(
        "01.2",
        title="Mel from hertz",
        hints=["Look at the formula's logarithm.", "np.log is the natural one."],
        when_right="So 1,000 Hz lies at about 1,000 mel.",
    )
    def grade(answer):
        frequency = np.array([0.0, 440.0, 1000.0])
        return diagnose(answer(frequency), 2595 * np.log10(1 + frequency / 700), "the mel values")

It returns None when the answer is right, otherwise a sentence on what is likely to have gone wrong.
An answer that is a function arrives wrapped (``exercises/guard.py``): the grader calls it as
if nothing could happen. :func:`diagnose` compares arrays and names the common slips. Messages may
use ```code``` and ``*emphasis*``.

Where each chapter states its exercises: section 10 of the chapter.
"""

from etudes.exercises.diagnosis import as_array, diagnose
from etudes.exercises.grading import check, hint, progress
from etudes.exercises.guard import NotAttempted
from etudes.exercises.message import Message
from etudes.exercises.registry import Exercise, Right, exercise, exercises_of

__all__ = [
    "Exercise",
    "Message",
    "NotAttempted",
    "Right",
    "as_array",
    "check",
    "diagnose",
    "exercise",
    "exercises_of",
    "hint",
    "progress",
]
