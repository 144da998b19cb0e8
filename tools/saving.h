/*
 * Files in the sandbox that tools make of more bytes than one write takes.
 */
#ifndef TOOLS_SAVING_H
#define TOOLS_SAVING_H

#include "tools/tools.h"

#define SAVING_PART (4 * 1024 * 1024) /* bytes of one write */

struct saving {
    struct sandbox *sandbox;
    struct call *call;
    const char *path; /* as the caller gave it */
    bool keep;        /* refuse with ERR_CONFLICT when it is there */
    char *saved;      /* where it is; NULL until the first part was written */
    int64_t bytes;
};

/* Writes or, after the first time, appends; any length. */
int saving_add(struct saving *s, const char *data, size_t len, struct err *err) MUST_CHECK;
void saving_done(struct saving *s);

#endif
