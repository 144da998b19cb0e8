#include "backend/browser/element.h"
#include "backend/browser/element_js.h"
#include "backend/browser/input.h"
#include "backend/browser/keys.h"
#include "backend/browser/state.h"
#include "base/utf8.h"

#include <string.h>

/* ---- keys ---- */

static int key_event(struct page *page, const struct key *key, bool down, unsigned modifiers,
                     bool wait, struct call *call, struct err *err)
{
    AUTO(buf) struct buf params = BUF_MAX(1024);
    bool types = key->text && !(modifiers & (INPUT_CONTROL | INPUT_ALT | INPUT_META));
    struct jw w = JW(&params, err);

    jw_obj(&w);
    jw_kstr(&w, "type", !down ? "keyUp" : types ? "keyDown" : "rawKeyDown");
    jw_kstr(&w, "key", key->key);
    jw_kstr(&w, "code", key->code);
    jw_kint(&w, "windowsVirtualKeyCode", key->vk);
    jw_kint(&w, "location", key->location);
    jw_kint(&w, "modifiers", modifiers);
    if (down && types) {
        jw_kstr(&w, "text", key->text);
        jw_kstr(&w, "unmodifiedText", key->text);
    }
    jw_end(&w);
    if (jw_done(&w))
        return -1;
    if (wait)
        return page_call(page, NULL, "Input.dispatchKeyEvent", params.data, 0, call, NULL, err);
    return cdp_send(page->browser->cdp, page->session, "Input.dispatchKeyEvent", params.data, err);
}

/* All down, all up in reverse; every down waits, as it is what pages react to. */
static int play(struct page *page, const struct chord *chord, struct call *call, struct err *err)
{
    unsigned modifiers = 0;
    int r = 0;
    size_t i;

    for (i = 0; i < chord->count && !r; i++) {
        modifiers |= chord->keys[i].modifier | (chord->keys[i].shift ? INPUT_SHIFT : 0);
        r = key_event(page, &chord->keys[i], true, modifiers, true, call, err);
    }
    while (i--) {
        modifiers &= ~chord->keys[i].modifier;
        if (key_event(page, &chord->keys[i], false, modifiers, false, call, r ? NULL : err))
            r = -1;
    }
    return r;
}

static int play_name(struct page *page, const char *name, struct call *call, struct err *err)
{
    struct chord chord;

    return keys_chord(name, &chord, err) ? -1 : play(page, &chord, call, err);
}

static int insert(struct page *page, const char *text, size_t len, struct call *call,
                  struct err *err)
{
    AUTO(buf) struct buf params = BUF_MAX(8 * INPUT_TEXT_MAX);
    struct jw w = JW(&params, err);

    jw_obj(&w);
    jw_key(&w, "text");
    jw_strn(&w, text, len);
    jw_end(&w);
    return jw_done(&w) ? -1
                       : page_call(page, NULL, "Input.insertText", params.data, 0, call, NULL, err);
}

static int type_slowly(struct page *page, const char *text, struct call *call, struct err *err)
{
    size_t len = strlen(text), n, count = 0;
    struct chord chord;

    for (; len; text += n, len -= n) {
        if (++count > INPUT_SLOWLY_MAX)
            return err_set(err, ERR_TOO_LARGE, "text: more than %d characters to type slowly",
                           INPUT_SLOWLY_MAX);
        n = 1 + utf8_skip(text + 1, len - 1);
        if (n == 1 && keys_of_char(*text, &chord) ? play(page, &chord, call, err)
                                                  : insert(page, text, n, call, err))
            return -1;
    }
    return 0;
}

/* ---- the element ---- */

/* 1: the text is in already. */
static int focus(struct element *e, bool clear, const char *text, struct call *call,
                 struct err *err)
{
    AUTO(cdp_reply) struct cdp_reply reply = { 0 };
    AUTO(buf) struct buf args = BUF_MAX(8 * INPUT_TEXT_MAX);
    struct jw w = JW(&args, err);
    yyjson_val *value;

    jw_arr(&w);
    jw_obj(&w);
    jw_kbool(&w, "value", clear);
    jw_end(&w);
    jw_obj(&w);
    jw_kstr(&w, "value", text);
    jw_end(&w);
    jw_aend(&w);
    if (jw_done(&w) || element_call(e, js_focus, args.data, 0, call, &reply, &value, err))
        return -1;
    if (yyjson_get_int(value) == 2) {
        err_set(err, ERR_INVALID, "text: \"%.60s\" does not fit into %s", text, e->label);
        return err_next(err, "dates are YYYY-MM-DD, times HH:MM, colours #rrggbb");
    }
    return yyjson_get_int(value) == 1;
}

static int focus_only(struct element *e, struct call *call, struct err *err)
{
    AUTO(cdp_reply) struct cdp_reply reply = { 0 };
    yyjson_val *value;

    return element_call(e, "function(){this.focus()}", "[]", 0, call, &reply, &value, err);
}

static int enter_text(struct page *page, const struct input_type *how, struct call *call,
                      struct err *err)
{
    if (!*how->text)
        return how->clear ? play_name(page, "Delete", call, err) : 0;
    return how->slowly ? type_slowly(page, how->text, call, err)
                       : insert(page, how->text, strlen(how->text), call, err);
}

static int type_into(struct page *page, const struct input_target *target,
                     const struct input_type *how, struct call *call, bool *began,
                     struct element *shown, struct err *err)
{
    struct element e = { 0 };
    int r = 0;

    if (target) {
        r = element_find(page, target, call, &e, err) || element_ready(&e, "t", call, err) ? -1 : 0;
        *began = !r;
        COPY(shown->label, e.label);
        if (!r)
            r = focus(&e, how->clear, how->text, call, err);
    } else {
        *began = true;
        if (how->clear)
            r = play_name(page, "Control+a", call, err);
    }
    element_done(&e);
    if (r < 0)
        return -1;
    if (!r && enter_text(page, how, call, err))
        return -1;
    return how->submit ? play_name(page, "Enter", call, err) : 0;
}

static int check_text(const struct input_type *how, struct err *err)
{
    if (!how->text)
        return err_set(err, ERR_INVALID, "text: is required");
    if (strlen(how->text) > INPUT_TEXT_MAX)
        return err_set(err, ERR_TOO_LARGE, "text: more than %d bytes", INPUT_TEXT_MAX);
    return 0;
}

int input_type(struct page *page, const struct input_target *target, const struct input_type *how,
               struct call *call, struct page_report *report, struct err *err)
{
    struct page_mark mark;
    struct err why = { 0 };
    struct element shown = { 0 };
    bool began = false;

    if (check_text(how, err))
        return -1;
    page_mark(page, &mark);
    int r = type_into(page, target, how, call, &began, &shown, &why);
    r = input_caused(page, &mark, r, began, &why, call, report, err);
    input_acted_on(report, &shown);
    return r;
}

int input_press(struct page *page, const struct input_target *target, const char *const *chords,
                size_t count, struct call *call, struct page_report *report, struct err *err)
{
    struct chord all[INPUT_KEYS_MAX];
    struct page_mark mark;
    struct err why = { 0 };
    struct element e = { 0 };
    int r = 0;

    if (!count || count > INPUT_KEYS_MAX)
        return err_set(err, ERR_INVALID, "keys: %zu is not within 1..%d", count, INPUT_KEYS_MAX);
    for (size_t i = 0; i < count; i++)
        if (keys_chord(chords[i], &all[i], err))
            return -1;
    page_mark(page, &mark);
    if (target)
        r = element_find(page, target, call, &e, &why) || element_ready(&e, "s", call, &why) ||
                    focus_only(&e, call, &why)
                ? -1
                : 0;
    bool began = !r;
    for (size_t i = 0; i < count && !r; i++)
        r = play(page, &all[i], call, &why);
    element_done(&e);
    r = input_caused(page, &mark, r, began, &why, call, report, err);
    input_acted_on(report, &e);
    return r;
}
