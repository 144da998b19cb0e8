#include "backend/browser/net_log_state.h"
#include "backend/browser/snapshot_refs.h"
#include "backend/browser/state.h"
#include "base/clock.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

/* ---- small things ---- */

static size_t cut(const char *text, size_t len, size_t max)
{
    if (len <= max)
        return len;
    while (max && ((unsigned char)text[max] & 0xc0) == 0x80)
        max--;
    return max;
}

void copy_text(char *out, size_t size, const char *text)
{
    size_t len = text ? strlen(text) : 0;
    bool whole = len < size;
    size_t n = whole ? len : cut(text, len, size - 4);

    if (n)
        memmove(out, text, n);
    memcpy(out + n, "...", whole ? 0 : 3);
    out[n + (whole ? 0 : 3)] = '\0';
}

char *keep_url(char *old, const char *url)
{
    size_t len = url ? strlen(url) : 0, size = (len < BROWSER_URL_MAX ? len : BROWSER_URL_MAX - 1);
    char *made = malloc(size + 1);

    if (!made)
        return old;
    copy_text(made, size + 1, url);
    free(old);
    return made;
}

/* ---- life ---- */

struct page *page_make(struct browser *b, yyjson_val *info, const char *session)
{
    struct page *page = calloc(1, sizeof(*page));
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

    if (!page || fd < 0) {
        fd_close(&fd);
        free(page);
        return NULL;
    }
    atomic_init(&page->refs, 1);
    page->browser = b;
    browser_ref(b);
    page->halt_fd = fd;
    page->number = ++b->pages_made;
    id_make("page", page->id);
    COPY(page->target, json_str(info, "targetId"));
    COPY(page->session, session);
    COPY(page->context, json_str(info, "browserContextId"));
    page->url = keep_url(NULL, json_str(info, "url"));
    page->title = strdup("");
    frame_add(page, page->target, "", session);
    return page;
}

struct page *page_ref(struct page *page)
{
    atomic_fetch_add(&page->refs, 1);
    return page;
}

void page_unref(struct page *page)
{
    if (!page || atomic_fetch_sub(&page->refs, 1) != 1)
        return;
    frames_clear(page);
    chooser_free(page->chooser);
    free(page->drag);
    free(page->posted);
    responses_free(page->responses);
    net_log_free(page->net_log);
    console_free(page->console);
    free(page->dialog_text);
    free(page->emulation);
    fd_close(&page->halt_fd);
    refs_free(page->page_refs);
    free(page->url);
    free(page->title);
    browser_unref(page->browser);
    free(page);
}

void page_gone(struct page *page)
{
    page->closed = true;
    *page->dialog_type = '\0';
    page_halt(page);
}

void page_halt(struct page *page)
{
    bool halt = page->closed || page->crashed || *page->dialog_type || page->browser->over;
    eventfd_t ignored;

    if (page->closed || page->crashed || page->browser->over)
        screencast_over(page, page->closed    ? "the page was closed"
                              : page->crashed ? "the tab crashed"
                                              : "the browser ended");
    if (halt && !page->halted)
        (void)eventfd_write(page->halt_fd, 1);
    else if (!halt && page->halted)
        (void)eventfd_read(page->halt_fd, &ignored);
    page->halted = halt;
}

void page_add_event(struct page *page, const char *type, const char *fmt, ...)
{
    struct page_event *e;
    char text[PAGE_EVENT_MAX * 2];
    va_list ap;

    if (page->event_count == PAGE_EVENTS_MAX)
        memmove(page->events, page->events + 1, --page->event_count * sizeof(*e));
    e = &page->events[page->event_count++];
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    COPY(e->type, type);
    COPY(e->text, text);
}

/* ---- what it is like ---- */

const char *page_id(const struct page *page)
{
    return page->id;
}

struct browser *page_browser(struct page *page)
{
    return page->browser;
}

void page_info(struct page *page, struct page_info *out)
{
    struct browser *b = page->browser;

    pthread_mutex_lock(&b->lock);
    const struct context *c = context_by_id(b, page->context);
    *out = (struct page_info){
        .loading = page->loading,
        .crashed = page->crashed,
        .closed = page->closed,
        .dialog = *page->dialog_type,
        .in_flight = page->in_flight_count,
        .console_errors = page->console_errors,
        .documents = page->documents,
    };
    COPY(out->id, page->id);
    COPY(out->opener, page->opener);
    COPY(out->context, c ? c->name : "");
    COPY(out->url, page->url);
    COPY(out->title, page->title);
    COPY(out->dialog_type, page->dialog_type);
    COPY(out->dialog_message, page->dialog_message);
    pthread_mutex_unlock(&b->lock);
}

void page_keep_title(struct page *page, const char *title)
{
    char *kept = title ? strndup(title, BROWSER_TITLE_MAX) : NULL;

    if (!kept)
        return;
    pthread_mutex_lock(&page->browser->lock);
    free(page->title);
    page->title = kept;
    pthread_mutex_unlock(&page->browser->lock);
}

void page_refresh_title(struct page *page, struct call *call)
{
    char ignored[BROWSER_TITLE_MAX];

    page_title(page, call, ignored);
}

/* ---- commands ---- */

/* Locked. */
static int why_halted(struct page *page, struct err *err)
{
    if (page->browser->over || !page->browser->cdp)
        return browser_gone(page->browser, err);
    if (page->closed)
        return err_set(err, ERR_GONE, "the page %s was closed", page->id);
    if (page->crashed) {
        err_set(err, ERR_UNAVAILABLE, "the page's tab has crashed");
        return err_next(err, "navigate or reload it, that starts it afresh");
    }
    if (*page->dialog_type) {
        err_set(err, ERR_MODAL, "a %s dialog is open: \"%.300s\"", page->dialog_type,
                page->dialog_message);
        return err_next(err, "answer it with browser_dialog");
    }
    return 0;
}

static int check_halt(struct page *page, struct err *err)
{
    int r;

    pthread_mutex_lock(&page->browser->lock);
    r = why_halted(page, err);
    pthread_mutex_unlock(&page->browser->lock);
    return r;
}

int page_call(struct page *page, const char *session, const char *method, const char *params,
              int64_t timeout_ms, struct call *call, struct cdp_reply *reply, struct err *err)
{
    struct err own = { 0 };
    int r;

    if (check_halt(page, err))
        return -1;
    if (!session || !*session)
        session = page->session;
    r = cdp_call_until(page->browser->cdp, session, method, params, timeout_ms, call, page->halt_fd,
                       reply, &own);
    if (r && own.code == ERR_BUSY && check_halt(page, err))
        return -1;
    if (r && err)
        *err = own;
    return r;
}

int page_close(struct page *page, struct call *call, struct err *err)
{
    char params[96];

    if (!browser_alive(page->browser))
        return browser_gone(page->browser, err);
    snprintf(params, sizeof(params), "{\"targetId\":\"%s\"}", page->target);
    if (cdp_call(page->browser->cdp, "", "Target.closeTarget", params, 0, call, NULL, err))
        return err_wrap(err, "close the page");
    struct browser *b = page->browser;
    int64_t deadline_ms = clock_ms() + CDP_TIMEOUT_MS;
    struct watch w;
    pthread_mutex_lock(&b->lock);
    int r = watch_begin(b, &w, err);
    while (!r && !page->closed && strcmp(page->dialog_type, "beforeunload"))
        r = watch_wait(b, &w, deadline_ms, call, err);
    watch_end(b, &w);
    pthread_mutex_unlock(&b->lock);
    if (r)
        return r > 0 ? err_set(err, ERR_TIMEOUT, "the page does not close") : -1;
    struct err why = { 0 };
    if (!check_halt(page, &why) || why.code != ERR_MODAL)
        return 0;
    if (err)
        *err = why;
    return -1;
}

int page_activate(struct page *page, struct call *call, struct err *err)
{
    char params[96];

    if (check_halt(page, err))
        return -1;
    snprintf(params, sizeof(params), "{\"targetId\":\"%s\"}", page->target);
    return cdp_call(page->browser->cdp, "", "Target.activateTarget", params, 0, call, NULL, err);
}
