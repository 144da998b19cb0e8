// Output: written before write() returns, whatever the pipe's reader does.

const sleeper = new Int32Array(new SharedArrayBuffer(4));

function writeAll(fd, data) {
    for (let at = 0; at < data.length; ) {
        try {
            at += writeSync(fd, data, at);
        } catch (err) {
            if (err.code !== 'EAGAIN') throw err;
            Atomics.wait(sleeper, 0, 0, 1);
        }
    }
}

function outputStream(fd) {
    const stream = new Writable({
        decodeStrings: true,
        write(chunk, encoding, done) {
            try {
                writeAll(fd, chunk);
            } catch (err) {
                if (err.code !== 'EPIPE' && err.code !== 'EBADF') return done(err);
            }
            done();
        },
    });
    stream.fd = fd;
    stream._type = 'pipe';
    stream.destroySoon = stream.destroy;
    return stream;
}

function openOutput() {
    for (const [name, fd] of [['stdout', 1], ['stderr', 2]]) {
        const stream = outputStream(fd);
        Object.defineProperty(process, name, {
            configurable: true, enumerable: true, writable: true, value: stream,
        });
    }
    globalThis.console = new Console({ stdout: process.stdout, stderr: process.stderr });
}

function report(prefix, err) {
    try {
        writeAll(2, Buffer.from(prefix + describe(err).traceback));
    } catch {
        // nobody reads it
    }
}
