#include "backend/browser/chooser.h"
#include "backend/browser/element.h"
#include "backend/browser/upload_content.h"
#include "backend/browser/upload_js.h"
#include "base/clock.h"

#include <string.h>

#define OPEN_MS 3000

/* ---- the input ---- */

static int set_paths(struct element *e, const struct upload_file *files, size_t count,
                     struct call *call, struct err *err)
{
    AUTO(buf) struct buf params = BUF_MAX(1024 * 1024);
    struct jw w = JW(&params, err);

    jw_obj(&w);
    jw_kstr(&w, "objectId", e->object);
    jw_key(&w, "files");
    jw_arr(&w);
    for (size_t i = 0; i < count; i++)
        jw_str(&w, files[i].path);
    jw_aend(&w);
    jw_end(&w);
    return jw_done(&w) ? -1
                       : page_call(e->page, e->session, "DOM.setFileInputFiles", params.data, 0,
                                   call, NULL, err);
}

static int set_content(struct element *e, const struct upload_file *files, size_t count,
                       struct call *call, struct err *err)
{
    AUTO(cdp_reply) struct cdp_reply reply = { 0 };
    yyjson_val *value;

    if (upload_content(e, files, count, call, err))
        return -1;
    return element_call(e, js_upload_set, "[]", 0, call, &reply, &value, err);
}

struct input_kind {
    bool file, multiple, directory, disabled;
};

static int look(struct element *e, struct call *call, struct input_kind *out, struct err *err)
{
    AUTO(cdp_reply) struct cdp_reply reply = { 0 };
    yyjson_val *value;
    const char *label;

    if (element_call(e, js_upload_kind, "[]", 0, call, &reply, &value, err))
        return -1;
    *out = (struct input_kind){
        .file = json_bool(value, "file", false),
        .multiple = json_bool(value, "multiple", false),
        .directory = json_bool(value, "directory", false),
        .disabled = json_bool(value, "disabled", false),
    };
    label = json_str(value, "label");
    snprintf(e->label, sizeof(e->label), "%.150s", label ? label : "the input");
    return 0;
}

static int check_kind(const struct element *e, const struct input_kind *kind, size_t count,
                      struct err *err)
{
    if (kind->disabled)
        return err_set(err, ERR_INVALID, "%s is disabled", e->label);
    if (kind->directory) {
        err_set(err, ERR_INVALID, "%s wants a whole directory, which is not given", e->label);
        return err_next(err, "cancel it with browser_upload and no paths");
    }
    if (count > 1 && !kind->multiple) {
        err_set(err, ERR_INVALID, "%s takes one file, %zu were passed", e->label, count);
        return err_next(err, "pass one path");
    }
    return 0;
}

static int list_taken(struct element *e, struct call *call, struct strings *taken, struct err *err)
{
    AUTO(cdp_reply) struct cdp_reply reply = { 0 };
    yyjson_val *value, *name;
    size_t i, max;

    if (!taken)
        return 0;
    if (element_call(e, js_upload_files, "[]", 0, call, &reply, &value, err))
        return -1;
    yyjson_arr_foreach (value, i, max, name)
        if (strings_addf(taken, err, "%.300s", yyjson_get_str(name) ? yyjson_get_str(name) : ""))
            return -1;
    return 0;
}

static int empty(struct element *e, struct call *call, struct err *err)
{
    AUTO(cdp_reply) struct cdp_reply reply = { 0 };
    yyjson_val *value;

    return element_call(e, js_upload_empty, "[]", 0, call, &reply, &value, err);
}

/* What the input did with them; the page may have emptied it right away. */
static int give(struct element *e, const struct upload_file *files, size_t count, struct call *call,
                struct strings *taken, struct err *err)
{
    struct input_kind kind;
    size_t before = taken ? taken->count : 0;
    int r;

    if (look(e, call, &kind, err) || check_kind(e, &kind, count, err))
        return -1;
    if (!count)
        return empty(e, call, err);
    r = upload_by_path(files, count) ? set_paths(e, files, count, call, err)
                                     : set_content(e, files, count, call, err);
    if (r)
        return -1;
    struct err ignored = { 0 };
    if (list_taken(e, call, taken, &ignored) || (taken && taken->count == before))
        for (size_t i = 0; taken && i < count; i++)
            if (strings_addf(taken, err, "%.300s", files[i].name))
                return -1;
    return 0;
}

static int cancel(struct element *e, struct call *call, struct err *err)
{
    AUTO(cdp_reply) struct cdp_reply reply = { 0 };
    yyjson_val *value;

    return element_call(e, js_upload_cancel, "[]", 0, call, &reply, &value, err);
}

/* ---- choosers ---- */

static int answer(struct page *page, const struct upload_file *files, size_t count,
                  struct call *call, struct strings *taken, struct page_report *report,
                  struct err *err)
{
    struct chooser c;
    struct element e;
    int r;

    if (!chooser_take(page, &c)) {
        err_set(err, ERR_NOT_FOUND, "no file chooser is open on %s", page_id(page));
        return err_next(err, "pass as target the file input, or what opens the chooser");
    }
    const struct input_target target = { .session = c.session, .frame = c.frame, .node = c.node };
    r = element_find(page, &target, call, &e, err);
    if (!r)
        r = count ? give(&e, files, count, call, taken, err) : cancel(&e, call, err);
    if (report)
        snprintf(report->acted_on, sizeof(report->acted_on), "%s", e.label);
    element_done(&e);
    /* An input that has gone takes its chooser along. */
    if (r && err->code == ERR_STALE)
        return count ? -1 : 0;
    if (r)
        chooser_give_back(page, &c);
    return r;
}

static int no_chooser(const char *label, struct err *err)
{
    err_set(err, ERR_INVALID, "%s is no file input, and opened no file chooser when it was clicked",
            label);
    return err_next(err, "pass the <input type=file> itself, e.g. css=input[type=file]; "
                         "to drop files on an element use browser_drag with paths");
}

/* Clicked, for the chooser that this opens. */
static int open_chooser(struct page *page, const struct input_target *target, struct call *call,
                        const char *label, struct err *err)
{
    int r;

    if (input_click(page, target, &(struct input_click){ .count = 1 }, call, NULL, err))
        return -1;
    r = chooser_wait(page, clock_ms() + OPEN_MS, call, err);
    return r > 0 ? no_chooser(label, err) : r;
}

static int at_target(struct page *page, const struct input_target *target,
                     const struct upload_file *files, size_t count, struct call *call,
                     struct strings *taken, struct page_report *report, struct err *err)
{
    struct input_kind kind = { 0 };
    struct element e;
    char label[ELEMENT_LABEL_MAX] = "";
    int r = element_find(page, target, call, &e, err) || look(&e, call, &kind, err) ? -1 : 0;

    if (!r)
        COPY(label, e.label);
    if (!r && kind.file) {
        r = give(&e, files, count, call, taken, err);
        if (report)
            COPY(report->acted_on, label);
        struct chooser done;
        if (!r) /* the one it had open */
            (void)chooser_take(page, &done);
    }
    element_done(&e);
    if (r || kind.file)
        return r;
    if (open_chooser(page, target, call, label, err))
        return -1;
    return answer(page, files, count, call, taken, report, err);
}

int input_upload(struct page *page, const struct input_target *target,
                 const struct upload_file *files, size_t count, struct call *call,
                 struct strings *taken, struct page_report *report, struct err *err)
{
    struct page_mark mark;
    struct page_report acted = { 0 };
    struct err why = { 0 };
    int r;

    if (count > UPLOAD_FILES_MAX)
        return err_set(err, ERR_TOO_LARGE, "paths: more than %d files", UPLOAD_FILES_MAX);
    page_mark(page, &mark);
    if (target)
        r = at_target(page, target, files, count, call, taken, &acted, &why);
    else
        r = answer(page, files, count, call, taken, &acted, &why);
    r = input_caused(page, &mark, r, !r, &why, call, report, err);
    if (!r && report)
        COPY(report->acted_on, acted.acted_on);
    return r;
}
