/*
 * The main thread of a search for contents: walk ahead as far as the ring allows, take finished
 * chunks in order, stop at the limit.
 */
#include "backend/agent/search.h"
#include "backend/agent/search_pool.h"

#include <stdio.h>
#include <string.h>

#define POLL_MS 100      /* between looks at the channel while threads are busy */
#define CHUNK_STEPS 1024 /* of the walk, for one chunk */

#define AFTER_HITS 'c' /* cursor: go on in that file behind so many hits */

struct record {
    const char *data;
    size_t len;
    char kind;
};

static bool next_record(const struct search_chunk *chunk, const struct chunk_file *f, size_t *at,
                        struct record *r)
{
    uint32_t n;

    if (*at >= f->len)
        return false;
    r->data = chunk->records.data + f->records + *at;
    memcpy(&n, r->data, sizeof(n));
    r->len = n + 4;
    r->kind = r->data[5];
    *at += r->len;
    return true;
}

static bool fits(const struct search *s, size_t len)
{
    return s->records.len + len <= s->max_bytes;
}

/*
 * False when the limit or the bytes end the answer here; hits: given of this file so far. Context
 * that does not fit is left out behind a hit and before the first.
 */
static bool add(struct search *s, const struct record *r, int64_t *hits)
{
    if (r->kind == 'm' && s->hits == s->limit)
        return false;
    if (r->kind == 'a' && !fits(s, r->len))
        return true;
    if (!s->hits && !fits(s, r->len)) {
        if (r->kind == 'b')
            return true;
        s->records.len = 0;
    }
    if ((s->hits && !fits(s, r->len)) || !file_buf_add(&s->records, r->data, r->len))
        return false;
    s->hits += r->kind == 'm';
    *hits += r->kind == 'm';
    return true;
}

/* The file's records, as far as they go; hits: how many of its hits that were. */
static void emit_records(struct search *s, const struct search_chunk *chunk,
                         const struct chunk_file *f, int64_t *hits)
{
    size_t at = 0, group = s->records.len;
    struct record r;

    for (char was = 'm'; next_record(chunk, f, &at, &r); was = r.kind) {
        if (was != 'b')
            group = s->records.len;
        if (r.kind == 'a')
            group = SIZE_MAX;
        if (add(s, &r, hits))
            continue;
        s->stopped = true;
        if (group < s->records.len)
            s->records.len = group;
        return;
    }
    s->stopped = f->cut || f->status == CHUNK_LEFT;
}

static void emit_file(struct search *s, const struct search_chunk *chunk,
                      const struct chunk_file *f)
{
    const char *path = chunk->paths.data + f->path;
    int64_t hits = 0;

    emit_records(s, chunk, f, &hits);
    file_cursor_set(&s->last, AFTER_HITS, s->stopped ? f->skip + hits : SEARCH_FILE_HITS, path,
                    f->path_len);
    if (f->status == CHUNK_LEFT)
        return;
    s->capped += f->capped && !s->stopped;
    s->costly += f->costly;
    s->scanned += f->status == CHUNK_SEARCHED;
    s->skipped += f->status != CHUNK_SEARCHED;
    if (f->status == CHUNK_LARGE && !s->large++)
        snprintf(s->largest, sizeof(s->largest), "%.*s", (int)sizeof(s->largest) - 1, path);
}

static void emit(struct search *s, const struct search_chunk *chunk, unsigned count)
{
    for (unsigned i = 0; i < count && !s->stopped; i++)
        emit_file(s, chunk, &chunk->files[i]);
}

static bool put(struct search *s, struct search_chunk *chunk, const char *path, size_t len,
                size_t name)
{
    struct chunk_file *f = &chunk->files[chunk->count];
    const struct file_cursor *c = &s->from;

    *f = (struct chunk_file){ .path = (uint32_t)chunk->paths.len,
                              .path_len = (uint32_t)len,
                              .name = (uint32_t)name };
    if (s->resumes && len == c->len && !memcmp(path, c->path, len))
        f->skip = c->number;
    if (!file_buf_add(&chunk->paths, path, len) || !file_buf_add(&chunk->paths, "", 1))
        return false;
    chunk->count++;
    return true;
}

/* Files into the chunk until it is full or the walk is over (then false). */
static bool fill(struct search *s, struct search_chunk *chunk)
{
    struct walk_entry e;
    enum walk_step step;
    unsigned steps = 0;
    bool skip;

    while (chunk->count < CHUNK_FILES && ++steps < CHUNK_STEPS) {
        step = walk_next(&s->walk, &e);
        if (step == WALK_END)
            return false;
        if (step == WALK_LEAVE)
            continue;
        if (search_passed(s, &e)) {
            walk_skip(&s->walk);
            continue;
        }
        if (!search_globs_take(&s->globs, &e, &skip)) {
            if (skip)
                walk_skip(&s->walk);
            continue;
        }
        if (e.type == 'f' && !put(s, chunk, e.path, e.len, e.name))
            return false;
    }
    return true;
}

static int64_t wait_until(const struct search *s)
{
    int64_t poll = search_now() + POLL_MS;

    return poll < s->deadline_ms ? poll : s->deadline_ms;
}

static void run(struct search *s, struct search_pool *p)
{
    bool more = !s->single[0];
    struct search_chunk *chunk;

    if (!more) {
        put(s, search_pool_slot(p), s->single, strlen(s->single), 0);
        search_pool_publish(p);
    }
    while (!s->stopped && (more || !search_pool_empty(p))) {
        chunk = more ? search_pool_slot(p) : NULL;
        if (chunk) {
            more = fill(s, chunk);
            search_pool_publish(p);
        }
        while (!s->stopped && (chunk = search_pool_oldest(p, 0))) {
            emit(s, chunk, chunk->count);
            search_pool_release(p);
        }
        s->gone = file_job_gone(s->job);
        s->late = search_now() >= s->deadline_ms;
        if (s->gone || s->late)
            return;
        if (!s->stopped && (!more || !search_pool_slot(p)))
            search_pool_oldest(p, wait_until(s));
    }
}

/* What there is of the chunk that somebody is stuck in. */
static void emit_unfinished(struct search *s, struct search_pool *p)
{
    struct search_chunk *chunk = search_pool_unfinished(p);

    if (!chunk)
        return;
    emit(s, chunk, chunk->ready);
    pthread_mutex_unlock(&chunk->lock);
}

int search_contents(struct search *s)
{
    struct search_pool *p = search_walk(s) ? NULL : search_pool_new(s);

    s->pool = p;
    if (!p)
        return file_fail(&s->job->error, CODE_INTERNAL, "out of memory");
    run(s, p);
    if (s->late)
        emit_unfinished(s, p);
    return 0;
}
