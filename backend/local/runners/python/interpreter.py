# One interpreter: its namespace, streams and cells.

class Interpreter:
    """One __main__ namespace and what a cell needs around it."""

    def __init__(self):
        self.pid = getpid()
        self.count = 0
        self.flags = 0
        self.loop = None
        self.user_sigint = None
        self.sources = []
        self.sources_size = 0
        self.screen = Screen()
        self.screen.find_shell = self.find_shell
        self.created = Created()
        self.main = ModuleType("__main__")
        self.ns = self.main.__dict__
        self.ns.update(__builtins__=builtins, __annotations__={})
        sys.modules["_sandbox_runner"] = sys.modules["__main__"]
        sys.modules["__main__"] = self.main
        self.keep = [move_high(fd, keep=True) for fd in (0, 1, 2)]
        self.stdin, self.input = sys.stdin, builtins.input
        self.streams = {}
        for name in ("stdout", "stderr"):
            self.open_stream(name)
        builtins.display = self.screen.display
        builtins.get_ipython = self.get_ipython
        builtins.input = self.read_input
        os.environ.setdefault("MPLBACKEND", "Agg")
        sys.meta_path.insert(0, Finder(self.screen))
        _signal.signal(_signal.SIGINT, on_sigint)
        faulthandler.enable(2, all_threads=False)

    def open_stream(self, name):
        stream = getattr(sys, "__%s__" % name)
        if stream is None or stream.closed:
            fd = 1 if name == "stdout" else 2
            stream = open(fd, "w", closefd=False)
            setattr(sys, "__%s__" % name, stream)
        stream.reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=True)
        self.streams[name] = stream
        setattr(sys, name, stream)

    def read_input(self, prompt="", /):
        if sys.stdin is not self.stdin:
            return self.input(prompt)
        raise EOFError("stdin is not connected; pass values in code")

    def start_shell(self):
        """IPython's shell, made when it is first needed; None without IPython."""
        if self.screen.shell is None and std_import("importlib.util").find_spec("IPython"):
            self.screen.shell = lazy("shell", "make_shell")(self)
        return self.screen.shell

    def find_shell(self, frame):
        """The shell for who asks: code of a cell gets one made, a library only looks."""
        if self.screen.shell is None and frame.f_code.co_filename.startswith("<cell "):
            return self.start_shell()
        return self.screen.shell

    def get_ipython(self):
        frame = sys._getframe(1)
        shell = self.find_shell(frame)
        if shell is None and frame.f_code.co_filename.startswith("<cell "):
            raise NameError("name 'get_ipython' is not defined")
        return shell

    def page(self, data):
        text = data.get("text/plain", "") if isinstance(data, dict) else data
        print(text, flush=True)

    def translated(self, code):
        """IPython's syntax as Python; None when there is none in the code."""
        shell = self.start_shell() if IPYTHON.search(code) else None
        text = code if shell is None else shell.transform_cell(code)
        return None if text.rstrip("\n") == code.rstrip("\n") else text

    def remember(self, name, code):
        lines = [line + "\n" for line in code.split("\n")]
        linecache.cache[name] = (len(code), None, lines, name)
        self.sources.append((name, len(code)))
        self.sources_size += len(code)
        while self.sources_size > MAX_SOURCES and len(self.sources) > 1:
            old, size = self.sources.pop(0)
            self.sources_size -= size
            linecache.cache.pop(old, None)

    def compile(self, code, name):
        """The statements, the last expression, and whether its value is to be shown."""
        flags = self.flags | ALLOW_AWAIT
        tree = compile(code, name, "exec", flags | ONLY_AST, True)
        last = None
        if tree.body and isinstance(tree.body[-1], _ast.Expr):
            last = tree.body.pop()
        body = compile(tree, name, "exec", flags, True) if tree.body else None
        if body is not None and "__future__" in code:
            future = std_import("__future__")
            for feature in future.all_feature_names:
                flags |= body.co_flags & getattr(future, feature).compiler_flag
            self.flags = flags & ~ALLOW_AWAIT
        if last is not None:
            last = compile(_ast.Expression(last.value), name, "eval", flags, True)
        return body, last, not code.rstrip().endswith(";")

    def execute(self, body, last):
        if any(code is not None and code.co_flags & CO_COROUTINE for code in (body, last)):
            return self.wait(self.execute_async(body, last))
        if body is not None:
            eval(body, self.ns)
        return None if last is None else eval(last, self.ns)

    async def execute_async(self, body, last):
        value = None
        for code in (body, last):
            value = None if code is None else eval(code, self.ns)
            if code is not None and code.co_flags & CO_COROUTINE:
                value = await value
        return value

    def wait(self, coroutine):
        asyncio = std_import("asyncio")
        if self.loop is None or self.loop.is_closed():
            self.loop = asyncio.new_event_loop()
        asyncio.set_event_loop(self.loop)
        task = self.loop.create_task(coroutine)
        try:
            return self.loop.run_until_complete(task)
        except BaseException as exc:
            if not task.done():
                task.cancel()
                self.loop.run_until_complete(asyncio.wait({task}, timeout=1))
                if task.cancelled():
                    try:
                        task.result()
                    except asyncio.CancelledError as cancelled:
                        exc.__traceback__ = cancelled.__traceback__
            raise

    def parts(self, code, name):
        try:
            return self.compile(code, name)
        except SyntaxError:
            text = self.translated(code)
            if text is None:
                raise
        return self.compile(text, name)

    def run(self, code, name):
        body, last, shown = self.parts(code, name)
        shell = self.screen.shell
        if shell is not None:
            info = std_import("types").SimpleNamespace(raw_cell=code)
            shell.events.trigger("pre_run_cell", info)
        value = self.execute(body, last)
        if shell is not None:
            shell.events.trigger("post_execute")
        if value is None or not shown or getpid() != self.pid:
            return None, False
        builtins._ = value
        return self.screen.value(value)

    def flush(self):
        for name, stream in self.streams.items():
            current = getattr(sys, name, None)
            for each in {current, stream}:
                try:
                    each.flush()
                except Exception:
                    pass

    def repair(self):
        """Undo accidents that would leave the next cell without output."""
        for fd, high in enumerate(self.keep):
            try:
                os.fstat(fd)
            except OSError:
                try:
                    os.dup2(high, fd)
                except OSError:
                    pass
        for name, stream in list(self.streams.items()):
            if stream.closed:
                self.open_stream(name)
            current = getattr(sys, name, None)
            if current is None or getattr(current, "closed", False) is True:
                setattr(sys, name, self.streams[name])
        if sys.getrecursionlimit() < 500:
            sys.setrecursionlimit(1000)

    def forked(self, exc):
        """End of the cell in a child that user code has forked: no way back into the protocol."""
        status = int(exc is not None)
        try:
            if exc is not None:
                if issubclass(type(exc), SystemExit) and not isinstance(exc.code, str):
                    status = exc.code if isinstance(exc.code, int) else 0
                else:
                    report(exc)
            self.flush()
        finally:
            os._exit(status & 0xFF)

    def attempt(self, outcome, fn, *args):
        """fn below the guard; its exception is the error of the cell unless there is one."""
        exc = None
        try:
            return guarded(fn, *args)
        except BaseException as caught:
            exc = caught
        finally:
            if getpid() != self.pid:
                self.forked(exc)
        if issubclass(type(exc), SystemExit) and exc.code in (None, 0):
            return None
        try:
            described = guarded(describe, exc, outcome["code"])
        except BaseException:
            described = error(type(exc).__name__, "<interrupted while it was described>")
        if outcome["error"] is None:
            outcome["error"] = described
        return None

    def cell(self, code, cwd, env):
        self.count += 1
        outcome = {"code": code, "error": None, "count": self.count}
        name = "<cell %d>" % self.count
        self.screen.begin()
        if sys.path_importer_cache.get(USER_SITE, self) is None:
            del sys.path_importer_cache[USER_SITE]
        self.ns["__builtins__"] = builtins
        saved = {}
        if self.user_sigint is not None:
            _signal.signal(_signal.SIGINT, self.user_sigint)
        try:
            if cwd is not None:
                os.chdir(cwd)
            for key, value in (env or {}).items():
                saved.setdefault(key, os.environ.get(key))
                os.environ[key] = value
            self.remember(name, clean_text(code))
        except (OSError, ValueError) as exc:
            outcome["error"] = describe(exc, code)
        else:
            self.created.begin()
            shown = self.attempt(outcome, self.run, code, name)
            outcome["text"], outcome["cut"] = shown or (None, False)
            self.attempt(outcome, self.screen.end)
            self.attempt(outcome, self.flush)
            outcome["files"] = self.created.take()
            outcome["results"] = self.screen.results
            if self.screen.shell is not None:
                outcome["engine"] = "ipython"
            self.after()
        for key, value in saved.items():
            if value is None:
                os.environ.pop(key, None)
            else:
                os.environ[key] = value
        return outcome

    def after(self):
        handler = _signal.getsignal(_signal.SIGINT)
        self.user_sigint = None if handler is on_sigint else handler
        if self.user_sigint is not None:
            _signal.signal(_signal.SIGINT, on_sigint)
        self.repair()

    def idle(self, fd):
        """Let asyncio tasks of earlier cells go on until fd is readable."""
        loop = self.loop
        if loop is None or loop.is_closed() or loop.is_running():
            return
        ready = loop.create_future()
        try:
            loop.add_reader(fd, lambda: ready.done() or ready.set_result(None))
        except (OSError, ValueError):
            return
        try:
            while not ready.done():
                try:
                    loop.run_until_complete(ready)
                except RuntimeError:
                    return
                except BaseException as exc:
                    if getpid() != self.pid:
                        self.forked(exc)
                    report(exc)
        finally:
            loop.remove_reader(fd)
