/*
 * What pages download: told by the browser, bounded, and handed to whoever can put it into the
 * sandbox.
 *
 * Where browser and sandbox share files the browser writes each one, under a name of its own, into
 * `.incoming` below the directory it was given; else it is kept from downloading, and what it would
 * have got is fetched again over the connection (download_take()). Either way a download becomes
 * READY, is claimed by one caller, and is DONE once that said where it is.
 *
 * Bounds: those below; what goes beyond is cancelled with the reason, soon after the browser tells
 * how far it is, which it does about twice a second. Any thread but the connection's.
 */
#ifndef BACKEND_BROWSER_DOWNLOAD_H
#define BACKEND_BROWSER_DOWNLOAD_H

#include "backend/browser/download_name.h"
#include "backend/browser/page.h"

#define DOWNLOADS_KEPT 64                              /* told of; then the oldest is forgotten */
#define DOWNLOADS_RUNNING_MAX 16                       /* at once */
#define DOWNLOADS_MAX 1000                             /* begun by one browser */
#define DOWNLOAD_FILE_MAX (INT64_C(512) * 1024 * 1024) /* bytes of one */
#define DOWNLOAD_ALL_MAX (INT64_C(2048) * 1024 * 1024) /* of all that one browser got */
#define DOWNLOAD_TAKE_MAX (64 * 1024 * 1024)           /* of one that is fetched again */
#define DOWNLOAD_ID_SIZE 16
#define DOWNLOAD_PATH_MAX 512 /* bytes of a path with its NUL */

enum download_state {
    DOWNLOAD_RUNNING,
    DOWNLOAD_READY,   /* to be claimed */
    DOWNLOAD_CLAIMED, /* is being put into its place */
    DOWNLOAD_DONE,
    DOWNLOAD_CANCELLED,
    DOWNLOAD_FAILED
};

struct download {
    char id[DOWNLOAD_ID_SIZE]; /* "d1", counted per browser */
    char page[ID_SIZE];        /* that began it; "" unknown */
    char opener[ID_SIZE];      /* that opened this page; "" none */
    char url[BROWSER_URL_MAX];
    char name[DOWNLOAD_NAME_MAX]; /* safe */
    char file[DOWNLOAD_PATH_MAX]; /* that the browser wrote; "" to be taken */
    char path[DOWNLOAD_PATH_MAX]; /* of DONE */
    char reason[160];             /* of CANCELLED and FAILED */
    enum download_state state;
    int64_t received, total; /* bytes; total -1: unknown */
};

struct download_config {
    const char *dir;           /* absolute, as the browser sees it; NULL: no files are shared */
    int64_t file_max, all_max; /* 0: DOWNLOAD_FILE_MAX, DOWNLOAD_ALL_MAX */
};

/* Once, soon after browser_new(); without it nothing is downloaded. */
int browser_downloads(struct browser *browser, const struct download_config *config,
                      struct call *call, struct err *err) MUST_CHECK;

/* The kept ones, oldest first, which are told then; free(*out). */
int download_list(struct browser *browser, struct download **out, size_t *count,
                  struct err *err) MUST_CHECK;

/* ERR_NOT_FOUND. */
int download_get(struct browser *browser, const char *id, struct download *out,
                 struct err *err) MUST_CHECK;

/*
 * Until one is no longer RUNNING or CLAIMED: that of the id, or with id NULL the oldest whose end
 * was not told yet, which is waited for as well. 1: not by the deadline (monotonic), *out is how it
 * stands, with an empty id when there is none.
 */
int download_wait(struct browser *browser, const char *id, int64_t deadline_ms, struct call *call,
                  struct download *out, struct err *err) MUST_CHECK;

/* ERR_CONFLICT when it is over already. Returns when the browser has given it up. */
int download_cancel(struct browser *browser, const char *id, struct call *call,
                    struct err *err) MUST_CHECK;

/* True when some are READY; cheap. */
bool download_waiting(struct browser *browser);

/* The oldest READY one is the caller's, who has to end that with one of the next two. False: none.
 */
bool download_claim(struct browser *browser, struct download *out);
/* It is at `path`; NULL: it failed, for that reason. */
void download_placed(struct browser *browser, const char *id, const char *path, int64_t size,
                     const char *reason);
void download_unclaim(struct browser *browser, const char *id);

/* Where it is from now on; for DONE ones. */
void download_moved(struct browser *browser, const char *id, const char *path);

/* News of downloads of that page (and of ones that it opened, or that are closed): begun, or over,
 * and not told before. Oldest first; free(*out). */
int download_news(struct browser *browser, const char *page_id, struct download **out,
                  size_t *count, struct err *err) MUST_CHECK;

/* The bytes of a claimed one without a file, piece by piece; take() returns 0 or -1. ERR_TOO_LARGE
 * above DOWNLOAD_TAKE_MAX. */
int download_take(struct browser *browser, const struct download *d, struct call *call,
                  int (*take)(void *context, const char *data, size_t len, struct err *err),
                  void *context, struct err *err) MUST_CHECK;

#endif
