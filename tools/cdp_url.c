#include "backend/browser/keeper.h"
#include "mcp/view.h"
#include "tools/tools.h"

int tools_cdp_url(struct tool_call *call, struct sandbox *sb, const struct browser *browser,
                  char out[CDP_URL_MAX], struct err *err)
{
    const struct cdp_offer *offer = ((struct tools_context *)call->context)->cdp;

    *out = '\0';
    if (!offer || view_read_only(call->view) ||
        !keeper_link(atomic_load(&sb->keeper), browser)->ours)
        return 0;
    return offer->url(offer->context, call->principal, call->origin.until_ms, sb->id, out, err);
}
