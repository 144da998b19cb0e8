#include "backend/browser/input.h"
#include "tests/browser/drive.h"

#include <string.h>

void drive_report(struct jw *w, const struct page_report *r)
{
    jw_obj(w);
    jw_kstr(w, "url", r->url);
    jw_kstr(w, "title", r->title);
    jw_kbool(w, "navigated", r->navigated);
    jw_kbool(w, "same_document", r->same_document);
    jw_kbool(w, "unfinished", r->unfinished);
    jw_kint(w, "requests", r->requests);
    jw_kint(w, "console_errors", r->console_errors);
    jw_kstr(w, "dialog", r->dialog ? r->dialog_type : NULL);
    jw_kstr(w, "dialog_message", r->dialog_message);
    jw_key(w, "new_pages");
    jw_arr(w);
    for (unsigned i = 0; i < r->new_page_count; i++)
        jw_str(w, r->new_pages[i]);
    jw_aend(w);
    jw_key(w, "events");
    jw_arr(w);
    for (unsigned i = 0; i < r->event_count; i++) {
        jw_obj(w);
        jw_kstr(w, "type", r->events[i].type);
        jw_kstr(w, "text", r->events[i].text);
        jw_end(w);
    }
    jw_aend(w);
    jw_end(w);
}

static bool target_of(const struct drive *d, struct input_target *out)
{
    *out = (struct input_target){
        .selector = json_str(d->args, "target"),
        .session = json_str(d->args, "session"),
        .frame = json_str(d->args, "frame"),
        .node = json_int(d->args, "node", 0),
    };
    return out->selector || out->node;
}

static int do_click(const struct drive *d)
{
    struct input_click how = { .button = json_str(d->args, "button"),
                               .count = (int)json_int(d->args, "count", 0) };
    yyjson_val *names = yyjson_obj_get(d->args, "modifiers"), *name;
    struct input_target target;
    struct page_report report;
    size_t i, max;

    yyjson_arr_foreach (names, i, max, name) {
        unsigned bit;
        if (input_modifier(yyjson_get_str(name), &bit, d->err))
            return -1;
        how.modifiers |= bit;
    }
    (void)target_of(d, &target);
    if (input_click(d->page, &target, &how, d->call, &report, d->err))
        return -1;
    drive_report(d->out, &report);
    return 0;
}

static int do_hover(const struct drive *d)
{
    struct input_target target;
    struct page_report report;

    (void)target_of(d, &target);
    if (input_hover(d->page, &target, d->call, &report, d->err))
        return -1;
    drive_report(d->out, &report);
    return 0;
}

static int do_type(const struct drive *d)
{
    struct input_type how = {
        .text = json_str(d->args, "text"),
        .clear = json_bool(d->args, "clear", true),
        .submit = json_bool(d->args, "submit", false),
        .slowly = json_bool(d->args, "slowly", false),
    };
    struct input_target target;
    struct page_report report;
    bool given = target_of(d, &target);

    if (input_type(d->page, given ? &target : NULL, &how, d->call, &report, d->err))
        return -1;
    drive_report(d->out, &report);
    return 0;
}

static int do_press(const struct drive *d)
{
    yyjson_val *names = yyjson_obj_get(d->args, "keys"), *name;
    const char *keys[INPUT_KEYS_MAX];
    struct input_target target;
    struct page_report report;
    bool given = target_of(d, &target);
    size_t i, max, n = 0;

    yyjson_arr_foreach (names, i, max, name)
        if (n < INPUT_KEYS_MAX)
            keys[n++] = yyjson_get_str(name);
    if (input_press(d->page, given ? &target : NULL, keys, n, d->call, &report, d->err))
        return -1;
    drive_report(d->out, &report);
    return 0;
}

static int do_scroll(const struct drive *d)
{
    struct input_scroll how = {
        .dx = yyjson_get_num(yyjson_obj_get(d->args, "dx")),
        .dy = yyjson_get_num(yyjson_obj_get(d->args, "dy")),
        .to = json_str(d->args, "to"),
    };
    struct input_scrolled at;
    struct input_target target;
    bool given = target_of(d, &target);

    if (input_scroll(d->page, given ? &target : NULL, &how, d->call, &at, d->err))
        return -1;
    jw_obj(d->out);
    jw_knum(d->out, "x", at.x);
    jw_knum(d->out, "y", at.y);
    jw_kbool(d->out, "at_end", at.at_end);
    jw_end(d->out);
    return 0;
}

const struct drive_row drive_input_rows[] = {
    { "click", do_click }, { "hover", do_hover },   { "type", do_type },
    { "press", do_press }, { "scroll", do_scroll }, { NULL, NULL },
};
