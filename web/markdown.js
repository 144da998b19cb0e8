/*
 * A copied tree as markdown, or as plain text. Blocks are walked here, one after the other, so that
 * the size and time of a page are bounded and each block is whole; what is within a block is
 * turned by turndown.
 */
const BLOCKS = new Set((
    "address article aside blockquote body center dd details dialog dir div dl dt " +
    "fieldset figcaption figure footer form h1 h2 h3 h4 h5 h6 header hgroup hr legend " +
    "li main menu nav ol p pre search section summary table tbody td tfoot th thead " +
    "tr ul").split(" "));

class Markdown {
    constructor(budget, plain) {
        this.budget = budget;
        this.plain = plain;
        this.parts = [];
        this.length = 0;
        this.last = "";
        this.blocks = new WeakMap();
        this.turndown = inlineRules();
    }

    /* ---- what is written ---- */

    prefix(at) {
        return at ? this.prefix(at.around) + at.prefix : "";
    }

    /* The same, with markers of list items that were not written yet. */
    opening(at) {
        if (!at)
            return "";
        const before = this.opening(at.around), own = at.first ?? at.prefix;
        at.first = null;
        return before + own;
    }

    gap(at, tight) {
        const prefix = this.prefix(at);
        let same = 0;

        while (same < prefix.length && prefix[same] === this.last[same])
            same++;
        const quoted = prefix.slice(0, same).replace(/[^>]*$/, "");
        this.last = prefix;
        if (!this.parts.length)
            return "";
        return tight ? "\n" : "\n" + quoted + "\n";
    }

    write(text, at, tight) {
        const late = at && this.isFresh(at);
        const gap = this.gap(at, tight || late && at.tight);
        const first = this.opening(at), more = this.prefix(at);
        const block = gap + text.split("\n").map((line, i) =>
            i ? (more + line).trimEnd() : first + line).join("\n");

        this.parts.push(block);
        this.length += block.length;
    }

    isFresh(at) {
        return !!at && at.first !== null && at.first !== undefined;
    }

    /* What was copied until the time was up is still written, but not for long. */
    stopped() {
        const long = this.length > EXTRACT_CHARACTERS;

        if (!long && Date.now() <= this.budget.end + EXTRACT_GRACE_MS)
            return false;
        this.budget.cut = this.budget.cut || (long ? "size" : "time");
        return true;
    }

    /* ---- inline ---- */

    inline(node) {
        if (this.plain)
            return plainText(node);
        return this.turndown.turndown(node).replace(/[^\S\n]*\n\s*/g, "\n")
            .replace(/^\[([ x])\]\s+/, "[$1] ").trim();
    }

    line(node) {
        return this.inline(node).replace(/\s*\n\s*/g, " ");
    }

    isBlock(e) {
        let known = this.blocks.get(e);

        if (known === undefined) {
            known = BLOCKS.has(e.localName) ||
                e.localName !== "a" && [...e.children].some(c => this.isBlock(c));
            this.blocks.set(e, known);
        }
        return known;
    }

    /* ---- blocks ---- */

    /* Consecutive inline nodes are one paragraph. */
    inside(e, at) {
        let run = null;
        const flush = () => {
            const text = run ? this.inline(run) : "";
            run = null;
            if (text)
                this.write(this.plain ? text : guarded(text), at);
        };

        for (let node = e.firstChild, next; node; node = next) {
            next = node.nextSibling;
            if (this.stopped())
                break;
            if (node.nodeType === 1 && this.isBlock(node)) {
                flush();
                if (node.localName !== "td" || !node.matches(LINE_NUMBERS))
                    this.block(node, at);
            } else if (run || node.nodeType === 1 || /\S/.test(node.data || "")) {
                run = run || e.ownerDocument.createElement("p");
                run.append(node);
            }
        }
        flush();
    }

    block(e, at) {
        const name = e.localName;

        if (/^h[1-6]$/.test(name))
            this.heading(e, at);
        else if (name === "pre")
            this.code(e, at);
        else if (name === "ul" || name === "ol" || name === "menu" || name === "dir")
            this.list(e, at);
        else if (name === "li")
            this.inside(e, { around: at, prefix: "  ", first: "- ", tight: true });
        else if (name === "table")
            this.table(e, at);
        else if (name === "blockquote")
            this.inside(e, { around: at, prefix: this.plain ? "" : "> " });
        else if (name === "hr")
            this.plain || this.write("---", at);
        else if (name === "dt" || name === "summary" || name === "legend" || name === "caption")
            this.term(e, at);
        else if (name === "dd")
            this.inside(e, { around: at, prefix: "  ", first: ": ", tight: true });
        else
            this.inside(e, at);
    }

    heading(e, at) {
        const text = this.line(e);

        if (text)
            this.write(this.plain ? text : "#".repeat(Number(e.getAttribute("data-level") ||
                e.localName[1])) + " " + text, at);
    }

    term(e, at) {
        const holdsBlocks = [...e.children].some(c => this.isBlock(c));
        const text = holdsBlocks ? "" : this.line(e);

        if (holdsBlocks)
            this.inside(e, at);
        else if (text)
            this.write(this.plain || /^\*\*|`$/.test(text) ? text : "**" + text + "**", at);
    }

    code(e, at) {
        const text = codeText(e).replace(/^\n+|\s+$/g, "");
        const longest = (text.match(/^ *`{3,}/gm) || []).reduce((n, s) =>
            Math.max(n, s.trim().length), 2);
        const fence = "`".repeat(longest + 1);

        if (text)
            this.write(this.plain ? text : fence + languageOf(e) + "\n" + text + "\n" + fence, at);
    }

    list(e, at) {
        const ordered = e.localName === "ol", step = e.hasAttribute("reversed") ? -1 : 1;
        let number = parseInt(e.getAttribute("start") || "", 10), any = false;

        if (!(number >= 0))
            number = step > 0 ? 1 : e.children.length;
        for (const item of [...e.childNodes]) {
            if (this.stopped())
                return;
            if (item.nodeType !== 1)
                continue;
            const first = ordered ? number + ". " : "- ";
            const tight = any || this.isFresh(at) || at?.item;
            const before = this.parts.length;
            const here = { around: at, prefix: " ".repeat(first.length), first, item: true };
            here.tight = !!tight;
            if (item.localName === "li") {
                this.inside(item, here);
                number += step;
            } else {
                this.block(item, any && /^[uo]l$/.test(item.localName) ?
                    { around: at, prefix: "  ", item: true } : at);
            }
            any = any || this.parts.length > before;
        }
    }

    table(e, at) {
        const table = readTable(e, this);

        if (!table)
            return this.inside(e, at);
        if (table.caption)
            this.write(this.plain ? table.caption : "**" + table.caption + "**", at);
        if (table.rows.length)
            this.write(this.plain ? tableText(table) : tableLines(table), at);
    }

    result() {
        return this.parts.join("");
    }
}
