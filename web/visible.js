/*
 * What a reader sees: which elements of the live document are shown, and a plain copy of a
 * sub-tree in a document of no page, with shadow roots and slots flattened, hidden parts left
 * out and URLs made whole. Frames become a paragraph with a marker. The page is not changed.
 */
const SKIPPED = new Set(("script style noscript template link meta head title base param source " +
    "track datalist object embed applet canvas map noembed noframes").split(" "));
const KEPT_ATTRIBUTES = ("class id role itemprop rel lang dir colspan rowspan start reversed " +
    "data-lang data-language data-code-language").split(" ");
const DEPTH_MAX = 400;

class Budget {
    constructor(ms, elements, characters) {
        this.end = Date.now() + ms;
        this.elements = elements;
        this.characters = characters;
        this.count = 0;
        this.cut = "";
        this.deep = false;
    }

    /* One more element: false when that is too much. */
    element() {
        if (this.cut)
            return false;
        if (++this.count > this.elements)
            this.cut = "elements";
        else if (!(this.count & 255))
            this.late();
        return !this.cut;
    }

    /* Deeper than what is looked at; the rest of the page is. */
    below(depth) {
        this.deep = this.deep || depth > DEPTH_MAX;
        return depth > DEPTH_MAX;
    }

    late() {
        if (!this.cut && Date.now() > this.end)
            this.cut = "time";
        return !!this.cut;
    }

    text(s) {
        if (s.length > this.characters) {
            s = s.slice(0, this.characters);
            this.cut = this.cut || "size";
        }
        this.characters -= s.length;
        return s;
    }
}

const squeeze = s => s.replace(/\s+/g, " ").trim();

function shortened(s, max) {
    return s.length > max ? s.slice(0, max) + "…" : s;
}

function urlOf(value, base) {
    if (!value)
        return "";
    if (/^\s*data:/i.test(value))
        return value.trim().slice(0, 32).replace(/[,;].*/, "") + ",…";
    try {
        return new URL(value, base).href;
    } catch {
        return "";
    }
}

function childrenOf(e) {
    const shadow = rootBelow(e);

    if (shadow)
        return nodesIn(shadow);
    if (nameOf(e) === "slot") {
        const given = e.assignedNodes({ flatten: true });
        return given.length ? given : nodesIn(e);
    }
    return nodesIn(e);
}

/* Shown nowhere a reader can get to: clipped away, of no size, or outside of the document. */
function isOutOfSight(e, style) {
    const placed = style.position === "absolute" || style.position === "fixed";
    const clips = style.overflowX !== "visible" || style.overflowY !== "visible";

    if (placed && /^rect\(0px,? 0px,? 0px,? 0px\)|^rect\(1px,? 1px,? 1px,? 1px\)/.test(style.clip))
        return true;
    if (/^inset\((50|100)%/.test(style.clipPath) || style.transform === "matrix(0, 0, 0, 0, 0, 0)")
        return true;
    if (!placed && !clips)
        return false;
    const r = boxOf(e);
    if (clips && style.display !== "inline" && style.display !== "contents" &&
        (r.width <= 1 || r.height <= 1))
        return true;
    return placed && r.width > 0 && style.direction !== "rtl" &&
        (r.right + scrollX < -200 || r.bottom + scrollY < -200);
}

function isFaded(style) {
    const moves = style.animationName !== "none" ||
        style.transitionDuration.split(",").some(t => parseFloat(t) > 0);

    return style.opacity === "0" && !moves;
}

/* null: it is hidden with all that is in it; else its computed style. */
function styleIfShown(e) {
    if (attributeOf(e, "aria-hidden") === "true" || hasAttribute(e, "hidden"))
        return null;
    const style = getComputedStyle(e);
    if (style.display === "none" || isFaded(style) || isOutOfSight(e, style))
        return null;
    return style;
}

const showsText = style =>
    style.visibility === "visible" && !(parseFloat(style.fontSize) < 1) &&
    !(parseFloat(style.textIndent) < -900);

/* The source of a formula that was set by a library, or of MathML; "" none. */
function formulaOf(e) {
    if (!/^(math|mjx-container)$/.test(nameOf(e)) && !hasClass(e, "katex") &&
        !hasClass(e, "mwe-math-element"))
        return "";
    const math = nameOf(e) === "math" ? e : firstIn(e, "math");
    const text = textIn(e, 'annotation[encoding="application/x-tex"]') ||
        math && (attributeOf(math, "alttext") || textOf(math));

    const plain = squeeze(text || "").replace(/^\{\\(?:display|text)style (.*)\}$/, "$1");

    return plain ? "$" + plain + "$" : "";
}

/* Of the view, that a frame takes; 0: it is none, or nobody sees it. */
function frameShare(e, style, frames) {
    if (!/^i?frame$/.test(nameOf(e)) || !frames.has(e) || !showsText(style))
        return 0;
    const r = boxOf(e);
    return r.width < 8 || r.height < 8 ? 0 : r.width * r.height / (innerWidth * innerHeight || 1);
}

class Copier {
    constructor(budget, frames, marker, refOf) {
        this.budget = budget;
        this.frames = frames; /* WeakMap: element of a frame to its number */
        this.marker = marker;
        this.refOf = refOf;
        this.seen = []; /* frames that are shown: {number, share of the view} */
        this.doc = implementationOf(document).createHTMLDocument("");
    }

    /* Of a name that says how it is set: unknown elements are blocks or not by their style. */
    nameFor(e, style, around) {
        const name = nameOf(e), display = style.display;

        if (name === "body" || name === "html" || name === "slot" || name === "frameset")
            return "div";
        if (/^h[1-6]$|^(p|pre|ul|ol|li|table|blockquote|a)$/.test(name))
            return name;
        if (name === "div" && /^pre/.test(style.whiteSpace) && /mono|courier|consol/i
            .test(style.fontFamily) && !around.pre && !firstIn(e, "pre,p,div div,table,ul"))
            return "pre";
        if (name === "form")
            return "div";
        if (name === "div" && display === "inline")
            return "span";
        if (spaceOf(e) !== "http://www.w3.org/1999/xhtml")
            return "span";
        if (name === "span" || name === "label" || name.includes("-"))
            return display.startsWith("inline") || around.row || display === "contents" &&
                name === "span" ? "span" : "div";
        return name;
    }

    frame(e, style, to) {
        const number = this.frames.get(e), share = frameShare(e, style, this.frames);

        if (!share)
            return;
        this.seen.push({ number, share });
        const p = this.doc.createElement("p");
        p.textContent = this.marker + number + "x";
        to.append(p);
    }

    picture(e, style, to) {
        const r = boxOf(e);
        const src = urlOf(e.currentSrc || attributeOf(e, "src") || attributeOf(e, "data-src"),
            baseUrl());
        const real = urlOf(attributeOf(e, "data-src"), baseUrl());

        if (!showsText(style) || !src || attributeOf(e, "width") < 3 &&
            hasAttribute(e, "width") || r.width <= 2 &&
            r.height <= 2 && e.complete)
            return;
        const img = this.doc.createElement("img");
        img.setAttribute("src", src.startsWith("data:") && real ? real : src);
        img.setAttribute("alt", squeeze(e.alt || ""));
        to.append(img);
    }

    /* Other elements that are not simply copied with what is in them; true: that was done. */
    special(e, style, to) {
        const name = nameOf(e);

        if (name === "iframe" || name === "frame")
            return this.frame(e, style, to), true;
        if (name === "img")
            return this.picture(e, style, to), true;
        if (name === "br" || name === "wbr" || name === "hr") {
            to.append(this.doc.createElement(name));
            return true;
        }
        if (name === "svg") {
            const title = attributeOf(e, "aria-label") || textIn(e, "title");
            if (title && attributeOf(e, "role") === "img")
                to.append(squeeze(title));
            return true;
        }
        if (name === "video" || name === "audio") {
            const src = urlOf(e.currentSrc || e.src, baseUrl());
            const a = this.doc.createElement("a");
            a.setAttribute("href", src);
            a.textContent = name;
            if (src)
                to.append(a);
            return true;
        }
        return this.control(e, style, to);
    }

    control(e, style, to) {
        const name = nameOf(e);

        if (name === "select") {
            to.append(" " + [...e.selectedOptions].map(o => squeeze(o.text)).join(", ") + " ");
            return true;
        }
        if (name === "textarea")
            return true;
        if (name !== "input")
            return false;
        if (e.type === "checkbox" || e.type === "radio") {
            const box = this.doc.createElement("input");
            box.setAttribute("type", "checkbox");
            box.toggleAttribute("checked", e.checked);
            to.append(box);
        } else if (/^(submit|button|reset)$/.test(e.type)) {
            to.append(" " + squeeze(e.value) + " ");
        }
        return true;
    }

    attributes(e, copy) {
        for (const name of KEPT_ATTRIBUTES)
            if (hasAttribute(e, name))
                copy.setAttribute(name, shortened(attributeOf(e, name), 200));
        if (/^h[1-6]$/.test(copy.localName)) /* Readability makes others of them */
            copy.setAttribute("data-level", copy.localName[1]);
        if (copy.localName !== "a" || !hasAttribute(e, "href"))
            return;
        const url = /^\s*javascript:/i.test(attributeOf(e, "href")) ? "" :
            urlOf(attributeOf(e, "href"), baseUrl());
        const ref = this.refOf(e, "link");
        if (url)
            copy.setAttribute("href", url);
        if (ref && url)
            copy.setAttribute("data-ref", ref);
        if (hasAttribute(e, "aria-label"))
            copy.setAttribute("data-label", squeeze(attributeOf(e, "aria-label")));
    }

    text(node, style, to, around) {
        const text = this.budget.text(node.data);

        if (!around.pre && /^(pre|break)/.test(style.whiteSpace) && text.includes("\n")) {
            text.split("\n").forEach((line, i) => {
                if (i)
                    to.append(this.doc.createElement("br"));
                to.append(line);
            });
        } else {
            to.append(text);
        }
    }

    /* Copies what is in e into `to`. */
    inside(e, style, to, around) {
        const shows = showsText(style);
        const inner = {
            depth: around.depth + 1,
            pre: around.pre || to.localName === "pre",
            row: /^(inline-)?(flex|grid)$/.test(style.display) &&
                !style.flexDirection.startsWith("column"),
        };

        for (const node of childrenOf(e)) {
            if (this.budget.cut)
                return;
            const type = typeOf(node);
            if (type === 3 && shows)
                this.text(node, style, to, inner);
            else if (type === 1)
                this.element(node, to, inner);
        }
    }

    element(e, to, around) {
        if (SKIPPED.has(nameOf(e)) || !this.budget.element() || this.budget.below(around.depth))
            return;
        const formula = formulaOf(e);
        if (formula)
            return void to.append(formula);
        const style = styleIfShown(e);
        if (!style || this.special(e, style, to))
            return;
        const apart = /^inline-(block|flex|grid)$/.test(style.display) || around.row;
        const copy = this.doc.createElement(this.nameFor(e, style, around));
        this.attributes(e, copy);
        if (apart && !around.pre)
            to.append(" ");
        to.append(copy);
        if (apart && !around.pre)
            to.append(" ");
        this.inside(e, style, copy, around);
    }

    /* The copy of a sub-tree, in the body of the document of its own. */
    copy(root) {
        const body = this.doc.body, around = { depth: 0, pre: false, row: false };

        this.doc.title = titleOfDocument(document);
        if (root === bodyOf(document) || root === rootOf(document))
            this.inside(root, getComputedStyle(root), body, around);
        else
            this.element(root, body, around);
        return this.doc;
    }
}
