/*
 * Files. Most of it is done by small scripts in the container: the service's own endpoints know
 * neither modes, times, symbolic links nor ranges of bytes, and its texts are UTF-8 only.
 * Content crosses as base64, so it is exact. Large files go through /v1/file/download and
 * /v1/file/write, searches through /v1/file/grep and /v1/file/glob.
 */
#ifndef BACKEND_REMOTE_AIO_FILE_H
#define BACKEND_REMOTE_AIO_FILE_H

#include "backend/remote/aio.h"

int aio_file_read(struct sandbox *sb, struct call *call, const struct file_read_request *req,
                  struct file_read_result *res, struct err *err) MUST_CHECK;
int aio_file_write(struct sandbox *sb, struct call *call, const struct file_write_request *req,
                   struct file_write_result *res, struct err *err) MUST_CHECK;
int aio_file_list(struct sandbox *sb, struct call *call, const struct file_list_request *req,
                  struct file_list_result *res, struct err *err) MUST_CHECK;
int aio_file_search(struct sandbox *sb, struct call *call, const struct file_search_request *req,
                    struct file_search_result *res, struct err *err) MUST_CHECK;

/* The next line of a script's answer, without its newline; *at moves on. NULL at the end. */
char *aio_line(char **at);

/* A line with an absolute path in base64, as a string of its own; ERR_PROTOCOL when it is none. */
int aio_line_path(char **at, char **out, struct err *err) MUST_CHECK;

#endif
