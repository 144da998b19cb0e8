/*
 * What the server calls, in its own world of a frame:
 *   contentMcp.extract(options, element)  {content, how, cut, frames: [{number, share}]}
 *   contentMcp.mark.call(element, number) numbers the element of a frame
 *   contentMcp.listHosts()                how many elements may have a closed shadow root
 *   contentMcp.changed()                  whether the document changed since the last extraction
 */
const EXTRACT_CHARACTERS = 4000000;
const EXTRACT_ELEMENTS = 400000;
const HOSTS_MAX = 32;
const EXTRACT_MS = 5000, EXTRACT_GRACE_MS = 3000;

const frameNumbers = new WeakMap();
let watcher = null, hasChanged = false;

function watch() {
    watcher?.disconnect();
    hasChanged = false;
    watcher = new MutationObserver(() => {
        hasChanged = true;
        watcher.disconnect();
    });
    watcher.observe(document, { subtree: true, childList: true, characterData: true });
}

/* Refs are the page model's, which is in the same world: they mean the same in every tool. */
class Refs {
    constructor(options) {
        const model = modelOf();

        this.model = options.refs && model?.number ? model : null;
        this.prefix = options.prefix;
        this.next = 0;
    }

    /* role "": as the model says. */
    of(e, role) {
        if (!this.model)
            return "";
        const node = role ? null : this.model.build(e).k.find(n => n.e === e);
        const name = role ? attributeOf(e, "aria-label") || textOf(e) : "";
        const number = this.model.number(e, role || node?.role || "generic",
            node ? node.name : this.model.clean(name, 160));
        this.next = Math.max(this.next, number + 1);
        return this.prefix + "e" + number;
    }
}

function copied(options, root, budget) {
    const copier = new Copier(budget, frameNumbers, options.marker,
        (e, role) => options.numbers.of(e, role));

    return { doc: copier.copy(root), frames: copier.seen };
}

function asText(options, root, budget) {
    const plain = options.format === "text";
    const { doc, frames } = copied(options, root, budget);
    const main = options.main ? mainOf(doc) : { root: doc.body, how: "", title: "" };
    const md = new Markdown(budget, plain);

    md.inside(main.root, null);
    let content = md.result();
    if (main.title && !/^#{1,2} /.test(content) && !content.startsWith(main.title))
        content = (plain ? "" : "# ") + escapeText(main.title) + (content ? "\n\n" : "") + content;
    return { content, how: main.how, frames };
}

function framesBelow(root) {
    const found = [];

    walkShown(root, new Budget(1000, EXTRACT_ELEMENTS, 0), (e, style) => {
        const share = style ? frameShare(e, style, frameNumbers) : 0;
        if (share)
            found.push({ number: frameNumbers.get(e), share });
    });
    return found;
}

const FORMATS = {
    markdown: asText,
    text: asText,
    html: (options, root, budget) => ({
        content: htmlOf(root === bodyOf(document) ? rootOf(document) : root, budget),
        frames: framesBelow(root),
    }),
    links: (options, root, budget) => {
        const { doc, frames } = copied(options, root, budget);
        return { content: linksOf(doc, budget), frames };
    },
    tables: (options, root, budget) => {
        const { doc, frames } = copied(options, root, budget);
        return { content: tablesOf(doc, budget), frames };
    },
    forms: (options, root, budget) => ({
        content: formsOf(root, budget, (e, role) => options.numbers.of(e, role)),
        frames: framesBelow(root),
    }),
};

function extract(options, element) {
    const root = element || bodyOf(document) || rootOf(document);
    const budget = new Budget(EXTRACT_MS, EXTRACT_ELEMENTS, EXTRACT_CHARACTERS);

    options.numbers = new Refs(options);
    const found = root ? FORMATS[options.format](options, root, budget) : {};

    watch();
    return {
        content: (found.content || "").toWellFormed(),
        how: found.how || "",
        cut: budget.cut || (budget.deep ? "depth" : ""),
        frames: found.frames || [],
        next: options.numbers.next,
    };
}

/* Lists elements that may have a closed shadow root and were not asked about; how many. */
function listHosts() {
    const model = modelOf();

    if (!model?.hosts)
        return 0;
    model.hosts.length = 0;
    for (const e of all("*"))
        if (nameOf(e).includes("-") && !shadowOf(e) && !model.probed.has(e) &&
            model.hosts.push(e) >= HOSTS_MAX)
            break;
    return model.hosts.length;
}

globalThis.contentMcp = {
    extract,
    listHosts,
    mark(number) {
        frameNumbers.set(this, number);
    },
    changed: () => hasChanged,
};
