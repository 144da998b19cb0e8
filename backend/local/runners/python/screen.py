# Where code shows things: display(), the last value, figures, and the ways libraries know.


class Screen:
    """
    The results of the running cell. shell: IPython's, once there is one; find_shell(frame): the
    shell for the code of a frame, or None.
    """

    def __init__(self):
        self.shell = self.find_shell = None
        self.begin()

    def begin(self):
        self.results, self.seen = Results(), set()

    def display(self, *objects, raw=False, display_id=None, **ignored):
        """Show objects beside the output: rich representations, else their repr."""
        for obj in objects:
            method = None if raw else getattr(type(obj), "_ipython_display_", None)
            if method is not None and not is_a(obj, "plotly.basedatatypes", "BaseFigure"):
                method(obj)
                continue
            found = dict(obj) if raw else bundle(obj)
            if "text/plain" not in found and not raw and not is_figure(obj):
                found["text/plain"] = short_repr(obj)
            self.publish(found)
        return Handle(self) if display_id else None

    def publish(self, data, *ignored, **ignored_too):
        publisher = getattr(self.shell, "display_pub", None)
        if type(publisher).__name__ == "CapturingDisplayPublisher":
            publisher.publish(data)
        else:
            self.results.add_all(data)

    def value(self, value):
        """(text, whether it was cut) of the last value of a cell."""
        method = getattr(type(value), "_ipython_display_", None)
        if method is not None and not is_a(value, "plotly.basedatatypes", "BaseFigure"):
            method(value)
            return None, False
        found = bundle(value)
        text = found.pop("text/plain", None)
        self.results.add_all(found)
        text = text if isinstance(text, str) else short_repr(value)
        text = clean_text(text[: MAX_TEXT + 1])
        return text[:MAX_TEXT], len(text) > MAX_TEXT

    def figures(self):
        """Show the open figures of pyplot that show() has not."""
        pyplot = sys.modules.get("matplotlib.pyplot")
        if pyplot is None or not hasattr(pyplot, "get_fignums"):
            return
        for number in pyplot.get_fignums():
            if number not in self.seen:
                self.seen.add(number)
                self.results.add_all(figure_bundle(pyplot.figure(number)))

    def end(self):
        try:
            self.figures()
        finally:
            pyplot = sys.modules.get("matplotlib.pyplot")
            if pyplot is not None and hasattr(pyplot, "close"):
                pyplot.close("all")


class Handle:
    """What display(display_id=...) returns: nothing is replaced, the new is shown as well."""

    def __init__(self, screen):
        self.display = self.update = screen.display


def short_repr(value):
    if is_a(value, "plotly.basedatatypes", "BaseFigure"):
        return "<plotly figure of %d traces>" % len(value.data)
    return repr(value)


# Libraries that would open a window, a browser or nothing at all show here instead. They are told
# so when they are imported.


def patch_pyplot(module, screen):
    module.show = lambda *args, **kwargs: screen.figures()


def patch_plotly(module, screen):
    module.BaseFigure.show = lambda figure, *args, **kwargs: screen.display(figure)


def patch_pillow(module, screen):
    module.Image.show = lambda image, *args, **kwargs: screen.display(image)


def patch_display(module, screen):
    module.display, module.publish_display_data = screen.display, screen.publish
    module.clear_output = lambda wait=False: None


def patch_get_ipython(module, screen):
    module.get_ipython = lambda: screen.find_shell(sys._getframe(1))


PATCHES = {
    "matplotlib.pyplot": patch_pyplot,
    "plotly.basedatatypes": patch_plotly,
    "PIL.Image": patch_pillow,
    "IPython.core.display_functions": patch_display,
    "IPython.core.getipython": patch_get_ipython,
}


class Patching:
    """A loader that patches what it has loaded."""

    def __init__(self, loader, patch, screen):
        self.loader, self.patch, self.screen = loader, patch, screen

    def __getattr__(self, name):
        return getattr(self.loader, name)

    def create_module(self, spec):
        return self.loader.create_module(spec)

    def exec_module(self, module):
        module.__loader__ = module.__spec__.loader = self.loader
        self.loader.exec_module(module)
        try:
            self.patch(module, self.screen)
        except Exception:
            pass


class Finder:
    """Stands before the finders of Python for the modules of PATCHES."""

    def __init__(self, screen):
        self.screen = screen

    def find_spec(self, name, path=None, target=None):
        patch = PATCHES.get(name)
        if patch is None:
            return None
        for finder in sys.meta_path:
            find = getattr(finder, "find_spec", None)
            spec = find(name, path, target) if find and finder is not self else None
            if spec is not None:
                if hasattr(spec.loader, "exec_module"):
                    spec.loader = Patching(spec.loader, patch, self.screen)
                return spec
        return None
