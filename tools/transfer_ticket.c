#include "base/clock.h"
#include "base/utf8.h"
#include "tools/resources.h"
#include "tools/transfer.h"

#include <stdio.h>
#include <string.h>
#include <sys/types.h>

DEFINE_AUTO_PTR(handout, handout_unref);

const char *transfer_mime(int fd, const char *name)
{
    char head[512];
    ssize_t n = pread(fd, head, sizeof(head), 0);
    bool text;

    return resources_mime(name, head, n > 0 ? utf8_cut(head, (size_t)n) : 0, &text);
}

static int none_given(struct err *err)
{
    err_set(err, ERR_UNSUPPORTED, "this server gives out no one-time URLs: it does not serve HTTP");
    return err_next(err, "use a shared host path, or the resource");
}

int transfer_ticket(struct tool_call *call, struct handout *file, char url[HANDOUT_URL_MAX],
                    char expires_at[TRANSFER_TIME_SIZE], struct err *err)
{
    const struct handout_offer *offer = ((struct tools_context *)call->context)->handouts;
    AUTO_PTR(handout) struct handout *own = file;

    if (!offer)
        return none_given(err);
    if (offer->url(offer->context, call->principal, own, url, err))
        return -1;
    if (!*url)
        return err_set(err, ERR_UNAVAILABLE, "the server has not begun to listen");
    clock_iso(clock_wall_ms() + offer->for_s * 1000ll, expires_at);
    return 0;
}

/* ---- stored ---- */

struct stored {
    struct file_store *store;
    char id[ID_SIZE];
    char principal[];
};

static int open_stored(void *context, struct err *err)
{
    const struct stored *s = context;
    struct store_meta meta;
    int fd = -1;

    return store_load(s->store, s->principal, s->id, &meta, &fd, err) ? -1 : fd;
}

static const struct handout_source stored_source = { open_stored, free };

int transfer_ticket_stored(struct tool_call *call, struct file_store *store,
                           const struct store_meta *meta, char url[HANDOUT_URL_MAX],
                           char expires_at[TRANSFER_TIME_SIZE], struct err *err)
{
    struct stored *s = calloc(1, sizeof(*s) + strlen(call->principal) + 1);
    struct handout *file;

    if (!s)
        return err_oom(err);
    s->store = store;
    memcpy(s->id, meta->id, sizeof(s->id));
    strcpy(s->principal, call->principal);
    return handout_new(meta->name, meta->mime, &stored_source, s, &file, err) ||
                   transfer_ticket(call, file, url, expires_at, err)
               ? -1
               : 0;
}

/* ---- stashed ---- */

struct stashed {
    struct stash *stash;
    char id[ID_SIZE];
};

static int open_stashed(void *context, struct err *err)
{
    const struct stashed *s = context;

    return stash_again(s->stash, s->id, err);
}

static void free_stashed(void *context)
{
    struct stashed *s = context;

    stash_drop(s->stash, s->id);
    free(s);
}

static const struct handout_source stashed_source = { open_stashed, free_stashed };

int transfer_ticket_stashed(struct tool_call *call, struct stash *stash, const char *id,
                            const char *name, const char *mime, char url[HANDOUT_URL_MAX],
                            char expires_at[TRANSFER_TIME_SIZE], struct err *err)
{
    struct stashed *s = calloc(1, sizeof(*s));
    struct handout *file;

    if (!s) {
        stash_drop(stash, id);
        return err_oom(err);
    }
    s->stash = stash;
    snprintf(s->id, sizeof(s->id), "%s", id);
    return handout_new(name, mime, &stashed_source, s, &file, err) ||
                   transfer_ticket(call, file, url, expires_at, err)
               ? -1
               : 0;
}
