/*
 * A whole file, read to be changed and written back.
 */
#ifndef BACKEND_DERIVE_WHOLE_H
#define BACKEND_DERIVE_WHOLE_H

#include "backend/backend.h"

/* All of it; ERR_TOO_LARGE above FILE_WRITE_MAX. */
int whole_read(struct sandbox *sb, struct call *call, const char *path,
               struct file_read_result *res, struct err *err) MUST_CHECK;

/* On the condition that its hash is still `expect`; sha256 becomes that of the text. Undoable. */
int whole_write(struct sandbox *sb, struct call *call, const char *path, const struct buf *text,
                const char *expect, char sha256[65], struct err *err) MUST_CHECK;

/* ERR_CONFLICT unless expect is NULL or what the file has. */
int whole_expect(const char *path, const char *expect, const char *sha256,
                 struct err *err) MUST_CHECK;

#endif
