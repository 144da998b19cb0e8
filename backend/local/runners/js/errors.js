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
        if (!ours && !line.includes(SELF + ':')) kept.push(line);
    }
    return kept.join('\n').replace(/<cell_(\d+)>(?::(\d+):(\d+))?/g, (_, number, line, column) => {
        const name = '<cell ' + number + '>';
        return line ? written(name, +line, +column).join(':') : name;
    });
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
