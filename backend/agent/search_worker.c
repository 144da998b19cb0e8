#include "backend/agent/search_worker.h"
#include "backend/agent/file_encoding.h"
#include "backend/agent/search_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A hit with its context may pass an answer's bytes by this much. */
#define RECORDS_SLACK (512 * 1024)

bool search_worker_init(struct search_worker *w, const struct search *s)
{
    *w = (struct search_worker){ .s = s };
    w->max = s->single[0] ? SEARCH_NAMED_MAX : SEARCH_FILE_MAX;
    w->buffer = malloc(w->max + 1);
    if (w->buffer && search_matcher_init(&w->matcher, &s->pattern))
        return true;
    free(w->buffer);
    w->buffer = NULL;
    return false;
}

void search_worker_done(struct search_worker *w)
{
    search_matcher_done(&w->matcher);
    file_buf_done(&w->records);
    free(w->buffer);
    w->buffer = NULL;
}

/* Bytes of the file in w->buffer, w->max + 1 when there are more; -1 unreadable. */
static ssize_t load(struct search_worker *w, const char *path)
{
    int fd = openat(w->s->root, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    size_t have = 0;
    ssize_t n;

    if (fd < 0)
        return -1;
    do {
        n = read(fd, w->buffer + have, w->max + 1 - have);
        if (n > 0)
            have += (size_t)n;
    } while ((n < 0 && errno == EINTR) || (n > 0 && w->s->single[0] && have <= w->max));
    close(fd);
    return n < 0 && !have ? -1 : (ssize_t)have;
}

static bool is_binary(const struct search_text *t)
{
    return memchr(t->text, 0, t->len < SEARCH_BINARY ? t->len : SEARCH_BINARY);
}

/* What says in its first bytes how it is encoded, as file_read shows it: *utf8 is to be freed. */
static void decode(struct search_text *t, char **utf8)
{
    uint32_t encoding = encoding_of(t->text, t->len);

    if (encoding == WIRE_UTF8_BOM) {
        t->text += 3;
        t->len -= 3;
    }
    if (encoding == WIRE_UTF16LE || encoding == WIRE_UTF16BE)
        *utf8 = encoding_utf8(t->text, t->len, encoding, &t->len);
    if (*utf8)
        t->text = *utf8;
}

/* Into w->records. */
static void search_one(struct search_worker *w, const struct search_chunk *chunk,
                       struct chunk_file *f, int64_t *hits)
{
    const char *path = chunk->paths.data + f->path;
    char *utf8 = NULL;
    ssize_t n = load(w, path);
    struct search_text t = {
        .pattern = &w->s->pattern,
        .matcher = &w->matcher,
        .path = path,
        .path_len = f->path_len,
        .text = w->buffer,
        .len = (size_t)n,
        .multiline = w->s->multiline,
        .context = w->s->context,
        .skip = f->skip,
        .enough = w->s->limit + 1 - *hits,
        .full = (int64_t)w->s->max_bytes - (int64_t)chunk->records.len,
        .records = &w->records,
    };

    w->records.len = 0;
    f->status = CHUNK_SKIPPED;
    if (n < 0)
        return;
    if (n <= (ssize_t)w->max)
        decode(&t, &utf8);
    if (!is_binary(&t))
        f->status = n > (ssize_t)w->max ? CHUNK_LARGE : CHUNK_SEARCHED;
    if (f->status == CHUNK_SEARCHED) {
        search_text(&t);
        f->capped = t.capped;
        f->costly = t.costly;
        f->cut = t.cut;
        *hits += t.hits > t.skip ? t.hits - t.skip : 0;
    }
    free(utf8);
}

static void publish(struct search_worker *w, struct search_chunk *chunk, struct chunk_file *f)
{
    pthread_mutex_lock(&chunk->lock);
    f->records = (uint32_t)chunk->records.len;
    if (file_buf_add(&chunk->records, w->records.data, w->records.len))
        f->len = (uint32_t)w->records.len;
    else
        f->cut = true;
    chunk->ready++;
    pthread_mutex_unlock(&chunk->lock);
}

void search_worker_chunk(struct search_worker *w, struct search_chunk *chunk,
                         const _Atomic bool *stop)
{
    int64_t hits = 0;

    w->records.max = w->s->max_bytes + RECORDS_SLACK;
    chunk->records.max = w->records.max * 2;
    for (unsigned i = 0; i < chunk->count && !*stop; i++) {
        search_one(w, chunk, &chunk->files[i], &hits);
        publish(w, chunk, &chunk->files[i]);
        if (chunk->files[i].cut)
            return;
    }
}

void search_worker_none(struct search_chunk *chunk)
{
    for (unsigned i = 0; i < chunk->count; i++)
        chunk->files[i].status = CHUNK_SKIPPED;
}
