# IPython, for cells whose syntax is its and not Python's: it translates them, and has the magics.
# They run like any other cell, in the same namespace.


def make_shell(interpreter):
    """IPython's shell around the interpreter's namespace; nothing of the user's home is read."""
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    shell_class = type("Shell", (Shell, InteractiveShell), {"interpreter": interpreter})
    config = Config()
    config.HistoryManager.enabled = False
    config.InteractiveShell.colors = "NoColor"
    config.InteractiveShell.xmode = "Plain"
    saved = {name: getattr(sys, name) for name in ("displayhook", "excepthook")}
    before = set(interpreter.ns)
    folder = std_import("tempfile").mkdtemp(prefix="ipython-")
    std_import("atexit").register(std_import("shutil").rmtree, folder, True)
    try:
        shell = shell_class.instance(
            config=config, ipython_dir=folder, user_module=interpreter.main,
            user_ns=interpreter.ns)
    except BaseException:
        shell_class.clear_instance()
        raise
    finally:
        for name, value in saved.items():
            setattr(sys, name, value)
        builtins.display = interpreter.screen.display
        builtins.get_ipython = interpreter.get_ipython
    for name in "exit", "quit", "In", "Out":
        if name not in before:
            interpreter.ns.pop(name, None)
    shell.set_hook("show_in_pager", lambda shell, data, **ignored: interpreter.page(data))
    shell.register_magic_function(lambda line: None, "line", "matplotlib")
    return shell


class Shell:
    """What differs from IPython's own: programs without a terminal, errors left to the cell."""

    def showtraceback(self, *args, **kwargs):
        if sys.exc_info()[1] is not None:
            raise

    showsyntaxerror = showtraceback

    def start_program(self, command, depth, **streams):
        subprocess = std_import("subprocess")
        self.interpreter.flush()
        shell = "/bin/bash" if os.path.exists("/bin/bash") else "/bin/sh"
        return subprocess.Popen(
            self.var_expand(command, depth=depth + 2), shell=True, executable=shell,
            stdin=subprocess.DEVNULL, start_new_session=True, **streams)

    def finish_program(self, process, wait):
        try:
            return wait()
        except BaseException:
            try:
                os.killpg(process.pid, _signal.SIGKILL)
            except OSError:
                pass
            process.wait()
            raise

    def system(self, command, depth=0):
        plain = sys.stdout is self.interpreter.streams["stdout"]
        if plain:
            process = self.start_program(command, depth)
            self.finish_program(process, process.wait)
        else:
            subprocess = std_import("subprocess")
            process = self.start_program(
                command, depth, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            sys.stdout.write(
                self.finish_program(process, process.communicate)[0].decode(errors="replace"))
        self.user_ns["_exit_code"] = process.returncode

    system_raw = system_piped = system

    def getoutput(self, command, split=True, depth=0):
        from IPython.utils.text import LSString, SList

        subprocess = std_import("subprocess")
        process = self.start_program(
            command, depth, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        out = self.finish_program(process, process.communicate)[0].decode(errors="replace")
        return SList(out.splitlines()) if split else LSString(out)
