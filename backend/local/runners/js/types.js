// TypeScript: types are blanked by node itself, so that lines and columns stay. What has no such
// form (enum, namespace, parameter properties) is transformed, where node can.

const LANGUAGE = process.argv[process.argv.length - 3] === 'typescript'
    ? 'typescript' : 'javascript';

function missing() {
    if (LANGUAGE !== 'typescript' || stripTypeScriptTypes) return null;
    return 'typescript needs node 22.13 or later in the sandbox; this one is ' +
        process.versions.node;
}

function stripped(code) {
    try {
        return stripTypeScriptTypes(code, { mode: 'strip' });
    } catch (err) {
        if (err.code !== 'ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX') throw err;
        return stripTypeScriptTypes(code, { mode: 'transform' });
    }
}

function withoutTypes(code, name) {
    if (LANGUAGE !== 'typescript') return code;
    const literal = /^\s*\{/.test(code) && /\}\s*$/.test(code);
    for (const text of literal ? [code, '(' + code.trim() + '\n)'] : [code]) {
        try {
            return stripped(text);
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
