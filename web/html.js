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
    if (/^(on|nonce$)/i.test(name) || name === "value" && attributeOf(e, "type") === "password")
        return "";
    if (/^\s*data:/i.test(value))
        value = urlOf(value);
    else if (/\bdata:[^\s,;]+[^\s,]*,/.test(value))
        value = value.replace(/\bdata:([^\s,;"')]{0,40})[^\s"')]*/g, "data:$1,…");
    value = shortened(value, ATTRIBUTE_MAX).replace(/&/g, "&amp;").replace(/"/g, "&quot;");
    return " " + name + (value === "" ? "" : '="' + value + '"');
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
            const type = typeOf(n);
            if (type === 3 && shown)
                add(escaped(n.data));
            else if (type === 1)
                visit(n, depth + 1);
            if (budget.cut)
                return;
        }
    };
    const visit = (e, depth) => {
        const name = nameOf(e), shadow = rootBelow(e);

        if (LEFT_OUT.has(name) || budget.below(depth) || !budget.element())
            return;
        const known = /^(html|head|title|base|meta|link|option|optgroup|br|wbr)$/.test(name);
        const style = known ? getComputedStyle(e) : styleIfShown(e);
        add("<" + name + [...attributesOf(e)].map(a => attributeText(e, a)).join("") + ">");
        if (VOID.has(name))
            return;
        if (style) {
            if (shadow) {
                add('<template shadowrootmode="' + shadow.mode + '">');
                children(nodesIn(shadow), depth, showsText(style));
                add("</template>");
            }
            children(nodesIn(e), depth, known || showsText(style));
        } else if (nodesIn(e).length) {
            add("<!-- not shown -->");
        }
        add("</" + name + ">");
    };

    if (root === rootOf(document) && doctypeOf(document))
        add("<!DOCTYPE " + doctypeOf(document).name + ">\n");
    visit(root, 0);
    return out.join("");
}
