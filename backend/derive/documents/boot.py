# First on the standard input: what follows are a line with the request and then the modules, each
# as a line "NAME BYTES" and its text. Nothing is taken from the directory that it runs in.
import sys
import zlib

import _frozen_importlib

sys.path[:] = [path for path in sys.path if path]
sys.dont_write_bytecode = True


class Sent:
    def __init__(self, stream):
        self.texts = {}
        for line in iter(stream.readline, b""):
            name, size = line.split()
            self.texts[name.decode()] = stream.read(int(size))

    def find_spec(self, name, path=None, target=None):
        return _frozen_importlib.ModuleSpec(name, self) if name in self.texts else None

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        text = self.texts[module.__name__]
        exec(compile(text, module.__name__ + ".py", "exec"), module.__dict__)


request = sys.stdin.buffer.readline()
sent = Sent(sys.stdin.buffer)
version = "%x" % zlib.crc32(b"".join(sent.texts.values()))
sys.meta_path.insert(0, sent)

import doc_main  # noqa: E402

doc_main.main(request, version)
