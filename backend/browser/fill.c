#include "backend/browser/fill.h"
#include "backend/browser/element.h"
#include "backend/browser/state.h"

#include <string.h>
#include <strings.h>

/* On what was found: the control of a label. */
static const char js_control[] =
    "function(){const e=this.nodeType===1?this:this.parentElement;"
    "const l=e.closest('label');return l&&l.control&&"
    "!e.matches('input,select,textarea,button,[contenteditable]')?l.control:e}";

static const char js_kind[] =
    "function(){const t=this.localName;"
    "const r=(this.getAttribute('role')||'').trim().split(/\\s+/)[0];"
    "if(t==='input'){if(/^(checkbox|radio)$/.test(this.type))return'check';"
    "if(this.type==='file')return'file';if(this.type==='hidden')return'hidden';"
    "return/^(button|submit|reset|image)$/.test(this.type)?'button':'text'}"
    "if(t==='textarea'||this.isContentEditable)return'text';if(t==='select')return'choice';"
    "if(/^(checkbox|radio|switch|menuitemcheckbox|menuitemradio)$/.test(r))return'check';"
    "if(/^(listbox|combobox)$/.test(r))return'choice';"
    "return t==='button'||t==='a'||/^(button|link|tab|menuitem)$/.test(r)?'button':'other'}";

static const char js_value[] = "function(){if(this.type==='password')return null;"
                               "return this.isContentEditable?this.innerText:this.value}";

struct field {
    struct page *page;
    struct element e;
    struct input_target node; /* the same, for those that look for themselves */
    struct call *call;
};

/* The label's control takes its place. */
static int to_control(struct field *f, struct err *err)
{
    AUTO(cdp_reply) struct cdp_reply reply = { 0 }, node = { 0 };
    AUTO(buf) struct buf params = BUF_MAX(4096);
    struct jw w = JW(&params, err);
    const char *object;
    char of[160];

    jw_obj(&w);
    jw_kstr(&w, "functionDeclaration", js_control);
    jw_kstr(&w, "objectId", f->e.object);
    jw_kstr(&w, "objectGroup", f->e.group);
    jw_end(&w);
    if (jw_done(&w) || page_call(f->page, f->e.session, "Runtime.callFunctionOn", params.data, 0,
                                 f->call, &reply, err))
        return -1;
    object = json_str(yyjson_obj_get(reply.result, "result"), "objectId");
    if (!object || strlen(object) >= sizeof(f->e.object))
        return err_set(err, ERR_STALE, "the element has left the page");
    COPY(f->e.object, object);
    snprintf(of, sizeof(of), "{\"objectId\":\"%s\"}", f->e.object);
    if (page_call(f->page, f->e.session, "DOM.describeNode", of, 0, f->call, &node, err))
        return -1;
    f->node = (struct input_target){
        .session = f->e.session,
        .frame = f->e.frame,
        .node = json_int(yyjson_obj_get(node.result, "node"), "backendNodeId", 0),
    };
    return 0;
}

static int ask(struct field *f, const char *function, char *out, size_t size, struct err *err)
{
    AUTO(cdp_reply) struct cdp_reply reply = { 0 };
    yyjson_val *value;

    if (element_call(&f->e, function, "[]", 0, f->call, &reply, &value, err))
        return -1;
    copy_text(out, size, yyjson_get_str(value));
    return yyjson_is_str(value) ? 0 : 1;
}

/* ---- kinds ---- */

static bool same_text(const char *now, const char *given)
{
    size_t n = strlen(now), m = strlen(given);

    while (n && strchr(" \r\n", now[n - 1]))
        n--;
    while (m && strchr(" \r\n", given[m - 1]))
        m--;
    return n == m && !strncmp(now, given, n);
}

static int fill_text(struct field *f, const char *value, struct filled *out,
                     struct page_report *report, struct err *err)
{
    const struct input_type how = { .text = value, .clear = true };
    char now[FILL_NOW_MAX];

    out->did = *value ? "typed into" : "emptied";
    if (input_type(f->page, &f->node, &how, f->call, report, err))
        return -1;
    if (!report->dialog && !report->navigated && strlen(value) < FILL_NOW_MAX - 4 &&
        !ask(f, js_value, now, sizeof(now), NULL) && !same_text(now, value))
        COPY(out->now, *now ? now : "(nothing)");
    return 0;
}

static const struct {
    const char *word;
    bool on;
} words[] = {
    { "true", true },   { "on", true },   { "yes", true }, { "checked", true },    { "1", true },
    { "false", false }, { "off", false }, { "no", false }, { "unchecked", false }, { "0", false },
};

static int fill_check(struct field *f, const char *value, struct filled *out,
                      struct page_report *report, struct err *err)
{
    bool changed;
    size_t i = 0;

    while (i < COUNT_OF(words) && strcasecmp(words[i].word, value))
        i++;
    if (i == COUNT_OF(words)) {
        err_set(err, ERR_INVALID, "\"%.60s\" is not true or false", value);
        return err_next(err, "boxes and radio buttons take true or false");
    }
    if (input_check(f->page, &f->node, words[i].on, f->call, &changed, report, err))
        return -1;
    out->did = !changed ? "left as it was:" : words[i].on ? "checked" : "unchecked";
    return 0;
}

static int fill_choice(struct field *f, const char *value, struct filled *out,
                       struct page_report *report, struct err *err)
{
    struct strings chosen = { 0 };
    int r = input_select(f->page, &f->node, &value, *value ? 1 : 0, f->call, &chosen, report, err);

    strings_done(&chosen);
    out->did = "chose in";
    return r;
}

static const struct {
    const char *kind;
    int (*fill)(struct field *f, const char *value, struct filled *out, struct page_report *report,
                struct err *err);
    const char *why, *next; /* of what is not filled */
} kinds[] = {
    { "text", fill_text, NULL, NULL },
    { "check", fill_check, NULL, NULL },
    { "choice", fill_choice, NULL, NULL },
    { "file", NULL, "takes files", "browser_upload gives them" },
    { "hidden", NULL, "is a hidden field", "fill the one that a person would" },
    { "button", NULL, "is to be clicked", "use browser_click, or submit for the last one" },
    { "other", NULL, "takes no value", "look at the page with browser_snapshot" },
};

static int fill(struct field *f, const char *value, struct filled *out, struct page_report *report,
                struct err *err)
{
    char kind[16];
    size_t i = 0;

    if (to_control(f, err) || ask(f, js_kind, kind, sizeof(kind), err))
        return -1;
    while (i + 1 < COUNT_OF(kinds) && strcmp(kinds[i].kind, kind))
        i++;
    if (kinds[i].fill)
        return kinds[i].fill(f, value, out, report, err);
    err_set(err, ERR_INVALID, "it %s", kinds[i].why);
    return err_next(err, "%s", kinds[i].next);
}

int input_fill(struct page *page, const struct input_target *target, const char *value,
               struct call *call, struct filled *out, struct page_report *report, struct err *err)
{
    struct field f = { .page = page, .call = call };
    int r;

    *out = (struct filled){ .did = "" };
    r = element_find(page, target, call, &f.e, err) || fill(&f, value, out, report, err);
    if (!r && *f.e.note)
        COPY(report->note, f.e.note);
    element_done(&f.e);
    return r ? -1 : 0;
}
