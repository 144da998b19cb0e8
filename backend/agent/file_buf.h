/*
 * A growing byte buffer with a bound, for everything whose size comes from outside.
 * Zeroed with max set is empty; file_buf_done() leaves it so.
 */
#ifndef BACKEND_AGENT_FILE_BUF_H
#define BACKEND_AGENT_FILE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct file_buf {
    char *data;
    size_t len, cap, max;
    bool failed; /* a piece of the record being built did not fit */
};

/* False when it would pass max, or without memory; then nothing has changed. */
bool file_buf_room(struct file_buf *b, size_t more);
bool file_buf_add(struct file_buf *b, const void *data, size_t len);
void file_buf_done(struct file_buf *b);

/* Pieces of a record (backend/wire.h); record_begin() gives what record_end() takes. */
size_t record_begin(struct file_buf *b, char kind);
void record_char(struct file_buf *b, char c);
void record_i64(struct file_buf *b, int64_t v);
void record_str(struct file_buf *b, const char *s, size_t len);

/* False, and the record is gone, when it did not fit. */
bool record_end(struct file_buf *b, size_t start);

#endif
