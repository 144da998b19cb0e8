// Walks what is shown and makes the tree: build(element) is the list of its nodes.
{
const S = globalThis[Symbol.for('sandbox-mcp')];
const { content, inner, type, first, next, parent, tag, shadow, data, active, height, width, assignedNodes, attr, has,
    is, all, hasAttributes, checkVisibility, SEEN, NODES, DEEP, MS, TEXT, NAME, SKIP, INLINE, ACTS, PLACES, clean,
    roleOf, givenName, spareName, textOf, stateOf, valueOf, byId, named, settle } = S;
// Hosts of closed shadow roots, as far as we were told; those we were told of; those to ask about.
const closed = new WeakMap(), probed = new WeakSet(), hosts = [];
const HOSTS = 32, MAYBE = new Set('div span section article aside main header footer nav p'.split(' '));
const BLANK = /^[\s​]*$/;

let seen, cut, until, focus, owned, edge, inside;
let at = [], cursors = [], clicks = []; // by depth: the element, its cursor, whether it is clicked
let mute = []; // and whether its own text is not shown

const style = e => getComputedStyle(e);
const cursorAt = d => cursors[d] === undefined ? (cursors[d] = style(at[d]).cursor) : cursors[d];

// The outermost element around that still has the hand; clicks on the text are meant for it.
function mind(d) {
    if (inside || d < 1 || cursorAt(d) !== 'pointer')
        return false;
    let top = d;
    while (top > 1 && cursorAt(top - 1) === 'pointer' && !PLACES.has(roleOf(at[top - 1], tag(at[top - 1])))
        && tag(at[top - 1]) !== 'body')
        top--;
    if (clicks[top])
        return false;
    return clicks[top] = true;
}

// ---- text ----

const close = out => {
    const last = out[out.length - 1];
    if (last && !last.e)
        last.done = true;
};

function addText(out, text, d) {
    if (BLANK.test(text)) {
        const last = out[out.length - 1];
        if (last && !last.e && !last.done && text)
            last.t += ' ';
        return;
    }
    if (text.length > 8 * TEXT)
        text = text.slice(0, 8 * TEXT);
    if (mind(d))
        close(out);
    const last = out[out.length - 1];
    if (!last || last.e || last.done) {
        out.push({ e: null, t: text, p: at[d], done: false });
    } else if (last.t.length < 8 * TEXT) {
        if (edge && /\S$/.test(last.t) && /^\S/.test(text) && style(edge).display !== 'inline')
            last.t += ' ';
        last.t += text;
    }
    edge = null;
}

function tidy(kids) {
    let n = 0;
    for (const k of kids) {
        if (!k.e) {
            k.t = clean(k.t, TEXT);
            if (!k.t)
                continue;
        }
        kids[n++] = k;
    }
    kids.length = n;
    return kids;
}

// ---- elements ----

function below(e, t, out, d) {
    if (t === 'slot') {
        const given = assignedNodes.call(e, { flatten: true });
        if (given.length) {
            for (const n of given)
                one(n, out, d);
            return;
        }
    }
    if (t === 'details' && !has(e, 'open')) {
        for (let n = first(e); n; n = next(n))
            if (type(n) === 1 && tag(n) === 'summary')
                return one(n, out, d);
        return;
    }
    const root = shadow(e) || closed.get(e);
    if (!root && hosts.length < HOSTS && (t.includes('-') || MAYBE.has(t) && !inner(e) &&
        !first(e) && height(e)) && !probed.has(e))
        hosts.push(e);
    if (!root && !inner(e)) { // nothing but text, which is read at once
        const text = content(e);
        if (text && !mute[d])
            addText(out, text, d);
    } else {
        for (let n = first(root || e); n; n = next(n))
            one(n, out, d);
    }
    if (owned) {
        for (const id of (attr(e, 'aria-owns') || '').split(/\s+/)) {
            const o = id && owned.get(byId(e, id)) === e && byId(e, id);
            if (o)
                walk(o, out, d + 1, true);
        }
    }
}

function one(n, out, d) {
    const kind = type(n);
    if (kind === 3) {
        if (!mute[d])
            addText(out, data(n), d);
    } else if (kind === 1) {
        walk(n, out, d + 1, false);
    }
}

// Sizes are slow to ask for, so only of what is usually collapsed.
const BOXES = new Set(('div section article nav aside main header footer form fieldset ul ol dl menu'
    + ' details dialog').split(' '));
const clipped = (e, t) => BOXES.has(t) && (height(e) === 0 || width(e) === 0) &&
    /hidden|clip/.test(style(e).overflow) && style(e).display !== 'contents';

// 0 not at all, 1 as it is, 2 only what is in it, 3 not even its text, but maybe its children
function shown(e, t) {
    if (hasAttributes.call(e) && (attr(e, 'aria-hidden') === 'true' || has(e, 'inert')))
        return 0;
    if (t === 'slot')
        return 2;
    if (checkVisibility.call(e, SEEN))
        return clipped(e, t) ? 0 : 1;
    const s = style(e);
    if (s.display === 'contents')
        return s.visibility === 'visible' ? 1 : 3;
    return s.visibility !== 'visible' && s.display !== 'none' && checkVisibility.call(e) ? 3 : 0;
}

function enough() {
    if (++seen > NODES || !(seen & 255) && performance.now() > until)
        cut = true;
    return cut;
}

function walk(e, out, d, wanted) {
    const t = tag(e);
    if (SKIP.has(t) || d > DEEP && (cut = true) || cut || enough())
        return;
    if (owned && !wanted && owned.has(e))
        return;
    const how = shown(e, t);
    if (!how)
        return;
    at[d] = e;
    cursors[d] = undefined;
    clicks[d] = false;
    mute[d] = how === 3;
    const role = how > 1 ? '' : roleOf(e, t);
    if (t === 'label' && !role && asControl(e, out, d) || t === 'br') {
        if (t === 'br')
            addText(out, ' ', d);
        return;
    }
    if (role && role !== 'paragraph' && role !== 'code' && role !== 'rowgroup')
        return whole(e, t, role, out, d);
    generic(e, t, out, d, how);
}

function generic(e, t, out, d, how) {
    const start = out.length, inline = INLINE.has(t);
    if (inline)
        edge = e;
    else
        close(out);
    below(e, t, out, d);
    if (!inside && how === 1 && !clicks[d] && hasAttributes.call(e) && (has(e, 'onclick') ||
        has(e, 'tabindex') && +attr(e, 'tabindex') >= 0))
        clicks[d] = t !== 'body' && t !== 'html';
    if (!clicks[d] && out.length === start && how === 1 && first(e) === null && t !== 'body')
        mind(d);
    if (clicks[d]) {
        const kids = tidy(out.splice(start));
        if (kids.length || height(e) > 0)
            add(out, named({ e, role: 'clickable', name: '', s: '', t: '', k: kids }, t));
    }
    if (inline)
        edge = e;
    else
        close(out);
}

// A label stands for its control where that is not shown itself, and else is its name.
function asControl(e, out, d) {
    const c = e.control;
    if (!c || c === e)
        return false;
    const t = tag(c), role = roleOf(c, t), visible = checkVisibility.call(c, SEEN);
    if (!role || role === 'button' && t !== 'input')
        return false;
    if (visible && !hiddenIn(c, e)) {
        const kids = [];
        below(e, 'label', kids, d);
        for (const k of kids)
            if (k.e)
                add(out, k);
        return true;
    }
    if (!/^(checkbox|radio|switch)$/.test(role) && c.type !== 'file')
        return false;
    const kids = [];
    inside++;
    below(e, 'label', kids, d);
    inside--;
    add(out, { e, role, name: clean(textOf(tidy(kids)), NAME) || givenName(c, t),
        s: stateOf(c, t, role, focus), t: valueOf(c, t, role, []), k: kids.filter(k => k.e && k.act) });
    return true;
}

function hiddenIn(e, label) {
    for (let p = e; p && p !== label && type(p) === 1; p = parent(p))
        if (attr(p, 'aria-hidden') === 'true' || has(p, 'inert'))
            return true;
    return false;
}

function add(out, node) {
    close(out);
    edge = null;
    node.act = node.act || ACTS.has(node.role);
    out.push(node);
}

function frameOf(e, t, out) {
    if (width(e) < 3 || height(e) < 3)
        return;
    let where = attr(e, 'src') || (has(e, 'srcdoc') ? 'srcdoc' : '');
    where = where.startsWith('data:') ? 'data:' : where;
    add(out, { e, role: 'iframe', name: givenName(e, t) || spareName(e, t),
        s: where ? ' ' + clean(where, 120).replace(/ /g, '%20') : '', t: '', k: [], act: false });
}

function listboxOf(e) {
    return Array.from(e.options).slice(0, 1000).map(o => ({ e: o, role: 'option', act: true,
        name: clean(o.label, NAME), s: stateOf(o, 'option', 'option', focus), t: '', k: [] }));
}

const LEAVES = new Set(('input textarea svg img canvas progress meter video audio embed object'
    + ' math').split(' '));
function whole(e, t, role, out, d) {
    if (role === 'iframe')
        return frameOf(e, t, out);
    const acts = ACTS.has(role), kids = [];
    close(out);
    edge = null;
    if (t === 'select') {
        if (role === 'listbox')
            kids.push(...listboxOf(e));
    } else if (!LEAVES.has(t)) {
        inside += acts;
        below(e, t, kids, d);
        inside -= acts;
        edge = null;
    } else if (!acts) {
        mind(d);
    }
    tidy(kids);
    const node = named({ e, role, name: '', s: stateOf(e, t, role, focus), t: '', k: kids }, t);
    if (clicks[d] && !acts) {
        if (!PLACES.has(role))
            node.act = true;
        if (role === 'img' || role === 'listitem' || role === 'row')
            node.s += ' clickable';
    }
    settle(node, t, out, add);
}

// ---- the whole ----

function build(e) {
    seen = hosts.length = 0;
    cut = false;
    edge = null;
    inside = 0;
    until = performance.now() + MS;
    owned = null;
    for (focus = active(document); focus && shadow(focus) && shadow(focus).activeElement;)
        focus = shadow(focus).activeElement;
    if (focus === S.body(document))
        focus = null;
    for (const o of all(document, '[aria-owns]')) {
        owned = owned || new Map();
        for (const id of attr(o, 'aria-owns').split(/\s+/)) {
            const c = id && byId(o, id);
            if (c && !c.contains(o) && !owned.has(c))
                owned.set(c, o);
        }
    }
    const out = [];
    if (e)
        walk(e, out, 1, true);
    at = [];
    return { k: tidy(out), cut, seen };
}

Object.assign(S, { build, closed, probed, hosts });
}
