/* The forms of the live document, field by field. */
const OPTIONS_MAX = 30, OPTION_TEXT_MAX = 80, VALUE_MAX = 200;
const CONTROLS = "input,select,textarea,button";

/* Every element below, through shadow roots, that is shown; f(element) false: not what is in it. */
function walkShown(root, budget, f) {
    const visit = (e, depth) => {
        if (SKIPPED.has(nameOf(e)) || budget.below(depth) || !budget.element())
            return;
        const style = styleIfShown(e);
        if (f(e, style) === false || !style)
            return;
        for (const c of childrenOf(e))
            if (typeOf(c) === 1)
                visit(c, depth + 1);
    };

    visit(root, 0);
}

function labelOf(e) {
    const by = (attributeOf(e, "aria-labelledby") || "").split(/\s+/).map(id =>
        id && e.getRootNode().getElementById?.(id)?.textContent || "").join(" ");
    const labels = [...e.labels || []].map(l => {
        const copy = l.cloneNode(true);
        copy.querySelectorAll(CONTROLS).forEach(c => c.remove());
        return copy.textContent;
    }).join(" ");
    const own = e.localName === "button" ? e.textContent :
        /^(submit|button|reset)$/.test(e.type) ? e.value || e.type : "";
    const all = [by, attributeOf(e, "aria-label"), labels, own, e.placeholder, e.title, e.alt];

    return shortened(all.map(s => squeeze(s || "")).find(s => s) || "", 160);
}

function optionsOf(e) {
    const all = [...e.options];
    const shown = all.slice(0, OPTIONS_MAX).map(o => {
        const text = shortened(squeeze(o.text), OPTION_TEXT_MAX);
        const value = o.value === o.text || o.value === text ? "" :
            " =" + shortened(squeeze(o.value), OPTION_TEXT_MAX);
        return (o.selected ? "*" : "") + text + value + (o.disabled ? " (disabled)" : "");
    });

    if (all.length > OPTIONS_MAX)
        shown.push((all.length - OPTIONS_MAX) + " more");
    return " options: " + shown.join("; ");
}

function valueOf(e) {
    const quoted = s => JSON.stringify(shortened(s, VALUE_MAX));

    switch (e.type) {
    case "checkbox":
    case "radio":
        return (e.checked ? " checked" : " unchecked") + (e.value !== "on" ? " value=" +
            quoted(e.value) : "");
    case "password":
        return e.value ? ' value="***"' : "";
    case "file":
        return e.files.length ? " files: " + [...e.files].map(f => squeeze(f.name)).join(", ") : "";
    case "select-one":
    case "select-multiple":
        return optionsOf(e);
    case "submit":
    case "button":
    case "reset":
    case "image":
        return "";
    default:
        return e.value ? " value=" + quoted(e.value) : "";
    }
}

function fieldOf(e, refOf, seen) {
    const name = squeeze(e.name || e.id || ""), ref = refOf(e, "");
    const facts = [e.type || e.localName];

    if (name)
        facts.push("name=" + shortened(name, 80));
    for (const what of ["required", "disabled", "readOnly", "multiple"])
        if (e[what])
            facts.push(what.toLowerCase());
    if (!seen)
        facts.push("not visible");
    for (const what of ["min", "max", "pattern", "accept"])
        if (attributeOf(e, what))
            facts.push(what + "=" + shortened(squeeze(attributeOf(e, what)), 80));
    if (e.maxLength > 0)
        facts.push("maxlength=" + e.maxLength);
    return "- " + (labelOf(e) || "(no label)") + " (" + facts.join(", ") + ")" + valueOf(e) +
        (ref ? " [" + ref + "]" : "");
}

function formHead(form, number) {
    const name = squeeze(attributeOf(form, "aria-label") || attributeOf(form, "name") ||
        attributeOf(form, "id") || "");
    const method = (attributeOf(form, "method") || "get").toUpperCase();
    const action = urlOf(attributeOf(form, "action") || location.href, baseUrl());

    return "### Form " + number + (name ? ": " + shortened(name, 80) : "") + " (" +
        shortened(method, 8) + " " + shortened(action, 300) + ")";
}

/* Fields of a form that are not shown themselves, as their label is, are still fields; what is of
 * type hidden is only named. */
function formsOf(root, budget, refOf) {
    const forms = new Map(), hidden = new Map();
    const row = form => {
        if (!forms.has(form)) {
            forms.set(form, []);
            hidden.set(form, []);
        }
        return forms.get(form);
    };

    walkShown(root, budget, (e, style) => {
        if (nameOf(e) === "form" && style)
            row(e);
        if (!matches(e, CONTROLS))
            return true;
        const form = e.form || null, labelled = [...e.labels || []].some(l => styleIfShown(l));
        if (e.type === "hidden")
            hidden.get(row(form) && form).push(squeeze(e.name));
        else if (style || labelled)
            row(form).push(fieldOf(e, refOf, style && showsText(style)));
        return false;
    });
    const named = [...forms.keys()].filter(f => f), out = [];
    for (const [i, form] of [...named, null].entries()) {
        const fields = forms.get(form);
        if (!fields || !form && !fields.length)
            continue;
        out.push(form ? formHead(form, i + 1) : "### Fields outside of forms", "");
        out.push(...fields);
        const names = hidden.get(form).filter(n => n);
        if (names.length)
            out.push("- hidden: " + shortened(names.join(", "), 500));
        out.push("");
    }
    return out.join("\n").trim();
}
