/*
 * Recordings on disk. They belong to a principal and outlive the sandbox that they were made in:
 *
 *   <root>/v1/recording/<sha256 of the principal>/<rec_id>/meta.json   written by rename
 *                                                         /data        what was recorded
 *                                                         /mp4, /webm  made of it on demand
 *                                                         /lock        flock held while it runs
 *
 * A recording that says that it runs and whose lock is free was left by a server that died: it
 * reads as interrupted, with what is there. Nothing is synced.
 *
 * Any thread; a struct recording_meta is guarded by whoever owns it.
 */
#ifndef BACKEND_RECORDING_STORE_H
#define BACKEND_RECORDING_STORE_H

#include "base/buf.h"
#include "base/err.h"
#include "base/id.h"
#include <stdint.h>

#define RECORDINGS_MAX 200                         /* of one principal */
#define RECORDING_QUOTA (512ll * 1024 * 1024)      /* bytes of one sandbox */
#define RECORDING_QUOTA_ALL (2048ll * 1024 * 1024) /* bytes of one principal */
#define RECORDING_KEEP_MS (7ll * 24 * 3600 * 1000) /* after its end */
#define RECORDING_MARKS_MAX 64
#define RECORDING_TITLE_MAX 128 /* bytes of a name or a chapter's title, with the NUL */
#define RECORDING_SOURCE_MAX 72 /* ditto of a source */

enum recording_kind_id { RECORDING_VIDEO, RECORDING_TERMINAL, RECORDING_HAR, RECORDING_ACTIONS };
enum recording_state {
    RECORDING_RUNNING,
    RECORDING_PAUSED,
    RECORDING_STOPPED,
    RECORDING_INTERRUPTED, /* its server died, or its page ended before it was stopped */
};

struct recording_mark {
    int64_t at_ms; /* of what was recorded: pauses do not count */
    char title[RECORDING_TITLE_MAX];
};

struct recording_meta {
    char id[ID_SIZE], sandbox[ID_SIZE];
    enum recording_kind_id kind;
    enum recording_state state;
    char source[RECORDING_SOURCE_MAX]; /* page_id or session_id; "" all */
    char name[RECORDING_TITLE_MAX];    /* "" none */
    char reason[192];                  /* why it ended, when nobody stopped it; "" */
    bool on_failure;
    int64_t started_ms, ended_ms; /* wall clock; ended 0: it runs */
    int64_t duration_ms, bytes, frames, failures;
    int width, height; /* of a video */
    struct recording_mark marks[RECORDING_MARKS_MAX];
    unsigned mark_count;
};

struct recording_file {
    int dir_fd, data_fd, lock_fd; /* -1: closed */
};
#define RECORDING_FILE                             \
    (struct recording_file)                        \
    {                                              \
        .dir_fd = -1, .data_fd = -1, .lock_fd = -1 \
    }
void recording_file_done(struct recording_file *f);

struct recording_store;

/* root: the state directory, absolute; copied, and made at the first recording. */
int recording_store_new(const char *root, struct recording_store **out, struct err *err) MUST_CHECK;
void recording_store_free(struct recording_store *s); /* NULL is fine */

/* meta->id and started_ms are filled; its directory is made and locked. ERR_QUOTA. */
int recording_create(struct recording_store *s, const char *principal, struct recording_meta *meta,
                     struct recording_file *out, struct err *err) MUST_CHECK;

int recording_save(const struct recording_file *f, const struct recording_meta *meta,
                   struct err *err) MUST_CHECK;

/* One that is there; f (may be NULL) gets its directory and its data for reading. ERR_NOT_FOUND,
 * also for those of others. */
int recording_load(struct recording_store *s, const char *principal, const char *id,
                   struct recording_meta *meta, struct recording_file *f,
                   struct err *err) MUST_CHECK;

/* All of a principal, the newest first; free(*out). What has expired is removed on the way. */
int recording_load_all(struct recording_store *s, const char *principal,
                       struct recording_meta **out, size_t *count, struct err *err) MUST_CHECK;

/* ERR_NOT_FOUND; ERR_BUSY while it runs. */
int recording_remove(struct recording_store *s, const char *principal, const char *id,
                     struct err *err) MUST_CHECK;

/* The same for who made it and has ended it: its lock goes with it. */
void recording_discard(struct recording_store *s, const char *principal, const char *id);

/* Bytes that stand below f's directory, whatever the meta says. */
int64_t recording_bytes(const struct recording_file *f);

const char *recording_kind_name(enum recording_kind_id kind); /* "video", ... */
const char *recording_state_name(enum recording_state state); /* "recording", ... */
const char *recording_extension(enum recording_kind_id kind); /* "mkv", "cast", "har", "jsonl" */
const char *recording_mime(enum recording_kind_id kind);

#endif
