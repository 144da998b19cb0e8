#include "cli/cdp.h"
#include "backend/browser/foreign.h"
#include "base/clock.h"
#include "base/log.h"
#include "cli/base_url.h"
#include "mcp/view.h"
#include "transport/upgrade.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#define PREFIX "/cdp/"
#define PURPOSE "cdp"
#define OPEN_MS 30000

struct cli_cdp {
    struct backend *backend;
    struct tickets *tickets;
    struct cdp_offer offer;
    struct upgrade_handler handler;
    atomic_bool ready; /* base is written */
    char base[BASE_URL_MAX];
};

/* One WebSocket. */
struct visit {
    struct ws *ws;
    struct sandbox *sandbox;
    struct browser *browser;
    struct foreign *foreign;
};

/* ---- the other side of a WebSocket ---- */

static void visit_done(struct visit *v)
{
    foreign_free(v->foreign);
    if (v->sandbox)
        sandbox_browser_put(v->sandbox, v->browser);
    sandbox_put(v->sandbox);
    free(v);
}

static void on_send(void *context, const char *json, size_t len)
{
    ws_send(((struct visit *)context)->ws, json, len);
}

static void on_over(void *context, const char *why)
{
    ws_end(((struct visit *)context)->ws, *why ? WS_GOING : WS_NORMAL, why);
}

static int visit_open(struct cli_cdp *cdp, struct visit *v, const struct identity *who,
                      const char *sandbox, struct call *call, struct err *err)
{
    const struct foreign_client client = { on_send, on_over, v };

    if (sandbox_find(cdp->backend, call, who->principal, NULL, sandbox, &v->sandbox, err) ||
        sandbox_browser(v->sandbox, call, &v->browser, err))
        return -1;
    return foreign_new(v->browser, &client, call, &v->foreign, err);
}

static int on_open(void *context, struct ws *ws, const struct identity *who, const char *rest,
                   void **session, struct err *err)
{
    struct visit *v = calloc(1, sizeof(*v));
    struct call call;
    int r;

    if (!v)
        return err_oom(err);
    if (call_init(&call, err)) {
        free(v);
        return -1;
    }
    call.deadline_ms = clock_ms() + OPEN_MS;
    v->ws = ws;
    r = visit_open(context, v, who, rest, &call, err);
    call_done(&call);
    if (r) {
        log_info("cdp: %s was not let in: %s", who->principal, err->msg);
        visit_done(v);
        return -1;
    }
    *session = v;
    return 0;
}

static void on_message(void *session, const char *text, size_t len)
{
    foreign_message(((struct visit *)session)->foreign, text, len);
}

static void on_close(void *session)
{
    visit_done(session);
}

/* ---- tickets ---- */

static int make_url(void *context, const char *principal, int64_t until_ms, const char *sandbox_id,
                    char out[CDP_URL_MAX], struct err *err)
{
    struct cli_cdp *cdp = context;
    struct identity who = { .scopes = SCOPE_EXECUTE, .until_ms = until_ms };
    char path[64], ticket[ID_SIZE];

    *out = '\0';
    if (!atomic_load(&cdp->ready))
        return 0;
    snprintf(who.principal, sizeof(who.principal), "%s", principal);
    snprintf(path, sizeof(path), PREFIX "%s", sandbox_id);
    if (ticket_mint(cdp->tickets, &who, PURPOSE, path, ticket, err))
        return -1;
    snprintf(out, CDP_URL_MAX, "ws%s%s?ticket=%s", cdp->base + strlen("http"), path, ticket);
    return 0;
}

/* ---- life ---- */

int cli_cdp_new(const struct options *o, struct backend *be, struct cli_cdp **out, struct err *err)
{
    struct cli_cdp *cdp;

    *out = NULL;
    if (!o->http || o->tls_cert || o->read_only)
        return 0;
    cdp = calloc(1, sizeof(*cdp));
    if (!cdp)
        return err_oom(err);
    *cdp = (struct cli_cdp){
        .backend = be,
        .offer = { make_url, cdp },
        .handler = { PREFIX, PURPOSE, on_open, on_message, on_close, cdp },
    };
    atomic_init(&cdp->ready, base_url_public(o->public_url, cdp->base));
    if (tickets_new(CLI_CDP_TICKET_MS, &cdp->tickets, err)) {
        free(cdp);
        return -1;
    }
    *out = cdp;
    return 0;
}

void cli_cdp_free(struct cli_cdp *cdp)
{
    if (!cdp)
        return;
    tickets_free(cdp->tickets);
    free(cdp);
}

const struct cdp_offer *cli_cdp_offer(struct cli_cdp *cdp)
{
    return cdp ? &cdp->offer : NULL;
}

void cli_cdp_serve(struct cli_cdp *cdp, struct http_config *config)
{
    if (!cdp)
        return;
    config->upgrade = &cdp->handler;
    config->tickets = cdp->tickets;
}

void cli_cdp_listens(struct cli_cdp *cdp, const char *address, uint16_t port)
{
    if (!cdp || atomic_load(&cdp->ready))
        return;
    base_url_local(address, port, false, cdp->base);
    atomic_store(&cdp->ready, true);
}
