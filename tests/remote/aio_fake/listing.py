"""/v1/file: find, glob, grep and list."""

import fnmatch
import glob
import os
import re
import stat

from .tree import file_failure, operation

GREP_TYPES = {
    "py": ("*.py", "*.pyi"), "js": ("*.js", "*.jsx", "*.mjs", "*.cjs"),
    "ts": ("*.ts", "*.tsx", "*.mts", "*.cts"), "c": ("*.c", "*.h"), "rust": ("*.rs",),
    "cpp": ("*.cpp", "*.cc", "*.cxx", "*.hpp", "*.hh", "*.h"), "go": ("*.go",),
    "java": ("*.java",), "sh": ("*.sh", "*.bash"), "json": ("*.json",),
    "yaml": ("*.yaml", "*.yml"), "md": ("*.md", "*.markdown"), "html": ("*.html", "*.htm"),
    "css": ("*.css", "*.scss"), "txt": ("*.txt",), "toml": ("*.toml",), "xml": ("*.xml",),
}
SIZES = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
BINARY_PROBE = 8192


def glob_regex(pattern):
    """A glob over a relative path: `**/` any directories, `*` and `?` within one name."""
    out, at = [], 0
    while at < len(pattern):
        if pattern.startswith("**/", at):
            out.append("(?:.*/)?")
            at += 3
        elif pattern.startswith("**", at):
            out.append(".*")
            at += 2
        elif pattern[at] == "*":
            out.append("[^/]*")
            at += 1
        elif pattern[at] == "?":
            out.append("[^/]")
            at += 1
        elif pattern[at] == "[" and (end := pattern.find("]", at + 2)) > 0:
            inner = pattern[at + 1 : end].replace("\\", "\\\\")
            out.append(f"[{'^' + inner[1:] if inner[0] in '!^' else inner}]")
            at = end + 1
        else:
            out.append(re.escape(pattern[at]))
            at += 1
    return re.compile("".join(out) + r"\Z", re.S)


def matches_any(patterns, relative):
    """A pattern without a slash is tried on every name of the path, else on the whole."""
    for pattern in patterns or ():
        if "/" in pattern:
            if glob_regex(pattern.lstrip("/")).match(relative):
                return True
        elif any(fnmatch.fnmatchcase(part, pattern) for part in relative.split("/")):
            return True
    return False


def walk(real, hidden, depth=None):
    """(relative path, is directory, lstat) of everything below a directory, sorted by name."""
    stack = [("", 1)]
    while stack:
        base, level = stack.pop()
        try:
            entries = sorted(os.scandir(os.path.join(real, base)), key=lambda e: e.name)
        except PermissionError:
            if base:
                continue
            raise
        below = []
        for entry in entries:
            if not hidden and entry.name.startswith("."):
                continue
            relative = f"{base}/{entry.name}" if base else entry.name
            is_dir = entry.is_dir()
            try:
                info = entry.stat(follow_symlinks=entry.is_symlink() and os.path.exists(entry))
            except OSError:
                continue
            yield relative, is_dir, info
            if is_dir and not entry.is_symlink() and (depth is None or level < depth):
                below.append((relative, level + 1))
        stack.extend(reversed(below))


def epoch_text(info):
    return str(int(info.st_mtime))


def parse_size(text, path):
    found = re.fullmatch(r"(\d+)([KMG]?)B?", text.strip().upper())
    if not found:
        raise file_failure(path, "grep", "invalid_target", f"Invalid max_file_size: {text}")
    return int(found[1]) * SIZES[found[2]]


def sort_key(name):
    return {
        "size": lambda f: (f.get("size") or 0, f["path"]),
        "modified": lambda f: (int(f.get("modified_time") or 0), f["path"]),
        "type": lambda f: (not f["is_directory"], f.get("extension") or "", f["path"]),
        "name": lambda f: (f["name"], f["path"]),
    }.get(name, lambda f: f["path"])


class Listing:
    def __init__(self, tree):
        self.tree = tree

    def base(self, path, name):
        real = self.tree.real(path, name)
        with operation(path, name):
            if not stat.S_ISDIR(os.stat(real).st_mode):
                raise file_failure(path, name, "invalid_target", f"Not a directory: {path}")
        return real

    def find(self, a):
        real = self.base(a["path"], "find")
        found = glob.glob(os.path.join(glob.escape(real), a["glob"]), recursive=True)
        return {"path": a["path"], "files": sorted(self.tree.shown(f) for f in found)}

    def glob(self, a):
        path = a["path"]
        real = self.base(path, "glob")
        wanted = glob_regex(a["pattern"])
        files = []
        with operation(path, "glob"):
            for relative, is_dir, info in walk(real, a["include_hidden"]):
                if (is_dir and a["files_only"]) or not wanted.match(relative):
                    continue
                if matches_any(a["exclude"], relative):
                    continue
                files.append({
                    "path": f"{path.rstrip('/')}/{relative}", "name": os.path.basename(relative),
                    "is_directory": is_dir, "size": None if is_dir else info.st_size,
                    "modified_time": epoch_text(info),
                })
        files.sort(key=sort_key(a["sort_by"]), reverse=a["sort_desc"])
        kept = files[: a["max_results"]]
        if not a["include_metadata"]:
            kept = [{**f, "size": None, "modified_time": None} for f in kept]
        return {"path": path, "pattern": a["pattern"], "files": kept, "total_count": len(files),
                "truncated": len(kept) < len(files)}

    def list(self, a):
        path = a["path"]
        real = self.base(path, "list")
        files = []
        depth = a["max_depth"] if a["recursive"] else 1
        with operation(path, "list"):
            for relative, is_dir, info in walk(real, a["show_hidden"], depth):
                extension = os.path.splitext(relative)[1]
                if a["file_types"] and (is_dir or extension not in a["file_types"]):
                    continue
                files.append({
                    "name": os.path.basename(relative), "path": f"{path.rstrip('/')}/{relative}",
                    "is_directory": is_dir,
                    "size": info.st_size if a["include_size"] and not is_dir else None,
                    "modified_time": epoch_text(info),
                    "permissions": oct(info.st_mode)[-3:] if a["include_permissions"] else None,
                    "extension": None if is_dir else extension or None,
                })
        files.sort(key=sort_key(a["sort_by"]), reverse=a["sort_desc"])
        directories = sum(f["is_directory"] for f in files)
        return {"path": path, "files": files, "total_count": len(files),
                "directory_count": directories, "file_count": len(files) - directories}

    def grep(self, a):
        path = a["path"]
        real = self.tree.real(path, "grep")
        pattern = re.escape(a["pattern"]) if a["fixed_strings"] else a["pattern"]
        flags = (re.I if a["case_insensitive"] else 0) | re.M
        try:
            wanted = re.compile(pattern, flags | (re.S if a["multiline"] else 0))
        except re.error as cause:
            raise file_failure(path, "grep", "invalid_target", f"Invalid pattern: {cause}",
                               cause) from cause
        limit = parse_size(a["max_file_size"], path)
        matches, searched, with_match = [], 0, 0
        with operation(path, "grep"):
            for shown, file in self.grep_files(a, real):
                lines = read_lines(file, limit)
                if lines is None:
                    continue
                searched += 1
                here = list(grep_lines(lines, wanted, a))
                with_match += bool(here)
                matches += [{"file": shown, **m} for m in here]
        kept = matches[a["offset"] : a["offset"] + a["max_results"]]
        return {"path": path, "pattern": a["pattern"], "matches": kept,
                "match_count": len(kept), "files_searched": searched,
                "files_matched": with_match,
                "truncated": a["offset"] + len(kept) < len(matches)}

    def grep_files(self, a, real):
        path = a["path"]
        if a["type"] is not None and a["type"] not in GREP_TYPES:
            raise file_failure(path, "grep", "invalid_target", f"Unknown type: {a['type']}")
        if not os.path.isdir(real):
            os.stat(real)
            yield path, real
            return
        kinds = GREP_TYPES.get(a["type"])
        for relative, is_dir, info in walk(real, False, None if a["recursive"] else 1):
            if is_dir or not stat.S_ISREG(info.st_mode) or matches_any(a["exclude"], relative):
                continue
            if a["include"] and not matches_any(a["include"], relative):
                continue
            if kinds and not any(fnmatch.fnmatchcase(relative, k) for k in kinds):
                continue
            yield f"{path.rstrip('/')}/{relative}", os.path.join(real, relative)


def read_lines(file, limit):
    """The lines of a text file, or None for what is binary, too large or unreadable."""
    try:
        if os.path.getsize(file) > limit:
            return None
        with open(file, "rb") as opened:
            data = opened.read(limit + 1)
    except OSError:
        return None
    if b"\0" in data[:BINARY_PROBE]:
        return None
    return data.decode("utf-8", "replace").splitlines()


def grep_lines(lines, wanted, a):
    """One match for each line; in multiline mode one for each match, at its first line."""
    before, after = a["context_before"], a["context_after"]
    if a["multiline"]:
        text = "\n".join(lines)
        spans = [(text.count("\n", 0, m.start()), text.count("\n", 0, max(m.start(), m.end() - 1)))
                 for m in wanted.finditer(text)]
    else:
        spans = [(n, n) for n, line in enumerate(lines) if wanted.search(line)]
    for first, last in spans:
        yield {
            "line_number": first + 1,
            "line_content": "\n".join(lines[first : last + 1]),
            "context_before": lines[max(0, first - before) : first] if before else None,
            "context_after": lines[last + 1 : last + 1 + after] if after else None,
        }
