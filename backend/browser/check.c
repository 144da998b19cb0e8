#include "backend/browser/choose.h"
#include "base/clock.h"

#include <stdlib.h>
#include <string.h>

#define SET_MS 1000
#define AGAIN_MS 30

struct toggle {
    char name[ELEMENT_LABEL_MAX];
    bool known, radio, on, off;
};

static int look(struct element *e, struct call *call, struct toggle *out, struct err *err)
{
    AUTO(cdp_reply) struct cdp_reply reply = { 0 };
    yyjson_val *answer;
    const char *kind, *state, *name;

    if (choose_ask(e, "toggle", NULL, 0, call, &reply, &answer, err))
        return -1;
    kind = json_str(answer, "kind");
    state = json_str(answer, "state");
    name = json_str(answer, "name");
    *out = (struct toggle){
        .known = kind,
        .radio = kind && !strcmp(kind, "radio"),
        .on = state && !strcmp(state, "true"),
        .off = json_bool(answer, "off", false),
    };
    snprintf(out->name, sizeof(out->name), "%.150s", name ? name : "");
    return 0;
}

static int check(const struct toggle *t, bool checked, struct err *err)
{
    if (!t->known) {
        err_set(err, ERR_INVALID, "%s is no checkbox, radio button or switch", t->name);
        return err_next(err, "click it, or name the checkbox itself");
    }
    if (t->off && t->on != checked)
        return err_set(err, ERR_INVALID, "%s is disabled", t->name);
    if (t->radio && t->on && !checked) {
        err_set(err, ERR_INVALID, "%s is a radio button: it cannot be cleared", t->name);
        return err_next(err, "choose another one of its group");
    }
    return 0;
}

/* Pages set it a moment after the click. One that went away with it has nothing to say. */
static int verify(struct element *e, bool checked, struct call *call, struct err *err)
{
    int64_t deadline_ms = clock_ms() + SET_MS;
    struct toggle now;

    for (;;) {
        struct err why = { 0 };
        if (look(e, call, &now, &why)) {
            if (why.code != ERR_CANCELLED)
                return 0;
            *err = why;
            return -1;
        }
        if (!now.known || now.on == checked)
            return 0;
        if (clock_ms() >= deadline_ms)
            break;
        if (element_pause(AGAIN_MS, call, err))
            return -1;
    }
    err_set(err, ERR_INVALID, "%s stays %s, though it was clicked", now.name,
            checked ? "unchecked" : "checked");
    return err_next(err, "look at the page with browser_snapshot: it may ask for something first");
}

static int set(struct element *e, bool checked, struct call *call, bool *clicked,
               char name[ELEMENT_LABEL_MAX], struct page_report *report, struct err *err)
{
    struct toggle t;
    struct input_target handle;

    if (look(e, call, &t, err) || check(&t, checked, err))
        return -1;
    *clicked = t.on != checked;
    snprintf(name, ELEMENT_LABEL_MAX, "%s", t.name);
    if (!*clicked)
        return 0;
    if (choose_node(e, "handle", NULL, call, &handle, err) ||
        input_click(e->page, &handle, &(struct input_click){ .count = 1 }, call, report, err))
        return -1;
    if (report->navigated || report->dialog)
        return 0;
    return verify(e, checked, call, err);
}

int input_check(struct page *page, const struct input_target *target, bool checked,
                struct call *call, bool *changed, struct page_report *report, struct err *err)
{
    AUTO_FREE struct page_report *own = NULL;
    struct page_mark mark;
    struct element e;
    char name[ELEMENT_LABEL_MAX] = "";
    bool clicked = false;
    int r;

    if (!report && !(report = own = calloc(1, sizeof(*own))))
        return err_oom(err);
    page_mark(page, &mark);
    r = element_find(page, target, call, &e, err) ||
        set(&e, checked, call, &clicked, name, report, err);
    element_done(&e);
    if (r)
        return -1;
    if (changed)
        *changed = clicked;
    if (clicked)
        return 0;
    if (page_settle(page, &mark, 1, call, report, err))
        return -1;
    snprintf(report->acted_on, sizeof(report->acted_on), "%s", name);
    return 0;
}
