#include "backend/browser/net_log_state.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define VALUE_MAX 4096

bool net_header_next(const struct net_headers *h, const char **name, const char **value)
{
    const char *at = *name ? *value + strlen(*value) + 1 : h->data;

    if (!h->data || at >= h->data + h->len)
        return false;
    *name = at;
    *value = at + strlen(at) + 1;
    return true;
}

const char *net_header(const struct net_headers *h, const char *name)
{
    const char *n = NULL, *v = NULL;

    while (net_header_next(h, &n, &v))
        if (!strcasecmp(n, name))
            return v;
    return NULL;
}

static int add(struct buf *out, const char *text)
{
    size_t len = strlen(text);

    if (len <= VALUE_MAX)
        return buf_add(out, text, len + 1, NULL);
    return buf_add(out, text, VALUE_MAX, NULL) || buf_add(out, "...", 4, NULL);
}

void net_headers_read(struct net_headers *h, yyjson_val *object)
{
    struct buf text = BUF_MAX(NET_HEADERS_MAX);
    size_t i, max;
    yyjson_val *key, *val;

    net_headers_done(h);
    if (!object)
        return;
    yyjson_obj_foreach (object, i, max, key, val) {
        const char *name = yyjson_get_str(key), *value = yyjson_get_str(val);
        size_t before = text.len;
        if (!name || !*name || !value)
            continue;
        if (add(&text, name) || add(&text, value)) {
            text.len = before;
            h->cut = true;
            break;
        }
        h->count++;
    }
    h->len = text.len;
    h->data = h->count ? realloc(text.data, text.len) : NULL;
    if (!h->data) {
        if (h->count)
            h->data = text.data;
        else
            buf_done(&text);
    }
}

void net_headers_done(struct net_headers *h)
{
    free(h->data);
    *h = (struct net_headers){ 0 };
}

int net_headers_copy(struct net_headers *out, const struct net_headers *h, struct err *err)
{
    *out = *h;
    out->data = NULL;
    if (!h->data)
        return 0;
    out->data = malloc(h->len);
    if (!out->data)
        return err_oom(err);
    memcpy(out->data, h->data, h->len);
    return 0;
}
