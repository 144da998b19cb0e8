/* The links of a copied tree, its tables. */
function linksOf(doc, budget) {
    const byUrl = new Map();

    for (const a of doc.body.querySelectorAll("a[href]")) {
        const url = a.getAttribute("href");
        const text = shortened(squeeze(plainText(a)) || a.getAttribute("data-label") || "", 200);
        const known = byUrl.get(url);
        if (budget.late())
            break;
        if (!known)
            byUrl.set(url, { text, ref: a.getAttribute("data-ref") });
        else if (!known.text && text)
            Object.assign(known, { text, ref: a.getAttribute("data-ref") || known.ref });
    }
    return [...byUrl].map(([url, { text, ref }]) => "- [" + text.replace(/[[\]]/g, "\\$&") + "](" +
        inParentheses(url) + ")" + (ref ? " [" + ref + "]" : "")).join("\n");
}

function tablesOf(doc, budget) {
    const md = new Markdown(budget, false), out = [];
    let number = 0;

    for (const e of doc.body.querySelectorAll("table")) {
        const table = md.stopped() ? null : readTable(e, md);
        if (!table || !table.rows.length)
            continue;
        const rows = table.rows.length - (table.head ? 1 : 0);
        out.push("### Table " + ++number + (table.caption ? ": " + table.caption : "") +
            " (" + rows + " rows, " + table.width + " columns)", tableLines(table));
    }
    return out.join("\n\n");
}
