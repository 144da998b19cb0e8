/*
 * Threads that search chunks of files while the main one walks: a ring of chunks, filled and
 * emptied in order by the main thread, worked on in between by whoever is free. Only the main
 * thread calls these.
 */
#ifndef BACKEND_AGENT_SEARCH_POOL_H
#define BACKEND_AGENT_SEARCH_POOL_H

#include "backend/agent/search.h"
#include <pthread.h>

#define CHUNK_FILES 64
#define CHUNK_RING 32

enum chunk_status { CHUNK_LEFT, CHUNK_SEARCHED, CHUNK_SKIPPED, CHUNK_LARGE };

struct chunk_file {
    uint32_t path, path_len, name; /* in paths; the last part */
    uint32_t records, len;         /* in records */
    int64_t skip;                  /* hits */
    enum chunk_status status;      /* LEFT: one before it was cut */
    bool capped, costly;
    bool cut; /* not all of its hits are here */
};

struct search_chunk {
    struct file_buf paths, records;
    struct chunk_file files[CHUNK_FILES];
    unsigned count;
    pthread_mutex_t lock; /* records and ready, while it is not done */
    unsigned ready;       /* files that have been searched */
    bool done;            /* pool's lock */
};

struct search_pool;

/* NULL without memory. s outlives it and is not changed by threads. */
struct search_pool *search_pool_new(const struct search *s);

/* The chunk to fill next; NULL while the ring is full. */
struct search_chunk *search_pool_slot(struct search_pool *p);

/* Hand it out. Without any thread to be had it is searched at once. */
void search_pool_publish(struct search_pool *p);

/* The oldest chunk once it is done; NULL when there is none, or not before that time (0: at
 * once). search_pool_release() makes the next one the oldest. */
struct search_chunk *search_pool_oldest(struct search_pool *p, int64_t until_ms);
void search_pool_release(struct search_pool *p);

/* The oldest chunk as far as it is ready, locked; NULL when there is none. */
struct search_chunk *search_pool_unfinished(struct search_pool *p);

bool search_pool_empty(const struct search_pool *p);

/* Waits for the threads up to that time; false, and all is kept, when one is still in a match. */
bool search_pool_free(struct search_pool *p, int64_t until_ms);

#endif
