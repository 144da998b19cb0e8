# Errors as the protocol tells them, without the frames of the runner.

def is_internal(frame):
    """Whether it is the runner's, or of the way from a cell to the magic it called."""
    named = frame.f_globals.get("__name__")
    return (frame.f_globals is GLOBALS or (isinstance(named, str) and named.startswith("IPython."))
            or frame.f_code.co_filename.startswith("<decorator-gen"))


def clean_traceback(tb, first):
    """tb without the frames of the runner and, if first, those before the first cell frame."""
    kept = []
    while tb is not None:
        if not is_internal(tb.tb_frame):
            kept.append(tb)
        tb = tb.tb_next
    if first:
        cell = (i for i, t in enumerate(kept) if t.tb_frame.f_code.co_filename.startswith("<cell "))
        kept = kept[next(cell, 0) :]
    if len(kept) > 1500:
        kept = kept[:750] + kept[-750:]
    out = None
    for t in reversed(kept):
        out = type(t)(out, t.tb_frame, t.tb_lasti, t.tb_lineno)
    return out


def clean_chain(exc):
    todo, seen, first = [exc], set(), True
    while todo and len(seen) < 1000:
        exc = todo.pop()
        if exc is None or id(exc) in seen:
            continue
        seen.add(id(exc))
        exc.__traceback__ = clean_traceback(exc.__traceback__, first)
        first = False
        todo += (exc.__cause__, exc.__context__)
        todo += getattr(exc, "exceptions", None) or ()


def hint_for(exc, code):
    if type(exc) is not SyntaxError or type(exc.lineno) is not int:
        return None
    lines = code.split("\n")
    at = exc.lineno - 1
    line = lines[at].strip() if 0 <= at < len(lines) else ""
    for start, hint in HINTS:
        if line.startswith(start):
            return hint
    return None


def describe(exc, code):
    """The error object of the protocol; never raises."""
    name, value, trace = type(exc).__name__, "", ""
    try:
        value = str(exc)
    except Exception as broken:
        value = "<str() of this %s failed: %s>" % (name, type(broken).__name__)
    try:
        clean_chain(exc)
        trace = "".join(std_import("traceback").format_exception(type(exc), exc, exc.__traceback__))
    except Exception as broken:
        trace = "%s: %s\n<traceback failed: %s>" % (name, value, type(broken).__name__)
    hint = hint_for(exc, code)
    if hint:
        value += ". Hint: " + hint
        trace = trace.rstrip("\n") + ". Hint: " + hint + "\n"
    return error(name, clean_text(value), clean_text(trace))


def report(exc):
    """An exception outside any cell goes to stderr."""
    try:
        os_write(2, describe(exc, "")["traceback"].encode())
    except OSError:
        pass


def error(name, value, trace=None):
    if trace is None:
        trace = "%s: %s\n" % (name, value)
    value, trace = shorten(value, MAX_VALUE), shorten(trace, MAX_TRACE)
    return {"name": shorten(clean_text(name), 200), "value": value, "traceback": trace}
