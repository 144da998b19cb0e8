#include "cli/downloads.h"
#include "cli/base_url.h"
#include "mcp/view.h"
#include "transport/download.h"
#include "transport/upload.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct cli_downloads {
    struct tickets *tickets;
    struct handout_offer offer;
    bool tls;
    atomic_bool ready; /* base is written */
    char base[BASE_URL_MAX];
};

static int make_url(struct cli_downloads *d, const char *principal, struct handout *file,
                    const char *purpose, const char *path, char out[HANDOUT_URL_MAX],
                    struct err *err)
{
    struct identity who = { .scopes = SCOPE_READ };
    char ticket[ID_SIZE];

    *out = '\0';
    if (!atomic_load(&d->ready))
        return 0;
    snprintf(who.principal, sizeof(who.principal), "%s", principal);
    if (ticket_mint_file(d->tickets, &who, purpose, file, ticket, err))
        return -1;
    snprintf(out, HANDOUT_URL_MAX, "%s%s%s", d->base, path, ticket);
    return 0;
}

static int download_url(void *context, const char *principal, struct handout *file,
                        char out[HANDOUT_URL_MAX], struct err *err)
{
    return make_url(context, principal, file, DOWNLOAD_PURPOSE, DOWNLOAD_PATH, out, err);
}

static int upload_url(void *context, const char *principal, struct handout *place,
                      char out[HANDOUT_URL_MAX], struct err *err)
{
    return make_url(context, principal, place, UPLOAD_PURPOSE, UPLOAD_PATH, out, err);
}

static int read_seconds(const char *text, long *out, struct err *err)
{
    char *end;

    *out = text ? strtol(text, &end, 10) : CLI_DOWNLOADS_S;
    if (text && (!*text || *end || *out < 0 || *out > CLI_DOWNLOADS_S_MAX))
        return err_set(err, ERR_INVALID, "--download-seconds: \"%s\" is not a number within 0..%d",
                       text, CLI_DOWNLOADS_S_MAX);
    return 0;
}

int cli_downloads_new(const struct options *o, struct cli_downloads **out, struct err *err)
{
    struct cli_downloads *d;
    long seconds;

    *out = NULL;
    if (read_seconds(o->download_seconds, &seconds, err))
        return -1;
    if (!o->http || !seconds)
        return 0;
    d = calloc(1, sizeof(*d));
    if (!d)
        return err_oom(err);
    if (tickets_new(seconds * 1000, &d->tickets, err)) {
        free(d);
        return -1;
    }
    d->offer = (struct handout_offer){
        .url = download_url,
        .upload = upload_url,
        .for_s = (int)seconds,
        .context = d,
    };
    d->tls = o->tls_cert;
    atomic_init(&d->ready, base_url_public(o->public_url, d->base));
    *out = d;
    return 0;
}

void cli_downloads_free(struct cli_downloads *d)
{
    if (!d)
        return;
    tickets_free(d->tickets);
    free(d);
}

const struct handout_offer *cli_downloads_offer(struct cli_downloads *d)
{
    return d ? &d->offer : NULL;
}

void cli_downloads_serve(struct cli_downloads *d, struct http_config *config)
{
    if (d)
        config->downloads = d->tickets;
}

void cli_downloads_listens(struct cli_downloads *d, const char *address, uint16_t port)
{
    if (!d || atomic_load(&d->ready))
        return;
    base_url_local(address, port, d->tls, d->base);
    atomic_store(&d->ready, true);
}
