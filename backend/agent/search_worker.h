/*
 * What one thread needs to search files, and does with a chunk.
 */
#ifndef BACKEND_AGENT_SEARCH_WORKER_H
#define BACKEND_AGENT_SEARCH_WORKER_H

#include "backend/agent/search_pool.h"

struct search_worker {
    const struct search *s;
    struct search_matcher matcher;
    char *buffer;            /* one file */
    size_t max;              /* larger ones are left */
    struct file_buf records; /* of one file */
};

bool search_worker_init(struct search_worker *w, const struct search *s);
void search_worker_done(struct search_worker *w);

/* Fills in records and each file's result; *stop ends it early. */
void search_worker_chunk(struct search_worker *w, struct search_chunk *chunk,
                         const _Atomic bool *stop);

/* ... without a worker: nothing of it could be read. */
void search_worker_none(struct search_chunk *chunk);

#endif
