"""`arcorp health`: the weights of a trained model as a page, from the figures of `training/health.py`.

The script needs torch, and is found by its path as the trainer is. It writes health.json; this module writes the page
beside it (health.html), in the design of the report.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from pipelines.errors import UsageError
from pipelines.html import (
    Figures,
    Markup,
    Section,
    colours_of,
    count,
    decimal,
    figure,
    legend,
    plots,
    plural,
    render_page,
    section,
    share,
    table,
    tag,
    tiles,
)
from pipelines.stages.export_model import run_on_model
from sharding import seal

PAGE, FIGURES = "health.html", "health.json"


def write_health(run: Path, data: Path | None, out: Path) -> Path:
    """Examine the newest checkpoint of a run, write figures and page into `out`, and return the page's path.

    data: the dataset of the run; None for the one beside it. Raises UsageError without torch, or if a file of another
    program has the name of one of the two; else a Failure with the script's exit code.
    """
    page = out / PAGE
    if page.exists() and not (out / FIGURES).exists():
        raise UsageError(f"{page} is not one that arcorp wrote: choose another --out")
    run_on_model("health.py", "examining a model", run, data, "--out", str(out))
    figures = seal.parsed((out / FIGURES).read_bytes())
    with seal.atomic_file(page) as file:
        file.write(render(figures).encode())
    return page


def render(figures: Figures) -> str:
    """Return the whole page, from the figures of health.json."""
    model, matrices = figures["model"], figures["matrices"]
    ranks = [matrix["rank_share"] for matrix in matrices.values()]
    values = [
        (count(figures["step"]), "steps of training"),
        (count(len(matrices)), "matrices of weights"),
        (share(min(ranks)), "lowest effective rank of a matrix, of the highest possible"),
        (
            share(max(matrix["nearly_zero"] for matrix in matrices.values())),
            "largest share of weights near zero",
        ),
    ]
    return render_page(
        title="Health of a model",
        kicker="arcorp health",
        lead=[
            tag(
                "p",
                f"{model['preset']}, {plural(model['layers'], 'block')} of width {model['width']}, after step "
                f"{count(figures['step'])}.",
                class_="lede",
            ),
            tiles(values),
        ],
        sections=[_scripts(figures["scripts"]), _matrices(matrices), _blocks(figures["blocks"])],
        foot="Written by arcorp. health.json, beside this page, holds the same figures for programs.",
    )


def _scripts(scripts: Figures | None) -> Section:
    title = "Arabic and Latin embeddings"
    if scripts is None:
        lead = "The vocabulary does not have tokens of both scripts, Arabic and Latin."
        return section("scripts", title, lead, name="Embeddings")
    first, second = scripts["explained"]
    names = {name: f"{name.capitalize()}, {count(number)} tokens" for name, number in scripts["tokens"].items()}
    colours = colours_of(names)
    points = {
        name: [(point["x"], point["y"], point["text"]) for point in dots] for name, dots in scripts["plane"].items()
    }
    picture = plots.plane("Embeddings", "Arabic and Latin tokens on two principal components.", points, colours)
    return section(
        "scripts",
        title,
        f"The distance of the two means is {decimal(scripts['centres_apart'], 2)} times the typical distance of a "
        f"token from its mean; {share(scripts['told_apart'])} of tokens are nearer to the mean of their own script.",
        figure(
            "Embeddings",
            f"The first two principal components, with {share(first)} and {share(second)} of the variance. A token's "
            "text is under the pointer.",
            picture,
            legend=legend({names[name]: colour for name, colour in colours.items()}),
        ),
        name="Embeddings",
    )


def _matrices(matrices: Mapping[str, Figures]) -> Section:
    rows = [
        (
            tag("code", name),
            " × ".join(map(count, matrix["shape"])),
            f"{matrix['mean']:.1e}".replace("-", "−"),
            decimal(matrix["std"], 4),
            decimal(matrix["largest"]),
            share(matrix["nearly_zero"]),
            decimal(matrix["effective_rank"], 1),
            share(matrix["rank_share"]),
            plots.histogram(f"Histogram of {name}", matrix["histogram"]["counts"]),
        )
        for name, matrix in matrices.items()
    ]
    columns = [
        "matrix",
        "#shape",
        "#mean",
        "#deviation",
        "#largest",
        "#nearly zero",
        "#effective rank",
        "#of possible",
    ]
    return section(
        "matrices",
        "Matrices",
        "Histograms show −6 to 6 standard deviations. The effective rank is the exponential of the entropy of the "
        "normalised singular values (Roy and Vetterli 2007).",
        table([*columns, "weights"], rows),
    )


def _blocks(blocks: Mapping[str, Sequence[Sequence[float]]]) -> Section:
    grids: list[Markup] = [
        tag(
            "figure",
            tag("figcaption", tag("code", kind.removesuffix(".weight"))),
            plots.grid(f"Similarity of {kind.removesuffix('.weight')}", rows),
        )
        for kind, rows in blocks.items()
    ]
    return section(
        "blocks",
        "Similarity of blocks",
        "Cosine similarity of the same matrix in two blocks. The stronger the colour, the more similar; the diagonal "
        "is 1. Values near "
        "one mean that blocks repeat each other.",
        tag("div", *grids, class_="grids"),
        name="Blocks",
    )
