// The javascript runner. python/protocol.py states the protocol, the bounds and the limits.
//
// A cell is evaluated by V8's own REPL mode, reached through an in-process inspector session: let,
// const and class persist and may be declared again, await works at top level, and the completion
// value comes back, without any rewriting of the code. Only `import` is rewritten, since scripts
// evaluated so have no module loader. All cells share the main context, so that instanceof and
// modules behave as in a program.
//
// A cell may shadow any global for everything in this process (`const process = ...`): whatever
// the runner needs is bound here, before the first cell.

const fs = require('fs');
const inspector = require('inspector');
const net = require('net');
const path = require('path');
const util = require('util');
const { promiseHooks } = require('v8');
const vm = require('vm');
const { Console } = require('console');
const { Writable } = require('stream');
const {
    SourceMap, createRequire, isBuiltin, stripTypeScriptTypes, syncBuiltinESMExports,
} = require('module');
const { fileURLToPath, pathToFileURL } = require('url');
const { performance } = require('perf_hooks');

const { writeSync } = fs;
const SELF = __filename;
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
