"""The ledger: every result that the book states, with where it came from.

A row of ``book/results/NN.json`` is one measured number of chapter NN, with its interval, what the
paper said, and the command that made it. Only that command writes rows (:func:`record`); chapters
read them. A text that copies its numbers by hand is wrong by its second edition; the cure is that
of Claerbout and Karrenbach, "Electronic documents give reproducible research a new meaning" (SEG
1992): every figure names the command that remakes it. All chapters use it.

**For authors of chapters.** Three ways to show a number:

1. The table of section "Paper says, we got, why" is a code cell::

       from etudes import ledger
       ledger.show("06.instruments.5way-5shot.accuracy", "06.instruments.5way-1shot.accuracy",
                   why={"06.instruments.5way-1shot.accuracy": "One note says little about a
                   piano."})

2. A number in the text of a code cell's output: ``ledger.say("06.styles.5way-5shot.margin")``
   gives ``"+4.2 points"``, ``ledger.say(id, "ci95")`` gives ``"+1.3 to +7.0 points"``.

3. A number in a Markdown cell is written out and followed, with nothing between, by a comment that
   no reader sees, neither in Jupyter nor on the page::

       The network names 93.4%<!-- ledger: 06.instruments.5way-5shot.accuracy --> of the notes
       (92.9 to 93.9%<!-- ledger: 06.instruments.5way-5shot.accuracy ci95 -->), chance 20%.

   After the id may stand a field of :func:`say`, and after that a number of decimals:
   ``93%<!-- ledger: 06.instruments.5way-5shot.accuracy value 0 -->``.

A test runs :func:`check_notebook` over every chapter: a figure that differs from what :func:`say`
gives, or an id that is not in the ledger, fails it and says what to write instead.

Units: ``"fraction"`` is a number within 0…1, straight from :mod:`etudes.evaluate`, and is shown as
a percentage; ``"fraction-difference"`` lies within −1…1 and is shown in points; every other unit
(``"bits"``, ``"dB"``, ``"s"``) is shown as it is written.
"""

from etudes.ledger.fields import validate
from etudes.ledger.prose import check_notebook, check_prose
from etudes.ledger.provenance import hardware
from etudes.ledger.store import record, results_folder, row, rows, write
from etudes.ledger.table import Table, show
from etudes.ledger.words import say

__all__ = [
    "Table",
    "check_notebook",
    "check_prose",
    "hardware",
    "record",
    "results_folder",
    "row",
    "rows",
    "say",
    "show",
    "validate",
    "write",
]
