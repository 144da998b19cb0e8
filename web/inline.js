/* What is within a block: rules for turndown, code, plain text. */
const LANGUAGE = new RegExp("(?:^|\\s)(?:language|lang|brush:|highlight-source|highlight-text|" +
    "sourceCode|src)[-\\s]*([\\w+#.-]+)", "i");
const LINE_NUMBERS = ".lineno,.linenos,.line-numbers-rows,.gutter,.linenodiv,.blob-num," +
    ".hljs-ln-numbers,.line-number,.rouge-gutter,[data-line-number]:empty";

/* Only what would make another block of it, or code; other text stays as it is. */
function escapeText(text) {
    return text.replace(/`/g, "\\`").replace(/\[(?=[^\]]*\]\()/g, "\\[");
}

/* The beginning of a paragraph that would be taken for another kind of block. */
function guarded(text) {
    return text.replace(/^(#{1,6}(?= )|>|[-+](?= )|={3,}$|-{3,}$|~{3,})/gm, "\\$1")
        .replace(/^(\d+)\.(?= )/gm, "$1\\.");
}

function languageOf(pre) {
    const code = pre.querySelector("code") || pre;

    for (const e of [code, pre, pre.parentElement, pre.parentElement?.parentElement]) {
        const said = e?.getAttribute("data-lang") || e?.getAttribute("data-language") ||
            e?.getAttribute("data-code-language") || LANGUAGE.exec(e?.className || "")?.[1];
        if (said && /^[\w+#.-]{1,24}$/.test(said) && !/^(none|plaintext|text|nohighlight)$/i
            .test(said))
            return said.toLowerCase();
    }
    return "";
}

/* Lines that are blocks, line breaks and columns of line numbers. */
function codeText(pre) {
    let out = "";
    const walk = node => {
        if (node.nodeType === 3) {
            out += node.data;
        } else if (node.localName === "br") {
            out += "\n";
        } else if (node.nodeType === 1 && !node.matches(LINE_NUMBERS)) {
            const line = /^(div|p|tr|li)$/.test(node.localName);
            if (line && out && !out.endsWith("\n"))
                out += "\n";
            for (const child of node.childNodes)
                walk(child);
            if (line && !out.endsWith("\n"))
                out += "\n";
        }
    };

    walk(pre);
    return out.replace(/\r\n?/g, "\n").replace(/\u00a0/g, " ");
}

function plainText(node) {
    let out = "";
    const walk = n => {
        if (n.nodeType === 3)
            out += n.data.replace(/\s+/g, " ");
        else if (n.localName === "br")
            out += "\n";
        else if (n.localName === "img")
            out += " " + (n.getAttribute("alt") || "") + " ";
        else
            for (const child of n.childNodes)
                walk(child);
        if (BLOCKS.has(n.localName))
            out += " ";
    };

    walk(node);
    return out.replace(/ *\n\s*/g, "\n").replace(/ {2,}/g, " ").trim();
}

const inParentheses = url => url.replace(/[\s()<>]/g, c =>
    "%" + c.charCodeAt(0).toString(16).padStart(2, "0"));

function link(content, node) {
    const url = node.getAttribute("href"), ref = node.getAttribute("data-ref");
    const text = squeeze(content.replace(/\s*\n\s*/g, " ")) ||
        escapeText(node.getAttribute("data-label") || "");

    if (!text || /^[#¶§🔗\s]*$/u.test(text))
        return "";
    if (!url)
        return text;
    return "[" + text + "](" + inParentheses(url) + ")" + (ref ? " [" + ref + "]" : "");
}

function image(content, node) {
    const src = inParentheses(node.getAttribute("src"));

    return "![" + (node.getAttribute("alt") || "").replace(/[[\]]/g, "") + "](" + src + ")";
}

function inlineRules() {
    const service = new TurndownService({
        headingStyle: "atx", codeBlockStyle: "fenced", emDelimiter: "*", strongDelimiter: "**",
        br: "",
    });
    const only = ["em", "i", "strong", "b"];

    service.escape = escapeText;
    service.addRule("link", { filter: "a", replacement: link });
    service.addRule("image", { filter: "img", replacement: image });
    service.addRule("struck", {
        filter: ["del", "s", "strike"],
        replacement: content => content.trim() ? "~~" + content + "~~" : "",
    });
    /* Powers and indices, not footnotes or "1st". */
    service.addRule("raised", {
        filter: ["sup", "sub"],
        replacement: (content, node) => (/^([-+−]?\d*[+−-]?|[a-z])$/i.test(content.trim()) &&
            content.trim() ? node.localName === "sup" ? "^" : "_" : "") + content,
    });
    service.addRule("box", {
        filter: node => node.nodeName === "INPUT",
        replacement: (content, node) => node.hasAttribute("checked") ? "[x] " : "[ ] ",
    });
    /* Bold within bold, and what spans lines. */
    service.addRule("nested", {
        filter: node => only.includes(node.localName) && !!node.parentNode.closest?.(
            /^(em|i)$/.test(node.localName) ? "em,i" : "strong,b,h1,h2,h3,h4,h5,h6"),
        replacement: content => content,
    });
    service.addRule("blocks", {
        filter: node => BLOCKS.has(node.localName) && node.localName !== "p",
        replacement: content => " " + content.trim() + " ",
    });
    return service;
}
