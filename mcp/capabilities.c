#include "mcp/router.h"

int capabilities_make(struct server *srv, const struct server_config *config UNUSED,
                      struct err *err)
{
    struct jw w = JW(&srv->capabilities, err);

    buf_init(&srv->capabilities, 4096);
    jw_obj(&w);
    jw_key(&w, "tools");
    jw_obj(&w);
    jw_end(&w);
    jw_end(&w);
    return jw_done(&w);
}
