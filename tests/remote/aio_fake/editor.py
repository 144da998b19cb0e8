"""/v1/file/str_replace_editor: failing edits are `success` with `error` in the data."""

import os

from .files import read_text, write_bytes
from .tree import operation

SNIPPET_LINES = 4


def numbered(lines, first=1):
    return "\n".join(f"{n:6}\t{line}" for n, line in enumerate(lines, first))


class EditError(Exception):
    pass


class Editor:
    def __init__(self, tree):
        self.tree = tree
        self.history = {}

    def run(self, a):
        path, name = a["path"], a["command"]
        real = self.tree.real(path, name)
        existed = os.path.lexists(real)
        reply = {"output": "", "error": None, "path": path, "prev_exist": existed,
                 "old_content": None, "new_content": None, "metadata": None}
        try:
            reply.update(getattr(self, name)(a, path, real))
        except EditError as error:
            reply["error"] = str(error)
        return reply

    def store(self, path, real, name, old, new):
        write_bytes(path, real, name, new.encode("utf-8", "surrogatepass"))
        self.history.setdefault(real, []).append(old)

    def view(self, a, path, real):
        with operation(path, "view"):
            if os.path.isdir(real):
                return {"output": self.view_directory(path, real)}
        lines = read_text(path, real, "view").split("\n")
        first, last = 1, len(lines)
        if a["view_range"]:
            if len(a["view_range"]) != 2:
                raise EditError("Invalid `view_range`. It should be a list of two integers.")
            first, last = a["view_range"]
            last = len(lines) if last == -1 else last
            if not 1 <= first <= len(lines) or not first <= last <= len(lines):
                raise EditError(
                    f"Invalid `view_range`: {a['view_range']}. It should be within the range of "
                    f"lines of the file: [1, {len(lines)}]")
        text = numbered(lines[first - 1 : last], first)
        return {"output": f"Here's the result of running `cat -n` on {path}:\n{text}\n"}

    def view_directory(self, path, real):
        found = [path]
        for name in sorted(os.listdir(real)):
            if name.startswith("."):
                continue
            found.append(f"{path.rstrip('/')}/{name}")
            inner = os.path.join(real, name)
            if os.path.isdir(inner):
                found += [f"{path.rstrip('/')}/{name}/{n}" for n in sorted(os.listdir(inner))
                          if not n.startswith(".")]
        return (f"Here's the files and directories up to 2 levels deep in {path}, excluding "
                "hidden items:\n" + "\n".join(found) + "\n")

    def create(self, a, path, real):
        if a["file_text"] is None:
            raise EditError("Parameter `file_text` is required for command: create")
        old = read_text(path, real, "create") if os.path.exists(real) else None
        self.store(path, real, "create", old, a["file_text"])
        return {"output": f"File created successfully at: {path}", "old_content": old,
                "new_content": a["file_text"]}

    def str_replace(self, a, path, real):
        old, new_str = a["old_str"], a["new_str"] or ""
        if not old:
            raise EditError("Parameter `old_str` is required for command: str_replace")
        content = read_text(path, real, "str_replace")
        count = content.count(old)
        if count == 0:
            raise EditError(
                f"No replacement was performed, old_str `{old}` did not appear verbatim in {path}.")
        mode = a["replace_mode"]
        if count > 1 and mode is None:
            at = [n for n, line in enumerate(content.split("\n"), 1) if old in line]
            raise EditError(
                f"No replacement was performed. Multiple occurrences of old_str `{old}` in lines "
                f"{at}. Please ensure it is unique")
        if mode == "LAST":
            where = content.rfind(old)
        else:
            where = content.find(old)
        if mode == "ALL":
            changed = content.replace(old, new_str)
        else:
            changed = content[:where] + new_str + content[where + len(old) :]
        self.store(path, real, "str_replace", content, changed)
        return self.edited(path, content, changed, content.count("\n", 0, where),
                           new_str.count("\n") + 1)

    def insert(self, a, path, real):
        if a["insert_line"] is None or a["new_str"] is None:
            raise EditError("Parameters `insert_line` and `new_str` are required for: insert")
        content = read_text(path, real, "insert")
        lines = content.split("\n")
        at = a["insert_line"]
        if not 0 <= at <= len(lines):
            raise EditError(
                f"Invalid `insert_line` parameter: {at}. It should be within the range of lines "
                f"of the file: [0, {len(lines)}]")
        added = a["new_str"].split("\n")
        changed = "\n".join(lines[:at] + added + lines[at:])
        self.store(path, real, "insert", content, changed)
        return self.edited(path, content, changed, at, len(added))

    @staticmethod
    def edited(path, old, new, line, count):
        first = max(0, line - SNIPPET_LINES)
        lines = new.split("\n")[first : line + count + SNIPPET_LINES]
        text = (f"The file {path} has been edited. Here's the result of running `cat -n` on a "
                f"snippet of {path}:\n{numbered(lines, first + 1)}\n")
        return {"output": text, "old_content": old, "new_content": new}

    def undo_edit(self, a, path, real):
        if not self.history.get(real):
            raise EditError(f"No edit history found for {path}.")
        old = self.history[real].pop()
        current = read_text(path, real, "undo_edit")
        if old is None:
            with operation(path, "undo_edit"):
                os.unlink(real)
        else:
            write_bytes(path, real, "undo_edit", old.encode("utf-8", "surrogatepass"))
        return {"output": f"Last edit to {path} undone successfully.", "old_content": current,
                "new_content": old}
