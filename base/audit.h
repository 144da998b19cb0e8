/*
 * A log of lines that never holds up who writes it: access log and audit log.
 *
 * Lines are queued, at most AUDIT_QUEUE_MAX bytes, and written by a thread of its own, one
 * write(2) each, to a file opened with O_APPEND. A line that finds no room, or that the file does
 * not take, is dropped and counted.
 */
#ifndef BASE_AUDIT_H
#define BASE_AUDIT_H

#include "base/err.h"
#include <stddef.h>
#include <stdint.h>

#define AUDIT_QUEUE_MAX (4u * 1024 * 1024)
#define AUDIT_FLUSH_MS 3000

struct audit;

/* path "-": the standard output. A file that is made is for its owner only. */
int audit_open(const char *path, struct audit **out, struct err *err) MUST_CHECK;

/* What waits is written, for at most AUDIT_FLUSH_MS. NULL is fine; nobody adds any more. */
void audit_free(struct audit *a);

/* One line of JSON, without its newline; control characters in it are escaped. NULL is fine. */
void audit_add(struct audit *a, const char *line, size_t len);

/* Open the path again before the next line: a rotated file is let go. Any thread; NULL is fine. */
void audit_reopen(struct audit *a);

uint64_t audit_dropped(struct audit *a);

#endif
