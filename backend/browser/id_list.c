#include "backend/browser/id_list.h"

#include <string.h>

browser_id *ids_find(browser_id *all, size_t count, const char *text)
{
    for (size_t i = 0; text && *text && i < count; i++)
        if (!strcmp(all[i], text))
            return &all[i];
    return NULL;
}

void ids_drop(browser_id *all, size_t *count, const char *text)
{
    browser_id *at = ids_find(all, *count, text);

    if (at)
        memmove(*at, all[--*count], sizeof(*at));
}

bool ids_add(browser_id *all, size_t *count, size_t max, const char *text)
{
    if (!text || !*text || strlen(text) >= sizeof(all[0]) || *count == max)
        return false;
    memcpy(all[(*count)++], text, strlen(text) + 1);
    return true;
}
