/*
 * Files of the sandbox on their way into a page.
 */
#ifndef TOOLS_UPLOADS_H
#define TOOLS_UPLOADS_H

#include "backend/browser/upload.h"
#include "tools/browsing.h"

struct uploads {
    struct upload_file files[UPLOAD_FILES_MAX];
    struct file_read_result read[UPLOAD_FILES_MAX];
    size_t count;
};

/* Looks at each path with the file ops: it has to be a regular file that can be read. The content
 * comes with it where the browser shares no files. Also after a failure to be ended. */
int uploads_open(struct tool_call *call, struct browsing *b, const struct arg_strings *paths,
                 struct uploads *out, struct err *err) MUST_CHECK;
void uploads_done(struct uploads *u);

#endif
