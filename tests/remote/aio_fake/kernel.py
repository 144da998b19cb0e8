"""The python kernel: runs cells in one namespace. Started as a plain script, not as a module.

Arguments are two descriptors: reads {"code"} lines from the first, writes {"output"} and {"done"}
lines to the second.
"""

import ast
import base64
import io
import json
import linecache
import os
import signal
import sys
import threading
import traceback
import types

RED, OFF = "\x1b[0;31m", "\x1b[0m"
REPRS = (
    ("image/png", "_repr_png_"), ("image/jpeg", "_repr_jpeg_"), ("image/svg+xml", "_repr_svg_"),
    ("text/html", "_repr_html_"), ("text/markdown", "_repr_markdown_"),
    ("text/latex", "_repr_latex_"), ("application/json", "_repr_json_"),
)
FROM, TO = int(sys.argv[1]), int(sys.argv[2])
SENDING = threading.RLock()


def send(message):
    data = json.dumps(message).encode() + b"\n"
    with SENDING:
        while data:
            data = data[os.write(TO, data):]


def emit(output):
    send({"output": output})


class Stream(io.TextIOBase):
    """sys.stdout and sys.stderr of the cells; a write is an output at once."""

    def __init__(self, name, fd):
        self.label, self.fd = name, fd

    name = property(lambda self: f"<{self.label}>")
    encoding = "utf-8"

    def writable(self):
        return True

    def fileno(self):
        return self.fd

    def write(self, text):
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        if text:
            emit({"output_type": "stream", "name": self.label, "text": text})
        return len(text)


def bundle(value):
    """The value in every MIME type it offers."""
    data = {}
    if not isinstance(value, type):
        for mime, method in REPRS:
            found = getattr(value, method, None)
            content = found() if callable(found) else None
            if isinstance(content, bytes):
                content = base64.b64encode(content).decode()
            if content is not None:
                data[mime] = content
    data["text/plain"] = repr(value)
    return data


def display(*values):
    for value in values:
        emit({"output_type": "display_data", "data": bundle(value), "metadata": {}})


class Shown:
    """Image, HTML and the like of IPython.display: data under one MIME type."""

    method = "_repr_html_"

    def __init__(self, data=None, filename=None, **_):
        if filename:
            with open(filename, "rb") as file:
                data = file.read()
        self.data = data
        setattr(self, self.kind(data), lambda: self.data)

    def kind(self, data):
        return self.method

    def __repr__(self):
        return f"<IPython.core.display.{type(self).__name__} object>"


class Image(Shown):
    def kind(self, data):
        return "_repr_jpeg_" if data[:2] == b"\xff\xd8" else "_repr_png_"


def offer_ipython_display():
    package, module = types.ModuleType("IPython"), types.ModuleType("IPython.display")
    module.display, module.Image = display, Image
    for name, method in (("HTML", "_repr_html_"), ("Markdown", "_repr_markdown_"),
                         ("SVG", "_repr_svg_"), ("JSON", "_repr_json_")):
        setattr(module, name, type(name, (Shown,), {"method": method}))
    package.display = module
    sys.modules.update({"IPython": package, "IPython.display": module})


def show_figures():
    pyplot = sys.modules.get("matplotlib.pyplot")
    for number in pyplot.get_fignums() if pyplot else ():
        figure, file = pyplot.figure(number), io.BytesIO()
        figure.savefig(file, format="png")
        emit({"output_type": "display_data", "metadata": {},
              "data": {"image/png": base64.b64encode(file.getvalue()).decode(),
                       "text/plain": repr(figure)}})
        pyplot.close(figure)


def report(error):
    name, text = type(error).__name__, str(error)
    trace = error.__traceback__
    while trace and trace.tb_frame.f_code.co_filename == __file__:
        trace = trace.tb_next
    lines = traceback.format_exception(type(error), error, trace)
    shown = [f"{RED}{'-' * 75}{OFF}"]
    shown += [line for part in lines[:-1] for line in part.rstrip("\n").split("\n")]
    shown.append(f"{RED}{name}{OFF}: {text}")
    emit({"output_type": "error", "ename": name, "evalue": text, "traceback": shown})


def run_cell(code, count, namespace):
    filename = f"<ipython-input-{count}>"
    linecache.cache[filename] = (len(code), None, code.splitlines(True), filename)
    tree = ast.parse(code, filename)
    last = None
    if tree.body and isinstance(tree.body[-1], ast.Expr) and not code.rstrip().endswith(";"):
        last = ast.Expression(tree.body.pop().value)
    exec(compile(tree, filename, "exec"), namespace)
    if last is not None:
        value = eval(compile(last, filename, "eval"), namespace)
        if value is not None:
            namespace["_"] = value
            emit({"output_type": "execute_result", "execution_count": count,
                  "data": bundle(value), "metadata": {}})
    show_figures()


def main():
    sys.stdout, sys.stderr = Stream("stdout", 1), Stream("stderr", 2)
    main_module = types.ModuleType("__main__")
    sys.modules["__main__"] = main_module
    namespace = main_module.__dict__
    namespace.update(display=display, __builtins__=__builtins__)
    sys.path.insert(0, "")
    sys.argv = [""]
    os.set_inheritable(FROM, False)
    os.set_inheritable(TO, False)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    offer_ipython_display()
    with os.fdopen(FROM, "rb") as requests:
        for count, line in enumerate(requests, 1):
            status = "ok"
            try:
                signal.signal(signal.SIGINT, signal.default_int_handler)
                run_cell(json.loads(line)["code"], count, namespace)
            except BaseException as error:
                status = "error"
                report(error)
            finally:
                signal.signal(signal.SIGINT, signal.SIG_IGN)
            send({"done": status, "count": count})


main()
