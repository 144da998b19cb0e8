/*
 * What the downloads' own files share; browser.lock is held, unless it says otherwise.
 */
#ifndef BACKEND_BROWSER_DOWNLOAD_STATE_H
#define BACKEND_BROWSER_DOWNLOAD_STATE_H

#include "backend/browser/download.h"
#include "backend/browser/state.h"

struct download_row {
    struct download d;
    uint64_t number;
    char guid[PAGE_FRAME_ID], frame[PAGE_FRAME_ID], context[PAGE_FRAME_ID];
    bool posted; /* the answer to something else than GET */
    bool told_begin, told_end;
};

struct downloads {
    char dir[DOWNLOAD_PATH_MAX - 64]; /* "" none is shared */
    int64_t file_max, all_max;
    struct download_row *rows[DOWNLOADS_KEPT]; /* oldest first */
    size_t count;
    uint64_t made;
    int64_t bytes; /* of those that are over */
};

struct download_row *download_row(struct browser *b, const char *id);

#endif
