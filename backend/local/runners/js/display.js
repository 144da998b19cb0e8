// What a cell shows besides its value, as MIME bundles: display(value, ...), where a value may be
// a bundle itself, as { 'image/svg+xml': text }; objects with a method Symbol.for('Jupyter.display')
// that returns one; canvases; and bytes that are a picture or PDF.

const MAX_RESULTS = 200;
const MAX_DATA = 1 << 20;
const MAX_RESULTS_SIZE = 7 << 20;
const MIME = /^[a-z]+\/[\w.+-]+$/;
const JUPYTER = Symbol.for('Jupyter.display');
const MAGIC = [
    ['image/png', /^\x89PNG\r\n\x1a\n/],
    ['image/jpeg', /^\xff\xd8\xff/],
    ['image/gif', /^GIF8[79]a/],
    ['image/webp', /^RIFF[^]{4}WEBP/],
    ['application/pdf', /^%PDF-/],
];

let shown = newResults();

function newResults() {
    return { items: [], room: MAX_RESULTS_SIZE, dropped: 0 };
}

function isBinary(mime) {
    return (mime.startsWith('image/') && mime !== 'image/svg+xml') || mime === 'application/pdf';
}

function bytesOf(value) {
    if (value instanceof ArrayBuffer) return Buffer.from(value);
    if (ArrayBuffer.isView(value))
        return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
    return null;
}

function addResult(mime, data) {
    if (shown.items.length >= MAX_RESULTS || shown.room < 4096) {
        shown.dropped++;
        return;
    }
    const bytes = bytesOf(data);
    const item = { mime: mime.slice(0, 100), data: '' };
    if (isBinary(mime)) {
        data = bytes ? bytes.toString('base64') : String(data);
        if (data.length > shown.room - 4096) item.truncated = true;
        else item.data = data;
    } else {
        if (bytes) data = bytes.toString();
        else if (typeof data !== 'string') data = stringify(data) || String(data);
        const cut = Buffer.from(data.slice(0, MAX_DATA)).subarray(0, MAX_DATA);
        item.data = clean(data.length > cut.length || Buffer.byteLength(data) > MAX_DATA
            ? cut.toString().replace(/\ufffd+$/, '') : data);
        if (item.data.length < data.length) item.truncated = true;
    }
    let line = stringify(item);
    if (Buffer.byteLength(line) > shown.room) {
        line = stringify({ mime: item.mime, data: '', truncated: true });
    }
    shown.room -= Buffer.byteLength(line);
    shown.items.push(line);
}

function isBundle(value) {
    const keys = Object.keys(value);
    return keys.length > 0 && keys.every((key) => MIME.test(key));
}

function pictureOf(value) {
    const bytes = bytesOf(value);
    const head = bytes && bytes.length > 16 ? bytes.toString('latin1', 0, 16) : '';
    const found = head && MAGIC.find(([, magic]) => magic.test(head));
    if (found) return { [found[0]]: value };
    return null;
}

function isCanvas(value) {
    return typeof value.toBuffer === 'function' && typeof value.getContext === 'function';
}

// The bundle of a value, or null.
function richOf(value) {
    if (value === null || !/object|function/.test(typeof value)) return null;
    let itself, canvas;
    try {
        itself = typeof value[JUPYTER] === 'function';
        canvas = isCanvas(value);
    } catch {
        return null; // of a proxy, say
    }
    if (itself) return value[JUPYTER]();
    return canvas ? { 'image/png': value.toBuffer('image/png') } : pictureOf(value);
}

function addBundle(found) {
    const plain = 'text/plain';
    const mimes = Object.keys(found).filter((mime) => MIME.test(mime) && mime !== plain);
    for (const mime of mimes) addResult(mime, found[mime]);
    if (plain in found) addResult(plain, found[plain]);
}

function display(...values) {
    for (const value of values) {
        const itself = value && typeof value === 'object' && !bytesOf(value) && isBundle(value);
        const found = itself ? value : richOf(value);
        if (found) addBundle(found);
        else addResult('text/plain', typeof value === 'string' ? value : inspect(value, SHOWN));
    }
}
