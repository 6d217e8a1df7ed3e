"""The table of each chapter's section "Paper says, we got, why".

It shows itself in Jupyter, in Colab and on the page, in light and dark; all chapters have one.
"""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from etudes.checks import check_in
from etudes.ledger.fields import Row
from etudes.ledger.store import row
from etudes.ledger.words import figure, in_words

STYLE = """
<style>
.etudes-ledger { overflow-x: auto; margin: 1em 0; }
.etudes-ledger table { border-collapse: collapse; width: 100%; color: inherit; text-align: left; }
.etudes-ledger caption { caption-side: top; text-align: left; font-weight: bold; color: inherit; }
.etudes-ledger th, .etudes-ledger td { padding: .4em .8em .4em 0; vertical-align: top;
  text-align: left; white-space: normal; background: transparent; color: inherit;
  border: 0; border-bottom: 1px solid rgba(128, 128, 128, .6); }
.etudes-ledger tbody th { font-weight: normal; }
.etudes-ledger .figure { white-space: nowrap; font-weight: bold; }
.etudes-ledger .says { width: 24%; }
.etudes-ledger .got { width: 30%; }
@media (max-width: 36em) {  /* on a phone a line of the table is a card */
  .etudes-ledger thead { display: none; }
  .etudes-ledger table, .etudes-ledger tbody, .etudes-ledger tr, .etudes-ledger caption,
  .etudes-ledger th, .etudes-ledger td { display: block; }
  .etudes-ledger td.says, .etudes-ledger td.got, .etudes-ledger td.why { width: auto; }
  .etudes-ledger tr { border-bottom: 1px solid rgba(128, 128, 128, .6); padding: .5em 0; }
  .etudes-ledger th, .etudes-ledger td { border: 0; padding: .1em 0; }
  .etudes-ledger td::before { content: attr(data-title) ": "; }
  .etudes-ledger td.empty { display: none; }
}
</style>
"""


def show(*row_ids: str, why: Mapping[str, str] | None = None) -> Table:
    """The table "paper says, we got, why".

    Parameters
    ----------
    *row_ids : str
        One line of the table each.
    why : mapping of str to str, optional
        For some ids a sentence on why the two numbers differ, or agree.

    Returns
    -------
    Table
        Shows itself in Jupyter, in Colab and on the page, in light and dark.

    Raises
    ------
    ValueError
        When no id is given, or one is not in the ledger.
    """
    if not row_ids:
        raise ValueError("show needs at least one row id, got none")
    reasons = dict(why or {})
    for name in reasons:
        check_in(name, "why", row_ids)
    return Table([row(name) for name in row_ids], reasons)


@dataclass(frozen=True, eq=False)
class Table:
    """The table "paper says, we got, why", which shows itself in a notebook and on the page.

    Parameters
    ----------
    rows : list of dict
        Rows of the ledger.
    why : dict
        For some ids, why the two numbers differ.
    """

    rows: list[Row]
    why: dict[str, str] = field(default_factory=dict)

    def cells(self) -> list[dict[str, Any]]:
        """The content of the table, as text.

        Returns
        -------
        list of dict
            ``claim``, ``detail`` (of its data, what is not the same in all lines), ``paper``,
            ``citation``, ``ours``, ``interval``, ``beside`` (other methods), ``why`` and
            ``command`` for each line.
        """
        lines = []
        for one in self.rows:
            paper = one["paper"] or {"value": "–", "citation": ""}
            others = _beside(one["baselines"], one["unit"])
            beside = [f"{name} {figure(value, one['unit'])}" for name, value in others]
            lines.append(
                {
                    "claim": one["claim"],
                    "detail": "; ".join(str(one[key]) for key in self._differing()),
                    "paper": figure(paper["value"], one["unit"]),
                    "citation": paper["citation"],
                    "ours": figure(one["value"], one["unit"]),
                    "interval": "" if one["ci95"] is None else f"95%: {in_words(one, 'ci95')}",
                    "beside": "; ".join(beside),
                    "why": self.why.get(one["id"], ""),
                    "command": one["command"],
                }
            )
        return lines

    def columns(self) -> list[tuple[str, str]]:
        """Title and key of each column; one that would be empty is left out.

        Returns
        -------
        list of (str, str)
        """
        columns = [("What", "what"), ("We got", "got")]
        if any(one["paper"] for one in self.rows):
            columns.insert(1, ("Paper says", "says"))
        if self.why:
            columns.append(("Why", "why"))
        return columns

    def _differing(self) -> list[str]:
        """What each row has to say of its data and their number, since they are not the same."""
        keys = ("dataset", "n")
        return [key for key in keys if len(self.rows) == 1 or len({r[key] for r in self.rows}) > 1]

    def _common_detail(self) -> str:
        """What all rows were measured on, said once below the table."""
        return "; ".join(
            str(self.rows[0][key]) for key in ("dataset", "n") if key not in self._differing()
        )

    def _repr_html_(self) -> str:
        """The table as HTML that follows the colours of the page."""
        body, common = [], self._common_detail()
        for line in self.cells():
            t = {key: html.escape(text) for key, text in line.items()}
            got = [f"<span class='figure'>{t['ours']}</span>", t["interval"], t["beside"]]
            cited = f"<br>{t['citation']}" if t["citation"] else ""
            content = {
                "what": t["claim"] + (f"<br><small>{t['detail']}</small>" if t["detail"] else ""),
                "says": f"<span class='figure'>{t['paper']}</span>{cited}",
                "got": "<br>".join(part for part in got if part),
                "why": t["why"],
            }
            empty = {"says": not line["citation"], "why": not line["why"]}
            cells = "".join(
                f"<td class='{key}{' empty' if empty.get(key) else ''}' data-title='{title}'>"
                f"{content[key]}</td>"
                for title, key in self.columns()[1:]
            )
            body.append(f"<tr><th scope='row'>{content['what']}</th>{cells}</tr>")
        commands = dict.fromkeys(html.escape(line["command"]) for line in self.cells())
        again = " · ".join(f"<code>{command}</code>" for command in commands)
        label = html.escape(f"Table: {self._caption().lower()}, {self.rows[0]['id']}", quote=True)
        heads = "".join(f"<th scope='col'>{title}</th>" for title, _ in self.columns())
        below = f"{html.escape(common)}. " if common else ""
        return (
            f"{STYLE}<div class='etudes-ledger' role='region' tabindex='0' aria-label=\"{label}\">"
            f"<table><caption>{self._caption()}</caption><thead><tr>{heads}</tr></thead>"
            f"<tbody>{''.join(body)}</tbody></table><p>{below}Remade by {again}</p></div>"
        )

    def _caption(self) -> str:
        """The titles of the columns that hold figures and reasons."""
        titles = [title for title, key in self.columns() if key != "what"]
        return ", ".join(titles).capitalize() if len(titles) > 1 else "What we got"

    def _repr_markdown_(self) -> str:
        """The table as Markdown."""
        columns, common = self.columns(), self._common_detail()
        lines = [
            f"| {' | '.join(title for title, _ in columns)} |",
            "|" + "---|" * len(columns),
        ]
        for line in self.cells():
            t = {key: text.replace("|", "\\|") for key, text in line.items()}
            content = {
                "what": t["claim"] + (f" ({t['detail']})" if t["detail"] else ""),
                "says": f"{t['paper']} ({t['citation']})" if t["citation"] else t["paper"],
                "got": "; ".join(part for part in (t["ours"], t["interval"], t["beside"]) if part),
                "why": t["why"],
            }
            lines.append(f"| {' | '.join(content[key] for _, key in columns)} |")
        return "\n".join(lines + (["", f"{common}."] if common else []))

    def __str__(self) -> str:
        """The table as Markdown, which is readable as text."""
        return self._repr_markdown_()


#: Units of which less is better.
LOSSES = ("bits", "ratio", "squared bels", "leaves", "ranks")


def _beside(baselines: Mapping[str, float], unit: str) -> list[tuple[str, float]]:
    """Guessing and the three strongest others: what a result has to be better than."""
    strongest = sorted(baselines, key=lambda name: baselines[name], reverse=unit not in LOSSES)[:3]
    return [(name, baselines[name]) for name in baselines if name in ("chance", *strongest)]
