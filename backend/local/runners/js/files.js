// The files a cell makes: those named to functions of fs; and, when it starts a program, what is
// new in the current directory, within bounds.

const MAX_FILES = 200;
const MAX_WALKED = 4000;
const MAX_WALK_MS = 10;
const SKIPPED = /^\/(?:tmp|proc|dev)\/|\/\.[^/]+\//;
const SKIPPED_DIRS = /^(?:\.|node_modules$|__pycache__$|venv$)/;
const { lstatSync, readdirSync } = fs;

// Which argument names the file, by function; those of fs.promises are the same.
const MAKERS = { writeFile: 0, appendFile: 0, open: 0, copyFile: 1, rename: 1 };

let made = null; // of the running cell: { paths, root, before }

function walk(root) {
    if (root === '/' || SKIPPED.test(root + '/')) return null;
    const found = new Set();
    const until = performance.now() + MAX_WALK_MS;
    for (const todo = [root]; todo.length;) {
        const dir = todo.pop();
        let entries;
        try {
            entries = readdirSync(dir, { withFileTypes: true });
        } catch {
            continue;
        }
        for (const entry of entries) {
            const full = dir + '/' + entry.name;
            found.add(full);
            if (entry.isDirectory() && !SKIPPED_DIRS.test(entry.name)) todo.push(full);
        }
        if (found.size > MAX_WALKED || performance.now() > until) return null;
    }
    return found;
}

function look() {
    try {
        if (!made || made.root) return;
        made.root = process.cwd();
        made.before = walk(made.root);
    } catch {
        // the directory is gone
    }
}

function note(file) {
    try {
        if (!made || made.paths.size >= MAX_FILES) return;
        const named = file instanceof URL ? fileURLToPath(file) : file;
        if (typeof named !== 'string' && !Buffer.isBuffer(named)) return;
        const full = path.resolve(String(named));
        if (!SKIPPED.test(full) && !lstatSync(full, { throwIfNoEntry: false })) made.paths.add(full);
    } catch {
        // the function itself will say
    }
}

function isRegular(file) {
    try {
        return lstatSync(file).isFile();
    } catch {
        return false;
    }
}

function takeFiles() {
    const { paths, root, before } = made || { paths: new Set() };
    made = null;
    if (before)
        for (const file of [...(walk(root) || [])].sort()) if (!before.has(file)) paths.add(file);
    return [...paths].filter(isRegular).slice(0, MAX_FILES);
}

function wrap(object, name, before) {
    const original = object[name];
    if (typeof original !== 'function') return;
    const wrapper = function (...args) {
        before(args);
        return apply(original, this, args);
    };
    for (const key of Reflect.ownKeys(original)) {
        const property = Object.getOwnPropertyDescriptor(original, key);
        if (key !== 'prototype') Object.defineProperty(wrapper, key, property);
    }
    object[name] = wrapper;
}

function watchFiles() {
    for (const [name, at] of Object.entries(MAKERS)) {
        for (const [object, suffix] of [[fs, ''], [fs, 'Sync'], [fs.promises, '']])
            wrap(object, name + suffix, (args) => note(args[at]));
    }
    wrap(fs, 'createWriteStream', (args) => note(args[0]));
    const programs = require('child_process');
    for (const name of ['spawnSync', 'execSync', 'execFileSync']) wrap(programs, name, look);
    wrap(programs.ChildProcess.prototype, 'spawn', look);
    syncBuiltinESMExports();
}
