#include "backend/agent/channel.h"
#include "backend/agent/file.h"
#include "backend/agent/sha256.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define HASH_BLOCK (256 * 1024)

/* The pipe of OPEN, in job->pipe before the first START, stays for that one. */
bool file_job_next(struct file_job *job)
{
    int fds[WIRE_MAX_FDS], nfds;

    if (job->started && job->pipe >= 0) {
        close(job->pipe);
        job->pipe = -1;
    }
    job->started = true;
    job->error = (struct file_error){ 0 };
    if (channel_recv(job->channel, &job->in, job->bytes, fds, &nfds, 0) != 1)
        return false;
    if (nfds && job->pipe >= 0)
        close(job->pipe);
    if (nfds)
        job->pipe = fds[0];
    for (int i = 1; i < nfds; i++)
        close(fds[i]);
    return job->in.op == WIRE_START;
}

int file_job_path(struct file_job *job)
{
    if (!wire_str(&job->in, TAG_PATH, job->path, sizeof(job->path)) || job->path[0] != '/') {
        file_fail(&job->error, CODE_INVALID, "path: must be absolute, up to %d bytes",
                  FILE_PATH_MAX - 1);
        return file_hint(&job->error, "pass an absolute path");
    }
    return 0;
}

void file_job_fail(struct file_job *job)
{
    const struct file_error *e = &job->error;

    channel_error(job->channel, e->code, e->next[0] ? e->next : NULL, "%s", e->text);
}

size_t file_job_room(const struct file_job *job, uint64_t asked, size_t limit)
{
    size_t room = job->pipe >= 0 ? limit : WIRE_INLINE_MAX;

    return asked && asked < room ? (size_t)asked : room;
}

static void pour(int fd, const char *data, size_t len)
{
    while (len) {
        ssize_t n = write(fd, data, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return;
        data += n;
        len -= (size_t)n;
    }
}

int file_job_reply(struct file_job *job, const void *data, size_t len)
{
    if (len <= WIRE_INLINE_MAX)
        wire_put(&job->out, TAG_DATA, data, len);
    else
        wire_put_i64(&job->out, TAG_LENGTH, (int64_t)len);
    if (job->out.overflow)
        return file_fail(&job->error, CODE_INTERNAL, "the answer does not fit a frame");
    if (channel_send(job->channel, &job->out, NULL, 0) && len > WIRE_INLINE_MAX)
        pour(job->pipe, data, len);
    return 0;
}

bool file_job_gone(const struct file_job *job)
{
    struct pollfd p = { .fd = job->channel };

    return poll(&p, 1, 0) > 0 && p.revents & (POLLHUP | POLLERR);
}

void file_real_path(int fd, const char *otherwise, char out[FILE_PATH_MAX])
{
    char link[40];
    ssize_t n;

    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    n = readlink(link, out, FILE_PATH_MAX - 1);
    if (n <= 0 || out[0] != '/')
        snprintf(out, FILE_PATH_MAX, "%s", otherwise);
    else
        out[n] = '\0';
}

bool file_hash(int fd, char hex[65])
{
    char *block = malloc(HASH_BLOCK);
    struct sha256 sha;
    off_t at = 0;
    ssize_t n = -1;

    sha256_init(&sha);
    while (block && at < FILE_TOTALS_MAX) {
        n = pread(fd, block, HASH_BLOCK, at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        sha256_add(&sha, block, (size_t)n);
        at += n;
    }
    free(block);
    sha256_hex(&sha, hex);
    return n == 0;
}
