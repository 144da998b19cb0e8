// The node kernel: runs cells in one REPL context, so that `const` persists and `await` works at
// the top level. Arguments are two descriptors: reads {"code"} lines from the first, writes
// {"output"} and {"done"} lines to the second.
'use strict';
const fs = require('fs');
const repl = require('repl');
const util = require('util');
const readline = require('readline');
const {PassThrough} = require('stream');

const [from, to] = process.argv.slice(2).map(Number);

function send(message) {
    const data = Buffer.from(JSON.stringify(message) + '\n');
    for (let at = 0; at < data.length;) at += fs.writeSync(to, data, at);
}

for (const name of ['stdout', 'stderr'])
    process[name].write = (data, encoding, done) => {
        send({output: {output_type: 'stream', name, text: String(data)}});
        const then = typeof encoding === 'function' ? encoding : done;
        if (then) process.nextTick(then);
        return true;
    };

function report(error) {
    const isError = util.types.isNativeError(error);
    const stack = isError ? String(error.stack) : util.inspect(error);
    send({
        output: {
            output_type: 'error',
            ename: isError ? error.name : 'Error',
            evalue: isError ? error.message : util.inspect(error),
            traceback: stack.split('\n'),
        },
    });
}

const server = repl.start({
    input: new PassThrough(), output: new PassThrough(), prompt: '', terminal: false,
    useGlobal: true, ignoreUndefined: true,
});
const requests = readline.createInterface({input: fs.createReadStream(null, {fd: from})});
let count = 0;
let turn = Promise.resolve();
let thrown = report; // what to do with an error that reaches the REPL's domain

function runCell(code) {
    count += 1;
    return new Promise((resolve) => {
        const done = (error, value, failed) => {
            thrown = report;
            if (failed) report(error);
            else if (value !== undefined)
                send({
                    output: {
                        output_type: 'execute_result', execution_count: count,
                        data: {'text/plain': util.inspect(value)}, metadata: {},
                    },
                });
            send({done: failed ? 'error' : 'ok', count});
            resolve();
        };
        thrown = (error) => done(error, undefined, true);
        server.eval(code + '\n', server.context, 'cell.js', (error, value) => {
            if (error && error.err) done(error.err, undefined, true);
            else done(error, value, error !== null && error !== undefined);
        });
    });
}

server._domain.removeAllListeners('error');
server._domain.on('error', (error) => thrown(error));
process.on('uncaughtException', report);
requests.on('line', (line) => {
    const {code} = JSON.parse(line);
    turn = turn.then(() => runCell(code));
});
requests.on('close', () => process.exit(0));
