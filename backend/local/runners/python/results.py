# What a cell shows, as MIME bundles.

CHART = "application/vnd.sandbox-mcp.chart+json"
PLOTLY = "application/vnd.plotly.v1+json"


class Results:
    """The bounded list of what one cell shows, already encoded."""

    def __init__(self):
        self.items, self.room, self.dropped = [], MAX_RESULTS_SIZE, 0

    def add(self, mime, data):
        if len(self.items) >= MAX_RESULTS or self.room < 4096:
            self.dropped += 1
            return
        mime = clean_text(str(mime)).encode()[:100].decode("utf-8", "ignore")
        binary = mime.startswith(BINARY) and mime != "image/svg+xml"
        if binary and isinstance(data, str):
            try:
                data = a2b_base64(data)
            except ValueError:
                data = b""
        if isinstance(data, (bytes, bytearray, memoryview)):
            data = b2a_base64(data, newline=False).decode()
        elif not isinstance(data, str):
            data = json_text(data)
        raw = clean_text(data).encode()
        limit = self.room - 4096 if binary else MAX_DATA
        item = {"mime": mime, "data": data}
        if len(raw) > limit:
            raw = b"" if binary else raw[:limit]
            item["truncated"] = True
        item["data"] = raw.decode("utf-8", "ignore")
        line = encode(item)
        size = len(line.encode())
        if size > self.room:
            item.update(data="", truncated=True)
            line = encode(item)
            size = len(line)
        self.room -= size
        self.items.append(line)

    def add_all(self, found):
        """A bundle, its text last; the same picture is not shown twice."""
        for mime, data in sorted(found.items(), key=lambda form: form[0] == "text/plain"):
            if mime != "image/jpeg" or "image/png" not in found:
                self.add(mime, data)


def json_text(data):
    try:
        return JSONEncoder(ensure_ascii=False, default=repr).encode(data)
    except Exception:
        return repr(data)


def is_a(obj, module, name):
    """Whether obj is of a class of a module that may not even be loaded."""
    module = sys.modules.get(module)
    return module is not None and isinstance(obj, getattr(module, name, ()))


def is_figure(obj):
    return is_a(obj, "matplotlib.figure", "Figure")


def figure_bundle(figure):
    out = std_import("io").BytesIO()
    figure.savefig(out, format="png", bbox_inches="tight")
    return {"image/png": out.getvalue(), **chart_bundle("matplotlib_chart", figure)}


def plotly_bundle(figure):
    """Its data, and a picture where the package that draws one is there."""
    found = figure.to_plotly_json()
    layout = {key: value for key, value in found.get("layout", {}).items() if key != "template"}
    encoder = getattr(sys.modules.get("_plotly_utils.utils"), "PlotlyJSONEncoder", JSONEncoder)
    out = chart_bundle("plotly_chart", figure)
    out[PLOTLY] = encoder().encode({"data": found.get("data", []), "layout": layout})
    if std_import("importlib.util").find_spec("kaleido"):
        try:
            out["image/png"] = figure.to_image(format="png")
        except Exception:
            pass
    return out


def chart_bundle(name, figure):
    """The description of a chart, for who cannot see it; nothing when it is of no known kind."""
    try:
        text = lazy("chart", name)(figure)
    except Exception:
        return {}
    return {CHART: text} if text else {}


def lazy(part, name):
    """A function of a part of the runner that is compiled when it is first needed."""
    if name not in GLOBALS:
        eval(compile(LAZY[part], "<runner %s>" % part, "exec"), GLOBALS)
    return GLOBALS[name]


def mime_bundle(kind, obj):
    method = getattr(kind, "_repr_mimebundle_", None)
    if method is None:
        return {}
    try:
        try:
            found = method(obj, include=None, exclude=None)
        except TypeError:
            found = method(obj)
        found = found[0] if isinstance(found, tuple) else found
        return dict(found or {})
    except Exception:
        return {}


def bundle(obj):
    """{mime: data} of the rich representations of obj; text/plain only if obj gives it."""
    kind = type(obj)
    if kind in PLAIN:
        return {}
    if is_figure(obj):
        found = figure_bundle(obj)
        pyplot = sys.modules.get("matplotlib.pyplot")
        if pyplot is not None:
            pyplot.close(obj)
        return found
    if is_a(obj, "plotly.basedatatypes", "BaseFigure"):
        return plotly_bundle(obj)
    out = mime_bundle(kind, obj)
    for name, mime in REPRS.items():
        method = getattr(kind, name, None)
        if method is None or mime in out:
            continue
        try:
            data = method(obj)
        except Exception:
            continue
        data = data[0] if isinstance(data, tuple) and data else data
        if data is not None:
            out[mime] = data
    return out
