#include "backend/browser/download_state.h"

#include <stdlib.h>
#include <string.h>

static int unknown(const char *id, struct err *err)
{
    err_set(err, ERR_NOT_FOUND, "no download %.40s", id);
    return err_next(err, "list them with browser_downloads");
}

/* ---- looking ---- */

static void tell(struct download_row *row)
{
    row->told_begin = true;
    row->told_end |= row->d.state >= DOWNLOAD_DONE;
}

int download_list(struct browser *b, struct download **out, size_t *count, struct err *err)
{
    struct downloads *all;
    struct download *list = calloc(DOWNLOADS_KEPT, sizeof(*list));

    if (!list)
        return err_oom(err);
    pthread_mutex_lock(&b->lock);
    all = b->downloads;
    *count = all ? all->count : 0;
    for (size_t i = 0; i < *count; i++) {
        list[i] = all->rows[i]->d;
        tell(all->rows[i]);
    }
    pthread_mutex_unlock(&b->lock);
    *out = list;
    return 0;
}

int download_get(struct browser *b, const char *id, struct download *out, struct err *err)
{
    struct download_row *row;

    pthread_mutex_lock(&b->lock);
    row = download_row(b, id);
    if (row)
        *out = row->d;
    pthread_mutex_unlock(&b->lock);
    return row ? 0 : unknown(id, err);
}

bool download_waiting(struct browser *b)
{
    bool some = false;

    pthread_mutex_lock(&b->lock);
    for (size_t i = 0; b->downloads && i < b->downloads->count; i++)
        some |= b->downloads->rows[i]->d.state == DOWNLOAD_READY;
    pthread_mutex_unlock(&b->lock);
    return some;
}

/* ---- waiting ---- */

static struct download_row *next_of(struct browser *b, const char *id)
{
    struct downloads *all = b->downloads;

    if (id)
        return download_row(b, id);
    for (size_t i = 0; all && i < all->count; i++)
        if (!all->rows[i]->told_end)
            return all->rows[i];
    return NULL;
}

static bool goes_on(const struct download_row *row)
{
    return row->d.state == DOWNLOAD_RUNNING || row->d.state == DOWNLOAD_CLAIMED;
}

int download_wait(struct browser *b, const char *id, int64_t deadline_ms, struct call *call,
                  struct download *out, struct err *err)
{
    struct download_row *row = NULL;
    struct watch w;
    int r;

    *out = (struct download){ 0 };
    pthread_mutex_lock(&b->lock);
    r = watch_begin(b, &w, err);
    while (!r) {
        row = next_of(b, id);
        if ((id && !row) || (row && !goes_on(row)))
            break;
        r = watch_wait(b, &w, deadline_ms, call, err);
    }
    row = next_of(b, id);
    if (row) {
        *out = row->d;
        tell(row);
    }
    watch_end(b, &w);
    pthread_mutex_unlock(&b->lock);
    return r >= 0 && id && !row ? unknown(id, err) : r;
}

/* ---- putting into place ---- */

bool download_claim(struct browser *b, struct download *out)
{
    bool found = false;

    pthread_mutex_lock(&b->lock);
    for (size_t i = 0; b->downloads && i < b->downloads->count && !found; i++) {
        struct download *d = &b->downloads->rows[i]->d;
        if (d->state != DOWNLOAD_READY)
            continue;
        d->state = DOWNLOAD_CLAIMED;
        *out = *d;
        found = true;
    }
    pthread_mutex_unlock(&b->lock);
    return found;
}

void download_placed(struct browser *b, const char *id, const char *path, int64_t size,
                     const char *reason)
{
    struct download_row *row;

    pthread_mutex_lock(&b->lock);
    row = download_row(b, id);
    if (row) {
        row->d.state = path ? DOWNLOAD_DONE : DOWNLOAD_FAILED;
        row->d.received = size;
        if (path)
            row->d.total = size;
        COPY(row->d.path, path);
        COPY(row->d.reason, reason);
    }
    watch_poke(b);
    pthread_mutex_unlock(&b->lock);
}

void download_unclaim(struct browser *b, const char *id)
{
    struct download_row *row;

    pthread_mutex_lock(&b->lock);
    row = download_row(b, id);
    if (row)
        row->d.state = DOWNLOAD_READY;
    watch_poke(b);
    pthread_mutex_unlock(&b->lock);
}

void download_moved(struct browser *b, const char *id, const char *path)
{
    struct download_row *row;

    pthread_mutex_lock(&b->lock);
    row = download_row(b, id);
    if (row)
        COPY(row->d.path, path);
    pthread_mutex_unlock(&b->lock);
}

/* ---- telling ---- */

static bool is_open(struct browser *b, const char *page_id)
{
    for (size_t i = 0; i < b->page_count; i++)
        if (!strcmp(b->pages[i]->id, page_id))
            return true;
    return false;
}

static bool is_news(struct browser *b, struct download_row *row, const char *page_id)
{
    if (row->told_begin && (row->told_end || row->d.state < DOWNLOAD_DONE))
        return false;
    if (strcmp(row->d.page, page_id) && strcmp(row->d.opener, page_id) && is_open(b, row->d.page))
        return false;
    tell(row);
    return true;
}

int download_news(struct browser *b, const char *page_id, struct download **out, size_t *count,
                  struct err *err)
{
    struct download *list = NULL;
    struct downloads *all;
    int r = 0;

    *count = 0;
    *out = NULL;
    pthread_mutex_lock(&b->lock);
    all = b->downloads;
    for (size_t i = 0; all && i < all->count && !r; i++) {
        if (!is_news(b, all->rows[i], page_id))
            continue;
        if (!list && !(list = calloc(DOWNLOADS_KEPT, sizeof(*list))))
            r = err_oom(err);
        else
            list[(*count)++] = all->rows[i]->d;
    }
    pthread_mutex_unlock(&b->lock);
    *out = list;
    return r;
}
