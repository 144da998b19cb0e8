#include "backend/browser/download.h"
#include "backend/browser/download_state.h"
#include "base/clock.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define CANCEL_MS 3000
#define INCOMING "/.incoming"

/* ---- rows ---- */

static struct download_row *by_guid(struct browser *b, const char *guid)
{
    struct downloads *all = b->downloads;

    for (size_t i = 0; all && guid && i < all->count; i++)
        if (!strcmp(all->rows[i]->guid, guid))
            return all->rows[i];
    return NULL;
}

struct download_row *download_row(struct browser *b, const char *id)
{
    struct downloads *all = b->downloads;

    for (size_t i = 0; all && i < all->count; i++)
        if (!strcmp(all->rows[i]->d.id, id))
            return all->rows[i];
    return NULL;
}

static bool is_over(const struct download_row *row)
{
    return row->d.state >= DOWNLOAD_DONE;
}

static void forget(struct downloads *all, size_t i)
{
    free(all->rows[i]);
    all->count--;
    memmove(all->rows + i, all->rows + i + 1, (all->count - i) * sizeof(all->rows[0]));
}

static bool make_room(struct downloads *all)
{
    for (size_t i = 0; i < all->count && all->count == DOWNLOADS_KEPT; i++)
        if (is_over(all->rows[i]))
            forget(all, i);
    return all->count < DOWNLOADS_KEPT;
}

void downloads_free(struct downloads *all)
{
    while (all && all->count)
        free(all->rows[--all->count]);
    free(all);
}

/* ---- cancelling ---- */

/* The browser takes the ids of contexts that were made only. */
static void cancel_params(struct browser *b, const char *guid, const char *context, char out[160])
{
    bool made = context_by_id(b, context) || (*context && !strcmp(context, b->home));

    snprintf(out, 160, "{\"guid\":\"%s\"%s%s%s}", guid, made ? ",\"browserContextId\":\"" : "",
             made ? context : "", made ? "\"" : "");
}

static void post_cancel(struct browser *b, const char *guid, const char *context)
{
    char params[160];

    cancel_params(b, guid, context, params);
    browser_post(b, "", "Browser.cancelDownload", params);
}

static void give_up(struct browser *b, struct download_row *row, const char *what, int64_t max)
{
    if (*row->d.reason)
        return;
    snprintf(row->d.reason, sizeof(row->d.reason), "%s larger than %.4g MiB", what,
             (double)max / (1024 * 1024));
    post_cancel(b, row->guid, row->context);
}

/* ---- events ---- */

static bool is_guid(const char *guid)
{
    size_t n = guid ? strspn(guid, "0123456789abcdefABCDEF-") : 0;

    return n && n < PAGE_FRAME_ID && !guid[n];
}

static struct page *page_of_frame(struct browser *b, const char *frame)
{
    for (size_t i = 0; i < b->page_count; i++)
        if (frame_find(b->pages[i], frame))
            return b->pages[i];
    return NULL;
}

static const char *refused(struct downloads *all)
{
    unsigned running = 0;

    for (size_t i = 0; i < all->count; i++)
        running += !is_over(all->rows[i]);
    if (running >= DOWNLOADS_RUNNING_MAX || !make_room(all))
        return "too many at once";
    return all->made >= DOWNLOADS_MAX ? "too many of one browser" : NULL;
}

static void begun(struct browser *b, struct session *s UNUSED, yyjson_val *params)
{
    const char *guid = json_str(params, "guid"), *frame = json_str(params, "frameId"), *why;
    struct downloads *all = b->downloads;
    struct page *page = page_of_frame(b, frame);
    struct download_row *row;

    if (!all || !is_guid(guid) || by_guid(b, guid))
        return;
    why = refused(all);
    row = why ? NULL : calloc(1, sizeof(*row));
    if (!row) {
        post_cancel(b, guid, page ? page->context : "");
        if (page)
            page_add_event(page, "download_refused", "%s", why ? why : "out of memory");
        return;
    }
    COPY(row->guid, guid);
    COPY(row->frame, frame);
    COPY(row->context, page ? page->context : "");
    COPY(row->d.page, page ? page->id : "");
    COPY(row->d.opener, page ? page->opener : "");
    COPY(row->d.url, json_str(params, "url"));
    row->posted = page && page->posted && !strcmp(page->posted, row->d.url);
    download_name(json_str(params, "suggestedFilename"), row->d.name);
    row->d.total = -1;
    row->number = ++all->made;
    snprintf(row->d.id, sizeof(row->d.id), "d%llu", (unsigned long long)row->number);
    if (*all->dir)
        snprintf(row->d.file, sizeof(row->d.file), "%s" INCOMING "/%s", all->dir, guid);
    all->rows[all->count++] = row;
}

static void check_bounds(struct browser *b, struct download_row *row)
{
    struct downloads *all = b->downloads;
    int64_t bytes = all->bytes;

    for (size_t i = 0; i < all->count; i++)
        if (all->rows[i]->d.state == DOWNLOAD_RUNNING)
            bytes += all->rows[i]->d.received;
    if (row->d.received > all->file_max || row->d.total > all->file_max)
        give_up(b, row, "it is", all->file_max);
    else if (bytes > all->all_max)
        give_up(b, row, "all downloads together are", all->all_max);
}

static void ended_early(struct browser *b, struct download_row *row)
{
    if (!*b->downloads->dir && !*row->d.reason && !*row->d.file) {
        row->d.state = DOWNLOAD_READY;
        return;
    }
    row->d.state = *row->d.reason ? DOWNLOAD_CANCELLED : DOWNLOAD_FAILED;
    if (!*row->d.reason)
        COPY(row->d.reason, "the browser could not finish it: the connection was cut, or the disk "
                            "is full");
}

static void progressed(struct browser *b, struct session *s UNUSED, yyjson_val *params)
{
    struct download_row *row = by_guid(b, json_str(params, "guid"));
    const char *state = json_str(params, "state");
    double received, total;

    if (!row || row->d.state != DOWNLOAD_RUNNING || !state)
        return;
    received = yyjson_get_num(yyjson_obj_get(params, "receivedBytes"));
    total = yyjson_get_num(yyjson_obj_get(params, "totalBytes"));
    row->d.received = received > 0 && received < 0x1p52 ? (int64_t)received : 0;
    row->d.total = total > 0 && total < 0x1p52 ? (int64_t)total : -1;
    if (!strcmp(state, "completed")) {
        row->d.total = row->d.received;
        row->d.state = DOWNLOAD_READY;
        *row->d.reason = '\0';
        b->downloads->bytes += row->d.received;
    } else if (!strcmp(state, "canceled")) {
        ended_early(b, row);
    } else {
        check_bounds(b, row);
    }
}

const struct page_event_row download_events[] = {
    { "Browser.downloadWillBegin", begun },
    { "Browser.downloadProgress", progressed },
    { NULL, NULL },
};

bool downloads_running(struct page *page, uint64_t since)
{
    struct downloads *all = page->browser->downloads;

    for (size_t i = 0; all && i < all->count; i++) {
        const struct download_row *row = all->rows[i];
        if (row->number > since && row->d.state == DOWNLOAD_RUNNING &&
            (!strcmp(row->d.page, page->id) || !strcmp(row->d.opener, page->id)))
            return true;
    }
    return false;
}

uint64_t downloads_made(const struct browser *b)
{
    return b->downloads ? b->downloads->made : 0;
}

void downloads_context_gone(struct browser *b, const char *context)
{
    struct downloads *all = b->downloads;

    for (size_t i = 0; all && i < all->count; i++) {
        struct download_row *row = all->rows[i];
        if (row->d.state != DOWNLOAD_RUNNING || strcmp(row->context, context))
            continue;
        row->d.state = DOWNLOAD_CANCELLED;
        COPY(row->d.reason, "the last page of its context was closed");
    }
}

/* ---- being told where to ---- */

static int behave(struct browser *b, const char *context, const char *dir, struct call *call,
                  struct err *err)
{
    AUTO(buf) struct buf params = BUF_MAX(4096), path = BUF_MAX(1024);
    struct jw w = JW(&params, err);

    if (*dir && (buf_adds(&path, dir, err) || buf_adds(&path, INCOMING, err)))
        return -1;
    jw_obj(&w);
    jw_kstr(&w, "behavior", *dir ? "allowAndName" : "deny");
    if (*dir)
        jw_kstr(&w, "downloadPath", path.data);
    if (*context)
        jw_kstr(&w, "browserContextId", context);
    jw_kbool(&w, "eventsEnabled", true);
    jw_end(&w);
    if (jw_done(&w) ||
        cdp_call(b->cdp, "", "Browser.setDownloadBehavior", params.data, 0, call, NULL, err))
        return err_wrap(err, "set up downloads");
    return 0;
}

int downloads_context(struct browser *b, const char *context, struct call *call, struct err *err)
{
    char dir[sizeof(b->downloads->dir)] = "";
    bool wanted;

    pthread_mutex_lock(&b->lock);
    wanted = b->downloads;
    if (wanted)
        COPY(dir, b->downloads->dir);
    pthread_mutex_unlock(&b->lock);
    return wanted ? behave(b, context, dir, call, err) : 0;
}

int browser_downloads(struct browser *b, const struct download_config *config, struct call *call,
                      struct err *err)
{
    struct downloads *all = calloc(1, sizeof(*all)), *old;

    if (!all)
        return err_oom(err);
    if (config->dir && strlen(config->dir) >= sizeof(all->dir)) {
        free(all);
        return err_set(err, ERR_INVALID, "the path for downloads is too long");
    }
    COPY(all->dir, config->dir);
    all->file_max = config->file_max ? config->file_max : DOWNLOAD_FILE_MAX;
    all->all_max = config->all_max ? config->all_max : DOWNLOAD_ALL_MAX;
    pthread_mutex_lock(&b->lock);
    old = b->downloads;
    b->downloads = all;
    pthread_mutex_unlock(&b->lock);
    downloads_free(old);
    return behave(b, b->home, config->dir ? config->dir : "", call, err);
}

int download_cancel(struct browser *b, const char *id, struct call *call, struct err *err)
{
    AUTO_FREE struct download *now = malloc(sizeof(*now));
    char params[160] = "";
    struct download_row *row;

    if (!now)
        return err_oom(err);
    if (download_get(b, id, now, err))
        return -1;
    pthread_mutex_lock(&b->lock);
    row = download_row(b, id);
    if (row && row->d.state == DOWNLOAD_RUNNING) {
        COPY(row->d.reason, "asked for");
        cancel_params(b, row->guid, row->context, params);
    }
    pthread_mutex_unlock(&b->lock);
    if (!*params) {
        err_set(err, ERR_CONFLICT, "the download %.20s is over already", id);
        return err_next(err, "browser_downloads tells what became of it");
    }
    if (cdp_call(b->cdp, "", "Browser.cancelDownload", params, 0, call, NULL, err))
        return -1;
    return download_wait(b, id, clock_ms() + CANCEL_MS, call, now, err) < 0 ? -1 : 0;
}
