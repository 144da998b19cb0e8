// Refs, and the tree as text: whole, folded to a number of bytes, as a flat list, as what changed.
{
const S = globalThis[Symbol.for('sandbox-mcp')];
const { build, hosts, clean, PLACES, TEXT, NAME } = S;
const REFS = 50000, CALLERS = 8, LEVELS = 40, CHANGES = 400;
const KEPT = new Set('article figure group tabpanel alert status log application iframe'.split(' '));
const numbers = new WeakMap(), known = new Map(), before = new Map();
const encoder = new TextEncoder();
let serial = 1, prefix = '';

// ---- refs ----

// Those of elements that have gone, then the oldest, until there is room for long.
function forget() {
    for (const [n, r] of known)
        if (!r.at.deref())
            known.delete(n);
    for (const n of known.keys())
        if (known.size > REFS / 2)
            known.delete(n);
        else
            break;
}

function number(e, role, name) {
    let n = numbers.get(e);
    if (!n) {
        numbers.set(e, n = serial++);
        if (known.size >= REFS)
            forget();
    }
    known.set(n, { at: known.get(n)?.at || new WeakRef(e), role, name });
    return n;
}

const ref = n => prefix + 'e' + number(n.e || n.p, n.role || 'text', n.name ?? clean(n.t, NAME));
const refers = n => n.act || PLACES.has(n.role) || KEPT.has(n.role);

// ---- lines ----

const quote = s => '"' + s.replace(/["\\]/g, '\\$&') + '"';
const size = s => /^[\0-\x7f]*$/.test(s) ? s.length : encoder.encode(s).length;

function line(n, withRef) {
    if (!n.e)
        return 'text: ' + n.t;
    let s = n.role;
    if (n.name)
        s += ' ' + quote(n.name);
    if (withRef || refers(n))
        s += ' [' + ref(n) + ']';
    return s + n.s + (n.t ? ': ' + n.t : '');
}

const KINDS = { link: 'links', button: 'buttons', listitem: 'items', row: 'rows' };
function counts(kids) {
    const of = { nodes: 0 };
    const stack = [...kids];
    while (stack.length) {
        const n = stack.pop();
        of.nodes++;
        const kind = KINDS[n.role] || (n.act ? 'controls' : '');
        if (kind)
            of[kind] = (of[kind] || 0) + 1;
        for (const k of n.k || [])
            stack.push(k);
    }
    const parts = ['items', 'rows', 'links', 'buttons', 'controls'].filter(k => of[k])
        .map(k => of[k] + ' ' + k);
    return parts.length ? parts.join(', ') : of.nodes + ' nodes';
}

// What is written goes here: lines, and where the content of a frame belongs.
class Text {
    constructor(o) {
        this.o = o;
        this.parts = [''];
        this.used = 0;
        this.folded = false;
    }
    add(depth, text) {
        const s = ' '.repeat(2 * (depth + this.o.indent)) + text + '\n';
        this.parts[this.parts.length - 1] += s;
        return this.used += size(s);
    }
    node(depth, n, tail) {
        const used = this.add(depth, '- ' + line(n, !!tail) + (tail || ''));
        if (n.role === 'iframe')
            this.parts.push([number(n.e, n.role, n.name), depth + this.o.indent + 1], '');
        return used;
    }
    // False: it is more than max.
    everything(kids, depth, max) {
        for (const n of kids) {
            const deep = n.e && n.k.length > 0;
            if (deep && depth + 1 >= this.o.depth) {
                this.folded = true;
                if (this.node(depth, n, ' … ' + counts(n.k)) > max)
                    return false;
            } else if (this.node(depth, n) > max || deep && !this.everything(n.k, depth + 1, max)) {
                return false;
            }
        }
        return true;
    }
    // shown: of a node, how many of its children.
    chosen(node, shown, depth) {
        const k = shown.get(node) || 0, kids = node.k;
        for (let i = 0; i < k; i++) {
            const n = kids[i], deep = n.e && n.k.length > 0, some = deep && shown.get(n);
            if (deep && !some)
                this.node(depth, n, ' … ' + counts(n.k));
            else
                this.node(depth, n);
            if (some)
                this.chosen(n, shown, depth + 1);
        }
        if (k < kids.length) {
            const from = kids.slice(k).find(n => n.e || n.p);
            this.add(depth, '- … ' + (kids.length - k) + ' more: ' + counts(kids.slice(k)) +
                (from ? ' [' + ref(from) + '+]' : ''));
        }
    }
}

// Level by level: as many children of each as there is room for, first a share, then the rest.
function choose(root, max, levels) {
    const shown = new Map([[root, 0]]), queue = [[root, 0]];
    let left = max - 100;
    const more = (node, depth, allowed) => {
        const from = shown.get(node) || 0;
        let k = from, room = Math.min(left, allowed);
        for (; k < node.k.length; k++) {
            const n = node.k[k], deep = n.e && n.k.length > 0;
            const cost = size(line(n)) + 2 * depth + 3 + (deep ? 45 : 0);
            if (cost > room - (k + 1 < node.k.length ? 70 : 0))
                break;
            room -= cost;
            left -= cost;
            if (deep && depth + 1 < levels)
                queue.push([n, depth + 1]);
        }
        if (!from && k < node.k.length && k)
            left -= 70;
        shown.set(node, k);
    };
    for (let i = 0; i < queue.length && left > 200; i++)
        more(queue[i][0], queue[i][1], Math.max(800, left / (i ? 4 : 2)));
    for (let i = 0; i < queue.length && left > 200; i++)
        if (shown.get(queue[i][0]) !== undefined && shown.get(queue[i][0]) < queue[i][0].k.length)
            more(queue[i][0], queue[i][1], left);
    return shown;
}

function full(text, kids) {
    const { max, depth } = text.o;
    const whole = new Text(text.o);
    if (whole.everything(kids, 0, max))
        return whole;
    const root = { e: null, k: kids }, rest = new Text(text.o);
    rest.chosen(root, choose(root, max, depth), 0);
    rest.folded = true;
    return rest;
}

// ---- only what can be acted on, with where it is ----

const LAND = new Set(('navigation banner contentinfo complementary search form region dialog'
    + ' alertdialog').split(' '));

function interactive(text, kids) {
    let place = '', told = '', left = 0;
    const of = {};
    const visit = (list, where) => {
        for (const n of list) {
            if (!n.e)
                continue;
            if (n.role === 'heading')
                place = where + 'heading ' + quote(n.name);
            if (n.act || n.role === 'iframe') {
                if (text.used > text.o.max) {
                    left++;
                    of[n.role] = (of[n.role] || 0) + 1;
                } else {
                    if (place !== told)
                        text.add(0, '# ' + (told = place));
                    text.node(0, n);
                }
            }
            if (LAND.has(n.role) || n.name && PLACES.has(n.role) && !n.act) {
                const here = n.role + (n.name ? ' ' + quote(n.name) : '') + ' [' + ref(n) + ']';
                const back = place;
                place = here;
                visit(n.k, here + ' > ');
                place = back;
            } else {
                visit(n.k, where);
            }
        }
    };
    visit(kids, '');
    if (left) {
        text.folded = true;
        text.add(0, '… ' + left + ' more: ' + Object.keys(of).map(r => of[r] + ' ' + r).join(', '));
    }
    return text;
}

// ---- what changed ----

const same = (a, b) => a.role === b.role && a.name === b.name && a.s === b.s && a.t === b.t;

function differences(text, old, kids) {
    let count = 0, told = '', skipped = 0;
    const tell = (path, mark, n) => {
        count++;
        if (count > CHANGES || text.used > text.o.max) {
            skipped++;
            return;
        }
        const where = path.slice(-6).map(p => p.role + (p.name ? ' ' + quote(clean(p.name, 40)) : '') +
            (refers(p) ? ' [' + ref(p) + ']' : '')).join(' > ');
        if (where !== told)
            text.add(0, (told = where) + ':');
        const room = Math.max(0, text.o.max - text.used);
        const deep = n.e && n.k.length && mark !== '~';
        const s = mark === '-' ? n.e ? n.role + (n.name ? ' ' + quote(n.name) : '') : line(n) : line(n);
        text.add(1, mark + ' ' + clean(s, 2 * TEXT) + (deep && mark === '-' ? ' … ' + counts(n.k) : ''));
        if (n.role === 'iframe' && mark !== '-')
            text.parts.push([number(n.e, n.role, n.name), text.o.indent + 2], '');
        if (deep && mark === '+') {
            const inner = full(new Text({ ...text.o, max: Math.min(room, text.o.max / 2),
                indent: text.o.indent + 2 }), n.k);
            text.parts[text.parts.length - 1] += inner.parts[0];
            text.parts.push(...inner.parts.slice(1));
            text.used += inner.used;
            text.folded = text.folded || inner.folded;
        }
    };
    const both = (p, n, path) => {
        if (!same(p, n))
            tell(path, '~', n);
        else if (n.role === 'iframe')
            text.parts.push([number(n.e, n.role, n.name), text.o.indent + 1,
                ' '.repeat(2 * text.o.indent) + line(n).toWellFormed() + ':\n'], '');
        if (p.k.length || n.k.length)
            compare(p.k, n.k, [...path, n]);
    };
    const compare = (was, now, path) => {
        if (was.length === now.length && was.every((n, i) => n.e === now[i].e && n.e)) {
            for (let i = 0; i < now.length; i++)
                both(was[i], now[i], path);
            return;
        }
        const mine = new Map(), lines = new Map(), gone = new Set(was), added = [];
        for (const n of was)
            if (n.e)
                mine.set(n.e, n);
            else
                lines.set(n.t, n);
        for (const n of now) {
            const p = n.e ? mine.get(n.e) : lines.get(n.t);
            if (!p || !gone.delete(p)) {
                added.push(n);
                continue;
            }
            if (n.e)
                both(p, n, path);
        }
        for (const n of gone)
            if (n.e || !added.some(a => !a.e))
                tell(path, '-', n);
        for (const n of added)
            tell(path, !n.e && gone.size && [...gone].some(g => !g.e) ? '~' : '+', n);
    };
    compare(old, kids, []);
    if (skipped) {
        text.folded = true;
        text.add(0, '… ' + skipped + ' more changes');
    }
    text.count = count;
    return text;
}

// ---- what is asked ----

function keep(caller, kids) {
    before.delete(caller);
    before.set(caller, kids);
    if (before.size > CALLERS)
        before.delete(before.keys().next().value);
}

function around(kids, e) {
    for (let i = 0; i < kids.length; i++) {
        if (kids[i].e === e)
            return kids.slice(i);
        const found = kids[i].e && around(kids[i].k, e);
        if (found)
            return found;
    }
    return null;
}

const modal = () => {
    const open = S.all(document, 'dialog:modal');
    return open.length ? open[open.length - 1] : null;
};
const top = () => S.body(document) || S.root(document);

function snapshot(o, e) {
    prefix = o.prefix;
    serial = Math.max(serial, o.base);
    o.depth = Math.min(o.depth || LEVELS, LEVELS);
    const front = !e && modal(), tree = build(o.rest ? top() : e || front || top());
    if (o.probe && hosts.length)
        return { hosts: hosts.length };
    let kids = tree.k;
    if (o.rest)
        kids = around(kids, e) || build(e).k;
    let text = new Text(o), fresh = false;
    const old = before.get(o.caller);
    if (!e)
        keep(o.caller, kids);
    if (o.mode === 'changes' && !e && old)
        text = differences(text, old, kids);
    else if (o.mode === 'interactive')
        text = interactive(text, kids);
    else {
        text = full(text, kids);
        fresh = true;
    }
    return { parts: text.parts.map(p => typeof p === 'string' ? p.toWellFormed() : p), next: serial,
        count: tree.seen, used: text.used, folded: text.folded, cut: tree.cut, fresh,
        modal: !!front, changes: text.count || 0 };
}

const owner = e => number(e, 'iframe', '');

function begin(mark) {
    prefix = mark;
}
function ready(mark, base) {
    prefix = mark;
    serial = Math.max(serial, base);
}
const nextRef = () => serial;

Object.assign(S, { begin, ready, nextRef, snapshot, owner, number, known, ref, line, quote, top });
}
