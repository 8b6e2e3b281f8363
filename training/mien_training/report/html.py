"""The page of a report: one HTML file with embedded SVG pictures, without external resources, light or dark."""

from __future__ import annotations

from html import escape
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from mien_training.data.labels import VIEW_NAMES
from mien_training.report import plots
from mien_training.report.tables import Table, by_prior, classes, summary

_HEAD = """<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<title>mien: comparison of networks</title>
<style>
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 68rem; margin: 0 auto; padding: 1.5rem; background: Canvas; color: CanvasText; }
h1, h2, h3 { line-height: 1.2; margin: 2rem 0 0.5rem; overflow-wrap: anywhere; }
h2 { border-bottom: 1px solid color-mix(in srgb, CanvasText 25%, transparent); padding-bottom: 0.3rem; }
p { max-width: 46rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; margin: 0.5rem 0 1rem; }
th, td { padding: 0.2rem 0.8rem; text-align: right; }
th, td { border-bottom: 1px solid color-mix(in srgb, CanvasText 12%, transparent); }
th:first-child { text-align: left; font-weight: 500; min-width: 6rem; overflow-wrap: break-word; }
thead th { vertical-align: bottom; }
.wide { overflow-x: auto; }
.side { display: grid; grid-template-columns: repeat(auto-fit, minmax(22rem, 1fr)); gap: 1rem; }
figure { margin: 0; }
figcaption { font-size: 0.9rem; }
svg { max-width: 100%; height: auto; font-family: inherit; }
</style>
"""

_INTRODUCTION = """<p>Accuracy, balanced accuracy (the mean recall) and macro-F1 against FER2013's own labels and, where
FER+'s votes are beside the data, against the majority of its ten taggers. Calibration error: 15 equal bins of the
highest probability (Guo et al. 2017), unscaled and scaled with the network's temperature. All this is under the prior
of the training data; a second table has the decisions under an even prior too, whose calibration error counts each
expression the same.</p>"""

_CONDITIONS = """<p>One condition at a time, all others ideal, cropped from frames as on the device; by the labels that
each network learned. Shaded: the operating range of the device. For the box that is the range of the boxes of its own
detector (5th to 95th percentile); for the rest the values at which at least half as many faces as under ideal
conditions have full weight.</p>"""


def render_page(report: dict[str, Any]) -> str:
    """Return the whole page. report: as in report.json; texts from files are escaped."""
    with mpl.rc_context(plots.PAGE_STYLE):
        models = report["models"]
        parts = [
            f"<h1>Networks on {escape(report['split'])}</h1>",
            _INTRODUCTION,
            _table(_overview(models)),
            _figure(plots.costs(models), "costs", "Accuracy against size and multiply-adds, counted from the networks"),
            "<h2>In front of a camera</h2>",
            _CONDITIONS,
            _figure(plots.conditions(models, report["operating_range"]), "conditions", "Accuracy by condition"),
            *(_model(model, f"m{index}") for index, model in enumerate(models)),
        ]
    return _HEAD + "\n".join(parts) + "\n"


def _overview(models: list[dict[str, Any]]) -> Table:
    views = [view for view in VIEW_NAMES if any(view in model["views"] for model in models)]
    heading = [
        "network",
        "learned",
        *(f"{VIEW_NAMES[view]} accuracy" for view in views),
        "KiB",
        "million multiply-adds",
    ]
    return [
        heading,
        *(
            [
                model["name"],
                VIEW_NAMES[model["view"]],
                *(f"{model['views'][view]['accuracy']:.4f}" for view in views),
                f"{model['size_kib']:.0f}",
                f"{model['multiply_adds'] / 1e6:.1f}",
            ]
            for model in models
        ),
    ]


def _model(model: dict[str, Any], name: str) -> str:
    """Return the section of one network. name: the prefix of its pictures' names."""
    description = [model["recipe"] or "recipe not recorded", model["kind"], f"crop margin {model['crop_margin']:+.2f}"]
    if model["temperature"] is not None:
        description.append(f"temperature {model['temperature']:.3f}")
    parts = [
        f"<h2>{escape(model['name'])}</h2>",
        f"<p>{escape(', '.join(description))}</p>",
        _table(summary(model["views"])),
        _table(by_prior(model["views"])),
        _table(classes(model["views"])),
    ]
    for view, figures in model["views"].items():
        matrix = _figure(
            plots.confusion_matrix(figures["confusion"]), f"{name}-{view}-c", "Share of each true expression"
        )
        diagram = _figure(
            plots.reliability_diagram(figures), f"{name}-{view}-r", "Reliability, and how many faces each bin holds"
        )
        parts.append(f"<h3>By {escape(VIEW_NAMES[view])}</h3><div class=side>{matrix}{diagram}</div>")
    if model["history"]:
        parts += [
            "<h3>Training</h3>",
            _figure(plots.curves(model["history"]), f"{name}-h", "Loss and accuracy by epoch"),
        ]
    return "\n".join(parts)


def _table(table: Table) -> str:
    heading, *rows = table
    head = "".join(f"<th>{escape(cell)}</th>" for cell in heading)
    body = "".join(
        f"<tr><th>{escape(row[0])}</th>{''.join(f'<td>{escape(cell)}</td>' for cell in row[1:])}</tr>" for row in rows
    )
    return f"<div class=wide><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"


def _figure(figure: Figure, name: str, caption: str) -> str:
    return f"<figure>{plots.inline(figure, name)}<figcaption>{escape(caption)}</figcaption></figure>"
