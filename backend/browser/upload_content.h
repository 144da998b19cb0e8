/*
 * The content of files on its way into a page, where the browser cannot open them.
 */
#ifndef BACKEND_BROWSER_UPLOAD_CONTENT_H
#define BACKEND_BROWSER_UPLOAD_CONTENT_H

#include "backend/browser/element.h"
#include "backend/browser/upload.h"

/* Gathered in our world of the element's frame, for js_upload_set or js_upload_drop, which has to
 * be called next. ERR_TOO_LARGE. */
int upload_content(struct element *e, const struct upload_file *files, size_t count,
                   struct call *call, struct err *err) MUST_CHECK;

/* All of them are named by paths that the browser opens itself. */
bool upload_by_path(const struct upload_file *files, size_t count);

#endif
