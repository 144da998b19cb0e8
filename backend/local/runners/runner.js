'use strict';
// The javascript runner. runner.py states the protocol, the bounds and the limits.
//
// A cell is evaluated by V8's own REPL mode, reached through an in-process inspector session: let,
// const and class persist and may be declared again, await works at top level, and the completion
// value comes back, without any rewriting of the code. Only `import` is rewritten, since scripts
// evaluated so have no module loader. All cells share the main context, so that instanceof and
// modules behave as in a program.
//
// A cell may shadow any global for everything in this process (`const process = ...`): whatever
// the runner needs is bound here, before the first cell.
(function (process, Buffer, globalThis, setImmediate, Error, Object, String, Number, Promise) {
    const fs = require('fs');
    const inspector = require('inspector');
    const net = require('net');
    const path = require('path');
    const util = require('util');
    const { promiseHooks } = require('v8');
    const vm = require('vm');
    const { Console } = require('console');
    const { Writable } = require('stream');
    const { createRequire, isBuiltin } = require('module');
    const { pathToFileURL } = require('url');

    const { writeSync } = fs;
    const { parse, stringify } = JSON;
    const { hasOwn } = Object;
    const { then } = Promise.prototype;
    const apply = Reflect.apply;
    const { inspect } = util;
    const { isPromise, isNativeError } = util.types;
    const realExit = process.exit.bind(process);
    const [reqFd, respFd] = process.argv.slice(-2).map(Number);

    const MAX_LINE = 8 << 20;
    const MAX_TEXT = 100000;
    const MAX_VALUE = 4000;
    const MAX_TRACE = 10000;
    const MAX_SOURCES = 16 << 20;
    const BRIDGE = '\0sandbox-mcp runner';
    const SHOWN = { depth: 4, maxArrayLength: 200, maxStringLength: MAX_TEXT, breakLength: 100 };
    const LOADER = vm.constants && vm.constants.USE_MAIN_CONTEXT_DEFAULT_LOADER;

    const session = new inspector.Session();
    const bridge = { run: null, got: undefined };
    const trampoline = new vm.Script('this[' + stringify(BRIDGE) + '].run()');
    let bridgeId;
    const sources = new Map();
    let sourcesSize = 0;
    let count = 0;
    let cell = null; // the running one: { request, env, name, exit, finishing }
    const waiting = new Set(); // cells whose promise is pending, the interrupted ones too
    const queue = [];

    class ProcessExit extends Error {
        constructor(code) {
            super('process.exit(' + code + ')');
            this.name = 'SystemExit';
        }
    }

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

    // Texts

    function clean(text) {
        return text.replace(/\p{Surrogate}/gu, (c) => '\\u' + c.charCodeAt(0).toString(16));
    }

    function shorten(text, limit) {
        text = clean(text.length > MAX_LINE ? text.slice(0, MAX_LINE) : text);
        if (text.length <= limit) return text;
        const head = Math.floor((limit * 2) / 5);
        const tail = limit - head - 60; // the rest is for the note and a pair cut in two
        const cut = text.length - head - tail;
        return clean(text.slice(0, head) + '\n... [' + cut + ' characters cut] ...\n' +
            text.slice(-tail));
    }

    function errorObject(name, value, traceback) {
        return {
            name: shorten(name, 200),
            value: shorten(value, MAX_VALUE),
            traceback: shorten(traceback || name + ': ' + value + '\n', MAX_TRACE),
        };
    }

    function userFrames(stack) {
        let ours = false;
        const kept = [];
        for (const line of stack.split('\n')) {
            if (!/^\s+at /.test(line)) ours = false;
            else if (line.includes('Session.post (node:inspector')) ours = true;
            if (!ours) kept.push(line);
        }
        return kept.join('\n').replace(/<cell_(\d+)>/g, '<cell $1>');
    }

    function excerpt(name, line, column) {
        const text = (sources.get(name) || '').split('\n')[line - 1];
        if (text === undefined || text.length > 500) return '';
        return name + ':' + line + '\n' + text + '\n' + ' '.repeat(Math.max(0, column - 1)) + '^\n';
    }

    function describe(err, at) {
        try {
            const shown = userFrames(inspect(err, { depth: 4, maxStringLength: MAX_TRACE }));
            if (!isNativeError(err)) {
                const named = err && typeof err === 'object' && typeof err.name === 'string';
                const value = named && typeof err.message === 'string' ? err.message : shown;
                return errorObject(named ? err.name : 'Error', value, 'Uncaught ' + shown + '\n');
            }
            const place = /(<cell \d+>):(\d+):(\d+)/.exec(shown);
            const where = at || (place && [place[1], +place[2], +place[3]]);
            const hint = hintFor(err);
            return errorObject(String(err.name), String(err.message) + hint,
                (where ? excerpt(...where) : '') + shown + hint + '\n');
        } catch {
            return errorObject(property(err, 'name', 'Error'),
                property(err, 'message', '<an error that cannot be shown>'));
        }
    }

    function property(err, key, otherwise) {
        try {
            return typeof err[key] === 'string' ? err[key] : otherwise;
        } catch {
            return otherwise;
        }
    }

    function hintFor(err) {
        if (err.name !== 'SyntaxError') return '';
        if (/'export'/.test(err.message)) return '. Hint: a cell is no module; leave out export';
        if (/return/.test(err.message)) return '. Hint: end the cell with the expression itself';
        if (/import statement/.test(err.message)) return '. Hint: use await import(...) or require';
        return '';
    }

    // import

    const KEYWORDS = new RegExp('(?:^|[^\\w$.])(?:return|typeof|case|in|of|do|else|void|delete|' +
        'throw|new|instanceof|await|yield)$');

    // The code with the inside of strings, comments, templates and regular expressions blanked.
    function mask(code) {
        const out = code.split('');
        const templates = []; // brace depth at which each open ${ ends
        const parens = [];
        let depth = 0;
        let last = ''; // last significant character
        let afterHead = false; // last is the ) of if, while, for or with
        let i = 0;
        const blank = (from, to) => {
            for (let k = from; k < to && k < out.length; k++) if (out[k] !== '\n') out[k] = ' ';
        };
        const template = (from) => {
            let k = from;
            for (; k < code.length; k++) {
                if (code[k] === '\\') k++;
                else if (code[k] === '`') break;
                else if (code[k] === '$' && code[k + 1] === '{') {
                    templates.push(depth);
                    blank(from, k);
                    return k + 2;
                }
            }
            blank(from, k);
            last = '`';
            return k + 1;
        };
        while (i < code.length) {
            const c = code[i];
            if (c === '/' && code[i + 1] === '/') {
                let end = code.indexOf('\n', i);
                if (end < 0) end = code.length;
                blank(i, end);
                i = end;
            } else if (c === '/' && code[i + 1] === '*') {
                let end = code.indexOf('*/', i + 2);
                end = end < 0 ? code.length : end + 2;
                blank(i, end);
                i = end;
            } else if (c === '"' || c === "'") {
                let k = i + 1;
                while (k < code.length && code[k] !== c && code[k] !== '\n')
                    k += code[k] === '\\' ? 2 : 1;
                blank(i + 1, k);
                i = k + 1;
                last = c;
            } else if (c === '`') {
                i = template(i + 1);
            } else if (c === '/' && regexMayStart()) {
                let k = i + 1;
                for (let set = false; k < code.length && code[k] !== '\n'; k++) {
                    if (code[k] === '\\') k++;
                    else if (code[k] === '[') set = true;
                    else if (code[k] === ']') set = false;
                    else if (code[k] === '/' && !set) break;
                }
                blank(i + 1, k);
                i = k + 1;
                last = 'x';
            } else {
                if (c === '(') parens.push(/(?:^|[^\w$.])(?:if|while|for|with)\s*$/.test(tail()));
                if (c === ')') afterHead = !!parens.pop();
                if (c === '{') depth++;
                if (c === '}' && templates.length && templates[templates.length - 1] === depth) {
                    templates.pop();
                    i = template(i + 1);
                    continue;
                }
                if (c === '}') depth--;
                if (c.trim()) last = c;
                i++;
            }
        }
        return out.join('');

        function tail() {
            return out.slice(Math.max(0, i - 20), i).join('');
        }
        function regexMayStart() {
            if (last === ')') return afterHead;
            if (/[\w$]/.test(last)) return KEYWORDS.test(tail().trimEnd());
            return !/[\]}"'`]/.test(last);
        }
    }

    // after starts at the ( behind a name
    function isMethod(after) {
        let depth = 0;
        for (let i = 0; i < after.length; i++) {
            if (after[i] === '(') depth++;
            else if (after[i] === ')' && --depth === 0) return /^\s*\{/.test(after.slice(i + 1));
        }
        return false;
    }

    function staticImport(clause, target) {
        const parts = [];
        const rest = clause.replace(/\{([^}]*)\}/, (_, names) => {
            for (const name of names.split(',')) {
                const [from, to] = name.trim().split(/\s+as\s+/);
                if (from) parts.push(to ? from + ': ' + to : from);
            }
            return '';
        });
        const all = /\*\s*as\s+([\w$]+)/.exec(rest);
        const whole = rest.replace(/\*\s*as\s+[\w$]+/, '').replace(/,/g, '').trim();
        if (whole) parts.unshift('default: ' + whole);
        const call = 'await __import__(' + target + ')';
        if (all) return 'const ' + all[1] + ' = ' + call + (parts.length
            ? ', {' + parts.join(', ') + '} = ' + all[1] : '');
        return 'const {' + parts.join(', ') + '} = ' + call;
    }

    function rewriteImports(code) {
        if (!code.includes('import')) return code;
        const masked = mask(code);
        const edits = [];
        for (const found of masked.matchAll(/(?<![\w$.#])import\b/g)) {
            const at = found.index;
            const after = masked.slice(at + 6);
            let end;
            if (/^\s*\(/.test(after)) {
                if (!isMethod(after)) edits.push([at, at + 6, '__import__']);
            } else if ((end = /^\s*\.\s*meta\b/.exec(after))) {
                edits.push([at, at + 6 + end[0].length, '__import_meta__']);
            } else if ((end = /^\s*(?:([\w$*{},\s]*[\w$}])\s*\bfrom\s*)?(["'])\s*\2/.exec(after))) {
                const stop = at + 6 + end[0].length;
                const open = masked.lastIndexOf(end[2], stop - 2);
                const target = code.slice(open, stop);
                edits.push([at, stop, end[1] === undefined
                    ? 'await __import__(' + target + ')' : staticImport(end[1], target)]);
            }
        }
        for (const [from, to, text] of edits.reverse()) {
            const lines = code.slice(from, to).split('\n').length - 1;
            code = code.slice(0, from) + text + '\n'.repeat(lines) + code.slice(to);
        }
        return code;
    }

    // What depends on the current directory

    let baseDir = null;
    let importer = null;

    function oldImport(specifier) {
        const text = String(specifier);
        if (isBuiltin(text) || /^(?:node|data):/.test(text)) return import(text);
        if (text.startsWith('file:')) return import(text);
        if (/^\.{0,2}\//.test(text)) return import(pathToFileURL(path.resolve(baseDir, text)).href);
        const { resolve } = createRequire(path.join(baseDir, 'cell.js'));
        return import(pathToFileURL(resolve(text)).href);
    }

    function newImporter(filename) {
        return new vm.Script('(specifier, options) => import(specifier, options)', {
            filename, importModuleDynamically: LOADER,
        }).runInThisContext();
    }

    function enterDirectory() {
        let dir;
        try {
            dir = process.cwd();
        } catch {
            dir = '/';
        }
        if (dir === baseDir) return;
        baseDir = dir;
        const file = path.join(dir, 'cell.js');
        const require = createRequire(file);
        const module = { id: '.', filename: file, path: dir, exports: {}, children: [], require };
        require.main = module;
        const meta = { url: pathToFileURL(file).href, filename: file, dirname: dir, main: true };
        importer = null;
        const values = {
            require, module, exports: module.exports, __filename: file, __dirname: dir,
            __import__: async (specifier, options) => {
                importer = importer || (LOADER === undefined ? oldImport : newImporter(file));
                return importer(specifier, options);
            },
            __import_meta__: meta,
        };
        for (const [name, value] of Object.entries(values)) {
            Object.defineProperty(globalThis, name, {
                configurable: true, enumerable: false, writable: true, value,
            });
        }
    }

    // Cells

    // fn, ended by SIGINT with ERR_SCRIPT_EXECUTION_INTERRUPTED.
    function guarded(fn) {
        bridge.run = fn;
        return trampoline.runInThisContext({ breakOnSigint: true, displayErrors: false });
    }

    function grab(remote) {
        if (!hasOwn(remote, 'objectId')) {
            if (!hasOwn(remote, 'unserializableValue'))
                return hasOwn(remote, 'value') ? remote.value : undefined;
            const text = remote.unserializableValue;
            return text.endsWith('n') ? BigInt(text.slice(0, -1)) : Number(text);
        }
        session.post('Runtime.callFunctionOn', {
            objectId: bridgeId,
            functionDeclaration: 'function (value) { this.got = value; }',
            arguments: Object.assign([{ objectId: remote.objectId }], { toJSON: undefined }),
        });
        session.post('Runtime.releaseObjectGroup', { objectGroup: 'cell' });
        const value = bridge.got;
        bridge.got = undefined;
        return value;
    }

    function remember(name, code) {
        sources.set(name, code);
        sourcesSize += code.length;
        for (const [old, text] of sources) {
            if (sourcesSize <= MAX_SOURCES || sources.size === 1) break;
            sources.delete(old);
            sourcesSize -= text.length;
        }
    }

    function asExpression(code) {
        if (!/^\s*\{/.test(code) || !/\}\s*$/.test(code)) return code;
        try {
            new vm.Script('(' + code.trim() + '\n)');
            return '(' + code.trim() + '\n)';
        } catch {
            return code;
        }
    }

    function interrupted() {
        return errorObject('KeyboardInterrupt', 'the cell was interrupted');
    }

    function attempt(mine, fn) {
        try {
            return guarded(fn);
        } catch (err) {
            const stopped = err && err.code === 'ERR_SCRIPT_EXECUTION_INTERRUPTED';
            conclude(mine, { error: stopped ? interrupted() : describe(err) });
        }
    }

    function start(request) {
        const mine = { request, env: null, name: '<cell ' + ++count + '>' };
        cell = mine;
        try {
            if (typeof request.cwd === 'string') process.chdir(request.cwd);
            mine.env = setEnv(request.env || {});
            enterDirectory();
        } catch (err) {
            return conclude(mine, { error: describe(err) });
        }
        remember(mine.name, request.code);
        const expression = asExpression(rewriteImports(request.code)) +
            '\n//# sourceURL=<cell_' + count + '>';
        attempt(mine, () => evaluate(mine, expression));
    }

    // The promise of a cell must outlive the wait for it: when it is collected, node 22 answers
    // the session from inside the collector, and aborts. It is the first promise made.
    function evaluate(mine, expression) {
        const stop = !/\bawait\b/.test(expression) ? () => {} : promiseHooks.onInit((promise) => {
            mine.promise = mine.promise || promise;
            stop();
        });
        waiting.add(mine);
        session.post(
            'Runtime.evaluate',
            { expression, replMode: true, objectGroup: 'cell', silent: true },
            (err, reply) => {
                waiting.delete(mine);
                evaluated(mine, err, reply);
            },
        );
        stop();
    }

    function evaluated(mine, err, reply) {
        if (cell !== mine || mine.finishing) return;
        if (err) {
            const stopped = /terminated/.test(err.message);
            return conclude(mine, {
                error: stopped ? interrupted() : errorObject('Error', String(err.message)),
            });
        }
        if (hasOwn(reply, 'exceptionDetails')) {
            const details = reply.exceptionDetails;
            const thrown = details.exception ? grab(details.exception) : details.text;
            const syntax = details.exception && details.exception.className === 'SyntaxError' &&
                !/\n\s+at .*<cell_/.test(String(details.exception.description));
            const { lineNumber, columnNumber } = details;
            const at = syntax ? [mine.name, lineNumber + 1, columnNumber + 1] : null;
            return attempt(mine, () => conclude(mine, { error: describe(thrown, at) }));
        }
        const value = grab(reply.result);
        if (!isPromise(value)) return succeed(mine, value);
        apply(then, value, [(v) => succeed(mine, v),
            (e) => attempt(mine, () => conclude(mine, { error: describe(e) }))]);
    }

    function succeed(mine, value) {
        if (cell !== mine || mine.finishing) return;
        if (value === undefined) return conclude(mine, {});
        globalThis._ = value;
        const show = () => conclude(mine, { text: inspect(value, SHOWN) });
        if (value === null || !/object|function/.test(typeof value)) show();
        else attempt(mine, show); // may run user code, or long
    }

    // The first conclusion counts. The answer follows when rejections and ticks had their turn.
    function conclude(mine, outcome) {
        if (cell !== mine || mine.finishing) return;
        mine.finishing = outcome;
        setImmediate(finish, mine);
    }

    function finish(mine) {
        const outcome = mine.finishing;
        restoreEnv(mine.env);
        repair();
        let error = outcome.error || mine.late || null;
        if (mine.exit !== undefined) {
            error = mine.exit ? errorObject('SystemExit', String(mine.exit)) : null;
        }
        let text = error ? null : outcome.text;
        if (typeof text === 'string') text = clean(text.slice(0, MAX_TEXT + 1));
        const cut = typeof text === 'string' && text.length > MAX_TEXT;
        if (cut) text = clean(text.slice(0, MAX_TEXT)).slice(0, MAX_TEXT);
        reply(mine.request, error, text, cut);
        cell = null;
        next();
    }

    function setEnv(env) {
        const saved = [];
        for (const [key, value] of Object.entries(env)) {
            saved.push([key, process.env[key]]);
            process.env[key] = value;
        }
        return saved;
    }

    function restoreEnv(saved) {
        for (const [key, value] of saved || []) {
            if (value === undefined) delete process.env[key];
            else process.env[key] = value;
        }
    }

    const listeners = [
        ['SIGINT', () => cell && conclude(cell, { error: interrupted() })],
        ['uncaughtException', (err) => stray('Uncaught ', err)],
        ['unhandledRejection', (err) => stray('Unhandled rejection: ', err)],
    ];

    function stray(prefix, err) {
        if (err instanceof ProcessExit && (!cell || cell.exit !== undefined)) {
            if (!cell) report('ignored outside a cell: ', err);
        } else if (cell && !cell.finishing) {
            conclude(cell, { error: describe(err) });
        } else if (cell && !cell.finishing.error && !cell.late) {
            cell.late = describe(err);
        } else {
            report(prefix, err);
        }
    }

    function exit(code) {
        if (code === undefined) code = process.exitCode === undefined ? 0 : process.exitCode;
        if (cell && cell.exit === undefined) {
            cell.exit = Number(code) || 0;
            conclude(cell, {});
        }
        throw new ProcessExit(code);
    }

    function repair() {
        for (const [event, fn] of listeners) {
            if (!process.listeners(event).includes(fn)) process.on(event, fn);
        }
        if (process.exit !== exit) process.exit = exit;
        const { stdout, stderr } = process;
        if (!stdout || !stderr || !stdout.writable || !stderr.writable) openOutput();
        process.exitCode = undefined;
    }

    // Protocol

    function reply(request, error, text, cut) {
        const field = (value) => (/string|number/.test(typeof value) ? stringify(value) : 'null');
        const line = '{"id":' + field(request.id) + ',"token":' + field(request.token) +
            ',"status":"' + (error ? 'error' : 'ok') + '","text":' + field(text) +
            (cut ? ',"text_truncated":true' : '') + ',"error":' + (error
            ? '{"name":' + field(error.name) + ',"value":' + field(error.value) +
                ',"traceback":' + field(error.traceback) + '}' : 'null') +
            ',"execution_count":' + count + ',"results":[]}';
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
        session.connect();
        Object.defineProperty(globalThis, BRIDGE, { value: bridge });
        session.post('Runtime.evaluate', { expression: 'this[' + stringify(BRIDGE) + ']' },
            (err, reply) => { bridgeId = reply.result.objectId; });
        openOutput();
        repair();
        const { emitWarning } = process;
        process.emitWarning = (warning, ...more) => { // node calls LOADER experimental
            if (!String(warning).startsWith('vm.USE_MAIN')) emitWarning(warning, ...more);
        };
        const input = new net.Socket({ fd: reqFd, readable: true, writable: false });
        input.on('data', received);
        input.on('error', () => realExit(0));
        input.on('end', () => realExit(0));
        for (const name of ['require', 'module', 'exports', '__filename', '__dirname'])
            delete globalThis[name];
        const version = process.versions.node;
        const hello = { hello: 1, language: 'javascript', version, engine: 'plain' };
        writeAll(respFd, Buffer.from(stringify(hello) + '\n'));
    }

    main();
})(process, Buffer, globalThis, setImmediate, Error, Object, String, Number, Promise);
