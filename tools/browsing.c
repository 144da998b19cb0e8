#include "tools/browsing.h"
#include "backend/browser/keeper.h"
#include "backend/browser/snapshot.h"
#include "backend/browser/upload.h"
#include "tools/downloads.h"
#include "tools/recording_tap.h"
#include "tools/render.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int browsing_open(struct tool_call *call, struct browsing *out, struct err *err)
{
    if (tools_sandbox(call, &out->sandbox, err))
        return -1;
    return sandbox_browser(out->sandbox, call->call, &out->browser, err);
}

static struct keeper *keeper(const struct browsing *b)
{
    return atomic_load(&b->sandbox->keeper);
}

/* The last page that was used, else the newest, else a new one. */
static int usual_page(struct tool_call *call, struct browsing *b, struct page **out,
                      struct err *err)
{
    struct page *all[BROWSER_PAGES_MAX];
    char id[ID_SIZE];
    size_t n;

    keeper_last_page(keeper(b), id);
    if (*id && !browser_page(b->browser, id, out, NULL))
        return 0;
    n = browser_pages(b->browser, all);
    for (size_t i = 0; i + 1 < n; i++)
        page_unref(all[i]);
    if (n) {
        *out = all[n - 1];
        return 0;
    }
    return browser_open(b->browser, NULL, call->call, out, err);
}

static void about(struct tool_call *call, const char *page_id)
{
    snprintf(call->origin.page, sizeof(call->origin.page), "%s", page_id);
}

static void turn(struct tool_call *call, struct browsing *b, struct page *page)
{
    browsing_turn(b, page);
    about(call, page_id(page));
}

/* What acts on a page waits until its chooser is answered; what only looks does not. */
static int check_chooser(struct tool_call *call, struct page *page, struct err *err)
{
    static const char *const allowed[] = { "browser_upload", "browser_dialog", "browser_tabs",
                                           "browser_close", "browser_downloads" };
    struct page_chooser chooser;

    for (size_t i = 0; i < COUNT_OF(allowed); i++)
        if (!call->def || call->def->read_only || !strcmp(call->def->name, allowed[i]))
            return 0;
    page_chooser(page, &chooser);
    if (!chooser.open)
        return 0;
    err_set(err, ERR_MODAL, "a file chooser is open%s",
            chooser.multiple ? " for several files" : "");
    return err_next(err, "give it files with browser_upload, or cancel it by empty paths");
}

int browsing_begin(struct tool_call *call, const char *page_id, struct browsing *out,
                   struct err *err)
{
    struct page *page = NULL;

    if (page_id)
        about(call, page_id);
    if (browsing_open(call, out, err))
        return -1;
    if (page_id ? browser_page(out->browser, page_id, &page, err)
                : usual_page(call, out, &page, err))
        return -1;
    turn(call, out, page);
    return check_chooser(call, page, err);
}

void browsing_active(struct browsing *b, char out[ID_SIZE])
{
    keeper_last_page(keeper(b), out);
}

void browsing_turn(struct browsing *b, struct page *page)
{
    page_unref(b->page);
    b->page = page;
    keeper_use_page(keeper(b), page_id(page));
}

void browsing_done(struct browsing *b)
{
    page_unref(b->page);
    if (b->sandbox)
        sandbox_browser_put(b->sandbox, b->browser);
    sandbox_put(b->sandbox);
}

int browsing_target(struct tool_call *call, struct browsing *b, const char *target,
                    struct input_target *out, struct err *err)
{
    bool rest = false;

    *out = (struct input_target){ 0 };
    if (!strncmp(target, "ref=", 4))
        target += 4;
    if (!snapshot_is_ref(target, &rest)) {
        out->selector = target;
        return 0;
    }
    if (rest) {
        err_set(err, ERR_INVALID, "target: %.40s names several elements", target);
        return err_next(err, "use browser_snapshot with it to see them");
    }
    out->ref = target;
    recording_note_ref(call, b->page, target);
    return 0;
}

int browsing_place(struct buf *out, const char *page_id, const char *url, const char *title,
                   struct err *err)
{
    return buf_addf(out, err, "%s · ", page_id) || render_name(out, url, err) ||
                   (*title && (buf_adds(out, " · ", err) || render_name(out, title, err))) ||
                   buf_adds(out, "\n", err)
               ? -1
               : 0;
}

static int browsing_note(struct buf *out, const char *note, struct err *err)
{
    return *note && (render_name(out, note, err) || buf_addc(out, '\n', err)) ? -1 : 0;
}

static int render_dialog(struct buf *out, const struct page_report *r, struct err *err)
{
    if (!r->dialog)
        return 0;
    return buf_addf(out, err, "%s open: \"", r->dialog_type) ||
                   render_name(out, r->dialog_message, err) ||
                   buf_adds(out, "\" (answer it with browser_dialog)\n", err)
               ? -1
               : 0;
}

int browsing_events(struct buf *out, const struct page_report *r, struct err *err)
{
    if (r->unfinished && buf_adds(out, "still loading\n", err))
        return -1;
    for (unsigned i = 0; i < r->new_page_count; i++)
        if (buf_addf(out, err, "new page %s\n", r->new_pages[i]))
            return -1;
    for (unsigned i = 0; i < r->event_count; i++)
        if (buf_addf(out, err, "%s: ", r->events[i].type) ||
            render_name(out, r->events[i].text, err) || buf_adds(out, "\n", err))
            return -1;
    if (r->console_errors && buf_addf(out, err, "%u console error%s\n", r->console_errors,
                                      r->console_errors == 1 ? "" : "s"))
        return -1;
    return render_dialog(out, r, err);
}

static void event_json(struct jw *w, const char *type, const char *text)
{
    jw_obj(w);
    jw_kstr(w, "type", type);
    jw_kstr(w, "text", text);
    jw_end(w);
}

void browsing_events_json(struct jw *w, const struct page_report *r)
{
    char count[32];

    jw_key(w, "events");
    jw_arr(w);
    for (unsigned i = 0; i < r->new_page_count; i++)
        event_json(w, "new_page", r->new_pages[i]);
    for (unsigned i = 0; i < r->event_count; i++)
        event_json(w, r->events[i].type, r->events[i].text);
    snprintf(count, sizeof(count), "%u", r->console_errors);
    if (r->console_errors)
        event_json(w, "console_errors", count);
    if (r->dialog)
        event_json(w, r->dialog_type, r->dialog_message);
    if (r->unfinished)
        event_json(w, "loading", "still loading");
    jw_aend(w);
}

int browsing_report(struct tool_call *call, struct browsing *b, const char *did,
                    const struct page_report *r, bool snapshot, struct err *err)
{
    AUTO(buf) struct buf text = BUF_MAX(RENDER_MAX);
    AUTO_FREE struct page_report *told = malloc(sizeof(*told));
    const char *went = r->navigated ? ", navigated" : r->same_document ? ", URL changed" : "";

    if (!told)
        return err_oom(err);
    *told = *r;
    if (downloads_tell(call, b, told, err))
        return -1;
    r = told;
    if (buf_adds(&text, did, err) ||
        (*r->acted_on && (buf_addc(&text, ' ', err) || render_name(&text, r->acted_on, err))) ||
        buf_addf(&text, err, "%s · ", went) ||
        browsing_place(&text, page_id(b->page), r->url, r->title, err) ||
        browsing_note(&text, r->note, err) || browsing_events(&text, r, err) ||
        (snapshot && !r->dialog && browsing_snapshot(call, b, NULL, &text, err)))
        return -1;
    if (tool_meta_str(call, "page_id", page_id(b->page), err) ||
        tool_meta_str(call, "url", r->url, err))
        return -1;
    return tool_text(call, text.data, text.len, err);
}
