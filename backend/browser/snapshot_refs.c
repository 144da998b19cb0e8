#include "backend/browser/snapshot_refs.h"

#include <stdlib.h>
#include <string.h>

#define NUMBER_MAX 1000000000

void refs_free(struct refs *refs)
{
    if (!refs)
        return;
    for (size_t i = 0; refs->known && i < REFS_KNOWN; i++)
        free(refs->known[i].name);
    free(refs->known);
    free(refs);
}

/* ---- how they are written ---- */

static const char *digits(const char *s, int64_t *out)
{
    int64_t n = 0;

    if (*s < '1' || *s > '9')
        return NULL;
    for (; *s >= '0' && *s <= '9'; s++)
        if ((n = 10 * n + (*s - '0')) > NUMBER_MAX)
            return NULL;
    *out = n;
    return s;
}

/* Behind what could be read; NULL: it is none. */
static const char *scan(const char *s, struct ref *out)
{
    int64_t frame = 0;

    if (*s == 'f' && !(s = digits(s + 1, &frame)))
        return NULL;
    if (*s != 'e' || !(s = digits(s + 1, &out->number)))
        return NULL;
    out->frame = (unsigned)frame;
    return s;
}

bool ref_parse(const char *text, struct ref *out, bool *rest)
{
    const char *end = scan(text, out);
    bool plus = end && *end == '+';

    if (rest)
        *rest = plus;
    return end && !end[plus];
}

/* ---- frames ---- */

/* Locked. NULL: no memory. */
static struct refs *of_page(struct page *page)
{
    if (!page->page_refs)
        page->page_refs = calloc(1, sizeof(*page->page_refs));
    return page->page_refs;
}

/* Locked. */
static struct frame_refs *row_of(struct refs *refs, const char *frame)
{
    for (size_t i = 0; refs && i < refs->frame_count; i++)
        if (!strcmp(refs->frames[i].frame, frame))
            return &refs->frames[i];
    return NULL;
}

/* Locked. The oldest one goes when there are too many; the main frame is the first. */
static struct frame_refs *add_row(struct page *page, struct refs *refs, const char *frame)
{
    struct frame_refs *row;
    bool top = !strcmp(frame, page->target);

    if (refs->frame_count == COUNT_OF(refs->frames))
        memmove(refs->frames + 1, refs->frames + 2, (--refs->frame_count - 1) * sizeof(*row));
    row = &refs->frames[refs->frame_count++];
    *row = (struct frame_refs){ .number = top ? 0 : ++refs->frames_made, .next = 1 };
    COPY(row->frame, frame);
    return row;
}

int refs_frame(struct page *page, const char *frame, struct frame_refs *out, struct err *err)
{
    pthread_mutex_lock(&page->browser->lock);
    struct refs *refs = of_page(page);
    struct frame_refs *row = row_of(refs, frame);
    if (refs && !refs->frame_count)
        row = add_row(page, refs, page->target);
    if (refs && (!row || strcmp(row->frame, frame)))
        row = add_row(page, refs, frame);
    if (row)
        *out = *row;
    pthread_mutex_unlock(&page->browser->lock);
    return row ? 0 : err_oom(err);
}

int refs_prefix(struct page *page, const char *frame, char prefix[16], int64_t *next,
                struct err *err)
{
    struct frame_refs row;

    if (refs_frame(page, frame, &row, err))
        return -1;
    *prefix = '\0';
    if (row.number)
        snprintf(prefix, 16, "f%u", row.number);
    if (next)
        *next = row.next;
    return 0;
}

void refs_used(struct page *page, const char *frame, int64_t next)
{
    pthread_mutex_lock(&page->browser->lock);
    struct frame_refs *row = row_of(page->page_refs, frame);
    if (row && next > row->next && next <= NUMBER_MAX)
        row->next = next;
    pthread_mutex_unlock(&page->browser->lock);
}

void refs_seen(struct page *page, const char *frame, const char *text)
{
    struct ref ref;

    for (; *text; text++)
        if ((*text == '[' || *text == ' ') && scan(text + 1, &ref))
            refs_used(page, frame, ref.number + 1);
}

void refs_owner(struct page *page, const char *frame, int64_t owner, const char *around)
{
    pthread_mutex_lock(&page->browser->lock);
    struct frame_refs *row = row_of(page->page_refs, frame);
    if (row) {
        row->owner = owner;
        COPY(row->around, around);
    }
    pthread_mutex_unlock(&page->browser->lock);
}

bool refs_frame_of(struct page *page, unsigned number, char out[PAGE_FRAME_ID])
{
    bool found = !number;

    if (found)
        copy_text(out, PAGE_FRAME_ID, page->target);
    pthread_mutex_lock(&page->browser->lock);
    for (size_t i = 0; !found && page->page_refs && i < page->page_refs->frame_count; i++) {
        if (page->page_refs->frames[i].number != number)
            continue;
        copy_text(out, PAGE_FRAME_ID, page->page_refs->frames[i].frame);
        found = true;
    }
    pthread_mutex_unlock(&page->browser->lock);
    return found;
}

uint64_t refs_generation(struct page *page, bool next)
{
    uint64_t n = 0;

    pthread_mutex_lock(&page->browser->lock);
    if (of_page(page))
        n = page->page_refs->generation += next;
    pthread_mutex_unlock(&page->browser->lock);
    return n;
}

/* ---- what they name ---- */

/* A quoted name as it was before it was quoted. */
static const char *unquote(const char *s, const char *end, char *out)
{
    size_t n = 0;

    for (; s < end && *s != '"'; s++) {
        if (*s == '\\' && s + 1 < end)
            s++;
        if (n + 1 < REFS_NAME_MAX)
            out[n++] = *s;
    }
    out[n] = '\0';
    return s < end ? s + 1 : NULL;
}

static void keep(struct refs *refs, const struct ref *ref, const char *role, const char *name)
{
    struct known_ref *k;
    char *own = strdup(name);

    if (!refs->known)
        refs->known = calloc(REFS_KNOWN, sizeof(*refs->known));
    if (!own || !refs->known) {
        free(own);
        return;
    }
    k = &refs->known[refs->known_next];
    refs->known_next = (refs->known_next + 1) % REFS_KNOWN;
    free(k->name);
    k->name = own;
    k->ref = *ref;
    COPY(k->role, role);
}

/* `- role "name" [e12]...`, also with + or ~. */
static void read_line(struct refs *refs, const char *s, const char *end)
{
    char role[24], name[REFS_NAME_MAX] = "";
    struct ref ref;
    size_t n = 0;

    while (s < end && *s == ' ')
        s++;
    if (end - s < 3 || !strchr("-+~", *s) || s[1] != ' ')
        return;
    for (s += 2; s < end && *s >= 'a' && *s <= 'z' && n + 1 < sizeof(role); s++)
        role[n++] = *s;
    role[n] = '\0';
    if (!n || end - s < 2 || *s != ' ')
        return;
    if (s[1] == '"' && !(s = unquote(s + 2, end, name)))
        return;
    if (end - s < 4 || s[0] != ' ' || s[1] != '[' || !(s = scan(s + 2, &ref)) || s >= end ||
        *s != ']')
        return;
    keep(refs, &ref, role, name);
}

void refs_read(struct refs *refs, const char *text, size_t len)
{
    const char *end = text + len, *next;

    for (; text < end; text = next + 1) {
        next = memchr(text, '\n', (size_t)(end - text));
        if (!next)
            return; /* every line is ended, so that scanning one ends too */
        read_line(refs, text, next);
    }
}

void refs_remember(struct page *page, const char *text, size_t len)
{
    pthread_mutex_lock(&page->browser->lock);
    if (of_page(page))
        refs_read(page->page_refs, text, len);
    pthread_mutex_unlock(&page->browser->lock);
}

bool refs_recall(struct page *page, const struct ref *ref, char role[24], char name[REFS_NAME_MAX])
{
    bool found = false;

    pthread_mutex_lock(&page->browser->lock);
    const struct refs *refs = page->page_refs;
    for (size_t i = 0; refs && refs->known && !found && i < REFS_KNOWN; i++) {
        const struct known_ref *k =
            &refs->known[(refs->known_next + REFS_KNOWN - 1 - i) % REFS_KNOWN];
        if (!k->name || k->ref.frame != ref->frame || k->ref.number != ref->number)
            continue;
        copy_text(role, 24, k->role);
        copy_text(name, REFS_NAME_MAX, k->name);
        found = true;
    }
    pthread_mutex_unlock(&page->browser->lock);
    return found;
}
