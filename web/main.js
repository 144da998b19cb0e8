/* Which part of a copied document is what the page is about. */
const READABILITY_ELEMENTS = 60000; /* beyond, it takes seconds */
const LITTLE = 140; /* characters that are no content of a page by themselves */

/* Readability goes back to the beginning by innerHTML, up to four times; nodes are kept instead of
 * text, which is faster and asks no policy of the page's. */
function keepsItsNodes(body) {
    let kept = null;

    Object.defineProperty(body, "innerHTML", {
        get() {
            kept = body.cloneNode(true);
            return "";
        },
        set() {
            body.replaceChildren(...kept.cloneNode(true).childNodes);
        },
    });
}

const lengthOf = e => e ? squeeze(e.textContent).length : 0;

function readable(doc) {
    const copy = doc.cloneNode(true);

    keepsItsNodes(copy.body);
    try {
        return new Readability(copy, {
            keepClasses: true,
            charThreshold: 250,
            disableJSONLD: true,
            maxElemsToParse: READABILITY_ELEMENTS,
            serializer: e => e,
        }).parse();
    } catch {
        return null;
    }
}

/* The page's own word for it, without what is around it. */
function declared(doc) {
    const all = doc.querySelectorAll("main,[role=main]");
    const found = all.length === 1 ? all[0] :
        all.length === 0 && doc.querySelectorAll("article").length === 1 ?
            doc.querySelector("article") : null;

    if (!found)
        return null;
    const copy = found.cloneNode(true);
    for (const e of copy.querySelectorAll("nav,aside,footer,[role=navigation],[role=search]," +
        "[role=complementary],[role=contentinfo]"))
        e.remove();
    return copy;
}

/* The only heading of the first level, where it is a part of the title. */
function titleOf(doc, article) {
    const all = doc.querySelectorAll("h1"), own = all.length === 1 ? squeeze(textOf(all[0])) : "";

    return own && squeeze(doc.title).includes(own) ? own : squeeze(article.title || "");
}

/*
 * {root, how, title}. Readability is best at articles, but drops what it takes for lists of links;
 * where a page says what its main part is and much of it was dropped, the page is believed.
 */
function mainOf(doc) {
    for (const e of doc.querySelectorAll(".mw-editsection"))
        e.remove();
    const whole = lengthOf(doc.body);
    const article = doc.body.getElementsByTagName("*").length <= READABILITY_ELEMENTS ?
        readable(doc) : null;
    const main = declared(doc);
    const size = lengthOf(article?.content), mainSize = lengthOf(main);

    const fits = main ? mainSize < 0.5 * size || size >= 0.5 * mainSize && size <= mainSize :
        size >= 0.1 * whole;

    if (size >= LITTLE && fits)
        return { root: article.content, how: "main content", title: titleOf(doc, article) };
    if (mainSize >= LITTLE || mainSize > 0.3 * whole)
        return { root: main, how: "main content", title: "" };
    return { root: doc.body, how: "whole page: no main content found", title: "" };
}
