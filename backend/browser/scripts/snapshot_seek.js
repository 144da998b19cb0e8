// Finds elements: by ref, by role and name, by what is said; and says what one is.
{
const S = globalThis[Symbol.for('sandbox-mcp')];
const { build, tag, connected, home, hosts, closed, probed, clean, PLACES, TEXT, NAME, ready, known,
    ref, line, quote, top } = S;
const nextRef = S.nextRef;

function* every(kids, path) {
    for (const n of kids) {
        yield [n, path];
        if (n.e && n.k.length)
            yield* every(n.k, [...path, n]);
    }
}

// The element of a ref; of one that has gone, "moved REF" when one thing has its role and name.
function take(n, role, name, pre, base) {
    const r = known.get(n), e = r && r.at.deref();
    ready(pre, base);
    if (e && connected(e) && home(e) === document)
        return e;
    if (r) {
        role = r.role;
        name = r.name;
    }
    if (!role)
        return 'unknown';
    const hits = [];
    for (const [c] of every(build(top()).k, []))
        if ((c.role || 'text') === role && (c.name ?? clean(c.t, NAME)) === name && hits.length < 100)
            hits.push(c);
    const what = role + (name ? ' ' + quote(name) : '');
    if (hits.length === 1)
        return name || PLACES.has(role) ? 'moved ' + ref(hits[0]) + '\n' + what.toWellFormed()
            : 'gone ' + what.toWellFormed();
    return (hits.length ? 'several ' + what + '; ' + hits.slice(0, 8).map(h => line(h, true)).join(', ')
        : 'gone ' + what).toWellFormed();
}

// The element of that role and name, null, or what is wrong; as js_find.
function pick(kind, text, any) {
    const m = /^\s*([\w-]+)\s*(?:\[\s*name\s*(\*?=)\s*(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|([^\]]*?))\s*\])?\s*$/
        .exec(text);
    if (!m)
        return 'invalid: a role looks like button[name="Save"]';
    const want = m[2] && clean((m[3] ?? m[4] ?? m[5]).replace(/\\(.)/g, '$1'), NAME).toLowerCase();
    const some = [], exact = [];
    for (const [n] of every(build(top()).k, [])) {
        if (n.role !== m[1])
            continue;
        const own = n.name.toLowerCase();
        if (want === undefined || own.includes(want))
            some.push(n);
        if (own === want)
            exact.push(n);
    }
    const hits = exact.length && m[2] === '=' ? exact : some;
    if (hits.length < 2 || any)
        return hits.length ? hits[0].e : null;
    return ('several: ' + hits.length + ' elements match: ' + hits.slice(0, 5).map(n => line(n, true))
        .join(', ') + (hits.length > 5 ? ', …' : '')).toWellFormed();
}

// "button "Save"", for those who read what was done.
function label(e) {
    const k = build(e).k;
    if (k.length === 1 && k[0].e === e)
        return (k[0].role + (k[0].name ? ' ' + quote(clean(k[0].name, 80)) : '')).toWellFormed();
    const said = clean(S.textOf(k), 80);
    return ('<' + tag(e) + '>' + (said ? ' ' + quote(said) : '')).toWellFormed();
}

function find(o) {
    ready(o.prefix, o.base);
    const hits = [], want = o.text && clean(o.text, TEXT).toLowerCase();
    let re = null;
    try {
        re = o.regex && new RegExp(o.regex, 'iu');
    } catch (e) {
        return { wrong: e.message.toWellFormed() };
    }
    let count = 0;
    for (const [n, path] of every(build(top()).k, [])) {
        if (o.role && (n.role || 'text') !== o.role)
            continue;
        const text = n.e ? n.name + (n.t && n.name ? ': ' : '') + n.t : n.t;
        let at = want ? text.toLowerCase().indexOf(want) : 0;
        if (re) {
            const m = re.exec(text);
            at = m ? m.index : -1;
        }
        if (at < 0 || count++ >= o.limit)
            continue;
        const begin = Math.max(0, at - 60);
        hits.push({ ref: ref(n), role: n.role || 'text', name: n.e ? n.name.toWellFormed() : '',
            path: clean(path.slice(-5).map(p => p.role + (p.name ? ' ' + quote(clean(p.name, 40)) : ''))
                .join(' > '), 240).toWellFormed(),
            context: clean((begin ? '…' : '') + text.slice(begin, begin + 160) + (n.s || ''), 200)
                .toWellFormed() });
    }
    return { hits, total: count, next: nextRef() };
}

// What can be acted on: elements, their refs, and how a snapshot names them.
function acts(o) {
    ready(o.prefix, o.base);
    const all = [];
    for (const [n] of every(build(top()).k, []))
        if (n.e && n.act)
            all.push([n.e, ref(n), '- ' + line(n)]);
    return { all, next: nextRef() };
}

const mention = e => label(e) + ' [' + ref({ e, role: S.roleOf(e, tag(e)), name: '' }) + ']';

// Elements that may have a closed shadow root, and what we are told of them.
const host = i => hosts[i] || null;
function reveal(i, root) {
    probed.add(hosts[i]);
    if (root)
        closed.set(hosts[i], root);
}

Object.assign(S, { take, pick, label, mention, find, acts, host, reveal });
}
