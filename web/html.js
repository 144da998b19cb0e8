/*
 * A live sub-tree as HTML: without scripts, styles, comments and handlers, data: URLs and long
 * attributes shortened, text that is not shown left out, what was typed as a password too. Shadow
 * roots are templates with shadowrootmode.
 */
const VOID = new Set("area base br col embed hr img input link meta source track wbr".split(" "));
const LEFT_OUT = new Set("script style noscript template".split(" "));
const ATTRIBUTE_MAX = 2048;

const escaped = s => s.replace(/[&<>]/g, c => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;" })[c]);

function attributeText(e, { name, value }) {
    if (/^(on|nonce$)/i.test(name) || name === "value" && e.type === "password")
        return "";
    if (/^\s*data:/i.test(value))
        value = urlOf(value);
    else if (/\bdata:[^\s,;]+[^\s,]*,/.test(value))
        value = value.replace(/\bdata:([^\s,;"')]{0,40})[^\s"')]*/g, "data:$1,…");
    return " " + name + (value === "" ? "" :
        '="' + shortened(value, ATTRIBUTE_MAX).replace(/&/g, "&amp;").replace(/"/g, "&quot;") + '"');
}

function htmlOf(root, budget) {
    const out = [];
    let length = 0;
    const add = s => {
        length += s.length;
        if (length > EXTRACT_CHARACTERS)
            budget.cut = budget.cut || "size";
        else
            out.push(s);
    };
    const children = (nodes, depth, shown) => {
        for (const n of nodes) {
            if (n.nodeType === 3 && shown)
                add(escaped(n.data));
            else if (n.nodeType === 1)
                visit(n, depth + 1);
            if (budget.cut)
                return;
        }
    };
    const visit = (e, depth) => {
        if (LEFT_OUT.has(e.localName) || depth > DEPTH_MAX || !budget.element())
            return;
        const known = /^(html|head|title|base|meta|link|option|optgroup|br|wbr)$/.test(e.localName);
        const style = known ? getComputedStyle(e) : styleIfShown(e);
        add("<" + e.localName + [...e.attributes].map(a => attributeText(e, a)).join("") + ">");
        if (VOID.has(e.localName))
            return;
        if (style) {
            if (e.shadowRoot) {
                add('<template shadowrootmode="open">');
                children(e.shadowRoot.childNodes, depth, showsText(style));
                add("</template>");
            }
            children(e.childNodes, depth, known || showsText(style));
        } else if (e.firstChild) {
            add("<!-- not shown -->");
        }
        add("</" + e.localName + ">");
    };

    if (root === document.documentElement && document.doctype)
        add("<!DOCTYPE " + document.doctype.name + ">\n");
    visit(root, 0);
    return out.join("");
}
