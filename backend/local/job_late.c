#include "backend/local/local.h"

static size_t late_size(const struct code_result *r)
{
    size_t n = 0;

    for (size_t i = 0; r && i < r->result_count; i++)
        n += r->results[i].data.len;
    return n;
}

bool job_keep_late(struct job *j, struct code_result *late)
{
    _Atomic size_t *bytes = &j->sandbox->late_bytes;
    size_t n = late_size(late);
    struct code_result *old;
    bool fits = atomic_fetch_add(bytes, n) + n <= CODE_LATE_MAX;

    if (!fits) {
        atomic_fetch_sub(bytes, n);
        return false;
    }
    pthread_mutex_lock(&j->lock);
    old = j->late;
    j->late = late;
    pthread_mutex_unlock(&j->lock);
    atomic_fetch_sub(bytes, late_size(old));
    if (old)
        code_result_done(old);
    free(old);
    return true;
}

void job_drop_late(struct job *j)
{
    (void)!job_keep_late(j, NULL);
}
