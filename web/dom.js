/*
 * Properties of nodes of the live document by their own getters: forms and documents show their
 * named children as properties, so that a field called "childNodes" would be taken for them.
 */
const getter = (proto, name) => {
    const f = Object.getOwnPropertyDescriptor(proto, name).get;
    return node => f.call(node);
};
const typeOf = getter(Node.prototype, "nodeType");
const nodesIn = getter(Node.prototype, "childNodes");
const nameOf = getter(Element.prototype, "localName");
const shadowOf = getter(Element.prototype, "shadowRoot");
const spaceOf = getter(Element.prototype, "namespaceURI");
const attributesOf = getter(Element.prototype, "attributes");
const titleOfDocument = getter(Document.prototype, "title");
const bodyOf = getter(Document.prototype, "body");
const rootOf = getter(Document.prototype, "documentElement");
const doctypeOf = getter(Document.prototype, "doctype");
const implementationOf = getter(Document.prototype, "implementation");
const baseOf = getter(Node.prototype, "baseURI");
const textOf = getter(Node.prototype, "textContent");

const attributeOf = (e, name) => Element.prototype.getAttribute.call(e, name);
const hasAttribute = (e, name) => Element.prototype.hasAttribute.call(e, name);
const matches = (e, selector) => Element.prototype.matches.call(e, selector);
const boxOf = e => Element.prototype.getBoundingClientRect.call(e);
const firstIn = (e, selector) => Element.prototype.querySelector.call(e, selector);
const textIn = (e, selector) => {
    const found = firstIn(e, selector);
    return found ? textOf(found) : "";
};
const hasClass = (e, name) => (attributeOf(e, "class") || "").split(/\s+/).includes(name);
const all = name => Document.prototype.getElementsByTagName.call(document, name);

/* The page model of the server, when it is in this world. It knows refs and closed roots. */
const modelOf = () => globalThis[Symbol.for("sandbox-mcp")];
const rootBelow = e => shadowOf(e) || modelOf()?.closed?.get(e);
const baseUrl = () => baseOf(document);
