#include "backend/browser/extract.h"
#include "backend/browser/extract_run.h"
#include "backend/browser/state.h"
#include "base/utf8.h"

#include <stdlib.h>
#include <string.h>

/* Of the view: a frame that is no part of the main content is read still. */
#define LOST_SHARE 0.25
#define KEY_MAX 5000

struct kept {
    char page[ID_SIZE], loader[PAGE_FRAME_ID];
    char *key; /* what was asked */
    struct extraction *x;
    uint64_t used;
};

struct extracts {
    struct kept rows[EXTRACT_KEPT];
    uint64_t clock;
};

const char *extract_format_name(enum extract_format format)
{
    static const char *const names[] = {
        [EXTRACT_MARKDOWN] = "markdown", [EXTRACT_TEXT] = "text",     [EXTRACT_HTML] = "html",
        [EXTRACT_LINKS] = "links",       [EXTRACT_TABLES] = "tables", [EXTRACT_FORMS] = "forms",
    };
    return names[format];
}

void extraction_unref(struct extraction *x)
{
    if (!x || atomic_fetch_sub(&x->refs, 1) > 1)
        return;
    free(x->content);
    free(x);
}

/* ---- what is kept; browser.lock is held ---- */

static void forget(struct kept *k)
{
    extraction_unref(k->x);
    free(k->key);
    *k = (struct kept){ 0 };
}

void extracts_free(struct extracts *all)
{
    for (size_t i = 0; all && i < EXTRACT_KEPT; i++)
        forget(&all->rows[i]);
    free(all);
}

/* loader NULL: of any document. */
static struct kept *find_kept(struct browser *b, const char *page, const char *loader,
                              const char *key)
{
    for (size_t i = 0; b->extracts && i < EXTRACT_KEPT; i++) {
        struct kept *k = &b->extracts->rows[i];
        if (k->x && !strcmp(k->page, page) && !strcmp(k->key, key) &&
            (!loader || !strcmp(k->loader, loader)))
            return k;
    }
    return NULL;
}

/* Room for one more of that size: the row to use, which is empty. */
static struct kept *make_room(struct extracts *all, size_t bytes)
{
    for (;;) {
        struct kept *empty = NULL, *oldest = NULL;
        size_t sum = bytes;
        for (size_t i = 0; i < EXTRACT_KEPT; i++) {
            struct kept *k = &all->rows[i];
            if (!k->x)
                empty = k;
            else if (!oldest || k->used < oldest->used)
                oldest = k;
            sum += k->x ? k->x->len : 0;
        }
        if (empty && (sum <= EXTRACT_KEPT_MAX || !oldest))
            return empty;
        forget(oldest);
    }
}

static void keep(struct page *page, const char *loader, const char *key, struct extraction *x)
{
    struct browser *b = page->browser;
    char *copy = strdup(key);

    pthread_mutex_lock(&b->lock);
    if (!b->extracts)
        b->extracts = calloc(1, sizeof(*b->extracts));
    if (copy && b->extracts) {
        struct kept *old;
        while ((old = find_kept(b, page->id, NULL, key)))
            forget(old);
        struct kept *k = make_room(b->extracts, x->len);
        *k = (struct kept){ .key = copy, .x = x, .used = ++b->extracts->clock };
        COPY(k->page, page->id);
        COPY(k->loader, loader);
        atomic_fetch_add(&x->refs, 1);
        copy = NULL;
    }
    pthread_mutex_unlock(&b->lock);
    free(copy);
}

/* *moved: one was kept of another document. */
static struct extraction *kept(struct page *page, const char *loader, const char *key, bool *moved)
{
    struct browser *b = page->browser;
    struct extraction *x = NULL;

    pthread_mutex_lock(&b->lock);
    struct kept *k = find_kept(b, page->id, loader, key);
    *moved = !k && find_kept(b, page->id, NULL, key);
    if (k) {
        k->used = ++b->extracts->clock;
        x = k->x;
        atomic_fetch_add(&x->refs, 1);
    }
    pthread_mutex_unlock(&b->lock);
    return x;
}

/* ---- frames in frames ---- */

struct whole {
    struct extract_run run;
    struct buf text;
    char cut[16];
    unsigned frames; /* read so far */
};

/* What fits; the rest is said to be missing. */
static int add(struct whole *w, const char *text, size_t len, struct err *err)
{
    size_t room = EXTRACT_MAX - w->text.len;

    if (len > room) {
        len = utf8_cut(text, room);
        COPY(w->cut, "size");
    }
    return buf_add(&w->text, text, len, err);
}

static int add_frame(struct whole *w, size_t number, bool heading, int depth, struct err *err);

static int add_title(struct whole *w, size_t number, bool heading, struct err *err)
{
    static const char *const before[] = {
        [EXTRACT_MARKDOWN] = "## Frame ", [EXTRACT_TEXT] = "Frame ",
        [EXTRACT_HTML] = "<!-- frame ",   [EXTRACT_LINKS] = "## Frame ",
        [EXTRACT_TABLES] = "## Frame ",   [EXTRACT_FORMS] = "## Frame ",
    };
    const char *begin = heading ? before[w->run.format] : "[frame ";
    const char *end = !heading ? "]" : w->run.format == EXTRACT_HTML ? " -->" : "";
    const char *url = w->run.frames[number].url, *gap = w->text.len && heading ? "\n\n" : "";

    return add(w, gap, strlen(gap), err) || add(w, begin, strlen(begin), err) ||
                   add(w, url, strlen(url), err) || add(w, end, strlen(end), err) ||
                   add(w, "\n\n", 2, err)
               ? -1
               : 0;
}

/* Number of the frame that the marker at `at` is of, in a line of its own; -1 none. *end: of it. */
static int64_t marked(const struct extract_piece *p, const struct whole *w, const char *at,
                      const char **end)
{
    char *x;
    unsigned long n = strtoul(at + strlen(w->run.marker), &x, 10);

    *end = *x == 'x' ? x + 1 : x;
    if (*x != 'x' || (at > p->content.data && at[-1] != '\n') || (x[1] && x[1] != '\n'))
        return -1;
    for (size_t i = 0; i < p->below; i++)
        if (p->frames[i].number == n)
            return (int64_t)i;
    return -1;
}

static int add_inline(struct whole *w, size_t number, int depth, struct err *err)
{
    return add_frame(w, number, false, depth, err) || add(w, "\n\n[end of frame]", 16, err) ? -1
                                                                                            : 0;
}

/* The content with what its frames say in their places; done[i]: that one was. */
static int add_piece(struct whole *w, const struct extract_piece *p, bool *done, int depth,
                     struct err *err)
{
    const char *from = buf_str(&p->content), *at, *end;

    while ((at = strstr(from, w->run.marker))) {
        int64_t i = marked(p, w, at, &end);
        if (add(w, from, (size_t)(at - from), err))
            return -1;
        if (i >= 0 && !done[i]) {
            done[i] = true;
            if (add_inline(w, p->frames[i].number, depth, err))
                return -1;
        } else if (add(w, "[frame]", 7, err)) {
            return -1;
        }
        from = end;
    }
    return add(w, from, strlen(from), err);
}

static int add_rest(struct whole *w, const struct extract_piece *p, const bool *done,
                    bool main_only, int depth, struct err *err)
{
    for (size_t i = 0; i < p->below; i++) {
        if (done[i] || (main_only && p->frames[i].share < LOST_SHARE))
            continue;
        if (add_frame(w, p->frames[i].number, true, depth, err))
            return -1;
    }
    return 0;
}

static bool ends_all(const struct err *why)
{
    return why->code == ERR_CANCELLED || why->code == ERR_MODAL || why->code == ERR_GONE ||
           why->code == ERR_UNAVAILABLE;
}

static int add_frame(struct whole *w, size_t number, bool heading, int depth, struct err *err)
{
    AUTO(extract_piece) struct extract_piece p = { 0 };
    bool done[EXTRACT_BELOW_MAX] = { 0 };
    struct err why = { 0 };

    if (add_title(w, number, heading, err))
        return -1;
    if (depth > 4 || ++w->frames > EXTRACT_FRAMES_MAX)
        return add(w, "(not read: too many frames)", 27, err);
    if (extract_frame(&w->run, number, NULL, false, &p, &why)) {
        if (ends_all(&why)) {
            if (err)
                *err = why;
            return -1;
        }
        return add(w, "(this frame cannot be read now)", 31, err);
    }
    if (*p.cut)
        COPY(w->cut, p.cut);
    return add_piece(w, &p, done, depth + 1, err) || add_rest(w, &p, done, false, depth + 1, err)
               ? -1
               : 0;
}

/* ---- all of it ---- */

static size_t frame_number(const struct extract_run *run, const char *id)
{
    for (size_t i = 0; i < run->count; i++)
        if (!strcmp(run->frames[i].id, id))
            return i;
    return 0;
}

static int read_all(struct whole *w, const struct extract_how *how, struct extraction *x,
                    struct err *err)
{
    AUTO(extract_piece) struct extract_piece p = { 0 };
    AUTO(element) struct element e = { 0 };
    bool done[EXTRACT_BELOW_MAX] = { 0 },
         main_only = how->main_only && !how->target && how->format <= EXTRACT_TEXT;
    size_t number = 0;

    if (how->target) {
        if (element_find(w->run.page, how->target, w->run.call, &e, err))
            return -1;
        number = frame_number(&w->run, e.frame);
    }
    if (extract_frame(&w->run, number, how->target ? &e : NULL, main_only, &p, err))
        return -1;
    COPY(x->how, p.how);
    COPY(w->cut, p.cut);
    return add_piece(w, &p, done, 0, err) || add_rest(w, &p, done, main_only, 0, err) ? -1 : 0;
}

static int extract(struct page *page, const struct extract_how *how, struct page_frame *frames,
                   size_t count, struct call *call, struct extraction **out, struct err *err)
{
    AUTO_PTR(extraction) struct extraction *x = calloc(1, sizeof(*x));
    struct whole w = {
        .run = { .page = page,
                 .call = call,
                 .format = how->format,
                 .frames = frames,
                 .count = count },
        .text = BUF_MAX(EXTRACT_MAX),
    };
    struct page_info info;
    char id[ID_SIZE];
    int r;

    if (!x)
        return err_oom(err);
    atomic_store(&x->refs, 1);
    id_make("f", id);
    snprintf(w.run.marker, sizeof(w.run.marker), "frame%.20sx", id + 2);
    r = read_all(&w, how, x, err);
    x->len = w.text.len;
    x->content = r ? NULL : buf_take(&w.text);
    buf_done(&w.text);
    if (r)
        return -1;
    if (!x->content)
        return err_oom(err);
    COPY(x->cut, w.cut);
    page_info(page, &info);
    COPY(x->url, info.url);
    page_title(page, call, x->title);
    *out = TAKE(x);
    return 0;
}

int page_extract(struct page *page, const struct extract_how *how, struct call *call,
                 struct extraction **out, enum extract_age *age, struct err *err)
{
    AUTO_FREE struct page_frame *frames = NULL;
    AUTO_FREE char *key = NULL;
    bool moved = false;
    size_t n;

    if (page_frames(page, &frames, &n, err))
        return -1;
    if (!n)
        return err_set(err, ERR_STALE, "the page has no document now");
    if (asprintf(&key, "%d %d %.*s", how->format, how->main_only, KEY_MAX,
                 how->name ? how->name : "") < 0) {
        key = NULL;
        return err_oom(err);
    }
    if (how->again && (*out = kept(page, frames[0].loader, key, &moved))) {
        *age = extract_changed(page, &frames[0], call) ? EXTRACT_CHANGED : EXTRACT_AGAIN;
        return 0;
    }
    if (extract(page, how, frames, n, call, out, err))
        return -1;
    *age = moved ? EXTRACT_MOVED : EXTRACT_FRESH;
    keep(page, frames[0].loader, key, *out);
    return 0;
}
