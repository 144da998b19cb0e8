#include "base/cleanup.h"
#include "tools/tools.h"

DEFINE_AUTO_PTR(handout, handout_unref);

int tools_hand_out(struct tool_call *call, struct handout *file, struct err *err)
{
    const struct handout_offer *offer = ((struct tools_context *)call->context)->handouts;
    AUTO_PTR(handout) struct handout *own = file;
    char url[HANDOUT_URL_MAX] = "";
    struct err full = { 0 };

    if (!offer)
        return 0;
    if (offer->url(offer->context, call->principal, own, url, &full))
        return tool_textf(call, err, "no URL to download it: %s", full.msg);
    if (!*url)
        return 0;
    return tool_textf(call, err, "%s (works once, within %d s)", url, offer->for_s) ||
                   tool_meta_str(call, "url", url, err) ||
                   tool_meta_int(call, "url_expires_in_s", offer->for_s, err)
               ? -1
               : 0;
}
