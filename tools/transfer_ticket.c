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

static int offer_url(struct tool_call *call, struct handout *own, bool upload,
                     char url[HANDOUT_URL_MAX], char expires_at[TRANSFER_TIME_SIZE],
                     struct err *err)
{
    const struct handout_offer *offer = ((struct tools_context *)call->context)->handouts;

    if (!offer)
        return none_given(err);
    if ((upload ? offer->upload : offer->url)(offer->context, call->principal, own, url, err))
        return -1;
    if (!*url)
        return err_set(err, ERR_UNAVAILABLE, "the server has not begun to listen");
    clock_iso(clock_wall_ms() + offer->for_s * 1000ll, expires_at);
    return 0;
}

int transfer_ticket(struct tool_call *call, struct handout *file, char url[HANDOUT_URL_MAX],
                    char expires_at[TRANSFER_TIME_SIZE], struct err *err)
{
    AUTO_PTR(handout) struct handout *own = file;

    return offer_url(call, own, false, url, expires_at, err);
}

/* ---- a place for an upload ---- */

struct place {
    struct tools_context *tools;
    char *principal, *sandbox, *to; /* sandbox: NULL the unnamed one */
    bool extract;
};

static void free_place(void *context)
{
    struct place *p = context;

    free(p->principal);
    free(p->sandbox);
    free(p->to);
    free(p);
}

static int open_place(void *context, struct err *err)
{
    const struct place *p = context;
    int fd;

    return stash_open(p->tools->transfers->stash, &fd, err) ? -1 : fd;
}

static int take_place(void *context, struct call *call, int fd, uint64_t size, struct buf *json,
                      struct err *err)
{
    const struct place *p = context;
    AUTO_PTR(sandbox) struct sandbox *sb = NULL;
    AUTO(brought) struct brought out = { 0 };
    struct jw w = JW(json, err);

    if (sandbox_open_default(p->tools->backend, call, p->principal, p->sandbox, &sb, err))
        return -1;
    const struct bringing in = { .sb = sb, .call = call, .to = p->to, .extract = p->extract };
    if (bring_file(&in, fd, (int64_t)size, "upload", -1, &out, err))
        return -1;
    jw_obj(&w);
    brought_json(&out, &w);
    jw_end(&w);
    return jw_done(&w);
}

static const struct handout_source place_source = {
    .open = open_place,
    .take = take_place,
    .free = free_place,
};

static struct place *make_place(struct tool_call *call, const struct bringing *in)
{
    struct tools_context *tools = call->context;
    const char *sandbox = call->sandbox ? call->sandbox : tools->sandbox_name;
    struct place *p = calloc(1, sizeof(*p));

    if (!p)
        return NULL;
    p->tools = tools;
    p->principal = strdup(call->principal);
    p->sandbox = sandbox ? strdup(sandbox) : NULL;
    p->to = strdup(in->to);
    p->extract = in->extract;
    if (p->principal && p->to && (!sandbox || p->sandbox))
        return p;
    free_place(p);
    return NULL;
}

int transfer_ticket_upload(struct tool_call *call, const struct bringing *in,
                           char url[HANDOUT_URL_MAX], char expires_at[TRANSFER_TIME_SIZE],
                           struct err *err)
{
    AUTO_PTR(handout) struct handout *own = NULL;
    struct stash *stash;
    struct place *p;

    if (transfers_stash(call, &stash, err))
        return -1;
    p = make_place(call, in);
    if (!p)
        return err_oom(err);
    return handout_new("upload", "", &place_source, p, &own, err) ||
                   offer_url(call, own, true, url, expires_at, err)
               ? -1
               : 0;
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

static const struct handout_source stored_source = { .open = open_stored, .free = free };

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

static const struct handout_source stashed_source = { .open = open_stashed, .free = free_stashed };

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
