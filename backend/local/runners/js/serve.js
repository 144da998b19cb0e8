// Protocol

function reply(request, error, text, cut, results, files) {
    const field = (value) => (/string|number/.test(typeof value) ? stringify(value) : 'null');
    const line = '{"id":' + field(request.id) + ',"token":' + field(request.token) +
        ',"status":"' + (error ? 'error' : 'ok') + '","text":' + field(text) +
        (cut ? ',"text_truncated":true' : '') + ',"error":' + (error
        ? '{"name":' + field(error.name) + ',"value":' + field(error.value) +
            ',"traceback":' + field(error.traceback) + '}' : 'null') +
        ',"execution_count":' + count +
        (results && results.dropped ? ',"results_dropped":' + results.dropped : '') +
        (files && files.length ? ',"files":' + stringify(files.map(clean)) : '') +
        ',"results":[' + (results ? results.items.join(',') : '') + ']}';
    try {
        writeAll(respFd, Buffer.from(line + '\n'));
    } catch {
        realExit(0);
    }
}

function badRequest(request) {
    if (!['number', 'string'].includes(typeof request.id) || typeof request.token !== 'string')
        return 'a request is an object with id, token, op and code';
    if (request.op !== 'exec') return 'unknown op; known: exec';
    if (typeof request.code !== 'string') return 'code must be a string';
    if (request.cwd != null && typeof request.cwd !== 'string') return 'cwd must be a string';
    const env = request.env == null ? {} : request.env;
    const isMap = typeof env === 'object' && !Array.isArray(env);
    if (!isMap || Object.values(env).some((v) => typeof v !== 'string'))
        return 'env must be a map of strings';
    return null;
}

function next() {
    while (!cell && queue.length) {
        const line = queue.shift();
        if (line === null) {
            reply({}, errorObject('RequestTooLarge', 'a request line may have 8 MiB'));
            continue;
        }
        let request;
        try {
            request = parse(line);
        } catch {
            reply({}, errorObject('BadRequest', 'the line is not JSON'));
            continue;
        }
        if (request === null || typeof request !== 'object') request = {};
        const wrong = badRequest(request);
        if (wrong) reply(request, errorObject('BadRequest', wrong));
        else start(request);
    }
}

let parts = [];
let partsSize = 0;
let skipping = false;

function received(chunk) {
    for (let from = 0; from < chunk.length; ) {
        const end = chunk.indexOf(10, from);
        const piece = chunk.subarray(from, end < 0 ? chunk.length : end);
        partsSize += piece.length;
        if (partsSize > MAX_LINE) {
            skipping = true;
            parts = [];
        } else {
            parts.push(piece);
        }
        if (end < 0) break;
        if (skipping) queue.push(null);
        else if (partsSize) queue.push(Buffer.concat(parts).toString());
        parts = [];
        partsSize = 0;
        skipping = false;
        from = end + 1;
    }
    next();
}

function main() {
    watchFiles();
    session.connect();
    Object.defineProperty(globalThis, BRIDGE, { value: bridge });
    session.post('Runtime.evaluate', { expression: 'this[' + stringify(BRIDGE) + ']' },
        (err, reply) => { bridgeId = reply.result.objectId; });
    openOutput();
    repair();
    const { emitWarning } = process;
    process.emitWarning = (warning, ...more) => { // node calls what is used here experimental
        if (!/^(?:vm\.USE_MAIN|stripType)/.test(String(warning))) emitWarning(warning, ...more);
    };
    const input = new net.Socket({ fd: reqFd, readable: true, writable: false });
    input.on('data', received);
    input.on('error', () => realExit(0));
    input.on('end', () => realExit(0));
    Object.defineProperty(globalThis, 'display', {
        configurable: true, enumerable: false, writable: true, value: display,
    });
    for (const name of ['require', 'module', 'exports', '__filename', '__dirname'])
        delete globalThis[name];
    const version = process.versions.node;
    const hello = { hello: 1, language: LANGUAGE, version, engine: 'plain' };
    const without = missing();
    if (without) hello.missing = without;
    writeAll(respFd, Buffer.from(stringify(hello) + '\n'));
    if (without) realExit(1);
}
