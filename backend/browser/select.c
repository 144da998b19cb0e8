#include "backend/browser/choose.h"
#include "base/clock.h"

#include <stdlib.h>
#include <string.h>

#define AGAIN_MS 50
#define OPEN_MS 2000 /* for a list to have its options, or to show them */

struct choosing {
    struct element e;
    const char *const *values;
    size_t count;
    struct call *call;
    struct strings *selected;
    bool plain, several, types, began;
    char name[ELEMENT_LABEL_MAX];
};

/* ---- what is wrong ---- */

static int missing(const struct choosing *c, yyjson_val *answer, struct err *err)
{
    AUTO(buf) struct buf options = BUF_MAX(900);
    yyjson_val *option, *all = yyjson_obj_get(answer, "options");
    size_t i, max;
    int64_t total = json_int(answer, "total", 0);
    bool cut = total > (int64_t)yyjson_arr_size(all);

    yyjson_arr_foreach (all, i, max, option)
        if (buf_addf(&options, NULL, "%s\"%s\"", i ? ", " : "", yyjson_get_str(option))) {
            cut = true;
            break;
        }
    err_set(err, ERR_NOT_FOUND, "values: %s has no option \"%.100s\"; it has %s%s", c->name,
            json_str(answer, "missing"), options.len ? options.data : "none", cut ? ", ..." : "");
    return err_next(err, "pass one of these by its label, its value, or its index from 0");
}

static int check(const struct choosing *c, yyjson_val *answer, struct err *err)
{
    if (!json_str(answer, "kind")) {
        err_set(err, ERR_INVALID, "%s is no select, listbox or combobox", c->name);
        return err_next(err, "open it with browser_click and click the option");
    }
    if (json_bool(answer, "off", false))
        return err_set(err, ERR_INVALID, "%s is disabled", c->name);
    if (!c->several && c->count != 1) {
        err_set(err, ERR_INVALID, "%s takes one option, %zu were passed", c->name, c->count);
        return err_next(err, "pass one value");
    }
    return 0;
}

static int disabled(const struct choosing *c, const char *value, struct err *err)
{
    err_set(err, ERR_INVALID, "values: the option \"%.100s\" of %s is disabled", value, c->name);
    return err_next(err, "choose another one, or do first what enables it");
}

static int look(struct choosing *c, struct err *err)
{
    AUTO(cdp_reply) struct cdp_reply reply = { 0 };
    yyjson_val *answer;
    const char *kind, *name;

    if (choose_ask(&c->e, "choice", NULL, 0, c->call, &reply, &answer, err))
        return -1;
    kind = json_str(answer, "kind");
    name = json_str(answer, "name");
    c->plain = kind && !strcmp(kind, "select");
    c->several = json_bool(answer, "several", false);
    c->types = json_bool(answer, "types", false);
    snprintf(c->name, sizeof(c->name), "%.150s", name ? name : "");
    return check(c, answer, err);
}

static int add_labels(struct choosing *c, yyjson_val *labels, struct err *err)
{
    yyjson_val *label;
    size_t i, max;

    yyjson_arr_foreach (labels, i, max, label)
        if (c->selected && yyjson_is_str(label) &&
            strings_add(c->selected, yyjson_get_str(label), yyjson_get_len(label), err))
            return -1;
    return 0;
}

/* ---- a select ---- */

/* 1: an option is not there yet. */
static int try_native(struct choosing *c, bool last, struct err *err)
{
    AUTO(cdp_reply) struct cdp_reply reply = { 0 };
    yyjson_val *answer;
    const char *off;

    if (choose_ask(&c->e, "set", c->values, c->count, c->call, &reply, &answer, err))
        return -1;
    if (json_str(answer, "missing"))
        return last ? missing(c, answer, err) : 1;
    off = json_str(answer, "off");
    if (off)
        return last ? disabled(c, off, err) : 1;
    c->began = true;
    return add_labels(c, yyjson_obj_get(answer, "selected"), err);
}

static int native(struct choosing *c, struct err *err)
{
    int64_t deadline_ms = clock_ms() + OPEN_MS;
    int r;

    while ((r = try_native(c, clock_ms() >= deadline_ms, err)) == 1)
        if (element_pause(AGAIN_MS, c->call, err))
            return -1;
    return r;
}

/* ---- a list that scripts made ---- */

static int click(struct choosing *c, const char *ask, const char *value, struct err *err)
{
    struct input_target target;

    if (choose_node(&c->e, ask, value, c->call, &target, err))
        return -1;
    c->began = true;
    return input_click(c->e.page, &target, &(struct input_click){ .count = 1 }, c->call, NULL, err);
}

/* 1: the value is not among the options that are seen. */
static int seen(struct choosing *c, const char *value, struct cdp_reply *reply, yyjson_val **answer,
                struct err *err)
{
    if (choose_ask(&c->e, "choices", &value, 1, c->call, reply, answer, err))
        return -1;
    return json_str(*answer, "missing") != NULL;
}

static int wait_for(struct choosing *c, const char *value, int64_t max_ms, struct cdp_reply *reply,
                    yyjson_val **answer, struct err *err)
{
    int64_t deadline_ms = clock_ms() + max_ms;
    int r;

    for (;;) {
        cdp_reply_done(reply);
        *reply = (struct cdp_reply){ 0 };
        r = seen(c, value, reply, answer, err);
        if (r <= 0 || clock_ms() >= deadline_ms)
            return r;
        if (element_pause(AGAIN_MS, c->call, err))
            return -1;
    }
}

/* Where one types to see options: it is typed. */
static int type_for(struct choosing *c, const char *value, struct err *err)
{
    const struct input_type how = { .text = value, .clear = true };
    struct input_target target;

    if (choose_node(&c->e, "opener", NULL, c->call, &target, err))
        return -1;
    c->began = true;
    return input_type(c->e.page, &target, &how, c->call, NULL, err);
}

static int show(struct choosing *c, const char *value, struct cdp_reply *reply, yyjson_val **answer,
                struct err *err)
{
    int r = seen(c, value, reply, answer, err);

    if (r <= 0)
        return r;
    if (!json_int(*answer, "total", 0) && click(c, "opener", NULL, err))
        return -1;
    r = wait_for(c, value, c->types ? OPEN_MS / 4 : OPEN_MS, reply, answer, err);
    if (r > 0 && c->types) {
        if (type_for(c, value, err))
            return -1;
        r = wait_for(c, value, OPEN_MS, reply, answer, err);
    }
    return r > 0 ? missing(c, *answer, err) : r;
}

/* One option has the state that is wanted of it. */
static int choose_one(struct choosing *c, const char *value, bool wanted, struct err *err)
{
    AUTO(cdp_reply) struct cdp_reply reply = { 0 };
    yyjson_val *answer, *is;

    if (show(c, value, &reply, &answer, err))
        return -1;
    if (json_str(answer, "off"))
        return disabled(c, value, err);
    is = yyjson_arr_get_first(yyjson_obj_get(answer, "selected"));
    if (wanted && add_labels(c, yyjson_obj_get(answer, "labels"), err))
        return -1;
    if (c->several && yyjson_get_bool(is) == wanted)
        return 0;
    return click(c, "option", value, err);
}

/* What is chosen of a list that takes several, and is not wanted. */
static int clear_others(struct choosing *c, struct err *err)
{
    AUTO(cdp_reply) struct cdp_reply reply = { 0 };
    yyjson_val *answer, *other;
    size_t i, max;

    if (choose_ask(&c->e, "choices", c->values, c->count, c->call, &reply, &answer, err))
        return -1;
    yyjson_arr_foreach (yyjson_obj_get(answer, "others"), i, max, other)
        if (i < INPUT_OPTIONS_MAX && choose_one(c, yyjson_get_str(other), false, err))
            return -1;
    return 0;
}

static int scripted(struct choosing *c, struct err *err)
{
    for (size_t i = 0; i < c->count; i++)
        if (choose_one(c, c->values[i], true, err))
            return -1;
    return c->several ? clear_others(c, err) : 0;
}

int input_select(struct page *page, const struct input_target *target, const char *const *values,
                 size_t count, struct call *call, struct strings *selected,
                 struct page_report *report, struct err *err)
{
    struct choosing c = { .values = values, .count = count, .call = call, .selected = selected };
    struct page_mark mark;
    struct err why = { 0 };
    int r;

    if (count > INPUT_OPTIONS_MAX)
        return err_set(err, ERR_INVALID, "values: more than %d", INPUT_OPTIONS_MAX);
    page_mark(page, &mark);
    r = element_find(page, target, call, &c.e, &why) || look(&c, &why) ||
                (c.plain ? native(&c, &why) : scripted(&c, &why))
            ? -1
            : 0;
    element_done(&c.e);
    r = input_caused(page, &mark, r, c.began, &why, call, report, err);
    if (!r && report)
        snprintf(report->acted_on, sizeof(report->acted_on), "%s", c.name);
    return r;
}
