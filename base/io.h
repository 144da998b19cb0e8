/*
 * Descriptor input and output that handles EINTR and short counts.
 */
#ifndef BASE_IO_H
#define BASE_IO_H

#include "base/buf.h"
#include <stdbool.h>
#include <sys/types.h>

/* All of it, or -1 with errno. For blocking descriptors. */
int io_write_all(int fd, const void *data, size_t len);

/* read(2) without EINTR. */
ssize_t io_read(int fd, void *data, size_t len);

/* Append until EOF or the buffer's maximum (then ERR_TOO_LARGE). */
int io_read_all(int fd, struct buf *out, struct err *err) MUST_CHECK;

int io_set_nonblocking(int fd, bool on);

/* Whole regular file of at most `max` bytes into out, symbolic links followed. */
int io_read_file(const char *path, size_t max, struct buf *out, struct err *err) MUST_CHECK;

/* A directory and those above it, as far as they are not there. */
int io_make_path(const char *path, mode_t mode, struct err *err) MUST_CHECK;

#endif
