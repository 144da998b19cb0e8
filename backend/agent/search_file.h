/*
 * Searching one file's content.
 */
#ifndef BACKEND_AGENT_SEARCH_FILE_H
#define BACKEND_AGENT_SEARCH_FILE_H

#include "backend/agent/file_buf.h"
#include "backend/agent/search_pattern.h"

struct search_text {
    const struct search_pattern *pattern;
    struct search_matcher *matcher;
    const char *path; /* as records say it */
    size_t path_len;
    const char *text;
    size_t len;
    bool multiline;
    int64_t context, skip; /* lines around a hit; hits that were given before */
    int64_t enough;        /* hits after which it may stop */
    int64_t full;          /* bytes of records after which it may stop; may be negative */
    struct file_buf *records;
    /* results */
    int64_t hits; /* with those skipped; at most SEARCH_FILE_HITS */
    bool capped;  /* there are more than that */
    bool costly;  /* it was given up */
    bool cut;     /* it stopped for enough or full */
};

/* Adds 'm' records: each line once, with its first hit. */
void search_text(struct search_text *t);

#endif
