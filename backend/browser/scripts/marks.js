// Boxes with refs over what can be acted on, while a picture is taken.
{
const S = globalThis[Symbol.for('sandbox-mcp')];
const MOST = 400, COLOURS = ['#c00', '#06c', '#070', '#808', '#a50', '#067'];
let host = null;

function unmark() {
    if (host)
        host.remove();
    host = null;
}

// What is at its middle is it, or in it, or around it.
function uncovered(e, r) {
    const x = Math.min(Math.max(r.left + r.width / 2, 0), innerWidth - 1);
    const y = Math.min(Math.max(r.top + r.height / 2, 0), innerHeight - 1);
    let h = document.elementFromPoint(x, y);
    while (h && h.shadowRoot) {
        const i = h.shadowRoot.elementFromPoint(x, y);
        if (!i || i === h)
            break;
        h = i;
    }
    const above = n => n.parentElement || n.getRootNode().host;
    for (let n = h; n; n = above(n))
        if (n === e)
            return true;
    for (let n = e; n; n = above(n))
        if (n === h)
            return true;
    const label = h && h.closest && h.closest('label');
    return !!label && label.control === e;
}

function place(e, whole) {
    const r = e.getBoundingClientRect();
    if (r.width < 2 || r.height < 2)
        return null;
    if (!whole && (r.bottom <= 0 || r.right <= 0 || r.top >= innerHeight || r.left >= innerWidth))
        return null;
    return whole || uncovered(e, r) ? r : null;
}

const important = rules => Object.entries(rules).map(([k, v]) => k + ':' + v + '!important').join(';');

function box(root, r, name, colour, x, y) {
    const b = document.createElement('div'), t = document.createElement('div');
    const up = r.top - y >= 14 ? -14 : 0;
    b.style.cssText = important({ position: 'absolute', 'box-sizing': 'border-box',
        left: r.left - x + 'px', top: r.top - y + 'px', width: r.width + 'px',
        height: r.height + 'px', border: '2px solid ' + colour });
    t.style.cssText = important({ position: 'absolute', left: '-2px', top: up - 2 + 'px',
        padding: '0 2px', background: colour, color: '#fff', font: 'bold 11px/14px monospace',
        'white-space': 'nowrap' });
    t.textContent = name;
    b.append(t);
    root.append(b);
}

function mark(o) {
    unmark();
    const { all, next } = S.acts(o), lines = [];
    host = document.createElement('div');
    host.style.cssText = important({ all: 'initial', position: 'absolute', left: '0', top: '0',
        width: '0', height: '0', margin: '0', padding: '0', border: '0', overflow: 'visible',
        background: 'none', 'pointer-events': 'none', 'z-index': '2147483647' });
    const root = host.attachShadow({ mode: 'closed' });
    const places = all.map(([e]) => place(e, o.whole));
    document.documentElement.append(host);
    try {
        host.popover = 'manual';
        host.showPopover();
    } catch {
        host.removeAttribute('popover');
    }
    const at = host.getBoundingClientRect();
    let left = 0;
    all.forEach(([, name, text], i) => {
        if (!places[i])
            return;
        if (lines.length >= MOST) {
            left++;
            return;
        }
        box(root, places[i], name, COLOURS[lines.length % COLOURS.length], at.left, at.top);
        lines.push(text);
    });
    return { next, count: lines.length, left, lines: lines.join('\n').toWellFormed() + '\n' };
}

Object.assign(S, { mark, unmark });
}
