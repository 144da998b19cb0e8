#include "backend/browser/state.h"

#include <string.h>

static void add(struct browser *b, const char *id)
{
    if (!*id)
        return;
    COPY(b->closed[b->closed_next], id);
    b->closed_next = (b->closed_next + 1) % BROWSER_CLOSED_KEPT;
}

void browser_page_ids(struct browser *b, char out[BROWSER_CLOSED_KEPT][ID_SIZE])
{
    size_t at = 0, all;

    pthread_mutex_lock(&b->lock);
    all = b->page_count < BROWSER_CLOSED_KEPT ? b->page_count : BROWSER_CLOSED_KEPT;
    for (size_t i = all; i < BROWSER_CLOSED_KEPT; i++)
        memcpy(out[at++], b->closed[(b->closed_next + i) % BROWSER_CLOSED_KEPT], ID_SIZE);
    for (size_t i = b->page_count - all; i < b->page_count; i++)
        memcpy(out[at++], b->pages[i]->id, ID_SIZE);
    pthread_mutex_unlock(&b->lock);
}

void browser_were(struct browser *b, char ids[BROWSER_CLOSED_KEPT][ID_SIZE])
{
    pthread_mutex_lock(&b->lock);
    for (size_t i = 0; i < BROWSER_CLOSED_KEPT; i++)
        add(b, ids[i]);
    pthread_mutex_unlock(&b->lock);
}
