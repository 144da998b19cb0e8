/*
 * Ownership in declarations: a local that owns says so, starts empty, and is
 * given away with TAKE(). Destructors run in reverse order of declaration.
 *
 *   AUTO_FREE char *p = NULL;          free(p)
 *   AUTO_FD int fd = -1;               close(fd) if >= 0, errno kept
 *   AUTO(buf) struct buf b = ...;      buf_done(&b)
 *   AUTO_PTR(job) struct job *j = ..;  job_unref(j) if not NULL (see DEFINE_AUTO_PTR)
 *   *out = TAKE(p);  fd = TAKE_FD(&x);
 */
#ifndef BASE_CLEANUP_H
#define BASE_CLEANUP_H

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define AUTO(type) __attribute__((cleanup(type##_done)))
#define AUTO_FREE __attribute__((cleanup(cleanup_free)))
#define AUTO_FD __attribute__((cleanup(cleanup_fd)))
#define AUTO_PTR(type) __attribute__((cleanup(cleanup_ptr_##type)))

#define DEFINE_AUTO_PTR(type, destroy)                                             \
    static inline __attribute__((unused)) void cleanup_ptr_##type(struct type **p) \
    {                                                                              \
        if (*p)                                                                    \
            destroy(*p);                                                           \
    }                                                                              \
    struct type

#define TAKE(p)                     \
    __extension__({                 \
        __typeof__(p) taken_ = (p); \
        (p) = NULL;                 \
        taken_;                     \
    })

static inline void cleanup_free(void *p)
{
    free(*(void **)p);
}

static inline void fd_close(int *fd)
{
    int saved = errno;

    if (*fd >= 0)
        close(*fd);
    *fd = -1;
    errno = saved;
}

static inline void cleanup_fd(int *fd)
{
    fd_close(fd);
}

static inline int TAKE_FD(int *fd)
{
    int taken = *fd;

    *fd = -1;
    return taken;
}

#endif
