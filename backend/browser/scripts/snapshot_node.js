// How the nodes of each role are told: what names them, and what of their content stands where.
{
const S = globalThis[Symbol.for('sandbox-mcp')];
const { attr, BY_CONTENT, NAMED_ONLY, FIELDS, TEXT, NAME, clean, givenName, spareName, textOf,
    valueOf, address } = S;

// The name, and no text twice that is in it.
function named(node, t) {
    const { e, role, k } = node;
    let name = givenName(e, t), mine = '';
    if (BY_CONTENT.has(role) && role !== 'cell' && role !== 'gridcell' && role !== 'term' &&
        !/header$/.test(role)) {
        if (!name) {
            name = clean(mine = textOf(k), NAME);
            if (!name)
                name = spareName(e, t) || drawn(e);
        }
        node.k = k.filter(n => n.e && (n.act || n.role === 'heading' && role !== 'link' || deep(n)));
    } else if (!name) {
        name = spareName(e, t);
    }
    node.name = name;
    return node;
}

const deep = n => n.k.some(c => c.e && (c.act || deep(c)));

// What a style sheet writes into it.
function drawn(e) {
    for (const which of ['::before', '::after']) {
        const m = /^"((?:[^"\\]|\\.)*)"/.exec(getComputedStyle(e, which).content);
        if (m && /[\p{L}\p{N}]/u.test(m[1]))
            return clean(m[1], NAME);
    }
    const use = e.querySelector('svg title,[aria-label],[title],img[alt]');
    return use ? clean(attr(use, 'aria-label') || attr(use, 'title') || attr(use, 'alt') ||
        use.textContent || '', NAME) : '';
}

const EMPTY = new Set('listitem cell gridcell term definition tooltip rowheader columnheader'.split(' '));

// How each role is told.
function settle(node, t, out, add) {
    const { e, role } = node, value = valueOf(e, t, role, node.k);
    if (role === 'link') {
        const to = address(e);
        if (to)
            node.s += ' ' + to;
    }
    if (FIELDS.has(role) || t === 'select' && role !== 'listbox')
        node.k = node.k.filter(n => n.e && (n.act || deep(n)));
    node.t = value;
    if (t === 'input' && /^(date|time|datetime-local|month|week|email|tel|url|color|password)$/.test(e.type))
        node.s += ' ' + e.type;
    if (NAMED_ONLY.has(role) && !node.name && !node.act) {
        if (role !== 'separator' && role !== 'img')
            for (const k of node.k)
                out.push(k.e ? k : { ...k, done: true });
        return;
    }
    if (role === 'separator' && !node.act)
        return;
    if (role === 'group' && t === 'details' || captionIs(node, t))
        node.k = node.k.filter(n => n.e || n.t !== node.name);
    if (role === 'row')
        asRow(node);
    alone(node);
    if (role === 'listitem' && !node.act && !node.name && !node.t && node.k.length === 1 && node.k[0].e)
        return add(out, node.k[0]);
    if (EMPTY.has(role) && !node.name && !node.t && !node.k.length && !node.act)
        return role.endsWith('cell') ? add(out, node) : undefined;
    add(out, node);
}

const captionIs = (node, t) => node.name && /^(fieldset|table|figure)$/.test(t);

// Text that is alone stands behind the role.
function alone(node) {
    if (!node.t && node.k.length && !node.k[0].e) {
        node.t = node.k[0].t;
        node.k.shift();
    }
}

const SAID = new Set(['link', 'heading', 'img', 'clickable']);
// A row is one line of its cells, and below it what can be acted on.
function asRow(node) {
    const line = [], kids = [];
    let head = node.k.length > 0;
    for (const c of node.k) {
        if (!c.e) {
            line.push(c.t);
            continue;
        }
        const cell = /^(cell|gridcell|rowheader|columnheader)$/.test(c.role) && !c.act;
        head = head && c.role === 'columnheader';
        if (!cell) {
            kids.push(c);
            continue;
        }
        line.push(c.name || [c.t, ...c.k.map(n => !n.e ? n.t : SAID.has(n.role) ? n.name : '')]
            .filter(Boolean).join(' '));
        kids.push(...c.k.filter(n => n.e));
    }
    if (head)
        node.s += ' header';
    node.k = kids;
    node.t = line.some(Boolean) ? clean(line.join(' | '), 2 * TEXT) : '';
}

Object.assign(S, { named, deep, settle });
}
