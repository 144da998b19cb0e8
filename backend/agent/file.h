/*
 * The file operations of a sandbox: the child that pid 1 forks for a WIRE_FILE channel.
 *
 * Runs in the sandbox under the strict filter as the sandbox's uid: who may touch what is the
 * kernel's business. Nothing here blocks on what a path may name: FIFOs, devices and sockets are
 * refused, links are followed by the kernel within the sandbox's own tree.
 *
 * Memory: one request frame, one answer frame, and per operation at most FILE_READ_MAX (read),
 * FILE_WRITE_MAX twice (write), FILE_BLOCK (put, take), WALK_NAMES_MAX and the records of one
 * answer (list).
 */
#ifndef BACKEND_AGENT_FILE_H
#define BACKEND_AGENT_FILE_H

#include "backend/agent/agent.h"
#include "backend/agent/file_buf.h"
#include "backend/agent/file_error.h"
#include "backend/wire.h"
#include <sys/stat.h>

#define FILE_HASH_MAX (1024 * 1024)        /* hashed without being asked; as in results.h */
#define FILE_TOTALS_MAX (64 * 1024 * 1024) /* beyond: no totals, no hash; as in results.h */
#define FILE_WRITE_MAX (8 * 1024 * 1024)   /* one write; as in results.h */
#define FILE_READ_MAX (16 * 1024 * 1024)   /* one read */
#define FILE_BLOCK (256 * 1024)            /* of a put or take, in memory */
#define FILE_PATH_MAX 4096                 /* with its NUL */

/* file_serve() (agent.h) serves START frames until the channel closes; data_fd: the pipe of OPEN,
 * or -1; taken. What follows is shared by the operations. */

/* One request and how to answer it. */
struct file_job {
    int channel;
    int pipe;          /* -1: none */
    bool started;      /* the pipe belongs to a START */
    struct wire_in in; /* points into bytes */
    uint8_t bytes[WIRE_MAX];
    char path[FILE_PATH_MAX]; /* TAG_PATH */
    struct wire_out out;
    struct file_error error;
};

/* Each returns 0 when it has sent its REPLY, -1 with job->error filled. */
int file_read(struct file_job *job);
int file_write(struct file_job *job);
int file_list(struct file_job *job);
int file_put(struct file_job *job);
int file_take(struct file_job *job);
int file_stat(struct file_job *job);
int file_move(struct file_job *job);
int file_copy(struct file_job *job);
int file_remove(struct file_job *job);
int file_mkdir(struct file_job *job);
int file_chmod(struct file_job *job);

/* Take the next START, closing the last one's pipe; false when the channel is done. */
bool file_job_next(struct file_job *job);

/* TAG_PATH into job->path: absolute, no NUL. */
int file_job_path(struct file_job *job);

/* Send job->error. */
void file_job_fail(struct file_job *job);

/* Bytes that an answer may have: what was asked for within limit, less without a pipe. */
size_t file_job_room(const struct file_job *job, uint64_t asked, size_t limit);

/* Finish job->out with these bytes (inline, or behind it through the pipe) and send both. */
int file_job_reply(struct file_job *job, const void *data, size_t len);

/* The server has given up on this operation. */
bool file_job_gone(const struct file_job *job);

/* Where an open descriptor leads, links resolved; `otherwise` when /proc does not tell. */
void file_real_path(int fd, const char *otherwise, char out[FILE_PATH_MAX]);

/* SHA-256 of what fd holds, read from its start; false when it cannot be read. */
bool file_hash(int fd, char hex[65]);

#endif
