#include "transport/http_request.h"
#include "transport/limit.h"
#include "transport/upgrade.h"

enum verdict upgrades_judge(struct http_core *core, struct http_request *r)
{
    enum verdict v = r->method == HTTP_GET ? VERDICT_PASS : VERDICT_GET_ONLY;

    r->upgrade = true;
    if (!v)
        v = guard_source(&core->guard, &r->headers);
    if (!v && r->length)
        v = VERDICT_TOO_LARGE;
    if (!v && !r->websocket_key)
        v = VERDICT_UPGRADE;
    if (!v && atomic_load(&core->stopping))
        v = VERDICT_STOPPING;
    if (!v && !upgrades_admit(core->upgrades, r->ticket, r->path, &r->who))
        v = VERDICT_TICKET;
    if (!v)
        r->wait_ms = limit_take(core->limit, r->who.principal, r->started_us);
    return r->wait_ms ? VERDICT_RATE : v;
}
