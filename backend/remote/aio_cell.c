#include "backend/remote/aio_code.h"
#include "backend/remote/aio_exec.h"
#include "base/clock.h"

#include <stdio.h>

void aio_cell_free(struct aio_cell *cell)
{
    if (!cell)
        return;
    yyjson_doc_free(cell->doc);
    buf_done(&cell->request);
    buf_done(&cell->setup);
    call_done(&cell->stop);
    fd_close(&cell->done_fd);
    free(cell);
}

/* Until it is over, the time is, or the call ended (-1). */
static int await_end(struct aio_job *j, struct call *call, int64_t ms, struct err *err)
{
    int64_t until = clock_ms() + ms;

    while (aio_job_status(j) == EXEC_RUNNING && clock_ms() < until)
        if (aio_job_sleep(j, call, until - clock_ms(), err))
            return -1;
    return 0;
}

int aio_cell_stop(struct aio_job *j, struct call *call, int64_t grace_ms, struct err *err)
{
    AUTO(buf) struct buf out = BUF_MAX(256);
    char pid[16];
    const char *arg = pid;
    int number = atomic_load(&j->cell->pid);

    if (number && grace_ms) {
        snprintf(pid, sizeof(pid), "%d", number);
        atomic_store(&j->cell->interrupted, true);
        if (!aio_help(aio_of(&j->sandbox->base), call, aio_script_interrupt, &arg, 1, true, &out,
                      NULL) &&
            await_end(j, call, grace_ms, err))
            return -1;
    }
    call_end(&j->cell->stop, CALL_CANCELLED);
    return await_end(j, call, AIO_CLEAN_MS, err);
}
