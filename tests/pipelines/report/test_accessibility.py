"""axe-core finds no serious fault in the pages: names, roles, contrast, focus, in light and dark."""

import shutil

import pytest
from axe import serious_faults

from pipelines import fertility, report
from pipelines.report.comparison import render_comparison


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_the_report_has_no_serious_fault(figures, tmp_path, dark):
    page = tmp_path / "report.html"
    page.write_text(report.render(figures))
    assert serious_faults(page, dark=dark) == []


def test_a_comparison_of_builds_has_no_serious_fault(figures, tmp_path):
    page = tmp_path / "comparison.html"
    page.write_text(render_comparison(("a", "b"), (figures, figures)))
    assert serious_faults(page) == []


def test_a_comparison_of_tokenizers_has_no_serious_fault(compared, tmp_path):
    page = shutil.copy(compared.out / fertility.PAGE, tmp_path / fertility.PAGE)
    assert serious_faults(page) == []


def test_a_fault_is_found(tmp_path):
    page = tmp_path / "page.html"
    page.write_text('<!DOCTYPE html><html><head><title>t</title></head><body><img src="x.png"></body></html>')
    assert {fault.partition(":")[0] for fault in serious_faults(page)} == {"html-has-lang", "image-alt"}
