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

// What require() finds below NODE_PATH and import does not.
function importElsewhere(specifier, err) {
    let found = null;
    if (!err || err.code !== 'ERR_MODULE_NOT_FOUND') throw err;
    if (/^(?:[a-z]+:|\.{0,2}\/)/.test(String(specifier))) throw err;
    try {
        found = createRequire(path.join(baseDir, 'cell.js')).resolve(String(specifier));
    } catch {
        throw err;
    }
    return import(pathToFileURL(found).href);
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
            try {
                return await importer(specifier, options);
            } catch (err) {
                return importElsewhere(specifier, err);
            }
        },
        __import_meta__: meta,
    };
    for (const [name, value] of Object.entries(values)) {
        Object.defineProperty(globalThis, name, {
            configurable: true, enumerable: false, writable: true, value,
        });
    }
}
