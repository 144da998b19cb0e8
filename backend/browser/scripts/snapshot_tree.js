// What a page consists of, as assistive technology would be told: a tree of nodes
// {e, role, name, s, t, k}: the element, role and name after ARIA in HTML and accname, its state,
// its own text, and the nodes below it. Text between elements is a node {t}.
//
// It runs in an isolated world, so that a page cannot change what it calls; but forms and documents
// show their named children as properties, hence the getters taken from the prototypes.
{
const get = (proto, name) => {
    const f = Object.getOwnPropertyDescriptor(proto, name).get;
    return n => f.call(n);
};
const type = get(Node.prototype, 'nodeType'), first = get(Node.prototype, 'firstChild');
const next = get(Node.prototype, 'nextSibling'), parent = get(Node.prototype, 'parentNode');
const tag = get(Element.prototype, 'localName'), shadow = get(Element.prototype, 'shadowRoot');
const connected = get(Node.prototype, 'isConnected'), home = get(Node.prototype, 'ownerDocument');
const content = get(Node.prototype, 'textContent');
const inner = get(Element.prototype, 'firstElementChild');
const data = get(CharacterData.prototype, 'data'), active = get(Document.prototype, 'activeElement');
const height = get(HTMLElement.prototype, 'offsetHeight');
const width = get(HTMLElement.prototype, 'offsetWidth');
const body = get(Document.prototype, 'body'), root = get(Document.prototype, 'documentElement');
const { getAttribute, getAttributeNames, hasAttribute, hasAttributes, checkVisibility, matches, closest }
    = Element.prototype;
const { getRootNode } = Node.prototype, { assignedNodes } = HTMLSlotElement.prototype;
const attr = (e, name) => getAttribute.call(e, name), has = (e, name) => hasAttribute.call(e, name);
const is = (e, selector) => matches.call(e, selector);
const all = (root, selector) => (root === document ? Document : type(root) === 11
    ? DocumentFragment : Element).prototype.querySelectorAll.call(root, selector);
const SEEN = { visibilityProperty: true, checkVisibilityCSS: true };
const NODES = 300000, DEEP = 900, MS = 4000, TEXT = 400, NAME = 160;

const words = text => new Set(text.split(' '));
const SKIP = words('script style template noscript head link meta title param source track datalist'
    + ' col colgroup rp base');
const INLINE = words('a abbr b bdi bdo cite code data del dfn em font i ins kbd label mark q s samp'
    + ' small span strong sub sup time tt u var wbr slot');
const TAGS = {
    article: 'article', aside: 'complementary', button: 'button', canvas: 'canvas',
    dd: 'definition', details: 'group', dialog: 'dialog', dt: 'term', embed: 'embed',
    fieldset: 'group', figure: 'figure', form: 'form', frame: 'iframe', h1: 'heading',
    h2: 'heading', h3: 'heading', h4: 'heading', h5: 'heading', h6: 'heading', iframe: 'iframe',
    img: 'img', li: 'listitem', main: 'main', menu: 'list', meter: 'meter', nav: 'navigation',
    object: 'embed', ol: 'list', optgroup: 'group', option: 'option', output: 'status',
    progress: 'progressbar', search: 'search', section: 'region', summary: 'button', svg: 'img',
    table: 'table', td: 'cell', textarea: 'textbox', th: 'columnheader', tr: 'row', ul: 'list',
    video: 'video', audio: 'audio', math: 'math',
};
const INPUTS = {
    button: 'button', submit: 'button', reset: 'button', image: 'button', checkbox: 'checkbox',
    radio: 'radio', range: 'slider', number: 'spinbutton', search: 'searchbox', hidden: '',
    file: 'button', color: 'button',
};
const ROLES = words('alert alertdialog application article banner blockquote button caption cell'
    + ' checkbox code columnheader combobox complementary contentinfo definition dialog directory'
    + ' document feed figure form grid gridcell group heading img link list listbox listitem log'
    + ' main marquee math menu menubar menuitem menuitemcheckbox menuitemradio meter navigation'
    + ' note option paragraph progressbar radio radiogroup region row rowgroup rowheader scrollbar'
    + ' search searchbox separator slider spinbutton status switch tab table tablist tabpanel term'
    + ' textbox timer toolbar tooltip tree treegrid treeitem');
const ACTS = words('button checkbox clickable combobox link listbox menuitem'
    + ' menuitemcheckbox menuitemradio option radio scrollbar searchbox slider spinbutton switch tab'
    + ' textbox treeitem canvas video audio embed');
const BY_CONTENT = words('button cell checkbox clickable columnheader gridcell heading link menuitem'
    + ' menuitemcheckbox menuitemradio option radio rowheader switch tab tooltip treeitem term');
const NAMED_ONLY = words('region form group figure img paragraph rowgroup caption code note document'
    + ' blockquote math separator definition directory application presentation');
const FIELDS = words('textbox searchbox combobox spinbutton');
const PLACES = words('navigation main banner contentinfo complementary search form region dialog'
    + ' alertdialog list table grid tree treegrid tablist menu menubar toolbar listbox radiogroup'
    + ' feed tabpanel');

const UNSEEN = /[\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\u{e0000}-\u{e007f}]/gu;

const clean = (s, max) => {
    const long = s.length > max * 4 ? s.slice(0, max * 4) : s;
    const line = long.replace(/[\s\u0000-\u001f\u007f-\u009f]+/g, ' ')
        .replace(UNSEEN, '').trim();
    return line.length > max ? line.slice(0, max - 1).trimEnd() + '…' : line;
};

// ---- roles ----

const sections = 'article,aside,main,nav,section';
function nativeRole(e, t) {
    switch (t) {
    case 'a': case 'area': return has(e, 'href') ? 'link' : '';
    case 'input': {
        const r = INPUTS[e.type];
        return r === undefined ? (has(e, 'list') ? 'combobox' : 'textbox') : r;
    }
    case 'select': return e.multiple || e.size > 1 ? 'listbox' : 'combobox';
    case 'header': return closest.call(e, sections) ? '' : 'banner';
    case 'footer': return closest.call(e, sections) ? '' : 'contentinfo';
    case 'th': return attr(e, 'scope') === 'row' ? 'rowheader' : 'columnheader';
    case 'summary': return tag(parent(e)) === 'details' ? 'button' : '';
    case 'img': return attr(e, 'alt') === '' ? '' : 'img';
    }
    return TAGS[t] || '';
}

const focusable = (e, t) => has(e, 'tabindex') || /^(button|input|select|textarea|a)$/.test(t);
function roleOf(e, t) {
    if (!hasAttributes.call(e))
        return nativeRole(e, t);
    const wish = attr(e, 'role');
    if (wish) {
        for (const r of wish.toLowerCase().split(/\s+/)) {
            if (ROLES.has(r))
                return r === 'directory' ? 'list' : r;
            if (r === 'none' || r === 'presentation')
                return focusable(e, t) ? nativeRole(e, t) : '';
            if (r === 'image')
                return 'img';
        }
    }
    const editable = attr(e, 'contenteditable');
    if (editable !== null && editable !== 'false')
        return 'textbox';
    return nativeRole(e, t);
}

// ---- names ----

const byId = (e, id) => {
    const root = getRootNode.call(e);
    return (type(root) === 9 ? Document : DocumentFragment).prototype.getElementById.call(root, id);
};

// The text of a label: what is in it, without the controls.
function plain(e, depth = 0) {
    let s = '';
    for (let n = first(shadow(e) || e); n && s.length < 4 * NAME; n = next(n)) {
        if (type(n) === 3) {
            s += data(n).slice(0, 4 * NAME);
        } else if (type(n) === 1 && depth < 40) {
            const t = tag(n);
            if (SKIP.has(t) || /^(select|textarea|button|input)$/.test(t) ||
                attr(n, 'aria-hidden') === 'true')
                continue;
            const own = attr(n, 'aria-label') || (t === 'img' ? attr(n, 'alt') || '' : plain(n, depth + 1));
            s += INLINE.has(t) ? own : ' ' + own + ' ';
        }
    }
    return s;
}

const child = (e, name) => {
    for (let n = first(e); n; n = next(n))
        if (type(n) === 1 && tag(n) === name)
            return n;
    return null;
};
const LABELLED = words('input select textarea meter progress output button');
const captioned = { fieldset: 'legend', table: 'caption', figure: 'figcaption', svg: 'title' };

function givenName(e, t) {
    let s = hasAttributes.call(e) && attr(e, 'aria-labelledby');
    if (s) {
        const parts = s.trim().split(/\s+/).slice(0, 20).map(id => {
            const l = byId(e, id);
            return l ? attr(l, 'aria-label') || (tag(l) === 'input' ? l.value : plain(l)) : '';
        });
        if ((s = clean(parts.join(' '), NAME)))
            return s;
    }
    if (s !== false && (s = attr(e, 'aria-label')) && (s = clean(s, NAME)))
        return s;
    if (LABELLED.has(t)) {
        const labels = e.labels;
        if (labels && labels.length && (s = clean(Array.from(labels, l => plain(l)).join(' '), NAME)))
            return s;
        if (t === 'input' && /^(button|submit|reset)$/.test(e.type))
            return clean(e.value || { submit: 'Submit', reset: 'Reset' }[e.type] || '', NAME);
        if (t === 'input' && e.type === 'image')
            return clean(attr(e, 'alt') || attr(e, 'title') || 'Submit', NAME);
    }
    if (t === 'img' || t === 'area')
        s = attr(e, 'alt');
    else if (captioned[t])
        s = (s = child(e, captioned[t])) && plain(s);
    else if (t === 'optgroup')
        s = attr(e, 'label');
    return s ? clean(s, NAME) : '';
}

const spareName = (e, t) => clean(attr(e, 'title') || attr(e, 'placeholder') ||
    (t === 'iframe' || t === 'frame' ? attr(e, 'name') : '') || attr(e, 'aria-placeholder') || '', NAME);

function textOf(kids, max = NAME) {
    let s = '';
    for (const n of kids) {
        const own = n.e ? n.name || textOf(n.k, max) || n.t : n.t;
        if (own)
            s += (s ? ' ' : '') + own;
        if (s.length > max)
            break;
    }
    return s;
}

// ---- state ----

// Of the same origin without it. Resolving one is slow, so it is done only where it matters.
const site = location.origin === 'null' ? '\n' : location.origin + '/';
function address(e) {
    const href = attr(e, 'href');
    if (!href || /^\s*javascript:/i.test(href))
        return '';
    let url = href;
    if (!/^(#|\/[^/\s]|\/$|https?:\/\/)/.test(href))
        url = String(tag(e) === 'a' || tag(e) === 'area' ? e.href : href);
    if (url.startsWith(site))
        url = url.slice(site.length - 1);
    return clean(url, 120).replace(/ /g, '%20');
}

function checked(e, t) {
    const aria = attr(e, 'aria-checked');
    if (t === 'input')
        return e.indeterminate ? ' mixed' : e.checked ? ' checked' : '';
    return aria === 'mixed' ? ' mixed' : aria === 'true' ? ' checked' : '';
}

const FLAGS = [['aria-selected', 'selected'], ['aria-pressed', 'pressed'],
    ['aria-required', 'required'], ['aria-readonly', 'readonly'], ['aria-busy', 'busy']];
const NATIVE = words('input select textarea button option optgroup fieldset');
const told = e => {
    for (const name of getAttributeNames.call(e))
        if (name.startsWith('aria-'))
            return true;
    return false;
};
function stateOf(e, t, role, focus) {
    let s = '';
    const native = NATIVE.has(t);
    if (role === 'heading')
        s += ' level ' + (+attr(e, 'aria-level') || +t[1] || 2);
    if (!native && t !== 'summary' && t !== 'dialog' && e !== focus && !told(e))
        return s;
    if (native && (role === 'checkbox' || role === 'radio' || role === 'switch') ||
        has(e, 'aria-checked'))
        s += checked(e, t);
    if (native && is(e, ':disabled') || attr(e, 'aria-disabled') === 'true')
        s += ' disabled';
    const open = attr(e, 'aria-expanded');
    if (open === 'true' || open === 'false')
        s += open === 'true' ? ' expanded' : ' collapsed';
    else if (t === 'summary' && role === 'button')
        s += has(parent(e), 'open') ? ' expanded' : ' collapsed';
    for (const [name, word] of FLAGS) {
        const v = attr(e, name);
        if (v === 'true' || v === 'mixed')
            s += ' ' + word;
    }
    if (t === 'option' && e.selected)
        s += ' selected';
    if (native && t !== 'button') {
        if (e.required === true)
            s += ' required';
        if (e.readOnly === true && FIELDS.has(role))
            s += ' readonly';
    }
    const invalid = attr(e, 'aria-invalid');
    if (invalid && invalid !== 'false' || native && FIELDS.has(role) && is(e, ':user-invalid'))
        s += ' invalid';
    const current = attr(e, 'aria-current');
    if (current && current !== 'false')
        s += ' current';
    if (role === 'dialog' && (t === 'dialog' ? is(e, ':modal') : attr(e, 'aria-modal') === 'true'))
        s += ' modal';
    return e === focus ? s + ' focused' : s;
}

function choice(e) {
    const options = e.options, n = options.length;
    const names = [];
    for (let i = 0, left = 200; i < n && left > 0; i++) {
        names.push(clean(options[i].label, 60));
        left -= names[i].length + 3;
    }
    const picked = e.selectedOptions[0];
    return (picked ? clean(picked.label, NAME) : '') + ' (of ' + n + ': ' + names.join(' | ') +
        (names.length < n ? ' | …' : '') + ')';
}

const VALUED = words('textbox searchbox combobox spinbutton slider scrollbar progressbar meter'
    + ' separator canvas video audio button');
function valueOf(e, t, role, kids) {
    if (!VALUED.has(role) || t === 'button')
        return '';
    if (t === 'input') {
        if (e.type === 'password')
            return e.value ? '••••••••' : '';
        if (e.type === 'file')
            return 'file ' + clean(Array.from(e.files, f => f.name).join(', ') || '(none chosen)', TEXT);
        if (/^(button|submit|reset|image|checkbox|radio)$/.test(e.type))
            return '';
        return clean(e.value, TEXT);
    }
    if (t === 'textarea')
        return clean(e.value, TEXT);
    if (t === 'select')
        return role === 'combobox' ? choice(e) : '';
    if (t === 'progress' || t === 'meter')
        return e.position === -1 ? '' : e.value + ' of ' + e.max;
    if (t === 'canvas')
        return e.width + 'x' + e.height;
    if (t === 'video' || t === 'audio')
        return e.paused ? 'paused' : 'playing';
    if (FIELDS.has(role))
        return clean(textOf(kids, TEXT), TEXT);
    if (/^(slider|spinbutton|scrollbar|progressbar|meter|separator)$/.test(role))
        return clean(attr(e, 'aria-valuetext') || attr(e, 'aria-valuenow') || '', 60);
    return '';
}

Object.assign(globalThis[Symbol.for('sandbox-mcp')] = {}, {
    body, root, connected, home, content, inner, type, first, next, parent, tag, shadow, data, active, height, width, assignedNodes, attr, has, is,
    all, hasAttributes, checkVisibility, SEEN, NODES, DEEP, MS, TEXT, NAME, SKIP, INLINE, ACTS, BY_CONTENT,
    NAMED_ONLY, FIELDS, PLACES, clean, roleOf, givenName, spareName, textOf, stateOf, valueOf, address,
    byId, getRootNode, plain,
});
}
