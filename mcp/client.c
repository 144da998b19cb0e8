#include "mcp/client.h"

#include <string.h>

#define TASKS "io.modelcontextprotocol/tasks"
#define APPS "io.modelcontextprotocol/ui"
#define APP_MIME "text/html;profile=mcp-app"

static bool shows_apps(yyjson_val *ui)
{
    yyjson_val *mimes = yyjson_obj_get(ui, "mimeTypes"), *mime;
    size_t i, n;

    yyjson_arr_foreach (mimes, i, n, mime)
        if (yyjson_equals_str(mime, APP_MIME))
            return true;
    return false;
}

static bool has(yyjson_val *obj, const char *member)
{
    return yyjson_is_obj(yyjson_obj_get(obj, member));
}

unsigned client_read(yyjson_val *capabilities, const struct revision *rev)
{
    yyjson_val *elicitation = yyjson_obj_get(capabilities, "elicitation");
    yyjson_val *extensions = yyjson_obj_get(capabilities, "extensions");
    unsigned set = 0;

    if (yyjson_is_obj(elicitation) && rev->elicitation &&
        (has(elicitation, "form") || !has(elicitation, "url")))
        set |= CLIENT_FORM;
    if (has(elicitation, "url") && rev->elicitation_url)
        set |= CLIENT_URL;
    if (has(capabilities, "sampling"))
        set |= CLIENT_SAMPLING;
    if (has(capabilities, "roots"))
        set |= CLIENT_ROOTS;
    if (rev->modern && has(extensions, TASKS))
        set |= CLIENT_TASKS;
    if (shows_apps(yyjson_obj_get(extensions, APPS)))
        set |= CLIENT_APPS;
    return set;
}

int client_add(struct buf *out, unsigned set, struct err *err)
{
    struct jw w = JW(out, err);

    jw_obj(&w);
    if (set & (CLIENT_FORM | CLIENT_URL))
        jw_kraw(&w, "elicitation", set & CLIENT_URL ? "{\"url\":{}}" : "{}");
    if (set & CLIENT_SAMPLING)
        jw_kraw(&w, "sampling", "{}");
    if (set & CLIENT_ROOTS)
        jw_kraw(&w, "roots", "{}");
    if (set & (CLIENT_TASKS | CLIENT_APPS)) {
        jw_key(&w, "extensions");
        jw_obj(&w);
        if (set & CLIENT_TASKS)
            jw_kraw(&w, TASKS, "{}");
        if (set & CLIENT_APPS)
            jw_kraw(&w, APPS, "{\"mimeTypes\":[\"" APP_MIME "\"]}");
        jw_end(&w);
    }
    jw_end(&w);
    return jw_done(&w);
}
