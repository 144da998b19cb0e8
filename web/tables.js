/* Tables of a copied tree. */
const CELLS_MAX = 200000;

const rowsOf = table => [...table.rows].filter(r => r.closest("table") === table);

/* Made for the layout, not for data: what is in its cells is read one after the other. */
function isLayout(table, rows) {
    if (/^(presentation|none)$/.test(table.getAttribute("role") || ""))
        return true;
    if (table.querySelector("th") && rows.length > 1)
        return false;
    if (table.querySelector("table,pre,h1,h2,h3,form,article,section"))
        return true;
    const text = e => textOf(e).length;
    if (!table.querySelector("th") && [...table.querySelectorAll("td")].some(c => text(c) > 600))
        return true;
    return rows.length < 1 || rows.every(r => r.cells.length < 2);
}

/* The parts of a cell in one line. */
function cellText(cell, md) {
    const parts = [];
    const walk = e => {
        let run = null;
        const flush = () => {
            const text = run ? md.line(run) : "";
            run = null;
            if (text)
                parts.push(text);
        };
        for (const node of [...e.childNodes]) {
            if (node.nodeType === 1 && node.localName === "pre") {
                flush();
                parts.push("`" + codeText(node).trim().replace(/\s*\n\s*/g, " ⏎ ") + "`");
            } else if (node.nodeType === 1 && md.isBlock(node)) {
                flush();
                const from = parts.length;
                walk(node);
                if (node.localName === "li" && parts.length > from)
                    parts[from] = "- " + parts[from];
            } else if (node.nodeType === 1 && node.localName === "br") {
                flush();
            } else {
                run = run || cell.ownerDocument.createElement("p");
                run.append(node);
            }
        }
        flush();
    };

    walk(cell);
    return parts.join(md.plain ? " " : "<br>").replace(/\|/g, md.plain ? "|" : "\\|");
}

/* Rows of cells with what they span, to the width of the widest. */
function gridOf(rows, md) {
    const grid = [];
    let cells = 0;

    for (const [y, row] of rows.entries()) {
        grid[y] = grid[y] || [];
        let x = 0;
        for (const cell of row.cells) {
            while (grid[y][x] !== undefined)
                x++;
            const text = cellText(cell, md);
            const wide = Math.min(cell.colSpan, 64), high = Math.min(cell.rowSpan || 1, 64);
            for (let dy = 0; dy < high && y + dy < rows.length; dy++) {
                grid[y + dy] = grid[y + dy] || [];
                for (let dx = 0; dx < wide; dx++)
                    grid[y + dy][x + dx] = dx || dy ? "" : text;
            }
            x += wide;
            cells += wide * high;
        }
        if (cells > CELLS_MAX || md.stopped())
            break;
    }
    const width = grid.reduce((n, r) => Math.max(n, r.length), 0);
    return grid.map(r => Array.from({ length: width }, (_, i) => r[i] ?? ""));
}

/* {caption, rows, head}; null: it is none. */
function readTable(e, md) {
    const rows = rowsOf(e);

    if (isLayout(e, rows))
        return null;
    const caption = [...e.children].find(c => c.localName === "caption");
    const first = rows[0];
    const head = first.parentElement.localName === "thead" ||
        [...first.cells].every(c => c.localName === "th");
    const text = caption ? md.line(caption) : "";
    const grid = gridOf(rows, md).filter(r => r.some(c => c));

    return { caption: text, rows: grid, head, width: grid[0]?.length || 0 };
}

function tableLines(table) {
    const line = r => "| " + r.join(" | ") + " |";
    const rule = "|" + " --- |".repeat(table.width);
    const head = table.head ? table.rows[0] : table.rows[0].map(() => "");

    return [line(head), rule, ...table.rows.slice(table.head ? 1 : 0).map(line)].join("\n");
}

const tableText = table => table.rows.map(r => r.join("\t")).join("\n");
