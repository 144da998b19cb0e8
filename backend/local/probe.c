#include "backend/local/local.h"

int local_ready(struct backend *base, struct err *err)
{
    const struct local_backend *be = local_backend_of(base);

    if (!be->broken.code)
        return 0;
    if (err)
        *err = be->broken;
    return -1;
}

unsigned local_count(struct backend *base)
{
    struct local_backend *be = local_backend_of(base);
    unsigned n = 0;

    pthread_mutex_lock(&be->lock);
    list_each(link, &be->sandboxes)
    {
        struct local_sandbox *sb = list_of(link, struct local_sandbox, link);
        pthread_mutex_lock(&sb->lock);
        n += sb->agent && !sb->agent->dead;
        pthread_mutex_unlock(&sb->lock);
    }
    pthread_mutex_unlock(&be->lock);
    return n;
}
