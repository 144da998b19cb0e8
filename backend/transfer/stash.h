/*
 * Files of the server's own that are on their way: what an upload brings before a sandbox has it,
 * what a one-time URL will give. None outlives the process:
 *
 *   <root>/v1/stash/<st_id>/lock    flock held by the process whose directory it is
 *                          /<h_id>  what waits to be fetched
 *
 * Directories whose lock is free were left by a server that died, and go.
 *
 * Any thread.
 */
#ifndef BACKEND_TRANSFER_STASH_H
#define BACKEND_TRANSFER_STASH_H

#include "base/cleanup.h"
#include "base/err.h"
#include "base/id.h"
#include <stdint.h>

#define STASH_FILES_MAX 512
#define STASH_BYTES_MAX (8ll * 1024 * 1024 * 1024)  /* of all that wait */
#define STASH_BYTES_EACH (2ll * 1024 * 1024 * 1024) /* of one principal */

struct stash;

/* root: the state directory, absolute; copied, and made at the first file. */
int stash_new(const char *root, struct stash **out, struct err *err) MUST_CHECK;
void stash_free(struct stash *s); /* everything goes. NULL is fine */

/* A file without a name, for reading and writing: gone when *fd is closed. */
int stash_open(struct stash *s, int *fd, struct err *err) MUST_CHECK;

/* One that has an id, until it is dropped; empty, *fd for writing. stash_keep() says how long it
 * has got: ERR_QUOTA, and it is gone. */
int stash_add(struct stash *s, char id[ID_SIZE], int *fd, struct err *err) MUST_CHECK;
int stash_keep(struct stash *s, const char *id, const char *principal, int64_t bytes,
               struct err *err) MUST_CHECK;
int stash_again(struct stash *s, const char *id,
                struct err *err); /* a descriptor for reading; -1 */
void stash_drop(struct stash *s, const char *id);

#endif
