/*
 * Searching names and contents: the child that pid 1 forks for a WIRE_SEARCH channel.
 *
 * search_serve() (agent.h) answers one START. Contents are searched by SEARCH_WORKERS_MAX threads
 * at most, while the main one walks, hands out chunks of files and takes their results in the
 * order of the walk: the answer does not depend on who was faster.
 *
 * Time: SEARCH_MS of wall clock, then what was found so far is the answer, with a note and a
 * cursor; a thread that sits in a match dies with the process. Memory: per thread one file
 * (SEARCH_FILE_MAX; UTF-16 twice more) and what PCRE2 is allowed (1 MiB of stack, 16 MiB of heap);
 * the chunks in flight with at most the bytes of one answer and one file's hits each; the walk
 * (walk.h).
 */
#ifndef BACKEND_AGENT_SEARCH_H
#define BACKEND_AGENT_SEARCH_H

#include "backend/agent/file_cursor.h"
#include "backend/agent/search_globs.h"
#include "backend/agent/search_pattern.h"
#include "backend/agent/walk.h"

#define SEARCH_MS 10000
#define SEARCH_WORKERS_MAX 4
#define SEARCH_FILE_MAX (1024 * 1024)       /* larger ones are skipped */
#define SEARCH_NAMED_MAX (16 * 1024 * 1024) /* ... unless it was named itself */
#define SEARCH_FILE_HITS 100
#define SEARCH_LINE_MAX 500 /* bytes of a line that are given */
#define SEARCH_CONTEXT_MAX 50
#define SEARCH_BYTES_MAX (1024 * 1024) /* of an answer's records */
#define SEARCH_BINARY (8 * 1024)       /* a NUL within makes a file binary */

/* SEARCH_MS, until a test has less time. */
extern int64_t search_budget_ms;

struct search_pool;

struct search {
    struct file_job *job;
    bool names, multiline;
    int64_t context, limit, deadline_ms;
    size_t max_bytes;
    struct search_globs globs;
    struct search_pattern pattern;
    struct file_cursor from, last;
    bool resumes;
    int root;                 /* the searched folder, or the one the searched file is in */
    char real[FILE_PATH_MAX]; /* its path */
    char single[256];         /* the searched file; "" a folder */
    struct walk walk;
    struct walk_options options;
    int walk_fd; /* until the walk has it */

    struct file_buf records;
    int64_t hits, scanned, skipped, capped, costly, large;
    char largest[128];        /* one of those that are too large */
    bool stopped, late, gone; /* enough hits; out of time; nobody waits for it any more */
    struct search_pool *pool; /* threads that may still read this */
};

/* Each fills the results; -1 with job->error. */
int search_names(struct search *s);
int search_contents(struct search *s);

/* Start the walk, if a folder is searched; after the globs are complete. */
int search_walk(struct search *s);

/* Milliseconds of the monotonic clock. */
int64_t search_now(void);

/* The walk's entry lies before what the cursor names and holds nothing behind it. */
bool search_passed(const struct search *s, const struct walk_entry *e);

#endif
