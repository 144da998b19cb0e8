# Texts and JSON that need nothing a cell can damage.

class TooLong(Exception):
    pass


def encode(value):
    """JSON of what a response is made of; needs no builtins but those kept above."""
    if value is None:
        return "null"
    if isinstance(value, str):
        return quote(value)
    if isinstance(value, dict):
        return "{%s}" % ",".join(quote(k) + ":" + encode(v) for k, v in value.items())
    if isinstance(value, list):
        return "[%s]" % ",".join(map(encode, value))
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else int.__repr__(value)


def decode(text):
    text = text.strip()
    try:
        value, end = scan(text, 0)
    except StopIteration:
        raise ValueError("no JSON") from None
    if end != len(text):
        raise ValueError("more than one value")
    return value


def clean_text(text):
    try:
        text.encode()
        return text
    except UnicodeEncodeError:
        return text.encode("utf-8", "backslashreplace").decode()


def shorten(text, limit):
    if len(text) <= limit:
        return text
    head = limit * 2 // 5
    tail = limit - head - 40
    note = "\n... [%d characters cut] ...\n" % (len(text) - head - tail)
    return text[:head] + note + text[-tail:]


def std_import(name):
    """The standard module, even when the workspace has a file of that name."""
    module = sys.modules.get(name)
    if module is None:
        saved = list(sys.path)
        sys.path[:] = [p for p in saved if p not in ("", os.getcwd())]
        try:
            module = __import__(name, fromlist=["*"])  # not the package it is in
        finally:
            sys.path[:] = saved
    return module
