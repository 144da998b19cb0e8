/*
 * Directories of this machine that tools may take files from and leave files in, as the operator
 * named them (--host-dir). Nothing outside is reached, whatever names and links lie in them: each
 * path is resolved below the directory's own descriptor, which was opened when the server began
 * (openat2: RESOLVE_BENEATH, RESOLVE_NO_MAGICLINKS).
 *
 * Any thread.
 */
#ifndef BACKEND_TRANSFER_HOST_H
#define BACKEND_TRANSFER_HOST_H

#include "base/buf.h"
#include "base/err.h"
#include <stdbool.h>
#include <sys/stat.h>

#define HOST_DIRS_MAX 32

struct host_dirs;

/* "DIR" or "DIR:ro", absolute. ERR_INVALID names the one that is no directory. */
int host_dirs_open(const char *const *dirs, size_t count, struct host_dirs **out,
                   struct err *err) MUST_CHECK;
void host_dirs_free(struct host_dirs *d); /* NULL is fine, also below: there are none */

/* " below /a or /b", for hints; ": none" without any. */
int host_dirs_tell(const struct host_dirs *d, struct buf *out, struct err *err) MUST_CHECK;

/*
 * A regular file or directory, for reading. *fd is the caller's. ERR_DENIED: not below one of
 * them, or by a link that leads out; what is neither file nor directory is ERR_INVALID and is not
 * opened.
 */
int host_open(const struct host_dirs *d, const char *path, int *fd, struct stat *st,
              struct err *err) MUST_CHECK;

/* The same below a descriptor of a directory, no links followed at all. */
int host_open_below(int dir, const char *path, int *fd, struct stat *st,
                    struct err *err) MUST_CHECK;

/* A new file or directory on its way: it has no name, or a temporary one, until it is whole. */
struct host_new {
    int dir, fd; /* fd: to be written, or the directory; -1: closed */
    char name[256], temporary[64];
    bool named; /* it has the temporary name */
    bool folder;
};
#define HOST_NEW            \
    (struct host_new)       \
    {                       \
        .dir = -1, .fd = -1 \
    }

/* Folders are made (0755). A path that ends in '/' gets `otherwise` behind it. ERR_CONFLICT:
 * something is there; ERR_DENIED: as above, or read only. */
int host_new_open(const struct host_dirs *d, const char *path, const char *otherwise,
                  struct host_new *out, struct err *err) MUST_CHECK;
/* Give it its name; never in place of another file. */
int host_new_publish(struct host_new *n, struct err *err) MUST_CHECK;
/* What has no name goes. */
void host_new_done(struct host_new *n);

/* The same for a directory. */
int host_new_dir(const struct host_dirs *d, const char *path, const char *otherwise,
                 struct host_new *out, struct err *err) MUST_CHECK;
/* A file, or a folder, below such a directory, folders made as needed; no links followed. */
int host_new_below(int dir, const char *path, struct host_new *out, struct err *err) MUST_CHECK;
int host_folder_below(int dir, const char *path, struct err *err) MUST_CHECK;

#endif
