/*
 * Which browser a backend has: a Chromium that is installed on this machine.
 *
 * It is started by its program itself, never by the script that a distribution puts in /usr/bin:
 * those read files that a sandbox may write. All of it is below /usr, or in one directory below
 * /opt, which sandboxes see read-only.
 */
#ifndef BACKEND_LOCAL_BROWSER_PLACE_H
#define BACKEND_LOCAL_BROWSER_PLACE_H

#include "base/err.h"

struct browser_place {
    char *program;   /* absolute, without links; NULL: there is none */
    char *directory; /* to be bound; NULL: all of it is below /usr */
    bool off;        /* the operator wants none */
};

/* wish: NULL, a path, or "none". ERR_INVALID when the path is none of a program below /usr or /opt;
 * that nothing is installed is no error. */
int browser_place_find(const char *wish, struct browser_place *out, struct err *err) MUST_CHECK;
void browser_place_done(struct browser_place *p);

/* ERR_UNAVAILABLE with what to install; always -1. */
int browser_place_missing(const struct browser_place *p, struct err *err);

#endif
