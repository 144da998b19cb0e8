# Charts in words and numbers, for a reader that cannot see them.

CHART_MAX = 4000
ELEMENTS_MAX = 12
AXES_MAX = 9


def number(value):
    """A number with six digits, an isoformat date or a short text."""
    if hasattr(value, "isoformat"):
        return value.isoformat()
    try:
        value = float(value)
    except (TypeError, ValueError):
        return str(value)[:60]
    if value != value or value in (float("inf"), float("-inf")):
        return None
    value = float("%.6g" % value)
    return int(value) if value.is_integer() and abs(value) < 1e15 else value


def sample(points, most):
    """At most `most` of the points, the first and the last among them."""
    points = list(points)
    if len(points) > most:
        step = (len(points) - 1) / max(1, most - 1)
        points = [points[round(i * step)] for i in range(most)]
    return [[number(each) for each in point] for point in points]


def series(kind, label, points, most):
    points = list(points)
    out = {"type": kind}
    if label and not str(label).startswith("_"):
        out["label"] = str(label)[:100]
    if len(points) > most:
        out["n"] = len(points)
    out["points"] = sample(points, most)
    return out


def grid(kind, values):
    shape = getattr(values, "shape", ())
    out = {"type": kind, "shape": [int(n) for n in shape]}
    if getattr(values, "size", 0):
        out.update(min=number(values.min()), max=number(values.max()))
    return out


def fixed_labels(axis):
    """{position: text} of an axis whose ticks are named."""
    categories = getattr(getattr(axis, "units", None), "_mapping", None)
    if categories:
        return {float(at): name for name, at in categories.items()}
    write, places = axis.get_major_formatter(), getattr(axis.get_major_locator(), "locs", ())
    if type(write).__name__ not in ("FixedFormatter", "FuncFormatter") or len(places) > 1000:
        return {}
    return {float(at): write(at, i) for i, at in enumerate(places)}


def reader(axis):
    """What turns a position on the axis into what a reader sees there."""
    labels = fixed_labels(axis)
    find = getattr(axis, "get_converter", None)
    converter = find() if find else getattr(axis, "converter", None)
    if "Date" in type(converter).__name__:
        return lambda at: sys.modules["matplotlib.dates"].num2date(at).replace(tzinfo=None)
    if not labels:
        return lambda at: at

    def named(at):
        place = min(labels, key=lambda each: abs(each - at))
        return labels[place] if abs(place - at) < 0.5 else at

    return named


def bars(ax, most):
    read_x, read_y = reader(ax.xaxis), reader(ax.yaxis)
    for container in ax.containers:
        if type(container).__name__ != "BarContainer":
            continue
        points = []
        for bar in container.patches:
            left, low, width, height = bar.get_x(), bar.get_y(), bar.get_width(), bar.get_height()
            if getattr(container, "orientation", None) == "horizontal":
                points.append((read_y(low + height / 2), width))
            else:
                points.append((read_x(left + width / 2), height))
        yield series("bar", container.get_label(), points, most)


def lines(ax, most):
    read_x, read_y = reader(ax.xaxis), reader(ax.yaxis)
    for line in ax.get_lines():
        xs, ys = line.get_xdata(orig=False), line.get_ydata(orig=False)
        if not len(xs):
            continue
        dots = line.get_linestyle() in ("None", "", " ") and line.get_marker() not in ("None", "")
        points = [(read_x(x), read_y(y)) for x, y in zip(xs, ys)]
        yield series("scatter" if dots else "line", line.get_label(), points, most)


def collections(ax, most):
    read_x, read_y = reader(ax.xaxis), reader(ax.yaxis)
    for each in ax.collections:
        kind = type(each).__name__
        if kind == "PathCollection":
            points = [(read_x(x), read_y(y)) for x, y in each.get_offsets()]
            yield series("scatter", each.get_label(), points, most)
        elif kind == "QuadMesh":
            yield grid("heatmap", each.get_array())
        elif kind in ("PolyCollection", "FillBetweenPolyCollection"):
            yield {"type": "area"}
        else:
            yield {"type": kind}


def others(ax, most):
    for image in ax.get_images():
        yield grid("image", image.get_array())
    wedges = [p for p in ax.patches if type(p).__name__ == "Wedge"]
    if wedges:
        parts = [(w.get_label(), (w.theta2 - w.theta1) / 360) for w in wedges]
        yield series("pie", None, parts, most)


def describe_axes(ax, most):
    out = {}
    for key, text in (("title", ax.get_title()), ("x_label", ax.get_xlabel()),
                      ("y_label", ax.get_ylabel())):
        if text:
            out[key] = text[:200]
    for key in "x", "y":
        scale = getattr(ax, "get_%sscale" % key)()
        if scale != "linear":
            out[key + "_scale"] = scale
    found = [each for part in (bars, lines, collections, others) for each in part(ax, most)]
    out["elements"] = found[:ELEMENTS_MAX]
    if len(found) > ELEMENTS_MAX:
        out["elements_dropped"] = len(found) - ELEMENTS_MAX
    return out


def fitting(make):
    """The JSON of what make(points per element) gives, with as many points as fit."""
    for most in 30, 12, 5, 2, 0:
        found = make(most)
        if not found:
            return None
        text = JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode(found)
        if len(text) <= CHART_MAX:
            return text
    return None


def matplotlib_chart(figure):
    def make(most):
        axes = [describe_axes(ax, most) for ax in figure.axes[:AXES_MAX]]
        axes = [each for each in axes if each["elements"] or len(each) > 1]
        if len(axes) == 1:
            return axes[0]
        above = getattr(figure, "_suptitle", None)
        title = {"title": above.get_text()[:200]} if above is not None else {}
        return {**title, "charts": axes} if axes else None

    return fitting(make)


def trace_of(trace, most):
    def values(name):
        try:
            found = trace[name]
        except (KeyError, ValueError):
            return []
        return [] if found is None else list(found)

    label = getattr(trace, "name", None)
    pairs = list(zip(values("x"), values("y"))) or list(zip(values("labels"), values("values")))
    pairs = pairs or [(y,) for y in values("y") or values("x")]
    if not pairs and values("z"):
        rows = values("z")
        return {"type": trace.type, "shape": [len(rows), len(rows[0])]}
    return series(trace.type, label, pairs, most)


def plotly_chart(figure):
    def text(part):
        return str(getattr(getattr(part, "title", None), "text", None) or "")[:200]

    def make(most):
        layout = figure.layout
        out = {"title": text(layout), "x_label": text(layout.xaxis), "y_label": text(layout.yaxis)}
        out = {key: value for key, value in out.items() if value}
        out["elements"] = [trace_of(each, most) for each in figure.data[:ELEMENTS_MAX]]
        return out

    return fitting(make)
