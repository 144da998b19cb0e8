"""Plots as pictures and in words: matplotlib, pandas, plotly; Pillow's pictures."""

import base64
import json

import pytest

from harness import Runner

CHART = "application/vnd.sandbox-mcp.chart+json"
PLOTLY = "application/vnd.plotly.v1+json"


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    runner = Runner("python", str(tmp_path_factory.mktemp("charts")))
    yield runner
    runner.close()


@pytest.fixture
def plots(shared):
    if shared.exec("import numpy as np, datetime, matplotlib.pyplot as plt")["error"]:
        pytest.skip("no matplotlib")
    return shared


@pytest.fixture
def plotly(shared):
    if shared.exec("import plotly.graph_objects as go")["error"]:
        pytest.skip("no plotly")
    return shared


def of(got, mime):
    return [item["data"] for item in got["results"] if item["mime"] == mime]


def charts(runner, code):
    got = runner.exec(code + "; None")
    assert got["error"] is None, got["error"]["traceback"]
    return [json.loads(each) for each in of(got, CHART)]


def elements(runner, code):
    [chart] = charts(runner, code)
    return chart["elements"]


def test_lines_and_texts(plots):
    [chart] = charts(plots, "plt.plot([1, 2], [3, 4.5], label='s'); plt.title('T'); "
                            "plt.xlabel('X'); plt.ylabel('Y'); plt.yscale('log')")
    assert chart == {"title": "T", "x_label": "X", "y_label": "Y", "y_scale": "log", "elements": [
        {"type": "line", "label": "s", "points": [[1, 3], [2, 4.5]]}]}


@pytest.mark.parametrize("code, expected", [
    ("plt.bar(['a', 'b'], [1, 2])", {"type": "bar", "points": [["a", 1], ["b", 2]]}),
    ("plt.barh(['a', 'b'], [1, 2])", {"type": "bar", "points": [["a", 1], ["b", 2]]}),
    ("plt.scatter([1, 2], [3, 4])", {"type": "scatter", "points": [[1, 3], [2, 4]]}),
    ("plt.plot([1, 2], [3, 4], 'o')", {"type": "scatter", "points": [[1, 3], [2, 4]]}),
    ("plt.pie([1, 3], labels=['p', 'q'])", {"type": "pie", "points": [["p", 0.25], ["q", 0.75]]}),
    ("plt.imshow(np.eye(3))", {"type": "image", "shape": [3, 3], "min": 0, "max": 1}),
    ("plt.hist([1, 1, 3], bins=2)", {"type": "bar", "points": [[1.5, 2], [2.5, 1]]}),
    ("plt.plot([datetime.date(2024, 1, 2)], [5])",
     {"type": "line", "points": [["2024-01-02T00:00:00", 5]]}),
    ("plt.plot([1, 2], [float('nan'), 4])", {"type": "line", "points": [[1, None], [2, 4]]}),
    ("plt.fill_between([1, 2], [3, 4])", {"type": "area"}),
])
def test_kinds(plots, code, expected):
    assert elements(plots, code) == [expected]


def test_pandas_plots_keep_the_names(plots):
    if plots.exec("import pandas as pd")["error"]:
        pytest.skip("no pandas")
    assert elements(plots, "pd.DataFrame({'v': [1, 2]}, index=['i', 'j']).plot.bar()") == [
        {"type": "bar", "label": "v", "points": [["i", 1], ["j", 2]]}]


def test_several_axes(plots):
    [chart] = charts(plots, "fig, (a, b) = plt.subplots(1, 2); a.plot([1]); b.bar(['x'], [1]); "
                            "a.set_title('A'); fig.suptitle('Both')")
    assert chart["title"] == "Both"
    assert [each["elements"][0]["type"] for each in chart["charts"]] == ["line", "bar"]


def test_bounds(plots):
    [line] = elements(plots, "plt.plot(np.arange(100000))")
    assert line["n"] == 100000 and len(line["points"]) <= 30
    assert line["points"][0] == [0, 0] and line["points"][-1] == [99999, 99999]
    got = plots.exec("for i in range(500): plt.plot(np.random.rand(100), label='l' * 500)\nNone")
    [text] = of(got, CHART)
    assert len(text) <= 4000 and json.loads(text)["elements_dropped"] == 488


def test_pictures_come_with_it_and_once(plots):
    got = plots.exec("plt.plot([1, 2]); plt.show(); plt.savefig('kept.png')")
    assert [item["mime"] for item in got["results"]] == ["image/png", CHART]
    got = plots.exec("plt.plot([1]); plt.figure(); plt.plot([2]); None")
    assert len(of(got, "image/png")) == 2
    assert plots.err(timeout=0.1) == ""


def test_an_odd_figure_is_still_a_picture(plots):
    got = plots.exec(
        "fig, ax = plt.subplots(); ax.get_lines = lambda: 1 / 0; ax.plot([1]); fig")
    assert len(of(got, "image/png")) == 1 and not of(got, CHART)


def test_plotly(plotly):
    code = "f = go.Figure(go.Bar(x=['a', 'b'], y=[1, 2], name='n')); " \
           "f.update_layout(title='T', xaxis_title='X'); "
    for last in "f", "f.show()", "display(f)":
        got = plotly.exec(code + last)
        [chart], [data] = of(got, CHART), of(got, PLOTLY)
        assert json.loads(chart) == {"title": "T", "x_label": "X", "elements": [
            {"type": "bar", "label": "n", "points": [["a", 1], ["b", 2]]}]}
        data = json.loads(data)
        assert data["data"][0]["x"] == ["a", "b"] and "template" not in data["layout"]
    assert plotly.exec("f")["text"] == "<plotly figure of 1 traces>"
    assert elements(plotly, "go.Figure(go.Heatmap(z=[[1, 2], [3, 4]])).show()") == [
        {"type": "heatmap", "shape": [2, 2]}]
    assert elements(plotly, "go.Figure(go.Pie(labels=['a'], values=[3])).show()") == [
        {"type": "pie", "points": [["a", 3]]}]


def test_pillow(shared):
    if shared.exec("from PIL import Image")["error"]:
        pytest.skip("no pillow")
    for code in "im = Image.new('RGB', (3, 2)); im", "im.show()", "display(im)":
        [data] = of(shared.exec(code), "image/png")
        assert base64.b64decode(data).startswith(b"\x89PNG")
