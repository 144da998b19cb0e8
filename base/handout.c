#include "base/handout.h"
#include "base/attr.h"
#include "base/cleanup.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

struct handout {
    atomic_uint refs;
    const struct handout_source *source;
    void *context;
    char name[HANDOUT_NAME_MAX], mime[HANDOUT_MIME_MAX];
};

int handout_new(const char *name, const char *mime, const struct handout_source *source,
                void *context, struct handout **out, struct err *err)
{
    struct handout *h = calloc(1, sizeof(*h));

    if (!h) {
        source->free(context);
        return err_oom(err);
    }
    atomic_init(&h->refs, 1);
    h->source = source;
    h->context = context;
    snprintf(h->name, sizeof(h->name), "%s", name);
    snprintf(h->mime, sizeof(h->mime), "%s", mime);
    *out = h;
    return 0;
}

struct handout *handout_ref(struct handout *h)
{
    atomic_fetch_add(&h->refs, 1);
    return h;
}

void handout_unref(struct handout *h)
{
    if (!h || atomic_fetch_sub(&h->refs, 1) != 1)
        return;
    h->source->free(h->context);
    free(h);
}

const char *handout_name(const struct handout *h)
{
    return h->name;
}

const char *handout_mime(const struct handout *h)
{
    return h->mime;
}

int handout_open(const struct handout *h, int *fd, uint64_t *size, struct err *err)
{
    AUTO_FD int opened = h->source->open(h->context, err);
    struct stat st;

    if (opened < 0)
        return -1;
    if (fstat(opened, &st))
        return err_sys(err, errno, "look at the file");
    if (!S_ISREG(st.st_mode))
        return err_set(err, ERR_INVALID, "it is not a regular file");
    *size = (uint64_t)st.st_size;
    *fd = TAKE_FD(&opened);
    return 0;
}

int handout_take(const struct handout *h, struct call *call, int fd, uint64_t size,
                 struct buf *json, struct err *err)
{
    if (!h->source->take)
        return err_set(err, ERR_INVALID, "nothing is taken here");
    return h->source->take(h->context, call, fd, size, json, err);
}
