# The files a cell makes: those opened through Python are told by its audit events. For programs
# and libraries that write by themselves the folder is listed before the first of them and after
# the cell, within bounds; cells without them pay nothing.

MAX_WALKED = 4000
MAX_WALK_S = 0.010
SKIPPED = ("/tmp/", "/proc/", "/dev/")
HIDDEN = pattern(r"/(?:\.[^/]+|__pycache__)/")  # caches and the like
SKIPPED_DIRS = frozenset(("node_modules", "__pycache__", "venv"))
SPAWNS = frozenset(("subprocess.Popen", "os.system", "os.posix_spawn", "os.exec", "os.fork"))
NATIVE = frozenset(("cv2", "h5py", "netCDF4", "pyarrow", "soundfile", "torch"))


def walk(root):
    """The paths of what lies below root; None where it is too much, or no folder of the user."""
    if (root + "/").startswith(SKIPPED) or root == "/":
        return None
    found, todo, until = set(), [root], monotonic() + MAX_WALK_S
    while todo:
        try:
            with os.scandir(todo.pop()) as entries:
                for entry in entries:
                    found.add(entry.path)
                    skipped = entry.name in SKIPPED_DIRS or entry.name[0] == "."
                    if not skipped and entry.is_dir(follow_symlinks=False):
                        todo.append(entry.path)
        except OSError:
            continue
        if len(found) > MAX_WALKED or monotonic() > until:
            return None
    return found


class Created:
    """The candidates of the running cell."""

    def __init__(self):
        self.paths, self.before = None, None
        sys.addaudithook(self.hook)

    def begin(self):
        self.paths, self.before = {}, None
        loaded = sys.modules
        for name in NATIVE:
            if name in loaded:
                self.look()

    def look(self):
        if self.before is None:
            root = os.getcwd()
            self.before = (root, walk(root))

    def hook(self, event, args):
        if self.paths is None:
            return
        try:
            if event == "open":
                if args[2] & os.O_CREAT:
                    self.add(args[0])
            elif event == "os.rename":
                self.add(args[1])
            elif event in SPAWNS or (event == "import" and args[0] in NATIVE):
                self.look()
            elif event == "sqlite3.connect":
                self.add(args[0])
        except BaseException:
            pass

    def add(self, path):
        full = os.path.abspath(os.fsdecode(path))
        known = len(self.paths) >= MAX_FILES or full.startswith(SKIPPED) or os.path.lexists(full)
        if not known:
            self.paths[full] = None

    def take(self):
        paths, self.paths = self.paths or {}, None
        root, before = self.before or ("", None)
        self.before = None
        if before is not None:
            paths.update(dict.fromkeys(sorted((walk(root) or set()) - before)))
        made = (p for p in paths if not HIDDEN.search(p) and os.path.isfile(p))
        return [path for path, _ in zip(made, range(MAX_FILES))]
