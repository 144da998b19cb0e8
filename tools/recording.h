/*
 * Recordings that run, of all principals of a server, and where all are kept
 * (backend/recording/store.h).
 *
 * One thread serves them all: it writes what sources left for it, ends what has reached a bound,
 * and sleeps while nothing runs. Sources (a page's pictures, a command's output, tool calls) only
 * leave things behind, and never wait. Calls of tools control recordings from any thread.
 *
 * Locks: recordings.lock (the list), then recording.lock, then what a kind has of its own. A
 * browser's lock may be held by who takes the last kind, never by who takes the first two.
 */
#ifndef TOOLS_RECORDING_H
#define TOOLS_RECORDING_H

#include "backend/recording/store.h"
#include "base/list.h"
#include "tools/tools.h"

#include <pthread.h>
#include <stdatomic.h>

#define RECORDINGS_RUNNING_MAX 8              /* of one principal, paused ones included */
#define RECORDING_MAX_S 3600                  /* may be asked for */
#define RECORDING_PAUSE_MS (60ll * 60 * 1000) /* a pause that lasts longer ends it */

#define RECORDINGS_DROPPED 64 /* remembered, to be told why they are not there */

struct recording;

/* All with recording.lock held, except release. at_ms: what is recorded so far, without pauses. */
struct recording_kind {
    enum recording_kind_id id;
    /* Write what waits. The milliseconds until it wants to be called again; -1: *why it is over. */
    int64_t (*serve)(struct recording *r, int64_t at_ms, const char **why);
    int (*finish)(struct recording *r, int64_t at_ms, struct err *err);
    void (*release)(struct recording *r); /* lets its source go, frees r->own */
};

struct recording {
    struct list link; /* recordings.lock */
    atomic_uint refs;
    struct recordings *all;
    const struct recording_kind *kind;
    char *principal;
    struct recording_store *store; /* borrowed */
    _Atomic int64_t failures;      /* tool calls at its source that failed */
    _Atomic int64_t others;        /* bytes that the same sandbox's ended recordings have */

    pthread_mutex_t lock; /* all below */
    struct recording_meta meta;
    struct recording_file file;
    int64_t started_ms, paused_ms; /* monotonic; paused_ms: since when, 0 not */
    int64_t cut_ms;                /* of the pauses that are over */
    int64_t max_ms, saved_ms;
    bool over, dropped; /* dropped: not kept, as nothing failed */
    void *own;          /* of the kind; NULL before it has begun */
};

struct recordings {
    struct recording_store *store; /* NULL: nowhere to keep any */
    atomic_uint running;
    int wake_fd;
    pthread_mutex_t lock; /* all below */
    struct list list;
    char dropped[RECORDINGS_DROPPED][ID_SIZE]; /* a ring: those that nothing failed in */
    unsigned dropped_next;
    bool started, stopping;
    pthread_t thread;
};

/* root: the state directory; NULL: recordings are refused. */
int recordings_new(const char *root, struct recordings **out, struct err *err) MUST_CHECK;
/* No call runs any more: ends those that run as interrupted ones, while the backend is there. */
void recordings_stop(struct recordings *all);
void recordings_free(struct recordings *all); /* NULL is fine */

/* ERR_UNAVAILABLE where none can be kept. */
int recordings_store(struct tool_call *call, struct recording_store **out,
                     struct err *err) MUST_CHECK;

/* Something waits for the thread. Any thread, also with a browser's lock held. */
void recordings_wake(struct recordings *all);

/*
 * Directory and record of a new one, which is not yet told to anybody: the kind sets r->own, then
 * recording_run(). meta: kind, sandbox, source, name, on_failure, limits are taken from it.
 */
int recording_make(struct tool_call *call, const struct recording_kind *kind,
                   const struct recording_meta *meta, int64_t max_ms, struct recording **out,
                   struct err *err) MUST_CHECK;
void recording_run(struct recording *r);
/* Instead of it: nothing stays. */
void recording_cancel(struct recording *r);

struct recording *recording_ref(struct recording *r);
void recording_unref(struct recording *r); /* NULL is fine */
DEFINE_AUTO_PTR(recording, recording_unref);

/* One of this caller that runs here; NULL. */
struct recording *recordings_find(struct recordings *all, const char *principal, const char *id);

/* It was not kept, as nothing failed. */
bool recordings_dropped(struct recordings *all, const char *id);

/* Once; later calls do nothing. why: "" somebody stopped it. */
void recording_end(struct recording *r, enum recording_state state, const char *why);

/* Locked. */
int64_t recording_at(const struct recording *r);

/* Those of this caller and sandbox that run, at most RECORDINGS_RUNNING_MAX, one reference each. */
size_t recordings_of(struct recordings *all, const char *principal, const char *sandbox,
                     struct recording *out[RECORDINGS_RUNNING_MAX]);

/* ---- kinds ---- */

struct recording_start_args;
/* meta: name and on_failure are filled, the rest is theirs. *out: it runs. */
int recording_start_video(struct tool_call *call, const struct recording_start_args *args,
                          struct recording_meta *meta, struct recording **out,
                          struct err *err) MUST_CHECK;
int recording_start_terminal(struct tool_call *call, const struct recording_start_args *args,
                             struct recording_meta *meta, struct recording **out,
                             struct err *err) MUST_CHECK;
int recording_start_har(struct tool_call *call, const struct recording_start_args *args,
                        struct recording_meta *meta, struct recording **out,
                        struct err *err) MUST_CHECK;
int recording_start_actions(struct tool_call *call, const struct recording_start_args *args,
                            struct recording_meta *meta, struct recording **out,
                            struct err *err) MUST_CHECK;

/* Locked. */
void recording_terminal_mark(struct recording *r, const char *title);
void recording_actions_mark(struct recording *r, const char *title);

/* ---- how they are told ---- */

/* Locked, or one's own: file name without a directory, of letters that are safe anywhere. */
#define RECORDING_FILENAME_MAX 160
void recording_filename(const struct recording_meta *m, const char *extension,
                        char out[RECORDING_FILENAME_MAX]);
#define RECORDING_URI_MAX 128
void recording_uri(const struct recording_meta *m, char out[RECORDING_URI_MAX]);

#endif
