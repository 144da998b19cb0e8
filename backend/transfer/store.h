/*
 * Files that a principal keeps outside of sandboxes, until he deletes them:
 *
 *   <root>/v1/store/<sha256 of the principal>/<f_id>/meta.json
 *                                                   /data
 *                                            /.new-<f_id>/  one that is on its way
 *
 * They are synced when they are made, and outlive the server.
 *
 * Any thread.
 */
#ifndef BACKEND_TRANSFER_STORE_H
#define BACKEND_TRANSFER_STORE_H

#include "base/buf.h"
#include "base/err.h"
#include "base/id.h"
#include <stdint.h>

#define STORE_FILES_MAX 1000                   /* of one principal */
#define STORE_FILE_BYTES (256ll * 1024 * 1024) /* of one file */
#define STORE_BYTES_MAX (1024ll * 1024 * 1024) /* of one principal */
#define STORE_NAME_MAX 256                     /* bytes of a name, with the NUL */
#define STORE_MIME_MAX 64
#define STORE_LEFT_MS (3600ll * 1000) /* after which one that never arrived goes */

struct store_meta {
    char id[ID_SIZE];
    char name[STORE_NAME_MAX]; /* no '/', not "." or ".." */
    char mime[STORE_MIME_MAX];
    char sha256[65];
    int64_t size, created_ms; /* wall clock */
};

struct file_store;

/* root: the state directory, absolute; copied, and made at the first file. */
int file_store_new(const char *root, struct file_store **out, struct err *err) MUST_CHECK;
void file_store_free(struct file_store *s); /* NULL is fine */

/* A new file: fd to be filled; then committed, or gone with store_new_done(). */
struct store_new {
    int owner, dir, fd; /* -1: closed */
    char id[ID_SIZE];
};
#define STORE_NEW                        \
    (struct store_new)                   \
    {                                    \
        .owner = -1, .dir = -1, .fd = -1 \
    }

/* *room: bytes that it may have, as things are. ERR_QUOTA: none. */
int store_begin(struct file_store *s, const char *principal, struct store_new *out, int64_t *room,
                struct err *err) MUST_CHECK;
/* meta: name, mime, sha256; id, size and created_ms are filled. ERR_QUOTA. */
int store_commit(struct file_store *s, const char *principal, struct store_new *n,
                 struct store_meta *meta, struct err *err) MUST_CHECK;
void store_new_done(struct store_new *n);

/* *fd: its content, for reading; may be NULL. ERR_NOT_FOUND, also for those of others. */
int store_load(struct file_store *s, const char *principal, const char *id, struct store_meta *meta,
               int *fd, struct err *err) MUST_CHECK;

/* All of a principal, the newest first; free(*out). */
int store_load_all(struct file_store *s, const char *principal, struct store_meta **out,
                   size_t *count, struct err *err) MUST_CHECK;

int store_remove(struct file_store *s, const char *principal, const char *id,
                 struct err *err) MUST_CHECK;

#endif
