/*
 * Files given to a page: by its file inputs, by whatever opens a file chooser, by being dropped.
 *
 * A chooser that a page opens is not shown; it is kept, one per page, until it is answered or its
 * document goes. Where browser and sandbox share files, Chromium opens `path` itself, as a process
 * of the sandbox: a symbolic link means there what it means to any program in the sandbox, and
 * nothing is reached that its own commands could not read. Else the content goes over the
 * connection, UPLOAD_INLINE_MAX bytes per file at most.
 */
#ifndef BACKEND_BROWSER_UPLOAD_H
#define BACKEND_BROWSER_UPLOAD_H

#include "backend/browser/input.h"

#define UPLOAD_FILES_MAX 32
#define UPLOAD_INLINE_MAX (8 * 1024 * 1024)
#define UPLOAD_INLINE_ALL (32 * 1024 * 1024)

struct upload_file {
    const char *path; /* absolute, as the browser sees it; NULL: data is the content */
    const char *name; /* as the page sees it */
    const char *data;
    size_t len;
};

/* Whether a chooser waits on the page. */
struct page_chooser {
    bool open, multiple;
};
void page_chooser(struct page *page, struct page_chooser *out);

/*
 * target: a file input, also a hidden one, or what opens a chooser when it is clicked; NULL: the
 * chooser that is open. No files: the chooser is cancelled, a file input is emptied. taken (may be
 * NULL): the names that the input has then, owned by the caller also on failure. ERR_NOT_FOUND:
 * no chooser; ERR_INVALID: more files than it takes, or a directory is asked for.
 */
int input_upload(struct page *page, const struct input_target *target,
                 const struct upload_file *files, size_t count, struct call *call,
                 struct strings *taken, struct page_report *report, struct err *err) MUST_CHECK;

/* The files are dragged over the middle of the element and dropped there. */
int input_drop(struct page *page, const struct input_target *to, const struct upload_file *files,
               size_t count, struct call *call, struct page_report *report,
               struct err *err) MUST_CHECK;

#endif
