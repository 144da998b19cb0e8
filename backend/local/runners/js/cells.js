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
        maps.delete(old);
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
    shown = newResults();
    made = { paths: new Set(), root: null, before: null };
    remember(mine.name, request.code);
    const end = '\n//# sourceURL=<cell_' + count + '>';
    attempt(mine, () => {
        const code = withoutTypes(request.code, mine.name);
        evaluate(mine, asExpression(rewriteImports(code)) + end);
    });
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
        const at = syntax ? written(mine.name, lineNumber + 1, columnNumber + 1) : null;
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
    const show = () => {
        const found = richOf(value);
        if (!found) return conclude(mine, { text: inspect(value, SHOWN) });
        const { 'text/plain': text, ...rest } = found;
        addBundle(rest);
        conclude(mine, { text: typeof text === 'string' ? text : inspect(value, SHOWN) });
    };
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
    reply(mine.request, error, text, cut, shown, takeFiles());
    shown = newResults();
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
