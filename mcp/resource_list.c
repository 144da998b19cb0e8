#include "mcp/resource_list.h"

#include <string.h>

static void add_str(struct jw *w, const char *key, const char *v)
{
    if (v)
        jw_kstr(w, key, v);
}

void resource_entry_write(struct jw *w, const char *key, const struct resource_entry *e)
{
    jw_obj(w);
    jw_kstr(w, key, e->uri);
    jw_kstr(w, "name", e->name);
    add_str(w, "title", e->title);
    add_str(w, "description", e->description);
    add_str(w, "mimeType", e->mime);
    if (e->size > 0)
        jw_kint(w, "size", e->size);
    jw_end(w);
}

int resource_list_add(struct resource_list *list, const struct resource_entry *entry,
                      struct err *err)
{
    if (!list->left) {
        list->more = true;
        return 0;
    }
    list->seen++;
    if (list->after) {
        if (!strcmp(list->after, entry->uri))
            list->after = NULL;
        return 0;
    }
    if (list->skip) {
        list->skip--;
        return 0;
    }
    resource_entry_write(&list->w, "uri", entry);
    list->left--;
    buf_clear(list->last);
    if (buf_adds(list->last, entry->uri, err))
        return -1;
    return jw_done(&list->w);
}
