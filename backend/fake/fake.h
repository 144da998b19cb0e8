/*
 * A backend with scripted answers, for transcripts, fuzzers and benchmarks of the protocol:
 * no process, no file of the host is touched. Its sandbox lives as long as the backend.
 *
 * Commands: "echo TEXT", "err TEXT" (stderr), "sleep SECONDS" (ends early when the call is
 * cancelled), "exit N", "print N" (N bytes of output), "fail CODE" (the op fails with that error
 * code), "hang" (until cancelled). Anything else prints itself. Files live in memory: at most
 * FAKE_FILES of them, and the last FAKE_CHANGES changes are what the one watch tells. Code: the
 * text itself is the value of the last expression; "raise" is an error, "plot" gives a small PNG.
 * There is one context, "ctx_fake" or "work". Terminals: one, which shows what is typed.
 */
#ifndef BACKEND_FAKE_FAKE_H
#define BACKEND_FAKE_FAKE_H

#include "backend/backend.h"
#include <pthread.h>

#define FAKE_FILES 64
#define FAKE_CHANGES 4
#define FAKE_PROCESS_ID "p_fakefakefakefakefakefake22"

struct fake_file {
    char *path;
    char *data;
    size_t len;
};

struct fake {
    struct backend base;
    struct sandbox sandbox;
    pthread_mutex_t lock;
    struct fake_file files[FAKE_FILES]; /* lock */
    struct {
        char kind, path[128];
    } changes[FAKE_CHANGES]; /* lock: the last ones, for the one watch there is */
    int64_t changed;         /* lock */
    bool watched;            /* lock */
};

extern const struct exec_ops fake_exec_ops;
extern const struct file_ops fake_file_ops;
extern const struct manage_ops fake_manage_ops;
extern const struct code_ops fake_code_ops;
extern const struct file_watch_ops fake_file_watch_ops;

/* Lock held. */
void fake_changed(struct fake *f, char kind, const char *path);
extern const struct process_ops fake_process_ops;
extern const struct pty_ops fake_pty_ops;
extern const struct document_ops fake_document_ops;

static inline struct fake *fake_of(struct sandbox *sb)
{
    return (struct fake *)sb->backend;
}

#endif
