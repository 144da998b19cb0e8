// TypeScript: types are blanked by node itself, so that lines and columns stay. What has no such
// form (enum, namespace, parameter properties) is transformed, where node can.

const LANGUAGE = process.argv[process.argv.length - 3] === 'typescript'
    ? 'typescript' : 'javascript';

function missing() {
    if (LANGUAGE !== 'typescript' || stripTypeScriptTypes) return null;
    return 'typescript needs node 22.13 or later in the sandbox; this one is ' +
        process.versions.node;
}

const MAP = /\n\/\/# sourceMappingURL=data:application\/json;base64,(\S+)\s*$/;
const maps = new Map(); // of cells that were transformed

// [name, line, column] of a place as the cell was written.
function written(name, line, column) {
    const entry = maps.has(name) ? maps.get(name).findEntry(line - 1, column - 1) : {};
    if (entry.originalLine === undefined) return [name, line, column];
    return [name, entry.originalLine + 1, entry.originalColumn + 1];
}

function stripped(code, name) {
    try {
        return stripTypeScriptTypes(code, { mode: 'strip' });
    } catch (err) {
        if (err.code !== 'ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX') throw err;
    }
    const text = stripTypeScriptTypes(code, { mode: 'transform', sourceMap: true });
    const map = MAP.exec(text);
    if (map) maps.set(name, new SourceMap(parse(Buffer.from(map[1], 'base64').toString())));
    return text.replace(MAP, '');
}

function withoutTypes(code, name) {
    if (LANGUAGE !== 'typescript') return code;
    const literal = /^\s*\{/.test(code) && /\}\s*$/.test(code);
    for (const text of literal ? [code, '(' + code.trim() + '\n)'] : [code]) {
        try {
            return stripped(text, name);
        } catch (err) {
            code = err;
        }
    }
    throw notTypeScript(code, name);
}

// The error of node's parser: its excerpt, but none of the frames, which are all the runner's.
function notTypeScript(err, name) {
    const message = String(err.message);
    const before = String(err.stack).split(/^(?:Syntax)?Error\b/m)[0].trimEnd();
    const plain = new Error(message);
    plain.name = 'SyntaxError';
    plain.stack = (before && name + before.replace(/^[^:\n]*/, '') + '\n') +
        'SyntaxError: ' + message + '\n    at ' + name;
    return plain;
}
