# What a cell shows, as MIME bundles.

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


def json_text(data):
    try:
        return JSONEncoder(ensure_ascii=False, default=repr).encode(data)
    except Exception:
        return repr(data)


def figure_png(figure):
    out = std_import("io").BytesIO()
    figure.savefig(out, format="png", bbox_inches="tight")
    return out.getvalue()


def is_figure(obj):
    module = sys.modules.get("matplotlib.figure")
    return module is not None and isinstance(obj, getattr(module, "Figure", ()))


def bundle(obj):
    """{mime: data} of the rich representations of obj; text/plain only if obj gives it."""
    kind = type(obj)
    if kind in PLAIN:
        return {}
    if is_figure(obj):
        png = figure_png(obj)
        pyplot = sys.modules.get("matplotlib.pyplot")
        if pyplot is not None:
            pyplot.close(obj)
        return {"image/png": png}
    out = {}
    method = getattr(kind, "_repr_mimebundle_", None)
    if method is not None:
        try:
            found = method(obj)
            found = found[0] if isinstance(found, tuple) else found
            out.update(found or {})
        except Exception:
            pass
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
